"""How fast the objective falls: ISTA, FISTA, and FISTA as Chambolle and Dossal have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.solvers.fista import FISTA
from sparsecsc.solvers.ista import ISTA
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.claims.residual import slope
from sparsecsc.theory.small import draw_pursuit, optimum

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Descent:
    """A run of a fixed number of steps; every quantity is an array over k = 1, ..., n_steps."""

    problem: Pursuit
    start: Array
    solver: Any
    n_steps: int = 60
    rate: float = field(default=2.0)
    """Of the bound: 2 for Beck and Teboulle's momentum, else a."""

    @cached_property
    def objectives(self) -> Array:
        """F at every iterate, the start first."""
        state = self.solver.init(self.problem, self.start.copy())
        values = [self.problem.objective(state.codes)]
        for _ in range(self.n_steps):
            state = self.solver.step(self.problem, state)
            values.append(self.problem.objective(state.codes))
        return np.array(values)

    @cached_property
    def best(self) -> Array:
        """A minimiser."""
        return optimum(self.problem)

    @property
    def excess(self) -> Array:
        """F - min F, or 0 where rounding hides it."""
        lowest = self.problem.objective(self.best)
        found = self.objectives[1:] - lowest
        return np.where(found > 100 * _EPS * max(lowest, self.objectives[0]), found, 0.0)

    @property
    def scale(self) -> float:
        """L times the squared distance of the start."""
        return self.problem.lipschitz() * float(np.sum((self.start - self.best) ** 2))

    @property
    def k(self) -> Array:
        """1, ..., n_steps."""
        return np.arange(1, self.n_steps + 1)

    def ista_bound(self) -> Array:
        """L d^2 / (2 k)."""
        return self.scale / (2.0 * self.k)

    def fista_bound(self) -> Array:
        """a^2 L d^2 / (2 (k + a - 1)^2), which for a = 2 is 2 L d^2 / (k + 1)^2."""
        a = self.rate
        return a**2 * self.scale / (2.0 * (self.k + a - 1) ** 2)

    @property
    def relative_rises(self) -> Array:
        """By how much F rose in each step, relative to what it was at the start."""
        rises: Array = np.diff(self.objectives) / self.objectives[0]
        return rises


def _steps_of_fista(n: int, a: float | None) -> float:
    """Return how far FISTA gets in n steps if every gradient is -1, in steps of ISTA."""
    position, previous, point, t = 0.0, 0.0, 0.0, 1.0
    for k in range(1, n + 1):
        position = point + 1.0
        after = (1.0 + np.sqrt(1.0 + 4.0 * t**2)) / 2.0 if a is None else (k + a) / a
        point = position + (t - 1.0) / after * (position - previous)
        previous, t = position, after
    return position


def _draw(rng: np.random.Generator, solver: Any, steps: Any, rate: float = 2.0) -> Descent:
    """Half of the time the slope that is the worst case at the last step, else any problem."""
    if rng.random() < 0.5:
        n = int(rng.integers(20, 100))
        return Descent(*slope(float(rng.uniform(0.5, 2)), steps=steps(n)), solver, n, rate)
    problem = draw_pursuit(rng, n=48)
    size = float(rng.choice((0.0, 0.3, 3.0)))
    start = size * rng.standard_normal(problem.codes_shape)
    start *= rng.random(problem.codes_shape) < 0.3
    return Descent(problem, np.abs(start), solver, 60, rate)


def _draw_ista(rng: np.random.Generator) -> Descent:
    return _draw(rng, ISTA(), float)


def _draw_fista(rng: np.random.Generator) -> Descent:
    return _draw(rng, FISTA(restart=False), lambda n: _steps_of_fista(n, None))


def _draw_dossal(rng: np.random.Generator) -> Descent:
    a = float(rng.choice((2.1, 2.5, 3.0, 4.0)))
    return _draw(rng, FISTA(restart=False, a=a), lambda n: _steps_of_fista(n, a), a)


def _largest(values: Array, bound: Array) -> float:
    return float(np.max(values / bound))


def _margins(run: Descent) -> Mapping[str, float]:
    """Return that steps are at most 1/L and the momentum is never restarted."""
    lipschitz = run.problem.lipschitz()
    share = lipschitz * (run.solver.step_size or 1.0 / lipschitz)
    restarts = getattr(run.solver, "restart", False)
    return {
        "step at most 1/L": 1.0 + 1e-12 - share,
        "momentum kept": -1.0 if restarts else 1.0,
        "start is not a minimiser": run.scale - 1e-20,
    }


CLAIMS = (
    Claim(
        id="B13-monotone",
        title="ISTA never raises the objective",
        statement="With steps of at most 1/L the objective of ISTA does not rise.",
        formula=r"F(\Gamma^{k+1}) \le F(\Gamma^k)",
        source="beck2009 (lemma 2.3)",
        provenance="R",
        draw=_draw_ista,
        margins=_margins,
        measure=lambda run: float(np.max(run.relative_rises, initial=0.0)),
        bound=lambda run: 100 * _EPS,
        exact=True,
    ),
    Claim(
        id="B13-ista",
        title="The rate of ISTA",
        statement=(
            "With steps of 1/L, after k steps the objective exceeds its minimum by at most "
            "L/(2k) times the squared distance of the start from a minimiser. (L/(4k) is attained.)"
        ),
        formula=r"F(\Gamma^k) - F^* \le \frac{L\|\Gamma^0 - \Gamma^*\|^2}{2k}",
        source="beck2009 (theorem 3.1)",
        provenance="R",
        draw=_draw_ista,
        margins=_margins,
        measure=lambda run: _largest(run.excess, run.ista_bound()),
        bound=lambda run: 1.0,
    ),
    Claim(
        id="B13-ista-sharp",
        title="The rate of ISTA that is attained",
        statement=(
            "With steps of 1/L, after k steps the objective exceeds its minimum by at most "
            "L/(4k) times the squared distance of the start from a minimiser."
        ),
        formula=r"F(\Gamma^k) - F^* \le \frac{L\|\Gamma^0 - \Gamma^*\|^2}{4k}",
        source="taylor2017",
        provenance="R",
        draw=_draw_ista,
        margins=_margins,
        measure=lambda run: _largest(run.excess, run.ista_bound() / 2),
        bound=lambda run: 1.0,
    ),
    Claim(
        id="B13-fista",
        title="The rate of FISTA",
        statement=(
            "Without restarts, with steps of 1/L, the excess of the objective after k steps of "
            "FISTA is at most 2L/(k+1)^2 times the squared distance of the start."
        ),
        formula=r"F(\Gamma^k) - F^* \le \frac{2L\|\Gamma^0 - \Gamma^*\|^2}{(k+1)^2}",
        source="beck2009 (theorem 4.4)",
        provenance="R",
        draw=_draw_fista,
        margins=_margins,
        measure=lambda run: _largest(run.excess, run.fista_bound()),
        bound=lambda run: 1.0,
    ),
    Claim(
        id="B13-chambolle-dossal",
        title="The rate of FISTA with the momentum of Chambolle and Dossal",
        statement=(
            "With t_k = (k + a - 1)/a, a > 2, no restarts and steps of 1/L, the excess after k "
            "steps is at most a^2 L/(2 (k + a - 1)^2) times the squared distance of the start."
        ),
        formula=r"F(\Gamma^k) - F^* \le \frac{a^2L\|\Gamma^0 - \Gamma^*\|^2}{2(k+a-1)^2}",
        source="chambolle2015 (theorem 3.1)",
        provenance="R",
        draw=_draw_dossal,
        margins=_margins,
        measure=lambda run: _largest(run.excess, run.fista_bound()),
        bound=lambda run: 1.0,
    ),
)
