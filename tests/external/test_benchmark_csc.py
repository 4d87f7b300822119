"""The simulated data set of benchopt/benchmark_csc, regenerated from its recipe.

Twenty filters of five taps, one signal of 1024 samples, "valid" codes. The optima were certified
by duality gaps computed with plain NumPy. The weight is the benchmark's: its function for the
largest weight swaps signal and filters, so that 0.418139 is not half of lambda_max. That is kept,
so that numbers can be compared; the optima are those of the weight with all its digits.
"""

import numpy as np
import pytest
from external.reference import (
    Reference,
    agrees_to_digits,
    convolution_matrix,
    scikit_learn_codes,
)

import sparsecsc as sc

FIRST_ORDER = {"FISTA": sc.FISTA(), "ADMM": sc.ADMM()}
PENALTIES = {"nonnegative": sc.NonnegativeL1, "l1": sc.L1}


def simulated(n_signals=1, n_filters=20, sparsity=0.01, length=1024):
    """Return filters (n_filters, 1, 5) and signals (n_signals, 1, length) of the benchmark."""
    random = np.random.RandomState(27)
    filters = random.normal(size=(n_filters, 5))
    codes = random.random(size=(n_filters, length - 4, n_signals))
    codes *= codes < sparsity
    signal = np.stack(
        [
            np.sum([np.convolve(z, d, mode="full") for z, d in zip(one, filters, strict=True)], 0)
            for one in np.moveaxis(codes, -1, 0)
        ],
        axis=1,
    )
    signal += random.normal(scale=0.1, size=signal.shape)
    return filters[:, None], np.ascontiguousarray(signal.T)[:, None], signal


def benchmark_weight(filters, rows):
    """Return half of what the benchmark takes for the largest weight: arguments swapped."""
    columns = filters[:, 0].T
    return 0.5 * max(np.max(np.correlate(row, taps, "valid")) for row in rows for taps in columns)


def test_weight_is_the_benchmarks():
    filters, _, rows = simulated()
    assert agrees_to_digits(benchmark_weight(filters, rows), "0.418139")


@pytest.mark.parametrize("solver", FIRST_ORDER)
@pytest.mark.parametrize(
    ("kind", "objective"), [("nonnegative", "4.55716054"), ("l1", "4.45658110")]
)
def test_certified_optimum(kind, objective, solver):
    filters, signal, rows = simulated()
    weight = benchmark_weight(filters, rows)
    dictionary = sc.ConvDictionary(filters, padding="valid")
    problem = sc.Pursuit(signal, dictionary, PENALTIES[kind](weight))
    result = sc.solve(problem, FIRST_ORDER[solver], tol=1e-10, max_iter=30_000)
    assert result.status is sc.Status.CONVERGED
    assert agrees_to_digits(result.objective, objective)
    matrix, _ = convolution_matrix(filters, (1024,), padding="valid")
    reference = Reference(matrix, signal, problem.codes_shape, kind, weight)
    assert reference.relative_gap(result.codes) < 1e-8
    assert reference.objective(result.codes) == pytest.approx(result.objective, rel=1e-11)


@pytest.mark.parametrize("kind", PENALTIES)
@pytest.mark.parametrize("sparsity", [0.01, 0.005])
def test_smaller_instances_agree_with_scikit_learn(kind, sparsity):
    """The benchmark's other settings: three signals, five filters, both sparsities."""
    filters, signal, _ = simulated(n_signals=3, n_filters=5, sparsity=sparsity, length=256)
    matrix, codes = convolution_matrix(filters, (256,), padding="valid")
    reference = Reference(matrix, signal, (3, 5, *codes), kind, 0.2)
    expected = reference.objective(scikit_learn_codes(reference))
    problem = sc.Pursuit(signal, sc.ConvDictionary(filters, padding="valid"), PENALTIES[kind](0.2))
    for solver in FIRST_ORDER.values():
        result = sc.solve(problem, solver, tol=1e-9, max_iter=30_000)
        assert result.status is sc.Status.CONVERGED
        assert reference.objective(result.codes) == pytest.approx(expected, rel=1e-8)
