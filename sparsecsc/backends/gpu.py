"""CuPy arrays: cuFFT, and fused kernels of our own.

Numbers that steps compute stay on the device; only `dot`, `sum_squares` and `difference` bring
theirs to the host. Plans of cuFFT are kept by CuPy, the last 16 for each device.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import array_api_compat.cupy as array_namespace
import cupy as cp
import scipy.fft

from sparsecsc.backends._cupy_kernels import launch

Item = TypeVar("Item")
Value = TypeVar("Value")

xp = array_namespace
immediate = False
ADVICE = "use float32, fewer filters, a crop, or NumPy arrays"
_LEAST_ELEMENTS, _MOST_ELEMENTS = 2**20, 2**26
_SHARE = 64
"""Bytes that are free on the device for each element of a block: spectrum, product, result."""
_MANY = 8
"""Filters and channels from which on a product for each frequency is left to cuBLAS."""


def __getattr__(name: str) -> Any:
    """Return how many real elements one block of work should hold, by the memory that is free."""
    if name == "block_elements":
        return _block_elements(cp.cuda.runtime.getDevice())
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


@functools.cache
def _block_elements(device: int) -> int:
    free, _ = cp.cuda.Device(device).mem_info
    return int(min(max(free // _SHARE, _LEAST_ELEMENTS), _MOST_ELEMENTS))


def rfftn(x: Any, shape: tuple[int, ...]) -> Any:
    """Real FFT over the last ``len(shape)`` axes, zero-padded to `shape`."""
    return cp.fft.rfftn(x, shape, axes=tuple(range(-len(shape), 0)))


def irfftn(x: Any, shape: tuple[int, ...]) -> Any:
    """Inverse of `rfftn`; the result is real with last axes `shape`. `x` may be overwritten."""
    return cp.fft.irfftn(x, shape, axes=tuple(range(-len(shape), 0)))


def fast_length(n: int) -> int:
    """Return the smallest length >= `n` whose real FFT is fast: the CPU's, so that grids agree."""
    return int(scipy.fft.next_fast_len(n, real=True))


def threads() -> int:
    """Return 1: the device works on one block at a time."""
    return 1


def run(task: Callable[[Item], Value], items: Iterable[Item]) -> list[Value]:
    """Return ``[task(item) for item in items]``; the host runs ahead of the device."""
    return [task(item) for item in items]


def multiply_accumulate(out: Any, spectra: Any, codes: Any) -> None:
    """``out[b, c] += sum_m spectra[m, c] * codes[b, m]``, frequency by frequency, in place."""
    n_filters, n_channels = spectra.shape[:2]
    if min(n_filters, n_channels) >= _MANY:
        out += _by_frequency(codes, spectra)
        return
    sizes = (cp.uint64(n_filters), cp.uint64(n_channels), cp.uint64(math.prod(out.shape[2:])))
    arrays = (out, *map(cp.ascontiguousarray, (spectra, codes)))
    launch("multiply_accumulate", out.real.dtype, out.size, *arrays, *sizes)


def multiply_conjugate(spectra: Any, signal: Any) -> Any:
    """Return ``out[b, m] = sum_c conj(spectra[m, c]) * signal[b, c]``, frequency by frequency."""
    n_filters, n_channels = spectra.shape[:2]
    if min(n_filters, n_channels) >= _MANY:
        return _by_frequency(signal, cp.conj(cp.swapaxes(spectra, 0, 1)))
    out = cp.empty((signal.shape[0], n_filters, *signal.shape[2:]), dtype=signal.dtype)
    sizes = (cp.uint64(n_filters), cp.uint64(n_channels), cp.uint64(math.prod(out.shape[2:])))
    arrays = (out, *map(cp.ascontiguousarray, (spectra, signal)))
    launch("multiply_conjugate", out.real.dtype, out.size, *arrays, *sizes)
    return out


def _by_frequency(x: Any, matrices: Any) -> Any:
    """Return ``sum_m x[b, m] * matrices[m, c]`` by batched matrix products of cuBLAS."""
    left = cp.moveaxis(x.reshape(*x.shape[:2], -1), 2, 0)
    right = cp.moveaxis(matrices.reshape(*matrices.shape[:2], -1), 2, 0)
    product = cp.moveaxis(cp.matmul(left, right), 0, 2)
    return cp.ascontiguousarray(product).reshape(x.shape[0], matrices.shape[1], *x.shape[2:])


def dot(x: Any, y: Any) -> float:
    """Return the inner product of `x` and `y`, accumulated in float64."""
    arrays = map(cp.ascontiguousarray, (x, y))
    return float(launch("dot", x.dtype, x.size, *arrays, sums=1)[0])


def sum_squares(x: Any) -> float:
    """Return the sum of squares of `x`, accumulated in float64."""
    return dot(x, x)


def difference(x: Any, y: Any) -> Any:
    """Return the squared norms of ``x - y`` and of `x`, accumulated in float64, on the device."""
    arrays = map(cp.ascontiguousarray, (x, y))
    return launch("difference", x.dtype, x.size, *arrays, sums=2)


def subtract_from(x: Any, y: Any) -> None:
    """Store ``x - y`` in `y`."""
    cp.subtract(x, y, out=y)


def shrink(correlation: Any, base: Any, step: float, penalty: tuple[float, float, bool]) -> Any:
    """Return the prox of ``base + step * correlation``, in place of `correlation` if contiguous."""
    correlation, base = map(cp.ascontiguousarray, (correlation, base))
    real = correlation.dtype.type
    launch(
        "shrink", real, correlation.size, correlation, base, real(step), *_numbers(real, penalty)
    )
    return correlation


def accelerate(
    correlation: Any, arrays: Any, step: float, penalty: tuple[float, float, bool], factor: Any
) -> Any:
    """FISTA's step in one pass: `shrink`, then `momentum`; arrays is (extrapolated, codes)."""
    real = correlation.dtype.type
    total = cp.zeros((), dtype=cp.float64)
    for extrapolated, codes, step_by in _lines(*arrays, cp.ascontiguousarray(correlation)):
        given = (extrapolated, codes, step_by, _number(factor), real(step))
        sums = launch("accelerate", real, codes.size, *given, *_numbers(real, penalty), sums=1)
        total = total + sums[0]
    return total


def momentum(extrapolated: Any, codes: Any, new: Any, factor: Any) -> Any:
    """Store `new` in `codes` and ``new + factor * (new - codes)`` in `extrapolated`, in place.

    Returns ``<extrapolated - new, new - codes>`` of the values before the update, on the device.
    """
    total = cp.zeros((), dtype=cp.float64)
    for arrays in _lines(extrapolated, codes, cp.ascontiguousarray(new)):
        sums = launch("momentum", codes.dtype, arrays[0].size, *arrays, _number(factor), sums=1)
        total = total + sums[0]
    return total


def copy_if(flag: Any, out: Any, x: Any) -> None:
    """Store `x` in `out` if the number `flag` is above 0; the host does not learn it."""
    launch("copy_if", out.dtype, out.size, _number(flag), out, x)


def relax(codes: Any, multiplier: Any, target: Any, new: Any, relaxation: float) -> Any:
    """ADMM's update of `codes` and the scaled `multiplier`, in place; five norms, on the device."""
    real = codes.dtype.type
    norms = cp.zeros(5, dtype=cp.float64)
    for arrays in _lines(codes, multiplier, *map(cp.ascontiguousarray, (target, new))):
        norms += launch("relax", real, arrays[0].size, *arrays, real(relaxation), sums=5)
    return norms


def split(
    correction: Any, arrays: Any, relaxation: float, penalty: tuple[float, float, bool]
) -> Any:
    """ADMM's step after the linear solve in one pass; arrays is (codes, multiplier)."""
    real = correction.dtype.type
    norms = cp.zeros(5, dtype=cp.float64)
    for lines in _lines(*arrays, cp.ascontiguousarray(correction)):
        given = (*lines, real(relaxation), *_numbers(real, penalty))
        norms += launch("split", real, lines[0].size, *given, sums=5)
    return norms


def free_bytes() -> float:
    """Return how many bytes are free on the device, with those that CuPy keeps for reuse."""
    free, _ = cp.cuda.runtime.memGetInfo()
    return float(free + cp.get_default_memory_pool().free_bytes())


def to_host(x: Any) -> Any:
    """Return the values as a NumPy array."""
    return cp.asnumpy(x)


def synchronize() -> None:
    """Wait until the device has done what was asked for."""
    cp.cuda.get_current_stream().synchronize()


def _number(value: Any) -> Any:
    """Return a number as a float64 on the device, where it may be already."""
    return cp.asarray(value, dtype=cp.float64)


def _numbers(real: Any, penalty: tuple[float, float, bool]) -> tuple[Any, ...]:
    threshold, ridge, nonnegative = penalty
    return real(threshold), real(1.0 / (1.0 + ridge)), cp.int32(nonnegative)


def _lines(*blocks: Any) -> list[Any]:
    """Return the blocks as contiguous views: whole, or one signal at a time.

    A block of some of the filters of several signals is contiguous for each signal only.
    """
    if all(block.flags.c_contiguous for block in blocks):
        return [blocks]
    return [tuple(block[b] for block in blocks) for b in range(len(blocks[0]))]
