"""What coordinate descent does to all tiles of a problem: sweeps, atoms added, inner products."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from sparsecsc._codes_graph import Graph, Order, make_order
from sparsecsc._codes_scratch import empty_like
from sparsecsc._codes_tiling import Tiling
from sparsecsc.codes import SparseCodes
from sparsecsc.protocols import Array

_WORTH = 300e-6
"""Seconds of work from which on it is shared: to wake a thread and to wait for it takes 60e-6."""


class Entries(NamedTuple):
    """Nonzero coefficients of one chunk of one signal, tile after tile."""

    filters: Array
    """int32."""
    spots: Array
    """int32, the position in the tile, its rows padded."""
    values: Array
    bounds: Array
    """(n_tiles + 1,) where those of each tile begin."""


@dataclass(frozen=True, eq=False)
class TileWork:
    """A problem cut into tiles.

    Samples are (n_signals, n_channels, n0, n1, n2); coefficients are one `Entries` for each chunk
    of each signal, and vectors over all of them.
    """

    backend: Any
    tiling: Tiling
    codes_shape: tuple[int, ...]
    weights: Array
    """(n_signals, n_filters, p0, p1, p2), broadcast."""
    ridges: Array
    nonnegative: bool
    uniform: bool
    squares: Array | None
    """Of the mask; None where there is none."""
    bars: Array
    """(n_signals, n_tiles) the scale of the weights from which on nothing can join in a tile, as
    long as nothing changes there; inf where that is not known."""
    least: Any
    """How many weights a correlation must exceed to count: 1 and a few roundings."""

    def sweep(
        self, samples: Array, entries: list[Entries], *, plan: tuple[int, int, int], scale: float
    ) -> tuple[list[Entries], int]:
        """Visit all tiles; return the new entries and how many joined.

        plan is 1 to select, passes before and after; the weights are multiplied by `scale`.
        """
        new, joined = list(entries), [0] * len(entries)

        def work(i: int) -> None:
            old = entries[i]
            room = old.values.size + plan[0] * self.tiling.cells * (old.bounds.size - 1)
            if room == 0:
                return
            found = _empty(room, samples.dtype, old.bounds.size)
            nothing = np.empty(0, samples.dtype)
            joined[i] = self._visit(samples, i, (old, found), (plan, scale, nothing))
            n = int(found.bounds[-1])
            filters, spots, values, bounds = found
            new[i] = Entries(filters[:n].copy(), spots[:n].copy(), values[:n].copy(), bounds)

        self._in_order(work, self._order.alone, self._seconds(entries, plan[1] + plan[2], plan[0]))
        return new, sum(joined)

    def overshoot(self, samples: Array) -> Array:
        """Return the largest correlation at each position, in units of the weights.

        (n_signals, *positions); weights of 0 are left out, and so are negative correlations where
        codes are not.
        """
        out = empty_like(samples, (self.codes_shape[0], *self.tiling.positions.tolist()))
        n_chunks = len(self.tiling.chunks)

        def work(i: int) -> None:
            b, chunk = divmod(i, n_chunks)
            n_tiles = self.tiling.offsets[chunk + 1] - self.tiling.offsets[chunk]
            none = _empty(0, samples.dtype, n_tiles + 1)
            self._visit(samples, i, (none, none), ((1, 0, 0), 1.0, np.asarray(out[b]).reshape(-1)))

        self.backend.run(work, range(self.codes_shape[0] * n_chunks))
        return out

    def settle(self, overshoot: Array) -> None:
        """Note in which tiles nothing can join yet: `overshoot` is of the samples as they are."""
        largest = overshoot
        for axis, size in enumerate(self.tiling.tile.tolist(), start=1):
            if size > 1:
                edges = np.arange(0, largest.shape[axis], size)
                largest = np.maximum.reduceat(largest, edges, axis=axis)
        self.bars[...] = largest.reshape(self.bars.shape)

    def _visit(self, samples: Array, i: int, entries: Any, how: Any) -> int:
        """Run the kernel on chunk `i`; how is (plan, scale, out)."""
        b, chunk = divmod(i, len(self.tiling.chunks))
        (plan, scale, out), dtype = how, samples.dtype.type
        penalty = (
            *(self.weights[b], self.ridges[b], self.nonnegative, self.uniform),
            *(dtype(scale), self.least),
        )
        room = self._room(entries[0].values.size if plan[0] <= 1 else 0, samples.dtype)
        problem = (self.tiling.geometry, self.tiling.atoms, penalty, room)
        image = (*self._image(samples, b), out, self.bars[b])
        old, new = (tuple(part) for part in entries)
        joined: int = self.backend.tiles.sweep(
            image, problem, self.tiling.chunks[chunk], (old, new), plan
        )
        return joined

    def add(self, samples: Array, entries: list[Entries], amounts: Array) -> None:
        """Add `amounts` of the atoms of `entries`, times the squared mask, in place."""
        work = self._at_support(samples, entries, amounts, self.backend.tiles.ADD)
        self._in_order(work, self._order.alone, self._seconds(entries, 1))

    def inner(self, samples: Array, entries: list[Entries]) -> Array:
        """Return the inner products of the atoms of `entries` with the samples."""
        out = np.empty(sum(part.values.size for part in entries), samples.dtype)
        work = self._at_support(samples, entries, out, self.backend.tiles.INNER)
        self._in_order(work, self._order.alone, self._seconds(entries, 1))
        return out

    def gram(self, samples: Array, entries: list[Entries], amounts: Array) -> Array:
        """Do `add`, and return what `inner` then returns."""
        out, n = np.empty_like(amounts), len(entries)
        adds = self._at_support(samples, entries, amounts, self.backend.tiles.ADD)
        reads = self._at_support(samples, entries, out, self.backend.tiles.INNER)

        def work(i: int) -> None:
            adds(i) if i < n else reads(i - n)

        self._in_order(work, self._order.twice, self._seconds(entries, 2))
        return out

    def _at_support(
        self, samples: Array, entries: list[Entries], amounts: Array, what: int
    ) -> Callable[[int], None]:
        """Return what adds the amounts in a chunk, or makes them inner products."""
        ends = np.cumsum([part.values.size for part in entries])
        nothing = np.empty(0, samples.dtype)

        def work(i: int) -> None:
            old = entries[i]
            size = old.values.size
            if size:
                own = old._replace(values=amounts[ends[i] - size : ends[i]])
                self._visit(samples, i, (own, own), ((what, 0, 0), 1.0, nothing))

        return work

    def _in_order(self, work: Callable[[int], None], graph: Graph, seconds: float) -> None:
        """Call ``work(signal * n_chunks + chunk)`` for all tasks of a graph of the order.

        Tasks beyond the number of chunks are a second round. What takes less than it takes to wake
        the other threads is left to this one.
        """
        numbers = self._order.numbers
        n = len(numbers)

        def task(i: int) -> None:
            work(numbers[i] if i < n else n + numbers[i - n])

        if seconds > _WORTH:
            self.backend.run_after(task, graph)
            return
        for i in range(len(graph.counts)):
            task(i)

    def _seconds(self, entries: list[Entries], visits: int, select: int = 0) -> float:
        """Return about how long one thread takes for so many visits of all entries."""
        copying, selecting, coefficient = self.tiling.seconds
        n_tiles, n = self.bars.size, sum(part.values.size for part in entries)
        seconds = (n_tiles if select else min(n_tiles, n)) * copying
        return float(seconds + select * n_tiles * selecting + visits * n * coefficient)

    def _room(self, most: int, dtype: Any) -> tuple[Array, ...]:
        """Return what the kernels work in, for so many coefficients: each thread has one."""
        room: Any = getattr(self._own, "room", None)
        if room is None or room[0].dtype != dtype or room[4].shape[1] < most + self.tiling.cells:
            room = self._own.room = self.tiling.room(2 * most, dtype)
        return room  # type: ignore[no-any-return]

    @cached_property
    def _own(self) -> threading.local:
        return threading.local()

    @cached_property
    def _order(self) -> Order:
        return make_order(self.tiling, self.codes_shape[0])

    def _image(self, samples: Array, b: int) -> tuple[Array, Array, bool]:
        line = np.asarray(samples[b]).reshape(-1)
        return (
            line,
            line if self.squares is None else self.squares[b].reshape(-1),
            (self.squares is not None),
        )

    def costs(self, entries: list[Entries]) -> tuple[Array, Array]:
        """Return weight and ridge of each coefficient."""
        if self.uniform:
            signals = self._signals(entries)
            filters = np.concatenate([part.filters for part in entries])
            at: Any = (signals, filters, 0, 0, 0)
        else:
            at = np.unravel_index(self.places(entries), self.weights.shape)
        return self.weights[at], self.ridges[at]

    def _signals(self, entries: list[Entries]) -> Array:
        sizes = [part.values.size for part in entries]
        return np.repeat(np.arange(len(entries)) // len(self.tiling.chunks), sizes)

    def codes(self, entries: list[Entries]) -> SparseCodes:
        """Return the coefficients as sparse codes."""
        places = self.places(entries)
        values = np.concatenate([part.values for part in entries])
        order = np.argsort(places)
        return SparseCodes(places[order], values[order], self.codes_shape)

    def places(self, entries: list[Entries]) -> Array:
        """Return the place of each coefficient in the flattened codes, tile after tile."""
        tiling = self.tiling
        counts = np.concatenate([np.diff(part.bounds) for part in entries])
        tile = np.tile(np.arange(len(self.tiling.corners)), self.codes_shape[0])
        corners = self.tiling.corners[np.repeat(tile, counts)]
        spots = np.concatenate([part.spots for part in entries]).astype(np.int64)
        local = np.unravel_index(spots, (*tiling.tile[:2], tiling.length))
        places = self._signals(entries) * self.codes_shape[1]
        places += np.concatenate([part.filters for part in entries])
        for axis, size in enumerate(tiling.positions):
            places *= size
            places += corners[:, axis] + local[axis]
        return places

    def entries(self, codes: SparseCodes) -> list[Entries]:
        """Return sparse codes as entries."""
        tiling, n_tiles = self.tiling, len(self.tiling.corners)
        rows, places = np.divmod(codes.indices, np.prod(tiling.positions))
        signals, filters = np.divmod(rows, self.codes_shape[1])
        positions = np.unravel_index(places, tuple(tiling.positions))
        tiles, local = zip(
            *(np.divmod(p, t) for p, t in zip(positions, tiling.tile, strict=True)), strict=True
        )
        numbers = signals * n_tiles + self.tiling.numbers[tiles]
        order = np.argsort(numbers, kind="stable")
        spots = (local[0] * tiling.tile[1] + local[1]) * tiling.length + local[2]
        counts = np.bincount(numbers, minlength=n_tiles * self.codes_shape[0])
        ends = np.concatenate([[0], np.cumsum(counts)])
        found = []
        for b in range(self.codes_shape[0]):
            for low, high in zip(self.tiling.offsets[:-1], self.tiling.offsets[1:], strict=True):
                bounds = ends[b * n_tiles + low : b * n_tiles + high + 1]
                own = order[bounds[0] : bounds[-1]]
                parts = (filters[own].astype(np.int32), spots[own].astype(np.int32))
                values = codes.values[own]
                found.append(Entries(*parts, values, bounds - bounds[0]))
        return found


def _empty(room: int, dtype: Any, n_bounds: int) -> Entries:
    filters, spots = np.empty((2, room), np.int32)
    return Entries(filters, spots, np.empty(room, dtype), np.zeros(n_bounds, np.int64))
