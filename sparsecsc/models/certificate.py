r"""Certificates of multi-layer pursuit.

Lagrange duality of F gives, for every :math:`\theta` and :math:`v_1, ..., v_{L-1}`, with
:math:`p_1 = D_1^T \theta` and :math:`p_{i+1} = D_{i+1}^T (p_i - v_i)`, the lower bound

.. math::
    \langle y, \theta \rangle - \tfrac12 \|\theta\|^2
    - \sum_{i<L} \phi_i^*(v_i) - \phi_L^*(p_L).

For l1 penalties the conjugates demand :math:`\|v_i\|_\infty \le \lambda_i` and
:math:`\|p_L\|_\infty \le \lambda_L`. The point tried is the residual with the multipliers that the
solver has, or those of one sweep of ML-ISTA from the codes; see `sparsecsc.models._dual_points`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sparsecsc.dictionaries._operators import analyze_whole
from sparsecsc.models._dual_points import allowed, best_dual, scaled
from sparsecsc.optimality import certify
from sparsecsc.protocols import Array
from sparsecsc.result import Certificate

_TINY = 1e-30
"""The step of a prox that only infinite weights, and signs, feel."""


def certify_state(problem: Any, state: Any) -> Certificate:
    """Return objective, lower bound and what the state's solver claims, for a solver's state.

    Notes
    -----
    A state may have `multipliers` (one array for each layer but the deepest), the `residual` that
    goes with them, `steps` (ML-ISTA's) and `pursuits`, pairs of a single-layer problem and its
    codes that a layered solver claims to have solved, or None for one not reached yet: these are
    certified one by one.
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
        project=state.finished is None,
    )


def certify_codes(
    problem: Any,
    codes: tuple[Array, ...],
    *,
    residual: Array | None = None,
    multipliers: Sequence[Array] | None = None,
    steps: Sequence[float] | None = None,
    layers: tuple[float, ...] = (),
    project: bool = True,
) -> Certificate:
    r"""Return the certificate of the deepest of the codes.

    Parameters
    ----------
    problem : MultilayerPursuit
    codes : tuple of arrays
    residual : array, optional
        :math:`\theta`; by default the residual of the codes. That of a solver's own iterate may
        fit its multipliers better.
    multipliers : sequence of arrays, optional
        :math:`v_i`; by default those of one sweep of ML-ISTA.
    steps : sequence of float, optional
        The steps of that sweep, by default 1 / L_i.
    layers : tuple of float
        Measures of single-layer problems, to be passed on.
    project : bool
        Whether weights of 0 in the deepest layer are worth the projection that a bound needs, up
        to 1000 conjugate gradient steps; the bound is 0 without. It is left out for solvers that
        end by a rule of their own.
    """
    images = problem.images(codes[-1])
    own = problem.signal - images[0]
    data_term = 0.5 * problem.backend.sum_squares(own)
    value, violation = value_and_violation(problem, images)
    dual, point = np.full(1, -np.inf), ()
    if math.isfinite(data_term) and all(hasattr(p, "dual_bounds") for p in problem.penalties):
        if multipliers is None:
            multipliers = sweep_multipliers(problem, images, steps)
        theta = own if residual is None else residual
        if project or problem.penalties[-1].free(codes[-1], codes[-1]) is None:
            dual, point = best_dual(problem, theta, multipliers, codes[-1])
        else:
            dual = np.zeros(1)
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
    """Return the sum of the penalties, and how far shallower layers are from what is allowed.

    Where the value of a shallower layer is infinite (negative codes, or codes of infinite weight)
    it is taken at the nearest allowed codes; the distance, relative to the norm of the layer, is
    the violation, the largest over the layers.
    """
    squares = problem.backend.sum_squares
    total, violation = float(problem.penalties[-1].value(images[-1])), 0.0
    for penalty, image in zip(problem.penalties[:-1], images[1:-1], strict=True):
        value = float(penalty.value(image))
        if math.isinf(value):
            allowed = penalty.prox(image, _TINY)
            value = float(penalty.value(allowed))
            share = squares(image - allowed) / (squares(image) or 1.0)
            violation = max(violation, math.sqrt(share))
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


def dual_value(problem: Any, point: Sequence[Array]) -> float:
    """Return the lower bound on min F of a dual point (theta, v_1, ..., v_{L-1}).

    The point is first made feasible: projected where weights are 0, then scaled. Any arrays of the
    right shapes give a bound.

    Parameters
    ----------
    problem : MultilayerPursuit
    point : sequence of arrays
        Such as a certificate's `point`: of the shapes of the signal and of the codes of all
        layers but the deepest.
    """
    return float(scaled(problem, allowed(problem, point))[0].sum())
