"""One thread against two, in processes that take turns; and whether the answers are the same.

A process solves once to warm up and then several times; threads are set by the environment
variable SPARSECSC_NUM_THREADS. The digest is that of the codes' bytes: from run to run it must not
change; between thread counts the objective may differ by the gap. Run it with no argument::

    python benchmarks/threads.py

It prints a table and lines of JSON, which are also in benchmarks/out/threads.jsonl.
"""

from __future__ import annotations

import argparse
import statistics

import child

NAMES = ("camera512_dct8x8_r0.05", "camera1024_dct8x8_r0.05", "snare32768_tones64_r0.05")
NAMES += ("planted100000_waves64x25_r0.02",)
ROUNDS = 2


def measure(name: str, tol: float, counts: tuple[int, ...]) -> dict[str, object]:
    """Return the median warm seconds of each thread count, and what differs."""
    runs: dict[int, list[dict[str, object]]] = {n: [] for n in counts}
    for _ in range(ROUNDS):
        for n, found in runs.items():
            options = ("--tol", str(tol), "--warm", "3")
            found.append(child.start(name, *options, SPARSECSC_NUM_THREADS=str(n)))
    seconds = {
        n: statistics.median(t for run in found for t in run["warm_seconds"])
        for n, found in runs.items()
    }
    digests = {n: {d for run in found for d in run["digests"]} for n, found in runs.items()}
    objectives = [found[-1]["objective"] for found in runs.values()]
    return {
        "problem": name,
        "tol": tol,
        "seconds": {str(n): t for n, t in seconds.items()},
        "seconds_one": seconds[counts[0]],
        "seconds_all": seconds[counts[-1]],
        "speedup": seconds[counts[0]] / seconds[counts[-1]],
        "same_from_run_to_run": all(len(d) == 1 for d in digests.values()),
        "same_codes_for_all_counts": len(set().union(*digests.values())) == 1,
        "objective_difference": (max(objectives) - min(objectives)) / max(objectives),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(NAMES))
    parser.add_argument("--tol", type=float, default=1e-4)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    counts = tuple(options.threads)
    heads = " | ".join(f"{n} threads" for n in counts)
    print(f"| problem | {heads} | speed-up | same each run | same codes | objectives differ by |")
    print("| --- |" + " --- |" * (len(counts) + 4))
    records = []
    for name in options.names:
        found = measure(name, options.tol, counts)
        records.append(found)
        cells = " | ".join(f"{found['seconds'][str(n)]:.3f} s" for n in counts)
        print(
            f"| {name} | {cells} | {found['speedup']:.2f} | {found['same_from_run_to_run']} "
            f"| {found['same_codes_for_all_counts']} | {found['objective_difference']:.1e} |",
            flush=True,
        )
    child.publish("threads", records)


if __name__ == "__main__":
    main()
