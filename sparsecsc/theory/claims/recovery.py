"""When codes are found by orthogonal matching and by basis pursuit, without noise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.incoherent import (
    dirac_barker_filters,
    dirac_msequence_filters,
    sidon_filters,
)
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
)
from sparsecsc.theory.planted import Planted, plant
from sparsecsc.theory.small import matrix
from sparsecsc.theory.sparse_layers import simplex_filters

_ALLOWED = 1e-8
"""Of an error that would be 0 without rounding, relative to the largest code."""
_TIGHT = 1e-13


def draw_incoherent(rng: np.random.Generator) -> tuple[ConvDictionary, tuple[int, ...]]:
    """Return one of the dictionaries T1 to T3, or a simplex, and a size.

    T1 is dilated in half of the draws, T3 has one axis or two. The atoms of a simplex are as alike
    as its coherence allows.
    """
    kind = int(rng.integers(5))
    if kind == 0:
        dilation = int(rng.choice((1, 1, 2, 3)))
        size = int(rng.integers(60, 157))
        return ConvDictionary(dirac_barker_filters(), dilation=dilation), (size,)
    if kind == 1:
        bits = int(rng.integers(4, 7))
        return ConvDictionary(dirac_msequence_filters(bits)), (2**bits - 1,)
    if kind == 2:
        filters = sidon_filters(int(rng.integers(2, 4)), 3, 64, 8, rng)
        return ConvDictionary(filters), (127 + int(rng.integers(20)),)
    if kind == 3:
        filters = sidon_filters(2, 3, (8, 8), 6, rng)
        return ConvDictionary(filters), (15, 15 + int(rng.integers(6)))
    return ConvDictionary(simplex_filters(int(rng.integers(4, 17)))), (int(rng.integers(3, 9)),)


def _draw(rng: np.random.Generator) -> Planted:
    dictionary, spatial = draw_incoherent(rng)
    bound, _ = recovery_bounds(mutual_coherence(dictionary, spatial))
    most = largest_below(bound)
    stripe = int(rng.integers(1, most + 1)) if rng.random() < 0.3 else most
    planted = plant(rng, dictionary, spatial, stripe=stripe)
    return planted if rng.random() < 0.5 else replace(planted, codes=np.abs(planted.codes))


def _draw_stripes(rng: np.random.Generator) -> Planted:
    """Plant as many as the stripe coherence allows, which may be more than the bound does."""
    dictionary, spatial = draw_incoherent(rng)
    bound, _ = recovery_bounds(mutual_coherence(dictionary, spatial))
    planted = plant(rng, dictionary, spatial, stripe=largest_below(bound) + 3)
    while min(stripe_coherence_margin(planted).values()) <= 0:
        planted = plant(rng, dictionary, spatial, stripe=planted.stripe - 1)
    return planted


def largest_below(bound: float) -> int:
    """Return the largest integer below the bound, and 1 if there is none above 0."""
    return max(1, math.ceil(bound - 1e-9) - 1)


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


def stripe_coherence_margin(planted: Planted) -> Mapping[str, float]:
    """By how much the stripe coherence is below (1 + mu_0)/2."""
    shifted = shifted_coherences(planted.dictionary, planted.spatial)
    middle = shifted[tuple(n // 2 for n in shifted.shape)]
    found = stripe_coherence(planted.dictionary, planted.codes, planted.spatial)
    return {"stripe coherence": 0.5 * (1.0 + float(middle)) - found}


def _isometry(planted: Planted) -> float:
    """Return |A^T A - I| for the atoms A of the support."""
    d = planted.dictionary
    atoms = matrix(d.filters, planted.spatial, dilation=d.dilation[0])
    atoms = atoms[:, planted.codes.reshape(-1) != 0]
    return float(np.linalg.norm(atoms.T @ atoms - np.eye(atoms.shape[1]), 2))


CLAIMS = (
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
        draw=_draw_stripes,
        margins=stripe_coherence_margin,
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
)
