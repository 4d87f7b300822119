"""Peak memory of a solve in a process of its own, ours to a certified gap and SPORCO's.

All that the process has is counted: Python, libraries, the problem. Solvers whose codes are dense
take ten or twenty iterations, after which their peak does not change. Run it with no argument::

    python benchmarks/memory.py

It prints a table and lines of JSON, which are also in benchmarks/out/memory.jsonl.
"""

from __future__ import annotations

import argparse

import child

from sparsecsc.bench import cases
from sparsecsc.bench.roster import roster

SOLVERS = ("CoordinateDescent", "ADMM", "FISTA", "SPORCO ADMM")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=["A", "B", "E"])
    parser.add_argument("--solvers", nargs="+", default=list(SOLVERS))
    parser.add_argument("--tol", type=float, default=1e-3)
    options = parser.parse_args()
    print(f"| problem | {' | '.join(options.solvers)} |")
    print("| --- |" + " --- |" * len(options.solvers))
    records = []
    for name in options.names:
        full = cases.find(name).name
        cells = []
        for solver in options.solvers:
            reason = roster()[solver][0].unsuited(cases.find(name).data())
            if reason is not None:
                cells.append(f"absent: {reason}")
                continue
            words = ("--solver", solver, "--tol", str(options.tol))
            few = () if solver == "CoordinateDescent" else ("--max-iter", "20")
            record = child.start(full, *words, *few)
            records.append(record)
            cells.append(f"{record['peak_mb']:.0f} MB")
        print(f"| {full} | {' | '.join(cells)} |", flush=True)
    child.publish("memory", records)


if __name__ == "__main__":
    main()
