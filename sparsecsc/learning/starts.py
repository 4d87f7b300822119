"""Filters to start at, taken from data, and idle ones given something to do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sparsecsc.backends import backend_of
from sparsecsc.checks import check_array, check_count, per_axis
from sparsecsc.codes import SparseCodes
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.learning._quadratics import Codes, correlate
from sparsecsc.optimality import weight_level
from sparsecsc.protocols import Array

_SIGNAL_AXES = "(n_signals, n_channels, *spatial) with 1, 2 or 3 spatial axes"


def patch_filters(
    signal: Array, n_filters: int, kernel: int | tuple[int, ...], rng: np.random.Generator | int
) -> Array:
    """Return patches of a signal of unit norm, to start learning at.

    Patches are drawn at random places with a probability in proportion to their energy, so that
    flat places are rare.

    Parameters
    ----------
    signal : array, shape (n_signals, n_channels, *spatial)
        float32 or float64.
    n_filters : int
        How many.
    kernel : int or tuple of int
        Their size in samples; one number is for every axis.
    rng : numpy.random.Generator or int
        Source of randomness, or a seed for one.

    Returns
    -------
    array
        (n_filters, n_channels, *kernel), of the kind and dtype of the signal.

    Raises
    ------
    TypeError, ValueError
        If the signal is not an array that can be learned from, it is smaller than the kernel, or
        all of it is 0.

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc
    >>> signal = np.random.default_rng(0).standard_normal((1, 1, 100))
    >>> sc.patch_filters(signal, 4, 9, rng=0).shape
    (4, 1, 9)
    """
    check_array("signal", signal, ndims=(3, 4, 5), axes=_SIGNAL_AXES)
    check_count("n_filters", n_filters)
    n_axes = signal.ndim - 2
    sizes = per_axis("kernel", kernel, n_axes, least=1)
    backend: Any = backend_of(signal)
    xp = backend.xp
    ones = xp.ones((1, signal.shape[1], *sizes), dtype=signal.dtype)
    one = ConvDictionary(ones, padding="valid")
    energies = backend.to_host(_energies(one, signal)).astype(np.float64)
    total = float(energies.sum())
    if total <= 0:
        msg = "`signal` must not be 0 everywhere to take patches of; got zeros: check its values."
        raise ValueError(msg)
    generator = np.random.default_rng(rng)
    shares = energies.reshape(-1) / total
    places = generator.choice(energies.size, size=n_filters, p=shares / shares.sum())
    patches = xp.concat([_patch(one, signal, int(place)) for place in places])
    norms = xp.sqrt(xp.sum(patches**2, axis=tuple(range(1, patches.ndim)), keepdims=True))
    return xp.astype(patches / norms, signal.dtype)


def reseed(problem: Any, codes: Codes, idle: Sequence[int], constraint: Any) -> dict[int, Array]:
    """Return a filter for each idle one: from the largest patch of the residual, then the next.

    Where the best allowed filter for a patch has a correlation with it that is no more than the
    weight, no code would use that filter: none is returned.
    """
    found: dict[int, Array] = {}
    if not len(idle):
        return found
    least = weight_level(problem.penalty)
    residual = problem.masked(problem.residual(codes))
    xp = problem.backend.xp
    ones = xp.ones_like(problem.dictionary.filters[:1, ...])
    one = replace(problem.dictionary, filters=ones, plan=None)
    energies = _energies(one, residual)
    for m in idle:
        place = int(xp.argmax(xp.reshape(energies, (-1,))))
        patch = _patch(one, residual, place)
        size = float(constraint.maximise(patch)[0])
        if not size > least:
            break
        found[m] = constraint.project(2 / size * patch)[0, ...]
        _blank(energies, place, one)
    return found


def _energies(one: ConvDictionary, signal: Array) -> Array:
    """Return the squared norm of the patch at each position: (n_signals, *positions)."""
    found, xp = one.analyze(signal**2)[:, 0, ...], backend_of(signal).xp
    return xp.maximum(found, xp.zeros_like(found))


def _patch(one: ConvDictionary, signal: Array, place: int) -> Array:
    """Return the patch at a place in the flattened positions: (1, n_channels, *kernel)."""
    backend: Any = backend_of(signal)
    shape = one.code_shape(signal.shape)
    if hasattr(backend, "sparse"):
        codes: Codes = SparseCodes(np.array([place]), np.ones(1, signal.dtype), shape)
    else:
        flat = backend.xp.zeros(math.prod(shape), dtype=signal.dtype)
        flat[place] = 1.0
        codes = backend.xp.reshape(flat, shape)
    return correlate(codes, one, signal)


def _blank(energies: Array, place: int, one: ConvDictionary) -> None:
    """Take the patches that overlap with one out of the choice."""
    b, *spot = map(int, np.unravel_index(place, energies.shape))
    steps = zip(spot, energies.shape[1:], one.extent, one.strides, strict=True)
    near = tuple(slice(max(p - e // s, 0), min(p + e // s + 1, n)) for p, n, e, s in steps)
    energies[(b, *near)] = 0
