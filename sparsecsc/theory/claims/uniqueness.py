"""What no dictionary can do: synthesise 0 from few atoms of a stripe, or keep all atoms apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.incoherent import dirac_barker_filters, dirac_msequence_filters
from sparsecsc.dictionaries.random import random_filters
from sparsecsc.protocols import Array
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.coherence import mutual_coherence, welch_bound
from sparsecsc.theory.planted import Planted
from sparsecsc.theory.small import matrix
from sparsecsc.theory.sparse_layers import simplex_filters


@dataclass(frozen=True, eq=False)
class Null:
    """Codes that synthesise nothing."""

    dictionary: ConvDictionary
    codes: Array

    @cached_property
    def planted(self) -> Planted:
        """The same, as planted codes without noise."""
        shape = (1, self.dictionary.n_channels, *self.codes.shape[2:])
        return Planted(self.dictionary, self.codes, np.zeros(shape))


def _draw_null(rng: np.random.Generator) -> Null:
    """Take a simplex, whose atoms add up to 0, or a null vector of random atoms."""
    if rng.random() < 0.3:
        filters = simplex_filters(int(rng.integers(2, 12)))
        codes = np.zeros((1, len(filters), int(rng.integers(1, 9))))
        codes[:, :, rng.integers(codes.shape[2])] = rng.standard_normal()
        return Null(ConvDictionary(filters), codes)
    dictionary, spatial = ConvDictionary(dirac_barker_filters()), (int(rng.integers(26, 61)),)
    if rng.random() < 0.5:
        bits = int(rng.integers(3, 6))
        dictionary, spatial = ConvDictionary(dirac_msequence_filters(bits)), (2**bits - 1,)
    atoms = matrix(dictionary.filters, spatial)
    chosen = rng.permutation(atoms.shape[1])[: atoms.shape[0] + 1]
    if rng.random() < 0.5:  # all spikes, and one of the other filter
        chosen = np.r_[np.arange(atoms.shape[0]), atoms.shape[0] + rng.integers(atoms.shape[0])]
    _, _, right = np.linalg.svd(atoms[:, chosen])
    codes = np.zeros(atoms.shape[1])
    codes[chosen] = np.where(np.abs(right[-1]) > 1e-9, right[-1], 0.0)
    return Null(dictionary, codes.reshape(1, dictionary.n_filters, *spatial))


def _vanishes(null: Null) -> Mapping[str, float]:
    image = null.dictionary.synthesize(null.codes)
    return {
        "in the null space": 1e-8 - float(np.abs(image).max()),
        "not zero": float(np.abs(null.codes).max()),
    }


@dataclass(frozen=True, eq=False)
class Bank:
    """A dictionary and a size."""

    dictionary: ConvDictionary
    spatial: tuple[int, ...]

    @property
    def welch(self) -> float:
        """The least coherence of such a bank."""
        d = self.dictionary
        return welch_bound(d.n_filters, d.kernel, n_channels=d.n_channels, spatial=self.spatial)


def _draw_bank(rng: np.random.Generator) -> Bank:
    kind = int(rng.integers(4))
    if kind == 0:
        return Bank(ConvDictionary(simplex_filters(int(rng.integers(2, 9)))), (5,))
    if kind == 1:
        bits = int(rng.integers(3, 7))
        return Bank(ConvDictionary(dirac_msequence_filters(bits)), (2**bits - 1,))
    kernel = tuple(int(n) for n in rng.integers(2, 6, kind - 1))
    channels = int(rng.integers(1, 3))
    filters = random_filters(channels + int(rng.integers(1, 5)), channels, kernel, rng)
    spatial = tuple(int(n + rng.integers(n + 2)) for n in kernel)
    return Bank(ConvDictionary(filters), spatial)


CLAIMS = (
    Claim(
        id="B1-spark",
        title="What synthesises nothing fills a stripe",
        statement="Codes other than 0 that synthesise 0 have a stripe norm of at least 1 + 1/mu, "
        "so that two codes of one signal cannot both be below half of it: codes below are unique.",
        formula=r"D\Gamma = 0,\; \Gamma \ne 0 \;\Rightarrow\; "
        r"\|\Gamma\|_{0,\infty} \ge 1 + \frac{1}{\mu(D)}",
        source="papyan2017local",
        provenance="R",
        draw=_draw_null,
        margins=_vanishes,
        measure=lambda null: 1.0 + 1.0 / null.planted.coherence,
        bound=lambda null: float(null.planted.stripe),
    ),
    Claim(
        id="A1-welch",
        title="No bank is less coherent than Welch's bound",
        statement="m filters of n taps in C channels, circular with stride 1, have at least this "
        "coherence; w is the number of shifts at which two atoms overlap, 2n - 1 along each axis "
        "of a large signal. (For one channel and axis as recalled; the rest is derived here.)",
        formula=r"\mu(D) \ge \sqrt{\frac{m/C - 1}{m w - 1}}",
        source="papyan2017local",
        provenance="R",
        draw=_draw_bank,
        margins=lambda bank: {
            "more filters than channels": float(
                bank.dictionary.n_filters - bank.dictionary.n_channels
            )
        },
        measure=lambda bank: bank.welch,
        bound=lambda bank: mutual_coherence(bank.dictionary, bank.spatial),
    ),
)
