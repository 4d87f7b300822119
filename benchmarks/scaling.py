"""How the seconds of a solve grow: with pixels, filters, the size of the filters, the depth.

Warm solves to a certified relative gap of 1e-3, the median of three, the cases of a study taking
turns; the exact solver of several layers to 1e-2. Run it with no argument, or name studies::

    python benchmarks/scaling.py
    python benchmarks/scaling.py filters depth

It prints a table a study and lines of JSON, which are also in benchmarks/out/scaling.jsonl; with
--plots DIR it draws them. Memory, and pixels up to 8192 x 8192, are in large_image.py; threads in
threads.py.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

import child

import sparsecsc as sc
from sparsecsc.bench import cases

STUDIES = {
    "pixels": ("pixels along a side", "camera{}_random8x8x32_0.1", (64, 128, 256, 512)),
    "filters": ("filters of 8 x 8", "camera256_random8x8x{}_0.1", (8, 16, 32, 64, 128)),
    "kernel": ("taps along a side", "camera256_random{0}x{0}x32_0.1", (4, 6, 8, 12, 16)),
    "depth": ("layers", "camera32_mlcsc{}_r0.02", (1, 2, 3, 4)),
}
ROUNDS, MOST_SECONDS = 3, 60.0


def measure(study: str) -> list[dict[str, Any]]:
    """Return one record a size."""
    _, pattern, sizes = STUDIES[study]
    named = [(size, pattern.format(size)) for size in sizes]
    tol = 1e-2 if study == "depth" else 1e-3
    problems = {size: cases.find(name).data() for size, name in named}
    taken: dict[int, list[Any]] = {size: [] for size in problems}
    for repeat in range(ROUNDS + 1):
        for size, data in problems.items():
            result = sc.solve(data.problem(), tol=tol, max_iter=10**6, max_seconds=MOST_SECONDS)
            if repeat:
                taken[size].append(result)
    return [
        {
            "study": study,
            "size": size,
            "problem": name,
            "tol": tol,
            "seconds": statistics.median(r.seconds for r in taken[size]),
            "iterations": taken[size][-1].n_iter,
            "relative_gap": taken[size][-1].relative_gap,
            "status": taken[size][-1].status.name,
        }
        for size, name in named
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("studies", nargs="*", choices=[*STUDIES, []], default=[])
    parser.add_argument("--plots", type=Path, metavar="DIR")
    options = parser.parse_args()
    records = []
    for study in options.studies or STUDIES:
        found = measure(study)
        records += found
        label = STUDIES[study][0]
        print(f"\n| {label} | seconds | iterations | certified gap |\n| --- | --- | --- | --- |")
        for r in found:
            gap = f"{r['relative_gap']:.1e}"
            print(f"| {r['size']} | {r['seconds']:.3f} | {r['iterations']} | {gap} |")
        if options.plots:
            from sparsecsc._plot_bench import growth

            options.plots.mkdir(parents=True, exist_ok=True)
            sizes = [r["size"] for r in found]
            columns = {"seconds": [r["seconds"] for r in found]}
            growth(study, (label, sizes), columns).savefig(options.plots / f"{study}.png", dpi=120)
    child.publish("scaling", records)


if __name__ == "__main__":
    main()
