r"""The frame potential of a dictionary, and of all layers of a model together.

Inner products of neighbouring atoms repeat over the domain, so that nothing of its size is formed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sparsecsc.backends import backend_of
from sparsecsc.models.deep import DeepDictionary
from sparsecsc.protocols import Array
from sparsecsc.theory._atoms import Atoms, atoms_of
from sparsecsc.theory._spans import convolutions, extents, is_circular

_NUMBERS = 2**22
"""That a batch of columns may have."""


def frame_potential(dictionary: Any, spatial: Sequence[int]) -> float:
    r"""Return :math:`\|\tilde D^T \tilde D\|_F^2`, of the atoms scaled to norm 1.

    Parameters
    ----------
    dictionary, spatial
        As for `frame_bounds` of `sparsecsc.theory.frames`; parts of a Concat must have one stride.

    Returns
    -------
    float
        At least `potential_bound`, with equality for tight frames of equal norms. Atoms outside of
        the signal do not count.

    Raises
    ------
    TypeError, ValueError
        As for `frame_bounds`, and if parts of a Concat have several strides.

    Notes
    -----
    Exact. The inner products of one atom a filter, if circular, else of one a filter and position
    near the border, are computed on a domain of about two atoms whatever the signal's size. 64
    filters of 11 x 11 take 0.7 s; with padding "same" 46 s.

    References
    ----------
    Murdock and Lucey 2020 (the frame potential of a network's layer).
    """
    atoms = atoms_of(dictionary, spatial)
    total = _present(atoms)
    for count, sizes in atoms.rows():
        total += count * float(np.sum(sizes**2))
    return total


def deep_frame_potential(model: Any, signal_shape: Sequence[int]) -> float:
    r"""Return :math:`\|\tilde B^T \tilde B\|_F^2` of the block matrix of deep pursuit.

    B has the layers' dictionaries, -I where the codes of one layer are the signal of the next,
    and a block for each skip or dense connection; its columns are scaled to norm 1.

    Parameters
    ----------
    model : MLCSC, ResCSC or MSDCSC
        With circular layers of any stride and dilation.
    signal_shape : sequence of int
        (n_channels, *spatial), without the batch.

    Returns
    -------
    float
        At least `potential_bound` of the columns and rows of B.

    Raises
    ------
    TypeError, ValueError
        If this is no model, does not fit the signal, or has a layer that is not circular.

    Notes
    -----
    Exact, in the precision of the filters. B moves with shifts by the product of the strides, so
    that one column a filter and shift within it is applied, on a domain of two atoms. 64 filters
    of 11 x 11 and 32 of 5 x 5 after them take 0.5 s.

    References
    ----------
    Murdock, Cazenavette and Lucey 2021; Murdock and Lucey 2020.
    """
    shape: tuple[int, ...] = tuple(int(n) for n in signal_shape)
    whole = DeepDictionary(model, shape)
    for _, layer, block in whole.blocks:
        if not is_circular(block):
            msg = (
                f"`model` must have circular layers; got another padding in layer {layer}: make "
                "the model with padding 'circular'."
            )
            raise ValueError(msg)
    small = DeepDictionary(model, (shape[0], *_enough(whole)))
    translates = math.prod(whole.shapes[-1][1:])
    norms = _column_norms(small)
    total = 0.0
    for entries, codes in _representatives(small):
        products = _host(small.gram(codes))[:, :, 0] / norms
        products /= norms[entries, None]
        total += float(np.sum(products**2))
    return translates * total


def potential_bound(n_atoms: int, n_rows: int) -> float:
    r"""Return :math:`k^2 / \min(k, d)`, the least frame potential of k unit vectors in d rows.

    References
    ----------
    Murdock and Lucey 2020 (for k at least d).
    """
    return n_atoms**2 / min(n_atoms, n_rows)


def coherence_from_potential(potential: float, n_atoms: int) -> float:
    r"""Return the least mutual coherence of k unit vectors of a frame potential.

    .. math:: \mu \ge \sqrt{\frac{\mathrm{FP} - k}{k(k - 1)}}

    Returns
    -------
    float
        0 for one atom.

    References
    ----------
    Murdock and Lucey 2020.
    """
    if n_atoms < 2:
        return 0.0
    return math.sqrt(max(potential - n_atoms, 0.0) / (n_atoms * (n_atoms - 1)))


def _present(atoms: Atoms) -> float:
    """Return how many atoms are not 0, on the domain asked for."""
    counts = np.isfinite(atoms.norms).sum(axis=0).astype(np.float64)
    for axis in atoms.axes:
        each = np.ones(axis.kept)
        each[axis.deep] += axis.total - axis.kept
        counts = np.tensordot(each, counts, axes=1)
    return float(counts)


def _enough(deep: DeepDictionary) -> list[int]:
    """Return a size, no larger than the signal's, on which no two columns meet twice."""
    spatial, deepest = deep.shapes[0][1:], deep.shapes[-1][1:]
    enough = []
    for axis, (n, last) in enumerate(zip(spatial, deepest, strict=True)):
        reach = 1
        for k, _, block in deep.blocks:
            extent = extents(block)[axis] if convolutions(block) else 1
            reach = max(reach, extent * (n // deep.shapes[k][1 + axis]))
        period = n // last
        enough.append(min(n, -(-2 * reach // period) * period))
    return enough


def _representatives(deep: DeepDictionary) -> Iterator[tuple[Array, Array]]:
    """Yield (entries, unit codes) of one column of each kind, in batches."""
    deepest, entries, first = deep.shapes[-1][1:], [], 0
    for shape, size in zip(deep.shapes[1:], deep.sizes[1:], strict=True):
        period = [n // g for n, g in zip(shape[1:], deepest, strict=True)]
        places = np.arange(size).reshape(shape)
        entries.append(first + places[(slice(None), *map(slice, period))].reshape(-1))
        first += size
    kinds = np.concatenate(entries)
    like = next(c.filters for _, _, block in deep.blocks for c in convolutions(block))
    xp = backend_of(like).xp
    for chosen in np.array_split(kinds, -(-len(kinds) * deep.n_filters // _NUMBERS)):
        codes = xp.zeros((len(chosen), deep.n_filters, 1), dtype=like.dtype)
        for row, entry in enumerate(chosen):
            codes[row, int(entry), 0] = 1.0
        yield chosen, codes


def _column_norms(deep: DeepDictionary) -> Array:
    """Return the norms of all columns, inf for those that are 0."""
    squares = np.zeros(deep.n_filters)
    for chosen, codes in _representatives(deep):
        squares[chosen] = np.sum(_host(deep.synthesize(codes))[:, :, 0] ** 2, axis=1)
    deepest, first = deep.shapes[-1][1:], 0
    for shape, size in zip(deep.shapes[1:], deep.sizes[1:], strict=True):
        period = [n // g for n, g in zip(shape[1:], deepest, strict=True)]
        kinds = squares[first : first + size].reshape(shape)[(slice(None), *map(slice, period))]
        squares[first : first + size] = np.tile(kinds, (1, *deepest)).reshape(-1)
        first += size
    return np.sqrt(np.where(squares > 0, squares, np.inf))


def _host(array: Array) -> Array:
    return backend_of(array).to_host(array).astype(np.float64)
