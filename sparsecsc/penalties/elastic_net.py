"""The l1 norm plus a ridge."""

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
class ElasticNet:
    r"""The elastic net, :math:`\sum_j \lambda_j |z_j| + \tfrac{\rho_j}{2} z_j^2`.

    Parameters
    ----------
    weight : float or array
        :math:`\lambda`, as for `L1`.
    ridge : float or array
        :math:`\rho`, in units of an atom squared; finite. 0 gives `L1`.

    Raises
    ------
    TypeError, ValueError
        As for `L1`.

    Notes
    -----
    Where the ridge is positive the conjugate is :math:`(|u_j| - \lambda_j)_+^2 / (2 \rho_j)`,
    finite everywhere: the residual itself is dual feasible.

    References
    ----------
    Zou and Hastie 2005.
    """

    weight: Any
    ridge: Any
    separable = True
    sparse = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", check_weight("weight", self.weight))
        object.__setattr__(self, "ridge", check_weight("ridge", self.ridge))
        infinite = self.ridge == float("inf")
        if bool(infinite if isinstance(infinite, bool) else infinite.any()):
            msg = "`ridge` must be finite; got inf: use an infinite `weight` to force zeros."
            raise ValueError(msg)

    def bind(self, codes_shape: tuple[int, ...], like: Array) -> ElasticNet:
        """Return the penalty with weights that fit codes of this shape."""
        weight = bind_weight("weight", self.weight, codes_shape, like)
        return replace(
            self, weight=weight, ridge=bind_weight("ridge", self.ridge, codes_shape, like)
        )

    def at(self, block: Block) -> ElasticNet:
        """Return the penalty of one block of the codes."""
        if isinstance(self.weight, float) and isinstance(self.ridge, float):
            return self
        weight, ridge = weight_at(self.weight, block), weight_at(self.ridge, block)
        bound: ElasticNet = unchecked(ElasticNet, weight=weight, ridge=ridge)
        return bound

    def scaled(self, factor: float) -> ElasticNet:
        """Return the penalty with weight and ridge multiplied by `factor`."""
        return replace(self, weight=self.weight * factor, ridge=self.ridge * factor)

    def value(self, codes: Any) -> float:
        """Return the penalty, summed in float64."""
        codes, weight, ridge = entries(codes, self.weight, self.ridge)
        size = backend_of(codes).xp.abs(codes)
        return times(weight, size) + 0.5 * times(ridge, codes * codes)

    def prox(self, v: Array, step: float) -> Array:
        """Return the soft threshold at ``step * weight``, divided by ``1 + step * ridge``."""
        xp = backend_of(v).xp
        threshold = step * self.weight
        return (v - xp.clip(v, -threshold, threshold)) / (1.0 + step * self.ridge)

    def thresholds(self) -> tuple[Any, Any, bool]:
        """Return (weight, ridge, whether codes are >= 0) for coordinate descent."""
        return self.weight, self.ridge, False

    def dual_bounds(self, correlation: Array) -> tuple[Array, Array]:
        """Return (max |correlation| / weight, conjugate), one of each a signal."""
        xp = backend_of(correlation).xp
        size = xp.abs(correlation)
        excess = xp.maximum(size - self.weight, xp.zeros_like(size))
        axes = tuple(range(1, size.ndim))
        if isinstance(self.ridge, float) and self.ridge > 0:
            scale: Any = 0.5 / self.ridge
            outside = xp.zeros(size.shape[0], dtype=xp.bool)
        else:
            ridge = xp.broadcast_to(xp.asarray(self.ridge, dtype=size.dtype), size.shape)
            one = xp.ones_like(ridge)
            scale = xp.where(ridge > 0, 0.5 / xp.where(ridge > 0, ridge, one), 0 * one)
            free = self.free(correlation, correlation)
            bounded = (ridge == 0) if free is None else (ridge == 0) & ~free
            outside = xp.any((excess > 0) & bounded, axis=axes)
        conjugate = xp.sum(scale * excess * excess, axis=axes, dtype=xp.float64)
        infinite = xp.full(conjugate.shape, xp.inf, dtype=xp.float64)
        return self._ratio(size), xp.where(outside, infinite, conjugate)

    def _ratio(self, size: Array) -> Array:
        """Return how far the scaling must go for the conjugate to vanish; inf at weight 0."""
        xp = backend_of(size).xp
        bound = ratio(size, self.weight)
        zero = is_zero(self.weight, size)
        if zero is None:
            return bound
        ridge = xp.broadcast_to(xp.asarray(self.ridge, dtype=size.dtype), size.shape)
        blocked = xp.any(zero & (ridge > 0) & (size > 0), axis=tuple(range(1, size.ndim)))
        return xp.where(blocked, xp.full(bound.shape, xp.inf, dtype=xp.float64), bound)

    def overshoot(self, correlation: Array) -> Array:
        """Return max |correlation| / weight over the filters, at each position."""
        return overshoot(backend_of(correlation).xp.abs(correlation), self.weight)

    def allowed(self, correlation: Array) -> Array:
        """Return the largest multiple, at most 1, whose conjugate is finite, one a signal."""
        xp = backend_of(correlation).xp
        size = xp.abs(correlation)
        ridge = xp.broadcast_to(xp.asarray(self.ridge, dtype=size.dtype), size.shape)
        forbidding = xp.where(ridge == 0, size, xp.zeros_like(size))
        return 1.0 / xp.maximum(ratio(forbidding, self.weight), xp.asarray(1.0, dtype=xp.float64))

    def free(self, codes: Array, correlation: Array) -> Array | None:
        """Return where weight and ridge are both 0."""
        zero, flat = is_zero(self.weight, codes), is_zero(self.ridge, codes)
        return None if zero is None or flat is None else zero & flat
