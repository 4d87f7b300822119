"""Numba kernels that take tiles out of arrays, and put what is kept of them back."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsecsc.backends._numba_kernels import _jit
from sparsecsc.backends._numba_simd import part


@_jit
def cut(out: Any, x: Any, corner: Any, stride: Any, wraps: Any) -> None:  # pragma: no cover
    """Store ``out[c, phase, r] = x[c, corner + r * stride + phase]``, zero or wrapped outside.

    `out` is (channels, *stride, *size), `x` (channels, *spatial).
    """
    channels, s0, s1, s2, g0, g1, g2 = out.shape
    source, target = x.reshape(-1), out.reshape(-1)  # views of lines would count references
    sizes = (x.shape[1], x.shape[2], x.shape[3])
    size, steps = (g0, g1, g2), (stride[0], stride[1], stride[2])
    to = 0
    for c in range(channels):
        for f0 in range(s0):
            for f1 in range(s1):
                for f2 in range(s2):
                    begin = (corner[0] + f0, corner[1] + f1, corner[2] + f2)
                    cut_tile(target, to, source, c, (sizes, size, begin, steps, wraps))
                    to += g0 * g1 * g2


@part
def cut_tile(target: Any, to: Any, source: Any, c: Any, box: Any) -> None:  # pragma: no cover
    """Store a tile of channel `c` of the flat source in ``target[to:]``.

    box is (sizes of a channel, size of the tile, where it begins, steps, whether indices wrap).
    """
    (n0, n1, n2), (g0, g1, g2), begin, steps, wraps = box
    first, step = begin[2], steps[2]
    low, high = _inside(first, step, n2, g2)
    for r0 in range(g0):
        u0 = wrapped(begin[0] + r0 * steps[0], n0, wraps)
        for r1 in range(g1):
            u1 = wrapped(begin[1] + r1 * steps[1], n1, wraps)
            if u0 < 0 or u1 < 0:
                for r in range(to, to + g2):
                    target[r] = 0
            else:
                at = ((c * n0 + u0) * n1 + u1) * n2
                for r in range(low):
                    here = at + (first + r * step) % n2
                    target[to + r] = source[here] if wraps else 0
                copy(target, to + low, source, at + first + low * step, (high - low, step))
                for r in range(high, g2):
                    here = at + (first + r * step) % n2
                    target[to + r] = source[here] if wraps else 0
            to += g2


@part
def copy(target: Any, to: Any, source: Any, at: Any, steps: Any) -> None:  # pragma: no cover
    """Copy some numbers; steps is (how many, the distance of two in the source)."""
    # Unsigned indices: Numba would look for negative ones, and LLVM then does not vectorise.
    n, step = steps
    if step == 1:
        for r in range(n):
            target[np.uintp(to + r)] = source[np.uintp(at + r)]
    else:
        for r in range(n):
            target[np.uintp(to + r)] = source[np.uintp(at + r * step)]


@part
def wrapped(u: Any, n: Any, wraps: Any) -> Any:  # pragma: no cover
    """Return the index u on a circle, or itself; -1 where it is outside."""
    if 0 <= u < n:
        return u
    return u % n if wraps else -1


@part
def _inside(first: Any, step: Any, n: Any, size: Any) -> Any:  # pragma: no cover
    """Return the range of r < size with 0 <= first + r * step < n."""
    low = min(max(0, -(first // step)), size)
    return low, max(low, min(size, -((first - n) // step)))
