"""The sum of group norms."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sparsecsc.backends import backend_of
from sparsecsc.checks import check_count
from sparsecsc.penalties._weights import bind_weight, check_weight, is_zero, overshoot, ratio, times
from sparsecsc.protocols import Array, Block


@dataclass(frozen=True, eq=False)
class GroupL1:
    r"""The group lasso penalty, :math:`\sum_g \lambda_g \|z_g\|_2`.

    Parameters
    ----------
    weight : float or array
        :math:`\lambda`, one number, one a filter, or broadcastable to the codes with size 1
        along `axis`.
    axis : int or tuple of int
        The axes of the codes (n_signals, n_filters, *spatial) that a group spans: 1 couples the
        filters at each position, the spatial axes make a filter appear or vanish as a whole, 0
        couples the signals of a batch (several measurements of one support).

    Raises
    ------
    TypeError, ValueError
        If a weight is negative or does not fit, or an axis is negative, repeated or too large.

    Notes
    -----
    Not separable: solvers hold one more array of the codes' size for it. The prox is the block
    soft threshold; the conjugate is the indicator of :math:`\|u_g\|_2 \le \lambda_g`.

    References
    ----------
    Yuan and Lin 2006.
    """

    weight: Any
    axis: int | tuple[int, ...] = 1
    separable = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", check_weight("weight", self.weight))
        given = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        axes = tuple(sorted(check_count("axis", axis, least=0) for axis in given))
        if not axes or len(set(axes)) < len(axes):
            msg = f"`axis` must name at least one axis, each once; got {self.axis}: correct it."
            raise ValueError(msg)
        object.__setattr__(self, "axis", axes)

    def bind(self, codes_shape: tuple[int, ...], like: Array) -> GroupL1:
        """Return the penalty with weights that fit codes of this shape."""
        axes = self._axes
        if axes[-1] >= len(codes_shape):
            msg = f"`axis` must be smaller than the codes' {len(codes_shape)} axes; got {axes}: "
            raise ValueError(msg + "correct it.")
        weight = bind_weight("weight", self.weight, codes_shape, like)
        if not isinstance(weight, float) and any(weight.shape[axis] > 1 for axis in axes):
            msg = (
                f"`weight` must have size 1 along the group axes {axes}; got shape "
                f"{tuple(weight.shape)}: give one weight a group."
            )
            raise ValueError(msg)
        return replace(self, weight=weight)

    def at(self, block: Block) -> GroupL1:
        """Return the penalty itself: groups are never cut into blocks."""
        return self

    def scaled(self, factor: float) -> GroupL1:
        """Return the penalty with all weights multiplied by `factor`."""
        return replace(self, weight=self.weight * factor)

    def value(self, codes: Array) -> float:
        """Return the weighted sum of the groups' norms."""
        return times(self.weight, self._norms(codes))

    def prox(self, v: Array, step: float) -> Array:
        """Return the block soft threshold of `v` at ``step * weight``."""
        xp = backend_of(v).xp
        norms = self._norms(v)
        one = xp.ones_like(norms)
        kept = xp.maximum(norms - step * self.weight, xp.zeros_like(norms))
        return v * (kept / xp.where(norms > 0, norms, one))

    def dual_bounds(self, correlation: Array) -> tuple[Array, Array]:
        """Return (max group norm / weight, conjugate), one of each a signal.

        One of each for all signals together where groups span them (axis 0).
        """
        xp = backend_of(correlation).xp
        excess = ratio(self._norms(correlation), self.weight)
        infinite = xp.full(excess.shape, xp.inf, dtype=xp.float64)
        return excess, xp.where(excess > 1, infinite, xp.zeros_like(excess))

    def overshoot(self, correlation: Array) -> Array:
        """Return max group norm / weight over the filters, at each position."""
        worst = overshoot(self._norms(correlation), self.weight)
        shape = (correlation.shape[0], *correlation.shape[2:])
        return backend_of(correlation).xp.broadcast_to(worst, shape)

    def free(self, codes: Array, correlation: Array) -> Array | None:
        """Return where the weight is 0."""
        return is_zero(self.weight, codes)

    def _norms(self, codes: Array) -> Array:
        xp = backend_of(codes).xp
        return xp.sqrt(xp.sum(codes * codes, axis=self._axes, keepdims=True))

    @property
    def _axes(self) -> tuple[int, ...]:
        assert isinstance(self.axis, tuple)
        return self.axis
