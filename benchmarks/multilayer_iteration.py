"""One iteration of ML-ISTA and ML-FISTA against the same algorithm written with PyTorch.

The PyTorch side is the algorithm of Sulam, Aberdam, Beck and Elad 2020 as a network would be
written: ``conv2d`` for analysis, ``conv_transpose2d`` for synthesis, ``relu`` for the nonnegative
threshold. "as published" recomputes D_i Gamma_i of each layer, as the authors' code does; "shared"
takes it from the synthesis that made Gamma_(i-1), as this package does. Both run with one thread
and with as many as the package uses, and the better one counts. All run in turn within one process,
from the same start, and end at the same codes to float32 accuracy, which is checked. Run it with
the names of models, or with none for all of them::

    python benchmarks/multilayer_iteration.py

It needs PyTorch, which the package itself never imports. It prints a Markdown table and one line
of JSON.
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
import torch
from layered_models import MODELS, make_problem
from torch.nn.functional import conv2d, conv_transpose2d, relu

import sparsecsc as sc
from sparsecsc.backends import cpu

ROUNDS, CHECKED_SWEEPS = 9, 4


class TorchSweeps:
    """The sweeps of one problem in PyTorch, plain (momentum off) or accelerated."""

    def __init__(self, problem: Any, *, momentum: bool, shared: bool, device: str = "cpu") -> None:
        self.signal = torch.from_numpy(problem.signal).to(device)
        filters = [torch.from_numpy(d.filters) for d in problem.model.dictionaries]
        self.filters = [bank.to(device) for bank in filters]
        self.geometry = [
            {"stride": d.stride, "padding": tuple(a for a, _ in d.pads)}
            for d in problem.model.dictionaries
        ]
        n_layers = problem.n_layers
        self.steps = [1.0 / problem.lipschitz(i) for i in range(1, n_layers + 1)]
        scales = np.cumprod(self.steps)
        self.thresholds = [
            float(s * p.weight) for s, p in zip(scales, problem.penalties, strict=True)
        ]
        self.momentum, self.shared, self.t = momentum, shared, 1.0
        self.deepest = self.extrapolated = self._forward()

    def _analyze(self, i: int, x: Any) -> Any:
        return conv2d(x, self.filters[i], **self.geometry[i])

    def _synthesize(self, i: int, codes: Any) -> Any:
        return conv_transpose2d(codes, self.filters[i], **self.geometry[i])

    def _forward(self) -> Any:
        codes = self.signal
        for i, (step, threshold) in enumerate(zip(self.steps, self.thresholds, strict=True)):
            codes = relu(step * self._analyze(i, codes) - threshold)
        return codes

    def sweep(self) -> None:
        """Take one sweep."""
        n_layers = len(self.filters)
        images = [self.extrapolated]
        for i in range(n_layers - 1, -1 if self.shared else 0, -1):
            images.insert(0, self._synthesize(i, images[0]))
        if not self.shared:
            images.insert(0, None)
        codes = self.signal
        for i, (step, threshold) in enumerate(zip(self.steps, self.thresholds, strict=True)):
            start = images[i + 1]
            image = images[i] if self.shared else self._synthesize(i, start)
            codes = relu(start - step * self._analyze(i, image - codes) - threshold)
        new = codes
        self.extrapolated = new
        if self.momentum:
            t = (1.0 + np.sqrt(1.0 + 4.0 * self.t**2)) / 2.0
            self.extrapolated = new + ((self.t - 1.0) / t) * (new - self.deepest)
            self.t = t
        self.deepest = new


class OwnSweeps:
    """The sweeps of one problem with this package; the first is the forward pass."""

    def __init__(self, problem: sc.MultilayerPursuit, *, momentum: bool) -> None:
        self.problem = problem
        self.solver = sc.MLFISTA(stationary=0) if momentum else sc.MLISTA(stationary=0)
        start = tuple(np.zeros(shape, np.float32) for shape in problem.shapes[1:])
        self.state = self.solver.init(problem, start)
        self.sweep()

    def sweep(self) -> None:
        """Take one sweep."""
        self.state = self.solver.step(self.problem, self.state)


def check(problem: sc.MultilayerPursuit, *, momentum: bool) -> float:
    """Return how far the two are apart after a few sweeps, relative to the largest code."""
    own = OwnSweeps(problem, momentum=momentum)
    other = TorchSweeps(problem, momentum=momentum, shared=True)
    if momentum:
        other.t = own.state.t  # the forward pass was a sweep: its momentum was zero
    for _ in range(CHECKED_SWEEPS):
        own.sweep()
        other.sweep()
    expected = other.deepest.numpy()
    apart = float(np.abs(own.state.codes[-1] - expected).max() / np.abs(expected).max())
    if apart > 1e-3:
        msg = f"the two algorithms differ by {apart:.1e} of the largest code"
        raise AssertionError(msg)
    return apart


def seconds(tasks: dict[Any, Callable[[], None]]) -> dict[Any, float]:
    """Return the median seconds of each task (threads, name), the tasks taking turns."""
    taken: dict[Any, list[float]] = {name: [] for name in tasks}
    for k in range(ROUNDS + 2):
        for (threads, name), task in tasks.items():
            torch.set_num_threads(threads)
            began = time.perf_counter()
            task()
            if k >= 2:
                taken[threads, name].append(time.perf_counter() - began)
    return {name: statistics.median(times) for name, times in taken.items()}


def measure(name: str, *, momentum: bool) -> dict[str, Any]:
    """Return one record."""
    problem = make_problem(name)
    apart = check(problem, momentum=momentum)
    own = OwnSweeps(problem, momentum=momentum)
    tasks: dict[Any, Callable[[], None]] = {(1, "own"): own.sweep}
    for threads in sorted({1, cpu.threads()}):
        for kind, shared in (("as published", False), ("shared", True)):
            other = TorchSweeps(problem, momentum=momentum, shared=shared)
            tasks[threads, kind] = other.sweep
    took = seconds(tasks)
    best = {
        kind: min(t for (_, k), t in took.items() if k == kind)
        for kind in ("as published", "shared")
    }
    nonzero = [float(np.mean(c != 0)) for c in own.state.codes]
    return {
        "model": name,
        "method": "ML-FISTA" if momentum else "ML-ISTA",
        "own_ms": round(1e3 * took[1, "own"], 2),
        "torch_ms": {
            f"{k}, {n} threads": round(1e3 * t, 2) for (n, k), t in took.items() if k != "own"
        },
        "speedup_as_published": round(best["as published"] / took[1, "own"], 2),
        "speedup_shared": round(best["shared"] / took[1, "own"], 2),
        "apart": apart,
        "nonzero": [round(share, 3) for share in nonzero],
        "plans": [repr(operator.choice.plan) for operator in problem.operators],
    }


def main() -> None:
    """Measure and print."""
    print("| model | method | own ms | torch shared ms | times faster | as published | plans |")
    print("|---|---|---|---|---|---|---|")
    records = []
    for name in sys.argv[1:] or MODELS:
        for momentum in (False, True):
            record = measure(name, momentum=momentum)
            records.append(record)
            shared = min(t for k, t in record["torch_ms"].items() if k.startswith("shared"))
            print(
                f"| {name} | {record['method']} | {record['own_ms']} | {shared} | "
                f"{record['speedup_shared']} | {record['speedup_as_published']} | "
                f"{', '.join(record['plans'])} |",
                flush=True,
            )
    versions = {"sparsecsc": sc.__version__, "torch": torch.__version__, "numpy": np.__version__}
    about = {
        "threads": cpu.threads(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
    }
    about |= {"benchmark": "multilayer_iteration", "versions": versions, "records": records}
    print(json.dumps(about))


if __name__ == "__main__":
    main()
