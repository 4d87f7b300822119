"""Residual chains, and how the start of each block compares with zero at growing depth."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.incoherent import sidon_filters
from sparsecsc.dictionaries.plans import WholeFFT
from sparsecsc.dictionaries.random import random_filters
from sparsecsc.models.problem import MultilayerPursuit
from sparsecsc.models.rescsc import ResCSC
from sparsecsc.optimality import lambda_max
from sparsecsc.penalties.nonnegative_l1 import NonnegativeL1
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.solve import solve
from sparsecsc.solvers.layered_thresholding import LayeredThresholding
from sparsecsc.theory.residual_start import StartComparison, compare_starts

__all__ = ["FAMILIES", "Block", "Family", "StartRecord", "chain_blocks", "start_study"]

_WIDTH, _SIZE = 6, 32
_LONGEST = 40
"""Most steps of a run, times c L; runs that do not arrive by then count as that long."""


_Pair = tuple[Array, Array]


@dataclass(frozen=True)
class Family:
    """How the filters of the two layers of a block are drawn."""

    name: str
    draw: Callable[[int, np.random.Generator], _Pair]
    """From the number of channels and a generator, two banks of as many filters."""


def _random(width: int, rng: np.random.Generator) -> _Pair:
    return random_filters(width, width, 5, rng), random_filters(width, width, 5, rng)


def _sparse(width: int, rng: np.random.Generator) -> _Pair:
    first, second = (sidon_filters(width, width, 9, 4, rng) for _ in range(2))
    return first, second


def _tied(width: int, rng: np.random.Generator) -> _Pair:
    """Make the second layer the first's adjoint: taps reversed, filters and channels exchanged."""
    first = random_filters(width, width, 5, rng)
    return first, np.ascontiguousarray(np.swapaxes(first, 0, 1)[..., ::-1])


def _near_identity(width: int, rng: np.random.Generator) -> _Pair:
    """Add to a spike on the own channel noise of 0.3 of its norm."""
    spikes = np.zeros((width, width, 5))
    spikes[np.arange(width), np.arange(width), 2] = 1.0
    first, second = (spikes + 0.3 * random_filters(width, width, 5, rng) for _ in range(2))
    return first, second


FAMILIES = (
    Family("random", _random),
    Family("sparse", _sparse),
    Family("tied", _tied),
    Family("near identity", _near_identity),
)


@dataclass(frozen=True)
class StartRecord:
    """What the study found in one setting, over all signals."""

    family: str
    block: int
    """From 1; it has two layers."""
    step_share: float
    weight_share: float
    is_scaled: bool
    """Whether the start is the best multiple of the block's input, or the input itself."""
    nearer: float
    """Share of signals with |s - Gamma*| < |Gamma*|."""
    lower: float
    """Share of signals with F(s) < F(0)."""
    distance_ratio: float
    """Median."""
    steps_zero: float
    """Median."""
    saved: float
    """Median of steps from zero minus steps from s."""
    head_start: float
    """Median of the theorem's number."""
    critical_share: float
    """Median of the critical step times L; inf if there is none."""


def start_study(
    *,
    families: Sequence[Family] = FAMILIES,
    n_blocks: int = 8,
    step_shares: Sequence[float] = (1.0, 0.5, 0.2, 0.1),
    weight_shares: Sequence[float] = (0.02, 0.1, 0.3),
    n_signals: int = 12,
    seed: int = 0,
) -> Iterator[StartRecord]:
    """Yield, block by block, how the residual start compares with zero in residual chains.

    Parameters
    ----------
    families : sequence of Family
    n_blocks : int
        Blocks of two layers; every power of two up to it is measured.
    step_shares : sequence of float
        c L_i of all layers, in the chain's forward pass and in the runs that are compared.
    weight_shares : sequence of float
        Weights as shares of the largest weight of each layer and signal.
    n_signals : int
        Independent nonnegative signals, 6 channels of 32 samples, an eighth of them not 0.
    seed : int

    Notes
    -----
    The chain takes one nonnegative ISTA step a layer, the second of each block from the block's
    input; layers have unit spectral norm. Runs end after 40 / (c L) steps.
    Defaults: about a minute.
    """
    for family in families:
        for step in step_shares:
            for weight in weight_shares:
                rng = np.random.default_rng([seed, *family.name.encode()])
                yield from _chain(
                    family,
                    n_blocks,
                    step_share=step,
                    weight_share=weight,
                    n_signals=n_signals,
                    rng=rng,
                )


@dataclass(frozen=True, eq=False)
class Block:
    """The second layer of a block of a residual chain: its problem, and the block's input."""

    number: int
    """From 1."""
    problem: Pursuit
    start: Array


def chain_blocks(
    family: Family,
    n_blocks: int,
    *,
    step_share: float,
    weight_share: float,
    n_signals: int,
    rng: np.random.Generator,
) -> Iterator[Block]:
    """Yield the blocks of a residual chain in turn; the parameters are those of `start_study`."""
    maps = rng.random((n_signals, _WIDTH, _SIZE)) + 0.5
    maps *= rng.random(maps.shape) < 0.125
    for number in range(1, n_blocks + 1):
        layers = [_unit(filters) for filters in family.draw(_WIDTH, rng)]
        first = Pursuit(maps, layers[0], NonnegativeL1(_weights(maps, layers[0], weight_share)))
        inner = first.penalty.prox(step_share * first.correlation(maps), step_share)
        weights = _weights(inner, layers[1], weight_share)
        second = Pursuit(inner, layers[1], NonnegativeL1(weights))
        yield Block(number, second, maps)
        model, penalties = ResCSC(layers), [first.penalty, second.penalty]
        chain = MultilayerPursuit(maps, model, penalties)
        maps = solve(chain, LayeredThresholding(step_share)).codes[-1]


def _unit(filters: Array) -> ConvDictionary:
    """Return the dictionary of the filters over a bound of its norm, which holds at the border."""
    bound = ConvDictionary(filters, padding="same").lipschitz((_SIZE,))
    return ConvDictionary(filters / math.sqrt(bound), padding="same", plan=WholeFFT())


def _weights(signal: Array, dictionary: ConvDictionary, share: float) -> Array:
    """Return `share` of each signal's own largest weight, or 1 where that is 0."""
    largest = [lambda_max(Pursuit(one[None], dictionary, NonnegativeL1(1.0))) for one in signal]
    levels = np.array([share * level if level > 0 else 1.0 for level in largest])
    return levels[:, None, None]


def _chain(family: Family, n_blocks: int, **setting: Any) -> Iterator[StartRecord]:
    step = setting["step_share"]
    for block in chain_blocks(family, n_blocks, **setting):
        if block.number & (block.number - 1):
            continue
        longest = round(_LONGEST / step)
        plain = compare_starts(block.problem, block.start, step_share=step, max_steps=longest)
        start = plain.best_scale[:, None, None] * block.start
        scaled = compare_starts(block.problem, start, step_share=step, max_steps=longest)
        for found, is_scaled in ((plain, False), (scaled, True)):
            yield StartRecord(
                family=family.name,
                block=block.number,
                step_share=step,
                weight_share=setting["weight_share"],
                is_scaled=is_scaled,
                critical_share=float(np.median(step * found.critical_factor)),
                **_numbers(found, longest),
            )


def _numbers(found: StartComparison, longest: int) -> dict[str, float]:
    """Return shares and medians over the signals; runs that never arrive count as the longest."""
    zero, start = (np.minimum(k, longest) for k in (found.steps_zero, found.steps_start))
    return {
        "nearer": float(np.mean(found.distance_ratio < 1)),
        "lower": float(np.mean(found.objective_ratio < 1)),
        "distance_ratio": float(np.median(found.distance_ratio)),
        "steps_zero": float(np.median(zero)),
        "saved": float(np.median(zero - start)),
        "head_start": float(np.median(found.head_start)),
    }
