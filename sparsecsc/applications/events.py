"""Events in recordings: which waveform, when, how strong."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from sparsecsc.applications._arrange import arrange
from sparsecsc.applications.debias import debias
from sparsecsc.applications.noise import estimate_noise
from sparsecsc.checks import check_number
from sparsecsc.codes import SparseCodes, sparse
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.penalties.l1 import L1
from sparsecsc.penalties.nonnegative_l1 import NonnegativeL1
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.result import Result
from sparsecsc.solve import solve

_RECORDING_AXES = "(n_samples,), (n_samples, n_channels) or (1, n_channels, n_samples)"
_FALSE = 0.01
"""How often at most white noise alone has an event, with the default weight."""


@dataclass(frozen=True, eq=False)
class Events:
    """What was found in a recording, in the order of time.

    Attributes
    ----------
    times : array of float64, shape (n_events,)
        When each event begins (the first tap of its filter), in seconds.
    samples : array of int64, shape (n_events,)
        The same in samples.
    filters : array of int64, shape (n_events,)
        Which filter it is.
    amplitudes : array, shape (n_events, n_channels)
        What the filter is multiplied by in each channel, without the shrinkage of the penalty.
    weight : array, shape (n_filters,)
        The weight of each filter.
    result : Result
        Of the pursuit that found them.
    """

    times: Array
    samples: Array
    filters: Array
    amplitudes: Array
    weight: Array
    result: Result

    def __len__(self) -> int:
        return len(self.samples)


def find_events(
    signal: Any,
    filters: Any,
    weight: float | None = None,
    *,
    sampling_rate: float = 1.0,
    nonnegative: bool = False,
    separation: float | None = None,
    **options: Any,
) -> Events:
    r"""Find when the waveforms of a bank of filters occur in a recording, and how strong.

    Sparse codes say where; of codes of one filter that are closer than `separation` only the
    largest stays; least squares over those that stay give the amplitudes, in each channel.

    Parameters
    ----------
    signal : array of float32 or float64
        (n_samples,), (n_samples, n_channels) or (1, n_channels, n_samples).
    filters : array, shape (n_filters, n_channels, n_taps)
        The waveforms, of the signal's dtype and channels.
    weight : float, optional
        Of the l1 penalty, for all filters, in units of signal times filter. By default
        :math:`\sigma z \, \|d_m\|` with the noise level from `estimate_noise`, and z such that the
        correlations of white noise with all n atoms stay below in at least 99 of 100 recordings:
        a normal variable is beyond :math:`\pm z` with probability 0.01 / n.
    sampling_rate : float, default 1
        Samples a second.
    nonnegative : bool, default False
        Whether events have positive amplitudes only.
    separation : float, optional
        Least time between events of one filter, in seconds; by default a quarter of its length.
    **options
        As for `solve`.

    Returns
    -------
    Events
        `times`, `samples`, `filters`, `amplitudes`, `weight`, `result`; its length is their number.

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit, or a number is out of range.

    Notes
    -----
    Events are whole: the dictionary is a "valid" one, in which no waveform is cut by the ends of
    the recording. Of a filter that is zero in a channel the amplitude there is 0.

    References
    ----------
    Donoho and Johnstone 1994 (the default weight).

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc
    >>> filters = sc.ricker_filters(32, [2.0, 4.0])
    >>> recording = np.zeros(400)
    >>> recording[100:132] += 3.0 * filters[0, 0]
    >>> recording[250:282] -= 2.0 * filters[1, 0]
    >>> events = sc.find_events(recording, filters, weight=0.1, sampling_rate=100.0)
    >>> events.times, events.filters, events.amplitudes[:, 0].round(2)
    (array([1. , 2.5]), array([0, 1]), array([ 3., -2.]))
    """
    arrangement = arrange(signal, filters)
    core = arrangement.to_core(signal)
    if core.ndim != 3 or len(core) != 1 or core.shape[1] != filters.shape[1]:
        msg = (
            f"`signal` must be one recording {_RECORDING_AXES} with the "
            f"{filters.shape[1]} channels of `filters`; got shape {tuple(signal.shape)}: pass one, "
            "or one channel, at a time."
        )
        raise ValueError(msg)
    check_number("sampling_rate", sampling_rate, above=0.0, finite=True)
    dictionary = ConvDictionary(filters, padding="valid")
    weights = _weights(core, dictionary, weight)
    penalty: Any = NonnegativeL1 if nonnegative else L1
    problem = Pursuit(np.ascontiguousarray(core), dictionary, penalty(weights))
    result = solve(problem, **options)
    gap = _least_gap(separation, sampling_rate, filters.shape[-1])
    codes = debias(problem, _apart(sparse(result.kept), gap))
    if nonnegative:
        codes = _only(codes, codes.values > 0)
    amplitudes = np.stack(
        [_in_channel(problem, codes, c) for c in range(core.shape[1])], axis=1
    ).astype(core.dtype)
    order = np.lexsort((codes.filters, codes.positions[0]))
    samples = codes.positions[0][order]
    times = samples / float(sampling_rate)
    return Events(times, samples, codes.filters[order], amplitudes[order], weights, result)


def _weights(core: Array, dictionary: ConvDictionary, weight: float | None) -> Array:
    filters = dictionary.filters
    if weight is not None:
        level = check_number("weight", weight, above=0.0, finite=True)
        return np.full(len(filters), level, dtype=filters.dtype)
    sigma = float(estimate_noise(core)[0])
    if sigma == 0:
        msg = "`weight` must be given for a signal without noise to set it by; got none: pass one."
        raise ValueError(msg)
    n_codes = math.prod(dictionary.code_shape(core.shape))
    norms = np.sqrt(np.sum(filters.astype(np.float64) ** 2, axis=(1, 2)))
    level = -sigma * NormalDist().inv_cdf(_FALSE / (2 * n_codes))
    return (level * np.where(norms > 0, norms, 1.0)).astype(filters.dtype)


def _least_gap(separation: float | None, rate: float, n_taps: int) -> int:
    """Return how many samples apart events of one filter must be."""
    if separation is None:
        return max(n_taps // 4, 1)
    return max(round(check_number("separation", separation, least=0.0, finite=True) * rate), 1)


def _apart(codes: SparseCodes, gap: int) -> SparseCodes:
    """Keep the largest codes, none nearer than `gap` to a larger one of the same filter."""
    taken = np.zeros((codes.shape[1], codes.shape[2]), dtype=bool)
    kept = np.zeros(codes.indices.size, dtype=bool)
    filters, positions = codes.filters, codes.positions[0]
    for entry in np.argsort(-np.abs(codes.values), kind="stable"):
        row, place = filters[entry], positions[entry]
        if codes.values[entry] and not taken[row, place]:
            kept[entry] = True
            taken[row, max(place - gap + 1, 0) : place + gap] = True
    return _only(codes, kept)


def _only(codes: SparseCodes, kept: Array) -> SparseCodes:
    return SparseCodes(codes.indices[kept], codes.values[kept], codes.shape)


def _in_channel(problem: Pursuit, codes: SparseCodes, channel: int) -> Array:
    """Return the amplitudes that fit one channel best, of those events together."""
    cut = (slice(None), slice(channel, channel + 1))
    filters = np.ascontiguousarray(problem.dictionary.filters[cut])
    alone = Pursuit(
        np.ascontiguousarray(problem.signal[cut]),
        ConvDictionary(filters, padding="valid"),
        L1(0.0),
    )
    nothing = SparseCodes(codes.indices, np.zeros_like(codes.values), codes.shape)
    return debias(alone, nothing).values
