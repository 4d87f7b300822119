r"""Dual points of multi-layer pursuit, made feasible, and the lower bounds that they give.

A point :math:`(\theta, v_1, ..., v_{L-1})` is first projected where weights are 0, then scaled; a
second one is divided locally by how much the deepest correlations exceed the weight, then scaled.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sparsecsc._optimality_dual import best_scale
from sparsecsc.protocols import Array

_ROUNDS = 5
_STEPS = 1000


def best_dual(
    problem: Any, residual: Array, multipliers: Sequence[Array], codes: Array | None = None
) -> tuple[Any, tuple[Array, ...]]:
    """Return the best lower bounds found, one a signal, and the dual point that gives them."""
    theta, *vs = allowed(problem, (residual, *multipliers), codes)
    best, point = scaled(problem, (theta, *vs))
    for candidate in _divided(problem, theta, vs):
        value, other = scaled(problem, candidate)
        better = _by_signal(problem, value > best)
        point = tuple(
            problem.backend.xp.where(better, a, b) for a, b in zip(other, point, strict=True)
        )
        best = np.maximum(best, value)
    return best, point


def allowed(problem: Any, point: Sequence[Array], codes: Array | None = None) -> tuple[Array, ...]:
    """Return the point with correlations of 0 where weights of 0 demand it, else zeros."""
    xp = problem.backend.xp
    theta, *vs = point
    for i, (penalty, v) in enumerate(zip(problem.penalties, vs, strict=False)):
        free = penalty.free(v, v)
        if free is not None:
            vs[i] = xp.where(free, xp.zeros_like(v), v)
    if codes is None:
        codes = xp.zeros(problem.shapes[-1], dtype=theta.dtype)
    if problem.penalties[-1].free(codes, codes) is None:
        return (theta, *vs)
    return _projected(problem, (theta, *vs), codes)


def _projected(problem: Any, point: tuple[Array, ...], codes: Array) -> tuple[Array, ...]:
    """Return the nearest point whose deepest correlations vanish where they must, else zeros.

    Only entries of v that a weight > 0 leaves room for are moved. Which correlations must vanish
    can depend on their signs, so that it takes rounds.
    """
    xp, squares = problem.backend.xp, problem.backend.sum_squares
    zero = xp.zeros_like(codes)
    free = xp.zeros(codes.shape, dtype=xp.bool)
    gains = np.cumprod([problem.lipschitz(i) for i in range(problem.n_layers, 0, -1)])
    size = math.sqrt(float(gains.sum()) * sum(squares(a) for a in point))
    tolerance = 200 * float(xp.finfo(codes.dtype).eps) * size
    for _ in range(_ROUNDS):
        correlation = _correlation(problem, point)
        correlation = xp.where(xp.abs(correlation) <= tolerance, zero, correlation)
        free = free | problem.penalties[-1].free(codes, correlation)
        if float(xp.max(xp.abs(xp.where(free, correlation, zero)))) <= tolerance:
            return point
        point = _nearest(problem, point, free, 0.1 * tolerance)
    return tuple(xp.zeros_like(a) for a in point)


def _nearest(
    problem: Any, point: tuple[Array, ...], free: Array, tolerance: float
) -> tuple[Array, ...]:
    """Return the nearest point with correlations of 0 where `free` (conjugate gradients)."""
    xp, squares = problem.backend.xp, problem.backend.sum_squares
    fixed = [p.free(xp.ones_like(v), v) for p, v in zip(problem.penalties, point[1:], strict=False)]

    def gradient() -> Array:
        correlation = _correlation(problem, point)
        return xp.where(free, correlation, xp.zeros_like(correlation))

    steepest = gradient()
    direction, size = steepest, squares(steepest)
    for _ in range(_STEPS):
        if float(xp.max(xp.abs(steepest))) <= tolerance:
            break
        first, *images = problem.images(direction)[:-1]
        pairs = zip(images, fixed, strict=True)
        images = [-a if m is None else xp.where(m, xp.zeros_like(a), -a) for a, m in pairs]
        curvature = sum(squares(a) for a in (first, *images))
        if curvature == 0:
            break
        moves = (first, *images)
        point = tuple(a - (size / curvature) * b for a, b in zip(point, moves, strict=True))
        steepest = gradient()
        previous, size = size, squares(steepest)
        direction = steepest + (size / previous) * direction
    return point


def _correlation(problem: Any, point: Sequence[Array]) -> Array:
    """Return p_L, the correlation of the point with the deepest codes."""
    theta, *vs = point
    correlation: Array = problem.correlate((theta, *(-v for v in vs)))
    return correlation


def _divided(problem: Any, theta: Array, vs: Sequence[Array]) -> Iterator[tuple[Array, ...]]:
    """Yield the point divided where the correlations below are too large, if they are."""
    xp = problem.backend.xp
    deepest, correlation = problem.penalties[-1], _correlation(problem, (theta, *vs))
    if deepest.free(correlation, correlation) is not None:  # it would undo the projection
        return
    overshoot = deepest.overshoot(correlation)
    excess = xp.maximum(overshoot - 1.0, xp.zeros_like(overshoot))
    if not bool(xp.any(excess > 0)):
        return
    local: list[Array] = []
    for operator in problem.operators[::-1]:
        excess = operator.cover(excess)
        local.insert(0, 1.0 + excess)
        excess = excess[:, 0, ...]
    yield tuple(a / by for a, by in zip((theta, *vs), local, strict=True))


def scaled(problem: Any, point: Sequence[Array]) -> tuple[Any, tuple[Array, ...]]:
    """Return the best lower bounds of multiples of the point, one a signal, and the multiples."""
    theta, *vs = point
    arrays = [*vs, _correlation(problem, point)]
    ratios, conjugates = _bounds(problem, arrays)
    if problem.penalties[-1].free(arrays[-1], arrays[-1]) is not None:
        ratios = np.maximum(ratios, 1.0)  # enlarged, what the projection left would count
    scale, value = best_scale(problem, theta, ratios.max(axis=0), conjugates.sum(axis=0))
    hard = np.isinf(conjugates)
    if np.any(hard.any(axis=0) & (~hard & (conjugates > 0)).any(axis=0)):
        # Some layer forbids the point and another only pays for it: it shall pay for the multiple.
        multiple = 1.0 / np.where(hard, ratios, 1.0).max(axis=0)
        shrunk = _times(problem, multiple, [theta, *arrays])
        _, paid = _bounds(problem, shrunk[1:])
        paid = np.where(hard, 0.0, paid).sum(axis=0)
        _, other = best_scale(problem, shrunk[0], np.full_like(paid, np.inf), paid)
        scale, value = np.where(other > value, multiple, scale), np.maximum(other, value)
    return value, _times(problem, scale, point)


def _times(problem: Any, factors: Any, arrays: Sequence[Array]) -> tuple[Array, ...]:
    """Return the arrays times one factor a signal."""
    factor = problem.backend.xp.astype(_by_signal(problem, factors), arrays[0].dtype)
    return tuple(factor * a for a in arrays)


def _bounds(problem: Any, arrays: Sequence[Array]) -> tuple[Any, Any]:
    """Return (ratios, conjugates) of v_1, ..., v_{L-1}, p_L: (n_layers, n_signals), or 1 signal."""
    pairs = [p.dual_bounds(a) for p, a in zip(problem.penalties, arrays, strict=True)]
    to_host = problem.backend.to_host
    ratios, conjugates = ([to_host(values) for values in side] for side in zip(*pairs, strict=True))
    if any(len(r) == 1 for r in ratios):  # some layer couples the signals
        ratios = [r.max(keepdims=True) for r in ratios]
        conjugates = [c.sum(keepdims=True) for c in conjugates]
    return np.array(ratios), np.array(conjugates)


def _by_signal(problem: Any, values: Any) -> Array:
    """Return a short NumPy vector as an array that is broadcast over signals."""
    shape = (-1, *(1,) * (len(problem.shapes[0]) - 1))
    return problem.backend.xp.reshape(problem.backend.xp.asarray(values), shape)
