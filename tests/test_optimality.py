"""Certificates: the gap bounds the error, the KKT residual vanishes only at the optimum."""

import itertools

import numpy as np
import pytest
from checkers import assert_close, eps
from discovery import CONVEX, PENALTIES
from instances import DICTIONARIES, problem_of
from reference import accurate_solution, lasso_gap, objective, signal_matrix

import sparsecsc as sc
from sparsecsc import _optimality_dual as dual

MASKS = (None, "holes", "weights")
convex = pytest.mark.parametrize("penalty", CONVEX)
dictionaries = pytest.mark.parametrize("dictionary", DICTIONARIES)
masks = pytest.mark.parametrize("mask", MASKS, ids=str)

MIXED = {
    "L1 weights 0": sc.L1(np.array([0.4, 0.0, 0.8])),
    "L1 weights inf": sc.L1(np.array([0.4, np.inf, 0.8])),
    "L1 weights 0 and inf": sc.L1(np.array([0.0, np.inf, 0.8])),
    "L1 all 0": sc.L1(0.0),
    "nonnegative weights 0 and inf": sc.NonnegativeL1(np.array([0.0, np.inf, 0.3])),
    "elastic net weights 0": sc.ElasticNet(np.array([0.0, 0.3, 0.0]), np.array([0.5, 0.0, 0.0])),
    "groups weights 0 and inf": sc.GroupL1(np.array([0.0, np.inf, 0.8]), 2),
    "groups of signals": sc.GroupL1(0.5, 0),
    "groups of signals and space": sc.GroupL1(np.array([0.3, 0.9, 0.1]), (0, 2)),
}


def check_gap(problem, codes, optimum=None, slack=100):
    """The gap is not negative, and bounds F - F* where F* is known."""
    gap = sc.duality_gap(problem, codes)
    value = problem.objective(codes)
    slack = slack * eps(problem.signal.dtype) * (value if np.isfinite(value) else 1.0)
    assert gap >= -slack
    if optimum is not None:
        assert gap >= value - optimum - slack
    return gap


def check_feasible(problem, theta):
    """A^T theta is in the domain of an L1 penalty's conjugate."""
    weight = np.broadcast_to(np.asarray(problem.penalty.weight, float), problem.codes_shape)
    for b in range(theta.shape[0]):
        matrix, _ = signal_matrix(problem, b)
        correlation = np.abs(matrix.T @ theta[b].astype(np.float64).ravel())
        size = np.abs(correlation).max() + 1.0
        assert np.all(correlation <= weight[b].ravel() + 1e4 * eps(problem.signal.dtype) * size)


def random_codes(problem, seed):
    rng = np.random.default_rng(seed)
    codes = rng.standard_normal(problem.codes_shape) * 10.0 ** rng.uniform(-3, 1)
    codes *= rng.random(problem.codes_shape) < rng.uniform(0.05, 1)
    if isinstance(problem.penalty, sc.NonnegativeL1):
        codes = np.abs(codes)
    codes = np.where(np.isinf(np.asarray(problem.penalty.weight)), 0.0, codes)
    return codes.astype(problem.signal.dtype)


@convex
@dictionaries
@masks
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=("float32", "float64"))
def test_the_gap_of_any_codes_is_not_negative(penalty, dictionary, mask, dtype):
    problem = problem_of(dictionary, penalty, mask=mask, dtype=dtype)
    for seed in range(6):
        check_gap(problem, random_codes(problem, seed))


@pytest.mark.parametrize("penalty", MIXED.values(), ids=MIXED)
@masks
def test_the_gap_is_not_negative_and_bounds_the_error_with_weights_0_and_inf(penalty, mask):
    problem = problem_of("1d", penalty, mask=mask)
    best = accurate_solution(problem, 6000)
    optimum = objective(problem, best)
    for seed in range(6):
        # the projection that a weight of 0 demands is solved to 200 epsilons of the norms
        check_gap(problem, random_codes(problem, seed), optimum, slack=1000)
    assert sc.duality_gap(problem, best) <= 1e-6 * max(optimum, 1.0)


@convex
@dictionaries
@masks
def test_the_gap_bounds_the_error_and_vanishes_at_the_solution(penalty, dictionary, mask):
    problem = problem_of(dictionary, penalty, mask=mask)
    best = accurate_solution(problem, 6000)
    optimum = objective(problem, best)
    assert abs(check_gap(problem, best, optimum)) <= 1e-8 * optimum
    rng = np.random.default_rng(1)
    for size in (1e-4, 1e-2, 1.0):
        moved = best + size * rng.standard_normal(best.shape)
        moved = np.maximum(moved, 0) if penalty == "NonnegativeL1" else moved
        assert check_gap(problem, moved, optimum) > 0


def test_the_accurate_solution_is_that_of_scikit_learn():
    linear = pytest.importorskip("sklearn.linear_model")
    options = {"fit_intercept": False, "tol": 1e-14, "max_iter": 500_000}
    for name, mask in itertools.product(("L1", "NonnegativeL1", "ElasticNet"), MASKS):
        problem = problem_of("1d stride", name, mask=mask, n_signals=1)
        matrix, target = signal_matrix(problem)
        n, weight = len(target), problem.penalty.weight
        if name == "ElasticNet":
            total = weight + problem.penalty.ridge
            model = linear.ElasticNet(alpha=total / n, l1_ratio=weight / total, **options)
        else:
            model = linear.Lasso(alpha=weight / n, positive=name == "NonnegativeL1", **options)
        theirs = model.fit(matrix, target).coef_.reshape(problem.codes_shape)
        ours = accurate_solution(problem)
        assert objective(problem, ours) == pytest.approx(objective(problem, theirs), rel=1e-10)
        assert sc.duality_gap(problem, theirs) <= 1e-8 * objective(problem, theirs)
        solved = sc.solve(problem, tol=1e-10, max_iter=5000)
        assert solved.objective == pytest.approx(objective(problem, theirs), rel=1e-9)


@masks
def test_the_gap_agrees_with_the_textbook_dual_point(mask):
    # B14: theta = r min(1, weight / |A^T r|_inf), a valid one; the library's is at least as good
    problem = problem_of("1d channels", "L1", mask=mask, n_signals=1)
    for n_iter in (1, 5, 50):
        codes = sc.solve(problem, sc.ISTA(), max_iter=n_iter, tol=0.0).codes
        ours = sc.duality_gap(problem, codes) / problem.objective(codes)
        theirs = lasso_gap(problem, codes)
        assert ours <= theirs * (1 + 1e-9) + 1e-13


@dictionaries
@masks
@pytest.mark.parametrize("weight", ["one", "0", "inf"])
def test_the_dual_point_is_feasible_and_its_value_is_the_certificate(dictionary, mask, weight):
    problem = problem_of(dictionary, "L1", mask=mask)
    if weight != "one":
        weights = np.full(problem.codes_shape[1], problem.penalty.weight)
        weights[0] = float(weight)
        problem = problem.with_penalty(sc.L1(weights))
    codes = random_codes(problem, 3)
    theta = sc.dual_point(problem, codes)
    assert theta.shape == problem.signal.shape
    check_feasible(problem, theta)
    value = float((problem.target * theta).sum()) - 0.5 * float((theta**2).sum())
    assert sc.duality_gap(problem, codes) == pytest.approx(
        problem.objective(codes) - value, rel=1e-9, abs=1e-9
    )


@convex
@masks
def test_gap_safe_screening_never_discards_a_nonzero(penalty, mask):
    # |<d, theta>| + |d| radius < weight proves z = 0; the atoms are those of M D
    if penalty == "GroupL1":
        pytest.skip("the test of one coefficient; a group's needs its atoms' norm together")
    discarded = 0
    for seed in range(12):
        problem = problem_of("1d channels", penalty, mask=mask, n_signals=1, seed=seed, ratio=0.6)
        if penalty == "ElasticNet":  # the ridge is no part of the bound: a Lasso in disguise
            problem = problem.with_penalty(sc.ElasticNet(problem.penalty.weight, 0.0))
        best = accurate_solution(problem, 4000)
        matrix, _ = signal_matrix(problem)
        norms = np.linalg.norm(matrix, axis=0)
        for n_iter in (3, 10, 40):
            codes = sc.solve(problem, max_iter=n_iter, tol=0.0).codes
            theta = sc.dual_point(problem, codes).ravel()
            correlation = matrix.T @ theta
            size = correlation if penalty == "NonnegativeL1" else np.abs(correlation)
            screened = size + norms * sc.gap_safe_radius(problem, codes) < problem.penalty.weight
            assert not np.any(screened & (np.abs(best.ravel()) > 1e-9))
            discarded += int(screened.sum())
    assert discarded > 0  # or the test says nothing


def test_screening_with_too_small_a_radius_is_caught():
    # the checker above on a wrong rule: without the radius it discards what is needed
    wrong = 0
    for seed in range(12):
        problem = problem_of("1d channels", "L1", n_signals=1, seed=seed, ratio=0.1)
        best = accurate_solution(problem, 4000)
        matrix, _ = signal_matrix(problem)
        theta = sc.dual_point(problem, np.zeros(problem.codes_shape)).ravel()
        screened = np.abs(matrix.T @ theta) < problem.penalty.weight
        wrong += int(np.sum(screened & (np.abs(best.ravel()) > 1e-9)))
    assert wrong > 0


@convex
@dictionaries
@masks
def test_the_kkt_residual_vanishes_only_at_the_optimum(penalty, dictionary, mask):
    problem = problem_of(dictionary, penalty, mask=mask)
    best = accurate_solution(problem, 6000)
    scale = sc.lambda_max(problem)
    assert sc.kkt_residual(problem, best) <= 1e-6 * scale
    rng = np.random.default_rng(2)
    for size in (1e-2, 1.0):
        moved = best + size * np.abs(rng.standard_normal(best.shape))
        assert sc.kkt_residual(problem, moved) >= 1e-4 * size * scale
    assert sc.kkt_residual(problem, 0 * best) > 1e-3 * scale


@masks
def test_the_kkt_residual_is_the_largest_violation_of_the_conditions(mask):
    # for codes of full support: |A^T r - weight sign z|, as long as no code changes sign
    problem = problem_of("1d", "L1", mask=mask, n_signals=1)
    codes = 50.0 + np.random.default_rng(3).random(problem.codes_shape)
    matrix, target = signal_matrix(problem)
    gradient = matrix.T @ (target - matrix @ codes.ravel())
    expected = np.abs(gradient - problem.penalty.weight * np.sign(codes.ravel())).max()
    codes_move = expected / problem.lipschitz()
    assert codes_move < 50.0
    assert sc.kkt_residual(problem, codes) == pytest.approx(expected, rel=1e-10)


def test_the_kkt_residual_of_l0_is_zero_at_a_fixed_point_of_hard_thresholding():
    problem = problem_of("1d", "L0")
    result = sc.solve(problem, sc.ISTA(), tol=1e-10, max_iter=5000)
    assert result.status is sc.Status.CONVERGED
    assert result.certificate.kkt <= 1e-10
    assert np.isnan(result.gap)
    assert sc.kkt_residual(problem, result.codes + 0.1) > 1e-3


def test_codes_that_are_not_allowed_have_an_infinite_gap():
    problem = problem_of("1d", "NonnegativeL1")
    assert sc.duality_gap(problem, np.full(problem.codes_shape, -1.0)) == np.inf
    problem = problem_of("1d", sc.L1(np.inf))
    assert sc.duality_gap(problem, np.ones(problem.codes_shape)) == np.inf
    assert sc.duality_gap(problem, np.zeros(problem.codes_shape)) == pytest.approx(0, abs=1e-12)


def test_the_gap_of_a_batch_is_the_sum_over_its_signals():
    problem = problem_of("1d", "L1", n_signals=3)
    codes = random_codes(problem, 5)
    singles = [
        sc.duality_gap(
            sc.Pursuit(problem.signal[b : b + 1], problem.dictionary, problem.penalty),
            codes[b : b + 1],
        )
        for b in range(3)
    ]
    assert sc.duality_gap(problem, codes) == pytest.approx(sum(singles), rel=1e-12)


def test_stationary_is_not_claimed_where_no_atom_correlates_with_the_signal():
    # a relative residual has nothing to be relative to here: nonzero codes are still wrong
    dictionary = sc.ConvDictionary(np.array([[[1.0, 2.0]]]))
    problem = sc.Pursuit(np.zeros((1, 1, 6)), dictionary, sc.L0(0.1))
    start = np.ones((1, 1, 6))
    assert sc.kkt_residual(problem, start) > 0
    result = sc.solve(problem, sc.ISTA(), start=start, tol=1e-6)
    assert result.status is sc.Status.CONVERGED
    assert not result.codes.any()


def test_an_all_zero_dictionary_is_solved_by_zero():
    dictionary = sc.ConvDictionary(np.zeros((2, 1, 3)))
    signal, start = np.ones((1, 1, 6)), np.ones((1, 2, 6))
    for penalty in PENALTIES:
        problem = sc.Pursuit(signal, dictionary, problem_of("1d", penalty).penalty)
        assert sc.kkt_residual(problem, np.zeros((1, 2, 6))) == 0
        assert sc.solve(problem).status is sc.Status.CONVERGED
        if penalty in CONVEX:
            for solver in (sc.ISTA(), sc.FISTA(), sc.ADMM()):
                result = sc.solve(problem, solver, start=start, tol=1e-6, max_iter=200)
                assert result.status is sc.Status.CONVERGED


def test_the_checkers_catch_wrong_certificates(monkeypatch):
    problem = problem_of("1d", "L1", n_signals=1)
    best = accurate_solution(problem)
    optimum = objective(problem, best)
    codes = random_codes(problem, 6)
    check_gap(problem, codes, optimum)
    # an infeasible dual point: the residual itself, not scaled into the domain
    residual = problem.residual(codes)
    with pytest.raises(AssertionError):
        check_feasible(problem, residual)
    value = float((problem.target * residual).sum()) - 0.5 * float((residual**2).sum())
    monkeypatch.setattr(sc, "duality_gap", lambda p, z: p.objective(z) - value - 1e3)
    with pytest.raises(AssertionError):
        check_gap(problem, codes, optimum)
    monkeypatch.setattr(sc, "duality_gap", lambda p, z: 0.5 * (p.objective(z) - optimum))
    with pytest.raises(AssertionError):
        check_gap(problem, codes, optimum)


@pytest.mark.parametrize("solver", [sc.FISTA(), sc.ADMM()])
@pytest.mark.parametrize("weight", [0.5, np.array([0.5, 0.0, 0.25, np.inf])])
def test_an_elastic_net_whose_ridge_is_0_for_some_filters_is_certified(solver, weight):
    # filters with a ridge exceed their weight at the optimum: to scale all of them below it, as
    # those without a ridge must be, would leave a gap of a quarter of the objective
    rng = np.random.default_rng(0)
    dictionary = sc.ConvDictionary(rng.standard_normal((4, 1, 5)))
    signal = rng.standard_normal((2, 1, 60))
    penalty = sc.ElasticNet(weight, np.array([0.0, 1.0, 0.0, 2.0]))
    problem = sc.Pursuit(signal, dictionary, penalty)
    result = sc.solve(problem, solver, tol=1e-8, max_iter=3000)
    assert result.status is sc.Status.CONVERGED
    best = accurate_solution(problem)
    assert result.certificate.dual.sum() <= objective(problem, best) * (1 + 1e-12)
    correlation = problem.correlation(sc.dual_point(problem, result.codes))
    forbidding = np.abs(correlation[:, [0, 2]])
    assert np.all(forbidding <= np.broadcast_to(weight, 4)[[0, 2]][None, :, None] * (1 + 1e-12))


# ---- how the bounds are found ----

WEIGHTS = {
    "one": lambda shape, rng: 0.7,
    "a filter": lambda shape, rng: np.array([0.5, np.inf, 1.5])[: shape[1]],
    "a code": lambda shape, rng: 0.5 + rng.random(shape),
}


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("penalty", ["L1", "NonnegativeL1", "ElasticNet"])
@pytest.mark.parametrize("dictionary", ["1d", "1d stride", "1d same", "1d valid", "2d"])
@masks
def test_bounds_without_an_array_of_correlations_are_the_ones_with(
    weight, penalty, dictionary, mask
):
    problem = problem_of(dictionary, sc.L1(1.0), mask=mask)
    rng = np.random.default_rng(7)
    number = WEIGHTS[weight](problem.codes_shape, rng)
    built = sc.ElasticNet(number, 0.0) if penalty == "ElasticNet" else PENALTIES[penalty](number)
    problem = problem.with_penalty(built)
    assert dual._is_thresholded(problem)
    residual = problem.masked(rng.standard_normal(problem.signal.shape))
    found, expected = (
        dual.bounds(problem, residual, True),
        dual._bounds_by_blocks(problem, residual),
    )
    for one, other in zip(found, expected, strict=True):
        finite = np.isfinite(other)
        assert np.array_equal(finite, np.isfinite(one))
        assert_close(np.asarray(one)[finite], np.asarray(other)[finite])


def test_bounds_of_other_penalties_are_found_block_by_block():
    for built in (sc.ElasticNet(1.0, 0.5), sc.GroupL1(1.0, 1), sc.L1(np.array([0.0, 1.0, 1.0]))):
        assert not dual._is_thresholded(problem_of("1d", built))
    beside = problem_of("identity beside", sc.L1(1.0))
    assert not dual._is_thresholded(beside)


def first_values(problem, codes, **options):
    """Return the sums of the lower bounds in the order in which they are tried."""
    residual, objective = problem.residual(codes), problem.objective(codes)
    tried = dual.candidates(problem, codes, residual, objective=objective, **options)
    return [float(values.sum()) for _, _, values in tried]


def test_damping_where_a_constraint_is_violated_beats_shrinking_everywhere():
    problem = problem_of("2d", "L1", ratio=0.2)
    better = 0
    for n_iter in (2, 5, 10, 20):
        codes = sc.solve(problem, sc.ISTA(), max_iter=n_iter, tol=0.0).codes
        values = first_values(problem, codes)
        assert sc.certify(problem, codes).dual.sum() >= max(values) * (1 - 1e-14)
        better += max(values) > values[0]
    assert better >= 3


def test_far_from_the_gap_of_interest_only_the_first_bound_is_computed():
    problem = problem_of("2d", "L1", ratio=0.2)
    codes = sc.solve(problem, sc.ISTA(), max_iter=3, tol=0.0).codes
    values = first_values(problem, codes)
    assert len(values) > 1
    assert first_values(problem, codes, near=1e-9) == values[:1]
    assert first_values(problem, codes, near=1.0) == values
    rough = sc.certify(problem, codes, near=1e-9)
    assert rough.objective == sc.certify(problem, codes).objective
    assert rough.gap > sc.certify(problem, codes).gap > 0


def test_a_run_that_ends_gives_its_best_bound_whatever_the_tolerance():
    problem = problem_of("2d", "L1", ratio=0.2)
    result = sc.solve(problem, sc.ISTA(), max_iter=3, tol=1e-12)
    assert result.gap == pytest.approx(sc.duality_gap(problem, result.codes), rel=1e-12)
