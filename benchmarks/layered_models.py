"""Multi-layer problems of the sizes that networks have, for the benchmarks of one iteration."""

from __future__ import annotations

from typing import Any

import numpy as np

import sparsecsc as sc

# name: (signals, spatial, layers of (filters, channels, kernel, stride, padding))
MODELS: dict[str, tuple[Any, ...]] = {
    "digits 64-128-512": (
        128,
        (28, 28),
        [(64, 1, 6, 2, 0), (128, 64, 6, 2, 0), (512, 128, 4, 1, 0)],
    ),
    "digits 32-64-512": (
        128,
        (28, 28),
        [(32, 1, 6, 2, 0), (64, 32, 6, 2, 0), (512, 64, 4, 1, 0)],
    ),
    "tiny images 32-64-128": (
        128,
        (32, 32),
        [(32, 3, 4, 2, 1), (64, 32, 4, 2, 1), (128, 64, 4, 2, 1)],
    ),
    "layer 64 of 32x7x7": (1, (256, 256), [(64, 32, 7, 1, 3)]),
    "layer 64 of 64x7x7": (1, (256, 256), [(64, 64, 7, 1, 3)]),
    "layer 64 of 64x11x11": (1, (256, 256), [(64, 64, 11, 1, 5)]),
    "layer 64 of 32x3x3": (1, (256, 256), [(64, 32, 3, 1, 1)]),
    "two layers 32-64, 7x7": (1, (256, 256), [(32, 1, 7, 1, 3), (64, 32, 7, 1, 3)]),
}


def make_problem(name: str) -> sc.MultilayerPursuit:
    """Return the problem: random filters, a random signal, weights that leave a tenth nonzero."""
    n_signals, spatial, layers = MODELS[name]
    rng = np.random.default_rng(0)
    dictionaries = []
    for n_filters, n_channels, kernel, stride, padding in layers:
        filters = rng.standard_normal((n_filters, n_channels, kernel, kernel)) / kernel
        filters = (filters / np.sqrt(n_channels)).astype(np.float32)
        dictionaries.append(sc.ConvDictionary(filters, stride=stride, padding=padding))
    signal = rng.standard_normal((n_signals, layers[0][1], *spatial)).astype(np.float32)
    model = sc.MLCSC(dictionaries)
    penalties, codes = [], signal
    scale = 1.0
    for dictionary in dictionaries:
        step = 1.0 / dictionary.lipschitz(codes.shape[2:])
        scale *= step
        codes = step * dictionary.analyze(codes)
        threshold = float(np.quantile(codes, 0.9))
        penalties.append(sc.NonnegativeL1(threshold / scale))
        codes = np.maximum(codes - threshold, 0)
    return sc.MultilayerPursuit(signal, model, penalties)
