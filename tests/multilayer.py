"""Small multi-layer problems, their explicit matrices, and F computed from these alone."""

import numpy as np
from reference import penalty_value

import sparsecsc as sc


def unit_filters(rng, *shape, dtype=np.float64):
    """Return random filters of norm 1."""
    filters = rng.standard_normal(shape)
    axes = tuple(range(1, len(shape)))
    return (filters / np.sqrt((filters**2).sum(axis=axes, keepdims=True))).astype(dtype)


BANKS = {
    1: [(4, 1, 5)],
    2: [(4, 1, 5), (6, 4, 3)],
    3: [(3, 1, 4), (5, 3, 3), (6, 5, 3)],
    4: [(2, 1, 3), (3, 2, 3), (4, 3, 2), (5, 4, 2)],
    "2d": [(3, 1, 3, 3), (5, 3, 2, 2)],
    "channels": [(3, 2, 4), (4, 3, 3)],
}
"""Shapes of the filters of each layer."""


def chain(banks=2, *, seed=0, scales=None, dtype=np.float64, **geometry):
    """Return an MLCSC of random unit filters; `geometry` has one entry a layer for each option."""
    rng = np.random.default_rng(seed)
    layers = []
    for i, shape in enumerate(BANKS[banks]):
        filters = unit_filters(rng, *shape, dtype=dtype) * dtype(1 if scales is None else scales[i])
        layers.append(sc.ConvDictionary(filters, **{k: v[i] for k, v in geometry.items()}))
    return sc.MLCSC(layers)


def dense_model(padding="circular"):
    """Return a small MSDCSC of two layers, 3 and 6 channels."""
    rng = np.random.default_rng(5)
    banks = [unit_filters(rng, 2, 1, 3), unit_filters(rng, 3, 3, 3)]
    return sc.MSDCSC(banks, dilations=[1, 2], padding=padding)


def residual_model(shortcut=None):
    """Return a ResCSC of three layers; the second starts at the signal, the third at layer 1."""
    rng = np.random.default_rng(6)
    shapes = [(3, 2, 3), (2, 3, 3), (3, 2, 3)]
    starts = [None, 0, 1]
    if shortcut is not None:
        shapes, starts = [(3, 2, 3), (4, 3, 3), (3, 4, 3)], [None, 0, None]
        shortcut = sc.ConvDictionary(unit_filters(rng, 4, 2, 1))
    layers = [sc.ConvDictionary(unit_filters(rng, *shape)) for shape in shapes]
    return sc.ResCSC(layers, shortcut=shortcut, starts=starts)


def pursuit(model, penalties, *, spatial=(16,), n_signals=1, seed=0, dtype=np.float64):
    """Return the problem of a random signal."""
    rng = np.random.default_rng(seed + 1000)
    channels = model.dictionaries[0].n_channels or 1
    signal = rng.standard_normal((n_signals, channels, *spatial)).astype(dtype)
    return sc.MultilayerPursuit(signal, model, penalties)


def matrix(dictionary, signal_shape):
    """Return D column by column, by synthesising each unit code."""
    shape = dictionary.code_shape((1, *signal_shape[1:]))
    units = np.eye(int(np.prod(shape))).reshape(-1, *shape[1:])
    return dictionary.synthesize(units, tuple(signal_shape[2:])).reshape(len(units), -1).T


def matrices(problem):
    """Return the matrix of each layer."""
    pairs = zip(problem.model.dictionaries, problem.shapes[:-1], strict=True)
    return [matrix(d, shape) for d, shape in pairs]


def image_matrices(problem):
    """Return K_0, ..., K_{L-1}: from the deepest codes to the signal and the layers between."""
    products = [np.eye(int(np.prod(problem.shapes[-1][1:])))]
    for layer in matrices(problem)[::-1]:
        products.insert(0, layer @ products[0])
    return products[:-1]


def dense_objective(problem, deepest):
    """Return F at the deepest codes from explicit matrices; shallow signs are not enforced."""
    z = np.asarray(deepest, np.float64).reshape(len(deepest), -1)
    signal = np.asarray(problem.signal, np.float64).reshape(len(z), -1)
    first, *others = image_matrices(problem)
    total = 0.5 * float(((signal - z @ first.T) ** 2).sum())
    for penalty, shape, K in zip(problem.penalties, problem.shapes[1:], others, strict=False):
        total += penalty_value(penalty, (z @ K.T).reshape(shape))
    return total + penalty_value(problem.penalties[-1], deepest)


def zeros(problem):
    """Return codes of zeros."""
    return tuple(np.zeros(shape, dtype=problem.signal.dtype) for shape in problem.shapes[1:])


def exact(problem, tol=1e-8, max_iter=12_000, **options):
    """Return the certified result of the exact solver."""
    result = sc.solve(problem, sc.MLADMM(), tol=tol, max_iter=max_iter, **options)
    assert result.status is sc.Status.CONVERGED
    return result
