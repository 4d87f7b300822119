"""Numba kernels of the direct and the tiled plans: serial, without the interpreter lock.

Arrays have all three spatial axes; those that a problem lacks come first and have size 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsecsc.backends._numba_cut import cut
from sparsecsc.backends._numba_kernels import _jit
from sparsecsc.backends._numba_registers import (
    LONE_VECTORS,
    OUTS,
    PANEL,
    POINTS,
    ROWS,
    TILES,
    VECTOR_BYTES,
    VECTORS,
    frequencies,
    points_times_lanes,
    row_times_lanes,
    rows_times_lanes,
)
from sparsecsc.backends._numba_tile_fft import (
    pair_factors,
    pair_order,
    restore_pairs,
    transform_pairs,
)

__all__ = [
    "INDICES",
    "PANEL",
    "POINTS",
    "POINT_SUMS",
    "ROWS",
    "ROW_SUMS",
    "cut",
    "lanes_of",
    "multiply_tiles",
    "pack",
    "pair_factors",
    "pair_order",
    "restore_pairs",
    "sum_points",
    "sum_rows",
    "transform_pairs",
    "unpack",
]


@_jit
def sum_rows(out: Any, x: Any, taps: Any, lines: Any, add: Any) -> None:  # pragma: no cover
    """Store (or add) ``out[o, line, i] = sum_k w[k, o] x[starts[line] + offsets[k] + i]``.

    `out` is (outputs, positions), `taps` = (weights, offsets) with weights (groups, k, rows), rows
    being ROWS, or 1 for a single output. `lines` = (starts, width, starts of vectors, sums): the
    last two are room to work in.
    """
    weights, offsets = taps
    starts, width, begins, sums = lines
    lanes = VECTOR_BYTES // x.itemsize
    pieces = -(-width // lanes)
    total = starts.size * pieces
    n_taps = offsets.size
    n_rows = weights.shape[2]
    n_vectors = VECTORS if n_rows == ROWS else LONE_VECTORS
    flat = out.reshape(-1)
    for i in range(0, total, n_vectors):
        for v in range(n_vectors):
            j = min(i + v, total - 1)
            begins[v] = starts[j // pieces] + (j % pieces) * lanes
        for first in range(0, out.shape[0], n_rows):
            piece = (weights, first * n_taps, n_taps)
            if n_rows == ROWS:
                rows_times_lanes(sums, x, (begins, offsets), piece)
            else:
                row_times_lanes(sums, x, (begins, offsets), piece)
            for r in range(min(n_rows, out.shape[0] - first)):
                for v in range(min(n_vectors, total - i)):
                    line, at = (i + v) // pieces, (i + v) % pieces * lanes
                    to = (first + r) * out.shape[1] + line * width + at
                    _keep(
                        flat, to, sums, (r * n_vectors + v) * lanes, (min(lanes, width - at), add)
                    )


@_jit
def _keep(target: Any, to: Any, sums: Any, at: Any, how: Any) -> None:  # pragma: no cover
    n, add = how
    if add:
        for lane in range(n):
            target[np.uintp(to + lane)] += sums[np.uintp(at + lane)]
    else:
        for lane in range(n):
            target[np.uintp(to + lane)] = sums[np.uintp(at + lane)]


@_jit
def sum_points(out: Any, x: Any, taps: Any, groups: Any, room: Any) -> None:  # pragma: no cover
    """Store ``out[b, o, to[p]] = sum_k w[rows[k], o] x[b, from[p] + offsets[k]]``.

    `out` is (signals, outputs, positions) and `x` (signals, samples). Positions p come in groups
    with entries k of their own: `groups` = (first position, first entry, from, to), `taps` =
    (weights, offsets, rows) with weights (panels, rows, lanes of a panel). `room` = (starts, sums).
    """
    weights, offsets, rows = taps
    first_point, first_entry, sources, targets = groups
    starts, sums = room
    lanes = PANEL * VECTOR_BYTES // x.itemsize
    flat, target = x.reshape(-1), out.reshape(-1)
    n_signals = x.shape[0]
    for panel in range(weights.shape[0]):
        piece = (weights, panel * weights.shape[1] * lanes)
        n_lanes = min(lanes, out.shape[1] - panel * lanes)
        for g in range(first_point.size - 1):
            entry = first_entry[g]
            entries = (starts, offsets, rows, entry, first_entry[g + 1] - entry)
            begin = first_point[g]
            total = (first_point[g + 1] - begin) * n_signals
            for i in range(0, total, POINTS):
                for p in range(POINTS):
                    j = min(i + p, total - 1)
                    starts[p] = j % n_signals * x.shape[1] + sources[begin + j // n_signals]
                points_times_lanes(sums, flat, entries, piece)
                for p in range(min(POINTS, total - i)):
                    first = (i + p) % n_signals * out.shape[1] + panel * lanes
                    to = first * out.shape[2] + targets[begin + (i + p) // n_signals]
                    for lane in range(n_lanes):
                        target[np.uintp(to + lane * out.shape[2])] = sums[
                            np.uintp(p * lanes + lane)
                        ]


@_jit
def pack(out: Any, x: Any, first: Any) -> None:  # pragma: no cover
    """Store ``out[f // lanes, first + t, i, f % lanes] = x[t, i, f]``, zeros after the last f."""
    lanes = out.shape[3]
    for t in range(x.shape[0]):
        for i in range(x.shape[1]):
            line = x[t, i]
            for block in range(out.shape[0]):
                target = out[block, first + t, i]
                n = min(lanes, line.size - block * lanes)
                for lane in range(n):
                    target[lane] = line[block * lanes + lane]
                for lane in range(n, lanes):
                    target[lane] = 0


@_jit
def unpack(out: Any, x: Any, first: Any) -> None:  # pragma: no cover
    """Undo `pack`: ``out[t, i, f] = x[f // lanes, first + t, i, f % lanes]``."""
    lanes = x.shape[3]
    for t in range(out.shape[0]):
        for i in range(out.shape[1]):
            line = out[t, i]
            for block in range(x.shape[0]):
                source = x[block, first + t, i]
                for lane in range(min(lanes, line.size - block * lanes)):
                    line[block * lanes + lane] = source[lane]


@_jit
def multiply_tiles(
    out: Any, spectra: Any, x: Any, steps: Any, room: Any
) -> None:  # pragma: no cover
    """Store ``out[f, t, o] = sum_i s(spectra[f](o, i)) x[f, t, i]``, all packed by `pack`.

    `spectra` is (blocks, filters, channels, lanes); steps = (1, 0, 0), and sign 1, sum over
    filters, (0, 1, first filter), and sign -1, over channels, conjugated. `room` = (indices, sign).
    """
    to_out, to_in, first = steps
    indices, sign = room
    n_blocks, n_tiles, n_outs, lanes = out.shape
    n_in = x.shape[2]
    indices[OUTS + TILES * (1 + OUTS)] = (spectra.shape[2] * to_out + to_in) * lanes
    indices[OUTS + TILES * (1 + OUTS) + 1] = lanes
    across = (spectra.shape[2] * to_in + to_out) * lanes
    for block in range(n_blocks):
        matrices = (block * spectra.shape[1] + first) * spectra.shape[2] * lanes
        for o in range(0, n_outs, OUTS):
            for a in range(OUTS):
                indices[a] = matrices + min(o + a, n_outs - 1) * across
            for t in range(0, n_tiles, TILES):
                for b in range(TILES):
                    tile = block * n_tiles + min(t + b, n_tiles - 1)
                    indices[OUTS + b] = tile * n_in * lanes
                    for a in range(OUTS):
                        place = OUTS + TILES + a * TILES + b
                        indices[place] = (tile * n_outs + min(o + a, n_outs - 1)) * lanes
                frequencies(out, spectra, x, (indices, n_in, sign))


ROW_SUMS = max(ROWS * VECTORS, LONE_VECTORS) * VECTOR_BYTES
POINT_SUMS = POINTS * PANEL * VECTOR_BYTES
INDICES = OUTS + TILES * (1 + OUTS) + 2


def lanes_of(dtype: Any) -> int:
    """Return how many numbers of this dtype one vector holds."""
    return VECTOR_BYTES // int(np.dtype(dtype).itemsize)
