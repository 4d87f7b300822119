r"""How alike the atoms of a dictionary are: the frame potential without its diagonal.

:math:`R(d) = \sum_{(k, 0) \ne (l, s)} \langle d_k, S_s d_l\rangle^2`, over all shifts s by which
two atoms overlap: the squared entries of the Gram matrix of the atoms that touch one, but those of
an atom with itself. For filters of norm 1 it is the frame potential (Murdock and Lucey 2020) per
position, less their number.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsecsc.backends import backend_of
from sparsecsc.protocols import Array


def likeness(filters: Array) -> tuple[float, Array]:
    """Return R, and its gradient, of filters (n_filters, n_channels, *kernel) in float64.

    Cost: transforms of the filters on a grid of about twice their size, and a product of matrices
    at each of its frequencies. Shifts are those of stride 1.
    """
    backend: Any = backend_of(filters)
    kernel = filters.shape[2:]
    grid = tuple(backend.fast_length(2 * k - 1) for k in kernel)
    spectra = backend.rfftn(filters, grid)
    rows = np.moveaxis(spectra.reshape(*spectra.shape[:2], -1), -1, 0)
    gram = np.conj(rows) @ np.swapaxes(rows, 1, 2)
    image = np.swapaxes(gram, 1, 2) @ rows
    whole = backend.irfftn(np.moveaxis(image, 0, -1).reshape(spectra.shape), grid)
    applied = whole[(..., *(slice(k) for k in kernel))]
    squares = (filters**2).sum(axis=tuple(range(1, filters.ndim)), keepdims=True)
    value = float(np.vdot(filters, applied)) - float((squares**2).sum())
    return value, 4.0 * (applied - squares * filters)
