"""Oracle errors equal the explicit matrices' formulas, and those of simulated estimators."""

import numpy as np
import pytest
from multilayer import matrix
from scipy.linalg import null_space

import sparsecsc as sc
from sparsecsc.theory.cosupports import cosupports, oracle_errors

RNG = np.random.default_rng


def planted(seed, *, banks=((8, 1, 5), (6, 8, 3)), spatial=(24,), n_nonzero=6, **geometry):
    """Return (dictionaries, codes): deepest codes whose middle codes are sparse, by sparse filters.

    Some deep filters come in pairs with the same taps: what one writes the other can cancel.
    """
    rng = RNG(seed)
    dictionaries = []
    for depth, shape in enumerate(banks):
        filters = rng.standard_normal(shape)
        if depth:
            filters *= rng.random(shape) < 0.25
            filters[:, 0] += (
                1.0
                * (np.abs(filters).sum(axis=tuple(range(1, len(shape)))) == 0)[
                    (slice(None), *(None,) * (len(shape) - 2))
                ]
            )
        dictionaries.append(sc.ConvDictionary(filters, **geometry))
    shapes = [(1, banks[0][1], *spatial)]
    for d in dictionaries:
        shapes.append(d.code_shape(shapes[-1]))
    deepest = np.zeros(shapes[-1])
    chosen = rng.choice(deepest.size, n_nonzero, replace=False)
    deepest.reshape(-1)[chosen] = rng.choice([-1.0, 1.0], n_nonzero)
    codes = [deepest]
    for d, shape in zip(dictionaries[:0:-1], shapes[-2:0:-1], strict=True):
        layer = d.synthesize(codes[0], shape[2:])
        codes.insert(0, np.where(np.abs(layer) > 1e-9, layer, 0.0))
    return dictionaries, codes


def with_zeros(codes, seed, share=0.3):
    """Return the codes with some zeros made up in the middle: more constraints, not consistent."""
    rng = RNG(seed)
    return [np.where(rng.random(c.shape) < share, 0.0, c) for c in codes[:-1]] + [codes[-1]]


def by_matrices(dictionaries, codes, sigma, spatial):
    """Return (synthesis, holistic, rank) from explicit matrices and their pseudo-inverses."""
    shapes = [(1, dictionaries[0].n_channels, *spatial)]
    for d in dictionaries:
        shapes.append(d.code_shape(shapes[-1]))
    layers = [matrix(d, shape) for d, shape in zip(dictionaries, shapes[:-1], strict=True)]
    support = np.flatnonzero(codes[-1])
    images = np.eye(codes[-1].size)[:, support]
    rows = [np.zeros((0, len(support)))]
    for i in range(len(layers) - 1, 0, -1):
        images = layers[i] @ images
        rows.append(images[codes[i - 1].reshape(-1) == 0])
    atoms, rows = layers[0] @ images, np.concatenate(rows)
    rank = np.linalg.matrix_rank(rows) if rows.size else 0
    free = null_space(rows, rcond=1e-9) if len(rows) else np.eye(len(support))
    synthesis = sigma**2 * np.sum(np.linalg.pinv(atoms) ** 2)
    holistic = sigma**2 * np.sum(np.linalg.pinv(atoms @ free) ** 2) if free.size else 0.0
    return synthesis, holistic, rank


CASES = {
    "two layers": {},
    "one layer": {"banks": ((8, 1, 5),)},
    "three layers": {"banks": ((4, 1, 5), (5, 4, 3), (6, 5, 3))},
    "strides": {"stride": 2, "spatial": (48,)},
    "borders": {"padding": "same"},
    "two axes": {"banks": ((5, 2, 3, 3), (6, 5, 2, 2)), "spatial": (8, 6)},
}


@pytest.mark.parametrize("name", CASES)
def test_oracle_errors_are_those_of_the_matrices(name):
    options = CASES[name]
    spatial = options.get("spatial", (24,))
    constrained = 0
    for seed in range(12):
        dictionaries, codes = planted(seed, **options)
        for given in (codes, with_zeros(codes, seed)):
            found = oracle_errors(dictionaries, given, 0.3, spatial)
            synthesis, holistic, rank = by_matrices(dictionaries, given, 0.3, spatial)
            assert found.synthesis == pytest.approx(synthesis, rel=1e-9)
            assert found.holistic == pytest.approx(holistic, rel=1e-8, abs=1e-12)
            assert (found.rank, found.freedom) == (rank, found.n_nonzero - rank)
            assert found.holistic <= found.synthesis * (1 + 1e-9)
            constrained += rank > 0
    assert constrained > 5 or name == "one layer"


def test_a_forgotten_constraint_is_told_apart():
    dictionaries, codes = planted(0)
    given = with_zeros(codes, 0)
    found = oracle_errors(dictionaries, given, 0.3, (24,))
    _, holistic, rank = by_matrices(dictionaries, [np.ones_like(given[0]), given[1]], 0.3, (24,))
    assert rank == 0 < found.rank
    assert holistic != pytest.approx(found.holistic, rel=1e-3)


def test_simulated_estimators_have_these_errors():
    rng, sigma = RNG(8), 0.1
    filters = rng.standard_normal((4, 1, 5))
    pair = np.zeros((2, 4, 1))
    pair[0, :2, 0], pair[1, [0, 2], 0] = (1.0, 1.0), (1.0, -1.0)
    dictionaries = [sc.ConvDictionary(filters), sc.ConvDictionary(pair)]
    deepest = np.zeros((1, 2, 20))
    deepest[0, :, 4], deepest[0, :, 11] = (1.0, -1.0), (2.0, -2.0)
    middle = dictionaries[1].synthesize(deepest)
    middle = np.where(np.abs(middle) > 1e-9, middle, 0.0)
    assert middle[0, 0, 4] == 0
    found = oracle_errors(dictionaries, [middle, deepest], sigma, (20,))
    assert (found.rank, found.freedom) == (2, 2)
    atoms = matrix(sc.Product(dictionaries), (1, 1, 20))[:, np.flatnonzero(deepest)]
    truth = deepest[deepest != 0]
    kernel = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]]) / 2**0.5
    noise = sigma * rng.standard_normal((20, 4000))
    signals = (atoms @ truth)[:, None] + noise
    plain = np.linalg.lstsq(atoms, signals, rcond=None)[0]
    held = kernel @ np.linalg.lstsq(atoms @ kernel, signals, rcond=None)[0]
    for estimate, expected in ((plain, found.synthesis), (held, found.holistic)):
        measured = np.mean(np.sum((estimate - truth[:, None]) ** 2, axis=0))
        assert measured == pytest.approx(expected, rel=0.1)
    assert found.holistic < 0.8 * found.synthesis


def test_a_large_signal_needs_no_matrix():
    dictionaries, codes = planted(
        1, banks=((16, 1, 7, 7), (16, 16, 3, 3)), spatial=(128, 128), n_nonzero=30
    )
    found = oracle_errors(dictionaries, codes, 1.0, (128, 128))
    assert found.n_nonzero == 30
    assert np.isfinite(found.synthesis)


def test_cosupports_are_the_zeros_of_the_middle():
    _, codes = planted(2)
    (zeros,) = cosupports(codes)
    assert np.array_equal(zeros, codes[0] == 0)
    with pytest.raises(ValueError, match=r"`codes` must have an array for each layer; got none"):
        cosupports([])


def test_what_has_no_oracle_says_so():
    dictionaries, codes = planted(3)
    with pytest.raises(ValueError, match=r"must have one array for each dictionary; got 1 for 2"):
        oracle_errors(dictionaries, codes[:1], 1.0, (24,))
    with pytest.raises(ValueError, match=r"`codes\[0\]` must have the shape \(1, 8, 25\)"):
        oracle_errors(dictionaries, codes, 1.0, (25,))
    with pytest.raises(ValueError, match=r"`codes\[-1\]` must have a nonzero; got none"):
        oracle_errors(dictionaries, [codes[0], 0 * codes[1]], 1.0, (24,))
    with pytest.raises(TypeError, match=r"`dictionary` must be a ConvDictionary"):
        oracle_errors([np.ones((2, 1, 3))], [np.ones((1, 2, 9))], 1.0, (9,))
    dependent = sc.ConvDictionary(np.ones((2, 1, 3)))
    with pytest.raises(ValueError, match=r"`codes` must be supported on linearly independent"):
        oracle_errors([dependent], [np.ones((1, 2, 9))], 1.0, (9,))
