"""Filters given by a formula: nothing to train, nothing to download.

Every function returns an array in the layout (n_filters, n_channels, *kernel) of a PyTorch
convolution weight, ready for ``ConvDictionary(filters)``; each filter has unit l2 norm.

Which one to use:

* **Photographs**: take the low-pass off with `sparsecsc.preprocessing.split_lowpass`, then use
  ``haar_filters(3, 2)`` for grey: its 10 filters reach about the objective of the 63 of
  ``dct_filters((8, 8), include_constant=False)``, which is the choice for texture and, with
  ``n_channels=3``, for colour. `gabor_filters` is for looking at the code, each filter being an
  oriented edge or bar: no complete set, it leaves a larger residual at the same weight.
* **Audio**: ``dct_filters(32, include_constant=False)`` for drums and other noises;
  `sparsecsc.dictionaries.waveforms.tone_filters` for pitched, sustained sounds.
* **Isolated events in time** (seismograms, spikes): `ricker_filters` of the same module.

Filters learned from similar data need fewer coefficients than any of these.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from sparsecsc.dictionaries._filter_checks import (
    Filters,
    both_phases,
    centred,
    kernel_shape,
    positive_int,
    require_between,
    unit_norm,
)

__all__ = ["dct_filters", "gabor_filters", "haar_filters"]


def dct_filters(
    kernel: int | Sequence[int],
    n_channels: int = 1,
    *,
    include_constant: bool = True,
    dtype: DTypeLike = np.float64,
) -> Filters:
    """Return the separable DCT-II basis of a block of n_channels × kernel values.

    Along an axis of length n, basis vector k is ``cos(pi * k * (i + 1/2) / n)``, i = 0..n-1; a
    filter is a product of one such vector per axis. The channels are one more axis: for three of
    them the vectors are close to brightness, red-blue and green-magenta.

    Parameters
    ----------
    kernel : int or sequence of 1 to 3 ints
        Filter size in samples (pixels, voxels) per spatial axis.
    n_channels : int, default 1
        Channels of the signal.
    include_constant : bool, default True
        Whether to keep the `n_channels` filters that are constant over space. Leave them out for
        signals whose low-pass was taken off.
    dtype : float64 or float32, default float64
        Type of the result.

    Returns
    -------
    ndarray of `dtype`
        Shape (n_filters, n_channels, *kernel) with n_filters = n_channels · prod(kernel), less
        n_channels without the constants; channel frequency slowest, last spatial axis fastest.

    Raises
    ------
    TypeError
        If a size is not an integer.
    ValueError
        If a size is below 1, there are not 1 to 3 spatial axes, `dtype` is not a float32 or
        float64, or no filter is left.

    Notes
    -----
    The filters are orthonormal as vectors, so that, with the constants, a circular dictionary of
    stride 1 has D Dᵀ = prod(kernel) · I and with stride = kernel it is orthogonal.

    References
    ----------
    Ahmed, Natarajan and Rao, Discrete cosine transform, IEEE Trans. Computers C-23 (1974), 90-93.
    """
    shape = (positive_int(n_channels, "n_channels"), *kernel_shape(kernel))
    bases = [np.cos(np.pi / n * np.outer(np.arange(n), np.arange(n) + 0.5)) for n in shape]
    frequencies, samples = range(0, 2 * len(shape), 2), range(1, 2 * len(shape), 2)
    filters = _outer(bases).transpose(*frequencies, *samples).reshape(-1, *shape)
    if not include_constant:
        filters = filters[np.arange(len(filters)) % math.prod(shape[1:]) != 0]
    if not len(filters):
        msg = "`kernel` has one tap: it has no other DCT filter than the constant one; enlarge it."
        raise ValueError(msg)
    return unit_norm(filters, dtype)


def gabor_filters(
    kernel: Sequence[int],
    n_orientations: int = 8,
    n_scales: int = 2,
    *,
    wavelength: float = 3.0,
    dtype: DTypeLike = np.float64,
) -> Filters:
    """Return oriented 2-D Gabor filters: a wave under a Gaussian, in cosine and sine phase.

    At scale s the wavelength is ``lambda = wavelength * 2**s`` and the Gaussian has standard
    deviation 0.562 λ along the wave (a bandwidth of one octave) and twice that across it.

    Parameters
    ----------
    kernel : sequence of 2 ints
        Filter height and width in pixels, each at least 3. Seven times the largest wavelength
        shows the whole Gaussian; a smaller kernel cuts it.
    n_orientations : int, default 8
        Directions of the wave, evenly over half a turn, from the last axis towards the first.
    n_scales : int, default 2
        Number of wavelengths, an octave apart.
    wavelength : float, default 3
        The shortest wavelength in pixels, above 2.
    dtype : float64 or float32, default float64
        Type of the result.

    Returns
    -------
    ndarray of `dtype`
        Shape (2 · n_orientations · n_scales, 1, *kernel); phase fastest, then orientation. Every
        filter has zero mean.

    Raises
    ------
    TypeError
        If a size or count is not an integer.
    ValueError
        If `kernel` has not two sizes of at least 3, a count is below 1, `wavelength` is not finite
        and above 2, or `dtype` is not a float32 or float64.

    References
    ----------
    Daugman, Uncertainty relation for resolution in space, spatial frequency, and orientation
    optimized by two-dimensional visual cortical filters, J. Opt. Soc. Am. A 2 (1985), 1160-1169.
    """
    shape = kernel_shape(kernel)
    if len(shape) != 2 or min(shape) < 3:
        msg = f"`kernel` must be two sizes of at least 3 pixels; got {kernel!r}."
        raise ValueError(msg)
    n_angles = positive_int(n_orientations, "n_orientations")
    require_between(wavelength, "wavelength", 2, math.inf)
    rows, columns = np.meshgrid(*map(centred, shape), indexing="ij")
    filters = []
    for scale, turn in itertools.product(
        range(positive_int(n_scales, "n_scales")), range(n_angles)
    ):
        angle, length = np.pi * turn / n_angles, wavelength * 2**scale
        along = columns * np.cos(angle) + rows * np.sin(angle)
        across = rows * np.cos(angle) - columns * np.sin(angle)
        window = np.exp(-(along**2 + across**2 / 4) / (2 * (0.562 * length) ** 2))
        filters += both_phases(window, 2 * np.pi * along / length)
    return unit_norm(np.stack(filters)[:, None], dtype)


def haar_filters(levels: int, ndim: int, *, dtype: DTypeLike = np.float64) -> Filters:
    """Return the multi-level Haar wavelets: differences of neighbouring block averages.

    At level l an axis carries the average or the difference of two neighbouring runs of
    ``2**(l-1)`` samples; every combination over the axes but the all-average one is a filter, and
    the average over the largest block closes the set.

    Parameters
    ----------
    levels : int
        Number of scales; the kernel has ``2**levels`` samples per axis.
    ndim : int
        Number of spatial axes, 1 to 3.
    dtype : float64 or float32, default float64
        Type of the result.

    Returns
    -------
    ndarray of `dtype`
        Shape (levels · (2**ndim - 1) + 1, 1, *kernel), finest level first, average last. Smaller
        filters fill the first taps of the kernel, zeros the rest. ``haar_filters(1, 1)`` is the
        Haar pair (1, 1)/√2, (1, -1)/√2, difference first.

    Raises
    ------
    TypeError
        If an argument is not an integer.
    ValueError
        If `levels` is below 1, `ndim` is not 1 to 3, or `dtype` is not a float32 or float64.

    Notes
    -----
    Circular, stride 1: the filters of level l times ``2**(-l*ndim/2)`` and the average times
    ``2**(-levels*ndim/2)`` satisfy D Dᵀ = I (the undecimated transform).

    References
    ----------
    Haar, Zur Theorie der orthogonalen Funktionensysteme, Math. Annalen 69 (1910), 331-371.
    """
    if not 1 <= positive_int(ndim, "ndim") <= 3:
        msg = f"`ndim` must be 1, 2 or 3; got {ndim!r}."
        raise ValueError(msg)
    size = 2 ** positive_int(levels, "levels")
    filters = []
    for level in range(1, levels + 1):
        average = (np.arange(size) < 2**level).astype(float)
        difference = average - 2 * (average * (np.arange(size) >= 2 ** (level - 1)))
        combinations = itertools.product((average, difference), repeat=ndim)
        filters += [_outer(vectors) for vectors in combinations][1:]
    filters.append(np.ones((size,) * ndim))
    return unit_norm(np.stack(filters)[:, None], dtype)


def _outer(factors: Sequence[Filters]) -> Filters:
    """Return the outer product of arrays, the axes of the first one first."""
    product: Filters = np.ones(())
    for factor in factors:
        product = np.multiply.outer(product, factor)
    return product
