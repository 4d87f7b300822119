"""FISTA and ML-FISTA written with PyTorch for a GPU; None where PyTorch or its device is missing.

The iterations are those of `multilayer_iteration.py` and of a plain FISTA in the FFT domain, as a
user of PyTorch would write them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any


def _torch() -> Any:
    """Return PyTorch if it has a GPU, else None."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    return torch if torch.cuda.is_available() else None


def device() -> Any:
    """Return what waits for the GPU, by its `synchronize`."""
    return _torch().cuda


def fista(problem: Any) -> Callable[[], None] | None:
    """Return an iteration of FISTA for a circular problem of one channel."""
    torch = _torch()
    if torch is None:
        return None
    signal = torch.from_numpy(problem.signal).cuda()
    size = problem.signal.shape[2:]
    kernels = torch.from_numpy(problem.dictionary.filters[:, 0]).cuda()
    spectra = torch.fft.rfft2(kernels, s=size)
    step, weight = 1.0 / problem.lipschitz(), float(problem.penalty.weight)
    state = {"z": torch.zeros(problem.codes_shape, dtype=signal.dtype, device="cuda"), "t": 1.0}
    state["v"] = state["z"].clone()

    @torch.no_grad()
    def iterate() -> None:
        v, z = state["v"], state["z"]
        image = torch.fft.irfft2((torch.fft.rfft2(v) * spectra).sum(1, keepdim=True), s=size)
        residual = torch.fft.rfft2(signal - image)
        v = v + step * torch.fft.irfft2(residual * spectra.conj(), s=size)
        new = torch.sign(v) * torch.relu(v.abs() - step * weight)
        t = (1 + (1 + 4 * state["t"] ** 2) ** 0.5) / 2
        state["v"], state["z"] = new + (state["t"] - 1) / t * (new - z), new
        state["t"] = t

    return iterate


def sweep(problem: Any) -> Callable[[], None] | None:
    """Return a sweep of ML-FISTA, synthesis shared between the layers."""
    torch = _torch()
    if torch is None:
        return None
    from multilayer_iteration import TorchSweeps

    sweeps = TorchSweeps(problem, momentum=True, shared=True, device="cuda")
    step: Callable[[], None] = torch.no_grad()(sweeps.sweep)
    return step
