"""Uniqueness by looking at every support; recovery by stripe coherence and by Tropp's condition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.incoherent import (
    dirac_barker_filters,
    dirac_msequence_filters,
    sidon_filters,
)
from sparsecsc.dictionaries.random import random_filters
from sparsecsc.optimality import lambda_max
from sparsecsc.penalties.l1 import L1
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.solve import solve
from sparsecsc.solvers.coordinate_descent import CoordinateDescent
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.claims.recovery import apart, half_bound, matched
from sparsecsc.theory.coherence import recovery_bounds, shifted_coherences, stripe_coherence
from sparsecsc.theory.exact_recovery import exact_recovery_coefficient
from sparsecsc.theory.planted import Planted
from sparsecsc.theory.simplex import draw_shifts, draw_taps, plant_simplex, small_weight_error
from sparsecsc.theory.small import matrix

_ALLOWED = 1e-8
"""Of an error that would be 0 without rounding, relative to the largest code."""
_FITS = 1e-10
"""Of a squared residual, relative to the signal's."""


def lasso(planted: Planted, weight: float) -> Array:
    """Return the codes of basis pursuit, to rounding; near a bound that takes many iterations."""
    problem = Pursuit(planted.signal, planted.dictionary, L1(weight))
    return solve(problem, CoordinateDescent(), tol=1e-12, max_iter=3000).codes


def outside(planted: Planted, codes: Array) -> float:
    """Return the largest code outside of the planted support, relative to the largest of all."""
    beyond = np.abs(np.where(planted.codes == 0, codes, 0.0)).max()
    return float(beyond / np.abs(planted.codes).max())


def _silent(dictionary: ConvDictionary, codes: Array) -> Planted:
    shape = (1, dictionary.n_channels, *codes.shape[2:])
    return Planted(dictionary, codes, np.zeros(shape))


def _draw_few(rng: np.random.Generator) -> Planted:
    """Draw codes whose every stripe is the whole signal, so that any k atoms are a rival."""
    kind = int(rng.integers(3))
    if kind == 0:
        return plant_simplex(rng, *draw_taps(rng, largest=9, positions=1))
    if kind == 1:
        dictionary, n = ConvDictionary(dirac_barker_filters()), int(rng.integers(14, 26))
    else:
        bits = int(rng.integers(3, 6))
        dictionary, n = ConvDictionary(dirac_msequence_filters(bits)), 2**bits - 1
    codes = np.zeros((1, 2, n))
    count = int(np.ceil(recovery_bounds(_silent(dictionary, codes).coherence)[0])) - 1
    chosen = rng.choice(codes.size, count, replace=False)
    codes.reshape(-1)[chosen] = rng.uniform(1, 2, count) * rng.choice([-1.0, 1.0], count)
    return _silent(dictionary, codes)


def _rival(planted: Planted) -> float:
    """Return how far any codes as sparse that fit the signal are from those planted."""
    atoms = matrix(planted.dictionary.filters, planted.spatial)
    truth = planted.codes.reshape(-1)
    gram, seen = atoms.T @ atoms, atoms.T @ planted.signal.reshape(-1)
    every = np.array(list(combinations(range(len(truth)), planted.stripe)))
    values = np.linalg.solve(gram[every[:, :, None], every[:, None, :]], seen[every][..., None])
    values = values[..., 0]
    energy = float(np.sum(planted.signal**2))
    fits = energy - np.sum(values * seen[every], axis=1) < _FITS * energy
    rivals = np.zeros((int(fits.sum()), len(truth)))
    np.put_along_axis(rivals, every[fits], values[fits], axis=1)
    return float(np.abs(rivals - truth).max(initial=0.0) / np.abs(truth).max())


def _draw_scattered(rng: np.random.Generator) -> Planted:
    """Pack codes up to the bound on the stripe coherence: at shifts without overlap, many."""
    if rng.random() < 0.4:
        return plant_simplex(rng, *draw_taps(rng))
    taps = int(rng.integers(4, 9))
    dictionary = ConvDictionary(sidon_filters(int(rng.integers(2, 4)), 3, 8 * taps, taps, rng))
    spatial = (16 * taps + int(rng.integers(64)),)
    weights = shifted_coherences(dictionary, spatial)
    reach = len(weights) // 2
    room = np.full(spatial, 0.5 * (1.0 + float(weights[reach])) - 1e-9)
    codes = np.zeros((1, dictionary.n_filters, *spatial))
    # what a nonzero at p weighs in the stripe at p - s
    offsets = -np.arange(-reach, reach + 1)
    for flat in rng.permutation(codes[0].size)[:200]:
        m, p = divmod(int(flat), spatial[0])
        where = (p + offsets) % spatial[0]
        if np.all(room[where] >= weights):
            room[where] -= weights
            codes[0, m, p] = rng.uniform(1, 2) * rng.choice([-1.0, 1.0])
    return _silent(dictionary, codes)


def _middle(planted: Planted) -> float:
    shifted = shifted_coherences(planted.dictionary, planted.spatial)
    return float(shifted[tuple(n // 2 for n in shifted.shape)])


def _stripe_margin(planted: Planted) -> float:
    """Return twice by how much the stripe coherence is below (1 + mu_0)/2, less its own."""
    return (
        1.0
        + _middle(planted)
        - stripe_coherence(planted.dictionary, planted.codes, planted.spatial)
    )


def _scattered_margins(planted: Planted) -> Mapping[str, float]:
    return {"stripe coherence": _stripe_margin(planted) - 0.5 * (1.0 + _middle(planted))}


@dataclass(frozen=True, eq=False)
class Supported:
    """Planted codes, their exact recovery coefficient, and a weight."""

    planted: Planted
    share: float
    """Of the weight, in the smallest at which all codes are 0."""

    @cached_property
    def coefficient(self) -> float:
        """Tropp's."""
        return exact_recovery_coefficient(self.planted.dictionary, self.planted.codes)

    @cached_property
    def weight(self) -> float:
        """Of basis pursuit."""
        problem = Pursuit(self.planted.signal, self.planted.dictionary, L1(1.0))
        return self.share * lambda_max(problem)

    @cached_property
    def codes(self) -> Array:
        """Those of basis pursuit."""
        return lasso(self.planted, self.weight)

    @cached_property
    def slope(self) -> float:
        """The largest row sum of the inverse Gram matrix of the support's atoms."""
        planted = self.planted
        atoms = matrix(planted.dictionary.filters, planted.spatial)
        atoms = atoms[:, planted.codes.reshape(-1) != 0]
        return float(np.abs(np.linalg.inv(atoms.T @ atoms)).sum(axis=1).max())


def _draw_support(rng: np.random.Generator) -> Supported:
    """Draw random filters, whose coherence says nothing, and as many atoms as the condition lets.

    The fullest of some supports for which the coefficient is below 1.
    """
    share = 10.0 ** rng.uniform(-2, -0.2)
    if rng.random() < 0.3:
        simplex = draw_taps(rng) if rng.random() < 0.5 else draw_shifts(rng)
        return Supported(plant_simplex(rng, *simplex), share)
    dictionary = ConvDictionary(random_filters(int(rng.integers(2, 4)), 1, 7, rng))
    shape = (1, dictionary.n_filters, int(rng.integers(40, 61)))
    best = None
    for count in range(1, 9):
        codes = np.zeros(shape)
        chosen = rng.choice(codes.size, count, replace=False)
        codes.reshape(-1)[chosen] = rng.uniform(1, 2, count) * rng.choice([-1.0, 1.0], count)
        drawn = Supported(_silent(dictionary, codes), share)
        if best is None or drawn.coefficient < 1:
            best = drawn
    assert best is not None
    return best


def _recoverable(drawn: Supported) -> Mapping[str, float]:
    return {"exact recovery coefficient": 1.0 - drawn.coefficient}


CLAIMS = (
    Claim(
        id="B1-unique",
        title="No other codes are as sparse",
        statement="Of all codes with a stripe norm below (1 + 1/mu)/2 only one synthesises a "
        "signal: every other support is tried.",
        formula=r"\|\Gamma\|_{0,\infty}, \|\Gamma'\|_{0,\infty} < "
        r"\tfrac12\Bigl(1 + \frac{1}{\mu(D)}\Bigr),\; D\Gamma = D\Gamma' \;\Rightarrow\; "
        r"\Gamma = \Gamma'",
        source="papyan2017local",
        provenance="R",
        draw=_draw_few,
        margins=half_bound,
        measure=_rival,
        bound=lambda planted: _ALLOWED,
        exact=True,
    ),
    Claim(
        id="B3-bp",
        title="Basis pursuit finds codes of small stripe coherence",
        statement="If the stripe coherence zeta is below (1 + mu_0)/2, the codes of basis pursuit "
        "are within weight / (1 + mu_0 - zeta), and so the same in the limit.",
        formula=r"\zeta = \max_i \sum_s n_{i,s}\,\mu_s < \tfrac12(1 + \mu_0) \;\Rightarrow\; "
        r"\|\hat\Gamma - \Gamma\|_\infty \le \frac{\lambda}{1 + \mu_0 - \zeta}",
        source="papyan2017local; the rate is derived here",
        provenance="R",
        draw=_draw_scattered,
        margins=_scattered_margins,
        measure=lambda planted: small_weight_error(planted, lasso),
        bound=lambda planted: 1.0 / _stripe_margin(planted),
        rounding=1e-6,
    ),
    Claim(
        id="ERC-omp",
        title="OMP finds codes whose support has a coefficient below 1",
        statement="If the exact recovery coefficient of a support S is below 1, orthogonal "
        "matching pursuit finds all codes with this support.",
        formula=r"\max_{j \notin S} \|D_S^+ d_j\|_1 < 1",
        source="tropp2004",
        provenance="R",
        draw=_draw_support,
        margins=_recoverable,
        measure=lambda drawn: apart(drawn.planted, matched(drawn.planted)),
        bound=lambda drawn: _ALLOWED,
        exact=True,
    ),
    Claim(
        id="ERC-bp-support",
        title="Basis pursuit stays inside a support with a coefficient below 1",
        statement="If the exact recovery coefficient of the support is below 1, basis pursuit has "
        "no nonzero outside of it, at any weight.",
        formula=r"\max_{j \notin S} \|D_S^+ d_j\|_1 < 1 \;\Rightarrow\; "
        r"\operatorname{supp}\hat\Gamma \subseteq S",
        source="tropp2006",
        provenance="R",
        draw=_draw_support,
        margins=_recoverable,
        measure=lambda drawn: outside(drawn.planted, drawn.codes),
        bound=lambda drawn: _ALLOWED,
        exact=True,
    ),
    Claim(
        id="ERC-bp-error",
        title="The error of basis pursuit is the weight times the inverse Gram matrix's norm",
        statement="Under the same hypothesis no coefficient is off by more than the weight times "
        "the largest row sum of the inverse Gram matrix of the support.",
        formula=r"\|\hat\Gamma - \Gamma\|_\infty \le \lambda \, \|(D_S^T D_S)^{-1}\|_\infty",
        source="tropp2006",
        provenance="R",
        draw=_draw_support,
        margins=_recoverable,
        measure=lambda drawn: float(np.abs(drawn.codes - drawn.planted.codes).max()),
        bound=lambda drawn: drawn.weight * drawn.slope,
        rounding=1e-6,
    ),
    Claim(
        id="ERC-coherence",
        title="Coherence bounds the exact recovery coefficient by stripes",
        statement="The exact recovery coefficient of a support with stripe norm k is at most "
        "k mu / (1 - (k - 1) mu), below 1 if k is below (1 + 1/mu)/2.",
        formula=r"\max_{j \notin S} \|D_S^+ d_j\|_1 \le \frac{k\mu}{1 - (k - 1)\mu}",
        source="tropp2004 for the whole signal; for stripes derived here",
        provenance="D",
        draw=lambda rng: Supported(_draw_scattered(rng), 0.0),
        margins=lambda drawn: {
            "independent": 1.0 - (drawn.planted.stripe - 1) * drawn.planted.coherence
        },
        measure=lambda drawn: drawn.coefficient,
        bound=lambda drawn: (
            drawn.planted.stripe
            * drawn.planted.coherence
            / (1.0 - (drawn.planted.stripe - 1) * drawn.planted.coherence)
        ),
    ),
)
