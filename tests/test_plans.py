"""Convolution plans: each equals the transform of the whole domain, and the rule can be read."""

import tracemalloc

import numpy as np
import pytest
from checkers import assert_close, check_adjoint, check_gram
from test_coordinate_descent import GEOMETRIES

import sparsecsc as sc
from sparsecsc.dictionaries.plans import PLANS

MORE = {
    "2d many channels": ((9, 8, 5, 5), (37, 41), {"padding": "same"}),
    "2d many channels circular": ((20, 6, 3, 3), (24, 30), {}),
    "2d long rows": ((6, 1, 8, 8), (40, 150), {}),
    "2d stride channels": ((12, 4, 6, 6), (28, 28), {"stride": 2, "padding": "valid"}),
    "1d long": ((5, 1, 40), (700,), {}),
    "3d circular": ((4, 2, 3, 3, 3), (10, 11, 12), {}),
}
ALL = GEOMETRIES | MORE


def dictionary_of(name, dtype, plan=None):
    shape, spatial, options = ALL[name]
    filters = np.random.default_rng(len(name)).standard_normal(shape).astype(dtype)
    return sc.ConvDictionary(filters, **options, plan=plan), (3, shape[1], *spatial)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("plan", [kind() for kind in PLANS[1:]], ids=lambda p: type(p).__name__)
@pytest.mark.parametrize("name", ALL)
def test_every_plan_equals_the_transform_of_the_whole_domain(name, plan, dtype):
    own, shape = dictionary_of(name, dtype, plan)
    whole, _ = dictionary_of(name, dtype, sc.WholeFFT())
    rng = np.random.default_rng(1)
    codes = rng.standard_normal(own.code_shape(shape)).astype(dtype)
    signal = rng.standard_normal(shape).astype(dtype)
    assert_close(own.synthesize(codes, shape[2:]), whole.synthesize(codes, shape[2:]), dtype)
    assert_close(own.analyze(signal), whole.analyze(signal), dtype)
    assert_close(own.gram(codes, shape[2:]), whole.gram(codes, shape[2:]), dtype)
    values = rng.random((3, *codes.shape[2:])).astype(dtype)
    covers = [d.bind(shape, signal).cover(values) for d in (own, whole)]
    assert_close(*covers, dtype)


@pytest.mark.parametrize("plan", [kind() for kind in PLANS], ids=lambda p: type(p).__name__)
@pytest.mark.parametrize("name", ALL)
def test_every_plan_has_its_exact_adjoint(name, plan):
    dictionary, shape = dictionary_of(name, np.float64, plan)
    check_adjoint(dictionary, shape)
    check_gram(dictionary, shape)


def random_geometry(seed):
    """Return the shape of a batch, that of filters, and the options of a dictionary."""
    rng = np.random.default_rng(seed)
    n_axes = int(rng.integers(1, 4))
    kernel = rng.integers(1, (30, 7, 4)[n_axes - 1], n_axes)
    dilation = rng.integers(1, 3, n_axes)
    stride = rng.integers(1, 4, n_axes)
    extent = (kernel - 1) * dilation + 1
    steps = rng.integers(1, (60, 14, 6)[n_axes - 1], n_axes)
    padding = str(rng.choice(["circular", "valid", "same", "full"]))
    spatial = (extent // stride + 1 + steps) * stride  # circular ones must divide by the stride
    n, channels, filters = (int(k) for k in rng.integers(1, (4, 6, 20)))
    options = {"padding": padding, "stride": tuple(map(int, stride))}
    options["dilation"] = tuple(map(int, dilation))
    return (n, channels, *map(int, spatial)), (filters, channels, *map(int, kernel)), options


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(24))
def test_plans_agree_on_random_geometries(seed, dtype):
    shape, filter_shape, options = random_geometry(seed)
    rng = np.random.default_rng(seed)
    filters = rng.standard_normal(filter_shape).astype(dtype)
    whole = sc.ConvDictionary(filters, **options, plan=sc.WholeFFT())
    codes = rng.standard_normal(whole.code_shape(shape)).astype(dtype)
    signal = rng.standard_normal(shape).astype(dtype)
    image, correlation = whole.synthesize(codes, shape[2:]), whole.analyze(signal)
    for kind in PLANS[1:]:
        own = sc.ConvDictionary(filters, **options, plan=kind())
        assert_close(own.synthesize(codes, shape[2:]), image, dtype)
        assert_close(own.analyze(signal), correlation, dtype)


def test_a_spoiled_plan_is_found_out():
    class Spoiled(sc.ConvDictionary):
        def analyze(self, signal):
            return super().analyze(signal) * 1.001

    _, shape = dictionary_of("2d", np.float64)
    filters = np.random.default_rng(0).standard_normal(GEOMETRIES["2d"][0])
    with pytest.raises(AssertionError):
        check_adjoint(Spoiled(filters, plan=sc.DirectSamples()), shape)


@pytest.mark.parametrize("plan", [kind() for kind in PLANS], ids=lambda p: type(p).__name__)
@pytest.mark.parametrize("solver", [sc.ADMM(), sc.FISTA()], ids=["ADMM", "FISTA"])
def test_solvers_work_with_every_plan(plan, solver):
    rng = np.random.default_rng(2)
    filters = rng.standard_normal((6, 2, 4, 4)) / 6
    signal = rng.standard_normal((2, 2, 20, 22))
    objectives = []
    for wanted in (plan, sc.WholeFFT()):
        problem = sc.Pursuit(signal, sc.ConvDictionary(filters, plan=wanted), sc.L1(0.4))
        result = sc.solve(problem, solver, tol=1e-6)
        assert result.status is sc.Status.CONVERGED
        objectives.append(result.objective)
    assert objectives[0] == pytest.approx(objectives[1], rel=2e-6)


def test_the_choice_is_visible_and_can_be_overridden():
    filters = np.ones((4, 1, 3, 3))
    free, told = sc.ConvDictionary(filters), sc.ConvDictionary(filters, plan=sc.TiledFFT(tile=16))
    assert "cost rule" in repr(free)
    assert "TiledFFT(tile=16)" in repr(told)
    signal = np.zeros((1, 1, 64, 64))
    for dictionary in (free, told):
        text = repr(dictionary.bind(signal.shape, signal))
        assert "ms by the cost rule" in text
    assert "TiledFFT" in text


def test_many_channels_and_large_kernels_leave_the_whole_domain():
    rng = np.random.default_rng(3)
    filters = rng.standard_normal((32, 32, 7, 7)).astype(np.float32)
    signal = np.zeros((1, 32, 256, 256), np.float32)
    assert "WholeFFT" not in repr(
        sc.ConvDictionary(filters, padding="same").bind(signal.shape, signal)
    )


def megabytes_to_bind(n_filters, size, plan=None):
    """Return the operator of filters of 8 x 8, and the peak memory of binding and its norm."""
    dictionary = sc.ConvDictionary(np.ones((n_filters, 1, 8, 8), np.float32), plan=plan)
    like = np.zeros((1, 1, 1, 1), np.float32)
    dictionary.bind((1, 1, 16, 16), like)  # imports take memory of their own
    tracemalloc.start()
    operator = dictionary.bind((1, 1, size, size), like)
    assert operator.lipschitz() > 0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return operator, peak / 1e6


def test_a_large_domain_is_bound_without_spectra_of_its_size():
    operator, megabytes = megabytes_to_bind(64, 8192)  # its spectra would take 17 GB
    assert "WholeFFT" not in repr(operator)
    assert megabytes < 16


def test_the_measure_of_memory_sees_spectra():
    _, megabytes = megabytes_to_bind(8, 1024, sc.WholeFFT())
    assert megabytes > 8 * 1024**2 * 4 / 1e6


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda f: sc.ConvDictionary(f, plan="fft"), TypeError, "`plan` must be None or one of"),
        (lambda f: sc.ConvDictionary(f, plan=sc.WholeFFT), TypeError, "got the class WholeFFT"),
        (lambda f: sc.TiledFFT(tile=0), ValueError, "`tile` must be an integer >= 1; got 0"),
        (
            lambda f: sc.ConvDictionary(f, plan=sc.TiledFFT(tile=4)).analyze(np.ones((1, 1, 9, 9))),
            ValueError,
            "`plan` must have a tile larger than the reach",
        ),
    ],
)
def test_misuse_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make(np.ones((2, 1, 5, 5)))
