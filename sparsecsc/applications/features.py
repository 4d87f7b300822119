"""Features for a classifier: codes, pooled over cells so that small shifts do not matter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sparsecsc.checks import check_count, check_sequence, per_axis
from sparsecsc.codes import SparseCodes, sparse
from sparsecsc.models.problem import MultilayerPursuit
from sparsecsc.problems import Pursuit
from sparsecsc.solve import solve


def pool_codes(codes: Any, cell: Any) -> np.ndarray:
    r"""Average the sizes of codes over cells of neighbouring positions.

    .. math:: f_{m, c} = \frac{1}{|c|} \sum_{p \in c} |z_m[p]|

    Parameters
    ----------
    codes : array or SparseCodes, shape (n_signals, n_filters, *code_spatial)
        NumPy arrays, float32 or float64.
    cell : int or tuple of int
        Positions along each axis of a cell, all axes or one by one. Cells at the far border are
        smaller where the codes' size is not a multiple; a cell of at least the codes' size gives
        one feature a filter.

    Returns
    -------
    array, shape (n_signals, n_filters, *cells)
        Of the dtype of the codes; ``cells`` is the codes' size over `cell`, rounded up.

    Raises
    ------
    TypeError, ValueError
        If the codes are not codes of NumPy arrays, or `cell` is not made of integers >= 1.

    Notes
    -----
    Cost: the nonzeros. Codes of a nonnegative penalty are averaged as they are.

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc
    >>> from sparsecsc.applications.features import pool_codes
    >>> pool_codes(np.array([[[2.0, 0.0, 0.0, -4.0, 0.0]]]), 2)
    array([[[1., 2., 0.]]])
    """
    entries: SparseCodes = sparse(codes)
    spatial = entries.shape[2:]
    size = per_axis("cell", cell, len(spatial), least=1)
    pooled = cells_of(spatial, size)
    place = np.zeros(entries.indices.size, np.int64)
    for positions, width, count in zip(entries.positions, size, pooled, strict=True):
        place = place * count + positions // width
    shape = (*entries.shape[:2], *pooled)
    rows = entries.signals * entries.shape[1] + entries.filters
    place += rows * math.prod(pooled)
    sums = np.bincount(place, np.abs(entries.values), minlength=math.prod(shape))
    members = np.ones(())
    for n, width, count in zip(spatial, size, pooled, strict=True):
        ends = np.minimum(width * np.arange(1, count + 1), n)
        members = np.multiply.outer(members, np.diff(ends, prepend=0))
    return (sums.reshape(shape) / members).astype(entries.dtype)


def cells_of(spatial: Sequence[int], cell: Sequence[int]) -> tuple[int, ...]:
    """Return how many cells there are along each axis."""
    return tuple(-(-n // width) for n, width in zip(spatial, cell, strict=True))


def layered_features(
    model: Any,
    signal: Any,
    penalties: Any,
    solver: Any = None,
    *,
    pool: Any = None,
    layers: Sequence[int] | None = None,
    **options: Any,
) -> np.ndarray:
    """Return one row of features a signal: pooled codes of one layer or several.

    Parameters
    ----------
    model : MLCSC, ResCSC, MSDCSC or Dictionary
        A dictionary is a model of one layer.
    signal : array, shape (n_signals, n_channels, *spatial)
        A NumPy array, float32 or float64.
    penalties : sequence of penalties, or a penalty
        One a layer.
    solver : solver record, optional
        Such as `LayeredThresholding()`; by default what `default_solver` names.
    pool : int or tuple of int, optional
        The cell of `pool_codes`; by default the codes themselves are the features.
    layers : sequence of int, optional
        Whose codes are taken, counted from 1; by default the deepest.
    **options
        As for `solve`. The tolerance is that of the batch as a whole.

    Returns
    -------
    array, shape (n_signals, n_features)
        Of the dtype of `signal`; layers one after the other, filters one after the other in each.

    Raises
    ------
    TypeError, ValueError
        If a layer is not one of the model's, or as for `MultilayerPursuit`, `solve` and
        `pool_codes`.

    References
    ----------
    Papyan, Romano and Elad 2017 (layered pursuits as forward passes).

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc
    >>> banks = sc.random_filters(4, 1, 5, 0), sc.random_filters(6, 4, 3, 1)
    >>> model = sc.MLCSC([sc.ConvDictionary(bank) for bank in banks])
    >>> signal = np.random.default_rng(0).standard_normal((3, 1, 32))
    >>> weights = [sc.NonnegativeL1(0.1), sc.NonnegativeL1(0.1)]
    >>> sc.layered_features(model, signal, weights, sc.LayeredThresholding(), pool=8).shape
    (3, 24)
    """
    single = not hasattr(model, "dictionaries")
    problem: Any = (
        Pursuit(signal, model, penalties) if single else MultilayerPursuit(signal, model, penalties)
    )
    count = 1 if single else problem.n_layers
    _layers(layers, count)  # before the work
    codes = solve(problem, solver, **options).kept
    return features_of((codes,) if single else codes, pool, layers)


def features_of(codes: Sequence[Any], pool: Any, layers: Sequence[int] | None) -> np.ndarray:
    """Return one row a signal: `layered_features` of codes that are known, one array a layer."""
    wanted = _layers(layers, len(codes))
    return np.concatenate([_features(codes[number - 1], pool) for number in wanted], axis=1)


def _layers(layers: Any, count: int) -> tuple[int, ...]:
    if layers is None:
        return (count,)
    numbers = check_sequence("layers", layers, "layers' numbers")
    wanted = tuple(check_count("layers", number) for number in numbers)
    if not wanted or max(wanted) > count:
        msg = f"`layers` must name some of the layers 1 to {count}; got {wanted}: choose of them."
        raise ValueError(msg)
    return wanted


def _features(codes: Any, pool: Any) -> np.ndarray:
    if pool is not None:
        pooled = pool_codes(codes, pool)
        return pooled.reshape(len(pooled), -1)
    array: np.ndarray = codes.to_dense() if isinstance(codes, SparseCodes) else codes
    return array.reshape(len(array), -1)
