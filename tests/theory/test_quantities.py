"""Quantities of a dictionary against the explicit matrix, in many geometries."""

import math

import numpy as np
import pytest

import sparsecsc as sc
from sparsecsc.theory import coherence

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
        for k in (3, 10):
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
