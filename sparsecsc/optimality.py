r"""Certificates: how far codes are from optimal, computed apart from every solver.

With :math:`A = M D`, :math:`b = M y` and :math:`r = b - A z`, every :math:`\theta` in the domain
gives the lower bound :math:`\langle b, \theta\rangle - \tfrac12\|\theta\|^2 - \phi^*(A^T\theta)`.
The points tried are r itself, r scaled until :math:`\phi^*` vanishes, and r divided at each sample
by how many times the correlations of the atoms there exceed the weight, then scaled: a violation
at one place need not shrink the point everywhere. Where a weight of 0 demands
:math:`A_0^T \theta = 0`, r is first projected and only scaled as a whole.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from sparsecsc._optimality_projection import projected
from sparsecsc.checks import dtype_name
from sparsecsc.penalties._weights import largest_finite
from sparsecsc.problems import Pursuit, check_problem, check_single
from sparsecsc.protocols import WHOLE, Array, Block
from sparsecsc.result import Certificate

_ROUNDINGS = 16  # in units of the precision: how far inside of what penalties allow a point is kept


def certify(problem: Any, codes: Any) -> Certificate:
    """Return what can be said about `codes`: the gap for a convex penalty, else the KKT residual.

    Notes
    -----
    A `MultilayerPursuit` has a certificate of its own: see `sparsecsc.models.certificate`.
    Cost: one synthesis and one or two analyses, and with weights of 0 as many more as the
    projection's conjugate gradients take (up to 1000).
    """
    if hasattr(problem, "certify_codes"):
        certificate: Certificate = problem.certify_codes(codes)
        return certificate
    residual = problem.residual(codes)
    data_term = 0.5 * problem.backend.sum_squares(residual)
    objective = data_term + problem.penalty_value(codes)
    if not hasattr(problem.penalty, "dual_bounds"):
        kkt = _relative_kkt(problem, codes, residual)
        return Certificate(objective, np.full(1, np.nan), data_term, kkt)
    if not math.isfinite(data_term):
        return Certificate(objective, np.full(1, -np.inf), data_term, math.nan)
    return Certificate(objective, dual_values(problem, codes, residual), data_term, math.nan)


def duality_gap(problem: Any, codes: Any) -> float:
    """Return the duality gap P(codes) - D, an upper bound on P(codes) - min P.

    Parameters
    ----------
    problem : Pursuit or MultilayerPursuit
        With convex penalties.
    codes : array or tuple of arrays
        Any codes of the problem's shape; they need not come from a solver.

    Returns
    -------
    float
        Never negative beyond rounding; inf where the codes are not allowed.

    Raises
    ------
    TypeError
        If the penalty is not convex.
    ValueError
        If `codes` do not fit the problem.

    Notes
    -----
    Cost and the choice of the dual point: see `sparsecsc.optimality`.

    References
    ----------
    Ndiaye, Fercoq, Gramfort and Salmon 2017 (section 2: dual scaling).
    """
    check_problem(problem)
    problem.check_codes("codes", codes)
    _check_convex(problem)
    return certify(problem, codes).gap


def kkt_residual(problem: Pursuit, codes: Array) -> float:
    r"""Return :math:`L \|z - \mathrm{prox}_{\phi/L}(z + A^T r / L)\|_\infty`, 0 iff stationary.

    In units of a correlation; compare it with `lambda_max`. For a convex penalty stationary means
    optimal.

    Raises
    ------
    ValueError
        If `codes` do not fit the problem.
    """
    check_single(problem)
    problem.check_codes("codes", codes)
    return _kkt(problem, codes, problem.residual(codes))


def gap_safe_radius(problem: Pursuit, codes: Array) -> float:
    """Return sqrt(2 gap): how far the optimal residual can be from the dual point of `codes`.

    The rounding of the gap, a few units in the last place of the objective, is added to it: a gap
    that vanishes in floating point does not prove that the point is exact.

    In units of the signal, for the unscaled dual point; divided by the weight it is the radius
    of the literature. A coefficient whose atom d satisfies ``|<d, point>| + |d| radius < weight``
    is 0 in every solution.

    Raises
    ------
    TypeError, ValueError
        As `duality_gap`.

    References
    ----------
    Ndiaye, Fercoq, Gramfort and Salmon 2017 (theorem 6).
    """
    check_single(problem)
    gap = duality_gap(problem, codes)
    rounding = 10.0 * float(np.finfo(dtype_name(codes)).eps) * problem.objective(codes)
    return math.sqrt(2.0 * (max(gap, 0.0) + rounding))


def dual_point(problem: Pursuit, codes: Array) -> Array:
    """Return the feasible dual point, with the shape of the signal, that the gap is computed at.

    Raises
    ------
    TypeError, ValueError
        As `duality_gap`.
    """
    check_single(problem)
    problem.check_codes("codes", codes)
    _check_convex(problem)
    candidates = list(_candidates(problem, codes, problem.residual(codes)))
    chosen = np.argmax([values for _, _, values in candidates], axis=0)
    xp = problem.backend.xp
    total = xp.zeros_like(problem.signal)
    for k, (point, scale, _) in enumerate(candidates):
        factor = xp.astype(xp.asarray(np.where(chosen == k, scale, 0.0)), point.dtype)
        total += point * xp.reshape(factor, (-1, *(1,) * (point.ndim - 1)))
    return total


def lambda_max(problem: Pursuit) -> float:
    r"""Return the smallest weight from which zero is optimal, :math:`\|D^T y\|_\infty` for `L1`.

    With several weights it is the value that the largest finite one takes when all are scaled
    together until every penalised code is zero; unpenalised codes (weight 0) are fitted first.

    Raises
    ------
    TypeError
        If the penalty is not convex.
    ValueError
        If no weight is positive and finite.

    Notes
    -----
    For `ElasticNet` the ridge plays no part. Cost: one analysis.
    """
    check_single(problem)
    _check_convex(problem)
    level = weight_level(problem.penalty)
    if level == 0:
        msg = "`lambda_max` needs a positive finite weight; got none: give the penalty a weight."
        raise ValueError(msg)
    codes = problem.backend.xp.zeros(problem.codes_shape, dtype=problem.signal.dtype)
    residual, _ = projected(problem, codes, problem.target)
    ratio, _, _ = _bounds(problem, residual)
    return level * float(np.max(ratio))


def weight_level(penalty: Any) -> float:
    """Return the largest finite weight of a penalty: the number that a path varies."""
    return largest_finite(penalty.weight)


def dual_values(problem: Pursuit, codes: Array, residual: Array) -> Any:
    """Return a lower bound on the optimal value for each signal, as a NumPy float64 array."""
    return np.max([values for _, _, values in _candidates(problem, codes, residual)], axis=0)


def _candidates(
    problem: Pursuit, codes: Array, residual: Array
) -> Iterator[tuple[Array, Any, Any]]:
    """Yield (point, scale, value of scale * point) for each dual point tried."""
    xp = problem.backend.xp
    point, feasible = projected(problem, codes, residual)
    if not feasible:
        yield xp.zeros_like(residual), np.ones(1), np.zeros(1)
        return
    ratio, conjugate, overshoot = _bounds(problem, point)
    if np.isinf(conjugate).any() and hasattr(problem.penalty, "allowed"):
        yield from _shrunk(problem, point)
    if problem.penalty.free(codes, codes) is not None:  # enlarged, rounding would count as well
        yield point, *best_scale(problem, point, np.maximum(ratio, 1.0), conjugate)
        return
    yield point, *best_scale(problem, point, ratio, conjugate)
    if ratio.max() <= 1:
        return
    excess = xp.maximum(overshoot - 1.0, xp.zeros_like(overshoot))
    point = point / (1.0 + problem.operator.cover(excess))
    ratio, conjugate, _ = _bounds(problem, point)
    yield point, *best_scale(problem, point, ratio, conjugate)


def _shrunk(problem: Pursuit, point: Array) -> Iterator[tuple[Array, Any, Any]]:
    """Yield the multiple that no penalty forbids, to be paid for where penalties only charge."""

    def consume(block: Block, correlation: Array) -> Any:
        return block[0], _host(problem.penalty.at(block).allowed(correlation))

    multiple = np.ones(point.shape[0])
    for signals, found in problem.correlate(point, consume):
        multiple[signals] = np.minimum(multiple[signals], found)
    xp = problem.backend.xp
    multiple *= 1.0 - _ROUNDINGS * float(np.finfo(dtype_name(point)).eps)
    factor = xp.astype(xp.asarray(multiple), point.dtype)
    point = point * xp.reshape(factor, (-1, *(1,) * (point.ndim - 1)))
    ratio, conjugate, _ = _bounds(problem, point)
    yield point, *best_scale(problem, point, ratio, conjugate)


def _bounds(problem: Pursuit, residual: Array) -> tuple[Any, Any, Array]:
    """Collect the penalty's dual bounds and overshoot over the blocks."""
    n_signals, _, *spatial = problem.codes_shape
    xp = problem.backend.xp
    overshoot = xp.zeros((n_signals, *spatial), dtype=residual.dtype)
    lock = threading.Lock()

    def consume(block: Block, correlation: Array) -> Any:
        penalty = problem.penalty.at(block)
        worst = penalty.overshoot(correlation)
        with lock:
            overshoot[block[0]] = xp.maximum(overshoot[block[0]], worst)
        return block, penalty.dual_bounds(correlation)

    pieces = problem.correlate(residual, consume)
    coupled = pieces[0][0] == WHOLE and pieces[0][1][0].shape != (n_signals,)
    ratio, conjugate = np.zeros((2, 1 if coupled else n_signals))
    for block, (block_ratio, block_conjugate) in pieces:
        signals = slice(None) if coupled else block[0]
        ratio[signals] = np.maximum(ratio[signals], _host(block_ratio))
        conjugate[signals] += _host(block_conjugate)
    return ratio, conjugate, overshoot


def _host(values: Array) -> Any:
    """Return a short vector as NumPy, one number at a time."""
    return np.array([float(v) for v in values])


def best_scale(problem: Any, residual: Array, ratio: Any, conjugate: Any) -> tuple[Any, Any]:
    """Return the better scale of the residual and the dual value it gives, for each signal."""
    backend, target = problem.backend, problem.target
    inner = np.array([backend.dot(b, r) for b, r in zip(target, residual, strict=True)])
    norm = np.array([backend.sum_squares(r) for r in residual])
    if ratio.shape != inner.shape:
        inner, norm = inner.sum(keepdims=True), norm.sum(keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        largest = np.where(ratio > 0, 1.0 / ratio, np.inf)
        wanted = np.where(norm > 0, inner / norm, 0.0)
    scale = np.clip(wanted, 0.0, largest)
    value = scale * inner - 0.5 * scale**2 * norm
    plain = inner - 0.5 * norm - conjugate
    return np.where(plain > value, 1.0, scale), np.maximum(plain, value)


def _relative_kkt(problem: Pursuit, codes: Array, residual: Array) -> float:
    xp = problem.backend.xp
    scale = max(problem.correlate(problem.target, lambda _, c: float(xp.max(xp.abs(c)))))
    return _kkt(problem, codes, residual) / (scale or 1.0)


def _kkt(problem: Pursuit, codes: Array, residual: Array) -> float:
    step = 1.0 / problem.lipschitz()
    xp = problem.backend.xp

    def worst(block: Block, correlation: Array) -> float:
        z = codes[block]
        moved = problem.penalty.at(block).prox(z + step * correlation, step)
        return float(xp.max(xp.abs(moved - z)))

    return float(max(problem.correlate(residual, worst))) / step


def _check_convex(problem: Any) -> None:
    penalties = problem.penalties if hasattr(problem, "penalties") else (problem.penalty,)
    for penalty in penalties:
        if not hasattr(penalty, "dual_bounds"):
            name = type(penalty).__name__
            msg = f"`penalty` must have a duality gap; got {name}: use L1, or `kkt_residual`."
            raise TypeError(msg)
