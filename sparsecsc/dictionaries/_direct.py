"""Direct convolution: sums of products, kept in registers, with no transform."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sparsecsc.dictionaries._buffers import Buffers
from sparsecsc.dictionaries._geometry import Geometry, every, pitches
from sparsecsc.dictionaries._lanes import (
    alike,
    crop_phases,
    kernel_room,
    line_starts,
    outer_sum,
    three_axes,
)
from sparsecsc.dictionaries._operators import (
    group_blocks,
    make_blocks,
    part_numbers,
)
from sparsecsc.protocols import Array, Block


@dataclass(frozen=True, eq=False)
class SampleLanes:
    """The lanes of a vector are neighbouring positions: for rows of 16 positions or more."""

    geometry: Geometry
    buffers: Buffers

    def blocks(self, n_signals: int) -> list[Block]:
        """Return blocks of at least as many filters as the kernel sums up at a time."""
        geometry = self.geometry
        backend = geometry.backend
        size = math.prod(geometry.code_spatial)
        n_filters, rows = geometry.n_filters, backend.plans.ROWS
        total = n_signals * n_filters * size
        elements = min(backend.block_elements, -(-total // (4 * backend.threads())))
        filters = min(n_filters, max(1, elements // (size * rows)) * rows)
        return make_blocks(n_signals, n_filters, size, max(elements, filters * size), filters)

    def synthesize(self, codes_at: Callable[[Block], Array], n_signals: int, out: Array) -> None:
        """Store D z in `out`, (n_signals, n_channels, *spatial on three axes)."""
        geometry = self.geometry
        groups = group_blocks(geometry.backend, self.blocks(n_signals))
        parts = part_numbers(groups)
        most = max(parts) + 1
        shape = (n_signals, *self._grid_shape)
        with self.buffers.borrow((most, *shape), geometry.filters.dtype) as sums:

            def accumulate(index: int) -> None:
                self._accumulate(codes_at, groups[index], sums[parts[index]])

            geometry.backend.run(accumulate, range(len(groups)))
            for other in range(1, most):
                sums[0] += sums[other]
            out[...] = crop_phases(geometry, sums[0].reshape(*shape[:2], *geometry.grid))

    def analyze(self, signal: Array, consume: Callable[[Block, Array], Any]) -> list[Any]:
        """Hand out D^T signal block by block."""
        geometry = self.geometry
        plans, dtype = geometry.backend.plans, geometry.filters.dtype
        shape = self._padded_signal
        size = math.prod(shape)
        corner = np.asarray(geometry.signal_at((0, 0, 0)))
        stride = np.asarray(geometry.stride)

        def pad(b: int) -> None:
            target = padded[b, :size].reshape(shape)
            plans.cut(target, signal[b], corner, stride, geometry.circular)

        def task(block: Block) -> Any:
            signals, filters, _ = block
            n = (signals.stop - signals.start, filters.stop - filters.start)
            out = geometry.backend.xp.empty((*n, math.prod(geometry.code_spatial)), dtype=dtype)
            weights, offsets, starts = self._analysis
            rows = weights.shape[2]
            weights = weights[filters.start // rows : -(-filters.stop // rows)]
            with self._room() as room:
                for k, b in enumerate(range(signals.start, signals.stop)):
                    lines = (starts, geometry.code_spatial[2], *room)
                    plans.sum_rows(out[k], padded[b], (weights, offsets), lines, False)
            return consume(block, out.reshape(*n, *geometry.code_spatial))

        n_signals = signal.shape[0]
        with self.buffers.borrow((n_signals, size + self._slack), dtype) as padded:
            geometry.backend.run(pad, range(n_signals))
            results: list[Any] = geometry.backend.run(task, self.blocks(n_signals))
        return results

    @property
    def _slack(self) -> int:
        """What the last vector of a row may read beyond the array."""
        return int(self.geometry.backend.plans.lanes_of(self.geometry.filters.dtype))

    @property
    def _grid_shape(self) -> tuple[int, ...]:
        return (self.geometry.n_channels * self.geometry.n_phases, math.prod(self.geometry.grid))

    @property
    def _padded_signal(self) -> tuple[int, ...]:
        geometry = self.geometry
        pairs = zip(geometry.code_spatial, geometry.reach, strict=True)
        return (geometry.n_channels, *geometry.stride, *(n + r for n, r in pairs))

    @property
    def _padded_codes(self) -> tuple[int, ...]:
        geometry = self.geometry
        return tuple(n + r for n, r in zip(geometry.grid, geometry.reach, strict=True))

    @cached_property
    def _analysis(self) -> tuple[Any, Any, Any]:
        """Weights, the offsets of taps in the padded signal, and where lines start."""
        geometry = self.geometry
        shape = self._padded_signal
        where = np.argwhere(np.broadcast_to(geometry.has_tap, geometry.taps.shape[1:]))
        taps = geometry.taps[(slice(None), *where.T)]
        starts = line_starts(geometry.code_spatial, shape[4:])
        return self._rows_of(taps), where @ np.asarray(pitches(shape)), starts

    @cached_property
    def _synthesis(self) -> tuple[Any, Any, Any]:
        """The same in padded codes; offsets of the first filter's taps only."""
        geometry = self.geometry
        where = np.argwhere(geometry.has_tap.any(axis=(0, 1, 2)))
        taps = geometry.taps[(..., *where.T)]  # (filters, channels, *stride, taps)
        n_outputs = self._grid_shape[0]
        taps = np.moveaxis(taps.reshape(geometry.n_filters, n_outputs, len(where)), 1, 0)
        offsets = (np.asarray(geometry.reach) - where) @ np.asarray(pitches(self._padded_codes))
        return taps, offsets, line_starts(geometry.grid, self._padded_codes)

    @cached_property
    def _synthesis_weights(self) -> dict[tuple[int, int], Any]:
        return {}

    def _weights_of(self, filters: slice) -> Any:
        """Return the packed weights of a block of filters, all taps of one after the other."""
        key = (filters.start, filters.stop)
        if key not in self._synthesis_weights:
            taps = self._synthesis[0][:, filters]
            self._synthesis_weights[key] = self._rows_of(taps.reshape(taps.shape[0], -1))
        return self._synthesis_weights[key]

    def _rows_of(self, taps: Any) -> Any:
        """Pack (outputs, taps) into (groups, taps, rows), with zeros for outputs that lack."""
        n_outputs, n_taps = taps.shape
        rows = 1 if n_outputs == 1 else self.geometry.backend.plans.ROWS
        out = np.zeros((-(-n_outputs // rows) * rows, n_taps), dtype=taps.dtype)
        out[:n_outputs] = taps
        return np.ascontiguousarray(out.reshape(-1, rows, n_taps).transpose(0, 2, 1))

    def _room(self) -> Any:
        """Lend what one thread's kernel works in."""
        return kernel_room(self.geometry, self.buffers, self.geometry.backend.plans.ROW_SUMS)

    def _accumulate(
        self, codes_at: Callable[[Block], Array], group: list[Block], sums: Array
    ) -> None:
        """Add up what a group of blocks synthesises, all of the same signals."""
        geometry = self.geometry
        plans, dtype = geometry.backend.plans, geometry.filters.dtype
        corner = np.subtract(geometry.first, geometry.reach)
        ones = np.ones(3, np.int64)
        most = max(filters.stop - filters.start for _, filters, _ in group)
        plane = math.prod(self._padded_codes)
        shared = self.buffers.borrow((most * plane + self._slack,), dtype)
        with shared as padded, self._room() as room:
            for index, block in enumerate(group):
                signals, filters, _ = block
                n = filters.stop - filters.start
                codes = three_axes(codes_at(block))
                weights = self._weights_of(filters)
                offsets, starts = self._synthesis[1:]
                offsets = (np.arange(n)[:, None] * plane + offsets).reshape(-1)
                target = padded[: n * plane].reshape(n, 1, 1, 1, *self._padded_codes)
                for k, b in enumerate(range(signals.start, signals.stop)):
                    codes_of_one = np.ascontiguousarray(codes[k])
                    plans.cut(target, codes_of_one, corner, ones, geometry.circular)
                    lines = (starts, geometry.grid[2], *room)
                    plans.sum_rows(sums[b], padded, (weights, offsets), lines, index > 0)


@dataclass(frozen=True, eq=False)
class ChannelLanes:
    """The lanes of a vector are filters, or channels: for many of them, at few positions."""

    geometry: Geometry
    buffers: Buffers

    def blocks(self, n_signals: int) -> list[Block]:
        """Return blocks of all filters of some signals."""
        geometry = self.geometry
        backend = geometry.backend
        size = math.prod(geometry.code_spatial)
        signals = -(-n_signals // (4 * backend.threads()))
        points = backend.plans.POINTS
        signals = -(-signals // points) * points if signals > points // 2 else signals
        signals = min(signals, max(1, backend.block_elements // (size * geometry.n_filters)))
        every_filter = slice(0, geometry.n_filters)
        return [
            (slice(b, min(b + signals, n_signals)), every_filter, ...)
            for b in range(0, n_signals, signals)
        ]

    def synthesize(self, codes_at: Callable[[Block], Array], n_signals: int, out: Array) -> None:
        """Store D z in `out`, (n_signals, n_channels, *spatial on three axes)."""
        xp = self.geometry.backend.xp

        def task(block: Block) -> None:
            codes = xp.ascontiguousarray(codes_at(block))
            self._sum(codes, self._synthesis, out[block[0]])

        self.geometry.backend.run(task, self.blocks(n_signals))

    def analyze(self, signal: Array, consume: Callable[[Block, Array], Any]) -> list[Any]:
        """Hand out D^T signal block by block."""
        geometry = self.geometry
        xp = geometry.backend.xp

        def task(block: Block) -> Any:
            samples = xp.ascontiguousarray(signal[block[0]])
            shape = (samples.shape[0], geometry.n_filters, *geometry.code_spatial)
            out = xp.empty(shape, dtype=samples.dtype)
            self._sum(samples, self._analysis, out)
            return consume(block, out)

        results: list[Any] = geometry.backend.run(task, self.blocks(signal.shape[0]))
        return results

    def _sum(self, x: Array, tables: Any, out: Array) -> None:
        plans = self.geometry.backend.plans
        taps, groups = tables
        flat = out.reshape(*out.shape[:2], -1)
        with kernel_room(self.geometry, self.buffers, plans.POINT_SUMS) as room:
            plans.sum_points(flat, x.reshape(x.shape[0], -1), taps, groups, room)

    @cached_property
    def _analysis(self) -> Any:
        geometry = self.geometry
        taps = geometry.filters.reshape(geometry.n_filters, geometry.n_channels, -1)
        weights = self._panels_of(taps.transpose(1, 2, 0))
        return self._tables(weights, geometry.n_channels, analysis=True)

    @cached_property
    def _synthesis(self) -> Any:
        geometry = self.geometry
        taps = geometry.filters.reshape(geometry.n_filters, geometry.n_channels, -1)
        weights = self._panels_of(taps.transpose(0, 2, 1))
        return self._tables(weights, geometry.n_filters, analysis=False)

    def _panels_of(self, taps: Any) -> Any:
        """Pack (inputs, taps, outputs) into (panels, inputs * taps, lanes of a panel)."""
        plans = self.geometry.backend.plans
        lanes = plans.PANEL * plans.lanes_of(taps.dtype)
        n_outputs = taps.shape[2]
        n_panels = -(-n_outputs // lanes)
        out = np.zeros((taps.shape[0] * taps.shape[1], n_panels * lanes), dtype=taps.dtype)
        out[:, :n_outputs] = taps.reshape(-1, n_outputs)
        return np.ascontiguousarray(out.reshape(-1, n_panels, lanes).transpose(1, 0, 2))

    def _tables(self, weights: Any, n_inputs: int, *, analysis: bool) -> Any:
        """Return (weights, offsets, rows) and the groups of outputs that meet the same taps."""
        geometry = self.geometry
        sizes = (geometry.spatial, geometry.code_spatial)
        sizes_in, sizes_out = sizes if analysis else sizes[::-1]
        by_axis = [alike(geometry, axis, analysis=analysis) for axis in range(3)]
        pitch_in, pitch_out = np.asarray(pitches(sizes_in)), np.asarray(pitches(sizes_out))
        tap_pitch = np.asarray(pitches(geometry.kernel))
        n_taps, plane = math.prod(geometry.kernel), math.prod(sizes_in)
        inputs = np.arange(n_inputs)[:, None]
        offsets, rows, sources, targets = [], [], [], []
        for meetings in every(tuple(len(axis) for axis in by_axis)):
            pairs, places, references = zip(
                *(by_axis[axis][k] for axis, k in enumerate(meetings)), strict=True
            )
            taps = outer_sum([[t for t, _ in p] for p in pairs], tap_pitch)
            steps = outer_sum([[step for _, step in p] for p in pairs], pitch_in)
            offsets.append((inputs * plane + steps).reshape(-1))
            rows.append((inputs * n_taps + taps).reshape(-1))
            sources.append(outer_sum(references, pitch_in))
            targets.append(outer_sum(places, pitch_out))
        points = np.cumsum([0, *(len(part) for part in targets)])
        entries = np.cumsum([0, *(len(part) for part in offsets)])
        groups = (points, entries, np.concatenate(sources), np.concatenate(targets))
        return (weights, np.concatenate(offsets), np.concatenate(rows)), groups
