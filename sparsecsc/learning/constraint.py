"""What filters may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsecsc.checks import check_unmasked
from sparsecsc.protocols import Array


@dataclass(frozen=True, eq=False)
class UnitBall:
    r"""Filters of norm at most 1, :math:`\|d_m\|_2 \le 1` over channels and taps together.

    Without a bound on the filters the penalty would be avoided by large filters and small codes.

    Parameters
    ----------
    zero_mean : bool
        Whether the taps of each channel of each filter sum to 0.
    nonnegative : bool
        Whether taps are >= 0.
    support : array of bool, optional
        Broadcastable to the filters: False where a tap stays 0. Filters of several sizes in one
        array have it True on the taps of each.

    Raises
    ------
    TypeError
        If `support` is not an array of bool.
    ValueError
        If taps were to be >= 0 and sum to 0, or `support` leaves a filter no tap.

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc
    >>> ball = sc.UnitBall(zero_mean=True)
    >>> ball.project(np.array([[[3.0, 1.0]], [[0.2, 0.0]]])).round(3)
    array([[[ 0.707, -0.707]],
    <BLANKLINE>
           [[ 0.1  , -0.1  ]]])
    """

    zero_mean: bool = False
    nonnegative: bool = False
    support: Array | None = None

    def __post_init__(self) -> None:
        if self.zero_mean and self.nonnegative:
            msg = (
                "`zero_mean` and `nonnegative` together leave only filters of zeros; got both: "
                "choose one."
            )
            raise ValueError(msg)
        if self.support is not None:
            check_unmasked("support", self.support)
            if getattr(self.support, "dtype", None) != np.bool_ or not self.support.ndim:
                got = getattr(self.support, "dtype", type(self.support).__name__)
                msg = f"`support` must be an array of bool; got {got}: convert it."
                raise TypeError(msg)

    def check(self, filters: Array) -> None:
        """Check that filters of this shape can meet the constraint.

        Raises
        ------
        ValueError
            If `support` does not fit, or leaves a filter without a tap.
        """
        if self.support is None:
            return
        try:
            taps = np.broadcast_to(self.support, filters.shape)
        except ValueError:
            taps = np.zeros(0, np.bool_)
        if taps.shape != filters.shape:
            msg = (
                f"`support` must be broadcastable to `filters` {tuple(filters.shape)}; got shape "
                f"{self.support.shape}: reshape it."
            )
            raise ValueError(msg)
        empty = np.flatnonzero(~taps.reshape(len(taps), -1).any(axis=1))
        if empty.size:
            msg = (
                f"`support` must leave each filter a tap; got none for filter {empty[0]}: "
                "leave that filter out."
            )
            raise ValueError(msg)

    def project(self, filters: Array) -> Array:
        """Return the nearest allowed filters, each by itself."""
        cone = self._onto_cone(filters)
        norms = np.sqrt((cone**2).sum(axis=tuple(range(1, cone.ndim)), keepdims=True))
        return cone / np.maximum(norms, 1)

    def maximise(self, correlation: Array) -> Array:
        """Return the largest inner product of an allowed filter with each of `correlation`."""
        cone = self._onto_cone(correlation)
        return np.sqrt((cone**2).sum(axis=tuple(range(1, cone.ndim))))

    def _onto_cone(self, filters: Array) -> Array:
        taps: Any = True if self.support is None else self.support
        cone = np.where(taps, filters, filters.dtype.type(0))
        if self.nonnegative:
            return np.maximum(cone, 0)
        if self.zero_mean:
            axes = tuple(range(2, cone.ndim))
            count = np.broadcast_to(taps, cone.shape).sum(axis=axes, keepdims=True)
            mean = cone.sum(axis=axes, keepdims=True) / np.maximum(count, 1).astype(cone.dtype)
            return np.where(taps, cone - mean, cone.dtype.type(0))
        return cone
