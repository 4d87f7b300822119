"""A model in another precision: files hold one, a run and its certificate may need others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sparsecsc.dictionaries.concat import Concat
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.identity import Identity
from sparsecsc.dictionaries.product import Product
from sparsecsc.models.mlcsc import MLCSC
from sparsecsc.models.msdcsc import MSDCSC
from sparsecsc.models.rescsc import ResCSC


def cast_model(model: Any, dtype: str) -> Any:
    """Return an equal MLCSC, ResCSC or MSDCSC whose filters have this dtype."""
    if isinstance(model, MSDCSC):
        return replace(model, filter_banks=[bank.astype(dtype) for bank in model.filter_banks])
    layers = [_cast(dictionary, dtype) for dictionary in model.dictionaries]
    if not isinstance(model, ResCSC):
        return MLCSC(layers)
    shortcut = model.shortcut
    if isinstance(shortcut, (list, tuple)):
        shortcut = [None if entry is None else _cast(entry, dtype) for entry in shortcut]
    elif shortcut is not None:
        shortcut = _cast(shortcut, dtype)
    return replace(model, dictionaries=layers, shortcut=shortcut)


def words(dictionary: Any) -> str:
    """Say in a few words what a layer consists of."""
    if isinstance(dictionary, Identity):
        return "identity"
    if isinstance(dictionary, Concat):
        return " + ".join(words(part) for part in dictionary.dictionaries)
    if isinstance(dictionary, Product):
        return " of ".join(words(part) for part in dictionary.dictionaries)
    sizes = "x".join(map(str, dictionary.kernel))
    text = f"{dictionary.n_filters} filters of {dictionary.n_channels} x {sizes}"
    for name, value in (("stride", dictionary.stride), ("dilation", dictionary.dilation)):
        if max(value) > 1:
            text += f", {name} {'x'.join(map(str, value))}"
    return text


def _cast(dictionary: Any, dtype: str) -> Any:
    if isinstance(dictionary, Identity):
        return dictionary
    if isinstance(dictionary, (Concat, Product)):
        return type(dictionary)([_cast(part, dtype) for part in dictionary.dictionaries])
    filters = dictionary.filters.astype(dtype)
    return ConvDictionary(filters, dictionary.stride, dictionary.dilation, dictionary.padding)
