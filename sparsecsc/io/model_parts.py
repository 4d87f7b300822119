"""Dictionaries and penalties as JSON nodes beside named arrays, and back.

What is read here comes from a file: everything is checked, and every fault is a ValueError or
TypeError whose message says what is wrong with the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparsecsc.dictionaries.concat import Concat
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.identity import Identity
from sparsecsc.dictionaries.product import Product
from sparsecsc.penalties.elastic_net import ElasticNet
from sparsecsc.penalties.group_l1 import GroupL1
from sparsecsc.penalties.l0 import L0
from sparsecsc.penalties.l1 import L1
from sparsecsc.penalties.nonnegative_l1 import NonnegativeL1
from sparsecsc.penalties.relu import ReLU

MAX_DEPTH = 16
"""How deep dictionaries may be nested in each other."""
_MAX_INT = 2**31 - 1
_COMBINED: dict[str, Any] = {"Concat": Concat, "Product": Product}
_SIZES = ("n_channels", "n_filters", "n_axes")
_PENALTIES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "L1": (L1, ("weight",)),
    "NonnegativeL1": (NonnegativeL1, ("weight",)),
    "ElasticNet": (ElasticNet, ("weight", "ridge")),
    "GroupL1": (GroupL1, ("weight",)),
    "L0": (L0, ("weight",)),
    "ReLU": (ReLU, ("bias",)),
}
"""Classes and the names of their numbers."""


@dataclass(frozen=True)
class Store:
    """The arrays of a file to be written, each once."""

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    """By the identity of the array."""

    def keep(self, name: str, value: Any) -> str:
        """Keep a float or an array; return its name, or that which it was kept under before."""
        array = np.array(value) if isinstance(value, float) else value
        if not isinstance(array, np.ndarray):
            got = f"{type(array).__module__}.{type(array).__name__}"
            msg = f"{name} must be a NumPy array to be saved; got {got}: copy it to the host."
            raise TypeError(msg)
        known = self.names.setdefault(id(array), name)
        self.arrays[known] = array
        return known


def dictionary_node(store: Store, name: str, dictionary: Any, depth: int = 0) -> dict[str, Any]:
    """Return the node of a dictionary; its filters go to the store under names that begin so.

    Raises
    ------
    TypeError
        If it is none that the format knows, or its filters are not NumPy's.
    ValueError
        If it is nested too deeply.
    """
    kind = type(dictionary)
    if depth > MAX_DEPTH:
        msg = (
            f"dictionaries must be nested at most {MAX_DEPTH} deep to be saved; got more: flatten."
        )
        raise ValueError(msg)
    if kind is ConvDictionary:
        return {
            "kind": "ConvDictionary",
            "filters": store.keep(f"{name}_filters", dictionary.filters),
            "stride": list(dictionary.stride),
            "dilation": list(dictionary.dilation),
            "padding": dictionary.padding,
        }
    if kind is Identity:
        return {"kind": "Identity"} | {size: getattr(dictionary, size) for size in _SIZES}
    if kind in _COMBINED.values():
        parts = enumerate(dictionary.dictionaries, start=1)
        nodes = [dictionary_node(store, f"{name}_{k}", part, depth + 1) for k, part in parts]
        return {"kind": kind.__name__, "dictionaries": nodes}
    msg = (
        f"{name} must be a ConvDictionary, Identity, Concat or Product to be saved; got "
        f"{kind.__name__}: build it from these."
    )
    raise TypeError(msg)


def read_dictionary(arrays: Mapping[str, np.ndarray], node: Any, depth: int = 0) -> Any:
    """Return the dictionary of a node."""
    kind = take(node, "kind", str)
    if depth > MAX_DEPTH:
        msg = f"its dictionaries are nested more than {MAX_DEPTH} deep"
        raise ValueError(msg)
    if kind == "ConvDictionary":
        return ConvDictionary(
            named(arrays, take(node, "filters", str)),
            stride=ints(take(node, "stride", list)),
            dilation=ints(take(node, "dilation", list)),
            padding=border(take(node, "padding", (str, list))),
        )
    if kind == "Identity":
        return Identity(*(count(node[n]) if node.get(n) is not None else None for n in _SIZES))
    if kind in _COMBINED:
        nodes = take(node, "dictionaries", list)
        return _COMBINED[kind]([read_dictionary(arrays, part, depth + 1) for part in nodes])
    msg = f"it holds a dictionary of the unknown kind {kind[:40]!r}"
    raise ValueError(msg)


def penalty_node(store: Store, name: str, penalty: Any) -> dict[str, Any]:
    """Return the node of a penalty; its numbers go to the store.

    Raises
    ------
    TypeError
        If it is none that the format knows, or its weights are not NumPy's.
    """
    kind = type(penalty).__name__
    cls, fields = _PENALTIES.get(kind, (None, ()))
    if type(penalty) is not cls:
        msg = (
            f"the penalty of {name} must be one of {', '.join(_PENALTIES)} to be saved; got "
            f"{kind}: use one of these."
        )
        raise TypeError(msg)
    node = {"kind": kind} | {
        number: store.keep(f"{name}_{number}", getattr(penalty, number)) for number in fields
    }
    return node | {"axis": list(penalty.axis)} if cls is GroupL1 else node


def read_penalty(arrays: Mapping[str, np.ndarray], node: Any) -> Any:
    """Return the penalty of a node."""
    kind = take(node, "kind", str)
    if kind not in _PENALTIES:
        msg = f"it holds a penalty of the unknown kind {kind[:40]!r}"
        raise ValueError(msg)
    cls, fields = _PENALTIES[kind]
    numbers = {name: number(named(arrays, take(node, name, str))) for name in fields}
    return cls(**numbers, axis=ints(take(node, "axis", list))) if cls is GroupL1 else cls(**numbers)


def shapes_of(penalty: Any) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a penalty's numbers, () for a float; nothing for a foreign penalty."""
    _, fields = _PENALTIES.get(type(penalty).__name__, (None, ()))
    return {name: getattr(getattr(penalty, name, 0.0), "shape", ()) for name in fields}


def take(node: Any, key: str, kind: type | tuple[type, ...]) -> Any:
    """Return ``node[key]``, checked to be there and of this kind."""
    if not isinstance(node, dict) or not isinstance(node.get(key), kind):
        msg = f"its header has no {key} where one is needed"
        raise ValueError(msg)
    return node[key]


def named(arrays: Mapping[str, np.ndarray], name: Any) -> np.ndarray:
    """Return the array of this name, checked to be there."""
    if not isinstance(name, str) or name not in arrays:
        msg = f"its part {str(name)[:40]!r} is missing"
        raise ValueError(msg)
    return arrays[name]


def number(array: np.ndarray) -> float | np.ndarray:
    """Return an array without axes as a float, others as they are."""
    if array.dtype not in (np.float32, np.float64):
        msg = f"its numbers are {array.dtype} in place of float32 or float64"
        raise ValueError(msg)
    return float(array) if array.shape == () else array


def count(value: Any) -> int:
    """Return `value`, checked to be an integer of an ordinary size."""
    if type(value) is not int or not 0 <= value <= _MAX_INT:
        msg = f"its header holds {str(value)[:40]!r} where an integer is needed"
        raise ValueError(msg)
    return value


def ints(values: list[Any]) -> tuple[int, ...]:
    """Return `values` as a tuple of integers."""
    return tuple(count(value) for value in values)


def border(value: Any) -> str | int | tuple[int, ...]:
    """Return what JSON made of a border or a dilation: a word, an integer or one an axis."""
    if isinstance(value, str):
        return value
    return ints(value) if isinstance(value, list) else count(value)
