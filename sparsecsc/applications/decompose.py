"""A signal taken apart into what different filters describe with few codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsecsc.applications._arrange import arrange, check_host
from sparsecsc.checks import check_array, check_number, check_sequence
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.penalties.l1 import L1
from sparsecsc.preprocessing import split_lowpass
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.result import Result
from sparsecsc.solve import solve

_FILTER_AXES = "(n_filters, n_channels, *kernel) with 1, 2 or 3 kernel axes"


@dataclass(frozen=True, eq=False)
class Decomposition:
    """The parts of a signal.

    Attributes
    ----------
    components : tuple of array
        One for each bank of filters, each in the layout of the signal.
    residual : array
        What is left: the signal less the sum of the components.
    result : Result
        Codes and certificate; the codes' filters are those of all banks in order.
    """

    components: tuple[Array, ...]
    residual: Array
    result: Result


def decompose(
    signal: Any,
    banks: Sequence[Any],
    weights: Sequence[float],
    *,
    lowpass: float = 0.0,
    **options: Any,
) -> Decomposition:
    r"""Take a signal apart by sparse codes in several banks of filters at once.

    .. math::
        \min_{z_1, \dots, z_B} \tfrac12 \Big\| y - \sum_b D_b z_b \Big\|_2^2
        + \sum_b \lambda_b \|z_b\|_1, \qquad \text{component}_b = D_b z_b

    Each bank gets what it describes with fewer codes than the others: Haar wavelets the edges of
    an image and cosines its texture, say.

    Parameters
    ----------
    signal : array of float32 or float64
        (*spatial), (*spatial, n_channels) or (n_signals, n_channels, *spatial).
    banks : sequence of arrays, each (n_filters, n_channels, *kernel)
        Of the signal's dtype, with the same channels; kernels may differ in size. Filters of one
        channel work on each channel by itself.
    weights : sequence of float
        One a bank, in units of signal times filter.
    lowpass : float, default 0
        Strength of a `split_lowpass` before; the smooth part goes to the first component.
    **options
        As for `solve`.

    Returns
    -------
    Decomposition
        `components`, whose sum is the signal less `residual`, and `result`.

    Raises
    ------
    TypeError, ValueError
        If there are not as many weights as banks, or shapes do not fit.

    Notes
    -----
    Smaller banks are continued by zeros to the size of the largest, so that all are one
    `ConvDictionary` with a weight a filter, solved as any other. Signals continue as their mirror
    image.

    References
    ----------
    Starck, Elad and Donoho 2004 (morphological component analysis).

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc
    >>> t = np.arange(128)
    >>> signal = np.sin(0.7 * t) + 2.0 * (t == 50) - 2.0 * (t == 90)
    >>> clicks, tones = np.ones((1, 1, 1)), sc.tone_filters(32, 8)
    >>> parts = sc.decompose(signal, [clicks, tones], [0.5, 0.1])
    >>> np.flatnonzero(np.abs(parts.components[0]) > 1)
    array([50, 90])
    >>> bool(np.allclose(sum(parts.components) + parts.residual, signal))
    True
    """
    arrays, levels = _checked(banks, weights)
    filters, per_filter, ends = _joined(arrays, levels)
    arrangement = arrange(signal, filters)
    padded = arrangement.pad(arrangement.to_core(signal))
    check_number("lowpass", lowpass, least=0.0, most=1e30)
    smooth, rough = split_lowpass(padded, lowpass) if lowpass else (np.zeros_like(padded), padded)
    problem = Pursuit(rough, ConvDictionary(filters), L1(per_filter))
    result = solve(problem, **options)
    components = []
    for first, last in zip((0, *ends), ends, strict=False):
        part = ConvDictionary(np.ascontiguousarray(filters[first:last]))
        component = _component(result.kept, part, (first, last), rough.shape[2:])
        component = component if first else component + smooth
        components.append(arrangement.from_core(arrangement.crop(component)))
    residual = signal - np.sum(components, axis=0, dtype=signal.dtype)
    return Decomposition(tuple(components), residual, result)


def _component(
    codes: Any, part: ConvDictionary, cut: tuple[int, int], spatial: tuple[int, ...]
) -> Array:
    """Return the share of the filters in `cut`."""
    chosen = codes[:, slice(*cut)]
    if hasattr(chosen, "synthesize"):
        return np.asarray(chosen.synthesize(part, spatial))
    return np.asarray(part.synthesize(chosen, spatial))


def _checked(banks: Any, weights: Any) -> tuple[list[Array], list[float]]:
    listed = check_sequence("banks", banks, "arrays of filters")
    for bank in listed:
        check_host(banks=bank)
        check_array("banks", bank, ndims=(3, 4, 5), axes=_FILTER_AXES)
    levels = [
        check_number("weights", w, above=0.0, finite=True)
        for w in check_sequence("weights", weights, "numbers")
    ]
    if not listed or len(listed) != len(levels):
        msg = (
            f"`weights` must hold one number for each bank of `banks`, at least one; got "
            f"{len(levels)} for {len(listed)}: match them."
        )
        raise ValueError(msg)
    kinds = {(bank.ndim, bank.shape[1], str(bank.dtype)) for bank in listed}
    if len(kinds) > 1:
        found = ", ".join(f"{bank.dtype} {bank.shape}" for bank in listed)
        msg = f"`banks` must have one dtype, the same axes and channels; got {found}: match them."
        raise ValueError(msg)
    return list(listed), levels


def _joined(banks: list[Array], levels: list[float]) -> tuple[Array, Array, tuple[int, ...]]:
    """Return all filters with one kernel size, their weights, and where each bank ends."""
    kernel = tuple(max(sizes) for sizes in zip(*(bank.shape[2:] for bank in banks), strict=True))
    ends = tuple(int(n) for n in np.cumsum([len(bank) for bank in banks]))
    filters = np.zeros((ends[-1], banks[0].shape[1], *kernel), dtype=banks[0].dtype)
    for bank, last in zip(banks, ends, strict=True):
        inside = tuple(slice(0, n) for n in bank.shape[2:])
        filters[(slice(last - len(bank), last), slice(None), *inside)] = bank
    weights = np.repeat(np.asarray(levels, dtype=filters.dtype), [len(bank) for bank in banks])
    return filters, weights, ends
