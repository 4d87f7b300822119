"""Inner products of neighbouring atoms, on the smallest domain that shows all there are.

Atoms far enough from a border are shifts of each other, and only neighbours overlap. So a domain of
about two atoms, with both its borders, has every inner product that a large one has.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from sparsecsc.dictionaries.concat import Concat
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.identity import Identity
from sparsecsc.protocols import Array
from sparsecsc.theory._spans import (
    Axis,
    as_numpy,
    axis_of,
    convolutions,
    has_product,
    is_circular,
    n_axes,
)

_ABSENT = 1e-10
"""Atoms with less than this share of the largest norm lie outside of the signal."""
_NUMBERS = 2**22
"""That a block of inner products may have."""


@dataclass(frozen=True)
class _Kind:
    """Positions along one axis at which the inner products are the same."""

    position: int
    """One of them."""
    count: int
    """How many there are on the domain asked for."""
    first: int
    last: int
    """Where they lie on the small domain."""


@dataclass(frozen=True, eq=False)
class Atoms:
    """The inner products of the atoms of a dictionary."""

    dictionary: Any
    axes: tuple[Axis, ...]
    circular: bool
    """All positions are alike."""
    wraps: bool
    """The ends of an axis are neighbours."""

    @property
    def signal_shape(self) -> tuple[int, ...]:
        """(1, n_channels, *samples) of the small domain."""
        return (1, int(self.dictionary.n_channels), *(a.samples for a in self.axes))

    @cached_property
    def code_shape(self) -> tuple[int, ...]:
        """(n_filters, *positions) on the small domain."""
        return tuple(self.dictionary.code_shape(self.signal_shape)[1:])

    @property
    def n_atoms(self) -> int:
        """On the domain asked for."""
        return self.code_shape[0] * math.prod(a.total for a in self.axes)

    @cached_property
    def norms(self) -> Array:
        """Of all atoms on the small domain; inf for those outside of the signal."""
        norms = np.sqrt(_squares(self.dictionary, self.signal_shape, self.code_shape[1:]))
        return np.where(norms > _ABSENT * norms.max(), norms, np.inf)

    def columns(self, position: Sequence[int], filters: range) -> Array:
        """Return the atoms of some filters at a position, (n, n_channels, *samples)."""
        return _columns(self.dictionary, self.signal_shape, position, filters)

    def rows(self) -> Iterator[tuple[int, Array]]:
        """Yield (how many positions it stands for, inner products), position by position.

        The sizes of those of unit atoms, (some filters, n_filters, *positions); an atom with itself
        counts as 0.
        """
        for kinds in product(*(_positions(axis, self.circular) for axis in self.axes)):
            for filters, sizes in self._products([kind.position for kind in kinds]):
                count = math.prod(kind.count for kind in kinds)
                yield count, sizes / self._own(kinds, filters, sizes.ndim) / self.norms

    def shifts(self) -> Iterator[Array]:
        """Yield inner products by the shift from an atom, those of the same kind at once.

        As `rows`, but (some filters, n_filters, *shifts), and the largest over positions. Shifts
        are -r to r along each axis.
        """
        listed = _kinds if self._only_cut else _positions
        for kinds in product(*(listed(axis, self.circular) for axis in self.axes)):
            norms = self.norms
            for i, (kind, axis) in enumerate(zip(kinds, self.axes, strict=True), start=1):
                norms = self._least(norms, i, kind, axis)
            for filters, sizes in self._products([kind.position for kind in kinds]):
                found = sizes
                for i, (kind, axis) in enumerate(zip(kinds, self.axes, strict=True), start=2):
                    found = self._around(found, i, kind.position, axis)
                yield found / self._own(kinds, filters, found.ndim) / norms

    @property
    def _only_cut(self) -> bool:
        """Whether borders do no more than cut atoms off: then whole ones meet cut ones as whole."""
        borders = {c.is_circular for c in convolutions(self.dictionary)}
        return not has_product(self.dictionary) and len(borders) == 1

    def _products(self, position: Sequence[int]) -> Iterator[tuple[range, Array]]:
        step = max(1, _NUMBERS // math.prod(self.code_shape))
        for first in range(0, self.code_shape[0], step):
            filters = range(first, min(first + step, self.code_shape[0]))
            sizes = np.abs(self.dictionary.analyze(self.columns(position, filters)))
            for row, m in enumerate(filters):
                sizes[(row, m, *position)] = 0.0
            yield filters, sizes

    def _own(self, kinds: Sequence[_Kind], filters: range, ndim: int) -> Array:
        where = (slice(filters.start, filters.stop), *(kind.position for kind in kinds))
        return self.norms[where].reshape(-1, *(1,) * (ndim - 1))

    def _around(self, values: Array, axis: int, position: int, along: Axis) -> Array:
        """Return the values at all shifts from a position, 0 beyond the border."""
        where = position + np.arange(-along.shifts, along.shifts + 1)
        if self.wraps:
            return np.take(values, where % along.kept, axis=axis)
        found = np.take(values, np.clip(where, 0, along.kept - 1), axis=axis)
        inside = (where >= 0) & (where < along.kept)
        return found * inside.reshape(-1, *(1,) * (values.ndim - axis - 1))

    def _least(self, norms: Array, axis: int, kind: _Kind, along: Axis) -> Array:
        """Return, at each shift, the least norm met from any position of a kind."""
        lines = []
        for shift in range(-along.shifts, along.shifts + 1):
            where = np.arange(kind.first + shift, kind.last + shift + 1)
            where = where % along.kept if self.wraps else where[where < along.kept]
            where = where[where >= 0]
            line = np.take(norms, where, axis=axis)
            lines.append(np.min(line, axis=axis, initial=np.inf))
        return np.stack(lines, axis=axis)


def atoms_of(dictionary: Any, spatial: Sequence[int] | None = None) -> Atoms:
    """Return the atoms on a domain; by default one so large that nothing wraps around.

    Raises
    ------
    TypeError, ValueError
        If it is made of other kinds, or of identities only, if the strides of a `Concat` differ, or
        if the size does not fit.
    """
    host = as_numpy(dictionary)
    d = n_axes(host)
    if spatial is not None:
        host.code_shape((1, host.n_channels, *spatial))
    sizes = [None] * d if spatial is None else [int(n) for n in spatial]
    axes = tuple(axis_of(host, axis, n) for axis, n in enumerate(sizes))
    wraps = any(c.is_circular for c in convolutions(host))
    return Atoms(host, axes, is_circular(host), wraps)


def _positions(axis: Axis, circular: bool) -> list[_Kind]:
    """Return every position that a row of inner products may differ at."""
    if circular:
        return [_Kind(0, axis.total, 0, 0)]
    rest = axis.total - axis.kept
    return [_Kind(p, 1 + rest * (p == axis.deep), p, p) for p in range(axis.kept)]


def _kinds(axis: Axis, circular: bool) -> list[_Kind]:
    """Return the positions of cut atoms, and one for all that are whole."""
    inside = (axis.left, axis.kept - axis.right - 1)
    if circular or inside[1] - inside[0] < 2 * axis.reach:  # no place to see all neighbours from
        return _positions(axis, circular)
    ends = [*range(axis.left), *range(inside[1] + 1, axis.kept)]
    return [_Kind(p, 1, p, p) for p in ends] + [_Kind(axis.deep, 0, *inside)]


def _squares(dictionary: Any, signal_shape: tuple[int, ...], positions: tuple[int, ...]) -> Array:
    """Return the squared norms of all atoms, (n_filters, *positions)."""
    if isinstance(dictionary, Concat):
        parts = [_squares(d, signal_shape, positions) for d in dictionary.dictionaries]
        return np.concatenate(parts)
    if isinstance(dictionary, Identity):
        return np.ones((signal_shape[1], *positions))
    if isinstance(dictionary, ConvDictionary) and not dictionary.is_circular:
        return _cut_squares(dictionary, positions, signal_shape[2:])
    grid = (1,) * len(positions) if is_circular(dictionary) else positions
    filters = range(dictionary.code_shape(signal_shape)[1])
    squares = [
        np.sum(
            _columns(dictionary, signal_shape, p, filters).reshape(len(filters), -1) ** 2, axis=1
        )
        for p in np.ndindex(grid)
    ]
    found = np.stack(squares, axis=-1).reshape(-1, *grid)
    return np.broadcast_to(found, (len(filters), *positions))


def _columns(
    dictionary: Any, signal_shape: tuple[int, ...], position: Sequence[int], filters: range
) -> Array:
    if has_product(dictionary):  # one synthesis of all, rather than one each
        shape = tuple(dictionary.code_shape(signal_shape))
        units = np.zeros((len(filters), *shape[1:]))
        for row, m in enumerate(filters):
            units[(row, m, *position)] = 1.0
        return dictionary.synthesize(units, signal_shape[2:])
    like = np.zeros(1)
    return np.stack([dictionary.column(signal_shape, (m, *position), like) for m in filters])


def _cut_squares(
    dictionary: ConvDictionary, positions: tuple[int, ...], samples: Sequence[int]
) -> Array:
    """Return the sums of squares over the taps inside of the signal."""
    squares = np.sum(np.asarray(dictionary.filters) ** 2, axis=1)
    for axis, (n_positions, n) in enumerate(zip(positions, samples, strict=True)):
        first = np.arange(n_positions) * dictionary.strides[axis] - dictionary.pads[axis][0]
        taps = first[:, None] + dictionary.dilations[axis] * np.arange(dictionary.kernel[axis])
        inside = ((taps >= 0) & (taps < n)).astype(np.float64)
        squares = np.moveaxis(np.tensordot(squares, inside, axes=(axis + 1, 1)), -1, axis + 1)
    return squares
