"""ML-ISTA and ML-FISTA transcribed to PyTorch, as their authors' public code computes them.

Plain layers only. The steps are those of ours, so that the iterates are the same up to rounding;
what differs is who computes the convolutions.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sparsecsc.bench.data import LayeredData
from sparsecsc.bench.protocol import Snapshot


@dataclass(frozen=True)
class TorchSweeps:
    """Sweeps of one proximal step a layer, with momentum on the deepest codes or without."""

    name: str
    momentum: bool
    threads: int = 1

    @property
    def settings(self) -> dict[str, Any]:
        """What was chosen."""
        return {"threads": self.threads, "steps": "1 / L of each layer"}

    def candidates(self, threads: int) -> list[TorchSweeps]:
        """Return what a sweep tries: the second thread often slows it."""
        return [replace(self, threads=n) for n in range(1, threads + 1)]

    def unsuited(self, data: Any) -> str | None:
        """Return why it does not take the problem, or None."""
        if importlib.util.find_spec("torch") is None:
            return "torch is not installed"
        if not isinstance(data, LayeredData):
            return "is for several layers"
        return None if data.plain else "is for plain layers"

    def iterates(self, data: LayeredData, stops: Iterator[int]) -> Iterator[Snapshot]:
        """Yield the iterates."""
        torch = importlib.import_module("torch")
        torch.set_num_threads(self.threads)
        problem = data.problem()
        steps = [1.0 / problem.lipschitz(i + 1) for i in range(len(data.banks))]
        banks = [torch.from_numpy(bank) for bank in data.banks]
        signal = torch.from_numpy(data.signal)
        deepest = torch.zeros(problem.shapes[-1], dtype=signal.dtype)
        start, t, k = deepest, 1.0, 0
        for stop in stops:
            with torch.no_grad():
                while k < stop:
                    new = _sweep(torch, signal, banks, (data.weights, steps), start)
                    t_next = 0.5 * (1 + math.sqrt(1 + 4 * t * t))
                    factor = (t - 1) / t_next if self.momentum else 0.0
                    start = new + factor * (new - deepest)
                    deepest, t, k = new, t_next, k + 1
            yield Snapshot(k, lambda deepest=deepest: deepest.numpy())  # type: ignore[misc]


def _sweep(torch: Any, signal: Any, banks: Any, numbers: Any, deepest: Any) -> Any:
    convolve = torch.nn.functional
    images = [deepest]
    for bank in banks[:0:-1]:
        images.insert(0, convolve.conv_transpose2d(images[0], bank, padding=_around(bank)))
    codes, product = signal, 1.0
    for bank, weight, step, image in zip(banks, *numbers, images, strict=True):
        product *= step
        synthesis = convolve.conv_transpose2d(image, bank, padding=_around(bank))
        moved = image - step * convolve.conv2d(synthesis - codes, bank, padding=_around(bank))
        codes = convolve.softshrink(moved, weight * product)
    return codes


def _around(bank: Any) -> tuple[int, ...]:
    return tuple((k - 1) // 2 for k in bank.shape[2:])


SWEEPS = (TorchSweeps("torch ML-ISTA", False), TorchSweeps("torch ML-FISTA", True))
