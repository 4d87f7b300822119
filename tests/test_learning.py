"""Learning of filters: what the update minimises, what is certified, what never rises."""

import dataclasses

import numpy as np
import pytest
import scipy.optimize
from checkers import assert_close
from learning_checks import (
    check_allowed,
    check_objective_never_rises,
    check_recovered,
    dense_columns,
)

import sparsecsc as sc
from sparsecsc.learning import _quadratics
from sparsecsc.learning._quadratics import LagQuadratic, SampleQuadratic, make_quadratic
from sparsecsc.learning.update import improve, point_at

GEOMETRIES = {
    "circular 1-D": ((2, 2, 30), (7,), {}),
    "circular, kernel near the size": ((2, 1, 5, 6), (4, 5), {}),
    "circular 3-D": ((1, 2, 6, 7, 5), (2, 3, 4), {}),
    "dilated": ((1, 2, 30), (5,), {"dilation": 2}),
    "strided": ((1, 1, 30), (7,), {"stride": 2}),
    "valid, strided, dilated": ((1, 1, 40), (4,), {"stride": 2, "dilation": 3, "padding": "valid"}),
    "valid 2-D": ((2, 1, 16, 15), (4, 3), {"padding": "valid", "stride": (2, 1)}),
    "same": ((2, 1, 12, 15), (4, 3), {"padding": "same"}),
    "full": ((1, 3, 40), (5,), {"padding": "full"}),
    "padded": ((1, 1, 40), (5,), {"padding": 2}),
}


def make(shape, kernel, options, *, n_filters=3, dtype=np.float64, seed=0, mask=False):
    """Return a pursuit with random signal and filters, and random codes for it."""
    rng = np.random.default_rng(seed)
    filters = sc.random_filters(n_filters, shape[1], kernel, rng, dtype=dtype)
    dictionary = sc.ConvDictionary(filters, **options)
    signal = rng.standard_normal(shape).astype(dtype)
    weight = None if not mask else rng.choice([0.0, 0.5, 1.0], shape).astype(dtype)
    problem = sc.Pursuit(signal, dictionary, sc.L1(0.3), weight)
    shown = rng.random(problem.codes_shape) < 0.3
    codes = (rng.standard_normal(problem.codes_shape) * shown).astype(dtype)
    return problem, codes


@pytest.mark.parametrize("form", [sc.SparseCodes.from_dense, np.copy])
@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_the_quadratic_is_the_data_term_of_an_explicit_matrix(name, mask, form):
    problem, codes = make(*GEOMETRIES[name], mask=mask)
    quadratic = make_quadratic(problem, form(codes))
    cut = name in ("same", "full", "padded")
    assert isinstance(quadratic, SampleQuadratic if mask or cut else LagQuadratic)
    matrix = dense_columns(codes, problem.dictionary, problem.signal.shape[2:])
    target = problem.signal.ravel()
    if mask:
        matrix, target = problem.mask.ravel()[:, None] * matrix, (problem.mask * problem.signal)
    target = target.ravel()
    filters = problem.dictionary.filters
    point = point_at(quadratic, filters)
    assert_close(point.image.ravel(), matrix.T @ matrix @ filters.ravel())
    assert_close(quadratic.correlation.ravel(), matrix.T @ target)
    value = 0.5 * float(((target - matrix @ filters.ravel()) ** 2).sum())
    assert_close(point.value(quadratic), value)
    squares = (matrix**2).sum(axis=0).reshape(len(filters), -1).max(axis=1)
    assert np.all(quadratic.curvatures >= squares * (1 - 1e-12))


def test_both_quadratics_agree_where_the_table_of_lags_is_too_large(monkeypatch):
    problem, codes = make(*GEOMETRIES["circular 3-D"])
    sparse = sc.SparseCodes.from_dense(codes)
    lags = make_quadratic(problem, sparse)
    monkeypatch.setattr(_quadratics, "_MOST_LAGS", 10)
    samples = make_quadratic(problem, sparse)
    assert isinstance(samples, SampleQuadratic)
    filters = problem.dictionary.filters
    assert_close(samples.apply(filters), lags.apply(filters))
    assert_close(samples.correlation, lags.correlation)
    assert_close(samples.energy, lags.energy)
    assert_close(samples.curvatures, lags.curvatures)


def _oracle(matrix, target, shape, ball):
    """Return the least value by SciPy's SLSQP: a constraint a filter, on the allowed taps."""
    taps = np.ones(shape, bool) if ball.support is None else np.broadcast_to(ball.support, shape)
    chosen = taps.ravel()
    reduced = matrix[:, chosen]
    owner = np.repeat(np.arange(shape[0]), np.prod(shape[1:]))[chosen]
    group = np.repeat(np.arange(np.prod(shape[:2])), np.prod(shape[2:]))[chosen]
    rules = [
        {
            "type": "ineq",
            "fun": lambda d, m=m: 1 - float((d[owner == m] ** 2).sum()),
            "jac": lambda d, m=m: np.where(owner == m, -2 * d, 0),
        }
        for m in range(shape[0])
    ]
    if ball.zero_mean:
        rules += [
            {"type": "eq", "fun": lambda d, g=g: float(d[group == g].sum())} for g in set(group)
        ]
    found = scipy.optimize.minimize(
        lambda d: 0.5 * float(((target - reduced @ d) ** 2).sum()),
        np.zeros(reduced.shape[1]),
        jac=lambda d: reduced.T @ (reduced @ d - target),
        bounds=[(0, None)] * reduced.shape[1] if ball.nonnegative else None,
        constraints=rules,
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-14},
    )
    return found.fun


@pytest.mark.parametrize(
    "ball",
    [
        sc.UnitBall(),
        sc.UnitBall(zero_mean=True),
        sc.UnitBall(nonnegative=True),
        sc.UnitBall(support=np.arange(5) < np.array([3, 5, 4])[:, None, None]),
        sc.UnitBall(zero_mean=True, support=np.arange(5) < np.array([3, 5, 4])[:, None, None]),
    ],
    ids=["ball", "zero mean", "nonnegative", "support", "both"],
)
@pytest.mark.parametrize("padding", ["circular", "same"])
def test_the_update_finds_the_least_squares_of_an_outside_solver(ball, padding):
    problem, codes = make((2, 2, 25), (5,), {"padding": padding})
    quadratic = make_quadratic(problem, sc.SparseCodes.from_dense(0.2 * codes))
    filters = ball.project(problem.dictionary.filters)
    found = improve(quadratic, ball, point_at(quadratic, filters), gap=1e-10, max_iter=3000)
    check_allowed(found.filters, **dataclasses.asdict(ball))
    matrix = dense_columns(0.2 * codes, problem.dictionary, (25,))
    least = _oracle(matrix, problem.signal.ravel(), filters.shape, ball)
    value = found.value(quadratic)
    assert abs(value - least) <= 1e-7 * least
    assert value - found.gap(quadratic, ball) <= least * (1 + 1e-9)  # the gap is a lower bound
    start = point_at(quadratic, filters)
    assert start.value(quadratic) - start.gap(quadratic, ball) <= least


def test_without_an_active_constraint_the_update_is_least_squares():
    problem, codes = make((2, 1, 60), (4,), {})
    codes = 10 * codes
    quadratic = make_quadratic(problem, sc.SparseCodes.from_dense(codes))
    start = point_at(quadratic, problem.dictionary.filters)
    found = improve(quadratic, sc.UnitBall(), start, gap=1e-13, max_iter=5000)
    matrix = dense_columns(codes, problem.dictionary, (60,))
    expected = np.linalg.lstsq(matrix, problem.signal.ravel(), rcond=None)[0]
    assert np.abs(found.filters.ravel() - expected).max() <= 1e-7


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_the_objective_never_rises(name, mask, dtype):
    problem, _ = make(*GEOMETRIES[name], dtype=dtype, mask=mask)
    result = sc.learn(
        problem.signal, problem.dictionary, sc.L1(0.3), mask=problem.mask, tol=1e-4, max_iter=15
    )
    assert result.filters.dtype == dtype
    check_objective_never_rises(result, problem.signal, problem.penalty, problem.mask)
    check_allowed(result.filters)
    assert result.history.objectives[-1] < 0.95 * result.history.objectives[0]


@pytest.mark.parametrize(
    "penalty",
    [
        sc.NonnegativeL1(0.2),
        sc.ElasticNet(0.2, 0.1),
        sc.GroupL1(0.5, axis=1),
        sc.L0(0.05),
        sc.L1(np.array([0.1, 0.2, np.inf])),
    ],
    ids=lambda penalty: type(penalty).__name__,
)
def test_any_penalty_can_be_learned_with(penalty):
    problem, _ = make((2, 1, 50), (6,), {})
    result = sc.learn(problem.signal, problem.dictionary, penalty, max_iter=12)
    check_objective_never_rises(
        result, problem.signal, penalty.bind(problem.codes_shape, problem.signal)
    )


def planted(shape, kernel, n_filters, density, seed):
    """Return filters and a signal of few of them, with a little noise."""
    rng = np.random.default_rng(seed)
    filters = sc.random_filters(n_filters, shape[1], kernel, rng)
    dictionary = sc.ConvDictionary(filters)
    codes_shape = dictionary.code_shape(shape)
    codes = rng.uniform(1, 2, codes_shape) * rng.choice([-1, 1], codes_shape)
    codes *= rng.random(codes_shape) < density
    noise = 0.01 * rng.standard_normal(shape)
    return filters, dictionary.synthesize(codes) + noise


@pytest.mark.parametrize(
    ("shape", "kernel", "room", "density"),
    [
        ((1, 1, 4000), (12,), (20,), 0.004),
        ((1, 1, 96, 96), (6, 6), (9, 9), 0.003),
        ((2, 3, 64, 64), (5, 5), (8, 8), 0.003),
    ],
    ids=["1-D", "2-D", "colour"],
)
def test_planted_filters_are_found_up_to_shift_sign_and_order(shape, kernel, room, density):
    """With twice as many filters, and some room: alternation may stop at a part of a filter."""
    truth, signal = planted(shape, kernel, 4, density, 3)
    start = sc.random_filters(8, shape[1], room, rng=103)
    result = sc.learn(signal, start, 0.1, tol=1e-3)
    check_recovered(truth, result.filters)
    with pytest.raises(AssertionError):
        check_recovered(truth, start)


def test_masked_samples_do_not_count():
    _, signal = planted((1, 1, 1500), (12,), 3, 0.006, 1)
    mask = (np.random.default_rng(0).random(signal.shape) > 0.3).astype(float)
    start = sc.patch_filters(signal, 4, 12, rng=0)
    clean = sc.learn(signal, start, 0.1, mask=mask, max_iter=10)
    spoiled = sc.learn(signal + 50 * (1 - mask), start, 0.1, mask=mask, max_iter=10)
    assert_close(spoiled.filters, clean.filters, slack=1e6)


def test_filters_of_several_sizes_share_one_array():
    _, signal = planted((1, 1, 1500), (12,), 3, 0.006, 1)
    support = np.arange(12) < np.array([4, 8, 12, 12])[:, None, None]
    start = sc.patch_filters(signal, 4, 12, rng=0)
    result = sc.learn(signal, start, 0.1, constraint=sc.UnitBall(support=support), max_iter=20)
    check_allowed(result.filters, support=support)
    check_objective_never_rises(result, signal, sc.L1(0.1))


def test_converged_certifies_a_partial_optimum():
    _, signal = planted((1, 1, 1500), (12,), 3, 0.006, 1)
    result = sc.learn(signal, sc.patch_filters(signal, 3, 12, rng=0), 0.1, tol=1e-3)
    assert result.status is sc.Status.CONVERGED
    codes = sc.solve(result.problem, tol=1e-9).objective
    assert result.objective * (1 - 1e-3) <= codes <= result.objective
    quadratic = make_quadratic(result.problem, result.sparse_codes)
    start = point_at(quadratic, result.filters)
    best = improve(quadratic, sc.UnitBall(), start, gap=1e-12, max_iter=2000)
    gain = start.value(quadratic) - best.value(quadratic)
    assert 0 <= gain <= result.filter_gap * result.objective <= 1e-3 * result.objective


def test_idle_filters_are_given_the_largest_patch_of_the_residual():
    truth, signal = planted((1, 1, 2000), (12,), 3, 0.006, 1)
    start = truth.copy()
    start[1] = 1e-3 * start[1]  # far too small to be used
    result = sc.learn(signal, start, 0.2)
    assert {m for _, m in result.reseeded} == {1}
    assert result.idle == ()
    check_objective_never_rises(result, signal, sc.L1(0.2))
    check_recovered(truth, result.filters)


def test_filters_that_nothing_is_left_for_stay_idle():
    _, signal = planted((1, 1, 500), (12,), 3, 0.006, 1)
    result = sc.learn(signal, sc.random_filters(3, 1, 12, rng=0), 1e3)
    assert result.status is sc.Status.CONVERGED
    assert result.idle == (0, 1, 2)
    assert result.reseeded == ()
    assert result.sparse_codes.nnz == 0


def test_a_signal_of_zeros_is_learned_at_once():
    result = sc.learn(np.zeros((1, 1, 40)), sc.random_filters(2, 1, 5, rng=0), 0.1)
    assert result.status is sc.Status.CONVERGED
    assert result.objective == 0


def test_warm_codes_start_no_higher():
    problem, _ = make((1, 1, 200), (8,), {})
    codes = sc.solve(problem, tol=1e-6)
    for start in (codes.codes, codes.sparse_codes):
        again = sc.learn(problem.signal, problem.dictionary, 0.3, start=start, max_iter=1)
        assert again.history.objectives[0] <= codes.objective * (1 + 1e-12)


def test_budgets_end_learning_with_certified_codes():
    problem, _ = make((1, 1, 60), (4,), {}, n_filters=2)
    rounds = sc.learn(problem.signal, problem.dictionary, 0.3, tol=1e-6, max_iter=3)
    assert rounds.status is sc.Status.MAX_ITER
    assert rounds.n_iter == 3
    assert rounds.relative_gap <= 1e-6
    timed = sc.learn(problem.signal, problem.dictionary, 0.3, tol=1e-9, max_seconds=1e-9)
    assert timed.status is sc.Status.MAX_SECONDS
    assert timed.n_iter == 1
    exact = sc.learn(problem.signal, problem.dictionary, 0.3, tol=0, max_iter=100_000)
    assert exact.status is sc.Status.RULE_MET
    assert exact.filter_gap < 1e-5


def test_the_callback_is_told_and_can_end_learning():
    problem, _ = make((1, 1, 200), (8,), {})
    told = []

    def callback(check):
        told.append(check)
        return check.n_iter == 4

    result = sc.learn(problem.signal, problem.dictionary, 0.3, tol=1e-9, callback=callback)
    assert result.status is sc.Status.INTERRUPTED
    assert [check.n_iter for check in told] == [1, 2, 3, 4]
    assert told[-1].objective == result.objective
    assert told[-1].filters is result.filters
    assert tuple(check.objective for check in told) == result.history.objectives


@pytest.mark.parametrize("where", ["make_quadratic", "improve", "solve"])
def test_ctrl_c_returns_the_last_complete_round(where, monkeypatch):
    problem, _ = make((1, 1, 200), (8,), {})
    import sparsecsc.learning._rounds as rounds

    real, calls = getattr(rounds, where), []

    def interrupted(*args, **options):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*args, **options)

    monkeypatch.setattr(rounds, where, interrupted)
    result = sc.learn(problem.signal, problem.dictionary, 0.3, tol=1e-9)
    assert result.status is sc.Status.INTERRUPTED
    check_objective_never_rises(result, problem.signal, problem.penalty)
    calls[:] = [1, 1]
    if where != "improve":
        with pytest.raises(KeyboardInterrupt):
            sc.learn(problem.signal, problem.dictionary, 0.3)


def test_an_interrupt_inside_of_a_pursuit_keeps_its_codes():
    problem, _ = make((1, 1, 200), (8,), {})

    class Interrupting:
        sparse, check_every, calls = True, 1, 0
        inner = sc.CoordinateDescent(continuation=1.0)

        def init(self, problem, start):
            return self.inner.init(problem, start)

        def step(self, problem, state):
            Interrupting.calls += 1
            if Interrupting.calls == 20:
                raise KeyboardInterrupt
            return self.inner.step(problem, state)

    result = sc.learn(
        problem.signal, problem.dictionary, 0.3, tol=1e-9, solver=Interrupting(), max_iter=500
    )
    assert result.status is sc.Status.INTERRUPTED
    check_objective_never_rises(result, problem.signal, problem.penalty)


def test_inputs_stay_and_runs_repeat():
    problem, _ = make((2, 1, 20, 24), (4, 4), {}, dtype=np.float32)
    signal, filters = problem.signal.copy(), problem.dictionary.filters.copy()
    results = [sc.learn(signal, filters, 0.3, max_iter=6) for _ in range(2)]
    assert np.array_equal(signal, problem.signal)
    assert np.array_equal(filters, problem.dictionary.filters)
    assert np.array_equal(results[0].filters, results[1].filters)
    assert results[0].sparse_codes == results[1].sparse_codes


def test_patches_are_of_the_signal_and_of_unit_norm():
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((2, 3, 9, 8)).astype(np.float32)
    patches = sc.patch_filters(signal, 5, (3, 2), rng=1)
    assert patches.shape == (5, 3, 3, 2)
    assert patches.dtype == np.float32
    windows = np.lib.stride_tricks.sliding_window_view(signal, (3, 2), axis=(2, 3))
    windows = np.moveaxis(windows, 1, 3).reshape(-1, 18)
    windows = windows / np.linalg.norm(windows, axis=1, keepdims=True)
    nearest = (patches.reshape(5, -1) @ windows.T).max(axis=1)
    assert_close(nearest, np.ones(5), np.float32)
    assert np.array_equal(patches, sc.patch_filters(signal, 5, (3, 2), np.random.default_rng(1)))


SIGNAL = np.random.default_rng(0).standard_normal((1, 1, 30))
FILTERS = sc.random_filters(2, 1, 5, rng=0)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "match"),
    [
        ((np.full((1, 1, 30), np.nan), FILTERS, 0.1), {}, ValueError, "`signal` must be finite"),
        ((SIGNAL[0], FILTERS, 0.1), {}, ValueError, "`signal` must have axes"),
        ((SIGNAL.astype(np.float32), FILTERS, 0.1), {}, TypeError, "one kind and one dtype"),
        ((SIGNAL.astype(int), FILTERS, 0.1), {}, ValueError, "must be float32 or float64"),
        ((SIGNAL, FILTERS.astype(complex), 0.1), {}, ValueError, "must be float32 or float64"),
        ((SIGNAL, sc.random_filters(2, 3, 5, rng=0), 0.1), {}, ValueError, "3 channels"),
        ((SIGNAL, sc.random_filters(2, 1, 50, rng=0), 0.1), {}, ValueError, "at least 50 samples"),
        ((SIGNAL, sc.Identity(), 0.1), {}, TypeError, "`filters` must be an array, or a Conv"),
        ((SIGNAL, FILTERS, -1.0), {}, ValueError, "`weight` must be"),
        ((SIGNAL, FILTERS, "much"), {}, TypeError, "`weight` must be"),
        ((SIGNAL, FILTERS, 0.1), {"mask": -SIGNAL}, ValueError, "`mask` must be >= 0"),
        ((SIGNAL, FILTERS, 0.1), {"constraint": sc.UnitBall}, TypeError, "got the class UnitBall"),
        ((SIGNAL, FILTERS, 0.1), {"constraint": 1}, TypeError, "lacks project"),
        ((SIGNAL, FILTERS, 0.1), {"tol": -1}, ValueError, "`tol` must be"),
        ((SIGNAL, FILTERS, 0.1), {"max_iter": 0}, ValueError, "`max_iter` must be"),
        ((SIGNAL, FILTERS, 0.1), {"max_seconds": 0}, ValueError, "`max_seconds` must be"),
        ((SIGNAL, FILTERS, 0.1), {"callback": 1}, TypeError, "function of one LearnCheck"),
        ((SIGNAL, FILTERS, 0.1), {"start": SIGNAL}, ValueError, "shape of the codes"),
        ((SIGNAL, FILTERS, 0.1), {"solver": sc.FISTA}, TypeError, "must be an instance"),
    ],
)
def test_wrong_arguments_of_learn_get_one_clear_error(arguments, options, error, match):
    with pytest.raises(error, match=match):
        sc.learn(*arguments, **options)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"zero_mean": True, "nonnegative": True}, ValueError, "leave only filters of zeros"),
        ({"support": np.ones(3)}, TypeError, "`support` must be an array of bool"),
        ({"support": [True]}, TypeError, "`support` must be an array of bool; got list"),
        ({"support": np.ones((4, 1, 5), bool)}, ValueError, "`support` must be broadcastable"),
        ({"support": np.zeros((2, 1, 5), bool)}, ValueError, "none for filter 0"),
        ({"support": np.ma.array([True])}, TypeError, "plain array"),
    ],
)
def test_wrong_constraints_get_one_clear_error(options, error, match):
    with pytest.raises(error, match=match):
        sc.learn(SIGNAL, FILTERS, 0.1, constraint=sc.UnitBall(**options))


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ((np.zeros((1, 1, 30)), 2, 5, 0), ValueError, "must not be 0 everywhere"),
        ((SIGNAL, 0, 5, 0), ValueError, "`n_filters` must be"),
        ((SIGNAL, 2, (5, 5), 0), ValueError, "`kernel` must be an int or have one entry"),
        ((SIGNAL, 2, 50, 0), ValueError, "at least 50 samples"),
        ((SIGNAL[0], 2, 5, 0), ValueError, "must have axes"),
    ],
)
def test_wrong_arguments_of_patch_filters_get_one_clear_error(arguments, error, match):
    with pytest.raises(error, match=match):
        sc.patch_filters(*arguments)


def test_the_checks_fail_on_what_is_wrong():
    problem, _ = make((1, 1, 60), (5,), {})
    result = sc.learn(problem.signal, problem.dictionary, 0.3, max_iter=5)
    history = dataclasses.replace(
        result.history, objectives=(*result.history.objectives[:-1], 2 * result.objective)
    )
    for wrong in (
        dataclasses.replace(result, history=history),
        dataclasses.replace(result, objective=1.001 * result.objective),
    ):
        with pytest.raises(AssertionError):
            check_objective_never_rises(wrong, problem.signal, problem.penalty)
    with pytest.raises(AssertionError):
        check_allowed(1.01 * result.filters / np.linalg.norm(result.filters[0]))
    with pytest.raises(AssertionError):
        check_allowed(np.eye(3)[:, None], zero_mean=True)
    with pytest.raises(AssertionError):
        check_allowed(-np.eye(3)[:, None], nonnegative=True)
    with pytest.raises(AssertionError):
        check_allowed(np.eye(3)[:, None], support=np.arange(3) < 2)
    truth = sc.random_filters(3, 1, 12, rng=0)
    check_recovered(truth, np.roll(-truth[::-1], 0, axis=-1))
    with pytest.raises(AssertionError):
        check_recovered(truth, sc.random_filters(3, 1, 12, rng=5))
