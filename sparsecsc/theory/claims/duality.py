"""Dual points, screening and the largest weight: what the certificates of the library rest on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sparsecsc.optimality import dual_point, gap_safe_radius, lambda_max
from sparsecsc.penalties.nonnegative_l1 import NonnegativeL1
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.solve import solve
from sparsecsc.solvers.fista import FISTA
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.small import draw_pursuit, matrix, optimum, rectify

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Dual:
    """A problem with one weight, and codes that are anything from 0 to nearly optimal."""

    problem: Pursuit
    codes: Array

    @cached_property
    def explicit(self) -> Array:
        """The matrix D."""
        return matrix(self.problem.dictionary.filters, self.problem.signal.shape[2:])

    @property
    def weight(self) -> float:
        """The weight lambda."""
        return float(self.problem.penalty.weight)

    @cached_property
    def point(self) -> Array:
        """The library's dual point at the codes."""
        return dual_point(self.problem, self.codes)

    @cached_property
    def best(self) -> Array:
        """The optimum."""
        return optimum(self.problem)

    @cached_property
    def best_residual(self) -> Array:
        """The dual optimum, y - D z* at the optimum."""
        return self.problem.signal.ravel() - self.explicit @ self.best.ravel()

    def correlation(self, signal: Array) -> Array:
        """Return what must stay below the weight: |D^T s|, or D^T s for codes >= 0."""
        found = self.explicit.T @ signal.ravel()
        return found if self.is_nonnegative else np.abs(found)

    @property
    def is_nonnegative(self) -> bool:
        """Whether codes are >= 0."""
        return isinstance(self.problem.penalty, NonnegativeL1)

    @property
    def dual_value(self) -> float:
        """<y, theta> - |theta|^2 / 2."""
        return float(np.sum(self.problem.signal * self.point) - np.sum(self.point**2) / 2)

    @cached_property
    def tests(self) -> Array:
        """Of each atom d: its correlation with the dual point plus |d| times the safe radius."""
        radius = gap_safe_radius(self.problem, self.codes)
        return self.correlation(self.point) + radius * np.linalg.norm(self.explicit, axis=0)


def _draw(rng: np.random.Generator) -> Dual:
    """Codes: random ones, or those after 1 to 300 steps of FISTA."""
    problem = draw_pursuit(rng, n=48)
    if rng.random() < 0.25:
        codes = rng.standard_normal(problem.codes_shape)
        codes *= rng.random(problem.codes_shape) < 0.2
        return Dual(problem, np.abs(codes))
    solver = FISTA()
    state = solver.init(problem, np.zeros(problem.codes_shape))
    for _ in range(int(10.0 ** rng.uniform(0, 2.5))):
        state = solver.step(problem, state)
    return Dual(problem, state.codes)


def _below_max(dual: Dual) -> Mapping[str, float]:
    return {"weight": dual.weight, "weight below the largest": 1 - dual.weight / _largest(dual)}


def _largest(dual: Dual) -> float:
    return float(lambda_max(dual.problem))


def _always(dual: Dual) -> Mapping[str, float]:
    return {"weight": dual.weight}


def _missed(dual: Dual) -> float:
    """Return the largest coefficient of the optimum that the rule discards."""
    discarded = dual.tests < dual.weight
    return float(np.max(np.abs(dual.best.ravel()[discarded]), initial=0.0))


def _weakest_active(dual: Dual) -> float:
    """Return the smallest test of an atom with the optimal coefficient not 0."""
    return float(np.min(dual.tests[np.abs(dual.best.ravel()) > 1e-9]))


def _has_active(dual: Dual) -> Mapping[str, float]:
    n_active = float(np.sum(np.abs(dual.best) > 1e-9))
    return {**_always(dual), "some coefficient is active": n_active - 0.5}


def _with_weight(dual: Dual, share: float) -> Dual:
    """Return the problem with this share of the largest weight."""
    level = share * _largest(dual)
    penalty = dual.problem.penalty.scaled(level / dual.weight)
    return Dual(dual.problem.with_penalty(penalty), dual.codes)


def _draw_above(rng: np.random.Generator) -> Dual:
    """Draw a weight above the largest by 1e-9 to 0.1 of it."""
    return _with_weight(_draw(rng), 1.0 + 10.0 ** rng.uniform(-9, -1))


def _draw_below(rng: np.random.Generator) -> Dual:
    """Draw a weight below the largest by 1e-5 to 0.3 of it."""
    return _with_weight(_draw(rng), 1.0 - 10.0 ** rng.uniform(-5, -0.5))


def _explicit_largest(dual: Dual) -> float:
    return float(np.max(dual.correlation(dual.problem.signal)))


def _above_margins(dual: Dual) -> Mapping[str, float]:
    return {"weight above the largest": dual.weight / _explicit_largest(dual) - 1.0}


def _below_margins(dual: Dual) -> Mapping[str, float]:
    return {"weight below the largest": 1.0 - dual.weight / _explicit_largest(dual)}


def _solved(dual: Dual) -> float:
    """Return the largest coefficient that the solver finds from other codes than 0."""
    found = solve(dual.problem, FISTA(), start=dual.codes, tol=1e-14, max_iter=20_000)
    return float(np.abs(found.codes).max())


def _gain_of_one(dual: Dual) -> float:
    """Return how much of the objective the best single atom takes away from zero codes."""
    norms = np.sum(dual.explicit**2, axis=0)
    excess = rectify(dual.correlation(dual.problem.signal) - dual.weight)
    return float(np.max(excess**2 / (2.0 * norms)))


def _gain_of_all(dual: Dual) -> float:
    nothing = dual.problem.objective(np.zeros(dual.problem.codes_shape))
    return nothing - float(dual.problem.objective(dual.best)) + 10 * _EPS * nothing


CLAIMS = (
    Claim(
        id="B14-feasible",
        title="The dual point is feasible",
        statement="At any codes, no correlation of the dual point is above the weight.",
        formula=r"\|D^T\theta\|_\infty \le \lambda; \quad \max D^T\theta \le \lambda"
        r"\text{ for } z \ge 0",
        source="ndiaye2017 (section 2)",
        provenance="R",
        draw=_draw,
        margins=_always,
        measure=lambda dual: float(np.max(dual.correlation(dual.point))),
        bound=lambda dual: dual.weight,
    ),
    Claim(
        id="B14-weak-duality",
        title="The dual point's value is a lower bound",
        statement="At any codes, the value of the dual point is at most the optimal value.",
        formula=r"\langle y, \theta\rangle - \tfrac12\|\theta\|^2 \le \min_z F(z)",
        source="ndiaye2017 (section 2)",
        provenance="R",
        draw=_draw,
        margins=_always,
        measure=lambda dual: dual.dual_value,
        bound=lambda dual: float(dual.problem.objective(dual.best)),
    ),
    Claim(
        id="B14-radius",
        title="The optimal residual is within the gap-safe radius",
        statement=(
            "At any codes, the distance of the dual point from the residual of the optimum is at "
            "most the square root of twice the duality gap."
        ),
        formula=r"\|\theta - \theta^*\| \le \sqrt{2G}",
        source="ndiaye2017 (theorem 6)",
        provenance="R",
        draw=_draw,
        margins=_always,
        measure=lambda dual: float(np.linalg.norm(dual.point.ravel() - dual.best_residual)),
        bound=lambda dual: gap_safe_radius(dual.problem, dual.codes),
        rounding=1e-5,
    ),
    Claim(
        id="B14-screening",
        title="Gap-safe screening discards no active coefficient",
        statement=(
            "An atom d with |<d, theta>| + |d| radius below the weight has the coefficient 0 in "
            "the optimum; for codes >= 0 the same without the absolute value."
        ),
        formula=r"|\langle d_j, \theta\rangle| + \|d_j\|\sqrt{2G} < \lambda \Rightarrow z^*_j = 0",
        source="ndiaye2017 (theorem 6)",
        provenance="R",
        draw=_draw,
        margins=_always,
        measure=_missed,
        bound=lambda dual: 1e-9 * max(1.0, float(np.abs(dual.best).max())),
        exact=True,
    ),
    Claim(
        id="B14-screening-edge",
        title="Every active coefficient passes the screening test",
        statement="The test of every atom with a coefficient not 0 in the optimum is at least the "
        "weight.",
        formula=r"z^*_j \ne 0 \Rightarrow"
        r" \lambda \le |\langle d_j, \theta\rangle| + \|d_j\|\sqrt{2G}",
        source="ndiaye2017 (theorem 6)",
        provenance="R",
        draw=_draw,
        margins=_has_active,
        measure=lambda dual: dual.weight,
        bound=_weakest_active,
    ),
    Claim(
        id="B14-largest-weight-above",
        title="Above the largest weight zero is optimal",
        statement="Above lambda_max, the largest correlation with the signal, the solver leaves no "
        "coefficient.",
        formula=r"\lambda > \lambda_{\max} = \|D^Ty\|_\infty \Rightarrow z^* = 0",
        source="ndiaye2017",
        provenance="R",
        draw=_draw_above,
        margins=_above_margins,
        measure=_solved,
        bound=lambda dual: 1e-6 * max(1.0, float(np.abs(dual.codes).max())),
        exact=True,
    ),
    Claim(
        id="B14-largest-weight-below",
        title="Below the largest weight zero is not optimal",
        statement=(
            "Below lambda_max the optimum is below the objective of zero by at least what the best "
            "single atom takes away."
        ),
        formula=r"\lambda < \lambda_{\max} \Rightarrow"
        r" F(0) - F^* \ge \max_j \frac{(|\langle d_j, y\rangle| - \lambda)_+^2}{2\|d_j\|^2} > 0",
        source="derived here",
        provenance="D",
        draw=_draw_below,
        margins=_below_margins,
        measure=_gain_of_one,
        bound=_gain_of_all,
        rounding=1e-6,
    ),
)
