"""Small problems and their explicit matrices, for experiments that check the rest of the package.

Nothing here uses the package's own convolutions, so that what is compared with them is
independent of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.incoherent import dirac_barker_filters, haar_pair, sidon_filters
from sparsecsc.dictionaries.random import random_filters, random_parseval_filters
from sparsecsc.optimality import lambda_max
from sparsecsc.penalties.l1 import L1
from sparsecsc.penalties.nonnegative_l1 import NonnegativeL1
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.solve import solve

__all__ = [
    "correlate",
    "draw_dictionary",
    "draw_planted",
    "draw_pursuit",
    "matrix",
    "optimum",
    "rectify",
    "shrink",
]


def correlate(
    signal: Array,
    filters: Array,
    *,
    stride: int = 1,
    dilation: int = 1,
    padding: int | None = None,
) -> Array:
    """Return the correlations of a signal with filters, tap by tap: a network's convolution.

    Parameters
    ----------
    signal : ndarray, shape (n_signals, n_channels, *spatial)
    filters : ndarray, shape (n_filters, n_channels, *kernel)
    stride, dilation : int
        For all axes.
    padding : int, optional
        Zeros on both sides of each axis; None wraps around, with the first tap as the origin.

    Returns
    -------
    ndarray, shape (n_signals, n_filters, *code_spatial)

    Notes
    -----
    O(n_signals · n_filters · n_channels · prod(kernel) · prod(code_spatial)), by an einsum a tap.
    """
    kernel, spatial = filters.shape[2:], signal.shape[2:]
    reach = [dilation * (k - 1) for k in kernel]
    sides = [(0, r) if padding is None else (padding, padding) for r in reach]
    mode: Any = "wrap" if padding is None else "constant"
    padded = np.pad(signal, [(0, 0), (0, 0), *sides], mode=mode)
    last = [n - r for n, r in zip(padded.shape[2:], reach, strict=True)]
    if padding is None:
        last = list(spatial)
    size = [-(-n // stride) for n in last]
    out = np.zeros((signal.shape[0], filters.shape[0], *size))
    for tap in product(*map(range, kernel)):
        window = [
            slice(dilation * t, dilation * t + n, stride) for t, n in zip(tap, last, strict=True)
        ]
        part = padded[(slice(None), slice(None), *window)]
        out += np.einsum("bc...,mc->bm...", part, filters[(slice(None), slice(None), *tap)])
    return out


def matrix(filters: Array, spatial: Sequence[int], **geometry: Any) -> Array:
    """Return the explicit matrix D: rows are (channel, position), columns (filter, position).

    Parameters
    ----------
    filters : ndarray, shape (n_filters, n_channels, *kernel)
    spatial : sequence of int
        Of the signal.
    **geometry
        As for `correlate`, of which it is the adjoint.

    Notes
    -----
    n_channels · prod(spatial) correlations of a unit impulse, and as many rows of memory.
    """
    rows = filters.shape[1] * math.prod(spatial)
    impulses = np.eye(rows).reshape(rows, filters.shape[1], *spatial)
    return correlate(impulses, filters, **geometry).reshape(rows, -1)


def shrink(values: Array, threshold: Any) -> Array:
    """Return the soft threshold of the values."""
    return np.sign(values) * np.maximum(np.abs(values) - threshold, 0.0)


def rectify(values: Array) -> Array:
    """Return the positive parts."""
    return np.maximum(values, 0.0)


def draw_dictionary(rng: np.random.Generator) -> ConvDictionary:
    """Return a circular dictionary of one channel: T1, T3, T4 (two kinds) or random filters."""
    kinds = (
        dirac_barker_filters,
        lambda: sidon_filters(2, 1, 32, 4, rng),
        haar_pair,
        lambda: random_parseval_filters(int(rng.integers(5, 8)), 1, 5, rng),
        lambda: random_filters(3, 1, 5, rng),
    )
    return ConvDictionary(kinds[rng.integers(len(kinds))]())


def draw_planted(rng: np.random.Generator, dictionary: Any, n: int, *, noise: float = 0.1) -> Array:
    """Return a signal of `n` samples made of about n / 8 atoms, with noise of this relative size.

    Coefficients are at least 0.5 in size; a quarter of the signals has positive ones only.
    """
    shape = dictionary.code_shape((1, dictionary.n_channels, n))
    codes = (0.5 + rng.random(shape)) * rng.choice((-1.0, 1.0), shape)
    codes *= rng.random(shape) < 1.0 / (8 * shape[1])
    signal = dictionary.synthesize(np.abs(codes) if rng.random() < 0.25 else codes, (n,))
    added = rng.standard_normal(signal.shape)
    size = max(float(np.linalg.norm(signal)), 1.0) / float(np.linalg.norm(added))
    return signal + noise * size * added


def draw_pursuit(rng: np.random.Generator, *, n: int = 64) -> Pursuit:
    """Return a problem with a planted signal, `L1` or `NonnegativeL1`, at 2 to 60 % of lambda_max.

    The dictionary is one of `draw_dictionary`. About n · n_filters unknowns.
    """
    dictionary = draw_dictionary(rng)
    signal = draw_planted(rng, dictionary, n)
    penalty = L1(1.0) if rng.random() < 0.5 else NonnegativeL1(1.0)
    problem = Pursuit(signal, dictionary, penalty)
    share = 10.0 ** rng.uniform(math.log10(0.02), math.log10(0.6))
    return problem.with_penalty(penalty.scaled(share * lambda_max(problem)))


def optimum(problem: Pursuit, *, tol: float = 1e-13) -> Array:
    """Return codes with a certified relative gap of `tol`, or the best in 50000 iterations."""
    return solve(problem, tol=tol, max_iter=50_000).codes
