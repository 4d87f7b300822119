"""A problem says what is minimised: its objective, and from which weight on zero is the answer."""

import dataclasses

import numpy as np
import pytest
from checkers import assert_close, eps
from discovery import CONVEX, PENALTIES, make_penalty
from instances import DICTIONARIES, problem_of
from reference import objective, penalty_value, signal_matrix

import sparsecsc as sc

MASKS = (None, "holes", "weights")
penalties = pytest.mark.parametrize("penalty", PENALTIES)
convex = pytest.mark.parametrize("penalty", CONVEX)
dictionaries = pytest.mark.parametrize("dictionary", DICTIONARIES)
masks = pytest.mark.parametrize("mask", MASKS, ids=str)


def codes_for(problem, seed=0):
    codes = np.random.default_rng(seed).standard_normal(problem.codes_shape)
    return np.abs(codes).astype(problem.signal.dtype)


@dictionaries
@penalties
@masks
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=("float32", "float64"))
def test_objective_agrees_with_a_plain_computation(dictionary, penalty, mask, dtype):
    problem = problem_of(dictionary, penalty, mask=mask, dtype=dtype)
    codes = codes_for(problem)
    expected = objective(problem, codes)
    assert problem.objective(codes) == pytest.approx(expected, rel=100 * eps(dtype))
    assert problem.objective(0 * codes) == pytest.approx(
        0.5 * float((problem.target.astype(np.float64) ** 2).sum()), rel=10 * eps(np.float64)
    )


@masks
def test_the_objective_is_never_divided_by_the_number_of_samples(mask):
    problem = problem_of(mask=mask, n_signals=1)
    twice = sc.Pursuit(
        np.concatenate([problem.signal, problem.signal]),
        problem.dictionary,
        problem.penalty,
        mask=None if mask is None else problem.mask,
    )
    codes = codes_for(problem)
    both = twice.objective(np.concatenate([codes, codes]))
    assert both == pytest.approx(2 * problem.objective(codes), rel=1e-13)


@dictionaries
@masks
def test_residual_and_correlation_are_those_of_the_masked_matrix(dictionary, mask):
    problem = problem_of(dictionary, mask=mask)
    codes = codes_for(problem)
    residual = problem.residual(codes)
    correlation = problem.correlation(residual)
    for b in range(2):
        matrix, target = signal_matrix(problem, b)
        expected = target - matrix @ codes[b].ravel()
        assert_close(residual[b].ravel(), expected)
        assert_close(correlation[b].ravel(), matrix.T @ expected)
        assert_close(problem.target[b].ravel(), target)


@dictionaries
@masks
def test_lipschitz_bounds_the_masked_matrix(dictionary, mask):
    problem = problem_of(dictionary, mask=mask)
    for b in range(2):
        norm = np.linalg.norm(signal_matrix(problem, b)[0], 2) ** 2
        assert norm <= problem.lipschitz() * (1 + 1e-12)


def test_codes_shape_is_known_at_once():
    problem = problem_of("1d stride", n_signals=3)
    assert problem.codes_shape == (3, 3, 6)


@convex
@dictionaries
@masks
def test_zero_is_optimal_from_lambda_max_on_and_not_just_below(penalty, dictionary, mask):
    problem = problem_of(dictionary, penalty, mask=mask, ratio=0.5)
    largest = sc.lambda_max(problem)
    for factor in (1 + 1e-9, 1.5):
        above = problem.with_penalty(make_penalty(PENALTIES[penalty], factor * largest))
        result = sc.solve(above, tol=1e-12)
        assert result.status is sc.Status.CONVERGED
        assert result.n_iter == 0
        assert not result.codes.any()
        assert sc.kkt_residual(above, np.zeros(above.codes_shape)) == 0
    below = problem.with_penalty(make_penalty(PENALTIES[penalty], 0.99 * largest))
    result = sc.solve(below, tol=1e-11, max_iter=2000)
    assert result.n_iter > 0
    assert result.codes.any()
    assert result.objective < below.objective(np.zeros(below.codes_shape))


def test_lambda_max_is_the_largest_correlation_as_signed_as_the_penalty():
    problem = problem_of("1d channels", "L1", mask="weights", n_signals=1)
    matrix, target = signal_matrix(problem)
    correlation = matrix.T @ target
    assert sc.lambda_max(problem) == pytest.approx(np.abs(correlation).max(), rel=1e-13)
    for sign in (1, -1):
        signed = sc.Pursuit(
            sign * problem.signal, problem.dictionary, sc.NonnegativeL1(0.1), mask=problem.mask
        )
        assert sc.lambda_max(signed) == pytest.approx((sign * correlation).max(), rel=1e-13)
    groups = np.linalg.norm(correlation.reshape(4, -1), axis=0)
    coupled = problem.with_penalty(sc.GroupL1(3.0, 1))
    assert sc.lambda_max(coupled) == pytest.approx(groups.max(), rel=1e-13)
    net = problem.with_penalty(sc.ElasticNet(3.0, 7.0))
    assert sc.lambda_max(net) == pytest.approx(np.abs(correlation).max(), rel=1e-13)


def test_lambda_max_of_several_weights_scales_them_together():
    weight = np.array([1.0, 2.0, 0.5])
    problem = problem_of("1d", sc.L1(weight), n_signals=1)
    matrix, target = signal_matrix(problem)
    correlation = np.abs((matrix.T @ target).reshape(3, -1)).max(axis=1)
    assert sc.lambda_max(problem) == pytest.approx(2.0 * (correlation / weight).max(), rel=1e-13)


def test_lambda_max_fits_unpenalised_codes_first():
    weight = np.array([0.0, 1.0, np.inf])
    problem = problem_of("1d stride", sc.L1(weight), n_signals=1)
    matrix, target = signal_matrix(problem)
    free, penalised = matrix[:, :6], matrix[:, 6:12]  # 6 free atoms cannot fit 12 samples
    residual = target - free @ np.linalg.lstsq(free, target, rcond=None)[0]
    expected = np.abs(penalised.T @ residual).max()
    largest = sc.lambda_max(problem)
    assert largest == pytest.approx(expected, rel=1e-9)
    result = sc.solve(problem.with_penalty(sc.L1(1.001 * largest * weight)), tol=1e-9)
    assert result.status is sc.Status.CONVERGED
    assert np.abs(result.codes[:, 1:]).max() <= 1e-6 * np.abs(result.codes).max()


def test_a_problem_is_frozen_and_leaves_its_arrays_alone():
    problem = problem_of(mask="holes")
    kept = problem.signal.copy(), problem.mask.copy()
    sc.solve(problem, tol=1e-6)
    sc.duality_gap(problem, codes_for(problem))
    assert np.array_equal(problem.signal, kept[0])
    assert np.array_equal(problem.mask, kept[1])
    with pytest.raises(dataclasses.FrozenInstanceError):
        problem.signal = kept[0]


def test_read_only_and_strided_signals_give_the_same_answer():
    problem = problem_of("2d", mask="weights")
    signal, mask = np.asfortranarray(problem.signal), np.asfortranarray(problem.mask)
    signal.flags.writeable = mask.flags.writeable = False
    same = sc.Pursuit(signal, problem.dictionary, problem.penalty, mask=mask)
    for solver in (sc.FISTA(), sc.ISTA(), sc.ADMM()):
        left = sc.solve(problem, solver, max_iter=20, tol=0.0).codes
        right = sc.solve(same, solver, max_iter=20, tol=0.0).codes
        assert_close(right, left, slack=2000)


def test_the_reference_penalty_knows_infinite_weights_and_signs():
    # the checker of objectives fails on what is not allowed
    z = np.array([[[1.0, -2.0]]])
    assert penalty_value(sc.L1(2.0), z) == 6.0
    assert penalty_value(sc.NonnegativeL1(2.0), z) == np.inf
    assert penalty_value(sc.L1(np.inf), z) == np.inf
    assert penalty_value(sc.L1(np.inf), 0 * z) == 0.0
    assert penalty_value(sc.L0(2.0), z) == 4.0
    problem = problem_of()
    codes = codes_for(problem)
    assert objective(problem, codes) != pytest.approx(problem.objective(1.001 * codes), rel=1e-6)
