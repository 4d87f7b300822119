"""Layered basis pursuit in noise: what it finds, and how its error grows from layer to layer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sparsecsc.models.problem import MultilayerPursuit
from sparsecsc.penalties.l1 import L1
from sparsecsc.protocols import Array
from sparsecsc.solve import solve
from sparsecsc.solvers.layered_basis_pursuit import LayeredBasisPursuit
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.claims.layered import draw_planted, half_bound
from sparsecsc.theory.norms import patch_energy
from sparsecsc.theory.planted_layers import PlantedLayers, draw_noise

_MOST = 20_000


@dataclass(frozen=True, eq=False)
class Noisy:
    """Planted codes, and noise; weights and bounds are the theorem's."""

    planted: PlantedLayers
    noise: Array
    factor: float = 4.0
    """Weights over what the layer before is allowed to be wrong by."""

    @cached_property
    def sizes(self) -> tuple[float, ...]:
        """epsilon_0, ..., epsilon_L: 7.5 and the root of the local sparsity a layer."""
        planted = self.planted
        found = [patch_energy(self.noise, planted.model.dictionaries[0].extent[0])]
        for sparsity in planted.local_sparsities:
            found.append(7.5 * math.sqrt(sparsity) * found[-1])
        return tuple(found)

    @property
    def weights(self) -> tuple[float, ...]:
        """Of the layers."""
        return tuple(self.factor * size for size in self.sizes[:-1])

    @cached_property
    def found(self) -> tuple[Array, ...]:
        """What layered basis pursuit returns."""
        planted = self.planted
        penalties = [L1(weight) for weight in self.weights]
        problem = MultilayerPursuit(planted.signal + self.noise, planted.model, penalties)
        solver = LayeredBasisPursuit(tol=1e-12)
        codes: tuple[Array, ...] = solve(problem, solver, tol=0.0, max_iter=_MOST).codes
        return codes

    def margins(self) -> Mapping[str, float]:
        """Every layer's stripe norm is below (1 + 1/mu) / 3."""
        rows = zip(self.planted.stripe_norms, self.planted.coherences, strict=True)
        return {
            f"layer {i}": 2.0 / 3.0 * half_bound(mu) - k for i, (k, mu) in enumerate(rows, start=1)
        }

    def off_support(self) -> float:
        """Return how many coefficients of all layers lie off the supports."""
        rows = zip(self.found, self.planted.codes, self.weights, strict=True)
        return float(sum(np.sum(np.abs(a[b == 0]) > 1e-6 * w) for a, b, w in rows))

    def missed(self) -> float:
        """Return how many coefficients above 7.5 epsilon_{i-1} were not found."""
        rows = zip(self.found, self.planted.codes, self.sizes, strict=False)
        return float(sum(np.sum(a[np.abs(b) > 7.5 * size] == 0) for a, b, size in rows))

    def closeness(self) -> float:
        """Return the largest error / bound over the layers."""
        planted = self.planted
        rows = zip(self.found, planted.codes, planted.patches, self.sizes[1:], strict=True)
        return max(patch_energy(a - b, patch) / size for a, b, patch, size in rows)


def draw_noisy(rng: np.random.Generator) -> Noisy:
    """Return codes below a third of (1 + 1/mu), with noise that hides few or many of them."""
    planted = draw_planted(rng, scale=2.0 / 3.0)
    growth = math.prod(7.5 * math.sqrt(s) for s in planted.local_sparsities[:-1]) * 7.5
    size = planted.smallest[-1] / (growth * float(rng.choice((0.3, 1.05, 3.0))))
    return Noisy(planted, draw_noise(rng, planted, size))


def _noisy_claim(name: str, title: str, **rest: Any) -> Claim:
    hypotheses = (
        "With noise of norm epsilon_0 in every patch, each stripe norm below (1 + 1/mu_i)/3 and "
        "the weights 4 epsilon_{i-1}, "
    )
    statement = hypotheses + rest.pop("then")
    return Claim(
        id=name,
        title=title,
        statement=statement,
        source="papyan2017cnn (layered basis pursuit in noise; the weights are recalled)",
        provenance="S",
        draw=draw_noisy,
        margins=lambda run: run.margins(),
        **rest,
    )


CLAIMS = (
    _noisy_claim(
        "B11-support",
        "Layered basis pursuit in noise stays on the supports",
        then="layered basis pursuit finds no coefficient off the support, in no layer.",
        formula=r"\operatorname{supp}\hat\Gamma_i \subseteq \operatorname{supp}\Gamma_i",
        measure=lambda run: run.off_support(),
        bound=lambda run: 0.0,
        exact=True,
    ),
    _noisy_claim(
        "B11-found",
        "Layered basis pursuit in noise finds what is large enough",
        then="layered basis pursuit finds every coefficient above 7.5 epsilon_{i-1} in size.",
        formula=r"|\Gamma_{i,j}| > 7.5\,\varepsilon_{i-1} \Rightarrow \hat\Gamma_{i,j} \ne 0",
        measure=lambda run: run.missed(),
        bound=lambda run: 0.0,
        exact=True,
    ),
    _noisy_claim(
        "B11-error",
        "How the error of layered basis pursuit grows",
        then=(
            "the error of the codes of layer i has a norm of at most epsilon_i in every patch of "
            "the size of the next layer's atoms."
        ),
        formula=(
            r"\|\hat\Gamma_i - \Gamma_i\|^P_{2,\infty} \le \varepsilon_i = \|E\|^P_{2,\infty}\,"
            r"7.5^i \prod_{j \le i} \sqrt{\|\Gamma_j\|^P_{0,\infty}}"
        ),
        measure=lambda run: run.closeness(),
        bound=lambda run: 1.0,
        rounding=1e-6,
    ),
)
