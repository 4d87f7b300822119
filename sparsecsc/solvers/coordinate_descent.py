"""Coordinate descent over a working set, in the domain of the residual."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from sparsecsc.checks import check_count
from sparsecsc.protocols import Array, Block
from sparsecsc.solvers._coordinates import (
    Layout,
    WorkingSet,
    block_of,
    clear,
    cut_bands,
    make_layout,
    make_set,
    merged,
    values_at,
)

_SHARE = 0.1
_REFRESH = 20
_ROUNDINGS = 16


@dataclass(frozen=True, eq=False)
class CoordinateState:
    """The working set, and the residual M (y - D z)."""

    layout: Layout
    shape: tuple[int, ...]
    """Of the codes."""
    residual: Array
    active: WorkingSet
    k: int = 0
    finished = None

    @cached_property
    def codes(self) -> Array:
        """The codes, as a dense array."""
        codes = np.zeros(self.shape, dtype=self.residual.dtype)
        codes.reshape(-1)[self.active.entries] = self.active.values
        return codes


@dataclass(frozen=True)
class CoordinateDescent:
    r"""Exact minimisation over one coefficient at a time, for those that can matter.

    .. math::
        z_j \leftarrow \frac{S_{\lambda_j}(c_j z_j + \langle d_j, r\rangle)}{c_j + \rho_j}, \quad
        c_j = \|d_j\|^2, \quad r \leftarrow r - (z_j^\text{new} - z_j) d_j

    An iteration correlates the residual with all atoms once. In each tile of positions the
    coefficient with the largest promised decrease joins a working set; passes over the working set
    then update coefficients and residual; those that end at 0 leave it.

    Parameters
    ----------
    tile : int
        Positions a tile along each axis.
    passes : int
        Most passes an iteration; they end early when no correlation is off by more than a tenth
        of the largest violation that the iteration began with.

    Raises
    ------
    TypeError
        If the dictionary is not a `ConvDictionary`, the penalty has no threshold for each
        coefficient (`L1`, `NonnegativeL1` and `ElasticNet` have), or the arrays are not NumPy's.
    ValueError
        If a number is out of range, or a dilated filter is larger than a circular signal.

    Notes
    -----
    The objective never rises beyond rounding. Per iteration one analysis, and for each visit of a
    coefficient one or two passes over the samples of its atom. Signals of a batch, and bands of
    one signal, are worked on at once. Memory: the residual and the working set; codes become a
    dense array only when they are asked for. Coefficients of weight 0 are all in the working set.

    References
    ----------
    Friedman, Hastie and Tibshirani 2010; Moreau, Oudre and Vayatis 2018 (convolutional).
    """

    tile: int = 2
    passes: int = 5

    def __post_init__(self) -> None:
        check_count("tile", self.tile)
        check_count("passes", self.passes)

    def init(self, problem: Any, start: Array) -> CoordinateState:
        """Start with the nonzero coefficients of `start`, and those of weight 0."""
        layout = make_layout(problem)
        wanted = (start != 0) | np.broadcast_to(layout.weight == 0, start.shape)
        entries = np.flatnonzero(wanted)
        residual = problem.residual(start)
        active = make_set(problem, layout, residual, entries, start.reshape(-1)[entries])
        return CoordinateState(layout, start.shape, residual, active)

    def step(self, problem: Any, state: CoordinateState) -> CoordinateState:
        """Let coefficients join, then descend over the working set."""
        k, residual, active = state.k + 1, state.residual, state.active
        if k % _REFRESH == 0:  # the rounding of updates adds up
            residual = problem.residual(state.codes)
        joining, worst = self._joining(problem, state, residual)
        stay = active.only(np.flatnonzero((active.values != 0) | (active.weights == 0)))
        zeros = np.zeros(joining.size, residual.dtype)
        joined = make_set(problem, state.layout, residual, joining, zeros)
        active = merged(state.layout, stay, joined)
        state = replace(state, residual=residual, active=active, k=k)
        self._descend(problem, state, _SHARE * max(worst, 0.0))
        return state

    def _joining(
        self, problem: Any, state: CoordinateState, residual: Array
    ) -> tuple[Array, float]:
        """Return the best coefficient of each tile that violates its condition, and how much.

        Those in the working set are left out; the most is in units of the weights.
        """
        layout, present = state.layout, np.sort(state.active.entries)
        n_signals, n_filters, *sizes = layout.codes_shape
        n_positions = math.prod(sizes)
        norms = np.sqrt((layout.atoms**2).sum(axis=(1, 2, 3, 4)))
        norms = np.where(norms > 0, norms, 1)
        tile = tuple(min(self.tile, n) for n in sizes)
        tiles = (n_signals, *(-(-n // t) for n, t in zip(sizes, tile, strict=True)))
        best, place = np.zeros(tiles, residual.dtype), np.full(tiles, -1, np.int64)
        least = 1 + _ROUNDINGS * float(np.finfo(residual.dtype).eps)
        lock = threading.Lock()

        def consume(block: Block, correlation: Array) -> float:
            weight = block_of(layout.weight, block)
            size = correlation if layout.nonnegative else np.abs(correlation)
            excess = np.maximum(size - least * weight, 0)
            gains = excess.reshape(*excess.shape[:2], *sizes)
            clear(gains, present, block, n_filters)
            worst = float(np.max(gains.reshape(excess.shape) / np.where(weight > 0, weight, 1)))
            gains /= norms[block[1]].reshape(-1, 1, 1, 1)
            found, where = np.zeros_like(best[block[0]]), np.full_like(place[block[0]], -1)
            problem.backend.coordinates.best_of_tiles(gains, tile, found, where)
            where[where >= 0] += block[1].start * n_positions
            with lock:  # ties go to the first filter, whichever block comes first
                first = (found == best[block[0]]) & (where < place[block[0]])
                better = (found > best[block[0]]) | (first & (where >= 0))
                best[block[0]][better] = found[better]
                place[block[0]][better] = where[better]
            return worst

        worst = max(problem.correlate(residual, consume))
        first = np.arange(n_signals).reshape(-1, 1, 1, 1) * (n_filters * n_positions)
        return (place + first)[place >= 0], worst

    def _descend(self, problem: Any, state: CoordinateState, enough: float) -> None:
        """Run passes over the working set, in place: bands at once, then what crosses them."""
        layout, active = state.layout, state.active
        lines = state.residual.reshape(layout.signal_shape)
        signals, filters, *positions = layout.indices(active.entries)
        starts = layout.starts(tuple(positions))
        ridges = values_at(layout.ridge, active.entries, state.shape)
        descend = problem.backend.coordinates.descend

        def work(group: tuple[int, Array]) -> None:
            b, order = group
            descend(
                (lines[b], layout.mask_of(b, lines), layout.mask is not None),
                (layout.atoms, layout.dilation, layout.circular),
                (filters, starts, active.values, active.curvatures),
                (active.weights, ridges, layout.nonnegative),
                (order, self.passes, enough),
            )

        bands, crossing = cut_bands(layout, signals, starts, problem.backend.threads())
        problem.backend.run(work, bands)
        problem.backend.run(work, crossing)
