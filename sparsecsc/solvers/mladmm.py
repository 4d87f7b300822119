"""The exact solver of multi-layer basis pursuit: one splitting a layer, one linear solve."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from sparsecsc.checks import check_number
from sparsecsc.protocols import Array
from sparsecsc.solvers._layers import check_multilayer

_FIRST_BALANCE = 10
_LEAST_CHANGE, _MOST_CHANGE = 1.2, 10.0


@dataclass(frozen=True)
class MLADMMState:
    """The sparse copies of all layers' codes, and their scaled multipliers."""

    codes: tuple[Array, ...]
    scaled: tuple[Array, ...]
    """u_i; the multiplier of layer i is rho_i u_i."""
    rho: float
    gains: tuple[float, ...]
    """rho_i / rho, one a layer; 1 for the deepest."""
    k: int
    next_balance: int
    dual: Any = None
    """The last solution of the linear system, one array for each image."""
    residual: Any = None
    """y - D_1 ... D_L x, which goes with the multipliers; None before the first step."""
    finished = None

    @property
    def multipliers(self) -> tuple[Array, ...]:
        """Subgradients of the penalties of all layers but the deepest, at the codes."""
        pairs = zip(self.scaled[:-1], self.gains, strict=False)
        return tuple(self.rho * gain * u for u, gain in pairs)


@dataclass(frozen=True)
class MLADMM:
    r"""Alternating directions on :math:`z_i = D_{i+1} \cdots D_L x`, exact for the convex F.

    With :math:`K x = (D_1 \cdots D_L x, \; D_2 \cdots D_L x, ..., \; D_L x)`,
    :math:`t = (y, z_1 - u_1, ..., z_{L-1} - u_{L-1})` and :math:`S = \mathrm{diag}(\rho_L,
    \rho_L/\rho_1, ..., \rho_L/\rho_{L-1})`,

    .. math::
        q = (S + K K^T)^{-1} (t - K v), \quad v = z_L - u_L, \quad x = v + K^T q, \quad
        K x = t - S q,

    then each :math:`z_i` by its prox and each :math:`u_i` by what is left.

    Parameters
    ----------
    rho : float, optional
        :math:`\rho_L`; by default a fifth of the mean squared gain from deepest codes to signal.
    relaxation : float
        In (0, 2); above 1 over-relaxed.
    balance : bool
        Whether :math:`\rho` follows the ratio of the relative primal and dual residuals, after
        10, 20, 40, ... steps, so rarely that convergence is kept.

    Raises
    ------
    ValueError
        If `rho` is not positive or `relaxation` not in (0, 2).

    Notes
    -----
    The codes of the shallower layers are the sparse copies :math:`z_i`; they equal what the
    deepest codes synthesise in the limit. The multipliers, with the residual of x rather than that
    of the sparse codes, which goes with them less well, give the dual certificate. The other
    :math:`\rho_i` are scaled by the mean squared gain from the deepest codes to layer i, so that
    the run does not depend on the scale of the filters. Where all layers are circular, the linear
    solve is one small matrix a frequency, set up from each deep filter once; elsewhere conjugate
    gradients, started at the last solution. Per step one synthesis and one analysis a layer, and
    an FFT and its inverse of all images. Memory: three arrays of the codes of all layers.

    References
    ----------
    Boyd, Parikh, Chu, Peleato and Eckstein 2011 (section 3); Sulam, Aberdam, Beck and Elad 2020
    (the problem); the splitting and its dual certificate are derived in docs/multilayer.md.
    """

    rho: float | None = None
    relaxation: float = 1.8
    balance: bool = True
    multilayer = True

    def __post_init__(self) -> None:
        if self.rho is not None:
            check_number("rho", self.rho, above=0.0, finite=True)
        check_number("relaxation", self.relaxation, above=0.0, most=2.0 - 1e-9)

    def init(self, problem: Any, start: tuple[Array, ...]) -> MLADMMState:
        """Start at z_i = what the deepest of `start` synthesises, with multipliers of 0."""
        check_multilayer(self, problem)
        xp = problem.backend.xp
        signal_gain, *layer_gains = _mean_gains(problem)
        rho = 0.2 * signal_gain if self.rho is None else float(self.rho)
        codes = problem.images(start[-1])[1:]
        scaled = tuple(xp.zeros_like(z) for z in codes)
        gains = (*(1.0 / g for g in layer_gains), 1.0)
        return MLADMMState(codes, scaled, rho, gains, 0, _FIRST_BALANCE)

    def step(self, problem: Any, state: MLADMMState) -> MLADMMState:
        """Take one step."""
        z, u = state.codes, state.scaled
        v = z[-1] - u[-1]
        targets = (problem.signal, *(a - b for a, b in zip(z[:-1], u[:-1], strict=True)))
        shifts = (state.rho, *(1.0 / gain for gain in state.gains[:-1]))
        right = [t - kv for t, kv in zip(targets, problem.images(v)[:-1], strict=True)]
        dual = problem.stack.solve(right, shifts, state.dual)
        images = [t - s * q for t, s, q in zip(targets, shifts, dual, strict=True)]
        points = (*images[1:], v + problem.correlate(dual))
        balances = self.balance and state.k + 1 == state.next_balance
        codes, scaled, norms = [], [], [0.0] * 5
        for i, point in enumerate(points):
            new, left = self._update(problem, state, i, point)
            codes.append(new)
            scaled.append(left)
            if balances:
                sums = map(problem.backend.sum_squares, (point - new, new - z[i], point, new, left))
                norms = [a + state.gains[i] * b for a, b in zip(norms, sums, strict=True)]
        residual = problem.signal - images[0]
        state = replace(
            state,
            codes=tuple(codes),
            scaled=tuple(scaled),
            dual=dual,
            residual=residual,
            k=state.k + 1,
        )
        return _balanced(state, norms) if balances else state

    def _update(self, problem: Any, state: MLADMMState, i: int, point: Array) -> Any:
        """Return z_i and u_i."""
        z, u = state.codes[i], state.scaled[i]
        relaxed = self.relaxation * point + (1.0 - self.relaxation) * z + u
        new = problem.penalties[i].prox(relaxed, 1.0 / (state.rho * state.gains[i]))
        return new, relaxed - new


def _mean_gains(problem: Any) -> list[float]:
    """Return the mean squared gains from the deepest codes to the signal and the layers.

    Estimated by one vector of random signs: the expectation is the mean over all atoms.
    """
    import numpy as np

    xp = problem.backend.xp
    signs = np.random.default_rng(0).integers(0, 2, problem.shapes[-1]) * 2.0 - 1.0
    probe = xp.asarray(signs, dtype=problem.signal.dtype)
    images = problem.images(probe)[:-1]
    total = float(math.prod(problem.shapes[-1]))
    return [problem.backend.sum_squares(image) / total or 1.0 for image in images]


def _balanced(state: MLADMMState, norms: list[float]) -> MLADMMState:
    """Move rho towards equal relative residuals; the multipliers stay what they are."""
    state = replace(state, next_balance=2 * state.next_balance)
    primal, moved, size_point, size_new, size_left = (math.sqrt(n) for n in norms)
    primal /= max(size_point, size_new) or 1.0
    moved /= size_left or 1.0
    if primal == 0 or moved == 0:
        return state
    factor = min(max(math.sqrt(primal / moved), 1.0 / _MOST_CHANGE), _MOST_CHANGE)
    if 1.0 / _LEAST_CHANGE < factor < _LEAST_CHANGE:
        return state
    scaled = tuple(u / factor for u in state.scaled)
    return replace(state, rho=state.rho * factor, scaled=scaled)
