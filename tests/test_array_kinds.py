"""The same code on other kinds of arrays gives the answers that it gives on NumPy's.

array-api-strict stands for any kind that is not NumPy's, on any machine; CuPy is tested where there
is a device.
"""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from array_kinds import host, models
from checkers import assert_close
from discovery import MULTILAYER, PENALTIES, SINGLE, make_solver
from instances import DICTIONARIES, problem_of

import sparsecsc as sc
from sparsecsc import backends
from sparsecsc._cli_device import moved as converted
from sparsecsc.cli import main
from sparsecsc.io import load_filters, load_online
from sparsecsc.theory.coherence import babel, mutual_coherence, stripe_coherence
from sparsecsc.theory.exact_recovery import exact_recovery_coefficient
from sparsecsc.theory.frames import frame_bounds
from sparsecsc.theory.guarantees import spark_bounds
from sparsecsc.theory.norms import patch_energy, patch_sparsity
from sparsecsc.theory.potentials import frame_potential
from sparsecsc.theory.sparsity import stripe_norm

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


LEARNING = {
    "circular": ((2, 1, 40), (6,), {}),
    "plane": ((1, 2, 11, 12), (3, 4), {}),
    "valid, strided": ((1, 1, 41), (5,), {"padding": "valid", "stride": 2}),
    "same": ((2, 1, 30), (5,), {"padding": "same"}),
}
BALLS = {
    "any": {},
    "zero mean": {"zero_mean": True},
    "few taps": {"n_taps": 3, "nonnegative": True},
}


def learning(convert, name, dtype=np.float64):
    """Return a signal, starting filters, and the same of the other kind, with their geometry."""
    shape, kernel, options = LEARNING[name]
    rng = np.random.default_rng(5)
    signal = rng.standard_normal(shape).astype(dtype)
    filters = sc.random_filters(3, shape[1], kernel, rng, dtype=dtype)
    dictionary = sc.ConvDictionary(filters, **options)
    return (signal, dictionary), (convert(signal), converted(dictionary, convert))


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("ball", BALLS)
@pytest.mark.parametrize("name", LEARNING)
def test_filters_are_learned_the_same(convert, name, ball, mask):
    own, other = learning(convert, name)
    options = {"solver": sc.FISTA(), "tol": 1e-9, "max_iter": 6}
    options["constraint"] = sc.UnitBall(**BALLS[ball])
    holes = np.random.default_rng(6).choice([0.0, 0.5, 1.0], own[0].shape) if mask else None
    expected = sc.learn(*own, 0.4, mask=holes, **options)
    found = sc.learn(*other, 0.4, mask=None if holes is None else convert(holes), **options)
    assert found.n_iter == expected.n_iter
    assert math.isclose(found.objective, expected.objective, rel_tol=1e-7)
    assert math.isclose(found.filter_gap, expected.filter_gap, rel_tol=1e-4, abs_tol=1e-9)
    # few taps are not a convex set: the last step of an update may be another one by rounding
    slack = 1e10 if ball == "few taps" else 1e8
    assert_same(found.filters, expected.filters, slack=slack)
    assert_same(found.codes, expected.codes, slack=slack)
    assert np.all(np.diff(found.history.objectives) <= 0)
    with pytest.raises(TypeError, match=r"`codes` must be a NumPy array; .*: bring it to the host"):
        _ = found.sparse_codes


def test_learning_certifies_and_gives_idle_filters_something_to_do(convert):
    own, other = learning(convert, "circular")
    found = sc.learn(*other, 0.8, tol=1e-5)
    assert found.status is sc.Status.CONVERGED
    assert max(found.relative_gap, found.filter_gap) <= 1e-5
    unused = np.array(own[1].filters)
    unused[1] = 0.0
    start = sc.ConvDictionary(convert(unused))
    assert (1, 1) in sc.learn(other[0], start, 0.8, tol=1e-3).reseeded


@pytest.mark.parametrize("name", LEARNING)
def test_filters_are_learned_the_same_from_batches(convert, name):
    own, other = learning(convert, name)
    holes = np.random.default_rng(7).choice([0.0, 1.0], own[0].shape)
    options = {"solver": sc.FISTA(), "tol": 1e-9, "forgetting": 0.7}
    expected = sc.learn_online([own[0], (own[0], holes)], own[1], 0.4, **options)
    batches = [other[0], (other[0], convert(holes))]
    found = sc.learn_online(batches, other[1], 0.4, **options)
    assert_same(found.filters, expected.filters, slack=1e8)
    assert_same(found.state.pairs, expected.state.pairs, slack=1e8)
    half = sc.learn_online(batches[:1], other[1], 0.4, **options)
    whole = sc.learn_online(batches, other[1], 0.4, start=half.state, **options)
    assert np.array_equal(host(whole.filters), host(found.filters))
    with pytest.raises(TypeError, match=r"`mapper` needs NumPy arrays.* leave it out"):
        sc.learn_online(batches, other[1], 0.4, mapper=map)


@pytest.mark.parametrize("name", ["chain", "dense"])
def test_models_are_learned_the_same(convert, name):
    problem, other = MODELS[name], converted(MODELS[name], convert)
    options = {"max_iter": 3, "joint_iter": 2, "incoherence": 0.01, "tol": 1e-9}
    expected = sc.learn_layers(problem.signal, problem.model, problem.penalties, **options)
    found = sc.learn_layers(other.signal, other.model, other.penalties, **options)
    assert found.objective <= found.history.objectives[0]
    assert math.isclose(found.objective, expected.objective, rel_tol=0.05)
    for one, two in zip(found.filters, expected.filters, strict=True):
        assert one.shape == two.shape
        assert not isinstance(one, np.ndarray)


@pytest.mark.parametrize("online", [[], ["--online", "--checkpoint", "kept.npz"]])
def test_the_command_learns_on_a_device(convert, monkeypatch, tmp_path, online):
    monkeypatch.chdir(tmp_path)
    brought = []
    monkeypatch.setattr("sparsecsc._cli_learn.demand_gpu", lambda alone: True)
    monkeypatch.setattr("sparsecsc._cli_device.to_gpu", lambda x: brought.append(x) or convert(x))
    monkeypatch.setattr("sparsecsc._cli_device.to_host", host)
    for n in range(2):
        np.save(f"{n}.npy", np.random.default_rng(n).standard_normal(40))
    command = [
        "learn",
        "0.npy",
        "1.npy",
        "--filters",
        "3",
        "--kernel",
        "6",
        "--weight",
        "0.4",
        "--dtype",
        "float64",
        "--quiet",
    ]
    filters = {}
    for device in ("cpu", "gpu"):
        assert main([*command, *online, "--tol", "1e-6", "--device", device, "--out", device]) == 0
        filters[device] = load_filters(f"{device}/filters.npz")
        assert bool(brought) == (device == "gpu")
        assert json.loads(Path(device, "result.json").read_text())["device"] == device
    # two solvers, each to a gap of 1e-6: how near the filters are that says is the square root
    assert np.allclose(filters["cpu"], filters["gpu"], atol=1e-2)
    start = sc.random_filters(3, 1, 6, 0)
    assert not np.allclose(filters["gpu"], start, atol=0.1)
    if online:
        assert np.array_equal(load_online("kept.npz")[0].filters, filters["gpu"])


def test_patches_are_drawn_the_same(convert):
    signal = np.random.default_rng(8).standard_normal((2, 2, 9, 10))
    found = sc.patch_filters(convert(signal), 4, (3, 2), rng=1)
    assert_same(found, sc.patch_filters(signal, 4, (3, 2), rng=1))


def test_a_support_of_another_kind_is_refused(convert):
    _, other = learning(convert, "circular")
    ball = sc.UnitBall(support=np.ones((1, 1, 6), bool))
    with pytest.raises(TypeError, match=r"`support` must be of the kind of `filters`, .*; got num"):
        sc.learn(*other, 0.4, constraint=ball)
    ball = sc.UnitBall(support=convert(np.arange(6).reshape(1, 1, 6) < 4))
    learned = host(sc.learn(*other, 0.4, constraint=ball, max_iter=3).filters)
    assert not learned[..., 4:].any()
    assert learned[..., :4].any()


@pytest.mark.parametrize("name", ["1d", "2d", "1d channels", "1d same", "1d stride"])
def test_quantities_of_the_theory_are_the_same(convert, name):
    problem = problem_of(name)
    codes = np.where(np.random.default_rng(9).random(problem.codes_shape) < 0.2, 1.0, 0.0)
    spatial = problem.signal.shape[2:]
    quantities = {
        "mutual coherence": lambda d, y, z: mutual_coherence(d, spatial),
        "Babel function": lambda d, y, z: babel(d, 3, spatial),
        "stripe norm": lambda d, y, z: stripe_norm(d, z, spatial),
        "stripe coherence": lambda d, y, z: stripe_coherence(d, z, spatial),
        "exact recovery": lambda d, y, z: exact_recovery_coefficient(d, z[:1, ...], spatial),
        "frame bounds": lambda d, y, z: frame_bounds(d, spatial),
        "frame potential": lambda d, y, z: frame_potential(d, spatial),
        "spark": lambda d, y, z: spark_bounds(d, spatial),
        "patch sparsity": lambda d, y, z: patch_sparsity(z, 3),
        "patch energy": lambda d, y, z: patch_energy(y, 3),
    }
    other = converted((problem.dictionary, problem.signal, codes), convert)
    for quantity, measure in quantities.items():
        expected = measure(problem.dictionary, problem.signal, codes)
        assert np.allclose(measure(*other), expected, rtol=1e-9, atol=1e-12), quantity


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
