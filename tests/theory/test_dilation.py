"""What dilation does to codes, and the claims about it."""

import math
from dataclasses import replace

import numpy as np
import pytest
from claim_checks import always, by_id, check_holds, check_notices, instead

import sparsecsc as sc
from sparsecsc.theory.claims import dilation as claims
from sparsecsc.theory.dilation import dilated_stripe_norm, relabel, restore, undilated

RELABELS, PURSUIT, CLUSTERS = (
    by_id(claims.CLAIMS, f"A1-dilation-{name}") for name in ("relabels", "pursuit", "clusters")
)


@pytest.mark.parametrize("claim", claims.CLAIMS, ids=lambda claim: claim.id)
def test_claim_holds(claim):
    check_holds(claim, n_trials=12)


def test_another_relabelling_is_noticed():
    def other(drawn):
        shape = (1, len(drawn.filters), drawn.n)
        codes = np.random.default_rng(0).standard_normal(shape)
        dilated = drawn.dictionary.synthesize(codes)
        plain = sc.ConvDictionary(drawn.filters).synthesize(relabel(codes, drawn.dilation + 1))
        size = relabel(dilated, drawn.dilation)
        return 1.0 if size.shape != plain.shape else float(np.abs(size - plain).max())

    check_notices(RELABELS, measure=other)


def test_without_relabelling_dilated_solutions_differ():
    def unmoved(drawn):
        dilated, plain = (drawn.solved(drawn.array, s) for s in (drawn.dilation, 1))
        return float(np.abs(dilated - plain).max())

    check_notices(PURSUIT, measure=unmoved)


def test_the_same_clusters_are_lost_without_dilation():
    check_notices(
        CLUSTERS, **instead(CLUSTERS, lambda drawn: replace(drawn, dilation=1)), n_trials=20
    )


def test_clusters_of_six_neighbours_a_class_are_lost():
    def dense(drawn):
        rng = np.random.default_rng(0)
        length = 6 * drawn.dilation
        codes = np.zeros_like(drawn.array)
        signs = rng.choice((-1.0, 1.0), length)
        codes[0, rng.integers(0, 2, length), np.arange(length)] = signs * (1 + rng.random(length))
        return replace(drawn, array=codes)

    assert min(CLUSTERS.margins(dense(claims._draw_cluster(np.random.default_rng(1)))).values()) < 0
    check_notices(CLUSTERS, **instead(CLUSTERS, dense), margins=always)


@pytest.mark.parametrize(("n", "dilation"), [(12, 5), (12, 1), (12, 4), (18, 4), (9, 6), (7, 9)])
def test_relabelling_keeps_every_entry_and_is_undone(n, dilation):
    array = np.arange(2.0 * 3 * n).reshape(2, 3, n)
    found = relabel(array, dilation)
    g = math.gcd(n, dilation)
    assert found.shape == (2 * g, 3, n // g)
    for r in range(g):
        for q in range(n // g):
            assert np.array_equal(found[r::g, :, q], array[:, :, (dilation * q + r) % n])
    assert np.array_equal(restore(found, dilation, n), array)


def test_the_dilated_stripe_norm_equals_a_count_over_all_patches():
    rng = np.random.default_rng(0)
    n, taps = 40, 3
    for dilation in (1, 2, 3, 5):
        dictionary = sc.ConvDictionary(sc.random_filters(2, 1, taps, rng), dilation=dilation)
        codes = (rng.random((1, 2, n)) < 0.2).astype(float)
        lags = dilation * np.arange(1 - taps, taps)
        counts = [codes[0][:, (i + lags) % n].sum() for i in range(n)]
        assert dilated_stripe_norm(dictionary, codes) == max(counts)
        assert dilated_stripe_norm(dictionary, codes) <= sc.stripe_norm(dictionary, codes)


def test_a_layer_of_msd_csc_has_a_dilated_stripe_norm():
    layer = sc.MSDCSC([sc.random_filters(2, 1, 3, 0)], dilations=[4]).dictionaries[0]
    codes = np.zeros((1, 3, 32))
    codes[0, 1, 8:16] = 1.0
    assert dilated_stripe_norm(layer, codes) == 2
    assert sc.stripe_norm(layer, codes) == 8


@pytest.mark.parametrize("shape", [(4, 8), (1, 1, 4, 4)])
def test_other_numbers_of_axes_are_refused(shape):
    with pytest.raises(ValueError, match=r"`array` must have the shape .* add the missing axes\."):
        relabel(np.zeros(shape), 2)


def test_a_dilation_below_one_is_refused():
    with pytest.raises(ValueError, match=r"`dilation` must be at least 1; got 0"):
        relabel(np.zeros((1, 1, 8)), 0)


def test_what_relabel_cannot_have_returned_is_refused():
    with pytest.raises(ValueError, match=r"`array` must have a multiple of 2 signals of 4 samples"):
        restore(np.zeros((1, 1, 8)), 2, 8)


def test_other_dictionaries_are_refused():
    bank = sc.random_filters(2, 2, 3, 0)
    with pytest.raises(TypeError, match=r"`dictionary` must be a ConvDictionary, .* one by one\."):
        undilated(sc.Product([sc.ConvDictionary(bank)]))
    for options in ({"padding": "same"}, {"stride": 2}):
        with pytest.raises(ValueError, match=r"`dictionary` must be circular, of one spatial axis"):
            undilated(sc.ConvDictionary(bank, **options))
    pair = [sc.ConvDictionary(bank, dilation=s) for s in (1, 2)]
    with pytest.raises(ValueError, match=r"with one dilation"):
        undilated(sc.Concat(pair))
