r"""Frame bounds: how far the atoms of a dictionary are from a tight frame.

Where all layers are circular, :math:`D D^T` is one small matrix a frequency, and D is not formed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import scipy.fft
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from sparsecsc.protocols import Array
from sparsecsc.theory._spans import as_numpy, is_circular, n_axes

_FEW_ROWS = 256
"""Up to so many rows the eigenvalues of D D^T itself are cheaper than a Krylov space."""
_RESTARTS = 300


def frame_bounds(dictionary: Any, spatial: Sequence[int]) -> tuple[float, float]:
    r"""Return the largest A and the least B with :math:`A\|x\|^2 \le \|D^T x\|^2 \le B\|x\|^2`.

    They are the least and the largest eigenvalue of :math:`D D^T`; equal for tight frames.

    Parameters
    ----------
    dictionary : ConvDictionary, or Concat or Product of such and identities
        Of any stride, dilation and border.
    spatial : sequence of int
        Size of the signal.

    Returns
    -------
    (float, float)
        A is 0 where some signals are seen by no atom.

    Raises
    ------
    TypeError
        If the dictionary is of another kind.
    ValueError
        If the signal's size does not fit, or, with a border, Lanczos' method does not converge.

    Notes
    -----
    Circular: exact, one FFT a filter and an eigenvalue problem of n_channels * prod(stride) a
    frequency; 64 filters of 11 x 11 on 512 x 512 samples take 0.4 s. With another border:
    Lanczos' method on :math:`D D^T`, to rounding; the least eigenvalue of a large signal may take
    long, since those near it lie close.

    References
    ----------
    Murdock and Lucey 2020 (frames in deep networks); derived here for strides: the matrices of
    aliased frequencies are those of the polyphase components.
    """
    host = as_numpy(dictionary)
    n_axes(host)  # refuses identities alone
    shape = (1, int(host.n_channels), *(int(n) for n in spatial))
    codes = host.code_shape(shape)
    if is_circular(host):
        return _spectral_bounds(host, shape, codes)
    rows = math.prod(shape)

    def outer(x: Array) -> Array:
        images = host.synthesize(host.analyze(x.T.reshape(-1, *shape[1:])), shape[2:])
        return np.ascontiguousarray(images.reshape(-1, rows).T)

    if rows <= _FEW_ROWS:
        values = np.linalg.eigvalsh(outer(np.eye(rows)))
    else:
        values = np.array(_lanczos(outer, rows, spatial))
    least = 0.0 if math.prod(codes) < rows else max(float(values[0]), 0.0)
    return least, float(values[-1])


def _spectral_bounds(
    dictionary: Any, shape: tuple[int, ...], codes: tuple[int, ...]
) -> tuple[float, float]:
    """Return the bounds by frequency: signals on the grid of the codes, phase by phase."""
    grid = codes[2:]
    strides = [n // g for n, g in zip(shape[2:], grid, strict=True)]
    n_rows, n_filters = shape[1] * math.prod(strides), codes[1]
    spectra = _column_spectra(dictionary, shape, n_filters, strides)
    half = (*grid[:-1], grid[-1] // 2 + 1)
    if n_rows <= n_filters:
        total = np.zeros((n_rows, n_rows, *half), dtype=np.complex128)
        for spectrum in spectra:
            total += spectrum[:, None] * spectrum[None].conj()
    else:
        stacked = np.stack(list(spectra))
        total = np.einsum("ir...,jr...->ij...", stacked.conj(), stacked)
    flat = np.moveaxis(total.reshape(*total.shape[:2], -1), -1, 0)
    values = flat.real if flat.shape[1] == 1 else np.linalg.eigvalsh(flat)
    least = 0.0 if n_rows > n_filters else max(float(values.min()), 0.0)
    return least, float(values.max())


def _column_spectra(
    dictionary: Any, shape: tuple[int, ...], n_filters: int, strides: Sequence[int]
) -> Iterator[Array]:
    """Yield the half-spectra of the polyphase components of each filter's atom at position 0."""
    d, like = len(strides), np.zeros(1)
    cut = [m for n, s in zip(shape[2:], strides, strict=True) for m in (n // s, s)]
    order = [0, *range(2, 2 * d + 1, 2), *range(1, 2 * d, 2)]
    for m in range(n_filters):
        atom = dictionary.column(shape, (m, *(0,) * d), like)
        phases = atom.reshape(shape[1], *cut).transpose(order)
        phases = phases.reshape(-1, *phases.shape[-d:])
        yield scipy.fft.rfftn(phases, axes=tuple(range(1, d + 1)))


def _lanczos(outer: Any, rows: int, spatial: Sequence[int]) -> list[float]:
    """Return the least and the largest eigenvalue."""
    operator = LinearOperator((rows, rows), matvec=lambda x: outer(x.reshape(-1, 1)), dtype=float)
    start = np.random.default_rng(0).standard_normal(rows)
    values = []
    for which in ("SA", "LA"):
        try:
            found = eigsh(
                operator,
                k=1,
                which=which,
                v0=start,
                ncv=min(rows, 80),
                maxiter=_RESTARTS,
                return_eigenvectors=False,
            )
        except ArpackNoConvergence as error:
            msg = (
                f"`spatial` must be small enough for Lanczos' method to converge in {_RESTARTS} "
                f"restarts; got {tuple(spatial)}: take a smaller signal, or a circular dictionary."
            )
            raise ValueError(msg) from error
        values.append(float(found[0]))
    return values
