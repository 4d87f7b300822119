"""Norms by frequency: exact where circular, unchanged by dilation, aliased by strides."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.random import random_filters
from sparsecsc.protocols import Array
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.small import draw_dictionary, matrix

_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Spectrum:
    """A dictionary on a signal of one size, beside its explicit matrix."""

    filters: Array
    spatial: tuple[int, ...]
    stride: int = 1
    dilation: int = 1
    padding: int | None = None

    @cached_property
    def explicit(self) -> Array:
        """The matrix D."""
        geometry = {"stride": self.stride, "dilation": self.dilation, "padding": self.padding}
        return matrix(self.filters, self.spatial, **geometry)

    @cached_property
    def plain(self) -> Array:
        """The matrix of the same filters, not dilated."""
        return matrix(self.filters, self.spatial)

    @cached_property
    def lipschitz(self) -> float:
        """What the library says of the squared norm."""
        padding = "circular" if self.padding is None else self.padding
        dictionary = ConvDictionary(
            self.filters, stride=self.stride, dilation=self.dilation, padding=padding
        )
        return float(dictionary.lipschitz(self.spatial))


def _draw_circular(rng: np.random.Generator) -> Spectrum:
    """Draw 1-D or 2-D, 1 to 3 channels, any dilation."""
    n_axes = int(rng.integers(1, 3))
    kernel = [int(k) for k in rng.integers(1, 5, size=n_axes)]
    spatial = tuple(int(n) for n in rng.integers(6, 11 if n_axes == 2 else 40, size=n_axes))
    filters = random_filters(int(rng.integers(1, 4)), int(rng.integers(1, 4)), kernel, rng)
    return Spectrum(filters, spatial, dilation=int(rng.integers(1, 4)))


def _squared_norm(explicit: Array) -> float:
    return float(np.linalg.norm(explicit, 2)) ** 2


def _circular_margins(spectrum: Spectrum) -> Mapping[str, float]:
    return {"circular": 1.0 if spectrum.padding is None else -1.0}


def _draw_coprime(rng: np.random.Generator) -> Spectrum:
    """Draw a dilation that has no factor with the size: half of the time on T1, T3, T4."""
    n, scale = int(rng.choice((35, 64, 81, 101))), int(rng.choice((2, 3, 5, 7)))
    filters = draw_dictionary(rng).filters if rng.random() < 0.5 else random_filters(3, 2, 5, rng)
    while math.gcd(n, scale) > 1:
        scale += 1
    return Spectrum(filters, (max(n, filters.shape[2]),), dilation=scale)


def _coprime_margins(spectrum: Spectrum) -> Mapping[str, float]:
    (n,) = spectrum.spatial
    return {"no common factor": 1.5 - math.gcd(n, spectrum.dilation)}


def _moved_spectrum(spectrum: Spectrum) -> float:
    """Return how far dilation moves any singular value, the library's norm or the coherence."""
    values, dilated = (
        np.linalg.svd(d, compute_uv=False) for d in (spectrum.plain, spectrum.explicit)
    )
    apart = float(np.abs(values - dilated).max()) / float(values.max())
    norm = abs(spectrum.lipschitz / float(values.max()) ** 2 - 1.0)
    return max(apart, norm, abs(_coherence(spectrum.plain) - _coherence(spectrum.explicit)))


def _coherence(explicit: Array) -> float:
    atoms = explicit / np.linalg.norm(explicit, axis=0)
    gram = np.abs(atoms.T @ atoms)
    np.fill_diagonal(gram, 0.0)
    return float(gram.max())


def _draw_common(rng: np.random.Generator) -> Spectrum:
    """Draw a dilation that divides the size; filters whose largest gain is kept, or lost."""
    scale = int(rng.choice((2, 3, 4)))
    n = scale * int(rng.integers(8, 17))
    return Spectrum(random_filters(int(rng.integers(1, 4)), 1, 5, rng), (n,), dilation=scale)


def _common_margins(spectrum: Spectrum) -> Mapping[str, float]:
    (n,) = spectrum.spatial
    return {"common factor": math.gcd(n, spectrum.dilation) - 1.5}


def _draw_strided(rng: np.random.Generator) -> Spectrum:
    """Draw 1-D or 2-D with a stride of 2 or 3 that divides the size."""
    n_axes, stride = int(rng.integers(1, 3)), int(rng.integers(2, 4))
    spatial = tuple(stride * int(n) for n in rng.integers(2, 5 if n_axes == 2 else 14, size=n_axes))
    kernel = [int(k) for k in rng.integers(1, 5, size=n_axes)]
    filters = random_filters(int(rng.integers(1, 4)), int(rng.integers(1, 3)), kernel, rng)
    return Spectrum(filters, spatial, stride=stride, dilation=1)


def _aliased_values(spectrum: Spectrum) -> Array:
    r"""Return the singular values of the blocks of frequencies that a stride makes one.

    Code frequency omega feeds the signal frequencies omega + j N / s: the block stacks their
    matrices, over sqrt(s) an axis.
    """
    axes = tuple(range(2, 2 + len(spectrum.spatial)))
    spectra = np.fft.fftn(spectrum.filters, spectrum.spatial, axes)
    stride, folded = spectrum.stride, spectra
    for axis, n in zip(axes, spectrum.spatial, strict=True):
        at = axis + (axis - 2)
        folded = np.reshape(
            folded, (*folded.shape[:at], stride, n // stride, *folded.shape[at + 1 :])
        )
    n_axes = len(axes)
    aliases = [2 + 2 * i for i in range(n_axes)]
    codes = [3 + 2 * i for i in range(n_axes)]
    blocks = np.transpose(folded, (*codes, 1, *aliases, 0))
    rows = spectrum.filters.shape[1] * stride**n_axes
    blocks = blocks.reshape(-1, rows, len(spectrum.filters)) / math.sqrt(stride**n_axes)
    return np.sort(np.linalg.svd(blocks, compute_uv=False).ravel())[::-1]


def _aliasing_error(spectrum: Spectrum) -> float:
    values = np.linalg.svd(spectrum.explicit, compute_uv=False)
    blocks = _aliased_values(spectrum)[: len(values)]
    short = values[: len(blocks)]
    rest = values[len(blocks) :]
    apart = max(float(np.abs(short - blocks).max()), float(np.max(rest, initial=0.0)))
    return max(apart / float(values[0]), abs(spectrum.lipschitz / float(values[0]) ** 2 - 1.0))


def _strided_margins(spectrum: Spectrum) -> Mapping[str, float]:
    left = sum(n % spectrum.stride for n in spectrum.spatial)
    return {"stride divides the size": 0.5 - left, **_circular_margins(spectrum)}


def _draw_border(rng: np.random.Generator) -> Spectrum:
    """Draw zeros at the border, 0 to more than the filter needs, any stride and dilation."""
    n_axes = int(rng.integers(1, 3))
    n_filters = int(rng.integers(1, 4))
    filters = random_filters(n_filters, int(rng.integers(1, 3)), (3,) * n_axes, rng)
    spatial = tuple(int(n) for n in rng.integers(7, 10 if n_axes == 2 else 40, size=n_axes))
    dilation, stride = (int(v) for v in rng.integers(1, 3, size=2))
    return Spectrum(filters, spatial, stride, dilation, padding=int(rng.integers(0, 4)))


CLAIMS = (
    Claim(
        id="A1-norm",
        title="The squared norm of a circular dictionary is the largest over its frequencies",
        statement=(
            "Circular, stride 1, any dilation, channels and axes: the library's Lipschitz "
            "constant is the largest eigenvalue of the explicit matrix."
        ),
        formula=r"\|D\|^2 = \max_\omega \|\hat W(\omega)\|^2",
        source="derived here",
        provenance="D",
        draw=_draw_circular,
        margins=_circular_margins,
        measure=lambda s: abs(s.lipschitz / _squared_norm(s.explicit) - 1.0),
        bound=lambda s: _ROUNDING,
        exact=True,
    ),
    Claim(
        id="A1-dilation-coprime",
        title="A dilation without a common factor with the size changes no singular value",
        statement=(
            "If the dilation and the size of a circular signal have no common factor, all singular "
            "values and the mutual coherence are those of the filters that are not dilated."
        ),
        formula=r"\gcd(s, N) = 1 \Rightarrow \hat W^{(s)}[k] = \hat W[sk \bmod N],\ "
        r"\sigma(D^{(s)}) = \sigma(D),\ \mu(D^{(s)}) = \mu(D)",
        source="derived here",
        provenance="D",
        draw=_draw_coprime,
        margins=_coprime_margins,
        measure=_moved_spectrum,
        bound=lambda s: _ROUNDING * 10,
        exact=True,
    ),
    Claim(
        id="A1-dilation-common",
        title="A dilation with a common factor with the size can only lower the norm",
        statement="If the dilation and the size share a factor, the norm does not grow.",
        formula=r"\gcd(s, N) > 1 \Rightarrow \|D^{(s)}\|^2 \le \|D\|^2",
        source="derived here",
        provenance="D",
        draw=_draw_common,
        margins=_common_margins,
        measure=lambda s: s.lipschitz,
        bound=lambda s: _squared_norm(s.plain),
    ),
    Claim(
        id="A1-aliasing",
        title="A stride couples the frequencies that it makes one",
        statement=(
            "Circular with a stride that divides the size: the singular values are those of "
            "the blocks that stack the aliased frequencies; the norm is the largest."
        ),
        formula=r"\|D\|^2 = \max_\omega \tfrac1s \big\|[\hat W(\omega + jN/s)]_{j<s}\big\|^2",
        source="derived here",
        provenance="D",
        draw=_draw_strided,
        margins=_strided_margins,
        measure=_aliasing_error,
        bound=lambda s: _ROUNDING,
        exact=True,
    ),
    Claim(
        id="A1-border",
        title="With borders of zeros the library's constant bounds the norm",
        statement="For any padding, stride and dilation the squared norm is at most the constant.",
        formula=r"\|D\|^2 \le L",
        source="derived here",
        provenance="D",
        draw=_draw_border,
        margins=lambda s: {"border": 1.0 if s.padding is not None else -1.0},
        measure=lambda s: _squared_norm(s.explicit),
        bound=lambda s: s.lipschitz,
    ),
)
