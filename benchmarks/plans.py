"""What each plan of a convolutional dictionary costs: the table that calibrates the cost rule.

For each geometry and plan: the milliseconds of one analysis and of one synthesis, and what the
rule expects of both together on one thread. Plans take turns within one process; medians of
several rounds after a warm-up. Run it with the names of geometries, or with none for all of them::

    python benchmarks/plans.py

It prints a Markdown table and one line of JSON.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import sparsecsc as sc
from sparsecsc.backends import cpu
from sparsecsc.dictionaries._operators import analyze_whole
from sparsecsc.dictionaries.plans import DirectChannels, DirectSamples, TiledFFT, WholeFFT

ROUNDS = 5
MOST_SECONDS = 1.0
PLANS = (WholeFFT(), TiledFFT(), DirectSamples(), DirectChannels())

# name: (signals, channels, spatial, filters, kernel, stride, padding)
GEOMETRIES: dict[str, tuple[Any, ...]] = {
    "photograph, 36 of 12x12": (1, 1, (512, 512), 36, (12, 12), 1, "circular"),
    "photograph, 64 of 8x8": (1, 1, (512, 512), 64, (8, 8), 1, "circular"),
    "colour, 64 of 8x8": (1, 3, (512, 512), 64, (8, 8), 1, "circular"),
    "small image, 32 of 8x8": (1, 1, (128, 128), 32, (8, 8), 1, "circular"),
    "sound, 25 of 64": (1, 1, (100_000,), 25, (64,), 1, "full"),
    "sound, 25 of 512": (1, 1, (100_000,), 25, (512,), 1, "full"),
    "volume, 16 of 5x5x5": (1, 1, (48, 64, 64), 16, (5, 5, 5), 1, "same"),
    "layer 64 of 32x3x3": (1, 32, (256, 256), 64, (3, 3), 1, "same"),
    "layer 64 of 32x5x5": (1, 32, (256, 256), 64, (5, 5), 1, "same"),
    "layer 64 of 32x7x7": (1, 32, (256, 256), 64, (7, 7), 1, "same"),
    "layer 64 of 64x11x11": (1, 64, (256, 256), 64, (11, 11), 1, "same"),
    "digits 1": (128, 1, (28, 28), 64, (6, 6), 2, "valid"),
    "digits 2": (128, 64, (12, 12), 128, (6, 6), 2, "valid"),
    "digits 3": (128, 128, (4, 4), 512, (4, 4), 1, "valid"),
    "tiny images 1": (128, 3, (32, 32), 32, (4, 4), 2, 1),
    "tiny images 2": (128, 32, (16, 16), 64, (4, 4), 2, 1),
    "tiny images 3": (128, 64, (8, 8), 128, (4, 4), 2, 1),
}


def make_operators(geometry: tuple[Any, ...]) -> tuple[Any, dict[str, Any], np.ndarray]:
    """Return the plan that the rule chooses, the operators of all plans, and a signal."""
    n, channels, spatial, n_filters, kernel, stride, padding = geometry
    rng = np.random.default_rng(0)
    filters = rng.standard_normal((n_filters, channels, *kernel)).astype(np.float32)
    signal = rng.standard_normal((n, channels, *spatial)).astype(np.float32)

    def bind(plan: Any) -> Any:
        dictionary = sc.ConvDictionary(filters, stride=stride, padding=padding, plan=plan)
        return dictionary.bind(signal.shape, signal)

    bound = {type(plan).__name__: bind(plan) for plan in PLANS}
    affordable = {k: op for k, op in bound.items() if op.choice.seconds < MOST_SECONDS}
    return bind(None).choice.plan, affordable, signal


def milliseconds(tasks: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Return the median milliseconds of each task, the tasks taking turns."""
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for k in range(ROUNDS + 1):
        for name, task in tasks.items():
            began = time.perf_counter()
            task()
            if k:
                taken[name].append(time.perf_counter() - began)
    return {name: 1e3 * statistics.median(times) for name, times in taken.items()}


def measure(name: str) -> list[dict[str, Any]]:
    """Return one record for each affordable plan of a geometry."""
    chosen, operators, signal = make_operators(GEOMETRIES[name])
    tasks: dict[str, Callable[[], Any]] = {}
    for kind, operator in operators.items():
        codes = analyze_whole(operator, signal)

        def analyze(operator: Any = operator) -> None:
            operator.analyze(signal, lambda block, values: None)

        def synthesize(operator: Any = operator, codes: Any = codes) -> None:
            operator.synthesize(lambda block: codes[block], codes.shape[0])

        tasks[f"{kind} analysis"], tasks[f"{kind} synthesis"] = analyze, synthesize
    took = milliseconds(tasks)
    return [
        {
            "geometry": name,
            "plan": repr(operator.choice.plan),
            "chosen": operator.choice.plan == chosen,
            "analysis_ms": round(took[f"{kind} analysis"], 2),
            "synthesis_ms": round(took[f"{kind} synthesis"], 2),
            "rule_ms_one_thread": round(1e3 * operator.choice.seconds, 2),
        }
        for kind, operator in operators.items()
    ]


def main() -> None:
    """Measure and print."""
    print("| geometry | plan | analysis ms | synthesis ms | rule, one thread |")
    print("|---|---|---|---|---|")
    records = []
    for name in sys.argv[1:] or GEOMETRIES:
        for record in measure(name):
            records.append(record)
            plan = f"**{record['plan']}**" if record["chosen"] else record["plan"]
            print(
                f"| {name} | {plan} | {record['analysis_ms']} | {record['synthesis_ms']} | "
                f"{record['rule_ms_one_thread']} |",
                flush=True,
            )
    versions = {"sparsecsc": sc.__version__, "numpy": np.__version__}
    about = {
        "threads": cpu.threads(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
    }
    print(json.dumps({"benchmark": "plans", **about, "versions": versions, "records": records}))


if __name__ == "__main__":
    main()
