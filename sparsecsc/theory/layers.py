"""What the codes of each layer of a multi-layer model are like."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sparsecsc.protocols import Array
from sparsecsc.theory.sparsity import stripe_norm


@dataclass(frozen=True, eq=False)
class LayerReport:
    """The codes of one layer, measured."""

    layer: int
    """From 1."""
    shape: tuple[int, ...]
    nonzeros: int
    """Over the whole batch."""
    density: float
    """Their share of all coefficients."""
    stripe_norm: int | None
    """The largest number of nonzeros in a stripe; None for a `Product` as a layer."""
    residual: float
    """Norm of (codes of the layer before - D_i codes), relative to the former."""
    signal_residual: float
    """Norm of (signal - D_1 ... D_i codes), relative to the signal."""
    synthesis: Array
    """D_1 ... D_i codes, (n_signals, n_channels, *spatial)."""


def layer_reports(problem: Any, codes: Sequence[Array]) -> tuple[LayerReport, ...]:
    """Return one report a layer: synthesis back to the signal, sparsity, residuals.

    Parameters
    ----------
    problem : MultilayerPursuit
    codes : tuple of arrays
        Of all layers, such as a result's.

    Raises
    ------
    TypeError, ValueError
        If the codes do not fit the problem.

    Notes
    -----
    Cost: one synthesis of every layer from each layer, L (L + 1) / 2.
    """
    problem.check_codes("codes", codes)
    earlier = (problem.signal, *codes)
    return tuple(_report(problem, i, earlier) for i in range(1, problem.n_layers + 1))


def _report(problem: Any, i: int, earlier: Sequence[Array]) -> LayerReport:
    before, codes = earlier[i - 1], earlier[i]
    dictionary = problem.model.dictionaries[i - 1]
    spatial = problem.shapes[i - 1][2:]
    images = [codes]
    for operator in problem.operators[i - 1 :: -1]:
        images.append(operator.synthesize(lambda b, z=images[-1]: z[b], codes.shape[0]))
    xp = problem.backend.xp
    nonzeros = int(xp.sum(xp.astype(codes != 0, xp.int64)))
    try:
        stripe: int | None = stripe_norm(dictionary, codes, spatial)
    except TypeError:
        stripe = None
    return LayerReport(
        layer=i,
        shape=tuple(codes.shape),
        nonzeros=nonzeros,
        density=nonzeros / math.prod(codes.shape),
        stripe_norm=stripe,
        residual=_relative(problem, before, images[1]),
        signal_residual=_relative(problem, problem.signal, images[-1]),
        synthesis=images[-1],
    )


def _relative(problem: Any, wanted: Array, found: Array) -> float:
    squares = problem.backend.sum_squares
    return math.sqrt(squares(wanted - found) / (squares(wanted) or 1.0))
