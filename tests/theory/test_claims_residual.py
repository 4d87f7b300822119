"""Claims about one step from any start and the residual skip, and what breaks them."""

from dataclasses import replace

import numpy as np
import pytest
from claim_checks import always, by_id, check_holds, check_notices, instead, scaled_bound

from sparsecsc.solvers.ista import ISTA
from sparsecsc.theory.claims import residual, skip

DESCENT, GUARANTEE = (by_id(residual.CLAIMS, f"A3-{n}") for n in ("descent", "guarantee"))
NULL, SEEN, ORTHOGONAL, SMALL = (
    by_id(skip.CLAIMS, f"A3-{n}") for n in ("null", "seen", "orthogonal", "small-step")
)


@pytest.mark.parametrize("claim", residual.CLAIMS + skip.CLAIMS, ids=lambda claim: claim.id)
def test_claim_holds(claim):
    check_holds(claim, n_trials=12)


def _long_step(start):
    return replace(start, solver=ISTA(step_size=10.0 / start.problem.lipschitz()))


def test_a_long_step_need_not_descend():
    check_notices(
        DESCENT,
        **instead(DESCENT, _long_step),
        bound=lambda start: DESCENT.bound(_long_step(start)),
        margins=always,
    )


def test_the_long_step_is_not_in_force():
    start = _long_step(residual.Start(*residual.slope(1.0)))
    assert min(DESCENT.margins(start).values()) < 0


@pytest.mark.parametrize(("claim", "factor"), [(DESCENT, 0.5), (GUARANTEE, 0.49)])
def test_the_bound_is_within_a_factor_of_about_two(claim, factor):
    check_notices(claim, **scaled_bound(claim, factor), n_trials=30)


def test_a_long_step_misses_the_guarantee():
    check_notices(GUARANTEE, **instead(GUARANTEE, _long_step), margins=always)


class _Undamped(ISTA):
    """A step without the term D^T D of the start: C = 0."""

    def step(self, problem, state):
        step = 1.0 / problem.lipschitz()
        moved = state.codes + step * problem.correlation(problem.signal)
        return replace(state, codes=problem.penalty.prox(moved, step))


@pytest.mark.parametrize("claim", [DESCENT, GUARANTEE], ids=lambda claim: claim.id)
def test_without_the_damping_term_neither_holds(claim):
    """From the optimum itself such a step moves away, where nothing is allowed."""

    def draw(rng):
        start = residual._draw_start(rng)
        return replace(start, start=start.best, solver=_Undamped())

    check_notices(claim, draw=draw, margins=always)


def test_a_start_that_the_dictionary_sees_makes_the_term_matter():
    def seen(s):
        return replace(s, start=np.ones_like(s.start))

    check_notices(NULL, **instead(NULL, seen), margins=always)


def test_the_lower_bound_of_the_term_is_attained():
    check_notices(SEEN, **scaled_bound(SEEN, 0.9))


def test_atoms_that_are_not_orthogonal_do_more_than_scale_the_skip():
    check_notices(ORTHOGONAL, draw=skip._draw_singular, margins=always)


def test_the_scale_of_the_skip_is_one_minus_c_kappa():
    def wrong(s):
        return float(np.abs(s.codes("step") - s.codes(0.0)).max())

    check_notices(ORTHOGONAL, measure=wrong)


def test_the_size_of_the_term_is_attained():
    check_notices(SMALL, **scaled_bound(SMALL, 0.9))
