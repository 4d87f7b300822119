r"""Multi-layer signals whose codes are sparse in every layer, as the layered theorems suppose.

A generic chain of dictionaries has no such signals: one deep coefficient makes as many coefficients
in the layer before as its filter has taps. The chains of `sparsecsc.theory.sparse_layers` have few.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sparsecsc.models.mlcsc import MLCSC
from sparsecsc.protocols import Array
from sparsecsc.theory.norms import patch_energy, patch_sparsity
from sparsecsc.theory.sparsity import stripe_norm

__all__ = [
    "PlantedLayers",
    "all_layers",
    "circular_coherence",
    "draw_noise",
    "fits",
    "grow",
    "largest_below",
    "smallest_atom",
]


_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class PlantedLayers:
    """A chain of circular dictionaries on a line of n samples, and codes of all its layers."""

    model: MLCSC
    codes: tuple[Array, ...]
    """(1, n_filters, n) each; exact zeros off the supports, and D_i codes_i = codes_{i-1}."""

    @property
    def n(self) -> int:
        """Positions of the signal and of every layer."""
        return int(self.codes[0].shape[-1])

    @property
    def n_layers(self) -> int:
        """L."""
        return len(self.codes)

    @cached_property
    def signal(self) -> Array:
        """What the codes of the first layer synthesise, (1, n_channels, n)."""
        return self.model.dictionaries[0].synthesize(self.codes[0])

    @cached_property
    def coherences(self) -> tuple[float, ...]:
        """mu(D_i) of the layers."""
        return tuple(circular_coherence(d, self.n) for d in self.model.dictionaries)

    @cached_property
    def stripe_norms(self) -> tuple[int, ...]:
        """Of the codes of every layer."""
        pairs = zip(self.model.dictionaries, self.codes, strict=True)
        return tuple(stripe_norm(d, codes) for d, codes in pairs)

    @cached_property
    def local_sparsities(self) -> tuple[int, ...]:
        """The most nonzeros of the codes of a layer in a patch, the size of the next atoms."""
        pairs = zip(self.codes, self.patches, strict=True)
        return tuple(patch_sparsity(codes, patch) for codes, patch in pairs)

    @property
    def patches(self) -> tuple[int, ...]:
        """What the next layer's atoms touch of the codes of a layer; one position of the last."""
        return (*(d.extent[0] for d in self.model.dictionaries[1:]), 1)

    @property
    def smallest(self) -> tuple[float, ...]:
        """Of the nonzero coefficients of every layer, in size."""
        return tuple(float(np.abs(codes[codes != 0]).min()) for codes in self.codes)

    @property
    def largest(self) -> tuple[float, ...]:
        """Of the coefficients of every layer, in size."""
        return tuple(float(np.abs(codes).max()) for codes in self.codes)


def circular_coherence(dictionary: Any, n: int) -> float:
    """Return the mutual coherence of a circular dictionary of stride 1 on n samples.

    Notes
    -----
    One Gram product with a unit impulse for each filter; products of dictionaries are welcome.
    """
    gram, norms = _impulse_gram(dictionary, n)
    sizes = np.abs(gram) / (norms[:, None, None] * norms[None, :, None])
    filters = np.arange(len(norms))
    sizes[filters, filters, 0] = 0.0
    return float(sizes.max())


def smallest_atom(dictionary: Any, n: int) -> float:
    """Return the least norm of an atom of a circular dictionary of stride 1 on n samples."""
    return float(_impulse_gram(dictionary, n)[1].min())


def _impulse_gram(dictionary: Any, n: int) -> tuple[Array, Array]:
    """Return the inner products of the atoms at position 0 with all, and the norms of theirs."""
    filters = np.arange(dictionary.n_filters)
    impulses = np.zeros((len(filters), len(filters), n))
    impulses[filters, filters, 0] = 1.0
    gram = dictionary.gram(impulses, (n,))
    gram[np.abs(gram) < _ROUNDING] = 0.0
    return gram, np.sqrt(gram[filters, filters, 0])


def draw_noise(rng: np.random.Generator, planted: PlantedLayers, size: float) -> Array:
    r"""Return noise of a local size, one half of the time opposed to the atoms that are there.

    Its :math:`\|E\|^P_{2,\infty}`, for patches of the first layer's atoms, is `size`.
    """
    first = planted.model.dictionaries[0]
    if rng.random() < 0.5:
        noise = rng.standard_normal(planted.signal.shape)
    else:
        noise = first.synthesize(-np.sign(planted.codes[0]))
    return noise * (size / patch_energy(noise, first.extent[0]))


def largest_below(bound: float) -> int:
    """Return the largest integer below the bound."""
    return math.ceil(bound) - 1 if math.isfinite(bound) else 2**31


def grow(
    rng: np.random.Generator,
    model: MLCSC,
    n: int,
    limits: Sequence[int],
    *,
    ratio: float = 1.0,
    n_tries: int = 40,
    most: int = 10**9,
) -> PlantedLayers:
    """Plant deep codes one after the other, as long as every layer stays within its limit.

    Parameters
    ----------
    rng : numpy.random.Generator
    model : MLCSC
        Circular layers of stride 1.
    n : int
        Samples.
    limits : sequence of int
        The most that the stripe norm of each layer may be. If even one deep coefficient makes
        more, that one alone is planted.
    ratio : float
        Deep coefficients have sizes of 1 to this, and any sign.
    n_tries : int
        Random places that are tried.
    most : int
        Deep coefficients at most.
    """
    deepest = np.zeros((1, model.dictionaries[-1].n_filters, n))
    kept: tuple[Array, ...] = ()
    for _ in range(n_tries):
        place = (0, int(rng.integers(deepest.shape[1])), int(rng.integers(n)))
        if deepest[place] != 0:
            continue
        deepest[place] = rng.choice((-1.0, 1.0)) * rng.uniform(1.0, ratio)
        tried = all_layers(model, deepest.copy())
        is_first, within = not kept, fits(PlantedLayers(model, tried), limits)
        if is_first or within:
            kept = tried
        else:
            deepest[place] = 0.0
        if (is_first and not within) or np.count_nonzero(deepest) >= most:
            break
    return PlantedLayers(model, kept)


def fits(planted: PlantedLayers, limits: Sequence[int]) -> bool:
    """Whether the stripe norm of every layer is within its limit."""
    return all(k <= limit for k, limit in zip(planted.stripe_norms, limits, strict=True))


def all_layers(model: Any, deepest: Array) -> tuple[Array, ...]:
    """Return what deepest codes synthesise at every layer, with 0 where there is only rounding."""
    found = [deepest]
    for dictionary in model.dictionaries[:0:-1]:
        image = dictionary.synthesize(found[0])
        image[np.abs(image) < 1e-10 * np.abs(image).max()] = 0.0
        found.insert(0, image)
    return tuple(found)
