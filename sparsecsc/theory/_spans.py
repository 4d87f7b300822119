"""Where the atoms of a dictionary lie: what they touch, their strides, and what borders change."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sparsecsc.backends import backend_of
from sparsecsc.dictionaries.concat import Concat
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.identity import Identity
from sparsecsc.dictionaries.product import Product


@dataclass(frozen=True)
class Span:
    """The samples [first, last] that atoms touch, and whether no border changes the atoms."""

    first: int
    last: int
    whole: bool


@dataclass(frozen=True)
class Axis:
    """The positions of atoms along one axis."""

    total: int
    """Positions on the domain asked for."""
    kept: int
    """Positions on the small domain; the middle ones stand for the rest."""
    left: int
    """How many the lower border changes."""
    right: int
    """How many the upper border changes."""
    reach: int
    """Atoms overlap if at most so many positions apart."""
    samples: int
    """The size of the small domain."""
    shifts: int
    """Neighbours are at most so many positions apart; around a circle at most half of it."""

    @property
    def deep(self) -> int:
        """A position all neighbours of which are whole, if there is one."""
        return min(self.left + self.reach, self.kept - 1)


def as_numpy(dictionary: Any) -> Any:
    """Return the dictionary with filters of float64 in NumPy.

    Raises
    ------
    TypeError
        If it is made of something else than `ConvDictionary`, `Identity`, `Concat` and `Product`.
    """
    if isinstance(dictionary, ConvDictionary):
        host = backend_of(dictionary.filters).to_host(dictionary.filters)
        return replace(dictionary, filters=host.astype(np.float64), plan=None)
    if isinstance(dictionary, (Concat, Product)):
        return replace(dictionary, dictionaries=[as_numpy(d) for d in dictionary.dictionaries])
    if isinstance(dictionary, Identity):
        return dictionary
    msg = (
        "`dictionary` must be a ConvDictionary, or a Concat or Product of such and identities; got "
        f"{type(dictionary).__name__}: measure its parts one by one."
    )
    raise TypeError(msg)


def convolutions(dictionary: Any) -> list[ConvDictionary]:
    """Return the convolutions that it is made of."""
    if isinstance(dictionary, ConvDictionary):
        return [dictionary]
    return [c for d in getattr(dictionary, "dictionaries", ()) for c in convolutions(d)]


def has_product(dictionary: Any) -> bool:
    """Whether a `Product` is part of it."""
    inner = getattr(dictionary, "dictionaries", ())
    return isinstance(dictionary, Product) or any(has_product(d) for d in inner)


def is_circular(dictionary: Any) -> bool:
    """Whether all of its convolutions are."""
    return all(c.is_circular for c in convolutions(dictionary))


def stride_of(dictionary: Any, axis: int) -> int:
    """Return the distance, in samples, of neighbouring atoms.

    Raises
    ------
    ValueError
        If the parts of a `Concat` differ.
    """
    if isinstance(dictionary, ConvDictionary):
        return dictionary.strides[axis]
    if isinstance(dictionary, Product):
        return math.prod(stride_of(d, axis) for d in dictionary.dictionaries)
    strides = {stride_of(d, axis) for d in getattr(dictionary, "dictionaries", ())} or {1}
    if len(strides) > 1:
        msg = (
            "`dictionary` must have one stride in all parts of a Concat; got "
            f"{sorted(strides)}: measure its parts one by one."
        )
        raise ValueError(msg)
    return strides.pop()


def span(dictionary: Any, axis: int, positions: Span, n: int | None) -> Span:
    """Return what the atoms at `positions` touch of a signal of `n` samples; None: of any size."""
    if isinstance(dictionary, ConvDictionary):
        step, before = dictionary.strides[axis], dictionary.pads[axis][0]
        first = positions.first * step - before
        last = positions.last * step - before + dictionary.extent[axis] - 1
        return Span(first, last, positions.whole and (n is None or (first >= 0 and last < n)))
    if isinstance(dictionary, Product):
        sizes = [n]
        for d in dictionary.dictionaries[:-1]:
            sizes.append(None if sizes[-1] is None else _code_size(d, axis, sizes[-1]))
        for d, size in zip(dictionary.dictionaries[::-1], sizes[::-1], strict=True):
            positions = span(d, axis, positions, size)
        return positions
    if isinstance(dictionary, Identity):
        return positions
    parts = [span(d, axis, positions, n) for d in dictionary.dictionaries]
    return Span(
        min(p.first for p in parts), max(p.last for p in parts), all(p.whole for p in parts)
    )


def _code_size(dictionary: Any, axis: int, n: int) -> int:
    """Return how many positions atoms have along one axis of `n` samples."""
    if isinstance(dictionary, ConvDictionary):
        if dictionary.is_circular:
            return n // dictionary.strides[axis]
        free = n + sum(dictionary.pads[axis]) - dictionary.extent[axis]
        return free // dictionary.strides[axis] + 1
    if isinstance(dictionary, Product):
        for d in dictionary.dictionaries:
            n = _code_size(d, axis, n)
        return n
    return _code_size(dictionary.dictionaries[0], axis, n) if isinstance(dictionary, Concat) else n


def extents(dictionary: Any) -> tuple[int, ...]:
    """Return how many samples the atoms at one position touch, per axis."""
    spans = [span(dictionary, a, Span(0, 0, True), None) for a in range(n_axes(dictionary))]
    return tuple(s.last - s.first + 1 for s in spans)


def n_axes(dictionary: Any) -> int:
    """Return the number of spatial axes.

    Raises
    ------
    ValueError
        If there are only identities, which fit any number.
    """
    if dictionary.n_axes is None or dictionary.n_channels is None:
        msg = "`dictionary` must have filters; got only identities: all their quantities are known."
        raise ValueError(msg)
    return int(dictionary.n_axes)


def axis_of(dictionary: Any, axis: int, n: int | None) -> Axis:
    """Return the positions along one axis of `n` samples; by default so many that none wraps."""
    one = span(dictionary, axis, Span(0, 0, True), None)
    extent, step = one.last - one.first + 1, stride_of(dictionary, axis)
    reach = (extent - 1) // step
    if is_circular(dictionary):
        enough = -(-(2 * extent - 1) // step) * step
        size = enough if n is None else n
        small = min(size, enough)
        shifts = min(reach, small // step // 2)
        return Axis(size // step, small // step, 0, 0, reach, small, shifts)
    if n is None:
        n = step * -(-(8 * extent + 4 * abs(one.first)) // step)
    total = _code_size(dictionary, axis, n)

    def is_whole(p: int) -> bool:
        return span(dictionary, axis, Span(p, p, True), n).whole

    left = next((p for p in range(total) if is_whole(p)), total)
    right = next((p for p in range(total - left) if is_whole(total - 1 - p)), 0)
    around = any(c.is_circular for c in convolutions(dictionary))
    if around:
        # around the circle the neighbours of one border are at the other
        left, right = min(left + reach, total), right + reach
    kept = min(total, left + 2 * reach + 1 + right)
    shifts = min(reach, kept // 2 if around else kept - 1)
    return Axis(total, kept, left, right, reach, n - (total - kept) * step, shifts)
