"""Which nonzeros lie in a slice of codes, and where they are in it."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from sparsecsc.protocols import Array

_FORMS = "integers, slices with a step >= 1 and one ..."


def cuts_of(key: Any, shape: tuple[int, ...]) -> list[range]:
    """Return the indices that a key chooses along each axis; an integer keeps its axis."""
    entries = list(key) if isinstance(key, tuple) else [key]
    dots = [k for k, entry in enumerate(entries) if entry is Ellipsis]
    if len(dots) > 1 or len(entries) - len(dots) > len(shape):
        msg = f"codes of shape {shape} must be indexed by at most one entry an axis; got {key!r}: "
        raise IndexError(msg + "leave some out.")
    if dots:
        rest = len(shape) - len(entries) + 1
        entries[dots[0] : dots[0] + 1] = [slice(None)] * rest
    entries += [slice(None)] * (len(shape) - len(entries))
    return [_cut(entry, n) for entry, n in zip(entries, shape, strict=True)]


def _cut(entry: Any, n: int) -> range:
    if isinstance(entry, slice):
        chosen = range(n)[entry]
        if chosen.step > 0:
            return chosen
        msg = f"sparse codes must be indexed by {_FORMS}; got step {chosen.step}: use to_dense()."
        raise IndexError(msg)
    try:
        index = operator.index(entry)
    except TypeError:
        name = type(entry).__name__
        msg = f"sparse codes must be indexed by {_FORMS}; got {name}: use to_dense()."
        raise TypeError(msg) from None
    if not -n <= index < n:
        msg = f"an index must be in [-{n}, {n}); got {index}: correct it."
        raise IndexError(msg)
    return range(index % n, index % n + 1)


def rows_between(
    indices: Array, shape: tuple[int, ...], maps: Array, rows: tuple[int, int]
) -> tuple[Array, Array]:
    """Return (first, last) among the sorted `indices` for some rows of each of some maps.

    A map is the code of one signal and filter, numbered in C order; rows are positions along the
    first spatial axis.
    """
    line = math.prod(shape[3:])
    base = maps * (shape[2] * line)
    first = np.searchsorted(indices, base + rows[0] * line)
    return first, np.searchsorted(indices, base + rows[1] * line)


def select(indices: Array, shape: tuple[int, ...], cuts: list[range]) -> tuple[Array, Array]:
    """Return which of the sorted `indices` a slice holds, and their places in it."""
    signals, filters, *axes = cuts
    maps = np.add.outer(np.asarray(signals) * shape[1], np.asarray(filters)).reshape(-1)
    rows = (axes[0].start, max(axes[0].start, axes[0].stop))
    first, last = rows_between(indices, shape, maps, rows)
    chosen = concatenated(first, last)
    new_shape = tuple(len(cut) for cut in cuts)
    positions = np.unravel_index(indices[chosen] % math.prod(shape[2:]), shape[2:])
    inside = np.ones(chosen.size, dtype=bool)
    moved = []
    for position, cut in zip(positions, axes, strict=True):
        offset = position - cut.start
        inside &= (offset >= 0) & (position < cut.stop) & (offset % cut.step == 0)
        moved.append(offset // cut.step)
    numbers = np.repeat(np.arange(maps.size), last - first)
    places = numbers
    for offset, n in zip(moved, new_shape[2:], strict=True):
        places = places * n + offset
    return chosen[inside], places[inside].astype(np.int64)


def concatenated(first: Array, last: Array) -> Array:
    """Return the ranges [first, last) one after the other."""
    lengths = last - first
    ends = np.cumsum(lengths)
    return np.repeat(first - (ends - lengths), lengths) + np.arange(int(lengths.sum()))
