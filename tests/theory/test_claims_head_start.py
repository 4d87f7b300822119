"""Claims about where a residual start beats the zero start, and what breaks them."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from claim_checks import always, by_id, check_holds, check_notices, scaled_bound

import sparsecsc as sc
from sparsecsc.theory.claims import critical_step, head_start
from sparsecsc.theory.residual_chains import FAMILIES, Family, chain_blocks, start_study
from sparsecsc.theory.residual_start import compare_starts
from sparsecsc.theory.small import draw_pursuit, matrix

TRAVELLED, DESCENDED, SCALE, ZERO, START = (
    by_id(head_start.CLAIMS, f"A3-{name}")
    for name in ("travelled", "descended", "best-scale", "zero-contracts", "start-contracts")
)
DISTANCE, OBJECTIVE = critical_step.CLAIMS


@pytest.mark.parametrize(
    "claim", head_start.CLAIMS + critical_step.CLAIMS, ids=lambda claim: claim.id
)
def test_claim_holds(claim):
    check_holds(claim, n_trials=20, least_in_force=0.9)


@pytest.mark.parametrize("claim", [TRAVELLED, DESCENDED], ids=lambda claim: claim.id)
def test_the_head_start_is_nearly_attained(claim):
    check_notices(claim, **scaled_bound(claim, 0.95))


@pytest.mark.parametrize("claim", [TRAVELLED, DESCENDED], ids=lambda claim: claim.id)
def test_the_slope_is_that_of_the_thresholded_correlations(claim):
    def far_away(race):
        return np.sqrt(race.problem.lipschitz()) * np.linalg.norm(race.best) + 1e-3

    check_notices(claim, bound=lambda race: (0.3 * far_away(race) / race.slope) ** 2)


def test_a_tenth_more_than_the_best_scale_is_noticed():
    def more(race):
        scale = 1.1 * max(race.gain, 0.0) / head_start.norm(race.image) ** 2
        nothing = race.objective(0.0 * race.start)
        fall = max(race.gain, 0.0) ** 2 / (2.0 * head_start.norm(race.image) ** 2)
        return abs(nothing - race.objective(scale * race.start) - fall) / nothing

    check_notices(SCALE, measure=more)


@pytest.mark.parametrize("claim", [ZERO, START], ids=lambda claim: claim.id)
def test_atoms_that_are_not_orthogonal_contract_more_slowly(claim):
    def draw(rng):
        race = head_start.draw_race(rng)
        return head_start.OrthogonalRace(race.problem, race.start, race.share, 20)

    check_notices(claim, draw=draw, margins=always)


def test_starts_of_the_right_support_and_sign_contract_no_faster():
    check_notices(START, bound=lambda race: 0.999)


@pytest.mark.parametrize("claim", [DISTANCE, OBJECTIVE], ids=lambda claim: claim.id)
@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_another_critical_step_is_noticed(claim, factor):
    def moved(race):
        return replace(race, problem=critical_step._scaled(race, factor).problem)

    def measure(race):
        wrong, share = moved(race), race.share
        truth = critical_step._scaled(race, share)
        near = np.linalg.norm(race.start - truth.best) < np.linalg.norm(truth.best)
        low = truth.objective(race.start) < truth.objective(0.0 * race.start)
        if claim is DISTANCE:
            said = 2 * share * np.sum(race.start * wrong.best) > np.sum(race.start**2)
            return float(said != near)
        return float((2 * share * wrong.gain > np.sum(race.image**2)) != low)

    check_notices(claim, measure=measure, n_trials=30)


# ---- compare_starts ----


def _problem(seed=0, n_signals=3):
    rng = np.random.default_rng(seed)
    dictionary = sc.ConvDictionary(sc.random_filters(3, 1, 5, rng))
    signal = rng.standard_normal((n_signals, 1, 24))
    problem = sc.Pursuit(signal, dictionary, sc.L1(1.0))
    return problem.with_penalty(sc.L1(0.2 * sc.lambda_max(problem)))


def _explicit(problem, start, b):
    """Everything for signal b from the explicit matrix: distances, objectives, slope, scale."""
    D = matrix(problem.dictionary.filters, problem.signal.shape[2:])
    y, weight, s = problem.signal[b].ravel(), problem.penalty.weight, start[b].ravel()
    step, z = 1.0 / np.linalg.norm(D, 2) ** 2, np.zeros(D.shape[1])
    for _ in range(20_000):
        moved = z + step * D.T @ (y - D @ z)
        z = np.sign(moved) * np.maximum(np.abs(moved) - step * weight, 0.0)
    return D, y, weight, s, z


def test_the_comparison_is_what_the_explicit_matrix_gives():
    problem = _problem()
    start = 0.3 * np.random.default_rng(1).standard_normal(problem.codes_shape)
    start *= np.random.default_rng(2).random(start.shape) < 0.3
    found = compare_starts(problem, start, step_share=0.5, tol=1e-12)
    for b in range(3):
        D, y, weight, s, best = _explicit(problem, start, b)

        def value(z, D=D, y=y, weight=weight):
            return np.sum((y - D @ z) ** 2) / 2 + weight * np.sum(np.abs(z))

        low, nothing = value(best), value(0 * best)
        slope = np.sum(np.maximum(np.abs(D.T @ y) - weight, 0) ** 2)
        step = 0.5 / np.linalg.norm(D, 2) ** 2
        head = max(nothing - value(s), 0) / (step * slope)
        distance = np.linalg.norm(s - best) / np.linalg.norm(best)
        scale = max((D @ s) @ y - weight * np.abs(s).sum(), 0.0) / np.sum((D @ s) ** 2)
        np.testing.assert_allclose(found.distance_ratio[b], distance, rtol=1e-4)
        np.testing.assert_allclose(
            found.objective_ratio[b], (value(s) - low) / (nothing - low), rtol=1e-4
        )
        np.testing.assert_allclose(found.head_start[b], head, rtol=1e-9)
        np.testing.assert_allclose(found.best_scale[b], scale, rtol=1e-9)
        inner = 2 * s @ best
        critical = np.sum(s**2) / inner if inner > 0 else np.inf
        np.testing.assert_allclose(found.critical_factor[b], critical, rtol=1e-3)


def test_from_the_optimum_no_step_is_needed_and_from_zero_as_many_as_ista_takes():
    problem = _problem(3, 1)
    best = sc.solve(problem, tol=1e-12).codes
    found = compare_starts(problem, best, step_share=1.0, target=0.05, tol=1e-12)
    assert found.steps_start[0] == 0
    low, nothing = problem.objective(best), problem.objective(0 * best)
    for k in (int(found.steps_zero[0]) - 1, int(found.steps_zero[0])):
        reached = sc.solve(problem, sc.ISTA(), tol=0, max_iter=max(k, 1)).objective
        assert (reached <= low + 0.05 * (nothing - low)) == (k == found.steps_zero[0])
    assert found.distance_ratio[0] < 1e-5
    np.testing.assert_allclose(found.critical_factor[0], 0.5, rtol=1e-4)


def test_a_zero_optimum_is_infinitely_far_from_any_start():
    problem = _problem(n_signals=1)
    problem = problem.with_penalty(sc.L1(1.1 * sc.lambda_max(problem)))
    found = compare_starts(problem, np.ones(problem.codes_shape))
    assert np.isinf(found.distance_ratio[0])
    assert np.isinf(found.critical_factor[0])
    assert found.best_scale[0] == 0


def test_bad_arguments_are_named():
    problem = _problem(n_signals=1)
    start = np.zeros(problem.codes_shape)
    with pytest.raises(ValueError, match=r"`step_share` must be in \(0, 1\]; got 1\.5"):
        compare_starts(problem, start, step_share=1.5)
    with pytest.raises(ValueError, match=r"`target` must be in \(0, 1\]; got 0"):
        compare_starts(problem, start, target=0)
    with pytest.raises(TypeError, match="`problem` must have an L1 or NonnegativeL1 penalty"):
        compare_starts(problem.with_penalty(sc.L0(1.0)), start)
    with pytest.raises(ValueError, match="`start` must have"):
        compare_starts(problem, start[:, :1])


# ---- chains ----


def test_the_blocks_are_those_of_the_residual_model():
    rng = np.random.default_rng(0)
    setting = {"step_share": 0.5, "weight_share": 0.1, "n_signals": 2}
    blocks = list(chain_blocks(FAMILIES[0], 3, **setting, rng=rng))
    for before, block in pairwise(blocks):
        problem = before.problem
        step = 0.5 / problem.lipschitz()
        moved = before.start + step * problem.correlation(problem.residual(before.start))
        np.testing.assert_allclose(block.start, problem.penalty.prox(moved, step), atol=1e-12)


def test_at_the_first_block_the_critical_step_does_not_depend_on_the_step():
    setting = {"families": FAMILIES[-1:], "n_blocks": 1, "weight_shares": (0.1,), "n_signals": 4}
    records = list(start_study(step_shares=(1.0, 0.3, 0.1), **setting))
    plain = [record.critical_share for record in records if not record.is_scaled]
    np.testing.assert_allclose(plain, plain[0], rtol=1e-3)
    for record in records:
        if not record.is_scaled:
            assert (record.nearer > 0.5) == (record.step_share > plain[0])


def test_the_study_is_reproducible():
    setting = {"families": FAMILIES[1:2], "n_blocks": 2, "step_shares": (1.0,)}
    first, second = (
        list(start_study(weight_shares=(0.3,), n_signals=2, **setting)) for _ in range(2)
    )
    assert first == second
    other = list(start_study(weight_shares=(0.3,), n_signals=2, seed=1, **setting))
    assert first != other


def test_a_family_of_ones_own_can_be_studied():
    def spikes(width, rng):
        bank = np.zeros((width, width, 1))
        bank[np.arange(width), np.arange(width), 0] = 1.0
        return bank, bank

    (plain, scaled) = start_study(
        families=[Family("spikes", spikes)],
        n_blocks=1,
        step_shares=(1.0,),
        weight_shares=(0.01,),
        n_signals=2,
    )
    assert plain.nearer == scaled.nearer == 1.0
    assert plain.distance_ratio < 0.1


def test_draws_of_the_small_problems_are_deterministic():
    first, second = (draw_pursuit(np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first.signal, second.signal)
