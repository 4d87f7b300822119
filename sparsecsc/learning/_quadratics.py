r"""The data term as a quadratic of the filters, for codes that stay.

:math:`f(d) = \tfrac12 \langle d, H d\rangle - \langle b, d\rangle + e`. Where no atom is cut off at
a border and nothing is masked, H depends on the lag of two taps alone and is found from pairs of
nonzero codes near to each other: no later step sees a sample. Elsewhere H is applied by synthesis
and correlation at the nonzeros. Codes are sparse, or, of other kinds than NumPy's, arrays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from sparsecsc._codes_synthesis import kernel_geometry
from sparsecsc.backends import backend_of
from sparsecsc.codes import SparseCodes, sparse
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.learning._array_sums import (
    correlate_array_pairs,
    correlate_arrays,
    float64,
    inner,
    packed,
    size_by_filter,
)
from sparsecsc.protocols import Array

Codes = SparseCodes | Array

_MOST_LAGS = 2**25
"""Numbers in the table of lags, 256 MB, above which H is applied at the nonzeros."""


@dataclass(frozen=True, eq=False)
class LagQuadratic:
    """H by lags: sums over pairs of codes, independent of the number of samples."""

    pairs: Array
    """(n_filters, n_filters, *lags) sums of z_k(p) z_l(p + lag), lags from 1 - kernel on."""
    correlation: Array
    """b, the shape of the filters, float64."""
    energy: float
    """e, half the squared norm of the signals."""

    @cached_property
    def _grid(self) -> tuple[int, ...]:
        backend: Any = backend_of(self.pairs)
        return tuple(backend.fast_length(n) for n in self.pairs.shape[2:])

    @cached_property
    def _spectrum(self) -> Array:
        """(frequencies, n_filters, n_filters), the symbol of H."""
        backend: Any = backend_of(self.pairs)
        lasts = tuple(n // 2 for n in self.pairs.shape[2:])
        padded = backend.xp.zeros((*self.pairs.shape[:2], *self._grid), dtype=self.pairs.dtype)
        corner: Any = (..., *(slice(n) for n in self.pairs.shape[2:]))
        padded[corner] = self.pairs
        back = tuple(-n for n in lasts)
        rolled = backend.xp.roll(padded, back, axis=tuple(range(2, padded.ndim)))
        return by_frequency(backend.rfftn(rolled, self._grid))

    @cached_property
    def curvatures(self) -> Array:
        """(n_filters,) the second derivative along a single tap."""
        xp = backend_of(self.pairs).xp
        lasts = tuple(n // 2 for n in self.pairs.shape[2:])
        return packed(xp.linalg.diagonal(self.pairs[(..., *lasts)]))

    def apply(self, filters: Array) -> Array:
        """Return H filters."""
        backend: Any = backend_of(filters)
        spectrum = backend.rfftn(filters, self._grid)
        image = backend.xp.moveaxis(self._spectrum @ by_frequency(spectrum), 0, -1)
        whole = backend.irfftn(backend.xp.reshape(image, spectrum.shape), self._grid)
        return whole[(..., *(slice(n) for n in filters.shape[2:]))]


@dataclass(frozen=True, eq=False)
class SampleQuadratic:
    """H by synthesis and correlation: any border, and a mask."""

    codes: Codes
    dictionary: ConvDictionary
    """Any filters of the geometry."""
    signal: Array
    mask: Array | None

    @cached_property
    def correlation(self) -> Array:
        """b, the shape of the filters, float64."""
        return correlate(self.codes, self.dictionary, self._weighted(self.signal))

    @cached_property
    def energy(self) -> float:
        """e, half the squared norm of what is to be fitted."""
        return 0.5 * inner(self.signal, self._weighted(self.signal))

    @cached_property
    def curvatures(self) -> Array:
        """(n_filters,) the second derivative along a single tap, at most."""
        return _most(self.mask) * energies(self.codes)

    def apply(self, filters: Array) -> Array:
        """Return H filters."""
        dictionary = replace(self.dictionary, filters=filters)
        image = synthesis(self.codes, dictionary, self.signal.shape[2:])
        return correlate(self.codes, dictionary, self._weighted(image))

    def _weighted(self, signal: Array) -> Array:
        return signal if self.mask is None else self.mask**2 * signal


def by_frequency(spectrum: Array) -> Array:
    """Return a matrix for each frequency, (frequencies, rows, columns), of one in front."""
    xp = backend_of(spectrum).xp
    return packed(xp.moveaxis(xp.reshape(spectrum, (*spectrum.shape[:2], -1)), -1, 0))


def make_quadratic(problem: Any, codes: Codes) -> LagQuadratic | SampleQuadratic:
    """Return the data term of a `Pursuit` with a `ConvDictionary` at these codes, in float64."""
    dictionary = problem.dictionary
    if problem.mask is None and shift_invariant(dictionary) and fits(dictionary):
        return make_lags(dictionary, codes, problem.signal)
    like = replace(dictionary, filters=exact(dictionary.filters), plan=None)
    mask = None if problem.mask is None else exact(problem.mask)
    return SampleQuadratic(exact(codes), like, exact(problem.signal), mask)


def make_majoriser(problem: Any, codes: Codes) -> LagQuadratic:
    r"""Return a quadratic by lags that is not below the data term, and touches it at the filters.

    What is masked, or of atoms that are cut off lies outside of the signal, counts as if the
    filters as they are explained it without an error: with :math:`M \le c`,
    :math:`\|M(y - x)\|^2 \le c^2 \|x_0 + (M/c)^2 (y - x_0) - x\|^2 + \text{constant}`, x_0 being
    D z.
    """
    dictionary = problem.dictionary
    if problem.mask is None and shift_invariant(dictionary):
        return make_lags(dictionary, codes, problem.signal)
    whole = replace(dictionary, plan=None)
    if not dictionary.is_circular:
        whole = replace(whole, padding="valid")
    wide = exact(codes)
    filled = synthesis(wide, replace(whole, filters=exact(whole.filters)), None)
    spatial = problem.signal.shape[2:]
    begins = [before for before, _ in dictionary.pads]
    ends = zip(begins, spatial, filled.shape[2:], strict=True)
    inside: Any = (..., *(slice(a, min(a + n, size)) for a, n, size in ends))
    region = filled[inside]  # may be smaller: samples that no atom reaches
    known: Any = (..., *(slice(0, n) for n in region.shape[2:]))
    change, most = exact(problem.signal[known]) - region, _most(problem.mask)
    if problem.mask is not None:
        xp = backend_of(problem.mask).xp
        mask = exact(xp.broadcast_to(problem.mask, problem.signal.shape)[known])
        change *= mask**2 / most
    filled[inside] = region + change
    quadratic = make_lags(whole, wide, filled)
    return LagQuadratic(
        most * quadratic.pairs, most * quadratic.correlation, most * quadratic.energy
    )


def make_lags(dictionary: ConvDictionary, codes: Codes, signal: Array) -> LagQuadratic:
    """Return the data term of a dictionary whose atoms are not cut off, without a mask."""
    backend: Any = backend_of(signal)
    pairs = correlate_pairs(codes, dictionary, signal.shape[2:])
    correlation = correlate(codes, dictionary, signal)
    return LagQuadratic(pairs, correlation, 0.5 * backend.sum_squares(signal))


def shift_invariant(dictionary: ConvDictionary) -> bool:
    """Return whether no atom is cut off at a border."""
    return dictionary.is_circular or not any(map(any, dictionary.pads))


def fits(dictionary: ConvDictionary) -> bool:
    """Return whether the table of lags is of a size to work with."""
    lags = math.prod(2 * k - 1 for k in dictionary.kernel)
    return dictionary.n_filters**2 * lags <= _MOST_LAGS


def sparse_if_possible(codes: Any) -> Any:
    """Return the nonzeros of codes where kernels can work on them, else the array."""
    is_array = not isinstance(codes, SparseCodes)
    return codes if is_array and not hasattr(backend_of(codes), "sparse") else sparse(codes)


def exact(thing: Any) -> Any:
    """Return an array or codes in float64."""
    return thing.astype(np.float64) if isinstance(thing, SparseCodes) else float64(thing)


def _most(mask: Array | None) -> float:
    """Return the square of the largest value of a mask."""
    return 1.0 if mask is None else float(backend_of(mask).xp.max(mask)) ** 2


def energies(codes: Codes) -> Array:
    """Return the sum of the squares of the codes of each filter, float64: (n_filters,)."""
    if not isinstance(codes, SparseCodes):
        return size_by_filter(codes)
    return np.bincount(codes.filters, codes.values.astype(np.float64) ** 2, codes.shape[1])


def synthesis(codes: Codes, dictionary: ConvDictionary, spatial: Any) -> Array:
    """Return D codes, by default on the smallest signal with such codes."""
    if isinstance(codes, SparseCodes):
        return codes.synthesize(dictionary, spatial)
    return dictionary.synthesize(codes, spatial)


def correlate(codes: Codes, dictionary: ConvDictionary, signal: Array) -> Array:
    """Return for each tap the sum of codes times the samples under it, float64."""
    if not isinstance(codes, SparseCodes):
        return correlate_arrays(codes, dictionary, signal)
    _, geometry, axis = kernel_geometry(codes, dictionary, signal.shape[2:])
    backend: Any = backend_of(dictionary.filters)
    out = np.zeros(dictionary.filters.shape)
    shape = (dictionary.n_channels, *(1,) * axis, *dictionary.kernel)
    line, entries = np.ascontiguousarray(signal).reshape(-1), _entries(codes)

    def task(m: int) -> None:
        taps = (out[m].reshape(-1), shape)
        backend.statistics.correlate_codes(taps, line, m, entries, geometry)

    backend.run(task, range(codes.shape[1]))
    return out


def correlate_pairs(codes: Codes, dictionary: ConvDictionary, spatial: Any) -> Array:
    """Return for each two filters and each lag of taps the sum of products of codes, float64."""
    if not isinstance(codes, SparseCodes):
        return correlate_array_pairs(codes, dictionary, spatial)
    _, geometry, axis = kernel_geometry(codes, dictionary, tuple(spatial))
    backend: Any = backend_of(dictionary.filters)
    last = (*(0,) * axis, *(k - 1 for k in dictionary.kernel))
    reach = tuple(n * d // s for n, d, s in zip(last, geometry[4], geometry[2], strict=True))
    n_filters = codes.shape[1]
    out = np.zeros((n_filters, n_filters, math.prod(2 * n + 1 for n in last)))
    entries, table = _entries(codes), _by_position(codes)

    def task(m: int) -> None:
        backend.statistics.correlate_pairs((out[m], reach, last), m, entries, table, geometry)

    backend.run(task, range(n_filters))
    return out.reshape(n_filters, n_filters, *(2 * n + 1 for n in last[axis:]))


def _entries(codes: SparseCodes) -> tuple[Array, Array, Array]:
    """Return places, values, and where those of each signal and filter begin and end."""
    n_signals, n_filters = codes.shape[:2]
    maps = np.arange(n_signals * n_filters + 1) * math.prod(codes.shape[2:])
    ends = np.searchsorted(codes.indices, maps)
    bounds = np.stack([ends[m : m + n_filters + 1] for m in range(0, len(maps) - 1, n_filters)])
    return codes.indices, codes.values, bounds


def _by_position(codes: SparseCodes) -> tuple[Array, Array, Array, Array]:
    """Return the nonzeros in order of signal and position; see the kernel."""
    n_positions = math.prod(codes.shape[2:])
    spots = codes.signals * n_positions + codes.indices % n_positions
    order = np.argsort(spots, kind="stable")
    starts = np.zeros(codes.shape[0] * n_positions + 1, np.int64)
    np.cumsum(np.bincount(spots, minlength=starts.size - 1), out=starts[1:])
    along = (spots[order] % codes.shape[-1]).astype(np.int32)
    return starts, codes.filters[order].astype(np.int32), along, codes.values[order]
