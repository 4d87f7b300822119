r"""Linear systems in the images of all layers together.

With :math:`K \Gamma = (D_1 \cdots D_L \Gamma, \; D_2 \cdots D_L \Gamma, \; ..., \; D_L \Gamma)` and
one shift :math:`s_i > 0` for each of these images, `solve` returns
:math:`(\mathrm{diag}(s) + K K^T)^{-1} q`: one small matrix a frequency where every layer is
circular, conjugate gradients elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sparsecsc.dictionaries._operators import from_polyphase, to_polyphase
from sparsecsc.dictionaries._spectra import inverse
from sparsecsc.protocols import Array

_MOST_BYTES = 2**29
_CG_STEPS = 100
_CG_REDUCTION = 1e-2


def make_stack(problem: Any) -> Any:
    """Return the faster of the two for this problem: spectral where circular and small enough."""
    circular = all(getattr(operator, "is_circular", False) for operator in problem.operators)
    if not circular:
        return IterativeStack(problem)
    stack = SpectralStack(problem)
    return stack if stack.n_bytes <= _MOST_BYTES else IterativeStack(problem)


@dataclass(frozen=True, eq=False)
class SpectralStack:
    """Exact: layers are cut into polyphase components on the grid of the deepest codes."""

    problem: Any
    kept: dict[str, Any] = field(default_factory=dict, repr=False)
    """K K^T by frequency, and the last inverse with its shifts."""

    @property
    def grid(self) -> tuple[int, ...]:
        """The spatial size of the deepest codes."""
        return tuple(self.problem.shapes[-1][2:])

    @property
    def strides(self) -> list[tuple[int, ...]]:
        """How much finer than the grid each image is, along each axis."""
        shapes = self.problem.shapes[:-1]
        return [tuple(n // g for n, g in zip(s[2:], self.grid, strict=True)) for s in shapes]

    @property
    def rows(self) -> list[int]:
        """Channels times polyphase components of each image."""
        pairs = zip(self.problem.shapes[:-1], self.strides, strict=True)
        return [shape[1] * math.prod(stride) for shape, stride in pairs]

    @property
    def half(self) -> tuple[int, ...]:
        """The size of a half-spectrum."""
        return (*self.grid[:-1], self.grid[-1] // 2 + 1)

    @property
    def n_bytes(self) -> int:
        """The memory of one matrix for each frequency."""
        return 16 * sum(self.rows) ** 2 * math.prod(self.half)

    def solve(self, q: Sequence[Array], shifts: Sequence[float], _: Any = None) -> list[Array]:
        """Return (diag(shifts) + K K^T)^-1 q; the inverse for the last shifts is kept."""
        backend = self.problem.backend
        if self.kept.get("shifts") != list(shifts):
            self.kept["inverse"] = self._inverse(shifts)
            self.kept["shifts"] = list(shifts)
        spectrum = self._spectrum(q)
        solved = backend.xp.zeros_like(spectrum)
        backend.multiply_accumulate(solved, self.kept["inverse"], spectrum)
        return self._split(solved)

    def _inverse(self, shifts: Sequence[float]) -> Array:
        xp = self.problem.backend.xp
        if "outer" not in self.kept:
            self.kept["outer"] = self._outer()
        outer = self.kept["outer"]
        diagonal = [s for s, n in zip(shifts, self.rows, strict=True) for _ in range(n)]
        eye = xp.eye(len(diagonal), dtype=outer.dtype) * xp.asarray(diagonal, dtype=outer.dtype)
        shifted = outer + xp.reshape(eye, (*eye.shape, *(1,) * len(self.half)))
        return xp.astype(inverse(xp, shifted, 0.0), self._complex())

    def _complex(self) -> Any:
        xp = self.problem.backend.xp
        return xp.complex64 if self.problem.signal.dtype == xp.float32 else xp.complex128

    def _outer(self) -> Array:
        """Return K K^T by frequency, (rows, rows, *half): what each deep filter contributes."""
        backend = self.problem.backend
        xp = backend.xp
        n = sum(self.rows)
        outer = xp.zeros((n, n, *self.half), dtype=xp.complex128)
        for m in range(self.problem.shapes[-1][1]):
            impulse = xp.zeros((1, *self.problem.shapes[-1][1:]), dtype=self.problem.signal.dtype)
            impulse[(0, m, *(0,) * len(self.grid))] = 1.0
            s = xp.astype(self._spectrum(self.problem.images(impulse)[:-1])[0, ...], xp.complex128)
            outer += s[:, None, ...] * xp.conj(s)[None, ...]
        return outer

    def _spectrum(self, images: Sequence[Array]) -> Array:
        backend = self.problem.backend
        xp = backend.xp
        parts = [
            backend.rfftn(to_polyphase(xp, image, self.grid, stride), self.grid)
            for image, stride in zip(images, self.strides, strict=True)
        ]
        return xp.concat(parts, axis=1)

    def _split(self, spectrum: Array) -> list[Array]:
        backend = self.problem.backend
        out, first = [], 0
        for n, stride in zip(self.rows, self.strides, strict=True):
            phases = backend.irfftn(spectrum[:, first : first + n, ...], self.grid)
            out.append(from_polyphase(backend.xp, phases, self.grid, stride))
            first += n
        return out


@dataclass(frozen=True, eq=False)
class IterativeStack:
    """Conjugate gradients from the last solution; a hundredth of the first residual is left."""

    problem: Any

    def solve(
        self, q: Sequence[Array], shifts: Sequence[float], start: Sequence[Array] | None = None
    ) -> list[Array]:
        """Return (diag(shifts) + K K^T)^-1 q, nearly, as new arrays."""
        backend = self.problem.backend
        xp = backend.xp
        x = [
            xp.zeros_like(a) if start is None else xp.asarray(start[i], copy=True)
            for i, a in enumerate(q)
        ]
        residual = [a - b for a, b in zip(q, self._apply(x, shifts), strict=True)]
        direction = [xp.asarray(r, copy=True) for r in residual]
        size = sum(backend.sum_squares(r) for r in residual)
        enough = size * _CG_REDUCTION**2
        for _ in range(_CG_STEPS):
            if size <= enough:
                break
            image = self._apply(direction, shifts)
            curvature = sum(backend.dot(d, a) for d, a in zip(direction, image, strict=True))
            for k, (d, a) in enumerate(zip(direction, image, strict=True)):
                x[k] += (size / curvature) * d
                residual[k] -= (size / curvature) * a
            previous, size = size, sum(backend.sum_squares(r) for r in residual)
            direction = [
                r + (size / previous) * d for r, d in zip(residual, direction, strict=True)
            ]
        return x

    def _apply(self, x: Sequence[Array], shifts: Sequence[float]) -> list[Array]:
        images = self.problem.images(self.problem.correlate(x))[:-1]
        return [s * a + b for s, a, b in zip(shifts, x, images, strict=True)]
