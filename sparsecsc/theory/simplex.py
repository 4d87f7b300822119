"""Atoms as nearly dependent as a coherence allows, which attain the bounds made from it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.incoherent import dirac_msequence_filters
from sparsecsc.optimality import lambda_max
from sparsecsc.penalties.l1 import L1
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.theory.planted import Planted
from sparsecsc.theory.sparse_layers import simplex_filters


def shifted_simplex(n_bits: int) -> ConvDictionary:
    """Return one filter whose N = 2**n_bits - 1 shifts have inner products -1 / (N - 1).

    It is a maximal-length sequence less its mean, for signals of N samples.
    """
    sequence = dirac_msequence_filters(n_bits)[1:]
    centred = sequence - sequence.mean()
    return ConvDictionary(centred / np.linalg.norm(centred))


def draw_taps(
    rng: np.random.Generator, *, largest: int = 16, positions: int = 4
) -> tuple[ConvDictionary, tuple[int, ...]]:
    """Return a simplex of 4 to `largest` filters of one tap, and a size of 1 to `positions`."""
    filters = simplex_filters(int(rng.integers(4, largest + 1)))
    return ConvDictionary(filters), (int(rng.integers(1, positions + 1)),)


def draw_shifts(
    rng: np.random.Generator, *, bits: int = 4
) -> tuple[ConvDictionary, tuple[int, ...]]:
    """Return a simplex of the shifts of one filter, of 7 to 2**bits - 1 samples, and its size."""
    n_bits = int(rng.integers(3, bits + 1))
    return shifted_simplex(n_bits), (2**n_bits - 1,)


def plant_simplex(
    rng: np.random.Generator,
    dictionary: ConvDictionary,
    spatial: tuple[int, ...],
    *,
    bound: float = 0.5,
) -> Planted:
    """Plant codes of one sign as many as the stripe norm's bound allows.

    Parameters
    ----------
    rng : numpy.random.Generator
    dictionary, spatial
        From `draw_taps` or `draw_shifts`.
    bound : float
        The share b in b (1 + 1 / mu), which the stripe norm stays below.
    """
    overlap = dictionary.n_filters if dictionary.kernel == (1,) else spatial[0]
    count = max(1, int(np.ceil(bound * overlap)) - 1)
    codes = np.zeros((1, dictionary.n_filters, *spatial))
    # the atoms that overlap are the filters at one position, or all positions of the one filter
    for line in codes[0].T if dictionary.kernel == (1,) else codes[0]:
        line[rng.choice(overlap, count, replace=False)] = rng.uniform(1, 2)
    return Planted(dictionary, codes, np.zeros((1, dictionary.n_channels, *spatial)))


def small_weight_error(planted: Planted, pursue: Callable[[Planted, float], Array]) -> float:
    """Return the largest error of basis pursuit with a small weight, divided by the weight."""
    weight = 1e-2 * lambda_max(Pursuit(planted.signal, planted.dictionary, L1(1.0)))
    return float(np.abs(pursue(planted, weight) - planted.codes).max()) / weight
