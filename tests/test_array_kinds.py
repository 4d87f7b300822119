"""The same code on other kinds of arrays gives the answers that it gives on NumPy's.

array-api-strict stands for any kind that is not NumPy's, on any machine; CuPy is tested where there
is a device.
"""

import math

import numpy as np
import pytest
from array_kinds import host, models
from checkers import assert_close
from discovery import MULTILAYER, PENALTIES, SINGLE, make_solver
from instances import DICTIONARIES, problem_of

import sparsecsc as sc
from sparsecsc import backends
from sparsecsc._cli_device import moved as converted

N_ITER = 25
MODELS = models()


@pytest.fixture(params=["strict", pytest.param("cupy", marks=pytest.mark.gpu)])
def convert(request, monkeypatch):
    """Give what brings a NumPy array to the other kind."""
    if request.param == "cupy":
        import cupy

        yield cupy.asarray
        return
    strict = pytest.importorskip("array_api_strict")
    served = {**backends._MODULE_OF_KIND, "array_api_strict": "strict_backend"}
    monkeypatch.setattr(backends, "_MODULE_OF_KIND", served)
    backends._backend_of_kind.cache_clear()
    yield lambda array: strict.asarray(array.copy())
    backends._backend_of_kind.cache_clear()


def assert_same(found, expected, *, slack=2000):
    """Check values, dtype and that the kind is not NumPy's."""
    assert not isinstance(found, np.ndarray)
    assert str(found.dtype).rsplit(".", 1)[-1] == str(expected.dtype)
    scale = float(np.abs(expected).max(initial=0.0)) + 1.0
    assert_close(host(found), expected, expected.dtype.type, scale=scale, slack=slack)


def test_the_comparison_fails_for_other_values_and_for_numpy(convert):
    values = np.linspace(0.0, 1.0, 5)
    assert_same(convert(values), values)
    for wrong in (convert(values + 1e-9), values, convert(values.astype(np.float32))):
        with pytest.raises(AssertionError):
            assert_same(wrong, values)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", DICTIONARIES)
def test_dictionaries_compute_the_same(convert, name, dtype):
    problem = problem_of(name, dtype=dtype)
    dictionary, signal = problem.dictionary, problem.signal
    codes = np.random.default_rng(1).standard_normal(problem.codes_shape).astype(dtype)
    other, spatial = converted(dictionary, convert), signal.shape[2:]
    assert_same(other.analyze(convert(signal)), dictionary.analyze(signal))
    assert_same(other.synthesize(convert(codes), spatial), dictionary.synthesize(codes, spatial))
    assert_same(other.gram(convert(codes), spatial), dictionary.gram(codes, spatial))
    assert math.isclose(other.lipschitz(spatial), dictionary.lipschitz(spatial), rel_tol=1e-6)


@pytest.mark.parametrize("mask", [None, "holes", "weights"])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("name", DICTIONARIES)
def test_certificates_are_the_same(convert, name, penalty, mask):
    problem = problem_of(name, penalty, mask=mask)
    other = converted(problem, convert)
    codes = np.zeros(problem.codes_shape)
    codes[:, 0, ...] = 0.1
    found, expected = sc.certify(other, convert(codes)), sc.certify(problem, codes)
    assert math.isclose(found.objective, expected.objective, rel_tol=1e-12)
    assert np.allclose(found.dual, expected.dual, rtol=1e-10, equal_nan=True)
    assert math.isclose(
        sc.kkt_residual(other, convert(codes)), sc.kkt_residual(problem, codes), rel_tol=1e-10
    )
    if hasattr(problem.penalty, "dual_bounds"):
        assert math.isclose(sc.lambda_max(other), sc.lambda_max(problem), rel_tol=1e-12)
        assert_same(sc.dual_point(other, convert(codes)), sc.dual_point(problem, codes))


@pytest.mark.parametrize("mask", [None, "holes"])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("name", DICTIONARIES)
@pytest.mark.parametrize("solver", [s for s in SINGLE if s != "CoordinateDescent"])
def test_solvers_take_the_same_steps(convert, solver, name, penalty, mask):
    problem = problem_of(name, penalty, mask=mask)
    method = make_solver(SINGLE[solver])
    other = converted(problem, convert)
    try:
        expected = sc.solve(problem, method, tol=0, max_iter=N_ITER)
    except (TypeError, ValueError) as error:
        with pytest.raises(type(error)):
            sc.solve(other, method, tol=0, max_iter=N_ITER)
        return
    found = sc.solve(other, method, tol=0, max_iter=N_ITER)
    assert_same(found.codes, expected.codes, slack=1e6)
    assert found.n_iter == expected.n_iter
    assert math.isclose(found.objective, expected.objective, rel_tol=1e-9)


@pytest.mark.parametrize("solver", MULTILAYER)
@pytest.mark.parametrize("name", MODELS)
def test_solvers_of_models_take_the_same_steps(convert, name, solver):
    problem, other = MODELS[name], converted(MODELS[name], convert)
    method = make_solver(MULTILAYER[solver])
    try:
        expected = sc.solve(problem, method, tol=0, max_iter=N_ITER)
    except (TypeError, ValueError) as error:
        with pytest.raises(type(error)):
            sc.solve(other, method, tol=0, max_iter=N_ITER)
        return
    found = sc.solve(other, method, tol=0, max_iter=N_ITER)
    for one, layer in zip(found.codes, expected.codes, strict=True):
        assert_same(one, layer, slack=1e6)
    assert math.isclose(found.objective, expected.objective, rel_tol=1e-9)
    assert np.allclose(found.certificate.dual, expected.certificate.dual, rtol=1e-6, equal_nan=True)


@pytest.mark.parametrize("name", MODELS)
def test_models_report_the_same(convert, name):
    problem, other = MODELS[name], converted(MODELS[name], convert)
    codes = tuple(np.full(shape, 0.1) for shape in problem.shapes[1:])
    pairs = zip(
        sc.layer_reports(other, converted(codes, convert)),
        sc.layer_reports(problem, codes),
        strict=True,
    )
    for found, expected in pairs:
        assert found.nonzeros == expected.nonzeros
        assert found.stripe_norm == expected.stripe_norm
        assert math.isclose(found.residual, expected.residual, rel_tol=1e-12)
        assert_same(found.synthesis, expected.synthesis)


@pytest.mark.parametrize("name", ["1d", "2d", "1d channels", "1d same"])
def test_the_default_solver_certifies_the_same_optimum(convert, name):
    problem = problem_of(name)
    other = converted(problem, convert)
    found, expected = sc.solve(other, tol=1e-7), sc.solve(problem, tol=1e-7)
    assert found.status is sc.Status.CONVERGED
    assert abs(found.objective - expected.objective) <= 2e-7 * expected.objective
    paths = (
        sc.path(p, [2 * p.penalty.weight, p.penalty.weight], tol=1e-4) for p in (other, problem)
    )
    for one, two in zip(*paths, strict=True):
        assert abs(one.objective - two.objective) <= 2e-4 * two.objective


ON_DEVICE = [
    (sc.ISTA(), "2d", "L1"),
    (sc.FISTA(), "2d", "L1"),
    (sc.FISTA(a=3.0), "1d stride", "ElasticNet"),
    (sc.FISTA(), "1d channels", "GroupL1"),
    (sc.ADMM(balance=False), "2d", "NonnegativeL1"),
    (sc.ADMM(balance=False), "1d same", "L1"),
]


@pytest.fixture
def transfers(convert, monkeypatch):
    """Return a list that grows when a value of the other kind is read by the host."""
    read, cls = [], type(convert(np.zeros(1)))
    names = ("get",) if cls.__module__.startswith("cupy") else ("__array__", "__buffer__")
    for name in ("__float__", "__bool__", "__int__", "__index__", *names):
        plain = getattr(cls, name, None)
        if plain is not None:

            def counted(self, *args, plain=plain, name=name, **options):
                read.append(name)
                return plain(self, *args, **options)

            try:
                monkeypatch.setattr(cls, name, counted)
            except TypeError:  # a built-in class: its own methods count through `get`
                pytest.skip("methods of this kind of array cannot be replaced")
    return read


def test_reading_a_value_is_counted(convert, transfers):
    float(convert(np.zeros(3))[0])
    bool(convert(np.zeros(3))[0] > 0)
    assert len(transfers) >= 2


@pytest.mark.parametrize(("solver", "name", "penalty"), ON_DEVICE)
def test_steps_read_nothing_on_the_host(convert, transfers, solver, name, penalty):
    other = converted(problem_of(name, penalty), convert)
    state = solver.init(other, convert(np.zeros(other.codes_shape)))
    state = solver.step(other, state)  # bounds and inverses are computed once
    transfers.clear()
    for _ in range(3):
        state = solver.step(other, state)
    assert transfers == []


@pytest.mark.parametrize(
    "solver", [sc.MLISTA(), sc.MLFISTA(restart=True), sc.MLADMM(balance=False)]
)
def test_steps_of_models_read_nothing_on_the_host(convert, transfers, solver):
    other = converted(MODELS["chain"], convert)
    state = solver.init(other, tuple(convert(np.zeros(shape)) for shape in other.shapes[1:]))
    for _ in range(2):
        state = solver.step(other, state)
    transfers.clear()
    for _ in range(3):
        state = solver.step(other, state)
    assert transfers == []


def test_codes_that_do_not_fit_are_refused_with_need_and_have(convert, monkeypatch):
    other = converted(problem_of("2d"), convert)
    monkeypatch.setattr(other.backend, "free_bytes", lambda: 100.0)
    with pytest.raises(MemoryError, match=r"the codes of FISTA .* GB; got 0\.0 GB available: "):
        sc.solve(other, sc.FISTA())


def test_coordinate_descent_says_what_to_use_instead(convert):
    with pytest.raises(TypeError, match=r"CoordinateDescent needs NumPy arrays; got .*: use FISTA"):
        sc.solve(converted(problem_of("1d"), convert), sc.CoordinateDescent())


def test_kinds_are_not_mixed(convert):
    problem = problem_of("1d", mask="holes")
    other = converted(problem, convert)
    signal, dictionary = problem.signal, problem.dictionary
    message = r"`\w+` .*(numpy|array_api_strict|cupy)"
    with pytest.raises(TypeError, match=message):
        sc.Pursuit(other.signal, dictionary, problem.penalty)
    with pytest.raises(TypeError, match=message):
        sc.Pursuit(other.signal, other.dictionary, problem.penalty, mask=problem.mask)
    with pytest.raises(TypeError, match=message):
        sc.Pursuit(other.signal, other.dictionary, sc.L1(np.ones(3)))
    with pytest.raises(TypeError, match=message):
        other.dictionary.analyze(signal)
    with pytest.raises(TypeError, match=message):
        sc.solve(other, sc.FISTA(), start=np.zeros(problem.codes_shape))


def test_signals_are_prepared_the_same(convert):
    signal = np.random.default_rng(3).random((1, 1, 9, 8))
    for found, expected in zip(
        sc.split_lowpass(convert(signal)), sc.split_lowpass(signal), strict=True
    ):
        assert_same(found, expected)
    filters = np.random.default_rng(4).standard_normal((3, 1, 3, 3))
    found = sc.encode(convert(signal), convert(filters), 0.1, solver=sc.FISTA(), tol=1e-6)
    expected = sc.encode(signal, filters, 0.1, solver=sc.FISTA(), tol=1e-6)
    assert_same(found.codes, expected.codes, slack=1e6)
