"""The dictionary at its support, tile by tile."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsecsc.backends._numba_kernels import _jit
from sparsecsc.backends._numba_simd import LANES
from sparsecsc.backends._numba_tiles import (
    LENGTH,
    ROOM,
    SEGMENTS,
    TILE,
    add,
    copy,
    inner,
    lay_rows,
    mark,
    place,
)


@_jit
def at_support(
    image: Any, problem: Any, chunk: Any, entries: Any, amounts: Any
) -> None:  # pragma: no cover
    """Add atoms to the image, weighted by the squared mask, or store their inner products with it.

    image is (samples, squared mask, whether there is one), flat; problem (geometry, atoms, whether
    to add); amounts holds one number for each of `entries`: how much is added, or the result.
    """
    samples, squares, masked = image
    geometry, atoms, adds = problem
    filters, spots, _, bounds = entries
    segments, taps, _, _, _ = atoms
    step, n_segments, room = segments.size * LANES, geometry[SEGMENTS], geometry[ROOM]
    corners = geometry[TILE] * geometry[TILE + 1]
    patches = np.zeros(2 * room, taps.dtype)
    tables, sizes = np.empty(corners * (1 + geometry[LENGTH]), np.int64), np.empty(13, np.int64)
    lay_rows(geometry, tables)
    t = 0
    for t0 in range(chunk[0], chunk[3]):
        for t1 in range(chunk[1], chunk[4]):
            for t2 in range(chunk[2], chunk[5]):
                first, last = bounds[t], bounds[t + 1]
                t += 1
                if first == last:
                    continue
                place(geometry, (t0, t1, t2), sizes)
                where, weights, zero = (geometry, sizes), np.int64(0), np.int64(0)
                copy(samples, patches, zero, where, first > last)
                if adds and masked:
                    copy(squares, patches, room, where, first > last)
                    weights = room
                elif adds and sizes[12] == 0:
                    mark(patches, room, where)
                    weights = room
                for a in range(first, last):
                    base, m = tables[corners + spots[a]], filters[a] * step
                    if adds:
                        add(patches, (base, m, n_segments, weights), segments, taps, amounts[a])
                    else:
                        amounts[a] = inner(patches, base, segments, taps, m)
                if adds:
                    copy(samples, patches, zero, where, first < last)
