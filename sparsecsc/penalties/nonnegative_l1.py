"""The l1 norm on nonnegative codes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from sparsecsc.backends import backend_of
from sparsecsc.penalties._weights import (
    bind_weight,
    check_weight,
    entries,
    is_zero,
    overshoot,
    ratio,
    times,
    unchecked,
    weight_at,
)
from sparsecsc.protocols import Array, Block


@dataclass(frozen=True, eq=False)
class NonnegativeL1:
    r"""The weighted sum :math:`\sum_j \lambda_j z_j` of codes :math:`z \ge 0`, inf for others.

    Parameters
    ----------
    weight : float or array
        As for `L1`. 0 leaves only the sign constraint.

    Raises
    ------
    TypeError, ValueError
        As for `L1`.

    Notes
    -----
    The prox is ``max(v - step * weight, 0)``: the rectified linear unit with a bias. Its conjugate
    is the indicator of :math:`u_j \le \lambda_j`.

    References
    ----------
    Papyan, Romano and Elad 2017 (section 5: why a CNN's layer is this prox).
    """

    weight: Any
    separable = True
    sparse = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", check_weight("weight", self.weight))

    def bind(self, codes_shape: tuple[int, ...], like: Array) -> NonnegativeL1:
        """Return the penalty with weights that fit codes of this shape."""
        return replace(self, weight=bind_weight("weight", self.weight, codes_shape, like))

    def at(self, block: Block) -> NonnegativeL1:
        """Return the penalty of one block of the codes."""
        if isinstance(self.weight, float):
            return self
        bound: NonnegativeL1 = unchecked(NonnegativeL1, weight=weight_at(self.weight, block))
        return bound

    def scaled(self, factor: float) -> NonnegativeL1:
        """Return the penalty with all weights multiplied by `factor`."""
        return replace(self, weight=self.weight * factor)

    def value(self, codes: Any) -> float:
        """Return the weighted sum, or inf if a code is negative."""
        codes, weight = entries(codes, self.weight)
        if bool(backend_of(codes).xp.any(codes < 0)):
            return math.inf
        return times(weight, codes)

    def prox(self, v: Array, step: float) -> Array:
        """Return ``max(v - step * weight, 0)``."""
        xp = backend_of(v).xp
        shifted = v - step * self.weight
        return xp.maximum(shifted, xp.zeros_like(shifted))

    def thresholds(self) -> tuple[Any, float, bool]:
        """Return (weight, ridge, whether codes are >= 0) for coordinate descent."""
        return self.weight, 0.0, True

    def dual_bounds(self, correlation: Array) -> tuple[Array, Array]:
        """Return (max correlation / weight, conjugate), one of each a signal."""
        xp = backend_of(correlation).xp
        excess = ratio(correlation, self.weight)
        infinite = xp.full(excess.shape, xp.inf, dtype=xp.float64)
        return excess, xp.where(excess > 1, infinite, xp.zeros_like(excess))

    def overshoot(self, correlation: Array) -> Array:
        """Return max correlation / weight over the filters, at each position."""
        return overshoot(correlation, self.weight)

    def free(self, codes: Array, correlation: Array) -> Array | None:
        """Return where the weight is 0 and the correlation or the code is positive."""
        zero = is_zero(self.weight, codes)
        return None if zero is None else zero & ((codes > 0) | (correlation > 0))
