"""Where a layer starts: what one step from any start guarantees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.penalties.l1 import L1
from sparsecsc.penalties.nonnegative_l1 import NonnegativeL1
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.solvers.ista import ISTA
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.small import draw_pursuit, optimum

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Start:
    """A layer's problem and where its pursuit starts."""

    problem: Pursuit
    start: Array
    solver: Any = field(default_factory=ISTA)

    @cached_property
    def moved(self) -> Array:
        """The codes after one step."""
        state = self.solver.init(self.problem, self.start.copy())
        return self.solver.step(self.problem, state).codes

    @cached_property
    def best(self) -> Array:
        """The optimum."""
        return optimum(self.problem)

    def excess(self, codes: Array) -> float:
        """Return F - min F at the codes, or the rounding of it."""
        lowest = self.problem.objective(self.best)
        return max(self.problem.objective(codes) - lowest, 10 * _EPS * lowest)


def _draw_start(rng: np.random.Generator) -> Start:
    """Draw any problem; starts from close to the optimum's size to ten times it, of any sign.

    A third of the starts is that far from the optimum, the others from zero.
    """
    problem = draw_pursuit(rng, n=48)
    size = 10.0 ** rng.uniform(-1, 1) * rng.random()
    start = size * rng.standard_normal(problem.codes_shape)
    start *= rng.random(problem.codes_shape) < rng.uniform(0.05, 1)
    if rng.random() < 1 / 3:
        start = optimum(problem, tol=1e-6) + 0.1 * start
    return Start(problem, start)


def slope(size: float, *, steps: float = 1.0) -> tuple[Pursuit, Array]:
    r"""Return a problem on which ISTA has its worst case, and the start at distance `size`.

    One spike of norm 1, which sets L, and one that hardly counts; the signal is 0. The code of the
    latter goes down the slope of the penalty by weight / L a step. With the weight L size / (2 k),
    F after k steps is L size^2 / (4 k) (1 - O(gain^2)): no other problem has more.
    """
    gain, n = 1e-4, 4
    dictionary = ConvDictionary(np.array([[[1.0]], [[gain]]]))
    level = dictionary.lipschitz((n,)) * size / (2.0 * steps)
    start = np.zeros((1, 2, n))
    start[0, 1, 0] = size
    return Pursuit(np.zeros((1, 1, n)), dictionary, L1(level)), start


def _draw_guarantee(rng: np.random.Generator) -> Start:
    if rng.random() < 0.25:
        return Start(*slope(float(rng.uniform(0.5, 2.0))))
    return _draw_start(rng)


def _draw_allowed(rng: np.random.Generator) -> Start:
    """Make the start one that the penalty allows: elsewhere F is infinite."""
    drawn = _draw_guarantee(rng)
    if isinstance(drawn.problem.penalty, NonnegativeL1):
        return Start(drawn.problem, np.abs(drawn.start))
    return drawn


def _distance(a: Array, b: Array) -> float:
    return float(np.linalg.norm(a - b))


def _decrease_needed(start: Start) -> float:
    return start.problem.lipschitz() / 2 * _distance(start.moved, start.start) ** 2


def _decrease(start: Start) -> float:
    before, after = start.problem.objective(start.start), start.problem.objective(start.moved)
    return before - after + 10 * _EPS * before


def _steps_at_most(start: Start) -> Mapping[str, float]:
    lipschitz = start.problem.lipschitz()
    share = (start.solver.step_size or 1 / lipschitz) * lipschitz
    allowed = bool(np.isfinite(start.problem.objective(start.start)))
    return {"step at most 1/L": 1.0 + 1e-12 - share, "allowed start": 1.0 if allowed else -1.0}


def _step_only(start: Start) -> Mapping[str, float]:
    return {"step at most 1/L": _steps_at_most(start)["step at most 1/L"]}


CLAIMS = (
    Claim(
        id="A3-descent",
        title="One step from any start descends",
        statement=(
            "A proximal gradient step of size 1/L lowers the layer's objective by at least L/2 "
            "times the squared length of the move, wherever it starts."
        ),
        formula=r"F(\Gamma^1) \le F(\Gamma^0) - \tfrac L2\|\Gamma^1 - \Gamma^0\|^2",
        source="beck2009 (lemma 2.3)",
        provenance="D",
        draw=_draw_allowed,
        margins=_steps_at_most,
        measure=_decrease_needed,
        bound=_decrease,
    ),
    Claim(
        id="A3-guarantee",
        title="After one step the excess is bounded by the squared distance of the start",
        statement=(
            "After one step of size 1/L from any start the objective exceeds its minimum by at "
            "most L/2 times the squared distance of the start from a minimiser. (L/4 is true and "
            "attained.)"
        ),
        formula=r"F(\Gamma^1) - F^* \le \tfrac L2\|\Gamma^0 - \Gamma^*\|^2",
        source="beck2009 (theorem 3.1)",
        provenance="D",
        draw=_draw_guarantee,
        margins=_step_only,
        measure=lambda s: s.excess(s.moved),
        bound=lambda s: s.problem.lipschitz() / 2 * _distance(s.start, s.best) ** 2,
    ),
)
