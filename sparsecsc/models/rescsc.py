"""Residual convolutional sparse coding: a chain whose layers start at earlier codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sparsecsc.checks import check_count, check_number, check_sequence
from sparsecsc.models.layers import check_chain, check_starts, kind_name


@dataclass(frozen=True, eq=False)
class ResCSC:
    r"""A chain in which the last layer of each block starts at the block's input.

    With the input :math:`X` of the layer, the input :math:`X_{-1}` of its block and a step c,

    .. math:: \Gamma = S_{c\beta}(X_{-1} + c D^T X - C D^T D X_{-1}).

    Parameters
    ----------
    dictionaries : sequence of dictionaries
        As for `MLCSC`.
    shortcut : Dictionary or sequence of (Dictionary or None), optional
        What maps a block's input to the shape of its output, by ``shortcut.analyze``: one for
        all layers with a start, or one entry a layer. None, the default, is the identity.
    damping : {"step"} or float
        C. ``"step"``, the default: equal to the step c, which makes the layer one exact ISTA step
        from :math:`X_{-1}`. 0: no such term, the basic block of a ResNet.
    block_length : int
        Layers a block, 2 by default.
    starts : sequence of (int or None), optional
        Any other rule: for each layer None, which is zero, or the number of the layer whose codes
        it starts at; 0 is the signal. In place of `block_length`.

    Raises
    ------
    TypeError, ValueError
        As for `MLCSC`; if `damping` is negative, infinite or another text, or if a layer would
        start at itself or a later one. Once a signal is given: if the start does not have the
        shape of the layer's codes.

    Notes
    -----
    Only C = c is a descent step; with another C the objective of the layer may rise. The term
    vanishes exactly if :math:`D X_{-1} = 0`.

    References
    ----------
    Zhang and Zhang 2021 (residual initialisation); He, Zhang, Ren and Sun 2016 (the basic block).
    """

    dictionaries: Sequence[Any]
    shortcut: Any = None
    damping: str | float = "step"
    block_length: int = 2
    starts: Sequence[int | None] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "dictionaries", check_chain(self.dictionaries))
        object.__setattr__(self, "starts", self._checked_starts())
        object.__setattr__(self, "damping", _checked_damping(self.damping))
        if isinstance(self.shortcut, (list, tuple)):
            _check_count("shortcut", self.shortcut, len(self.dictionaries))
        for entry in self.shortcuts:
            if entry is not None and (isinstance(entry, type) or not hasattr(entry, "analyze")):
                msg = (
                    "`shortcut` must be a Dictionary, or one entry a layer; got "
                    f"{kind_name(entry)}: pass a ConvDictionary(filters) or None."
                )
                raise TypeError(msg)

    def _checked_starts(self) -> tuple[int | None, ...]:
        n, block = len(self.dictionaries), check_count("block_length", self.block_length)
        if self.starts is None:
            return tuple(i - block if i % block == 0 else None for i in range(1, n + 1))
        starts = check_sequence("starts", self.starts, "ints and None")
        _check_count("starts", starts, n)
        check_starts(starts)
        return starts

    @property
    def shortcuts(self) -> tuple[Any, ...]:
        """For each layer what its start is analysed by; None is the identity."""
        if isinstance(self.shortcut, (list, tuple)):
            return tuple(self.shortcut)
        assert self.starts is not None
        return tuple(None if source is None else self.shortcut for source in self.starts)


def _checked_damping(damping: Any) -> str | float:
    if not isinstance(damping, str):
        return check_number("damping", damping, least=0.0, finite=True)
    if damping != "step":
        msg = f'`damping` must be "step" or a number >= 0; got {damping!r}: choose one of these.'
        raise ValueError(msg)
    return damping


def _check_count(name: str, values: Sequence[Any], n_layers: int) -> None:
    if len(values) != n_layers:
        msg = (
            f"`{name}` must have one entry for each of the {n_layers} layers; got {len(values)}: "
            "match them."
        )
        raise ValueError(msg)
