"""Numba kernels of sparse codes: atoms added to a window of a signal, correlations at few places.

Nonzeros are given by their places in one C-order array (n_signals, n_filters, p0, p1, p2), as runs:
rows (first, last, filter, place of the filter's first code). `geometry` is (code sizes, signal
sizes, stride, samples that an atom begins before its position, dilation, circular), each of the
first five with three entries, of which those in front are 1 (or 0) where there are fewer axes.
A window is a box of one signal, (n_channels, w0, w1, w2) from `corner` on. Sums are in float64.
"""

from __future__ import annotations

from typing import Any

from sparsecsc.backends._numba_cut import wrapped
from sparsecsc.backends._numba_kernels import _jit
from sparsecsc.backends._numba_simd import part


@part
def _add_row(window: Any, atoms: Any, value: Any, n_taps: int, placing: Any) -> None:
    """Add one row of an atom to one row of a window, both flat.

    placing is (first of the row in the window, first tap, start, dilation, n, corner, size, wraps).
    Most of the time of `add_atoms` is spent on the first branch, which is vectorised: LLVM sees
    there that no index counts from the end.
    """
    row, tap, start, step, n, corner, size, circular = placing
    first = start - corner
    at = row + first
    if step == 1 and start >= 0 and first >= 0 and first + n_taps <= size and at >= 0 and tap >= 0:
        for i in range(n_taps):
            window[at + i] += value * atoms[tap + i]
        return
    for i in range(n_taps):
        q = wrapped(start + i * step, n, circular) - corner
        if 0 <= q < size:
            window[row + q] += value * atoms[tap + i]


@_jit
def add_atoms(
    window: Any, box: Any, codes: Any, atoms: Any, geometry: Any
) -> None:  # pragma: no cover
    """Add value times atom to a window for each nonzero of some runs.

    window is flat, and box (corner, (n_channels, w0, w1, w2)); codes (places, values, runs); atoms
    (flat taps, (n_channels, k0, k1, k2)). What of an atom lies outside of the window is cut off.
    """
    places, values, runs = codes
    sizes, signal, stride, before, dilation, circular = geometry
    corner, (n_channels, w0, w1, w2) = box
    taps, (_, k0, k1, k2) = atoms
    for run in range(runs.shape[0]):
        m, base = runs[run, 2], runs[run, 3]
        for a in range(runs[run, 0], runs[run, 1]):
            line = (places[a] - base) // sizes[2]
            p2, p1, p0 = places[a] - base - line * sizes[2], line % sizes[1], line // sizes[1]
            value = window.dtype.type(values[a])
            start = p2 * stride[2] - before[2]
            for i0 in range(k0):
                q0 = p0 * stride[0] - before[0] + i0 * dilation[0]
                q0 = wrapped(q0, signal[0], circular) - corner[0]
                if q0 < 0 or q0 >= w0:
                    continue
                for i1 in range(k1):
                    q1 = p1 * stride[1] - before[1] + i1 * dilation[1]
                    q1 = wrapped(q1, signal[1], circular) - corner[1]
                    if q1 < 0 or q1 >= w1:
                        continue
                    for c in range(n_channels):
                        row, tap = (c * w0 + q0) * w1 + q1, (m * n_channels + c) * k0 + i0
                        ends = (row * w2, (tap * k1 + i1) * k2, start, dilation[2])
                        placing = (*ends, signal[2], corner[2], w2, circular)
                        _add_row(window, taps, value, k2, placing)


@_jit
def correlate_at(
    out: Any, signal: Any, codes: Any, atoms: Any, geometry: Any
) -> None:  # pragma: no cover
    """Store the inner product of one signal with the atom of each place; codes: (places, runs)."""
    places, runs = codes
    sizes, shape, stride, before, dilation, circular = geometry
    for run in range(runs.shape[0]):
        m, base = runs[run, 2], runs[run, 3]
        for a in range(runs[run, 0], runs[run, 1]):
            line = (places[a] - base) // sizes[2]
            p2, p1, p0 = places[a] - base - line * sizes[2], line % sizes[1], line // sizes[1]
            total = 0.0
            for i0 in range(atoms.shape[2]):
                q0 = p0 * stride[0] - before[0] + i0 * dilation[0]
                q0 = wrapped(q0, shape[0], circular)
                if q0 < 0:
                    continue
                for i1 in range(atoms.shape[3]):
                    q1 = p1 * stride[1] - before[1] + i1 * dilation[1]
                    q1 = wrapped(q1, shape[1], circular)
                    if q1 < 0:
                        continue
                    for c in range(atoms.shape[1]):
                        for i2 in range(atoms.shape[4]):
                            q2 = p2 * stride[2] - before[2] + i2 * dilation[2]
                            q2 = wrapped(q2, shape[2], circular)
                            if q2 >= 0:
                                total += atoms[m, c, i0, i1, i2] * signal[c, q0, q1, q2]
            out[a] = total
