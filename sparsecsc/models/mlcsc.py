"""Multi-layer convolutional sparse coding: a chain of dictionaries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sparsecsc.models.layers import check_chain, zeros


@dataclass(frozen=True, eq=False)
class MLCSC:
    r"""A chain: :math:`X = D_1 \Gamma_1`, :math:`\Gamma_1 = D_2 \Gamma_2`, ..., all codes sparse.

    Parameters
    ----------
    dictionaries : sequence of dictionaries
        The first is nearest to the signal; the codes of each are the signals of the next.

    Raises
    ------
    TypeError, ValueError
        If there are none, or filters and channels do not chain; the message names the layer.

    Notes
    -----
    Every layer's pursuit starts at zero. Layered thresholding of this model with
    `NonnegativeL1` is the forward pass of a convolutional network.

    References
    ----------
    Papyan, Romano and Elad 2017 (section 4); Zhang and Zhang 2021.
    """

    dictionaries: Sequence[Any]
    starts = shortcuts = property(zeros)
    damping = "step"

    def __post_init__(self) -> None:
        object.__setattr__(self, "dictionaries", check_chain(self.dictionaries))
