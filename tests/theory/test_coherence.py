"""Coherences against the explicit matrix, and where they are known in closed form."""

import math
import time

import numpy as np
import pytest

import sparsecsc as sc
from sparsecsc.theory import coherence

N_GEOMETRIES = 200


def geometry(seed):
    """Return a random dictionary, the size of a signal, and its explicit matrix."""
    rng = np.random.default_rng(seed)
    n_axes, channels = int(rng.integers(1, 3)), int(rng.integers(1, 3))
    kernel = tuple(int(k) for k in rng.integers(1, 5, n_axes))
    dilation = int(rng.integers(1, 3))
    extent = [(k - 1) * dilation + 1 for k in kernel]
    padding = "circular" if rng.random() < 0.7 else 0
    stride = int(rng.integers(1, 3))
    spatial = tuple(stride * int(rng.integers(-(-e // stride), e + 4)) for e in extent)
    filters = rng.standard_normal((int(rng.integers(1, 5)), channels, *kernel))
    dictionary = sc.ConvDictionary(filters, stride=stride, dilation=dilation, padding=padding)
    if stride == 1 and padding == "circular" and rng.random() < 0.3:
        dictionary = sc.Concat([sc.Identity(), dictionary])
    return dictionary, spatial, dense(dictionary, channels, spatial)


def dense(dictionary, channels, spatial):
    shape = dictionary.code_shape((1, channels, *spatial))
    units = np.eye(math.prod(shape)).reshape(-1, *shape[1:])
    return dictionary.synthesize(units, spatial).reshape(len(units), -1).T, shape


def gram(matrix):
    """Return the sizes of the inner products of unit columns, 0 on the diagonal."""
    unit = matrix / np.linalg.norm(matrix, axis=0)
    found = np.abs(unit.T @ unit)
    np.fill_diagonal(found, 0.0)
    return found


def test_coherence_and_babel_are_those_of_the_matrix_in_many_geometries():
    n_compared = 0
    for seed in range(N_GEOMETRIES):
        dictionary, spatial, (matrix, shape) = geometry(seed)
        expected = gram(matrix)
        found = coherence.mutual_coherence(dictionary, spatial)
        assert found == pytest.approx(expected.max(initial=0.0), abs=1e-12), seed
        if _is_roomy(dictionary, spatial, shape[2:]):
            n_compared += 1
            ordered = np.sort(expected, axis=1)[:, ::-1]
            for k in (1, 3):
                wanted = ordered[:, :k].sum(axis=1).max()
                assert coherence.babel(dictionary, k, spatial) == pytest.approx(wanted, abs=1e-11)
    assert n_compared > 20


def _is_roomy(dictionary, spatial, positions):
    """Whether some atom has all neighbours that overlap it, each of them once."""
    shifts = coherence.shifted_coherences(dictionary, spatial).shape
    roomy = all(p >= s for p, s in zip(positions, shifts, strict=True))
    return roomy and not _wraps_twice(dictionary, spatial)


def _wraps_twice(dictionary, spatial):
    """Whether some shift of an atom is met on both sides, and so counted twice."""
    parts = getattr(dictionary, "dictionaries", (dictionary,))
    extents = [part.extent for part in parts if hasattr(part, "extent")]
    circular = all(getattr(part, "is_circular", True) for part in parts)
    return circular and any(
        n < 2 * e - 1 for extent in extents for n, e in zip(spatial, extent, strict=True)
    )


def test_stripe_coherence_is_the_sum_over_the_matrix():
    for seed in range(N_GEOMETRIES):
        dictionary, spatial, (matrix, shape) = geometry(seed)
        if _wraps_twice(dictionary, spatial):
            continue
        rng = np.random.default_rng(seed)
        codes = (rng.random(shape) < 0.2).astype(float)
        by_shift = (
            gram(matrix).reshape(shape[1], -1, shape[1], math.prod(shape[2:])).max(axis=(0, 2))
        )
        weights = coherence.shifted_coherences(dictionary, spatial)
        positions = np.indices(shape[2:]).reshape(len(shape) - 2, -1)
        apart = positions[:, None, :] - positions[:, :, None]
        circular = getattr(dictionary, "is_circular", True)
        sizes = np.array(shape[2:]).reshape(-1, 1, 1)
        apart = (apart + sizes // 2) % sizes - sizes // 2 if circular else apart
        reach = np.array(weights.shape).reshape(-1, 1, 1) // 2
        inside = (np.abs(apart) <= reach).all(axis=0)
        table = np.where(inside, weights[tuple(np.clip(apart + reach, 0, 2 * reach))], 0.0)
        assert np.all(by_shift <= table + 1e-12), seed
        counts = codes[0].sum(axis=0).reshape(-1)
        expected = (table @ counts).max()
        found = coherence.stripe_coherence(dictionary, codes, spatial)
        assert found == pytest.approx(expected, abs=1e-10), seed


def test_a_wrong_coherence_would_be_noticed():
    filters = np.random.default_rng(0).standard_normal((3, 1, 4))
    matrix, _ = dense(sc.ConvDictionary(filters), 1, (12,))
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
