"""What coherence, or a look at every support, guarantees: independence and isometry."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from sparsecsc.checks import check_count
from sparsecsc.protocols import Array
from sparsecsc.theory._atoms import atoms_of
from sparsecsc.theory._spans import as_numpy, extents, n_axes, stride_of
from sparsecsc.theory.coherence import babel
from sparsecsc.theory.sparsity import stripe_counts

__all__ = ["Isometry", "spark_bounds", "stripe_isometry"]

_ROUNDING = 1e-9
"""Of sums of inner products that decide whether atoms are independent."""


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
