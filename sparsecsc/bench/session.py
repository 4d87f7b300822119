"""Measure solvers side by side on one problem, going on where an earlier run was cut off."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sparsecsc.bench import machine, records
from sparsecsc.bench.cases import Case
from sparsecsc.bench.ours import Ours
from sparsecsc.bench.reference import optimum, tuned
from sparsecsc.bench.roster import OURS, roster
from sparsecsc.bench.timing import DishonestError, Limits, scored_run, timed_run
from sparsecsc.result import Status
from sparsecsc.solve import solve

_WARM_UP = (1, 2)
_SWEEP_SECONDS = 30.0
_MARGIN = 0.9
"""A run goes a little beyond its target: another run may lower the reference."""


@dataclass(frozen=True)
class Plan:
    """What is measured of each problem."""

    solvers: tuple[str, ...]
    repeats: int = 3
    rival_repeats: int = 3
    target: float = 1e-6
    """Relative suboptimality at which a run ends."""
    tol: float = 1e-6
    """Relative gap that our solvers are to certify; 0 leaves these runs out."""
    seconds: float = 60.0
    """Most seconds of a run on the clock; twice that with the judging."""
    optimum_tol: float = 1e-8
    optimum_seconds: float = 300.0

    def limits(self) -> dict[str, float]:
        """Return the limits of a run."""
        return {"target": self.target, "tol": self.tol, "limit_seconds": self.seconds}


class Session:
    """The measuring of one problem; records go to a file as they are made."""

    def __init__(self, case: Case, plan: Plan, path: Path, say: Callable[[str], Any]) -> None:
        self.case, self.plan, self.path, self.say = case, plan, path, say
        self.records, _ = records.read(path)
        self.machine = machine.describe()
        self.source = machine.source()
        self.best: dict[str, Any] = {}

    def run(self) -> None:
        """Measure what is not on file."""
        reason = self.case.missing()
        if reason is not None:
            self._left_out("", reason)
            return
        if self._complete():
            self.say(f"{self.case.name}: on file")
            return
        data = self.case.data()
        self.best = self._optimum(data)
        runners = self._runners(data)
        for runner in runners.values():
            timed_run(runner, data, _WARM_UP)
        most = max(self.plan.repeats, self.plan.rival_repeats)
        for repeat, (name, runner) in itertools.product(range(most), runners.items()):
            if repeat < self._repeats(name):
                self._measure(name, runner, data, repeat)

    def _complete(self) -> bool:
        """Return whether every solver is on file with these limits, or is not for the problem."""
        for name in self.plan.solvers:
            last = self._on_file("timed", name, repeat=self._repeats(name) - 1)
            if last is None and self._find("unsuited", name) is None:
                return False
        return True

    def _repeats(self, name: str) -> int:
        return self.plan.repeats if name in OURS else self.plan.rival_repeats

    def _optimum(self, data: Any) -> dict[str, Any]:
        found = self._find("optimum", "")
        if found is None or found["wanted_gap"] > self.plan.optimum_tol:
            self.say(f"{self.case.name}: certifying the optimum in float64")
            found = optimum(data, self.plan.optimum_tol, self.plan.optimum_seconds)
            self._write("optimum", "", found)
        return found

    def _runners(self, data: Any) -> dict[str, Any]:
        chosen = {}
        for name in self.plan.solvers:
            candidates = roster()[name]
            reason = candidates[0].unsuited(data)
            if reason is not None:
                self._left_out(name, reason)
                continue
            chosen[name] = self._tuned(name, candidates, data)
        return chosen

    def _tuned(self, name: str, candidates: list[Any], data: Any) -> Any:
        on_file = self._find("tuning", name)
        by_settings = {repr(c.settings): c for c in candidates}
        if on_file is not None and repr(on_file["settings"]) in by_settings:
            return by_settings[repr(on_file["settings"])]
        if len(candidates) > 1:
            self.say(f"{self.case.name}: sweeping the settings of {name}")
        best, tried = tuned(candidates, data, min(self.plan.seconds, _SWEEP_SECONDS))
        if tried:
            self._write("tuning", name, {"settings": best.settings, "tried": tried})
        return best

    def _measure(self, name: str, runner: Any, data: Any, repeat: int) -> None:
        scored = self._on_file("scored", name)
        if scored is None:
            self.say(f"{self.case.name}: {name}, judged")
            scored = self._scored(name, runner, data)
        if self._on_file("timed", name, repeat=repeat) is None:
            self.say(f"{self.case.name}: {name}, repeat {repeat + 1}")
            taken = timed_run(runner, data, tuple(scored["iterations"]))
            self._write("timed", name, {"repeat": repeat, "seconds": taken, **self._key(name)})
        first = self._on_file("certified", name, repeat=0)
        given_up = first is not None and not first["reached"]  # once is enough
        wanted = self.plan.tol > 0 and isinstance(runner, Ours) and not given_up
        if wanted and self._on_file("certified", name, repeat=repeat) is None:
            self._write("certified", name, self._certified(runner, data, repeat))

    def _scored(self, name: str, runner: Any, data: Any) -> dict[str, Any]:
        aim = self.best["objective"] * (1 + _MARGIN * self.plan.target)
        limits = Limits(self.plan.seconds, aim, 2 * self.plan.seconds + 10)
        record: dict[str, Any] = {"settings": runner.settings, **self._key(name)}
        try:
            record |= asdict(scored_run(runner, data, limits, self.best["lower_bound"]))
        except DishonestError as error:
            record |= {"iterations": [], "seconds": [], "objectives": [], "dishonest": str(error)}
        self._write("scored", name, record)
        return record

    def _certified(self, runner: Any, data: Any, repeat: int) -> dict[str, Any]:
        """Return when `solve` had certified which gap, its checks included."""
        result = solve(
            data.problem(runner.dtype),
            runner.solver,
            tol=self.plan.tol,
            max_iter=10**7,
            max_seconds=self.plan.seconds,
        )
        rows = zip(result.history.objectives, result.history.gaps, strict=True)
        gaps = [max(gap, 0.0) / value if value > 0 else 0.0 for value, gap in rows]
        known = [gap if math.isfinite(gap) else None for gap in gaps]
        return {
            "repeat": repeat,
            "seconds": result.history.seconds,
            "relative_gaps": known,
            "reached": result.status is Status.CONVERGED,
            **self._key(runner.name),
        }

    def _find(self, kind: str, solver: str, **wanted: Any) -> dict[str, Any] | None:
        problem = self.case.name
        return records.latest(self.records, kind=kind, problem=problem, solver=solver, **wanted)

    def _on_file(self, kind: str, solver: str, **wanted: Any) -> dict[str, Any] | None:
        return self._find(kind, solver, **self._key(solver), **wanted)

    def _key(self, solver: str) -> dict[str, Any]:
        """Return what a record must have been measured with to be taken over."""
        return {**self.plan.limits(), "source": self.source if solver in OURS else None}

    def _left_out(self, solver: str, reason: str) -> None:
        kind = "absent" if reason.endswith("not installed") else "unsuited"
        if kind == "absent":
            self.say(f"{self.case.name}: {solver or 'left out'}: {reason}")
        if self._find(kind, solver, reason=reason) is None:
            self._write(kind, solver, {"reason": reason})

    def _write(self, kind: str, solver: str, content: dict[str, Any]) -> None:
        record = {"kind": kind, "problem": self.case.name, "solver": solver, **content}
        record |= {"dtype": self.case.dtype, "machine": self.machine}
        records.append(self.path, record)
        self.records.append(record)


def run(
    cases: Sequence[Case], plan: Plan, path: Path, say: Callable[[str], Any]
) -> list[dict[str, Any]]:
    """Measure the problems one after the other; return all records of the file."""
    for case in cases:
        Session(case, plan, path, say).run()
    return records.read(path)[0]
