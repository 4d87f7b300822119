"""Local sparsity: how many coefficients can touch one patch of the signal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparsecsc.backends import backend_of
from sparsecsc.codes import SparseCodes
from sparsecsc.dictionaries.concat import Concat
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.identity import Identity
from sparsecsc.protocols import Array


def stripe_norm(dictionary: Any, codes: Any, spatial: Sequence[int] | None = None) -> int:
    r"""Return :math:`\|\Gamma\|_{0,\infty}`, the largest number of nonzeros in a stripe.

    The stripe of a patch, which has the size of the largest atom, is the set of all coefficients
    whose atoms touch it: for one bank of m filters of n taps, (2n - 1) m coefficients.

    Parameters
    ----------
    dictionary : ConvDictionary, Identity or Concat of these
    codes : array or SparseCodes, shape (n_signals, n_filters, *code_spatial)
        Exact zeros do not count.
    spatial : sequence of int, optional
        The size of the signal, as for `ConvDictionary.synthesize`.

    Returns
    -------
    int
        The largest over all patches inside the signal and all signals of the batch.

    Raises
    ------
    TypeError
        If the dictionary is of another kind.

    References
    ----------
    Papyan, Sulam and Elad 2017 (definition 1).
    """
    return int(stripe_counts(dictionary, codes, spatial).max())


def stripe_counts(dictionary: Any, codes: Any, spatial: Sequence[int] | None = None) -> Array:
    """Return the number of nonzeros in the stripe of each patch.

    Parameters
    ----------
    dictionary, codes, spatial
        As for `stripe_norm`.

    Returns
    -------
    ndarray of float64, shape (n_signals, *patches)
        A patch is known by its first sample: every sample on a circle, otherwise those from which
        a patch lies inside of the signal.

    Raises
    ------
    TypeError
        As `stripe_norm`.
    """
    parts = _parts(dictionary, codes.shape[1])
    size = dictionary.signal_spatial(codes.shape[2:]) if spatial is None else tuple(spatial)
    patch = tuple(max(extent[axis] for _, _, extent in parts) for axis in range(len(size)))
    circular = all(getattr(part, "is_circular", True) for part, _, _ in parts)
    total: Array = 0.0
    first = 0
    for part, n_filters, extent in parts:
        counts = count_by_position(codes[:, first : first + n_filters, ...])
        for axis, n in enumerate(size):
            geometry = (*_placing(part, axis), extent[axis], patch[axis], n)
            counts = _along(counts, axis + 1, geometry, getattr(part, "is_circular", circular))
            if not circular:  # patches do not wrap, even where the atoms of this part do
                counts = np.take(counts, range(max(n - patch[axis], 0) + 1), axis=axis + 1)
        total = total + counts
        first += n_filters
    return total


def _parts(dictionary: Any, n_filters: int) -> list[tuple[Any, int, tuple[int, ...]]]:
    """Return (dictionary, number of filters, size of an atom) for each side-by-side part."""
    listed = dictionary.dictionaries if isinstance(dictionary, Concat) else (dictionary,)
    known = [d for d in listed if isinstance(d, ConvDictionary)]
    if len(known) + sum(isinstance(d, Identity) for d in listed) < len(listed) or not known:
        msg = (
            "`dictionary` must be a ConvDictionary, or a Concat of such and identities; got "
            f"{type(dictionary).__name__}: measure the layers of a Product one by one."
        )
        raise TypeError(msg)
    n_identity = n_filters - sum(d.n_filters for d in known)
    one = (1,) * known[0].n_axes
    share = n_identity // max(len(listed) - len(known), 1)
    return [
        (d, d.n_filters, d.extent) if isinstance(d, ConvDictionary) else (d, share, one)
        for d in listed
    ]


def _placing(part: Any, axis: int) -> tuple[int, int]:
    """Return the stride, and how many samples an atom starts before its position."""
    if isinstance(part, Identity):
        return 1, 0
    return int(part.stride[axis]), int(part.pads[axis][0])


def count_by_position(codes: Any) -> Any:
    """Return the number of nonzero filters at each position, as a NumPy array."""
    if isinstance(codes, SparseCodes):
        return codes.count_by_position().astype(float)
    backend = backend_of(codes)
    xp = backend.xp
    return backend.to_host(xp.sum(xp.astype(codes != 0, xp.float64), axis=1))


def _along(counts: Any, axis: int, geometry: tuple[int, int, int, int, int], circular: bool) -> Any:
    """Sum the counts of the atoms that touch [q, q + patch) for each q, along one axis.

    An atom at o touches it if q - extent < o < q + patch. The geometry is (stride, samples that
    an atom starts before its position, extent, patch, size of the signal).
    """
    stride, before, extent, patch, n = geometry
    counts = np.moveaxis(counts, axis, 0)
    window, n_patches = extent + patch - 1, n if circular else max(n - patch, 0) + 1
    if circular:
        origins = np.zeros((n, *counts.shape[1:]))
        origins[::stride] = counts
        before_first, window = extent - 1, min(window, n)
        line = origins[np.arange(-before_first, n + window) % n]
    else:
        left = max(extent - 1 - before, 0)
        line = np.zeros((left + len(counts) * stride + n_patches + window, *counts.shape[1:]))
        line[left : left + len(counts) * stride : stride] = counts
        line = line[left + before - (extent - 1) :]
    sums = np.concatenate([np.zeros((1, *line.shape[1:])), np.cumsum(line, axis=0)], axis=0)
    windows = sums[window : window + n_patches] - sums[:n_patches]
    return np.moveaxis(windows, 0, axis)
