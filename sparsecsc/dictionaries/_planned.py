"""The operator of a dictionary that is computed by a plan other than the reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from types import ModuleType
from typing import Any

from sparsecsc.dictionaries._buffers import Buffers
from sparsecsc.dictionaries._direct import ChannelLanes, SampleLanes
from sparsecsc.dictionaries._geometry import Geometry
from sparsecsc.dictionaries._lanes import three_axes
from sparsecsc.dictionaries._operators import SpectralOperator, apply_inverse, cover
from sparsecsc.dictionaries._overlap_save import TiledTransforms
from sparsecsc.dictionaries._plan_costs import Choice
from sparsecsc.dictionaries.plans import DirectSamples, TiledFFT
from sparsecsc.protocols import Array, Block


def engine_of(geometry: Geometry, plan: Any) -> Any:
    """Return what computes D and its adjoint by a plan."""
    buffers = Buffers(geometry.backend)
    if isinstance(plan, TiledFFT):
        assert isinstance(plan.tile, tuple)
        tile: Any = (1,) * (3 - len(plan.tile)) + plan.tile
        return TiledTransforms(geometry, buffers, tile)
    kind = SampleLanes if isinstance(plan, DirectSamples) else ChannelLanes
    return kind(geometry, buffers)


@dataclass(frozen=True, eq=False, repr=False)
class PlannedOperator:
    """Convolution by a plan; what needs the whole spectrum is had from the reference, on demand."""

    geometry: Geometry
    choice: Choice
    signal_spatial: tuple[int, ...]
    code_spatial: tuple[int, ...]
    make_spectral: Callable[[], SpectralOperator]
    bound: Callable[[], float]
    """Computes the norm's upper bound."""

    def __repr__(self) -> str:
        return f"PlannedOperator({self.signal_spatial}, {self.choice!r})"

    @property
    def backend(self) -> ModuleType:
        """The backend of the filters."""
        return self.geometry.backend

    @property
    def dtype(self) -> Any:
        """The dtype of the filters."""
        return self.geometry.filters.dtype

    @property
    def n_channels(self) -> int:
        """The number of channels of the signals."""
        return self.geometry.n_channels

    @property
    def n_filters(self) -> int:
        """The number of filters."""
        return self.geometry.n_filters

    @property
    def is_circular(self) -> bool:
        """Whether indices wrap around, so that D is block-diagonal in frequency."""
        return self.geometry.circular

    @property
    def grid(self) -> tuple[int, ...]:
        """How many strides the samples take along each axis."""
        return self.geometry.grid[3 - len(self.code_spatial) :]

    @property
    def stride(self) -> tuple[int, ...]:
        """Samples between neighbouring positions along each axis."""
        return self.geometry.stride[3 - len(self.code_spatial) :]

    @cached_property
    def engine(self) -> Any:
        """What computes D and its adjoint."""
        return engine_of(self.geometry, self.choice.plan)

    @cached_property
    def spectral(self) -> SpectralOperator:
        """The same operator by the reference plan, with the spectra of the whole domain."""
        return self.make_spectral()

    def blocks(self, n_signals: int) -> list[Block]:
        """Cut the codes into the blocks that the plan works on."""
        blocks: list[Block] = self.engine.blocks(n_signals)
        return blocks

    def synthesize(self, codes_at: Callable[[Block], Array], n_signals: int) -> Array:
        """Return D z, (n_signals, n_channels, *signal_spatial)."""
        shape = (n_signals, self.n_channels, *self.signal_spatial)
        return self.synthesize_into(codes_at, self.backend.xp.empty(shape, dtype=self.dtype))

    def synthesize_into(self, codes_at: Callable[[Block], Array], out: Array) -> Array:
        """Store D z in `out`, and return it."""
        self.engine.synthesize(codes_at, out.shape[0], three_axes(out))
        return out

    def analyze(self, signal: Array, consume: Callable[[Block, Array], Any]) -> list[Any]:
        """Hand out D^T signal block by block."""
        n_axes = len(self.code_spatial)
        signal = self.backend.xp.ascontiguousarray(signal)

        def on_axes(block: Block, correlation: Array) -> Any:
            shape = (*correlation.shape[:2], *correlation.shape[5 - n_axes :])
            return consume(block, correlation.reshape(shape))

        results: list[Any] = self.engine.analyze(three_axes(signal), on_axes)
        return results

    def cover(self, values: Array) -> Array:
        """Return, at each sample, the largest of `values` >= 0 whose atoms touch that sample."""
        geometry = self.geometry
        extent = [d * (k - 1) + 1 for k, d in zip(geometry.kernel, geometry.dilation, strict=True)]
        drop = 3 - len(self.code_spatial)
        reach = tuple(zip(geometry.before, extent, strict=True))[drop:]
        return cover(self.backend.xp, values, reach, geometry.stride[drop:], self._padded())

    def _padded(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the size of a circle on which no atom wraps into the signal, and the signal's."""
        if self.is_circular:
            return self.signal_spatial, self.signal_spatial
        geometry = self.geometry
        drop = 3 - len(self.code_spatial)
        sizes = zip(geometry.spatial, geometry.code_spatial, geometry.stride, strict=True)
        ends = (max(n, c * s) for n, c, s in sizes)
        taps = zip(geometry.kernel, geometry.dilation, geometry.before, strict=True)
        extra = (d * (k - 1) + 1 + b for k, d, b in taps)
        whole = tuple(n + e for n, e in zip(ends, extra, strict=True))
        return whole[drop:], self.signal_spatial

    def extended(self) -> SpectralOperator:
        """Return the circular operator of the reference of which this one is a corner."""
        return self.spectral.extended()

    @property
    def outer(self) -> Array:
        """The spectrum of D D^T on the grid: (channels, channels, *half-spectrum)."""
        return self._solving[0]

    @property
    def transforms(self) -> SpectralOperator:
        """What transforms to and from the grid, without the spectra of the filters."""
        transforms: SpectralOperator = self._solving[1]
        return transforms

    @cached_property
    def _solving(self) -> tuple[Array, SpectralOperator]:
        spectral = self.make_spectral()
        return spectral.outer, replace(spectral, spectra=spectral.spectra[:0])

    def solve_outer(self, signal: Array, shift: float) -> Array:
        """Return (shift I + D D^T)^-1 signal, exactly, for a circular operator."""
        return apply_inverse(self.transforms, self.outer, signal, shift)

    def lipschitz(self) -> float:
        """Return an upper bound on the squared norm: see `ConvDictionary.lipschitz`."""
        return self._lipschitz

    @cached_property
    def _lipschitz(self) -> float:
        return self.bound()
