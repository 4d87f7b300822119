r"""Certificates: how far codes are from optimal, computed apart from every solver.

With :math:`A = M D`, :math:`b = M y` and :math:`r = b - A z`, every :math:`\theta` in the domain
gives the lower bound :math:`\langle b, \theta\rangle - \tfrac12\|\theta\|^2 - \phi^*(A^T\theta)`.
The points tried are r itself, r scaled until :math:`\phi^*` vanishes, and r divided at each sample
by how many times the correlations of the atoms there exceed the weight, once or twice, then scaled:
a violation at one place need not shrink the point everywhere. Where a weight of 0 demands
:math:`A_0^T \theta = 0`, r is first projected and only scaled as a whole.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sparsecsc._optimality_dual import bounds, candidates, dual_values, zero_codes
from sparsecsc._optimality_projection import projected
from sparsecsc.checks import dtype_name
from sparsecsc.codes import dense
from sparsecsc.penalties._weights import largest_finite
from sparsecsc.problems import Pursuit, check_problem, check_single
from sparsecsc.protocols import Array, Block
from sparsecsc.result import Certificate

_LARGE = 1 << 20
"""Samples of a signal above which tiles are worth seconds of compilation."""


def certify(problem: Any, codes: Any, *, near: float = math.inf) -> Certificate:
    """Return what can be said about `codes`: the gap for a convex penalty, else the KKT residual.

    Parameters
    ----------
    problem : Pursuit or MultilayerPursuit
    codes : array or SparseCodes, or a tuple of arrays
    near : float
        The relative gap of interest: of codes that are more than 100 times as far from it, only
        the cheapest bound is computed.

    Notes
    -----
    A `MultilayerPursuit` has a certificate of its own: see `sparsecsc.models.certificate`.
    Cost: one synthesis and one to three analyses, and with weights of 0 as many more as the
    projection's conjugate gradients take (up to 1000). Memory: the residual, and one array of the
    size of one filter's code; with sparse codes no array of the codes' size.
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
    dual = dual_values(problem, codes, residual, objective=objective, near=near)
    return Certificate(objective, dual, data_term, math.nan)


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


def kkt_residual(problem: Pursuit, codes: Any) -> float:
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


def gap_safe_radius(problem: Pursuit, codes: Any) -> float:
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


def dual_point(problem: Pursuit, codes: Any) -> Array:
    """Return the feasible dual point, with the shape of the signal, that the gap is computed at.

    Raises
    ------
    TypeError, ValueError
        As `duality_gap`.
    """
    check_single(problem)
    problem.check_codes("codes", codes)
    _check_convex(problem)
    xp = problem.backend.xp
    objective = problem.objective(codes)
    total, best = xp.zeros_like(problem.signal), np.asarray(-np.inf)
    for point, scale, values in candidates(
        problem, codes, problem.residual(codes), objective=objective
    ):
        per_signal = (-1, *(1,) * (point.ndim - 1))
        better = xp.reshape(xp.asarray(values > best), per_signal)
        factor = xp.reshape(xp.astype(xp.asarray(scale), point.dtype), per_signal)
        total = xp.where(better, factor * point, total)
        best = np.maximum(best, values)
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
    residual, _ = projected(problem, zero_codes(problem), problem.target)
    ratio, _, _ = bounds(problem, residual, by_tiles=residual.size > _LARGE)
    return level * float(np.max(ratio))


def weight_level(penalty: Any) -> float:
    """Return the largest finite weight of a penalty: the number that a path varies."""
    return largest_finite(penalty.weight)


def _relative_kkt(problem: Pursuit, codes: Any, residual: Array) -> float:
    xp = problem.backend.xp
    scale = max(problem.correlate(problem.target, lambda _, c: float(xp.max(xp.abs(c)))))
    return _kkt(problem, codes, residual) / (scale or 1.0)


def _kkt(problem: Pursuit, codes: Any, residual: Array) -> float:
    step = 1.0 / problem.lipschitz()
    xp = problem.backend.xp

    def worst(block: Block, correlation: Array) -> float:
        z = dense(codes[block])
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
