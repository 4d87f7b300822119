"""What direct and tiled plans share: views, rooms, and where lines of arrays start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from sparsecsc.dictionaries._buffers import Buffers
from sparsecsc.dictionaries._geometry import Geometry, pitches
from sparsecsc.dictionaries._operators import from_polyphase
from sparsecsc.protocols import Array


@contextmanager
def kernel_room(geometry: Geometry, buffers: Buffers, n_bytes: int) -> Iterator[tuple[Any, Any]]:
    """Lend indices and sums for one thread's kernel."""
    dtype = np.dtype(geometry.filters.dtype)
    indices = buffers.borrow((geometry.backend.plans.INDICES,), np.int64)
    with indices as places, buffers.borrow((n_bytes // dtype.itemsize,), dtype) as sums:
        yield places, sums


def three_axes(x: Array) -> Array:
    """Return a view with three spatial axes."""
    return x.reshape(*x.shape[:2], *(1,) * (5 - x.ndim), *x.shape[2:])


def crop_phases(geometry: Geometry, phases: Array) -> Array:
    """Return the samples of (n, channels x phases, *grid), cropped to the signal."""
    if geometry.n_phases == 1:
        return phases
    whole = from_polyphase(geometry.backend.xp, phases, geometry.grid, geometry.stride)
    corner = geometry.signal_at(geometry.first)
    inner = (slice(-c, n - c) for c, n in zip(corner, geometry.spatial, strict=True))
    return whole[(..., *inner)]


def line_starts(sizes: tuple[int, ...], padded: tuple[int, ...]) -> Any:
    """Return where the lines of an array of `sizes` start within one of `padded`."""
    return outer_sum([range(n) for n in sizes[:-1]], np.asarray(pitches(padded))[:-1])


def outer_sum(parts: Any, factors: Any) -> Any:
    """Return all sums of one entry of each part times its factor, in order."""
    total = np.zeros(1, np.int64)
    for part, factor in zip(parts, factors, strict=True):
        total = (total[:, None] + factor * np.asarray(list(part), np.int64)).reshape(-1)
    return total


def alike(geometry: Geometry, axis: int, *, analysis: bool) -> list[tuple[Any, Any, Any]]:
    """Return (meetings, outputs that have them, their references) along one axis."""
    found: dict[Any, list[int]] = {}
    for place, meetings in enumerate(geometry.meetings(axis, analysis=analysis)):
        found.setdefault(meetings, []).append(place)
    return [
        (
            meetings,
            places,
            [geometry.reference(axis, place, analysis=analysis) for place in places],
        )
        for meetings, places in found.items()
    ]
