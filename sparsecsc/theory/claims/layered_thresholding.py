"""Layered soft thresholding in noise: which supports it finds, and how the error grows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sparsecsc.models.mlcsc import MLCSC
from sparsecsc.models.problem import MultilayerPursuit
from sparsecsc.penalties.l1 import L1
from sparsecsc.protocols import Array
from sparsecsc.solve import solve
from sparsecsc.solvers.layered_thresholding import LayeredThresholding
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.norms import patch_energy
from sparsecsc.theory.planted_layers import (
    PlantedLayers,
    draw_noise,
    grow,
)
from sparsecsc.theory.sparse_layers import barker_layers, msequence_layers, simplex_layers

_MOST_DRAWS = 20


@dataclass(frozen=True)
class Stage:
    """What the theorem says of one layer."""

    slack: float
    """By how much the stripe norm is below its bound."""
    lowest: float
    """The threshold must be above this."""
    highest: float
    """And below this."""
    threshold: float
    error: float
    """epsilon_i, of a patch of this layer's codes."""


@dataclass(frozen=True, eq=False)
class Thresholding:
    """Planted codes, noise, and where each threshold lies in its interval (0 to 1)."""

    planted: PlantedLayers
    noise: Array
    places: tuple[float, ...]

    @property
    def noise_size(self) -> float:
        """epsilon_0, the largest norm of the noise in a patch of an atom's size."""
        return patch_energy(self.noise, self.planted.model.dictionaries[0].extent[0])

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The layers in turn."""
        return stages(self.planted, self.places, self.noise_size)

    @cached_property
    def found(self) -> tuple[Array, ...]:
        """What layered thresholding returns."""
        planted = self.planted
        penalties = [L1(stage.threshold) for stage in self.stages]
        problem = MultilayerPursuit(planted.signal + self.noise, planted.model, penalties)
        codes: tuple[Array, ...] = solve(problem, LayeredThresholding(), tol=0.0).codes
        return codes

    def margins(self) -> Mapping[str, float]:
        """Each layer's stripe norm is below its bound, and its threshold inside its interval."""
        held = {}
        for i, stage in enumerate(self.stages, start=1):
            held[f"layer {i}"] = stage.slack
            held[f"threshold {i} high enough"] = stage.threshold - stage.lowest
            held[f"threshold {i} low enough"] = stage.highest - stage.threshold
        return held

    def wrong(self) -> float:
        """Return in how many places of all layers the supports differ."""
        pairs = zip(self.found, self.planted.codes, strict=True)
        return float(sum(np.sum((a != 0) != (b != 0)) for a, b in pairs))

    def closeness(self) -> float:
        """Return the largest error / bound over the layers."""
        planted = self.planted
        rows = zip(self.found, planted.codes, planted.patches, self.stages, strict=True)
        return max(patch_energy(a - b, patch) / stage.error for a, b, patch, stage in rows)


def stages(
    planted: PlantedLayers, places: tuple[float, ...], noise_size: float
) -> tuple[Stage, ...]:
    """Return the theorem's numbers of each layer, given epsilon_0."""
    found: list[Stage] = []
    error = noise_size
    for i, place in enumerate(places):
        k, mu = planted.stripe_norms[i], planted.coherences[i]
        least, most = planted.smallest[i], planted.largest[i]
        lowest, highest = k * mu * most + error, least - (k - 1) * mu * most - error
        threshold = lowest + place * (highest - lowest)
        slack = highest - lowest  # the bound on the stripe norm, times 2 mu most
        if mu > 0:
            slack = 0.5 * (1.0 + least / (mu * most)) - error / (mu * most) - k
        error = math.sqrt(planted.local_sparsities[i]) * (error + (k - 1) * mu * most + threshold)
        found.append(Stage(slack, lowest, highest, threshold, error))
    return tuple(found)


def largest_noise(planted: PlantedLayers, places: tuple[float, ...]) -> float:
    """Return the largest epsilon_0 at which every layer meets its hypothesis; 0 if none does."""
    low, high = 0.0, min(planted.smallest)
    if min(stage.highest - stage.lowest for stage in stages(planted, places, 0.0)) <= 0:
        return 0.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        rooms = (stage.highest - stage.lowest for stage in stages(planted, places, middle))
        low, high = (middle, high) if min(rooms) > 0 else (low, middle)
    return low


def _draw_planted(rng: np.random.Generator) -> PlantedLayers:
    kind, ratio = int(rng.integers(4)), float(rng.choice((1.0, 1.2)))
    model, n, limits = _draw_layers(rng, kind)
    most = 3 if kind == 3 else int(rng.integers(1, 4))
    return grow(rng, model, n, limits[: len(model.dictionaries)], ratio=ratio, most=most)


def _draw_layers(rng: np.random.Generator, kind: int) -> tuple[MLCSC, int, tuple[int, ...]]:
    """Return layers, samples, and the stripe norms to stay within."""
    if kind == 0:
        n_layers, n_taps = int(rng.integers(1, 3)), int(rng.integers(3, 6))
        first = 1 if n_layers > 1 else int(rng.integers(1, 3))
        return barker_layers(rng, n_layers, n_taps=n_taps, n_filters=1), 300, (first, 2)
    if kind == 1:
        taps: tuple[int, ...] = ((), (2,), (3,))[rng.integers(3)]
        return msequence_layers(rng, taps), 255, (3, 2)
    if kind == 2:
        n_taps = int(rng.choice((3, 4, 6)))
        return msequence_layers(rng, (n_taps,), n_bits=10), 1023, (6, 2)
    group, n_layers = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    return simplex_layers(9 * group, group, n_layers), 6, (group, 1)


def draw_thresholding(rng: np.random.Generator) -> Thresholding:
    """Return an instance with 5 to 99 percent of the noise that the hypotheses allow.

    The thresholds before the last are next to the lower end of their intervals: higher ones make
    errors that the layer after does not allow.
    """
    for _ in range(_MOST_DRAWS):
        planted = _draw_planted(rng)
        last = float(rng.choice((0.01, rng.uniform(0.01, 0.99), 0.99)))
        places = (*(0.02,) * (planted.n_layers - 1), last)
        most = largest_noise(planted, places)
        if most > 0:
            break
    size = float(rng.choice((rng.uniform(0.05, 0.9), 0.99))) * (most or 0.1)
    return Thresholding(planted, draw_noise(rng, planted, size), places)


CLAIMS = (
    Claim(
        id="B9-support",
        title="Layered thresholding finds the supports of all layers",
        statement=(
            "In noise with a norm of epsilon_0 in every patch, if the stripe norm of each layer is "
            "below its bound, and each threshold inside its interval, (k_i mu_i X_i^max + "
            "epsilon_{i-1}, X_i^min - (k_i - 1) mu_i X_i^max - epsilon_{i-1}) with k_i the stripe "
            "norm, layered soft thresholding finds the support of every layer exactly."
        ),
        formula=(
            r"\|\Gamma_i\|_{0,\infty} < \tfrac12\Big(1 + \tfrac1{\mu_i}\tfrac{X_i^{\min}}"
            r"{X_i^{\max}}\Big) - \tfrac1{\mu_i}\tfrac{\varepsilon_{i-1}}{X_i^{\max}} "
            r"\Rightarrow \operatorname{supp}\hat\Gamma_i = \operatorname{supp}\Gamma_i"
        ),
        source="papyan2017cnn (layered soft thresholding in noise)",
        provenance="S",
        draw=draw_thresholding,
        margins=lambda run: run.margins(),
        measure=lambda run: run.wrong(),
        bound=lambda run: 0.0,
        exact=True,
    ),
    Claim(
        id="B9-error",
        title="How the error of layered thresholding grows",
        statement=(
            "Under the hypotheses of B9-support, the error of the codes of layer i has a norm of "
            "at most epsilon_i in every patch of the size of the next layer's atoms."
        ),
        formula=(
            r"\|\hat\Gamma_i - \Gamma_i\|^P_{2,\infty} \le \varepsilon_i = "
            r"\sqrt{\|\Gamma_i\|^P_{0,\infty}}\,\big(\varepsilon_{i-1} + "
            r"\mu_i(\|\Gamma_i\|_{0,\infty} - 1)X_i^{\max} + \beta_i\big)"
        ),
        source="papyan2017cnn (layered soft thresholding in noise)",
        provenance="S",
        draw=draw_thresholding,
        margins=lambda run: run.margins(),
        measure=lambda run: run.closeness(),
        bound=lambda run: 1.0,
    ),
)
