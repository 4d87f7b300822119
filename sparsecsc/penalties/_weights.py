"""The one place that reads weights: a float, one per filter, or an array that fits the codes."""

from __future__ import annotations

import math
from typing import Any

from sparsecsc.backends import backend_of, kind_of
from sparsecsc.checks import check_number, check_unmasked, dtype_name
from sparsecsc.codes import SparseCodes
from sparsecsc.protocols import Array, Block

Weight = Any
"""A float, or an array broadcastable to the codes."""


def check_weight(name: str, weight: Any) -> Weight:
    """Check range and kind of a weight; 0 and inf are allowed, NaN and negatives are not."""
    if not _is_array(name, weight):
        return check_number(name, weight, least=0.0)
    xp = backend_of(weight).xp
    if not bool(xp.all(weight >= 0)):  # NaN fails too
        msg = f"`{name}` must hold numbers >= 0; got {float(xp.min(weight)):g}: correct them."
        raise ValueError(msg)
    return weight


def check_bias(name: str, bias: Any) -> Weight:
    """Check range and kind of a bias: any sign is allowed, NaN and infinity are not."""
    if not _is_array(name, bias):
        try:
            number = float(bias)
        except (TypeError, ValueError):
            msg = f"`{name}` must be a finite number or an array of them; got {bias!r}: pass one."
            raise TypeError(msg) from None
        if not math.isfinite(number):
            msg = f"`{name}` must be finite; got {number}: correct it."
            raise ValueError(msg)
        return number
    xp = backend_of(bias).xp
    if not bool(xp.all(xp.isfinite(bias))):
        count = int(xp.sum(~xp.isfinite(bias)))
        msg = f"`{name}` must be finite; got {count} NaN or infinite values: correct them."
        raise ValueError(msg)
    return bias


def _is_array(name: str, weight: Any) -> bool:
    """Return whether `weight` is an array, of a kind and dtype that weights can have."""
    if isinstance(weight, (list, tuple)):
        msg = f"`{name}` must be a float or an array; got a {type(weight).__name__}: "
        raise TypeError(msg + "use numpy.asarray.")
    if not hasattr(weight, "shape") or weight.shape == ():
        return False
    check_unmasked(name, weight)
    backend_of(weight)
    if dtype_name(weight) not in ("float32", "float64"):
        msg = f"`{name}` must be float32 or float64; got {dtype_name(weight)}: convert it."
        raise ValueError(msg)
    return True


def bind_weight(name: str, weight: Weight, shape: tuple[int, ...], like: Array) -> Weight:
    """Return `weight` as a float, or with as many axes as the codes and their dtype."""
    if isinstance(weight, float):
        return weight
    if kind_of(weight) != kind_of(like):
        msg = f"`{name}` must be an array of kind {kind_of(like)}, like the signal; got "
        raise TypeError(msg + f"{kind_of(weight)}: convert it.")
    xp = backend_of(like).xp
    if weight.ndim == 1:
        weight = xp.reshape(weight, (1, -1, *(1,) * (len(shape) - 2)))
    fits = weight.ndim == len(shape) and all(
        n in (1, m) for n, m in zip(weight.shape, shape, strict=True)
    )
    if not fits:
        msg = (
            f"`{name}` must be a float, hold one number for each of the {shape[1]} filters, or be "
            f"broadcastable to the codes {shape}; got shape {tuple(weight.shape)}: reshape it."
        )
        raise ValueError(msg)
    return xp.astype(weight, like.dtype)


def weight_at(weight: Weight, block: Block) -> Weight:
    """Return the part of a bound weight that belongs to a block of the codes."""
    if isinstance(weight, float):
        return weight
    cuts = zip(weight.shape[:2], block[:2], strict=True)
    return weight[(*(part if n > 1 else slice(None) for n, part in cuts), ...)]


def entries(codes: Any, *weights: Weight) -> tuple[Any, ...]:
    """Return codes and weights for a sum over them; of sparse codes those of the nonzeros only.

    For penalties that are 0 at 0.
    """
    if not isinstance(codes, SparseCodes):
        return (codes, *weights)
    where = codes.signals, codes.filters, *codes.positions
    found = [
        weight
        if isinstance(weight, float)
        else weight[tuple(w if n > 1 else 0 * w for w, n in zip(where, weight.shape, strict=True))]
        for weight in weights
    ]
    return (codes.values, *found)


def largest_finite(weight: Weight) -> float:
    """Return the largest finite weight, 0 if there is none."""
    if isinstance(weight, float):
        return weight if math.isfinite(weight) else 0.0
    xp = backend_of(weight).xp
    return float(xp.max(xp.where(xp.isinf(weight), xp.zeros_like(weight), weight)))


def times(weight: Weight, values: Array) -> float:
    """Return sum(weight * values) for values >= 0, where inf * 0 = 0."""
    xp = backend_of(values).xp
    if isinstance(weight, float) and math.isfinite(weight):
        return weight * float(xp.sum(values, dtype=xp.float64))
    if isinstance(weight, float):
        return math.inf if bool(xp.any(values > 0)) else 0.0
    infinite = xp.isinf(weight)
    if bool(xp.any(infinite & (values > 0))):
        return math.inf
    finite = xp.where(infinite, xp.zeros_like(weight), weight)
    return float(xp.sum(finite * values, dtype=xp.float64))


def overshoot(values: Array, weight: Weight) -> Array:
    """Return max(values / weight) over the filters with weight > 0, at least 0, by position."""
    xp = backend_of(values).xp
    if isinstance(weight, float):
        largest = xp.max(values, axis=1) * (1.0 / weight if weight > 0 else 0.0)
    else:
        one = xp.ones_like(weight)
        inverse = one / xp.where(weight > 0, weight, one)
        inverse = xp.where(weight > 0, inverse, xp.zeros_like(weight))
        largest = xp.max(values * inverse, axis=1)
    return xp.maximum(largest, xp.zeros_like(largest))


def ratio(values: Array, weight: Weight) -> Array:
    """Return the largest `overshoot` of each signal, as float64."""
    xp = backend_of(values).xp
    worst = overshoot(values, weight)
    return xp.astype(xp.max(worst, axis=tuple(range(1, worst.ndim))), xp.float64)


def is_zero(weight: Weight, like: Array) -> Array | None:
    """Return where the weight is 0, with the shape of `like`; None where it nowhere is."""
    xp = backend_of(like).xp
    if isinstance(weight, float):
        return xp.ones(like.shape, dtype=xp.bool) if weight == 0 else None
    if not bool(xp.any(weight == 0)):
        return None
    return xp.broadcast_to(weight == 0, like.shape)


def unchecked(cls: Any, **fields: Any) -> Any:
    """Make a record from values that an existing record has already checked."""
    record = object.__new__(cls)
    for name, value in fields.items():
        object.__setattr__(record, name, value)
    return record
