"""Claims about ML-ISTA's map, its fixed point and its scaling, and what breaks them."""

from dataclasses import replace

import numpy as np
import pytest
from claim_checks import always, by_id, check_holds, check_notices, instead, scaled_bound

from sparsecsc.models.problem import MultilayerPursuit
from sparsecsc.penalties.l0 import L0
from sparsecsc.penalties.l1 import L1
from sparsecsc.theory.claims import bias, unfolding

AVERAGED, RESIDUALS, RATE = (
    by_id(unfolding.CLAIMS, f"B16-{name}") for name in ("averaged", "residuals", "rate")
)
BIAS, TWO = (by_id(bias.CLAIMS, name) for name in ("B16-bias", "B16-bias-two-layers"))
SCALING, FORWARD = (by_id(bias.CLAIMS, name) for name in ("A5-scaling", "A5-forward"))


@pytest.mark.parametrize("claim", [*unfolding.CLAIMS, SCALING, FORWARD], ids=lambda claim: claim.id)
def test_claim_holds(claim):
    check_holds(claim, n_trials=12, least_in_force=0.8)


@pytest.mark.parametrize("claim", [BIAS, TWO], ids=lambda claim: claim.id)
def test_claim_about_the_bias_holds(claim):
    check_holds(claim, n_trials=5, least_in_force=0.6)


def _longer(share):
    return lambda run: replace(run, shares=(share,) * run.depth)


@pytest.mark.parametrize("claim", [AVERAGED, RESIDUALS], ids=lambda claim: claim.id)
def test_longer_steps_break_it(claim):
    check_notices(claim, **instead(claim, _longer(3.0)), margins=always)


def test_longer_steps_are_outside_the_hypotheses():
    run = _longer(1.5)(unfolding._draw_path(np.random.default_rng(0)))
    assert min(RESIDUALS.margins(run).values()) < 0


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 6])
def test_no_smaller_averaging_is_true_at_any_depth(depth):
    problem = unfolding._draw_lines(np.random.default_rng(0), depth, 1e-3)
    here = 10.0 * np.random.default_rng(1).standard_normal(problem.shapes[-1])
    there = here + unfolding.worst_direction(depth, 1e-3)
    pair = unfolding.Unfolding(problem, here, there, (1.0,) * depth)
    needed = AVERAGED.measure(pair) / pair.averaging
    assert 0.999 < needed < 1 + 1e-7


def test_the_averaging_of_one_layer_less_is_noticed():
    check_notices(AVERAGED, bound=lambda pair: pair.depth / (pair.depth + 1), n_trials=20)


def test_the_moves_fall_by_no_fixed_factor():
    check_notices(RESIDUALS, **scaled_bound(RESIDUALS, 0.97))


def test_the_rate_is_within_a_factor_of_two():
    check_notices(RATE, **scaled_bound(RATE, 0.5), n_trials=40)


def test_with_a_penalty_that_is_not_convex_moves_grow():
    def hard(run):
        penalties = [L0(0.02) for _ in run.problem.penalties]
        problem = MultilayerPursuit(run.problem.signal, run.problem.model, penalties)
        return replace(run, problem=problem)

    check_notices(RESIDUALS, **instead(RESIDUALS, hard), margins=always, n_trials=20)


def test_a_fixed_point_of_another_problem_breaks_the_rate():
    def moved(run):
        other = replace(run)
        other.__dict__["fixed"] = run.here + 0.1 * (run.path[1] - run.here)
        return other

    check_notices(RATE, **instead(RATE, moved))


def test_the_bregman_bound_is_the_smaller_one():
    for seed in range(4):
        run = bias._draw_two(np.random.default_rng(seed))
        assert bias.bregman_bias(run) <= bias.two_layer_bias(run) * (1 + 1e-6)


def test_a_bias_of_half_the_bound_is_noticed():
    check_notices(BIAS, **scaled_bound(BIAS, 0.5), n_trials=8)


def test_half_the_two_layer_bound_is_noticed():
    check_notices(TWO, **scaled_bound(TWO, 0.5), n_trials=20)


def test_with_the_penalty_alone_the_two_layer_bound_is_false():
    """Its h must have the data term: without one the bound may even be negative."""

    def without_the_data_term(run):
        before, after = run.halves
        penalty, mu = run.problem.penalties[0], run.steps[0]
        square = unfolding.norm((before - after) / mu) ** 2
        return penalty.value(before) - penalty.value(after) - mu / 2 * square + run.slack

    check_notices(TWO, bound=without_the_data_term, n_trials=8)


def test_a_run_of_few_sweeps_is_no_fixed_point():
    run = bias._draw_two(np.random.default_rng(1))
    run.__dict__["fixed"] = run.sweep(run.sweep(run.fixed + 0.1)[-1])[-1]
    assert BIAS.margins(run)["a fixed point was found"] < 0


def test_the_naive_weights_are_those_of_another_problem():
    check_notices(
        SCALING,
        measure=lambda s: bias._largest(s.codes(s.weights) - s.explicit_codes),
    )


def test_weights_over_the_products_of_all_steps_are_too_large():
    def measure(scaling):
        weights = scaling.weights / np.cumprod(scaling.steps)
        return bias._largest(scaling.codes(weights) - scaling.explicit_codes)

    check_notices(SCALING, measure=measure)


def test_thresholds_of_another_problem_are_not_the_forward_pass():
    def heavier(problem):
        weights = [2.0 * float(np.max(p.weight)) for p in problem.penalties]
        return MultilayerPursuit(problem.signal, problem.model, [L1(w) for w in weights])

    def measure(problem):
        first, second = (FORWARD.measure(p) for p in (problem, heavier(problem)))
        assert max(first, second) < 1e-10
        codes = [unfolding_codes(p) for p in (problem, heavier(problem))]
        return float(np.abs(codes[0] - codes[1]).max())

    check_notices(FORWARD, measure=measure)


def unfolding_codes(problem):
    start = np.zeros(problem.shapes[-1])
    run = unfolding.Unfolding(problem, start, start, (1.0,) * problem.n_layers)
    return run.sweep(start)[-1]


def test_a_sweep_from_other_codes_is_not_the_forward_pass():
    def measure(problem):
        start = np.ones(problem.shapes[-1])
        run = unfolding.Unfolding(problem, start, start, (1.0,) * problem.n_layers)
        return float(np.abs(run.sweep(start)[-1] - unfolding_codes(problem)).max())

    check_notices(FORWARD, measure=measure)
