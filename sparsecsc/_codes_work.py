"""From a problem to its tiles."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sparsecsc._codes_scratch import empty_like
from sparsecsc._codes_tiles import TileWork
from sparsecsc._codes_tiling import make_tiling
from sparsecsc.protocols import Array

_ROUNDINGS = 16
_MOST_TAPS = 512
"""Above, an FFT for each filter is faster than multiplying with all taps."""


def make_work(problem: Any) -> TileWork:
    """Cut a problem into tiles."""
    dictionary, penalty = problem.dictionary, problem.penalty
    shape, dtype = problem.signal.shape, problem.signal.dtype
    front = (1,) * (3 - dictionary.n_axes)
    full = (*problem.codes_shape[:2], *front, *problem.codes_shape[2:])

    def widened(values: Any) -> Array:
        values = np.asarray(values, dtype)
        return (
            values.reshape(*values.shape[:2], *front, *values.shape[2:]) if values.ndim else values
        )

    weight, ridge, nonnegative = penalty.thresholds()
    weights, ridges = widened(weight), widened(ridge)
    tiling = make_tiling(problem.backend.tiles, dictionary, shape)
    return TileWork(
        backend=problem.backend,
        tiling=tiling,
        codes_shape=problem.codes_shape,
        weights=np.broadcast_to(weights, full),
        ridges=np.broadcast_to(ridges, full),
        nonnegative=nonnegative,
        uniform=math.prod(weights.shape[2:]) == math.prod(ridges.shape[2:]) == 1,
        squares=None,
        bars=np.full((shape[0], math.prod(tiling.grid)), np.inf),
        least=dtype.type(1 + _ROUNDINGS * float(np.finfo(dtype).eps)),
    )


def squares_of(problem: Any, shape: tuple[int, ...]) -> Array:
    """Return the squared mask as samples of this shape; None where there is no mask."""
    if problem.mask is None:
        return None
    squares = empty_like(problem.signal, shape)
    mask = problem.mask
    front = (1,) * (len(shape) - mask.ndim)
    squares[...] = mask.reshape(*mask.shape[:2], *front, *mask.shape[2:]) ** 2
    return squares


def has_overshoot(problem: Any) -> bool:
    """Return whether `overshoot` knows the problem's dictionary, and is the fast way."""
    filters = getattr(problem.dictionary, "filters", None)
    if filters is None or not hasattr(problem.backend, "tiles"):
        return False
    return math.prod(filters.shape[1:]) <= _MOST_TAPS and _fits(problem)


def overshoot(problem: Any, residual: Array) -> Array:
    """Return the largest correlation of D^T residual at each position, in units of the weights.

    (n_signals, *positions). Work: one multiplication and addition for each tap of each filter at
    each position; memory: the result.
    """
    work = make_work(problem)
    shape = (*residual.shape[:2], *work.tiling.samples)
    found = work.overshoot(np.ascontiguousarray(residual).reshape(shape))
    return found.reshape(residual.shape[0], *problem.codes_shape[2:])


def _fits(problem: Any) -> bool:
    """Return whether no atom of a circular dictionary wraps onto itself."""
    extents = zip(problem.dictionary.extent, problem.signal.shape[2:], strict=True)
    return not problem.dictionary.is_circular or all(e <= n for e, n in extents)
