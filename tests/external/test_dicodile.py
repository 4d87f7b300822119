"""What the tests of DiCoDiLe (tomMoral/dicodile) hold: coordinate changes, planted codes, refits.

Its stopping rule is the largest change that coordinate descent would still make: for each
coefficient, the distance to its best value with all others fixed.
"""

import numpy as np
import pytest
import scipy.sparse.linalg
from external.reference import convolution_matrix, coordinate_changes, relative_error

import sparsecsc as sc

SOLVERS = {"FISTA": sc.FISTA(), "ADMM": sc.ADMM()}


def planted(valid, atom, density, seed=36):
    """Return 7 normal atoms of 5 channels, planted codes and their signal, as in its tests.

    Atoms are scaled as there (over the axes 1 and 2); "valid" codes, a signal of the full size.
    """
    random = np.random.RandomState(seed)
    atoms = random.randn(7, 5, *atom)
    atoms /= np.sqrt(np.sum(atoms**2, axis=(1, 2), keepdims=True))
    codes = random.randn(7, *valid)
    codes *= random.rand(7, *valid) < density
    dictionary = sc.ConvDictionary(atoms, padding="valid")
    return dictionary, codes[None], dictionary.synthesize(codes[None]), random


SIZES = {"1-D": ((500,), (30,), 1.0), "2-D": ((72, 60), (10, 8), 100.0)}
SMALL = {"1-D": ((120,), (16,), 1.0), "2-D": ((20, 18), (6, 5), 30.0)}


def _matrix(dictionary, signal):
    return convolution_matrix(dictionary.filters, signal.shape[2:], padding="valid")[0]


@pytest.mark.parametrize("positive", [False, True], ids=["signed", "nonnegative"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("size", SMALL)
def test_no_coordinate_of_a_converged_solution_would_move(size, solver, positive):
    """The tolerance of the gap is far smaller: it is the square of a distance."""
    tol = 1e-5
    valid, atom, weight = SMALL[size]
    dictionary, codes, _, random = planted(valid, atom, 0.3)
    signal = random.randn(1, 5, *(n + k - 1 for n, k in zip(valid, atom, strict=True)))
    weight = 0.3 * sc.lambda_max(sc.Pursuit(signal, dictionary, sc.L1(1.0)))
    problem = sc.Pursuit(signal, dictionary, (sc.NonnegativeL1 if positive else sc.L1)(weight))
    result = sc.solve(problem, SOLVERS[solver], start=np.abs(codes), tol=1e-12, max_iter=30_000)
    assert result.status is sc.Status.CONVERGED
    matrix = _matrix(dictionary, signal)
    changes = coordinate_changes(matrix, signal, result.codes, weight, positive=positive)
    assert np.max(np.abs(changes)) < tol
    before = coordinate_changes(matrix, signal, np.abs(codes), weight, positive=positive)
    assert np.max(np.abs(before)) > tol


@pytest.mark.parametrize("solver", ["FISTA", "ADMM", "ISTA"])
@pytest.mark.parametrize("size", SIZES)
def test_planted_codes_with_weight_zero_stay(size, solver):
    valid, atom, _ = SIZES[size]
    dictionary, codes, signal, _ = planted(valid, atom, 0.3)
    problem = sc.Pursuit(signal, dictionary, sc.L1(0.0))
    result = sc.solve(
        problem, (SOLVERS | {"ISTA": sc.ISTA()})[solver], start=codes, max_iter=20, tol=1e-3
    )
    assert np.max(np.abs(result.codes - codes)) < 1e-10
    assert result.objective < 1e-20 * np.sum(signal**2)


def _refit_weights(codes):
    return np.where(codes != 0, 0.0, np.inf)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("size", SMALL)
def test_support_can_be_frozen_for_a_refit(size, solver):
    """Weights of 0 on the support and inf elsewhere: least squares on the support, zeros off it."""
    valid, atom, _ = SMALL[size]
    dictionary, codes, clean, random = planted(valid, atom, 0.3)
    signal = random.randn(*clean.shape)
    problem = sc.Pursuit(signal, dictionary, sc.L1(_refit_weights(codes)))
    result = sc.solve(problem, SOLVERS[solver], start=codes, tol=1e-11, max_iter=30_000)
    assert result.status is sc.Status.CONVERGED
    assert np.all(result.codes[codes == 0] == 0)
    support = np.flatnonzero(codes)
    matrix = _matrix(dictionary, signal)[:, support].toarray()
    expected, *_ = np.linalg.lstsq(matrix, signal.ravel(), rcond=None)
    misfit = 0.5 * np.sum((signal.ravel() - matrix @ expected) ** 2)
    assert result.objective == pytest.approx(misfit, rel=1e-10)
    assert relative_error(result.codes.ravel()[support], expected) < 1e-4


def test_an_empty_support_stays_empty():
    valid, atom, _ = SMALL["1-D"]
    dictionary, codes, clean, random = planted(valid, atom, 0.3)
    signal = random.randn(*clean.shape)
    problem = sc.Pursuit(signal, dictionary, sc.L1(_refit_weights(np.zeros_like(codes))))
    result = sc.solve(problem)
    assert result.status is sc.Status.CONVERGED
    assert np.all(result.codes == 0)


def test_refit_of_the_upstream_size():
    """The 1-D problem at its own size, 1750 of 3500 coefficients free, against LSMR."""
    valid, atom, _ = SIZES["1-D"]
    dictionary, codes, clean, random = planted(valid, atom, 0.5)
    signal = random.randn(*clean.shape)
    problem = sc.Pursuit(signal, dictionary, sc.L1(_refit_weights(codes)))
    result = sc.solve(problem, tol=1e-10, max_iter=20_000, check_every=100)
    assert result.status is sc.Status.CONVERGED
    support = np.flatnonzero(codes)
    matrix = _matrix(dictionary, signal)[:, support]
    expected = scipy.sparse.linalg.lsmr(matrix, signal.ravel(), atol=1e-14, btol=1e-14)[0]
    misfit = 0.5 * np.sum((signal.ravel() - matrix @ expected) ** 2)
    assert result.objective == pytest.approx(misfit, rel=1e-9)
    assert np.all(result.codes[codes == 0] == 0)


def test_coordinate_changes_are_those_of_a_grid_search():
    """The oracle itself: each reported change lowers the objective more than any on a grid."""
    rng = np.random.default_rng(0)
    filters = rng.standard_normal((3, 2, 4))
    matrix, codes_spatial = convolution_matrix(filters, (12,), padding="valid")
    signal, codes = rng.standard_normal((1, 2, 12)), rng.standard_normal((1, 3, *codes_spatial))
    for positive in (False, True):
        start = np.abs(codes) if positive else codes
        changes = coordinate_changes(matrix, signal, start, 0.7, positive=positive).ravel()

        def objective(z):
            return 0.5 * np.sum((signal.ravel() - matrix @ z) ** 2) + 0.7 * np.abs(z).sum()

        for index in range(0, changes.size, 4):
            moved = start.ravel().copy()
            moved[index] += changes[index]
            best = objective(moved)
            for other in np.linspace(0.0 if positive else -3.0, 3.0, 301):
                moved[index] = other
                assert objective(moved) >= best - 1e-12
