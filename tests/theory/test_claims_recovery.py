"""Claims on uniqueness and recovery, and what breaks them; planted codes."""

from dataclasses import replace

import numpy as np
import pytest
from claim_checks import always, by_id, check_holds, check_notices, scaled_bound

import sparsecsc as sc
from sparsecsc.theory.claims import recovery, recovery_noise, uniqueness
from sparsecsc.theory.planted import patch_energy, plant

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
    ("claim", "factor"), [(BP, 0.99), (ISOMETRY, 0.99), (ERROR, 0.4), (STABLE, 0.4), (OFF, 0.5)]
)
def test_the_bound_is_tight_to_a_factor(claim, factor):
    check_notices(claim, **scaled_bound(claim, factor), n_trials=30)


def test_the_spark_bound_is_tight_to_a_factor_of_four_on_these_null_vectors():
    check_notices(SPARK, **scaled_bound(SPARK, 0.25), n_trials=40)


def test_welch_is_met_by_a_factor_of_two_and_a_wrong_formula_is_noticed():
    check_notices(WELCH, **scaled_bound(WELCH, 0.5), n_trials=40)


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


def test_planted_codes_are_what_was_asked_for():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        dictionary, spatial = recovery.draw_incoherent(rng)
        planted = plant(rng, dictionary, spatial, stripe=3, amplitudes=(0.5, 2.0), noise=0.1)
        assert planted.stripe == 3
        assert 0.5 <= planted.smallest <= np.abs(planted.codes).max() <= 2.0
        assert planted.local_noise == pytest.approx(0.1)
        assert np.allclose(
            planted.signal - planted.noise, dictionary.synthesize(planted.codes), atol=1e-12
        )


def test_patch_energy_is_the_largest_norm_of_a_patch():
    x = np.random.default_rng(0).standard_normal((1, 2, 5, 6))
    patches = [
        np.linalg.norm(np.roll(x, (-i, -j), (2, 3))[..., :2, :3])
        for i in range(5)
        for j in range(6)
    ]
    assert patch_energy(x, (2, 3)) == pytest.approx(max(patches))
    assert patch_energy(2 * x, (2, 3)) != pytest.approx(max(patches))
