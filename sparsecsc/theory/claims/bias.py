"""What ML-ISTA finds: how far its fixed point is from the optimum, and for which weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.random import random_filters
from sparsecsc.models.layers import layer_lipschitz
from sparsecsc.models.mlcsc import MLCSC
from sparsecsc.models.problem import MultilayerPursuit
from sparsecsc.penalties.l1 import L1
from sparsecsc.protocols import Array
from sparsecsc.solve import solve
from sparsecsc.solvers.layered_thresholding import LayeredThresholding
from sparsecsc.solvers.mladmm import MLADMM
from sparsecsc.solvers.mlista import MLISTA
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.claims.unfolding import Unfolding, draw_chain, norm, steps_margins
from sparsecsc.theory.small import matrix, shrink


@dataclass(frozen=True, eq=False)
class FixedPoint(Unfolding):
    """An unfolding that is compared with the optimum."""

    @cached_property
    def best(self) -> Any:
        """The result of the exact solver."""
        return solve(self.problem, MLADMM(), tol=1e-8, max_iter=1000, check_every=50)

    @property
    def excess(self) -> float:
        """F at the fixed point minus the least F that was found."""
        return float(self.problem.objective(self.fixed)) - float(self.best.objective)

    @property
    def slack(self) -> float:
        """What bounds may be off because the fixed point is one only nearly.

        The move over the product of the steps is the p_L of `bregman_bias`; it is 0 at a fixed
        point, and is met by the distance to the optimum.
        """
        size = norm(self.fixed) + norm(self.best.codes[-1])
        return self.unrest / float(np.prod(self.steps)) * size

    @cached_property
    def halves(self) -> tuple[Array, Array]:
        """The two codes of the first layer: synthesised, and after its prox."""
        return self.problem.images(self.fixed)[1], self.sweep(self.fixed)[0]


def _draw_bias(rng: np.random.Generator) -> FixedPoint:
    """2 or 3 layers; the first steps are 0.1, or 0.3 if there are two, to 1 times 1/L_i."""
    depth = int(rng.integers(2, 4))
    return _fixed_point(rng, depth, float(rng.choice((1.0, 0.3, 0.1)[: 5 - depth])))


def _draw_two(rng: np.random.Generator) -> FixedPoint:
    return _fixed_point(rng, 2, float(rng.choice((1.0, 0.3, 0.1))))


def _fixed_point(rng: np.random.Generator, depth: int, share: float) -> FixedPoint:
    problem = draw_chain(rng, depth, n=24, signs=False)
    start = np.zeros(problem.shapes[-1])
    return FixedPoint(problem, start, start, (*(share,) * (depth - 1), 1.0), n_sweeps=1)


def bregman_bias(run: FixedPoint) -> float:
    r"""Return the sum of the Bregman distances between the two codes of all layers but the last.

    .. math:: \sum_{i<L} \phi_i(\hat\Gamma_i) - \phi_i(\Gamma_i)
              - \langle\xi_i, \hat\Gamma_i - \Gamma_i\rangle

    Notes
    -----
    Write p_0 = D_1 hat Gamma_1 - y and p_i = (hat Gamma_i - Gamma_i) / (mu_1 ... mu_i). The prox
    of a sweep says xi_i = p_i - D_i^T p_{i-1} is a subgradient of phi_i at Gamma_i, and at a fixed
    point p_L = 0. Sum the subgradient inequalities of the data term and of all phi_i at any other
    codes: what is linear in these telescopes to <p_L, .> = 0.
    """
    problem, steps = run.problem, run.steps
    hats, codes = problem.images(run.fixed), run.sweep(run.fixed)
    below, threshold, total = hats[0] - problem.signal, 1.0, 0.0
    for i in range(1, problem.n_layers):
        threshold *= steps[i - 1]
        p = (hats[i] - codes[i - 1]) / threshold
        slope = p - problem.model.dictionaries[i - 1].analyze(below)
        penalty = problem.penalties[i - 1]
        total += penalty.value(hats[i]) - penalty.value(codes[i - 1])
        total -= float(np.sum(slope * (hats[i] - codes[i - 1])))
        below = p
    return float(total)


def two_layer_bias(run: FixedPoint) -> float:
    r"""Return :math:`h(u) - h(u^+) - \tfrac{\mu_1}2\|g\|^2` with h the data term plus the penalty.

    u is what the fixed point synthesises in the first layer, u^+ its prox step and
    g = (u - u^+) / mu_1. With the penalty alone as h the bound is false: without a first weight
    it is negative, while the fixed point is optimal.
    """
    before, after = run.halves
    g = (before - after) / run.steps[0]
    fall = _first_layer(run, before) - _first_layer(run, after)
    return fall - run.steps[0] / 2 * norm(g) ** 2


def _first_layer(run: FixedPoint, codes: Array) -> float:
    residual = run.problem.signal - run.problem.synthesize(1, codes)
    return norm(residual) ** 2 / 2 + float(run.problem.penalties[0].value(codes))


def _bias_margins(run: FixedPoint) -> Mapping[str, float]:
    bias = bregman_bias(run)
    return {
        **steps_margins(run),
        "a fixed point was found": 1e-2 * bias - run.slack,
        "an optimum was found": 1e-2 * bias - float(run.best.gap),
    }


# ---- weights and thresholds ----


@dataclass(frozen=True, eq=False)
class Scaling:
    """Sweeps with a threshold a layer, by the library and from explicit matrices."""

    signal: Array
    banks: list[Array]
    shares: Array
    weights: Array
    """w_i, where the sweep from explicit matrices has the threshold mu_i w_i in layer i."""
    n_sweeps: int = 10

    @cached_property
    def model(self) -> MLCSC:
        """The chain."""
        return MLCSC([ConvDictionary(bank) for bank in self.banks])

    @cached_property
    def steps(self) -> Array:
        """mu_i."""
        return self.shares / np.array(layer_lipschitz(self.model, self.signal.shape))

    def codes(self, weights: Array) -> Array:
        """Return the deepest codes that the library has for a problem of these weights."""
        problem = MultilayerPursuit(self.signal, self.model, [L1(float(w)) for w in weights])
        solver = MLISTA(step_size=list(self.steps), stationary=0.0)
        found = solve(problem, solver, tol=0.0, max_iter=self.n_sweeps, check_every=self.n_sweeps)
        deepest: Array = found.codes[-1]
        return deepest

    @cached_property
    def explicit_codes(self) -> Array:
        """The deepest codes of the sweeps with thresholds mu_i w_i, from explicit matrices."""
        size = self.signal.shape[2:]
        matrices = [matrix(bank, size) for bank in self.banks]
        deepest = np.zeros(matrices[-1].shape[1])
        for _ in range(self.n_sweeps):
            images = [deepest]
            for d in matrices[:0:-1]:
                images.insert(0, d @ images[0])
            codes = self.signal.ravel()
            for d, image, step, weight in zip(
                matrices, images, self.steps, self.weights, strict=True
            ):
                codes = shrink(image - step * d.T @ (d @ image - codes), step * weight)
            deepest = codes
        return deepest.reshape(1, -1, *size)


def _draw_scaling(rng: np.random.Generator) -> Scaling:
    """2 or 3 random layers, of any norms."""
    depth = int(rng.integers(2, 4))
    banks = [random_filters(3, 3 if i else 1, 4, rng) * rng.uniform(0.5, 2) for i in range(depth)]
    signal = 3 * rng.standard_normal((1, 1, 20))
    return Scaling(signal, banks, rng.uniform(0.3, 1, depth), rng.uniform(0.02, 0.2, depth))


def _over_earlier_steps(scaling: Scaling) -> Array:
    return scaling.weights / np.cumprod([1.0, *scaling.steps[:-1]])


def _pass_difference(problem: MultilayerPursuit) -> float:
    """Return how far the first sweep from zero is from the forward pass."""
    first = solve(problem, MLISTA(step_size=1.0), max_iter=1, check_every=1)
    forward = solve(problem, LayeredThresholding())
    return max(float(np.abs(a - b).max()) for a, b in zip(first.codes, forward.codes, strict=True))


def _largest(array: Array) -> float:
    return float(np.abs(array).max())


CLAIMS = (
    Claim(
        id="B16-bias",
        title="The bias of ML-ISTA is at most a sum of Bregman distances",
        statement=(
            "At a fixed point of ML-ISTA with steps of at most 1/L_i, at any depth, F exceeds its "
            "minimum by at most the Bregman distances of the penalties of all layers but the "
            "deepest, from the codes of the sweep to what the fixed point synthesises."
        ),
        formula=r"0 \le F(\Gamma) - F^* \le \sum_{i<L} \phi_i(\hat\Gamma_i) - \phi_i(\Gamma_i)"
        r" - \langle\xi_i, \hat\Gamma_i - \Gamma_i\rangle,"
        r"\quad \xi_i \in \partial\phi_i(\Gamma_i)",
        source="derived here",
        provenance="D",
        draw=_draw_bias,
        margins=_bias_margins,
        measure=lambda run: run.excess,
        bound=lambda run: bregman_bias(run) + run.slack,
    ),
    Claim(
        id="B16-bias-two-layers",
        title="The bias of ML-ISTA with two layers",
        statement=(
            "At a fixed point of ML-ISTA with two layers F exceeds its minimum by at most "
            "h(u) - h(u+) - mu_1 |g|^2 / 2, with h the data term and penalty of the first layer, "
            "u its synthesised codes, u+ those after its prox step and g = (u - u+)/mu_1."
        ),
        formula=r"0 \le F(\Gamma) - F^* \le h(u) - h(u^+) - \tfrac{\mu_1}2\|g\|^2, \quad"
        r" h(u) = \tfrac12\|y - D_1u\|^2 + \phi_1(u)",
        source="derived here",
        provenance="D",
        draw=_draw_two,
        margins=_bias_margins,
        measure=lambda run: run.excess,
        bound=lambda run: two_layer_bias(run) + run.slack,
    ),
    Claim(
        id="A5-scaling",
        title="Which weights the thresholds of a sweep belong to",
        statement=(
            "Sweeps of ML-ISTA with the thresholds mu_i w_i are those for multi-layer basis "
            "pursuit with the weights w_i over the product of the steps of the layers before."
        ),
        formula=r"\tau_i = \mu_iw_i \;\Leftrightarrow\; \lambda_i = w_i \big/ \prod_{j<i}\mu_j",
        source="derived here",
        provenance="D",
        draw=_draw_scaling,
        margins=lambda s: {"steps at most 1/L_i": 1.0 + 1e-12 - float(s.shares.max())},
        measure=lambda s: _largest(s.codes(_over_earlier_steps(s)) - s.explicit_codes),
        bound=lambda s: 1e-11 * max(_largest(s.explicit_codes), 1.0),
        exact=True,
    ),
    Claim(
        id="A5-forward",
        title="The first sweep from zero is the forward pass",
        statement=(
            "For layers of unit spectral norm, unit steps and zero codes, the first sweep of "
            "ML-ISTA is layered thresholding."
        ),
        formula=r"\Gamma^0 = 0,\ \mu_i = 1:\quad "
        r"\Gamma_i = \mathrm{prox}_{\phi_i}(D_i^T\Gamma_{i-1})",
        source="sulam2019",
        provenance="C",
        draw=lambda rng: draw_chain(rng, int(rng.integers(1, 5))),
        margins=lambda p: {"layers": float(p.n_layers)},
        measure=_pass_difference,
        bound=lambda p: 1e-12 * max(_largest(p.signal), 1.0),
        exact=True,
    ),
)
