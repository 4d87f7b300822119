"""Claims on uniqueness and recovery, and what breaks them."""

from dataclasses import replace

import numpy as np
import pytest
from claim_checks import always, by_id, check_holds, check_notices, scaled_bound

import sparsecsc as sc
from sparsecsc.theory.claims import recovery, recovery_noise, uniqueness
from sparsecsc.theory.planted import plant

ALL = recovery.CLAIMS + recovery_noise.CLAIMS + uniqueness.CLAIMS
OMP, BP, STRIPES = (by_id(recovery.CLAIMS, f"B{n}") for n in ("2-omp", "2-bp", "3-omp"))
ISOMETRY = by_id(recovery.CLAIMS, "B4-isometry")
SPARK, WELCH = uniqueness.CLAIMS
STABLE, SUPPORT, ERROR, INSIDE, OFF = recovery_noise.CLAIMS


@pytest.mark.parametrize("claim", ALL, ids=lambda claim: claim.id)
def test_claim_holds(claim):
    check_holds(claim, n_trials=12)


def crowded(rng):
    dictionary = sc.ConvDictionary(sc.dirac_barker_filters())
    return plant(rng, dictionary, (80,), stripe=9)


@pytest.mark.parametrize("claim", [OMP, BP, STRIPES], ids=lambda claim: claim.id)
def test_beyond_the_bound_codes_are_not_always_found(claim):
    bound = (
        {} if claim is not BP else {"bound": lambda planted: 1e-3 * BP.bound(replace_one(planted))}
    )
    check_notices(claim, draw=crowded, margins=always, **bound)


def replace_one(planted):
    """The same with the stripe norm of one atom, so that the bound is a number above 0."""
    return plant(np.random.default_rng(0), planted.dictionary, planted.spatial, stripe=1)


@pytest.mark.parametrize(
    "claim", [SPARK, WELCH, BP, ISOMETRY, STABLE, ERROR], ids=lambda claim: claim.id
)
def test_the_bound_is_attained(claim):
    check_notices(claim, **scaled_bound(claim, 0.97), n_trials=30)


def test_basis_pursuit_in_noise_comes_within_a_factor_of_its_bound():
    check_notices(OFF, **scaled_bound(OFF, 0.75), n_trials=60)


def test_codes_that_synthesise_something_are_not_in_the_claim_on_null_vectors():
    null = uniqueness._draw_null(np.random.default_rng(0))
    other = replace(null, codes=null.codes + 1.0)
    assert min(SPARK.margins(null).values()) > 0
    assert min(SPARK.margins(other).values()) < 0


def loud(rng):
    dictionary = sc.ConvDictionary(sc.dirac_barker_filters())
    return plant(rng, dictionary, (80,), stripe=2, noise=1.5)


@pytest.mark.parametrize("claim", [SUPPORT, INSIDE], ids=lambda claim: claim.id)
def test_loud_noise_or_a_small_weight_spoils_the_support(claim):
    if claim is SUPPORT:
        check_notices(claim, draw=loud, margins=always)
    else:
        small = {
            "measure": lambda p: recovery_noise._beyond(p, recovery.pursued(p, 0.3 * p.local_noise))
        }
        check_notices(claim, **small)


def test_the_stripe_coherence_allows_more_than_the_bound_and_is_in_force_there():
    beyond = 0
    for seed in range(20):
        planted = STRIPES.draw(np.random.default_rng([seed, 5]))
        assert min(STRIPES.margins(planted).values()) > 0
        beyond += min(OMP.margins(planted).values()) <= 0
    assert beyond >= 2


def test_one_filter_has_no_welch_bound():
    bank = WELCH.draw(np.random.default_rng(0))
    single = replace(bank, dictionary=sc.ConvDictionary(np.ones((1, 1, 3))))
    assert min(WELCH.margins(bank).values()) > 0
    assert min(WELCH.margins(single).values()) <= 0
