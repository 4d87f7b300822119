"""Claims on pursuits of several layers, and what breaks them."""

from dataclasses import replace

import numpy as np
import pytest
from claim_checks import always, by_id, check_holds, check_notices, scaled_bound

from sparsecsc.theory.claims import holistic, layered

FITS, SUPPORT, ERROR, INSIDE, PURSUED = layered.CLAIMS
GAIN, FORMULA = (by_id(holistic.CLAIMS, f"B18-{name}") for name in ("gain", "error"))


@pytest.mark.parametrize("claim", layered.CLAIMS + holistic.CLAIMS, ids=lambda claim: claim.id)
def test_claim_holds(claim):
    check_holds(claim, n_trials=10)


@pytest.mark.parametrize(("claim", "factor"), [(FITS, 0.6), (ERROR, 0.6), (PURSUED, 0.45)])
def test_the_bound_is_within_a_factor_of_about_two(claim, factor):
    check_notices(claim, **scaled_bound(claim, factor))


def test_the_gain_of_a_cosupport_is_sometimes_small():
    check_notices(GAIN, **scaled_bound(GAIN, 0.85), n_trials=60)


def loud(rng):
    return layered._draw(rng, quiet=1.5)


def test_loud_noise_spoils_the_supports_of_thresholding():
    check_notices(SUPPORT, draw=loud, margins=always)


def _with_weights(factor):
    def measure(layers):
        weights, _ = layers.weights
        scaled = tuple(factor * weight for weight in weights)
        solver = layered.LayeredBasisPursuit(layered.CoordinateDescent())
        return layered._beyond(layers, layers._codes(scaled, solver))

    return measure


def test_smaller_weights_than_the_theorem_asks_for_leave_the_support():
    check_notices(INSIDE, measure=_with_weights(0.01))


def test_an_oracle_that_ignores_the_cosupport_misses_the_formula():
    def measure(oracle):
        blind = replace(oracle, zeros=np.zeros_like(oracle.zeros))
        return abs(float(blind.errors.mean()) - oracle.holistic)

    check_notices(FORMULA, measure=measure)
    check_notices(GAIN, measure=lambda oracle: 1.01 * oracle.synthesis, bound=GAIN.bound)


def test_crowded_layers_are_not_in_force():
    layers = layered._draw(np.random.default_rng(0), quiet=0.0)
    crowded = layers.planted[0].codes + 1.0
    first = replace(layers.planted[0], codes=crowded)
    full = layered.Layers((first, layers.planted[1]))
    for claim in (SUPPORT, INSIDE):
        assert min(claim.margins(layers).values()) > 0
        assert min(claim.margins(full).values()) < 0
