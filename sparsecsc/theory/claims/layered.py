"""Codes of several layers: when they are unique, and how far others can be in noise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sparsecsc.models.mlcsc import MLCSC
from sparsecsc.models.problem import MultilayerPursuit
from sparsecsc.penalties.l0 import L0
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.solve import solve
from sparsecsc.solvers.layered_basis_pursuit import LayeredBasisPursuit
from sparsecsc.solvers.omp import OMP
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.planted_layers import (
    PlantedLayers,
    all_layers,
    circular_coherence,
    fits,
    grow,
    largest_below,
)
from sparsecsc.theory.sparse_layers import barker_layers, msequence_layers, room_for, simplex_layers
from sparsecsc.theory.sparsity import stripe_norm

_MOST_ATOMS = 40
"""Other codes with more nonzeros than this are not looked for: they are far from the bound."""
_MOST_DRAWS = 20


def half_bound(coherence: float) -> float:
    """Return (1 + 1/mu) / 2, inf for orthogonal atoms."""
    return math.inf if coherence == 0 else 0.5 * (1.0 + 1.0 / coherence)


def below_half(planted: PlantedLayers) -> dict[str, float]:
    """Return by how much the codes of each layer are sparser than half the bound asks."""
    found = zip(planted.stripe_norms, planted.coherences, strict=True)
    return {f"layer {i}": half_bound(mu) - k for i, (k, mu) in enumerate(found, start=1)}


# ---- uniqueness ----


@dataclass(frozen=True, eq=False)
class Others:
    """Planted codes, and in each layer one of its atoms, which other codes are to do without."""

    planted: PlantedLayers
    without: tuple[tuple[int, int], ...]
    """(filter, position)."""

    @cached_property
    def stripe_norms(self) -> tuple[float, ...]:
        """Of other codes for the same signal, layer by layer; inf where none were found."""
        return tuple(self._other(i) for i in range(self.planted.n_layers))

    def _other(self, i: int) -> float:
        """Replace one atom by others that add up to it."""
        dictionary, codes = self.planted.model.dictionaries[i], self.planted.codes[i]
        place = (0, *self.without[i])
        atom = np.zeros_like(codes)
        atom[place] = 1.0
        weights = np.where(atom == 1, np.inf, 0.0)
        problem = Pursuit(dictionary.synthesize(atom), dictionary, L0(weights))
        solver = OMP(n_nonzero=_MOST_ATOMS, residual=1e-9)
        others = solve(problem, solver, max_iter=_MOST_ATOMS + 1).codes
        if np.linalg.norm(problem.residual(others)) > 1e-9:
            return math.inf
        found = codes + codes[place] * (others - atom)
        found[np.abs(found) < 1e-8 * np.abs(codes).max()] = 0.0
        return float(stripe_norm(dictionary, found))

    def closeness(self) -> float:
        """Return the largest (1 + 1/mu - own norm) / (norm of the others) over the layers."""
        planted = self.planted
        rows = zip(planted.stripe_norms, planted.coherences, self.stripe_norms, strict=True)
        return max((2.0 * half_bound(mu) - k) / other if mu else 0.0 for k, mu, other in rows)


def draw_planted(rng: np.random.Generator, *, scale: float = 1.0) -> PlantedLayers:
    """Return codes that nearly fill the bound of `scale` times (1 + 1/mu) / 2 in some layer.

    Half are a simplex of one tap, where bounds are attained, with a second layer of groups.
    """
    for _ in range(_MOST_DRAWS):
        model, n = _draw_layers(rng, scale)
        limits = [
            largest_below(scale * half_bound(circular_coherence(d, n))) for d in model.dictionaries
        ]
        ratio = float(rng.choice((1.0, 1.0, 2.0)))
        planted = grow(rng, model, n, limits, ratio=ratio)
        if fits(planted, limits):
            break
    return planted


def _draw_layers(rng: np.random.Generator, scale: float) -> tuple[MLCSC, int]:
    """Return layers and a number of samples."""
    kind = rng.random()
    if kind < 0.5:
        group = int(rng.integers(1, 5))
        n_filters = 1 + math.floor((2 * group) / scale) + int(rng.integers(0, 2))
        return simplex_layers(n_filters, group, int(rng.integers(1, 4))), 8
    if kind < 0.85:
        n_layers, n_taps = ((2, 3), (2, 4), (3, 3))[rng.integers(3)]
        n_filters = int(rng.integers(1, 4))
        model = barker_layers(rng, n_layers, n_taps=n_taps, n_filters=n_filters)
        return model, room_for(model)
    return msequence_layers(rng, ((4,), (4, 2), (3,))[rng.integers(3)]), 255


def _draw_others(rng: np.random.Generator) -> Others:
    planted = draw_planted(rng)
    choices = (rng.choice(np.argwhere(codes[0])) for codes in planted.codes)
    return Others(planted, tuple((int(m), int(position)) for m, position in choices))


# ---- stability ----


@dataclass(frozen=True, eq=False)
class Estimates:
    """Planted codes, noise on the signal, and codes that explain the noisy signal as well."""

    planted: PlantedLayers
    noise: Array
    found: tuple[Array, ...]

    @property
    def allowed(self) -> tuple[int, ...]:
        """lambda_i: what the stripe norms of both are at most."""
        pairs = zip(self.planted.model.dictionaries, self.found, strict=True)
        norms = (stripe_norm(d, codes) for d, codes in pairs)
        return tuple(map(max, self.planted.stripe_norms, norms))

    @cached_property
    def bounds(self) -> tuple[float, ...]:
        """E_0, ..., E_L; inf from the first layer on whose hypothesis fails."""
        sizes = [float(np.linalg.norm(self.noise))]
        for k, mu in zip(self.allowed, self.planted.coherences, strict=True):
            room = 1.0 - (2 * k - 1) * mu
            sizes.append(2.0 * sizes[-1] / math.sqrt(room) if room > 0 else math.inf)
        return tuple(sizes)

    @property
    def residuals(self) -> tuple[float, ...]:
        """Norms of what the found codes of each layer leave of those before, and of the signal."""
        before = (self.planted.signal + self.noise, *self.found)
        rows = zip(before, self.planted.model.dictionaries, self.found, strict=False)
        return tuple(float(np.linalg.norm(b - d.synthesize(codes))) for b, d, codes in rows)

    def closeness(self) -> float:
        """Return the largest error / bound over the layers."""
        rows = zip(self.found, self.planted.codes, self.bounds[1:], strict=True)
        return max(float(np.linalg.norm(a - b)) / bound for a, b, bound in rows)

    def margins(self) -> Mapping[str, float]:
        """Both are sparse enough, and the found codes fit each layer within its size."""
        rows = zip(self.allowed, self.planted.coherences, strict=True)
        sparse = {f"layer {i}": half_bound(mu) - k for i, (k, mu) in enumerate(rows, start=1)}
        fits = zip(self.bounds, self.residuals, strict=False)
        slack = {f"fit {i}": bound * (1 + 1e-9) - r for i, (bound, r) in enumerate(fits, start=1)}
        return sparse | slack


def opposed(rng: np.random.Generator, *, n_layers: int) -> Estimates:
    """Return the worst case: other codes at twice the noise, along the weakest direction.

    The codes at some positions are one group of a simplex, the others another group, negative,
    and the noisy signal lies half-way.
    """
    group = int(rng.integers(1, 5))
    model = simplex_layers(2 * group + 1 + int(rng.integers(0, 3)), group, n_layers)
    n, size = 6, float(rng.uniform(0.5, 2.0))
    deepest = np.zeros((2, model.dictionaries[-1].n_filters, n))
    places = rng.random(n) < 0.5
    places[0] = True
    deepest[0, 0, places], deepest[1, 1, places] = size, -size
    layers = all_layers(model, deepest)
    planted = PlantedLayers(model, tuple(codes[:1] for codes in layers))
    found = tuple(codes[1:] for codes in layers)
    noise = 0.5 * (model.dictionaries[0].synthesize(found[0]) - planted.signal)
    return Estimates(planted, noise, found)


def _draw_estimates(rng: np.random.Generator) -> Estimates:
    """Half of the time the worst case, else what layered orthogonal matching pursuit finds."""
    if rng.random() < 0.5:
        return opposed(rng, n_layers=int(rng.integers(1, 4)))
    planted = draw_planted(rng)
    noise = rng.standard_normal(planted.signal.shape)
    noise *= float(rng.uniform(0.01, 0.2)) * planted.smallest[0] / np.linalg.norm(noise)
    problem = MultilayerPursuit(planted.signal + noise, planted.model, [L0(0.0)] * planted.n_layers)
    counts = tuple(int(np.count_nonzero(codes)) for codes in planted.codes)
    solver = LayeredBasisPursuit(OMP(residual=0.0), n_iter=counts)
    found = solve(problem, solver, tol=0.0, max_iter=sum(counts) + 1).codes
    return Estimates(planted, noise, found)


CLAIMS = (
    Claim(
        id="B7-unique",
        title="Sparse codes of several layers are unique",
        statement=(
            "If the codes of every layer are below half of (1 + 1/mu_i) in stripe norm, there are "
            "no others: any other codes of a layer for the same signal have a stripe norm of at "
            "least 1 + 1/mu_i less the norm of the first. Others are looked for by orthogonal "
            "matching pursuit, which may not use one of the atoms."
        ),
        formula=(
            r"D_i\Gamma_i' = D_i\Gamma_i,\ \Gamma_i' \ne \Gamma_i \Rightarrow \|\Gamma_i'\|_{0,"
            r"\infty} \ge 1 + \tfrac1{\mu_i} - \|\Gamma_i\|_{0,\infty}"
        ),
        source="papyan2017cnn (uniqueness of the deep coding problem), papyan2017local",
        provenance="R",
        draw=_draw_others,
        margins=lambda others: below_half(others.planted),
        measure=lambda others: others.closeness(),
        bound=lambda others: 1.0,
    ),
    Claim(
        id="B8-stable",
        title="Codes of several layers are stable in noise",
        statement=(
            "Let the codes of all layers, and others that fit a signal with noise of norm E_0 "
            "within E_0 and each next layer within E_{i-1}, have stripe norms of at most lambda_i, "
            "below half of (1 + 1/mu_i). Then they differ by at most E_i in every layer. (With the "
            "norm of the codes themselves in place of lambda_i, as it is recalled, the bound is "
            "broken by other codes with more nonzeros.)"
        ),
        formula=(
            r"\|\hat\Gamma_i - \Gamma_i\|_2^2 \le E_i^2 = "
            r"\frac{4E_{i-1}^2}{1 - (2\lambda_i - 1)\mu_i}"
        ),
        source="papyan2017cnn (stability of the deep coding problem)",
        provenance="R",
        draw=_draw_estimates,
        margins=lambda found: found.margins(),
        measure=lambda found: found.closeness(),
        bound=lambda found: 1.0,
    ),
)
