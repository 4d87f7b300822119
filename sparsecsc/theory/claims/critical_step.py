"""Below which step a residual start is worse than none: `residual_start`, statements 5 and 6."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from sparsecsc.problems import Pursuit
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.claims.head_start import Race, draw_race, norm


def _draw_critical(rng: np.random.Generator) -> Race:
    """Draw the step as 0.7 to 1.3 times the critical one, often within a hundredth of it."""
    drawn = draw_race(rng)
    inner = float(np.sum(drawn.start * drawn.best))
    return _near(rng, drawn, norm(drawn.start) ** 2, 2.0 * inner)


def _draw_critical_level(rng: np.random.Generator) -> Race:
    """Draw the step likewise, for the objective."""
    drawn = draw_race(rng)
    return _near(rng, drawn, norm(drawn.image) ** 2, 2.0 * drawn.gain)


def _near(rng: np.random.Generator, drawn: Race, above: float, below: float) -> Race:
    apart = 10.0 ** rng.uniform(-3, math.log10(0.3)) * rng.choice((-1.0, 1.0))
    critical = above / below if below > 0 else 1.0
    return replace(drawn, share=critical * (1.0 + float(apart)))


def _scaled(race: Race, factor: float) -> Race:
    """Return the problem with signal and weight times the factor."""
    penalty = race.problem.penalty.scaled(factor)
    problem = Pursuit(factor * race.problem.signal, race.problem.dictionary, penalty)
    return replace(race, problem=problem)


def _nearer_disagrees(race: Race) -> float:
    """Return 1 if s is nearer below its critical step or not nearer above it; here c = share."""
    scaled = _scaled(race, race.share)
    nearer = norm(scaled.start - scaled.best) < norm(scaled.best)
    above = race.share * 2.0 * float(np.sum(race.start * race.best)) > norm(race.start) ** 2
    return float(nearer != above)


def _lower_disagrees(race: Race) -> float:
    scaled = _scaled(race, race.share)
    lower = scaled.objective(race.start) < scaled.objective(0.0 * race.start)
    return float(lower != (2.0 * race.share * race.gain > norm(race.image) ** 2))


def _apart(a: float, b: float) -> float:
    """Return by how much a/b differs from 1 beyond what the optimum's accuracy can hide."""
    return abs(a / b - 1.0) - 1e-5


def _off_critical(race: Race) -> Mapping[str, float]:
    inner = 2.0 * race.share * float(np.sum(race.start * race.best))
    return {"off the critical step": _apart(inner, norm(race.start) ** 2)}


def _off_level(race: Race) -> Mapping[str, float]:
    return {"off the critical step": _apart(2.0 * race.share * race.gain, norm(race.image) ** 2)}


CLAIMS = (
    Claim(
        id="A3-critical-distance",
        title="The critical step of a residual start: distance",
        statement=(
            "With the signal c X_1 and the weight c beta_1 the start s is nearer to the optimum "
            "than zero exactly for c above |s|^2 / (2 <s, Gamma*_1>), and never if the inner "
            "product is not positive."
        ),
        formula=r"\|s - \Gamma^*_c\| < \|\Gamma^*_c\| \Leftrightarrow"
        r" 2c\,\langle s, \Gamma^*_1\rangle > \|s\|^2",
        source="derived here (critical step, 5)",
        provenance="D",
        draw=_draw_critical,
        margins=_off_critical,
        measure=_nearer_disagrees,
        bound=lambda race: 0.0,
        exact=True,
    ),
    Claim(
        id="A3-critical-objective",
        title="The critical step of a residual start: objective",
        statement=(
            "With the signal c X_1 and the weight c beta_1 the start s is lower than zero exactly "
            "for c above |D s|^2 / (2 a_1), a_1 = <D s, X_1> - beta_1 |s|_1, and never if a_1 is "
            "not positive."
        ),
        formula=r"F_c(s) < F_c(0) \Leftrightarrow 2c\,a_1 > \|Ds\|^2",
        source="derived here (critical step, 6)",
        provenance="D",
        draw=_draw_critical_level,
        margins=_off_level,
        measure=_lower_disagrees,
        bound=lambda race: 0.0,
        exact=True,
    ),
)
