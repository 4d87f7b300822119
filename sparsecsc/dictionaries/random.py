"""Filters drawn at random: for tests, baselines and starting points of learning."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from sparsecsc.dictionaries._filter_checks import (
    Filters,
    float_type,
    kernel_shape,
    positive_int,
    unit_norm,
)

__all__ = ["random_filters", "random_parseval_filters"]


def random_filters(
    n_filters: int,
    n_channels: int,
    kernel: int | Sequence[int],
    rng: np.random.Generator | int,
    *,
    dtype: DTypeLike = np.float64,
) -> Filters:
    """Return independent filters, each uniform on the unit sphere (normalised Gaussian noise).

    Parameters
    ----------
    n_filters, n_channels : int
        Number of filters, and of channels of the signal.
    kernel : int or sequence of 1 to 3 ints
        Filter size in samples per spatial axis.
    rng : numpy.random.Generator or int
        Source of randomness, or a seed for one; the same seed gives the same filters.
    dtype : float64 or float32, default float64
        Type of the result; float32 is the rounded float64 draw.

    Returns
    -------
    ndarray of `dtype`
        Shape (n_filters, n_channels, *kernel).

    Raises
    ------
    TypeError
        If a size or count is not an integer.
    ValueError
        If a size or count is below 1, there are not 1 to 3 spatial axes, or `dtype` is not a
        float32 or float64.

    Notes
    -----
    Short random filters are coherent (mutual coherence about 0.6 to 0.9): recovery guarantees say
    next to nothing about them. `sparsecsc.dictionaries.incoherent` has filters for that.
    """
    shape = (positive_int(n_filters, "n_filters"), positive_int(n_channels, "n_channels"))
    noise = np.random.default_rng(rng).standard_normal((*shape, *kernel_shape(kernel)))
    return unit_norm(noise, dtype)


def random_parseval_filters(
    n_filters: int,
    n_channels: int,
    kernel: int | Sequence[int],
    rng: np.random.Generator | int,
    *,
    dtype: DTypeLike = np.float64,
) -> Filters:
    """Return random short filters with D Dᵀ = I in every circular dictionary of stride 1.

    The filters, as rows of a matrix, have orthogonal columns: FᵀF = I / prod(kernel). Every sample
    is seen at prod(kernel) positions of the kernel, and these parts add up to the identity.

    Parameters
    ----------
    n_filters : int
        At least n_channels · prod(kernel).
    n_channels : int
        Channels of the signal.
    kernel : int or sequence of 1 to 3 ints
        Filter size in samples per spatial axis.
    rng : numpy.random.Generator or int
        Source of randomness, or a seed for one.
    dtype : float64 or float32, default float64
        Type of the result.

    Returns
    -------
    ndarray of `dtype`
        Shape (n_filters, n_channels, *kernel). Not unit norm: the squared norms have the mean
        n_channels / n_filters, and are all equal if n_filters = n_channels · prod(kernel).

    Raises
    ------
    TypeError
        If a size or count is not an integer.
    ValueError
        If there are too few filters, a size or count is below 1, there are not 1 to 3 spatial
        axes, or `dtype` is not a float32 or float64.

    Notes
    -----
    The spatial size of the signal must be at least the kernel's on each axis. ‖D‖² = 1, so a unit
    step is exact. For given filters see `sparsecsc.dictionaries.incoherent.parseval_filters`.
    """
    shape = (positive_int(n_channels, "n_channels"), *kernel_shape(kernel))
    if positive_int(n_filters, "n_filters") < math.prod(shape):
        msg = (
            f"`n_filters` must be at least n_channels · prod(kernel) = {math.prod(shape)}; "
            f"got {n_filters}: ask for more filters or a smaller kernel."
        )
        raise ValueError(msg)
    noise = np.random.default_rng(rng).standard_normal((n_filters, math.prod(shape)))
    columns, triangle = np.linalg.qr(noise)
    columns *= np.sign(np.diagonal(triangle))
    filters = columns / math.sqrt(math.prod(shape[1:]))
    return filters.reshape(n_filters, *shape).astype(float_type(dtype))
