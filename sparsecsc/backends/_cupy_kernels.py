"""The CUDA kernels, compiled at first use; sums of what threads leave stay on the device."""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import Any

import cupy as cp

KERNELS = (
    "shrink",
    "accelerate",
    "momentum",
    "copy_if",
    "relax",
    "split",
    "dot",
    "difference",
    "multiply_accumulate",
    "multiply_conjugate",
)
_THREADS = 256
_BLOCKS_PER_PROCESSOR = 8


@functools.cache
def _module() -> Any:
    source = files("sparsecsc.backends").joinpath("_cupy_kernels.cu").read_text(encoding="utf-8")
    names = tuple(f"{name}<{real}>" for name in KERNELS for real in ("float", "double"))
    return cp.RawModule(code=source, options=("--std=c++17",), name_expressions=names)


@functools.cache
def _kernel(name: str, real: str) -> Any:
    return _module().get_function(f"{name}<{real}>")


@functools.cache
def _most_blocks(device: int) -> int:
    processors: int = cp.cuda.Device(device).attributes["MultiProcessorCount"]
    return processors * _BLOCKS_PER_PROCESSOR


def launch(name: str, dtype: Any, n: int, *arguments: Any, sums: int = 0) -> Any:
    """Run a kernel over n elements; return the sums that its threads left, on the device.

    Parameters
    ----------
    name : str
    dtype : dtype
        Of the real numbers, float32 or float64.
    n : int
        Elements, the last but one argument of kernels that sum and else the last.
    *arguments
        Those before n: contiguous arrays, and numbers of the dtype.
    sums : int
        How many quantities the kernel sums up.
    """
    real = "float" if cp.dtype(dtype) == cp.float32 else "double"
    blocks = max(1, min(-(-n // _THREADS), _most_blocks(cp.cuda.runtime.getDevice())))
    given = [*arguments, cp.uint64(n)]
    if sums:
        partial = cp.empty((sums, blocks * _THREADS), dtype=cp.float64)
        given.append(partial)
    _kernel(name, real)((blocks,), (_THREADS,), tuple(given))
    return cp.sum(partial, axis=1) if sums else None
