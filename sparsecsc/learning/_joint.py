r"""All layers together: codes, then the filters of each layer, on the objective of ML-BP.

With :math:`x_i = D_{i+1} \cdots D_L\Gamma` and all else fixed, F is a convex function of one
:math:`D_i`. Its gradient correlates :math:`x_i` with :math:`g_{i-1}`, where :math:`g_0 = x_0 - y`
and :math:`g_i = D_i^T g_{i-1} + \nabla\phi_i(x_i)`; penalties are smoothed for that alone. A step
is taken where F itself gets lower.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparsecsc.backends import backend_of
from sparsecsc.dictionaries._operators import analyze_whole
from sparsecsc.learning._array_sums import float64
from sparsecsc.learning._incoherence import likeness
from sparsecsc.learning._layer_filters import own_part, with_layer
from sparsecsc.learning._quadratics import correlate, energies, sparse_if_possible
from sparsecsc.models.problem import MultilayerPursuit
from sparsecsc.optimality import weight_level
from sparsecsc.protocols import Array
from sparsecsc.result import History
from sparsecsc.solve import solve

_SWEEPS = 20
"""Iterations of the solver in a round."""
_TRIALS = 8
_SMOOTH = 1e-2
"""The penalty of codes below this share of the largest is smoothed for the gradient."""


@dataclass(eq=False)
class Best:
    """The best model and codes so far, and the books."""

    problem: MultilayerPursuit
    images: tuple[Array, ...]
    """What the deepest codes synthesise at the signal and at every layer, down to themselves."""
    began: float
    incoherence: float = 0.0
    """The weight of how alike the atoms of each layer are."""
    objective: float = field(init=False)
    n_iter: int = 0
    rows: list[tuple[int, float, float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.objective = self._value(self.problem, self.images)
        self._note()

    def improve_codes(self, solver: Any) -> None:
        """Improve the deepest codes."""
        result = solve(
            self.problem,
            solver,
            start=self.images[1:],
            tol=0.0,
            max_iter=_SWEEPS,
            check_every=_SWEEPS,
        )
        self._take(self.problem, self.problem.images(result.codes[-1]))

    def improve_filters(self, i: int, constraint: Any, step: float) -> float:
        """Move the filters of layer `i` downhill; return the step to try next.

        `step` is relative to the inverse of a bound on the curvature of the data term.
        """
        own, where = own_part(self.problem.model.dictionaries[i - 1])
        codes = sparse_if_possible(_clean(self.images[i][:, where, ...]))
        old, xp = float64(own.filters), self.problem.backend.xp
        slope = correlate(codes, own, cotangent(self.problem, self.images, i - 1))
        if self.incoherence:
            slope += self.incoherence * likeness(old)[1]
        sizes = energies(codes)
        sizes = xp.where(sizes > 0, sizes, xp.full_like(sizes, math.inf))
        norms = math.prod(self.problem.lipschitz(j) for j in range(1, i))
        direction = slope / (norms * xp.reshape(sizes, (-1, *(1,) * (slope.ndim - 1))))
        for _ in range(_TRIALS):
            new = xp.astype(constraint.project(old - step * direction), own.filters.dtype)
            model = with_layer(self.problem.model, i, new)
            problem = MultilayerPursuit(self.problem.signal, model, self.problem.penalties)
            images = list(self.images)
            for j in range(i, 0, -1):
                images[j - 1] = problem.synthesize(j, images[j])
            if self._take(problem, tuple(images)):
                return 2 * step
            step /= 2
        return step

    def close_round(self) -> None:
        """Note where the round has led."""
        self.n_iter += 1
        self._note()

    def history(self) -> History:
        """Return the history."""
        return History(*zip(*self.rows, strict=True))

    def _note(self) -> None:
        seconds = time.perf_counter() - self.began
        self.rows.append((self.n_iter, seconds, self.objective, np.nan))

    def _value(self, problem: MultilayerPursuit, images: tuple[Array, ...]) -> float:
        found = problem.value(images)
        if self.incoherence:
            banks = (own_part(d)[0].filters for d in problem.model.dictionaries)
            alike = sum(likeness(float64(bank))[0] for bank in banks)
            found += self.incoherence * alike
        return found

    def _take(self, problem: MultilayerPursuit, images: tuple[Array, ...]) -> bool:
        """Keep model and codes if they are better; return whether they are."""
        found = self._value(problem, images)
        if not found < self.objective:
            return False
        self.problem, self.images, self.objective = problem, images, found
        return True


def _clean(codes: Array) -> Array:
    """Return a copy in which what is no more than the rounding of transforms is 0."""
    xp = backend_of(codes).xp
    sizes = xp.abs(codes)
    least = 16 * xp.finfo(codes.dtype).eps * xp.max(sizes)
    return xp.where(sizes > least, codes, xp.zeros_like(codes))


def cotangent(problem: MultilayerPursuit, images: tuple[Array, ...], i: int) -> Array:
    """Return the gradient of F with respect to the image at layer `i`; 0 is the signal."""
    found = images[0] - problem.signal
    for j in range(1, i + 1):
        found = analyze_whole(problem.operators[j - 1], found)
        found += _smooth_gradient(problem.penalties[j - 1], images[j])
    return found


def _smooth_gradient(penalty: Any, codes: Array) -> Array:
    """Return the gradient of the penalty's Moreau envelope."""
    weight, xp = weight_level(penalty), backend_of(codes).xp
    largest = float(xp.max(xp.abs(codes)))
    if weight <= 0 or largest == 0:
        return xp.zeros_like(codes)
    step = _SMOOTH * largest / weight
    gradient: Array = (codes - penalty.prox(xp.asarray(codes, copy=True), step)) / step
    return gradient


def check_penalties(problem: MultilayerPursuit) -> None:
    """Refuse penalties of shallower layers that forbid some codes.

    Raises
    ------
    ValueError
        If one is infinite at some codes.
    """
    for i, penalty in enumerate(problem.penalties[:-1], start=1):
        minus = -problem.backend.xp.ones(problem.shapes[i], dtype=problem.signal.dtype)
        if not math.isfinite(float(penalty.value(minus))):
            msg = (
                "`penalties` must be finite for all codes, as L1 is, in all layers but the last "
                f"for the joint stage; got {type(penalty).__name__} in layer {i}: pass "
                "joint_iter=0, or another penalty."
            )
            raise ValueError(msg)
