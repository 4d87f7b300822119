"""The CPU backend: each kernel is its slow plain twin, and work is shared without surprises."""

import gc
import os
import platform
import shutil
import subprocess
import sys
import textwrap
import threading
import time

import numba
import numpy as np
import pytest
from checkers import assert_close, eps
from discovery import PACKAGE

from sparsecsc import backends
from sparsecsc._codes_graph import make_graph
from sparsecsc.backends import _numba_kernels, cpu

precisions = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=("float32", "float64"))
COMPLEX = {np.float32: np.complex64, np.float64: np.complex128}
DOCUMENTED = [
    "xp",
    "rfftn",
    "irfftn",
    "fast_length",
    "block_elements",
    "threads",
    "run",
    "multiply_accumulate",
    "multiply_conjugate",
    "sum_squares",
    "dot",
    "momentum",
    "relax",
    "synchronize",
]


def real(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def spectrum(shape, dtype, seed=0):
    return (real(shape, dtype, seed) + 1j * real(shape, dtype, seed + 50)).astype(COMPLEX[dtype])


# (signals, filters, channels, frequencies): one tile is 2048 frequencies
SIZES = [
    (1, 1, 1, (1,)),
    (2, 3, 1, (7,)),
    (1, 4, 3, (5, 4)),
    (3, 2, 2, (2049,)),
    (1, 2, 5, (2, 3, 4)),
]
sizes = pytest.mark.parametrize("size", SIZES, ids=str)


# ---- slow plain twins ----


def plain_multiply_accumulate(out, spectra, codes):
    for b in range(out.shape[0]):
        for c in range(out.shape[1]):
            for m in range(spectra.shape[0]):
                out[b, c] = out[b, c] + spectra[m, c] * codes[b, m]


def plain_multiply_conjugate(spectra, signal):
    out = np.zeros((signal.shape[0], spectra.shape[0], *signal.shape[2:]), np.complex128)
    for b in range(out.shape[0]):
        for m in range(out.shape[1]):
            for c in range(signal.shape[1]):
                out[b, m] += np.conj(spectra[m, c]) * signal[b, c]
    return out


def plain_momentum(extrapolated, codes, new, factor):
    inner = 0.0
    for i in np.ndindex(*new.shape):
        move = float(new[i]) - float(codes[i])
        inner += (float(extrapolated[i]) - float(new[i])) * move
        extrapolated[i] = new[i] + factor * move
        codes[i] = new[i]
    return inner


def plain_relax(codes, multiplier, target, new, relaxation):
    # target = relaxation x + (1 - relaxation) codes + multiplier, solved for x
    x = (target - multiplier - (1 - relaxation) * codes) / relaxation
    norms = [x - new, new - codes, x, new, target - new]
    multiplier[...] = target - new
    codes[...] = new
    return np.array([float((n.astype(np.float64) ** 2).sum()) for n in norms])


def parts(array):
    """Return real and imaginary parts as one real array."""
    return np.stack([np.real(array), np.imag(array)])


def test_the_backend_has_the_documented_names():
    for name in DOCUMENTED:
        assert hasattr(cpu, name)
        assert f"``{name}" in backends.__doc__


@precisions
@sizes
def test_multiply_accumulate_is_its_plain_twin(dtype, size):
    n, m, c, frequencies = size
    spectra, codes = (
        spectrum((m, c, *frequencies), dtype, 1),
        spectrum((n, m, *frequencies), dtype, 2),
    )
    out = spectrum((n, c, *frequencies), dtype, 3)
    expected = out.astype(np.complex128)
    plain_multiply_accumulate(expected, spectra, codes)
    cpu.multiply_accumulate(out, spectra, codes)
    assert out.dtype == COMPLEX[dtype]
    assert_close(parts(out), parts(expected), dtype, slack=20)


@precisions
@sizes
def test_multiply_conjugate_is_its_plain_twin(dtype, size):
    n, m, c, frequencies = size
    spectra, signal = (
        spectrum((m, c, *frequencies), dtype, 4),
        spectrum((n, c, *frequencies), dtype, 5),
    )
    kept = spectra.copy(), signal.copy()
    out = cpu.multiply_conjugate(spectra, signal)
    assert out.dtype == COMPLEX[dtype]
    assert_close(parts(out), parts(plain_multiply_conjugate(spectra, signal)), dtype, slack=20)
    assert np.array_equal(spectra, kept[0])
    assert np.array_equal(signal, kept[1])


@precisions
@pytest.mark.parametrize("shape", [(1,), (3, 4), (2, 3, 5, 7)], ids=str)
def test_dot_and_sum_squares_are_accumulated_in_float64(dtype, shape):
    x, y = real(shape, dtype, 6), real(shape, dtype, 7)
    exact = float((x.astype(np.float64) * y.astype(np.float64)).sum())
    scale = float(np.abs(x.astype(np.float64) * y).sum())
    assert abs(cpu.dot(x, y) - exact) <= 200 * eps(np.float64) * scale
    assert cpu.sum_squares(x) == pytest.approx(float((x.astype(np.float64) ** 2).sum()), rel=1e-13)
    assert isinstance(cpu.dot(x, y), float)


def test_a_long_float32_sum_does_not_lose_digits():
    x = np.full(2_000_000, 0.1, np.float32)
    assert cpu.sum_squares(x) == pytest.approx(2_000_000 * float(np.float32(0.1)) ** 2, rel=1e-12)
    assert cpu.dot(x[::-1][:10], x[:10]) == pytest.approx(
        10 * float(np.float32(0.1)) ** 2, rel=1e-12
    )


@precisions
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 17)], ids=str)
def test_momentum_is_its_plain_twin(dtype, shape):
    arrays = [real(shape, dtype, seed) for seed in (8, 9, 10)]
    plain = [a.astype(np.float64) for a in arrays]
    inner = cpu.momentum(*arrays, 0.75)
    assert inner == pytest.approx(
        plain_momentum(*plain, 0.75), rel=100 * eps(dtype), abs=100 * eps(dtype)
    )
    for found, expected in zip(arrays, plain, strict=True):
        assert_close(found, expected, dtype, slack=10)


@precisions
@pytest.mark.parametrize("relaxation", [1.0, 1.8, 0.5])
def test_relax_is_its_plain_twin(dtype, relaxation):
    arrays = [real((2, 3, 17), dtype, seed) for seed in (11, 12, 13, 14)]
    plain = [a.astype(np.float64) for a in arrays]
    norms = cpu.relax(*arrays, relaxation)
    assert_close(norms, plain_relax(*plain, relaxation), dtype, slack=100)
    for found, expected in zip(arrays, plain, strict=True):
        assert_close(found, expected, dtype, slack=10)


@precisions
def test_in_place_kernels_write_through_to_blocks_of_a_larger_array(dtype):
    # some of the filters of several signals: not contiguous, so no copy may be in between
    block = (slice(0, 3), slice(1, 3))
    wholes = [real((3, 4, 6), dtype, seed) for seed in (15, 16)]
    new = real((3, 2, 6), dtype, 17)
    before = [w.copy() for w in wholes]
    plain = [w[block].astype(np.float64) for w in wholes]
    inner = cpu.momentum(wholes[0][block], wholes[1][block], new, 0.5)
    assert inner == pytest.approx(plain_momentum(*plain, new.astype(np.float64), 0.5), rel=1e-5)
    for whole, old, expected in zip(wholes, before, plain, strict=True):
        assert_close(whole[block], expected, dtype, slack=10)
        whole[block] = old[block]
        assert np.array_equal(whole, old)
    target = real((3, 2, 6), dtype, 18)
    plain = [w[block].astype(np.float64) for w in wholes]
    norms = cpu.relax(wholes[0][block], wholes[1][block], target, new, 1.5)
    wide = target.astype(np.float64), new.astype(np.float64)
    assert_close(norms, plain_relax(*plain, *wide, 1.5), dtype, slack=100)
    for whole, expected in zip(wholes, plain, strict=True):
        assert_close(whole[block], expected, dtype, slack=10)


def test_the_comparison_with_a_twin_catches_a_wrong_kernel():
    spectra, signal = spectrum((2, 2, 9), np.float64, 1), spectrum((1, 2, 9), np.float64, 2)
    wrong = np.einsum("mcf,bcf->bmf", spectra, signal)  # without the conjugate
    with pytest.raises(AssertionError):
        assert_close(parts(wrong), parts(plain_multiply_conjugate(spectra, signal)), slack=20)
    right = np.einsum("mcf,bcf->bmf", np.conj(spectra), signal)
    assert_close(parts(right), parts(plain_multiply_conjugate(spectra, signal)), slack=20)


# ---- transforms ----


@precisions
@pytest.mark.parametrize("grid", [(9,), (8, 7), (4, 5, 6)], ids=str)
def test_transforms_agree_with_numpy_and_undo_each_other(dtype, grid):
    x = real((2, 3, *(n - 1 for n in grid)), dtype)
    axes = tuple(range(-len(grid), 0))
    expected = np.fft.rfftn(x.astype(np.float64), grid, axes=axes)
    found = cpu.rfftn(x, grid)
    assert found.dtype == COMPLEX[dtype]
    assert_close(parts(found), parts(expected), dtype, slack=50)
    back = cpu.irfftn(found.copy(), grid)
    assert back.dtype == dtype
    inner = (..., *(slice(n - 1) for n in grid))
    assert_close(back[inner], x, dtype, slack=50)


def test_fast_lengths_are_long_enough_and_near():
    for n in (1, 2, 7, 97, 211, 1009):
        assert n <= cpu.fast_length(n) <= 1.2 * n + 1


# ---- run ----


@pytest.fixture(params=["1", "2", "5"])
def n_threads(request, monkeypatch):
    monkeypatch.setenv("SPARSECSC_NUM_THREADS", request.param)
    return int(request.param)


@pytest.mark.usefixtures("n_threads")
def test_run_keeps_the_order_of_the_items():
    def task(item):
        time.sleep(0.001 * (item % 3))
        return item**2

    assert cpu.run(task, range(40)) == [i**2 for i in range(40)]
    assert cpu.run(task, iter([3])) == [9]
    assert cpu.run(task, []) == []


def test_run_uses_as_many_threads_as_it_says(n_threads):
    seen = set()
    barrier = threading.Barrier(n_threads)

    def task(_):
        barrier.wait(timeout=20)  # passes only if all are at work at once
        seen.add(threading.get_ident())

    cpu.run(task, range(n_threads))
    assert len(seen) == n_threads
    assert cpu.threads() == n_threads


def failing_at_3():
    """Return the tasks that are at work, and a task that fails for 3."""
    working = []

    def task(item):
        working.append(item)
        try:
            time.sleep(0.002)
            if item == 3:
                raise ValueError("task 3")
        finally:
            working.remove(item)

    return working, task


@pytest.mark.usefixtures("n_threads")
def test_run_raises_what_a_task_raises_when_all_threads_have_stopped():
    working, task = failing_at_3()
    with pytest.raises(ValueError, match="task 3"):
        cpu.run(task, range(12))
    assert not working
    assert cpu.run(lambda i: i, range(9)) == list(range(9))  # and it can be used again


@pytest.mark.usefixtures("n_threads")
def test_run_inside_a_task_works_without_waiting_for_itself():
    def inner(item):
        return item + 1

    def outer(item):
        return sum(cpu.run(inner, range(item)))

    assert cpu.run(outer, range(12)) == [sum(range(1, n + 1)) for n in range(12)]


@pytest.mark.usefixtures("n_threads")
def test_run_after_calls_each_task_once_after_those_that_it_waits_for():
    rng = np.random.default_rng(0)
    needs = [rng.choice(i, size=min(i, int(rng.integers(4))), replace=False) for i in range(60)]
    begun, ended = [], []

    def task(i):
        assert set(needs[i]) <= set(ended)
        begun.append(i)
        time.sleep(0.0005 * (i % 3))
        ended.append(i)

    cpu.run_after(task, make_graph(needs))
    assert sorted(begun) == list(range(60))
    cpu.run_after(task, make_graph([]))
    ended.clear()
    late = next(i for i, others in enumerate(needs) if len(others))
    with pytest.raises(AssertionError):  # what the task asserts can fail
        task(late)


@pytest.mark.usefixtures("n_threads")
def test_run_after_raises_what_a_task_raises_when_all_threads_have_stopped():
    working, task = failing_at_3()
    chain = make_graph([[], [0], [1], [2], [3], [3], [], [], []])
    with pytest.raises(ValueError, match="task 3"):
        cpu.run_after(task, chain)
    assert not working


@pytest.mark.usefixtures("n_threads")
def test_run_may_be_called_from_several_threads_at_once():
    results = {}

    def work(k):
        results[k] = cpu.run(lambda i: i * k, range(30))

    workers = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=30)
    assert results == {k: [i * k for i in range(30)] for k in range(6)}


@pytest.mark.parametrize("value", ["", "0", "-3", "many", "1.5"])
def test_a_thread_count_that_is_none_means_all_processors(monkeypatch, value):
    monkeypatch.setenv("SPARSECSC_NUM_THREADS", value)
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert cpu.threads() == available


# ---- which backend ----


def test_numpy_arrays_have_the_cpu_backend():
    assert backends.backend_of(np.zeros(1)) is cpu
    assert backends.backend_of(np.float32(1)) is cpu
    assert backends.kind_of(np.zeros(1)) == "numpy"


def test_unknown_kinds_are_refused():
    strict = pytest.importorskip("array_api_strict")
    with pytest.raises(
        TypeError, match=r"kind .*numpy.*; got array_api_strict: convert it first\."
    ):
        backends.backend_of(strict.zeros(1))
    with pytest.raises(TypeError, match=r"got builtins: convert it first\."):
        backends.backend_of([1.0])


# ---- processes ----

SOLVE = """
import sys, numpy as np, sparsecsc as sc
def solve():
    rng = np.random.default_rng(0)
    dictionary = sc.ConvDictionary(rng.standard_normal((4, 1, 5)))
    problem = sc.Pursuit(rng.standard_normal((2, 1, 40)), dictionary, sc.L1(1.0))
    return sc.solve(problem, sc.FISTA(), tol=1e-6).objective
"""


def python(script, *, timeout=120, cwd=None, **environment):
    """Run a script in a fresh interpreter; return (code, output)."""
    env = {**os.environ, "SPARSECSC_NUM_THREADS": "3", **environment}
    env = {name: value for name, value in env.items() if value is not None}
    done = subprocess.run(
        [sys.executable, "-c", SOLVE + textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env=env,
        cwd=cwd,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_does_not_wait_for_threads_that_did_not_come_along():
    code, output = python(
        """
        import os, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        before = solve()
        child = os.fork()
        if child == 0:
            os._exit(0 if solve() == before else 3)
        assert os.waitpid(child, 0)[1] == 0
        import multiprocessing
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.starmap(solve, [()] * 3) == [before] * 3
        print("ended", solve() == before)
        """,
        timeout=60,
    )
    assert (code, output.strip()) == (0, "ended True")


def test_kernels_compile_where_no_cache_can_be_written(tmp_path):
    # the package as a read-only install, no home directory, and a cache folder that cannot exist
    shutil.copytree(
        PACKAGE,
        tmp_path / "sparsecsc",
        ignore=shutil.ignore_patterns("__pycache__", "*.png", "*.wav"),
    )
    script = f"""
        import numba.core.caching as caching
        def no_folder(self):
            raise OSError("read-only file system")
        caching._CacheLocator.ensure_cache_path = no_folder
        assert sc.__file__.startswith({str(tmp_path)!r}), sc.__file__
        print(solve() > 0)
    """
    code, output = python(
        script,
        cwd=tmp_path,
        HOME="/nonexistent",
        XDG_CACHE_HOME="/nonexistent/cache",
        NUMBA_CACHE_DIR=None,
        PYTHONPATH=str(tmp_path),
        PYTHONDONTWRITEBYTECODE="1",
    )
    assert (code, output.strip()) == (0, "True")
    assert not list(tmp_path.rglob("*.nbi"))


def test_a_cache_folder_that_cannot_be_made_stops_nothing(tmp_path):
    # root may write anywhere: a folder below a plain file can be made by nobody
    file = tmp_path / "file"
    file.write_text("")
    code, output = python(
        "print(solve() > 0)", NUMBA_CACHE_DIR=str(file / "cache"), HOME=str(file / "home")
    )
    assert (code, output.strip()) == (0, "True")


def test_two_processes_give_the_same_bits():
    first, second = (python("print(solve().hex())") for _ in range(2))
    assert first == second
    assert first[0] == 0


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="how glibc keeps memory")
def test_steps_of_a_first_solve_get_no_new_pages():
    code = """
import resource
import numpy as np, sparsecsc as sc
dictionary = sc.ConvDictionary(sc.dct_filters((8, 8)).astype("float32"))
problem = sc.Pursuit(sc.load_image("camera")[None, None, :128, :128], dictionary, sc.L1(0.1))
solver = sc.ADMM()
state = solver.init(problem, np.zeros(problem.codes_shape, "float32"))
for _ in range(10): state = solver.step(problem, state)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10): state = solver.step(problem, state)
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 10)
"""
    found = [python(code), python(code, MALLOC_MMAP_THRESHOLD_="131072")]
    assert [status for status, _ in found] == [0, 0]
    kept, fixed = (int(told) for _, told in found)
    assert kept < 200
    assert fixed > 1000  # a threshold that is set by hand does not grow


@pytest.mark.parametrize("level", [0, 3, "max"])
@pytest.mark.parametrize("enabled", [True, False])
def test_compilation_leaves_collector_and_level_as_they_were(enabled, level, monkeypatch):
    given = type(numba.config.OPT)(level)
    monkeypatch.setattr(numba.config, "OPT", given)
    compile_for = _numba_kernels._quickly(
        lambda fails: (gc.isenabled(), int(numba.config.OPT), 1 / fails)
    )
    state = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        assert compile_for(2) == (False, min(int(given), 2), 0.5)
        assert gc.isenabled() == enabled
        with pytest.raises(ZeroDivisionError):
            compile_for(0)
        assert gc.isenabled() == enabled
        assert numba.config.OPT is given
    finally:
        (gc.enable if state else gc.disable)()
