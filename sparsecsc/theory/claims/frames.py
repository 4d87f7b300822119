"""The frame potential: least for tight frames, a bound on the coherence, and its deep version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.incoherent import dirac_msequence_filters, haar_pair
from sparsecsc.dictionaries.random import random_filters, random_parseval_filters
from sparsecsc.models.deep import DeepDictionary
from sparsecsc.models.mlcsc import MLCSC
from sparsecsc.models.msdcsc import MSDCSC
from sparsecsc.protocols import Array
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.potentials import deep_frame_potential, frame_potential
from sparsecsc.theory.small import draw_dictionary, matrix


@dataclass(frozen=True, eq=False)
class Frame:
    """The atoms of a dictionary as the columns of an explicit matrix."""

    explicit: Array
    computed: Callable[[], float]
    """What the library says of the potential, without the matrix."""

    @cached_property
    def atoms(self) -> Array:
        """The columns, with unit norm."""
        found: Array = self.explicit / np.linalg.norm(self.explicit, axis=0)
        return found

    @cached_property
    def gram(self) -> Array:
        """Inner products of the unit-norm atoms."""
        found: Array = self.atoms.T @ self.atoms
        return found

    @property
    def n_atoms(self) -> int:
        """The number of atoms, k."""
        return int(self.gram.shape[0])

    @property
    def n_rows(self) -> int:
        """The number of rows, d."""
        return int(self.atoms.shape[0])

    @property
    def potential(self) -> float:
        """|G|_F^2."""
        return float(np.sum(self.gram**2))

    @property
    def coherence(self) -> float:
        """The largest inner product of two atoms."""
        return float(np.max(np.abs(self.gram - np.eye(self.n_atoms))))

    @property
    def mean_coherence(self) -> float:
        """The root mean square of the inner products of two atoms."""
        k = self.n_atoms
        return float(np.sqrt(max(self.potential - k, 0.0) / (k * (k - 1))))


def _draw_frame(rng: np.random.Generator) -> Frame:
    """Draw tight frames of equal norms half of the time, else any of the test dictionaries."""
    tight = (
        haar_pair,
        lambda: random_parseval_filters(5, 1, 5, rng),
        lambda: random_parseval_filters(6, 2, 3, rng),
    )
    if rng.random() < 0.5:
        return _plain(tight[rng.integers(len(tight))](), 16)
    return _plain(draw_dictionary(rng).filters, 32)


def _plain(filters: Array, n: int) -> Frame:
    dictionary = ConvDictionary(filters)
    return Frame(matrix(filters, (n,)), lambda: frame_potential(dictionary, (n,)))


def _draw_spread(rng: np.random.Generator) -> Frame:
    """Draw any test dictionary, or the shifts of one m-sequence: all of one inner product."""
    if rng.random() < 0.3:
        bits = int(rng.integers(3, 6))
        return _plain(dirac_msequence_filters(bits)[1:], 2**bits - 1)
    return _draw_frame(rng)


def _several(frame: Frame) -> Mapping[str, float]:
    norms = np.linalg.norm(frame.explicit, axis=0)
    return {"more than one atom": frame.n_atoms - 1.5, "no atom is 0": float(norms.min())}


def _draw_deep(rng: np.random.Generator) -> Frame:
    """Draw the block matrix of deep pursuit of a chain or of dense layers."""
    depth, n = int(rng.integers(1, 4)), 8
    if rng.random() < 0.5:
        widths = [1, *(int(m) for m in rng.integers(1, 4, size=depth))]
        banks = [random_filters(b, a, 3, rng) for a, b in pairwise(widths)]
        scale = 10.0 ** rng.uniform(-0.5, 1.5)
        return _deep(MLCSC([ConvDictionary(scale * bank) for bank in banks]), n)
    if rng.random() < 0.5:
        return _deep(MLCSC([ConvDictionary(haar_pair())]), n)
    news = [int(k) for k in rng.integers(1, 3, size=depth)]
    banks = [random_filters(k, 1 + sum(news[:i]), 3, rng) for i, k in enumerate(news)]
    return _deep(MSDCSC(banks), n)


def _deep(model: MLCSC | MSDCSC, n: int) -> Frame:
    return Frame(_blocks(model, n), lambda: deep_frame_potential(model, (1, n)))


def _draw_any(rng: np.random.Generator) -> Frame:
    """Draw a frame for the plain or the deep potential."""
    return _draw_spread(rng) if rng.random() < 0.5 else _draw_deep(rng)


def _blocks(model: MLCSC | MSDCSC, n: int) -> Array:
    """Return the library's block matrix B, column by column."""
    dictionary = DeepDictionary(model, (1, n))
    size = dictionary.n_filters
    columns = dictionary.synthesize(np.eye(size).reshape(size, size, 1))
    found: Array = columns.reshape(size, -1).T
    return found


def _benchmark(frame: Frame) -> float:
    return frame.n_atoms**2 / frame.n_rows


def _spread_benchmark(frame: Frame) -> float:
    """Return k^2 / min(k, d): fewer atoms than rows can at best be orthogonal."""
    return frame.n_atoms**2 / min(frame.n_atoms, frame.n_rows)


CLAIMS = (
    Claim(
        id="B19-potential",
        title="The frame potential is least for tight frames",
        statement=(
            "k unit-norm atoms in d dimensions have a frame potential of at least k^2/d, with "
            "equality for tight frames."
        ),
        formula=r"\|G\|_F^2 \ge k^2/d",
        source="murdock2020",
        provenance="C",
        draw=_draw_frame,
        margins=_several,
        measure=_benchmark,
        bound=lambda frame: frame.potential,
    ),
    Claim(
        id="B19-coherence",
        title="The frame potential bounds the coherence from below",
        statement=(
            "The mutual coherence is at least the root mean square of the inner products, with "
            "equality if all are of one size."
        ),
        formula=r"\mu \ge \sqrt{\frac{\|G\|_F^2 - k}{k(k-1)}}",
        source="murdock2020",
        provenance="C",
        draw=_draw_spread,
        margins=_several,
        measure=lambda frame: frame.mean_coherence,
        bound=lambda frame: frame.coherence,
    ),
    Claim(
        id="B19-deep-potential",
        title="The deep frame potential is bounded as the plain one",
        statement=(
            "The unit-norm columns of deep pursuit's block matrix, k in d rows, have a potential "
            "of at least k^2/min(k, d)."
        ),
        formula=r"\|G_B\|_F^2 \ge k^2/\min(k, d)",
        source="murdock2020; murdock2021",
        provenance="C",
        draw=_draw_deep,
        margins=_several,
        measure=_spread_benchmark,
        bound=lambda frame: frame.potential,
    ),
    Claim(
        id="B19-deep-coherence",
        title="The deep frame potential bounds the coherence of the block matrix",
        statement="The coherence of deep pursuit's block matrix is at least the root mean square "
        "of its inner products.",
        formula=r"\mu(B) \ge \sqrt{\frac{\|G_B\|_F^2 - k}{k(k-1)}}",
        source="murdock2020; murdock2021",
        provenance="C",
        draw=_draw_deep,
        margins=_several,
        measure=lambda frame: frame.mean_coherence,
        bound=lambda frame: frame.coherence,
    ),
    Claim(
        id="B19-computed",
        title="The library's potentials are those of the matrices",
        statement="The plain and the deep frame potential, computed without a matrix, are those of "
        "the explicit atoms.",
        formula=r"\|G\|_F^2 = \sum_{i,j}\langle \tilde d_i, \tilde d_j\rangle^2",
        source="derived here",
        provenance="D",
        draw=_draw_any,
        margins=_several,
        measure=lambda frame: abs(frame.computed() / frame.potential - 1.0),
        bound=lambda frame: 1e-11,
        exact=True,
    ),
)
