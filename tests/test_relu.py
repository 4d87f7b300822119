"""The rectified linear unit is a network's layer, and the nonnegative l1 norm where it can be."""

import numpy as np
import pytest
from checkers import assert_close, check_nonexpansive, eps
from discovery import SOLVERS, make_solver, takes
from instances import problem_of
from reference import penalty_value

import sparsecsc as sc
from oracles import require_torch
from sparsecsc.penalties.relu import ReLU

SHAPE = (2, 3, 4)
BIASES = {
    "float": 0.7,
    "negative float": -0.7,
    "zero": 0.0,
    "by filter": np.array([0.5, -1.0, 0.0]),
    "by coefficient": np.random.default_rng(0).standard_normal(SHAPE),
}
biases = pytest.mark.parametrize("bias", BIASES.values(), ids=BIASES)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=("float32", "float64"))


def codes(seed=0, dtype=np.float64):
    return (2 * np.random.default_rng(seed).standard_normal(SHAPE)).astype(dtype)


def bound(bias, dtype=np.float64):
    return ReLU(bias).bind(SHAPE, np.zeros(1, dtype))


@dtypes
def test_the_prox_is_the_layer_of_a_network(dtype):
    torch = require_torch()
    bias = np.array([0.5, -1.0, 0.25]).astype(dtype)
    v = codes(1, dtype)
    expected = torch.relu(torch.from_numpy(v) + torch.from_numpy(bias)[:, None]).numpy()
    found = bound(bias, dtype).prox(v, 1.0)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)


@biases
@dtypes
@pytest.mark.parametrize("step", [0.05, 1.0, 7.0])
def test_prox_is_optimal_and_nonexpansive(bias, dtype, step):
    penalty, v = bound(bias, dtype), codes(2, dtype)
    z = penalty.prox(v, step)
    assert z.dtype == dtype
    column = bias[:, None] if np.ndim(bias) == 1 else bias
    gradient = z - v - step * column  # of step * value(z) + |z - v|^2 / 2 at z >= 0
    slack = 10 * eps(dtype) * (1 + 7 * np.abs(bias).max() + np.abs(v).max())
    assert z.min() == 0 or bias is BIASES["float"]
    assert np.abs(gradient[z > 0]).max(initial=0.0) <= slack
    assert gradient[z == 0].min(initial=0.0) >= -slack
    check_nonexpansive(penalty, SHAPE, step, dtype)


@biases
def test_value_is_minus_the_biased_sum_of_nonnegative_codes(bias):
    z = np.abs(codes(3))
    assert bound(bias).value(z) == pytest.approx(penalty_value(bound(bias), z), rel=1e-12)
    assert bound(bias).value(codes(3)) == np.inf
    assert bound(bias).value(np.zeros(SHAPE)) == 0


@biases
@pytest.mark.parametrize("factor", [0.25, 3.0])
def test_scaled_multiplies_value_and_step(bias, factor):
    scaled, z = bound(bias).scaled(factor), np.abs(codes(4))
    assert scaled.value(z) == pytest.approx(factor * bound(bias).value(z), rel=1e-12)
    assert_close(scaled.prox(codes(4), 1.0), bound(bias).prox(codes(4), factor), slack=20)


def test_a_block_has_its_own_biases():
    v = codes(5)
    for name in ("float", "by filter", "by coefficient"):
        whole = bound(BIASES[name])
        block = (slice(0, 1), slice(1, 3))
        np.testing.assert_array_equal(
            whole.at(block).prox(v[block], 0.5), whole.prox(v, 0.5)[block]
        )


WEIGHTS = {"float": 0.3, "zero": 0.0, "by filter": np.array([0.2, 0.0, 0.4])}


@pytest.mark.parametrize("weight", WEIGHTS.values(), ids=WEIGHTS)
def test_without_positive_biases_it_is_the_nonnegative_l1_norm(weight):
    relu = bound(0.0 - weight)
    norm = sc.NonnegativeL1(weight).bind(SHAPE, np.zeros(1))
    np.testing.assert_array_equal(relu.prox(codes(6), 0.7), norm.prox(codes(6), 0.7))
    for z in (codes(7), np.abs(codes(7))):
        assert relu.value(z) == norm.value(z)


@pytest.mark.parametrize(
    "solver", [n for n in SOLVERS if takes(make_solver(SOLVERS[n]), ReLU(-1.0))]
)
@pytest.mark.parametrize("weight", WEIGHTS.values(), ids=WEIGHTS)
def test_solvers_take_the_same_steps_with_either(solver, weight):
    norm = problem_of("1d", sc.NonnegativeL1(weight))
    relu = norm.with_penalty(ReLU(0.0 - weight))
    left, right = (
        sc.solve(problem, make_solver(SOLVERS[solver]), tol=0.0, max_iter=20, check_every=20)
        for problem in (norm, relu)
    )
    assert left.codes.any()
    np.testing.assert_array_equal(left.codes, right.codes)
    assert left.objective == right.objective


def test_a_pursuit_with_positive_biases_is_solved_where_it_has_a_minimum():
    signal = codes(8)
    bias = BIASES["by filter"]
    problem = sc.Pursuit(signal, sc.Identity(), ReLU(bias))
    result = sc.solve(problem, tol=1e-9)
    assert result.status is sc.Status.CONVERGED
    assert_close(result.codes, np.maximum(signal + bias[:, None], 0), slack=1e6)


def test_there_is_no_gap_to_certify_with():
    assert not hasattr(ReLU(1.0), "dual_bounds")
    assert not hasattr(ReLU(1.0), "weight")
    problem = problem_of("1d", ReLU(-1.0))
    with pytest.raises(TypeError, match="got ReLU"):
        sc.duality_gap(problem, np.zeros(problem.codes_shape))


@pytest.mark.parametrize(
    ("bias", "error", "message"),
    [
        (np.inf, ValueError, r"`bias` must be finite; got inf: correct it\."),
        (np.nan, ValueError, r"`bias` must be finite; got nan: correct it\."),
        (np.array([1.0, -np.inf]), ValueError, r"must be finite; got 1 NaN or infinite values"),
        ("large", TypeError, r"must be a finite number or an array of them; got 'large': pass one"),
        (None, TypeError, r"must be a finite number or an array of them; got None"),
        ([0.1, 0.2], TypeError, r"must be a float or an array; got a list: use numpy\.asarray"),
        (np.ma.ones(2), TypeError, r"`bias` must be a plain array; got a MaskedArray"),
        (np.array([1, 2]), ValueError, r"`bias` must be float32 or float64; got int64: convert it"),
    ],
    ids=str,
)
def test_a_bias_that_is_none_is_refused(bias, error, message):
    with pytest.raises(error, match=message):
        ReLU(bias)


def test_biases_that_do_not_fit_the_codes_are_refused():
    message = r"`bias` must be a float, hold one number for each of the 3 filters.*reshape it"
    with pytest.raises(ValueError, match=message):
        bound(np.ones(2))
