"""What the records say: seconds and iterations to each accuracy, medians over the repeats."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sparsecsc.bench.records import latest

TARGETS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
GAPS = (1e-3, 1e-4, 1e-5, 1e-6)


@dataclass(frozen=True, eq=False)
class Row:
    """One solver on one problem."""

    solver: str
    settings: dict[str, Any]
    seconds: tuple[float, ...]
    """Medians at the judged iterates."""
    iterations: tuple[int, ...]
    suboptimality: tuple[float, ...]
    n_repeats: int
    certified: dict[float, float | None]
    """Seconds to a certified relative gap, checks included; empty for rivals."""
    dishonest: str | None = None

    def to(self, target: float) -> float | None:
        """Return the seconds to a relative suboptimality, or None."""
        place = self._place(target)
        return None if place is None else self.seconds[place]

    def iterations_to(self, target: float) -> int | None:
        """Return the iterations to a relative suboptimality, or None."""
        place = self._place(target)
        return None if place is None else self.iterations[place]

    def at_least(self, target: float) -> float | None:
        """Return the seconds, or those after which it was given up."""
        reached = self.to(target)
        return reached if reached is not None else (self.seconds[-1] if self.seconds else None)

    def _place(self, target: float) -> int | None:
        there = [i for i, sub in enumerate(self.suboptimality) if sub <= target]
        return min(there, key=lambda i: self.seconds[i], default=None)


@dataclass(frozen=True, eq=False)
class Summary:
    """All that was measured of one problem."""

    problem: str
    optimum: dict[str, Any]
    rows: tuple[Row, ...]
    absent: dict[str, str]
    """Solvers that are not installed, and why."""
    unsuited: tuple[str, ...]
    """Solvers that are for other problems."""
    machine: dict[str, Any]

    @property
    def gap(self) -> float:
        """How far the reference can be above the optimum, relatively."""
        return float(self.optimum["relative_gap"])

    def row(self, solver: str) -> Row | None:
        """Return the row of a solver, or None."""
        return next((row for row in self.rows if row.solver == solver), None)


def summarise(records: list[dict[str, Any]]) -> list[Summary]:
    """Return one summary a problem, in the order of the file."""
    names = list(dict.fromkeys(r["problem"] for r in records if r["kind"] == "optimum"))
    return [_summary(name, [r for r in records if r["problem"] == name]) for name in names]


def speedup(summary: Summary, target: float, ours: str, rivals: Iterable[str]) -> Any:
    """Return (the best rival's seconds over ours, whether that is only a lower bound), or None.

    Of rivals of which none was there in time, the one that was given up last counts.
    """
    row = summary.row(ours)
    own = None if row is None else row.to(target)
    rows = [found for name in rivals if (found := summary.row(name)) is not None]
    reached = [seconds for r in rows if (seconds := r.to(target)) is not None]
    given_up = [seconds for r in rows if (seconds := r.at_least(target)) is not None]
    if own is None or not given_up:
        return None
    return (min(reached) / own, False) if reached else (max(given_up) / own, True)


def _summary(problem: str, records: list[dict[str, Any]]) -> Summary:
    best = latest(records, kind="optimum")
    assert best is not None
    scored = [r for r in records if r["kind"] == "scored"]
    lowest = min([best["objective"], *(v for r in scored for v in r["objectives"])])
    solvers = list(dict.fromkeys(r["solver"] for r in scored))
    absent = {r["solver"]: r["reason"] for r in records if r["kind"] == "absent"}
    rows = tuple(_row(name, records, lowest) for name in solvers)
    absent = {name: reason for name, reason in absent.items() if name not in solvers}
    unsuited = tuple(r["solver"] for r in records if r["kind"] == "unsuited")
    return Summary(problem, best, rows, absent, unsuited, records[-1]["machine"])


def _row(solver: str, records: list[dict[str, Any]], lowest: float) -> Row:
    scored = latest(records, kind="scored", solver=solver)
    assert scored is not None
    limits = {key: scored.get(key) for key in ("target", "tol", "limit_seconds", "source")}
    timed = _repeats(records, "timed", solver, limits)
    columns = [r["seconds"] for r in timed if len(r["seconds"]) == len(scored["iterations"])]
    columns = columns or [scored["seconds"]]
    medians = tuple(statistics.median(times) for times in zip(*columns, strict=True))
    return Row(
        solver=solver,
        settings=scored["settings"],
        seconds=medians,
        iterations=tuple(scored["iterations"]),
        suboptimality=tuple(value / lowest - 1 for value in scored["objectives"]),
        n_repeats=len(columns),
        certified=_certified(_repeats(records, "certified", solver, limits)),
        dishonest=scored.get("dishonest"),
    )


def _repeats(records: Sequence[Any], kind: str, solver: str, limits: dict[str, Any]) -> list[Any]:
    """Return the last record of each repeat."""
    wanted = {"kind": kind, "solver": solver, **limits}
    found = {r["repeat"]: r for r in records if all(r.get(key) == v for key, v in wanted.items())}
    return [found[repeat] for repeat in sorted(found)]


def _certified(runs: list[dict[str, Any]]) -> dict[float, float | None]:
    """Return the median over the runs; None where a run was not there in time."""
    if not runs:
        return {}
    found: dict[float, float | None] = {}
    for tol in GAPS:
        times = [_first(run["seconds"], run["relative_gaps"], tol) for run in runs]
        known = [t for t in times if t is not None]
        found[tol] = statistics.median(known) if len(known) == len(times) else None
    return found


def _first(seconds: Sequence[float], gaps: Sequence[float | None], tol: float) -> float | None:
    pairs = zip(seconds, gaps, strict=True)
    return next((t for t, gap in pairs if gap is not None and gap <= tol), None)
