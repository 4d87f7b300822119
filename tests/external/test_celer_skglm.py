"""Invariances that the tests of celer (mathurinm/celer) and skglm (scikit-learn-contrib) hold.

There they are stated for the lasso on a matrix; here for dictionaries of every geometry.
"""

import numpy as np
import pytest
from external.reference import relative_error

import sparsecsc as sc

SOLVERS = {"ISTA": sc.ISTA(), "FISTA": sc.FISTA(), "ADMM": sc.ADMM()}

GEOMETRIES = {
    "1d valid": ((40,), (6,), {"padding": "valid"}),
    "1d full, stride 2": ((41,), (6,), {"padding": "full", "stride": 2}),
    "2d circular": ((12, 11), (4, 3), {}),
    "2d same, dilated": ((12, 11), (3, 3), {"padding": "same", "dilation": 2}),
    "3d circular, stride 2": ((6, 4, 6), (3, 2, 3), {"stride": 2}),
}

PENALTIES = {
    "L1": sc.L1,
    "NonnegativeL1": sc.NonnegativeL1,
    "ElasticNet": lambda weight: sc.ElasticNet(weight, 0.5),
    "GroupL1": sc.GroupL1,
    "GroupL1 over signals and space": lambda weight: sc.GroupL1(weight, (0, 2)),
    "L1 per filter": lambda weight: sc.L1(weight * np.array([1.0, 0.5, 0.8, 0.6])),
}


def _data(geometry, n_channels=2, seed=0):
    spatial, kernel, options = GEOMETRIES[geometry]
    rng = np.random.default_rng(seed)
    filters = rng.standard_normal((4, n_channels, *kernel))
    return filters, rng.standard_normal((2, n_channels, *spatial)), options


def _problem(geometry, penalty, ratio, **data):
    """Return the problem whose largest weight is `ratio` times the one that gives zero."""
    filters, signal, options = _data(geometry, **data)
    dictionary = sc.ConvDictionary(filters, **options)
    problem = sc.Pursuit(signal, dictionary, PENALTIES[penalty](1.0))
    return problem.with_penalty(PENALTIES[penalty](ratio * sc.lambda_max(problem)))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_zero_from_lambda_max_on_and_at_once(geometry, penalty, solver):
    for ratio in (1.0, 1.5, 1e3):
        problem = _problem(geometry, penalty, ratio)
        result = sc.solve(problem, SOLVERS[solver], tol=1e-12)
        assert result.status is sc.Status.CONVERGED
        assert result.n_iter == 0
        assert np.count_nonzero(result.codes) == 0


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_not_zero_just_below_lambda_max(geometry, penalty, solver):
    problem = _problem(geometry, penalty, 0.99)
    result = sc.solve(problem, SOLVERS[solver], tol=1e-9)
    assert result.status is sc.Status.CONVERGED
    assert np.count_nonzero(result.codes) > 0
    assert result.objective < problem.objective(np.zeros(problem.codes_shape))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_from_lambda_max_on_any_start_is_driven_to_zero(geometry, solver):
    problem = _problem(geometry, "L1", 1.05)
    start = np.random.default_rng(1).standard_normal(problem.codes_shape)
    result = sc.solve(problem, SOLVERS[solver], start=start, tol=1e-12, max_iter=20_000)
    assert result.status is sc.Status.CONVERGED
    assert np.count_nonzero(result.codes) == 0


@pytest.mark.parametrize("cls", [sc.L1, sc.NonnegativeL1])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_weight_is_a_filter_scaled_by_its_inverse(geometry, solver, cls):
    """With z' = w z: D diag(1 / w) z' = D z, and the plain norm of z' is the weighted one of z."""
    filters, signal, options = _data(geometry)
    weights = np.array([0.5, 1.0, 2.0, 1.3])
    column = weights.reshape(4, *(1,) * (filters.ndim - 1))
    plain = sc.ConvDictionary(filters, **options)
    scaled = sc.ConvDictionary(filters / column, **options)
    level = 0.3 * sc.lambda_max(sc.Pursuit(signal, scaled, cls(1.0)))
    options = {"tol": 1e-10, "max_iter": 30_000}
    weighted = sc.solve(sc.Pursuit(signal, plain, cls(level * weights)), SOLVERS[solver], **options)
    rescaled = sc.solve(sc.Pursuit(signal, scaled, cls(level)), SOLVERS[solver], **options)
    assert weighted.status is rescaled.status is sc.Status.CONVERGED
    assert weighted.objective == pytest.approx(rescaled.objective, rel=1e-9)
    assert relative_error(weighted.codes * column[None, :, 0], rescaled.codes) < 1e-4


@pytest.mark.parametrize("cls", [sc.L1, sc.NonnegativeL1])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_infinite_weight_is_as_if_the_filter_were_not_there(geometry, solver, cls):
    filters, signal, options = _data(geometry)
    without = sc.Pursuit(signal, sc.ConvDictionary(filters[[0, 1, 3]], **options), cls(1.0))
    level = 0.3 * sc.lambda_max(without)
    weights = np.array([level, level, np.inf, level])
    problem = sc.Pursuit(signal, sc.ConvDictionary(filters, **options), cls(weights))
    assert sc.lambda_max(problem) == pytest.approx(sc.lambda_max(without), rel=1e-12)
    result = sc.solve(problem, SOLVERS[solver], tol=1e-10, max_iter=30_000)
    assert result.status is sc.Status.CONVERGED
    assert np.all(result.codes[:, 2] == 0)
    expected = sc.solve(without.with_penalty(cls(level)), tol=1e-10)
    assert result.objective == pytest.approx(expected.objective, rel=1e-9)
    assert relative_error(np.delete(result.codes, 2, axis=1), expected.codes) < 1e-4


def test_all_weights_infinite_leave_nothing():
    filters, signal, options = _data("2d circular")
    problem = sc.Pursuit(signal, sc.ConvDictionary(filters, **options), sc.L1(np.inf))
    for solver in SOLVERS.values():
        result = sc.solve(problem, solver, tol=1e-12)
        assert result.status is sc.Status.CONVERGED
        assert np.count_nonzero(result.codes) == 0
        assert result.objective == pytest.approx(0.5 * np.sum(signal**2))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_refit_from_the_solution_ends_within_two_iterations(geometry, penalty, solver):
    problem = _problem(geometry, penalty, 0.3)
    # Ten times tighter: its bound may be from another iterate than its codes, theirs is their own.
    solution = sc.solve(problem, sc.FISTA(), tol=1e-10, max_iter=30_000)
    assert solution.status is sc.Status.CONVERGED
    again = sc.solve(problem, SOLVERS[solver], start=solution.codes, tol=1e-9, check_every=1)
    assert again.status is sc.Status.CONVERGED
    assert again.n_iter <= 2
    assert relative_error(again.codes, solution.codes) < 1e-12


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_a_zero_filter_does_not_break_anything(geometry, penalty, solver):
    filters, signal, options = _data(geometry)
    filters[1] = 0.0
    dictionary = sc.ConvDictionary(filters, **options)
    problem = sc.Pursuit(signal, dictionary, PENALTIES[penalty](1.0))
    problem = problem.with_penalty(PENALTIES[penalty](0.3 * sc.lambda_max(problem)))
    result = sc.solve(problem, SOLVERS[solver], tol=1e-9, max_iter=30_000)
    assert result.status is sc.Status.CONVERGED
    assert np.count_nonzero(result.codes[:, 1]) == 0
    assert np.count_nonzero(result.codes) > 0


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_dictionary_of_zero_filters_gives_zero(solver):
    problem = sc.Pursuit(np.ones((1, 1, 9)), sc.ConvDictionary(np.zeros((2, 1, 3))), sc.L1(0.1))
    result = sc.solve(problem, SOLVERS[solver], tol=1e-9)
    assert result.status is sc.Status.CONVERGED
    assert np.count_nonzero(result.codes) == 0


def test_omp_never_chooses_a_zero_filter():
    filters, signal, options = _data("2d circular")
    filters[1] = 0.0
    problem = sc.Pursuit(signal, sc.ConvDictionary(filters, **options), sc.L0(0.0))
    result = sc.solve(problem, sc.OMP(n_nonzero=12))
    assert np.count_nonzero(result.codes[:, 1]) == 0
    assert np.count_nonzero(result.codes) == 24


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_a_scaled_signal_and_weight_scale_the_codes(factor, solver):
    """As skglm's test of data of another magnitude: nothing in a solver has units."""
    problem = _problem("2d circular", "L1", 0.3)
    level = 0.3 * sc.lambda_max(problem)
    scaled = sc.Pursuit(problem.signal * factor, problem.dictionary, sc.L1(level * factor))
    expected = sc.solve(problem.with_penalty(sc.L1(level)), SOLVERS[solver], tol=1e-9)
    result = sc.solve(scaled, SOLVERS[solver], tol=1e-9)
    assert result.n_iter == pytest.approx(expected.n_iter, abs=10)
    assert relative_error(result.codes / factor, expected.codes) < 1e-6


@pytest.mark.parametrize("penalty", ["L1", "NonnegativeL1", "ElasticNet"])
def test_a_path_is_the_separate_solutions(penalty):
    """As celer's path tests: warm starts change the time, not the answer."""
    problem = _problem("1d valid", penalty, 1.0)
    weights = sc.lambda_max(problem) * np.geomspace(1.0, 0.1, 6)
    results = sc.path(problem, weights, tol=1e-10, max_iter=30_000)
    assert np.count_nonzero(results[0].codes) == 0
    for weight, result in zip(weights, results, strict=True):
        factor = weight / weights[0]
        alone = problem.with_penalty(problem.penalty.scaled(factor))
        expected = sc.solve(alone, tol=1e-10, max_iter=30_000)
        assert result.status is sc.Status.CONVERGED
        assert result.objective == pytest.approx(expected.objective, rel=2e-10)
