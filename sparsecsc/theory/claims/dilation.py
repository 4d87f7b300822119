"""Dilation relabels: the statements of `sparsecsc.theory.dilation`, tried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.incoherent import dirac_barker_filters
from sparsecsc.optimality import lambda_max
from sparsecsc.penalties.l0 import L0
from sparsecsc.penalties.l1 import L1
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.solve import solve
from sparsecsc.solvers.fista import FISTA
from sparsecsc.solvers.omp import OMP
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.dilation import dilated_stripe_norm, relabel
from sparsecsc.theory.small import draw_dictionary, draw_planted, matrix

_BARKER_LIMIT = (1 + np.sqrt(13)) / 2


@dataclass(frozen=True, eq=False)
class Dilated:
    """Filters, a dilation, and a signal or codes on N samples."""

    filters: Array
    dilation: int
    array: Array

    @property
    def n(self) -> int:
        """The number of samples, N."""
        return int(self.array.shape[-1])

    @cached_property
    def dictionary(self) -> ConvDictionary:
        """The dilated dictionary."""
        return ConvDictionary(self.filters, dilation=self.dilation)

    def solved(self, signal: Array, dilation: int) -> Array:
        """Return the solution of basis pursuit denoising at a tenth of the largest weight."""
        dictionary = ConvDictionary(self.filters, dilation=dilation)
        level = 0.1 * lambda_max(Pursuit(self.array, self.dictionary, L1(1.0)))
        problem = Pursuit(signal, dictionary, L1(level))
        return solve(problem, FISTA(restart=False), tol=0.0, max_iter=60, check_every=60).codes


def _draw_signal(rng: np.random.Generator) -> Dilated:
    """Draw any test dictionary, with dilations that share a factor with N or do not."""
    dictionary, dilation = draw_dictionary(rng), int(rng.integers(2, 7))
    n = int(rng.choice((60, 64, 65, 72))) * (3 if dictionary.kernel[0] > 13 else 1)
    return Dilated(dictionary.filters, dilation, draw_planted(rng, dictionary, n))


def _explicit_difference(drawn: Dilated) -> float:
    """Return how far R D^(s) z is from the plain dictionary's synthesis of R z."""
    shape = (1, len(drawn.filters), drawn.n)
    codes = np.random.default_rng(drawn.dilation).standard_normal(shape)
    explicit = matrix(drawn.filters, (drawn.n,), dilation=drawn.dilation)
    dilated = (explicit @ codes.ravel()).reshape(1, -1, drawn.n)
    plain = ConvDictionary(drawn.filters).synthesize(relabel(codes, drawn.dilation))
    return _largest(relabel(dilated, drawn.dilation) - plain)


def _solution_difference(drawn: Dilated) -> float:
    dilated = drawn.solved(drawn.array, drawn.dilation)
    plain = drawn.solved(relabel(drawn.array, drawn.dilation), 1)
    return _largest(relabel(dilated, drawn.dilation) - plain)


def _largest(array: Array) -> float:
    return float(np.max(np.abs(array)))


def _fits(drawn: Dilated) -> Mapping[str, float]:
    """Return that a filter fits into one class."""
    (length,) = relabel(drawn.array, drawn.dilation).shape[2:]
    return {"a class holds a filter": length - drawn.filters.shape[2] + 0.5}


def _draw_cluster(rng: np.random.Generator) -> Dilated:
    """Draw codes of T1 with 2 s neighbouring nonzeros, any of the two filters at each."""
    dilation, n = int(rng.integers(2, 6)), 60 * 5
    codes = np.zeros((1, 2, n))
    places = (int(rng.integers(n)) + np.arange(2 * dilation)) % n
    sizes = (1 + rng.random(2 * dilation)) * rng.choice((-1.0, 1.0), 2 * dilation)
    codes[0, rng.integers(0, 2, 2 * dilation), places] = sizes
    return Dilated(dirac_barker_filters(), dilation, codes)


def _cluster_margins(drawn: Dilated) -> Mapping[str, float]:
    norm = dilated_stripe_norm(drawn.dictionary, drawn.array)
    return {"dilated stripe norm below the limit": _BARKER_LIMIT - norm, **_fits(drawn)}


def greedy_error(dictionary: Any, codes: Array) -> float:
    """Return how far orthogonal matching pursuit ends from the codes that made the signal."""
    problem = Pursuit(dictionary.synthesize(codes), dictionary, L0(0.0))
    found = solve(problem, OMP(n_nonzero=int(np.sum(codes != 0))), max_iter=1000)
    return _largest(found.codes - codes)


CLAIMS = (
    Claim(
        id="A1-dilation-relabels",
        title="A dilated dictionary is copies of the plain one in another order",
        statement=(
            "Circular, one axis, stride 1: on relabelled samples and positions a dilated "
            "dictionary is one copy of the plain one for each class of positions modulo the "
            "common divisor of dilation and size."
        ),
        formula=r"RD^{(s)}\Gamma = (I_g \otimes D_{N/g})R\Gamma, \quad g = \gcd(s, N)",
        source="derived here (dilation relabels)",
        provenance="D",
        draw=_draw_signal,
        margins=_fits,
        measure=_explicit_difference,
        bound=lambda drawn: 1e-11,
        exact=True,
    ),
    Claim(
        id="A1-dilation-pursuit",
        title="Pursuit with dilation is pursuit without it, relabelled",
        statement="Basis pursuit denoising of a signal with the dilated dictionary has the "
        "relabelled solution, and the iterates of FISTA on the way are the relabelled ones.",
        formula=r"R\,\Gamma^{(s)}(X) = \Gamma^{(1)}(RX)",
        source="derived here (dilation relabels, 1)",
        provenance="D",
        draw=_draw_signal,
        margins=_fits,
        measure=_solution_difference,
        bound=lambda drawn: 1e-8 * max(_largest(drawn.array), 1.0),
        exact=True,
    ),
    Claim(
        id="A1-dilation-clusters",
        title="Dilation spreads clusters: the stripe norm that counts is that of a class",
        statement=(
            "If the dilated stripe norm, of coefficients one dilation apart, is below "
            "(1 + 1/mu)/2, orthogonal matching pursuit recovers the codes: with T1, clusters of "
            "2 s neighbours."
        ),
        formula=r"\|R\Gamma\|_{0,\infty} < \tfrac12(1 + 1/\mu) \Rightarrow"
        r" \Gamma\text{ is recovered from }D^{(s)}\Gamma",
        source="derived here (dilation relabels, 2) from papyan2017local",
        provenance="D",
        draw=_draw_cluster,
        margins=_cluster_margins,
        measure=lambda drawn: greedy_error(drawn.dictionary, drawn.array),
        bound=lambda drawn: 1e-9,
        exact=True,
    ),
)
