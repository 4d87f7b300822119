"""How much the forward pass of a model can enlarge a change of the signal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sparsecsc.dictionaries._operators import analyze_whole
from sparsecsc.penalties.elastic_net import ElasticNet
from sparsecsc.penalties.l0 import L0
from sparsecsc.penalties.l1 import L1
from sparsecsc.penalties.nonnegative_l1 import NonnegativeL1
from sparsecsc.penalties.relu import ReLU
from sparsecsc.protocols import Array
from sparsecsc.solve import solve
from sparsecsc.solvers._layers import first_share, layer_steps
from sparsecsc.solvers.layered_thresholding import LayeredThresholding


def forward_lipschitz(problem: Any, solver: LayeredThresholding) -> float:
    r"""Return an upper bound on the Lipschitz constant of the forward pass, :math:`\ell_L`.

    .. math::
        \ell_i = c \|D_i\| \, \ell_{i-1} + \|I - C D_i^T D_i\| \, \|P_i\| \, \ell_{s_i},
        \qquad \ell_0 = 1,

    the second term where layer i starts at layer :math:`s_i`, by the shortcut :math:`P_i`: a prox
    of a convex penalty does not enlarge distances.

    Parameters
    ----------
    problem : MultilayerPursuit
        With convex penalties; the values of its signal play no part.
    solver : LayeredThresholding
        Its steps are c.

    Returns
    -------
    float
        Of the map from the signal to the deepest codes, in Euclidean norms.

    Raises
    ------
    TypeError
        If the problem has one layer's form, the solver is another, or a penalty is `L0`.

    Notes
    -----
    Exact for one circular layer without thresholds, else pessimistic: depth multiplies bounds, and
    thresholds that set codes to 0 are ignored. Cost: the layers' norms, which are kept.

    References
    ----------
    Derived here: a prox is non-expansive, and norms of products are at most products of norms.
    """
    _check(problem, solver)
    model, bounds = problem.model, [1.0]
    for i, size in enumerate(layer_steps(solver.step_size, problem), start=1):
        largest = float(problem.operators[i - 1].lipschitz())
        bound = size * math.sqrt(largest) * bounds[-1]
        source, shortcut = model.starts[i - 1], model.shortcuts[i - 1]
        if source is not None:
            damping = first_share(problem, size) * size
            spatial = problem.shapes[source][2:]
            norm = 1.0 if shortcut is None else math.sqrt(shortcut.lipschitz(spatial))
            bound += max(1.0, damping * largest - 1.0) * norm * bounds[source]
        bounds.append(bound * float(np.max(_slope(problem, i, size))))
    return bounds[-1]


def local_lipschitz(
    problem: Any, solver: LayeredThresholding, *, n_iter: int = 60, seed: int = 0
) -> float:
    """Return the norm of the forward pass's derivative at the signal, a lower bound.

    Parameters
    ----------
    problem : MultilayerPursuit
        With penalties `L1`, `NonnegativeL1`, `ReLU` or `ElasticNet`.
    solver : LayeredThresholding
    n_iter : int
        Of the power iteration.
    seed : int
        Of its start.

    Returns
    -------
    float
        Never above the Lipschitz constant: the derivative's norm, or less if the power iteration
        has not converged. 0 where all deepest codes are 0.

    Raises
    ------
    TypeError
        As for `forward_lipschitz`, and for other penalties.

    Notes
    -----
    Cost: two passes through the layers an iteration.

    References
    ----------
    Derived here: the pass is affine where no code changes between zero and nonzero.
    """
    _check(problem, solver)
    _check_diagonal(problem)
    codes = solve(problem, solver, max_iter=1).codes
    sizes = layer_steps(solver.step_size, problem)
    slopes = []
    for i, layer in enumerate(codes, start=1):
        active = layer != 0
        slopes.append(active * _slope(problem, i, sizes[i - 1]))
    backend = problem.backend
    rng = np.random.default_rng(seed)
    start = rng.standard_normal(tuple(problem.signal.shape))
    v = backend.xp.asarray(start, dtype=problem.signal.dtype)
    most = 0.0
    for _ in range(n_iter):
        v = v / math.sqrt(backend.sum_squares(v))
        image = _derivative(problem, v, sizes, slopes)
        norm = math.sqrt(backend.sum_squares(image))
        if norm == 0:
            break
        most = max(most, norm)
        v = _adjoint(problem, image, sizes, slopes)
    return most


def _derivative(
    problem: Any, change: Array, sizes: Sequence[float], slopes: Sequence[Array]
) -> Array:
    """Return the change of the deepest codes with a change of the signal, to first order."""
    earlier = [change]
    for i, (size, slope) in enumerate(zip(sizes, slopes, strict=True), start=1):
        operator, source = problem.operators[i - 1], problem.model.starts[i - 1]
        moved = size * analyze_whole(operator, earlier[-1])
        if source is not None:
            start = problem.start(i, earlier)
            moved = moved + _damped(problem, i, start, size)
        earlier.append(slope * moved)
    return earlier[-1]


def _adjoint(problem: Any, change: Array, sizes: Sequence[float], slopes: Sequence[Array]) -> Array:
    """Return the adjoint of `_derivative` applied to a change of the deepest codes."""
    model = problem.model
    pending: list[Any] = [0.0] * problem.n_layers + [change]
    for i in range(problem.n_layers, 0, -1):
        size, source = sizes[i - 1], model.starts[i - 1]
        back = slopes[i - 1] * pending[i]
        pending[i - 1] = pending[i - 1] + size * problem.synthesize(i, back)
        if source is not None:
            start, shortcut = _damped(problem, i, back, size), model.shortcuts[i - 1]
            if shortcut is not None:
                start = shortcut.synthesize(start, problem.shapes[source][2:])
            pending[source] = pending[source] + start
    return pending[0]


def _damped(problem: Any, i: int, codes: Array, size: float) -> Array:
    """Return (I - C D_i^T D_i) codes."""
    damping = first_share(problem, size) * size
    if damping == 0:
        return codes
    return codes - damping * analyze_whole(problem.operators[i - 1], problem.synthesize(i, codes))


def _slope(problem: Any, i: int, size: float) -> Any:
    """Return the slope of the prox of layer `i` where its codes are not 0."""
    penalty = problem.penalties[i - 1]
    return 1.0 / (1.0 + size * penalty.ridge) if isinstance(penalty, ElasticNet) else 1.0


def _check(problem: Any, solver: Any) -> None:
    if not hasattr(problem, "n_layers") or not isinstance(solver, LayeredThresholding):
        msg = (
            "`problem` and `solver` must be a MultilayerPursuit and LayeredThresholding; got "
            f"{type(problem).__name__} and {type(solver).__name__}: make such."
        )
        raise TypeError(msg)
    if any(isinstance(penalty, L0) for penalty in problem.penalties):
        msg = "`penalties` must be convex; got L0: its threshold jumps, use another penalty."
        raise TypeError(msg)


def _check_diagonal(problem: Any) -> None:
    for penalty in problem.penalties:
        if not isinstance(penalty, (L1, NonnegativeL1, ReLU, ElasticNet)):
            msg = (
                "`penalties` must be L1, NonnegativeL1, ReLU or ElasticNet; got "
                f"{type(penalty).__name__}: use one of these."
            )
            raise TypeError(msg)
