"""Making a dual point smaller where, and only where, it violates a constraint."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sparsecsc._codes_synthesis import has_kernel
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array

_BAND = 2**17
"""Samples of a band: temporaries of half a megabyte in float32."""


def damp(problem: Pursuit, point: Array, overshoot: Array) -> None:
    """Divide each sample by the largest overshoot > 1 of the atoms that touch it, in place.

    `overshoot` is (n_signals, *code_spatial). Signals on the CPU are worked on in bands of the
    first spatial axis, so that no temporary is of the signal's size.
    """
    xp = problem.backend.xp
    if not has_kernel(problem.dictionary):
        excess = xp.maximum(overshoot - 1.0, xp.zeros_like(overshoot))
        point /= 1.0 + problem.operator.cover(excess)
        return
    axes = _axes(problem.dictionary, overshoot.shape[1:])
    n_signals, _, n_rows, *rest = point.shape
    rows = max(1, _BAND // math.prod(rest), axes[0][2])

    def task(item: tuple[int, int]) -> None:
        b, first = item
        band = (first, min(first + rows, n_rows))
        windows = [band, *((0, n) for n in rest)]
        point[b, :, slice(*band)] /= np.maximum(_largest(overshoot[b], axes, windows), 1.0)

    problem.backend.run(
        task, [(b, first) for b in range(n_signals) for first in range(0, n_rows, rows)]
    )


def _axes(dictionary: Any, code_spatial: tuple[int, ...]) -> list[tuple[int, int, int, int]]:
    """Return (stride, samples an atom begins before its position, extent, period) of each axis.

    The period is that of circular signals, 0 for others.
    """
    periods = [
        n * s if dictionary.is_circular else 0
        for n, s in zip(code_spatial, dictionary.stride, strict=True)
    ]
    befores = [before for before, _ in dictionary.pads]
    return list(zip(dictionary.stride, befores, dictionary.extent, periods, strict=True))


def _largest(values: Array, axes: list[Any], windows: list[tuple[int, int]]) -> Array:
    """Return, for each sample of a window, the largest of `values` >= 0 whose atoms touch it."""
    for axis, ((stride, before, extent, period), (first, last)) in enumerate(
        zip(axes, windows, strict=True)
    ):
        origins = np.arange(first - extent + 1, last) + before
        if period:
            origins %= period
        places, off = np.divmod(origins, stride)
        there = (off == 0) & (places >= 0) & (places < values.shape[axis])
        spread = np.take(values, np.where(there, places, 0), axis=axis)
        spread[(slice(None),) * axis + (~there,)] = 0
        values = _running_maximum(spread, axis, extent)
    return values


def _running_maximum(values: Array, axis: int, width: int) -> Array:
    """Return the largest of each `width` neighbours along an axis, by doubling."""
    values, reached = np.moveaxis(values, axis, 0), 1
    while reached < width:
        step = min(reached, width - reached)
        values = np.maximum(values[: len(values) - step], values[step:])
        reached += step
    return np.moveaxis(values, 0, axis)
