"""Projection pursuit: the error does not grow with depth; the claim can fail."""

from dataclasses import replace

import numpy as np
import pytest
from claim_checks import always, by_id, check_holds, check_notices, instead, scaled_bound

from sparsecsc.theory.claim import run_trial
from sparsecsc.theory.claims import projection
from sparsecsc.theory.claims.layered import opposed
from sparsecsc.theory.claims.projection import Projected
from sparsecsc.theory.planted_layers import PlantedLayers, all_layers
from sparsecsc.theory.sparse_layers import simplex_layers

CLAIM = by_id(projection.CLAIMS, "B17-projection")


def test_the_claim_holds_and_is_in_force():
    check_holds(CLAIM, n_trials=12, least_in_force=0.9)


def test_half_the_bound_is_noticed():
    check_notices(CLAIM, **scaled_bound(CLAIM, 0.5))


def test_the_bound_is_attained():
    assert max(run_trial(CLAIM, seed).ratio for seed in range(12)) > 0.999


def test_codes_that_do_not_fit_the_signal_are_noticed():
    def spoil(found):
        return replace(found, noise=0.5 * found.noise)

    check_notices(CLAIM, margins=always, **instead(CLAIM, spoil))


@pytest.mark.parametrize("n_layers", [1, 2, 3, 4])
def test_the_worst_case_is_as_bad_at_every_depth(n_layers):
    worst = opposed(np.random.default_rng(3), n_layers=n_layers)
    found = Projected(worst.planted, worst.noise, worst.found)
    assert min(found.margins().values()) > 0
    ratios = [e / b for e, b in zip(found.errors, found.bounds, strict=True)]
    assert ratios == pytest.approx([1.0] * n_layers, rel=1e-9)


def test_without_the_norm_of_the_atoms_the_bound_is_broken():
    """Pairs of a simplex of six as deep atoms, of norm sqrt(0.8), one against another."""
    model = simplex_layers(6, 2, 2)
    pair = np.zeros((2, 3, 2))
    pair[0, 0, 0], pair[1, 1, 0] = 1.0, -1.0
    layers = all_layers(model, pair)
    planted = PlantedLayers(model, tuple(codes[:1] for codes in layers))
    found = tuple(codes[1:] for codes in layers)
    noise = 0.5 * (model.dictionaries[0].synthesize(found[0]) - planted.signal)
    both = Projected(planted, noise, found)
    assert min(both.margins().values()) > 0
    assert both.norms == pytest.approx((1.0, np.sqrt(0.8)), rel=1e-12)
    recalled = 2 * np.linalg.norm(noise) / np.sqrt(1 - both.coherences[1])
    assert both.errors[1] > 1.1 * recalled
    assert both.errors[1] <= both.bounds[1] * (1 + 1e-9)
