"""Spectra of tiles, packed for products: of each tile by itself, or of two tiles as one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sparsecsc.dictionaries._buffers import Buffers
from sparsecsc.dictionaries._geometry import Sizes
from sparsecsc.protocols import Array

_TRANSFORM_ELEMENTS = 2**18
"""Real numbers that are transformed at a time: they are to stay in the cache."""
PAIRED = (8, 16, 32, 64)
"""Sizes of tiles along an axis that the kernels for two tiles at once are for."""

Cut = Callable[[Array, Sizes], None]
"""Stores the tile at a corner in (rows, *tile)."""


def spectra_of(backend: Any, buffers: Buffers, tile: Sizes, dtype: Any) -> Any:
    """Return what transforms tiles of this size."""
    kind = PairSpectra if is_paired(backend, tile) else HalfSpectra
    return kind(backend, buffers, tile, dtype)


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

    def transform(self, packed: Array, corners: tuple[Sizes, ...], cut: Cut) -> None:
        """Store the packed spectra of the tiles that `cut` makes at the corners."""
        rows = packed.shape[2]
        n = self._at_a_time(rows)
        with self.buffers.borrow((n, rows, *self.tile), self.dtype) as samples:
            for first in range(0, len(corners), n):
                here = corners[first : first + n]
                for tile, corner in zip(samples, here, strict=False):
                    cut(tile, corner)
                used = samples[: len(here)].reshape(len(here), rows, *self._axes)
                spectrum = self.backend.rfftn(used, self._axes).reshape(len(here), rows, -1)
                self.backend.plans.pack(packed, spectrum, first)

    def restore(self, packed: Array, n_tiles: int) -> Iterator[Array]:
        """Yield the tiles (rows, *tile) of packed spectra."""
        rows = packed.shape[2]
        n = self._at_a_time(rows)
        with self.buffers.borrow((n, rows, *self._half), packed.dtype) as natural:
            for first in range(0, n_tiles, n):
                used = natural[: min(n, n_tiles - first)]
                self.backend.plans.unpack(used.reshape(*used.shape[:2], -1), packed, first)
                tiles = self.backend.irfftn(used, self._axes)
                yield from tiles.reshape(*used.shape[:2], *self.tile)

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

    def transform(self, packed: Array, corners: tuple[Sizes, ...], cut: Cut) -> None:
        """Store the packed spectra of the tiles that `cut` makes at the corners."""
        rows = packed.shape[2]
        flat = self._flat(packed)
        with self._pair(rows) as pair, self._scratch() as room:
            for k in range(packed.shape[1]):
                here = corners[2 * k : 2 * k + 2]
                for tile, corner in zip(pair, here, strict=False):
                    cut(tile, corner)
                if len(here) == 1:
                    pair[1] = 0
                place = (k, packed.shape[1], rows, packed.shape[3])
                self.backend.plans.transform_pairs(
                    flat, self._lines(pair), place, self.tile[1:], self._room(room)
                )

    def restore(self, packed: Array, n_tiles: int) -> Iterator[Array]:
        """Yield the tiles (rows, *tile) of packed spectra."""
        rows = packed.shape[2]
        flat = self._flat(packed)
        with self._pair(rows) as pair, self._scratch() as room:
            for k in range(packed.shape[1]):
                place = (k, packed.shape[1], rows, packed.shape[3])
                self.backend.plans.restore_pairs(
                    self._lines(pair), flat, place, self.tile[1:], self._room(room)
                )
                yield from pair[: min(2, n_tiles - 2 * k)]

    def _flat(self, packed: Array) -> Array:
        return packed.view(self.dtype).reshape(-1)

    def _lines(self, pair: Array) -> tuple[Array, Array]:
        return pair[0].reshape(-1), pair[1].reshape(-1)

    def _pair(self, rows: int) -> Any:
        return self.buffers.borrow((2, rows, *self.tile), self.dtype)

    def _scratch(self) -> Any:
        return self.buffers.borrow((2, math.prod(self.tile)), self.dtype)

    def _room(self, scratch: Array) -> tuple[Array, Array, Array, Array]:
        return scratch[0], scratch[1], *self._factors

    @cached_property
    def _factors(self) -> tuple[Array, Array]:
        n, m = self.tile[1:]
        factors = self.backend.plans.pair_factors
        return factors(n, self.dtype), factors(m, self.dtype)
