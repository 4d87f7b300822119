r"""What zeros of the middle layers say about the deepest codes: cosupports, ranks, oracle errors.

With the support S of the deepest codes known, :math:`A_S` the atoms of the effective dictionary on
it, and :math:`\Phi` the rows of :math:`D_{(i+1,L)}` on S at the zeros of every middle layer i, the
codes on S lie in the kernel K of :math:`\Phi`: fewer freedoms, and less of the noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsecsc.backends import backend_of
from sparsecsc.protocols import Array
from sparsecsc.theory._spans import as_numpy

_RANK = 1e-9
"""Singular values below this share of the largest are 0."""


@dataclass(frozen=True)
class OracleErrors:
    """Mean squared errors of the deepest codes, their support known, in white noise."""

    synthesis: float
    """Knowing the support only, in the units of codes, squared."""
    holistic: float
    """Knowing the zeros of the middle layers too."""
    n_nonzero: int
    """Of the deepest codes."""
    rank: int
    """Of the constraints that the zeros of the middle layers are."""
    freedom: int
    """What they leave: n_nonzero - rank."""


def cosupports(codes: Sequence[Array]) -> tuple[Array, ...]:
    """Return where the codes of each middle layer are 0, as arrays of bool.

    Parameters
    ----------
    codes : sequence of arrays
        Of all layers, with exact zeros; the deepest one is left out.

    Raises
    ------
    ValueError
        If there are none.
    """
    if len(codes) == 0:
        msg = "`codes` must have an array for each layer; got none: pass a result's codes."
        raise ValueError(msg)
    return tuple(backend_of(layer).to_host(layer) == 0 for layer in codes[:-1])


def oracle_errors(
    dictionaries: Sequence[Any], codes: Sequence[Array], sigma: float, spatial: Sequence[int]
) -> OracleErrors:
    r"""Return the mean squared errors of the oracle estimators of the deepest codes.

    .. math::
        \sigma^2 \mathrm{tr}\,(A_S^T A_S)^{-1}, \qquad
        \sigma^2 \mathrm{tr}\,(K^T A_S^T A_S K)^{-1}, \quad
        K \text{ an orthonormal basis of } \ker \Phi.

    Parameters
    ----------
    dictionaries : sequence of dictionaries
        :math:`D_1, ..., D_L`.
    codes : sequence of arrays, (1, n_filters, *code_spatial)
        Of all layers, of one signal, with exact zeros. Only where they are 0 matters.
    sigma : float
        Standard deviation of each sample of the noise, in units of the signal.
    spatial : sequence of int
        Size of the signal.

    Returns
    -------
    OracleErrors

    Raises
    ------
    TypeError, ValueError
        If codes and dictionaries do not fit each other, there is no nonzero or more than one
        signal, or the atoms of the support are linearly dependent, so that no error is finite.

    Notes
    -----
    Columns on the support only, layer by layer; rows that none of them touches are dropped. Memory
    for s nonzeros: s signals and s codes of each middle layer. Cost: s passes of synthesis, and
    an SVD of the touched rows.

    References
    ----------
    Aberdam, Sulam and Elad 2019 (the holistic bound; the form used here is derived).
    """
    host = [as_numpy(d) for d in dictionaries]
    shapes = _check(host, codes, spatial)
    deepest = backend_of(codes[-1]).to_host(codes[-1])
    support = np.flatnonzero(deepest)
    n = len(support)
    images = np.zeros((n, *shapes[-1][1:]))
    images.reshape(n, -1)[np.arange(n), support] = 1.0
    zeros, rows = cosupports(codes), []
    for i in range(len(host) - 1, 0, -1):
        images = host[i].synthesize(images, shapes[i][2:])
        rows.append(_touched(images.reshape(n, -1), zeros[i - 1].reshape(-1)))
    atoms = host[0].synthesize(images, shapes[0][2:]).reshape(n, -1)
    gram = atoms @ atoms.T
    kernel = _kernel(np.concatenate(rows, axis=1).T if rows else np.zeros((0, n)))
    return OracleErrors(
        synthesis=sigma**2 * _trace_of_inverse(gram),
        holistic=sigma**2 * _trace_of_inverse(kernel.T @ gram @ kernel),
        n_nonzero=n,
        rank=n - kernel.shape[1],
        freedom=kernel.shape[1],
    )


def _touched(images: Array, zeros: Array) -> Array:
    """Return where codes are 0 but images are not; what is far below the largest is rounding."""
    size = np.abs(images).max(axis=0, initial=0.0)
    touched: Array = images[:, zeros & (size > _RANK * size.max(initial=0.0))]
    return touched


def _kernel(rows: Array) -> Array:
    """Return an orthonormal basis of what the rows send to 0, as columns."""
    _, values, right = np.linalg.svd(rows, full_matrices=True)
    rank = int(np.sum(values > _RANK * values.max(initial=0.0)))
    basis: Array = right[rank:].T
    return basis


def _trace_of_inverse(gram: Array) -> float:
    """Return tr(gram^-1) from its eigenvalues."""
    if len(gram) == 0:
        return 0.0
    values = np.linalg.eigvalsh(gram)
    if values[0] <= _RANK**2 * values[-1] or values[-1] == 0:
        msg = (
            "`codes` must be supported on linearly independent atoms; got dependent ones: take "
            "fewer nonzeros."
        )
        raise ValueError(msg)
    return float(np.sum(1.0 / values))


def _check(
    dictionaries: Sequence[Any], codes: Sequence[Array], spatial: Sequence[int]
) -> list[tuple[int, ...]]:
    """Return the shapes of the signal and of all codes; refuse codes of others."""
    if len(dictionaries) != len(codes) or not dictionaries:
        msg = (
            "`codes` must have one array for each dictionary; got "
            f"{len(codes)} for {len(dictionaries)}: pass those of all layers."
        )
        raise ValueError(msg)
    shapes = [(1, int(dictionaries[0].n_channels), *(int(n) for n in spatial))]
    for i, (dictionary, layer) in enumerate(zip(dictionaries, codes, strict=True)):
        shapes.append(tuple(dictionary.code_shape(shapes[-1])))
        if tuple(layer.shape) != shapes[-1]:
            msg = (
                f"`codes[{i}]` must have the shape {shapes[-1]} of one signal's codes; got "
                f"{tuple(layer.shape)}: pass codes of this model."
            )
            raise ValueError(msg)
    if not math.prod(codes[-1].shape) or not bool((codes[-1] != 0).any()):
        msg = "`codes[-1]` must have a nonzero; got none: plant some."
        raise ValueError(msg)
    return shapes
