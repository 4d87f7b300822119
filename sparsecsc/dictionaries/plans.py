"""Plans: how a convolutional dictionary computes D and its adjoint at one size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sparsecsc.checks import check_count


@dataclass(frozen=True)
class WholeFFT:
    """Transforms of the whole domain: the reference, exact norms, and what ADMM solves with.

    Notes
    -----
    One FFT a filter and one a channel and polyphase component; the filters' spectra take
    n_filters * n_channels * prod(stride) times the memory of a signal's channel.
    """


@dataclass(frozen=True)
class TiledFFT:
    """Overlap-save: transforms of tiles, and at each frequency one product of complex matrices.

    For many channels, kernels of 5 x 5 or more, and domains too large for whole spectra: those of
    the filters are of the tile's size only.

    Parameters
    ----------
    tile : int or tuple of int, optional
        The size of a tile along each axis, in strides; by default the cost rule's. It must be
        larger than the reach of the filters.

    Raises
    ------
    TypeError, ValueError
        If `tile` is not made of positive integers.

    References
    ----------
    Stockham 1966 (overlap-save).
    """

    tile: int | tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        sizes = self.tile if isinstance(self.tile, tuple) else (self.tile,)
        for size in sizes if self.tile is not None else ():
            check_count("tile", size)


@dataclass(frozen=True)
class DirectSamples:
    """Sums of products, with neighbouring positions in the lanes of a vector.

    For small kernels, lines of 16 positions or more, and any number of channels.
    """


@dataclass(frozen=True)
class DirectChannels:
    """Sums of products, with filters (or channels) in the lanes of a vector.

    For many filters at few positions, and batches: the deep layers of a network.
    """


PLANS = (WholeFFT, TiledFFT, DirectSamples, DirectChannels)
"""All plans there are."""


def check_plan(plan: Any) -> Any:
    """Return `plan` if it is None or a plan."""
    if plan is None or isinstance(plan, PLANS):
        return plan
    got = f"the class {plan.__name__}" if isinstance(plan, type) else type(plan).__name__
    names = ", ".join(f"{kind.__name__}()" for kind in PLANS)
    msg = f"`plan` must be None or one of {names}; got {got}: create one of these."
    raise TypeError(msg)
