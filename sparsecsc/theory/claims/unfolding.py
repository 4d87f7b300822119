"""Multi-layer unfolding: the sweep of ML-ISTA is an averaged map, at any depth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.incoherent import dirac_barker_filters, sidon_filters
from sparsecsc.dictionaries.random import random_filters
from sparsecsc.models.mlcsc import MLCSC
from sparsecsc.models.normalize import normalize_spectra
from sparsecsc.models.problem import MultilayerPursuit
from sparsecsc.penalties.l1 import L1
from sparsecsc.penalties.nonnegative_l1 import NonnegativeL1
from sparsecsc.protocols import Array
from sparsecsc.solve import solve
from sparsecsc.solvers.mlista import MLFISTA, MLISTA
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.small import draw_planted

_EPS = float(np.finfo(np.float64).eps)
_MOST = 2000


@dataclass(frozen=True, eq=False)
class Unfolding:
    """A multi-layer problem, two deepest codes, and the steps of the layers times their norms."""

    problem: MultilayerPursuit
    here: Array
    there: Array
    shares: tuple[float, ...]
    n_sweeps: int = 200

    @property
    def depth(self) -> int:
        """L."""
        return self.problem.n_layers

    @property
    def steps(self) -> list[float]:
        """mu_i."""
        return [s / self.problem.lipschitz(i) for i, s in enumerate(self.shares, start=1)]

    @property
    def averaging(self) -> float:
        """(L + 1) / (L + 2)."""
        return (self.depth + 1) / (self.depth + 2)

    def sweep(self, deepest: Array) -> tuple[Array, ...]:
        """Return the codes of all layers after one sweep."""
        solver = MLISTA(step_size=self.steps, stationary=0.0)
        shallow = (np.zeros(shape) for shape in self.problem.shapes[1:-1])
        state = solver.init(self.problem, (*shallow, deepest.copy()))
        return solver.step(self.problem, state).codes

    @cached_property
    def path(self) -> list[Array]:
        """The deepest codes of the sweeps from `here`."""
        found = [self.here]
        for _ in range(self.n_sweeps):
            found.append(self.sweep(found[-1])[-1])
        return found

    @cached_property
    def moves(self) -> Array:
        """r_k, the lengths of the moves along the path."""
        return np.array([norm(b - a) for a, b in zip(self.path, self.path[1:], strict=False)])

    @cached_property
    def fixed(self) -> Array:
        """A fixed point: momentum has the same, and reaches them in fewer sweeps."""
        solver = MLFISTA(step_size=self.steps, stationary=1e-14, restart=True)
        shallow = (np.zeros(shape) for shape in self.problem.shapes[1:-1])
        start = (*shallow, self.here.copy())
        run = solve(self.problem, solver, start=start, tol=0.0, max_iter=_MOST, check_every=_MOST)
        deepest: Array = run.codes[-1]
        return deepest

    @cached_property
    def unrest(self) -> float:
        """How far a sweep moves the fixed point that was found."""
        return norm(self.sweep(self.fixed)[-1] - self.fixed)


def norm(array: Array) -> float:
    """Return the Euclidean norm of all entries."""
    return float(np.linalg.norm(array))


def draw_chain(
    rng: np.random.Generator,
    depth: int,
    *,
    n: int = 32,
    signs: bool = True,
    coherent: bool = True,
) -> MultilayerPursuit:
    """T1 and then sparse layers T3, or random layers throughout, with spectral norms of 1.

    Without `signs` the penalties are `L1` in all layers, else one draw in two is nonnegative.
    Without `coherent` no layers are random.
    """
    if rng.random() < 0.5 and coherent:
        banks = [random_filters(3, 1, 5, rng)]
        banks += [random_filters(3, 3, 3, rng) for _ in range(depth - 1)]
    else:
        banks = [dirac_barker_filters()]
        banks += [sidon_filters(2, 2, 9, 4, rng) for _ in range(depth - 1)]
    model = MLCSC([ConvDictionary(bank) for bank in banks])
    signal = draw_planted(rng, model.dictionaries[0], n)
    kind = NonnegativeL1 if signs and rng.random() < 0.5 else L1
    weights = [float(w) for w in 10.0 ** rng.uniform(-2, -0.3, size=depth)]
    scaled = normalize_spectra(model, [kind(w) for w in weights], signal.shape)
    return MultilayerPursuit(signal, scaled.model, scaled.penalties)


def _draw_lines(rng: np.random.Generator, depth: int, angle: float) -> MultilayerPursuit:
    """Return a problem whose sweep is a product of depth + 1 projections onto lines of a plane.

    Single taps on two channels: the first layer sees one direction only, and its gradient step
    projects onto the other; each prox sets one of two codes to 0 by an infinite weight; each
    deeper layer rotates. Small angles make the map as badly averaged as it can be.
    """
    seen = np.array([[[np.sin(angle)]], [[-np.cos(angle)]]])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    layers = [ConvDictionary(seen)] + [ConvDictionary(turn[:, :, None]) for _ in range(depth - 1)]
    signal = rng.standard_normal((1, 1, 1))
    penalties = [L1(np.array([0.0, np.inf])) for _ in layers]
    return MultilayerPursuit(signal, MLCSC(layers), penalties)


def _draw_pair(rng: np.random.Generator) -> Unfolding:
    """1 to 4 layers; a third of the draws are lines, at the pair that is nearly the worst."""
    depth = int(rng.integers(1, 5))
    if rng.random() < 1 / 3:
        angle = 10.0 ** float(rng.uniform(-3, -1))
        problem = _draw_lines(rng, depth, angle)
        here = 10.0 * rng.standard_normal(problem.shapes[-1])
        return Unfolding(problem, here, here + worst_direction(depth, angle), (1.0,) * depth)
    problem = draw_chain(rng, depth)
    here, there = rng.standard_normal((2, *problem.shapes[-1]))
    there = here + 10.0 ** rng.uniform(-2, 0.5) * there
    shares = tuple(float(s) for s in rng.choice((1.0, rng.uniform(0.05, 1)), size=depth))
    return Unfolding(problem, here, there, shares)


def worst_direction(depth: int, angle: float) -> Array:
    """Return the difference of codes at which the product of the projections averages least.

    With T the product and S, K the symmetric parts of I - T and (I - T)^T (I - T), it is the
    direction of the largest generalised eigenvalue of (K, 2 S).
    """
    steps = depth * angle
    product = np.cos(angle) ** depth * np.outer([1.0, 0.0], [np.cos(steps), np.sin(steps)])
    apart = np.eye(2) - product
    symmetric = apart + apart.T
    root = np.linalg.inv(np.linalg.cholesky(symmetric))
    _, vectors = np.linalg.eigh(root @ apart.T @ apart @ root.T)
    return (root.T @ vectors[:, -1]).reshape(1, 2, 1)


def _needed_averaging(pair: Unfolding) -> float:
    """Return |u|^2 / (2 <d, u>) for u = (I - T) x - (I - T) y, d = x - y: at most alpha."""
    d = pair.here - pair.there
    u = d - (pair.sweep(pair.here)[-1] - pair.sweep(pair.there)[-1])
    inner = float(np.sum(d * u))
    if abs(inner) < 1e-14 * float(np.sum(d * d)):
        return 0.0
    return float(np.sum(u * u)) / (2.0 * inner)


def steps_margins(unfolding: Unfolding) -> Mapping[str, float]:
    """Return the hypothesis on the steps."""
    return {"steps at most 1/L_i": 1.0 + 1e-12 - max(unfolding.shares)}


def _draw_path(rng: np.random.Generator) -> Unfolding:
    """1 to 4 layers; a third of the draws are lines, at angles that let sweeps converge."""
    depth = int(rng.integers(1, 5))
    if rng.random() < 1 / 3:
        problem = _draw_lines(rng, depth, float(rng.uniform(0.1, 1.5)))
    else:
        problem = draw_chain(rng, depth, n=24)
    here = 10.0 ** rng.uniform(-1, 1) * rng.standard_normal(problem.shapes[-1])
    return Unfolding(problem, here, here, (1.0,) * depth, n_sweeps=60)


def _worst_rise(run: Unfolding) -> float:
    """Return the largest ratio of a move to the one before, less what rounding adds to a move."""
    rounding = 50 * _EPS * max(norm(p) for p in run.path)
    before, after = run.moves[:-1], run.moves[1:] - rounding
    counted = before > rounding
    return float(np.max(after[counted] / before[counted], initial=0.0))


def _path_margins(run: Unfolding) -> Mapping[str, float]:
    size = max(norm(run.fixed), norm(run.here))
    return {**steps_margins(run), "a fixed point was found": 1e-9 - run.unrest / size}


def _rate(run: Unfolding) -> float:
    distance = norm(run.here - run.fixed) ** 2
    k = np.arange(len(run.moves))
    floor = 1e3 * _EPS * max(norm(p) for p in run.path)
    moves = np.where(run.moves > floor, run.moves, 0.0)
    return float(np.max(moves**2 * (k + 1) / ((run.depth + 1) * (distance or 1.0))))


CLAIMS = (
    Claim(
        id="B16-averaged",
        title="The sweep of ML-ISTA is an averaged map",
        statement=(
            "With steps of at most 1/L_i the map of a sweep on the deepest codes is alpha-averaged "
            "with alpha = (L + 1)/(L + 2) for L layers: for any two codes with difference d, whose "
            "moves differ by u, the squared norm of u is at most 2 alpha times the inner product "
            "of d and u. (For every depth there are problems that come as near as one likes.)"
        ),
        formula=r"\|u\|^2 \le 2\alpha\langle d, u\rangle,\quad d = x - y,\ "
        r"u = (x - Tx) - (y - Ty),\ \alpha = \frac{L+1}{L+2}",
        source="derived here",
        provenance="D",
        draw=_draw_pair,
        margins=steps_margins,
        measure=_needed_averaging,
        bound=lambda pair: pair.averaging,
        rounding=1e-7,
    ),
    Claim(
        id="B16-residuals",
        title="The moves of ML-ISTA never grow",
        statement="With steps of at most 1/L_i no sweep moves the deepest codes further than the "
        "one before.",
        formula=r"r_{k+1} \le r_k, \quad r_k = \|\Gamma^{k+1} - \Gamma^k\|",
        source="derived here",
        provenance="D",
        draw=_draw_path,
        margins=steps_margins,
        measure=_worst_rise,
        bound=lambda run: 1.0,
    ),
    Claim(
        id="B16-rate",
        title="The rate at which ML-ISTA comes to rest",
        statement=(
            "With steps of at most 1/L_i the squared move of sweep k is at most (L + 1)/(k + 1) "
            "times the squared distance of the start from a fixed point."
        ),
        formula=r"r_k^2 \le \frac{(L+1)\|\Gamma^0 - \Gamma^*\|^2}{k+1}",
        source="derived here",
        provenance="D",
        draw=_draw_path,
        margins=_path_margins,
        measure=_rate,
        bound=lambda run: 1.0,
    ),
)
