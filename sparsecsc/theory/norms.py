"""Norms of what a patch shows, the largest over all patches: nonzeros and energy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sparsecsc.backends import backend_of
from sparsecsc.checks import per_axis
from sparsecsc.protocols import Array

__all__ = ["patch_energy", "patch_sparsity"]


def patch_sparsity(codes: Array, patch: int | Sequence[int], *, circular: bool = True) -> int:
    r"""Return :math:`\|\Gamma\|^P_{0,\infty}`, the most nonzeros in a patch of all channels.

    Parameters
    ----------
    codes : array, shape (n_signals, n_channels, *spatial)
    patch : int or sequence of int
        Its size along each axis, in positions; for the codes between two layers, the size of the
        atoms of the deeper one.
    circular : bool
        Whether patches wrap around; otherwise those inside count, and where an axis is shorter
        than the patch, all of it.

    Returns
    -------
    int
        The largest over all patches and signals.

    Raises
    ------
    TypeError, ValueError
        If `patch` is not a positive integer or one an axis.

    Notes
    -----
    O(n_signals · (n_channels + sum(patch)) · prod(spatial)); memory: two copies of the codes.

    References
    ----------
    Papyan, Romano and Elad 2017 (recalled).
    """
    return round(_largest(codes != 0, patch, circular))


def patch_energy(signal: Array, patch: int | Sequence[int], *, circular: bool = True) -> float:
    r"""Return :math:`\|E\|^P_{2,\infty}`, the largest Euclidean norm of a patch of all channels.

    Parameters
    ----------
    signal : array, shape (n_signals, n_channels, *spatial)
    patch, circular
        As for `patch_sparsity`; for noise on a signal, the size of the atoms.

    Returns
    -------
    float
        The largest over all patches and signals, in units of the signal.

    Raises
    ------
    TypeError, ValueError
        As `patch_sparsity`.

    Notes
    -----
    Errors are at the level of rounding of the signal's largest patch. Cost and memory as for
    `patch_sparsity`.

    References
    ----------
    Papyan, Sulam and Elad 2017 (recalled).
    """
    return math.sqrt(max(_largest(signal, patch, circular), 0.0))


def _largest(values: Any, patch: int | Sequence[int], circular: bool) -> float:
    """Return the largest sum of squares in a patch."""
    xp = backend_of(values).xp
    exact = xp.astype(values, xp.float64)
    sums = backend_of(values).to_host(xp.sum(exact * exact, axis=1))
    given = patch if isinstance(patch, int) else tuple(patch)
    for axis, size in enumerate(per_axis("patch", given, sums.ndim - 1, least=1), start=1):
        line = np.moveaxis(sums, axis, 0)
        width = min(size, len(line))
        if circular:
            line = np.concatenate([line, line[: width - 1]])
        windows = np.lib.stride_tricks.sliding_window_view(line, width, axis=0)
        sums = np.moveaxis(windows.sum(axis=-1), 0, axis)
    return float(sums.max(initial=0.0))
