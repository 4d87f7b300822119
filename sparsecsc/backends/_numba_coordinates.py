"""Numba kernels of coordinate descent, for one to three spatial axes.

Signals are (n_channels, n0, n1, n2), atoms (n_filters, n_channels, k0, k1, k2), with axes of size 1
in front where there are fewer. The atom of a coordinate begins at its start, which may lie outside
of the signal where the border is not circular; what lies outside is cut off. Where there is no mask
any array of the signal's shape stands for it. Kernels return numbers only: to make an array, Numba
runs Python code, in which an interrupt would surface as a SystemError.
"""

from __future__ import annotations

from typing import Any

from sparsecsc.backends._numba_kernels import _jit


@_jit
def _at(q: int, n: int, circular: bool) -> int:  # pragma: no cover
    """Return the index of sample q, -1 where there is none."""
    if circular:
        return q % n
    return q if 0 <= q < n else -1


@_jit
def inner(image: Any, placed: Any, border: Any) -> Any:  # pragma: no cover
    """Return <mask * atom at start, signal>.

    image is (signal, mask, whether there is one), placed (atom, start), border (dilation,
    circular).
    """
    signal, mask, masked = image
    atom, start = placed
    dilation, circular = border
    n_channels, n0, n1, n2 = signal.shape
    k0, k1, k2 = atom.shape[1:]
    first, step = start[2], dilation[2]
    whole = first >= 0 and first + k2 - 1 < n2 and step == 1 and not masked
    total = signal.dtype.type(0)
    for i0 in range(k0):
        q0 = _at(start[0] + i0 * dilation[0], n0, circular)
        if q0 < 0:
            continue
        for i1 in range(k1):
            q1 = _at(start[1] + i1 * dilation[1], n1, circular)
            if q1 < 0:
                continue
            for c in range(n_channels):
                line, taps, kept = signal[c, q0, q1], atom[c, i0, i1], mask[c, q0, q1]
                if whole:
                    for i2 in range(k2):
                        total += line[first + i2] * taps[i2]
                    continue
                for i2 in range(k2):
                    q2 = _at(first + i2 * step, n2, circular)
                    if q2 >= 0:
                        total += line[q2] * taps[i2] * (kept[q2] if masked else 1)
    return total


@_jit
def subtract(image: Any, placed: Any, border: Any, factor: Any) -> None:  # pragma: no cover
    """``signal -= factor * mask * atom at start``, in place; arguments as of `inner`."""
    signal, mask, masked = image
    atom, start = placed
    dilation, circular = border
    n_channels, n0, n1, n2 = signal.shape
    k0, k1, k2 = atom.shape[1:]
    first, step = start[2], dilation[2]
    whole = first >= 0 and first + k2 - 1 < n2 and step == 1 and not masked
    for i0 in range(k0):
        q0 = _at(start[0] + i0 * dilation[0], n0, circular)
        if q0 < 0:
            continue
        for i1 in range(k1):
            q1 = _at(start[1] + i1 * dilation[1], n1, circular)
            if q1 < 0:
                continue
            for c in range(n_channels):
                line, taps, kept = signal[c, q0, q1], atom[c, i0, i1], mask[c, q0, q1]
                if whole:
                    for i2 in range(k2):
                        line[first + i2] -= factor * taps[i2]
                    continue
                for i2 in range(k2):
                    q2 = _at(first + i2 * step, n2, circular)
                    if q2 >= 0:
                        line[q2] -= factor * taps[i2] * (kept[q2] if masked else 1)


@_jit
def descend(
    image: Any, geometry: Any, entries: Any, penalty: Any, plan: Any
) -> None:  # pragma: no cover
    """Minimise over the coordinates of a plan in turn, a number of times, in place.

    image is (residual, mask, whether there is one), geometry (atoms, dilation, circular), entries
    (filters, starts, values, curvatures), penalty (weights, ridges, nonnegative), plan (order,
    passes, enough). It ends early after a pass in which no correlation was off by more than
    `enough` weights, or units where the weight is 0.
    """
    atoms, dilation, circular = geometry
    filters, starts, values, sizes = entries
    weights, ridges, nonnegative = penalty
    order, passes, enough = plan
    border, zero = (dilation, circular), image[0].dtype.type(0)
    for _ in range(passes):
        worst = 0.0
        for a in order:
            placed, old, weight = (atoms[filters[a]], starts[a]), values[a], weights[a]
            pull = inner(image, placed, border) + sizes[a] * old
            new = zero
            if pull > weight:
                new = (pull - weight) / (sizes[a] + ridges[a])
            elif pull < -weight and not nonnegative:
                new = (pull + weight) / (sizes[a] + ridges[a])
            if new != old:
                values[a] = new
                subtract(image, placed, border, new - old)
                off = abs(new - old) * (sizes[a] + ridges[a])
                worst = max(worst, off / weight if weight > 0 else off)
        if worst <= enough:
            break


@_jit
def curvatures(
    image: Any, geometry: Any, filters: Any, starts: Any, out: Any
) -> None:  # pragma: no cover
    """Store the squared norm of mask * atom for each coordinate; image is (mask, whether one)."""
    mask, masked = image
    atoms, dilation, circular = geometry
    _, n0, n1, n2 = mask.shape
    for a in range(filters.size):
        total = 0.0
        atom, start = atoms[filters[a]], starts[a]
        for i0 in range(atom.shape[1]):
            q0 = _at(start[0] + i0 * dilation[0], n0, circular)
            for i1 in range(atom.shape[2]):
                q1 = _at(start[1] + i1 * dilation[1], n1, circular)
                for i2 in range(atom.shape[3]):
                    q2 = _at(start[2] + i2 * dilation[2], n2, circular)
                    if min(q0, q1, q2) >= 0:
                        for c in range(atom.shape[0]):
                            tap = atom[c, i0, i1, i2] * (mask[c, q0, q1, q2] if masked else 1)
                            total += tap * tap
        out[a] = total


@_jit
def best_of_tiles(gains: Any, size: Any, best: Any, place: Any) -> None:  # pragma: no cover
    """Store the largest gain of each tile of positions above `best`, and where it is.

    From (n_signals, n_filters, n0, n1, n2) to two arrays (n_signals, t0, t1, t2); places are
    indices into one signal's (n_filters, n0, n1, n2) and stay where no gain is larger.
    """
    n_signals, n_filters, n0, n1, n2 = gains.shape
    for b in range(n_signals):
        for m in range(n_filters):
            for p0 in range(n0):
                for p1 in range(n1):
                    line = gains[b, m, p0, p1]
                    for p2 in range(n2):
                        if line[p2] > 0:
                            tile = (b, p0 // size[0], p1 // size[1], p2 // size[2])
                            if line[p2] > best[tile]:
                                best[tile] = line[p2]
                                place[tile] = ((m * n0 + p0) * n1 + p1) * n2 + p2
