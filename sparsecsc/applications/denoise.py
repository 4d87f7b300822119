"""White noise removed from images, sound and volumes."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsecsc.applications._arrange import Arrangement, arrange
from sparsecsc.applications._spinning import Restoration, Spinning, beyond_rounding
from sparsecsc.applications.noise import estimate_noise
from sparsecsc.checks import check_count, check_number
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.preprocessing import opponent_to_rgb, rgb_to_opponent, split_lowpass
from sparsecsc.protocols import Array
from sparsecsc.result import Status

_LATER = 0.7
"""The threshold from the second round on, whose weights are of a signal with little noise."""


def denoise(
    signal: Any,
    filters: Any,
    sigma: Any = None,
    *,
    level: float = 2.8,
    rounds: int = 2,
    spins: int = 2,
    lowpass: float = 5.0,
    debias: float = 0.0,
    **options: Any,
) -> Restoration:
    r"""Remove white Gaussian noise by sparse codes, averaged over shifts of a strided dictionary.

    Of the high-pass h the codes z minimise

    .. math::
        \tfrac12 \|h - D z\|_2^2 + \sum_j \lambda_j |z_j|, \quad
        \lambda_j = \|d_j\| \frac{\tau^2}{\max(c_j, 0.3 \tau)}, \quad
        c_j = \frac{|\langle d_j, p \rangle|}{\|d_j\|}, \quad \tau = \text{level} \cdot \sigma

    where the pilot p is h itself in the first round, and in the later ones, with 0.7 of the
    threshold, what the round before has found.

    Parameters
    ----------
    signal : array of float32 or float64
        (*spatial), (*spatial, n_channels) or (n_signals, n_channels, *spatial).
    filters : array, shape (n_filters, n_channels, *kernel)
        Of the signal's dtype. Filters of one channel work on each channel by itself; three
        channels are then rotated by `rgb_to_opponent`, which leaves white noise white.
    sigma : float, optional
        Standard deviation of the noise, in units of the signal; by default `estimate_noise` of
        each signal.
    level : float, default 2.8
        The threshold in units of sigma: larger is smoother.
    rounds : int, default 2
        Pursuits of each shift.
    spins : int, default 2
        Stride of the dictionary, at most the size of the filters: ``spins**d`` shifts of the
        signal are coded and their approximations averaged.
    lowpass : float, default 5
        Strength of the `split_lowpass` before; 0 if the filters can carry the mean, and all is
        coded.
    debias : float, default 0
        From 0 to 1: how far codes move to the least squares fit on their support.
    **options
        As for `solve`, but for `start`; by default `tol` is 0.02 and `max_iter` 300.

    Returns
    -------
    Restoration
        `signal`, with the shape and dtype of the one given, `sigma`, `weight` (the threshold),
        `results` and what they certify.

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit, or a number is out of range.

    Notes
    -----
    Cost: ``rounds * spins**d`` pursuits, each with 1 / ``spins**d`` of the codes. Memory: one
    array of that many codes for the weights. Signals continue as their mirror image. After Ctrl-C
    the mean of what there is is returned, with the status INTERRUPTED. A signal whose noise level
    is 0, or at its rounding errors, is returned as it is.

    References
    ----------
    Donoho and Johnstone 1994 (the noise level); Coifman and Donoho 1995 (averages over shifts);
    Zou 2006 (weights from a pilot); Breiman 1995 (the garrote); Simon and Elad 2019 (strided
    convolutional codes, averaged).

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc
    >>> clean = sc.load_image("camera")[100:164, 100:164]
    >>> noise = 0.1 * np.random.default_rng(0).standard_normal(clean.shape)
    >>> noisy = clean + noise.astype("float32")
    >>> restored = sc.denoise(noisy, sc.dct_filters((8, 8)).astype("float32"))
    >>> bool(np.mean((restored.signal - clean) ** 2) < 0.3 * np.mean((noisy - clean) ** 2))
    True
    """
    _check_numbers(level, rounds, debias)
    arrangement = arrange(signal, filters, check_count("spins", spins))
    dictionary = ConvDictionary(filters, stride=spins)
    core = arrangement.to_core(signal)
    levels = _noise(core, sigma)
    rotated = rgb_to_opponent(core) if arrangement.colour else core
    smooth, rough = _split(arrangement.pad(rotated), lowpass)
    # Where there is no noise any threshold will do, as the signal is returned as it is.
    threshold = level * arrangement.per_batch(np.where(levels > 0, levels, 1.0))
    spinning = Spinning(dictionary, debias, options)
    estimate, results = spinning.average(rough, threshold, rough)
    for _ in range(rounds - 1):
        if results[-1].status is Status.INTERRUPTED:
            break
        pilot = _split(estimate + smooth, lowpass)[1]
        estimate, results = spinning.average(rough, _LATER * threshold, pilot)
    restored = _finished(arrangement, estimate + smooth)
    noiseless = (levels == 0).reshape(-1, *(1,) * (core.ndim - 1))
    restored = arrangement.from_core(np.where(noiseless, core, restored))
    return Restoration(restored, level * levels, levels, results)


def _check_numbers(level: float, rounds: int, debias: float) -> None:
    check_number("level", level, above=0.0, finite=True)
    check_count("rounds", rounds)
    check_number("debias", debias, least=0.0, most=1.0)


def _noise(core: Array, sigma: Any) -> Array:
    """Return the noise level of each signal."""
    if sigma is None:
        levels = estimate_noise(core)
    else:
        levels = np.full(len(core), check_number("sigma", sigma, least=0.0, finite=True))
    return beyond_rounding(levels, core)


def _split(signal: Array, lowpass: float) -> tuple[Array, Array]:
    check_number("lowpass", lowpass, least=0.0, most=1e30)
    if lowpass == 0:
        return np.zeros_like(signal), signal
    smooth, rough = split_lowpass(signal, lowpass)
    return smooth, rough


def _finished(arrangement: Arrangement, batch: Array) -> Array:
    core = arrangement.crop(batch)
    return opponent_to_rgb(core) if arrangement.colour else core
