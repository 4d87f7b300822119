"""Convergence, the bias of ML-ISTA, and dense layers: measurements for figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsecsc.dictionaries.concat import Concat
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.identity import Identity
from sparsecsc.dictionaries.incoherent import dirac_barker_filters
from sparsecsc.dictionaries.random import random_filters
from sparsecsc.penalties.l1 import L1
from sparsecsc.problems import Pursuit
from sparsecsc.solvers.fista import FISTA
from sparsecsc.solvers.ista import ISTA
from sparsecsc.theory.claims.bias import FixedPoint, two_layer_bias
from sparsecsc.theory.claims.rates import Descent
from sparsecsc.theory.claims.unfolding import draw_chain
from sparsecsc.theory.small import draw_planted
from sparsecsc.theory.sweeps import Sweep

_STEPS, _SHOWN = 300, 60
_A = 3.0
METHODS = {
    "ISTA": ISTA(),
    "FISTA": FISTA(restart=False),
    "Chambolle–Dossal": FISTA(restart=False, a=_A),
}


def _convergence(method: str, rng: np.random.Generator) -> dict[str, Any]:
    """Return the excess of the objective, and its bound, at iterations spaced by ratios."""
    dictionary = ConvDictionary(dirac_barker_filters())
    problem = Pursuit(draw_planted(rng, dictionary, 256), dictionary, L1(0.05))
    rate = _A if method == "Chambolle–Dossal" else 2.0
    run = Descent(problem, np.zeros(problem.codes_shape), METHODS[method], _STEPS, rate)
    bounds = run.ista_bound() if method == "ISTA" else run.fista_bound()
    at = np.unique(np.geomspace(1, _STEPS, _SHOWN).astype(int)) - 1
    return {
        "iterations": (at + 1).tolist(),
        "excess": run.excess[at].tolist(),
        "bound": bounds[at].tolist(),
    }


CONVERGENCE = Sweep(
    name="convergence", claims=("B13",), points=tuple(METHODS), measure=_convergence
)
"""One problem on the spike and the Barker sequence, from zero codes."""


def _bias(share: float, rng: np.random.Generator) -> dict[str, Any]:
    """Return bias and bound of the same three problems for every first step."""
    excess, bounds = [], []
    for _ in range(3):
        problem = draw_chain(rng, 2, n=24, signs=False)
        start = np.zeros(problem.shapes[-1])
        run = FixedPoint(problem, start, start, (share, 1.0), n_sweeps=1)
        excess.append(run.excess)
        bounds.append(two_layer_bias(run))
    return {"excess": excess, "bound": bounds}


BIAS = Sweep(
    name="bias",
    claims=("B16",),
    points=(1.0, 0.56, 0.3, 0.18, 0.1, 0.056),
    measure=_bias,
)
"""Two layers: how far the fixed point of ML-ISTA is above the optimum, by the first step."""


_CHANNELS, _POSITIONS, _MAPS, _WEIGHT, _LARGE, _LAST = 15, 100, 15, 0.15, 1.5, 150


def _unreconstructed(name: str, rng: np.random.Generator) -> dict[str, Any]:
    """Return how many residuals are above 1.5 weights at iterations 0 to 150 of FISTA."""
    filters = ConvDictionary(random_filters(_MAPS, _CHANNELS, 5, rng))
    signal = rng.standard_normal((1, _CHANNELS, _POSITIONS))
    dictionary = Concat([Identity(), filters]) if name == "with" else filters
    problem = Pursuit(signal, dictionary, L1(_WEIGHT))
    solver: Any = FISTA(restart=False)
    state = solver.init(problem, np.zeros(problem.codes_shape))
    counts = []
    for _ in range(_LAST + 1):
        residual = np.abs(problem.residual(state.codes))
        counts.append(int(np.sum(residual > _LARGE * _WEIGHT)))
        state = solver.step(problem, state)
    return {"counts": counts, "dimensions": _CHANNELS * _POSITIONS}


DENSE = Sweep(name="dense", claims=("B20",), points=("with", "without"), measure=_unreconstructed)
"""A layer with and without the identity; the set-up of the paper's figure is unknown."""
