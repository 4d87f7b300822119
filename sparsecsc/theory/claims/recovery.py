"""When codes are unique, and found by orthogonal matching and by basis pursuit, without noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.incoherent import (
    dirac_barker_filters,
    dirac_msequence_filters,
    sidon_filters,
)
from sparsecsc.dictionaries.random import random_filters
from sparsecsc.optimality import lambda_max
from sparsecsc.penalties.l0 import L0
from sparsecsc.penalties.l1 import L1
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.solve import solve
from sparsecsc.solvers.coordinate_descent import CoordinateDescent
from sparsecsc.solvers.omp import OMP
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.coherence import (
    mutual_coherence,
    recovery_bounds,
    shifted_coherences,
    stripe_coherence,
    welch_bound,
)
from sparsecsc.theory.planted import Planted, plant
from sparsecsc.theory.small import matrix

_ALLOWED = 1e-8
"""Of an error that would be 0 without rounding, relative to the largest code."""
_TIGHT = 1e-13


def draw_incoherent(rng: np.random.Generator) -> tuple[ConvDictionary, tuple[int, ...]]:
    """Return one of the dictionaries T1 to T3 for which the bounds say something, and a size."""
    kind = int(rng.integers(3))
    if kind == 0:
        return ConvDictionary(dirac_barker_filters()), (int(rng.integers(60, 157)),)
    if kind == 1:
        bits = int(rng.integers(4, 7))
        return ConvDictionary(dirac_msequence_filters(bits)), (2**bits - 1,)
    filters = sidon_filters(int(rng.integers(2, 4)), 3, 64, 8, rng)
    return ConvDictionary(filters), (127 + int(rng.integers(20)),)


def _draw(rng: np.random.Generator) -> Planted:
    dictionary, spatial = draw_incoherent(rng)
    bound, _ = recovery_bounds(mutual_coherence(dictionary, spatial))
    most = max(1, int(np.ceil(bound)) - 1)
    stripe = int(rng.integers(1, most + 1)) if rng.random() < 0.3 else most
    return plant(rng, dictionary, spatial, stripe=stripe)


def half_bound(planted: Planted) -> Mapping[str, float]:
    """By how much the stripe norm is below (1 + 1/mu)/2."""
    return {"stripe norm": recovery_bounds(planted.coherence)[0] - planted.stripe}


def matched(planted: Planted) -> Array:
    """Return what orthogonal matching pursuit finds with as many atoms as were planted."""
    problem = Pursuit(planted.signal, planted.dictionary, L0(0.0))
    count = int(np.count_nonzero(planted.codes))
    return solve(problem, OMP(n_nonzero=count), max_iter=count, check_every=count).codes


def pursued(planted: Planted, weight: float) -> Array:
    """Return what basis pursuit with this weight finds."""
    problem = Pursuit(planted.signal, planted.dictionary, L1(weight))
    return solve(problem, CoordinateDescent(), tol=_TIGHT, max_iter=60).codes


def apart(planted: Planted, codes: Array) -> float:
    """Return the largest error, relative to the largest planted code."""
    return float(np.abs(codes - planted.codes).max() / np.abs(planted.codes).max())


def _small_weight(planted: Planted) -> float:
    problem = Pursuit(planted.signal, planted.dictionary, L1(1.0))
    return 1e-3 * lambda_max(problem)


def _shrinkage(planted: Planted) -> float:
    return float(np.abs(pursued(planted, _small_weight(planted)) - planted.codes).max())


def _shrinkage_bound(planted: Planted) -> float:
    return _small_weight(planted) / (1.0 - (planted.stripe - 1) * planted.coherence)


def _stripe_coherence_margin(planted: Planted) -> Mapping[str, float]:
    shifted = shifted_coherences(planted.dictionary, planted.spatial)
    middle = shifted[tuple(n // 2 for n in shifted.shape)]
    found = stripe_coherence(planted.dictionary, planted.codes, planted.spatial)
    return {"stripe coherence": 0.5 * (1.0 + float(middle)) - found}


def _isometry(planted: Planted) -> float:
    """Return |A^T A - I| for the atoms A of the support."""
    atoms = matrix(planted.dictionary.filters, planted.spatial)
    atoms = atoms[:, planted.codes.reshape(-1) != 0]
    return float(np.linalg.norm(atoms.T @ atoms - np.eye(atoms.shape[1]), 2))


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
    """Draw a null vector of random atoms, or of one atom and those of the other filter."""
    barker = ConvDictionary(dirac_barker_filters())
    dictionary, spatial = barker, (int(rng.integers(26, 61)),)
    if rng.random() < 0.5:
        bits = int(rng.integers(3, 6))
        dictionary, spatial = ConvDictionary(dirac_msequence_filters(bits)), (2**bits - 1,)
    atoms = matrix(dictionary.filters, spatial)
    chosen = rng.permutation(atoms.shape[1])[: atoms.shape[0] + 1]
    if rng.random() < 0.7:
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


def _draw_bank(rng: np.random.Generator) -> ConvDictionary:
    if rng.random() < 0.3:
        return ConvDictionary(dirac_msequence_filters(int(rng.integers(3, 7))))
    return ConvDictionary(random_filters(int(rng.integers(2, 6)), 1, int(rng.integers(2, 14)), rng))


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
        id="B2-omp",
        title="OMP finds codes below the bound",
        statement="Codes with a stripe norm below (1 + 1/mu)/2 are found exactly by orthogonal "
        "matching pursuit.",
        formula=r"\|\Gamma\|_{0,\infty} < \tfrac12\Bigl(1 + \frac{1}{\mu(D)}\Bigr)",
        source="papyan2017local",
        provenance="S",
        draw=_draw,
        margins=half_bound,
        measure=lambda planted: apart(planted, matched(planted)),
        bound=lambda planted: _ALLOWED,
        exact=True,
    ),
    Claim(
        id="B2-bp",
        title="Basis pursuit finds codes below the bound",
        statement="With a small weight, the codes of basis pursuit are within weight / "
        "(1 - (k - 1) mu) of codes with stripe norm k below (1 + 1/mu)/2, and so the same in the "
        "limit.",
        formula=r"\|\hat\Gamma - \Gamma\|_\infty \le \frac{\lambda}{1 - (k - 1)\mu(D)}",
        source="papyan2017local; the rate is derived here",
        provenance="S",
        draw=_draw,
        margins=half_bound,
        measure=_shrinkage,
        bound=_shrinkage_bound,
        rounding=1e-3,
    ),
    Claim(
        id="B3-omp",
        title="OMP finds codes of small stripe coherence",
        statement="Codes whose stripe coherence is below (1 + mu_0)/2 are found by OMP.",
        formula=r"\max_i \sum_s n_{i,s}\,\mu_s < \tfrac12(1 + \mu_0)",
        source="papyan2017local",
        provenance="R",
        draw=_draw,
        margins=_stripe_coherence_margin,
        measure=lambda planted: apart(planted, matched(planted)),
        bound=lambda planted: _ALLOWED,
        exact=True,
    ),
    Claim(
        id="B4-isometry",
        title="Atoms of a sparse support are nearly orthogonal",
        statement="The Gram matrix of a support with stripe norm k is within (k - 1) mu of the "
        "identity.",
        formula=r"\delta_k \le (k - 1)\,\mu(D)",
        source="papyan2017local",
        provenance="R",
        draw=_draw,
        margins=lambda planted: {"two in a stripe": planted.stripe - 1.5},
        measure=_isometry,
        bound=lambda planted: (planted.stripe - 1) * planted.coherence,
    ),
    Claim(
        id="A1-welch",
        title="No bank is less coherent than Welch's bound",
        statement="m filters of n taps in one dimension have at least this coherence.",
        formula=r"\mu(D) \ge \sqrt{\frac{m - 1}{m(2n - 1) - 1}}",
        source="papyan2017local",
        provenance="R",
        draw=_draw_bank,
        margins=lambda bank: {"two filters": bank.n_filters - 1.0},
        measure=lambda bank: welch_bound(bank.n_filters, bank.extent[0]),
        bound=lambda bank: mutual_coherence(bank, (max(2 * bank.extent[0] - 1, 1),)),
    ),
)
