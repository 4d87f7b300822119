"""Spectra of filters; the largest eigenvalue and the inverse over all frequencies."""

from __future__ import annotations

import math
from typing import Any

from sparsecsc.protocols import Array


def embed(
    xp: Any,
    filters: Array,
    spatial: tuple[int, ...],
    dilation: tuple[int, ...],
    origin: tuple[int, ...],
) -> Array:
    """Place dilated `filters` on a periodic grid, the first tap at ``-origin``.

    Returns (n_filters, n_channels, *spatial) in float64. Taps that wrap around onto the same
    point add up, as they do in a circular convolution.
    """
    kernel = filters.shape[2:]
    turns = [-(-((k - 1) * d + 1) // n) for k, d, n in zip(kernel, dilation, spatial, strict=True)]
    unrolled = [t * n for t, n in zip(turns, spatial, strict=True)]
    out = xp.zeros((*filters.shape[:2], *unrolled), dtype=xp.float64)
    steps = zip(kernel, dilation, strict=True)
    out[(..., *(slice(0, (k - 1) * d + 1, d) for k, d in steps))] = filters
    for axis, (t, n) in enumerate(zip(turns, spatial, strict=True), start=2):
        if t > 1:
            out = xp.reshape(out, (*out.shape[:axis], t, n, *out.shape[axis + 1 :]))
            out = xp.sum(out, axis=axis)
    return xp.roll(out, tuple(-o for o in origin), axis=tuple(range(2, out.ndim)))


def largest_eigenvalue(xp: Any, matrices: Array) -> float:
    """Return the largest eigenvalue of Hermitian positive matrices (n, n, *frequencies).

    Frequencies are visited in the order of their Frobenius norms, an upper bound, and only as
    long as that bound exceeds the largest eigenvalue found, so few are decomposed.
    """
    n = matrices.shape[0]
    if n == 1:
        return float(xp.max(xp.real(matrices)))
    count = math.prod(matrices.shape[2:])
    flat = xp.permute_dims(xp.reshape(matrices, (n, n, count)), (2, 0, 1))
    bounds = xp.sqrt(xp.sum(xp.real(flat) ** 2 + xp.imag(flat) ** 2, axis=(1, 2)))
    order = xp.flip(xp.argsort(bounds))
    largest = 0.0
    batch = 256
    for first in range(0, count, batch):
        chosen = order[first : first + batch]
        if float(bounds[chosen[0]]) <= largest:
            break
        values = xp.linalg.eigvalsh(xp.take(flat, chosen, axis=0))
        largest = max(largest, float(xp.max(values)))
    return largest


def inverse(xp: Any, matrices: Array, shift: float) -> Array:
    """Return (shift I + matrices)^-1 at each frequency, transposed: [m, c, ...] maps m to c."""
    n = matrices.shape[0]
    if n == 1:
        return 1.0 / (shift + matrices)
    shape = matrices.shape
    flat = xp.permute_dims(xp.reshape(matrices, (n, n, -1)), (2, 0, 1))
    flat = xp.linalg.inv(flat + shift * xp.eye(n, dtype=matrices.dtype))
    return xp.reshape(xp.permute_dims(flat, (2, 1, 0)), shape)
