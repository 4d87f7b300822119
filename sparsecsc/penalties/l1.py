"""The l1 norm."""

from __future__ import annotations

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
class L1:
    r"""The weighted l1 norm, :math:`\sum_j \lambda_j |z_j|`.

    Parameters
    ----------
    weight : float or array
        :math:`\lambda`, in units of signal times atom. One number, one a filter, or an array
        broadcastable to the codes. inf forces zeros, 0 leaves coefficients unpenalised.

    Raises
    ------
    TypeError, ValueError
        If a weight is negative, NaN, or, once bound to codes, of a shape that does not fit.

    Notes
    -----
    The prox is the soft threshold, O(size). Its conjugate is the indicator of
    :math:`|u_j| \le \lambda_j`.

    References
    ----------
    Beck and Teboulle 2009 (eq. 1.5).
    """

    weight: Any
    separable = True
    sparse = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", check_weight("weight", self.weight))

    def bind(self, codes_shape: tuple[int, ...], like: Array) -> L1:
        """Return the penalty with weights that fit codes of this shape."""
        return replace(self, weight=bind_weight("weight", self.weight, codes_shape, like))

    def at(self, block: Block) -> L1:
        """Return the penalty of one block of the codes."""
        if isinstance(self.weight, float):
            return self
        bound: L1 = unchecked(L1, weight=weight_at(self.weight, block))
        return bound

    def scaled(self, factor: float) -> L1:
        """Return the penalty with all weights multiplied by `factor`."""
        return replace(self, weight=self.weight * factor)

    def value(self, codes: Any) -> float:
        """Return the weighted l1 norm, summed in float64."""
        codes, weight = entries(codes, self.weight)
        return times(weight, backend_of(codes).xp.abs(codes))

    def prox(self, v: Array, step: float) -> Array:
        """Return the soft threshold of `v` at ``step * weight``."""
        xp = backend_of(v).xp
        threshold = step * self.weight
        return v - xp.clip(v, -threshold, threshold)

    def thresholds(self) -> tuple[Any, float, bool]:
        """Return (weight, ridge, whether codes are >= 0) for coordinate descent."""
        return self.weight, 0.0, False

    def dual_bounds(self, correlation: Array) -> tuple[Array, Array]:
        """Return (max |correlation| / weight, conjugate), one of each a signal."""
        xp = backend_of(correlation).xp
        excess = ratio(xp.abs(correlation), self.weight)
        infinite = xp.full(excess.shape, xp.inf, dtype=xp.float64)
        return excess, xp.where(excess > 1, infinite, xp.zeros_like(excess))

    def overshoot(self, correlation: Array) -> Array:
        """Return max |correlation| / weight over the filters, at each position."""
        return overshoot(backend_of(correlation).xp.abs(correlation), self.weight)

    def free(self, codes: Array, correlation: Array) -> Array | None:
        """Return where the weight is 0."""
        return is_zero(self.weight, codes)
