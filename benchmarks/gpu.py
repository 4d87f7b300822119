"""The package on a GPU: its tests, then iterations and certified solves against card and CPU.

Run it with no argument on a machine with a GPU and ``pip install "sparsecsc[gpu,test]"``; with
PyTorch for CUDA beside it, the same iterations are timed there as well::

    python benchmarks/gpu.py

It measures, in one run: the card's copy bandwidth, the bare FFT round trip of each coefficient
stack (rfft2, then irfft2), one iteration of FISTA and of ADMM, seconds to a certified relative gap
of 1e-3 and of 1e-5, sweeps of ML-FISTA, and the same on the CPU. Every clock stops after the device
has finished; times are medians after a warm-up. An iteration of FISTA must at least read and write
what it keeps: that many bytes over the copy bandwidth is the "floor". Results are in
benchmarks/out/gpu.json and gpu.md. ``--small`` takes sizes for a trial, ``--kind cpu`` does without
a GPU.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gpu_torch
import layered_models
import numpy as np

import sparsecsc as sc
from sparsecsc._cli_device import moved
from sparsecsc.backends import backend_of
from sparsecsc.backends.devices import describe_gpus, missing_gpu, to_gpu
from sparsecsc.bench import machine
from sparsecsc.io.atomic import atomic_write

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "benchmarks" / "out"
# (signals, side, filters, dtype)
CASES = (
    *((1, 512, m, dtype) for m in (32, 64, 128) for dtype in ("float32", "float64")),
    (1, 2048, 64, "float32"),
    (1, 2048, 64, "float64"),
    (64, 256, 64, "float32"),
)
SMALL = ((1, 64, 8, "float32"), (3, 32, 8, "float64"))
LAYERED = ("digits 32-64-512", "tiny images 32-64-128")
RATIO, ROUNDS, STEPS = 0.05, 5, 10


def make_problem(n_signals: int, side: int, n_filters: int, dtype: str) -> sc.Pursuit:
    """Return a mirrored photograph, shifted from signal to signal, in DCT filters of 12 x 12."""
    image = sc.load_image("camera").astype(np.float64) / 255
    image = np.block([[image, image[:, ::-1]], [image[::-1], image[::-1, ::-1]]])
    times = -(-(side + n_signals) // image.shape[0])
    image = np.tile(image, (times, times))
    crops = np.stack([image[b : b + side, b : b + side] for b in range(n_signals)])[:, None]
    signal = sc.split_lowpass(crops)[1].astype(dtype)
    filters = np.ascontiguousarray(sc.dct_filters((12, 12))[1 : n_filters + 1], dtype)
    problem = sc.Pursuit(signal, sc.ConvDictionary(filters), sc.L1(1.0))
    return problem.with_penalty(sc.L1(RATIO * sc.lambda_max(problem)))


def seconds(call: Callable[[], Any], backend: Any, rounds: int = ROUNDS) -> float:
    """Return the median seconds of a call, the device having finished, after a warm-up."""
    times = []
    for _ in range(rounds + 1):
        backend.synchronize()
        began = time.perf_counter()
        call()
        backend.synchronize()
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])


def bandwidth(backend: Any, n_bytes: int) -> float:
    """Return bytes a second, read and written, of a copy on the device."""
    xp = backend.xp
    source = xp.zeros(n_bytes // 4, dtype=xp.float32)
    target = xp.empty(n_bytes // 4, dtype=xp.float32)

    def copy() -> None:
        target[...] = source

    return 2 * n_bytes / seconds(copy, backend)


def round_trip(problem: sc.Pursuit) -> float:
    """Return the seconds of the bare FFTs of the coefficient stack, there and back."""
    backend, shape = problem.backend, problem.codes_shape
    stack = backend.xp.zeros(shape, dtype=problem.signal.dtype)
    return seconds(lambda: backend.irfftn(backend.rfftn(stack, shape[2:]), shape[2:]), backend)


def iteration(problem: Any, solver: Any) -> float:
    """Return the seconds of one step."""
    xp = problem.backend.xp
    shapes = problem.shapes[1:] if hasattr(problem, "n_layers") else (problem.codes_shape,)
    zeros = tuple(xp.zeros(shape, dtype=problem.signal.dtype) for shape in shapes)
    state = [solver.init(problem, zeros if hasattr(problem, "n_layers") else zeros[0])]

    def step() -> None:
        state[0] = solver.step(problem, state[0])

    return repeated(step, problem.backend)


def repeated(step: Callable[[], Any], device: Any) -> float:
    """Return the seconds of one of several steps."""

    def steps() -> None:
        for _ in range(STEPS):
            step()

    return seconds(steps, device) / STEPS


def peer(step: Callable[[], Any] | None) -> float | None:
    """Return the seconds of a step of PyTorch's, None where there is none."""
    return None if step is None else repeated(step, gpu_torch.device())


def certified(problem: sc.Pursuit, solver: Any, tol: float) -> float | None:
    """Return the median seconds to a certified gap, None where it was not reached."""
    results: list[sc.Result] = []

    def run() -> None:
        results.append(sc.solve(problem, solver, tol=tol, max_iter=3000, max_seconds=60.0))

    found = seconds(run, problem.backend, rounds=3)
    return found if results[-1].status is sc.Status.CONVERGED else None


def measure(case: tuple[Any, ...], convert: Callable[[Any], Any], speed: float) -> dict[str, Any]:
    """Return everything about one problem, on the device and on the CPU."""
    host = make_problem(*case)
    problem = moved(host, convert)
    fft, fista = round_trip(problem), iteration(problem, sc.FISTA())
    kept = math.prod(problem.codes_shape) * problem.signal.dtype.itemsize
    row: dict[str, Any] = dict(zip(("signals", "side", "filters", "dtype"), case, strict=True))
    row |= {
        "fft_seconds": fft,
        "fista_seconds": fista,
        "admm_seconds": iteration(problem, sc.ADMM()),
        "fista_over_fft": fista / fft,
        "fista_over_floor": fista / (4 * kept / speed),
        "fista_gap_1e-3": certified(problem, sc.FISTA(), 1e-3),
        "admm_gap_1e-3": certified(problem, sc.ADMM(), 1e-3),
        "admm_gap_1e-5": certified(problem, sc.ADMM(), 1e-5),
        "torch_fista_seconds": peer(gpu_torch.fista(host)),
        "cpu_fista_seconds": iteration(host, sc.FISTA()),
        "cpu_gap_1e-3": certified(host, sc.CoordinateDescent(), 1e-3),
    }
    row["cpu_over_gpu_fista"] = row["cpu_fista_seconds"] / fista
    return row


def layered(name: str, convert: Callable[[Any], Any]) -> dict[str, Any]:
    """Return the seconds of a sweep of ML-FISTA, and of the transcription on the same device."""
    host = layered_models.make_problem(name)
    problem = moved(host, convert)
    row = {"model": name, "mlfista_seconds": iteration(problem, sc.MLFISTA())}
    row["torch_seconds"] = peer(gpu_torch.sweep(host))
    row["cpu_mlfista_seconds"] = iteration(host, sc.MLFISTA())
    return row


def table(rows: list[dict[str, Any]]) -> str:
    """Return rows of the same keys as Markdown."""
    keys = list(rows[0])
    lines = ["| " + " | ".join(keys) + " |", "|" + " --- |" * len(keys)]
    for row in rows:
        cells = [f"{v:.3g}" if isinstance(v, float) else str(v) for v in row.values()]
        lines.append("| " + " | ".join("" if c == "None" else c for c in cells) + " |")
    return "\n".join(lines)


def run_tests() -> int:
    """Run the tests that need a GPU, and fail where they would be skipped; return the exit code."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", str(ROOT / "tests")]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def main() -> None:
    """Test, measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--small", action="store_true", help="sizes for a trial")
    parser.add_argument("--no-tests", action="store_true", help="measure only")
    options = parser.parse_args()
    reason = missing_gpu()
    if options.kind == "gpu" and reason:
        msg = f"no GPU can be used: {reason}."
        raise SystemExit(msg)
    code = 0 if options.no_tests or options.kind == "cpu" else run_tests()
    convert = to_gpu if options.kind == "gpu" else np.asarray
    backend: Any = backend_of(convert(np.zeros(1)))
    speed = bandwidth(backend, 2**24 if options.small else 2**30)
    record: dict[str, Any] = {
        "date": time.strftime("%Y-%m-%d"),
        "device": describe_gpus() or ["none: this is a trial on the CPU"],
        "machine": machine.describe(),
        "tests_exit_code": code,
        "copy_bytes_per_second": speed,
    }
    record["problems"], record["models"] = [], []
    for case in SMALL if options.small else CASES:
        record["problems"].append(measure(case, convert, speed))
        print(json.dumps(record["problems"][-1]), flush=True)
        write(record)
    for name in () if options.small else LAYERED:
        record["models"].append(layered(name, convert))
        print(json.dumps(record["models"][-1]), flush=True)
        write(record)
    raise SystemExit(code)


def write(record: dict[str, Any]) -> None:
    """Store what has been measured so far."""
    head = f"{record['device'][0]}, {record['date']}. Copy bandwidth "
    head += f"{record['copy_bytes_per_second'] / 1e9:.0f} GB/s, tests: exit code "
    head += f"{record['tests_exit_code']}. Seconds.\n"
    parts = [head, table(record["problems"])]
    parts += [table(record["models"])] if record["models"] else []
    texts = {"gpu.json": json.dumps(record, indent=1), "gpu.md": "\n\n".join(parts)}
    for name, text in texts.items():
        atomic_write(OUT / name, lambda stream, t=text: stream.write((t + "\n").encode()))


if __name__ == "__main__":
    main()
