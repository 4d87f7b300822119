"""Multi-layer basis pursuit against cvxpy with Clarabel, an interior-point method.

The oracle minimises F over the deepest code with one dense matrix a layer, built column by column
from unit codes; nothing else of the library is used. Each layer's term is written from its formula.
"""

import warnings

import cvxpy as cp
import numpy as np
import pytest
from multilayer import chain, dense_model, exact, image_matrices, matrix, pursuit, residual_model

import sparsecsc as sc

TOL = 1e-8
MATCH = 1e-6


def solve_outside(problem):
    """Return the optimum that Clarabel finds, with floating-point errors in its own code allowed.

    Its own tolerances are set well below what is compared.
    """
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem.solve(
            solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10, max_iter=500
        )
    assert problem.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE)
    return float(problem.value)


def spread(values, shape):
    """Return a weight, one for each filter or for all, for each coefficient."""
    values = np.asarray(values, np.float64)
    if values.ndim == 1:
        values = values.reshape(1, -1, *(1,) * (len(shape) - 2))
    return np.broadcast_to(values, (1, *shape[1:])).ravel()


def term(penalty, z, shape):
    """Return (expression, constraints) of a penalty of the flat codes z."""
    weight = spread(penalty.weight, shape)
    free, blocked = np.isfinite(weight), np.isinf(weight)
    finite = np.where(free, weight, 0.0)
    constraints = [z[np.flatnonzero(blocked)] == 0] if blocked.any() else []
    if isinstance(penalty, sc.NonnegativeL1):
        return finite @ z, [*constraints, z >= 0]
    value = finite @ cp.abs(z)
    if isinstance(penalty, sc.ElasticNet):
        value = value + 0.5 * cp.sum_squares(cp.multiply(np.sqrt(spread(penalty.ridge, shape)), z))
    return value, constraints


def optimum(problem):
    """Return min F, a sum over the signals."""
    first, *others = image_matrices(problem)
    total = 0.0
    for signal in problem.signal:
        x = cp.Variable(first.shape[1])
        value, constraints = 0.5 * cp.sum_squares(signal.ravel() - first @ x), []
        images = [*(K @ x for K in others), x]
        for penalty, z, shape in zip(problem.penalties, images, problem.shapes[1:], strict=True):
            more, wanted = term(penalty, z, shape)
            value, constraints = value + more, constraints + wanted
        total += solve_outside(cp.Problem(cp.Minimize(value), constraints))
    return total


def check_agrees(problem, result, expected):
    """The objective is the optimum, the gap certified, the bound below the optimum."""
    assert abs(result.relative_gap) <= TOL
    assert result.certificate.violation <= TOL
    assert result.objective == pytest.approx(expected, rel=MATCH)
    assert result.certificate.dual.sum() <= expected * (1 + MATCH)


L1, NN = sc.L1, sc.NonnegativeL1
PER_FILTER = np.array([0.1, 0.2, 0.0, np.inf])
DEEP = np.array([0.2, 0.1, np.inf, 0.3, 0.0, 0.2])

CASES = {
    "L1, 2 layers": lambda: pursuit(chain(2), [L1(0.1), L1(0.2)]),
    "L1, 3 layers": lambda: pursuit(chain(3), [L1(0.05), L1(0.05), L1(0.1)]),
    "nonnegative, 2 layers": lambda: pursuit(chain(2), [NN(0.1), NN(0.2)]),
    "nonnegative, 3 layers": lambda: pursuit(chain(3), [NN(0.02), NN(0.02), NN(0.05)]),
    "L1 then nonnegative": lambda: pursuit(chain(2), [L1(0.1), NN(0.1)]),
    "nonnegative then L1": lambda: pursuit(chain(2), [NN(0.1), L1(0.1)]),
    "elastic net": lambda: pursuit(chain(2), [sc.ElasticNet(0.1, 0.3), sc.ElasticNet(0.2, 0.1)]),
    "elastic net then L1": lambda: pursuit(chain(2), [sc.ElasticNet(0.1, 0.3), L1(0.2)]),
    "elastic net in the middle": lambda: pursuit(
        chain(3), [L1(0.05), sc.ElasticNet(0.05, 0.2), L1(0.1)]
    ),
    "a shallow filter forbidden, one free": lambda: pursuit(chain(2), [L1(PER_FILTER), L1(0.2)]),
    "the same, nonnegative": lambda: pursuit(chain(2), [NN(PER_FILTER), L1(0.2)]),
    "the same, elastic": lambda: pursuit(chain(2), [sc.ElasticNet(PER_FILTER, 0.3), L1(0.2)]),
    "a deep filter forbidden, one free": lambda: pursuit(chain(2), [L1(0.1), L1(DEEP)]),
    "a deep filter free, nonnegative": lambda: pursuit(chain(2), [L1(0.1), NN(DEEP)]),
    "valid borders": lambda: pursuit(chain(2, padding=["valid", "valid"]), [L1(0.1), L1(0.2)]),
    "same borders": lambda: pursuit(chain(2, padding=["same", "same"]), [L1(0.1), L1(0.2)]),
    "strides": lambda: pursuit(chain(2, stride=[2, 2]), [L1(0.05), L1(0.1)]),
    "dense": lambda: pursuit(dense_model(), [L1(0.1), L1(0.2)]),
    "dense, same borders": lambda: pursuit(dense_model("same"), [L1(0.1), L1(0.2)]),
    "2-D": lambda: pursuit(chain("2d"), [L1(0.1), L1(0.2)], spatial=(5, 4)),
    "channels": lambda: pursuit(chain("channels"), [L1(0.1), L1(0.2)]),
    "a batch of 2": lambda: pursuit(chain(2), [L1(0.1), L1(0.2)], n_signals=2),
    "filters of layer 1 times 10": lambda: pursuit(
        chain(2, scales=[10.0, 1.0]), [L1(1.0), L1(2.0)]
    ),
    "filters of layer 2 over 10": lambda: pursuit(chain(2, scales=[1.0, 0.1]), [L1(0.1), L1(0.02)]),
}


@pytest.mark.parametrize("name", CASES)
def test_the_exact_solver_agrees_with_an_interior_point_method(name):
    problem = CASES[name]()
    result = exact(problem, TOL, check_every=25)
    check_agrees(problem, result, optimum(problem))


def test_the_comparison_fails_for_other_weights():
    problem = CASES["L1, 2 layers"]()
    other = sc.MultilayerPursuit(problem.signal, problem.model, [L1(0.1), L1(0.2001)])
    with pytest.raises(AssertionError):
        check_agrees(problem, exact(problem), optimum(other))


def test_the_comparison_fails_for_a_fixed_point_of_ml_ista():
    problem = CASES["L1, 2 layers"]()
    result = sc.solve(problem, sc.MLISTA(), tol=0.0, max_iter=3000, check_every=500)
    with pytest.raises(AssertionError):
        check_agrees(problem, result, optimum(problem))


# ---- deep pursuit ----

DEEP_CASES = {
    "chain": (lambda: chain(2), [L1(0.1), L1(0.2)], 1),
    "chain, strides and borders": (
        lambda: chain(2, stride=[2, 1], padding=["circular", "valid"]),
        [L1(0.1), NN(0.1)],
        1,
    ),
    "residual": (residual_model, [L1(0.1), L1(0.05), L1(0.1)], 2),
    "residual, projected": (lambda: residual_model("project"), [L1(0.1), L1(0.1), L1(0.1)], 2),
    "dense": (dense_model, [L1(0.1), sc.ElasticNet(0.1, 0.2)], 1),
}


def joint_optimum(signal, model, penalties, shapes):
    """Return the optimum of the joint problem, written from the model's own fields."""
    w = [signal.ravel(), *(cp.Variable(int(np.prod(s[1:]))) for s in shapes[1:])]
    images = [[] for _ in shapes]
    if isinstance(model, sc.MSDCSC):
        for j, layer in enumerate(model.dictionaries):
            whole = layer.dictionaries[1]
            bounds = np.cumsum([0, *(s[1] for s in shapes[: j + 1])])
            for k in range(j + 1):
                part = whole.filters[:, bounds[k] : bounds[k + 1]]
                cut = sc.ConvDictionary(part, dilation=whole.dilation, padding=whole.padding)
                images[k].append(matrix(cut, shapes[k]) @ w[j + 1])
    else:
        layers = zip(model.dictionaries, model.starts, model.shortcuts, strict=True)
        for j, (dictionary, source, shortcut) in enumerate(layers, start=1):
            images[j - 1].append(matrix(dictionary, shapes[j - 1]) @ w[j])
            if source is not None:
                shown = np.eye(w[j].size) if shortcut is None else matrix(shortcut, shapes[source])
                images[source].append(shown @ w[j])
    value, constraints = 0.0, []
    for layer, parts in zip(w[:-1], images[:-1], strict=True):
        value = value + 0.5 * cp.sum_squares(layer - sum(parts))
    for penalty, z, shape in zip(penalties, w[1:], shapes[1:], strict=True):
        more, wanted = term(penalty, z, shape)
        value, constraints = value + more, constraints + wanted
    return solve_outside(cp.Problem(cp.Minimize(value), constraints))


@pytest.mark.parametrize("name", DEEP_CASES)
def test_deep_pursuit_agrees_with_an_interior_point_method(name):
    make, penalties, channels = DEEP_CASES[name]
    model = make()
    signal = np.random.default_rng(1).standard_normal((1, channels, 12))
    problem = sc.deep_pursuit(signal, model, penalties)
    result = sc.solve(problem, sc.FISTA(), tol=1e-9, max_iter=20_000, check_every=25)
    shapes = [(1, *shape) for shape in problem.dictionary.shapes]
    expected = joint_optimum(signal, model, penalties, shapes)
    assert result.status is sc.Status.CONVERGED
    assert result.objective == pytest.approx(expected, rel=MATCH)
    wrong = joint_optimum(1.001 * signal, model, penalties, shapes)
    assert result.objective != pytest.approx(wrong, rel=MATCH)
