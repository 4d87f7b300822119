"""Signals larger than memory: read and filtered window by window, through files.

A signal is first copied to a plain .npy file of the right layout and dtype, which is then mapped
into memory: the system reads what is used, and forgets it when memory is short. TIFF files are
read by their tiles or strips.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from sparsecsc.encode import _layout
from sparsecsc.io.arrays import ArrayFormat
from sparsecsc.io.common import unreadable
from sparsecsc.io.files import SignalFile
from sparsecsc.io.images import LEVELS, ImageFormat, segments_of
from sparsecsc.io.mapped import WINDOW, bands_of, write_mapped
from sparsecsc.preprocessing import split_lowpass

SUFFIXES = (".npy", ".tif", ".tiff")
"""The files that can be read in parts."""
_MIRRORED = 1024

Window = tuple[Any, ...]
"""A key into an array (n_signals, n_channels, *spatial)."""


def open_signal(
    path: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    dtype: str = "float32",
    n_axes: int | None = None,
    n_channels: int = 1,
) -> SignalFile:
    """Copy a signal to ``signal.npy`` in a folder, window by window, and map it into memory.

    Parameters
    ----------
    path : path
        A file that ends in .npy (float32 or float64), .tif or .tiff (grey or RGB, 8 or 16 bits or
        floating).
    folder : path
        Where the copy goes, and later whatever is made from it; it takes the signal's size in
        `dtype`.
    dtype, n_axes, n_channels
        As for `read_signal`.

    Returns
    -------
    SignalFile
        Its `signal` is a read-only `numpy.memmap`, in the layout and scale of `read_signal`.

    Raises
    ------
    OSError
        If a file cannot be read or written.
    ValueError
        If the file is of another kind, damaged, or holds NaN or infinite values.

    Notes
    -----
    Memory: one window of 2 million samples. The file is read twice where values are floating.
    """
    file = Path(path)
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        msg = (
            f"a file that is read in parts must end in {', '.join(SUFFIXES)}; got '{file}': use "
            "read_signal, or convert it."
        )
        raise ValueError(msg)
    if not file.is_file():
        msg = f"expected a file '{file}'; got nothing there: check the path."
        raise FileNotFoundError(msg)
    format_: Any
    if suffix == ".npy":
        shape, windows, format_ = _array_source(file, n_axes, n_channels)
    else:
        shape, windows, format_ = _image_source(file)
    low, high = _range(file, windows)
    offset, factor = 0.0, float(LEVELS.get(format_.dtype, 1))
    if suffix == ".npy":
        format_ = replace(format_, peak=max(abs(low), abs(high)))
    elif format_.dtype not in LEVELS and (low < 0 or high > 1):
        offset, factor = low, (high - low) or 1.0
        format_ = replace(format_, offset=offset, factor=factor)

    def fill(out: np.ndarray) -> None:
        for key, block in windows():
            out[key] = (block.astype(np.float64) - offset) / factor

    target = Path(folder) / "signal.npy"
    return SignalFile(write_mapped(target, shape, dtype, fill), format_, file)


def split_lowpass_file(
    signal: np.ndarray, strength: float, path: str | os.PathLike[str]
) -> np.ndarray:
    """Write the high-pass part of a signal to a .npy file by windows, and return it mapped.

    `split_lowpass` of windows that overlap by so much that what lies outside of one does not show
    inside of it by more than the precision of the dtype.

    Parameters
    ----------
    signal : array, shape (n_signals, n_channels, *spatial)
    strength : float
        As for `split_lowpass`.
    path : path
        Ends in .npy.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    precision = float(np.finfo(signal.dtype).eps)
    decay = math.acosh(1 + 0.5 / strength) if strength > 0 else math.inf
    halo = math.ceil(-math.log(precision / 8) / decay)
    size = max(_MIRRORED, 2 * halo) if signal.ndim == 4 else max(_MIRRORED // 16, halo)
    size = max(size, WINDOW) if signal.ndim == 3 else size

    def fill(out: np.ndarray) -> None:
        for window in _cut(signal.shape, size):
            wide = tuple(slice(max(w.start - halo, 0), w.stop + halo) for w in window[2:])
            piece = np.ascontiguousarray(signal[(*window[:2], *wide)])
            _, rest = split_lowpass(piece, strength)
            pairs = zip(window[2:], wide, strict=True)
            inner = tuple(slice(w.start - v.start, w.stop - v.start) for w, v in pairs)
            out[window] = rest[(..., *inner)]

    return write_mapped(path, signal.shape, signal.dtype, fill)


def _array_source(
    file: Path, n_axes: int | None, n_channels: int
) -> tuple[tuple[int, ...], Callable[[], Iterator[tuple[Window, np.ndarray]]], ArrayFormat]:
    try:
        stored = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise unreadable(file, "a plain NumPy array", error) from None
    if str(stored.dtype) not in ("float32", "float64"):
        msg = (
            f"`{file}` must be float32 or float64; got {stored.dtype}: scale and convert it, for "
            "example array.astype('float32') / 255."
        )
        raise ValueError(msg)
    if not 1 <= stored.ndim <= 5 or not stored.size:
        msg = f"`{file}` must have 1 to 5 axes, none empty; got shape {stored.shape}: reshape it."
        raise ValueError(msg)
    axes = min(stored.ndim, 3) if n_axes is None else n_axes
    layout = _layout(stored, SimpleNamespace(n_axes=axes, n_channels=n_channels))
    core = layout.to_core(stored)

    def windows() -> Iterator[tuple[Window, np.ndarray]]:
        for band in bands_of(core.shape):
            key = (slice(None), slice(None), band)
            yield key, np.asarray(core[key])

    format_ = ArrayFormat(".npy", str(stored.dtype), stored.shape, layout, core.shape[1])
    return core.shape, windows, format_


def _image_source(
    file: Path,
) -> tuple[tuple[int, ...], Callable[[], Iterator[tuple[Window, np.ndarray]]], ImageFormat]:
    with segments_of(file) as (shape, dtype, _):
        channels, height, width = shape

    def windows() -> Iterator[tuple[Window, np.ndarray]]:
        with segments_of(file) as (_, _, pieces):
            for (first, top, left), block in pieces:
                inside = block[:, : height - top, : width - left]
                where = zip((first, top, left), inside.shape, strict=True)
                yield (0, *(slice(a, a + n) for a, n in where)), inside

    format_ = ImageFormat(file.suffix.lower(), dtype, channels)
    return (1, *shape), windows, format_


def _range(file: Path, windows: Callable[[], Iterator[tuple[Window, np.ndarray]]]) -> Any:
    """Return the smallest and the largest value; refuse what is not finite."""
    low, high = math.inf, -math.inf
    for _, block in windows():
        if block.dtype.kind == "f" and not np.isfinite(block).all():
            raise unreadable(file, "a signal", "it holds NaN or infinite values")
        low, high = min(low, float(block.min())), max(high, float(block.max()))
    return low, high


def _cut(shape: tuple[int, ...], size: int) -> Iterator[tuple[slice, ...]]:
    """Cut (n_signals, n_channels, *spatial) into windows of one signal and channel."""
    steps = [1, 1, *(size for _ in shape[2:])]
    corners = itertools.product(*(range(0, n, s) for n, s in zip(shape, steps, strict=True)))
    for corner in corners:
        ends = zip(corner, steps, shape, strict=True)
        yield tuple(slice(c, min(c + s, n)) for c, s, n in ends)
