"""Equivalent problems with normalised dictionaries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sparsecsc.backends import backend_of
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.models.layers import check_penalties, layer_lipschitz
from sparsecsc.models.mlcsc import MLCSC
from sparsecsc.penalties.elastic_net import ElasticNet
from sparsecsc.penalties.l0 import L0
from sparsecsc.penalties.l1 import L1
from sparsecsc.penalties.nonnegative_l1 import NonnegativeL1
from sparsecsc.protocols import Array


@dataclass(frozen=True, eq=False)
class Normalized:
    """An equivalent model, its penalties, and how the codes of the two are related."""

    model: MLCSC
    penalties: tuple[Any, ...]
    scales: tuple[Array, ...]
    """For each layer one number a filter: new codes = scale * old codes."""


def normalize_atoms(model: MLCSC, penalties: Sequence[Any]) -> Normalized:
    r"""Return the equivalent model whose filters all have unit norm, with the changed weights.

    With :math:`N_0 = I` and :math:`N_i` the norms of the filters of :math:`N_{i-1} D_i`,

    .. math::
        D_i' = N_{i-1} D_i N_i^{-1}, \quad \Gamma_i' = N_i \Gamma_i, \quad
        \lambda_i' = \lambda_i / N_i

    leaves every signal, residual and objective as it was. Zero filters stay.

    Parameters
    ----------
    model : MLCSC
        Of `ConvDictionary` layers.
    penalties : sequence of L1, NonnegativeL1, ElasticNet or L0
        One a layer. A ridge is divided by the square; the weight of `L0` stays.

    Raises
    ------
    TypeError
        If a layer or penalty is of another kind.
    ValueError
        If there are not as many penalties as layers.
    """
    given = _checked(model, penalties)
    xp = backend_of(model.dictionaries[0].filters).xp
    before: Any = None
    layers, scales = [], []
    for dictionary in model.dictionaries:
        filters = dictionary.filters
        if before is not None:
            filters = filters * xp.reshape(before, (1, -1, *(1,) * (filters.ndim - 2)))
        norms = xp.sqrt(xp.sum(filters * filters, axis=tuple(range(1, filters.ndim))))
        before = xp.where(norms > 0, norms, xp.ones_like(norms))
        layers.append(filters / xp.reshape(before, (-1, *(1,) * (filters.ndim - 1))))
        scales.append(before)
    return _changed(model, given, layers, scales)


def normalize_spectra(
    model: MLCSC, penalties: Sequence[Any], signal_shape: Sequence[int]
) -> Normalized:
    r"""Return the equivalent model whose layers have spectral norm 1, with the changed weights.

    .. math::
        D_i' = D_i / \sigma_i, \quad \Gamma_i' = \sigma_1\cdots\sigma_i\,\Gamma_i, \quad
        \lambda_i' = \lambda_i / (\sigma_1\cdots\sigma_i)

    Steps of 1 are then those of `MLISTA`. Zero layers stay. Where a border makes the norm a bound,
    it is at most 1.

    Parameters
    ----------
    model, penalties
        As for `normalize_atoms`.
    signal_shape : sequence of int
        (n_signals, n_channels, *spatial)

    Raises
    ------
    TypeError, ValueError
        As for `normalize_atoms`, and if the layers do not fit the signal.
    """
    given = _checked(model, penalties)
    xp = backend_of(model.dictionaries[0].filters).xp
    product, layers, scales = 1.0, [], []
    for dictionary, bound in zip(
        model.dictionaries, layer_lipschitz(model, signal_shape), strict=True
    ):
        sigma = math.sqrt(bound) or 1.0
        product *= sigma
        layers.append(dictionary.filters / sigma)
        filters = dictionary.filters
        scales.append(xp.full(filters.shape[0], product, dtype=filters.dtype))
    return _changed(model, given, layers, scales)


def _checked(model: Any, penalties: Sequence[Any]) -> tuple[Any, ...]:
    if not isinstance(model, MLCSC) or not all(
        isinstance(d, ConvDictionary) for d in model.dictionaries
    ):
        msg = (
            "`model` must be an MLCSC of ConvDictionary layers; got another: the starts of other "
            "models and identities cannot be scaled."
        )
        raise TypeError(msg)
    return check_penalties(penalties, len(model.dictionaries))


def _changed(
    model: MLCSC, penalties: tuple[Any, ...], filters: list[Array], scales: list[Array]
) -> Normalized:
    layers = [
        ConvDictionary(f, d.stride, d.dilation, d.padding)
        for f, d in zip(filters, model.dictionaries, strict=True)
    ]
    changed = tuple(
        _divided(p, s, i) for i, (p, s) in enumerate(zip(penalties, scales, strict=True))
    )
    return Normalized(MLCSC(layers), changed, tuple(scales))


def _divided(penalty: Any, scale: Array, i: int) -> Any:
    """Return the penalty of scaled codes."""
    if isinstance(penalty, L0):
        return penalty
    if isinstance(penalty, (L1, NonnegativeL1)):
        return replace(penalty, weight=_over(penalty.weight, scale))
    if isinstance(penalty, ElasticNet):
        ridge = _over(penalty.ridge, scale * scale)
        return replace(penalty, weight=_over(penalty.weight, scale), ridge=ridge)
    msg = (
        f"the penalty of layer {i + 1} must be L1, NonnegativeL1, ElasticNet or L0 to be scaled; "
        f"got {type(penalty).__name__}: use one of these."
    )
    raise TypeError(msg)


def _over(weight: Any, scale: Array) -> Any:
    if hasattr(weight, "ndim") and weight.ndim == 1 and len(weight) not in (1, len(scale)):
        msg = (
            f"a weight must be a float or hold one number for each of the {len(scale)} filters of "
            f"its layer; got {len(weight)}: match them."
        )
        raise ValueError(msg)
    if hasattr(weight, "ndim") and weight.ndim > 1:
        scale = backend_of(scale).xp.reshape(scale, (1, -1, *(1,) * (weight.ndim - 2)))
    return weight / scale
