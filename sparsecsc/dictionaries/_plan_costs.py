"""The one rule that chooses a plan: what each is expected to cost, and the cheapest.

The figures are seconds of one synthesis and one analysis together on one thread, from rates that
``python benchmarks/plans.py`` measures (AMD EPYC, Zen 4, float32). In the 17 geometries of that
script the plan chosen took up to 1.5 times the fastest. `DirectChannels` does about twice as well
as its figure on two threads, as others do.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sparsecsc.checks import dtype_name
from sparsecsc.dictionaries._geometry import Geometry, Sizes, three
from sparsecsc.dictionaries._tile_spectra import PAIRED, is_paired
from sparsecsc.dictionaries.plans import (
    DirectChannels,
    DirectSamples,
    TiledFFT,
    WholeFFT,
)

_NANO = 1e-9
_SUMS = 48.0  # multiply-adds a nanosecond of blocks of sums in registers
_LONE_SUMS = 30.0  # the same with a single output
_POINT_SUMS = 70.0  # the same with channels in the lanes
_SCATTER = 1.0  # nanoseconds to store one sum of those
_COPY = 0.5  # nanoseconds to pad one sample
_TRANSFORM = 0.18  # nanoseconds an element and factor of 2 of a real transform
_TRANSFORM_START = 300.0  # nanoseconds that a transform takes besides
_PRODUCT, _FAR_PRODUCT = 0.35, 1.8  # nanoseconds a product with spectra in cache, and beyond it
_CACHE = 2**25  # bytes of spectra that count as in the cache
_TILE_TRANSFORM = 0.22  # as _TRANSFORM for tiles, which stay in the cache
_TILE_PRODUCT = 0.12  # as _PRODUCT, in registers
_TILE_COPY = 1.9  # nanoseconds to cut, pack, unpack and store one sample of a tile
_PAIR_TRANSFORM, _PAIR_COPY, _PAIR_START = 0.06, 1.6, 20.0  # the same for two tiles at a time
# Nanoseconds that a plan takes before it begins, and for each signal of a batch.
_WHOLE_START, _WHOLE_SIGNAL = 150e3, 2e3
_SAMPLES_START, _SAMPLES_SIGNAL = 450e3, 10e3
_CHANNELS_START, _CHANNELS_SIGNAL = 220e3, 3e3
_TILED_START, _TILED_CHUNK = 400e3, 150e3
_LEAST_GAIN, _LEAST_SHARE = 2e-4, 0.85
"""The reference is left for a plan that saves so many seconds, and takes at most this share."""
_MOST_SPECTRA = 2**30
"""Bytes of whole-domain spectra beyond which a plan without them is chosen."""
_LENGTHS = (8, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128)
_MOST_TILE = 2**16  # points of a tile
_LONG_LENGTHS = tuple(2**k for k in range(8, 17))


@dataclass(frozen=True)
class Choice:
    """A plan and what the cost rule expects of it."""

    plan: Any
    seconds: float
    """Of one synthesis and one analysis on one thread."""

    def __repr__(self) -> str:
        return f"{self.plan!r}, {1e3 * self.seconds:.3g} ms by the cost rule"


def choose(geometry: Geometry, n_signals: int, wide: tuple[int, ...], plan: Any) -> Choice:
    """Return the given plan, or the cheapest, with its cost; a tile that is not given is added.

    Parameters
    ----------
    geometry : Geometry
    n_signals : int
    wide : tuple of int
        The size that transforms of the whole domain have.
    plan : plan or None

    Raises
    ------
    ValueError
        If a tile does not fit the filters.
    """
    whole = Choice(WholeFFT(), _scale(geometry) * _whole(geometry, n_signals, wide))
    if isinstance(plan, WholeFFT) or not hasattr(geometry.backend, "plans"):
        return whole
    if isinstance(plan, TiledFFT):
        tiles = [_tile_of(geometry, plan)] if plan.tile is not None else list(_tiles(geometry))
        return min((_tiled(geometry, n_signals, t) for t in tiles), key=lambda c: c.seconds)
    rows = Choice(DirectSamples(), _samples(geometry, n_signals))
    columns = Choice(DirectChannels(), _channels(geometry, n_signals))
    if plan is not None:
        return rows if isinstance(plan, DirectSamples) else columns
    others = [rows, columns, *(_tiled(geometry, n_signals, t) for t in _tiles(geometry))]
    best = min(others, key=lambda c: c.seconds)
    if spectra_bytes(geometry, wide) > _MOST_SPECTRA:
        return best
    gain = whole.seconds - best.seconds
    return best if gain > _LEAST_GAIN and best.seconds < _LEAST_SHARE * whole.seconds else whole


def spectra_bytes(geometry: Geometry, wide: tuple[int, ...]) -> int:
    """Return the memory of the filters' spectra on the whole domain."""
    item = 4 if dtype_name(geometry.filters) == "float32" else 8
    return item * geometry.n_filters * geometry.n_channels * math.prod(wide)


def _scale(geometry: Geometry) -> float:
    return 1.0 if dtype_name(geometry.filters) == "float32" else 1.9


def _rows(geometry: Geometry) -> int:
    return geometry.n_channels * geometry.n_phases


def _whole(geometry: Geometry, n_signals: int, wide: tuple[int, ...]) -> float:
    points = math.prod(wide) / geometry.n_phases
    rows = _rows(geometry)
    one = _TRANSFORM_START + points * math.log2(points + 1) * _TRANSFORM
    far = spectra_bytes(geometry, wide) > _CACHE
    products = geometry.n_filters * rows * points * (_FAR_PRODUCT if far else _PRODUCT)
    transforms = 2 * (geometry.n_filters + rows) * one
    return _NANO * (_WHOLE_START + n_signals * (_WHOLE_SIGNAL + transforms + products))


def _samples(geometry: Geometry, n_signals: int) -> float:
    plans = geometry.backend.plans
    lanes = plans.lanes_of(geometry.filters.dtype)
    taps = int(geometry.has_tap.sum())
    points = int(geometry.has_tap.any(axis=(0, 1, 2)).sum())
    cost = 0.0
    work = (
        (geometry.n_filters, geometry.n_channels * taps, geometry.code_spatial),
        (_rows(geometry), geometry.n_filters * points, geometry.grid),
    )
    for n_outputs, n_taps, sizes in work:
        lines = math.prod(sizes[:2]) * -(-sizes[2] // lanes) * lanes
        rate = _LONE_SUMS if n_outputs == 1 else _SUMS
        rate *= lanes / 16
        filled = 1 if n_outputs == 1 else -(-n_outputs // plans.ROWS) * plans.ROWS
        cost += filled * lines * (n_taps / rate + 0.5)
    padded = math.prod(n + r for n, r in zip(geometry.grid, geometry.reach, strict=True))
    cost += _COPY * padded * (geometry.n_filters + _rows(geometry))
    return _NANO * (_SAMPLES_START + n_signals * (_SAMPLES_SIGNAL + cost))


def _channels(geometry: Geometry, n_signals: int) -> float:
    plans, backend = geometry.backend.plans, geometry.backend
    lanes = plans.PANEL * plans.lanes_of(geometry.filters.dtype)
    rate = _POINT_SUMS * plans.lanes_of(geometry.filters.dtype) / 16
    n_taps = math.prod(geometry.kernel)
    positions = math.prod(geometry.code_spatial)
    # Positions near the edges have taps of their own; of few signals they do not fill the kernel.
    sizes = zip(geometry.code_spatial, geometry.reach, strict=True)
    kinds = math.prod(min(n, 2 * reach + 1) for n, reach in sizes)
    filled = positions + kinds * (plans.POINTS - 1) / (2 * n_signals)
    cost = 0.0
    for n_inputs, n_outputs in (
        (geometry.n_channels, geometry.n_filters),
        (geometry.n_filters, geometry.n_channels),
    ):
        panels = -(-n_outputs // lanes) * lanes
        cost += panels * n_inputs * n_taps * filled / rate
    stored = geometry.n_filters * positions
    cost += _SCATTER * (stored + geometry.n_channels * math.prod(geometry.spatial))
    idle = max(1.0, backend.threads() / n_signals)  # threads share signals only
    return float(_NANO * (_CHANNELS_START + n_signals * (_CHANNELS_SIGNAL + cost * idle)))


def _tiled(geometry: Geometry, n_signals: int, tile: Sizes) -> Choice:
    points = math.prod(tile)
    steps = [n - r for n, r in zip(tile, geometry.reach, strict=True)]
    tiles = math.prod(-(-n // step) for n, step in zip(geometry.grid, steps, strict=True))
    maps = geometry.n_filters + _rows(geometry)
    start, step, copy = _TRANSFORM_START, _TILE_TRANSFORM, _TILE_COPY
    if is_paired(geometry.backend, tile):
        start, step, copy = _PAIR_START, _PAIR_TRANSFORM, _PAIR_COPY
    transforms = 2 * maps * (start + points * math.log2(points + 1) * step)
    copies = 2 * maps * points * copy
    products = geometry.n_filters * _rows(geometry) * points * _TILE_PRODUCT
    cost = n_signals * tiles * (transforms + copies + products)
    seconds = _NANO * (_TILED_START + n_signals * _TILED_CHUNK + _scale(geometry) * cost)
    sizes = tile[5 - geometry.filters.ndim :]
    return Choice(TiledFFT(sizes), seconds)


def _tile_of(geometry: Geometry, plan: TiledFFT) -> Sizes:
    """Return the tile that a plan gives on all three axes."""
    n_axes = geometry.filters.ndim - 2
    sizes = plan.tile if isinstance(plan.tile, tuple) else (plan.tile,) * n_axes
    reach = geometry.reach[3 - n_axes :]
    if len(sizes) != n_axes or any(n is None or n <= r for n, r in zip(sizes, reach, strict=False)):
        msg = (
            f"`plan` must have a tile larger than the reach {reach} of the filters along each "
            f"axis; got {plan.tile}: enlarge it, or leave it out."
        )
        raise ValueError(msg)
    return three(tuple(int(n) for n in sizes if n is not None), 1)


def _tiles(geometry: Geometry) -> Iterator[Sizes]:
    """Yield tiles worth a thought: they cut each axis into parts that are alike."""
    n_axes = geometry.filters.ndim - 2
    axes = list(zip(geometry.grid, geometry.reach, strict=True))[3 - n_axes :]
    seen = set()
    if n_axes == 2:
        sizes = ([n for n in PAIRED if n > 2 * reach] for _, reach in axes)
        yield from (three(pair, 1) for pair in itertools.product(*sizes))
    for length in _LENGTHS if n_axes > 1 else _LONG_LENGTHS:
        tile = three(tuple(_length(geometry, n, r, length) for n, r in axes), 1)
        if tile not in seen and math.prod(tile) <= _MOST_TILE:
            seen.add(tile)
            yield tile
    if not seen:
        yield three(tuple(_length(geometry, n, r, 1) for n, r in axes), 1)


def _length(geometry: Geometry, n: int, reach: int, wanted: int) -> int:
    """Return about the wanted length of a tile, such that tiles cover n points with no rest."""
    parts = -(-n // max(wanted - reach, reach + 1))
    length = -(-n // parts) + reach
    return int(geometry.backend.fast_length(length))
