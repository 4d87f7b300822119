"""The optimum that runs are compared with, certified in float64."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from sparsecsc.bench.data import Data, LayeredData
from sparsecsc.bench.protocol import Runner
from sparsecsc.bench.scoring import dense, objective
from sparsecsc.bench.timing import Limits, scored_run, timed_run
from sparsecsc.solve import solve

_SWEEP_TOL = 1e-3
_SWEEPS = 20


def optimum(data: Any, tol: float, seconds: float) -> dict[str, Any]:
    """Return the objective of the best codes found in float64, and a certified lower bound.

    The relative distance between the two is at most `tol` unless the time was not enough; the
    record says what it is. The objective is computed from the codes alone.
    """
    began = time.perf_counter()
    result = solve(data.problem(np.float64), tol=tol, max_iter=10**7, max_seconds=seconds)
    value = objective(data, dense(result.codes))
    bound = result.objective - result.gap
    return {
        "objective": value,
        "lower_bound": bound,
        "relative_gap": max(value - bound, 0.0) / value if value > 0 else 0.0,
        "wanted_gap": tol,
        "nonzeros": int(np.count_nonzero(dense(result.codes))),
        "codes": int(np.size(dense(result.codes))),
        "seconds": round(time.perf_counter() - began, 3),
    }


def tuned(
    candidates: list[Runner], data: Any, seconds: float
) -> tuple[Runner, list[dict[str, Any]]]:
    """Return the candidate that is first at 1e-3, and what each took; `seconds` is the most.

    The sweep runs on the middle of the signal, half of each axis (a quarter of one axis), with the
    same filters and weight: what the best setting depends on is there, at a fraction of the time. A
    candidate is given up when an earlier one was faster. Of several layers, whose sweeps differ
    only in who computes them, the one with the fastest sweeps is taken.
    """
    if len(candidates) == 1:
        return candidates[0], []
    if isinstance(data, LayeredData):
        return _fastest(candidates, data)
    part = _part(data)
    best = optimum(part, _SWEEP_TOL / 10, seconds)
    tried, allowed = [], seconds
    for runner in candidates:
        timed_run(runner, part, (1, 2))
        limits = Limits(allowed, best["objective"] * (1 + _SWEEP_TOL), 2 * seconds + 5)
        trace = scored_run(runner, part, limits)
        allowed = min(allowed, trace.seconds[-1])
        reached = trace.objectives[-1] <= limits.objective
        tried.append(
            {
                "settings": runner.settings,
                "seconds": trace.seconds[-1] if reached else None,
                "suboptimality": trace.objectives[-1] / best["objective"] - 1,
            }
        )
    key = [(t["seconds"] is None, t["seconds"] or t["suboptimality"]) for t in tried]
    return candidates[key.index(min(key))], tried


def _fastest(candidates: list[Runner], data: LayeredData) -> tuple[Runner, list[dict[str, Any]]]:
    times = []
    for runner in candidates:
        timed_run(runner, data, (2,))
        times.append(timed_run(runner, data, (_SWEEPS,))[-1])
    pairs = zip(candidates, times, strict=True)
    tried = [{"settings": runner.settings, "seconds": taken} for runner, taken in pairs]
    return candidates[times.index(min(times))], tried


def _part(data: Data) -> Data:
    share = 2 if len(data.sizes) > 1 else 4
    return data.part(max(64, max(data.sizes) // share))
