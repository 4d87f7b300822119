"""Convolution on tiles: overlap-save, with transforms of the tile's size only."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sparsecsc.dictionaries._buffers import Buffers
from sparsecsc.dictionaries._geometry import Geometry, Sizes, three
from sparsecsc.dictionaries._lanes import crop_phases, three_axes
from sparsecsc.dictionaries._operators import make_blocks
from sparsecsc.dictionaries._tile_spectra import Source, Target, spectra_of
from sparsecsc.protocols import Array, Block

_CHUNK_ELEMENTS = 2**21
"""Complex numbers of the spectra of a chunk of tiles, for each of which those of the filters are
read once."""
_FEWEST_ELEMENTS, _MOST_ELEMENTS = 2**20, 2**24
"""Of a block: a signal of many channels is read again for each, which large blocks save."""

Chunk = tuple[int, tuple[Sizes, ...]]
"""The signal, and the corners of some of its tiles."""


@dataclass(frozen=True, eq=False)
class TiledTransforms:
    """At each frequency of a tile, one matrix product of filters, channels and tiles."""

    geometry: Geometry
    buffers: Buffers
    tile: Sizes
    """In grid points, along each axis."""

    def blocks(self, n_signals: int) -> list[Block]:
        """Return blocks of one signal, of as many filters as memory allows."""
        geometry = self.geometry
        size, n_filters = math.prod(geometry.code_spatial), geometry.n_filters
        most = min(max(2**19 * geometry.n_channels, _FEWEST_ELEMENTS), _MOST_ELEMENTS)
        n_parts = -(-geometry.backend.threads() // n_signals)
        filters = max(1, min(-(-n_filters // n_parts), most // size))
        return make_blocks(n_signals, n_filters, size, filters * size, filters)

    def synthesize(self, codes_at: Callable[[Block], Array], n_signals: int, out: Array) -> None:
        """Store D z in `out`, (n_signals, n_channels, *spatial on three axes)."""
        geometry = self.geometry
        parts: dict[int, list[tuple[slice, Array]]] = {}
        for block in self.blocks(n_signals):
            codes = np.ascontiguousarray(three_axes(codes_at(block))[0])
            parts.setdefault(block[0].start, []).append((block[1], codes))
        back = np.subtract(geometry.first, geometry.reach)
        rows = geometry.n_channels * geometry.n_phases
        shape = (n_signals, rows, *geometry.grid)
        with self.buffers.borrow(shape, geometry.filters.dtype) as grids:

            def task(chunk: Chunk) -> None:
                b, corners = chunk
                with self._packed(len(corners), geometry.n_filters) as packed:
                    begins = [three(tuple(np.add(corner, back)), 0) for corner in corners]
                    ones = (1, 1, 1)
                    sources = [Source(filters.start, codes, ones) for filters, codes in parts[b]]
                    self._spectra.transform(packed, begins, sources)
                    target = Target(grids[b], geometry.reach, self.step)
                    self._product(packed, corners, target, (1, 0, 0))

            geometry.backend.run(task, self._chunks(n_signals, geometry.grid))
            out[...] = crop_phases(geometry, grids)

    def analyze(self, signal: Array, consume: Callable[[Block, Array], Any]) -> list[Any]:
        """Hand out D^T signal block by block; the spectra of all tiles of the signal are kept."""
        geometry = self.geometry
        rows = geometry.n_channels * geometry.n_phases
        chunks = self._chunks(signal.shape[0], geometry.code_spatial)

        def task(block: Block) -> Any:
            signals, filters, _ = block
            shape = (1, filters.stop - filters.start, *geometry.code_spatial)
            out = geometry.backend.xp.empty(shape, dtype=signal.dtype)
            for (b, corners), packed in zip(chunks, spectra, strict=True):
                if b == signals.start:
                    target = Target(out[0], (0, 0, 0), self.step)
                    self._product(packed, corners, target, (0, 1, filters.start))
            return consume(block, out)

        with ExitStack() as stack:
            lent = (self._packed(len(corners), rows) for _, corners in chunks)
            spectra = [stack.enter_context(packed) for packed in lent]

            def transform(index: int) -> None:
                b, corners = chunks[index]
                samples = np.ascontiguousarray(signal[b])
                begins = [geometry.signal_at(corner) for corner in corners]
                source = Source(0, samples, geometry.stride)
                self._spectra.transform(spectra[index], begins, [source])

            geometry.backend.run(transform, range(len(chunks)))
            results: list[Any] = geometry.backend.run(task, self.blocks(signal.shape[0]))
        return results

    @property
    def step(self) -> Sizes:
        """How many grid points of a tile are free of wrapping, along each axis."""
        return three(tuple(n - r for n, r in zip(self.tile, self.geometry.reach, strict=True)), 1)

    @cached_property
    def _spectra(self) -> Any:
        """What transforms tiles."""
        geometry = self.geometry
        kind = (self.tile, geometry.filters.dtype)
        return spectra_of(geometry.backend, self.buffers, *kind, wraps=geometry.circular)

    @property
    def _complex(self) -> Any:
        xp = self.geometry.backend.xp
        return xp.complex64 if self.geometry.filters.dtype == xp.float32 else xp.complex128

    @cached_property
    def _matrices(self) -> Array:
        """The spectra of the filters, packed: (blocks, filters, channels x phases, lanes)."""
        geometry = self.geometry
        rows = geometry.n_channels * geometry.n_phases
        taps = geometry.taps.reshape(geometry.n_filters, rows, *geometry.taps.shape[5:])
        out = self._new_packed(geometry.n_filters, rows)

        def fill(m: int) -> None:
            spectrum = self._spectra.of_filters(taps[m : m + 1]).astype(self._complex)
            part = self._new_packed(1, rows)
            geometry.backend.plans.pack(part, spectrum, 0)
            out[:, m] = part[:, 0]

        geometry.backend.run(fill, range(geometry.n_filters))
        return out

    def _packed_shape(self, n_spectra: int, n_rows: int) -> tuple[int, ...]:
        lanes = self.geometry.backend.plans.lanes_of(self._complex)
        return (-(-self._spectra.n_points // lanes), n_spectra, n_rows, lanes)

    def _new_packed(self, n_spectra: int, n_rows: int) -> Array:
        shape = self._packed_shape(n_spectra, n_rows)
        return self.geometry.backend.xp.empty(shape, dtype=self._complex)

    def _packed(self, n_tiles: int, n_rows: int) -> Any:
        """Lend room for the packed spectra of tiles."""
        shape = self._packed_shape(self._spectra.count(n_tiles), n_rows)
        return self.buffers.borrow(shape, self._complex)

    def _chunks(self, n_signals: int, sizes: Sizes) -> list[Chunk]:
        """Return all tiles that cover `sizes`, a few at a time."""
        geometry = self.geometry
        steps = (range(0, n, step) for n, step in zip(sizes, self.step, strict=True))
        corners = [three(corner, 0) for corner in itertools.product(*steps)]
        rows = max(geometry.n_filters, geometry.n_channels * geometry.n_phases)
        most = max(1, 2 * _CHUNK_ELEMENTS // (rows * math.prod(self.tile)))
        fair = -(-len(corners) * n_signals // (2 * geometry.backend.threads()))
        n = min(most, fair)
        n += n % 2  # two tiles may be transformed as one
        return [
            (b, tuple(corners[k : k + n]))
            for b in range(n_signals)
            for k in range(0, len(corners), n)
        ]

    def _product(
        self, packed: Array, corners: tuple[Sizes, ...], target: Target, steps: tuple[int, int, int]
    ) -> None:
        """Store what the filters make of the tiles of a chunk."""
        sign = np.dtype(self.geometry.filters.dtype).type(1 if steps[0] else -1)
        n_outs = target.array.shape[0]
        with self._packed(len(corners), n_outs) as out, self._indices() as indices:
            room = (indices, sign)
            self.geometry.backend.plans.multiply_tiles(out, self._matrices, packed, steps, room)
            self._spectra.restore(out, corners, target)

    def _indices(self) -> Any:
        return self.buffers.borrow((self.geometry.backend.plans.INDICES,), np.int64)
