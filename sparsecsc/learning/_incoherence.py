r"""How alike the atoms of a dictionary are: the frame potential without its diagonal.

:math:`R(d) = \sum_{(k, 0) \ne (l, s)} \langle d_k, S_s d_l\rangle^2`, over all shifts s by which
two atoms overlap: the squared entries of the Gram matrix of the atoms that touch one, but those of
an atom with itself. For filters of norm 1 it is the frame potential (Murdock and Lucey 2020) per
position, less their number.
"""

from __future__ import annotations

from typing import Any

from sparsecsc.backends import backend_of
from sparsecsc.learning._array_sums import inner
from sparsecsc.protocols import Array


def likeness(filters: Array) -> tuple[float, Array]:
    """Return R, and its gradient, of filters (n_filters, n_channels, *kernel) in float64.

    Cost: transforms of the filters on a grid of about twice their size, and a product of matrices
    at each of its frequencies. Shifts are those of stride 1.
    """
    backend: Any = backend_of(filters)
    xp = backend.xp
    kernel = filters.shape[2:]
    grid = tuple(backend.fast_length(2 * k - 1) for k in kernel)
    spectra = backend.rfftn(filters, grid)
    rows = xp.moveaxis(xp.reshape(spectra, (*spectra.shape[:2], -1)), -1, 0)
    gram = xp.conj(rows) @ xp.matrix_transpose(rows)
    image = xp.matrix_transpose(gram) @ rows
    whole = backend.irfftn(xp.reshape(xp.moveaxis(image, 0, -1), spectra.shape), grid)
    applied = whole[(..., *(slice(k) for k in kernel))]
    squares = xp.sum(filters**2, axis=tuple(range(1, filters.ndim)), keepdims=True)
    value = inner(filters, applied) - float(xp.sum(squares**2))
    return value, 4.0 * (applied - squares * filters)
