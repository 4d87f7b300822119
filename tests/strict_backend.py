"""A backend for array-api-strict: generic code that runs on it has no habit of NumPy alone.

It is slow, has none of the optional kernels, and cuts work into small blocks, one at a time.
"""

import array_api_strict as xp
import numpy as np
import scipy.fft

block_elements = 64
immediate = False
ADVICE = "take less"


def rfftn(x, shape):
    return xp.fft.rfftn(x, s=shape, axes=tuple(range(-len(shape), 0)))


def irfftn(x, shape):
    return xp.fft.irfftn(x, s=shape, axes=tuple(range(-len(shape), 0)))


def fast_length(n):
    return scipy.fft.next_fast_len(n, real=True)


def threads():
    return 1


def run(task, items):
    return [task(item) for item in items]


def multiply_accumulate(out, spectra, codes):
    out += xp.sum(spectra[None, ...] * codes[:, :, None, ...], axis=1)


def multiply_conjugate(spectra, signal):
    return xp.sum(xp.conj(spectra)[None, ...] * signal[:, None, ...], axis=2)


def dot(x, y):
    return float(xp.sum(xp.astype(x, xp.float64) * xp.astype(y, xp.float64)))


def sum_squares(x):
    return dot(x, x)


def difference(x, y):
    return _number((x - y) ** 2), _number(x**2)


def _number(x):
    """Return the sum as an array without axes: reading it is a choice of the caller."""
    return xp.sum(xp.astype(x, xp.float64))


def subtract_from(x, y):
    y[...] = x - y


def shrink(correlation, base, step, penalty):
    threshold, ridge, nonnegative = penalty
    moved = base + step * correlation
    zero = xp.zeros_like(moved)
    size = moved if nonnegative else xp.abs(moved)
    kept = xp.maximum(size - threshold, zero) / (1 + ridge)
    return kept if nonnegative else xp.sign(moved) * kept


def accelerate(correlation, arrays, step, penalty, factor):
    extrapolated, codes = arrays
    return momentum(extrapolated, codes, shrink(correlation, extrapolated, step, penalty), factor)


def copy_if(flag, out, x):
    out[...] = xp.where(flag > 0, x, out)


def momentum(extrapolated, codes, new, factor):
    inner = _number((extrapolated - new) * (new - codes))
    factor = xp.astype(xp.asarray(factor), codes.dtype)
    extrapolated[...] = new + factor * (new - codes)
    codes[...] = new
    return inner


def relax(codes, multiplier, target, new, relaxation):
    step = (target - codes - (1 - relaxation) * multiplier) / relaxation
    point = codes - multiplier + step
    after = target - new
    norms = [point - new, new - codes, point, new, after]
    codes[...] = new
    multiplier[...] = after
    return xp.stack([_number(x**2) for x in norms])


def free_bytes():
    return 1e9


def to_host(x):
    return np.asarray(x)


def synchronize():
    pass
