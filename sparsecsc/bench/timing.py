"""One timed run: the clock stands still while iterates are judged."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sparsecsc.bench.protocol import Runner
from sparsecsc.bench.scoring import objective

_CLAIM = 1e-3
"""Largest relative error of what a solver says about its objective; float32 needs some."""
_BELOW = 1e-6


class DishonestError(Exception):
    """A solver's word and the objective of its codes do not agree."""


@dataclass(frozen=True)
class Trace:
    """Equal-length columns: what a run had reached, and when."""

    iterations: tuple[int, ...]
    seconds: tuple[float, ...]
    objectives: tuple[float, ...]
    """In float64, from the codes alone."""


@dataclass(frozen=True)
class Limits:
    """When a run ends: seconds on the clock, seconds in all, an objective, iterations."""

    seconds: float
    objective: float = 0.0
    wall: float = float("inf")
    iterations: int = 10**9


def stops(growth: float = 1.1) -> Iterator[int]:
    """Yield 1, 2, 3, ... and then ever larger steps."""
    k = 1
    while True:
        yield k
        k = max(k + 1, int(k * growth))


def scored_run(runner: Runner, data: Any, limits: Limits, lower_bound: float = 0.0) -> Trace:
    """Run a solver, judge its iterates with the clock stopped.

    Raises
    ------
    DishonestError
        If an objective is below `lower_bound`, or not what the solver says it is.
    """
    rows: list[tuple[int, float, float]] = []
    began, spent = time.perf_counter(), 0.0
    iterates = runner.iterates(data, stops())
    for snapshot, seconds in _clocked(iterates):
        spent = seconds if snapshot.fresh else spent + seconds
        value = objective(data, snapshot.codes())
        _check(runner.name, value, snapshot.claimed, lower_bound)
        rows.append((snapshot.iteration, spent, value))
        late = time.perf_counter() - began > limits.wall
        ended = spent >= limits.seconds or snapshot.iteration >= limits.iterations
        if value <= limits.objective or ended or late:
            break
    return Trace(*zip(*rows, strict=True))


def timed_run(runner: Runner, data: Any, iterations: tuple[int, ...]) -> tuple[float, ...]:
    """Run a solver again and return the seconds at the same iterations, nothing being judged."""
    spent, taken = 0.0, []
    for snapshot, seconds in _clocked(runner.iterates(data, iter(iterations))):
        spent = seconds if snapshot.fresh else spent + seconds
        taken.append(spent)
    return tuple(taken)


def _clocked(iterates: Iterator[Any]) -> Iterator[tuple[Any, float]]:
    """Yield each iterate with the seconds that it took to get it."""
    while True:
        began = time.perf_counter()
        try:
            snapshot = next(iterates)
        except StopIteration:
            return
        yield snapshot, time.perf_counter() - began


def _check(name: str, value: float, claimed: Any, lower_bound: float) -> None:
    if value < lower_bound * (1 - _BELOW):
        msg = f"{name}: the objective {value:.9g} is below the certified bound {lower_bound:.9g}."
        raise DishonestError(msg)
    said = value if claimed is None else claimed()
    if abs(said - value) > _CLAIM * abs(value):
        msg = f"{name} says that its objective is {said:.6g}; its codes give {value:.6g}."
        raise DishonestError(msg)
