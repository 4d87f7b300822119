"""Missing samples filled in."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsecsc.applications._arrange import Arrangement, arrange, check_host
from sparsecsc.applications._smoothing import smooth_through
from sparsecsc.applications._spinning import Restoration, Spinning, beyond_rounding
from sparsecsc.checks import check_count, check_number
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.protocols import Array
from sparsecsc.result import Result, Status

_SHARE = 0.15
"""The threshold in units of the standard deviation of the samples there are."""


def inpaint(
    signal: Any,
    mask: Any,
    filters: Any,
    weight: float | None = None,
    *,
    rounds: int = 4,
    spins: int = 2,
    lowpass: float = 0.5,
    keep: bool = True,
    **options: Any,
) -> Restoration:
    r"""Fill in missing samples by a smooth part and sparse codes of what is there.

    Smooth part l and codes z take turns to minimise

    .. math::
        \tfrac12 \|M (y - l - D z)\|_2^2 + \tfrac s2 \|\nabla l\|^2 + \sum_j \lambda_j |z_j|,
        \quad \lambda_j = \|d_j\| \frac{\tau^2}{\max(c_j, 0.3 \tau)}, \quad
        c_j = \frac{|\langle d_j, p \rangle|}{\|d_j\|}

    where the pilot p is Dz of the round before; in the first round all weights are
    :math:`\tau \|d_j\|`.

    Parameters
    ----------
    signal : array of float32 or float64
        (*spatial), (*spatial, n_channels) or (n_signals, n_channels, *spatial). What is missing
        may have any finite value, and has no influence.
    mask : array, broadcastable to `signal`
        Boolean, or of the signal's dtype: 1 (True) where a sample is there, 0 where it is missing.
    filters : array, shape (n_filters, n_channels, *kernel)
        Of the signal's dtype. Filters of one channel work on each channel by itself.
    weight : float, optional
        The threshold tau, in units of the signal, larger for noisy samples. By default 0.15 of
        the standard deviation of each signal's samples.
    rounds : int, default 4
        How often both parts are computed.
    spins : int, default 2
        Stride of the dictionary, at most the size of the filters: ``spins**d`` shifts of the
        signal are coded and their approximations averaged.
    lowpass : float, default 0.5
        s, the squared smoothing length of l in samples squared.
    keep : bool, default True
        Whether samples that are there are returned as they are, not as approximated.
    **options
        As for `solve`, but for `start`; by default `tol` is 0.02 and `max_iter` 300.

    Returns
    -------
    Restoration
        `signal`, with the shape and dtype of the one given, `weight` (the threshold), `results`
        and what they certify.

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit, a signal has no sample, or a number is out of range.

    Notes
    -----
    Cost: ``rounds * spins**d`` pursuits, each with 1 / ``spins**d`` of the codes, and up to 500
    conjugate gradient steps a round for l. Memory: one array of that many codes for the weights.
    Signals continue as their mirror image. After Ctrl-C the mean of what there is is returned,
    with the status INTERRUPTED.

    References
    ----------
    Heide, Heidrich and Wetzstein 2015 (masks in convolutional codes); Wohlberg 2016 (a smooth part
    beside the codes); Zou 2006 (weights from a pilot); Coifman and Donoho 1995 (averages over
    shifts).

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc
    >>> image = sc.load_image("camera")[100:164, 100:164]
    >>> mask = np.random.default_rng(0).random(image.shape) < 0.5
    >>> filled = sc.inpaint(image * mask, mask, sc.dct_filters((6, 6)).astype("float32"))
    >>> bool(np.abs(filled.signal - image).mean() < 0.03)
    True
    """
    check_count("rounds", rounds)
    check_number("lowpass", lowpass, above=0.0, most=1e30)
    arrangement = arrange(signal, filters, check_count("spins", spins))
    dictionary = ConvDictionary(filters, stride=spins)
    core = arrangement.to_core(signal)
    there = _mask(arrangement, mask, signal)
    known = np.where(there > 0, core, core.dtype.type(0))
    thresholds = _thresholds(known, there, weight)
    threshold = arrangement.per_batch(np.where(thresholds > 0, thresholds, 1.0))
    padded = arrangement.pad(known)
    spinning = Spinning(dictionary, 0.0, options, arrangement.pad(there))
    estimate = _rounds(spinning, padded, threshold, (rounds, lowpass))
    restored = arrangement.crop(estimate[0])
    if keep:
        restored = np.where(there > 0, core, restored)
    return Restoration(arrangement.from_core(restored), thresholds, None, estimate[1])


def _rounds(
    spinning: Spinning, signal: Array, threshold: Array, plan: tuple[int, float]
) -> tuple[Array, tuple[Result, ...]]:
    """Let smooth part and codes take turns; return their sum and the last results."""
    rounds, lowpass = plan
    mask: Any = spinning.mask
    rough, pilot = np.zeros_like(signal), None
    results: tuple[Result, ...] = ()
    smooth = np.zeros_like(signal)
    for _ in range(rounds):
        smooth = smooth_through(signal - rough, mask, lowpass, smooth)
        rest = mask * (signal - smooth)
        rough, results = spinning.average(rest, threshold, pilot, results)
        pilot = rough
        if results[-1].status is Status.INTERRUPTED:
            break
    return smooth + rough, results


def _mask(arrangement: Arrangement, mask: Any, signal: Array) -> Array:
    """Return 0 or 1 for each sample, in the core's layout; each signal has a sample."""
    check_host(mask=mask)
    if not hasattr(mask, "dtype") or mask.dtype not in (np.bool_, signal.dtype):
        got = getattr(mask, "dtype", type(mask).__name__)
        msg = f"`mask` must be a boolean array or of the signal's {signal.dtype}; got {got}: "
        raise TypeError(msg + "convert it.")
    try:
        full = np.broadcast_to(mask, signal.shape)
    except ValueError:
        msg = (
            f"`mask` must be broadcastable to `signal` {tuple(signal.shape)}; got shape "
            f"{tuple(mask.shape)}: reshape it."
        )
        raise ValueError(msg) from None
    if not np.isin(mask, (0, 1)).all():
        msg = "`mask` must hold 0 and 1 only; got other values: use (mask > 0)."
        raise ValueError(msg)
    core = arrangement.to_core(full.astype(signal.dtype))
    if not core.any(axis=tuple(range(2, core.ndim))).all():
        msg = "`mask` must keep a sample of each signal and channel; got one without: leave it out."
        raise ValueError(msg)
    return core


def _thresholds(known: Array, there: Array, weight: float | None) -> Array:
    """Return the threshold of each signal."""
    if weight is not None:
        return np.full(len(known), check_number("weight", weight, above=0.0, finite=True))
    spreads = [float(np.std(y[m > 0], dtype=np.float64)) for y, m in zip(known, there, strict=True)]
    return beyond_rounding(_SHARE * np.asarray(spreads), known)
