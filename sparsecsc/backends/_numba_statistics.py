"""Numba kernels of what filters are learned from: correlations of sparse codes, one filter a call.

Nonzeros are given by their places in one C-order array (n_signals, n_filters, p0, p1, p2), those of
signal b and filter m from ``bounds[b, m]`` to ``bounds[b, m + 1]``. `geometry` is the one of
`_numba_sparse`. Sums are in float64.
"""

from __future__ import annotations

from typing import Any

from sparsecsc.backends._numba_cut import wrapped
from sparsecsc.backends._numba_kernels import _jit
from sparsecsc.backends._numba_simd import part


@part
def _take_row(
    out: Any, line: Any, value: float, n_taps: int, placing: Any
) -> None:  # pragma: no cover
    """Add value times one row of the signal to one row of taps, both flat.

    placing is (first tap, first of the row in the signal, start, dilation, n, wraps).
    """
    tap, row, start, step, n, circular = placing
    at = row + start
    if step == 1 and start >= 0 and start + n_taps <= n and at >= 0 and tap >= 0:
        for i in range(n_taps):
            out[tap + i] += value * line[at + i]
        return
    for i in range(n_taps):
        q = wrapped(start + i * step, n, circular)
        if q >= 0:
            out[tap + i] += value * line[row + q]


@_jit
def correlate_codes(
    out: Any, signal: Any, m: int, codes: Any, geometry: Any
) -> None:  # pragma: no cover
    """Add to each tap of filter m the sum of its codes times the samples under that tap.

    out is (flat taps, (n_channels, k0, k1, k2)); signal flat (n_signals, n_channels, n0, n1, n2);
    codes (places, values, bounds).
    """
    places, values, bounds = codes
    sizes, shape, stride, before, dilation, circular = geometry
    taps, (n_channels, k0, k1, k2) = out
    n_positions = sizes[0] * sizes[1] * sizes[2]
    for b in range(bounds.shape[0]):
        base = (b * (bounds.shape[1] - 1) + m) * n_positions
        for a in range(bounds[b, m], bounds[b, m + 1]):
            line = (places[a] - base) // sizes[2]
            p2, p1, p0 = places[a] - base - line * sizes[2], line % sizes[1], line // sizes[1]
            value, start = float(values[a]), p2 * stride[2] - before[2]
            for i0 in range(k0):
                q0 = wrapped(p0 * stride[0] - before[0] + i0 * dilation[0], shape[0], circular)
                if q0 < 0:
                    continue
                for i1 in range(k1):
                    q1 = wrapped(p1 * stride[1] - before[1] + i1 * dilation[1], shape[1], circular)
                    if q1 < 0:
                        continue
                    for c in range(n_channels):
                        row = ((b * n_channels + c) * shape[0] + q0) * shape[1] + q1
                        ends = (((c * k0 + i0) * k1 + i1) * k2, row * shape[2], start)
                        placing = (*ends, dilation[2], shape[2], circular)
                        _take_row(taps, signal, value, k2, placing)


@part
def _lag(shift: int, stride: int, dilation: int, last: int) -> int:  # pragma: no cover
    """Return the index of the lag, in taps, of two atoms that many positions apart; -1: none."""
    far = shift * stride
    return far // dilation + last if far % dilation == 0 else -1


@part
def _meet(out: Any, lags: int, value: float, table: Any, span: Any) -> None:  # pragma: no cover
    """Add value times the codes of all filters in one row of positions near to p2.

    table is (starts, filters, places along the row, values); span (row, p2, reach, n, stride,
    dilation, last lag, wraps).
    """
    starts, filters, spots, values = table
    row, p2, reach, n, stride, dilation, last, circular = span
    low, high = p2 - reach, p2 + reach + 1
    if not circular:
        low, high = max(low, 0), min(high, n)
    while low < high:
        at = low % n
        stop = min(high, low + n - at)
        for e in range(starts[row + at], starts[row + at + stop - low]):
            lag = _lag(low - at + spots[e] - p2, stride, dilation, last)
            if lag >= 0:
                out[filters[e], lags + lag] += value * values[e]
        low = stop


@_jit
def correlate_pairs(
    out: Any, m: int, codes: Any, table: Any, geometry: Any
) -> None:  # pragma: no cover
    """Add to ``out[l, lag]`` the sum of products of codes of filters m and l at that lag of taps.

    out is (flat lags of each filter, reach in positions, last lag of each axis); codes (places,
    values, bounds); table the nonzeros in order of (signal, position): (where those of each
    position begin, filters, places along the last axis, values).
    """
    places, values, bounds = codes
    sizes, _, stride, _, dilation, circular = geometry
    sums, reach, last = out
    n_positions = sizes[0] * sizes[1] * sizes[2]
    for b in range(bounds.shape[0]):
        base = (b * (bounds.shape[1] - 1) + m) * n_positions
        for a in range(bounds[b, m], bounds[b, m + 1]):
            line = (places[a] - base) // sizes[2]
            p2, p1, p0 = places[a] - base - line * sizes[2], line % sizes[1], line // sizes[1]
            value = float(values[a])
            for d0 in range(-reach[0], reach[0] + 1):
                lag0 = _lag(d0, stride[0], dilation[0], last[0])
                q0 = wrapped(p0 + d0, sizes[0], circular)
                if lag0 < 0 or q0 < 0:
                    continue
                for d1 in range(-reach[1], reach[1] + 1):
                    lag1 = _lag(d1, stride[1], dilation[1], last[1])
                    q1 = wrapped(p1 + d1, sizes[1], circular)
                    if lag1 < 0 or q1 < 0:
                        continue
                    lags = (lag0 * (2 * last[1] + 1) + lag1) * (2 * last[2] + 1)
                    row = ((b * sizes[0] + q0) * sizes[1] + q1) * sizes[2]
                    ends = (row, p2, reach[2], sizes[2], stride[2], dilation[2])
                    _meet(sums, lags, value, table, (*ends, last[2], circular))
