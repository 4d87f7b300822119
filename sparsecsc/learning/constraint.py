"""What filters may be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparsecsc.backends import backend_of, kind_of
from sparsecsc.checks import check_count, check_unmasked, dtype_name
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
    n_taps : int, optional
        At most so many taps of a filter are not 0, over channels too: the largest are kept. For
        deeper layers, whose codes are the signals of others.

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
    n_taps: int | None = None

    def __post_init__(self) -> None:
        if self.zero_mean and self.nonnegative:
            msg = (
                "`zero_mean` and `nonnegative` together leave only filters of zeros; got both: "
                "choose one."
            )
            raise ValueError(msg)
        if self.n_taps is not None:
            check_count("n_taps", self.n_taps)
            if self.zero_mean:
                msg = (
                    "`zero_mean` and `n_taps` are not possible together: which taps are best is "
                    "then not known; got both: choose one."
                )
                raise ValueError(msg)
        if self.support is not None:
            check_unmasked("support", self.support)
            is_array = hasattr(self.support, "dtype") and self.support.ndim
            if not is_array or dtype_name(self.support) != "bool":
                got = getattr(self.support, "dtype", type(self.support).__name__)
                msg = f"`support` must be an array of bool; got {got}: convert it."
                raise TypeError(msg)

    def check(self, filters: Array) -> None:
        """Check that filters of this shape can meet the constraint.

        Raises
        ------
        TypeError
            If `support` is an array of another kind than the filters.
        ValueError
            If `support` does not fit, or leaves a filter without a tap.
        """
        if self.support is None:
            return
        if kind_of(self.support) != kind_of(filters):
            msg = (
                f"`support` must be of the kind of `filters`, {kind_of(filters)}; got "
                f"{kind_of(self.support)}: convert it."
            )
            raise TypeError(msg)
        try:
            taps = np.broadcast_to(backend_of(filters).to_host(self.support), filters.shape)
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
        cone, xp = self._onto_cone(filters), backend_of(filters).xp
        norms = xp.sqrt(xp.sum(cone**2, axis=tuple(range(1, cone.ndim)), keepdims=True))
        return cone / xp.maximum(norms, xp.ones_like(norms))

    def maximise(self, correlation: Array) -> Array:
        """Return the largest inner product of an allowed filter with each of `correlation`."""
        cone, xp = self._onto_cone(correlation), backend_of(correlation).xp
        return xp.sqrt(xp.sum(cone**2, axis=tuple(range(1, cone.ndim))))

    def _onto_cone(self, filters: Array) -> Array:
        xp = backend_of(filters).xp
        zeros = xp.zeros_like(filters)
        taps = xp.ones(filters.shape, dtype=xp.bool) if self.support is None else self.support
        cone = xp.where(taps, filters, zeros)
        if self.nonnegative:
            cone = xp.maximum(cone, zeros)
        if self.n_taps is not None:
            return _largest(cone, self.n_taps)
        if self.zero_mean:
            axes = tuple(range(2, cone.ndim))
            used = xp.astype(xp.broadcast_to(taps, cone.shape), cone.dtype)
            count = xp.sum(used, axis=axes, keepdims=True)
            mean = xp.sum(cone, axis=axes, keepdims=True) / xp.maximum(count, xp.ones_like(count))
            return xp.where(taps, cone - mean, zeros)
        return cone


def _largest(filters: Array, n_taps: int) -> Array:
    """Return the filters with all but their largest taps set to 0."""
    xp = backend_of(filters).xp
    flat = xp.reshape(filters, (filters.shape[0], -1))
    if n_taps >= flat.shape[1]:
        return filters
    ranks = xp.argsort(xp.argsort(-xp.abs(flat), axis=1), axis=1)
    return xp.reshape(xp.where(ranks < n_taps, flat, xp.zeros_like(flat)), filters.shape)
