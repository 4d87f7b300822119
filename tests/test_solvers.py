"""Every solver finds the solution, stays there, and respects the problem's symmetries."""

import dataclasses

import numpy as np
import pytest
from checkers import assert_close, check_below, check_monotone, check_solves, eps
from discovery import (
    CONVEX_PAIRS,
    PAIRS,
    PENALTIES,
    SINGLE,
    SOLVERS,
    make_penalty,
    make_solver,
    takes,
)
from instances import DICTIONARIES, dictionary_of, problem_of
from reference import accurate_solution, matrix_of, objective, signal_matrix

import sparsecsc as sc
from sparsecsc.codes import start_for

pairs = pytest.mark.parametrize(("solver", "penalty"), PAIRS)
convex_pairs = pytest.mark.parametrize(("solver", "penalty"), CONVEX_PAIRS)
solvers = pytest.mark.parametrize("solver", SINGLE)


def applicable(name, dictionary="1d", penalty="L1"):
    """Return (solver, problem), the problem's dictionary and penalty those that it takes."""
    solver = make_solver(SOLVERS[name])
    problem = problem_of(dictionary, penalty)
    try:
        solver.init(problem, start_for(solver, np.zeros(problem.codes_shape)))
    except TypeError as error:
        pytest.skip(f"not for this problem: {error}")
    return solver, problem


def penalty_for(name):
    """Return the name of a penalty that the solver takes, a convex one if it can."""
    solver = make_solver(SOLVERS[name])
    return next(p for p in ("L1", *PENALTIES) if takes(solver, make_penalty(PENALTIES[p])))


def after(problem, solver, n_iter, start=None):
    """Return the codes after so many steps, whatever the tolerance."""
    return sc.solve(
        problem, solver, start=start, tol=0.0, max_iter=n_iter, check_every=n_iter
    ).codes


def iterates(problem, solver, n_iter, start=None):
    """Return the objectives of n_iter + 1 iterates."""
    start = np.zeros(problem.codes_shape) if start is None else start.copy()
    state = solver.init(problem, start_for(solver, start))
    values = [problem.objective(state.codes)]
    for _ in range(n_iter):
        state = solver.step(problem, state)
        values.append(problem.objective(state.codes))
    return np.array(values)


def test_the_four_shipped_solvers_are_discovered():
    assert {"ISTA", "FISTA", "ADMM", "OMP"} <= set(SOLVERS)


# ---- the solution ----


@convex_pairs
@pytest.mark.parametrize("dictionary", DICTIONARIES)
@pytest.mark.parametrize("mask", [None, "weights"], ids=str)
def test_a_solver_reaches_the_solution_of_the_explicit_matrix(solver, penalty, dictionary, mask):
    instance, _ = applicable(solver, dictionary, penalty)
    problem = problem_of(dictionary, penalty, mask=mask, ratio=0.6)
    result = check_solves(instance, problem, tol=1e-6, max_iter=4000)
    best = objective(problem, accurate_solution(problem, 3000))
    assert result.objective - best <= 1.01e-6 * best
    assert result.objective >= best * (1 - 1e-9)


@convex_pairs
def test_a_start_at_the_solution_ends_at_once(solver, penalty):
    instance, problem = applicable(solver, "1d channels", penalty)
    best = accurate_solution(problem)
    result = sc.solve(problem, instance, start=best, tol=1e-8, check_every=1)
    assert result.status is sc.Status.CONVERGED
    assert result.n_iter <= 2
    assert_close(result.codes, best, slack=1e5)


@pytest.mark.parametrize("solver", [sc.ISTA(), sc.FISTA(), sc.FISTA(a=4.0)], ids=repr)
@pytest.mark.parametrize("penalty", [n for n in PENALTIES if n != "L0"])
def test_the_solution_is_a_fixed_point_of_proximal_steps(solver, penalty):
    problem = problem_of("1d channels", penalty)
    best = accurate_solution(problem)
    assert_close(after(problem, solver, 5, start=best), best, slack=1e4)


# ---- rates (theory B13) ----


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("mask", [None, "holes", "weights"], ids=str)
@pytest.mark.parametrize("dictionary", ["1d", "1d same", "2d"])
def test_ista_never_raises_the_objective(penalty, mask, dictionary):
    problem = problem_of(dictionary, penalty, mask=mask)
    start = np.abs(np.random.default_rng(0).standard_normal(problem.codes_shape))
    check_monotone(iterates(problem, sc.ISTA(), 60))
    check_monotone(iterates(problem, sc.ISTA(), 60, start))


METHODS = {
    "ISTA": (sc.ISTA(), lambda k: 1 / (2 * k)),
    "FISTA": (sc.FISTA(restart=False), lambda k: 2 / (k + 1) ** 2),
    "a=2": (sc.FISTA(restart=False, a=2.0), lambda k: 4 / (2 * (k + 1) ** 2)),
    "a=4": (sc.FISTA(restart=False, a=4.0), lambda k: 16 / (2 * (k + 3) ** 2)),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("penalty", [n for n in PENALTIES if n != "L0"])
@pytest.mark.parametrize("ratio", [0.05, 0.5])
def test_proximal_methods_are_inside_their_bounds(method, penalty, ratio):
    solver, rate = METHODS[method]
    worst = 0.0
    for seed in range(3):
        problem = problem_of("1d channels", penalty, ratio=ratio, n_signals=1, seed=seed)
        best = accurate_solution(problem)
        start = np.abs(np.random.default_rng(seed).standard_normal(best.shape)) * (seed > 0)
        values = iterates(problem, solver, 80, start)[1:]
        k = np.arange(1, 81)
        gaps = values - objective(problem, best)
        bounds = problem.lipschitz() * ((start - best) ** 2).sum() * rate(k)
        check_below(gaps, bounds + 1e-12 * values)
        worst = max(worst, float((gaps / bounds).max()))
    assert worst > 1e-3  # a bound far above everything would say nothing


def test_restarts_and_momentum_pay():
    problem = problem_of("2d", "L1", ratio=0.05)
    needed = {
        name: sc.solve(problem, solver, tol=1e-8, max_iter=50_000, check_every=1).n_iter
        for name, solver in {
            "ISTA": sc.ISTA(),
            "plain": sc.FISTA(restart=False),
            "restart": sc.FISTA(),
        }.items()
    }
    assert needed["restart"] < needed["plain"]
    assert needed["restart"] < needed["ISTA"] / 2


def test_a_step_size_is_used_as_given():
    problem = problem_of("1d", "L1", n_signals=1)
    default, halved = 1 / problem.lipschitz(), 0.5 / problem.lipschitz()
    for kind in (sc.ISTA, sc.FISTA):
        same = after(problem, kind(step_size=default), 7)
        assert np.array_equal(same, after(problem, kind(), 7))
        assert not np.allclose(same, after(problem, kind(step_size=halved), 7))
    matrix, target = signal_matrix(problem)
    first = np.sign(matrix.T @ target) * np.maximum(
        halved * np.abs(matrix.T @ target) - halved * problem.penalty.weight, 0
    )
    assert_close(after(problem, sc.ISTA(step_size=halved), 1).ravel(), first)


@pytest.mark.parametrize("dictionary", ["1d", "1d same", "2d"])
@pytest.mark.parametrize("options", [{}, {"rho": 0.5}, {"relaxation": 1.0}, {"balance": False}])
def test_admm_solves_with_each_of_its_options(dictionary, options):
    problem = problem_of(dictionary, "L1", mask="holes")
    check_solves(sc.ADMM(**options), problem, tol=1e-6, max_iter=20_000)


def test_iterative_hard_thresholding_agrees_with_a_plain_loop():
    problem = problem_of("1d channels", "L0", n_signals=1)
    matrix, target = signal_matrix(problem)
    step = 1 / problem.lipschitz()
    z = np.zeros(matrix.shape[1])
    for _ in range(30):
        moved = z + step * (matrix.T @ (target - matrix @ z))
        z = np.where(np.abs(moved) > np.sqrt(2 * step * problem.penalty.weight), moved, 0.0)
    found = after(problem, sc.ISTA(), 30)
    assert np.count_nonzero(z) > 2
    assert np.array_equal(found.ravel() != 0, z != 0)
    assert_close(found.ravel(), z, slack=2000)


# ---- symmetries ----


@pairs
@pytest.mark.parametrize("dictionary", ["1d", "1d stride", "2d"])
def test_a_shift_of_the_signal_shifts_the_codes(solver, penalty, dictionary):
    instance, problem = applicable(solver, dictionary, penalty)
    axes = tuple(range(2, problem.signal.ndim))
    move, stride = (1, 3)[: len(axes)], problem.dictionary.stride
    samples = tuple(m * s for m, s in zip(move, stride, strict=True))
    shifted = dataclasses.replace(problem, signal=np.roll(problem.signal, samples, axes))
    # coordinate descent visits coefficients in the order of their places: equal at the solution
    n_iter = 400 if solver == "CoordinateDescent" else 15
    expected = np.roll(after(problem, instance, n_iter), move, axes)
    assert_close(after(shifted, instance, n_iter), expected, slack=1e5)


@pairs
def test_a_permutation_of_the_filters_permutes_the_codes(solver, penalty):
    instance, problem = applicable(solver, "1d channels", penalty)
    order = np.array([2, 0, 3, 1])
    permuted = dataclasses.replace(
        problem, dictionary=sc.ConvDictionary(problem.dictionary.filters[order])
    )
    assert_close(after(permuted, instance, 15), after(problem, instance, 15)[:, order], slack=1e5)


@pairs
@pytest.mark.parametrize("factor", [4.0, 0.3])
def test_signal_and_weight_scaled_together_scale_the_codes(solver, penalty, factor):
    instance, problem = applicable(solver, "1d channels", penalty)
    weight = problem.penalty.weight * (factor**2 if penalty == "L0" else factor)
    scaled = sc.Pursuit(
        factor * problem.signal, problem.dictionary, make_penalty(PENALTIES[penalty], weight)
    )
    expected = factor * after(problem, instance, 15)
    assert_close(after(scaled, instance, 15), expected, slack=1e5)


@pairs
def test_a_batch_is_its_signals_one_by_one(solver, penalty):
    # FISTA's restart and ADMM's rho look at the whole batch: compare what they converge to
    instance, problem = applicable(solver, "1d channels", penalty)
    tol = 0.0 if penalty == "L0" else 1e-9
    options = {"tol": tol, "max_iter": 40 if penalty == "L0" else 4000}
    if penalty == "L0" and solver != "OMP":
        pytest.skip("not convex: the answer depends on the path")
    whole = sc.solve(problem, instance, **options).codes
    for b in range(2):
        one = dataclasses.replace(problem, signal=problem.signal[b : b + 1])
        alone = sc.solve(one, instance, **options)
        assert one.objective(whole[b : b + 1]) == pytest.approx(alone.objective, rel=3e-9)


@pytest.mark.parametrize("name", ["identity beside", "1d same", "product"])
@pytest.mark.parametrize("solver", ["ISTA", "FISTA", "ADMM"])
def test_batches_of_combined_dictionaries_are_solved(solver, name):
    instance, _ = applicable(solver, name)
    check_solves(instance, problem_of(name, "L1", n_signals=4, ratio=0.5), tol=1e-6)


# ---- conduct ----


@pairs
def test_inputs_and_start_are_left_unchanged(solver, penalty):
    instance, problem = applicable(solver, "1d", penalty)
    start = np.zeros(problem.codes_shape)
    if solver != "OMP":
        start += np.abs(np.random.default_rng(0).standard_normal(start.shape))
    arrays = [problem.signal, problem.dictionary.filters, start]
    kept = [a.copy() for a in arrays]
    for array in arrays:
        array.flags.writeable = False
    result = sc.solve(problem, instance, start=start, max_iter=12, tol=0.0)
    for array, before in zip(arrays, kept, strict=True):
        assert np.array_equal(array, before)
    assert not np.shares_memory(result.codes, start)


@pairs
def test_a_run_repeats_bit_for_bit(solver, penalty):
    instance, problem = applicable(solver, "2d", penalty)
    first, second = (after(problem, instance, 25) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    again = dataclasses.replace(
        problem, dictionary=sc.ConvDictionary(problem.dictionary.filters.copy())
    )
    assert after(again, instance, 25).tobytes() == first.tobytes()


@pairs
def test_threads_change_nothing_but_rounding(solver, penalty, monkeypatch):
    instance, problem = applicable(solver, "1d channels", penalty)
    results = []
    for n_threads in ("1", "3"):
        monkeypatch.setenv("SPARSECSC_NUM_THREADS", n_threads)
        results.append(after(problem, instance, 15))
    assert_close(results[0], results[1], slack=1e4)


@pairs
def test_float32_is_near_float64(solver, penalty):
    instance = make_solver(SOLVERS[solver])
    wide = problem_of("1d channels", penalty)
    narrow = sc.Pursuit(
        wide.signal.astype(np.float32),
        sc.ConvDictionary(wide.dictionary.filters.astype(np.float32)),
        make_penalty(PENALTIES[penalty], wide.penalty.weight),
    )
    left, right = after(narrow, instance, 15), after(wide, instance, 15)
    assert left.dtype == np.float32
    # one rounding a step and tap, amplified by 15 steps of norm 1
    assert_close(left, right, np.float32, slack=2000)


@solvers
def test_a_solver_is_a_frozen_record_and_may_be_used_again(solver):
    instance = make_solver(SOLVERS[solver])
    assert dataclasses.is_dataclass(instance)
    before = dataclasses.asdict(instance)
    first = problem_of("1d", penalty_for(solver))
    after(first, instance, 5)
    after(problem_of("2d", penalty_for(solver)), instance, 5)
    assert dataclasses.asdict(instance) == before
    field = dataclasses.fields(instance)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(instance, field, 1.0)
    assert np.array_equal(after(first, instance, 5), after(first, make_solver(SOLVERS[solver]), 5))


# ---- weights ----


@pairs
def test_an_infinite_weight_gives_exact_zeros_and_the_rest_does_not_notice(solver, penalty):
    if penalty == "GroupL1":
        pytest.skip("a group of all filters has one weight")
    instance, problem = applicable(solver, "1d channels", penalty)
    weight = float(problem.penalty.weight)
    blocked = problem.with_penalty(
        make_penalty(PENALTIES[penalty], np.array([weight, np.inf, weight, weight]))
    )
    without = sc.Pursuit(
        problem.signal,
        sc.ConvDictionary(problem.dictionary.filters[[0, 2, 3]]),
        make_penalty(PENALTIES[penalty], weight),
    )
    if penalty == "L0":
        codes = after(blocked, instance, 3)
        assert not codes[:, 1].any()
        assert codes.any()
        return
    left = sc.solve(blocked, instance, tol=1e-9, max_iter=4000)
    assert not left.codes[:, 1].any()
    right = sc.solve(without, instance, tol=1e-9, max_iter=4000)
    assert left.objective == pytest.approx(right.objective, rel=3e-9)


@pairs
def test_a_zero_filter_breaks_nothing_and_gets_no_codes(solver, penalty):
    instance, problem = applicable(solver, "1d channels", penalty)
    filters = problem.dictionary.filters.copy()
    filters[1] = 0
    empty = dataclasses.replace(problem, dictionary=sc.ConvDictionary(filters))
    codes = sc.solve(empty, instance, tol=1e-8, max_iter=500).codes
    assert np.all(np.isfinite(codes))
    assert codes.any() or (solver, penalty) == ("ADMM", "L0")  # no promise off convexity
    assert not codes[:, 1].any()


@convex_pairs
def test_a_weight_is_a_filter_scaled_by_its_inverse(solver, penalty):
    if penalty in ("GroupL1", "ElasticNet"):
        pytest.skip("groups mix filters, a ridge scales by the square")
    instance, problem = applicable(solver, "1d channels", penalty)
    weights = np.array([0.5, 1.0, 2.0, 1.5]) * problem.penalty.weight
    left = problem.with_penalty(make_penalty(PENALTIES[penalty], weights))
    filters = problem.dictionary.filters / weights[:, None, None]
    right = sc.Pursuit(
        problem.signal, sc.ConvDictionary(filters), make_penalty(PENALTIES[penalty], 1.0)
    )
    a, b = (sc.solve(p, instance, tol=1e-10, max_iter=8000) for p in (left, right))
    assert a.objective == pytest.approx(b.objective, rel=3e-10)
    # a relative gap of 1e-10 leaves codes of unit size about its square root away
    assert_close(a.codes, b.codes / weights[:, None], scale=1.0, slack=1e-4 / eps(np.float64))


# ---- orthogonal matching pursuit ----


def omp_of_scikit_learn(problem, b, **rule):
    """Return the codes of one signal, on normalised columns of the explicit matrix."""
    linear = pytest.importorskip("sklearn.linear_model")
    matrix, target = signal_matrix(problem, b)
    norms = np.linalg.norm(matrix, axis=0)
    usable = norms > 1e-9
    safe = np.where(usable, norms, 1.0)
    columns = np.where(usable, matrix / safe, 0.0)[:, usable]
    model = linear.OrthogonalMatchingPursuit(fit_intercept=False, **rule).fit(columns, target)
    codes = np.zeros(matrix.shape[1])
    codes[usable] = model.coef_ / safe[usable]
    return codes.reshape(problem.codes_shape[1:])


OMP_DICTIONARIES = [name for name in DICTIONARIES if name != "product"]


@pytest.mark.parametrize("dictionary", [*OMP_DICTIONARIES, "product"])
@pytest.mark.parametrize("mask", [None, "holes", "weights"], ids=str)
@pytest.mark.parametrize("n_nonzero", [1, 5])
def test_omp_agrees_with_scikit_learn_by_count(dictionary, mask, n_nonzero):
    problem = problem_of(dictionary, sc.L0(0.0), mask=mask, n_signals=3)
    result = sc.solve(problem, sc.OMP(n_nonzero=n_nonzero))
    assert result.status is sc.Status.RULE_MET
    for b in range(3):
        expected = omp_of_scikit_learn(problem, b, n_nonzero_coefs=n_nonzero)
        assert np.array_equal(result.codes[b] != 0, expected != 0)
        assert_close(result.codes[b], expected, slack=1e4)


@pytest.mark.parametrize("mask", [None, "holes"], ids=str)
def test_omp_agrees_with_scikit_learn_by_residual_and_stops_signal_by_signal(mask):
    problem = problem_of("1d channels", sc.L0(0.0), mask=mask, n_signals=3)
    norms = np.linalg.norm(problem.target.reshape(3, -1), axis=1)
    wanted = [0.7 * norms[0], 0.4 * norms[1], 0.2 * norms[2]]
    result = sc.solve(problem, sc.OMP(residual=wanted))
    counts = []
    for b in range(3):
        expected = omp_of_scikit_learn(problem, b, tol=wanted[b] ** 2)
        assert_close(result.codes[b], expected, slack=1e4)
        counts.append(int(np.count_nonzero(result.codes[b])))
    assert len(set(counts)) > 1
    residual = np.linalg.norm(problem.residual(result.codes).reshape(3, -1), axis=1)
    assert np.all(residual <= wanted)


def test_omp_stops_by_count_of_each_signal():
    problem = problem_of("1d channels", sc.L0(0.0), n_signals=3)
    result = sc.solve(problem, sc.OMP(n_nonzero=[1, 4, 2]))
    assert [int(np.count_nonzero(z)) for z in result.codes] == [1, 4, 2]
    for b, n in enumerate([1, 4, 2]):
        assert_close(result.codes[b], omp_of_scikit_learn(problem, b, n_nonzero_coefs=n), slack=1e4)


def test_omp_stops_when_no_atom_correlates_enough():
    problem = problem_of("1d channels", sc.L0(0.0), n_signals=2)
    matrix, _ = signal_matrix(problem)
    norms = np.linalg.norm(matrix, axis=0)
    first = sc.solve(problem, sc.OMP(n_nonzero=1))
    least = 0.6
    result = sc.solve(problem, sc.OMP(correlation=least))
    assert np.count_nonzero(result.codes) > np.count_nonzero(first.codes)
    for b in range(2):
        _, target = signal_matrix(problem, b)
        left = np.abs(matrix.T @ (target - matrix @ result.codes[b].ravel())) / norms
        assert left.max() <= least
        n = int(np.count_nonzero(result.codes[b]))
        before = omp_of_scikit_learn(problem, b, n_nonzero_coefs=n - 1)
        left = np.abs(matrix.T @ (target - matrix @ before.ravel())) / norms
        assert left.max() > least


def test_the_weight_of_l0_stops_omp_where_no_atom_lowers_the_objective():
    weight = 0.3
    problem = problem_of("1d channels", sc.L0(weight), n_signals=1)
    result = sc.solve(problem, sc.OMP())
    matrix, target = signal_matrix(problem)
    residual = target - matrix @ result.codes.ravel()
    gains = 0.5 * (matrix.T @ residual) ** 2 / (matrix**2).sum(axis=0)
    assert gains.max() <= weight * (1 + 1e-12)
    assert 0 < np.count_nonzero(result.codes) < 24


def test_omp_recovers_a_planted_code_of_an_incoherent_dictionary():
    filters = sc.dirac_barker_filters()
    dictionary = sc.ConvDictionary(filters)
    codes = np.zeros((1, filters.shape[0], 60))
    codes[0, 0, 5], codes[0, 1, 30], codes[0, 0, 50] = 1.0, -2.0, 0.7
    problem = sc.Pursuit(dictionary.synthesize(codes), dictionary, sc.L0(0.0))
    result = sc.solve(problem, sc.OMP(n_nonzero=3))
    assert_close(result.codes, codes, slack=1e3)
    until_fitted = sc.solve(problem, sc.OMP(residual=0.0))
    assert until_fitted.status is sc.Status.RULE_MET
    assert_close(until_fitted.codes, codes, slack=1e3)


def test_omp_ignores_atoms_that_the_mask_hides_in_both_precisions():
    for dtype in (np.float32, np.float64):
        filters = np.random.default_rng(0).standard_normal((3, 1, 4)).astype(dtype)
        signal = np.random.default_rng(1).standard_normal((1, 1, 40)).astype(dtype)
        mask = np.ones((1, 1, 40), dtype)
        mask[..., 10:30] = 0
        problem = sc.Pursuit(signal, sc.ConvDictionary(filters), sc.L0(0.0), mask=mask)
        result = sc.solve(problem, sc.OMP(n_nonzero=30))
        matrix, _ = signal_matrix(problem)
        hidden = np.linalg.norm(matrix, axis=0) == 0
        assert hidden.sum() > 20
        assert not result.codes.ravel()[hidden].any()
        assert np.abs(result.codes).max() < 100


def test_omp_of_a_signal_of_zeros_chooses_nothing():
    problem = problem_of("1d", sc.L0(0.0), n_signals=2)
    signal = problem.signal.copy()
    signal[0] = 0
    result = sc.solve(dataclasses.replace(problem, signal=signal), sc.OMP(n_nonzero=2))
    assert np.count_nonzero(result.codes[0]) == 0
    assert np.count_nonzero(result.codes[1]) == 2


# ---- wrong objects ----


@dataclasses.dataclass(frozen=True)
class TooLong:
    """ISTA with a step of 8 / L, which rises and diverges."""

    factor: float = 8.0

    def init(self, problem, start):
        return sc.ISTA().init(problem, start)

    def step(self, problem, state):
        return sc.ISTA(step_size=self.factor / problem.lipschitz()).step(problem, state)


def test_the_checkers_catch_wrong_solvers():
    problem = problem_of("1d channels", "L1", n_signals=1)
    check_solves(TooLong(0.9), problem, tol=1e-6)
    with pytest.raises(AssertionError):
        check_monotone(iterates(problem, TooLong(), 30))
    with pytest.raises(AssertionError):
        check_solves(TooLong(), problem, tol=1e-6, max_iter=100)
    best = accurate_solution(problem)
    values = iterates(problem, TooLong(1e-9), 100)[1:]  # it hardly moves
    k = np.arange(1, 101)
    bounds = problem.lipschitz() * (best**2).sum() * 2 / (k + 1) ** 2
    with pytest.raises(AssertionError):
        check_below(values - objective(problem, best), bounds)
    with pytest.raises(AssertionError):
        check_below(np.array([1.0, 2.0]), np.array([1.0, 1.0]))


def test_dictionaries_of_the_table_have_more_than_one_geometry():
    assert len({dictionary_of(n).n_axes for n in DICTIONARIES}) == 2
    assert matrix_of(dictionary_of("product"), 1, (12,))[0].shape == (12, 36)


def test_admm_balances_where_an_unpenalised_filter_explains_everything():
    # the multipliers vanish at such a solution: a dual residual relative to them says nothing
    rng = np.random.default_rng(0)
    dictionary = sc.ConvDictionary(sc.random_filters(3, 1, 8, rng))
    penalty = sc.L1(np.array([0.0, 0.5, np.inf]))
    problem = sc.Pursuit(rng.standard_normal((1, 1, 200)), dictionary, penalty)
    result = sc.solve(problem, sc.ADMM(), tol=0.0, max_iter=1500, check_every=1500)
    assert result.objective <= 1e-8 * problem.objective(np.zeros(problem.codes_shape))
