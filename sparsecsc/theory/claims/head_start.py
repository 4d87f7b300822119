"""Where a residual start beats the zero start: the statements of `residual_start`, tried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.penalties.l1 import L1
from sparsecsc.penalties.nonnegative_l1 import NonnegativeL1
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.solvers.ista import ISTA
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.small import draw_pursuit, optimum

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Race:
    """A layer's problem, a start beside zero, and a step; ISTA runs from both."""

    problem: Pursuit
    start: Array
    share: float
    """c L."""
    n_steps: int = 40

    @property
    def step(self) -> float:
        """The step c."""
        return self.share / self.problem.lipschitz()

    @cached_property
    def best(self) -> Array:
        """The optimum."""
        return optimum(self.problem)

    @property
    def slope(self) -> float:
        """G, the norm of the thresholded correlations with the signal."""
        first = self.problem.penalty.prox(self.problem.correlation(self.problem.signal), 1.0)
        return norm(first)

    @cached_property
    def from_zero(self) -> list[Array]:
        """The iterates from zero."""
        return self.run(np.zeros(self.problem.codes_shape))

    @property
    def gain(self) -> float:
        """The a of the theorem, <Ds, X> - phi(s)."""
        inner = float(np.sum(self.image * self.problem.signal))
        return inner - float(self.problem.penalty.value(self.start))

    @cached_property
    def image(self) -> Array:
        """D s."""
        return self.problem.synthesize(self.start)

    def run(self, start: Array) -> list[Array]:
        """Return the iterates from a start, itself first."""
        solver: Any = ISTA(step_size=self.step)
        state = solver.init(self.problem, start.copy())
        codes = [state.codes.copy()]
        for _ in range(self.n_steps):
            state = solver.step(self.problem, state)
            codes.append(state.codes.copy())
        return codes

    def objective(self, codes: Array) -> float:
        """Return F."""
        return float(self.problem.objective(codes))


def norm(array: Array) -> float:
    """Return the Euclidean norm of all entries."""
    return float(np.linalg.norm(array))


def draw_race(rng: np.random.Generator) -> Race:
    """Draw any problem and step; a start from a tenth to all of the optimum, and noise."""
    share = float(10.0 ** rng.uniform(-2, 0))
    problem = draw_pursuit(rng, n=48)
    best = optimum(problem)
    start = best + 10.0 ** rng.uniform(-1.5, 0) * np.abs(best).max() * _sparse(rng, best.shape)
    if isinstance(problem.penalty, NonnegativeL1):
        start = np.abs(start)
    return Race(problem, start * 10.0 ** rng.uniform(-1, 0.5), share)


def _sparse(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.standard_normal(shape) * (rng.random(shape) < 0.2)


def _travelled(race: Race) -> float:
    """Return the largest |Gamma^k| / (k c G) of k >= 2; at k = 1 it is 1 by definition."""
    sizes = np.array([norm(codes) for codes in race.from_zero[2:]])
    k = np.arange(2, race.n_steps + 1)
    return float(np.max(sizes / (k * race.step * race.slope)))


def _descended(race: Race) -> float:
    """Return the largest (F(0) - F(Gamma^k)) / (k c G^2)."""
    values = np.array([race.objective(codes) for codes in race.from_zero])
    k = np.arange(1, race.n_steps + 1)
    return float(np.max((values[0] - values[1:]) / (k * race.step * race.slope**2)))


def _moving(race: Race) -> Mapping[str, float]:
    return {"step at most 1/L": 1.0 + 1e-12 - race.share, "zero is not optimal": race.slope}


def _scale_error(race: Race) -> float:
    """Return how far the lowest of many scales is from where the formulas have it, relatively.

    The scales are 0, the formula's and 200 around it, or up to 1 if the formula has none.
    """
    scale = max(race.gain, 0.0) / norm(race.image) ** 2
    fall = max(race.gain, 0.0) ** 2 / (2.0 * norm(race.image) ** 2)
    nothing = race.objective(0.0 * race.start)
    found = nothing - race.objective(scale * race.start)
    others = np.append(scale * np.linspace(0.5, 1.5, 100), np.linspace(0.01, 1.0, 100))
    lowest = min(race.objective(tau * race.start) for tau in others)
    return max(abs(found - fall), nothing - lowest - fall) / nothing


def _seen(race: Race) -> Mapping[str, float]:
    return {"D s is not 0": norm(race.image) - 1e-9}


@dataclass(frozen=True, eq=False)
class OrthogonalRace(Race):
    """A race whose dictionary has orthogonal atoms of one norm."""

    @property
    def kappa(self) -> float:
        """The squared norm of the atoms."""
        return float(np.sum(self.problem.dictionary.filters[0] ** 2))

    @cached_property
    def best(self) -> Array:
        """The optimum in closed form."""
        problem = self.problem
        found: Array = problem.penalty.prox(problem.correlation(problem.signal), 1.0) / self.kappa
        return found

    @cached_property
    def visible(self) -> float:
        """Distances below this are hidden by the rounding of codes that are not shrunk."""
        return 1e-7 * (norm(self.problem.correlation(self.problem.signal)) / self.kappa)

    @property
    def contraction(self) -> Array:
        """(1 - c kappa)^k."""
        powers: Array = (1.0 - self.step * self.kappa) ** np.arange(self.n_steps + 1)
        return powers

    def distances(self, start: Array) -> Array:
        """Return |Gamma^k - Gamma*| / |Gamma^0 - Gamma*|, or 0 where rounding hides it."""
        apart = np.array([norm(codes - self.best) for codes in self.run(start)])
        return np.where(apart > self.visible + 1e-7 * norm(start), apart, 0.0) / apart[0]


def _draw_orthogonal(rng: np.random.Generator) -> OrthogonalRace:
    """Draw filters as long as the stride with orthogonal rows; half of the starts are aligned."""
    width, m = 4, int(rng.integers(2, 5))
    rows = np.linalg.qr(rng.standard_normal((width, width)))[0][:m]
    dictionary = ConvDictionary(float(rng.uniform(0.5, 2)) * rows[:, None], stride=width)
    signal = rng.standard_normal((1, 1, 10 * width))
    largest = float(np.abs(dictionary.analyze(signal)).max())
    kind = L1 if rng.random() < 0.5 else NonnegativeL1
    problem = Pursuit(signal, dictionary, kind(float(rng.uniform(0.02, 0.5)) * largest))
    start = rng.standard_normal(problem.codes_shape)
    if kind is NonnegativeL1:
        start = np.abs(start)
    drawn = OrthogonalRace(problem, start, float(rng.uniform(0.05, 0.9)), n_steps=20)
    if rng.random() < 0.5:
        return replace(drawn, start=drawn.best * rng.random(start.shape))
    return drawn


def _orthogonal(race: OrthogonalRace) -> Mapping[str, float]:
    """Return that atoms are orthogonal and of one norm, the optimum not 0, the start not it."""
    identity = np.eye(race.best.size).reshape(race.best.size, *race.best.shape[1:])
    gram = race.problem.dictionary.gram(identity, race.problem.signal.shape[2:])
    return {
        "D^T D = kappa I": 1e-10 - float(np.abs(gram - race.kappa * identity).max()),
        "the optimum is not 0": norm(race.best) - race.visible,
        "the start is not the optimum": norm(race.start - race.best) - 1e-9,
    }


def _zero_error(race: OrthogonalRace) -> float:
    found = race.distances(0.0 * race.start)
    return float(np.max(np.abs(found / race.contraction - 1.0)[found > 0]))


def _start_ratio(race: OrthogonalRace) -> float:
    return float(np.max(race.distances(race.start)[1:] / race.contraction[1:]))


CLAIMS = (
    Claim(
        id="A3-travelled",
        title="How far the zero start can have come after k steps",
        statement=(
            "After k steps of size c, at most 1/L, from zero the norm of the codes is at most k "
            "times that of the first move, cG."
        ),
        formula=r"\|\Gamma_0^k\| \le kcG, \quad G = \|S_\beta(D^TX)\|",
        source="derived here (head start, 1)",
        provenance="D",
        draw=draw_race,
        margins=_moving,
        measure=_travelled,
        bound=lambda race: 1.0,
    ),
    Claim(
        id="A3-descended",
        title="How low the zero start can have come after k steps",
        statement=(
            "After k steps of size c, at most 1/L, from zero the objective has fallen by at most "
            "k c G^2."
        ),
        formula=r"F(0) - F(\Gamma_0^k) \le kcG^2, \quad G = \|S_\beta(D^TX)\|",
        source="derived here (head start, 2)",
        provenance="D",
        draw=draw_race,
        margins=_moving,
        measure=_descended,
        bound=lambda race: 1.0,
    ),
    Claim(
        id="A3-best-scale",
        title="The lowest multiple of a start",
        statement=(
            "Among the multiples tau s, tau >= 0, the lowest is at tau* = a_+/|Ds|^2, lower than "
            "zero by a_+^2/(2|Ds|^2), with a the inner product of Ds and X minus the penalty of s."
        ),
        formula=r"\min_{\tau \ge 0} F(\tau s) = F(0) - \frac{a_+^2}{2\|Ds\|^2},"
        r"\quad a = \langle Ds, X\rangle - \beta\|s\|_1",
        source="derived here (head start, 3)",
        provenance="D",
        draw=draw_race,
        margins=_seen,
        measure=_scale_error,
        bound=lambda race: 1e-12 * (1.0 + norm(race.image) ** 2 / norm(race.problem.signal) ** 2),
        exact=True,
    ),
    Claim(
        id="A3-zero-contracts",
        title="With orthogonal atoms of one norm the zero start contracts at one rate",
        statement=(
            "If D^T D = kappa I, each step of size c from zero multiplies the distance to the "
            "optimum by exactly 1 - c kappa."
        ),
        formula=r"D^TD = \kappa I \Rightarrow"
        r" \|\Gamma_0^k - \Gamma^*\| = (1 - c\kappa)^k\|\Gamma^*\|",
        source="derived here (head start, 4)",
        provenance="D",
        draw=_draw_orthogonal,
        margins=_orthogonal,
        measure=_zero_error,
        bound=lambda race: 1e-6,
        exact=True,
    ),
    Claim(
        id="A3-start-contracts",
        title="With orthogonal atoms of one norm a nearer start stays ahead",
        statement=(
            "If D^T D = kappa I, each step of size c from any start multiplies the distance to "
            "the optimum by at most 1 - c kappa; by just that if the start has no sign or support "
            "that the optimum has not."
        ),
        formula=r"D^TD = \kappa I \Rightarrow"
        r" \|\Gamma_s^k - \Gamma^*\| \le (1 - c\kappa)^k\|s - \Gamma^*\|",
        source="derived here (head start, 4)",
        provenance="D",
        draw=_draw_orthogonal,
        margins=_orthogonal,
        measure=_start_ratio,
        bound=lambda race: 1.0,
        rounding=1e-6,
    ),
)
