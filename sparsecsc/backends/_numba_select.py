"""Which coefficients of a tile join: the largest excess over the weights in each cell."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsecsc.backends._numba_simd import LANES, fma, inlined, keep_larger, load, magnitude, part
from sparsecsc.backends._numba_tiles import (
    CELL,
    GROUP,
    LENGTH,
    POSITIONS,
    ROOM,
    STRIDE,
    TILE,
    correlate,
    cut_phases,
)

FILTER, SPOT, BASE = 0, 1, 2
"""Rows of the lists: filter, position in the tile, where the atom begins in the patch."""
VALUE, CURVATURE, COST, RIDGE = 0, 1, 2, 3
"""Rows of the numbers."""

# penalty, of one signal: (weights (n_filters, *positions), broadcast; ridges; whether codes are
# >= 0; whether weights and ridges of a filter are the same at all positions; what the weights are
# multiplied by; how many weights a correlation must exceed to count: 1 and a few roundings)
#
# room: (patches: the patch, the squared mask at its samples, and its rows cut into phases; tables:
# where rows of positions begin in the phases, and where atoms begin in a patch; found: for each
# position the largest excess of a filter, the correlations of a group, and two vectors of prices;
# chosen: for each position that filter, int32; lists and numbers of the coefficients that passes
# go over; sizes: 13 numbers, see `place`)
#
# tile: (geometry, atoms, penalty, sizes, whether samples are weighted)


@part
def _scan(room: Any, group: int, tile: Any, look: bool) -> None:  # pragma: no cover
    """Keep the largest excess over the weights at each position, among a group of filters.

    Where only to look: the largest size, in units of the weights.
    """
    geometry, (_, _, _, _, norms), penalty, sizes, _ = tile
    costs, _, nonnegative, uniform, scale, least = penalty
    _, _, found, chosen, _, _, _ = room
    rows, length = geometry[TILE + 1], geometry[LENGTH]
    size, n_lines, n_places = geometry[TILE] * rows * length, sizes[7], sizes[8]
    scale *= least
    prices, zero = (GROUP + 1) * size, found.dtype.type(0)
    for m in range(group * GROUP, min((group + 1) * GROUP, norms.size)):
        if norms[m] == 0:
            continue
        first, label = (m - group * GROUP + 1) * size, np.int32(m)
        norm = np.sqrt(norms[m])
        for r in range(sizes[6] * n_lines):
            i0, i1 = r // n_lines, r % n_lines
            row = (i0 * rows + i1) * length
            for p in range(0, length, LANES):
                if r + p == 0 or not uniform:
                    for i in range(LANES):
                        weight = costs[m, 0, 0, 0]
                        if not uniform:
                            i2 = min(p + i, n_places - 1)
                            weight = costs[m, sizes[0] + i0, sizes[1] + i1, sizes[2] + i2]
                        unit = 1 / norm
                        if look:
                            unit = 1 / weight if weight > 0 else zero
                        found[prices + i] = unit
                        found[prices + LANES + i] = zero if look else -weight * scale * unit
                value = load(found, first + row + p)
                value = value if nonnegative else magnitude(value)
                gain = fma(value, load(found, prices), load(found, prices + LANES))
                keep_larger((found, chosen), row + p, gain, label)


@inlined
def look_over(room: Any, n: int, tile: Any, look: bool) -> None:  # pragma: no cover
    """Correlate all filters with the patch and keep the best at each position.

    Coefficients on the list do not count, unless it is only to look.
    """
    geometry, (_, _, offsets, groups, norms), _, sizes, _ = tile
    patches, tables, found, _, lists, _, _ = room
    n_rows, length = geometry[TILE] * geometry[TILE + 1], geometry[LENGTH]
    size, begin = n_rows * length, np.int64(0)
    for i in range(size):
        found[i] = 0
    if geometry[STRIDE + 2] > 1:
        begin = 2 * geometry[ROOM]
        cut_phases(patches, (geometry, sizes), begin)
    rows = (begin, tables, n_rows, length)
    for group in range(-(-norms.size // GROUP)):
        correlate(patches, group, (offsets, groups), rows, found)
        for a in range(n):
            m = lists[FILTER, a] - group * GROUP
            if 0 <= m < GROUP and not look:
                found[(m + 1) * size + lists[SPOT, a]] = 0
        _scan(room, group, tile, look)


@part
def join(room: Any, n: int, tile: Any) -> int:  # pragma: no cover
    """Let the best coefficient of each cell of positions join the list; return its length."""
    geometry, _, _, sizes, _ = tile
    _, _, found, chosen, lists, numbers, _ = room
    rows, length = geometry[TILE + 1], geometry[LENGTH]
    cell0, cell1, cell2 = geometry[CELL], geometry[CELL + 1], geometry[CELL + 2]
    for i0 in range(0, sizes[6], cell0):
        for i1 in range(0, sizes[7], cell1):
            for i2 in range(0, sizes[8], cell2):
                most, where = found.dtype.type(0), -1
                for j0 in range(i0, min(i0 + cell0, sizes[6])):
                    for j1 in range(i1, min(i1 + cell1, sizes[7])):
                        for j2 in range(i2, min(i2 + cell2, sizes[8])):
                            at = (j0 * rows + j1) * length + j2
                            if found[at] > most:
                                most, where = found[at], at
                if where >= 0:
                    lists[FILTER, n], lists[SPOT, n] = chosen[where], where
                    numbers[VALUE, n] = 0
                    n += 1
    return n


@part
def report(found: Any, tile: Any, out: Any) -> None:  # pragma: no cover
    """Store what was found at the positions of a tile in a flat array of all positions."""
    geometry, _, _, sizes, _ = tile
    length, n_lines = geometry[LENGTH], sizes[7]
    for r in range(sizes[6] * n_lines):
        i0, i1 = r // n_lines, r % n_lines
        row = (i0 * geometry[TILE + 1] + i1) * length
        at = (sizes[0] + i0) * geometry[POSITIONS + 1] + sizes[1] + i1
        at = at * geometry[POSITIONS + 2] + sizes[2]
        for i2 in range(sizes[8]):
            out[at + i2] = found[row + i2]
