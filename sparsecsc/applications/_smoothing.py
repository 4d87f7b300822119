"""A smooth signal through the samples that there are."""

from __future__ import annotations

import numpy as np

from sparsecsc.protocols import Array

_STEPS = 500
_TOL = 1e-5


def smooth_through(signal: Array, mask: Array, strength: float, start: Array) -> Array:
    r"""Return :math:`\operatorname{argmin}_l \tfrac12 \|M (y - l)\|^2 + \tfrac s2 \|\nabla l\|^2`.

    Conjugate gradients from `start`; the differences are of neighbours inside the grid.
    """
    squares = mask * mask

    def curvature(field: Array) -> Array:
        return squares * field + signal.dtype.type(strength) * _laplacian(field)

    target = squares * signal
    field = start.copy()
    rest = target - curvature(field)
    direction, size = rest.copy(), _dot(rest, rest)
    enough = _TOL**2 * _dot(target, target)
    for _ in range(_STEPS):
        if size <= enough:
            break
        curved = curvature(direction)
        step = signal.dtype.type(size / _dot(direction, curved))
        field += step * direction
        rest -= step * curved
        old, size = size, _dot(rest, rest)
        direction = rest + signal.dtype.type(size / old) * direction
    return field


def _laplacian(field: Array) -> Array:
    """Return the negative Laplacian with Neumann boundary."""
    out = np.zeros_like(field)
    for axis in range(2, field.ndim):
        difference = np.diff(field, axis=axis)
        along = [slice(None)] * field.ndim
        along[axis] = slice(None, -1)
        out[tuple(along)] -= difference
        along[axis] = slice(1, None)
        out[tuple(along)] += difference
    return out


def _dot(a: Array, b: Array) -> float:
    return float(np.sum(a * b, dtype=np.float64))
