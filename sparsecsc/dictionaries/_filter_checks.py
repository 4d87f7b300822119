"""Checks, normalisation and windowed waves that the filter functions share."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, SupportsIndex, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

Filters = NDArray[np.floating[Any]]


def kernel_shape(kernel: int | Sequence[int]) -> tuple[int, ...]:
    """Return `kernel` as a tuple of 1 to 3 positive ints; raise TypeError or ValueError if not."""
    sizes = tuple(kernel) if isinstance(kernel, Sequence) else (kernel,)
    if not 1 <= len(sizes) <= 3:
        msg = f"`kernel` must have 1 to 3 spatial axes; got {kernel!r}."
        raise ValueError(msg)
    return tuple(positive_int(size, "kernel") for size in sizes)


def float_type(dtype: DTypeLike) -> np.dtype[np.floating[Any]]:
    """Return the NumPy dtype of a float32 or float64 `dtype`; raise ValueError for others."""
    found = np.dtype(dtype)
    if found not in (np.float32, np.float64):
        msg = f"`dtype` must be float32 or float64; got {found}."
        raise ValueError(msg)
    return cast("np.dtype[np.floating[Any]]", found)


def check_filters(filters: Any) -> None:
    """Raise TypeError or ValueError unless `filters` is a finite array in the layout of filters."""
    if not isinstance(filters, np.ndarray):
        msg = f"`filters` must be a NumPy array; got {type(filters).__name__}."
        raise TypeError(msg)
    float_type(filters.dtype)
    if not 3 <= filters.ndim <= 5 or not filters.size:
        msg = (
            "`filters` must have the shape (n_filters, n_channels, *kernel) with 1 to 3 spatial "
            f"axes and no empty axis; got {filters.shape}."
        )
        raise ValueError(msg)
    if not np.all(np.isfinite(filters)):
        msg = "`filters` must be finite; got NaN or infinity."
        raise ValueError(msg)


def unit_norm(filters: Filters, dtype: DTypeLike) -> Filters:
    """Return `filters` as `dtype`, each divided by its l2 norm; raise ValueError if one is zero."""
    target = float_type(dtype)
    norms = np.sqrt(np.sum(filters**2, axis=tuple(range(1, filters.ndim)), keepdims=True))
    if not np.all(norms > 0):
        msg = f"filter {int(np.argmin(norms))} is zero for these sizes: enlarge the kernel."
        raise ValueError(msg)
    unit: Filters = filters / norms
    return unit.astype(target)


def positive_int(value: SupportsIndex, name: str) -> int:
    """Return `value` as an int of at least 1."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        msg = f"`{name}` must be an integer; got {value!r}."
        raise TypeError(msg)
    if number < 1:
        msg = f"`{name}` must be at least 1; got {number}."
        raise ValueError(msg)
    return number


def require_between(value: float, name: str, low: float, high: float) -> None:
    """Raise ValueError unless low < value < high."""
    if not low < value < high:
        msg = f"`{name}` must be above {low:.3g} and below {high:.3g}; got {value!r}."
        raise ValueError(msg)


def centred(n: int) -> Filters:
    """Return n positions one apart that sum to zero."""
    return np.arange(n) - (n - 1) / 2


def both_phases(window: Filters, phase: Filters) -> list[Filters]:
    """Return window·cos(phase), its mean taken off by a multiple of the window, and window·sin."""
    wave = window * np.cos(phase)
    return [wave - window * (wave.sum() / window.sum()), window * np.sin(phase)]
