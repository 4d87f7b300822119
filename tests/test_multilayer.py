"""Multi-layer basis pursuit: bounds from any dual point, the exact solver, layered pursuits."""

import dataclasses
import functools

import numpy as np
import pytest
from checkers import assert_close, eps
from multilayer import (
    chain,
    dense_model,
    dense_objective,
    exact,
    image_matrices,
    matrices,
    pursuit,
    unit_filters,
    zeros,
)

import sparsecsc as sc
from sparsecsc.models._dual_points import best_dual
from sparsecsc.models.stack import IterativeStack, SpectralStack, make_stack

L1, NN = sc.L1, sc.NonnegativeL1
FORBIDDEN = np.array([0.1, 0.2, 0.0, np.inf])
DEEP = np.array([0.2, 0.1, np.inf, 0.3, 0.0, 0.2])

PROBLEMS = {
    "L1": lambda: pursuit(chain(2), [L1(0.1), L1(0.2)]),
    "L1, 3 layers": lambda: pursuit(chain(3), [L1(0.05), L1(0.05), L1(0.1)]),
    "elastic net": lambda: pursuit(chain(2), [sc.ElasticNet(0.1, 0.3), sc.ElasticNet(0.2, 0.1)]),
    "elastic net then L1": lambda: pursuit(chain(2), [sc.ElasticNet(0.1, 0.3), L1(0.2)]),
    "L1 then elastic net": lambda: pursuit(chain(2), [L1(0.1), sc.ElasticNet(0.2, 0.3)]),
    "groups then L1": lambda: pursuit(chain(2), [sc.GroupL1(0.1), L1(0.2)]),
    "L1 then groups": lambda: pursuit(chain(2), [L1(0.1), sc.GroupL1(0.2)]),
    "signals coupled, deep": lambda: pursuit(
        chain(2), [L1(0.1), sc.GroupL1(0.2, axis=0)], n_signals=3
    ),
    "signals coupled, shallow": lambda: pursuit(
        chain(2), [sc.GroupL1(0.1, axis=0), L1(0.2)], n_signals=3
    ),
    "some shallow weights 0": lambda: pursuit(
        chain(2), [L1(np.array([0.1, 0, 0.2, 0.1])), L1(0.2)]
    ),
    "all shallow weights 0": lambda: pursuit(chain(2), [L1(0.0), L1(0.2)]),
    "deep weights 0 and inf": lambda: pursuit(chain(2), [L1(0.1), L1(DEEP)]),
    "all deep weights 0": lambda: pursuit(chain(2), [L1(0.1), L1(0.0)]),
    "a batch": lambda: pursuit(chain(2), [L1(0.1), L1(0.2)], n_signals=3),
    "valid borders": lambda: pursuit(chain(2, padding=["valid", "same"]), [L1(0.1), L1(0.2)]),
    "strides": lambda: pursuit(chain(2, stride=[2, 2]), [L1(0.05), L1(0.1)]),
    "dense": lambda: pursuit(dense_model(), [L1(0.1), L1(0.2)]),
    "2-D": lambda: pursuit(chain("2d"), [L1(0.1), L1(0.2)], spatial=(5, 4)),
}
CONSTRAINED = {
    "nonnegative": lambda: pursuit(chain(2), [NN(0.1), NN(0.2)]),
    "nonnegative then L1": lambda: pursuit(chain(2), [NN(0.1), L1(0.1)]),
    "deep weights 0, nonnegative": lambda: pursuit(chain(2), [L1(0.1), NN(DEEP)]),
    "shallow weights 0 and inf": lambda: pursuit(chain(2), [L1(FORBIDDEN), L1(0.2)]),
    "the same, nonnegative": lambda: pursuit(chain(2), [NN(FORBIDDEN), L1(0.2)]),
    "the same, elastic": lambda: pursuit(chain(2), [sc.ElasticNet(FORBIDDEN, 0.3), L1(0.2)]),
}
ALL = PROBLEMS | CONSTRAINED


@functools.cache
def solved(name):
    """Return (problem, result of the exact solver at 1e-9)."""
    problem = ALL[name]()
    return problem, exact(problem, tol=1e-9, check_every=25)


def random_codes(problem, rng, scale=1.0):
    """Return codes of normal numbers, a third of them 0; 0 where the deepest weight is infinite."""
    codes = [scale * rng.standard_normal(s) * (rng.random(s) > 1 / 3) for s in problem.shapes[1:]]
    weight = np.asarray(problem.penalties[-1].weight)
    if not np.all(np.isfinite(weight)):
        codes[-1] *= np.isfinite(weight)
    return tuple(np.abs(z) if isinstance(problem.penalties[-1], NN) else z for z in codes)


def random_point(problem, rng, scale=1.0):
    """Return a dual point of normal numbers."""
    return tuple(scale * rng.standard_normal(shape) for shape in problem.shapes[:-1])


def check_bound(value, best):
    """A lower bound is not above the optimum."""
    assert value <= best * (1 + 2e-9)


# ---- certificates ----


@pytest.mark.parametrize("name", ALL)
def test_any_dual_point_gives_a_bound(name):
    problem, result = solved(name)
    rng = np.random.default_rng(0)
    best = result.objective
    for scale in (1e-3, 0.03, 0.3, 1.0, 10.0):
        for _ in range(5):
            check_bound(sc.dual_value(problem, random_point(problem, rng, scale)), best)
    optimal = result.certificate.point
    for scale in (1e-6, 1e-3, 0.1, 1.0):
        noise = random_point(problem, rng, scale)
        near = tuple(a + b for a, b in zip(optimal, noise, strict=True))
        value = sc.dual_value(problem, near)
        check_bound(value, best)
        if scale == 1e-6:
            assert value >= best * (1 - 1e-3)  # near the optimal point the bound is near as well


def test_the_bound_check_fails_for_another_problem():
    problem, result = solved("L1")
    heavier = sc.MultilayerPursuit(problem.signal, problem.model, [L1(0.11), L1(0.22)])
    point = exact(heavier, tol=1e-6).certificate.point
    with pytest.raises(AssertionError):
        check_bound(sc.dual_value(heavier, point), result.objective)


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_certificate_of_any_codes_is_below_the_optimum(name):
    problem, result = solved(name)
    rng = np.random.default_rng(1)
    for scale in (0.0, 0.01, 0.3, 3.0):
        codes = random_codes(problem, rng, scale)
        for multipliers in (None, random_point(problem, rng, 0.1)[1:]):
            certificate = sc.certify_codes(problem, codes, multipliers=multipliers)
            assert certificate.violation == 0
            assert_close(certificate.objective, dense_objective(problem, codes[-1]))
            check_bound(certificate.dual.sum(), result.objective)
            assert certificate.dual.sum() <= certificate.objective
            assert certificate.dual.sum() >= 0


@pytest.mark.parametrize("name", ALL)
def test_the_dual_point_gives_the_certified_bound(name):
    problem, result = solved(name)
    rng = np.random.default_rng(2)
    solver = sc.MLADMM()
    state = solver.init(problem, zeros(problem))
    for k in range(1, 41):
        state = solver.step(problem, state)
        if k in (1, 10, 40):
            certificate = problem.certify_state(state)
            again = sc.dual_value(problem, certificate.point)
            assert_close(again, certificate.dual.sum(), scale=result.objective, slack=2000)
            check_bound(certificate.dual.sum(), result.objective)
    certificate = sc.certify_codes(problem, random_codes(problem, rng))
    again = sc.dual_value(problem, certificate.point)
    assert_close(again, certificate.dual.sum(), scale=result.objective, slack=2000)


def plain_dual(problem, theta, vs):
    """Return the bound of an L1 problem at a feasible point, theory B15, or minus infinity."""
    layers, p = matrices(problem), theta.ravel()
    for D, v, penalty in zip(layers, [*vs, None], problem.penalties, strict=True):
        p = D.T @ p
        if v is not None and np.abs(v).max() > penalty.weight * (1 + 1e-12):
            return -np.inf
        p = p if v is None else p - v.ravel()
    if np.abs(p).max() > problem.penalties[-1].weight * (1 + 1e-12):
        return -np.inf
    y = problem.signal.ravel()
    return 0.5 * float(y @ y) - 0.5 * float(((y - theta.ravel()) ** 2).sum())


@pytest.mark.parametrize("name", ["L1", "L1, 3 layers", "strides", "valid borders", "dense", "2-D"])
def test_the_certified_point_is_feasible_by_explicit_matrices(name):
    problem, result = solved(name)
    theta, *vs = result.certificate.point
    value = plain_dual(problem, theta, vs)
    assert_close(value, result.certificate.dual.sum(), slack=2000)
    assert value >= result.objective * (1 - 1.1e-9)
    assert plain_dual(problem, 1.001 * theta, [1.001 * v for v in vs]) == -np.inf


@pytest.mark.parametrize("name", ["L1", "elastic net", "signals coupled, deep", "nonnegative"])
def test_scaling_a_dual_point_changes_little_of_its_bound(name):
    # Up to a scale the point is the same ray: where penalties are norms the best multiple is found.
    problem, result = solved(name)
    point = result.certificate.point
    for scale in (1.0, 1.5, 10.0):
        value = sc.dual_value(problem, tuple(scale * a for a in point))
        check_bound(value, result.objective)
        if name != "elastic net":
            assert value >= result.objective * (1 - 1e-8)
    assert sc.dual_value(problem, tuple(0.0 * a for a in point)) == 0


def test_the_certificate_leaves_the_multipliers_as_they_are():
    problem, _ = solved("some shallow weights 0")
    multipliers = random_point(problem, np.random.default_rng(3))[1:]
    kept = [v.copy() for v in multipliers]
    sc.certify_codes(problem, zeros(problem), multipliers=multipliers)
    assert all(np.array_equal(a, b) for a, b in zip(kept, multipliers, strict=True))


def test_one_bad_signal_does_not_spoil_the_bounds_of_the_others():
    problem, result = solved("a batch")
    theta, *vs = (a.copy() for a in result.certificate.point)
    good, _ = best_dual(problem, theta, vs)
    theta[1] *= 100.0
    bad, point = best_dual(problem, theta, vs)
    assert bad[1] < good[1]
    assert_close(bad[[0, 2]], good[[0, 2]])
    assert_close(sc.dual_value(problem, point), bad.sum())


def test_a_layer_that_only_pays_does_not_shrink_the_point():
    # Regression: the L1 layer forbids the point by a hair, the elastic net has a finite conjugate;
    # only the former may set the scale.
    problem, result = solved("elastic net then L1")
    point = tuple(1.0001 * a for a in result.certificate.point)
    assert sc.dual_value(problem, point) >= result.objective * (1 - 1e-3)


def test_the_violation_is_the_share_of_what_is_not_allowed():
    problem = CONSTRAINED["nonnegative then L1"]()
    codes = random_codes(problem, np.random.default_rng(4))
    image = problem.images(codes[-1])[1]
    certificate = sc.certify_codes(problem, codes)
    expected = np.linalg.norm(np.minimum(image, 0)) / np.linalg.norm(image)
    assert_close(certificate.violation, expected)
    assert certificate.measure >= certificate.violation
    residual = problem.signal - problem.images(codes[-1])[0]
    value = 0.5 * (residual**2).sum() + 0.1 * np.maximum(image, 0).sum()
    value += 0.1 * np.abs(codes[-1]).sum()
    assert_close(certificate.objective, value)
    assert_close(problem.objective(codes), value)


def test_a_forbidden_shallow_filter_counts_as_violated():
    problem = CONSTRAINED["shallow weights 0 and inf"]()
    codes = random_codes(problem, np.random.default_rng(4))
    image = problem.images(codes[-1])[1]
    certificate = sc.certify_codes(problem, codes)
    expected = np.linalg.norm(image[:, 3]) / np.linalg.norm(image)
    assert_close(certificate.violation, expected)
    assert np.isfinite(certificate.objective)


def test_negative_deepest_codes_are_not_allowed_at_all():
    problem = CONSTRAINED["nonnegative"]()
    codes = zeros(problem)
    codes[-1][0, 0, 0] = -1.0
    assert sc.certify_codes(problem, codes).objective == np.inf


# ---- the exact solver ----


@pytest.mark.parametrize("name", ALL)
def test_a_gap_of_1e_9_is_certified_and_the_objective_is_that_of_the_matrices(name):
    problem, result = solved(name)
    assert abs(result.relative_gap) <= 1e-9
    assert result.certificate.violation <= 1e-9
    if name in PROBLEMS:
        assert_close(result.objective, dense_objective(problem, result.codes[-1]))
        assert result.certificate.violation == 0
        assert result.relative_gap >= -1e-14


@pytest.mark.parametrize("name", ["L1", "L1, 3 layers", "dense", "2-D"])
def test_codes_are_sparse_and_nearly_agree(name):
    problem, result = solved(name)
    assert all(np.any(z == 0) for z in result.codes)
    assert (result.codes[-1] == 0).mean() > 0.5
    reports = sc.layer_reports(problem, result.codes)
    assert all(report.residual <= 1e-6 for report in reports[1:])


SCALES = {"layer 1 times 10": [10.0, 1.0], "layer 2 over 10": [1.0, 0.1], "both": [0.1, 10.0]}


@pytest.mark.parametrize("scales", SCALES.values(), ids=SCALES.keys())
@pytest.mark.parametrize("weights", [(0.3, 0.03), (0.03, 0.3)])
def test_badly_scaled_problems_are_solved(scales, weights):
    first, second = scales
    given = [L1(weights[0] * first), L1(weights[1] * first * second)]
    problem = pursuit(chain(2, scales=scales), given)
    result = exact(problem, tol=1e-6, max_iter=2000)
    plain = exact(pursuit(chain(2), [L1(w) for w in weights]), tol=1e-6, max_iter=2000)
    assert result.objective == pytest.approx(plain.objective, rel=2e-6)  # the same problem


@pytest.mark.parametrize("solver", [sc.MLADMM(), sc.MLISTA(), sc.MLFISTA()], ids=repr)
@pytest.mark.parametrize("factor", [1e-3, 1e4])
def test_scaled_signals_and_weights_scale_the_codes(solver, factor):
    problem = PROBLEMS["L1, 3 layers"]()
    penalties = [p.scaled(factor) for p in problem.penalties]
    scaled = sc.MultilayerPursuit(factor * problem.signal, problem.model, penalties)
    options = {"tol": 0.0, "max_iter": 50, "check_every": 50}
    one, other = (sc.solve(p, solver, **options) for p in (problem, scaled))
    for a, b in zip(one.codes, other.codes, strict=True):
        assert_close(b, factor * a, slack=1e5)
    assert_close(other.certificate.dual.sum(), factor**2 * one.certificate.dual.sum(), slack=1e6)


@pytest.mark.parametrize(
    "option", [{"rho": 0.05}, {"rho": 5.0}, {"relaxation": 1.0}, {"balance": False}]
)
def test_options_change_the_way_not_the_optimum(option):
    problem, best = solved("L1")
    result = sc.solve(problem, sc.MLADMM(**option), tol=1e-6, max_iter=6000, check_every=25)
    assert result.status is sc.Status.CONVERGED
    assert result.objective == pytest.approx(best.objective, rel=1.1e-6)


def test_each_signal_of_a_batch_is_its_own_problem():
    problem, result = solved("a batch")
    alone = 0.0
    for b in range(3):
        one = sc.MultilayerPursuit(problem.signal[b : b + 1], problem.model, problem.penalties)
        found = exact(one, tol=1e-9, check_every=25)
        assert found.certificate.dual[0] == pytest.approx(result.certificate.dual[b], rel=1e-8)
        alone += found.objective
    assert result.objective == pytest.approx(alone, rel=2e-9)


def test_a_start_at_the_optimum_stays_near_it():
    problem, result = solved("L1")
    again = sc.solve(problem, sc.MLADMM(), start=result.codes, tol=1e-4, check_every=5)
    cold = sc.solve(problem, sc.MLADMM(), tol=1e-4, check_every=5)
    assert again.history.objectives[0] == pytest.approx(result.objective, rel=1e-12)
    assert again.objective == pytest.approx(result.objective, rel=1e-4)
    assert again.n_iter <= cold.n_iter


def test_one_layer_is_the_single_layer_problem():
    model = chain(1)
    problem = pursuit(model, [L1(0.2)])
    single = sc.Pursuit(problem.signal, model.dictionaries[0], L1(0.2))
    expected = sc.solve(single, tol=1e-9, max_iter=5000).objective
    assert exact(problem, tol=1e-9).objective == pytest.approx(expected, rel=2e-9)


def test_float32_is_near_float64():
    problem, best = solved("L1, 3 layers")
    layers = [sc.ConvDictionary(d.filters.astype(np.float32)) for d in problem.model.dictionaries]
    narrow = sc.MultilayerPursuit(
        problem.signal.astype(np.float32), sc.MLCSC(layers), problem.penalties
    )
    result = exact(narrow, tol=1e-5)
    assert all(z.dtype == np.float32 for z in (*result.codes, *result.certificate.point))
    assert result.objective == pytest.approx(best.objective, rel=1.1e-5)
    wide = tuple(a.astype(np.float64) for a in result.certificate.point)
    check_bound(sc.dual_value(problem, wide), best.objective * (1 + eps(np.float32)))


def test_an_interrupted_run_returns_the_best_so_far():
    problem, _ = solved("L1")
    seen = []

    def stop(check):
        seen.append(check.objective)
        if len(seen) == 3:
            raise KeyboardInterrupt

    result = sc.solve(problem, sc.MLADMM(), tol=0.0, check_every=5, callback=stop)
    assert result.status is sc.Status.INTERRUPTED
    assert result.objective == min(result.history.objectives)
    assert_close(problem.objective(result.codes), result.objective)


def test_history_has_one_entry_a_check_in_each_column():
    problem, best = solved("L1")
    result = sc.solve(problem, sc.MLADMM(), tol=1e-4, check_every=7)
    history = result.history
    columns = [history.iterations, history.seconds, history.objectives, history.gaps]
    assert len({len(column) for column in columns}) == 1
    assert history.iterations == tuple(range(0, result.n_iter + 1, 7))
    assert all(np.diff(history.seconds) >= 0)
    for objective, gap in zip(history.objectives, history.gaps, strict=True):
        check_bound(objective - gap, best.objective)
        assert objective >= best.objective * (1 - 2e-9)
    assert history.gaps[-1] == pytest.approx(result.gap)


def test_the_run_repeats_itself_and_leaves_its_inputs():
    problem = PROBLEMS["L1"]()
    kept = problem.signal.copy()
    start = random_codes(problem, np.random.default_rng(5))
    copies = [z.copy() for z in start]
    one, two = (sc.solve(problem, sc.MLADMM(), start=start, tol=0.0, max_iter=30) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one.codes, two.codes, strict=True))
    assert np.array_equal(problem.signal, kept)
    assert all(np.array_equal(a, b) for a, b in zip(start, copies, strict=True))


# ---- the linear systems ----

STACKED = {
    "circular": (lambda: pursuit(chain(2), [L1(0.1), L1(0.2)], n_signals=2), SpectralStack),
    "3 layers": (lambda: pursuit(chain(3), [L1(0.1)] * 3), SpectralStack),
    "strides": (lambda: pursuit(chain(2, stride=[2, 2]), [L1(0.1), L1(0.2)]), SpectralStack),
    "2-D strides": (
        lambda: pursuit(chain("2d", stride=[(1, 2), 2]), [L1(0.1), L1(0.2)], spatial=(4, 8)),
        SpectralStack,
    ),
    "dense": (lambda: pursuit(dense_model(), [L1(0.1), L1(0.2)]), SpectralStack),
    "valid": (
        lambda: pursuit(chain(2, padding=["valid", "same"]), [L1(0.1), L1(0.2)]),
        IterativeStack,
    ),
}


def system(problem, shifts):
    """Return diag(s) + K K^T as a dense matrix."""
    K = np.vstack(image_matrices(problem))
    sizes = [int(np.prod(shape[1:])) for shape in problem.shapes[:-1]]
    return np.diag(np.repeat(shifts, sizes)) + K @ K.T


def stacked(arrays):
    """Return the arrays of all images as one vector a signal."""
    return np.concatenate([a.reshape(len(a), -1) for a in arrays], axis=1)


def check_solution(problem, solution, right, shifts, accuracy):
    """What is left of the system is so small, relative to the right-hand side."""
    left = stacked(right) - stacked(solution) @ system(problem, shifts).T
    assert np.linalg.norm(left) <= accuracy * np.linalg.norm(stacked(right))


@pytest.mark.parametrize("name", STACKED)
def test_linear_systems_are_solved_to_their_accuracy(name):
    make, kind = STACKED[name]
    problem = make()
    assert isinstance(make_stack(problem), kind)
    right = random_point(problem, np.random.default_rng(0))
    for shifts in ([0.3] * problem.n_layers, [0.01, 3.0, 0.5][: problem.n_layers]):
        if kind is SpectralStack:
            solution = SpectralStack(problem).solve(right, shifts)
            check_solution(problem, solution, right, shifts, 1e-12)
        solution = IterativeStack(problem).solve(right, shifts)
        check_solution(problem, solution, right, shifts, 1.01e-2)
        better = IterativeStack(problem).solve(right, shifts, solution)
        check_solution(problem, better, right, shifts, 1.01e-4)
        with pytest.raises(AssertionError):
            check_solution(problem, [1.1 * a for a in solution], right, shifts, 1.01e-2)


@pytest.mark.parametrize("name", ["circular", "strides", "2-D strides", "dense"])
def test_both_linear_solvers_lead_to_the_same_optimum(name):
    problem = STACKED[name][0]()
    expected = exact(problem, tol=1e-7).objective
    problem.__dict__["stack"] = IterativeStack(problem)
    assert exact(problem, tol=1e-7).objective == pytest.approx(expected, rel=1e-7)


# ---- layered and projected pursuits ----


@pytest.mark.parametrize("inner", [sc.ISTA(), sc.FISTA(), sc.ADMM()], ids=repr)
def test_each_layer_is_solved_to_the_gap_that_is_stated(inner):
    problem = PROBLEMS["L1, 3 layers"]()
    solver = sc.LayeredBasisPursuit(inner, tol=(1e-3, 1e-5, 1e-4))
    result = sc.solve(problem, solver, tol=1e-3, max_iter=20_000)
    assert result.status is sc.Status.CONVERGED
    source, stated = problem.signal, result.certificate.layers
    for i, (codes, tol) in enumerate(zip(result.codes, solver.tol, strict=True)):
        single = sc.Pursuit(source, problem.model.dictionaries[i], problem.penalties[i])
        gap = sc.duality_gap(single, codes) / single.objective(codes)
        assert_close(gap, stated[i], scale=1.0)
        assert gap <= tol
        source = codes
    assert result.certificate.measure == max(stated)
    loose = dataclasses.replace(solver, tol=0.1)
    assert max(sc.solve(problem, loose, tol=1e-12).certificate.layers) > 1e-3


def test_layers_can_take_so_many_steps_each():
    problem = PROBLEMS["L1, 3 layers"]()
    solver = sc.LayeredBasisPursuit(sc.ISTA(), n_iter=(3, 5, 7))
    result = sc.solve(problem, solver, tol=0.0)
    assert result.n_iter == 15
    assert result.status is sc.Status.RULE_MET
    source = problem.signal
    for i, n in enumerate((3, 5, 7)):
        single = sc.Pursuit(source, problem.model.dictionaries[i], problem.penalties[i])
        source = sc.solve(single, sc.ISTA(), tol=0.0, max_iter=n, check_every=n).codes
        assert_close(result.codes[i], source)


def test_orthogonal_matching_pursuit_solves_l0_layers():
    model = chain(2)
    problem = pursuit(model, [sc.L0(0.1), sc.L0(0.1)])
    result = sc.solve(problem, sc.LayeredBasisPursuit(sc.OMP(n_nonzero=3)), tol=0.0)
    source = problem.signal
    for layer, codes in zip(model.dictionaries, result.codes, strict=True):
        assert (codes != 0).sum() == 3
        single = sc.Pursuit(source, layer, sc.L0(0.1))
        expected = sc.solve(single, sc.OMP(n_nonzero=3), tol=0.0, max_iter=3).codes
        assert_close(codes, expected)
        source = codes


def test_projected_codes_agree_exactly_and_are_certified():
    problem = PROBLEMS["L1, 3 layers"]()
    result = sc.solve(problem, sc.ProjectionPursuit(), tol=1e-6, max_iter=20_000)
    assert result.status is sc.Status.CONVERGED
    *shallow, deepest = result.codes
    for found, expected in zip(shallow, problem.images(deepest)[1:-1], strict=True):
        assert np.array_equal(found, expected)
    projection = sc.Pursuit(problem.signal, sc.effective(problem.model), problem.penalties[-1])
    gap = sc.duality_gap(projection, deepest) / projection.objective(deepest)
    assert_close(gap, result.certificate.layers[0], scale=1.0)
    assert gap <= 1e-6
    assert_close(result.objective, dense_objective(problem, deepest))


def test_the_exact_solver_is_not_beaten_by_the_others():
    problem, best = solved("L1, 3 layers")
    for solver in (sc.LayeredBasisPursuit(), sc.ProjectionPursuit(), sc.MLISTA(), sc.MLFISTA()):
        result = sc.solve(problem, solver, tol=1e-3, max_iter=2000)
        assert result.objective >= best.objective * (1 - 2e-9)
        assert result.gap >= result.objective - best.objective - 1e-8


@pytest.mark.parametrize("name", ["L1, 3 layers", "valid borders", "strides", "dense", "2-D"])
def test_layer_reports_are_direct_computations(name):
    problem, _ = solved(name)
    codes = random_codes(problem, np.random.default_rng(6))
    layers, product = matrices(problem), None
    source = problem.signal
    for i, report in enumerate(sc.layer_reports(problem, codes)):
        z = codes[i].reshape(len(source), -1)
        product = layers[i] if product is None else product @ layers[i]
        assert report.layer == i + 1
        assert report.shape == codes[i].shape
        assert report.nonzeros == np.count_nonzero(codes[i])
        assert report.density == report.nonzeros / codes[i].size
        flat = source.reshape(len(source), -1)
        assert_close(report.residual, np.linalg.norm(flat - z @ layers[i].T) / np.linalg.norm(flat))
        assert_close(report.synthesis.reshape(len(z), -1), z @ product.T)
        y = problem.signal.reshape(len(z), -1)
        assert_close(report.signal_residual, np.linalg.norm(y - z @ product.T) / np.linalg.norm(y))
        expected = sc.stripe_norm(problem.model.dictionaries[i], codes[i], problem.shapes[i][2:])
        assert report.stripe_norm == expected
        source = codes[i]


# ---- a photograph ----


def camera(size, shapes, weights):
    """Return the problem of a crop of the photograph without its low-pass, in float32."""
    image = sc.load_image("camera").astype(np.float32).reshape(512, 512)
    _, signal = sc.split_lowpass(image[None, None, 200 : 200 + size, 200 : 200 + size])
    rng = np.random.default_rng(0)
    filters = [sc.dct_filters((6, 6), dtype=np.float32)[1:17]]
    filters += [unit_filters(rng, *shape, dtype=np.float32) for shape in shapes]
    model = sc.MLCSC([sc.ConvDictionary(bank) for bank in filters])
    return sc.MultilayerPursuit(signal, model, [L1(w) for w in weights])


def check_photograph(problem):
    """A gap of 1e-3 is certified in float32, and holds in float64."""
    result = exact(problem, tol=1e-3, max_iter=1000)
    assert result.codes[-1].dtype == np.float32
    model = sc.MLCSC(
        [sc.ConvDictionary(d.filters.astype(np.float64)) for d in problem.model.dictionaries]
    )
    wide = sc.MultilayerPursuit(problem.signal.astype(np.float64), model, problem.penalties)
    codes = tuple(z.astype(np.float64) for z in result.codes)
    bound = sc.dual_value(wide, tuple(a.astype(np.float64) for a in result.certificate.point))
    objective = wide.objective(codes)
    assert (objective - bound) / objective <= 1.01e-3
    reports = sc.layer_reports(problem, result.codes)
    assert reports[-1].density < 0.15
    assert all(report.residual < 0.15 for report in reports[1:])
    assert reports[-1].signal_residual < 0.5


def test_two_layers_of_a_photograph_are_certified():
    check_photograph(camera(128, [(24, 16, 3, 3)], (0.005, 0.05)))


def test_three_layers_of_a_photograph_are_certified():
    check_photograph(camera(64, [(24, 16, 3, 3), (32, 24, 3, 3)], (0.005, 0.005, 0.02)))
