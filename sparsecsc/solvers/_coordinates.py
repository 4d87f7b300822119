"""What coordinate descent works on: where atoms lie, and the coefficients that can matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsecsc.protocols import Array, Block


@dataclass(frozen=True, eq=False)
class Layout:
    """Where atoms lie and what they weigh.

    Everything has three spatial axes, of size 1 in front of those that there are.
    """

    atoms: Array
    """(n_filters, n_channels, k0, k1, k2)."""
    codes_shape: tuple[int, ...]
    """(n_signals, n_filters, p0, p1, p2)."""
    signal_shape: tuple[int, ...]
    """(n_signals, n_channels, n0, n1, n2)."""
    stride: tuple[int, ...]
    before: tuple[int, ...]
    """How many samples an atom begins before its position."""
    dilation: Array
    circular: bool
    mask: Array | None
    """Of the signal's shape; None where there is none."""
    weight: Array
    """Of the penalty, broadcastable to the codes."""
    ridge: Array
    nonnegative: bool

    def mask_of(self, b: int, lines: Array) -> Array:
        """Return the mask of signal `b`, or what stands for it."""
        return lines[b] if self.mask is None else self.mask[b]

    def indices(self, entries: Array) -> tuple[Array, ...]:
        """Return signal, filter and position of flattened places."""
        return np.unravel_index(entries, self.codes_shape)

    def starts(self, positions: tuple[Array, ...]) -> Array:
        """Return where the atoms at these positions begin, (n, 3)."""
        triples = zip(positions, self.stride, self.before, strict=True)
        return np.stack([q * s - b for q, s, b in triples], axis=1)


@dataclass(frozen=True, eq=False)
class WorkingSet:
    """Some coefficients: places in the flattened codes, values, and what belongs to each."""

    entries: Array
    values: Array
    curvatures: Array
    weights: Array

    def only(self, chosen: Array) -> WorkingSet:
        """Return those at the chosen indices."""
        parts = (self.entries, self.values, self.curvatures, self.weights)
        return WorkingSet(*(part[chosen] for part in parts))


def unsuited(problem: Any) -> TypeError | ValueError | None:
    """Return what to say if coordinate descent cannot work on the problem."""
    dictionary, penalty = problem.dictionary, problem.penalty
    if not hasattr(problem.backend, "coordinates"):
        return TypeError("CoordinateDescent needs NumPy arrays; got another kind: use FISTA.")
    if not hasattr(dictionary, "filters") or not hasattr(penalty, "thresholds"):
        return TypeError(
            "CoordinateDescent needs a ConvDictionary, and L1, NonnegativeL1 or ElasticNet; got "
            f"{type(dictionary).__name__} and {type(penalty).__name__}: use FISTA."
        )
    extents = zip(dictionary.extent, problem.signal.shape[2:], strict=True)
    if dictionary.is_circular and any(e > n for e, n in extents):
        return ValueError(
            "CoordinateDescent needs dilated filters no larger than a circular signal; got extent "
            f"{dictionary.extent} for size {problem.signal.shape[2:]}: use FISTA."
        )
    return None


def make_layout(problem: Any) -> Layout:
    """Return the layout of a problem, or raise what it is unsuited for."""
    error = unsuited(problem)
    if error is not None:
        raise error
    dictionary, penalty = problem.dictionary, problem.penalty
    front = (1,) * (3 - dictionary.n_axes)
    filters, shape = dictionary.filters, problem.signal.shape
    weight, ridge, nonnegative = penalty.thresholds()
    mask = problem.mask
    if mask is not None:
        mask = np.ascontiguousarray(np.broadcast_to(mask, shape))
        mask = mask.reshape(*shape[:2], *front, *shape[2:])
    return Layout(
        atoms=np.ascontiguousarray(filters).reshape(*filters.shape[:2], *front, *filters.shape[2:]),
        codes_shape=(*problem.codes_shape[:2], *front, *problem.codes_shape[2:]),
        signal_shape=(*shape[:2], *front, *shape[2:]),
        stride=(*front, *dictionary.stride),
        before=(*(0 for _ in front), *(a for a, _ in dictionary.pads)),
        dilation=np.array((*front, *dictionary.dilation)),
        circular=bool(dictionary.is_circular),
        mask=mask,
        weight=np.asarray(weight, dtype=filters.dtype),
        ridge=np.asarray(ridge, dtype=filters.dtype),
        nonnegative=nonnegative,
    )


def make_set(
    problem: Any, layout: Layout, residual: Array, entries: Array, values: Array
) -> WorkingSet:
    """Return a working set with its curvatures and weights."""
    signals, filters, *positions = layout.indices(entries)
    starts = layout.starts(tuple(positions))
    sizes = np.zeros(entries.size, layout.atoms.dtype)
    lines = residual.reshape(layout.signal_shape)
    for b in np.unique(signals):
        of = np.flatnonzero(signals == b)
        geometry = (layout.atoms, layout.dilation, layout.circular)
        found = np.zeros(of.size, sizes.dtype)
        image = (layout.mask_of(int(b), lines), layout.mask is not None)
        problem.backend.coordinates.curvatures(image, geometry, filters[of], starts[of], found)
        sizes[of] = found
    weights = values_at(layout.weight, entries, problem.codes_shape)
    return WorkingSet(entries, values, sizes, weights)


def merged(layout: Layout, first: WorkingSet, second: WorkingSet) -> WorkingSet:
    """Return both sets in one, neighbours in the signal near each other."""
    pairs = zip(vars(first).values(), vars(second).values(), strict=True)
    both = WorkingSet(*(np.concatenate(pair) for pair in pairs))
    signals, _, *positions = layout.indices(both.entries)
    extents = layout.atoms.shape[2:]
    tiles = [q * s // max(e, 1) for q, s, e in zip(positions, layout.stride, extents, strict=True)]
    return both.only(np.lexsort((*positions[::-1], *tiles[::-1], signals)))


def cut_bands(
    layout: Layout, signals: Array, starts: Array, n_threads: int
) -> tuple[list[tuple[int, Array]], list[tuple[int, Array]]]:
    """Cut the working set of each signal into bands that share no sample, and what crosses them."""
    axis = 2 + int(np.argmax(layout.signal_shape[2:]))
    size = layout.signal_shape[axis]
    extent = int((layout.atoms.shape[axis] - 1) * layout.dilation[axis - 2] + 1)
    n_bands = max(1, min(n_threads, size // (4 * extent)))
    if layout.signal_shape[0] >= n_threads:
        n_bands = 1
    edges = np.linspace(0, size, n_bands + 1).astype(int)
    begin = starts[:, axis - 2]
    inside, crossing = [], []
    for b in range(layout.signal_shape[0]):
        of = np.flatnonzero(signals == b)
        if n_bands == 1:
            inside.append((b, of))
            continue
        band = np.searchsorted(edges, begin[of], side="right") - 1
        whole = (begin[of] >= 0) & (begin[of] + extent <= edges[np.clip(band, 0, n_bands - 1) + 1])
        inside += [(b, of[whole & (band == i)]) for i in range(n_bands)]
        crossing.append((b, of[~whole]))
    return inside, crossing


def values_at(values: Array, entries: Array, shape: tuple[int, ...]) -> Array:
    """Return the values that belong to flattened places of an array of this shape."""
    if values.ndim == 0:
        return np.full(entries.size, values)
    return np.broadcast_to(values, shape)[np.unravel_index(entries, shape)]


def clear(gains: Array, present: Array, block: Block, n_filters: int) -> None:
    """Set the gains of a block to 0 at the increasing flattened places `present`, in place."""
    _, count, *sizes = gains.shape
    n_positions = int(np.prod(sizes))
    for row, b in zip(gains, range(block[0].start, block[0].stop), strict=True):
        first = (b * n_filters + block[1].start) * n_positions
        low, high = np.searchsorted(present, (first, first + count * n_positions))
        row.reshape(-1)[present[low:high] - first] = 0


def block_of(values: Array, block: Block) -> Array:
    """Return the part of a value that belongs to a block of the codes."""
    if values.ndim == 0:
        return values
    index = tuple(part if n > 1 else slice(None) for n, part in zip(values.shape, block))  # noqa: B905
    return values[index]
