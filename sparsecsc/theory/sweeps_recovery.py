"""Recovery inside and beyond its bound, and errors against noise: measurements for figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.incoherent import dirac_barker_filters
from sparsecsc.penalties.l0 import L0
from sparsecsc.penalties.l1 import L1
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.solve import solve
from sparsecsc.solvers.omp import OMP
from sparsecsc.theory.coherence import recovery_bounds
from sparsecsc.theory.norms import patch_energy
from sparsecsc.theory.planted import plant
from sparsecsc.theory.sweeps import Sweep

COHERENCE = 1 / np.sqrt(13)
"""Of the spike and the Barker sequence."""
BOUND, _ = recovery_bounds(COHERENCE)
_SPATIAL, _TRIALS, _SMALL = (156,), 20, 1e-2


def _planted(rng: np.random.Generator, stripe: int) -> tuple[ConvDictionary, Array]:
    """Return the dictionary T1 and codes of size 1, packed densely up to a stripe norm."""
    dictionary = ConvDictionary(dirac_barker_filters())
    return dictionary, np.sign(plant(rng, dictionary, _SPATIAL, stripe=stripe).codes)


def _recovered(dictionary: ConvDictionary, codes: Array) -> tuple[bool, bool, bool]:
    """Return whether OMP, basis pursuit and thresholding find the codes."""
    signal = dictionary.synthesize(codes, _SPATIAL)
    n = int(np.count_nonzero(codes))
    greedy = solve(Pursuit(signal, dictionary, L0(0.0)), OMP(n_nonzero=n), max_iter=n + 1).codes
    problem = Pursuit(signal, dictionary, L1(_SMALL))
    convex = solve(problem, tol=1e-4, max_iter=20_000).codes
    sizes, active = np.abs(dictionary.analyze(signal)), codes != 0
    return (
        bool(np.array_equal(greedy != 0, active)),
        float(np.abs(convex - codes).max()) < 25 * _SMALL,
        bool(sizes[active].min() > sizes[~active].max()),
    )


def _recovery(stripe: int, rng: np.random.Generator) -> dict[str, Any]:
    found = np.array([_recovered(*_planted(rng, stripe)) for _ in range(_TRIALS)])
    shares = dict(zip(("OMP", "basis pursuit", "thresholding"), found.mean(axis=0), strict=True))
    return {name: float(share) for name, share in shares.items()} | {"trials": _TRIALS}


RECOVERY = Sweep(
    name="recovery",
    claims=("B1", "B2", "B3"),
    points=tuple(range(1, 13)),
    measure=_recovery,
)
"""Share of trials in which codes of a stripe norm are found, by each method."""


def _noise(rng: np.random.Generator, dictionary: ConvDictionary, codes: Array) -> Array:
    """Return noise of norm 1 in the patch where it is largest: white, or against the codes."""
    white = rng.random() < 0.5
    shape = (1, 1, *_SPATIAL)
    error = rng.standard_normal(shape) if white else -dictionary.synthesize(codes, _SPATIAL)
    return error / patch_energy(error, dictionary.extent)


def _errors(size: float, rng: np.random.Generator) -> dict[str, Any]:
    """Return errors over what noise of this local size permits; |Gamma| = 1 throughout."""
    greedy, greedy_bounds, convex = [], [], []
    for _ in range(_TRIALS):
        dictionary, codes = _planted(rng, 2)
        noise = size * _noise(rng, dictionary, codes)
        whole = float(np.linalg.norm(noise))
        problem = Pursuit(dictionary.synthesize(codes, _SPATIAL) + noise, dictionary, L0(0.0))
        n = int(np.count_nonzero(codes))
        found = solve(problem, OMP(n_nonzero=n, residual=whole), max_iter=n + 1).codes
        greedy.append(float(np.linalg.norm(found - codes)))
        greedy_bounds.append(whole / float(np.sqrt(1 - COHERENCE)))
        dictionary, codes = _planted(rng, 1)
        noise = size * _noise(rng, dictionary, codes)
        signal = dictionary.synthesize(codes, _SPATIAL) + noise
        found = solve(Pursuit(signal, dictionary, L1(4 * size)), tol=1e-8, max_iter=20_000).codes
        convex.append(float(np.abs(found - codes).max()))
    return {
        "OMP": greedy,
        "OMP bound": greedy_bounds,
        "OMP in force": bool(BOUND - size / COHERENCE > 2),
        "basis pursuit": convex,
        "basis pursuit bound": 7.5 * size,
    }


NOISE = Sweep(
    name="noise",
    claims=("B4", "B5", "B6"),
    points=tuple(float(f"{10.0**e:.3g}") for e in np.linspace(-3, -0.2, 12)),
    measure=_errors,
)
"""Errors of OMP (codes of stripe norm 2) and basis pursuit (1) against local noise."""
