"""Dense reductions: where a dictionary is an explicit matrix, scikit-learn solves the same problem.

A kernel of one tap makes every sample a lasso of its own, with channels for rows; a valid border
with a kernel of the signal's size makes one code a filter. Then the multichannel 1-D problems of
alphacsc (alphacsc/alphacsc: unit-norm spatio-temporal atoms, nonnegative codes, several trials).
"""

import numpy as np
import pytest
from external.reference import Reference, convolution_matrix, relative_error, scikit_learn_codes

import sparsecsc as sc

SOLVERS = {"FISTA": sc.FISTA(), "ADMM": sc.ADMM()}

REDUCTIONS = {
    "one sample": ((40, 24, 1), (2, 24, 1), "circular"),
    "one-tap kernel, circular": ((12, 6, 1, 1), (1, 6, 5, 4), "circular"),
    "one-tap kernel, valid": ((12, 6, 1, 1), (1, 6, 5, 4), "valid"),
    "kernel = signal, 1-D": ((60, 1, 40), (3, 1, 40), "valid"),
    "kernel = signal, 2-D colour": ((50, 3, 5, 4), (2, 3, 5, 4), "valid"),
    "kernel = signal, 3-D": ((30, 2, 3, 2, 4), (1, 2, 3, 2, 4), "valid"),
}


def _penalty(name, weight, n_filters):
    """Return the penalty and the fields of the oracle."""
    weights = weight * np.linspace(0.7, 1.3, n_filters)
    return {
        "L1": (sc.L1(weight), {"kind": "l1", "weight": weight}),
        "NonnegativeL1": (sc.NonnegativeL1(weight), {"kind": "nonnegative", "weight": weight}),
        "ElasticNet": (
            sc.ElasticNet(weight, 0.3 * weight),
            {"kind": "elastic", "weight": weight, "ridge": 0.3 * weight},
        ),
        "L1 per filter": (sc.L1(weights), {"kind": "l1", "weight": weights}),
        "NonnegativeL1 per filter": (
            sc.NonnegativeL1(weights),
            {"kind": "nonnegative", "weight": weights},
        ),
    }[name]


NAMES = ("L1", "NonnegativeL1", "ElasticNet", "L1 per filter", "NonnegativeL1 per filter")


def library_matrix(dictionary, signal_shape, dtype=np.float64):
    """Return D column by column, by synthesising each unit code."""
    shape = dictionary.code_shape((1, *signal_shape[1:]))
    units = np.eye(int(np.prod(shape)), dtype=dtype).reshape(-1, *shape[1:])
    return dictionary.synthesize(units, signal_shape[2:]).reshape(len(units), -1).T


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_dense_reduction_agrees_with_the_lasso(reduction, name, solver):
    filter_shape, signal_shape, padding = REDUCTIONS[reduction]
    rng = np.random.default_rng(3)
    filters, signal = rng.standard_normal(filter_shape), rng.standard_normal(signal_shape)
    dictionary = sc.ConvDictionary(filters, padding=padding)
    weight = 0.1 * sc.lambda_max(sc.Pursuit(signal, dictionary, sc.L1(1.0)))
    penalty, fields = _penalty(name, weight, len(filters))
    problem = sc.Pursuit(signal, dictionary, penalty)
    result = sc.solve(problem, SOLVERS[solver], tol=1e-9, max_iter=50_000, check_every=25)
    assert result.status is sc.Status.CONVERGED
    matrix, _ = convolution_matrix(filters, signal_shape[2:], padding=padding)
    reference = Reference(matrix, signal, problem.codes_shape, **fields)
    expected = reference.objective(scikit_learn_codes(reference))
    assert reference.objective(result.codes) == pytest.approx(expected, rel=1e-8)
    assert result.objective == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_the_dictionary_is_the_matrix(reduction):
    filter_shape, signal_shape, padding = REDUCTIONS[reduction]
    filters = np.random.default_rng(4).standard_normal(filter_shape)
    matrix, _ = convolution_matrix(filters, signal_shape[2:], padding=padding)
    own = library_matrix(sc.ConvDictionary(filters, padding=padding), signal_shape)
    assert np.max(np.abs(own - matrix.toarray())) < 1e-13
    if reduction.startswith("kernel"):
        assert np.array_equal(matrix.toarray(), filters.reshape(len(filters), -1).T)


@pytest.mark.parametrize("positive", [False, True], ids=["signed", "nonnegative"])
def test_lasso_on_the_librarys_own_matrix(positive):
    """scikit-learn called by its own interface, with nothing of the oracle in between."""
    from sklearn.linear_model import Lasso

    rng = np.random.default_rng(6)
    filters, signal = rng.standard_normal((60, 1, 40)), rng.standard_normal((1, 1, 40))
    dictionary = sc.ConvDictionary(filters, padding="valid")
    model = Lasso(
        alpha=2.0 / 40, fit_intercept=False, positive=positive, tol=1e-13, max_iter=100_000
    )
    model.fit(library_matrix(dictionary, signal.shape), signal.ravel())
    misfit = signal.ravel() - filters[:, 0].T @ model.coef_
    expected = 0.5 * misfit @ misfit + 2.0 * np.abs(model.coef_).sum()
    penalty = (sc.NonnegativeL1 if positive else sc.L1)(2.0)
    result = sc.solve(sc.Pursuit(signal, dictionary, penalty), tol=1e-10)
    assert result.objective == pytest.approx(expected, rel=1e-8)
    assert relative_error(result.codes.ravel(), model.coef_) < 1e-3


# --- alphacsc -----------------------------------------------------------------------------------


def _trials(seed=0):
    """Return rank-one atoms u v^T of unit norm (5 sensors, 12 samples) and 3 noisy trials."""
    rng = np.random.default_rng(seed)
    sensors, waves = rng.standard_normal((3, 5)), rng.standard_normal((3, 12)) * np.hanning(12)
    atoms = sensors[:, :, None] * waves[:, None, :]
    atoms /= np.sqrt(np.sum(atoms**2, axis=(1, 2), keepdims=True))
    codes = rng.uniform(size=(3, 3, 85)) * (rng.uniform(size=(3, 3, 85)) < 0.05)
    signal = sc.ConvDictionary(atoms, padding="valid").synthesize(codes)
    return atoms, signal + 0.02 * rng.standard_normal(signal.shape), codes


@pytest.mark.parametrize("ratio", [0.5, 0.1])
@pytest.mark.parametrize("solver", ["FISTA", "ADMM"])
def test_multivariate_trials_with_nonnegative_codes(ratio, solver):
    """Weights as alphacsc takes them: fractions of the largest."""
    atoms, signal, _ = _trials()
    dictionary = sc.ConvDictionary(atoms, padding="valid")
    problem = sc.Pursuit(signal, dictionary, sc.NonnegativeL1(1.0))
    weight = ratio * sc.lambda_max(problem)
    matrix, codes = convolution_matrix(atoms, (96,), padding="valid")
    reference = Reference(matrix, signal, (3, 3, *codes), "nonnegative", weight)
    result = sc.solve(
        problem.with_penalty(sc.NonnegativeL1(weight)), SOLVERS[solver], tol=1e-9, max_iter=20_000
    )
    assert result.status is sc.Status.CONVERGED
    expected = reference.objective(scikit_learn_codes(reference))
    assert reference.objective(result.codes) == pytest.approx(expected, rel=1e-8)


def test_trials_are_independent_problems():
    atoms, signal, _ = _trials()
    dictionary = sc.ConvDictionary(atoms, padding="valid")
    together = sc.solve(sc.Pursuit(signal, dictionary, sc.NonnegativeL1(0.1)), tol=1e-11)
    apart = [
        sc.solve(sc.Pursuit(signal[k : k + 1], dictionary, sc.NonnegativeL1(0.1)), tol=1e-11)
        for k in range(3)
    ]
    assert together.objective == pytest.approx(sum(one.objective for one in apart), rel=1e-10)
    joined = np.concatenate([one.codes for one in apart])
    assert relative_error(together.codes, joined) < 1e-4
