"""Multi-layer models as JSON nodes beside named arrays, and back."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sparsecsc.io.model_parts import (
    Store,
    border,
    count,
    dictionary_node,
    named,
    number,
    read_dictionary,
    take,
)
from sparsecsc.models.mlcsc import MLCSC
from sparsecsc.models.msdcsc import MSDCSC
from sparsecsc.models.rescsc import ResCSC


def _encode_chain(store: Store, model: Any) -> dict[str, Any]:
    layers = enumerate(model.dictionaries, start=1)
    return {"dictionaries": [dictionary_node(store, f"layer_{i}", d) for i, d in layers]}


def _encode_residual(store: Store, model: ResCSC) -> dict[str, Any]:
    shortcut: Any = model.shortcut
    if isinstance(shortcut, (list, tuple)):
        entries = enumerate(shortcut, start=1)
        shortcut = [_encode_shortcut(store, f"shortcut_{i}", entry) for i, entry in entries]
    else:
        shortcut = _encode_shortcut(store, "shortcut", shortcut)
    step = model.damping == "step"
    return _encode_chain(store, model) | {
        "starts": [None if start is None else int(start) for start in model.starts or ()],
        "shortcut": shortcut,
        "damping": "step" if step else store.keep("damping", model.damping),
        "block_length": int(model.block_length),
    }


def _encode_shortcut(store: Store, name: str, dictionary: Any) -> dict[str, Any] | None:
    return None if dictionary is None else dictionary_node(store, name, dictionary)


def _encode_dense(store: Store, model: MSDCSC) -> dict[str, Any]:
    banks = enumerate(model.filter_banks, start=1)
    by_layer = isinstance(model.padding, list)
    padding = [_plain(entry) for entry in (model.padding if by_layer else [model.padding])]
    return {
        "filter_banks": [store.keep(f"layer_{i}_filters", bank) for i, bank in banks],
        "dilations": [_plain(dilation) for dilation in model.dilations or ()],
        "padding": padding,
        "padding_by_layer": by_layer,
    }


def _plain(value: Any) -> Any:
    """Return a border or dilation as JSON holds it: a word, an integer, or a list of integers."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return [operator.index(entry) for entry in value]
    return operator.index(value)


KINDS: dict[type, Callable[[Store, Any], dict[str, Any]]] = {
    MLCSC: _encode_chain,
    ResCSC: _encode_residual,
    MSDCSC: _encode_dense,
}
"""The models that a file can hold."""


def model_node(store: Store, model: Any) -> dict[str, Any]:
    """Return the node of a model; its arrays go to the store.

    Raises
    ------
    TypeError, ValueError
        If a dictionary cannot be saved.
    """
    return {"kind": type(model).__name__} | KINDS[type(model)](store, model)


def read_model(arrays: Mapping[str, np.ndarray], node: dict[str, Any]) -> Any:
    """Return the model of a node; raise ValueError or TypeError if it does not make sense."""
    kind = take(node, "kind", str)
    if kind == "MLCSC":
        return MLCSC(_read_chain(arrays, node))
    if kind == "ResCSC":
        return _read_residual(arrays, node)
    if kind == "MSDCSC":
        return _read_dense(arrays, node)
    msg = f"it holds a model of the unknown kind {kind[:40]!r}"
    raise ValueError(msg)


def _read_chain(arrays: Mapping[str, np.ndarray], node: dict[str, Any]) -> list[Any]:
    return [read_dictionary(arrays, part) for part in take(node, "dictionaries", list)]


def _read_residual(arrays: Mapping[str, np.ndarray], node: dict[str, Any]) -> ResCSC:
    shortcut = node.get("shortcut")
    if isinstance(shortcut, list):
        shortcut = tuple(_read_shortcut(arrays, entry) for entry in shortcut)
    else:
        shortcut = _read_shortcut(arrays, shortcut)
    damping: Any = take(node, "damping", str)
    if damping != "step":
        damping = number(named(arrays, damping))
    starts = take(node, "starts", list)
    return ResCSC(
        _read_chain(arrays, node),
        shortcut=shortcut,
        damping=damping,
        block_length=count(take(node, "block_length", int)),
        starts=[None if start is None else count(start) for start in starts],
    )


def _read_shortcut(arrays: Mapping[str, np.ndarray], node: Any) -> Any:
    return None if node is None else read_dictionary(arrays, node)


def _read_dense(arrays: Mapping[str, np.ndarray], node: dict[str, Any]) -> MSDCSC:
    padding: Any = [border(entry) for entry in take(node, "padding", list)]
    if not take(node, "padding_by_layer", bool):
        if len(padding) != 1:
            msg = f"its header holds {len(padding)} borders where one is needed"
            raise ValueError(msg)
        padding = padding[0]
    return MSDCSC(
        [named(arrays, name) for name in take(node, "filter_banks", list)],
        dilations=[border(entry) for entry in take(node, "dilations", list)],
        padding=padding,
    )
