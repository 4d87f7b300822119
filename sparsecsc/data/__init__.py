"""Photographs and one sound recording that travel with the package.

All files are public domain (CC0 1.0); ``PROVENANCE.md`` in this folder names
author, source, changes and checksum of each. ``load_image`` and
``load_recording`` read them offline; ``names`` lists them.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np

__all__ = ["load_image", "load_recording", "names"]

_IMAGES = ("camera", "chelsea", "coffee")
_RECORDINGS = ("snare_roll",)


def names() -> tuple[str, ...]:
    """Return the names that `load_image` and `load_recording` accept.

    Returns
    -------
    tuple of str
        First the images, then the recordings, each in alphabetical order.
    """
    return _IMAGES + _RECORDINGS


def load_image(name: str) -> np.ndarray:
    """Load one of the shipped photographs with values in [0, 1].

    Parameters
    ----------
    name : str
        ``"camera"`` (grey, 512 x 512), ``"chelsea"`` (colour, 300 x 451) or
        ``"coffee"`` (colour, 400 x 600).

    Returns
    -------
    ndarray of float32
        Shape (height, width) for a grey image and (height, width, 3) in the
        order red, green, blue for a colour image; stored level / 255, in the
        gamma encoding of the file.

    Raises
    ------
    ValueError
        If `name` is not the name of a shipped image.

    Notes
    -----
    The package's solvers take (n_signals, n_channels, height, width): use
    ``image[None, None]`` for grey and
    ``numpy.moveaxis(image, -1, 0)[None]`` for colour.
    """
    _require_known(name, _IMAGES, "image")
    from PIL import Image

    with files(__name__).joinpath(f"{name}.png").open("rb") as stream:
        levels = np.asarray(Image.open(stream))
    return levels.astype(np.float32) / np.float32(255)


def load_recording(name: str) -> tuple[np.ndarray, float]:
    """Load one of the shipped sound recordings with values in [-1, 1).

    Parameters
    ----------
    name : str
        ``"snare_roll"``: four seconds of a snare drum roll, about 18 strokes a
        second, each similar to but never equal to the others.

    Returns
    -------
    samples : ndarray of float32
        Shape (n_samples,); stored 16-bit level / 32768.
    sample_rate : float
        Samples per second (Hz).

    Raises
    ------
    ValueError
        If `name` is not the name of a shipped recording.

    Notes
    -----
    The package's solvers take (n_signals, n_channels, n_samples): use
    ``samples[None, None]``.
    """
    _require_known(name, _RECORDINGS, "recording")
    import wave

    with (
        files(__name__).joinpath(f"{name}.wav").open("rb") as stream,
        wave.open(stream) as sound,
    ):
        sample_rate = float(sound.getframerate())
        levels = np.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2")
    return levels.astype(np.float32) / np.float32(32768), sample_rate


def _require_known(name: str, known: tuple[str, ...], kind: str) -> None:
    """Raise ValueError unless `name` is one of `known`."""
    if name not in known:
        choices = ", ".join(repr(item) for item in known)
        msg = f"`name` must be a shipped {kind}, one of {choices}; got {name!r}."
        raise ValueError(msg)
