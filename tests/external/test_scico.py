"""What the tests of SCICO (lanl/scico) hold of its optimisers: save, load, resume; NaN raises."""

import numpy as np
import pytest
from external.reference import relative_error

import sparsecsc as sc

SOLVERS = {"ISTA": sc.ISTA(), "FISTA": sc.FISTA(), "ADMM": sc.ADMM()}


def _problem(dtype=np.float64, padding="circular"):
    """Return a problem with a unique, well-conditioned solution."""
    rng = np.random.default_rng(0)
    filters = rng.standard_normal((3, 2, 4, 4)).astype(dtype)
    signal = rng.standard_normal((1, 2, 14, 13)).astype(dtype)
    dictionary = sc.ConvDictionary(filters, padding=padding)
    weight = 0.2 * sc.lambda_max(sc.Pursuit(signal, dictionary, sc.L1(1.0)))
    return sc.Pursuit(signal, dictionary, sc.ElasticNet(weight, 5.0))


def _through_a_file(path, codes):
    np.savez_compressed(path, codes=codes)
    with np.load(path, allow_pickle=False) as stored:
        return stored["codes"]


@pytest.mark.parametrize("padding", ["circular", "same"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_resumed_run_reaches_what_an_uninterrupted_one_does(tmp_path, solver, padding):
    problem = _problem(padding=padding)
    options = {"tol": 1e-13, "max_iter": 20_000, "check_every": 5}
    whole = sc.solve(problem, SOLVERS[solver], **options)
    half = sc.solve(problem, SOLVERS[solver], **(options | {"max_iter": 7}))
    assert whole.status is sc.Status.CONVERGED
    assert half.status is sc.Status.MAX_ITER
    assert relative_error(half.codes, whole.codes) > 1e-3
    loaded = _through_a_file(tmp_path / "codes.npz", half.codes)
    resumed = sc.solve(problem, SOLVERS[solver], start=loaded, **options)
    assert resumed.status is sc.Status.CONVERGED
    assert relative_error(resumed.codes, whole.codes) < 1e-6
    assert np.max(np.abs(resumed.codes - whole.codes)) < 1e-6
    assert resumed.objective == pytest.approx(whole.objective, rel=1e-12)


def test_a_resumed_ista_repeats_the_same_iterates(tmp_path):
    """Its state is the codes alone, so nothing at all is lost."""
    problem = _problem()
    options = {"tol": 0.0, "check_every": 1}
    whole = sc.solve(problem, sc.ISTA(), max_iter=60, **options)
    half = sc.solve(problem, sc.ISTA(), max_iter=25, **options)
    loaded = _through_a_file(tmp_path / "codes.npz", half.codes)
    resumed = sc.solve(problem, sc.ISTA(), start=loaded, max_iter=35, **options)
    assert np.max(np.abs(resumed.codes - whole.codes)) < 1e-14


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_values_that_are_not_finite_raise(dtype, value):
    problem = _problem(dtype)
    for name in ("signal", "filters", "start", "mask"):
        arrays = {
            "signal": problem.signal.copy(),
            "filters": problem.dictionary.filters.copy(),
            "start": np.zeros(problem.codes_shape, dtype),
            "mask": np.ones_like(problem.signal),
        }
        arrays[name][0, 1, 2, 3] = value

        def run(arrays=arrays):
            dictionary = sc.ConvDictionary(arrays["filters"])
            penalty = sc.L1(1.0)
            again = sc.Pursuit(arrays["signal"], dictionary, penalty, mask=arrays["mask"])
            return sc.solve(again, start=arrays["start"])

        with pytest.raises(ValueError, match=f"`{name}` must be finite"):
            run()


def test_a_weight_that_is_not_a_number_raises():
    with pytest.raises(ValueError, match="`weight` must be a number"):
        sc.L1(np.nan)
    with pytest.raises(ValueError, match="`weight` must hold numbers"):
        sc.L1(np.array([1.0, np.nan]))


def test_a_diverging_run_stops_with_the_last_finite_codes():
    problem = _problem()
    with np.errstate(all="ignore"):
        result = sc.solve(problem, sc.ISTA(step_size=10.0), tol=1e-9, max_iter=5_000)
    assert result.status is sc.Status.NOT_FINITE
    assert np.all(np.isfinite(result.codes))
    assert np.isfinite(result.objective)
