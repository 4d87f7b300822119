"""Chains of layers in which codes can be sparse at every depth, with small coherences."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.incoherent import (
    dirac_barker_filters,
    dirac_msequence_filters,
    sidon_filters,
)
from sparsecsc.models.mlcsc import MLCSC
from sparsecsc.protocols import Array

__all__ = [
    "barker_layers",
    "msequence_layers",
    "room_for",
    "simplex_filters",
    "simplex_layers",
]


def simplex_filters(n_filters: int) -> Array:
    """Return m unit vectors in m - 1 channels, of one tap, with inner products -1 / (m - 1).

    Their coherence is the least possible, and the bounds made from it are attained: any k of them
    with coefficients of one sign are as nearly dependent as k atoms can be.

    Returns
    -------
    ndarray, float64
        (m, m - 1, 1)
    """
    centred = np.eye(n_filters) - 1.0 / n_filters
    values, vectors = np.linalg.eigh(centred)
    rows = vectors[:, values > 0.5] * math.sqrt(n_filters / (n_filters - 1))
    return np.ascontiguousarray(rows)[:, :, None]


def barker_layers(
    rng: np.random.Generator, n_layers: int, *, n_taps: int = 4, n_filters: int = 2
) -> MLCSC:
    """Return a spike and a Barker sequence, then sparse layers, whose taps lie far apart.

    So far that what one deep coefficient makes in one layer it makes once a stripe (twice where
    two channels have a tap at one position, at most).

    Parameters
    ----------
    rng : numpy.random.Generator
    n_layers : int
    n_taps : int
        Of the filters of the layers from the second on.
    n_filters : int
        Of the deepest layer; the others have two.
    """
    layers = [ConvDictionary(dirac_barker_filters())]
    for i in range(2, n_layers + 1):
        m = n_filters if i == n_layers else 2
        kernel = (n_taps * n_taps * max(m, 2)) // 4 + 1
        filters = sidon_filters(m, 2, kernel, n_taps, rng)
        apart = 2 * layers[-1].extent[0] - 1 if i > 2 else int(rng.choice((13, 25)[: 4 - n_layers]))
        layers.append(ConvDictionary(filters, dilation=apart))
    return MLCSC(layers)


def room_for(model: MLCSC) -> int:
    """Return the samples that the deepest atoms touch, at least 300."""
    touched = sum(int(d.extent[0]) - 1 for d in model.dictionaries)
    return max(300, 1 + touched)


def msequence_layers(rng: np.random.Generator, taps: Sequence[int], *, n_bits: int = 8) -> MLCSC:
    """Return a spike and a maximal-length sequence, then sparse layers with these many taps.

    For lines of 2**n_bits - 1 samples, where the first layer's stripes are the whole signal.
    """
    layers = [ConvDictionary(dirac_msequence_filters(n_bits))]
    for n_taps in taps:
        filters = sidon_filters(2, 2, n_taps * n_taps, n_taps, rng)
        layers.append(ConvDictionary(filters))
    return MLCSC(layers)


def simplex_layers(n_filters: int, group: int, n_layers: int = 2) -> MLCSC:
    """Return a simplex of one tap, whose filters the next layer takes in groups of equal taps.

    Layers from the third on are single taps. The layers from the second on are orthogonal, so that
    what an effective dictionary does to deeper codes is what the simplex does.
    """
    n_groups = n_filters // group
    grouped = np.zeros((n_groups, n_filters, 1))
    for j in range(n_groups):
        grouped[j, j * group : (j + 1) * group, 0] = 1.0 / math.sqrt(group)
    single = np.eye(n_groups)[:, :, None]
    banks = [simplex_filters(n_filters), grouped, *[single] * max(n_layers - 2, 0)]
    return MLCSC([ConvDictionary(bank) for bank in banks[:n_layers]])
