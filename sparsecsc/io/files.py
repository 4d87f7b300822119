"""One door for every kind of file: the suffix says which reader."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc.io.arrays import load_array, read_array
from sparsecsc.io.atomic import atomic_write
from sparsecsc.io.images import KIND_OF_SUFFIX, read_image
from sparsecsc.io.sounds import read_sound

_ARRAYS = (".npy", ".npz")
_SOUNDS = (".wav",)
SUFFIXES = (*KIND_OF_SUFFIX, *_SOUNDS, *_ARRAYS)


@dataclass(frozen=True, eq=False)
class SignalFile:
    """A signal and the file it came from."""

    signal: np.ndarray
    """(n_signals, n_channels, *spatial); images in [0, 1], integer sound in [-1, 1)."""
    format: Any
    """An `ImageFormat`, `SoundFormat` or `ArrayFormat`: suffix, depth, channels, how to write."""
    path: Path


def read_signal(
    path: str | os.PathLike[str],
    *,
    dtype: str = "float32",
    n_axes: int | None = None,
    n_channels: int = 1,
) -> SignalFile:
    """Read an image, a recording or an array.

    Parameters
    ----------
    path : path
        A file that ends in .png, .jpg, .jpeg, .tif, .tiff, .wav, .npy or .npz; for one of several
        arrays in an NPZ file, ``file.npz:name``.
    dtype : "float32" or "float64"
        Of the signal returned.
    n_axes : int, optional
        For arrays: the number of spatial axes; by default all axes are spatial.
    n_channels : int
        For arrays: the number of channels, first or last of the other axes.

    Returns
    -------
    SignalFile

    Raises
    ------
    OSError
        If there is no such file, or it cannot be opened.
    ValueError
        If the suffix is not known, or the content is damaged, too large or not what the suffix
        says.
    """
    file, name = _located(path)
    suffix = file.suffix.lower()
    if suffix in KIND_OF_SUFFIX:
        signal, format_ = read_image(file, dtype)
    elif suffix in _SOUNDS:
        signal, format_ = read_sound(file, dtype)  # type: ignore[assignment]
    else:
        signal, format_ = read_array(  # type: ignore[assignment]
            file, name, dtype, n_axes=n_axes, n_channels=n_channels
        )
    return SignalFile(signal, format_, file)


def write_signal(path: str | os.PathLike[str], signal: np.ndarray, format_: Any) -> Path:
    """Write a signal in the given format, clipped and rounded to its levels, atomically.

    Parameters
    ----------
    path : path
        The suffix should be that of the format.
    signal : array
        In the layout and with the scale that `read_signal` returned.
    format_ : ImageFormat, SoundFormat or ArrayFormat
        The `SignalFile.format` of the original.
    """
    return atomic_write(path, lambda stream: format_.write(stream, signal))


def load_filters(path: str | os.PathLike[str]) -> np.ndarray:
    """Read filters (n_filters, n_channels, *kernel) from an NPY or NPZ file, as they are stored.

    An NPZ file holds one array, or one called ``filters``, or is given as ``file.npz:name``.
    """
    return _array(path, "filters")


def load_mask(path: str | os.PathLike[str], dtype: str) -> np.ndarray:
    """Read a mask: an image with values in [0, 1], or an NPY or NPZ array as it is stored.

    Boolean and integer arrays are converted; an NPZ file holds one array, or one called ``mask``,
    or is given as ``file.npz:name``.
    """
    if not is_array_file(path):
        return read_signal(path, dtype=dtype).signal
    stored = _array(path, "mask")
    return stored.astype(dtype) if stored.dtype.kind in "biuf" else stored


def is_array_file(path: str | os.PathLike[str]) -> bool:
    """Return whether the name is that of an NPY or NPZ file, or of an array in the latter."""
    return os.fspath(path).partition(".npz:")[1] != "" or Path(path).suffix.lower() in _ARRAYS


def _array(path: str | os.PathLike[str], name: str) -> np.ndarray:
    file, chosen = _located(path)
    if file.suffix.lower() not in _ARRAYS:
        msg = f"{name} must be in a .npy or .npz file; got '{file}': save them with numpy.save."
        raise ValueError(msg)
    return load_array(file, chosen, prefer=name)[0]


def _located(path: str | os.PathLike[str]) -> tuple[Path, str]:
    """Return the file and the name after ``.npz:``; check that it is there and can be one."""
    text = os.fspath(path)
    stem, mark, name = text.partition(".npz:")
    file = Path(stem + ".npz" if mark else text)
    if not file.exists():
        msg = f"expected a file '{file}'; got nothing there: check the path."
        raise FileNotFoundError(msg)
    if file.is_dir():
        msg = f"expected a file '{file}'; got a folder: name a file in it."
        raise IsADirectoryError(msg)
    if file.suffix.lower() not in SUFFIXES:
        msg = (
            f"expected a file that ends in {', '.join(SUFFIXES)}; got '{file}': convert it to one "
            "of these."
        )
        raise ValueError(msg)
    if file.stat().st_size == 0:
        msg = f"expected content in '{file}'; got an empty file: write it again."
        raise ValueError(msg)
    return file, name
