"""The rectified linear unit with a bias of any sign."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from sparsecsc.backends import backend_of
from sparsecsc.penalties._weights import (
    bind_weight,
    check_bias,
    entries,
    times,
    unchecked,
    weight_at,
)
from sparsecsc.protocols import Array, Block


@dataclass(frozen=True, eq=False)
class ReLU:
    r"""The linear function :math:`-\sum_j b_j z_j` of codes :math:`z \ge 0`, inf for others.

    Its prox at step 1, :math:`\max(v + b, 0)`, is the layer of a network with a bias.

    Parameters
    ----------
    bias : float or array
        b, in units of signal times atom, finite and of any sign. One number, one a filter, or an
        array broadcastable to the codes.

    Raises
    ------
    TypeError, ValueError
        If a bias is not a finite number, or, once bound to codes, of a shape that does not fit.

    Notes
    -----
    Convex; the prox is O(size). Where no bias is positive it is ``NonnegativeL1(-bias)``, which
    has certificates as well. There are none here: where a bias is positive, correlations of 0 are
    not dual feasible, so that no scaling of the residual is; `solve` then stops on the relative
    fixed-point residual. A positive bias rewards large codes, and a pursuit with redundant atoms
    may have no minimum; layered thresholding, which only takes the prox, always has its answer.

    References
    ----------
    Papyan, Romano and Elad 2017 (section 5: why a CNN's layer is this prox).
    """

    bias: Any
    separable = True
    sparse = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "bias", check_bias("bias", self.bias))

    def bind(self, codes_shape: tuple[int, ...], like: Array) -> ReLU:
        """Return the penalty with biases that fit codes of this shape."""
        return replace(self, bias=bind_weight("bias", self.bias, codes_shape, like))

    def at(self, block: Block) -> ReLU:
        """Return the penalty of one block of the codes."""
        if isinstance(self.bias, float):
            return self
        bound: ReLU = unchecked(ReLU, bias=weight_at(self.bias, block))
        return bound

    def scaled(self, factor: float) -> ReLU:
        """Return the penalty with all biases multiplied by `factor`."""
        return replace(self, bias=self.bias * factor)

    def value(self, codes: Any) -> float:
        """Return minus the biased sum, in float64, or inf if a code is negative."""
        codes, bias = entries(codes, self.bias)
        if bool(backend_of(codes).xp.any(codes < 0)):
            return math.inf
        return -times(bias, codes)

    def prox(self, v: Array, step: float) -> Array:
        """Return ``max(v + step * bias, 0)``."""
        xp = backend_of(v).xp
        shifted = v + step * self.bias
        return xp.maximum(shifted, xp.zeros_like(shifted))
