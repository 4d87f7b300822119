"""Projection pursuit: the deepest codes first, so that errors do not add up with depth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sparsecsc.models.layers import effective
from sparsecsc.models.problem import MultilayerPursuit
from sparsecsc.penalties.l0 import L0
from sparsecsc.protocols import Array
from sparsecsc.solve import solve
from sparsecsc.solvers.omp import OMP
from sparsecsc.solvers.projection_pursuit import ProjectionPursuit
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.claims.layered import half_bound, opposed
from sparsecsc.theory.norms import patch_sparsity
from sparsecsc.theory.planted_layers import (
    PlantedLayers,
    all_layers,
    circular_coherence,
    grow,
    smallest_atom,
)
from sparsecsc.theory.sparse_layers import barker_layers, msequence_layers, room_for

_MOST_DRAWS = 20


@dataclass(frozen=True, eq=False)
class Projected:
    """Planted codes, noise on the signal, and other codes that agree across all layers."""

    planted: PlantedLayers
    noise: Array
    found: tuple[Array, ...]

    @cached_property
    def coherences(self) -> tuple[float, ...]:
        """mu(D_1 ... D_i)."""
        return tuple(circular_coherence(d, self.planted.n) for d in self._products)

    @property
    def _products(self) -> list[object]:
        model = self.planted.model
        return [effective(model, 1, i) for i in range(1, self.planted.n_layers + 1)]

    @cached_property
    def norms(self) -> tuple[float, ...]:
        """The least norm of an atom of D_1 ... D_i."""
        return tuple(smallest_atom(d, self.planted.n) for d in self._products)

    @property
    def allowed(self) -> tuple[int, ...]:
        """lambda_i: stripe norms of both are at most this, for stripes of the product's atoms."""
        sizes, extent = [], 1
        rows = zip(self.planted.model.dictionaries, self.planted.codes, self.found, strict=True)
        for dictionary, *pair in rows:
            extent += dictionary.extent[0] - 1
            sizes.append(max(patch_sparsity(codes, 2 * extent - 1) for codes in pair))
        return tuple(sizes)

    @cached_property
    def bounds(self) -> tuple[float, ...]:
        """Of the error of each layer, in norm; inf where the hypothesis fails."""
        size = float(np.linalg.norm(self.noise))
        rows = zip(self.allowed, self.coherences, self.norms, strict=True)
        rooms = ((1.0 - (2 * k - 1) * mu, least) for k, mu, least in rows)
        return tuple(
            2.0 * size / (math.sqrt(room) * least) if room > 0 else math.inf
            for room, least in rooms
        )

    @property
    def errors(self) -> tuple[float, ...]:
        """Of each layer, in norm."""
        pairs = zip(self.found, self.planted.codes, strict=True)
        return tuple(float(np.linalg.norm(a - b)) for a, b in pairs)

    def closeness(self) -> float:
        """Return the largest error / bound over the layers."""
        return max(e / bound for e, bound in zip(self.errors, self.bounds, strict=True))

    def margins(self) -> Mapping[str, float]:
        """Both are sparse enough in every layer, and the found codes fit within the noise."""
        rows = zip(self.allowed, self.coherences, strict=True)
        sparse = {f"layer {i}": half_bound(mu) - k for i, (k, mu) in enumerate(rows, start=1)}
        image = self.planted.model.dictionaries[0].synthesize(self.found[0])
        left = float(np.linalg.norm(self.planted.signal + self.noise - image))
        return sparse | {"fit": float(np.linalg.norm(self.noise)) * (1 + 1e-9) - left}


def _draw(rng: np.random.Generator) -> Projected:
    """Half of the time the worst case, else what projection pursuit finds."""
    if rng.random() < 0.5:
        worst = opposed(rng, n_layers=int(rng.integers(1, 5)))
        return Projected(worst.planted, worst.noise, worst.found)
    return draw_projected(rng)


def draw_projected(rng: np.random.Generator) -> Projected:
    """Plant one or two deep coefficients, and look for them by orthogonal matching pursuit."""
    for _ in range(_MOST_DRAWS):
        planted = _plant(rng)
        noise = rng.standard_normal(planted.signal.shape)
        noise *= float(rng.uniform(0.05, 0.5)) / np.linalg.norm(noise)
        if min(Projected(planted, noise, planted.codes).margins().values()) > 0:
            break
    weights = [L0(0.0)] * planted.n_layers
    problem = MultilayerPursuit(planted.signal + noise, planted.model, weights)
    n_nonzero = int(np.count_nonzero(planted.codes[-1]))
    solver = ProjectionPursuit(OMP(n_nonzero=n_nonzero))
    deepest = solve(problem, solver, tol=0.0, max_iter=n_nonzero + 1).codes[-1]
    return Projected(planted, noise, all_layers(planted.model, deepest))


def _plant(rng: np.random.Generator) -> PlantedLayers:
    if rng.random() < 0.6:
        n_layers, n_taps = ((2, 4), (2, 5), (3, 3))[rng.integers(3)]
        model = barker_layers(rng, n_layers, n_taps=n_taps, n_filters=1)
        n = room_for(model)
    else:
        model, n = msequence_layers(rng, ((4,), (4, 2), (6,))[rng.integers(3)]), 255
    limits = (2**31,) * len(model.dictionaries)
    most = int(rng.integers(1, 3))
    return grow(rng, model, n, limits, ratio=2.0, most=most)


CLAIMS = (
    Claim(
        id="B17-projection",
        title="The error of projection pursuit does not grow with depth",
        statement=(
            "Let the codes of all layers, and others that agree across the layers and fit a signal "
            "with noise of norm epsilon within epsilon, have stripe norms of at most lambda_i "
            "below half of (1 + 1/mu), mu the coherence of D_1 ... D_i and the stripes its. Then "
            "the error of each layer is bounded by the noise, that dictionary and lambda_i alone. "
            "(The least norm of the product's atoms is a factor: 1 in the form that is recalled, "
            "which without it is broken where those atoms are short.)"
        ),
        formula=(
            r"\|\hat\Gamma_i - \Gamma_i\|_2^2 \le \frac{4\varepsilon^2}"
            r"{(1 - (2\lambda_i - 1)\,\mu(D_{(i)}))\,\min_j\|d_{(i),j}\|^2}"
        ),
        source="sulam2018 (stability of the projection)",
        provenance="R",
        draw=_draw,
        margins=lambda found: found.margins(),
        measure=lambda found: found.closeness(),
        bound=lambda found: 1.0,
    ),
)
