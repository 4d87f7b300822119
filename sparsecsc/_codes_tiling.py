"""How the positions of a convolutional dictionary are cut into tiles, and these into chunks.

Atoms of one tile touch the samples of its patch. A chunk is a box of tiles that one thread visits
in order. Chunks of one colour share no sample: they may be worked on at once, and the outcome does
not depend on how many threads there are.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sparsecsc.protocols import Array

_TILES = {1: (1, 1, 512), 2: (1, 16, 16), 3: (4, 8, 16)}
_CELLS = {1: (1, 1, 4), 2: (1, 2, 2), 3: (2, 2, 2)}
_CHUNK = 8192
"""Positions of a chunk, at least."""
_MOST_CHUNKS = 4096


@dataclass(frozen=True, eq=False)
class Tiling:
    """Tiles and chunks of one signal; everything has three spatial axes."""

    geometry: Array
    """The integers that the kernels work with."""
    atoms: Any
    samples: Array
    """Size of the signal, (3,)."""
    positions: Array
    """Size of the codes, (3,)."""
    tile: Array
    """Positions of a tile, (3,)."""
    length: int
    """Of a row of a tile, padded."""
    cells: int
    """How many coefficients at most join in a tile at once."""
    chunks: tuple[Array, ...]
    """First tile and one past the last of each chunk, (6,)."""
    colours: tuple[tuple[int, ...], ...]
    """The chunks that share no sample with each other."""
    counts: tuple[int, ...]
    """Chunks along each axis."""
    circular: bool
    tables: Array
    """Where rows of positions begin in the phases of a patch, then where atoms begin in one."""
    scratch: tuple[int, int, int]
    """Numbers that the kernels need: of patches, of what is found, of a tile's positions."""

    def room(self, most: int, dtype: Any) -> tuple[Array, ...]:
        """Return what the kernels work in, on tiles with at most so many coefficients."""
        most += self.cells
        patches, found, positions = self.scratch
        return (
            np.zeros(patches, dtype),
            self.tables,
            np.zeros(found, dtype),
            np.zeros(positions, np.int32),
            np.empty((3, most), np.int64),
            np.empty((4, most), dtype),
            np.empty(13, np.int64),
        )

    @cached_property
    def seconds(self) -> tuple[float, float, float]:
        """About what it takes to copy a tile, to look for what joins there, and a coefficient."""
        segments, groups = self.atoms[0], self.atoms[3]
        samples, positions = self.scratch[0] / 3, self.scratch[2]
        return 2e-9 * samples, positions * groups.size / 30e9, 2e-9 * segments.size

    @cached_property
    def near(self) -> tuple[tuple[int, ...], ...]:
        """For each chunk those beside it, corners included: they may share samples with it."""
        found = []
        for index in np.ndindex(*self.counts):
            axes = []
            for i, n in zip(index, self.counts, strict=True):
                some = (i - 1, i, i + 1)
                wrapped = {j % n for j in some}
                axes.append(wrapped if self.circular else {j for j in some if 0 <= j < n})
            others = {each for each in itertools.product(*axes) if each != index}
            places = (int(np.ravel_multi_index(each, self.counts)) for each in sorted(others))
            found.append(tuple(places))
        return tuple(found)

    @cached_property
    def corners(self) -> Array:
        """First position of each tile, chunk after chunk: (n_tiles, 3)."""
        boxes = [np.indices(chunk[3:] - chunk[:3]).reshape(3, -1).T for chunk in self.chunks]
        starts = [box + chunk[:3] for box, chunk in zip(boxes, self.chunks, strict=True)]
        return np.concatenate(starts) * self.tile

    @cached_property
    def offsets(self) -> Array:
        """Where the tiles of each chunk begin in `corners`: (n_chunks + 1,)."""
        sizes = [math.prod(chunk[3:] - chunk[:3]) for chunk in self.chunks]
        return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    @property
    def grid(self) -> tuple[int, ...]:
        """How many tiles there are along each axis."""
        return tuple(int(n) for n in -(-self.positions // self.tile))

    @cached_property
    def numbers(self) -> Array:
        """The place in `corners` of each tile, as an array of the tiles' three axes."""
        out = np.empty(self.grid, np.int64)
        out[tuple((self.corners // self.tile).T)] = np.arange(len(self.corners))
        return out


def make_tiling(tiles: Any, dictionary: Any, signal_shape: tuple[int, ...]) -> Tiling:
    """Return the tiling of a `ConvDictionary`; `tiles` is the backend's module of that name."""
    geometry = _measure(tiles, dictionary, signal_shape)
    samples, positions, tile, cell = (
        geometry[first : first + 3]
        for first in (tiles.SAMPLES, tiles.POSITIONS, tiles.TILE, tiles.CELL)
    )
    chunks, colours, counts = _cut(
        positions=positions,
        tile=tile,
        stride=geometry[tiles.STRIDE : tiles.STRIDE + 3],
        extent=geometry[tiles.EXTENT : tiles.EXTENT + 3],
        circular=dictionary.is_circular,
    )
    return Tiling(
        geometry,
        _lay_out(tiles, dictionary, geometry),
        samples,
        positions,
        tile,
        length=int(geometry[tiles.LENGTH]),
        cells=math.prod(int(n) for n in -(-tile // cell)),
        chunks=chunks,
        colours=colours,
        counts=counts,
        circular=dictionary.is_circular,
        tables=_tables(tiles, geometry),
        scratch=_scratch(tiles, geometry),
    )


def _tables(tiles: Any, geometry: Array) -> Array:
    planes, lines = np.indices(geometry[tiles.TILE : tiles.TILE + 2]).reshape(2, -1, 1)
    stride, length = geometry[tiles.STRIDE : tiles.STRIDE + 3], geometry[tiles.LENGTH]
    rows = planes * stride[0] * geometry[tiles.PATCH + 2] + lines * stride[1]
    atoms = rows * geometry[tiles.WIDTH] + np.arange(length) * stride[2]
    phases = rows * geometry[tiles.PHASE] * stride[2]
    return np.concatenate([phases.reshape(-1), atoms.reshape(-1)])


def _scratch(tiles: Any, geometry: Array) -> tuple[int, int, int]:
    positions = int(geometry[tiles.TILE] * geometry[tiles.TILE + 1] * geometry[tiles.LENGTH])
    found = (tiles.GROUP + 1) * positions + 2 * tiles.LANES
    return 3 * int(geometry[tiles.ROOM]), found, positions


def _measure(tiles: Any, dictionary: Any, signal_shape: tuple[int, ...]) -> Array:
    """Return the integers of the geometry, but for how many segments an atom has."""
    front, n_axes = (1,) * (3 - dictionary.n_axes), dictionary.n_axes
    stride = np.array((*front, *dictionary.stride))
    extent = np.array((*front, *dictionary.extent))
    samples = np.array((*front, *signal_shape[2:]))
    positions = np.array((*front, *dictionary.code_shape(signal_shape)[2:]))
    tile = np.minimum(_TILES[n_axes], positions)
    if dictionary.is_circular:  # no sample twice in a patch
        tile = np.minimum(tile, (samples - extent) // stride + 1)
    geometry = np.zeros(tiles.N_NUMBERS, np.int64)
    named = {
        tiles.SAMPLES: samples,
        tiles.POSITIONS: positions,
        tiles.TILE: tile,
        tiles.CELL: np.minimum(_CELLS[n_axes], tile),
        tiles.STRIDE: stride,
        tiles.BEFORE: [0 for _ in front] + [a for a, _ in dictionary.pads],
        tiles.EXTENT: extent,
        tiles.REACH: -(-(extent - stride) // (tile * stride)),
        tiles.GRID: -(-positions // tile),
    }
    for first, three in named.items():
        geometry[first : first + 3] = three
    geometry[tiles.CIRCULAR] = dictionary.is_circular
    _measure_patch(tiles, geometry, dictionary.n_channels)
    return geometry


def _measure_patch(tiles: Any, geometry: Array, n_channels: int) -> None:
    """Fill in the sizes of a patch."""
    lanes = tiles.LANES
    tile, stride, extent = (
        geometry[first : first + 3] for first in (tiles.TILE, tiles.STRIDE, tiles.EXTENT)
    )
    patch = (tile - 1) * stride + extent
    length = _multiple(tile[2], 2 * lanes)
    width = _multiple(patch[2], lanes) + lanes
    reach = _multiple(length + -(-extent[2] // stride[2]) + lanes, lanes)
    phase = width if stride[2] == 1 else reach
    rows = n_channels * int(patch[0] * patch[1])
    geometry[tiles.PATCH : tiles.PATCH + 3] = n_channels, patch[0], patch[1]
    geometry[tiles.WIDTH], geometry[tiles.LENGTH], geometry[tiles.PHASE] = width, length, phase
    beyond = int(extent[2]) + 4 * lanes
    geometry[tiles.ROOM] = rows * max(width, int(stride[2]) * phase) + beyond


def _multiple(n: int, of: int) -> int:
    return -(-int(n) // of) * of


def _lay_out(tiles: Any, dictionary: Any, geometry: Array) -> Any:
    """Return the filters as the kernels want them, and store how many segments an atom has."""
    front = (1,) * (3 - dictionary.n_axes)
    filters = np.ascontiguousarray(dictionary.filters)
    n_filters, n_channels = filters.shape[:2]
    kernel, dilation = (*front, *dictionary.kernel), (*front, *dictionary.dilation)
    _, planes, rows = geometry[tiles.PATCH : tiles.PATCH + 3]
    width, phase, lanes = geometry[tiles.WIDTH], geometry[tiles.PHASE], tiles.LANES
    step, stride = dilation[2], geometry[tiles.STRIDE + 2]
    lines = [
        (c * planes + i0 * dilation[0]) * rows + i1 * dilation[1]
        for c, i0, i1 in itertools.product(range(n_channels), range(kernel[0]), range(kernel[1]))
    ]
    pieces = -(-dictionary.extent[-1] // lanes)
    segments = [line * width + lanes * j for line in lines for j in range(pieces)]
    geometry[tiles.SEGMENTS] = len(segments)
    padded = _multiple(len(segments), 4)
    dilated = np.zeros((n_filters, len(lines), pieces * lanes), filters.dtype)
    taps = filters.reshape(n_filters, len(lines), kernel[2])
    dilated[..., : (kernel[2] - 1) * step + 1 : step] = taps
    segmented = np.zeros((n_filters, padded, lanes), filters.dtype)
    segmented[:, : len(segments)] = dilated.reshape(n_filters, len(segments), lanes)
    shifts = [i * step % stride * phase + i * step // stride for i in range(kernel[2])]
    offsets = [line * stride * phase + shift for line in lines for shift in shifts]
    n_groups = -(-n_filters // tiles.GROUP)
    grouped = np.zeros((n_groups * tiles.GROUP, len(offsets)), filters.dtype)
    grouped[:n_filters] = filters.reshape(n_filters, -1)
    grouped = grouped.reshape(n_groups, tiles.GROUP, -1).transpose(0, 2, 1)
    squares = (filters.astype(np.float64) ** 2).reshape(n_filters, -1).sum(axis=1)
    return (
        np.array(segments + [0] * (padded - len(segments)), np.int64),
        segmented.reshape(-1),
        np.array(offsets, np.int64),
        np.ascontiguousarray(grouped).reshape(-1),
        squares.astype(filters.dtype),
    )


def _cut(
    *, tile: Array, stride: Array, extent: Array, positions: Array, circular: bool
) -> tuple[tuple[Array, ...], tuple[tuple[int, ...], ...], tuple[int, ...]]:
    """Cut the tiles into chunks, and colour these: along each axis every second one.

    Chunks share samples with those beside them alone.
    """
    grid = -(-positions // tile)
    apart = np.maximum(1, -(-(extent - stride) // (tile * stride)))
    least = _CHUNK // math.prod(int(n) for n in tile)
    wanted = [1, 1, max(1, least, math.prod(int(n) for n in grid) // _MOST_CHUNKS)]
    edges = []
    for axis, n in enumerate(grid.tolist()):
        count = max(1, n // max(int(apart[axis]), wanted[axis]))
        if circular and count > 1:  # the last is a neighbour of the first
            count -= count % 2
            reach = extent[axis] - stride[axis]
            while count > 1 and _last(n, count, positions[axis], tile[axis]) * stride[axis] < reach:
                count = max(1, count - 2)
        edges.append(np.arange(count + 1) * n // count)
    chunks: list[Array] = []
    colours: dict[tuple[int, ...], list[int]] = {}
    for index in np.ndindex(*(len(e) - 1 for e in edges)):
        low = [e[i] for e, i in zip(edges, index, strict=True)]
        high = [e[i + 1] for e, i in zip(edges, index, strict=True)]
        colours.setdefault(tuple(i % 2 for i in index), []).append(len(chunks))
        chunks.append(np.array(low + high, np.int64))
    counts = tuple(len(e) - 1 for e in edges)
    return tuple(chunks), tuple(tuple(colours[key]) for key in sorted(colours)), counts


def _last(n: int, count: int, positions: int, tile: int) -> int:
    """Return how many positions the last of `count` chunks of `n` tiles has; it may be short."""
    return positions - (n * (count - 1) // count) * tile
