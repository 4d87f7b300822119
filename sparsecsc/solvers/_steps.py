"""Steps that proximal gradient methods share, and what momentum adds to them."""

from __future__ import annotations

from typing import Any

from sparsecsc.backends import backend_of
from sparsecsc.protocols import Array


def proximal_point(
    penalty: Any, correlation: Array, base: Array, size: float, *, threshold: float | None = None
) -> Array:
    """Return the prox of ``base + size * correlation``; `correlation` is used up.

    Parameters
    ----------
    penalty : Penalty
        Of this block of the codes.
    correlation, base : array
        Of the block's shape.
    size : float
    threshold : float, optional
        The step of the prox, by default `size`.
    """
    threshold = size if threshold is None else threshold
    if not is_plain(penalty):
        correlation *= size
        correlation += base
        return penalty.prox(correlation, threshold)
    numbers = plain_numbers(penalty, threshold)
    return backend_of(correlation).shrink(correlation, base, size, numbers)


def accelerated(
    penalty: Any, correlation: Array, arrays: tuple[Array, Array], size: float, factor: Any
) -> Any:
    """Take a proximal step from the extrapolated point, and extrapolate again, in place.

    Parameters
    ----------
    penalty : Penalty
        Of this block of the codes.
    correlation : array
        Used up.
    arrays : (array, array)
        The extrapolated point and the codes.
    size : float
    factor : float or array without axes
        By how many moves to extrapolate.

    Returns
    -------
    float or array without axes
        Above 0 where the momentum pointed uphill.
    """
    extrapolated, codes = arrays
    backend = backend_of(correlation)
    if is_plain(penalty):
        numbers = plain_numbers(penalty, size)
        return backend.accelerate(correlation, arrays, size, numbers, factor)
    new = proximal_point(penalty, correlation, extrapolated, size)
    return backend.momentum(extrapolated, codes, new, factor)


def restarted(
    backend: Any, uphill: Any, arrays: tuple[Array, Array], *numbers: Array
) -> tuple[Array, ...]:
    """Return the numbers, or ones where the momentum points uphill; nothing is read on the host.

    There the extrapolated point, the first of the arrays, becomes the codes.
    """
    backend.copy_if(uphill, *arrays)
    xp = backend.xp
    return tuple(xp.where(uphill > 0, xp.ones_like(number), number) for number in numbers)


def plain_numbers(penalty: Any, step: float) -> tuple[float, float, bool]:
    """Return threshold, ridge and whether codes are >= 0, for a step of the prox."""
    weight, ridge, nonnegative = penalty.thresholds()
    return step * weight, step * ridge, nonnegative


def is_plain(penalty: Any) -> bool:
    """Return whether one number says what the prox does to every coefficient."""
    if not hasattr(penalty, "thresholds"):
        return False
    weight, ridge, _ = penalty.thresholds()
    return isinstance(weight, float) and isinstance(ridge, float)
