"""Dense layers, an identity beside dilated filters: containment, robustness, spectrum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from sparsecsc.dictionaries.concat import Concat
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.identity import Identity
from sparsecsc.dictionaries.random import random_filters
from sparsecsc.optimality import duality_gap
from sparsecsc.penalties.l1 import L1
from sparsecsc.penalties.nonnegative_l1 import NonnegativeL1
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.solve import solve
from sparsecsc.solvers.fista import FISTA
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.small import draw_dictionary, matrix, shrink

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class DenseLayer:
    """A signal and the layer [I, F^T], whose F is dilated."""

    signal: Array
    filters: Array
    dilation: int
    penalty: Any
    n_steps: int = 0
    """Of FISTA, after which the codes are looked at."""

    @property
    def weight(self) -> float:
        """The weight beta, of the codes and the identity alike."""
        return float(self.penalty.weight)

    @cached_property
    def convolution(self) -> ConvDictionary:
        """F^T."""
        return ConvDictionary(self.filters, dilation=self.dilation)

    @cached_property
    def problem(self) -> Pursuit:
        """The layer's problem."""
        return Pursuit(self.signal, Concat([Identity(), self.convolution]), self.penalty)

    @cached_property
    def plain(self) -> Pursuit:
        """The problem of F^T alone."""
        return Pursuit(self.signal, self.convolution, self.penalty)

    @cached_property
    def explicit(self) -> Array:
        """The matrix [I, F^T]."""
        convolution = matrix(self.filters, self.signal.shape[2:], dilation=self.dilation)
        return np.hstack([np.eye(len(convolution)), convolution])

    @cached_property
    def best(self) -> Array:
        """The optimal codes of the dense layer, flat."""
        found = solve(self.problem, FISTA(), tol=1e-11, max_iter=5000, check_every=50)
        return found.codes.ravel()

    @cached_property
    def iterate(self) -> Array:
        """The codes after `n_steps` of FISTA."""
        solver = FISTA(restart=False)
        state = solver.init(self.problem, np.zeros(self.problem.codes_shape))
        for _ in range(self.n_steps):
            state = solver.step(self.problem, state)
        codes: Array = state.codes
        return codes

    def objective(self, codes: Array) -> float:
        """Return the dense objective at flat codes, from the explicit matrix."""
        residual = self.signal.ravel() - self.explicit @ codes
        return float(np.sum(residual**2)) / 2 + self.weight * float(np.abs(codes).sum())

    def huber(self, maps: Array) -> float:
        """Return Huber's objective at the codes of F^T alone, flat."""
        n = self.signal.size
        return float(np.sum(self.loss(self.signal.ravel() - self.explicit[:, n:] @ maps))) + (
            self.weight * float(np.abs(maps).sum())
        )

    def loss(self, residual: Array) -> Array:
        """Return H_beta of each entry: quadratic up to beta, then linear."""
        size, beta = np.abs(residual), self.weight
        return np.where(size <= beta, size**2 / 2, beta * size - beta**2 / 2)


def _draw(rng: np.random.Generator) -> DenseLayer:
    """1 or 2 channels; spikes on top of a signal; weights of 0.05 to 1; 0 to 100 steps."""
    filters = draw_dictionary(rng).filters
    if rng.random() < 0.5:
        filters = random_filters(int(rng.integers(1, 4)), 2, 5, rng)
    signal = rng.standard_normal((1, filters.shape[1], 40))
    signal += 5 * (rng.random(signal.shape) < 0.05) * rng.standard_normal(signal.shape)
    kind = L1 if rng.random() < 0.5 else NonnegativeL1
    weight = float(10.0 ** rng.uniform(-1.3, 0))
    return DenseLayer(
        signal, filters, int(rng.integers(1, 4)), kind(weight), int(rng.integers(0, 101))
    )


def _draw_signs(rng: np.random.Generator) -> DenseLayer:
    """Penalties without sign constraint, for which Huber's loss is even."""
    drawn = _draw(rng)
    return replace(drawn, penalty=L1(drawn.weight))


def _draw_faint(rng: np.random.Generator) -> DenseLayer:
    """As `_draw`, but now and then a signal that is mostly atoms, which need no identity."""
    drawn = _draw(rng)
    if rng.random() < 0.5:
        return drawn
    codes = rng.standard_normal(drawn.plain.codes_shape)
    codes *= rng.random(codes.shape) < 1.0 / (8 * len(drawn.filters))
    signal = drawn.convolution.synthesize(codes, drawn.signal.shape[2:])
    return replace(drawn, signal=signal + 0.01 * drawn.signal)


def _optimal(layer: DenseLayer) -> Mapping[str, float]:
    relative = duality_gap(layer.problem, layer.best.reshape(layer.problem.codes_shape))
    return {
        "weight": layer.weight,
        "an optimum was found": 1e-9 - relative / layer.objective(layer.best),
    }


def _always(layer: DenseLayer) -> Mapping[str, float]:
    return {"weight": layer.weight}


def _plain_value(layer: DenseLayer) -> float:
    found = solve(layer.plain, FISTA(), tol=1e-9, max_iter=3000, check_every=50)
    return float(found.objective)


def _huber_error(layer: DenseLayer) -> float:
    """Return how far the least value of Huber's problem is from the dense layer's, relatively.

    Huber's problem is solved by itself, by proximal gradient steps with the clipped residual, from
    the dense layer's maps and from zero; neither may come out lower than the dense optimum.
    """
    lowest, n = layer.objective(layer.best), layer.signal.size
    convolution = layer.explicit[:, n:]
    step = 1.0 / float(np.linalg.norm(convolution, 2)) ** 2
    at_best = layer.huber(layer.best[n:])
    maps, least = layer.best[n:], at_best
    for _ in range(100):
        residual = np.clip(layer.signal.ravel() - convolution @ maps, -layer.weight, layer.weight)
        maps = shrink(maps + step * convolution.T @ residual, step * layer.weight)
        least = min(least, layer.huber(maps))
    return max(abs(at_best - lowest), abs(least - lowest)) / lowest


def _largest_residual(layer: DenseLayer) -> float:
    """Return the largest residual of the iterate, on the side that is bounded."""
    residual = layer.signal - layer.problem.synthesize(layer.iterate)
    one_sided = isinstance(layer.penalty, NonnegativeL1)
    return float(np.max(residual if one_sided else np.abs(residual)))


def _residual_bound(layer: DenseLayer) -> float:
    rounding = 10 * _EPS * float(np.sum(layer.signal**2))
    gap = max(duality_gap(layer.problem, layer.iterate), 0.0)
    return layer.weight + float(np.sqrt(2.0 * (gap + rounding)))


def _squared_norm(explicit: Array) -> float:
    return float(np.linalg.norm(explicit, 2)) ** 2


def _norm_error(layer: DenseLayer) -> float:
    """Return how far 1 + |F|^2 and the library's constant are from |D|^2, relatively."""
    exact = _squared_norm(layer.explicit)
    parts = 1.0 + _squared_norm(layer.explicit[:, layer.signal.size :])
    library = layer.problem.lipschitz()
    return max(abs(parts / exact - 1.0), abs(library / exact - 1.0))


CLAIMS = (
    Claim(
        id="B20-containment",
        title="The identity beside the filters never raises the optimum",
        statement="The optimal value of the dense layer is at most that of its filters alone.",
        formula=r"V([I, F^T]) \le V(F^T)",
        source="derived here; zhang2021 (theorem 1, statement only)",
        provenance="D",
        draw=_draw_faint,
        margins=_optimal,
        measure=lambda layer: layer.objective(layer.best),
        bound=_plain_value,
    ),
    Claim(
        id="B20-huber",
        title="A dense layer is Huber-robust sparse coding",
        statement=(
            "The optimal value of the dense layer is that of sparse coding with the filters alone "
            "and Huber's loss at the weight in place of the square."
        ),
        formula=r"V([I, F^T]) = \min_z \sum_j H_\beta((x - F^Tz)_j) + \beta\|z\|_1",
        source="derived here",
        provenance="D",
        draw=_draw_signs,
        margins=_optimal,
        measure=_huber_error,
        bound=lambda layer: 1e-9,
        exact=True,
    ),
    Claim(
        id="B20-largest-residual",
        title="The largest residual of a dense layer is bounded at every iterate",
        statement=(
            "At any codes the largest residual is at most the weight plus the square root of "
            "twice the duality gap; one-sided for codes >= 0. At the optimum it is at most the "
            "weight."
        ),
        formula=r"\|x - D\Gamma\|_\infty \le \beta + \sqrt{2G}",
        source="derived here",
        provenance="D",
        draw=_draw,
        margins=_always,
        measure=_largest_residual,
        bound=_residual_bound,
    ),
    Claim(
        id="B20-norm",
        title="The squared norm of a dense layer is one more than that of its filters",
        statement="The squared spectral norm of [I, F^T] is 1 + |F|^2, and the library's constant.",
        formula=r"\|[I, F^T]\|^2 = 1 + \|F\|^2",
        source="derived here",
        provenance="D",
        draw=_draw,
        margins=_always,
        measure=_norm_error,
        bound=lambda layer: 1e-12,
        exact=True,
    ),
    Claim(
        id="B20-frame",
        title="A dense layer's frame operator is at least the identity",
        statement="No eigenvalue of D D^T is below 1: what a dense layer sees of a signal is no "
        "smaller than the signal.",
        formula=r"DD^T = I + F^TF \succeq I",
        source="derived here",
        provenance="D",
        draw=_draw,
        margins=_always,
        measure=lambda layer: 1.0,
        bound=lambda layer: float(np.linalg.eigvalsh(layer.explicit @ layer.explicit.T)[0]),
    ),
)
