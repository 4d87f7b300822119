"""The number of nonzeros."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sparsecsc.backends import backend_of
from sparsecsc.penalties._weights import (
    bind_weight,
    check_weight,
    entries,
    times,
    unchecked,
    weight_at,
)
from sparsecsc.protocols import Array, Block


@dataclass(frozen=True, eq=False)
class L0:
    r"""The weighted number of nonzeros, :math:`\sum_j \lambda_j [z_j \ne 0]`. Not convex.

    Parameters
    ----------
    weight : float or array
        :math:`\lambda`, in units of the signal squared. As for `L1`; 0 only counts with `OMP`,
        whose own stopping rules then decide.

    Raises
    ------
    TypeError, ValueError
        As for `L1`.

    Notes
    -----
    There is no duality gap; `solve` then stops on the relative fixed-point residual. ISTA with
    this penalty is iterative hard thresholding.

    References
    ----------
    Blumensath and Davies 2009.
    """

    weight: Any
    separable = True
    sparse = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", check_weight("weight", self.weight))

    def bind(self, codes_shape: tuple[int, ...], like: Array) -> L0:
        """Return the penalty with weights that fit codes of this shape."""
        return replace(self, weight=bind_weight("weight", self.weight, codes_shape, like))

    def at(self, block: Block) -> L0:
        """Return the penalty of one block of the codes."""
        if isinstance(self.weight, float):
            return self
        bound: L0 = unchecked(L0, weight=weight_at(self.weight, block))
        return bound

    def scaled(self, factor: float) -> L0:
        """Return the penalty with all weights multiplied by `factor`."""
        return replace(self, weight=self.weight * factor)

    def value(self, codes: Any) -> float:
        """Return the weighted number of nonzeros."""
        codes, weight = entries(codes, self.weight)
        return times(weight, backend_of(codes).xp.astype(codes != 0, codes.dtype))

    def prox(self, v: Array, step: float) -> Array:
        """Return the hard threshold of `v` at ``sqrt(2 * step * weight)``."""
        xp = backend_of(v).xp
        return xp.where(0.5 * v * v > step * self.weight, v, xp.zeros_like(v))
