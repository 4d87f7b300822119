"""How errors grow from layer to layer in four pursuits: measurements for a figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.incoherent import sidon_filters
from sparsecsc.models.mlcsc import MLCSC
from sparsecsc.models.problem import MultilayerPursuit
from sparsecsc.penalties.l1 import L1
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.solve import solve
from sparsecsc.solvers.layered_basis_pursuit import LayeredBasisPursuit
from sparsecsc.solvers.layered_thresholding import LayeredThresholding
from sparsecsc.solvers.mladmm import MLADMM
from sparsecsc.solvers.projection_pursuit import ProjectionPursuit
from sparsecsc.theory.sweeps import Sweep

DEPTH = 5
_WIDTH, _N, _TAPS, _N_DEEP, _TRIALS = 16, 64, 3, 4, 3
_SHARES = (0.01, 0.03, 0.1, 0.2, 0.4, 0.7)
"""Weights that are tried in each layer, in units of the largest correlation."""
_DEEP_SHARES = (0.01, 0.03, 0.1)
"""The same for pursuits of all layers at once."""
_NOISE = 0.1
"""Norm of the noise over that of the signal."""


def _chain(rng: np.random.Generator) -> tuple[MLCSC, list[Array]]:
    """Return five sparse layers of unit atoms, the first from 12 channels, and planted codes."""
    widths = [12, *[_WIDTH] * DEPTH]
    banks = [sidon_filters(m, channels, 12, _TAPS, rng) for channels, m in pairwise(widths)]
    model = MLCSC([ConvDictionary(bank) for bank in banks])
    deepest = np.zeros((1, _WIDTH, _N))
    places = rng.choice(deepest.size, _N_DEEP, replace=False)
    deepest.flat[places] = rng.choice((-1.0, 1.0), _N_DEEP) * rng.uniform(1, 2, _N_DEEP)
    codes = [deepest]
    for dictionary in model.dictionaries[:0:-1]:
        codes.insert(0, dictionary.synthesize(codes[0], (_N,)))
    return model, codes


def _relative(found: Array, codes: Array) -> float:
    return float(np.linalg.norm(found - codes) / np.linalg.norm(codes))


def _layer_by_layer(
    step: Callable[[Pursuit], Array], signal: Array, model: MLCSC, truth: Sequence[Array]
) -> list[float]:
    """Return the weights that make the error of each layer least, from the first layer on."""
    weights, given = [], signal
    for dictionary, codes in zip(model.dictionaries, truth, strict=True):
        largest = float(np.abs(dictionary.analyze(given)).max()) or 1.0
        tried = [
            (step(Pursuit(given, dictionary, L1(share * largest))), share * largest)
            for share in _SHARES
        ]
        given, weight = min(tried, key=lambda pair: _relative(pair[0], codes))
        weights.append(weight)
    return weights


def _threshold(problem: Pursuit) -> Array:
    return problem.penalty.prox(problem.dictionary.analyze(problem.signal), 1.0)


def _basis_pursuit(problem: Pursuit) -> Array:
    return solve(problem, tol=1e-3).codes


def _solved(solver: Any, signal: Array, model: MLCSC, weights: Sequence[float]) -> Sequence[Array]:
    problem = MultilayerPursuit(signal, model, [L1(weight) for weight in weights])
    codes: Sequence[Array] = solve(problem, solver, tol=1e-2, max_iter=5000).codes
    return codes


def _together(
    solver: Any, signal: Array, model: MLCSC, truth: Sequence[Array], *, shallow: float
) -> Sequence[Array]:
    """Return the codes for the weight that is best for the deepest.

    The weights of the other layers are `shallow` times that of the deepest.
    """
    correlation = signal
    for dictionary in model.dictionaries:
        correlation = dictionary.analyze(correlation)
    tried = []
    for share in _DEEP_SHARES:
        weight = share * float(np.abs(correlation).max())
        weights = [shallow * weight] * (DEPTH - 1) + [weight]
        tried.append(_solved(solver, signal, model, weights))
    return min(tried, key=lambda codes: _relative(codes[-1], truth[-1]))


def _pursue(name: str, signal: Array, model: MLCSC, truth: Sequence[Array]) -> Sequence[Array]:
    if name == "projection pursuit":
        return _together(ProjectionPursuit(), signal, model, truth, shallow=0.0)
    if name == "multi-layer basis pursuit":
        return _together(MLADMM(), signal, model, truth, shallow=0.1)
    layered = name == "layered basis pursuit"
    step = _basis_pursuit if layered else _threshold
    solver = LayeredBasisPursuit(tol=1e-3) if layered else LayeredThresholding()
    weights = _layer_by_layer(step, signal, model, truth)
    return _solved(solver, signal, model, weights)


def _depth(name: str, rng: np.random.Generator) -> dict[str, Any]:
    """Return the relative error of each layer, for a few chains."""
    errors = []
    for _ in range(_TRIALS):
        model, truth = _chain(rng)
        signal = model.dictionaries[0].synthesize(truth[0], (_N,))
        noise = rng.standard_normal(signal.shape)
        noise *= _NOISE * np.linalg.norm(signal) / np.linalg.norm(noise)
        found = _pursue(name, signal + noise, model, truth)
        errors.append([_relative(a, b) for a, b in zip(found, truth, strict=True)])
    return {"errors": errors}


DEPTHS = Sweep(
    name="depth",
    claims=("B9", "B11", "B17", "B18"),
    points=(
        "layered thresholding",
        "layered basis pursuit",
        "projection pursuit",
        "multi-layer basis pursuit",
    ),
    measure=_depth,
)
"""Chains of five sparse layers; an oracle chooses the weights of every pursuit."""
