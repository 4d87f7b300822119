"""Layered pursuits with and without noise: the claims hold, and can fail."""

from dataclasses import replace

import numpy as np
import pytest
from claim_checks import always, by_id, check_holds, check_notices, instead, scaled_bound

from sparsecsc.theory.claim import run_trial
from sparsecsc.theory.claims import layered_noise, layered_pursuit
from sparsecsc.theory.claims.layered_pursuit import Exact
from sparsecsc.theory.planted_layers import PlantedLayers, all_layers
from sparsecsc.theory.sparse_layers import simplex_layers

CLAIMS = (*layered_pursuit.CLAIMS, *layered_noise.CLAIMS)
WEIGHT, ERROR = by_id(CLAIMS, "B10-weight"), by_id(CLAIMS, "B11-error")


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_the_claim_holds_and_is_in_force(claim):
    check_holds(claim, n_trials=12, least_in_force=0.9)


@pytest.mark.parametrize("claim", [WEIGHT, ERROR], ids=lambda claim: claim.id)
def test_half_the_bound_is_noticed(claim):
    check_notices(claim, **scaled_bound(claim, 0.5))


def test_the_bounds_are_nearly_attained():
    assert max(run_trial(WEIGHT, seed).ratio for seed in range(12)) > 0.999
    assert max(run_trial(ERROR, seed).ratio for seed in range(12)) > 0.7


def beyond(rng):
    """More equal coefficients than half of the simplex: the others are sparser."""
    group = int(rng.integers(2, 5))
    model = simplex_layers(2 * group - 1, group, 2)
    deepest = np.zeros((1, 1, 4))
    deepest[0, 0, 1] = 1.0
    return Exact(PlantedLayers(model, all_layers(model, deepest)), 0.1)


@pytest.mark.parametrize("name", ["B10-exact", "B10-omp"])
def test_codes_beyond_the_bound_are_not_found(name):
    claim = by_id(CLAIMS, name)
    assert not min(claim.margins(beyond(np.random.default_rng(0))).values()) > 0
    check_notices(claim, draw=beyond, margins=always)


def test_weights_twice_as_large_as_claimed_are_noticed():
    class Heavier(Exact):
        @property
        def weights(self):
            return tuple(0.5 * weight for weight in Exact.weights.fget(self))

        @property
        def lassos(self):
            return Exact(self.planted, self.share).lassos

    def spoil(run):
        return Heavier(run.planted, run.share)

    check_notices(WEIGHT, **instead(WEIGHT, spoil))


@pytest.mark.parametrize(
    ("name", "factor"), [("B11-support", 0.1), ("B11-found", 12.0), ("B11-error", 12.0)]
)
def test_other_weights_than_the_theorem_asks_for_are_noticed(name, factor):
    claim = by_id(CLAIMS, name)

    def spoil(run):
        return replace(run, factor=factor)

    check_notices(claim, n_trials=20, **instead(claim, spoil))


def test_the_noise_margin_counts_a_third():
    run = ERROR.draw(np.random.default_rng(1))
    mu, k = run.planted.coherences[0], run.planted.stripe_norms[0]
    assert run.margins()["layer 1"] == pytest.approx((1 + 1 / mu) / 3 - k, rel=1e-12)
