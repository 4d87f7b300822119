"""Kernels that work on one tile of code positions at a time, in a small copy of its samples.

A tile's patch holds all samples that its atoms touch, rows padded to whole vectors. Borders and
wrap-around are settled when it is copied; atoms are lists of segments of `LANES` taps, so that
1-D, 2-D and 3-D, channels and dilation are all the same to the loops that count. Each kernel walks
over the tiles of a chunk, in place, and is serial: chunks that share no sample may run at once.

Compilation is what a user waits for first, and most of it goes into records of arrays and into
expressions of whole arrays. So the integers of the geometry are one array, scratch arrays hold
several things one after the other, and loops are written out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsecsc.backends._numba_cut import wrapped
from sparsecsc.backends._numba_simd import LANES, fma, load, part, spread, store, total, zeros

GROUP = 4
"""Filters that are correlated together; as many as registers hold, with two vectors of each."""

# Where in the array of the geometry, int64, what stands; first those with one number for each axis.
SAMPLES = 0
"""Of a signal."""
POSITIONS = 3
"""Of the codes."""
TILE = 6
"""Positions of a tile."""
CELL = 9
"""Positions that at most one coefficient joins from, at a time."""
STRIDE = 12
BEFORE = 15
"""Samples that an atom begins before its position."""
EXTENT = 18
"""Of a dilated atom."""
PATCH = 21
"""Channels, planes and rows of a patch."""
WIDTH = 24
"""Of a row of a patch, padded."""
LENGTH = 25
"""Positions of a row of a tile, padded to whole pairs of vectors."""
PHASE = 26
"""Samples of a row of a patch that share a phase of the stride, padded."""
ROOM = 27
"""Samples of a patch in all, with what vectors read beyond its end."""
SEGMENTS = 28
"""Of an atom, without those that fill up to a multiple of 4."""
CIRCULAR = 29
REACH = 30
"""How many tiles away atoms of a tile still touch samples of another."""
GRID = 33
"""Tiles of the signal."""
N_NUMBERS = 36


# Records are plain tuples: Numba's caches name the classes of others, and a cache that a later
# version of the class meets could not be read.
#
# atoms: (segments (n_segments,), offsets in a patch, a multiple of 4 of them; taps, flat
# (n_filters, n_segments, LANES); offsets (n_taps,) of the taps in a patch with its rows cut into
# phases; groups, flat (n_groups, n_taps, GROUP): the taps again; norms (n_filters,), squared)
#
# entries: the nonzero coefficients of a chunk, tile after tile: (filters, int32; spots, int32, the
# position in the tile, its rows padded; values; bounds (n_tiles + 1,), where each tile's begin)


@part
def place(geometry: Any, tile: Any, sizes: Any) -> None:  # pragma: no cover
    """Store first position, corner of the patch, positions and samples of a tile, 3 numbers each.

    The next number is whether all samples are in the signal, or wrap around.
    """
    inside = 1
    for k in range(3):
        first, size = tile[k] * geometry[TILE + k], geometry[SAMPLES + k]
        stride = geometry[STRIDE + k]
        corner = first * stride - geometry[BEFORE + k]
        count = min(geometry[TILE + k], geometry[POSITIONS + k] - first)
        reach = (count - 1) * stride + geometry[EXTENT + k]
        sizes[k], sizes[3 + k], sizes[6 + k], sizes[9 + k] = first, corner, count, reach
        if geometry[CIRCULAR] == 0 and (corner < 0 or corner + reach > size):
            inside = 0
    sizes[12] = inside


FETCH, STORE, MARK = np.int64(0), np.int64(1), np.int64(2)
"""What `copy` is for; not plain numbers, for each of which Numba would compile it anew."""


@part
def copy(image: Any, patches: Any, first: int, tile: Any, what: int) -> None:  # pragma: no cover
    """Copy a patch from the flat image to ``patches[first:]``, or back, or mark what is inside.

    Samples outside are 0 and are not written, marked ones are 1; tile is (geometry, sizes).
    """
    geometry, sizes = tile
    planes, rows, width = geometry[PATCH + 1], geometry[PATCH + 2], geometry[WIDTH]
    n0, n1, n2 = geometry[SAMPLES], geometry[SAMPLES + 1], geometry[SAMPLES + 2]
    circular, begin, size = geometry[CIRCULAR], sizes[5], sizes[11]
    for r in range(geometry[PATCH] * sizes[9] * sizes[10]):
        c, i0, i1 = r // (sizes[9] * sizes[10]), r // sizes[10] % sizes[9], r % sizes[10]
        q0, q1 = wrapped(sizes[3] + i0, n0, circular), wrapped(sizes[4] + i1, n1, circular)
        at = first + ((c * planes + i0) * rows + i1) * width
        i2 = 0
        while i2 < size:
            q2, run = wrapped(begin + i2, n2, circular), 1
            if q0 >= 0 and q1 >= 0 and q2 >= 0:
                run = min(size - i2, n2 - q2)
                line = ((c * n0 + q0) * n1 + q1) * n2 + q2
                for i in range(run):
                    if what == STORE:
                        image[line + i] = patches[at + i2 + i]
                    else:
                        patches[at + i2 + i] = 1 if what == MARK else image[line + i]
            elif what != STORE:
                patches[at + i2] = 0
            i2 += run


@part
def cut_phases(patches: Any, tile: Any, out: int) -> None:  # pragma: no cover
    """Sort the samples of each row by their phase of the stride, to ``patches[out:]``."""
    geometry, sizes = tile
    width, stride, phase = geometry[WIDTH], geometry[STRIDE + 2], geometry[PHASE]
    for row in range(geometry[PATCH] * geometry[PATCH + 1] * geometry[PATCH + 2]):
        for i2 in range(sizes[11]):
            at = (row * stride + i2 % stride) * phase + i2 // stride
            patches[out + at] = patches[row * width + i2]


@part
def inner(patches: Any, base: int, segments: Any, taps: Any, first: int) -> Any:  # pragma: no cover
    """Return the inner product of the patch from `base` on with the atom at ``taps[first]``."""
    a, b, c, d = zeros(patches), zeros(patches), zeros(patches), zeros(patches)
    for s in range(0, segments.size, 4):
        t = first + s * LANES
        a = fma(load(patches, base + segments[s]), load(taps, t), a)
        b = fma(load(patches, base + segments[s + 1]), load(taps, t + LANES), b)
        c = fma(load(patches, base + segments[s + 2]), load(taps, t + 2 * LANES), c)
        d = fma(load(patches, base + segments[s + 3]), load(taps, t + 3 * LANES), d)
    one = spread(patches, patches.dtype.type(1))
    return total(fma(a, one, b), fma(c, one, d))


@part
def add(patches: Any, at: Any, segments: Any, taps: Any, factor: Any) -> None:  # pragma: no cover
    """Add `factor` times an atom to the patch, weighted where there are weights.

    at is (where it begins in the patch, where its taps begin, how many segments it has, where the
    weights of the samples begin in `patches`: 0 if there are none).
    """
    base, first, n_segments, weights = at
    factors, zero = spread(patches, factor), zeros(patches)
    for s in range(n_segments):
        where = base + segments[s]
        atom = load(taps, first + s * LANES)
        if weights:
            atom = fma(load(patches, weights + where), atom, zero)
        store(patches, where, fma(factors, atom, load(patches, where)))


@part
def weighted_norm(
    patches: Any, base: int, segments: Any, taps: Any, first: int
) -> Any:  # pragma: no cover
    """Return the squared norm of an atom, its samples weighted by the patch from `base` on."""
    squares, zero = zeros(patches), zeros(patches)
    for s in range(segments.size):
        atom = load(taps, first + s * LANES)
        weighted = fma(load(patches, base + segments[s]), atom, zero)
        squares = fma(weighted, atom, squares)
    return total(squares, zero)


@part
def correlate(
    patches: Any, group: int, atoms: Any, rows: Any, found: Any
) -> None:  # pragma: no cover
    """Correlate `GROUP` filters with a patch at all positions of a tile.

    atoms is (offsets, groups); rows (where the patch begins, offsets of the rows of positions, how
    many, their padded length). ``found[n_rows * length:]`` becomes (GROUP, n_rows, length), flat.
    """
    offsets, groups = atoms
    begin, starts, n_rows, length = rows
    n_taps, first, size = offsets.size, group * offsets.size * GROUP, n_rows * length
    for r in range(n_rows):
        for p in range(0, length, 2 * LANES):
            a0, a1, b0, b1 = zeros(patches), zeros(patches), zeros(patches), zeros(patches)
            c0, c1, d0, d1 = zeros(patches), zeros(patches), zeros(patches), zeros(patches)
            for q in range(n_taps):
                at, t = begin + starts[r] + p + offsets[q], first + q * GROUP
                x0, x1 = load(patches, at), load(patches, at + LANES)
                a, b = spread(patches, groups[t]), spread(patches, groups[t + 1])
                c, d = spread(patches, groups[t + 2]), spread(patches, groups[t + 3])
                a0, a1 = fma(x0, a, a0), fma(x1, a, a1)
                b0, b1 = fma(x0, b, b0), fma(x1, b, b1)
                c0, c1 = fma(x0, c, c0), fma(x1, c, c1)
                d0, d1 = fma(x0, d, d0), fma(x1, d, d1)
            at = size + r * length + p
            store(found, at, a0)
            store(found, at + LANES, a1)
            store(found, at + size, b0)
            store(found, at + size + LANES, b1)
            store(found, at + 2 * size, c0)
            store(found, at + 2 * size + LANES, c1)
            store(found, at + 3 * size, d0)
            store(found, at + 3 * size + LANES, d1)
