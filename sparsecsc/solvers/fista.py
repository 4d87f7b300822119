"""Accelerated proximal gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sparsecsc.checks import check_number
from sparsecsc.protocols import Array, Block
from sparsecsc.solvers._steps import accelerated, restarted


@dataclass(frozen=True)
class FISTAState:
    """Iterate, extrapolated point, and where the momentum stands."""

    codes: Array
    extrapolated: Array
    t: Array
    k: Array
    """Steps since the last restart. Both are float64 without axes, where the codes are."""
    finished = None


@dataclass(frozen=True)
class FISTA:
    r"""Proximal gradient steps from an extrapolated point.

    .. math::
        z_{k+1} = \mathrm{prox}_{s\phi}(v_k + s A^T(b - A v_k)), \quad
        v_{k+1} = z_{k+1} + \frac{t_k - 1}{t_{k+1}} (z_{k+1} - z_k)

    Parameters
    ----------
    step_size : float, optional
        s; by default 1 / L with L the bound on :math:`\|A\|^2`.
    restart : bool
        Whether the momentum restarts when it points uphill,
        :math:`\langle v_k - z_{k+1}, z_{k+1} - z_k\rangle > 0`. On by default: it keeps the
        worst case and is far faster near the solution.
    a : float, optional
        With it :math:`t_k = (k + a - 1) / a` (Chambolle and Dossal, a > 2: the iterates
        converge); by default :math:`t_{k+1} = (1 + \sqrt{1 + 4 t_k^2}) / 2`.

    Raises
    ------
    ValueError
        If `step_size` is not positive, or `a` is below 2.

    Notes
    -----
    Without restart F - F* <= 2 L |z_0 - z*|^2 / (k + 1)^2; with `a` the bound is
    a^2 L |z_0 - z*|^2 / (2 (k + a - 1)^2). Per step one synthesis and one analysis. Memory: two
    arrays of the codes' size.

    References
    ----------
    Beck and Teboulle 2009 (theorem 4.4); Chambolle and Dossal 2015 (theorem 3.1); O'Donoghue and
    Candes 2015 (eq. 13, the gradient scheme).
    """

    step_size: float | None = None
    restart: bool = True
    a: float | None = None

    def __post_init__(self) -> None:
        if self.step_size is not None:
            check_number("step_size", self.step_size, above=0.0, finite=True)
        if self.a is not None:
            check_number("a", self.a, least=2.0)

    def init(self, problem: Any, start: Array) -> FISTAState:
        """Start at `start` with no momentum."""
        xp = problem.backend.xp
        one = xp.asarray(1.0, dtype=xp.float64)
        return FISTAState(start, xp.asarray(start, copy=True), t=one, k=one)

    def step(self, problem: Any, state: FISTAState) -> FISTAState:
        """Take one step, in place."""
        codes, extrapolated = state.codes, state.extrapolated
        size = self.step_size or 1.0 / problem.lipschitz()
        t = self._next(problem.backend.xp, state)
        factor = (state.t - 1.0) / t

        def update(block: Block, correlation: Array) -> Any:
            arrays = extrapolated[block], codes[block]
            return accelerated(problem.penalty.at(block), correlation, arrays, size, factor)

        uphill = sum(problem.correlate(problem.residual(extrapolated), update))
        k = state.k + 1
        if self.restart:
            t, k = restarted(problem.backend, uphill, (extrapolated, codes), t, k)
        return FISTAState(codes, extrapolated, t=t, k=k)

    def _next(self, xp: Any, state: FISTAState) -> Array:
        if self.a is None:
            return (1.0 + xp.sqrt(1.0 + 4.0 * state.t**2)) / 2.0
        return (state.k + self.a) / self.a
