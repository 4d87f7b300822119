"""What holds for every model: how layers chain, where they start, what they amount to together.

A model is any object with `dictionaries`, and for each of them an entry of `starts` (None or the
number of an earlier layer, 0 being the signal) and of `shortcuts` (None or a Dictionary), and with
`damping` ("step" or a number).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from sparsecsc.checks import check_count
from sparsecsc.dictionaries.product import Product
from sparsecsc.problems import check_methods
from sparsecsc.protocols import Array, Penalty


def check_sequence(name: str, values: Any, of: str) -> tuple[Any, ...]:
    """Return `values` as a tuple with at least one entry."""
    if isinstance(values, str) or hasattr(values, "shape") or not hasattr(values, "__iter__"):
        msg = f"`{name}` must be a sequence of {of}; got {kind_name(values)}: pass a list."
        raise TypeError(msg)
    entries = tuple(values)
    if not entries:
        msg = f"`{name}` must hold at least one entry; got none: add one."
        raise ValueError(msg)
    return entries


def kind_name(value: Any) -> str:
    """Return what to call a value of a wrong kind in a message."""
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def check_model(model: Any) -> None:
    """Refuse what is not a model."""
    if isinstance(model, type) or not all(
        hasattr(model, name) for name in ("dictionaries", "starts", "shortcuts", "damping")
    ):
        msg = (
            f"`model` must be a model such as MLCSC(dictionaries); got {kind_name(model)}: create "
            "one."
        )
        raise TypeError(msg)


def check_chain(dictionaries: Any) -> tuple[Any, ...]:
    """Check that filters and channels chain, and return the dictionaries as a tuple."""
    layers = check_sequence("dictionaries", dictionaries, "dictionaries")
    for i, layer in enumerate(layers, start=1):
        if isinstance(layer, type) or not hasattr(layer, "bind"):
            msg = (
                f"layer {i} must be a Dictionary; got {kind_name(layer)}: pass a "
                "ConvDictionary(filters)."
            )
            raise TypeError(msg)
    n_filters = None
    for i, (before, layer) in enumerate(pairwise(layers), start=2):
        n_filters = before.n_filters if before.n_filters is not None else n_filters
        if None not in (n_filters, layer.n_channels) and n_filters != layer.n_channels:
            msg = (
                f"layer {i} must have {n_filters} channels, one for each filter of layer {i - 1}; "
                f"got {layer.n_channels}: match them."
            )
            raise ValueError(msg)
    return layers


def layer_shapes(model: Any, signal_shape: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of the signal and of the codes of every layer.

    Parameters
    ----------
    model : model
    signal_shape : sequence of int
        (n_signals, n_channels, *spatial)

    Raises
    ------
    TypeError
        If `model` is not a model.
    ValueError
        If a layer does not fit what it is given, or its start does not have the shape of its
        codes; the message names the layer.
    """
    check_model(model)
    n = len(model.dictionaries)
    if len(model.starts) != n or len(model.shortcuts) != n:
        msg = (
            f"`starts` and `shortcuts` of a model must have one entry for each of its {n} layers; "
            f"got {len(model.starts)} and {len(model.shortcuts)}: match them."
        )
        raise ValueError(msg)
    check_starts(model.starts)
    shapes = [tuple(int(n) for n in signal_shape)]
    for i, dictionary in enumerate(model.dictionaries, start=1):
        try:
            shape = tuple(dictionary.code_shape(shapes[-1]))
        except ValueError as error:
            msg = f"layer {i}: {error}"
            raise ValueError(msg) from None
        _check_start(model, i, shapes, shape)
        shapes.append(shape)
    return tuple(shapes)


def check_starts(starts: Sequence[int | None]) -> None:
    """Check that each layer starts at zero or at an earlier one."""
    for layer, source in enumerate(starts, start=1):
        if source is not None and check_count("starts", source, least=0) >= layer:
            msg = (
                f"`starts`: layer {layer} must start at an earlier one, 0 to {layer - 1}; got "
                f"{source}: choose one of these, or None for zero."
            )
            raise ValueError(msg)


def _check_start(model: Any, layer: int, shapes: Any, wanted: tuple[int, ...]) -> None:
    source, shortcut = model.starts[layer - 1], model.shortcuts[layer - 1]
    if source is None:
        return
    found = shapes[source]
    if shortcut is not None:
        try:
            found = tuple(shortcut.code_shape(found))
        except ValueError as error:
            msg = f"the shortcut of layer {layer}: {error}"
            raise ValueError(msg) from None
    if found != wanted:
        of = "its shortcut" if shortcut is not None else f"layer {source}" if source else "signal"
        msg = (
            f"layer {layer} must start at codes of shape {wanted}; got {found} from {of}: give a "
            "shortcut that maps one to the other."
        )
        raise ValueError(msg)


def bind_penalties(
    penalties: Any, shapes: Sequence[tuple[int, ...]], like: Array
) -> tuple[Any, ...]:
    """Return one penalty a layer, bound to the shapes of the layers' codes."""
    given = check_penalties(penalties, len(shapes))
    bound = []
    for i, (penalty, shape) in enumerate(zip(given, shapes, strict=True), start=1):
        check_methods(f"penalties[{i - 1}]", penalty, Penalty, ("value", "prox", "bind"))
        try:
            bound.append(penalty.bind(shape, like))
        except ValueError as error:
            msg = f"layer {i}: {error}"
            raise ValueError(msg) from None
    return tuple(bound)


def check_penalties(penalties: Any, n_layers: int) -> tuple[Any, ...]:
    """Check that there is one penalty a layer, and return them as a tuple."""
    given = check_sequence("penalties", penalties, "penalties")
    if len(given) != n_layers:
        msg = (
            f"`penalties` must have one entry for each of the {n_layers} layers; got {len(given)}: "
            "match them."
        )
        raise ValueError(msg)
    return given


def zeros(model: Any) -> tuple[None, ...]:
    """Return None for each layer: no start but zero, no shortcut."""
    return (None,) * len(model.dictionaries)


def start_of(model: Any, layer: int, earlier: Sequence[Array]) -> Array | None:
    """Return where layer `layer` (from 1) starts, given the signal and codes so far; None is 0."""
    source, shortcut = model.starts[layer - 1], model.shortcuts[layer - 1]
    if source is None:
        return None
    return earlier[source] if shortcut is None else shortcut.analyze(earlier[source])


def effective(model: Any, first: int = 1, last: int | None = None) -> Product:
    r"""Return the effective dictionary :math:`D_{first} \cdots D_{last}` as a `Product`.

    Parameters
    ----------
    model : model
    first, last : int
        Layers from 1; by default all, which maps the deepest codes to the signal.

    Raises
    ------
    TypeError, ValueError
        If `model` is not a model, or there are no such layers.

    References
    ----------
    Sulam, Papyan, Romano and Elad 2018 (section II-B).
    """
    check_model(model)
    n = len(model.dictionaries)
    first = check_count("first", first)
    last = n if last is None else check_count("last", last)
    if not 1 <= first <= last <= n:
        msg = (
            f"`first` and `last` must be layers with 1 <= first <= last <= {n}; got {first} and "
            f"{last}: choose others."
        )
        raise ValueError(msg)
    return Product(model.dictionaries[first - 1 : last])


def layer_lipschitz(model: Any, signal_shape: Sequence[int]) -> tuple[float, ...]:
    """Return the bound on the squared norm of each layer's dictionary for this signal's size.

    Exact where the layer is circular; see `ConvDictionary.lipschitz`.

    Raises
    ------
    TypeError, ValueError
        As `layer_shapes`.
    """
    shapes = layer_shapes(model, signal_shape)
    pairs = zip(model.dictionaries, shapes[:-1], strict=True)
    return tuple(float(d.lipschitz(shape[2:])) for d, shape in pairs)
