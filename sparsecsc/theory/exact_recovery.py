"""Tropp's exact recovery coefficient of a support."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsecsc.backends import backend_of
from sparsecsc.protocols import Array
from sparsecsc.theory._spans import as_numpy, extents, is_circular, stride_of

__all__ = ["exact_recovery_coefficient"]

_NUMBERS = 2**23
"""In the codes of a block of signals."""
_USABLE = 1e-6
"""Atoms with less than this share of the largest norm are never chosen."""


def exact_recovery_coefficient(
    dictionary: Any, codes: Array, spatial: Sequence[int] | None = None
) -> float:
    r"""Return :math:`\max_{j \notin S} \|D_S^+ d_j\|_1` for the support S of some codes.

    Below 1, orthogonal matching pursuit and basis pursuit find every code with this support.

    Parameters
    ----------
    dictionary : ConvDictionary, Identity, or Concat or Product of such
        Its atoms count with norm 1, as orthogonal matching pursuit takes them.
    codes : array, shape (1, n_filters, *code_spatial)
        Only where they are not 0 matters.
    spatial : sequence of int, optional
        The size of the signal, as for `ConvDictionary.synthesize`.

    Returns
    -------
    float
        0 for the empty support; inf if its atoms are dependent.

    Raises
    ------
    TypeError
        If the dictionary has a part of another kind.
    ValueError
        If there are the codes of more than one signal.

    Notes
    -----
    One analysis of each atom of the support, then one synthesis and one analysis of each of its
    dual basis; on a circle on the part of the domain that the atoms which overlap touch. Memory:
    :math:`|S|^2` numbers of such a part, and blocks of signals with 8 million codes.

    References
    ----------
    Tropp 2004 (the exact recovery condition).
    """
    if codes.shape[0] != 1:
        msg = f"`codes` must be those of one signal; got {codes.shape[0]}: pass one at a time."
        raise ValueError(msg)
    host = as_numpy(dictionary)
    size = tuple(host.signal_spatial(codes.shape[2:]) if spatial is None else spatial)
    support = np.argwhere(backend_of(codes).to_host(codes)[0] != 0)
    total = np.zeros(codes.shape[1:])
    for cluster in _clusters(host, support, size, codes.shape[2:]):
        sums = _row_sums(host, cluster)
        if sums is None:
            return math.inf
        total[np.ix_(range(len(total)), *cluster.places)] += sums
    total[tuple(support.T)] = 0.0
    return float(total.max())


@dataclass(frozen=True, eq=False)
class _Cluster:
    """Atoms of a support that overlap, and the part of the domain that they have to do with."""

    support: Array
    """(n, 1 + axes): filter and position in that part."""
    size: tuple[int, ...]
    """Of that part, in samples."""
    places: tuple[Array, ...]
    """Where its positions are in the whole, along each axis."""


def _clusters(
    dictionary: Any, support: Array, size: tuple[int, ...], positions: Sequence[int]
) -> Iterator[_Cluster]:
    """Cut a circular domain into parts; with another border all of it is one."""
    if not is_circular(dictionary):
        if len(support):
            yield _Cluster(support, size, tuple(np.arange(n) for n in positions))
        return
    grid = np.array(positions)
    steps = np.array([stride_of(dictionary, axis) for axis in range(len(grid))])
    reach = (np.array(extents(dictionary)) - 1) // steps
    left = np.ones(len(support), dtype=bool)
    while left.any():
        chosen, places = _connected(support[:, 1:], left, reach, grid)
        first = places.min(axis=0) - reach
        room = np.minimum(places.max(axis=0) + 2 * reach + 1 - first, grid)
        local = (places - first) % room
        whole = room == grid
        local[:, whole] = support[chosen, 1:][:, whole]
        first = np.where(whole, 0, first)
        where = tuple((np.arange(n) + f) % g for n, f, g in zip(room, first, grid, strict=True))
        yield _Cluster(
            np.column_stack([support[chosen, 0], local]), tuple(map(int, room * steps)), where
        )


def _connected(positions: Array, left: Array, reach: Array, grid: Array) -> tuple[Array, Array]:
    """Take the atoms connected with the first that is left; return them, unrolled positions too."""
    chosen, places = [int(np.flatnonzero(left)[0])], [positions[np.flatnonzero(left)[0]]]
    left[chosen[0]] = False
    for one in chosen:  # which grows while it is gone through
        apart = (positions - positions[one] + grid // 2) % grid - grid // 2
        for other in np.flatnonzero(left & (np.abs(apart) <= reach).all(axis=1)):
            places.append(places[chosen.index(one)] + apart[other])
            chosen.append(int(other))
            left[other] = False
    return np.array(chosen), np.array(places)


def _row_sums(dictionary: Any, cluster: _Cluster) -> Array | None:
    """Return the sums of the sizes of D_S^+ d_j for every atom j; None if D_S has a null space."""
    signal_shape = (1, int(dictionary.n_channels), *cluster.size)
    norms = dictionary.column_norms(signal_shape, np.ones(1))[0]
    usable = norms > _USABLE * norms.max()
    norms = np.where(usable, norms, np.inf)
    where = tuple(cluster.support[usable[tuple(cluster.support.T)]].T)
    total = np.zeros(norms.shape)
    if not len(where[0]):
        return total
    units = _blocks(np.diag(1.0 / norms[where]), where, norms.shape)
    products = [
        dictionary.analyze(dictionary.synthesize(unit, cluster.size))[(slice(None), *where)]
        for unit in units
    ]
    gram = np.concatenate(products) / norms[where]
    if np.linalg.matrix_rank(gram, hermitian=True) < len(gram):
        return None
    for duals in _blocks(np.linalg.inv(gram) / norms[where], where, norms.shape):
        found = dictionary.analyze(dictionary.synthesize(duals, cluster.size))
        total += np.abs(found).sum(axis=0) / norms
    return total


def _blocks(values: Array, where: tuple[Array, ...], shape: tuple[int, ...]) -> Iterator[Array]:
    """Yield codes whose rows have the rows of `values` on a support, and 0 elsewhere."""
    step = max(1, _NUMBERS // math.prod(shape))
    for first in range(0, len(values), step):
        rows = values[first : first + step]
        codes = np.zeros((len(rows), *shape))
        codes[(slice(None), *where)] = rows
        yield codes
