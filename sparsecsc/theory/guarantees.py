"""What coherence, or a look at every support, guarantees: independence, isometry, recovery."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from sparsecsc.backends import backend_of
from sparsecsc.checks import check_count
from sparsecsc.protocols import Array
from sparsecsc.theory._atoms import atoms_of
from sparsecsc.theory._spans import as_numpy, extents, n_axes, stride_of
from sparsecsc.theory.coherence import babel
from sparsecsc.theory.sparsity import stripe_counts

__all__ = ["Isometry", "exact_recovery_coefficient", "spark_bounds", "stripe_isometry"]

_NUMBERS = 2**23
"""In the codes of a block of signals."""
_ROUNDING = 1e-9
"""Of sums of inner products that decide whether atoms are independent."""
_USABLE = 1e-6
"""Atoms with less than this share of the largest norm are never chosen."""


@dataclass(frozen=True)
class Isometry:
    """A restricted isometry constant."""

    value: float
    is_exact: bool
    """Whether every support was looked at; otherwise the value is an upper bound."""


def spark_bounds(dictionary: Any, spatial: Sequence[int]) -> tuple[int, float]:
    r"""Return bounds on the spark, the least number of dependent atoms.

    From below: k atoms are independent if :math:`\mu_1(k - 1) < 1`, which holds for k below
    :math:`1 + 1/\mu`. From above: atoms of neighbouring positions are dependent once there are more
    than the samples that they touch.

    Parameters
    ----------
    dictionary : ConvDictionary, Identity, or Concat or Product of such
    spatial : sequence of int
        Size of the signal, in samples.

    Returns
    -------
    (int, float)
        The upper bound is inf where there are no more atoms than samples anywhere.

    Raises
    ------
    TypeError, ValueError
        As `mutual_coherence`.

    Notes
    -----
    Cost and memory: those of `babel`, with a full sort. Atoms outside of the signal do not count.

    References
    ----------
    Tropp 2004 (section 2) for the lower bound; the upper is derived here.
    """
    atoms = atoms_of(dictionary, spatial)
    independent = int(atoms.n_atoms)
    for _, sizes in atoms.rows():
        ordered = np.sort(sizes.reshape(sizes.shape[0], -1), axis=1)[:, ::-1]
        below = np.sum(np.cumsum(ordered, axis=1) < 1.0 - _ROUNDING, axis=1)
        if below.min() < ordered.shape[1]:
            independent = min(independent, int(below.min()) + 1)
    return independent + 1, _most_independent(atoms.dictionary, spatial)


def _most_independent(dictionary: Any, spatial: Sequence[int]) -> float:
    d = n_axes(dictionary)
    reach, steps = extents(dictionary), [stride_of(dictionary, axis) for axis in range(d)]
    _, n_filters, *positions = dictionary.code_shape((1, dictionary.n_channels, *spatial))
    for width in range(1, max(positions) + 1):
        wide = [min(width, n) for n in positions]
        boxes = [
            min((w - 1) * step + e, n)
            for w, step, e, n in zip(wide, steps, reach, spatial, strict=True)
        ]
        samples = dictionary.n_channels * math.prod(boxes)
        if n_filters * math.prod(wide) > samples:
            return float(samples + 1)
    return math.inf


def stripe_isometry(
    dictionary: Any, k: int, spatial: Sequence[int], *, most: int = 20_000
) -> Isometry:
    r"""Return :math:`\delta_k`: how far D is from an isometry on codes of stripe norm k.

    The least :math:`\delta` with :math:`(1 - \delta) \|\Gamma\|^2 \le \|D\Gamma\|^2 \le (1 +
    \delta) \|\Gamma\|^2` for :math:`\|\Gamma\|_{0,\infty} \le k`, the atoms scaled to norm 1.

    Parameters
    ----------
    dictionary : ConvDictionary, or Concat of Identity and such
    k : int
        At least 1.
    spatial : sequence of int
        Size of the signal, in samples.
    most : int
        Supports to look at; if there are more, the bound :math:`\mu_1(k - 1) \le (k - 1) \mu` is
        returned instead.

    Returns
    -------
    Isometry

    Raises
    ------
    TypeError, ValueError
        As `mutual_coherence` and `stripe_norm`, and if `k` is not a positive integer.

    Notes
    -----
    Only supports that no atom can be added to are looked at, each by its eigenvalues. Their number
    grows exponentially with the signal: about ten samples are exact, the rest is bounded. Memory
    of the exact case: all inner products.

    References
    ----------
    Papyan, Sulam and Elad 2017 (recalled).
    """
    k = check_count("k", k)
    host = as_numpy(dictionary)
    shape = tuple(host.code_shape((1, host.n_channels, *spatial)))
    n_atoms = math.prod(shape)
    if n_atoms <= most:
        units = np.eye(n_atoms).reshape(n_atoms, *shape[1:])
        touched = stripe_counts(host, units, spatial).reshape(n_atoms, -1)
        supports = list(islice(_supports(touched, k), most + 1))
        if len(supports) <= most:
            atoms = host.synthesize(units, tuple(spatial)).reshape(n_atoms, -1)
            atoms = atoms / np.linalg.norm(atoms, axis=1, keepdims=True)
            largest = max(_departure(atoms[s]) for s in supports if s is not None)
            return Isometry(largest, is_exact=True)
    return Isometry(babel(dictionary, k - 1, spatial) if k > 1 else 0.0, is_exact=False)


def _supports(touched: Array, k: int) -> Iterator[list[int] | None]:
    """Yield all supports with at most k atoms at each patch; None for those that can grow."""
    waiting: list[tuple[list[int], Array]] = [([], np.zeros(touched.shape[1]))]
    while waiting:
        support, counts = waiting.pop()
        fits = np.flatnonzero((counts + touched <= k).all(axis=1))
        fits = np.setdiff1d(fits, support)
        yield None if len(fits) else support
        later = fits[fits > max(support, default=-1)]
        waiting.extend(([*support, int(atom)], counts + touched[atom]) for atom in later)


def _departure(atoms: Array) -> float:
    values = np.linalg.svd(atoms, compute_uv=False) ** 2
    least = values.min() if len(values) == len(atoms) else 0.0
    return float(max(values.max() - 1.0, 1.0 - least))


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
    dual basis. Memory: :math:`|S|^2` numbers, and blocks of signals with 8 million codes.

    References
    ----------
    Tropp 2004 (the exact recovery condition).
    """
    if codes.shape[0] != 1:
        msg = f"`codes` must be those of one signal; got {codes.shape[0]}: pass one at a time."
        raise ValueError(msg)
    host = as_numpy(dictionary)
    size = tuple(host.signal_spatial(codes.shape[2:]) if spatial is None else spatial)
    signal_shape = (1, host.n_channels, *size)
    norms = host.column_norms(signal_shape, np.ones(1))[0]
    usable = norms > _USABLE * norms.max()
    support = np.argwhere((backend_of(codes).to_host(codes)[0] != 0) & usable)
    if len(support) == 0:
        return 0.0
    norms = np.where(usable, norms, np.inf)
    where = tuple(support.T)
    gram = np.concatenate(
        [
            host.analyze(host.synthesize(units, size))[(slice(None), *where)] / norms[where]
            for units in _blocks(np.diag(1.0 / norms[where]), where, norms.shape)
        ]
    )
    if np.linalg.matrix_rank(gram, hermitian=True) < len(gram):
        return math.inf
    total = np.zeros(norms.shape)
    for duals in _blocks(np.linalg.inv(gram) / norms[where], where, norms.shape):
        total += np.abs(host.analyze(host.synthesize(duals, size))).sum(axis=0) / norms
    total[where] = 0.0
    return float(total.max())


def _blocks(values: Array, where: tuple[Array, ...], shape: tuple[int, ...]) -> Iterator[Array]:
    """Yield codes whose rows have the rows of `values` on a support, and 0 elsewhere."""
    step = max(1, _NUMBERS // math.prod(shape))
    for first in range(0, len(values), step):
        rows = values[first : first + step]
        codes = np.zeros((len(rows), *shape))
        codes[(slice(None), *where)] = rows
        yield codes
