"""How alike the atoms of a dictionary are: mutual, shifted and stripe coherence, Babel function.

All follow from the inner products of pairs of filters at every shift, one FFT for each filter on a
grid of twice the atoms' size; the signal's size plays no part but where atoms wrap around onto each
other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.fft

from sparsecsc.backends import backend_of
from sparsecsc.dictionaries.concat import Concat
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.identity import Identity
from sparsecsc.protocols import Array

_ROWS = 2**24
"""Numbers that a block of filters' inner products may have."""


def mutual_coherence(dictionary: Any, spatial: Sequence[int]) -> float:
    r"""Return :math:`\mu(D) = \max_{i \ne j} |\langle d_i, d_j\rangle| / (\|d_i\| \|d_j\|)`.

    Parameters
    ----------
    dictionary : ConvDictionary, or Concat of Identity and such with stride 1
        Circular or with padding 0, so that no atom is cut off.
    spatial : sequence of int
        Size of the signal. It matters only where an atom overlaps another one on both sides.

    Returns
    -------
    float
        Atoms that are 0 do not count; 0 if there are no two others.

    Raises
    ------
    TypeError, ValueError
        If the dictionary is of another kind, or cuts atoms off.

    Notes
    -----
    Cost for M filters of n taps: M FFTs of size 2 n, and M^2 products of that size. 64 filters of
    11 x 11 take under a second whatever the signal.

    References
    ----------
    Papyan, Sulam and Elad 2017 (section 2).
    """
    return float(shifted_coherences(dictionary, spatial).max(initial=0.0))


def shifted_coherences(dictionary: Any, spatial: Sequence[int]) -> Array:
    r"""Return :math:`\mu_s`, the largest coherence of two atoms that are s positions apart.

    Parameters
    ----------
    dictionary, spatial
        As for `mutual_coherence`.

    Returns
    -------
    ndarray, float64
        An odd number of shifts along each axis, in positions of the codes, shift 0 in the middle:
        (2 r + 1, ...), r the largest shift at which atoms overlap. Two shifts that are the same on
        a circle stand for themselves. At shift 0 an atom is not compared with itself.

    References
    ----------
    Papyan, Sulam and Elad 2017 (definition 4).
    """
    largest = None
    for _, _, products in _inner_products(dictionary, spatial):
        block = products.max(axis=(0, 1))
        largest = block if largest is None else np.maximum(largest, block)
    assert largest is not None
    return largest


def stripe_coherence(dictionary: Any, codes: Array, spatial: Sequence[int]) -> float:
    r"""Return the largest :math:`\sum_s n_{i,s} \mu_s` over the stripes of some codes.

    :math:`n_{i,s}` counts the nonzeros s positions from the middle of stripe i.

    Parameters
    ----------
    dictionary, spatial
        As for `mutual_coherence`.
    codes : array, shape (n_signals, n_filters, *code_spatial)

    References
    ----------
    Papyan, Sulam and Elad 2017 (definition 5).
    """
    weights = shifted_coherences(dictionary, spatial)
    backend = backend_of(codes)
    xp = backend.xp
    counts = backend.to_host(xp.sum(xp.astype(codes != 0, xp.float64), axis=1))
    axes = tuple(range(1, counts.ndim))
    total = np.zeros(counts.shape)
    middle = [n // 2 for n in weights.shape]
    for index in np.argwhere(weights > 0):
        shift = [int(i) - m for i, m in zip(index, middle, strict=True)]
        total += weights[tuple(index)] * _shifted(dictionary, counts, shift, axes)
    return float(total.max())


def babel(dictionary: Any, k: int, spatial: Sequence[int]) -> float:
    r"""Return :math:`\mu_1(k)`: the largest sum of an atom's coherences with k other atoms.

    Parameters
    ----------
    dictionary, spatial
        As for `mutual_coherence`.
    k : int
        At least 1; beyond the atoms there are, all of them.

    Notes
    -----
    Exact where some atom has all the neighbours that overlap it, at most once each; on smaller
    signals an upper bound.

    References
    ----------
    Tropp 2004 (section 2).
    """
    most = 0.0
    for _, _, products in _inner_products(dictionary, spatial):
        lines = products.reshape(products.shape[0], -1)
        count = min(k, lines.shape[1])
        chosen = np.partition(lines, lines.shape[1] - count, axis=1)[:, lines.shape[1] - count :]
        most = max(most, float(chosen.sum(axis=1).max()))
    return most


def welch_bound(n_filters: int, n_taps: int) -> float:
    r"""Return a lower bound on the coherence of m filters with n taps in one dimension.

    .. math:: \mu \ge \sqrt{\frac{m - 1}{m (2n - 1) - 1}}

    Returns
    -------
    float
        0 for one filter of one tap.

    References
    ----------
    Papyan, Sulam and Elad 2017 (recalled; checked numerically here).
    """
    return math.sqrt((n_filters - 1) / max(n_filters * (2 * n_taps - 1) - 1, 1))


def recovery_bounds(coherence: float) -> tuple[float, float]:
    r"""Return :math:`\tfrac12(1 + 1/\mu)` and :math:`\tfrac13(1 + 1/\mu)`, inf for 0.

    A stripe norm below the first makes codes unique and found by OMP and basis pursuit; below the
    second they are found in noise.

    References
    ----------
    Papyan, Sulam and Elad 2017 (theorems 5 to 11, recalled).
    """
    inverse = math.inf if coherence == 0 else 1.0 / coherence
    return (1.0 + inverse) / 2.0, (1.0 + inverse) / 3.0


def _inner_products(dictionary: Any, spatial: Sequence[int]) -> Any:
    """Yield (first, last, |inner products| of filters first to last with all, at every shift).

    Of unit atoms; (last - first, n_filters, *shifts), in positions of the codes, those of an atom
    with itself being 0.
    """
    bank, stride, circular = _bank(dictionary)
    norms = np.sqrt((bank**2).sum(axis=tuple(range(1, bank.ndim))))
    bank = bank[norms > 0] / norms[norms > 0].reshape(-1, *(1,) * (bank.ndim - 1))
    extent = bank.shape[2:]
    spatial = tuple(spatial)
    wraps = [circular and n < 2 * e - 1 for n, e in zip(spatial, extent, strict=True)]
    if any(circular and e > n for n, e in zip(spatial, extent, strict=True)):
        msg = f"`spatial` must be at least the atoms' size {extent}; got {spatial}: enlarge it."
        raise ValueError(msg)
    grid = [n if w else 2 * e - 1 for n, e, w in zip(spatial, extent, wraps, strict=True)]
    axes = tuple(range(2, 2 + len(extent)))
    spectra = scipy.fft.rfftn(bank, grid, axes=axes)
    positions = dictionary.code_shape((1, bank.shape[1], *spatial))[2:]
    reach = [
        n // 2 // s if w else min((e - 1) // s, p - 1)
        for e, n, w, s, p in zip(extent, spatial, wraps, stride, positions, strict=True)
    ]
    shifts = np.ix_(
        *(np.arange(-r, r + 1) * s % g for r, s, g in zip(reach, stride, grid, strict=True))
    )
    step = max(1, _ROWS // max(1, len(bank) * math.prod(grid)))
    for first in range(0, len(bank), step):
        last = min(first + step, len(bank))
        product = np.einsum("ic...,jc...->ij...", spectra[first:last].conj(), spectra)
        found = np.abs(scipy.fft.irfftn(product, grid, axes=axes))
        found = found[(slice(None), slice(None), *shifts)]
        for i in range(first, last):
            found[(i - first, i, *reach)] = 0.0
        yield first, last, found


def _bank(dictionary: Any) -> tuple[Array, tuple[int, ...], bool]:
    """Return all filters, dilated, on a common grid in float64; stride; whether it is circular."""
    parts = dictionary.dictionaries if isinstance(dictionary, Concat) else (dictionary,)
    known = [part for part in parts if isinstance(part, ConvDictionary)]
    if not known or any(not isinstance(part, (ConvDictionary, Identity)) for part in parts):
        msg = (
            "`dictionary` must be a ConvDictionary, or a Concat of such and identities; got "
            f"{type(dictionary).__name__}: measure the layers of a Product one by one."
        )
        raise TypeError(msg)
    first = known[0]
    one = (1,) * first.n_axes
    if len(parts) > 1 and any(part.strides != one for part in known):
        msg = (
            "`dictionary` must have stride 1 in all parts of a Concat; got others: take them apart."
        )
        raise ValueError(msg)
    circular = first.is_circular
    if any(part.is_circular != circular or _cuts(part) for part in known):
        msg = (
            "`dictionary` must be circular, or have padding 0, so that no atom is cut off at the "
            "border; got another padding: measure it with padding 0."
        )
        raise ValueError(msg)
    extent = tuple(max(part.extent[a] for part in known) for a in range(first.n_axes))
    rows = [_laid_out(part, first.n_channels, extent) for part in parts]
    return np.concatenate(rows), first.strides, circular


def _cuts(part: ConvDictionary) -> bool:
    return not part.is_circular and any(before or after for before, after in part.pads)


def _laid_out(part: Any, n_channels: int, extent: tuple[int, ...]) -> Array:
    if isinstance(part, Identity):
        out: Any = np.zeros((n_channels, n_channels, *extent))
        for c in range(n_channels):
            out[(c, c, *(0,) * len(extent))] = 1.0
        return out
    filters = backend_of(part.filters).to_host(part.filters)
    out = np.zeros((part.n_filters, n_channels, *extent))
    taps = zip(part.kernel, part.dilation, strict=True)
    out[(..., *(slice(0, (k - 1) * d + 1, d) for k, d in taps))] = filters
    return out


def _shifted(dictionary: Any, counts: Array, shift: list[int], axes: tuple[int, ...]) -> Array:
    """Return counts at position + shift: around a circle, or 0 beyond the border."""
    if getattr(dictionary, "is_circular", True):
        return np.roll(counts, [-s for s in shift], axis=axes)
    out = np.zeros_like(counts)
    sizes = zip(shift, counts.shape[1:], strict=True)
    cuts = [(slice(max(s, 0), n + min(s, 0)), slice(max(-s, 0), n - max(s, 0))) for s, n in sizes]
    if all(source.start < source.stop for source, _ in cuts):
        out[(slice(None), *(target for _, target in cuts))] = counts[
            (slice(None), *(source for source, _ in cuts))
        ]
    return out
