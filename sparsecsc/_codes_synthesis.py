"""Atoms added up, and correlations taken, at the nonzeros of codes only.

A signal is worked on in bands of its first spatial axis, each in a float64 buffer of its own, so
that what is returned has been rounded once, and no temporary grows with the signal.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from sparsecsc._codes_scratch import empty_like
from sparsecsc._codes_slicing import rows_between
from sparsecsc.backends import backend_of
from sparsecsc.checks import check_alike, check_array
from sparsecsc.protocols import Array

_BAND = 2**17
"""Samples of a band, all channels together: a buffer of 1 MB."""
_SIGNAL_AXES = "(n_signals, n_channels, *spatial) with 1, 2 or 3 spatial axes"

Finish = Callable[[int, slice, Array], Any]
"""What is done with a finished band: signal, samples along the first spatial axis, buffer."""


def has_kernel(dictionary: Any) -> bool:
    """Return whether the kernels know where the atoms of a dictionary lie."""
    filters = getattr(dictionary, "filters", None)
    return filters is not None and hasattr(_backend(dictionary), "sparse")


def _backend(dictionary: Any) -> ModuleType:
    return backend_of(dictionary.filters)


def check_fit(codes: Any, dictionary: Any, spatial: tuple[int, ...] | None) -> tuple[int, ...]:
    """Check that codes are of this dictionary and of a signal of this size; return the size."""
    check_alike(codes=codes.values, filters=dictionary.filters)
    if spatial is None:
        spatial = dictionary.signal_spatial(codes.shape[2:])
    shape = (codes.shape[0], dictionary.n_channels, *spatial)
    expected = tuple(dictionary.code_shape(shape))
    if codes.shape != expected:
        msg = (
            f"`codes` must have shape {expected} for a signal of spatial size {tuple(spatial)}; "
            f"got {codes.shape}: match filters and sizes."
        )
        raise ValueError(msg)
    return tuple(spatial)


def synthesized(codes: Any, dictionary: Any, spatial: tuple[int, ...] | None) -> Array:
    """Return D codes in the codes' dtype."""
    spatial = check_fit(codes, dictionary, spatial)
    out = np.empty((codes.shape[0], dictionary.n_channels, *spatial), dtype=codes.dtype)

    def store(b: int, band: slice, buffer: Array) -> None:
        out[b, :, band] = buffer

    each_band(codes, dictionary, spatial, store)
    return out


def residual_of(
    codes: Any, dictionary: Any, signal: Array, mask: Array | None, out: Array | None = None
) -> Array:
    """Return M (y - D codes), in `out` where it is given."""
    spatial = check_fit(codes, dictionary, signal.shape[2:])
    residual = empty_like(signal) if out is None else out
    whole = None if mask is None else np.broadcast_to(mask, signal.shape)

    def store(b: int, band: slice, buffer: Array) -> None:
        np.subtract(signal[b, :, band], buffer, out=buffer)
        if whole is not None:
            buffer *= whole[b, :, band]
        residual[b, :, band] = buffer

    each_band(codes, dictionary, spatial, store)
    return residual


def correlate_at(codes: Any, dictionary: Any, signal: Array) -> Array:
    """Return <atom, signal> for each entry of the codes, in the signal's dtype."""
    check_array("signal", signal, ndims=(3, 4, 5), axes=_SIGNAL_AXES)
    spatial = check_fit(codes, dictionary, signal.shape[2:])
    check_alike(signal=signal, codes=codes.values)
    atoms, geometry, _ = kernel_geometry(codes, dictionary, spatial)
    sizes = geometry[1]
    out = np.zeros(codes.indices.size, dtype=signal.dtype)
    backend: Any = _backend(dictionary)
    n_signals, n_rows = codes.shape[0], codes.shape[2]
    rows = max(1, _BAND // math.prod(codes.shape[3:]))

    def task(item: tuple[int, int]) -> None:
        b, first = item
        runs = _runs(codes, b, [(first, min(first + rows, n_rows))])
        image = np.asarray(signal[b]).reshape(signal.shape[1], *sizes)
        backend.sparse.correlate_at(out, image, (codes.indices, runs), atoms, geometry)

    backend.run(task, [(b, row) for b in range(n_signals) for row in range(0, n_rows, rows)])
    return out


def each_band(codes: Any, dictionary: Any, spatial: tuple[int, ...], finish: Finish) -> list[Any]:
    """Call `finish` once for each band of each signal with D codes there, bands at once."""
    atoms, geometry, axis = kernel_geometry(codes, dictionary, spatial)
    n_signals, channels = codes.shape[0], dictionary.n_channels
    extent = dictionary.extent[0]
    line = channels * math.prod(spatial[1:])
    rows = min(spatial[0], max(_BAND // line, 4 * extent))
    backend: Any = _backend(dictionary)
    taps = (atoms.reshape(-1), atoms.shape[1:])

    def task(item: tuple[int, int]) -> Any:
        b, first = item
        last = min(first + rows, spatial[0])
        buffer = np.zeros((channels, last - first, *spatial[1:]))
        corner = (*(0,) * axis, first, *(0,) * (2 - axis))
        runs = _runs(codes, b, _touching(codes, dictionary, spatial, (first, last)))
        box = (corner, (channels, *(1,) * axis, *buffer.shape[1:]))
        entries = (codes.indices, codes.values, runs)
        backend.sparse.add_atoms(buffer.reshape(-1), box, entries, taps, geometry)
        return finish(b, slice(first, last), buffer)

    items = [(b, first) for b in range(n_signals) for first in range(0, spatial[0], rows)]
    results: list[Any] = backend.run(task, items)
    return results


def kernel_geometry(
    codes: Any, dictionary: Any, spatial: tuple[int, ...]
) -> tuple[Array, Any, int]:
    """Return the atoms in float64, the geometry for the kernels, and the number of axes added."""
    axis = 3 - len(spatial)
    ones, none = (1,) * axis, (0,) * axis
    filters = dictionary.filters
    atoms = np.ascontiguousarray(filters, dtype=np.float64)
    atoms = atoms.reshape(*filters.shape[:2], *ones, *filters.shape[2:])
    geometry = (
        (*ones, *codes.shape[2:]),
        (*ones, *spatial),
        (*ones, *dictionary.stride),
        (*none, *(before for before, _ in dictionary.pads)),
        (*ones, *dictionary.dilation),
        bool(dictionary.is_circular),
    )
    return atoms, geometry, axis


def _touching(
    codes: Any, dictionary: Any, spatial: tuple[int, ...], band: tuple[int, int]
) -> list[tuple[int, int]]:
    """Return the positions along the first spatial axis whose atoms touch a band, as ranges."""
    n_positions, stride = codes.shape[2], dictionary.stride[0]
    before, extent = dictionary.pads[0][0], dictionary.extent[0]
    low = -(-(band[0] + before - extent + 1) // stride)
    high = -(-(band[1] + before) // stride)
    if not dictionary.is_circular:
        return [(max(low, 0), min(max(high, 0), n_positions))]
    if high - low >= n_positions:
        return [(0, n_positions)]
    if low >= 0:
        return [(low, high)]
    return [(0, high), (n_positions + low, n_positions)]


def _runs(codes: Any, b: int, rows: list[tuple[int, int]]) -> Array:
    """Return (first, last, filter, place of its first code) for each filter and range of rows."""
    n_filters = codes.shape[1]
    filters = np.arange(n_filters)
    maps = b * n_filters + filters
    base = maps * math.prod(codes.shape[2:])
    parts = []
    for pair in rows:
        first, last = rows_between(codes.indices, codes.shape, maps, pair)
        parts.append(np.stack([first, last, filters, base], axis=1))
    runs = np.concatenate(parts)
    return np.ascontiguousarray(runs[runs[:, 1] > runs[:, 0]])
