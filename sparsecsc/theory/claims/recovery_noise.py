"""How far codes are from those planted where there is noise: matching pursuit, basis pursuit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.protocols import Array
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.claims.recovery import draw_incoherent, largest_below, matched, pursued
from sparsecsc.theory.coherence import mutual_coherence, recovery_bounds
from sparsecsc.theory.planted import Planted, plant
from sparsecsc.theory.sparse_layers import simplex_filters


def _draw(rng: np.random.Generator, *, third: bool) -> Planted:
    """Noise up to what the hypothesis of OMP allows, of widely varying size and direction."""
    dictionary, spatial = draw_incoherent(rng)
    coherence = mutual_coherence(dictionary, spatial)
    half, other = recovery_bounds(coherence)
    most = largest_below(other if third else half)
    stripe = most if rng.random() < 0.5 else int(rng.integers(1, most + 1))
    amplitudes = (1.0, 2.0) if rng.random() < 0.5 else (1.0, 1.0)
    planted = plant(rng, dictionary, spatial, stripe=stripe, amplitudes=amplitudes)
    if rng.random() < 0.5:
        planted = replace(planted, codes=np.abs(planted.codes))
    size = coherence * max(half - stripe, 0.0) * rng.uniform(0.05, 0.98)
    direction = _DIRECTIONS[rng.integers(len(_DIRECTIONS))](rng, planted)
    return planted.with_local_noise(direction, size)


def _any_direction(rng: np.random.Generator, planted: Planted) -> Array:
    return rng.standard_normal(planted.noise.shape)


def _in_the_span(rng: np.random.Generator, planted: Planted) -> Array:
    """Noise that the atoms of the support synthesise: none of it is lost."""
    codes = rng.standard_normal(planted.codes.shape) * (planted.codes != 0)
    return planted.dictionary.synthesize(codes)


def _against_one(rng: np.random.Generator, planted: Planted) -> Array:
    """Noise in the span of the support that lowers one of its coefficients the most.

    It is the dual atom of that coefficient, a solution of the normal equations.
    """
    chosen = np.argwhere(planted.codes != 0)
    where = tuple(chosen.T)
    units = np.zeros((len(chosen), *planted.codes.shape[1:]))
    units[(np.arange(len(chosen)), *where[1:])] = 1.0
    gram = planted.dictionary.gram(units)[(slice(None), *where[1:])]
    weights = np.linalg.inv(gram)[rng.integers(len(chosen))]
    codes = np.zeros(planted.codes.shape)
    codes[where] = -weights * np.sign(planted.codes[where])
    return planted.dictionary.synthesize(codes)


def _like_another(rng: np.random.Generator, planted: Planted) -> Array:
    """Noise that is an atom outside of the support."""
    others = np.argwhere(planted.codes == 0)
    codes = np.zeros(planted.codes.shape)
    codes[tuple(others[rng.integers(len(others))])] = rng.choice((-1.0, 1.0))
    return planted.dictionary.synthesize(codes)


_DIRECTIONS = (_any_direction, _in_the_span, _against_one, _like_another)


def _omp_margins(planted: Planted) -> Mapping[str, float]:
    half, _ = recovery_bounds(planted.coherence)
    lost = planted.local_noise / (planted.coherence * planted.smallest)
    return {"stripe norm": half - lost - planted.stripe}


def _bp_margins(planted: Planted) -> Mapping[str, float]:
    return {
        "stripe norm": recovery_bounds(planted.coherence)[1] - planted.stripe,
        "noise": planted.local_noise,
    }


def _pursued(planted: Planted) -> Array:
    return pursued(planted, 4.0 * planted.local_noise)


def _wrong(planted: Planted, codes: Array) -> float:
    """Return how many coefficients are nonzero in one of the two only."""
    return float(np.sum((codes != 0) != (planted.codes != 0)))


def _beyond(planted: Planted, codes: Array) -> float:
    """Return how many coefficients are nonzero outside of the planted support."""
    return float(np.sum((codes != 0) & (planted.codes == 0)))


def _squared_error(planted: Planted, codes: Array) -> float:
    return float(np.sum((codes - planted.codes) ** 2))


def _squared_noise(planted: Planted) -> float:
    return float(np.sum(planted.noise**2))


@dataclass(frozen=True, eq=False)
class Pair:
    """Two codes that fit one signal equally well."""

    first: Planted
    second: Planted

    @property
    def stripe(self) -> int:
        """The larger stripe norm."""
        return max(self.first.stripe, self.second.stripe)

    @property
    def misfit(self) -> float:
        """Half of how far their images are apart: a signal between them is that far from both."""
        images = (p.dictionary.synthesize(p.codes) for p in (self.first, self.second))
        return 0.5 * float(np.linalg.norm(next(images) - next(images)))


def _draw_pair(rng: np.random.Generator) -> Pair:
    """Two codes, alike or not; in a third of the draws two opposite atoms of a simplex."""
    if rng.random() < 1 / 3:
        filters = simplex_filters(int(rng.integers(3, 12)))
        codes = np.zeros((2, len(filters), int(rng.integers(1, 6))))
        codes[0, 0], codes[1, 1] = rng.uniform(0.5, 1, (2, codes.shape[2])) * ((1.0,), (-1.0,))
        noise = np.zeros((1, filters.shape[1], codes.shape[2]))
        first, second = (Planted(ConvDictionary(filters), z[None], noise) for z in codes)
        return Pair(first, second)
    dictionary, spatial = draw_incoherent(rng)
    coherence = mutual_coherence(dictionary, spatial)
    most = largest_below(0.5 * (1.0 + 1.0 / coherence))
    first = plant(rng, dictionary, spatial, stripe=int(rng.integers(1, most + 1)))
    kept = first.codes * (rng.random(first.codes.shape) < rng.uniform(0.5, 1.0))
    codes = kept if rng.random() < 0.3 else -first.codes
    if rng.random() < 0.3:
        codes = plant(rng, dictionary, spatial, stripe=first.stripe).codes
    if np.array_equal(codes, first.codes):
        codes = 0.5 * first.codes
    return Pair(first, Planted(dictionary, codes, first.noise))


def _pair_margins(pair: Pair) -> Mapping[str, float]:
    left = 1.0 - (2 * pair.stripe - 1) * pair.first.coherence
    return {"stripe norm": left, "different": pair.misfit}


CLAIMS = (
    Claim(
        id="B4-stability",
        title="Sparse codes that fit one signal are close",
        statement="Two codes with stripe norms of at most k that fit a signal within epsilon are "
        "within 4 epsilon^2 / (1 - (2 k - 1) mu) of each other, squared.",
        formula=r"\|\Gamma - \hat\Gamma\|_2^2 \le \frac{4\epsilon^2}{1 - (2k - 1)\,\mu(D)}",
        source="papyan2017local",
        provenance="R",
        draw=_draw_pair,
        margins=_pair_margins,
        measure=lambda pair: _squared_error(pair.first, pair.second.codes),
        bound=lambda pair: (
            4.0 * pair.misfit**2 / (1.0 - (2 * pair.stripe - 1) * pair.first.coherence)
        ),
    ),
    Claim(
        id="B5-support",
        title="OMP finds the support in noise",
        statement="With a stripe norm below (1 + 1/mu)/2 - epsilon_L / (mu min|Gamma|), OMP with "
        "as many atoms as were planted finds their support.",
        formula=r"\|\Gamma\|_{0,\infty} < \tfrac12\Bigl(1 + \frac{1}{\mu(D)}\Bigr) - "
        r"\frac{\epsilon_L}{\mu(D)\,|\Gamma_{\min}|}",
        source="papyan2017local",
        provenance="R",
        draw=lambda rng: _draw(rng, third=False),
        margins=_omp_margins,
        measure=lambda planted: _wrong(planted, matched(planted)),
        bound=lambda planted: 0.0,
        exact=True,
    ),
    Claim(
        id="B5-error",
        title="The error of OMP in noise",
        statement="Under the same hypothesis the squared error of OMP is at most "
        "|E|^2 / (1 - mu (k - 1)).",
        formula=r"\|\hat\Gamma - \Gamma\|_2^2 \le \frac{\|E\|_2^2}{1 - \mu(D)(k - 1)}",
        source="papyan2017local",
        provenance="R",
        draw=lambda rng: _draw(rng, third=False),
        margins=_omp_margins,
        measure=lambda planted: _squared_error(planted, matched(planted)),
        bound=lambda planted: (
            _squared_noise(planted) / (1.0 - planted.coherence * (planted.stripe - 1))
        ),
    ),
    Claim(
        id="B6-support",
        title="Basis pursuit stays inside the support in noise",
        statement="With a stripe norm below (1 + 1/mu)/3 and weight 4 epsilon_L, basis pursuit has "
        "no nonzero outside of the planted support.",
        formula=r"\|\Gamma\|_{0,\infty} < \tfrac13\Bigl(1 + \frac{1}{\mu(D)}\Bigr),\; "
        r"\lambda = 4\epsilon_L \;\Rightarrow\; \operatorname{supp}\hat\Gamma \subseteq "
        r"\operatorname{supp}\Gamma",
        source="papyan2017local",
        provenance="R",
        draw=lambda rng: _draw(rng, third=True),
        margins=_bp_margins,
        measure=lambda planted: _beyond(planted, _pursued(planted)),
        bound=lambda planted: 0.0,
        exact=True,
    ),
    Claim(
        id="B6-error",
        title="The error of basis pursuit in noise",
        statement="Under the same hypothesis no coefficient is off by 7.5 epsilon_L.",
        formula=r"\|\hat\Gamma - \Gamma\|_\infty < 7.5\,\epsilon_L",
        source="papyan2017local",
        provenance="R",
        draw=lambda rng: _draw(rng, third=True),
        margins=_bp_margins,
        measure=lambda planted: float(np.abs(_pursued(planted) - planted.codes).max()),
        bound=lambda planted: 7.5 * planted.local_noise,
    ),
)
