"""Layered pursuits without noise: exact, and what a weight does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sparsecsc.models.problem import MultilayerPursuit
from sparsecsc.penalties.l0 import L0
from sparsecsc.penalties.l1 import L1
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.solve import solve
from sparsecsc.solvers.fista import FISTA
from sparsecsc.solvers.layered_basis_pursuit import LayeredBasisPursuit
from sparsecsc.solvers.omp import OMP
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.claims.layered import below_half, draw_planted
from sparsecsc.theory.planted_layers import PlantedLayers

_TOL, _MOST = 1e-13, 20_000


@dataclass(frozen=True, eq=False)
class Exact:
    """Planted codes, and the weight of each layer as a share of the largest that finds all."""

    planted: PlantedLayers
    share: float

    @property
    def weights(self) -> tuple[float, ...]:
        """Of the layers."""
        return tuple(
            self.share * least * (1.0 - (k - 1) * mu)
            for least, k, mu in zip(
                self.planted.smallest,
                self.planted.stripe_norms,
                self.planted.coherences,
                strict=True,
            )
        )

    @cached_property
    def lassos(self) -> tuple[Array, ...]:
        """The codes of each layer, shrunk by its weight, from the exact ones of the layer before.

        As the weight goes to zero they become those of basis pursuit with equality.
        """
        planted = self.planted
        sources = (planted.signal, *planted.codes[:-1])
        rows = zip(sources, planted.model.dictionaries, self.weights, strict=True)
        return tuple(
            solve(Pursuit(source, d, L1(w)), FISTA(), tol=_TOL, max_iter=_MOST).codes
            for source, d, w in rows
        )

    @cached_property
    def limits(self) -> tuple[Array, ...]:
        """Basis pursuit with equality, each layer from what was found in the one before.

        The codes as the weight goes to zero: those of least squares on the support.
        """
        found: list[Array] = []
        source = self.planted.signal
        for d, w in zip(self.planted.model.dictionaries, self.weights, strict=True):
            problem = Pursuit(source, d, L1(w))
            codes = solve(problem, FISTA(), tol=_TOL, max_iter=_MOST).codes
            source = _refitted(problem, codes)
            found.append(source)
        return tuple(found)

    def closeness(self) -> float:
        """Return the largest error / bound over the layers; inf for a code off the support."""
        planted = self.planted
        rows = zip(self.lassos, planted.codes, self.weights, strict=True)
        bounds = zip(planted.stripe_norms, planted.coherences, strict=True)
        ratios = [
            _largest_error(a, b) * (1.0 - (k - 1) * mu) / w
            for (a, b, w), (k, mu) in zip(rows, bounds, strict=True)
        ]
        return max(ratios)

    def greedy(self) -> tuple[Array, ...]:
        """Return what layered orthogonal matching pursuit finds."""
        planted = self.planted
        problem = MultilayerPursuit(planted.signal, planted.model, [L0(0.0)] * planted.n_layers)
        counts = tuple(int(np.count_nonzero(codes)) for codes in planted.codes)
        solver = LayeredBasisPursuit(OMP(residual=0.0), n_iter=counts)
        codes: tuple[Array, ...] = solve(problem, solver, tol=0.0, max_iter=sum(counts) + 1).codes
        return codes


def relative_error(found: tuple[Array, ...], planted: PlantedLayers) -> float:
    """Return the largest error of a coefficient, relative to the largest of its layer."""
    rows = zip(found, planted.codes, planted.largest, strict=True)
    return max(float(np.abs(a - b).max()) / most for a, b, most in rows)


def _refitted(problem: Pursuit, codes: Array) -> Array:
    """Return the codes on the support of `codes` that fit the signal best."""
    places = np.argwhere(np.abs(codes) > 1e-5 * np.abs(codes).max())
    if not len(places):
        return codes
    atoms = np.zeros((len(places), *codes.shape[1:]))
    for atom, place in zip(atoms, places, strict=True):
        atom[tuple(place[1:])] = 1.0
    columns = problem.dictionary.synthesize(atoms).reshape(len(places), -1).T
    values = np.linalg.lstsq(columns, problem.signal.ravel(), rcond=None)[0]
    fitted = np.zeros_like(codes)
    fitted[tuple(places.T)] = values
    return fitted


def _largest_error(found: Array, true: Array) -> float:
    off = np.abs(found[true == 0]).max(initial=0.0)
    if off > 1e-5 * np.abs(true).max():
        return math.inf
    return float(np.abs(found - true).max())


def _draw_exact(rng: np.random.Generator) -> Exact:
    return Exact(draw_planted(rng), float(rng.choice((0.02, 0.3, 0.9))))


CLAIMS = (
    Claim(
        id="B10-exact",
        title="Layered basis pursuit is exact without noise",
        statement=(
            "If the codes of every layer are below half of (1 + 1/mu_i) in stripe norm, basis "
            "pursuit, layer after layer, each from the codes found before, finds all of them."
        ),
        formula=(
            r"\|\Gamma_i\|_{0,\infty} < \tfrac12\big(1 + \tfrac1{\mu_i}\big) \Rightarrow "
            r"\hat\Gamma_i = \Gamma_i"
        ),
        source="papyan2017cnn (layered basis pursuit)",
        provenance="S",
        draw=_draw_exact,
        margins=lambda run: below_half(run.planted),
        measure=lambda run: relative_error(run.limits, run.planted),
        bound=lambda run: 1e-9,
        exact=True,
    ),
    Claim(
        id="B10-omp",
        title="Layered orthogonal matching pursuit is exact without noise",
        statement=(
            "If the codes of every layer are below half of (1 + 1/mu_i) in stripe norm, orthogonal "
            "matching pursuit, layer after layer, finds all of them in as many steps as there are "
            "coefficients."
        ),
        formula=(
            r"\|\Gamma_i\|_{0,\infty} < \tfrac12\big(1 + \tfrac1{\mu_i}\big) \Rightarrow "
            r"\hat\Gamma_i = \Gamma_i"
        ),
        source="papyan2017local (orthogonal matching pursuit), layer by layer",
        provenance="S",
        draw=_draw_exact,
        margins=lambda run: below_half(run.planted),
        measure=lambda run: relative_error(run.greedy(), run.planted),
        bound=lambda run: 1e-9,
        exact=True,
    ),
    Claim(
        id="B10-weight",
        title="What a weight does to a layer of basis pursuit",
        statement=(
            "From the exact codes of the layer before, with a weight w > 0, the codes of a layer "
            "below half of (1 + 1/mu) stay on the support, and are off by at most "
            "w / (1 - (k - 1) mu), k the stripe norm. So w to 0 makes them exact."
        ),
        formula=(
            r"\|\hat\Gamma_i - \Gamma_i\|_\infty \le "
            r"\frac{w}{1 - (\|\Gamma_i\|_{0,\infty} - 1)\mu_i}"
        ),
        source="derived here from the exact recovery condition (tropp2004)",
        provenance="D",
        draw=_draw_exact,
        margins=lambda run: below_half(run.planted),
        measure=lambda run: run.closeness(),
        bound=lambda run: 1.0,
        rounding=1e-5,
    ),
)
