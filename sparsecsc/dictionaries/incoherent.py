"""Dictionaries about which the recovery theorems say something: small coherence, or D Dᵀ = I.

The bound (1 + 1/μ)/2 on the local sparsity :cite:p:`papyan2017local` is below 1.4 for random short
filters. For the dictionaries here it leaves room:

==========================  ==================  ===============================================
filters                     mutual coherence μ  other facts (circular, stride 1)
==========================  ==================  ===============================================
`dirac_barker_filters`      1/√13 = 0.27735     spatial size at least 13
`dirac_msequence_filters`   1/√N                N = 2**n_bits - 1 samples; ‖D‖² = 1 + (N+1)/N
`sidon_filters`             1/n_taps            any number of filters and channels
`parseval_filters`          no bound            D Dᵀ = I; filters as large as the signal
`haar_pair`                 1/2                 D Dᵀ = I; two taps
==========================  ==================  ===============================================

The layout is (n_filters, n_channels, *kernel), like that of a PyTorch convolution weight.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from sparsecsc.dictionaries._filter_checks import (
    Filters,
    check_filters,
    float_type,
    kernel_shape,
    positive_int,
    unit_norm,
)
from sparsecsc.dictionaries._sidon import sidon_places

__all__ = [
    "dirac_barker_filters",
    "dirac_msequence_filters",
    "haar_pair",
    "parseval_filters",
    "sidon_filters",
]

_BARKER_13 = (1, 1, 1, 1, 1, -1, -1, 1, 1, -1, 1, -1, 1)

# Exponents of primitive polynomials over the field of two elements, by degree; x^0 is understood.
_PRIMITIVE = {
    2: (2, 1),
    3: (3, 2),
    4: (4, 3),
    5: (5, 3),
    6: (6, 5),
    7: (7, 6),
    8: (8, 6, 5, 4),
    9: (9, 5),
    10: (10, 7),
    11: (11, 9),
    12: (12, 11, 10, 4),
    13: (13, 12, 11, 8),
    14: (14, 13, 12, 2),
    15: (15, 14),
    16: (16, 15, 13, 4),
}


def dirac_barker_filters(*, dtype: DTypeLike = np.float64) -> Filters:
    """Return a single spike and the Barker sequence of length 13 over √13: μ = 1/√13.

    The sidelobes of the Barker autocorrelation are 0 or 1, so two shifts of that filter have inner
    product at most 1/13 (2/13 where they wrap around on a circle of fewer than 25 samples); a spike
    and any shift have 1/√13 or 0. Spreading the taps (dilation) changes none of this.

    Parameters
    ----------
    dtype : float64 or float32, default float64
        Type of the result.

    Returns
    -------
    ndarray of `dtype`
        Shape (2, 1, 13), the spike (at the first tap) first; unit norm.

    Raises
    ------
    ValueError
        If `dtype` is not a float32 or float64.

    Notes
    -----
    [I, C] is also a layer of the mixed-scale dense model (an identity beside a convolution). The
    bound (1 + 1/μ)/2 is 2.303, and (1 + 1/μ)/3 is 1.535.

    References
    ----------
    Barker, Group synchronizing of binary digital systems, in Communication Theory, Butterworths
    (1953), 273-287.
    """
    spike = (1.0,) + 12 * (0.0,)
    return unit_norm(np.array([spike, _BARKER_13])[:, None], dtype)


def dirac_msequence_filters(n_bits: int, *, dtype: DTypeLike = np.float64) -> Filters:
    """Return a single spike and a maximal-length sequence of N = 2**n_bits - 1 signs over √N.

    On a circle of exactly N samples all shifts of the sequence have inner product -1/N, and a spike
    has ±1/√N with every one of them: μ = 1/√N.

    Parameters
    ----------
    n_bits : int
        Length of the shift register that makes the sequence, 2 to 16.
    dtype : float64 or float32, default float64
        Type of the result.

    Returns
    -------
    ndarray of `dtype`
        Shape (2, 1, N), the spike (at the first tap) first; unit norm.

    Raises
    ------
    TypeError
        If `n_bits` is not an integer.
    ValueError
        If `n_bits` is not 2 to 16, or `dtype` is not a float32 or float64.

    Notes
    -----
    The circular dictionary on N samples has ‖D‖² = 1 + (N+1)/N; on any other size neither number
    holds. For n_bits = 12, (1 + 1/μ)/2 is 32.5 and (1 + 1/μ)/3 is 21.7. Cost: n_bits · N.

    References
    ----------
    Golomb, Shift Register Sequences, Holden-Day (1967), chapter III.
    """
    if positive_int(n_bits, "n_bits") not in _PRIMITIVE:
        msg = f"`n_bits` must be {min(_PRIMITIVE)} to {max(_PRIMITIVE)}; got {n_bits}."
        raise ValueError(msg)
    n = 2**n_bits - 1
    bits = np.ones(n, dtype=np.int64)
    for i in range(n_bits, n):
        bits[i] = sum(bits[i - lag] for lag in _PRIMITIVE[n_bits]) % 2
    spike = np.zeros(n)
    spike[0] = 1
    return unit_norm(np.stack([spike, 1.0 - 2.0 * bits])[:, None], dtype)


def sidon_filters(
    n_filters: int,
    n_channels: int,
    kernel: int | Sequence[int],
    n_taps: int,
    rng: np.random.Generator | int,
    *,
    dtype: DTypeLike = np.float64,
) -> Filters:
    """Return sparse filters of taps ±1/√T of which any two, shifted at will, share at most one tap.

    Then all inner products of different atoms are 0 or ±1/T, and μ = 1/T exactly. Position
    differences between taps of one channel never repeat, neither inside a filter nor between two:
    the taps form a Sidon set over (channel, position).

    Parameters
    ----------
    n_filters, n_channels : int
        Number of filters, and of channels that they are laid over (the filters of the layer
        before).
    kernel : int or sequence of 1 to 3 ints
        Filter size in samples per spatial axis. The search succeeded in every trial with
        max(2, n_filters) · T² / n_channels positions.
    n_taps : int
        T, the number of nonzero taps of each filter, at least 2; spread evenly over the channels.
    rng : numpy.random.Generator or int
        Source of randomness (positions and signs), or a seed for one.
    dtype : float64 or float32, default float64
        Type of the result.

    Returns
    -------
    ndarray of `dtype`
        Shape (n_filters, n_channels, *kernel), unit norm.

    Raises
    ------
    TypeError
        If a size or count is not an integer.
    ValueError
        If a size or count is below 1, `n_taps` is below 2, no two atoms could meet (one filter
        with at most one tap a channel), no such filters were found in this kernel, or `dtype` is
        not a float32 or float64.

    Notes
    -----
    On a circle the spatial size must be at least 2 · kernel - 1 per axis, lest differences wrap
    into each other. As second layers such filters map sparse codes to sparse codes, which plants
    signals of the multi-layer model that meet every hypothesis of :cite:p:`papyan2017cnn`. Cost of
    a try: n_filters² · n_taps² · prod(kernel).

    References
    ----------
    Sidon, Ein Satz über trigonometrische Polynome, Math. Annalen 106 (1932), 536-539.
    """
    layout = (positive_int(n_filters, "n_filters"), positive_int(n_channels, "n_channels"))
    shape = kernel_shape(kernel)
    if positive_int(n_taps, "n_taps") < 2:
        msg = f"`n_taps` must be at least 2; got {n_taps}."
        raise ValueError(msg)
    if n_filters == 1 and n_taps <= n_channels:
        msg = f"`n_taps` must exceed n_channels = {n_channels} for a single filter; got {n_taps}."
        raise ValueError(msg)
    rng = np.random.default_rng(rng)
    places = sidon_places(layout, shape, n_taps, rng)
    filters = np.zeros((*layout, math.prod(shape)))
    for filter_, taps in zip(filters, places, strict=True):
        for channel, place in taps:
            filter_[channel, place] = rng.choice((-1.0, 1.0))
    return unit_norm(filters.reshape(*layout, *shape), dtype)


def parseval_filters(filters: Filters, spatial_shape: int | Sequence[int]) -> Filters:
    """Whiten `filters` so that the circular dictionary satisfies D Dᵀ = I.

    With Ŵ(ω) the n_channels × n_filters matrix of the filters' spectra at frequency ω, the result
    has the spectra ``(Ŵ Ŵᴴ)^(-1/2) Ŵ``, the nearest with orthonormal rows.

    Parameters
    ----------
    filters : ndarray of float32 or float64
        Shape (n_filters, n_channels, *kernel).
    spatial_shape : int or sequence of ints
        Spatial size of the signals in samples per axis, at least that of the kernel.

    Returns
    -------
    ndarray of the dtype of `filters`
        Shape (n_filters, n_channels, *spatial_shape): as large as the signals, and Parseval for
        circular signals of this size only. Not unit norm.

    Raises
    ------
    TypeError
        If `filters` is not a NumPy array, or a size is not an integer.
    ValueError
        If `filters` is not float32 or float64, has not 1 to 3 spatial axes, has NaN or infinity,
        is larger than `spatial_shape`, or does not span all channels at some frequency (a
        frequency that no filter passes, or fewer filters than channels).

    Notes
    -----
    ‖D‖² = 1, so a unit step is exact. Cost: one FFT of each filter and a Hermitian eigenvalue
    problem of size n_channels per frequency, in float64.
    """
    check_filters(filters)
    shape = kernel_shape(spatial_shape)
    axes = tuple(range(2, filters.ndim))
    if len(shape) != len(axes) or any(map(operator.lt, shape, filters.shape[2:])):
        msg = (
            "`spatial_shape` must be at least the kernel's size on each axis, "
            f"{filters.shape[2:]}; got {spatial_shape!r}."
        )
        raise ValueError(msg)
    spectra = np.fft.rfftn(filters.astype(np.float64), shape, axes)
    matrices = np.moveaxis(spectra, (0, 1), (-1, -2))  # (*frequencies, n_channels, n_filters)
    values, vectors = np.linalg.eigh(matrices @ matrices.conj().swapaxes(-1, -2))
    if values.min() <= 1e-12 * values.max():
        where = np.unravel_index(np.argmin(values[..., 0]), values.shape[:-1])
        msg = (
            "`filters` must span all channels at every frequency; they do not at frequency index "
            f"{tuple(map(int, where))}: add a filter that passes it, such as a single spike."
        )
        raise ValueError(msg)
    roots = vectors / np.sqrt(values)[..., None, :] @ vectors.conj().swapaxes(-1, -2)
    white = np.moveaxis(roots @ matrices, (-1, -2), (0, 1))
    return np.fft.irfftn(white, shape, axes).astype(filters.dtype)


def haar_pair(*, dtype: DTypeLike = np.float64) -> Filters:
    """Return average and half difference of two neighbours, (1, 1)/2 and (1, -1)/2.

    The undecimated Haar transform: circular, stride 1, it has D Dᵀ = I on signals of any size.

    Parameters
    ----------
    dtype : float64 or float32, default float64
        Type of the result.

    Returns
    -------
    ndarray of `dtype`
        Shape (2, 1, 2), of norm 1/√2 each. ``analytic.haar_filters`` has the unit-norm filters,
        orthogonal at stride 2.

    Raises
    ------
    ValueError
        If `dtype` is not a float32 or float64.
    """
    return np.array([[[0.5, 0.5]], [[0.5, -0.5]]], dtype=float_type(dtype))
