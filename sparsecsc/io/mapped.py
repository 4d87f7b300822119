"""Files that are written window by window, through memory maps or strips."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sparsecsc.io.atomic import atomic_write
from sparsecsc.io.common import to_levels
from sparsecsc.io.images import LEVELS, ImageFormat

WINDOW = 2**21
"""Samples read, filtered or written at a time."""


def write_mapped(
    path: str | os.PathLike[str],
    shape: tuple[int, ...],
    dtype: Any,
    fill: Callable[[np.ndarray], Any],
) -> np.ndarray:
    """Write a .npy file through a memory map, atomically, and return it mapped and read-only.

    Parameters
    ----------
    path : path
    shape : tuple of int
    dtype : dtype
    fill : callable
        Called with the map, whose values it sets.
    """

    def write(stream: BinaryIO) -> None:
        _fill_npy(stream, shape, dtype, fill)

    atomic_write(path, write)
    mapped: np.ndarray = np.load(path, mmap_mode="r")
    return mapped


def write_signal_by_windows(
    path: str | os.PathLike[str],
    shape: tuple[int, ...],
    window_of: Callable[[slice], np.ndarray],
    format_: Any,
) -> Path:
    """Write a signal in the format of an `open_signal`, in bands of the first spatial axis.

    Parameters
    ----------
    path : path
        The suffix should be that of the format.
    shape : tuple of int
        (n_signals, n_channels, *spatial)
    window_of : callable
        Returns the signal at a slice of the first spatial axis.
    format_ : ImageFormat or ArrayFormat
        The `SignalFile.format` of the original.
    """
    bands = list(bands_of(shape))

    def write(stream: BinaryIO) -> None:
        if isinstance(format_, ImageFormat):
            _write_tiff(stream, shape, (window_of(band) for band in bands), format_)
            return

        def fill(out: np.ndarray) -> None:
            core = format_.layout.to_core(out)
            for band in bands:
                core[:, :, band] = window_of(band)

        _fill_npy(stream, format_.shape, format_.dtype, fill)

    return atomic_write(path, write)


def bands_of(shape: tuple[int, ...]) -> Iterator[slice]:
    """Cut the first spatial axis of (n_signals, n_channels, *spatial)."""
    rows = max(1, WINDOW // (math.prod(shape) // shape[2]))
    return (slice(k, min(k + rows, shape[2])) for k in range(0, shape[2], rows))


def _fill_npy(
    stream: BinaryIO, shape: tuple[int, ...], dtype: Any, fill: Callable[[np.ndarray], Any]
) -> None:
    kind = np.dtype(dtype)
    header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    start = stream.tell()
    stream.truncate(start + math.prod(shape) * kind.itemsize)
    mapped = np.memmap(stream, kind, "r+", offset=start, shape=shape)
    fill(mapped)
    mapped.flush()


def _write_tiff(
    stream: BinaryIO, shape: tuple[int, ...], bands: Iterator[np.ndarray], format_: ImageFormat
) -> None:
    import tifffile

    _, channels, height, width = shape
    rows = next(bands_of(shape)).stop

    def strips() -> Iterator[np.ndarray]:
        for band in bands:
            values = np.moveaxis(band[0], 0, -1).astype(np.float64)
            stored = format_.levels * (values * format_.factor + format_.offset)
            if format_.dtype in LEVELS:
                stored = to_levels(stored, 0, format_.levels, format_.dtype)
            stored = stored.astype(format_.dtype)
            yield stored[..., 0] if channels == 1 else stored

    tifffile.imwrite(
        stream,
        strips(),
        shape=(height, width) if channels == 1 else (height, width, channels),
        dtype=format_.dtype,
        rowsperstrip=rows,
        photometric="minisblack" if channels == 1 else "rgb",
        bigtiff=math.prod(shape) * np.dtype(format_.dtype).itemsize > 2**31,
        metadata=None,
        software=False,
    )
