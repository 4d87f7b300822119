"""The proximal step that all proximal gradient methods take, in the memory of the correlation."""

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
    if not _is_plain(penalty):
        correlation *= size
        correlation += base
        return penalty.prox(correlation, threshold)
    weight, ridge, nonnegative = penalty.thresholds()
    numbers = (threshold * weight, threshold * ridge, nonnegative)
    return backend_of(correlation).shrink(correlation, base, size, numbers)


def _is_plain(penalty: Any) -> bool:
    """Return whether one number says what the prox does to every coefficient."""
    if not hasattr(penalty, "thresholds"):
        return False
    weight, ridge, _ = penalty.thresholds()
    return isinstance(weight, float) and isinstance(ridge, float)
