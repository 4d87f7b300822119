"""Planted codes and noise are what was asked for."""

import numpy as np
import pytest

import sparsecsc as sc
from sparsecsc.theory.planted import plant
from sparsecsc.theory.sparsity import stripe_counts, stripe_norm

BARKER = sc.ConvDictionary(sc.dirac_barker_filters())


def dictionaries():
    """Return (dictionary, size) of each kind."""
    rng = np.random.default_rng(0)
    return [
        (BARKER, (156,)),
        (sc.ConvDictionary(sc.dirac_barker_filters(), dilation=3), (120,)),
        (sc.ConvDictionary(sc.dirac_msequence_filters(5)), (31,)),
        (sc.ConvDictionary(sc.sidon_filters(2, 3, (8, 8), 6, rng)), (15, 18)),
        (sc.Concat([sc.Identity(), sc.ConvDictionary(sc.dirac_barker_filters()[1:])]), (80,)),
        (sc.ConvDictionary(sc.haar_pair() * np.sqrt(2)), (20,)),
    ]


@pytest.mark.parametrize(("dictionary", "spatial"), dictionaries())
@pytest.mark.parametrize("stripe", [1, 2, 5])
def test_codes_have_the_stripe_norm_and_amplitudes_that_were_asked_for(dictionary, spatial, stripe):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        planted = plant(rng, dictionary, spatial, stripe=stripe, amplitudes=(0.5, 2.0))
        assert planted.stripe == stripe == stripe_norm(dictionary, planted.codes, spatial)
        if np.count_nonzero(planted.codes) > 1:
            assert planted.smallest == 0.5
            assert planted.largest == 2.0
        signs = np.sign(planted.codes[planted.codes != 0])
        assert np.count_nonzero(planted.noise) == 0
        assert len(signs) < 8 or {-1.0, 1.0} == set(signs)
        image = dictionary.synthesize(planted.codes, spatial)
        assert np.array_equal(planted.signal, image)


@pytest.mark.parametrize(("dictionary", "spatial"), dictionaries())
def test_no_further_code_fits_into_a_dense_packing(dictionary, spatial):
    planted = plant(np.random.default_rng(1), dictionary, spatial, stripe=2)
    free = np.argwhere(planted.codes[0] == 0)
    for index in free[:: max(1, len(free) // 40)]:
        more = planted.codes.copy()
        more[(0, *index)] = 1.0
        assert stripe_norm(dictionary, more, spatial) > 2


def test_barker_codes_of_stripe_norm_two_have_about_ten_nonzeros_on_156_samples():
    counts = [
        np.count_nonzero(plant(np.random.default_rng(seed), BARKER, (156,), stripe=2).codes)
        for seed in range(20)
    ]
    assert 8 <= np.mean(counts) <= 12
    assert np.count_nonzero(plant(np.random.default_rng(0), BARKER, (156,), stripe=7).codes) > 30


def test_fewer_codes_can_be_asked_for():
    planted = plant(np.random.default_rng(0), BARKER, (156,), stripe=3, n_nonzero=4)
    assert np.count_nonzero(planted.codes) == 4
    assert planted.stripe <= 3
    one = plant(np.random.default_rng(0), BARKER, (156,), stripe=3, n_nonzero=1, noise=0.5)
    assert one.stripe == 1
    assert 1.0 <= one.smallest == one.largest <= 2.0


@pytest.mark.parametrize(("dictionary", "spatial"), dictionaries())
def test_noise_has_the_local_or_global_norm_that_was_asked_for(dictionary, spatial):
    rng = np.random.default_rng(3)
    planted = plant(rng, dictionary, spatial, stripe=1, noise=0.25)
    assert planted.local_noise == pytest.approx(0.25, rel=1e-13)
    direction = rng.standard_normal(planted.noise.shape)
    local = planted.with_local_noise(direction, 2.0)
    whole = planted.with_global_noise(direction, 2.0)
    assert local.local_noise == pytest.approx(2.0, rel=1e-13)
    assert np.linalg.norm(whole.noise) == pytest.approx(2.0, rel=1e-13)
    assert whole.local_noise <= 2.0 * (1 + 1e-13) <= np.linalg.norm(local.noise) * (1 + 1e-12)
    for noisy in (local, whole):
        along = float(np.sum(noisy.noise * direction))
        assert along == pytest.approx(np.linalg.norm(noisy.noise) * np.linalg.norm(direction))
        assert noisy.codes is planted.codes
    assert not planted.with_local_noise(0 * direction, 2.0).noise.any()


def test_the_same_seed_plants_the_same():
    first, second = (plant(np.random.default_rng(5), BARKER, (90,), stripe=2) for _ in range(2))
    other = plant(np.random.default_rng(6), BARKER, (90,), stripe=2)
    assert np.array_equal(first.codes, second.codes)
    assert not np.array_equal(first.codes, other.codes)


def test_stripe_counts_find_the_fullest_patch():
    codes = np.zeros((1, 2, 60))
    codes[0, :, 20] = codes[0, 0, 50] = 1.0
    counts = stripe_counts(BARKER, codes)
    assert counts.shape == (1, 60)
    assert counts.max() == 2
    assert list(np.flatnonzero(counts[0] == 2)) == list(range(8, 33))


def test_what_cannot_be_planted_says_so():
    rng = np.random.default_rng(0)
    for wrong in (
        sc.ConvDictionary(sc.dirac_barker_filters(), padding="same"),
        sc.ConvDictionary(sc.dirac_barker_filters(), stride=2),
    ):
        with pytest.raises(ValueError, match=r"`dictionary` must be circular and have stride 1"):
            plant(rng, wrong, (60,), stripe=1)
    with pytest.raises(ValueError, match=r"`stripe` must be an integer >= 1; got 0"):
        plant(rng, BARKER, (60,), stripe=0)
    with pytest.raises(ValueError, match=r"`n_nonzero` must be an integer >= 1; got 0"):
        plant(rng, BARKER, (60,), stripe=1, n_nonzero=0)
