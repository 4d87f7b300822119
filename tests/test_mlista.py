"""ML-ISTA and ML-FISTA: an averaged map whose fixed point nears the optimum with its steps."""

import functools
from itertools import pairwise

import numpy as np
import pytest
from checkers import assert_close, check_below
from multilayer import chain, dense_objective, exact, matrices, pursuit, zeros
from reference import soft

import sparsecsc as sc

WEIGHTS = {2: [0.1, 0.2], 3: [0.05, 0.05, 0.1], 4: [0.02, 0.02, 0.02, 0.05]}


def make(n_layers=2, seed=0, penalty=sc.L1):
    """Return a small problem of so many layers."""
    return pursuit(
        chain(n_layers, seed=seed),
        [penalty(w) for w in WEIGHTS[n_layers]],
        spatial=(12,),
        seed=seed,
    )


def steps_of(problem, share=1.0):
    """Return mu_i = share / L_i."""
    return [share / problem.lipschitz(i) for i in range(1, problem.n_layers + 1)]


def plain_sweep(problem, steps):
    """Return the map of one sweep on flat codes: explicit matrices, soft threshold (theory A5)."""
    layers, signal = matrices(problem), problem.signal.ravel()
    weights = [penalty.weight for penalty in problem.penalties]

    def sweep(gamma):
        images, source, threshold = [gamma], signal, 1.0
        for D in layers[::-1]:
            images.insert(0, D @ images[0])
        for i, D in enumerate(layers):
            threshold *= steps[i]
            moved = images[i + 1] - steps[i] * (D.T @ (images[i] - source))
            source = soft(moved, threshold * weights[i])
        return source

    return sweep


def fixed_point(problem, steps, n_iter=100_000):
    """Return the deepest codes that the plain sweep no longer moves: momentum with restarts."""
    sweep, shape = plain_sweep(problem, steps), problem.shapes[-1]
    z = v = np.zeros(int(np.prod(shape)))
    t = 1.0
    for _ in range(n_iter):
        new = sweep(v)
        if np.linalg.norm(new - v) <= 1e-14 * np.linalg.norm(new):
            return new.reshape(shape)
        if (v - new) @ (new - z) > 0:
            z = v = new
            t = 1.0
            continue
        after = (1.0 + np.sqrt(1.0 + 4.0 * t * t)) / 2.0
        z, v, t = new, new + (t - 1.0) / after * (new - z), after
    pytest.fail("no fixed point was reached")


@functools.cache
def best_objective(n_layers=2, seed=0):
    """Return min F to ten digits."""
    return exact(make(n_layers, seed), tol=1e-10, check_every=50).objective


def start_codes(problem, seed):
    """Return zeros for seed 0, else random codes."""
    codes = zeros(problem)
    if seed:
        rng = np.random.default_rng(seed)
        codes[-1][...] = rng.standard_normal(codes[-1].shape)
    return codes


def iterate(problem, solver, start, n_iter):
    """Return the deepest codes of n_iter + 1 iterates."""
    state = solver.init(problem, start)
    out = [start[-1].copy()]
    for _ in range(n_iter):
        state = solver.step(problem, state)
        out.append(state.codes[-1].copy())
    return out


def check_residuals(iterates, fixed, n_layers):
    """The residuals never rise, and r_k^2 <= (L + 1) |G_0 - G*|^2 / (k + 1) (theory B16)."""
    r = np.array([np.linalg.norm(b - a) for a, b in pairwise(iterates)])
    assert np.all(r[1:] <= r[:-1] * (1 + 1e-12) + 1e-14)
    distance = float(((iterates[0] - fixed) ** 2).sum())
    check_below(r**2, (n_layers + 1) * distance / np.arange(1, len(r) + 1))


# ---- the map ----


@pytest.mark.parametrize("n_layers", [2, 3, 4])
def test_a_sweep_is_that_of_the_explicit_matrices(n_layers):
    problem = make(n_layers)
    steps = steps_of(problem, 0.7)
    start = start_codes(problem, 1)
    expected = plain_sweep(problem, steps)(start[-1].ravel()).reshape(problem.shapes[-1])
    _, found = iterate(problem, sc.MLISTA(step_size=steps), start, 1)
    assert_close(found, expected)


@pytest.mark.parametrize("n_layers", [2, 3, 4])
@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize("seed", [0, 1])
def test_residuals_never_rise_and_are_inside_the_bound(n_layers, share, seed):
    problem = make(n_layers)
    steps = steps_of(problem, share)
    fixed = fixed_point(problem, steps)
    iterates = iterate(problem, sc.MLISTA(step_size=steps), start_codes(problem, seed), 150)
    check_residuals(iterates, fixed, n_layers)


@pytest.mark.parametrize("n_layers", [2, 3, 4])
def test_distances_to_the_fixed_point_never_rise(n_layers):
    problem = make(n_layers, seed=2)
    steps = steps_of(problem)
    fixed = fixed_point(problem, steps)
    iterates = iterate(problem, sc.MLISTA(step_size=steps), start_codes(problem, 3), 150)
    d = np.array([np.linalg.norm(z - fixed) for z in iterates])
    assert np.all(d[1:] <= d[:-1] * (1 + 1e-12))


def test_the_residual_check_fails_for_steps_too_long():
    problem = make(2)
    steps = steps_of(problem)
    fixed = fixed_point(problem, steps)
    solver = sc.MLISTA(step_size=[4 * s for s in steps])
    with np.errstate(all="ignore"), pytest.raises(AssertionError):
        check_residuals(iterate(problem, solver, start_codes(problem, 0), 40), fixed, 2)


def test_the_residual_check_fails_for_a_wrong_fixed_point():
    problem = make(2)
    iterates = iterate(problem, sc.MLISTA(), start_codes(problem, 1), 40)
    with pytest.raises(AssertionError):
        check_residuals(iterates, iterates[0], 2)


@pytest.mark.parametrize("n_layers", [2, 3])
def test_ml_fista_reaches_the_fixed_point_of_ml_ista(n_layers):
    problem = make(n_layers)
    fixed = fixed_point(problem, steps_of(problem))
    for solver in (sc.MLFISTA(restart=True, stationary=1e-11), sc.MLFISTA(stationary=1e-6)):
        result = sc.solve(problem, solver, tol=0.0, max_iter=4000, check_every=4000)
        assert result.status is sc.Status.RULE_MET
        distance = np.linalg.norm(result.codes[-1] - fixed) / np.linalg.norm(fixed)
        assert distance <= 1000 * solver.stationary


# ---- what the fixed point is worth ----


def bias_and_bound(problem, gamma, mu, best):
    """Return (F - F_opt, its bound) at a fixed point of two layers.

    With h(u) = |y - D_1 u|^2 / 2 + lambda_1 |u|_1, u = D_2 G, u+ = prox of h's step mu at u, and
    g = (u - u+) / mu: the fixed point says -D_2^T g is a subgradient of lambda_2 |.|_1 at G, and
    the step mu <= 1 / L_1 says h(z) >= h(u+) + <g, z - u> + (mu / 2) |g|^2 for every z. At
    z = D_2 G' both together give F(G') >= F(G) - h(u) + h(u+) + (mu / 2) |g|^2 for every G'.
    """
    D1, D2 = matrices(problem)
    y, weight = problem.signal.ravel(), problem.penalties[0].weight

    def h(u):
        return 0.5 * float(((y - D1 @ u) ** 2).sum()) + weight * float(np.abs(u).sum())

    u = D2 @ gamma.ravel()
    after = soft(u - mu * (D1.T @ (D1 @ u - y)), mu * weight)
    g = (u - after) / mu
    bound = h(u) - h(after) - 0.5 * mu * float((g**2).sum())
    return dense_objective(problem, gamma) - best, bound


SHARES = (0.3, 0.1, 0.03, 0.01)


@functools.cache
def biases(seed):
    """Return (bias, bound) for each share mu_1 L_1; the second step stays 1 / L_2."""
    problem = make(2, seed)
    out = []
    for share in SHARES:
        mu, second = steps_of(problem)
        gamma = fixed_point(problem, [share * mu, second])
        out.append(bias_and_bound(problem, gamma, share * mu, best_objective(2, seed)))
    return np.array(out)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_bias_of_two_layers_is_inside_its_bound(seed):
    bias, bound = biases(seed).T
    assert np.all(bias >= -1e-9)
    check_below(bias, bound)
    assert np.all(bias >= 1e-3 * bound)  # a bound far above everything would say nothing


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_bias_falls_linearly_with_the_step(seed):
    bias, bound = biases(seed).T
    for values in (bias, bound):
        slope = np.polyfit(np.log(SHARES), np.log(values), 1)[0]
        assert 0.8 <= slope <= 1.2


def test_the_bias_check_fails_away_from_the_fixed_point():
    problem = make(2)
    mu, second = steps_of(problem, 0.1)
    gamma = fixed_point(problem, [mu, second])
    bias, bound = bias_and_bound(problem, 1.2 * gamma, mu, best_objective(2))
    with pytest.raises(AssertionError):
        check_below([bias], [bound])


@pytest.mark.parametrize("n_layers", [2, 3])
def test_thresholds_scaled_by_their_own_step_only_miss_the_optimum(n_layers):
    # Theory A5: thresholds mu_i lambda_i belong to the weights lambda_i / (mu_1 ... mu_{i-1}).
    problem = make(n_layers)
    steps = steps_of(problem, 0.3)
    earlier = np.cumprod([1.0, *steps[:-1]])
    weights = [p.weight / e for p, e in zip(problem.penalties, earlier, strict=True)]
    naive = sc.MultilayerPursuit(problem.signal, problem.model, [sc.L1(w) for w in weights])
    best = best_objective(n_layers)
    right = dense_objective(problem, fixed_point(problem, steps)) - best
    wrong = dense_objective(problem, fixed_point(naive, steps)) - best
    assert 0 <= right <= 0.02 * best
    assert wrong >= 10 * right


@pytest.mark.parametrize("share", SHARES)
def test_the_gap_at_the_fixed_point_is_the_bias_of_its_multiplier(share):
    # There p_2 = D_2^T (D_1^T r - v_1) is feasible, so that the gap is
    # lambda_1 |u|_1 - <v_1, u> <= 2 lambda_1 |u - u+|_1 with v_1 a subgradient at u+ (derived).
    problem = make(2)
    mu, second = steps_of(problem)
    mu *= share
    gamma = fixed_point(problem, [mu, second])
    state = sc.MLISTA(step_size=[mu, second]).init(problem, (zeros(problem)[0], gamma))
    certificate = problem.certify_state(state)
    D1, D2 = matrices(problem)
    u, weight = D2 @ gamma.ravel(), problem.penalties[0].weight
    moved = u - mu * (D1.T @ (D1 @ u - problem.signal.ravel()))
    after = soft(moved, mu * weight)
    v = (moved - after) / mu
    expected = weight * np.abs(u).sum() - float(v @ u)
    assert certificate.gap <= expected * (1 + 1e-6) + 1e-9
    assert certificate.gap <= 2 * weight * np.abs(u - after).sum()
    assert certificate.gap >= certificate.objective - best_objective(2) - 1e-9
    assert certificate.objective >= best_objective(2) * (1 - 1e-9)


def test_the_gap_of_ml_ista_bounds_its_distance_from_the_optimum_all_along():
    problem, gaps = make(2), []

    def note(check):
        gaps.append(check.relative_gap * check.objective)
        assert gaps[-1] >= check.objective - best_objective(2) - 1e-9

    result = sc.solve(problem, sc.MLISTA(), tol=0.0, max_iter=400, callback=note)
    assert result.relative_gap < 0.1
    assert len(gaps) >= 39


def test_nonnegative_sweeps_have_averaged_residuals_too():
    problem = make(2, penalty=sc.NonnegativeL1)
    codes = iterate(problem, sc.MLISTA(), zeros(problem), 150)
    r = np.array([np.linalg.norm(b - a) for a, b in pairwise(codes)])
    assert np.all(r[1:] <= r[:-1] * (1 + 1e-12))


@pytest.mark.parametrize("solver", [sc.MLISTA, sc.MLFISTA])
def test_float32_sweeps_are_near_those_of_float64(solver):
    problem = make(3)
    model = sc.MLCSC(
        [sc.ConvDictionary(d.filters.astype(np.float32)) for d in problem.model.dictionaries]
    )
    single = sc.MultilayerPursuit(problem.signal.astype(np.float32), model, problem.penalties)
    wide = iterate(problem, solver(), zeros(problem), 30)[-1]
    narrow = iterate(single, solver(), zeros(single), 30)[-1]
    assert narrow.dtype == np.float32
    assert_close(narrow, wide, np.float32)


def test_unfoldings_of_one_layer_are_steps_of_ista():
    model = chain(1)
    problem = pursuit(model, [sc.L1(0.2)])
    single = sc.Pursuit(problem.signal, model.dictionaries[0], sc.L1(0.2))
    found = iterate(problem, sc.MLISTA(unfoldings=5), zeros(problem), 2)[-1]
    expected = sc.solve(single, sc.ISTA(), tol=0.0, max_iter=10, check_every=10).codes
    assert_close(found, expected)
