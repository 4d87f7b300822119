"""Mixed-scale dense convolutional sparse coding: identities beside dilated filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sparsecsc.dictionaries.concat import Concat
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.identity import Identity
from sparsecsc.models.layers import check_chain, check_sequence, zeros
from sparsecsc.protocols import Array

_SCALES = 6


@dataclass(frozen=True, eq=False)
class MSDCSC:
    r"""A chain of layers :math:`D_i = [\,I \;\; (F_i^{s_i})^T\,]`, dense and dilated.

    Each layer keeps all maps that it is given, beside the new ones of its dilated filters, so
    that channels grow and every layer sees all earlier maps.

    Parameters
    ----------
    filter_banks : sequence of arrays
        :math:`F_i`, (k_i, c_{i-1}, *kernel) with c_i = c_{i-1} + k_i.
    dilations : sequence of (int or tuple of int), optional
        :math:`s_i`, one a layer; by default 1, 2, ..., 6, 1, 2, ...
    padding : {"circular", "same"} or int or tuple of int, or a list with one entry a layer
        The border of the filters; it must keep the spatial size.

    Raises
    ------
    TypeError, ValueError
        As for `MLCSC` and `ConvDictionary`; the message names the layer.

    Notes
    -----
    Layered thresholding of this model with `NonnegativeL1`, a threshold of 0 on the identity and a
    signal >= 0, is the forward pass of a mixed-scale dense network. The norm of a layer is
    exactly :math:`\|D_i\|^2 = 1 + \|F_i\|^2`.

    References
    ----------
    Zhang and Zhang 2021 (proposition 1; the default dilations are those of its public code);
    Pelt and Sethian 2018 (mixed-scale dense networks).
    """

    filter_banks: Sequence[Array]
    dilations: Sequence[Any] | None = None
    padding: Any = "circular"
    dictionaries: tuple[Any, ...] = field(init=False, repr=False)
    starts = shortcuts = property(zeros)
    damping = "step"

    def __post_init__(self) -> None:
        banks = check_sequence("filter_banks", self.filter_banks, "arrays")
        given = self.dilations
        if given is None:
            given = [i % _SCALES + 1 for i in range(len(banks))]
        dilations = check_sequence("dilations", given, "ints")
        paddings = self.padding if isinstance(self.padding, list) else [self.padding] * len(banks)
        for name, values in (("dilations", dilations), ("padding", paddings)):
            if len(values) != len(banks):
                msg = (
                    f"`{name}` must have one entry for each of the {len(banks)} filter banks; got "
                    f"{len(values)}: match them."
                )
                raise ValueError(msg)
        layers = []
        for i, (bank, s, padding) in enumerate(zip(banks, dilations, paddings, strict=True)):
            try:
                filters = ConvDictionary(bank, dilation=s, padding=padding)
            except (TypeError, ValueError) as error:
                msg = f"layer {i + 1}: {error}"
                raise type(error)(msg) from None
            layers.append(Concat([Identity(), filters]))
        object.__setattr__(self, "filter_banks", banks)
        object.__setattr__(self, "dilations", dilations)
        object.__setattr__(self, "dictionaries", check_chain(layers))
