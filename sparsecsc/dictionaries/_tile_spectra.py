"""Spectra of tiles, packed for products: of each tile by itself, or of two tiles as one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from sparsecsc.dictionaries._buffers import Buffers
from sparsecsc.dictionaries._geometry import Sizes
from sparsecsc.protocols import Array

_TRANSFORM_ELEMENTS = 2**18
"""Real numbers that are transformed at a time: they are to stay in the cache."""
PAIRED = (8, 16, 32, 64)
"""Sizes of tiles along an axis that the kernels for two tiles at once are for."""

Corners = Sequence[Sizes]


class Source(NamedTuple):
    """Where tiles are cut from: channels in a row, each phase of a stride a row of its own."""

    row: int
    """The first of the rows."""
    array: Array
    """(channels, *sizes), contiguous."""
    stride: Sizes


class Target(NamedTuple):
    """Where tiles are put: (rows, *sizes), contiguous; of each what is free of wrapping."""

    array: Array
    offset: Sizes
    """The first point of a tile that is kept."""
    step: Sizes
    """How many are."""


def spectra_of(backend: Any, buffers: Buffers, tile: Sizes, dtype: Any, *, wraps: bool) -> Any:
    """Return what transforms tiles of this size; `wraps` says whether sources are circles."""
    kind = PairSpectra if is_paired(backend, tile) else HalfSpectra
    return kind(backend, buffers, tile, dtype, wraps)


def is_paired(backend: Any, tile: Sizes) -> bool:
    """Return whether two tiles of this size are transformed at once."""
    has_kernels = hasattr(backend.plans, "transform_pairs")
    return has_kernels and tile[0] == 1 and all(n in PAIRED for n in tile[1:])


@dataclass(frozen=True, eq=False)
class HalfSpectra:
    """A real transform of each tile, by the backend's library; tiles of any size."""

    backend: Any
    buffers: Buffers
    tile: Sizes
    dtype: Any
    wraps: bool

    @property
    def n_points(self) -> int:
        """Frequencies of a spectrum."""
        return math.prod(self._half)

    def count(self, n_tiles: int) -> int:
        """Return how many spectra so many tiles have."""
        return n_tiles

    def of_filters(self, taps: Array) -> Array:
        """Return the spectra (n_filters, rows, frequencies) of taps (n_filters, rows, ...)."""
        axes = taps.shape[-len(self._axes) :]
        wide = taps.reshape(-1, *axes).astype(np.float64)
        spectrum = np.stack([self.backend.rfftn(one[None], self._axes)[0] for one in wide])
        return spectrum.reshape(*taps.shape[:2], -1)

    def transform(self, packed: Array, corners: Corners, sources: Iterable[Source]) -> None:
        """Store the packed spectra of the tiles at the corners."""
        rows, pieces = packed.shape[2], list(sources)
        n = self._at_a_time(rows)
        with self.buffers.borrow((n, rows, *self.tile), self.dtype) as samples:
            for first in range(0, len(corners), n):
                here = corners[first : first + n]
                for tile, corner in zip(samples, here, strict=False):
                    for source in pieces:
                        self._cut(tile, source, corner)
                used = samples[: len(here)].reshape(len(here), rows, *self._axes)
                spectrum = self.backend.rfftn(used, self._axes).reshape(len(here), rows, -1)
                self.backend.plans.pack(packed, spectrum, first)

    def restore(self, packed: Array, corners: Corners, target: Target) -> None:
        """Put what is kept of packed spectra at the corners."""
        rows = packed.shape[2]
        n = self._at_a_time(rows)
        with self.buffers.borrow((n, rows, *self._half), packed.dtype) as natural:
            for first in range(0, len(corners), n):
                here = corners[first : first + n]
                used = natural[: len(here)]
                self.backend.plans.unpack(used.reshape(*used.shape[:2], -1), packed, first)
                tiles = self.backend.irfftn(used, self._axes).reshape(len(here), rows, *self.tile)
                for tile, corner in zip(tiles, here, strict=True):
                    _keep(target, tile, corner)

    def _cut(self, tile: Array, source: Source, corner: Sizes) -> None:
        """Store a tile of each channel and phase in its row of (rows, *tile)."""
        channels = source.array.shape[0]
        last = source.row + channels * math.prod(source.stride)
        own = tile[source.row : last].reshape(channels, *source.stride, *self.tile)
        place = (np.asarray(corner), np.asarray(source.stride))
        self.backend.plans.cut(own, source.array, *place, self.wraps)

    @property
    def _axes(self) -> tuple[int, ...]:
        """The tile on the axes that are longer than 1, or on the last."""
        first = next((k for k, n in enumerate(self.tile) if n > 1), 2)
        return self.tile[first:]

    @property
    def _half(self) -> tuple[int, ...]:
        """The size of a tile's half-spectrum."""
        return (*self._axes[:-1], self._axes[-1] // 2 + 1)

    def _at_a_time(self, n_rows: int) -> int:
        """Return how many tiles are transformed at a time."""
        return max(1, _TRANSFORM_ELEMENTS // (n_rows * math.prod(self.tile)))


@dataclass(frozen=True, eq=False)
class PairSpectra:
    """A complex transform of two real tiles at once, by the backend's kernels, in the plane."""

    backend: Any
    buffers: Buffers
    tile: Sizes
    dtype: Any
    wraps: bool

    @property
    def n_points(self) -> int:
        """Frequencies of a spectrum."""
        return math.prod(self.tile)

    def count(self, n_tiles: int) -> int:
        """Return how many spectra so many tiles have."""
        return -(-n_tiles // 2)

    def of_filters(self, taps: Array) -> Array:
        """Return the spectra (n_filters, rows, frequencies) of taps (n_filters, rows, ...).

        In the order that the kernels leave, and scaled so that these need not.
        """
        n, m = self.tile[1:]
        wide = taps.reshape(*taps.shape[:2], *taps.shape[-2:]).astype(np.float64)
        spectrum = np.fft.fft2(wide, (n, m)) / (n * m)
        ordered = spectrum[..., self.backend.plans.pair_order(n), :]
        ordered = ordered[..., self.backend.plans.pair_order(m)]
        return np.ascontiguousarray(np.swapaxes(ordered, -1, -2)).reshape(*taps.shape[:2], -1)

    def transform(self, packed: Array, corners: Corners, sources: Iterable[Source]) -> None:
        """Store the packed spectra of the tiles at the corners."""
        pieces, flat = list(sources), self._flat(packed)
        with self._scratch() as room:
            for k, pair in enumerate(_pairs(corners)):
                for row, array, stride in pieces:
                    place = (k, *packed.shape[1:3], row, packed.shape[3])
                    where = (array.shape[1:], *pair, stride, self.wraps)
                    source = (array.reshape(-1), *where)
                    self.backend.plans.transform_pairs(
                        flat, source, place, self.tile, self._room(room)
                    )

    def restore(self, packed: Array, corners: Corners, target: Target) -> None:
        """Put what is kept of packed spectra at the corners."""
        flat, shape = self._flat(packed), target.array.shape[1:]
        out = target.array.reshape(-1)
        with self._scratch() as room:
            for k, pair in enumerate(_pairs(corners)):
                place = (k, *packed.shape[1:3], 0, packed.shape[3])
                where = (out, shape, *pair, target.offset, target.step)
                self.backend.plans.restore_pairs(where, flat, place, self.tile, self._room(room))

    def _flat(self, packed: Array) -> Array:
        return packed.view(self.dtype).reshape(-1)

    def _scratch(self) -> Any:
        return self.buffers.borrow((4, math.prod(self.tile)), self.dtype)

    def _room(self, scratch: Array) -> tuple[Array, ...]:
        return (*scratch, *self._factors)

    @cached_property
    def _factors(self) -> tuple[Array, Array]:
        n, m = self.tile[1:]
        factors = self.backend.plans.pair_factors
        return factors(n, self.dtype), factors(m, self.dtype)


def _keep(target: Target, tile: Array, corner: Sizes) -> None:
    """Store what is free of wrapping at its place."""
    parts = list(zip(corner, target.step, target.array.shape[1:], target.offset, strict=True))
    inner = tuple(slice(c, min(c + step, n)) for c, step, n, _ in parts)
    kept = tuple(slice(o, o + min(step, n - c)) for c, step, n, o in parts)
    target.array[(slice(None), *inner)] = tile[(slice(None), *kept)]


def _pairs(corners: Corners) -> Iterator[tuple[Array, int]]:
    """Yield the corners of each two tiles, the last of an odd number twice, and how many."""
    for k in range(0, len(corners), 2):
        pair = corners[k : k + 2]
        yield np.asarray([pair[0], pair[-1]], np.int64), len(pair)
