"""The dual of multi-layer basis pursuit: feasible points, lower bounds, no gap at the optimum."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sparsecsc.models.problem import MultilayerPursuit
from sparsecsc.protocols import Array
from sparsecsc.solve import solve
from sparsecsc.solvers.mladmm import MLADMM
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.claims.unfolding import draw_chain
from sparsecsc.theory.small import matrix


@dataclass(frozen=True, eq=False)
class LayeredDual:
    """A multi-layer problem with l1 penalties, and the certificate after some iterations."""

    problem: MultilayerPursuit
    n_iter: int
    budget: int = 1000
    """Iterations after which `late` is taken as it is."""

    @cached_property
    def explicit(self) -> list[Array]:
        """The matrices D_i."""
        size = self.problem.signal.shape[2:]
        return [matrix(d.filters, size) for d in self.problem.model.dictionaries]

    @cached_property
    def early(self) -> Any:
        """The result after `n_iter` iterations."""
        n = self.n_iter
        return solve(self.problem, MLADMM(), tol=0.0, max_iter=n, check_every=n)

    @cached_property
    def late(self) -> Any:
        """The result at a relative gap of 1e-7, or at the end of the budget."""
        return solve(self.problem, MLADMM(), tol=1e-7, max_iter=self.budget, check_every=50)

    @property
    def excess(self) -> float:
        """The largest |v_i| / lambda_i, and |p_L| / lambda_L, along the recursion."""
        theta, *vs = (a.ravel() for a in self.early.certificate.point)
        weights = [float(np.max(p.weight)) for p in self.problem.penalties]
        p, ratios = self.explicit[0].T @ theta, []
        for d, v, weight in zip(self.explicit[1:], vs, weights, strict=False):
            ratios.append(float(np.abs(v).max()) / weight)
            p = d.T @ (p - v)
        return max(*ratios, float(np.abs(p).max()) / weights[-1])

    @property
    def value(self) -> float:
        """|y|^2 / 2 - |y - theta|^2 / 2 of the certificate's point."""
        y, theta = self.problem.signal, self.early.certificate.point[0]
        return float(np.sum(y**2) - np.sum((y - theta) ** 2)) / 2

    def objective(self, codes: Array) -> float:
        """Return F at the deepest codes, from the explicit matrices."""
        z, total = codes.ravel(), 0.0
        for d, penalty in zip(self.explicit[::-1], self.problem.penalties[::-1], strict=True):
            total += float(np.max(penalty.weight)) * float(np.abs(z).sum())
            z = d @ z
        return total + float(np.sum((self.problem.signal.ravel() - z) ** 2)) / 2


def _draw(rng: np.random.Generator) -> LayeredDual:
    """Draw 2 to 4 layers; 1 to 300 iterations."""
    problem = draw_chain(rng, int(rng.integers(2, 5)), n=24, signs=False)
    return LayeredDual(problem, int(10.0 ** rng.uniform(0, 2.5)))


def _draw_closing(rng: np.random.Generator) -> LayeredDual:
    """Draw 2 or 3 layers of T1 and T3.

    With random layers the gap falls as well, but now and then takes ADMM thousands of iterations.
    """
    depth = int(rng.integers(2, 4))
    problem = draw_chain(rng, depth, n=24, signs=False, coherent=False)
    return LayeredDual(problem, 1, budget=10_000)


CLAIMS = (
    Claim(
        id="B15-feasible",
        title="The certificate's dual point of multi-layer basis pursuit is feasible",
        statement=(
            "The point of the certificate satisfies all constraints of the dual, as the explicit "
            "matrices have them."
        ),
        formula=r"p_1 = D_1^T\theta,\ \|v_i\|_\infty \le \lambda_i,"
        r"\ p_{i+1} = D_{i+1}^T(p_i - v_i),\ \|p_L\|_\infty \le \lambda_L",
        source="derived here",
        provenance="D",
        draw=_draw,
        margins=lambda dual: {"layers beyond the first": dual.problem.n_layers - 1.5},
        measure=lambda dual: dual.excess,
        bound=lambda dual: 1.0,
    ),
    Claim(
        id="B15-weak-duality",
        title="A feasible dual point bounds multi-layer basis pursuit from below",
        statement="The value of the certificate's point is at most F at any codes.",
        formula=r"\tfrac12\|y\|^2 - \tfrac12\|y - \theta\|^2 \le F(\Gamma)",
        source="derived here",
        provenance="D",
        draw=_draw,
        margins=lambda dual: {"the point is feasible": 1.0 + 1e-9 - dual.excess},
        measure=lambda dual: dual.value,
        bound=lambda dual: dual.objective(dual.late.codes[-1]),
    ),
    Claim(
        id="B15-gap",
        title="With the multipliers of ADMM the gap closes",
        statement="The relative gap that the exact solver certifies falls below 1e-6 within 10000 "
        "iterations, on chains of low coherence.",
        formula=r"\frac{F(\Gamma) - D(\theta, v)}{F(\Gamma)} < 10^{-6}",
        source="derived here",
        provenance="D",
        draw=_draw_closing,
        margins=lambda dual: {"signal": float(np.abs(dual.problem.signal).max())},
        measure=lambda dual: abs(dual.late.relative_gap),
        bound=lambda dual: 1e-6,
        exact=True,
    ),
)
