"""The filters of the layers of a model: where they are, and models with other ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sparsecsc.dictionaries.concat import Concat
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.identity import Identity
from sparsecsc.models.msdcsc import MSDCSC
from sparsecsc.protocols import Array


def own_part(dictionary: Any) -> tuple[ConvDictionary, slice]:
    """Return the part of a layer that has filters, and where its codes are among the layer's.

    Raises
    ------
    TypeError
        If the layer is neither a `ConvDictionary` nor one beside identities.
    """
    if isinstance(dictionary, ConvDictionary):
        return dictionary, slice(0, dictionary.n_filters)
    parts = dictionary.dictionaries if isinstance(dictionary, Concat) else ()
    own = [part for part in parts if isinstance(part, ConvDictionary)]
    if len(own) != 1 or sum(isinstance(part, Identity) for part in parts) < len(parts) - 1:
        msg = (
            "`model` must have layers that are a ConvDictionary, or identities beside one; got "
            f"{type(dictionary).__name__}: learn its parts by themselves."
        )
        raise TypeError(msg)
    first = parts.index(own[0]) * own[0].n_channels
    return own[0], slice(first, first + own[0].n_filters)


def with_filters(dictionary: Any, filters: Array) -> Any:
    """Return the layer with other filters."""
    own, _ = own_part(dictionary)
    new = replace(own, filters=filters)
    if dictionary is own:
        return new
    return Concat([new if part is own else part for part in dictionary.dictionaries])


def with_layer(model: Any, i: int, filters: Array) -> Any:
    """Return the model with other filters in layer `i`, from 1."""
    if isinstance(model, MSDCSC):
        banks = list(model.filter_banks)
        banks[i - 1] = filters
        return replace(model, filter_banks=banks)
    layers = list(model.dictionaries)
    layers[i - 1] = with_filters(layers[i - 1], filters)
    return replace(model, dictionaries=layers)
