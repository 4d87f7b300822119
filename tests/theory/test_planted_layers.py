"""Planted layers and what is measured on them, against explicit matrices and plain loops."""

import numpy as np
import pytest

import sparsecsc as sc
from sparsecsc.theory.norms import patch_energy
from sparsecsc.theory.planted_layers import (
    PlantedLayers,
    all_layers,
    circular_coherence,
    draw_noise,
    fits,
    grow,
    largest_below,
    smallest_atom,
)
from sparsecsc.theory.small import matrix
from sparsecsc.theory.sparse_layers import (
    barker_layers,
    msequence_layers,
    room_for,
    simplex_filters,
    simplex_layers,
)

EPS = np.finfo(np.float64).eps


def dense_coherence(columns):
    columns = columns / np.linalg.norm(columns, axis=0)
    gram = np.abs(columns.T @ columns)
    np.fill_diagonal(gram, 0.0)
    return gram.max()


@pytest.mark.parametrize("seed", range(6))
def test_coherence_and_norms_are_those_of_the_explicit_matrix(seed):
    rng = np.random.default_rng(seed)
    n, dilation = int(rng.integers(14, 30)), int(rng.integers(1, 3))
    filters = rng.standard_normal((3, 2, 5))
    second = rng.standard_normal((2, 3, 4))
    first = sc.ConvDictionary(filters, dilation=dilation)
    columns = matrix(filters, (n,), dilation=dilation)
    assert circular_coherence(first, n) == pytest.approx(dense_coherence(columns), rel=100 * EPS)
    least = np.linalg.norm(columns, axis=0).min()
    assert smallest_atom(first, n) == pytest.approx(least, rel=100 * EPS)
    both = sc.Product([first, sc.ConvDictionary(second)])
    columns = columns @ matrix(second, (n,))
    assert circular_coherence(both, n) == pytest.approx(dense_coherence(columns), rel=500 * EPS)


def test_a_wrong_matrix_has_another_coherence():
    filters = np.random.default_rng(0).standard_normal((3, 1, 5))
    wrong = dense_coherence(matrix(filters[1:], (20,)))
    assert circular_coherence(sc.ConvDictionary(filters), 20) != pytest.approx(wrong, rel=1e-3)


@pytest.mark.parametrize("m", [2, 3, 6, 16])
def test_a_simplex_has_the_least_coherence_and_one_dependence(m):
    columns = simplex_filters(m)[:, :, 0].T
    gram = columns.T @ columns
    assert np.allclose(gram, (np.eye(m) * m - 1) / (m - 1), atol=50 * EPS)
    assert np.allclose(columns.sum(axis=1), 0, atol=50 * EPS)
    assert np.linalg.matrix_rank(columns) == m - 1


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["barker", "deep barker", "msequence", "simplex"])
def test_planted_codes_chain_are_sparse_and_within_their_limits(kind, seed):
    rng = np.random.default_rng(seed)
    model, n = {
        "barker": lambda: (barker_layers(rng, 2, n_taps=3, n_filters=1), 300),
        "deep barker": lambda: (barker_layers(rng, 3, n_taps=3, n_filters=1), 600),
        "msequence": lambda: (msequence_layers(rng, (4,)), 255),
        "simplex": lambda: (simplex_layers(7, 2, 3), 8),
    }[kind]()
    assert n >= max(room_for(model), 300) or kind in ("msequence", "simplex")
    limits = [4, 3, 2][: len(model.dictionaries)] if kind != "msequence" else [8, 2]
    planted = grow(rng, model, n, limits, ratio=2.0)
    assert fits(planted, limits)
    sources = (planted.signal, *planted.codes[:-1])
    for source, dictionary, codes in zip(sources, model.dictionaries, planted.codes, strict=True):
        scale = np.abs(source).max()
        assert np.allclose(dictionary.synthesize(codes), source, atol=500 * EPS * scale)
        assert 0 < np.count_nonzero(codes) < codes.size
    assert max(planted.largest[-1:]) <= 2.0
    assert min(planted.smallest[-1:]) >= 1.0
    noise = draw_noise(rng, planted, 0.25)
    patch = model.dictionaries[0].extent[0]
    assert patch_energy(noise, patch) == pytest.approx(0.25, rel=1e-12)


def test_limits_that_no_code_meets_leave_one_deep_coefficient_that_does_not_fit():
    rng = np.random.default_rng(0)
    model = barker_layers(rng, 2, n_taps=4)
    planted = grow(rng, model, 300, [0, 1])
    assert np.count_nonzero(planted.codes[-1]) == 1
    assert not fits(planted, [0, 1])


def test_rounding_leaves_exact_zeros():
    model = simplex_layers(6, 2, 2)
    deepest = np.zeros((1, 3, 4))
    deepest[0, :, 1] = 0.1
    codes = all_layers(model, deepest)
    assert np.count_nonzero(codes[0]) == 6
    assert PlantedLayers(model, codes).stripe_norms == (6, 3)


def test_the_largest_integer_below_a_bound_is_strictly_below():
    assert [largest_below(x) for x in (2.0, 2.3, 3.0000001)] == [1, 2, 3]
    assert largest_below(np.inf) > 10**6
