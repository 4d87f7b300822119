"""Claims about duality and screening, and what breaks them."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from claim_checks import always, by_id, check_holds, check_notices, instead, scaled_bound

from sparsecsc.optimality import gap_safe_radius
from sparsecsc.theory.claims import duality, multilayer_duality

FEASIBLE, WEAK, RADIUS, SCREENING, EDGE, ABOVE, BELOW = (
    by_id(duality.CLAIMS, f"B14-{name}")
    for name in (
        "feasible",
        "weak-duality",
        "radius",
        "screening",
        "screening-edge",
        "largest-weight-above",
        "largest-weight-below",
    )
)
LAYERED_FEASIBLE, LAYERED_WEAK, GAP = multilayer_duality.CLAIMS


@pytest.mark.parametrize("claim", duality.CLAIMS, ids=lambda claim: claim.id)
def test_claim_holds(claim):
    check_holds(claim, n_trials=15, least_in_force=0.9)


@pytest.mark.parametrize("claim", multilayer_duality.CLAIMS, ids=lambda claim: claim.id)
def test_claim_about_several_layers_holds(claim):
    check_holds(claim, n_trials=8, least_in_force=1.0)


def _with_point(dual, point):
    dual.__dict__["point"] = point
    return dual


def _residual(dual):
    """The residual itself, not scaled into the feasible set."""
    return _with_point(dual, dual.problem.residual(dual.codes))


@pytest.mark.parametrize("claim", [FEASIBLE, WEAK], ids=lambda claim: claim.id)
def test_the_residual_is_no_dual_point_unless_scaled(claim):
    check_notices(claim, **instead(claim, _residual))


@pytest.mark.parametrize(
    ("claim", "factor"), [(FEASIBLE, 0.99), (WEAK, 0.9), (RADIUS, 0.5), (BELOW, 0.9)]
)
def test_the_bound_is_attained_or_nearly(claim, factor):
    check_notices(claim, **scaled_bound(claim, factor), n_trials=40)


def test_a_smaller_radius_discards_active_atoms():
    def shrunk(dual):
        radius = 0.2 * gap_safe_radius(dual.problem, dual.codes)
        norms = np.linalg.norm(dual.explicit, axis=0)
        dual.__dict__["tests"] = dual.correlation(dual.point) + radius * norms
        return dual

    check_notices(SCREENING, **instead(SCREENING, shrunk), n_trials=40)


def test_the_absolute_value_is_needed_where_codes_have_any_sign():
    def one_sided(dual):
        radius = gap_safe_radius(dual.problem, dual.codes)
        found = dual.explicit.T @ dual.point.ravel()
        dual.__dict__["tests"] = found + radius * np.linalg.norm(dual.explicit, axis=0)
        return dual

    check_notices(SCREENING, **instead(SCREENING, one_sided))


def test_the_test_of_an_active_atom_can_be_just_passed():
    check_notices(EDGE, **scaled_bound(EDGE, 0.9), n_trials=40)


def test_below_the_largest_weight_zero_is_not_what_the_solver_finds():
    check_notices(ABOVE, draw=duality._draw_below, margins=always)


def test_above_the_largest_weight_nothing_is_gained():
    def measure(dual):
        return duality._gain_of_all(dual)

    dual = duality._draw_above(np.random.default_rng(0))
    assert measure(dual) < 1e-12 * max(1.0, float(np.sum(dual.problem.signal**2)))
    assert min(BELOW.margins(dual).values()) < 0


def test_without_the_sign_constraint_the_largest_weight_is_another():
    """The largest weight of nonnegative codes is too small for codes of any sign."""

    def one_sided(dual):
        largest = float(np.max(dual.explicit.T @ dual.problem.signal.ravel()))
        penalty = dual.problem.penalty.scaled(1.001 * largest / dual.weight)
        return replace(dual, problem=dual.problem.with_penalty(penalty))

    check_notices(ABOVE, **instead(ABOVE, one_sided), n_trials=30)


def _clipped(dual):
    """Take the multipliers for 0, and theta for the residual."""
    theta, *vs = dual.early.certificate.point
    changed = replace(dual.early.certificate, point=(2.0 * theta, *vs))
    dual.__dict__["early"] = replace(dual.early, certificate=changed)
    return dual


def test_a_point_twice_as_large_is_not_feasible():
    check_notices(LAYERED_FEASIBLE, **instead(LAYERED_FEASIBLE, _clipped))


def test_a_point_whose_multipliers_are_left_out_is_not_feasible():
    def without(dual):
        theta, *vs = dual.early.certificate.point
        point = (theta, *(0.0 * v for v in vs))
        changed = replace(dual.early.certificate, point=point)
        dual.__dict__["early"] = replace(dual.early, certificate=changed)
        return dual

    check_notices(LAYERED_FEASIBLE, **instead(LAYERED_FEASIBLE, without))


def test_an_infeasible_point_is_no_lower_bound():
    def measure(dual):
        y = dual.problem.signal
        return float(np.sum(y**2)) / 2

    check_notices(LAYERED_WEAK, measure=measure)


def test_an_early_gap_is_not_closed():
    def measure(dual):
        return abs(dual.early.relative_gap)

    check_notices(GAP, measure=measure)


def test_the_explicit_matrices_are_those_of_the_librarys_problem():
    for seed in range(4):
        dual = multilayer_duality._draw(np.random.default_rng(seed))
        codes = np.random.default_rng(seed).standard_normal(dual.problem.shapes[-1])
        images = dual.problem.images(codes)
        for d, (above, below) in zip(dual.explicit, pairwise(images), strict=True):
            np.testing.assert_allclose(d @ below.ravel(), above.ravel(), rtol=0, atol=1e-12)
        expected = dual.problem.objective(codes)
        np.testing.assert_allclose(dual.objective(codes), expected, rtol=1e-12)
