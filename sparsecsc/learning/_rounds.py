"""One round of learning: a pursuit from the codes before, then an update of the filters."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sparsecsc.backends import backend_of
from sparsecsc.learning._quadratics import Codes, energies, make_quadratic, sparse_if_possible
from sparsecsc.learning.starts import reseed
from sparsecsc.learning.update import STEPS, Point, improve, point_at
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.result import History, Status
from sparsecsc.solve import CHECK_EVERY, solve
from sparsecsc.solvers.coordinate_descent import CoordinateDescent

FIRST_TOL = 0.1
"""Relative gap of the first codes: filters that will change much are not worth exact ones."""
MOST = 100
"""Most iterations of the first pursuit, and of the one at the end."""
OVER = 0.9
"""By how much an update is over-relaxed: on photographs 17 to 65 rounds in place of 28 to 106."""
_FRACTION = 0.1
"""To which an update brings down the gap of the filters."""


@dataclass(frozen=True, eq=False)
class Round:
    """Filters, codes for them, and how far each is from the best for the other."""

    problem: Pursuit
    codes: Codes
    objective: float
    gap: float
    """Of the codes, not relative."""
    relative_gap: float
    """Of the codes; the KKT residual where the penalty is not convex."""
    interrupted: bool
    quadratic: Any
    point: Point
    filter_gap: float
    """Of the filters, relative."""

    @property
    def measure(self) -> float:
        """What is compared with the tolerance."""
        return max(self.relative_gap, self.filter_gap)


def code(
    problem: Pursuit, start: Any, solver: Any, constraint: Any, *, tol: float, max_iter: int
) -> Round:
    """Improve the codes and certify them and the filters."""
    every = None if max_iter == MOST else max_iter
    result = solve(problem, solver, start=start, tol=tol, max_iter=max_iter, check_every=every)
    codes, objective = sparse_if_possible(result.kept), result.objective
    quadratic = make_quadratic(problem, codes)
    point = point_at(quadratic, problem.dictionary.filters)
    gap = max(point.gap(quadratic, constraint), 0.0)
    return Round(
        problem=problem,
        codes=codes,
        objective=objective,
        gap=result.gap,
        relative_gap=result.certificate.measure,
        interrupted=result.status is Status.INTERRUPTED,
        quadratic=quadratic,
        point=point,
        filter_gap=gap / objective if objective > 0 else gap,
    )


def iterations(solver: Any, last: Round) -> int:
    """Return how many iterations the next pursuit gets.

    Of coordinate descent one is enough while the filters are further from optimal than the codes.
    """
    every: int = getattr(solver, "check_every", CHECK_EVERY)
    quick = isinstance(solver, CoordinateDescent) and last.relative_gap <= last.filter_gap
    return 1 if quick else every


def idle_patches(last: Round, constraint: Any) -> dict[int, Array]:
    """Return filters for those that no code uses, where the residual has something for them."""
    return reseed(last.problem, last.codes, idle_filters(last.codes), constraint)


def new_filters(last: Round, constraint: Any, given: dict[int, Array]) -> Array:
    """Return the filters of the next round; those in `given` are taken from there.

    The update is over-relaxed, where that leaves the objective below what it was: with new codes to
    follow, a longer step halves the number of rounds.
    """
    target = _FRACTION * last.filter_gap * last.objective
    point = improve(last.quadratic, constraint, last.point, gap=target, max_iter=STEPS)
    longer = point.filters + OVER * (point.filters - last.point.filters)
    beyond = point_at(last.quadratic, constraint.project(longer))
    if beyond.value(last.quadratic) <= last.point.value(last.quadratic):
        point = beyond
    return given_filters(point.filters, given, last.problem.signal)


def given_filters(filters: Array, given: dict[int, Array], like: Array) -> Array:
    """Return filters of the dtype of an array, those in `given` taken from there."""
    xp = backend_of(like).xp
    new = xp.astype(filters, like.dtype)
    for m, one in given.items():
        new[m, ...] = xp.astype(one, like.dtype)
    return new


def with_filters(problem: Pursuit, filters: Array) -> Pursuit:
    """Return the problem with other filters."""
    dictionary = replace(problem.dictionary, filters=filters)
    return Pursuit(problem.signal, dictionary, problem.penalty, problem.mask)


@dataclass
class Books:
    """The books of a run of learning: clock, history, the best round, idle filters."""

    began: float = field(default_factory=time.perf_counter)
    rows: list[tuple[int, float, float, float]] = field(default_factory=list)
    best: Round | None = None
    n_iter: int = 0
    reseeded: list[tuple[int, int]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return time.perf_counter() - self.began

    def keep(self, latest: Round) -> bool:
        """Keep a round that is better than those before; return whether it is."""
        if self.best is not None and not latest.objective < self.best.objective:
            return False
        self.best = latest
        self.rows.append((self.n_iter, self.seconds, latest.objective, latest.gap))
        return True

    def is_fresh(self, given: dict[int, Array]) -> bool:
        """Return whether a filter is given something for the first time."""
        return bool(given.keys() - {m for _, m in self.reseeded})

    def history(self) -> History:
        """Return the history."""
        return History(*zip(*self.rows, strict=True))


def idle_filters(codes: Codes) -> tuple[int, ...]:
    """Return the filters that no code uses."""
    return unused(energies(codes))


def unused(sizes: Array) -> tuple[int, ...]:
    """Return the filters whose size is 0."""
    return tuple(np.flatnonzero(backend_of(sizes).to_host(sizes) == 0).tolist())
