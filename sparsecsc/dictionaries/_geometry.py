"""Where the taps of a strided, dilated convolution fall, on all three axes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

from sparsecsc.protocols import Array

Sizes = tuple[int, int, int]


def three(values: tuple[int, ...], fill: int) -> Sizes:
    """Return `values` as three, `fill` standing for the leading axes that are not there."""
    first, second, third = (fill,) * (3 - len(values)) + tuple(values)
    return first, second, third


@dataclass(frozen=True, eq=False)
class Geometry:
    """A convolutional dictionary at one size; axes that it lacks come first and have size 1.

    Positions r of a coarse grid count in strides: sample ``r * stride + phase - before``. A tap
    reaches from a position to at most `reach` grid points further on.
    """

    backend: ModuleType
    filters: Array
    stride: Sizes
    dilation: Sizes
    before: Sizes
    spatial: Sizes
    code_spatial: Sizes
    circular: bool

    @property
    def n_filters(self) -> int:
        """The number of filters."""
        return int(self.filters.shape[0])

    @property
    def n_channels(self) -> int:
        """The number of channels."""
        return int(self.filters.shape[1])

    @property
    def kernel(self) -> Sizes:
        """Taps along each axis."""
        return three(tuple(self.filters.shape[2:]), 1)

    @property
    def n_phases(self) -> int:
        """How many samples share a grid point."""
        return math.prod(self.stride)

    @property
    def reach(self) -> Sizes:
        """How many grid points the last tap of an atom is ahead of its position."""
        taps = zip(self.kernel, self.dilation, self.stride, strict=True)
        return three(tuple(d * (k - 1) // s for k, d, s in taps), 0)

    @property
    def first(self) -> Sizes:
        """The grid point of the first sample."""
        return three(tuple(b // s for b, s in zip(self.before, self.stride, strict=True)), 0)

    @property
    def grid(self) -> Sizes:
        """How many grid points the samples take."""
        parts = zip(self.spatial, self.before, self.stride, self.first, strict=True)
        return three(tuple(-(-(n + b) // s) - f for n, b, s, f in parts), 1)

    @cached_property
    def taps(self) -> Array:
        """The filters by grid point, (n_filters, n_channels, *stride, *reach + 1)."""
        return self._by_phase(self.filters)

    @cached_property
    def has_tap(self) -> Any:
        """Whether there is a tap, (*stride, *reach + 1)."""
        xp = self.backend.xp
        return self._by_phase(xp.ones((1, 1, *self.filters.shape[2:])))[0, 0] != 0

    def _by_phase(self, filters: Array) -> Array:
        xp = self.backend.xp
        points = [r + 1 for r in self.reach]
        wide = [p * s for p, s in zip(points, self.stride, strict=True)]
        out = xp.zeros((*filters.shape[:2], *wide), dtype=filters.dtype)
        pairs = zip(self.kernel, self.dilation, strict=True)
        steps = tuple(slice(0, (k - 1) * d + 1, d) for k, d in pairs)
        out[(..., *steps)] = xp.reshape(filters, (*filters.shape[:2], *self.kernel))
        split = [size for pair in zip(points, self.stride, strict=True) for size in pair]
        out = xp.reshape(out, (*filters.shape[:2], *split))
        return xp.permute_dims(out, (0, 1, 3, 5, 7, 2, 4, 6))

    def signal_at(self, point: Sizes) -> Sizes:
        """Return the sample, perhaps outside, at a grid point and phase 0."""
        parts = zip(point, self.stride, self.before, strict=True)
        return three(tuple(p * s - b for p, s, b in parts), 0)

    def meetings(self, axis: int, *, analysis: bool) -> list[tuple[tuple[int, int], ...]]:
        """Return, for each output along an axis, its (tap, input relative to `reference`)."""
        n_out = (self.code_spatial if analysis else self.spatial)[axis]
        find = self._sample_of if analysis else self._position_of
        out = []
        for place in range(n_out):
            pairs = ((tap, find(axis, place, tap)) for tap in range(self.kernel[axis]))
            here = self.reference(axis, place, analysis=analysis)
            out.append(tuple((tap, at - here) for tap, at in pairs if at is not None))
        return out

    def reference(self, axis: int, place: int, *, analysis: bool) -> int:
        """Return the input that relative positions of an output's inputs count from."""
        if analysis:
            return place * self.stride[axis] - self.before[axis]
        return (place + self.before[axis]) // self.stride[axis]

    def _sample_of(self, axis: int, position: int, tap: int) -> int | None:
        n = self.spatial[axis]
        at = position * self.stride[axis] + tap * self.dilation[axis] - self.before[axis]
        if self.circular:
            return at % n
        return at if 0 <= at < n else None

    def _position_of(self, axis: int, sample: int, tap: int) -> int | None:
        at = sample + self.before[axis] - tap * self.dilation[axis]
        if self.circular:
            at %= self.spatial[axis]
        position, rest = divmod(at, self.stride[axis])
        return position if rest == 0 and 0 <= position < self.code_spatial[axis] else None


def pitches(sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Return how far apart neighbours along each axis of a contiguous array are."""
    return tuple(math.prod(sizes[axis + 1 :]) for axis in range(len(sizes)))


def every(sizes: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Return all indices of an array of these sizes, in order."""
    return itertools.product(*(range(n) for n in sizes))
