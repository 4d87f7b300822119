"""What a user waits for on a new machine: the first solve with no cache, then a second process.

Each case runs in three processes: two with a fresh NUMBA_CACHE_DIR, one after the other, so that
the first compiles and the second loads; each solves once, then again, warm. Then the command
``sparsecsc demo``, with a fresh cache. Run it with no argument::

    python benchmarks/first_call.py

It prints a table and lines of JSON, which are also in benchmarks/out/first_call.jsonl.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

import child

CASES = (
    ("camera128_dct8x8_0.2", "CoordinateDescent"),
    ("camera128_dct8x8_0.2", "ADMM"),
    ("camera128_dct8x8_0.2", "FISTA"),
    ("planted20000_random64x25_0.05", "CoordinateDescent"),
)


def measure(name: str, solver: str) -> dict[str, object]:
    """Return the seconds of the first solve, cold and from the cache, and of warm ones."""
    with tempfile.TemporaryDirectory() as folder:
        options = ("--solver", solver, "--warm", "3", "--tol", "1e-3")
        cold, second = (child.start(name, *options, NUMBA_CACHE_DIR=folder) for _ in range(2))
    warm = statistics.median((*cold["warm_seconds"], *second["warm_seconds"]))
    return {
        "problem": name,
        "solver": solver,
        "cold_seconds": cold["first_seconds"],
        "second_process_seconds": second["first_seconds"],
        "warm_seconds": warm,
        "cold_beyond_warm_seconds": cold["first_seconds"] - warm,
        "second_process_beyond_warm_seconds": second["first_seconds"] - warm,
    }


def demo() -> tuple[float, float]:
    """Return the seconds of the command ``sparsecsc demo`` with a fresh cache, and after that."""
    times = []
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "sparsecsc.cli", "demo", "--quiet", "--out", folder]
        for _ in range(2):
            began = time.perf_counter()
            environment = {**os.environ, "NUMBA_CACHE_DIR": os.path.join(folder, "cache")}
            subprocess.run(command, check=True, env=environment)
            times.append(time.perf_counter() - began)
    return times[0], times[1]


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    print("| problem | solver | cold, beyond warm | second process, beyond warm | warm |")
    print("| --- | --- | --- | --- | --- |")
    records = []
    for name, solver in CASES:
        found = measure(name, solver)
        records.append(found)
        print(
            f"| {name} | {solver} | {found['cold_beyond_warm_seconds']:.2f} s | "
            f"{found['second_process_beyond_warm_seconds']:.2f} s | "
            f"{found['warm_seconds']:.3f} s |",
            flush=True,
        )
    cold, second = demo()
    print(f"\nsparsecsc demo: {cold:.1f} s with a fresh cache, {second:.1f} s after that")
    records.append({"command": "sparsecsc demo", "cold_seconds": cold, "second_seconds": second})
    child.publish("first_call", records)


if __name__ == "__main__":
    main()
