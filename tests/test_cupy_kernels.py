"""The CUDA source, without a device: compiled by nvcc, and run on the host thread after thread."""

import ctypes
import math
import re
import shutil
import subprocess
import sys
from importlib.resources import files

import numpy as np
import pytest
from checkers import assert_close

from sparsecsc.backends import cpu

SOURCE = files("sparsecsc.backends").joinpath("_cupy_kernels.cu").read_text(encoding="utf-8")
SIGNATURES = dict(re.findall(r"__global__ void (\w+)\(([^)]*)\)", SOURCE))
REALS = {"float": np.float32, "double": np.float64}
BLOCKS, THREADS = 3, 4

SHIM = """
struct dim { unsigned x; };
static dim gridDim, blockDim, blockIdx, threadIdx;
#define __global__
#define __device__
"""
LAUNCH = """
extern "C" void launch_{name}_{real}({parameters}) {{
    gridDim.x = {blocks}; blockDim.x = {threads};
    for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x)
        for (threadIdx.x = 0; threadIdx.x < blockDim.x; ++threadIdx.x)
            {name}<{real}>({names});
}}
"""


def test_every_kernel_of_the_source_is_listed_and_launched():
    listed = re.search(r"KERNELS = \(([^)]*)\)", _python("_cupy_kernels.py")).group(1)
    assert set(re.findall(r'"(\w+)"', listed)) == set(SIGNATURES)
    launched = set(re.findall(r'launch\(\s*"(\w+)"', _python("gpu.py")))
    assert launched == set(SIGNATURES)


def _python(name):
    return files("sparsecsc.backends").joinpath(name).read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="nvcc is not installed")
def test_the_source_compiles_for_a_device(tmp_path):
    assert _compiled(tmp_path, SOURCE).returncode == 0
    broken = _compiled(tmp_path, SOURCE.replace("code = next;", "code = nowhere;"))
    assert broken.returncode != 0
    assert "nowhere" in broken.stderr


def _compiled(folder, source):
    """Compile all instances of the kernels for compute capability 9.0."""
    instances = [
        f"template __global__ void {name}<{real}>({parameters.replace('T', real)});"
        for name, parameters in SIGNATURES.items()
        for real in REALS
    ]
    file = folder / "kernels.cu"
    file.write_text("\n".join([source, *instances]), encoding="utf-8")
    command = ["nvcc", "-std=c++17", "-arch=sm_90", "-cubin", "-o", folder / "out", file]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    """Return the kernels as functions of the host, compiled from the same source."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None or sys.platform == "win32":
        pytest.skip("no compiler for the host")
    folder = tmp_path_factory.mktemp("kernels")
    parts = [SHIM, SOURCE]
    for name, parameters in SIGNATURES.items():
        names = ", ".join(re.findall(r"(\w+)(?:,|$)", parameters.replace("\n", " ")))
        for real in REALS:
            given = parameters.replace("<T>", f"<{real}>").replace("T ", f"{real} ")
            given = given.replace("T*", f"{real}*")
            parts.append(
                LAUNCH.format(
                    name=name,
                    real=real,
                    parameters=given,
                    names=names,
                    blocks=BLOCKS,
                    threads=THREADS,
                )
            )
    (folder / "kernels.cpp").write_text("\n".join(parts), encoding="utf-8")
    library = folder / "kernels.so"
    command = [compiler, "-std=c++17", "-O1", "-shared", "-fPIC", "-o", library]
    subprocess.run([*command, folder / "kernels.cpp"], check=True)
    return ctypes.CDLL(str(library))


def launch(kernels, name, real, *arguments, sums=0):
    """Run a kernel as the backend does, and return its sums."""
    given = []
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            assert argument.flags.c_contiguous
            given.append(argument.ctypes.data_as(ctypes.c_void_p))
        elif isinstance(argument, (int, np.integer)):
            given.append(ctypes.c_ulonglong(int(argument)))
        elif isinstance(argument, np.float32):
            given.append(ctypes.c_float(argument))
        else:
            given.append(ctypes.c_double(argument))
    partial = np.full((sums, BLOCKS * THREADS), math.nan)
    if sums:
        given.append(partial.ctypes.data_as(ctypes.c_void_p))
    getattr(kernels, f"launch_{name}_{real}")(*given)
    return partial.sum(axis=1)


def arrays(n, dtype, shape=(2, 3, 17), seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for _ in range(n)]


PENALTIES = [(0.4, 0.0, False), (0.4, 0.3, False), (0.2, 0.0, True), (0.0, 0.1, True)]
every_real = pytest.mark.parametrize("real", REALS)
every_penalty = pytest.mark.parametrize("penalty", PENALTIES)


def numbers(dtype, penalty):
    threshold, ridge, nonnegative = penalty
    return dtype(threshold), dtype(1.0 / (1.0 + ridge)), int(nonnegative)


@every_real
@every_penalty
def test_shrink(kernels, real, penalty):
    dtype = REALS[real]
    correlation, base = arrays(2, dtype)
    expected = cpu.shrink(correlation.copy(), base, 0.7, penalty)
    given = (correlation, base, dtype(0.7), *numbers(dtype, penalty), base.size)
    launch(kernels, "shrink", real, *given)
    assert_close(correlation, expected, dtype)


@every_real
@every_penalty
def test_accelerate(kernels, real, penalty):
    dtype = REALS[real]
    correlation, extrapolated, codes = arrays(3, dtype)
    wanted = extrapolated.copy(), codes.copy()
    uphill = cpu.accelerate(correlation.copy(), wanted, 0.7, penalty, 0.3)
    given = (extrapolated, codes, correlation, np.array(0.3), dtype(0.7))
    (found,) = launch(
        kernels, "accelerate", real, *given, *numbers(dtype, penalty), codes.size, sums=1
    )
    assert_close(extrapolated, wanted[0], dtype)
    assert_close(codes, wanted[1], dtype)
    assert_close(found, uphill, dtype, scale=codes.size)


@every_real
def test_momentum_and_copy_if(kernels, real):
    dtype = REALS[real]
    extrapolated, codes, new = arrays(3, dtype)
    wanted = extrapolated.copy(), codes.copy()
    uphill = cpu.momentum(*wanted, new, 0.3)
    given = (extrapolated, codes, new, np.array(0.3), codes.size)
    (found,) = launch(kernels, "momentum", real, *given, sums=1)
    assert_close(extrapolated, wanted[0], dtype)
    assert_close(codes, wanted[1], dtype)
    assert_close(found, uphill, dtype, scale=codes.size)
    kept = extrapolated.copy()
    for flag, expected in ((-1.0, kept), (0.0, kept), (math.nan, kept), (0.5, codes)):
        launch(kernels, "copy_if", real, np.array(flag), extrapolated, codes, codes.size)
        assert np.array_equal(extrapolated, expected)


@every_real
@every_penalty
def test_relax_and_split(kernels, real, penalty):
    dtype = REALS[real]
    codes, multiplier, correction = arrays(3, dtype)
    target = 1.8 * correction + codes - 0.8 * multiplier
    target = target.astype(dtype)
    zero = np.zeros_like(target)
    new = cpu.shrink(target.copy(), zero, 1.0, penalty)
    wanted = codes.copy(), multiplier.copy()
    norms = cpu.relax(*wanted, target, new, 1.8)
    first = codes.copy(), multiplier.copy()
    given = (*first, target, new, dtype(1.8), codes.size)
    found = launch(kernels, "relax", real, *given, sums=5)
    second = codes, multiplier
    given = (*second, correction, dtype(1.8), *numbers(dtype, penalty), codes.size)
    fused = launch(kernels, "split", real, *given, sums=5)
    for pair, sums in ((first, found), (second, fused)):
        assert_close(pair[0], wanted[0], dtype, scale=10)
        assert_close(pair[1], wanted[1], dtype, scale=10)
        assert_close(sums, norms, dtype, scale=float(norms.max()))


@every_real
def test_sums(kernels, real):
    dtype = REALS[real]
    x, y = arrays(2, dtype)
    (found,) = launch(kernels, "dot", real, x, y, x.size, sums=1)
    assert_close(found, cpu.dot(x, y), np.float64, scale=x.size)
    found = launch(kernels, "difference", real, x, y, x.size, sums=2)
    assert_close(found, np.array(cpu.difference(x, y)), dtype)  # the CPU subtracts in dtype


@every_real
@pytest.mark.parametrize("channels", [1, 3])
def test_products(kernels, real, channels):
    dtype = np.result_type(REALS[real], np.complex64)
    rng = np.random.default_rng(0)

    def spectrum(*shape):
        return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)

    spectra, codes, out = spectrum(5, channels, 7), spectrum(2, 5, 7), spectrum(2, channels, 7)
    expected = out.copy()
    cpu.multiply_accumulate(expected, spectra, codes)
    sizes = (5, channels, 7)
    launch(kernels, "multiply_accumulate", real, out, spectra, codes, *sizes, out.size)
    assert_close(out.view(REALS[real]), expected.view(REALS[real]), REALS[real])
    found, signal = np.zeros_like(codes), spectrum(2, channels, 7)
    launch(kernels, "multiply_conjugate", real, found, spectra, signal, *sizes, found.size)
    expected = cpu.multiply_conjugate(spectra, signal)
    assert_close(found.view(REALS[real]), expected.view(REALS[real]), REALS[real])
