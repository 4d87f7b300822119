"""Frame bounds and frame potentials equal those of the explicit matrix, on random geometries."""

import time

import numpy as np
import pytest
from test_deep import block_matrix

import sparsecsc as sc
from sparsecsc.models.deep import DeepDictionary
from sparsecsc.theory import frames, potentials
from sparsecsc.theory.small import matrix

EPS = np.finfo(float).eps
N_GEOMETRIES = 200


def random_bank(rng, channels, *, axes, stride=1, circular=None):
    """Return (dictionary, function of the signal's size that returns its matrix)."""
    kernel = [int(k) for k in rng.integers(1, 5 if axes == 1 else 4, size=axes)]
    filters = rng.standard_normal((int(rng.integers(1, 5)), channels, *kernel))
    dilation = int(rng.integers(1, 3))
    circular = rng.random() < 0.5 if circular is None else circular
    padding = None if circular else int(rng.integers(0, dilation * (min(kernel) - 1) + 1))
    geometry = {"stride": stride, "dilation": dilation}
    border = "circular" if padding is None else padding
    dictionary = sc.ConvDictionary(filters, padding=border, **geometry)
    return dictionary, lambda n: matrix(filters, n, padding=padding, **geometry)


def random_dictionary(seed):
    """Return (dictionary, size, explicit matrix): a bank, a bank beside samples, or two in a row.

    The matrix is put together from shifted taps, without the library's convolutions.
    """
    rng = np.random.default_rng([seed, 5])
    axes, channels = int(rng.integers(1, 3)), int(rng.integers(1, 3))
    kind = seed % 3
    stride = 1 if kind == 1 else int(rng.integers(1, 3))
    size = 2 * int(rng.integers(5, 16 if axes == 1 else 6))
    spatial = (size, size + 2)[:axes]
    circular = rng.random() < 0.6
    outer, matrix_of = random_bank(rng, channels, axes=axes, stride=stride, circular=circular)
    explicit = matrix_of(spatial)
    if kind == 0:
        return outer, spatial, explicit
    if kind == 1:
        if not outer.is_circular and outer.code_shape((1, channels, *spatial))[2:] != spatial:
            filters = outer.filters
            outer, explicit = sc.ConvDictionary(filters), matrix(filters, spatial)
        return (
            sc.Concat([sc.Identity(), outer]),
            spatial,
            np.hstack([np.eye(len(explicit)), explicit]),
        )
    codes = outer.code_shape((1, channels, *spatial))[2:]
    inner, matrix_of = random_bank(rng, outer.n_filters, axes=axes, circular=circular)
    if not inner.is_circular and min(codes) < max(inner.extent):
        inner = sc.ConvDictionary(inner.filters[(..., *(slice(0, 1),) * axes)].copy())
        return sc.Product([outer, inner]), spatial, explicit @ matrix(inner.filters, codes)
    return sc.Product([outer, inner]), spatial, explicit @ matrix_of(codes)


def explicit_bounds(explicit):
    values = np.linalg.eigvalsh(explicit @ explicit.T)
    return values[0], values[-1]


def explicit_potential(explicit):
    norms = np.linalg.norm(explicit, axis=0)
    atoms = explicit[:, norms > 1e-9 * norms.max()]
    atoms = atoms / np.linalg.norm(atoms, axis=0)
    return np.sum((atoms.T @ atoms) ** 2)


@pytest.mark.parametrize("start", range(0, N_GEOMETRIES, 50))
def test_frame_bounds_and_potential_are_those_of_the_matrix(start):
    for seed in range(start, start + 50):
        dictionary, spatial, explicit = random_dictionary(seed)
        least, most = explicit_bounds(explicit)
        found = frames.frame_bounds(dictionary, spatial)
        assert found == pytest.approx((max(least, 0), most), rel=1e-9, abs=1e3 * EPS * most), seed
        potential = potentials.frame_potential(dictionary, spatial)
        assert potential == pytest.approx(explicit_potential(explicit), rel=1e-10), seed
        rows = len(explicit)
        shape = dictionary.code_shape((1, dictionary.n_channels, *spatial))
        if rows <= np.prod(shape) == explicit.shape[1]:
            norms = np.linalg.norm(explicit, axis=0)
            present = int((norms > 1e-9 * norms.max()).sum())
            assert potential >= potentials.potential_bound(present, rows) * (1 - 1e-9)


def test_a_wrong_matrix_is_told_apart():
    dictionary, spatial, explicit = random_dictionary(0)
    wrong = explicit.copy()
    wrong[:, 0] *= 3.0
    found = frames.frame_bounds(dictionary, spatial)
    assert found != pytest.approx(explicit_bounds(wrong), rel=1e-6)
    wrong = explicit.copy()
    wrong[:, 0] = wrong[:, 1]
    found = potentials.frame_potential(dictionary, spatial)
    assert found != pytest.approx(explicit_potential(wrong), rel=1e-6)


def test_parseval_filters_are_a_tight_frame_of_least_potential():
    filters = sc.random_parseval_filters(6, 2, 3, np.random.default_rng(0))
    dictionary = sc.ConvDictionary(filters)
    assert frames.frame_bounds(dictionary, (24,)) == pytest.approx((1, 1), rel=1e-13)
    haar = sc.ConvDictionary(sc.haar_pair())
    assert frames.frame_bounds(haar, (32,)) == pytest.approx((1, 1), rel=1e-13)
    found = potentials.frame_potential(haar, (32,))
    assert found == pytest.approx(potentials.potential_bound(64, 32), rel=1e-13)
    random = sc.ConvDictionary(np.random.default_rng(1).standard_normal((2, 1, 5)))
    assert potentials.frame_potential(random, (32,)) > 1.01 * potentials.potential_bound(64, 32)


def test_lanczos_agrees_with_the_matrix_on_more_rows():
    filters = np.random.default_rng(3).standard_normal((4, 1, 5))
    for padding in (4, 2):
        dictionary = sc.ConvDictionary(filters, padding=padding)
        explicit = matrix(filters, (300,), padding=padding)
        found = frames.frame_bounds(dictionary, (300,))
        assert found == pytest.approx(explicit_bounds(explicit), rel=1e-9)


def test_lanczos_says_when_it_does_not_converge(monkeypatch):
    monkeypatch.setattr(frames, "_RESTARTS", 1)
    dictionary = sc.ConvDictionary(np.ones((1, 1, 3)), padding="full")
    with pytest.raises(ValueError, match=r"`spatial` must be small .* converge in 1 restarts"):
        frames.frame_bounds(dictionary, (2000,))


def chains():
    """Return (name, model, signal shape): strides, dilations, skips, dense layers."""
    rng = np.random.default_rng(9)

    def bank(*shape, **geometry):
        return sc.ConvDictionary(rng.standard_normal(shape), **geometry)

    dense = [rng.standard_normal((2, 1, 3)), rng.standard_normal((1, 3, 2))]
    residual = [bank(2, 1, 3), bank(1, 2, 3)]
    return {
        "one layer": (sc.MLCSC([bank(3, 1, 4)]), (1, 24)),
        "a chain": (sc.MLCSC([bank(2, 1, 3), bank(3, 2, 2)]), (1, 24)),
        "strides": (sc.MLCSC([bank(2, 1, 3, stride=2), bank(3, 2, 2, stride=2)]), (1, 48)),
        "two axes": (sc.MLCSC([bank(2, 2, 2, 3), bank(2, 2, 2, 2, dilation=2)]), (2, 16, 12)),
        "a small signal": (sc.MLCSC([bank(2, 1, 3), bank(3, 2, 3)]), (1, 4)),
        "residual": (sc.ResCSC(residual), (1, 24)),
        "dense": (sc.MSDCSC(dense, dilations=[1, 3]), (1, 30)),
    }


@pytest.mark.parametrize("name", chains())
def test_deep_potential_is_that_of_the_block_matrix(name):
    model, shape = chains()[name]
    deep = DeepDictionary(model, shape)
    explicit = block_matrix(model, deep.shapes)
    found = potentials.deep_frame_potential(model, shape)
    assert found == pytest.approx(explicit_potential(explicit), rel=1e-11)
    rows, columns = explicit.shape
    assert found >= potentials.potential_bound(columns, rows) * (1 - 1e-12)
    atoms = explicit / np.linalg.norm(explicit, axis=0)
    coherence = np.abs(atoms.T @ atoms - np.eye(columns)).max()
    assert potentials.coherence_from_potential(found, columns) <= coherence * (1 + 1e-12)


def test_one_layer_has_the_same_deep_potential_as_its_dictionary():
    model, shape = chains()["one layer"]
    deep = potentials.deep_frame_potential(model, shape)
    assert deep == pytest.approx(
        potentials.frame_potential(model.dictionaries[0], shape[1:]), rel=1e-12
    )
    assert potentials.coherence_from_potential(1.0, 1) == 0.0


def test_a_large_domain_takes_seconds_and_no_matrix():
    filters = np.random.default_rng(1).standard_normal((64, 1, 11, 11))
    dictionary = sc.ConvDictionary(filters)
    began = time.perf_counter()
    _, most = frames.frame_bounds(dictionary, (512, 512))
    potential = potentials.frame_potential(dictionary, (512, 512))
    assert time.perf_counter() - began < 30
    assert most == pytest.approx(dictionary.lipschitz((512, 512)), rel=1e-12)
    small = potentials.frame_potential(dictionary, (32, 32))
    assert potential == pytest.approx(256 * small, rel=1e-12)


def test_what_has_no_frame_says_so():
    with pytest.raises(TypeError, match="`dictionary` must be a ConvDictionary"):
        frames.frame_bounds(np.ones((2, 1, 3)), (8,))
    with pytest.raises(ValueError, match="`dictionary` must have filters; got only identities"):
        frames.frame_bounds(sc.Identity(), (8,))
    with pytest.raises(ValueError, match="kernel"):
        frames.frame_bounds(sc.ConvDictionary(np.ones((2, 1, 3)), padding="valid"), (2,))
    bordered = sc.MLCSC([sc.ConvDictionary(np.ones((2, 1, 3)), padding="same")])
    with pytest.raises(ValueError, match=r"`model` must have circular layers; .* in layer 1"):
        potentials.deep_frame_potential(bordered, (1, 12))
