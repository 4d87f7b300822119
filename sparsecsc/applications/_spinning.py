"""Pursuits with stride, averaged over all shifts of the signal."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsecsc.applications.debias import debias
from sparsecsc.penalties.l1 import L1
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.result import Result, Status
from sparsecsc.solve import solve

TOL, MAX_ITER = 2e-2, 300
"""Of each pursuit, unless the options say otherwise."""
_FLOOR = 0.3
"""Correlations below this share of the threshold count as that much."""


@dataclass(frozen=True, eq=False)
class Restoration:
    """A signal restored from sparse codes.

    Attributes
    ----------
    signal : array
        The restored signal, in the layout of the one given.
    weight : array of float64, shape (n_signals,)
        The threshold that was used, in units of the signal.
    sigma : array of float64, shape (n_signals,), or None
        The noise level, where there is one.
    results : tuple of Result
        Of the last round, one a shift.
    """

    signal: Array
    weight: Array
    sigma: Array | None
    results: tuple[Result, ...]

    @property
    def status(self) -> Status:
        """Why the pursuits ended: CONVERGED if all have, else the first other reason."""
        others = (r.status for r in self.results if r.status is not Status.CONVERGED)
        return next(others, Status.CONVERGED)

    @property
    def relative_gap(self) -> float:
        """The largest certified relative gap of the pursuits; 0 where there was none to solve."""
        return max((result.relative_gap for result in self.results), default=0.0)


@dataclass(frozen=True, eq=False)
class Spinning:
    """What the pursuits of all shifts have in common."""

    dictionary: Any
    """A `ConvDictionary`. Its stride is the number of shifts along each axis."""
    amount: float
    """Of de-biasing."""
    options: dict[str, Any]
    """Of `solve`."""
    mask: Array | None = None

    def __post_init__(self) -> None:
        if "start" in self.options:
            msg = (
                "`start` must be left out, as each shift starts where it was in the round before; "
                "got one."
            )
            raise TypeError(msg)

    def average(
        self, signal: Array, threshold: Array, pilot: Array | None, starts: Sequence[Result] = ()
    ) -> tuple[Array, tuple[Result, ...]]:
        """Return the mean of the approximations, and the results; ends early if interrupted.

        Parameters
        ----------
        signal : array, (n_signals, n_channels, *spatial)
            Of sizes that are multiples of the stride.
        threshold : array, (n_signals, 1, ...)
        pilot : array like `signal`, or None
            Whose correlations set the weights; without it all weights are the threshold.
        starts : sequence of Result
            Where to start, one a shift, or none.
        """
        total, results = np.zeros_like(signal), []
        axes = tuple(range(2, signal.ndim))
        shifts = list(itertools.product(*(range(s) for s in self.dictionary.stride)))
        for number, shift in enumerate(shifts):
            moved, mask, seen = (
                None if array is None else np.roll(array, shift, axes)
                for array in (signal, self.mask, pilot)
            )
            weight = correlation_weights(self.dictionary, threshold, seen)
            problem = Pursuit(moved, self.dictionary, L1(weight), mask=mask)
            start = starts[number].kept if number < len(starts) else None
            limits = {"tol": TOL, "max_iter": MAX_ITER} | self.options
            result = solve(problem, start=start, **limits)
            codes = debias(problem, result.kept, amount=self.amount)
            total += np.roll(problem.synthesize(codes), [-s for s in shift], axes)
            results.append(result)
            if result.status is Status.INTERRUPTED:
                break
        return total / signal.dtype.type(len(results)), tuple(results)


def beyond_rounding(levels: Array, signal: Array) -> Array:
    """Return the levels, one a signal, with 0 for those that are rounding errors of the signal."""
    peaks = np.abs(signal).reshape(len(signal), -1).max(axis=1)
    return np.where(levels > 32 * float(np.finfo(signal.dtype).eps) * peaks, levels, 0.0)


def correlation_weights(dictionary: Any, threshold: Array, pilot: Array | None) -> Array:
    r"""Return weights that shrink what the pilot says is there less than the rest.

    .. math::
        \lambda_{m,i} = \|d_m\| \frac{\tau^2}{\max(c_{m,i}, 0.3 \tau)}, \quad
        c_{m,i} = |\langle d_{m,i}, \text{pilot} \rangle| / \|d_m\|

    For one orthonormal atom and the signal as its own pilot this is the nonnegative garrote
    :math:`c - \tau^2 / c`.
    """
    filters = dictionary.filters
    norms = np.sqrt(np.sum(filters.astype(np.float64) ** 2, axis=tuple(range(1, filters.ndim))))
    norms = norms.astype(filters.dtype).reshape(1, -1, *(1,) * (filters.ndim - 2))
    norms = np.where(norms > 0, norms, 1)
    threshold = threshold.astype(filters.dtype)
    if pilot is None:
        return threshold * norms
    correlation = np.abs(dictionary.analyze(pilot)) / norms
    return norms * threshold**2 / np.maximum(correlation, _FLOOR * threshold)
