"""Spectra of filters; the largest eigenvalue and the inverse over all frequencies."""

from __future__ import annotations

from typing import Any

from sparsecsc.protocols import Array

_BATCH = 64


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

    Frequencies are visited in the order of an upper bound, the Frobenius norm of the fourth power
    to the power 1/4, and only as long as it exceeds the largest eigenvalue found.
    """
    n = matrices.shape[0]
    if n == 1:
        return float(xp.max(xp.real(matrices)))
    flat = xp.permute_dims(xp.reshape(matrices, (n, n, -1)), (2, 0, 1))
    scale = float(xp.max(xp.abs(flat))) or 1.0
    square = xp.matmul(flat / scale, flat / scale)
    fourth = xp.abs(xp.matmul(square, square))
    bounds = scale * xp.sum(fourth * fourth, axis=(1, 2)) ** 0.125
    order = xp.flip(xp.argsort(bounds))
    largest = 0.0
    for first in range(0, order.shape[0], _BATCH):
        chosen = order[first : min(first + _BATCH, order.shape[0])]
        if float(bounds[chosen[0]]) <= largest:
            break
        values = xp.linalg.eigvalsh(xp.take(flat, chosen, axis=0))
        largest = max(largest, float(xp.max(values)))
    return largest


def largest_squared_singular_value(xp: Any, spectra: Array) -> float:
    """Return the largest squared singular value of matrices (m, c, *frequencies)."""
    if spectra.shape[0] < spectra.shape[1]:
        spectra = xp.conj(xp.permute_dims(spectra, (1, 0, *range(2, spectra.ndim))))
    return largest_eigenvalue(xp, outer_products(xp, spectra))


def outer_products(xp: Any, spectra: Array) -> Array:
    """Return sum_m w_m w_m^H at each frequency: (c, c, *frequencies)."""
    channels = spectra.shape[1]
    total = xp.zeros((channels, *spectra.shape[1:]), dtype=spectra.dtype)
    for m in range(spectra.shape[0]):
        total += spectra[m, :, None, ...] * xp.conj(spectra[m, None, ...])
    return total


def inverse(xp: Any, matrices: Array, shift: float) -> Array:
    """Return (shift I + matrices)^-1 at each frequency, transposed: [m, c, ...] maps m to c."""
    n = matrices.shape[0]
    if n == 1:
        return 1.0 / (shift + matrices)
    shape = matrices.shape
    flat = xp.permute_dims(xp.reshape(matrices, (n, n, -1)), (2, 0, 1))
    flat = xp.linalg.inv(flat + shift * xp.eye(n, dtype=matrices.dtype))
    out = xp.empty((n, n, flat.shape[0]), dtype=flat.dtype)  # contiguous, for the products
    out[...] = xp.permute_dims(flat, (2, 1, 0))
    return xp.reshape(out, shape)


def scatter(xp: Any, x: Array, axis: int, where: list[int], n: int) -> Array:
    """Return zeros with `x` added along `axis` at the indices `where`, those >= n dropped."""
    x = xp.moveaxis(x, axis, 0)
    out = xp.zeros((n, *x.shape[1:]), dtype=x.dtype)
    for tap, index in enumerate(where):
        if index < n:
            out[index, ...] += x[tap, ...]
    return xp.moveaxis(out, 0, axis)
