r"""Certificates of multi-layer pursuit.

Lagrange duality of F gives, for every :math:`\theta` and :math:`v_1, ..., v_{L-1}`, with
:math:`p_1 = D_1^T \theta` and :math:`p_{i+1} = D_{i+1}^T (p_i - v_i)`, the lower bound

.. math::
    \langle y, \theta \rangle - \tfrac12 \|\theta\|^2
    - \sum_{i<L} \phi_i^*(v_i) - \phi_L^*(p_L).

For l1 penalties the conjugates demand :math:`\|v_i\|_\infty \le \lambda_i` and
:math:`\|p_L\|_\infty \le \lambda_L`. The points tried: the residual with the multipliers that the
solver has, or those of one sweep of ML-ISTA from the codes, as they are and divided locally by how
much the correlations below exceed the weight; each is then scaled as a whole until it is feasible.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sparsecsc.dictionaries._operators import analyze_whole
from sparsecsc.optimality import best_scale, certify
from sparsecsc.protocols import Array
from sparsecsc.result import Certificate


def certify_state(problem: Any, state: Any) -> Certificate:
    """Return objective, lower bound and what the state's solver claims, for a solver's state.

    Notes
    -----
    A state may have `multipliers` (one array for each layer but the deepest), `steps` (ML-ISTA's)
    and `pursuits`, pairs of a single-layer problem and its codes that a layered solver claims to
    have solved, or None for one not reached yet: these are certified one by one.
    Cost: two to three syntheses and analyses a layer.
    """
    pursuits = getattr(state, "pursuits", ())
    layers = tuple(math.inf if p is None else certify(*p).measure for p in pursuits)
    multipliers = getattr(state, "multipliers", None)
    steps, residual = getattr(state, "steps", None), getattr(state, "residual", None)
    return certify_codes(
        problem,
        state.codes,
        residual=residual,
        multipliers=multipliers,
        steps=steps,
        layers=layers,
    )


def certify_codes(
    problem: Any,
    codes: tuple[Array, ...],
    *,
    residual: Array | None = None,
    multipliers: Sequence[Array] | None = None,
    steps: Sequence[float] | None = None,
    layers: tuple[float, ...] = (),
) -> Certificate:
    """Return the certificate of the deepest of the codes.

    Parameters
    ----------
    problem : MultilayerPursuit
    codes : tuple of arrays
    multipliers : sequence of arrays, optional
        :math:`v_i`; by default those of one sweep of ML-ISTA.
    steps : sequence of float, optional
        The steps of that sweep, by default 1 / L_i.
    layers : tuple of float
        Measures of single-layer problems, to be passed on.
    """
    images = problem.images(codes[-1])
    own = problem.signal - images[0]
    data_term = 0.5 * problem.backend.sum_squares(own)
    value, violation = value_and_violation(problem, images)
    dual, point = np.full(1, -np.inf), ()
    if math.isfinite(data_term) and all(hasattr(p, "dual_bounds") for p in problem.penalties):
        if multipliers is None:
            multipliers = sweep_multipliers(problem, images, steps)
        dual, point = best_dual(problem, own if residual is None else residual, multipliers)
    elif math.isfinite(data_term):
        dual = np.full(1, np.nan)
    return Certificate(
        data_term + value,
        dual,
        data_term,
        math.nan,
        violation=violation,
        layers=layers,
        point=point,
    )


def value_and_violation(problem: Any, images: Sequence[Array]) -> tuple[float, float]:
    """Return the sum of the penalties, and how far shallower layers are from nonnegative.

    The latter is the largest norm of a negative part, relative to the norm of the whole.
    """
    xp, backend = problem.backend.xp, problem.backend
    total, violation = float(problem.penalties[-1].value(images[-1])), 0.0
    for penalty, image in zip(problem.penalties[:-1], images[1:-1], strict=True):
        value = float(penalty.value(image))
        if math.isinf(value) and bool(xp.any(image < 0)):
            positive = xp.maximum(image, xp.zeros_like(image))
            allowed = float(penalty.value(positive))
            if math.isfinite(allowed):
                share = backend.sum_squares(image - positive) / backend.sum_squares(image)
                value, violation = allowed, max(violation, math.sqrt(share))
        total += value
    return total, violation


def sweep_multipliers(
    problem: Any, images: Sequence[Array], steps: Sequence[float] | None = None
) -> list[Array]:
    """Return the multipliers v_i in the subdifferential of phi_i that a sweep of ML-ISTA finds."""
    found, source, threshold = [], problem.signal, 1.0
    for i in range(1, problem.n_layers):
        size = 1.0 / problem.lipschitz(i) if steps is None else steps[i - 1]
        threshold *= size
        correlation = analyze_whole(problem.operators[i - 1], source - images[i - 1])
        moved = images[i] + size * correlation
        source = problem.penalties[i - 1].prox(moved, threshold)
        known = threshold > float(problem.backend.xp.finfo(moved.dtype).eps)
        found.append((moved - source) / threshold if known else 0 * source)  # else it is noise
    return found


def best_dual(problem: Any, residual: Array, multipliers: Sequence[Array]) -> tuple[Any, Any]:
    """Return the best lower bounds found, one a signal, and the dual point of the largest sum."""
    best, best_point = np.zeros(1), ()
    for theta, vs in _candidates(problem, residual, [*multipliers]):
        scale, value = _scaled(problem, theta, vs)
        if not best_point or value.sum() > np.asarray(best).sum():
            best_point = _times(problem, scale, (theta, *vs))
        best = np.maximum(best, value)
    return best, best_point


def dual_value(problem: Any, point: Sequence[Array]) -> float:
    """Return the lower bound on min F of a dual point (theta, v_1, ..., v_{L-1}).

    The point is first scaled until it is feasible; any arrays of the right shapes give a bound.

    Parameters
    ----------
    problem : MultilayerPursuit
    point : sequence of arrays
        Such as a certificate's `point`: of the shapes of the signal and of the codes of all
        layers but the deepest.
    """
    theta, *vs = point
    return float(_scaled(problem, theta, vs)[1].sum())


def _candidates(problem: Any, theta: Array, vs: list[Array]) -> Iterator[tuple[Array, list[Array]]]:
    """Yield (theta, v): as given, and divided where the correlations below are too large."""
    xp = problem.backend.xp
    for penalty, v in zip(problem.penalties, vs, strict=False):
        free = penalty.free(v, v)
        if free is not None:
            v[...] = xp.where(free, xp.zeros_like(v), v)
    yield theta, vs
    _, _, overshoot = _bounds(problem, theta, vs)
    excess = xp.maximum(overshoot - 1.0, xp.zeros_like(overshoot))
    if not bool(xp.any(excess > 0)):
        return
    local: list[Array] = []
    for operator in problem.operators[::-1]:
        excess = operator.cover(excess)
        local.insert(0, 1.0 + excess)
        excess = excess[:, 0, ...]
    yield theta / local[0], [v / by for v, by in zip(vs, local[1:], strict=True)]


def _bounds(problem: Any, theta: Array, vs: Sequence[Array]) -> tuple[Any, Any, Array]:
    """Return (ratio, conjugate) over all layers, and the overshoot of the deepest."""
    ratios, conjugates = [], []
    correlation = analyze_whole(problem.operators[0], theta)
    for i, v in enumerate(vs):
        ratio, conjugate = problem.penalties[i].dual_bounds(v)
        ratios.append(_host(ratio))
        conjugates.append(_host(conjugate))
        correlation = analyze_whole(problem.operators[i + 1], correlation - v)
    deepest = problem.penalties[-1]
    ratio, conjugate = deepest.dual_bounds(correlation)
    ratios.append(_host(ratio))
    conjugates.append(_host(conjugate))
    if any(len(r) == 1 for r in ratios):  # some layer couples the signals
        ratios = [r.max(keepdims=True) for r in ratios]
        conjugates = [c.sum(keepdims=True) for c in conjugates]
    return np.max(ratios, axis=0), np.sum(conjugates, axis=0), deepest.overshoot(correlation)


def _scaled(problem: Any, theta: Array, vs: Sequence[Array]) -> tuple[Any, Any]:
    """Return the scale of the point at which it is feasible, and the value there, a signal each.

    An unpenalised deepest code would need a projection; its bound is 0, that of the zero point.
    """
    ratio, conjugate, _ = _bounds(problem, theta, vs)
    zero = problem.backend.xp.zeros(problem.shapes[-1], dtype=theta.dtype)
    if problem.penalties[-1].free(zero, zero) is not None:
        return np.zeros(len(ratio)), np.zeros(len(ratio))
    return best_scale(problem, theta, ratio, conjugate)


def _times(problem: Any, scale: Any, arrays: tuple[Array, ...]) -> tuple[Array, ...]:
    xp = problem.backend.xp
    factor = xp.astype(xp.asarray(scale), arrays[0].dtype)
    shape = (-1, *(1,) * (arrays[0].ndim - 1))
    return tuple(array * xp.reshape(factor, shape) for array in arrays)


def _host(values: Array) -> Any:
    return np.array([float(v) for v in values])
