"""Seconds to a certified relative gap for the single-layer solvers, side by side in one run.

The problems are on the shipped photographs and recording, float32, circular, L1; weights are
fractions of lambda_max. Each solver runs once to warm up, then three times, in turn with the
others; the table has the median of the seconds to a certified relative gap of 1e-3, checks
included, as `solve` reports them, and the objective recomputed in float64. A run ends after 30
seconds at the latest. Run it with no argument::

    python benchmarks/solvers.py

It prints a table and lines of JSON.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
from typing import Any

import numpy as np
import scipy

import sparsecsc as sc
from sparsecsc.backends import cpu

TOL, ROUNDS, MOST_SECONDS = 1e-3, 3, 30.0
SOLVERS = {"CoordinateDescent": sc.CoordinateDescent(), "ADMM": sc.ADMM(), "FISTA": sc.FISTA()}


def photograph(name: str, top: int, left: int, size: int) -> np.ndarray:
    """Return the high-pass of a square of a shipped photograph, (1, channels, size, size)."""
    pixels = np.atleast_3d(sc.load_image(name)[top : top + size, left : left + size])
    image = np.ascontiguousarray(np.moveaxis(pixels, -1, 0)[None])
    return sc.split_lowpass(image)[1]


def problems() -> dict[str, sc.Pursuit]:
    """Return the problems by name."""
    samples, _ = sc.load_recording("snare_roll")
    sound = np.ascontiguousarray(samples.reshape(1, 1, -1)[..., :32768], dtype=np.float32)
    cases = {
        "camera 256, 63 DCT 8x8": (
            photograph("camera", 40, 130, 256),
            sc.dct_filters((8, 8), include_constant=False, dtype="float32"),
            0.05,
        ),
        "camera 256, 35 DCT 12x12": (
            photograph("camera", 40, 130, 256),
            sc.dct_filters((12, 12), dtype="float32")[1:36],
            0.03,
        ),
        "camera 256, Haar 2 levels": (
            photograph("camera", 40, 130, 256),
            sc.haar_filters(2, 2, dtype="float32"),
            0.05,
        ),
        "coffee 128, 74 colour DCT 5x5": (
            photograph("coffee", 70, 170, 128),
            sc.dct_filters((5, 5), 3, include_constant=False, dtype="float32"),
            0.05,
        ),
        "snare roll 32768, 32 tones of 64": (
            sound,
            np.asarray(sc.tone_filters(64, 16), np.float32),
            0.05,
        ),
    }
    made = {}
    for name, (signal, filters, ratio) in cases.items():
        problem = sc.Pursuit(signal, sc.ConvDictionary(filters), sc.L1(1.0))
        made[name] = problem.with_penalty(sc.L1(ratio * sc.lambda_max(problem)))
    return made


def exact_objective(problem: sc.Pursuit, codes: np.ndarray) -> float:
    """Return the objective of the codes, computed in float64."""
    filters = problem.dictionary.filters.astype(np.float64)
    wide = sc.Pursuit(
        problem.signal.astype(np.float64), sc.ConvDictionary(filters), problem.penalty
    )
    return wide.objective(codes.astype(np.float64))


def measure(problem: sc.Pursuit) -> dict[str, dict[str, Any]]:
    """Return what each solver needed."""
    runs: dict[str, list[sc.Result]] = {name: [] for name in SOLVERS}
    for solver in SOLVERS.values():
        sc.solve(problem, solver, max_iter=2)
    for _ in range(ROUNDS):
        for name, solver in SOLVERS.items():
            limits = {"tol": TOL, "max_iter": 10**6, "max_seconds": MOST_SECONDS}
            runs[name].append(sc.solve(problem, solver, **limits))
    return {
        name: {
            "seconds": round(statistics.median(r.seconds for r in results), 3),
            "iterations": results[-1].n_iter,
            "status": results[-1].status.name,
            "relative_gap": results[-1].relative_gap,
            "objective": exact_objective(problem, results[-1].codes),
            "nonzeros": int(np.count_nonzero(results[-1].codes)),
        }
        for name, results in runs.items()
    }


def main() -> None:
    """Measure and print."""
    records = []
    print("| problem | nonzero | " + " | ".join(SOLVERS) + " |")
    print("|---|---|" + "---|" * len(SOLVERS))
    for name, problem in problems().items():
        found = measure(problem)
        share = found["CoordinateDescent"]["nonzeros"] / float(np.prod(problem.codes_shape))
        cells = [
            f"{r['seconds']:.2f} s, {r['iterations']} iterations"
            if r["status"] == "CONVERGED"
            else f"gap {r['relative_gap']:.0e} after {r['seconds']:.0f} s"
            for r in found.values()
        ]
        print(f"| {name} | {100 * share:.2f} % | " + " | ".join(cells) + " |", flush=True)
        records.append({"problem": name, "weight": problem.penalty.weight, "solvers": found})
    machine = {
        "benchmark": "solvers",
        "tol": TOL,
        "dtype": "float32",
        "threads": cpu.threads(),
        "load_average": os.getloadavg()[0],
        "processor": platform.processor() or platform.machine(),
        "versions": {
            "sparsecsc": sc.__version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "python": platform.python_version(),
        },
    }
    for record in records:
        print(json.dumps(machine | record))


if __name__ == "__main__":
    main()
