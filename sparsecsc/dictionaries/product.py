"""Dictionaries one after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType
from typing import Any

from sparsecsc.backends import backend_of
from sparsecsc.dictionaries._apply import analyze, check_parts, gram, synthesize
from sparsecsc.dictionaries._operators import analyze_whole
from sparsecsc.protocols import Array, Block, Operator


@dataclass(frozen=True, eq=False)
class Product:
    """Dictionaries one after the other, D = A B ...: the effective dictionary of a chain.

    Parameters
    ----------
    dictionaries : sequence of dictionaries
        The first is nearest to the signal; each one's signals are the codes of the one before.

    Raises
    ------
    TypeError
        If this is no sequence, or an entry is no dictionary.
    ValueError
        If there are none, or filters and channels do not chain; the message names the pair.

    Notes
    -----
    ``Product([D1, D2]).synthesize(z)`` is ``D1.synthesize(D2.synthesize(z))``. `lipschitz` is the
    product of the parts' bounds, an upper bound.

    References
    ----------
    Sulam, Papyan, Romano and Elad 2018 (effective dictionaries).
    """

    dictionaries: Sequence[Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "dictionaries", check_parts(self.dictionaries))
        for k, (outer, inner) in enumerate(pairwise(self.dictionaries)):
            if None not in (outer.n_filters, inner.n_channels) and (
                outer.n_filters != inner.n_channels
            ):
                msg = (
                    f"`dictionaries` must chain: number {k + 1} must have {outer.n_filters} "
                    f"channels, one for each filter of number {k}; got {inner.n_channels}: "
                    "match them."
                )
                raise ValueError(msg)

    @property
    def n_channels(self) -> int | None:
        """The number of channels of the first dictionary that fixes one."""
        known = [d.n_channels for d in self.dictionaries if d.n_channels is not None]
        return known[0] if known else None

    @property
    def n_filters(self) -> int | None:
        """The number of filters of the last dictionary that fixes one."""
        known = [d.n_filters for d in self.dictionaries if d.n_filters is not None]
        return known[-1] if known else None

    @property
    def n_axes(self) -> int | None:
        """The number of spatial axes; None if every part is an identity."""
        known = [d.n_axes for d in self.dictionaries if d.n_axes is not None]
        return known[0] if known else None

    def code_shape(self, signal_shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape of the deepest codes."""
        shape = tuple(signal_shape)
        for dictionary in self.dictionaries:
            shape = dictionary.code_shape(shape)
        return shape

    def signal_spatial(self, code_spatial: Sequence[int]) -> tuple[int, ...]:
        """Return the smallest signal size for the deepest codes."""
        spatial = tuple(code_spatial)
        for dictionary in reversed(self.dictionaries):
            spatial = dictionary.signal_spatial(spatial)
        return spatial

    def synthesize(self, codes: Array, spatial: tuple[int, ...] | None = None) -> Array:
        """Return D codes, deepest dictionary first."""
        return synthesize(self, codes, spatial)

    def analyze(self, signal: Array) -> Array:
        """Return D^T signal, shallowest dictionary first."""
        return analyze(self, signal)

    def gram(self, codes: Array, spatial: tuple[int, ...] | None = None) -> Array:
        """Return D^T D codes."""
        return gram(self, codes, spatial)

    def lipschitz(self, spatial: tuple[int, ...] | None = None) -> float:
        """Return the product of the parts' bounds."""
        bound = 1.0
        for dictionary in self.dictionaries:
            bound *= dictionary.lipschitz(spatial)
            if spatial is not None:
                n_channels = dictionary.n_channels or 1
                spatial = dictionary.code_shape((1, n_channels, *spatial))[2:]
        return bound

    def column_norms(self, signal_shape: Sequence[int], mask: Array) -> Array:
        """Return the exact column norms, one synthesis a column: for small problems only."""
        shape = self.code_shape(signal_shape)
        xp = backend_of(mask).xp
        weight = xp.ones(tuple(signal_shape), dtype=mask.dtype) * mask
        norms = xp.empty(shape, dtype=mask.dtype)
        for entry in range(math.prod(shape[1:])):
            index = _unravel(entry, shape[1:])
            atom = self.column(signal_shape, index, mask)
            norms[(slice(None), *index)] = xp.sqrt(
                xp.sum((weight * atom[None, ...]) ** 2, axis=tuple(range(1, weight.ndim)))
            )
        return norms

    def column(self, signal_shape: Sequence[int], index: tuple[int, ...], like: Array) -> Array:
        """Return the atom of the code entry `index` = (filter, *position)."""
        shapes = [tuple(signal_shape)]
        for dictionary in self.dictionaries[:-1]:
            shapes.append(dictionary.code_shape(shapes[-1]))
        atom = self.dictionaries[-1].column(shapes[-1], index, like)[None, ...]
        for dictionary, shape in zip(self.dictionaries[-2::-1], shapes[-2::-1], strict=True):
            atom = dictionary.synthesize(atom, shape[2:])
        return atom[0, ...]

    def bind(self, signal_shape: Sequence[int], like: Array) -> ProductOperator:
        """Return the operator for signals of this shape."""
        shape = tuple(signal_shape)
        parts = []
        for dictionary in self.dictionaries:
            parts.append(dictionary.bind(shape, like))
            shape = dictionary.code_shape(shape)
        return ProductOperator(tuple(parts))


@dataclass(frozen=True, eq=False)
class ProductOperator:
    """`Product` bound to a size."""

    parts: tuple[Any, ...]

    @property
    def backend(self) -> ModuleType:
        """The parts' backend."""
        module: ModuleType = self.parts[0].backend
        return module

    @property
    def dtype(self) -> Any:
        """The parts' dtype."""
        return self.parts[0].dtype

    @property
    def n_channels(self) -> int:
        """The number of channels of the signals."""
        return int(self.parts[0].n_channels)

    @property
    def n_filters(self) -> int:
        """The number of filters of the deepest dictionary."""
        return int(self.parts[-1].n_filters)

    @property
    def signal_spatial(self) -> tuple[int, ...]:
        """The size of the signals."""
        return tuple(self.parts[0].signal_spatial)

    @property
    def code_spatial(self) -> tuple[int, ...]:
        """The size of the deepest codes."""
        return tuple(self.parts[-1].code_spatial)

    def blocks(self, n_signals: int) -> list[Block]:
        """Return the deepest dictionary's blocks."""
        blocks: list[Block] = self.parts[-1].blocks(n_signals)
        return blocks

    def synthesize(self, codes_at: Callable[[Block], Array], n_signals: int) -> Array:
        """Return D z, deepest dictionary first."""
        signal = self.parts[-1].synthesize(codes_at, n_signals)
        for part in self.parts[-2::-1]:
            signal = _synthesize_array(part, signal)
        return signal

    def analyze(self, signal: Array, consume: Callable[[Block, Array], Any]) -> list[Any]:
        """Hand out D^T signal, shallowest dictionary first."""
        for part in self.parts[:-1]:
            signal = analyze_whole(part, signal)
        results: list[Any] = self.parts[-1].analyze(signal, consume)
        return results

    def cover(self, values: Array) -> Array:
        """Return the parts' covers, one after the other."""
        for part in self.parts[::-1]:
            values = part.cover(values)[:, 0, ...]
        return values[:, None, ...]

    def lipschitz(self) -> float:
        """Return the product of the parts' bounds."""
        return float(math.prod(part.lipschitz() for part in self.parts))


def _synthesize_array(operator: Operator, codes: Array) -> Array:
    return operator.synthesize(lambda block: codes[block], codes.shape[0])


def _unravel(entry: int, shape: Sequence[int]) -> tuple[int, ...]:
    index: list[int] = []
    for n in reversed(shape):
        entry, position = divmod(entry, n)
        index.insert(0, position)
    return tuple(index)
