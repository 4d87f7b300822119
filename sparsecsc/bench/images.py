"""Photographs for benchmarks: those shipped, and scikit-image's where it is installed.

Nothing is downloaded: only the files inside of scikit-image's own package are read, without
importing it. All are free of copyright or CC0 (the documentation of `skimage.data` says which).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc.data import load_image
from sparsecsc.preprocessing import split_lowpass, to_luminance

SHIPPED = ("camera", "chelsea", "coffee")
FROM_SKIMAGE = {
    "astronaut": "astronaut.png",
    "rocket": "rocket.jpg",
    "gravel": "gravel.png",
    "grass": "grass.png",
    "hubble": "hubble_deep_field.jpg",
}
PHOTOGRAPHS = (*SHIPPED, *FROM_SKIMAGE)


def missing(name: str) -> str | None:
    """Return why a photograph is not at hand, or None."""
    if name in SHIPPED or (_skimage_folder() / FROM_SKIMAGE[name]).exists():
        return None
    return f"the photograph {name} comes with scikit-image, which is not installed"


def photograph(name: str, size: int, *, colour: bool = False) -> np.ndarray:
    """Return the high-pass of a square of a photograph.

    Parameters
    ----------
    name : str
        One of `PHOTOGRAPHS`.
    size : int
        Pixels along each side. A smaller picture continues as its mirror image; of a larger one
        the middle is taken.
    colour : bool
        Whether to keep three channels; grey pictures are then repeated.

    Returns
    -------
    ndarray of float32, shape (1, 1 or 3, size, size)
        In units of the white level.

    Raises
    ------
    FileNotFoundError
        If scikit-image, with which the picture comes, is not installed.
    """
    return np.ascontiguousarray(split_lowpass(picture(name, size, colour=colour))[1])


def picture(name: str, size: int, *, colour: bool = False) -> np.ndarray:
    """Return the square itself, with values in [0, 1]; arguments as for `photograph`."""
    reason = missing(name)
    if reason is not None:
        raise FileNotFoundError(2, reason, name)
    pixels = load_image(name) if name in SHIPPED else _read(_skimage_folder() / FROM_SKIMAGE[name])
    channels = np.moveaxis(np.atleast_3d(pixels), -1, 0)[None]
    if colour:
        channels = np.broadcast_to(channels, (1, 3, *channels.shape[2:]))
    elif channels.shape[1] == 3:
        channels = to_luminance(np.ascontiguousarray(channels))
    return np.ascontiguousarray(_fit(_fit(channels, 2, size), 3, size), dtype=np.float32)


def _fit(pixels: Any, axis: int, size: int) -> Any:
    """Take the middle of an axis, or continue it as its mirror image."""
    length = pixels.shape[axis]
    if length >= size:
        start = (length - size) // 2
        return np.take(pixels, np.arange(start, start + size), axis=axis)
    place = np.arange(size) % (2 * length)
    return np.take(pixels, np.minimum(place, 2 * length - 1 - place), axis=axis)


def _read(path: Path) -> Any:
    from PIL import Image

    with Image.open(path) as stored:
        return np.asarray(stored.convert("RGB"), dtype=np.float32) / np.float32(255)


def _skimage_folder() -> Path:
    found = importlib.util.find_spec("skimage")
    origin = "" if found is None or found.origin is None else found.origin
    return Path(origin).parent / "data"
