"""Uniqueness, stability and thresholding in several layers: the claims hold, and can fail."""

from dataclasses import replace

import numpy as np
import pytest
from claim_checks import always, by_id, check_holds, check_notices, instead, scaled_bound

from sparsecsc.theory.claim import run_trial
from sparsecsc.theory.claims import layered, layered_thresholding
from sparsecsc.theory.claims.layered import Estimates, Others, half_bound, opposed
from sparsecsc.theory.planted_layers import PlantedLayers, all_layers
from sparsecsc.theory.sparse_layers import simplex_layers

CLAIMS = (*layered.CLAIMS, *layered_thresholding.CLAIMS)
UNIQUE, STABLE = by_id(CLAIMS, "B7-unique"), by_id(CLAIMS, "B8-stable")
SUPPORT, ERROR = by_id(CLAIMS, "B9-support"), by_id(CLAIMS, "B9-error")


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_the_claim_holds_and_is_in_force(claim):
    check_holds(claim, n_trials=12, least_in_force=0.9)


@pytest.mark.parametrize("claim", [UNIQUE, STABLE, ERROR], ids=lambda claim: claim.id)
def test_half_the_bound_is_noticed(claim):
    check_notices(claim, **scaled_bound(claim, 0.5))


@pytest.mark.parametrize("claim", [UNIQUE, STABLE, ERROR], ids=lambda claim: claim.id)
def test_the_bound_is_attained(claim):
    ratios = [run_trial(claim, seed).ratio for seed in range(12)]
    assert max(ratios) > 0.999


# ---- uniqueness ----


def at_the_bound(group):
    """As many equal coefficients of a simplex of 2 group atoms as half of (1 + 1/mu)."""
    model = simplex_layers(2 * group, group, 1)
    codes = np.zeros((1, 2 * group, 3))
    codes[0, :group, 0] = 1.0
    return Others(PlantedLayers(model, (codes,)), ((0, 0),))


@pytest.mark.parametrize("group", [1, 2, 3])
def test_at_the_bound_codes_are_not_unique(group):
    others = at_the_bound(group)
    (mu,) = others.planted.coherences
    assert half_bound(mu) == pytest.approx(group, rel=1e-12)
    assert layered.below_half(others.planted)["layer 1"] <= 1e-12
    assert others.stripe_norms == (group,)


def test_a_coherence_that_is_too_small_is_noticed():
    class Claimed(PlantedLayers):
        @property
        def coherences(self):
            return tuple(0.8 * mu for mu in PlantedLayers.coherences.func(self))

    def spoil(others):
        return replace(others, planted=Claimed(others.planted.model, others.planted.codes))

    check_notices(UNIQUE, **instead(UNIQUE, spoil))


# ---- stability ----


def test_codes_that_do_not_fit_the_signal_are_noticed():
    def spoil(found):
        return replace(found, noise=0.5 * found.noise)

    assert not min(spoil(opposed(np.random.default_rng(0), n_layers=2)).margins().values()) > 0
    check_notices(STABLE, margins=always, **instead(STABLE, spoil))


def test_with_the_norm_of_the_codes_alone_the_bound_is_broken():
    """One coefficient of a simplex against two others of it: both are below half of (1 + 1/mu)."""
    model = simplex_layers(5, 1, 1)
    codes = np.zeros((2, 5, 3))
    codes[0, 0, 0], codes[1, 1:3, 0] = 1.0, -1.0
    planted, found = PlantedLayers(model, (codes[:1],)), (codes[1:],)
    noise = 0.5 * (model.dictionaries[0].synthesize(found[0]) - planted.signal)
    estimates = Estimates(planted, noise, found)
    assert min(estimates.margins().values()) > 0
    assert estimates.closeness() == pytest.approx(np.sqrt(0.5), rel=1e-12)
    (k,), (mu,) = planted.stripe_norms, planted.coherences
    recalled = 2 * np.linalg.norm(noise) / np.sqrt(1 - (2 * k - 1) * mu)
    assert np.linalg.norm(codes[1] - codes[0]) > 1.2 * recalled


def test_beyond_the_bound_nothing_is_promised():
    model = simplex_layers(4, 2, 1)
    pair = np.zeros((2, 4, 1))
    pair[0, :2, 0], pair[1, 2:, 0] = 1.0, -1.0
    planted = PlantedLayers(model, all_layers(model, pair[:1]))
    estimates = Estimates(planted, 1e-9 * np.ones((1, 3, 1)), (pair[1:],))
    assert estimates.margins()["layer 1"] <= 1e-12
    assert max(estimates.residuals) < 1e-8


# ---- layered thresholding ----


def test_thresholds_below_their_interval_are_noticed():
    def spoil(run):
        return replace(run, places=tuple(-0.5 for _ in run.places))

    run = SUPPORT.draw(np.random.default_rng(0))
    assert not min(spoil(run).margins().values()) > 0
    check_notices(SUPPORT, **instead(SUPPORT, spoil))


def test_thresholds_above_their_interval_are_noticed():
    def spoil(run):
        return replace(run, places=(*run.places[:-1], 1.5))

    check_notices(SUPPORT, **instead(SUPPORT, spoil))


@pytest.mark.parametrize("claim", [SUPPORT, ERROR], ids=lambda claim: claim.id)
def test_more_noise_than_is_assumed_is_noticed(claim):
    class Deaf(layered_thresholding.Thresholding):
        @property
        def noise_size(self):
            return layered_thresholding.Thresholding.noise_size.fget(self) / 8

    def spoil(run):
        return Deaf(run.planted, 8 * run.noise, run.places)

    check_notices(claim, n_trials=20, **instead(claim, spoil))
