"""The model file: dictionaries, starts, shortcuts and penalties of a multi-layer model.

A compressed NPZ archive of plain arrays (no pickle): the member ``header`` is JSON text with
format, format_version, model, penalties and versions; all numbers of filters and penalties are
arrays, which the header names: ``layer_1_filters``, ``layer_1_weight``. A float is an array without
axes, so that infinite weights can be held. An array that is used twice is stored once.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import as_file
from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc.data import MODELS, learned_file, require_known
from sparsecsc.io.archives import Format
from sparsecsc.io.common import check_size, unreadable
from sparsecsc.io.model_kinds import KINDS, model_node, read_model
from sparsecsc.io.model_parts import Store, penalty_node, read_penalty, shapes_of

_FORMAT = Format(
    name="sparsecsc-model",
    version=1,
    content="a saved model",
    advice="save the model again",
    fields={"model": dict, "penalties": list, "versions": dict},
)


@dataclass(frozen=True, eq=False)
class SavedModel:
    """What a model file holds."""

    model: Any
    """An `MLCSC`, `ResCSC` or `MSDCSC`."""
    penalties: tuple[Any, ...]
    """One a layer, or none."""
    versions: dict[str, str]
    """Of the packages that wrote the file."""


def save_model(path: str | os.PathLike[str], model: Any, penalties: Sequence[Any] = ()) -> Path:
    """Write a model, and the penalties of its layers, to one compressed file, atomically.

    Parameters
    ----------
    path : path
        Ends in .npz.
    model : MLCSC, ResCSC or MSDCSC
        Of `ConvDictionary`, `Identity`, `Concat` and `Product`, with NumPy filters.
    penalties : sequence of penalties
        None, or one a layer: `L1`, `NonnegativeL1`, `ElasticNet`, `GroupL1`, `L0` or `ReLU`.

    Returns
    -------
    pathlib.Path
        `path`.

    Raises
    ------
    TypeError
        If there is anything else in the model or the penalties; the message names it.
    ValueError
        If the penalties do not fit the layers, or all is too large for one file.
    OSError
        If the file cannot be written.

    Notes
    -----
    `load_model` returns the same numbers, bit for bit and of the same dtype.

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc
    >>> from sparsecsc.io import load_model, save_model
    >>> model = sc.MLCSC([sc.ConvDictionary(np.ones((2, 1, 3)))])
    >>> path = save_model("model.npz", model, [sc.L1(0.1)])
    >>> load_model(path).penalties
    (L1(weight=0.1),)
    """
    if type(model) not in KINDS:
        msg = (
            "`model` must be an MLCSC, ResCSC or MSDCSC to be saved; got "
            f"{type(model).__name__}: build one of these."
        )
        raise TypeError(msg)
    if not isinstance(penalties, (list, tuple)):
        msg = (
            f"`penalties` must be a list or tuple; got {type(penalties).__name__}: pass one "
            "penalty a layer."
        )
        raise TypeError(msg)
    _check_fit(model, penalties)
    store = Store()
    node = model_node(store, model)
    nodes = [penalty_node(store, f"layer_{i}", p) for i, p in enumerate(penalties, start=1)]
    size = sum(array.nbytes for array in store.arrays.values())
    check_size(Path(path), (size // 8,))
    return _FORMAT.write(path, store.arrays, model=node, penalties=nodes, versions=_versions())


def load_model(path: str | os.PathLike[str]) -> SavedModel:
    """Read a file that `save_model` wrote.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it is damaged, of another kind or version, too large, or its parts do not fit together.
    """
    header, arrays = _FORMAT.read(path)
    try:
        model = read_model(arrays, header["model"])
        penalties = tuple(read_penalty(arrays, node) for node in header["penalties"])
        _check_fit(model, penalties)
    except (ValueError, TypeError) as error:
        raise unreadable(path, _FORMAT.content, error) from None
    return SavedModel(model, penalties, header["versions"])


def load_learned_model(name: str) -> SavedModel:
    """Read a model that was learned from the shipped photographs, with the penalties it had.

    Parameters
    ----------
    name : str
        One of ``sparsecsc.data.MODELS``; ``sparsecsc.data.learning_record`` says how it was
        learned.

    Raises
    ------
    ValueError
        If there is no such model.

    Examples
    --------
    >>> from sparsecsc.io import load_learned_model
    >>> saved = load_learned_model("photo2layers")
    >>> [layer.filters.shape for layer in saved.model.dictionaries]
    [(32, 1, 7, 7), (64, 32, 7, 7)]
    """
    require_known(name, MODELS, "model")
    with as_file(learned_file(name)) as path:
        return load_model(path)


def _check_fit(model: Any, penalties: Sequence[Any]) -> None:
    """Check that there are as many penalties as layers, and as many weights as filters."""
    n_layers = len(model.dictionaries)
    if len(penalties) not in (0, n_layers):
        msg = (
            f"`penalties` must be none, or one for each of the {n_layers} layers; got "
            f"{len(penalties)}: match them."
        )
        raise ValueError(msg)
    for i, (layer, penalty) in enumerate(zip(model.dictionaries, penalties, strict=False), start=1):
        for name, shape in shapes_of(penalty).items():
            if len(shape) == 1 and layer.n_filters and shape[0] not in (1, layer.n_filters):
                msg = (
                    f"the {name} of layer {i} must be one number or one for each of the "
                    f"{layer.n_filters} filters; got {shape[0]}: match them."
                )
                raise ValueError(msg)


def _versions() -> dict[str, str]:
    try:
        own = version("sparsecsc")
    except PackageNotFoundError:
        own = ""
    return {"python": platform.python_version(), "numpy": np.__version__, "sparsecsc": own}
