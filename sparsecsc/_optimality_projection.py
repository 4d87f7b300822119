"""Dual points where weights of 0 leave codes unpenalised."""

from __future__ import annotations

from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array

_PROJECTION_STEPS = 1000
_PROJECTION_ROUNDS = 5


def projected(problem: Pursuit, codes: Array, residual: Array) -> tuple[Array, bool]:
    r"""Project `residual` onto :math:`A_0^T \theta = 0` where weights of 0 demand it.

    Least squares over the free coefficients by conjugate gradients. Returns the point and whether
    the remaining correlation there is at the level of rounding.
    """
    if problem.penalty.free(codes, codes) is None:
        return residual, True
    xp = problem.backend.xp
    zero = xp.zeros(codes.shape, dtype=codes.dtype)
    point = residual
    free = xp.zeros(codes.shape, dtype=xp.bool)
    norms = problem.backend.sum_squares(residual) ** 0.5 * problem.lipschitz() ** 0.5
    tolerance = 200 * float(xp.finfo(codes.dtype).eps) * norms
    for _ in range(_PROJECTION_ROUNDS):
        correlation = problem.correlation(point)
        correlation = xp.where(xp.abs(correlation) <= tolerance, zero, correlation)
        free = free | problem.penalty.free(codes, correlation)
        worst = float(xp.max(xp.abs(xp.where(free, correlation, zero))))
        if worst <= tolerance:
            return point, True
        point = _least_squares_residual(problem, residual, free, tolerance)
    return point, False


def _least_squares_residual(
    problem: Pursuit, residual: Array, free: Array, tolerance: float
) -> Array:
    """Return the residual of fitting `residual` by the free atoms (CGLS)."""
    backend = problem.backend
    xp = backend.xp
    point = xp.asarray(residual, copy=True)

    def gradient() -> Array:
        correlation = problem.correlation(point)
        return xp.where(free, correlation, xp.zeros_like(correlation))

    steepest = gradient()
    direction = steepest
    size = backend.sum_squares(steepest)
    for _ in range(_PROJECTION_STEPS):
        if float(xp.max(xp.abs(steepest))) <= 0.1 * tolerance or size == 0:
            break
        image = problem.masked(problem.synthesize(direction))
        point -= (size / backend.sum_squares(image)) * image
        steepest = gradient()
        previous, size = size, backend.sum_squares(steepest)
        direction = steepest + (size / previous) * direction
    return point
