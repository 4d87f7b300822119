"""The dictionary of single samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from sparsecsc.backends import backend_of
from sparsecsc.dictionaries._apply import analyze, gram, synthesize
from sparsecsc.dictionaries._operators import make_blocks
from sparsecsc.protocols import Array, Block


@dataclass(frozen=True, eq=False)
class Identity:
    """The dictionary whose atoms are single samples: codes are the signal, D z = z.

    Inside ``Concat([Identity(), ConvDictionary(...)])`` it makes a dense layer (Zhang and Zhang
    2021). All norms are 1.
    """

    n_channels: int | None = None
    """Not fixed: the signal decides."""
    n_filters: int | None = None
    """Not fixed: as many as the signal has channels."""
    n_axes: int | None = None
    """Not fixed: as many spatial axes as the signal has."""

    def code_shape(self, signal_shape: Sequence[int]) -> tuple[int, ...]:
        """Return `signal_shape`."""
        return tuple(signal_shape)

    def signal_spatial(self, code_spatial: Sequence[int]) -> tuple[int, ...]:
        """Return `code_spatial`."""
        return tuple(code_spatial)

    def synthesize(self, codes: Array, spatial: tuple[int, ...] | None = None) -> Array:
        """Return a copy of `codes`."""
        return synthesize(self, codes, spatial)

    def analyze(self, signal: Array) -> Array:
        """Return a copy of `signal`."""
        return analyze(self, signal)

    def gram(self, codes: Array, spatial: tuple[int, ...] | None = None) -> Array:
        """Return a copy of `codes`."""
        return gram(self, codes, spatial)

    def lipschitz(self, spatial: tuple[int, ...] | None = None) -> float:
        """Return 1, exactly."""
        return 1.0

    def column_norms(self, signal_shape: Sequence[int], mask: Array) -> Array:
        """Return abs(mask), with the shape of the signal."""
        xp = backend_of(mask).xp
        return xp.ones(tuple(signal_shape), dtype=mask.dtype) * xp.abs(mask)

    def column(self, signal_shape: Sequence[int], index: tuple[int, ...], like: Array) -> Array:
        """Return the unit impulse at `index`."""
        out = backend_of(like).xp.zeros(tuple(signal_shape[1:]), dtype=like.dtype)
        out[index] = 1
        return out

    def bind(self, signal_shape: Sequence[int], like: Array) -> IdentityOperator:
        """Return the operator for signals of this shape."""
        spatial = tuple(int(n) for n in signal_shape[2:])
        return IdentityOperator(backend_of(like), like.dtype, int(signal_shape[1]), spatial)


@dataclass(frozen=True, eq=False)
class IdentityOperator:
    """`Identity` bound to a size."""

    backend: ModuleType
    dtype: Any
    n_channels: int
    signal_spatial: tuple[int, ...]

    @property
    def n_filters(self) -> int:
        """The number of channels."""
        return self.n_channels

    @property
    def code_spatial(self) -> tuple[int, ...]:
        """The signal's size."""
        return self.signal_spatial

    def blocks(self, n_signals: int) -> list[Block]:
        """Cut the codes into blocks that fit a processor's cache."""
        size = math.prod(self.signal_spatial)
        return make_blocks(n_signals, self.n_channels, size, self.backend.block_elements)

    def synthesize(self, codes_at: Callable[[Block], Array], n_signals: int) -> Array:
        """Return the codes."""
        shape = (n_signals, self.n_channels, *self.signal_spatial)
        out = self.backend.xp.empty(shape, dtype=self.dtype)
        for block in self.blocks(n_signals):
            out[block] = codes_at(block)
        return out

    def analyze(self, signal: Array, consume: Callable[[Block, Array], Any]) -> list[Any]:
        """Hand out copies of the signal's blocks."""
        xp = self.backend.xp

        def task(block: Block) -> Any:
            return consume(block, xp.asarray(signal[block], copy=True))

        results: list[Any] = self.backend.run(task, self.blocks(signal.shape[0]))
        return results

    def cover(self, values: Array) -> Array:
        """Return `values` with an axis for channels."""
        return values[:, None, ...]

    def lipschitz(self) -> float:
        """Return 1."""
        return 1.0
