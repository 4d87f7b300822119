"""A second-order step over the nonzero coefficients, their signs taken as known."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsecsc._codes_scratch import empty_like
from sparsecsc._codes_tiles import Entries
from sparsecsc.protocols import Array

_TRIES = 3


def polish(work: Any, samples: Array, entries: list[Entries], n_steps: int) -> list[Entries]:
    """Return better values for the coefficients of `entries`; the samples are updated in place.

    Conjugate gradients on the quadratic that the objective is while no sign changes; values that
    would change sign become 0. A step that does not decrease the objective is halved, and left
    out in the end.
    """
    values = np.concatenate([part.values for part in entries])
    weights, ridges = work.costs(entries)
    signs = np.sign(values)
    pull = work.inner(samples, entries)
    image = empty_like(samples)

    def curvature(direction: Array) -> Array:
        image[...] = 0
        return work.gram(image, entries, direction) + ridges * direction

    dot = work.backend.dot
    move = _conjugate_gradients(dot, curvature, pull - weights * signs - ridges * values, n_steps)
    for _ in range(_TRIES):
        new = values + move
        new[new * signs < 0] = 0
        change = new - values
        rise = 0.5 * dot(change, curvature(change)) - dot(change, pull - ridges * values)
        rise += float(np.sum(weights * (np.abs(new) - np.abs(values)), dtype=np.float64))
        if rise < 0:
            samples -= image
            return _with_values(entries, new)
        move *= samples.dtype.type(0.5)
    return entries


def _conjugate_gradients(dot: Any, curvature: Any, rest: Array, n_steps: int) -> Array:
    """Return an approximate solution of ``curvature(x) = rest``."""
    solution, direction = np.zeros_like(rest), rest.copy()
    size = dot(rest, rest)
    for _ in range(n_steps):
        curved = curvature(direction)
        bend = dot(direction, curved)
        if bend <= 0 or size == 0:
            break
        step = rest.dtype.type(size / bend)
        solution += step * direction
        rest = rest - step * curved
        old, size = size, dot(rest, rest)
        direction = rest + rest.dtype.type(size / old) * direction
    return solution


def _with_values(entries: list[Entries], values: Array) -> list[Entries]:
    ends = np.cumsum([part.values.size for part in entries])
    pairs = zip(entries, ends, strict=True)
    return [part._replace(values=values[end - part.values.size : end]) for part, end in pairs]
