"""Cost of one FISTA and one ADMM iteration, as multiples of the bare FFT round trip.

The problem: the shipped 512 x 512 photograph, high-passed, 32 filters of 8 x 8, float32. The unit
of time is ``irfft2(rfft2(x))`` of an array of the codes' size with scipy.fft, at the better of one
worker and as many as the library uses, measured in turn with the iterations. Each solver runs with
the plan that the cost rule takes, which may transform no codes at all, and with `WholeFFT`. The
unit of memory is the code array. Run it with no argument::

    python benchmarks/iteration_cost.py

It prints a table and one line of JSON.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy
import scipy.fft

import sparsecsc as sc
from sparsecsc.backends import cpu

N_FILTERS, KERNEL, ROUNDS = 32, (8, 8), 11


def make_problem(size: int = 512, plan: Any = None) -> sc.Pursuit:
    """Return the problem on the leading corner of the shipped photograph."""
    image = sc.load_image("camera")[None, None, :size, :size]
    _, high = sc.split_lowpass(np.ascontiguousarray(image))
    filters = sc.dct_filters(KERNEL, dtype=np.float32)[:N_FILTERS]
    return sc.Pursuit(high, sc.ConvDictionary(filters, plan=plan), sc.L1(0.05))


def stepper(problem: sc.Pursuit, solver: Any) -> Callable[[], None]:
    """Return a function that takes one step, the state being kept between calls."""
    state = [solver.init(problem, np.zeros(problem.codes_shape, np.float32))]

    def step() -> None:
        state[0] = solver.step(problem, state[0])

    return step


def round_trip(stack: np.ndarray, workers: int) -> Callable[[], None]:
    """Return a function that transforms the stack there and back."""

    def transform() -> None:
        spectrum = scipy.fft.rfft2(stack, workers=workers)
        scipy.fft.irfft2(spectrum, s=stack.shape[-2:], workers=workers)

    return transform


def seconds(tasks: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Return the median seconds of each task, the tasks taking turns, after two warm-up rounds."""
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for k in range(ROUNDS + 2):
        for name, task in tasks.items():
            began = time.perf_counter()
            task()
            if k >= 2:
                taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(times) for name, times in taken.items()}


def measure_time() -> tuple[str, dict[str, float]]:
    """Return the plan taken, and the medians of the bare round trip and of steps of the solvers."""
    problem, whole = make_problem(), make_problem(plan=sc.WholeFFT())
    stack = np.random.default_rng(0).standard_normal(problem.codes_shape[1:]).astype(np.float32)
    took = seconds(
        {
            "bare, 1 worker": round_trip(stack, 1),
            "bare, all workers": round_trip(stack, cpu.threads()),
            "FISTA": stepper(problem, sc.FISTA()),
            "ADMM": stepper(problem, sc.ADMM()),
            "FISTA, WholeFFT": stepper(whole, sc.FISTA()),
            "ADMM, WholeFFT": stepper(whole, sc.ADMM()),
        }
    )
    return repr(problem.operator.choice.plan), took


def measure_memory(solver: Any) -> float:
    """Return the growth of this process's peak memory over a solve, in code arrays."""
    sc.solve(make_problem(64), solver, max_iter=20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    problem = make_problem()
    sc.solve(problem, solver, tol=0, max_iter=25)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (after - before) * 1024 / (4 * float(np.prod(problem.codes_shape)))


def memory_of(name: str) -> float:
    """Return `measure_memory` of a solver in a process of its own.

    To be called while this process is small: a child's peak starts at its parent's size.
    """
    done = subprocess.run(
        [sys.executable, __file__, name], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def main() -> None:
    """Measure and print."""
    if len(sys.argv) > 1:
        print(measure_memory({"FISTA": sc.FISTA(), "ADMM": sc.ADMM()}[sys.argv[1]]))
        return
    memory = {name: round(memory_of(name), 2) for name in ("FISTA", "ADMM")}
    plan, took = measure_time()
    bare = min(took["bare, 1 worker"], took["bare, all workers"])
    steps = [name for name in took if not name.startswith("bare")]
    record = {
        "benchmark": "iteration_cost",
        "problem": "camera 512x512, 32 DCT filters 8x8, circular, float32",
        "plan": plan,
        "milliseconds": {name: round(1e3 * t, 2) for name, t in took.items()},
        "multiple_of_bare_fft": {s: round(took[s] / bare, 3) for s in steps},
        "peak_memory_in_code_arrays": memory,
        "threads": cpu.threads(),
        "versions": {
            "sparsecsc": sc.__version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "python": platform.python_version(),
        },
        "processor": platform.processor() or platform.machine(),
        "load_average": os.getloadavg()[0],
    }
    print(f"plan {plan}; bare FFT round trip {1e3 * bare:.1f} ms")
    for name in steps:
        print(
            f"{name:15s} {1e3 * took[name]:6.1f} ms an iteration = {took[name] / bare:.2f} x bare"
        )
    print(f"peak memory in code arrays: {memory}")
    print(json.dumps(record))


if __name__ == "__main__":
    main()
