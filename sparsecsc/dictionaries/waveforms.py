"""1-D filters given by a formula: tones for pitched sounds, Ricker wavelets for events in time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from sparsecsc.dictionaries._filter_checks import (
    Filters,
    both_phases,
    centred,
    positive_int,
    require_between,
    unit_norm,
)

__all__ = ["ricker_filters", "tone_filters"]


def tone_filters(
    length: int,
    n_tones: int,
    *,
    lowest: float | None = None,
    highest: float = 0.25,
    dtype: DTypeLike = np.float64,
) -> Filters:
    """Return 1-D tones under a Hann window, in cosine and sine phase.

    Tone k is ``sin(pi*(i+1/2)/length)**2 * cos(2*pi*f_k*i)`` and likewise with sin; the frequencies
    f_k are evenly spaced in pitch. The two phases together give a tone of any phase.

    Parameters
    ----------
    length : int
        Filter length in samples, at least 8; the window lasts as long.
    n_tones : int
        Number of frequencies.
    lowest, highest : float
        Frequency range in cycles per sample (Hz divided by the sampling rate), both below 0.5 and
        `lowest` not above `highest`. Default: two cycles per filter to a quarter.
    dtype : float64 or float32, default float64
        Type of the result.

    Returns
    -------
    ndarray of `dtype`
        Shape (2 · n_tones, 1, length); phase fastest, pitch rising. Every filter has zero mean.

    Raises
    ------
    TypeError
        If a size or count is not an integer.
    ValueError
        If `length` is below 8, `n_tones` below 1, the range is not as stated, or `dtype` is not a
        float32 or float64.

    References
    ----------
    Mallat and Zhang, Matching pursuits with time-frequency dictionaries, IEEE Trans. Signal
    Processing 41 (1993), 3397-3415, eq. (2).
    """
    if positive_int(length, "length") < 8:
        msg = f"`length` must be at least 8 samples; got {length!r}."
        raise ValueError(msg)
    low = 2 / length if lowest is None else lowest
    if not 0 < low <= highest < 0.5:
        msg = (
            "`lowest` and `highest` must satisfy 0 < lowest <= highest < 0.5 cycles per sample; "
            f"got {low!r} and {highest!r}."
        )
        raise ValueError(msg)
    window = np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2
    filters = []
    for frequency in np.geomspace(low, highest, positive_int(n_tones, "n_tones")):
        filters += both_phases(window, 2 * np.pi * frequency * centred(length))
    return unit_norm(np.stack(filters)[:, None], dtype)


def ricker_filters(
    length: int, widths: Sequence[float], *, dtype: DTypeLike = np.float64
) -> Filters:
    """Return 1-D Ricker wavelets, the negative second derivative of a Gaussian, one per width.

    ``(1 - (t/w)**2) * exp(-(t/w)**2 / 2)``, t counted from the middle of the filter.

    Parameters
    ----------
    length : int
        Filter length in samples, at least 3; 8 times the largest width shows the whole wavelet.
    widths : sequence of float
        Standard deviations w of the Gaussians in samples, above 0.1. The spectrum peaks at
        sqrt(2)/(2πw) = 0.225/w cycles per sample: w of at least 0.5 samples is sensible.
    dtype : float64 or float32, default float64
        Type of the result.

    Returns
    -------
    ndarray of `dtype`
        Shape (len(widths), 1, length). Every filter has zero mean (the mean that cutting the tails
        leaves is taken off).

    Raises
    ------
    TypeError
        If `length` is not an integer.
    ValueError
        If `length` is below 3, `widths` is empty or has a width that is not finite and above 0.1,
        or `dtype` is not a float32 or float64.

    References
    ----------
    Ricker, The form and laws of propagation of seismic wavelets, Geophysics 18 (1953), 10-40.
    """
    if positive_int(length, "length") < 3:
        msg = f"`length` must be at least 3 samples; got {length!r}."
        raise ValueError(msg)
    if not len(widths):
        msg = "`widths` must name at least one width; got none."
        raise ValueError(msg)
    for width in widths:
        require_between(width, "widths", 0.1, math.inf)
    ratio = centred(length) / np.asarray(widths, dtype=float)[:, None]
    filters = (1 - ratio**2) * np.exp(-(ratio**2) / 2)
    filters -= filters.mean(axis=1, keepdims=True)
    return unit_norm(filters[:, None], dtype)
