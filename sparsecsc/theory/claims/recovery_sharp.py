r"""Basis pursuit in noise up to the bound of uniqueness, with a weight that grows towards it.

Let the coefficient :math:`e = k\mu / (1 - (k - 1)\mu)` bound Tropp's, :math:`G` be the Gram matrix
of the support S, and :math:`\epsilon_L` the largest norm of the noise in a patch, which bounds its
inner product with any atom. What is left of the noise by a fit on S has inner products of at most
:math:`\epsilon_L + e\,\epsilon_L` with the other atoms. By Tropp's condition basis pursuit stays in
S once :math:`\lambda (1 - e)` is as large, and is then off by at most
:math:`\|G^{-1}\|_\infty (\epsilon_L + \lambda)`, with :math:`\|G^{-1}\|_\infty \le 1 / (1 - (k -
1)\mu)`. Both simplify to multiples of :math:`\epsilon_L / (1 + \mu - 2k\mu)`. A stripe norm below
:math:`\tfrac13(1 + 1/\mu)` gives a weight below :math:`3\epsilon_L` and an error below
:math:`6\epsilon_L / (1 + \mu)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sparsecsc.protocols import Array
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.claims.recovery import draw_incoherent, half_bound
from sparsecsc.theory.claims.recovery_exact import lasso, outside
from sparsecsc.theory.coherence import mutual_coherence, recovery_bounds
from sparsecsc.theory.planted import Planted, plant
from sparsecsc.theory.simplex import draw_shifts, draw_taps, plant_simplex

_ALLOWED = 1e-8
"""Of codes that would be 0 without rounding, relative to the largest."""


def _room(planted: Planted) -> float:
    """Return 1 + mu - 2 k mu."""
    return 1.0 + planted.coherence * (1 - 2 * planted.stripe)


def sharp_weight(planted: Planted) -> float:
    """Return the weight that keeps basis pursuit inside the support."""
    return planted.local_noise * (1.0 + planted.coherence) / _room(planted)


@dataclass(frozen=True, eq=False)
class Noisy:
    """Planted codes in noise, and what basis pursuit makes of them."""

    planted: Planted

    @cached_property
    def codes(self) -> Array:
        """Those of basis pursuit with the weight of the claim."""
        return lasso(self.planted, sharp_weight(self.planted))


def _draw(rng: np.random.Generator) -> Noisy:
    """Draw codes up to the bound, and the noise that hurts most, or any."""
    kind = rng.random()
    if kind < 0.4:
        planted = plant_simplex(rng, *(draw_taps(rng) if kind < 0.3 else draw_shifts(rng)))
    else:
        dictionary, spatial = draw_incoherent(rng)
        half, _ = recovery_bounds(mutual_coherence(dictionary, spatial))
        stripe = int(rng.integers(1, max(1, int(np.ceil(half)) - 1) + 1))
        planted = plant(rng, dictionary, spatial, stripe=stripe)
    size = 10.0 ** rng.uniform(-3, 0)
    ways = (_any_noise, _noise_against_the_codes, _noise_like_another_atom)
    return Noisy(planted.with_local_noise(ways[rng.integers(3)](rng, planted), size))


def _any_noise(rng: np.random.Generator, planted: Planted) -> Array:
    return rng.standard_normal(planted.noise.shape)


def _noise_against_the_codes(rng: np.random.Generator, planted: Planted) -> Array:
    """Return noise that makes the same codes smaller, as the weight does."""
    return -planted.dictionary.synthesize(np.sign(planted.codes))


def _noise_like_another_atom(rng: np.random.Generator, planted: Planted) -> Array:
    """Return an atom that is not in the support, where it overlaps some that are."""
    dictionary, codes = planted.dictionary, np.zeros(planted.codes.shape)
    near = dictionary.analyze(planted.signal) * (planted.codes == 0)
    codes.reshape(-1)[np.abs(near).argmax()] = 1.0
    sign = np.sign(near.reshape(-1)[np.abs(near).argmax()])
    return sign * dictionary.synthesize(codes)


def _margins(noisy: Noisy) -> Mapping[str, float]:
    return {**half_bound(noisy.planted), "noise": noisy.planted.local_noise}


CLAIMS = (
    Claim(
        id="B6-sharp-support",
        title="Basis pursuit stays inside the support in noise, up to the bound of uniqueness",
        statement="With a stripe norm k below (1 + 1/mu)/2 and a weight of at least epsilon_L "
        "(1 + mu) / (1 + mu - 2 k mu), basis pursuit has no nonzero outside of the planted "
        "support. Below (1 + 1/mu)/3 that is less than 3 epsilon_L.",
        formula=r"\|\Gamma\|_{0,\infty} = k < \tfrac12\Bigl(1 + \frac{1}{\mu}\Bigr),\; "
        r"\lambda \ge \frac{(1 + \mu)\,\epsilon_L}{1 + \mu - 2k\mu} \;\Rightarrow\; "
        r"\operatorname{supp}\hat\Gamma \subseteq \operatorname{supp}\Gamma",
        source="derived here, from tropp2006 and papyan2017local",
        provenance="D",
        draw=_draw,
        margins=_margins,
        measure=lambda noisy: outside(noisy.planted, noisy.codes),
        bound=lambda noisy: _ALLOWED,
        exact=True,
    ),
    Claim(
        id="B6-sharp-error",
        title="The error of basis pursuit in noise, up to the bound of uniqueness",
        statement="With that weight no coefficient is off by more than 2 epsilon_L / "
        "(1 + mu - 2 k mu): less than 6 epsilon_L / (1 + mu) where B6 gives 7.5 epsilon_L.",
        formula=r"\lambda = \frac{(1 + \mu)\,\epsilon_L}{1 + \mu - 2k\mu} \;\Rightarrow\; "
        r"\|\hat\Gamma - \Gamma\|_\infty \le \frac{2\,\epsilon_L}{1 + \mu - 2k\mu}",
        source="derived here, from tropp2006 and papyan2017local",
        provenance="D",
        draw=_draw,
        margins=_margins,
        measure=lambda noisy: float(np.abs(noisy.codes - noisy.planted.codes).max()),
        bound=lambda noisy: 2.0 * noisy.planted.local_noise / _room(noisy.planted),
        rounding=1e-6,
    ),
)
