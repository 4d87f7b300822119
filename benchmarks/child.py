"""One solve in a process of its own: what it took, cold and warm, and its peak memory.

The other scripts start it, with caches and threads set by the environment; it prints one line of
JSON. The peak is that of the process since it was started (VmHWM; ru_maxrss elsewhere), Python,
libraries and the problem included::

    python benchmarks/child.py camera128_dct8x8_0.2 --tol 1e-3 --warm 3
"""

from __future__ import annotations

import time

BEGAN = time.perf_counter()

import argparse  # noqa: E402
import hashlib  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

OUT = Path(__file__).resolve().parent / "out"
SAME = ("problem", "solver", "command", "study", "size", "weight", "tol")
"""What records of one measurement have in common."""


def peak_megabytes() -> float:
    """Return the largest memory that this process has had resident."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 1024)


def publish(benchmark: str, found: list[dict[str, Any]]) -> None:
    """Print a line of JSON a record, and put them into the script's file in benchmarks/out.

    There they replace the earlier ones of the same measurement; part of a script leaves the rest.
    """
    from sparsecsc.bench.machine import describe
    from sparsecsc.io.atomic import atomic_write

    machine = describe()
    lines = [{"benchmark": benchmark, **one, "machine": machine} for one in found]
    print("".join(f"{json.dumps(line)}\n" for line in lines), end="")
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"{benchmark}.jsonl"
    earlier = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    kept = merged([json.loads(line) for line in earlier], lines)
    text = "".join(f"{json.dumps(line)}\n" for line in kept)
    atomic_write(path, lambda stream: stream.write(text.encode()))


def merged(earlier: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the records, a new one in the place of the earlier one of the same measurement."""
    together = {tuple(line.get(key) for key in SAME): line for line in (*earlier, *new)}
    return list(together.values())


def start(name: str, *options: str, **environment: str) -> dict[str, Any]:
    """Run a solve in a new process and return what it printed."""
    command = [sys.executable, "-W", "ignore", str(Path(__file__).resolve()), name, *options]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Solve and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--solver", default="CoordinateDescent")
    parser.add_argument("--tol", type=float, default=1e-3)
    parser.add_argument("--warm", type=int, default=0, help="solves after the first")
    parser.add_argument("--iterations", type=int, default=10, help="of a rival")
    parser.add_argument("--max-iter", type=int, default=10**6, help="of ours")
    options = parser.parse_args()
    from sparsecsc.bench.cases import find
    from sparsecsc.bench.roster import roster

    data = find(options.name).data()
    runner = roster()[options.solver][0]
    record: dict[str, Any] = {"problem": options.name, "solver": options.solver}
    record["ready_seconds"] = time.perf_counter() - BEGAN
    if hasattr(runner, "solver"):
        record |= ours(data, runner.solver, options)
    else:
        for _ in runner.iterates(data, iter((1, options.iterations))):
            pass
    record["total_seconds"] = time.perf_counter() - BEGAN
    record["peak_mb"] = round(peak_megabytes(), 1)
    print(json.dumps(record))


def ours(data: Any, solver: Any, options: argparse.Namespace) -> dict[str, Any]:
    """Return what the first and the later solves took, and a digest of the codes."""
    import sparsecsc as sc

    times, digests = [], []
    for _ in range(1 + options.warm):
        began = time.perf_counter()
        result = sc.solve(data.problem(), solver, tol=options.tol, max_iter=options.max_iter)
        times.append(time.perf_counter() - began)
        codes = getattr(result, "sparse_codes", None)
        arrays = (result.codes,) if codes is None else (codes.indices, codes.values)
        digests.append(hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()[:16])
    return {
        "first_seconds": times[0],
        "warm_seconds": times[1:],
        "iterations": result.n_iter,
        "objective": result.objective,
        "relative_gap": result.relative_gap,
        "status": result.status.name,
        "digests": digests,
    }


if __name__ == "__main__":
    main()
