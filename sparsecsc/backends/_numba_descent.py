"""Coordinate descent on the tiles of a chunk: which coefficients join, and passes over them.

Arrays are taken out of their records before every loop: inside, Numba would count a reference for
each access, which took more time than the arithmetic.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsecsc.backends._numba_kernels import _jit
from sparsecsc.backends._numba_select import (
    BASE,
    COST,
    CURVATURE,
    FILTER,
    RIDGE,
    SPOT,
    VALUE,
    join,
    look_over,
    report,
)
from sparsecsc.backends._numba_simd import LANES, inlined, part
from sparsecsc.backends._numba_tiles import (
    CIRCULAR,
    FETCH,
    GRID,
    LENGTH,
    MARK,
    REACH,
    ROOM,
    SEGMENTS,
    STORE,
    TILE,
    add,
    copy,
    inner,
    place,
    weighted_norm,
)

SELECT, ADD, INNER = 1, 2, 3
"""What a visit to a tile is for, unless it is 0: passes over the list alone."""


@part
def _enter(room: Any, first: int, last: int, tile: Any) -> None:  # pragma: no cover
    """Look up what belongs to the coefficients `first` to `last` of the list."""
    geometry, (segments, taps, _, _, norms), penalty, sizes, weighted = tile
    patches, tables, _, _, lists, numbers, _ = room
    costs, charges, _, uniform, scale, _ = penalty
    length, rows, step = geometry[LENGTH], geometry[TILE + 1], segments.size * LANES
    corners, squares = geometry[TILE] * rows, geometry[ROOM]
    for a in range(first, last):
        m, spot = lists[FILTER, a], lists[SPOT, a]
        base = tables[corners + spot]
        lists[BASE, a] = base
        numbers[CURVATURE, a] = norms[m]
        if weighted:
            size = weighted_norm(patches, squares + base, segments, taps, m * step)
            numbers[CURVATURE, a] = size
        p0, p1, p2 = 0, 0, 0
        if not uniform:
            p0, p1 = sizes[0] + spot // (rows * length), sizes[1] + spot // length % rows
            p2 = sizes[2] + spot % length
        numbers[COST, a] = costs[m, p0, p1, p2] * scale
        numbers[RIDGE, a] = charges[m, p0, p1, p2]


@part
def _descend(room: Any, n: int, passes: int, tile: Any) -> float:  # pragma: no cover
    """Pass over the list; return by how much a correlation was off at most, in weights."""
    geometry, (segments, taps, _, _, _), (_, _, nonnegative, _, _, _), _, weighted = tile
    patches, _, _, _, lists, numbers, _ = room
    step, n_segments = segments.size * LANES, geometry[SEGMENTS]
    squares = geometry[ROOM] if weighted else 0
    most = 0.0
    for _ in range(passes):
        worst = 0.0
        for a in range(n):
            base, first, old = lists[BASE, a], lists[FILTER, a] * step, numbers[VALUE, a]
            weight, curvature, ridge = numbers[COST, a], numbers[CURVATURE, a], numbers[RIDGE, a]
            pull = inner(patches, base, segments, taps, first) + curvature * old
            new = patches.dtype.type(0)
            if pull > weight:
                new = (pull - weight) / (curvature + ridge)
            elif pull < -weight and not nonnegative:
                new = (pull + weight) / (curvature + ridge)
            if new != old:
                numbers[VALUE, a] = new
                add(patches, (base, first, n_segments, squares), segments, taps, old - new)
                off = abs(new - old) * (curvature + ridge)
                if weight > 0:
                    off /= weight
                worst = max(worst, off)
        most = max(most, worst)
        if worst == 0:
            break
    return most


@inlined
def _fetch(image: Any, patches: Any, tile: Any, weights: bool) -> None:  # pragma: no cover
    """Copy the patch of a tile, and the weights of its samples where there are some."""
    geometry, sizes, weighted = tile[0], tile[3], tile[4]
    where = (geometry, sizes)
    copy(image[0], patches, np.int64(0), where, FETCH)
    if weights and weighted:
        copy(image[1], patches, geometry[ROOM], where, FETCH if image[2] else MARK)


@inlined
def _apply(image: Any, room: Any, own: Any, tile: Any, adds: bool) -> None:  # pragma: no cover
    """Add own values times atoms to the samples, or make the values inner products with them.

    own is (filters, spots, values, first, how many).
    """
    geometry, (segments, taps, _, _, _), _, sizes, weighted = tile
    filters, spots, values, begin, n = own
    patches, tables = room[0], room[1]
    corners, step = geometry[TILE] * geometry[TILE + 1], segments.size * LANES
    squares = geometry[ROOM] if weighted else 0
    _fetch(image, patches, tile, adds)
    for a in range(begin, begin + n):
        base, first = tables[corners + spots[a]], filters[a] * step
        if adds:
            at = (base, first, geometry[SEGMENTS], squares)
            add(patches, at, segments, taps, values[a])
        else:
            values[a] = inner(patches, base, segments, taps, first)
    if adds:
        copy(image[0], patches, np.int64(0), (geometry, sizes), STORE)


@inlined
def _visit(image: Any, room: Any, n: int, tile: Any, plan: Any) -> Any:  # pragma: no cover
    """Work on one tile; return the length of its list, and how far a correlation was off."""
    geometry, sizes, out = tile[0], tile[3], image[3]
    work, passes = plan[0], plan[1:]
    patches, look = room[0], out.size > 0
    _fetch(image, patches, tile, True)
    start: Any = np.int64(0)
    moved = 0.0
    for stage in range(2):
        if stage == 1 and work == SELECT:
            look_over(room, n, tile, look)
            if look:
                report(room[2], tile, out)
                return n, 0.0
            n = join(room, n, tile)
        if passes[stage] > 0:
            _enter(room, start, n, tile)
            moved = max(moved, _descend(room, n, passes[stage], tile))
            start = n
    if moved > 0:
        copy(image[0], patches, np.int64(0), (geometry, sizes), STORE)
    return n, moved


@part
def _stir(geometry: Any, tile: Any, bars: Any) -> None:  # pragma: no cover
    """Note that something may join in all tiles that touch samples of this one."""
    g0, g1, g2 = geometry[GRID], geometry[GRID + 1], geometry[GRID + 2]
    r0, r1, r2 = geometry[REACH], geometry[REACH + 1], geometry[REACH + 2]
    for d0 in range(-r0, r0 + 1):
        for d1 in range(-r1, r1 + 1):
            for d2 in range(-r2, r2 + 1):
                t0, t1, t2 = tile[0] + d0, tile[1] + d1, tile[2] + d2
                if geometry[CIRCULAR]:
                    t0, t1, t2 = t0 % g0, t1 % g1, t2 % g2
                if 0 <= t0 < g0 and 0 <= t1 < g1 and 0 <= t2 < g2:
                    bars[(t0 * g1 + t1) * g2 + t2] = np.inf


@inlined
def _keep(room: Any, n: int, new: Any, kept: int) -> int:  # pragma: no cover
    """Store the coefficients that are not 0 after the `kept` others; return how many there are."""
    filters, spots, values, _ = new
    lists, numbers = room[4], room[5]
    for a in range(n):
        if numbers[VALUE, a] != 0:
            filters[kept], spots[kept] = lists[FILTER, a], lists[SPOT, a]
            values[kept] = numbers[VALUE, a]
            kept += 1
    return kept


@_jit
def sweep(image: Any, problem: Any, chunk: Any, entries: Any, plan: Any) -> int:  # pragma: no cover
    """Visit the tiles of a chunk: passes, selection, passes; return how many joined.

    image is (residual, squared mask, whether there is one, out, bars) of one signal, flat; problem
    (geometry, atoms, penalty, room); chunk the first tile and the one past the last, 3 numbers
    each; entries (old, new); plan (SELECT, ADD, INNER or 0; passes before and after). There is
    place in `new`, and in the lists of `room`, for the old ones and, to select, one more for each
    cell of a tile. For ADD and INNER, `new` is `old`: they add its values times their atoms to the
    residual, times the squared mask, or make the values the inner products with it.

    If `out` is not empty, selecting is only to look: nothing joins, and `out` gets the largest
    correlation at each position, in units of the weights. `bars` holds for each tile the scale
    from which on nothing can join, until samples of its patch change; such tiles are quiet, and do
    not select.
    """
    geometry, atoms, penalty, room = problem
    out, bars = image[3], image[4]
    (filters, spots, values, bounds), (_, _, _, new_bounds) = entries
    lists, numbers, sizes = room[4], room[5], room[6]
    t, kept, joined = 0, 0, 0
    for t0 in range(chunk[0], chunk[3]):
        for t1 in range(chunk[1], chunk[4]):
            for t2 in range(chunk[2], chunk[5]):
                first, n = bounds[t], bounds[t + 1] - bounds[t]
                t += 1
                bar = (t0 * geometry[GRID + 1] + t1) * geometry[GRID + 2] + t2
                work = plan[0]
                if work == SELECT and out.size == 0 and bars[bar] <= penalty[4]:
                    work = 0
                if work == SELECT or n > 0:
                    here = (t0, t1, t2)
                    place(geometry, here, sizes)
                    tile = (geometry, atoms, penalty, sizes, image[2] or sizes[12] == 0)
                    if work > SELECT:
                        own = (filters, spots, values, first, n)
                        _apply(image, room, own, tile, work == ADD)
                        continue
                    for a in range(n):
                        lists[FILTER, a] = filters[first + a]
                        lists[SPOT, a] = spots[first + a]
                        numbers[VALUE, a] = values[first + a]
                    longer, moved = _visit(image, room, n, tile, (work, plan[1], plan[2]))
                    joined += longer - n
                    if work == SELECT and longer == n and out.size == 0:
                        bars[bar] = penalty[4]
                    if moved > 0:
                        _stir(geometry, here, bars)
                    kept = _keep(room, longer, entries[1], kept)
                if work <= SELECT:
                    new_bounds[t] = kept
    return joined
