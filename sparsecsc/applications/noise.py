"""How strong the noise of a signal is, from the signal alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsecsc.applications._arrange import check_host
from sparsecsc.checks import check_array
from sparsecsc.protocols import Array

_TO_SIGMA = 1.4826
"""1 / the median of |x| for a standard normal x."""
_AXES = "(n_signals, n_channels, *spatial) with 1, 2 or 3 spatial axes"


def estimate_noise(signal: Any) -> Array:
    r"""Estimate the standard deviation of white Gaussian noise, one number a signal.

    .. math::
        \hat\sigma = 1.4826\,\mathrm{median}\,|h|, \quad
        h = 2^{-d/2} (\text{difference of neighbours along each of the } d \text{ axes})

    Parameters
    ----------
    signal : array of float32 or float64, shape (n_signals, n_channels, *spatial)
        At least 2 samples along each spatial axis.

    Returns
    -------
    array of float64, shape (n_signals,)
        In units of the signal; the channels of a signal count together.

    Raises
    ------
    TypeError, ValueError
        If `signal` is not a finite, floating NumPy array of these axes, or an axis has one sample.

    Notes
    -----
    The differences are the finest (diagonal) Haar coefficients at all positions, in which smooth
    parts vanish and edges are few. Fine texture everywhere is taken for noise. O(size).

    References
    ----------
    Donoho and Johnstone 1994 (the median of the finest wavelet coefficients).

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc
    >>> noise = np.random.default_rng(0).standard_normal((1, 1, 128, 128))
    >>> sc.estimate_noise(3.0 * noise).round(1)
    array([3.])
    """
    check_host(signal=signal)
    check_array("signal", signal, ndims=(3, 4, 5), axes=_AXES)
    if min(signal.shape[2:]) < 2:
        msg = (
            "`signal` must have at least 2 samples along each spatial axis to tell noise by; got "
            f"shape {tuple(signal.shape)}: give `sigma`, or leave out the axis."
        )
        raise ValueError(msg)
    difference = np.asarray(signal, dtype=np.float64)
    for axis in range(2, signal.ndim):
        difference = np.diff(difference, axis=axis)
    size = np.median(np.abs(difference).reshape(len(signal), -1), axis=1)
    return _TO_SIGMA * size / 2 ** ((signal.ndim - 2) / 2)
