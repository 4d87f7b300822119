"""Problems from SPORCO's tests (bwohlberg/sporco), regenerated from their recipes.

The optima were certified by duality gaps computed with plain NumPy. SPORCO's coefficient maps are
(N, N, M) with the filter last; its legacy random stream and the order of the draws are kept.
"""

import numpy as np
import pytest
from external.reference import (
    Reference,
    agrees_to_digits,
    convolution_matrix,
    relative_error,
    scikit_learn_codes,
)

import sparsecsc as sc

FIRST_ORDER = {"FISTA": sc.FISTA(), "ADMM": sc.ADMM()}


def planted(size, *, unit_norm=False):
    """Return filters, planted codes and signal of ``tests/admm/test_cbpdn.py`` (test_10, 11, 22).

    Four 8 x 8 filters; standard normal codes where another normal draw exceeds 3; the signal is
    the sum of circular convolutions, here by FFT in NumPy.
    """
    random = np.random.RandomState(12345)
    filters = random.randn(8, 8, 4)
    if unit_norm:
        filters /= np.sqrt(np.sum(filters**2, axis=(0, 1)))
    codes = np.zeros((size, size, 4))
    where = np.abs(random.randn(size, size, 4)) > 3
    codes[where] = random.randn(codes[where].size)
    spectra = np.fft.rfft2(filters, (size, size), axes=(0, 1)) * np.fft.rfft2(codes, axes=(0, 1))
    signal = np.fft.irfft2(spectra.sum(axis=2), (size, size))
    return np.moveaxis(filters, -1, 0)[:, None], np.moveaxis(codes, -1, 0)[None], signal[None, None]


# --- E1, E2, E4: single-channel images, planted codes -------------------------------------------


@pytest.mark.parametrize("solver", FIRST_ORDER)
@pytest.mark.parametrize(
    ("size", "objective", "largest", "nonzeros"),
    [(64, "2.867469e-3", "97.051", 42), (63, "3.042210e-3", None, 41)],
    ids=["test_10, N = 64", "test_11, N = 63"],
)
def test_planted_codes_are_found_at_a_tiny_weight(size, objective, largest, nonzeros, solver):
    """The weight 1e-4 is a millionth of lambda_max: the solution is the planted codes, nearly."""
    filters, planted_codes, signal = planted(size)
    problem = sc.Pursuit(signal, sc.ConvDictionary(filters), sc.L1(1e-4))
    result = sc.solve(problem, FIRST_ORDER[solver], tol=1e-6, max_iter=30_000, check_every=50)
    assert result.status is sc.Status.CONVERGED
    assert agrees_to_digits(result.objective, objective)
    assert relative_error(result.codes, planted_codes) < 5e-5
    assert relative_error(problem.synthesize(result.codes), signal) < 1e-4
    assert np.count_nonzero(result.codes) == nonzeros
    if largest is not None:
        assert agrees_to_digits(sc.lambda_max(problem), largest)
    reference = Reference(
        convolution_matrix(filters, (size, size))[0], signal, problem.codes_shape, "l1", 1e-4
    )
    assert reference.relative_gap(result.codes) < 1e-5
    assert reference.objective(result.codes) == pytest.approx(result.objective, rel=1e-9)


@pytest.mark.parametrize("solver", FIRST_ORDER)
def test_unit_norm_filters_of_test_22(solver):
    """E4: the penalised form; its l1 norm is that of the constrained form in SPORCO's test."""
    filters, _, signal = planted(32, unit_norm=True)
    problem = sc.Pursuit(signal, sc.ConvDictionary(filters), sc.L1(1e-3))
    result = sc.solve(problem, FIRST_ORDER[solver], tol=1e-10, max_iter=20_000)
    assert result.status is sc.Status.CONVERGED
    assert agrees_to_digits(result.objective, "5.8616296e-3")
    assert agrees_to_digits(float(np.abs(result.codes).sum()), "5.855488")


# --- E3: a dense problem as one sample with 64 channels -----------------------------------------


@pytest.mark.parametrize("solver", FIRST_ORDER)
def test_dense_problem_of_test_09_is_one_sample_with_many_channels(solver):
    """``tests/pgm/test_bpdn.py``: 128 atoms of 64 entries become 1-tap filters of 64 channels."""
    random = np.random.RandomState(12345)
    atoms = random.randn(64, 128)
    chosen = random.permutation(list(range(127)))[:4]
    planted_codes = np.zeros((128, 1))
    planted_codes[chosen] = random.randn(4, 1)
    signal = (atoms @ planted_codes).reshape(1, 64, 1)
    dictionary = sc.ConvDictionary(np.ascontiguousarray(atoms.T)[:, :, None])
    problem = sc.Pursuit(signal, dictionary, sc.L1(5e-3))
    result = sc.solve(problem, FIRST_ORDER[solver], tol=1e-7, max_iter=30_000)
    assert result.status is sc.Status.CONVERGED
    assert agrees_to_digits(result.objective, "0.0120085")
    assert abs(result.objective - 0.012009) < 1e-5
    assert np.linalg.norm(result.codes[0] - planted_codes) < 1e-3
    assert set(np.flatnonzero(result.codes)) == set(chosen)


# --- E9: conventions and the exact linear solve -------------------------------------------------


def test_circular_convolution_has_its_origin_at_the_first_tap():
    """SPORCO's 2 x 2 example, by hand from (a * b)[p] = sum_q a[q] b[(p - q) mod 2]."""
    a, b = [[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]
    by_hand = [
        [
            sum(a[i][j] * b[(p - i) % 2][(q - j) % 2] for i in range(2) for j in range(2))
            for q in range(2)
        ]
        for p in range(2)
    ]
    assert by_hand == [[70.0, 68.0], [62.0, 60.0]]
    dictionary = sc.ConvDictionary(np.array([[a]]))
    got = dictionary.synthesize(np.array([[b]]))[0, 0]
    assert np.max(np.abs(got - by_hand)) < 1e-13
    # Another origin, such as the filter's centre, would roll the result: the check would see it.
    assert np.max(np.abs(np.roll(got, 1, axis=0) - by_hand)) > 1


WOODBURY = {
    # SPORCO's tests of its Sherman-Morrison (one channel) and Woodbury (several) solvers.
    "one channel": ((5, 4), 32, 1, (8, 8), 1),
    "one channel, odd": ((15, 17), 8, 1, (3, 5), 1),
    "three channels": ((16, 16), 8, 3, (4, 4), 1),
    "more channels than filters": ((12, 10), 3, 9, (3, 3), 1),
    "strides": ((16, 18), 8, 2, (5, 5), (2, 3)),
    "strides, 1-D": ((60,), 6, 4, (9,), 3),
    "3-D": ((6, 4, 6), 5, 2, (3, 2, 3), (2, 1, 2)),
}


def _drawn(name):
    spatial, n_filters, n_channels, kernel, stride = WOODBURY[name]
    kernel = tuple(min(k, n) for k, n in zip(kernel, spatial, strict=True))
    rng = np.random.default_rng(12345)
    filters = rng.standard_normal((n_filters, n_channels, *kernel))
    signal = rng.standard_normal((2, n_channels, *spatial))
    matrix, codes = convolution_matrix(filters, spatial, stride=stride)
    return sc.ConvDictionary(filters, stride=stride), signal, matrix, (2, n_filters, *codes), rng


def _flat(array):
    return array.reshape(array.shape[0], -1).T


@pytest.mark.parametrize("rho", [0.1, 1.0, 37.0])
@pytest.mark.parametrize("name", WOODBURY)
def test_frequency_domain_solve_leaves_no_residual(name, rho):
    """(rho I + D D^T) x = signal, with D an explicit matrix on the left."""
    dictionary, signal, matrix, _, _ = _drawn(name)
    solved = dictionary.bind(signal.shape, signal).solve_outer(signal, rho)
    back = rho * _flat(solved) + matrix @ (matrix.T @ _flat(solved))
    assert relative_error(back, _flat(signal)) < 1e-11


@pytest.mark.parametrize("rho", [0.1, 1.0, 37.0])
@pytest.mark.parametrize("name", WOODBURY)
def test_linear_step_of_admm_is_exact(name, rho):
    """(D^T D + rho I) x = D^T y + rho z: a step from z without penalty or relaxation gives x."""
    dictionary, signal, matrix, shape, rng = _drawn(name)
    start = rng.standard_normal(shape)
    problem = sc.Pursuit(signal, dictionary, sc.L1(0.0))
    solver = sc.ADMM(rho=rho, relaxation=1.0, balance=False)
    state = solver.step(problem, solver.init(problem, start.copy()))
    x = _flat(state.codes)
    right = matrix.T @ _flat(signal) + rho * _flat(start)
    assert relative_error(matrix.T @ (matrix @ x) + rho * x, right) < 1e-11


def test_checks_of_the_linear_solve_refuse_another_rho():
    dictionary, signal, matrix, _, _ = _drawn("three channels")
    solved = dictionary.bind(signal.shape, signal).solve_outer(signal, 1.0 + 1e-9)
    back = _flat(solved) + matrix @ (matrix.T @ _flat(solved))
    assert relative_error(back, _flat(signal)) > 1e-11


# --- SPORCO's other families, certified on the explicit matrix ----------------------------------


def _family(n_channels=1, n_signals=1, size=(16, 15), kernel=(5, 5), n_filters=4, seed=12345):
    """Return the draws of SPORCO's small tests: normal filters and signal, N = 16, M = 4."""
    random = np.random.RandomState(seed)
    filters = random.randn(n_filters, n_channels, *kernel)
    return filters, random.randn(n_signals, n_channels, *size), random


def _certified(filters, signal, penalty, reference_options, *, mask=None, tol=1e-10):
    """Solve by FISTA and ADMM, check both by gap on the matrix and against scikit-learn."""
    matrix, codes = convolution_matrix(filters, signal.shape[2:])
    shape = (len(signal), len(filters), *codes)
    reference = Reference(matrix, signal, shape, mask=mask, **reference_options)
    problem = sc.Pursuit(signal, sc.ConvDictionary(filters), penalty, mask=mask)
    expected = reference.objective(scikit_learn_codes(reference))
    for solver in FIRST_ORDER.values():
        result = sc.solve(problem, solver, tol=tol, max_iter=30_000, check_every=50)
        assert result.status is sc.Status.CONVERGED
        objective = reference.objective(result.codes)
        assert objective == pytest.approx(expected, rel=1e-8)
        assert objective == pytest.approx(result.objective, rel=1e-11)
        assert reference.relative_gap(result.codes) < 1e-8
    return problem, result


LAMBDA = 5.0  # of the order of a tenth of lambda_max, so that coordinate descent ends soon


def test_multichannel_dictionary_and_signal():
    """As ``test_03``: filters of three channels, one coefficient map for all."""
    filters, signal, _ = _family(n_channels=3)
    _certified(filters, signal, sc.L1(LAMBDA), {"kind": "l1", "weight": LAMBDA})


def test_single_channel_dictionary_of_a_multichannel_signal_is_a_batch():
    """As ``test_01``, ``test_02``: channels without coupling are independent signals."""
    filters, signal, _ = _family(n_signals=3)
    _certified(filters, signal, sc.L1(LAMBDA), {"kind": "l1", "weight": LAMBDA})


@pytest.mark.parametrize("size", [(16, 16), (15, 16), (15, 15), (5, 5), (5, 9)])
def test_even_odd_and_kernel_sized_signals(size):
    filters, signal, _ = _family(size=size)
    _certified(filters, signal, sc.L1(LAMBDA), {"kind": "l1", "weight": LAMBDA})


def test_nonnegative_coefficients():
    """SPORCO's NonNegCoef."""
    filters, signal, _ = _family()
    options = {"kind": "nonnegative", "weight": LAMBDA}
    _, result = _certified(filters, signal, sc.NonnegativeL1(LAMBDA), options)
    assert result.codes.min() >= 0


def test_weights_per_filter():
    """SPORCO's L1Weight of shape (1, 1, 1, 1, M)."""
    filters, signal, _ = _family()
    weights = LAMBDA * np.array([1.0, 0.5, 2.0, 1.5])
    _certified(filters, signal, sc.L1(weights), {"kind": "l1", "weight": weights})


def test_weights_per_coefficient_with_forbidden_ones():
    """SPORCO's L1Weight of the coefficients' shape; an infinite weight removes a coefficient."""
    filters, signal, random = _family()
    weights = LAMBDA * random.uniform(0.5, 2.0, (1, 4, 16, 15))
    weights[random.uniform(size=weights.shape) < 0.2] = np.inf
    _, result = _certified(filters, signal, sc.L1(weights), {"kind": "l1", "weight": weights})
    assert np.all(result.codes[np.isinf(weights)] == 0)


@pytest.mark.parametrize("mu", [0.5, 10.0])
def test_elastic_net(mu):
    """SPORCO's ConvElasticNet: an l1 norm and mu / 2 times the squared l2 norm."""
    filters, signal, _ = _family()
    options = {"kind": "elastic", "weight": LAMBDA, "ridge": mu}
    _certified(filters, signal, sc.ElasticNet(LAMBDA, mu), options)


def test_joint_sparsity_over_channels():
    """SPORCO's ConvBPDNJoint without its l1 term: the l2,1 norm over channels coded apart."""
    filters, signal, _ = _family(n_signals=3)
    options = {"kind": "group", "weight": LAMBDA, "axes": (0,)}
    _, result = _certified(filters, signal, sc.GroupL1(LAMBDA, 0), options)
    used = np.count_nonzero(result.codes, axis=0)
    assert set(np.unique(used)) == {0, 3}


@pytest.mark.parametrize("n_channels", [1, 3])
def test_masked_data_term(n_channels):
    """SPORCO's ConvBPDNMaskDcpl, against a dense problem with the masked rows dropped."""
    filters, signal, random = _family(n_channels=n_channels)
    mask = (random.uniform(size=(1, 1, *signal.shape[2:])) < 0.7).astype(float)
    options = {"kind": "l1", "weight": LAMBDA}
    problem, _ = _certified(filters, signal, sc.L1(LAMBDA), options, mask=mask)
    junk = np.where(mask > 0, signal, 100.0)
    again = sc.solve(sc.Pursuit(junk, problem.dictionary, problem.penalty, mask=mask), tol=1e-9)
    expected = sc.solve(problem, tol=1e-9)
    assert again.objective == pytest.approx(expected.objective, rel=1e-8)


def test_impulse_filter_simulates_a_mask():
    """SPORCO's AddMaskSim: an impulse, free where data are missing and forbidden elsewhere.

    The two problems have one optimal value: the impulse absorbs what is missing.
    """
    filters, signal, random = _family()
    mask = (random.uniform(size=signal.shape) < 0.7).astype(float)
    dictionary = sc.ConvDictionary(filters)
    masked = sc.solve(sc.Pursuit(signal, dictionary, sc.L1(LAMBDA), mask=mask), tol=1e-10)
    weights = np.full((1, 5, *signal.shape[2:]), LAMBDA)
    weights[:, :1] = np.where(mask > 0, np.inf, 0.0)
    both = sc.Concat([sc.Identity(), dictionary])
    simulated = sc.Pursuit(signal, both, sc.L1(weights))
    for solver in FIRST_ORDER.values():
        result = sc.solve(simulated, solver, tol=1e-9, max_iter=20_000)
        assert result.status is sc.Status.CONVERGED
        assert result.objective == pytest.approx(masked.objective, rel=1e-8)
        residual = simulated.residual(result.codes)
        assert np.max(np.abs(residual[mask == 0])) < 1e-6


def test_volumes_and_recordings():
    """SPORCO's dimN = 1 and 3."""
    for size, kernel in (((64,), (9,)), ((6, 5, 6), (3, 3, 2))):
        filters, signal, _ = _family(size=size, kernel=kernel, n_channels=2)
        _certified(filters, signal, sc.L1(2.0), {"kind": "l1", "weight": 2.0})
