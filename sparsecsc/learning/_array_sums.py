"""Sums of codes times samples, and of pairs of codes, for codes that are arrays of any kind.

The sum for each tap is an analysis: of the samples, by filters that are the codes, with stride and
dilation in each other's place.
"""

from __future__ import annotations

from typing import Any

from sparsecsc.backends import backend_of
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.protocols import Array


def inner(x: Array, y: Array) -> float:
    """Return the inner product of two arrays of one dtype."""
    xp = backend_of(x).xp
    return float(xp.vecdot(xp.reshape(x, (-1,)), xp.reshape(y, (-1,))))


def packed(x: Array) -> Array:
    """Return a copy without gaps, in C order, such as products of matrices want."""
    out = backend_of(x).xp.empty(x.shape, dtype=x.dtype)
    out[...] = x
    return out


def float64(x: Array) -> Array:
    """Return the array in float64."""
    xp = backend_of(x).xp
    return xp.astype(x, xp.float64, copy=False)


def size_by_filter(codes: Array) -> Array:
    """Return the sum of the squares of the codes of each filter, float64: (n_filters,)."""
    xp = backend_of(codes).xp
    return xp.sum(float64(codes) ** 2, axis=(0, *range(2, codes.ndim)))


def correlate_arrays(codes: Array, dictionary: ConvDictionary, signal: Array) -> Array:
    """Return for each tap the sum of codes times the samples under it, float64.

    Cost: transforms of codes and signal in float64 on a grid a little larger than the signal.
    """
    samples = _extended(float64(signal), dictionary.pads)
    if dictionary.is_circular:
        samples = _wrapped(samples, [(0, e - 1) for e in dictionary.extent])
    return _slid(codes, dictionary, samples, dictionary.kernel)


def correlate_array_pairs(codes: Array, dictionary: ConvDictionary, spatial: Any) -> Array:
    """Return for each two filters and each lag of taps the sum of products of codes, float64.

    Cost: the transforms of `correlate_arrays` for as many channels as there are filters.
    """
    placed = _upsampled(float64(codes), dictionary, tuple(spatial))
    reach = [(e - 1, e - 1) for e in dictionary.extent]
    around = _wrapped if dictionary.is_circular else _extended
    lags = tuple(2 * k - 1 for k in dictionary.kernel)
    return _slid(codes, dictionary, around(placed, reach), lags)


def _slid(codes: Array, dictionary: ConvDictionary, samples: Array, places: Any) -> Array:
    """Return the sums of codes times samples, for the first `places` shifts by a tap."""
    xp = backend_of(codes).xp
    by_filter = ConvDictionary(
        packed(xp.moveaxis(float64(codes), 0, 1)),
        stride=dictionary.dilation,
        dilation=dictionary.stride,
        padding="valid",
    )
    found = by_filter.analyze(packed(xp.moveaxis(samples, 0, 1)))
    return packed(xp.moveaxis(found, 0, 1)[(..., *(slice(n) for n in places))])


def _upsampled(codes: Array, dictionary: ConvDictionary, spatial: tuple[int, ...]) -> Array:
    """Return the codes at the samples where their atoms begin, zeros between."""
    strides, xp = dictionary.strides, backend_of(codes).xp
    sizes = spatial
    if not dictionary.is_circular:
        sizes = tuple(s * (n - 1) + 1 for n, s in zip(codes.shape[2:], strides, strict=True))
    if sizes == tuple(codes.shape[2:]):
        return codes
    placed = xp.zeros((*codes.shape[:2], *sizes), dtype=codes.dtype)
    placed[(..., *(slice(None, None, s) for s in strides))] = codes
    return placed


def _extended(signal: Array, pads: Any) -> Array:
    """Return the signal with zeros before and after each axis."""
    if not any(map(any, pads)):
        return signal
    sizes = zip(signal.shape[2:], pads, strict=True)
    out = backend_of(signal).xp.zeros(
        (*signal.shape[:2], *(n + a + b for n, (a, b) in sizes)), dtype=signal.dtype
    )
    inside = zip(signal.shape[2:], pads, strict=True)
    out[(..., *(slice(a, a + n) for n, (a, _) in inside))] = signal
    return out


def _wrapped(signal: Array, pads: Any) -> Array:
    """Return the signal continued around the circle, before and after each axis."""
    xp = backend_of(signal).xp
    for axis, (before, after) in enumerate(pads, start=2):
        n, rest = signal.shape[axis], (slice(None),) * axis
        ends = (slice(n - before, n), ...), (slice(after), ...)
        parts = [signal[(*rest, *ends[0])], signal, signal[(*rest, *ends[1])]]
        signal = xp.concat([part for part in parts if part.shape[axis]], axis=axis)
    return signal
