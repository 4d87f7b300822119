"""Which devices there are, and arrays brought to one and back."""

from __future__ import annotations

import importlib.util
from typing import Any

from sparsecsc.backends import backend_of


def missing_gpu() -> str:
    """Return why no GPU can be used, or an empty string."""
    if importlib.util.find_spec("cupy") is None:
        return 'CuPy is not installed: pip install "sparsecsc[gpu]", or [gpu12] for CUDA 12'
    if importlib.util.find_spec("array_api_compat") is None:
        return 'array-api-compat is not installed: pip install "sparsecsc[gpu]"'
    try:
        import cupy
    except ImportError as error:
        return f"CuPy cannot be imported: {_first_line(error)}"
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"CuPy finds no device: {_first_line(error)}"
    return "" if count else "CuPy finds no device"


def describe_gpus() -> list[str]:
    """Return a line for each GPU: its name and memory, and the driver's and CuPy's versions."""
    if missing_gpu():
        return []
    import cupy

    runtime = cupy.cuda.runtime
    versions = f"driver {_cuda(runtime.driverGetVersion())}, CuPy {cupy.__version__}"
    lines = []
    for number in range(runtime.getDeviceCount()):
        free, total = cupy.cuda.Device(number).mem_info
        name = runtime.getDeviceProperties(number)["name"].decode()
        memory = f"{free / 1e9:.1f} of {total / 1e9:.1f} GB free"
        lines.append(f"{name}, {memory}, {versions}")
    return lines


def to_gpu(array: Any) -> Any:
    """Return a NumPy array's values on the current GPU."""
    import cupy

    return cupy.asarray(array)


def to_host(array: Any) -> Any:
    """Return an array's values as a NumPy array."""
    return backend_of(array).to_host(array)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def _cuda(number: int) -> str:
    """Return a version of CUDA as people write it: 13000 is 13.0."""
    return f"CUDA {number // 1000}.{number % 1000 // 10}"
