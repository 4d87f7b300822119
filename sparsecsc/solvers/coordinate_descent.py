"""Coordinate descent on tiles of the signal, over the coefficients that can matter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from sparsecsc._codes_scratch import empty_like
from sparsecsc._codes_tiles import TileWork
from sparsecsc._codes_work import make_work, squares_of
from sparsecsc.checks import check_count, check_number
from sparsecsc.codes import SparseCodes
from sparsecsc.protocols import Array
from sparsecsc.solvers._second_order import polish

_FEW = 0.05
"""Share of the coefficients that may join in the iteration before a second-order step."""


@dataclass(frozen=True, eq=False)
class CoordinateState:
    """The nonzero coefficients, and the residual M^2 (y - D z)."""

    work: TileWork
    samples: Array
    """The residual, (n_signals, n_channels, n0, n1, n2)."""
    entries: list[Any]
    scale: float = 1.0
    """Of the weights: above 1 at first, so that the large coefficients join first."""
    k: int = 0
    finished = None

    @cached_property
    def codes(self) -> SparseCodes:
        """The codes."""
        return self.work.codes(self.entries)


@dataclass(frozen=True)
class CoordinateDescent:
    r"""Exact minimisation over one coefficient at a time, for those that can matter.

    .. math::
        z_j \leftarrow \frac{S_{\lambda_j}(c_j z_j + \langle d_j, r\rangle)}{c_j + \rho_j}, \quad
        c_j = \|d_j\|^2, \quad r \leftarrow r - (z_j^\text{new} - z_j) d_j

    The positions are cut into tiles, whose samples are copied, worked on and written back. In an
    iteration every tile is visited once to select, and `sweeps` times more: selecting correlates
    all filters with the samples and lets the best coefficient of each small cell of positions join
    the nonzero ones; each visit passes over these. Coefficients that end at 0 leave.

    Parameters
    ----------
    sweeps : int
        Visits of every tile in an iteration, besides the one that selects.
    passes : int
        Passes over the nonzero coefficients of a tile in a visit.
    continuation : float
        Factor in (0, 1] by which the weights, multiplied at first so that nearly all codes are 0,
        come down to themselves from iteration to iteration; 1 starts with the weights themselves,
        as does a start that is not 0.
    newton_steps : int
        Conjugate gradient steps towards the minimum over the nonzero coefficients with their
        signs, once few coefficients join; 0 leaves them out.

    Raises
    ------
    TypeError
        If the dictionary is not a `ConvDictionary`, the penalty has no threshold for each
        coefficient (`L1`, `NonnegativeL1` and `ElasticNet` have), or the arrays are not NumPy's.
    ValueError
        If a number is out of range, or a dilated filter is larger than a circular signal.

    Notes
    -----
    With all weights at their own value the objective never rises beyond rounding. Per iteration
    one correlation of the signal with all filters, M K operations a position for M filters of K
    taps, and 2 K for each visit of a coefficient. Memory: the residual, and 12 or 16 bytes a
    nonzero coefficient (SparseCodes); no array of the codes' size. Where the signal is mapped into
    memory so is the residual, in an unnamed file of the same folder. Tiles that share no sample
    are worked on by all threads at once, in an order that does not depend on their number.

    References
    ----------
    Friedman, Hastie and Tibshirani 2010; Moreau, Oudre and Vayatis 2018 (convolutional).
    """

    sweeps: int = 3
    passes: int = 4
    continuation: float = 0.35
    newton_steps: int = 20
    sparse = True
    check_every = 3

    def __post_init__(self) -> None:
        check_count("sweeps", self.sweeps, least=0)
        check_count("passes", self.passes)
        check_number("continuation", self.continuation, above=0.0, most=1.0)
        check_count("newton_steps", self.newton_steps, least=0)

    def init(self, problem: Any, start: SparseCodes) -> CoordinateState:
        """Start with the nonzero coefficients of `start`."""
        error = unsuited(problem)
        if error is not None:
            raise error
        work = make_work(problem)
        shape = (*problem.signal.shape[:2], *work.tiling.samples)
        work = replace(work, squares=squares_of(problem, shape))
        samples = empty_like(problem.signal, shape)
        entries = work.entries(start)
        _subtract(problem, work, samples, entries)
        scale = 1.0
        if not start.indices.size and self.continuation < 1:
            overshoot = work.overshoot(samples)
            scale = max(1.0, self.continuation * float(overshoot.max()))
            if np.all(np.asarray(problem.penalty.thresholds()[0]) > 0):  # 0 is left out above
                work.settle(overshoot)
        return CoordinateState(work, samples, entries, scale)

    def step(self, problem: Any, state: CoordinateState) -> CoordinateState:
        """Let coefficients join, and pass over the nonzero ones."""
        work, samples, entries, scale = state.work, state.samples, state.entries, state.scale
        _subtract(problem, work, samples, entries)  # the rounding of updates adds up
        entries, joined = work.sweep(samples, entries, plan=(1, 1, self.passes), scale=scale)
        count = sum(part.values.size for part in entries)
        if count and scale == 1 and joined <= _FEW * count and self.newton_steps:
            entries = polish(work, samples, entries, self.newton_steps)
            work.bars[...] = np.inf
        for _ in range(self.sweeps):
            entries, _ = work.sweep(samples, entries, plan=(0, self.passes, 0), scale=scale)
        scale = max(1.0, self.continuation * scale)
        return replace(state, entries=entries, scale=scale, k=state.k + 1)


def _subtract(problem: Any, work: TileWork, samples: Array, entries: list[Any]) -> None:
    """Store the residual M^2 (y - D z)."""
    for b, line in enumerate(problem.signal):
        samples[b] = line.reshape(samples.shape[1:])
    if work.squares is not None:
        samples *= work.squares
    work.add(samples, entries, -np.concatenate([part.values for part in entries]))


def unsuited(problem: Any) -> TypeError | ValueError | None:
    """Return what to say if coordinate descent cannot work on the problem."""
    dictionary, penalty = problem.dictionary, problem.penalty
    if not hasattr(problem.backend, "tiles"):
        return TypeError("CoordinateDescent needs NumPy arrays; got another kind: use FISTA.")
    if not hasattr(dictionary, "filters") or not hasattr(penalty, "thresholds"):
        return TypeError(
            "CoordinateDescent needs a ConvDictionary, and L1, NonnegativeL1 or ElasticNet; got "
            f"{type(dictionary).__name__} and {type(penalty).__name__}: use FISTA."
        )
    extents = zip(dictionary.extent, problem.signal.shape[2:], strict=True)
    if dictionary.is_circular and any(e > n for e, n in extents):
        return ValueError(
            "CoordinateDescent needs dilated filters no larger than a circular signal; got extent "
            f"{dictionary.extent} for size {problem.signal.shape[2:]}: use FISTA."
        )
    return None
