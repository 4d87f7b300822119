"""Photographs, a sound recording, and learned filters and models that travel with the package.

All files are public domain (CC0 1.0); ``PROVENANCE.md`` in this folder names
author, source, changes and checksum of each. ``load_image``,
``load_recording`` and ``load_learned_filters`` read them offline; ``names``
lists them. Models are read by `sparsecsc.io.load_learned_model`.
"""

from __future__ import annotations

import json
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import numpy as np

__all__ = [
    "FILTERS",
    "MODELS",
    "learned_file",
    "learning_record",
    "load_image",
    "load_learned_filters",
    "load_recording",
    "names",
]

_IMAGES = ("camera", "chelsea", "coffee")
_RECORDINGS = ("snare_roll",)
FILTERS = ("photo8x8x32", "photo8x8x64", "photo12x12x36", "photo8x8x64-rgb", "photo16x16x48")
"""Learned from the shipped photographs; the last have three sizes, 6, 10 and 16."""
MODELS = ("photo2layers", "photo3layers", "photodense3")
"""The same: chains of two and three layers, a dense one of three."""


def names() -> tuple[str, ...]:
    """Return the names that `load_image` and `load_recording` accept.

    Returns
    -------
    tuple of str
        First the images, then the recordings, each in alphabetical order.
    """
    return _IMAGES + _RECORDINGS


def load_learned_filters(name: str) -> np.ndarray:
    """Load filters that were learned from the high-pass of the shipped photographs.

    Parameters
    ----------
    name : str
        One of ``sparsecsc.data.FILTERS``; the numbers are their size and how many there are. Those
        of ``"photo8x8x64-rgb"`` have three channels; those of ``"photo16x16x48"`` have sizes 6, 10
        and 16, with zeros beyond.

    Returns
    -------
    ndarray of float32
        (n_filters, n_channels, *kernel), norms at most 1, the most used first.

    Raises
    ------
    ValueError
        If there are no such filters.

    Notes
    -----
    They are for signals like those that they were learned from: levels in [0, 1], `split_lowpass`
    at its default. ``learning_record`` says how they were learned.

    Examples
    --------
    >>> import sparsecsc as sc
    >>> sc.load_learned_filters("photo8x8x32").shape
    (32, 1, 8, 8)
    """
    require_known(name, FILTERS, "bank of filters")
    with (
        learned_file(name).open("rb") as stream,
        np.load(stream, allow_pickle=False) as stored,
    ):
        filters: np.ndarray = stored["filters"]
    return filters


def learned_file(name: str) -> Traversable:
    """Return the file of learned filters or of a learned model.

    Raises
    ------
    ValueError
        If there is none of this name.
    """
    require_known(name, FILTERS + MODELS, "bank of filters or model")
    return files(__name__).joinpath(f"{name}.npz")


def learning_record(name: str) -> dict[str, Any]:
    """Return how filters or a model were learned: settings, objective, gaps, coherence, versions.

    Raises
    ------
    ValueError
        If there is none of this name.
    """
    require_known(name, FILTERS + MODELS, "bank of filters or model")
    records = json.loads(files(__name__).joinpath("learned.json").read_text("utf-8"))
    record: dict[str, Any] = records[name]
    return record


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
    require_known(name, _IMAGES, "image")
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
    require_known(name, _RECORDINGS, "recording")
    import wave

    with (
        files(__name__).joinpath(f"{name}.wav").open("rb") as stream,
        wave.open(stream) as sound,
    ):
        sample_rate = float(sound.getframerate())
        levels = np.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2")
    return levels.astype(np.float32) / np.float32(32768), sample_rate


def require_known(name: str, known: tuple[str, ...], kind: str) -> None:
    """Raise ValueError unless `name` is one of `known`."""
    if name not in known:
        choices = ", ".join(repr(item) for item in known)
        msg = f"`name` must be a shipped {kind}, one of {choices}; got {name!r}."
        raise ValueError(msg)
