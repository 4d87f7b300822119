"""The penalties of all layers on flattened codes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from sparsecsc.backends import backend_of
from sparsecsc.penalties._weights import largest_finite
from sparsecsc.protocols import WHOLE, Array, Block

_ROUNDINGS = 16


def columns_of(shapes: Sequence[tuple[int, ...]]) -> list[slice]:
    """Return where the codes of each layer lie, given all shapes, the signal's first."""
    ends = np.cumsum([0, *(math.prod(shape) for shape in shapes[1:])]).tolist()
    return [slice(a, b) for a, b in pairwise(ends)]


@dataclass(frozen=True, eq=False)
class StackedPenalty:
    """The sum of one convex penalty a layer, on codes of shape (n_signals, n, 1).

    Parameters
    ----------
    penalties : sequence of penalties
        Bound to the layers' codes.
    shapes : sequence of tuple of int
        Of the signal and of the layers' codes, without the batch.

    Raises
    ------
    TypeError
        If a penalty is not convex.
    """

    penalties: Sequence[Any]
    shapes: Sequence[tuple[int, ...]]
    separable = True

    def __post_init__(self) -> None:
        for i, penalty in enumerate(self.penalties, start=1):
            if not hasattr(penalty, "dual_bounds"):
                msg = (
                    f"the penalty of layer {i} must be convex with a duality gap; got "
                    f"{type(penalty).__name__}: use for example L1."
                )
                raise TypeError(msg)

    @property
    def weight(self) -> float:
        """The largest finite weight."""
        return max(largest_finite(penalty.weight) for penalty in self.penalties)

    def bind(self, codes_shape: tuple[int, ...], like: Array) -> StackedPenalty:
        """Return itself: the layers' penalties are bound already."""
        return self

    def at(self, block: Block) -> Any:
        """Return the penalty of the layer that the block covers."""
        if block == WHOLE:
            return self
        starts = [columns.start for columns in columns_of(self.shapes)]
        i = starts.index(block[1].start)
        return LayerPenalty(self.penalties[i], tuple(self.shapes[i + 1]))

    def scaled(self, factor: float) -> StackedPenalty:
        """Return the penalty with all weights multiplied by `factor`."""
        return StackedPenalty(tuple(p.scaled(factor) for p in self.penalties), self.shapes)

    def value(self, codes: Array) -> float:
        """Return the sum of the layers' values."""
        return float(sum(part.value(z) for part, z in self._parts(codes)))

    def prox(self, v: Array, step: float) -> Array:
        """Return the layers' proxes."""
        xp = backend_of(v).xp
        return xp.concat([part.prox(z, step) for part, z in self._parts(v)], axis=1)

    def dual_bounds(self, correlation: Array) -> tuple[Array, Array]:
        """Return the largest ratio and the sum of the conjugates, one of each a signal."""
        bounds = [part.dual_bounds(u) for part, u in self._parts(correlation)]
        xp = backend_of(correlation).xp
        ratio, conjugate = bounds[0]
        for other_ratio, other_conjugate in bounds[1:]:
            ratio = xp.maximum(ratio, other_ratio)
            conjugate = conjugate + other_conjugate
        return ratio, conjugate

    def overshoot(self, correlation: Array) -> Array:
        """Return the largest overshoot of each signal, (n_signals, 1)."""
        xp = backend_of(correlation).xp
        parts = [part.overshoot(u) for part, u in self._parts(correlation)]
        return xp.max(xp.concat(parts, axis=1), axis=1, keepdims=True)

    def free(self, codes: Array, correlation: Array) -> Array | None:
        """Return where the correlation must vanish at the optimum."""
        xp = backend_of(codes).xp
        pairs = zip(self._parts(codes), columns_of(self.shapes), strict=True)
        found = [(part.free(z, correlation[:, columns]), z) for (part, z), columns in pairs]
        if all(where is None for where, _ in found):
            return None
        none = [xp.zeros(z.shape, dtype=xp.bool) if w is None else w for w, z in found]
        return xp.concat(none, axis=1)

    def _parts(self, codes: Array) -> list[tuple[Any, Array]]:
        return [(self.at((slice(None), c, ...)), codes[:, c]) for c in columns_of(self.shapes)]


@dataclass(frozen=True, eq=False)
class LayerPenalty:
    """The penalty of one layer, on flattened codes."""

    penalty: Any
    shape: tuple[int, ...]

    def value(self, codes: Array) -> float:
        """Return the layer's value."""
        return float(self.penalty.value(self._own(codes)))

    def prox(self, v: Array, step: float) -> Array:
        """Return the layer's prox."""
        return self._flat(self.penalty.prox(self._own(v), step))

    def dual_bounds(self, correlation: Array) -> tuple[Array, Array]:
        """Return the layer's dual bounds."""
        bounds: tuple[Array, Array] = self.penalty.dual_bounds(self._own(correlation))
        return bounds

    def overshoot(self, correlation: Array) -> Array:
        """Return the layer's largest overshoot of each signal, (n_signals, 1).

        0 where the conjugate is finite: other layers then shrink the point no more than they need,
        and this one pays. Enlarged by some roundings, so that the shrunk point is allowed.
        """
        own = self._own(correlation)
        _, conjugate = self.penalty.dual_bounds(own)
        worst = self.penalty.overshoot(own)
        xp = backend_of(worst).xp
        worst = xp.max(xp.reshape(worst, (worst.shape[0], -1)), axis=1, keepdims=True)
        forbidden = xp.reshape(xp.isinf(conjugate), (-1, 1))
        enlarged = (1.0 + _ROUNDINGS * float(xp.finfo(worst.dtype).eps)) * worst
        return xp.where(forbidden, enlarged, xp.zeros_like(worst))

    def free(self, codes: Array, correlation: Array) -> Array | None:
        """Return where the layer's correlation must vanish."""
        where = self.penalty.free(self._own(codes), self._own(correlation))
        return None if where is None else self._flat(where)

    def _own(self, flat: Array) -> Array:
        return backend_of(flat).xp.reshape(flat, (flat.shape[0], *self.shape))

    def _flat(self, own: Array) -> Array:
        return backend_of(own).xp.reshape(own, (own.shape[0], -1, 1))
