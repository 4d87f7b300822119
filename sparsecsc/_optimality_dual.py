"""Dual points and the lower bounds that they give, for problems of one layer."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from sparsecsc._codes_work import has_overshoot, overshoot
from sparsecsc._optimality_damping import damp
from sparsecsc._optimality_projection import projected
from sparsecsc.checks import dtype_name
from sparsecsc.codes import SparseCodes, dense
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import WHOLE, Array, Block

_ROUNDINGS = 16  # in units of the precision: how far inside of what penalties allow a point is kept
_ROUNDS = 2
_WORTH = 0.1
_HOPE = 100.0


def zero_codes(problem: Pursuit) -> Array:
    """Return codes of zeros that take no memory where arrays can be broadcast."""
    xp = problem.backend.xp
    return xp.broadcast_to(xp.zeros((), dtype=problem.signal.dtype), problem.codes_shape)


def dual_values(
    problem: Pursuit, codes: Any, residual: Array, *, objective: float, near: float
) -> Any:
    """Return a lower bound on the optimal value for each signal, as a NumPy float64 array.

    `residual` is overwritten. The better points are tried only if the gap of the first is below
    100 times `near` times the objective.
    """
    found = candidates(problem, codes, residual, objective=objective, near=near)
    return np.max([values for _, _, values in found], axis=0)


def candidates(
    problem: Pursuit, codes: Any, residual: Array, *, objective: float, near: float = math.inf
) -> Iterator[tuple[Array, Any, Any]]:
    """Yield (point, scale, value of scale * point) for each dual point tried.

    A point is overwritten by the next one.
    """
    xp = problem.backend.xp
    free = problem.penalty.free(zero_codes(problem), zero_codes(problem)) is not None
    point, feasible = projected(problem, dense(codes), residual) if free else (residual, True)
    if not feasible:
        yield xp.zeros_like(residual), np.ones(1), np.zeros(1)
        return
    by_tiles = isinstance(codes, SparseCodes)
    ratio, conjugate, overshoot = bounds(problem, point, by_tiles)
    if np.isinf(conjugate).any() and hasattr(problem.penalty, "allowed"):
        yield from _shrunk(problem, point)
    if free:  # enlarged, rounding would count as well
        yield point, *best_scale(problem, point, np.maximum(ratio, 1.0), conjugate)
        return
    scale, values = best_scale(problem, point, ratio, conjugate)
    yield point, scale, values
    if objective - float(values.sum()) > _HOPE * near * objective:
        return
    for _ in range(_ROUNDS):
        if ratio.max() <= 1 or not _is_worth(problem, point, values, objective):
            return
        damp(problem, point, overshoot)
        ratio, conjugate, overshoot = bounds(problem, point, by_tiles)
        scale, values = best_scale(problem, point, ratio, conjugate)
        yield point, scale, values


def _is_worth(problem: Pursuit, point: Array, values: Any, objective: float) -> bool:
    """Return whether a tenth of the gap would be closed if violations were healed for nothing."""
    one = np.ones(values.shape)
    _, unscaled = best_scale(problem, point, one, np.full(values.shape, np.inf))
    gain = float((unscaled - values).sum())
    return gain > _WORTH * (objective - float(values.sum()))


def _shrunk(problem: Pursuit, point: Array) -> Iterator[tuple[Array, Any, Any]]:
    """Yield the multiple that no penalty forbids, to be paid for where penalties only charge."""

    def consume(block: Block, correlation: Array) -> Any:
        return block[0], problem.backend.to_host(problem.penalty.at(block).allowed(correlation))

    multiple = np.ones(point.shape[0])
    for signals, found in problem.correlate(point, consume):
        multiple[signals] = np.minimum(multiple[signals], found)
    xp = problem.backend.xp
    multiple *= 1.0 - _ROUNDINGS * float(np.finfo(dtype_name(point)).eps)
    factor = xp.astype(xp.asarray(multiple), point.dtype)
    point = point * xp.reshape(factor, (-1, *(1,) * (point.ndim - 1)))
    ratio, conjugate, _ = _bounds_by_blocks(problem, point)
    yield point, *best_scale(problem, point, ratio, conjugate)


def bounds(problem: Pursuit, residual: Array, by_tiles: bool) -> tuple[Any, Any, Array]:
    """Return the penalty's dual bounds, one a signal, and its overshoot at each position.

    By tiles, where the backend and the penalty allow it, the bounds follow from the overshoot,
    without the correlations of all filters in an array: 1.6 to 3.4 times faster (512 x 512, two
    threads), with kernels that take seconds to compile. So that is for sparse codes, whose solver
    has compiled them.
    """
    if not by_tiles or not _is_thresholded(problem):
        return _bounds_by_blocks(problem, residual)
    excess = overshoot(problem, problem.masked(residual))
    ratio = np.array([float(np.max(found)) for found in excess])
    return ratio, np.where(ratio > 1, np.inf, 0.0), excess


def _is_thresholded(problem: Pursuit) -> bool:
    """Return whether all that matters is by how much correlations exceed the weights."""
    if not hasattr(problem.penalty, "thresholds") or not has_overshoot(problem):
        return False
    weight, ridge, _ = problem.penalty.thresholds()
    return bool((np.asarray(weight) > 0).all()) and not np.any(np.asarray(ridge))


def _bounds_by_blocks(problem: Pursuit, residual: Array) -> tuple[Any, Any, Array]:
    n_signals, _, *spatial = problem.codes_shape
    xp = problem.backend.xp
    overshoot = xp.zeros((n_signals, *spatial), dtype=residual.dtype)
    lock = threading.Lock()

    def consume(block: Block, correlation: Array) -> Any:
        penalty = problem.penalty.at(block)
        worst = penalty.overshoot(correlation)
        with lock:
            rows = (block[0], ...)
            overshoot[rows] = xp.maximum(overshoot[rows], worst)
        return block, penalty.dual_bounds(correlation)

    pieces = problem.correlate(residual, consume)
    coupled = pieces[0][0] == WHOLE and pieces[0][1][0].shape != (n_signals,)
    ratio, conjugate = np.zeros((2, 1 if coupled else n_signals))
    to_host = problem.backend.to_host
    for block, (block_ratio, block_conjugate) in pieces:
        signals = slice(None) if coupled else block[0]
        ratio[signals] = np.maximum(ratio[signals], to_host(block_ratio))
        conjugate[signals] += to_host(block_conjugate)
    return ratio, conjugate, overshoot


def best_scale(problem: Any, residual: Array, ratio: Any, conjugate: Any) -> tuple[Any, Any]:
    """Return the better scale of the residual and the dual value it gives, for each signal."""
    backend, target = problem.backend, problem.target
    rows = [(b, ...) for b in range(residual.shape[0])]
    inner = np.array([backend.dot(target[row], residual[row]) for row in rows])
    norm = np.array([backend.sum_squares(residual[row]) for row in rows])
    if ratio.shape != inner.shape:
        inner, norm = inner.sum(keepdims=True), norm.sum(keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        largest = np.where(ratio > 0, 1.0 / ratio, np.inf)
        wanted = np.where(norm > 0, inner / norm, 0.0)
    scale = np.clip(wanted, 0.0, largest)
    value = scale * inner - 0.5 * scale**2 * norm
    plain = inner - 0.5 * norm - conjugate
    return np.where(plain > value, 1.0, scale), np.maximum(plain, value)
