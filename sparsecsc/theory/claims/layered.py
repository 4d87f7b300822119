"""How the codes of layered pursuits follow those planted in every layer, in noise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.incoherent import dirac_msequence_filters, sidon_filters
from sparsecsc.models.mlcsc import MLCSC
from sparsecsc.models.problem import MultilayerPursuit
from sparsecsc.penalties.l1 import L1
from sparsecsc.protocols import Array
from sparsecsc.solve import solve
from sparsecsc.solvers.coordinate_descent import CoordinateDescent
from sparsecsc.solvers.layered_basis_pursuit import LayeredBasisPursuit
from sparsecsc.solvers.layered_thresholding import LayeredThresholding
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.coherence import recovery_bounds
from sparsecsc.theory.planted import Planted, patch_energy, plant

_BITS, _TAPS, _KERNEL = 9, 4, 40


@dataclass(frozen=True, eq=False)
class Layers:
    """Planted codes of each layer, the first being those of the signal; noise is on the signal."""

    planted: tuple[Planted, ...]

    @property
    def model(self) -> MLCSC:
        """The chain of the layers' dictionaries."""
        return MLCSC([p.dictionary for p in self.planted])

    @property
    def local_noise(self) -> float:
        """Of the signal."""
        return self.planted[0].local_noise

    def crowd(self, i: int) -> int:
        """Return the most nonzeros of layer i in a patch of the next layer's atoms."""
        present = (self.planted[i].codes != 0).astype(float)
        return round(patch_energy(present, self._patch(i)) ** 2)

    def error(self, i: int, codes: Array) -> float:
        """Return the largest norm of the error of layer i in such a patch."""
        return patch_energy(codes - self.planted[i].codes, self._patch(i))

    def _patch(self, i: int) -> tuple[int, ...]:
        return self.planted[min(i + 1, len(self.planted) - 1)].dictionary.extent

    @cached_property
    def thresholds(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Thresholds just above the least allowed, and the local errors that they guarantee."""
        noise, thresholds, errors = self.local_noise, [], []
        for i, layer in enumerate(self.planted):
            largest, k = float(np.abs(layer.codes).max()), layer.stripe
            threshold = (k * layer.coherence * largest + noise) * 1.001
            inside = noise + layer.coherence * (k - 1) * largest + threshold
            noise = math.sqrt(self.crowd(i)) * inside
            thresholds.append(threshold)
            errors.append(noise)
        return tuple(thresholds), tuple(errors)

    @cached_property
    def weights(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Four times the noise of each layer, and the local errors that they guarantee."""
        errors, noise = [], self.local_noise
        for i in range(len(self.planted)):
            noise = 7.5 * noise * math.sqrt(self.crowd(i))
            errors.append(noise)
        return tuple(4.0 * e for e in (self.local_noise, *errors[:-1])), tuple(errors)

    @cached_property
    def thresholded(self) -> tuple[Array, ...]:
        """What layered soft thresholding finds."""
        return self._codes(self.thresholds[0], LayeredThresholding())

    @cached_property
    def pursued(self) -> tuple[Array, ...]:
        """What layered basis pursuit finds."""
        return self._codes(self.weights[0], LayeredBasisPursuit(CoordinateDescent()))

    def _codes(self, weights: tuple[float, ...], solver: object) -> tuple[Array, ...]:
        penalties = [L1(weight) for weight in weights]
        problem = MultilayerPursuit(self.planted[0].signal, self.model, penalties)
        found: tuple[Array, ...] = solve(problem, solver, tol=1e-12, max_iter=400).codes
        return found


def _draw(rng: np.random.Generator, *, quiet: float) -> Layers:
    """Draw codes of a layer of few taps above an m-sequence layer: few, and of like size."""
    n = 2**_BITS - 1
    first = ConvDictionary(dirac_msequence_filters(_BITS))
    second = ConvDictionary(sidon_filters(int(rng.integers(1, 4)), 2, _KERNEL, _TAPS, rng))
    amplitudes = (1.0, 1.0 + 0.1 * rng.random())
    deep = plant(rng, second, (n,), stripe=1, amplitudes=amplitudes)
    codes = deep.codes * 0.0
    codes.reshape(-1)[rng.choice(np.flatnonzero(deep.codes))] = amplitudes[1]
    deep = Planted(second, codes, np.zeros((1, 2, n)))
    noise = rng.standard_normal((1, 1, n))
    noise *= quiet * rng.uniform(0.05, 1.0) / np.linalg.norm(noise)
    middle = np.where(np.abs(deep.signal) > 1e-9, deep.signal, 0.0)  # the FFT leaves rounding
    return Layers((Planted(first, middle, noise), deep))


def _thresholding_margins(layers: Layers) -> Mapping[str, float]:
    margins, noises = {}, (layers.local_noise, *layers.thresholds[1][:-1])
    for i, (layer, noise) in enumerate(zip(layers.planted, noises, strict=True), start=1):
        sizes = np.abs(layer.codes[layer.codes != 0])
        ratio = sizes.min() / (layer.coherence * sizes.max())
        lost = noise / (layer.coherence * sizes.max())
        margins[f"stripe norm, layer {i}"] = 0.5 * (1.0 + ratio) - lost - layer.stripe
    return margins


def _pursuit_margins(layers: Layers) -> Mapping[str, float]:
    return {
        f"stripe norm, layer {i}": recovery_bounds(layer.coherence)[1] - layer.stripe
        for i, layer in enumerate(layers.planted, start=1)
    }


def _wrong(layers: Layers, codes: tuple[Array, ...]) -> float:
    pairs = zip(codes, layers.planted, strict=True)
    return float(sum(np.sum((found != 0) != (p.codes != 0)) for found, p in pairs))


def _beyond(layers: Layers, codes: tuple[Array, ...]) -> float:
    pairs = zip(codes, layers.planted, strict=True)
    return float(sum(np.sum((found != 0) & (p.codes == 0)) for found, p in pairs))


def _worst(layers: Layers, codes: tuple[Array, ...], errors: tuple[float, ...]) -> float:
    """Return the largest share that a layer's local error has in what is guaranteed."""
    return max(layers.error(i, found) / errors[i] for i, found in enumerate(codes))


@dataclass(frozen=True, eq=False)
class TwoFits:
    """Planted layers, and other codes of the deepest with the same support."""

    layers: Layers
    other: Array

    @cached_property
    def distances(self) -> tuple[float, ...]:
        """Half of how far the signals are apart, then how far the codes of each layer are."""
        first, second = self.layers.planted
        middle = second.dictionary.synthesize(self.other - second.codes)
        misfit = 0.5 * float(np.linalg.norm(first.dictionary.synthesize(middle)))
        apart = (middle, self.other - second.codes)
        return misfit, *(float(np.linalg.norm(codes)) for codes in apart)

    @cached_property
    def guaranteed(self) -> tuple[float, ...]:
        """What the distances can be at most, layer by layer."""
        bounds = [self.distances[0]]
        for left in self.room:
            bounds.append(2.0 * bounds[-1] / math.sqrt(left))
        return tuple(bounds[1:])

    @property
    def room(self) -> tuple[float, ...]:
        """1 - (2 k - 1) mu of each layer."""
        return tuple(1.0 - (2 * p.stripe - 1) * p.coherence for p in self.layers.planted)


def _draw_fits(rng: np.random.Generator) -> TwoFits:
    layers = _draw(rng, quiet=0.0)
    codes = layers.planted[1].codes
    return TwoFits(layers, codes * (1.0 + rng.standard_normal(codes.shape)))


CLAIMS = (
    Claim(
        id="B8-stability",
        title="Codes of several layers that fit one signal are close",
        statement="If the codes of all layers have stripe norms of at most k_i, two solutions of "
        "the noisy multi-layer problem are within E_i in layer i, where E_i^2 = 4 E_{i-1}^2 / "
        "(1 - (2 k_i - 1) mu_i).",
        formula=r"\|\Gamma_i - \hat\Gamma_i\|_2^2 \le E_i^2 = "
        r"\frac{4 E_{i-1}^2}{1 - (2\|\Gamma_i\|_{0,\infty} - 1)\mu(D_i)}",
        source="papyan2017cnn",
        provenance="R",
        draw=_draw_fits,
        margins=lambda fits: (
            {f"stripe norm, layer {i}": left for i, left in enumerate(fits.room, start=1)}
            | {"different": fits.distances[0]}
        ),
        measure=lambda fits: max(
            d / b for d, b in zip(fits.distances[1:], fits.guaranteed, strict=True)
        ),
        bound=lambda fits: 1.0,
    ),
    Claim(
        id="B9-support",
        title="Layered soft thresholding finds the support of every layer",
        statement="With stripe norms below (1 + X_min / (mu X_max))/2 - epsilon / (mu X_max) in "
        "every layer and thresholds just above k mu X_max + epsilon, the supports of all layers "
        "are exact.",
        formula=r"\|X_i\|_{0,\infty} < \tfrac12\Bigl(1 + \frac{1}{\mu_i}"
        r"\frac{X_i^{\min}}{X_i^{\max}}\Bigr) - \frac{\epsilon_{i-1}}{\mu_i X_i^{\max}}",
        source="papyan2017cnn",
        provenance="S",
        draw=lambda rng: _draw(rng, quiet=0.02),
        margins=_thresholding_margins,
        measure=lambda layers: _wrong(layers, layers.thresholded),
        bound=lambda layers: 0.0,
        exact=True,
    ),
    Claim(
        id="B9-error",
        title="The error of layered soft thresholding",
        statement="Under the same hypothesis the local error of layer i is at most epsilon_i.",
        formula=r"\epsilon_i = \sqrt{\|X_i\|^P_{0,\infty}}\,\bigl(\epsilon_{i-1} + "
        r"\mu_i(\|X_i\|_{0,\infty} - 1)X_i^{\max} + \beta_i\bigr)",
        source="papyan2017cnn",
        provenance="S",
        draw=lambda rng: _draw(rng, quiet=0.02),
        margins=_thresholding_margins,
        measure=lambda layers: _worst(layers, layers.thresholded, layers.thresholds[1]),
        bound=lambda layers: 1.0,
    ),
    Claim(
        id="B11-support",
        title="Layered basis pursuit stays inside the supports",
        statement="With stripe norms below (1 + 1/mu_i)/3 and weights 4 epsilon_{i-1}, no layer "
        "has a nonzero outside of its planted support.",
        formula=r"\|\Gamma_i\|_{0,\infty} < \tfrac13\Bigl(1 + \frac{1}{\mu_i}\Bigr),\; \xi_i = "
        r"4\epsilon_{i-1}",
        source="papyan2017cnn",
        provenance="S",
        draw=lambda rng: _draw(rng, quiet=0.05),
        margins=_pursuit_margins,
        measure=lambda layers: _beyond(layers, layers.pursued),
        bound=lambda layers: 0.0,
        exact=True,
    ),
    Claim(
        id="B11-error",
        title="The error of layered basis pursuit",
        statement="Under the same hypothesis the local error of layer i is at most epsilon_i.",
        formula=r"\epsilon_i = \|E\|^P_{2,\infty}\, 7.5^i \prod_{j \le i} "
        r"\sqrt{\|\Gamma_j\|^P_{0,\infty}}",
        source="papyan2017cnn",
        provenance="S",
        draw=lambda rng: _draw(rng, quiet=0.05),
        margins=_pursuit_margins,
        measure=lambda layers: _worst(layers, layers.pursued, layers.weights[1]),
        bound=lambda layers: 1.0,
    ),
)
