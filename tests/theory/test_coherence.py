"""Coherences where they are known in closed form, on large domains, and what is refused."""

import math
import time

import numpy as np
import pytest

import sparsecsc as sc
from sparsecsc.theory import coherence


def dense(dictionary, channels, spatial):
    shape = dictionary.code_shape((1, channels, *spatial))
    units = np.eye(math.prod(shape)).reshape(-1, *shape[1:])
    return dictionary.synthesize(units, spatial).reshape(len(units), -1).T


def gram(matrix):
    """Return the sizes of the inner products of unit columns, 0 on the diagonal."""
    unit = matrix / np.linalg.norm(matrix, axis=0)
    found = np.abs(unit.T @ unit)
    np.fill_diagonal(found, 0.0)
    return found


def test_a_wrong_coherence_would_be_noticed():
    filters = np.random.default_rng(0).standard_normal((3, 1, 4))
    matrix = dense(sc.ConvDictionary(filters), 1, (12,))
    found = coherence.mutual_coherence(sc.ConvDictionary(filters), (12,))
    assert found == pytest.approx(gram(matrix).max(), abs=1e-13)
    other = sc.ConvDictionary(filters[:2])
    assert coherence.mutual_coherence(other, (12,)) != pytest.approx(gram(matrix).max(), abs=1e-6)


@pytest.mark.parametrize("dilation", [1, 3])
def test_known_coherences(dilation):
    barker = sc.ConvDictionary(sc.dirac_barker_filters(), dilation=dilation)
    assert coherence.mutual_coherence(barker, (156,)) == pytest.approx(1 / math.sqrt(13))
    half, third = coherence.recovery_bounds(1 / math.sqrt(13))
    assert half == pytest.approx(2.303, abs=1e-3)
    assert third == pytest.approx(1.535, abs=1e-3)
    sequence = sc.ConvDictionary(sc.dirac_msequence_filters(6))
    assert coherence.mutual_coherence(sequence, (63,)) == pytest.approx(1 / math.sqrt(63))
    assert coherence.recovery_bounds(0.0) == (math.inf, math.inf)


def test_the_general_welch_bound_is_met_by_a_simplex_and_an_m_sequence_comes_near():
    """n + 1 filters in n channels meet it; a sequence as long as the signal has 1/sqrt(N)."""
    for n in (2, 5, 9):
        assert coherence.welch_bound(n + 1, 1, n_channels=n) == pytest.approx(1 / n)
    assert coherence.welch_bound(2, 15, spatial=(15,)) == pytest.approx(1 / math.sqrt(29))
    assert coherence.welch_bound(2, 15, spatial=(100,)) == coherence.welch_bound(2, 15)
    assert coherence.welch_bound(3, 4, n_channels=3) == 0.0
    assert coherence.welch_bound(4, (3, 2)) == pytest.approx(math.sqrt(3 / (4 * 5 * 3 - 1)))


def test_no_bank_is_below_the_welch_bound_and_it_is_what_is_published():
    assert coherence.welch_bound(2, 13) == pytest.approx(0.1429, abs=1e-4)
    for seed in range(30):
        rng = np.random.default_rng(seed)
        m, n = int(rng.integers(2, 6)), int(rng.integers(1, 9))
        bank = sc.ConvDictionary(rng.standard_normal((m, 1, n)))
        found = coherence.mutual_coherence(bank, (4 * n,))
        assert found >= coherence.welch_bound(m, n) - 1e-12
        assert found < 2 * m * n * coherence.welch_bound(m, n)


def test_a_large_domain_takes_seconds_and_no_matrix():
    filters = np.random.default_rng(1).standard_normal((64, 1, 11, 11))
    dictionary = sc.ConvDictionary(filters)
    began = time.perf_counter()
    large = coherence.mutual_coherence(dictionary, (512, 512))
    assert time.perf_counter() - began < 10
    assert large == coherence.mutual_coherence(dictionary, (32, 32))


def test_what_cannot_be_measured_says_so():
    filters = np.ones((2, 1, 3))
    with pytest.raises(TypeError, match=r"`dictionary` must be a ConvDictionary, .*; got object"):
        coherence.mutual_coherence(object(), (8,))
    with pytest.raises(TypeError, match=r"`dictionary` must be a ConvDictionary, .*; got ndarray"):
        coherence.stripe_coherence(filters, sc.ConvDictionary(filters))
    with pytest.raises(ValueError, match=r"`dictionary` must have filters; got only identities"):
        coherence.mutual_coherence(sc.Concat([sc.Identity()]), (8,))
    with pytest.raises(ValueError, match=r"`signal` must have at least 3 samples"):
        coherence.mutual_coherence(sc.ConvDictionary(filters), (2,))
    with pytest.raises(ValueError, match=r"`k` must be"):
        coherence.babel(sc.ConvDictionary(filters), 0)
    # of 8 samples both have codes at 8 positions
    far = sc.ConvDictionary(np.ones((1, 1, 1)), stride=2, padding=4)
    uneven = [sc.ConvDictionary(np.ones((1, 1, 5))), far]
    with pytest.raises(ValueError, match=r"must have one stride in all parts of a Concat"):
        coherence.mutual_coherence(sc.Concat(uneven), (8,))
