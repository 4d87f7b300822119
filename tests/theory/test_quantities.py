"""Quantities of a dictionary against the explicit matrix, in many geometries."""

import math
from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest

import sparsecsc as sc
from sparsecsc.theory import coherence, guarantees, norms, sparsity
from sparsecsc.theory.exact_recovery import exact_recovery_coefficient

N_GEOMETRIES = 200


def bank(rng, axes, channels, *, stride, padding):
    kernel = tuple(int(k) for k in rng.integers(1, 5 if axes == 1 else 4, axes))
    filters = rng.standard_normal((int(rng.integers(1, 4)), channels, *kernel))
    if rng.random() < 0.2:
        filters[0] = rng.integers(-1, 2, filters[0].shape)
        filters[0, (0,) * filters[0].ndim] = 1.0
    dilation = int(rng.integers(1, 3))
    return sc.ConvDictionary(filters, stride=stride, dilation=dilation, padding=padding)


def draw_dictionary(rng, axes, channels):
    """Return any of the kinds: plain, beside an identity or another, a chain, with any border."""
    padding = rng.choice(["circular", "valid", "same", "full", "1"], p=[0.4, 0.15, 0.2, 0.15, 0.1])
    padding = 1 if padding == "1" else str(padding)
    stride = int(rng.integers(1, 4)) if rng.random() < 0.4 else 1
    kind = rng.integers(4)
    if kind == 0:
        return bank(rng, axes, channels, stride=stride, padding=padding)
    if kind == 1:
        beside = "circular" if padding == "circular" or rng.random() < 0.2 else "same"
        return sc.Concat([sc.Identity(), bank(rng, axes, channels, stride=1, padding=beside)])
    if kind == 2:
        pair = [str(p) for p in rng.choice(["circular", "same"], 2)]
        return sc.Concat([bank(rng, axes, channels, stride=1, padding=p) for p in pair])
    first = bank(rng, axes, channels, stride=stride, padding=padding)
    inner = sc.Concat([sc.Identity(), first]) if stride == 1 and padding == "same" else first
    width = inner.n_filters
    second = bank(rng, axes, width, stride=int(rng.integers(1, 3)), padding=padding)
    return sc.Product([inner, second])


def draw_geometry(seed):
    """Return a dictionary, a size that fits, and the explicit matrix, (samples, *codes)."""
    rng = np.random.default_rng([seed, 99])
    axes, channels = int(rng.integers(1, 3)), int(rng.integers(1, 3))
    while True:
        dictionary = draw_dictionary(rng, axes, channels)
        most = (4, 40) if axes == 1 else (4, 11)
        spatial = tuple(int(n) for n in rng.integers(*most, axes))
        try:
            shape = dictionary.code_shape((1, channels, *spatial))
        except ValueError:
            continue
        if math.prod(shape) <= 300:
            return dictionary, spatial, explicit(dictionary, channels, spatial), shape


def explicit(dictionary, channels, spatial):
    shape = dictionary.code_shape((1, channels, *spatial))
    units = np.eye(math.prod(shape)).reshape(-1, *shape[1:])
    return dictionary.synthesize(units, spatial).reshape(len(units), -1).T


def gram(matrix):
    """Return the sizes of the inner products of unit columns, 0 on the diagonal."""
    norms = np.linalg.norm(matrix, axis=0)
    unit = matrix / np.where(norms > 1e-10 * norms.max(), norms, np.inf)
    found = np.abs(unit.T @ unit)
    np.fill_diagonal(found, 0.0)
    return found


def by_shift(dictionary, matrix, spatial, shape, weights):
    """Return the largest inner products at each shift, of the matrix."""
    sizes = gram(matrix).reshape(shape[1], -1, shape[1], math.prod(shape[2:])).max(axis=(0, 2))
    positions = np.indices(shape[2:]).reshape(len(shape) - 2, -1)
    apart = positions[:, None, :] - positions[:, :, None]
    found = np.zeros(weights.shape)
    reach = [w // 2 for w in weights.shape]
    for index in np.ndindex(weights.shape):
        shift = np.array([i - r for i, r in zip(index, reach, strict=True)])[:, None, None]
        wrapped = np.array(shape[2:])[:, None, None]
        same = apart - shift
        same = same % wrapped if any_circular(dictionary) else same
        found[index] = sizes[(same == 0).all(axis=0)].max(initial=0.0)
    return found, sizes.max(initial=0.0)


def any_circular(dictionary):
    parts = getattr(dictionary, "dictionaries", ())
    return getattr(dictionary, "is_circular", False) or any(any_circular(d) for d in parts)


def test_coherence_and_babel_are_those_of_the_matrix_in_all_geometries():
    for seed in range(N_GEOMETRIES):
        dictionary, spatial, matrix, shape = draw_geometry(seed)
        expected = gram(matrix)
        weights = coherence.shifted_coherences(dictionary, spatial)
        wanted, largest = by_shift(dictionary, matrix, spatial, shape, weights)
        assert np.abs(weights - wanted).max() < 1e-11, (seed, dictionary)
        assert weights.max() == pytest.approx(largest, abs=1e-11), (seed, dictionary)
        ordered = np.sort(expected, axis=1)[:, ::-1]
        k = 1 + seed % 10
        wanted = ordered[:, :k].sum(axis=1).max()
        assert coherence.babel(dictionary, k, spatial) == pytest.approx(wanted, abs=1e-10)
        check_stripe_coherence(seed, dictionary, spatial, shape, weights)


def check_stripe_coherence(seed, dictionary, spatial, shape, weights):
    """It is the sum over nonzeros of the shifted coherence at their distance."""
    codes = (np.random.default_rng(seed).random(shape) < 0.1).astype(float)
    positions = np.argwhere(np.ones(shape[2:]))
    reach = np.array([w // 2 for w in weights.shape])
    sizes = np.array(shape[2:])
    largest = 0.0
    for middle in positions:
        apart = np.argwhere(codes[0])[:, 1:] - middle
        if any_circular(dictionary):
            apart = (apart + sizes // 2) % sizes - sizes // 2
        near = apart[(np.abs(apart) <= reach).all(axis=1)] + reach
        largest = max(largest, sum(weights[tuple(i)] for i in near))
    found = coherence.stripe_coherence(dictionary, codes, spatial)
    assert found == pytest.approx(largest, abs=1e-10), (seed, dictionary)


# ---- norms of stripes and patches ----


def test_stripe_counts_are_those_of_the_atoms_that_touch_a_patch():
    for seed in range(N_GEOMETRIES):
        dictionary, spatial, _, shape = draw_geometry(seed)
        if "Product" in repr(dictionary):
            continue
        codes = (np.random.default_rng(seed).random(shape) < 0.2).astype(float)
        found = sparsity.stripe_norm(dictionary, codes, spatial)
        parts = getattr(dictionary, "dictionaries", (dictionary,))
        patch = np.max([getattr(p, "extent", (1,) * len(spatial)) for p in parts], axis=0)
        wraps = all(getattr(p, "is_circular", True) for p in parts)
        spread = np.abs(envelope(dictionary, spatial, shape)) > 1e-9
        touched = spread.reshape(-1, *spatial, spread.shape[-1]).any(axis=0)
        expected = 0
        for first in np.ndindex(*spatial):
            ends = [f + p for f, p in zip(first, patch, strict=True)]
            inside = all(e <= max(n, p) for e, n, p in zip(ends, spatial, patch, strict=True))
            if not wraps and not inside:
                continue
            window = [np.arange(f, e) for f, e in zip(first, ends, strict=True)]
            window = [w % n if wraps else w[w < n] for w, n in zip(window, spatial, strict=True)]
            stripe = touched[np.ix_(*window)].reshape(-1, touched.shape[-1]).any(axis=0)
            expected = max(expected, int((stripe & (codes.reshape(-1) != 0)).sum()))
        assert found >= expected
        mixed = any_circular(dictionary) and not wraps
        if not mixed and all(d == 1 for p in parts for d in getattr(p, "dilations", ())):
            assert found == expected, (seed, dictionary)


def envelope(dictionary, spatial, shape):
    """Return the matrix of the same dictionary with all taps 1."""
    ones = [
        replace(p, filters=np.ones_like(p.filters)) if hasattr(p, "filters") else p
        for p in getattr(dictionary, "dictionaries", (dictionary,))
    ]
    return explicit(sc.Concat(ones), dictionary.n_channels, spatial).reshape(-1, math.prod(shape))


@pytest.mark.parametrize("circular", [True, False])
def test_patch_norms_are_the_largest_over_windows(circular):
    rng = np.random.default_rng(0)
    for _ in range(20):
        signal = rng.standard_normal((2, 3, 6, 7)) * (rng.random((2, 3, 6, 7)) < 0.5)
        patch = tuple(int(p) for p in rng.integers(1, 10, 2))
        most, energy = 0, 0.0
        for first in np.ndindex(6, 7):
            window = [np.arange(f, f + p) for f, p in zip(first, patch, strict=True)]
            if not circular and any(
                w[0] > 0 and w[-1] >= n for w, n in zip(window, (6, 7), strict=True)
            ):
                continue
            window = [
                np.unique(w % n) if circular else w[w < n]
                for w, n in zip(window, (6, 7), strict=True)
            ]
            for one in signal:
                seen = one[:, window[0][:, None], window[1]]
                most = max(most, np.count_nonzero(seen))
                energy = max(energy, np.linalg.norm(seen))
        assert norms.patch_sparsity(signal, patch, circular=circular) == most
        found = norms.patch_energy(signal, patch, circular=circular)
        assert found == pytest.approx(energy, rel=1e-14)
        assert norms.patch_energy(signal[:, :2], patch, circular=circular) <= energy
    with pytest.raises(ValueError, match=r"`patch` must be an int or have one entry for each"):
        norms.patch_energy(np.ones((1, 1, 5)), (2, 2))


# ---- guarantees ----


def test_spark_bounds_hold_the_spark():
    """Of matrices of at most 12 atoms, whose every subset is looked at."""
    n_open = 0
    for seed in range(60):
        rng = np.random.default_rng([seed, 7])
        filters = rng.integers(-1, 2, (2, 1, int(rng.integers(1, 4)))).astype(float)
        filters[:, 0, 0] = 1.0
        dictionary = sc.ConvDictionary(filters, padding=str(rng.choice(["circular", "valid"])))
        spatial = (int(rng.integers(4, 7)),)
        matrix = explicit(dictionary, 1, spatial)
        lower, upper = guarantees.spark_bounds(dictionary, spatial)
        found = spark(matrix)
        assert lower <= found <= upper, (seed, lower, found, upper)
        n_open += lower < found < upper
    assert n_open < 60


def spark(matrix):
    for k in range(1, matrix.shape[1] + 1):
        for chosen in combinations(range(matrix.shape[1]), k):
            if np.linalg.matrix_rank(matrix[:, chosen]) < k:
                return k
    return math.inf


def test_known_sparks_and_a_spark_that_is_both_bounds():
    assert guarantees.spark_bounds(sc.ConvDictionary(np.ones((1, 1, 1))), (9,)) == (10, math.inf)
    twins = sc.ConvDictionary(np.ones((2, 1, 1)))
    assert guarantees.spark_bounds(twins, (9,)) == (2, 2.0)
    lower, upper = guarantees.spark_bounds(sc.ConvDictionary(sc.dirac_barker_filters()), (156,))
    assert lower == 5  # the first above 1 + sqrt(13)
    assert lower <= 14 <= upper  # the Barker filter is a sum of 13 spikes


def test_the_isometry_constant_is_the_largest_over_all_supports():
    for seed in range(12):
        rng = np.random.default_rng([seed, 3])
        dictionary = sc.ConvDictionary(rng.standard_normal((2, 1, 2)))
        spatial, k = (int(rng.integers(4, 6)),), int(rng.integers(1, 4))
        matrix = explicit(dictionary, 1, spatial)
        unit = matrix / np.linalg.norm(matrix, axis=0)
        largest = 0.0
        for bits in product((0, 1), repeat=unit.shape[1]):
            codes = np.array(bits, float).reshape(1, 2, *spatial)
            if any(bits) and sparsity.stripe_norm(dictionary, codes) <= k:
                atoms = unit[:, np.array(bits) > 0]
                gram = atoms.T @ atoms - np.eye(atoms.shape[1])
                largest = max(largest, np.linalg.norm(gram, 2))
        found = guarantees.stripe_isometry(dictionary, k, spatial)
        bound = guarantees.stripe_isometry(dictionary, k, spatial, most=3)
        assert found.is_exact
        assert found.value == pytest.approx(largest, abs=1e-12)
        assert not bound.is_exact
        assert bound.value >= largest - 1e-12


def test_the_recovery_coefficient_is_that_of_the_matrix():
    for seed in range(120):
        dictionary, spatial, matrix, shape = draw_geometry(seed)
        rng = np.random.default_rng(seed)
        codes = (rng.random(shape) < rng.integers(1, 6) / math.prod(shape)).astype(float)
        sizes = np.linalg.norm(matrix, axis=0)
        there = sizes > 1e-6 * sizes.max()
        unit = matrix / np.where(there, sizes, np.inf)
        support = (codes.reshape(-1) != 0) & there
        found = exact_recovery_coefficient(dictionary, codes, spatial)
        if np.linalg.matrix_rank(unit[:, support]) < support.sum():
            assert found == math.inf
            continue
        weights = np.abs(np.linalg.pinv(unit[:, support]) @ unit[:, ~support]).sum(axis=0)
        assert found == pytest.approx(weights.max(initial=0.0), rel=1e-7, abs=1e-9), seed
    with pytest.raises(ValueError, match=r"`codes` must be those of one signal; got 2"):
        exact_recovery_coefficient(sc.ConvDictionary(np.ones((1, 1, 1))), np.ones((2, 1, 4)))


# ---- norms of the dictionary ----


def test_the_lipschitz_constant_is_that_of_the_matrix_where_circular_and_else_a_bound():
    n_exact = 0
    for seed in range(N_GEOMETRIES):
        dictionary, spatial, matrix, _ = draw_geometry(seed)
        found = dictionary.lipschitz(spatial)
        squared = np.linalg.norm(matrix, 2) ** 2
        assert found >= squared * (1 - 1e-12), (seed, dictionary)
        parts = getattr(dictionary, "dictionaries", (dictionary,))
        circular = all(getattr(p, "is_circular", True) for p in parts)
        if circular and not isinstance(dictionary, sc.Product):
            n_exact += 1
            assert found == pytest.approx(squared, rel=1e-12), (seed, dictionary)
    assert n_exact >= 40
