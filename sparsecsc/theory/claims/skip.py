"""The term that an exact step adds to the skip of a residual layer, and where it vanishes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.random import random_filters
from sparsecsc.models.mlcsc import MLCSC
from sparsecsc.models.problem import MultilayerPursuit
from sparsecsc.models.rescsc import ResCSC
from sparsecsc.penalties.l1 import L1
from sparsecsc.protocols import Array
from sparsecsc.solve import solve
from sparsecsc.solvers.layered_thresholding import LayeredThresholding
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.small import matrix


@dataclass(frozen=True, eq=False)
class Skip:
    """One layer, its input, and the block's input where it starts."""

    filters: Array
    stride: int
    signal: Array
    start: Array
    step: float
    weight: float = 0.1

    @cached_property
    def explicit(self) -> Array:
        """The matrix D."""
        return matrix(self.filters, self.signal.shape[2:], stride=self.stride)

    def codes(self, damping: Any) -> Array:
        """Return the layer's codes, as the second of a block whose first passes the signal on."""
        shortcut = _Constant(self.start)
        return self._forward(ResCSC([self._dictionary], shortcut, damping, starts=[0]))

    @property
    def cold(self) -> Array:
        """The layer's codes from zero."""
        return self._forward(MLCSC([self._dictionary]))

    @property
    def _dictionary(self) -> ConvDictionary:
        return ConvDictionary(self.filters, stride=self.stride)

    def _forward(self, model: MLCSC | ResCSC) -> Array:
        problem = MultilayerPursuit(self.signal, model, [L1(self.weight)])
        codes: Array = solve(problem, LayeredThresholding(self.step)).codes[0]
        return codes

    @property
    def term(self) -> float:
        """|D^T D x| for the start x."""
        x = self.start.ravel()
        return float(np.linalg.norm(self.explicit.T @ (self.explicit @ x)))


@dataclass(frozen=True, eq=False)
class _Constant:
    """A shortcut that answers with the start, whatever the signal."""

    start: Array
    n_channels: None = None

    def bind(self, signal_shape: Any, like: Array) -> _Constant:
        """Return itself."""
        return self

    def code_shape(self, signal_shape: Any) -> tuple[int, ...]:
        """Return the shape of the start."""
        return tuple(self.start.shape)

    def analyze(self, signal: Array) -> Array:
        """Return the start."""
        return self.start


def _skip(
    filters: Array, stride: int, rng: np.random.Generator, start: Array | None = None
) -> Skip:
    n = 24
    signal = rng.standard_normal((1, filters.shape[1], n))
    shape = (1, len(filters), n // stride)
    start = rng.standard_normal(shape) if start is None else start.reshape(shape)
    lipschitz = ConvDictionary(filters, stride=stride).lipschitz((n,))
    return Skip(filters, stride, signal, start, float(rng.uniform(0.05, 1.0)) / lipschitz)


def _draw_kernel(rng: np.random.Generator) -> Skip:
    """Draw a start in the null space of D."""
    filters = random_filters(4, 2, 5, rng)
    explicit = matrix(filters, (24,))
    x = rng.standard_normal(explicit.shape[1])
    return _skip(filters, 1, rng, x - np.linalg.pinv(explicit) @ (explicit @ x))


def _draw_singular(rng: np.random.Generator) -> Skip:
    """Draw a start that is random, or mostly one right singular vector."""
    skip = _skip(random_filters(3, 2, 5, rng), 1, rng)
    _, _, right = np.linalg.svd(skip.explicit)
    mix = float(rng.choice((0.0, 0.1, 1.0)))
    chosen = right[0] if rng.random() < 0.5 else right[rng.integers(len(right))]
    start = 5 * chosen + mix * skip.start.ravel()
    return _skip(skip.filters, 1, rng, start)


def _draw_orthogonal(rng: np.random.Generator) -> Skip:
    """Draw filters as long as the stride, the orthogonal rows of a matrix: D^T D = kappa I."""
    n, m = 4, int(rng.integers(2, 5))
    rows = np.linalg.qr(rng.standard_normal((n, n)))[0][:m]
    return _skip(float(rng.uniform(0.5, 2)) * rows[:, None], n, rng)


def _kappa(skip: Skip) -> float:
    return float(np.sum(skip.filters[0] ** 2))


def _scaled_difference(skip: Skip) -> float:
    """Return how far the exact step is from the undamped one with the skip times 1 - c kappa."""
    start = (1.0 - skip.step * _kappa(skip)) * skip.start
    scaled = Skip(skip.filters, skip.stride, skip.signal, start, skip.step, skip.weight)
    return float(np.abs(skip.codes("step") - scaled.codes(0.0)).max())


def _orthogonal_margins(skip: Skip) -> Mapping[str, float]:
    gram = skip.explicit.T @ skip.explicit
    return {"D^T D = kappa I": 1e-10 - float(np.abs(gram - _kappa(skip) * np.eye(len(gram))).max())}


def _null_margins(skip: Skip) -> Mapping[str, float]:
    return {"D x = 0": 1e-10 - float(np.linalg.norm(skip.explicit @ skip.start.ravel()))}


def _seen_margins(skip: Skip) -> Mapping[str, float]:
    return {"D x is not 0": float(np.linalg.norm(skip.explicit @ skip.start.ravel())) - 1e-6}


def _rayleigh(skip: Skip) -> float:
    x = skip.start.ravel()
    return float(np.sum((skip.explicit @ x) ** 2) / np.linalg.norm(x))


def _share(skip: Skip) -> float:
    return skip.step * skip.term / float(np.linalg.norm(skip.start))


CLAIMS = (
    Claim(
        id="A3-null",
        title="The extra term vanishes where the dictionary does not see the start",
        statement="If D x = 0 the exact step from x and the step without damping are the same.",
        formula=r"DX_{-1} = 0 \Rightarrow D^TDX_{-1} = 0",
        source="derived here",
        provenance="D",
        draw=_draw_kernel,
        margins=_null_margins,
        measure=lambda s: float(np.abs(s.codes("step") - s.codes(0.0)).max()),
        bound=lambda s: 1e-12 * float(np.abs(s.codes(0.0)).max()),
        exact=True,
    ),
    Claim(
        id="A3-seen",
        title="The extra term vanishes nowhere else",
        statement="The norm of the term is at least that of D x, squared, over that of x.",
        formula=r"\|D^TDX_{-1}\| \ge \|DX_{-1}\|^2 / \|X_{-1}\|",
        source="derived here",
        provenance="D",
        draw=_draw_singular,
        margins=_seen_margins,
        measure=_rayleigh,
        bound=lambda s: s.term,
    ),
    Claim(
        id="A3-orthogonal",
        title="Orthogonal atoms of one norm only scale the skip",
        statement=(
            "If D^T D = kappa I, the exact step from x is the step without damping from "
            "(1 - c kappa) x; at c = 1/kappa the start plays no part."
        ),
        formula=r"D^TD = \kappa I \Rightarrow X_{-1} - cD^TDX_{-1} = (1 - c\kappa)X_{-1}",
        source="derived here",
        provenance="D",
        draw=_draw_orthogonal,
        margins=_orthogonal_margins,
        measure=_scaled_difference,
        bound=lambda s: 1e-12 * float(np.abs(s.start).max() + np.abs(s.cold).max()),
        exact=True,
    ),
    Claim(
        id="A3-small-step",
        title="The extra term has the relative size c L at most",
        statement="Relative to the start, the term that an exact step adds is at most c L.",
        formula=r"c\|D^TDX_{-1}\| \le cL\,\|X_{-1}\|",
        source="derived here",
        provenance="D",
        draw=_draw_singular,
        margins=lambda s: {"step": s.step},
        measure=_share,
        bound=lambda s: s.step * float(np.linalg.norm(s.explicit, 2)) ** 2,
    ),
)
