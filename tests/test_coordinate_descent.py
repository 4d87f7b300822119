"""Coordinate descent: its kernels against plain twins, and its answers against other solvers."""

import numpy as np
import pytest
from checkers import assert_close, check_monotone

import sparsecsc as sc

RNG = np.random.default_rng(0)
GEOMETRIES = {
    "1d": ((5, 1, 6), (40,), {}),
    "1d dilated": ((4, 2, 4), (40,), {"dilation": 3}),
    "1d stride": ((6, 1, 7), (42,), {"stride": 3}),
    "1d valid": ((4, 1, 5), (33,), {"padding": "valid"}),
    "1d same dilated": ((4, 2, 4), (31,), {"padding": "same", "dilation": 2}),
    "1d full": ((3, 1, 6), (25,), {"padding": "full"}),
    "1d padding and stride": ((5, 1, 6), (37,), {"padding": 4, "stride": 2, "dilation": 2}),
    "as large as the signal": ((3, 1, 12), (12,), {}),
    "one tap": ((6, 4, 1), (20,), {}),
    "2d": ((6, 1, 3, 4), (12, 13), {}),
    "2d channels": ((5, 3, 3, 3), (11, 12), {"padding": "same"}),
    "2d stride": ((6, 2, 4, 3), (12, 15), {"stride": (2, 3), "padding": "full"}),
    "2d dilated": ((4, 1, 3, 3), (14, 15), {"dilation": (2, 4)}),
    "3d": ((4, 1, 2, 3, 2), (6, 7, 8), {"padding": "same"}),
}


def problem_of(name, penalty=sc.L1, *, ratio=0.15, mask=None, n_signals=2, dtype=np.float64):
    """Return a random problem with this geometry."""
    shape, spatial, options = GEOMETRIES[name]
    rng = np.random.default_rng(len(name))
    filters = (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(dtype)
    signal = rng.standard_normal((n_signals, shape[1], *spatial)).astype(dtype)
    masks = {
        None: None,
        "holes": (rng.random((1, 1, *spatial)) > 0.3).astype(dtype),
        "weights": rng.random(signal.shape).astype(dtype),
    }
    dictionary = sc.ConvDictionary(filters, **options)
    problem = sc.Pursuit(signal, dictionary, penalty(1.0), mask=masks[mask])
    return problem.with_penalty(penalty(ratio * sc.lambda_max(problem)))


def elastic(weight):
    return sc.ElasticNet(weight, 0.3)


# ---- answers ----


@pytest.mark.parametrize("mask", [None, "holes", "weights"])
@pytest.mark.parametrize("penalty", [sc.L1, sc.NonnegativeL1, elastic])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_it_agrees_with_fista_to_a_certified_gap(name, penalty, mask):
    problem = problem_of(name, penalty, mask=mask)
    found = sc.solve(problem, sc.CoordinateDescent(), tol=1e-8, max_iter=3000)
    other = sc.solve(problem, sc.FISTA(), tol=1e-8, max_iter=30_000)
    assert found.status is other.status is sc.Status.CONVERGED
    assert found.objective == pytest.approx(other.objective, rel=2e-8)
    assert found.objective == pytest.approx(problem.objective(found.codes), rel=1e-12)


@pytest.mark.parametrize("name", GEOMETRIES)
def test_single_precision_is_certified_too(name):
    problem = problem_of(name, dtype=np.float32)
    result = sc.solve(problem, sc.CoordinateDescent(), tol=1e-5, max_iter=1000)
    assert result.status is sc.Status.CONVERGED
    assert result.codes.dtype == np.float32


def test_weights_of_0_and_inf_for_some_filters():
    problem = problem_of("1d dilated")
    level = float(problem.penalty.weight)
    mixed = problem.with_penalty(sc.L1(np.array([level, 0.5 * level, np.inf, 2 * level])))
    found = sc.solve(mixed, sc.CoordinateDescent(), tol=1e-9, max_iter=3000)
    other = sc.solve(mixed, sc.FISTA(), tol=1e-9, max_iter=30_000)
    assert found.objective == pytest.approx(other.objective, rel=2e-9)
    assert not found.codes[:, 2].any()
    free = problem.with_penalty(sc.L1(np.array([0.0, level, level, level])))
    found = sc.solve(free, sc.CoordinateDescent(), tol=0.0, max_iter=400)
    other = sc.solve(free, sc.FISTA(), tol=0.0, max_iter=20_000)
    assert found.objective <= other.objective * (1 + 1e-9)


def test_unpenalised_filters_join_where_nothing_else_can():
    problem = problem_of("1d")
    level = 2 * sc.lambda_max(problem)
    free = problem.with_penalty(sc.L1(np.array([0.0, level, level, level, level])))
    found = sc.solve(free, sc.CoordinateDescent(), tol=1e-6, max_iter=500)
    other = sc.solve(free, sc.FISTA(), tol=1e-9, max_iter=30_000)
    assert found.objective == pytest.approx(other.objective, rel=1e-5)
    assert np.count_nonzero(found.codes[:, 0]) > 0


def test_the_objective_never_rises():
    problem = problem_of("2d")
    result = sc.solve(problem, sc.CoordinateDescent(), tol=0.0, max_iter=30, check_every=1)
    check_monotone(result.history.objectives)


@pytest.mark.parametrize("name", ["1d", "2d", "2d channels"])
def test_zero_is_optimal_from_lambda_max_on(name):
    problem = problem_of(name)
    largest = sc.lambda_max(problem)
    above = problem.with_penalty(sc.L1(largest * (1 + 1e-9)))
    result = sc.solve(above, sc.CoordinateDescent(), tol=0.0, max_iter=1)
    assert not result.codes.any()
    below = problem.with_penalty(sc.L1(largest * 0.999))
    assert sc.solve(below, sc.CoordinateDescent(), tol=1e-9).codes.any()


def test_equal_and_highly_correlated_filters_are_solved():
    rng = np.random.default_rng(1)
    atom = rng.standard_normal((1, 1, 6))
    banks = {
        "twice the same": np.concatenate([atom, atom, rng.standard_normal((1, 1, 6))]),
        "all ones": np.ones((2, 1, 6)),
        "nearly a shift": np.concatenate([atom, np.roll(atom, 1, axis=2)]),
    }
    signal = rng.standard_normal((1, 1, 50))
    for filters in banks.values():
        problem = sc.Pursuit(signal, sc.ConvDictionary(filters), sc.L1(1.0))
        problem = problem.with_penalty(sc.L1(0.05 * sc.lambda_max(problem)))
        result = sc.solve(problem, sc.CoordinateDescent(), tol=1e-6, max_iter=5000)
        assert result.status is sc.Status.CONVERGED


def test_a_run_is_repeated_bit_for_bit_and_threads_agree_to_the_gap(monkeypatch):
    image = sc.load_image("camera")[None, None, 100:260, 100:228].astype(np.float64)
    _, signal = sc.split_lowpass(np.ascontiguousarray(image))
    dictionary = sc.ConvDictionary(sc.dct_filters((6, 6))[1:13])
    problem = sc.Pursuit(signal, dictionary, sc.L1(0.05))
    results = {}
    for threads in ("1", "2", "2", "3"):
        monkeypatch.setenv("SPARSECSC_NUM_THREADS", threads)
        result = sc.solve(problem, sc.CoordinateDescent(), tol=1e-6)
        assert result.status is sc.Status.CONVERGED
        if threads in results:
            assert np.array_equal(results[threads].codes, result.codes)
        results[threads] = result
    objectives = [result.objective for result in results.values()]
    assert max(objectives) - min(objectives) <= 1e-6 * min(objectives)


def test_ties_between_equal_filters_are_broken_alike_in_every_run(monkeypatch):
    # one map a block, so that which of the equal filters comes first depends on the threads
    monkeypatch.setenv("SPARSECSC_NUM_THREADS", "2")
    monkeypatch.setattr("sparsecsc.backends.cpu.block_elements", 1)
    signal = RNG.standard_normal((1, 1, 400))
    dictionary = sc.ConvDictionary(np.repeat(RNG.standard_normal((1, 1, 9)), 8, axis=0))
    problem = sc.Pursuit(signal, dictionary, sc.L1(2.0))
    first = sc.solve(problem, sc.CoordinateDescent(), tol=0.0, max_iter=5)
    for _ in range(20):
        again = sc.solve(problem, sc.CoordinateDescent(), tol=0.0, max_iter=5)
        assert np.array_equal(again.codes, first.codes)


def test_a_warm_start_at_the_solution_stays():
    problem = problem_of("2d")
    exact = sc.solve(problem, sc.CoordinateDescent(), tol=1e-12, max_iter=3000)
    again = sc.solve(problem, sc.CoordinateDescent(), start=exact.codes, tol=0.0, max_iter=2)
    assert_close(again.codes, exact.codes, slack=1e8)


# ---- kernels ----


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: sc.CoordinateDescent(sweeps=-1),
            ValueError,
            "`sweeps` must be an integer >= 0; got -1",
        ),
        (lambda: sc.CoordinateDescent(passes=1.5), TypeError, "`passes` must be an integer >= 1"),
        (
            lambda: sc.solve(problem_of("1d", lambda w: sc.GroupL1(w, 1)), sc.CoordinateDescent()),
            TypeError,
            "needs a ConvDictionary, and L1, NonnegativeL1 or ElasticNet; got ConvDictionary and G",
        ),
        (
            lambda: sc.solve(
                sc.Pursuit(
                    np.ones((1, 1, 9)),
                    sc.ConvDictionary(np.ones((1, 1, 3)), dilation=5),
                    sc.L1(1.0),
                ),
                sc.CoordinateDescent(),
            ),
            ValueError,
            r"dilated filters no larger than a circular signal; got extent \(11,\) for size \(9,\)",
        ),
    ],
)
def test_misuse_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()
