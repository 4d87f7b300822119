"""NumPy arrays: SciPy's FFT, Numba kernels, and a pool of threads that works on blocks.

The thread count is the environment variable ``SPARSECSC_NUM_THREADS`` if set, else the number of
processors that this process may use. FFTs and kernels release the interpreter lock.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

import numpy as np
import scipy.fft

from sparsecsc.backends import _cpu_tiles, _numba_plans, _numba_sparse, _numba_statistics
from sparsecsc.backends import _numba_kernels as kernels

xp = np
tiles = _cpu_tiles
plans = _numba_plans
sparse = _numba_sparse
statistics = _numba_statistics
block_elements = 2**18
immediate = True
ADVICE = "use CoordinateDescent, or a crop"
_KEPT_BYTES = 31 * 2**20
"""The C library of Linux gives blocks back to the system when they are freed, above a size that
grows to that of the largest it has given back, at most 32 MB. Without this the transforms of a
process's first solve get new pages in every step, and steps of ADMM take 1.7 times as long."""

Item = TypeVar("Item")
Value = TypeVar("Value")


np.empty(_KEPT_BYTES, np.uint8)  # freed at once


def rfftn(x: Any, shape: tuple[int, ...]) -> Any:
    """Real FFT over the last ``len(shape)`` axes, zero-padded to `shape`."""
    return scipy.fft.rfftn(x, shape, axes=tuple(range(-len(shape), 0)))


def irfftn(x: Any, shape: tuple[int, ...]) -> Any:
    """Inverse of `rfftn`; the result is real with last axes `shape`. `x` may be overwritten."""
    return scipy.fft.irfftn(x, shape, axes=tuple(range(-len(shape), 0)), overwrite_x=True)


def fast_length(n: int) -> int:
    """Return the smallest length >= `n` whose real FFT is fast."""
    return int(scipy.fft.next_fast_len(n, real=True))


def multiply_accumulate(out: Any, spectra: Any, codes: Any) -> None:
    """``out[b, c] += sum_m spectra[m, c] * codes[b, m]``, frequency by frequency, in place."""
    kernels.multiply_accumulate(_flat(out), _flat(spectra), _flat(codes))


def multiply_conjugate(spectra: Any, signal: Any) -> Any:
    """Return ``out[b, m] = sum_c conj(spectra[m, c]) * signal[b, c]``, frequency by frequency."""
    out = np.empty((signal.shape[0], spectra.shape[0], *signal.shape[2:]), dtype=signal.dtype)
    kernels.multiply_conjugate(_flat(out), _flat(spectra), _flat(signal))
    return out


def sum_squares(x: Any) -> float:
    """Return the sum of squares of `x`, accumulated in float64."""
    return dot(x, x)


def dot(x: Any, y: Any) -> float:
    """Return the inner product of `x` and `y`, accumulated in float64."""
    return float(kernels.dot(x.reshape(-1), y.reshape(-1)))


def difference(x: Any, y: Any) -> tuple[float, float]:
    """Return the squared norms of ``x - y`` and of `x`, accumulated in float64."""
    parts = run(lambda line: kernels.difference(*line), _pieces(x, y))
    return float(sum(a for a, _ in parts)), float(sum(b for _, b in parts))


def subtract_from(x: Any, y: Any) -> None:
    """Store ``x - y`` in `y`."""
    np.subtract(x, y, out=y)


def shrink(correlation: Any, base: Any, step: float, penalty: tuple[float, float, bool]) -> Any:
    """Return the prox of ``base + step * correlation``, in place of `correlation` if contiguous.

    `penalty` is (threshold, ridge, nonnegative): the soft threshold, of positive values only where
    nonnegative, divided by 1 + ridge.
    """
    threshold, ridge, nonnegative = penalty
    correlation = np.ascontiguousarray(correlation)
    real = correlation.dtype.type
    numbers = real(step), real(threshold), real(1.0 / (1.0 + ridge))
    for values, start in _lines(correlation, base):
        kernels.shrink(values, start, numbers, nonnegative)
    return correlation


def accelerate(
    correlation: Any, arrays: Any, step: float, penalty: tuple[float, float, bool], factor: Any
) -> float:
    """FISTA's step: `shrink`, then `momentum`; arrays is (extrapolated, codes)."""
    extrapolated, codes = arrays
    new = shrink(correlation, extrapolated, step, penalty)
    return momentum(extrapolated, codes, new, factor)


def copy_if(flag: float, out: Any, x: Any) -> None:
    """Store `x` in `out` if the number `flag` is above 0."""
    if flag > 0:
        out[...] = x


def momentum(extrapolated: Any, codes: Any, new: Any, factor: Any) -> float:
    """Store `new` in `codes` and ``new + factor * (new - codes)`` in `extrapolated`, in place.

    Returns ``<extrapolated - new, new - codes>`` of the values before the update.
    """
    scale = codes.dtype.type(factor)
    return float(sum(kernels.momentum(*line, scale) for line in _lines(extrapolated, codes, new)))


def relax(codes: Any, multiplier: Any, target: Any, new: Any, relaxation: float) -> Any:
    """ADMM's update of `codes` and the scaled `multiplier`, in place.

    `target` is the relaxed point plus multiplier, `new` its prox. Returns the float64 array of
    ``|x - new|^2, |new - codes|^2, |x|^2, |new|^2, |multiplier_new|^2``, where x is the
    unrelaxed point.
    """
    scale = codes.dtype.type(relaxation)
    norms = np.zeros(5)
    for line in _lines(codes, multiplier, target, new):
        kernels.relax(line, scale, norms)
    return norms


def free_bytes() -> None:
    """Return None: the system knows."""


def to_host(x: Any) -> Any:
    """Return the array itself: it is a NumPy array."""
    return np.asarray(x)


def synchronize() -> None:
    """Return at once: work on the CPU is done when a call returns."""


def _flat(x: Any) -> Any:
    return np.ascontiguousarray(x).reshape(x.shape[0], x.shape[1], -1)


def _lines(*blocks: Any) -> list[Any]:
    """Return the blocks with one axis, as views: whole, or one signal at a time.

    A block of some of the filters of several signals is contiguous for each signal only.
    """
    if all(block.flags.c_contiguous for block in blocks):
        return [tuple(block.reshape(-1) for block in blocks)]
    return [tuple(block[b].reshape(-1) for block in blocks) for b in range(len(blocks[0]))]


def _pieces(*arrays: Any) -> list[Any]:
    """Return contiguous arrays of one shape as tuples of views with one axis, a block each."""
    flat = [array.reshape(-1) for array in arrays]
    cuts = range(0, flat[0].size, block_elements)
    return [tuple(array[k : k + block_elements] for array in flat) for k in cuts]


def threads() -> int:
    """Return how many threads `run` uses."""
    wanted = os.environ.get("SPARSECSC_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_inside = threading.local()
_pools: dict[int, ThreadPoolExecutor] = {}


def _forget_pools() -> None:
    """Threads do not survive a fork: the child starts its own."""
    _pools.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pools)


def _pool(n_workers: int) -> ThreadPoolExecutor:
    if n_workers not in _pools:
        _pools[n_workers] = ThreadPoolExecutor(n_workers, thread_name_prefix="sparsecsc")
    return _pools[n_workers]


@contextlib.contextmanager
def serial() -> Iterator[None]:
    """Make `run` work on the calling thread alone, where whole problems share the processors."""
    before = getattr(_inside, "task", False)
    _inside.task = True
    try:
        yield
    finally:
        _inside.task = before


def run(task: Callable[[Item], Value], items: Iterable[Item]) -> list[Value]:
    """Return ``[task(item) for item in items]``, the items shared between the threads.

    Called from inside a task, it works serially. An exception is raised when every thread has
    stopped.
    """
    todo = list(items)
    n_threads = min(threads(), len(todo))
    if n_threads <= 1 or getattr(_inside, "task", False):
        return [task(item) for item in todo]
    results: list[Any] = [None] * len(todo)
    ticket = itertools.count()

    def share() -> None:
        _inside.task = True
        try:
            while (index := next(ticket)) < len(todo):
                results[index] = task(todo[index])
        finally:
            _inside.task = False

    futures = [_pool(n_threads - 1).submit(share) for _ in range(n_threads - 1)]
    try:
        share()
    finally:
        wait(futures)
    for future in futures:
        future.result()
    return results


def run_after(task: Callable[[int], Any], graph: Any) -> None:
    """Call ``task(i)`` for all i of a graph, each after those that it waits for have returned.

    graph is (counts, followers): how many each waits for, and which wait for it, all of them
    larger. Else as `run`.
    """
    counts, followers = graph
    n_threads = min(threads(), len(counts))
    if n_threads <= 1 or getattr(_inside, "task", False):
        for i in range(len(counts)):
            task(i)
        return
    left, missing, over = list(counts), len(counts), False
    ready = deque(i for i, count in enumerate(counts) if count == 0)
    changed = threading.Condition()

    def finish(i: int | None) -> None:
        nonlocal missing, over
        with changed:
            if i is None:  # a task has failed: the others stop too
                over = True
            else:
                missing -= 1
                over = over or not missing
                for other in followers[i]:
                    left[other] -= 1
                    if not left[other]:
                        ready.append(other)
            changed.notify_all()

    def share(_: int) -> None:
        while True:
            with changed:
                while not (ready or over):
                    changed.wait()
                if over:
                    return
                i = ready.popleft()
            done = None
            try:
                task(i)
                done = i
            finally:
                finish(done)

    run(share, range(n_threads))
