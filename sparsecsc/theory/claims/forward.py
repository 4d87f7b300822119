"""Layered thresholding is the forward pass of a network: convolutional, residual, dense."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.models.mlcsc import MLCSC
from sparsecsc.models.msdcsc import MSDCSC
from sparsecsc.models.problem import MultilayerPursuit
from sparsecsc.models.rescsc import ResCSC
from sparsecsc.penalties.nonnegative_l1 import NonnegativeL1
from sparsecsc.penalties.relu import ReLU
from sparsecsc.protocols import Array
from sparsecsc.solve import solve
from sparsecsc.solvers.layered_thresholding import LayeredThresholding
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.small import correlate, matrix, rectify

_ROUNDING = 500 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """A model, and the network that it is to equal, written without the library's operators."""

    signal: Array
    model: Any
    penalties: Sequence[Any]
    network: Callable[[], list[Array]]
    solver: LayeredThresholding = field(default_factory=LayeredThresholding)

    @cached_property
    def maps(self) -> list[Array]:
        """What the network computes: the maps to be found in the codes."""
        return self.network()

    @property
    def codes(self) -> tuple[Array, ...]:
        """What the library computes."""
        problem = MultilayerPursuit(self.signal, self.model, self.penalties)
        return tuple(solve(problem, self.solver).codes)


def _difference(passes: ForwardPass) -> float:
    pairs = zip(passes.codes, passes.maps, strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def _allowance(passes: ForwardPass) -> float:
    return _ROUNDING * max(1.0, *(float(np.abs(m).max()) for m in passes.maps))


def _always(passes: ForwardPass) -> Mapping[str, float]:
    return {"layers": float(len(passes.model.dictionaries))}


def _nonnegative(passes: ForwardPass) -> Mapping[str, float]:
    return {"least sample of the signal": float(passes.signal.min()) + 1e-300}


def _bank(rng: np.random.Generator, *shape: int) -> Array:
    return rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))


def _across(bias: Array) -> Array:
    """Return one number a filter, to be broadcast over two spatial axes."""
    return bias[:, None, None]


def _draw_network(rng: np.random.Generator) -> ForwardPass:
    """Draw a plain network of 1 to 4 layers, with strides and borders of zeros or none."""
    widths = [2, *rng.integers(2, 6, size=rng.integers(1, 5))]
    banks = [_bank(rng, b, a, 3, 3) for a, b in pairwise(widths)]
    strides = rng.integers(1, 3, size=len(banks)) if len(banks) < 3 else np.ones(len(banks), int)
    padding = int(rng.integers(0, 2))
    biases = [0.3 * rng.standard_normal(len(bank)) for bank in banks]
    signal = rng.standard_normal((2, 2, 13, 13))
    pairs = zip(banks, strides, strict=True)
    layers = [ConvDictionary(b, stride=int(s), padding=padding) for b, s in pairs]

    def network() -> list[Array]:
        maps = [signal]
        for bank, stride, bias in zip(banks, strides, biases, strict=True):
            found = correlate(maps[-1], bank, stride=int(stride), padding=padding)
            maps.append(rectify(found + _across(bias)))
        return maps[1:]

    return ForwardPass(signal, MLCSC(layers), [ReLU(b) for b in biases], network)


def _draw_residual(rng: np.random.Generator) -> ForwardPass:
    """Draw basic blocks, the first of which may halve the size and have a projection shortcut."""
    halve, width, blocks = bool(rng.integers(2)), 3, int(rng.integers(1, 4))
    wide = 4 if halve else width
    banks = [_bank(rng, wide, width, 3, 3)]
    banks += [_bank(rng, wide, wide, 3, 3) for _ in range(2 * blocks - 1)]
    strides = [2 if halve else 1] + [1] * (len(banks) - 1)
    projection = _bank(rng, wide, width, 1, 1)
    biases = [0.3 * rng.standard_normal(wide) for _ in banks]
    signal = rng.standard_normal((1, width, 12, 12))
    shortcut: list[ConvDictionary | None] = [None] * len(banks)
    if halve:
        shortcut[1] = ConvDictionary(projection, stride=2, padding=0)
    pairs = zip(banks, strides, strict=True)
    model = ResCSC([ConvDictionary(b, stride=s, padding=1) for b, s in pairs], shortcut, 0.0)

    def network() -> list[Array]:
        maps = [signal]
        for j in range(0, len(banks), 2):
            before = maps[-1]
            convolved = correlate(before, banks[j], stride=strides[j], padding=1)
            inner = rectify(convolved + _across(biases[j]))
            skip = (
                correlate(before, projection, stride=2, padding=0) if halve and j == 0 else before
            )
            outer = skip + correlate(inner, banks[j + 1], padding=1) + _across(biases[j + 1])
            maps += [inner, rectify(outer)]
        return maps[1:]

    return ForwardPass(signal, model, [ReLU(b) for b in biases], network)


def _draw_step(rng: np.random.Generator) -> ForwardPass:
    """Draw blocks of two circular layers; the step is one of the products c L in (0, 1.5)."""
    banks = [_bank(rng, 3, 3, 4) for _ in range(2 * int(rng.integers(1, 4)))]
    layers = [ConvDictionary(b, dilation=2) for b in banks]
    steps = [rng.uniform(0.05, 1.5) / layer.lipschitz((16,)) for layer in layers]
    weights = [float(rng.uniform(0.0, 0.5)) for _ in banks]
    signal = rng.standard_normal((1, 3, 16))

    def network() -> list[Array]:
        maps = [signal.ravel()]
        for i, (bank, step, weight) in enumerate(zip(banks, steps, weights, strict=True)):
            explicit = matrix(bank, (16,), dilation=2)
            start = maps[-2] if i % 2 else np.zeros(explicit.shape[1])
            gradient = explicit.T @ (explicit @ start - maps[-1])
            maps.append(rectify(start - step * gradient - step * weight))
        return [found.reshape(1, 3, 16) for found in maps[1:]]

    penalties = [NonnegativeL1(weight) for weight in weights]
    return ForwardPass(signal, ResCSC(layers), penalties, network, LayeredThresholding(steps))


def _dense_network(
    signal: Array, banks: Sequence[Array], biases: Sequence[Array], scales: Sequence[int]
) -> list[Array]:
    """Return after each layer all maps of a mixed-scale dense network."""
    maps = [signal]
    for bank, bias, scale in zip(banks, biases, scales, strict=True):
        convolved = correlate(maps[-1], bank, dilation=scale, padding=scale)
        new = rectify(convolved + _across(bias))
        maps.append(np.concatenate([maps[-1], new], axis=1))
    return maps[1:]


def _draw_dense(rng: np.random.Generator) -> ForwardPass:
    """Draw 2 to 5 dense layers at dilations 1 to 4, on a signal >= 0."""
    depth, channels = int(rng.integers(2, 6)), 2
    news = [int(k) for k in rng.integers(1, 4, size=depth)]
    widths = [channels + sum(news[:i]) for i in range(depth)]
    banks = [_bank(rng, k, c, 3, 3) for k, c in zip(news, widths, strict=True)]
    biases = [0.3 * rng.standard_normal(k) for k in news]
    scales = [int(s) for s in rng.integers(1, 5, size=depth)]
    signal = np.abs(rng.standard_normal((1, channels, 12, 12)))
    penalties = [ReLU(np.pad(b, (c, 0))) for b, c in zip(biases, widths, strict=True)]
    model = MSDCSC(banks, dilations=scales, padding="same")
    return ForwardPass(
        signal, model, penalties, lambda: _dense_network(signal, banks, biases, scales)
    )


@dataclass(frozen=True, eq=False)
class LiftedPass(ForwardPass):
    """A signal of any sign as its positive and negative parts."""

    channels: int = 2

    @property
    def codes(self) -> tuple[Array, ...]:
        """The maps of the lifted model, with the difference of the two parts in front."""
        c = self.channels
        found = super().codes
        return tuple(np.concatenate([z[:, :c] - z[:, c : 2 * c], z[:, 2 * c :]], 1) for z in found)


def _draw_lifted(rng: np.random.Generator) -> LiftedPass:
    """Draw a signal of any sign; the model sees [X+; X-] by filters [F, -F]."""
    dense = _draw_dense(rng)
    signal = rng.standard_normal(dense.signal.shape)
    c = signal.shape[1]
    model, biases = dense.model, [p.bias[-len(b) :] for p, b in _pairs(dense)]
    banks = [np.concatenate([f[:, :c], -f[:, :c], f[:, c:]], axis=1) for f in model.filter_banks]
    lifted = np.concatenate([rectify(signal), rectify(-signal)], axis=1)
    penalties = [ReLU(np.pad(b, (f.shape[1], 0))) for b, f in zip(biases, banks, strict=True)]
    return LiftedPass(
        lifted,
        MSDCSC(banks, dilations=model.dilations, padding="same"),
        penalties,
        lambda: _dense_network(signal, model.filter_banks, biases, model.dilations),
        channels=c,
    )


def _pairs(dense: ForwardPass) -> list[tuple[Any, Array]]:
    return list(zip(dense.penalties, dense.model.filter_banks, strict=True))


CLAIMS = (
    Claim(
        id="B12-network",
        title="Layered thresholding is the forward pass of a convolutional network",
        statement=(
            "With rectified thresholds at minus the biases and a unit step, layered thresholding "
            "of a chain is the network with the same filters, strides and borders."
        ),
        formula=r"\Gamma_i = S^+_{\beta_i}(D_i^T\Gamma_{i-1}) = \mathrm{ReLU}(W_i\Gamma_{i-1}"
        r" + b_i), \quad W_i = D_i^T,\ b_i = -\beta_i",
        source="papyan2017cnn; zhang2021",
        provenance="S",
        draw=_draw_network,
        margins=_always,
        measure=_difference,
        bound=_allowance,
        exact=True,
    ),
    Claim(
        id="B12-residual",
        title="Without the damping term a residual start is the basic block of a ResNet",
        statement=(
            "Layered thresholding of blocks of two layers, the second started at the block's "
            "input with C = 0, is the network of basic blocks; a shortcut dictionary is its "
            "projection shortcut."
        ),
        formula=r"\Gamma_{2j} = \mathrm{ReLU}(P\Gamma_{2j-2} + W_{2j}\Gamma_{2j-1} + b_{2j})",
        source="zhang2021; he2016",
        provenance="S",
        draw=_draw_residual,
        margins=_always,
        measure=_difference,
        bound=_allowance,
        exact=True,
    ),
    Claim(
        id="B12-step",
        title="With C = c the residual start is one exact ISTA step",
        statement=(
            "Layered thresholding of blocks of two layers with damping equal to the step takes, "
            "in each second layer, one proximal gradient step from the block's input."
        ),
        formula=r"\Gamma = S^+_{c\beta}(X_{-1} - c\,D^T(DX_{-1} - X))",
        source="zhang2021",
        provenance="S",
        draw=_draw_step,
        margins=_always,
        measure=_difference,
        bound=_allowance,
        exact=True,
    ),
    Claim(
        id="B12-dense",
        title="Layered thresholding of MSD-CSC is the mixed-scale dense network",
        statement=(
            "If the signal is nonnegative and the identity's thresholds are 0, layered "
            "thresholding of dense layers is the mixed-scale dense network."
        ),
        formula=r"\Gamma_i = S^+([\Gamma_{i-1};\ F_i^{s_i}\Gamma_{i-1} + b_i])"
        r" = [\Gamma_{i-1};\ \mathrm{ReLU}(F_i^{s_i}\Gamma_{i-1} + b_i)], \quad \Gamma_0 \ge 0",
        source="zhang2021 (proposition 1); pelt2018",
        provenance="S; the two conditions D",
        draw=_draw_dense,
        margins=_nonnegative,
        measure=_difference,
        bound=_allowance,
        exact=True,
    ),
    Claim(
        id="B12-lifted",
        title="A signal of any sign, lifted to its two parts, passes the dense layers",
        statement=(
            "The dense network on a signal of any sign is layered thresholding of dense layers "
            "on the positive and negative parts, with the filters that see the signal doubled."
        ),
        formula=r"\Gamma_0 = [X_+; X_-], \quad F_i \mapsto [F_{i,X},\ -F_{i,X},\ F_{i,\Gamma}]",
        source="derived here",
        provenance="D",
        draw=_draw_lifted,
        margins=_nonnegative,
        measure=_difference,
        bound=_allowance,
        exact=True,
    ),
)
