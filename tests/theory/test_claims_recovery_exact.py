"""Uniqueness, recovery by stripe coherence and Tropp's condition, sharp bounds in noise."""

from dataclasses import replace

import numpy as np
import pytest
from claim_checks import always, by_id, check_holds, check_notices, scaled_bound

import sparsecsc as sc
from sparsecsc.theory import simplex
from sparsecsc.theory.claim import run_trial
from sparsecsc.theory.claims import recovery_exact, recovery_sharp
from sparsecsc.theory.coherence import recovery_bounds
from sparsecsc.theory.planted import Planted
from sparsecsc.theory.sparse_layers import simplex_filters

EXACT, SHARP = recovery_exact.CLAIMS, recovery_sharp.CLAIMS
UNIQUE, STRIPES, ERC_OMP, ERC_INSIDE, ERC_ERROR, ERC_COHERENCE = EXACT
SHARP_INSIDE, SHARP_ERROR = SHARP


@pytest.mark.parametrize("claim", EXACT + SHARP, ids=lambda claim: claim.id)
def test_claim_holds(claim):
    check_holds(claim, n_trials=12, least_in_force=0.9)


def at_the_bound(rng):
    """Half of an even simplex: the other half, with the other sign, synthesises the same."""
    dictionary = sc.ConvDictionary(simplex_filters(6))
    return simplex.plant_simplex(rng, dictionary, (1,), bound=0.6)


def test_codes_at_the_bound_are_not_unique():
    planted = at_the_bound(np.random.default_rng(0))
    assert planted.stripe == pytest.approx(recovery_bounds(planted.coherence)[0])
    check_notices(UNIQUE, draw=at_the_bound, margins=always)
    assert not run_trial(replace(UNIQUE, draw=at_the_bound), 0).in_force


def too_many(rng):
    """Draw random filters and atoms for which Tropp's coefficient is above 1."""
    dictionary = sc.ConvDictionary(sc.random_filters(3, 1, 7, rng))
    codes = np.zeros((1, 3, 50))
    chosen = rng.choice(150, 20, replace=False)
    codes.reshape(-1)[chosen] = rng.choice([-1.0, 1.0], 20)
    planted = Planted(dictionary, codes, np.zeros((1, 1, 50)))
    return recovery_exact.Supported(planted, 0.01)


@pytest.mark.parametrize("claim", [ERC_OMP, ERC_INSIDE, ERC_ERROR], ids=lambda claim: claim.id)
def test_a_coefficient_above_one_does_not_promise_recovery(claim):
    assert too_many(np.random.default_rng(0)).coefficient > 1
    check_notices(claim, draw=too_many, margins=always)
    assert not run_trial(replace(claim, draw=too_many), 0).in_force


def test_a_large_stripe_coherence_does_not_promise_recovery():
    def beyond(rng):
        return too_many(rng).planted

    check_notices(STRIPES, draw=beyond, margins=always, bound=lambda planted: 1.0)
    assert not run_trial(replace(STRIPES, draw=beyond), 0).in_force


@pytest.mark.parametrize(
    "claim", [STRIPES, ERC_ERROR, ERC_COHERENCE, SHARP_ERROR], ids=lambda claim: claim.id
)
def test_the_bound_is_attained(claim):
    check_notices(claim, **scaled_bound(claim, 0.95), n_trials=30)


def test_stripe_coherence_allows_more_than_the_stripe_norm():
    drawn = [recovery_exact._draw_scattered(np.random.default_rng(seed)) for seed in range(30)]
    beyond = [p for p in drawn if p.stripe > recovery_bounds(p.coherence)[0]]
    assert len(beyond) >= 3


def test_half_of_the_sharp_weight_lets_other_atoms_in():
    def spoiled(noisy):
        weight = 0.5 * recovery_sharp.sharp_weight(noisy.planted)
        return recovery_exact.outside(noisy.planted, recovery_exact.lasso(noisy.planted, weight))

    check_notices(SHARP_INSIDE, measure=spoiled, n_trials=60)


def test_the_sharp_weight_is_below_that_of_the_published_claim():
    for seed in range(20):
        planted = SHARP_INSIDE.draw(np.random.default_rng(seed)).planted
        if planted.stripe < recovery_bounds(planted.coherence)[1]:
            assert recovery_sharp.sharp_weight(planted) < 3 * planted.local_noise


def test_simplexes_have_the_least_coherence_of_as_many_atoms():
    for n_bits in (3, 4, 5):
        dictionary, n = simplex.shifted_simplex(n_bits), 2**n_bits - 1
        planted = Planted(dictionary, np.zeros((1, 1, n)), np.zeros((1, 1, n)))
        assert planted.coherence == pytest.approx(1 / (n - 1), rel=1e-9)
        total = dictionary.synthesize(np.ones((1, 1, n)))
        assert np.abs(total).max() < 1e-12
    filters = simplex_filters(7)[..., 0]
    assert np.abs(filters @ filters.T - (7 * np.eye(7) - 1) / 6).max() < 1e-12


def test_codes_planted_on_a_simplex_have_the_stripe_norm_asked_for():
    rng = np.random.default_rng(1)
    for draw in (simplex.draw_taps, simplex.draw_shifts):
        for _ in range(10):
            planted = simplex.plant_simplex(rng, *draw(rng))
            below = recovery_bounds(planted.coherence)[0] - planted.stripe
            assert 0 < below <= 1
            assert (planted.codes >= 0).all()


def test_ids_are_unique():
    names = [claim.id for claim in EXACT + SHARP]
    assert len(set(names)) == len(names)
    assert by_id(EXACT, "B1-unique") is UNIQUE
