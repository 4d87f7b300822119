"""The codes file of a multi-layer run: the codes of all layers and the run's parameters.

A compressed NPZ archive of plain arrays (no pickle). The member ``header`` is JSON text: format,
format_version, codes_shapes, parameters, versions. For layer i, counted from 1, ``layer_i_indices``
and ``layer_i_values`` hold the nonzero codes as in the codes file of one layer, or
``layer_i_dense`` all of them where more than a quarter is nonzero. The model is in a file of its
own, which the parameters name. Without this package::

    file = numpy.load("codes.npz")
    header = json.loads(str(file["header"]))
    codes = numpy.zeros(header["codes_shapes"][0], file["layer_1_values"].dtype)
    codes.flat[file["layer_1_indices"]] = file["layer_1_values"]
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc.codes import dense
from sparsecsc.io.archives import Format
from sparsecsc.io.codes import MAX_CODES, read_parts, sparse_parts
from sparsecsc.io.common import unreadable

_FORMAT = Format(
    name="sparsecsc-layer-codes",
    version=1,
    content="saved codes of several layers",
    advice="solve again",
    fields={"codes_shapes": list, "parameters": dict, "versions": dict},
)


@dataclass(frozen=True, eq=False)
class SavedLayerCodes:
    """What a codes file of a multi-layer run holds."""

    codes: tuple[np.ndarray, ...]
    """One array a layer, (n_signals, n_filters, *code_spatial)."""
    parameters: dict[str, Any]
    versions: dict[str, str]


def save_layer_codes(
    path: str | os.PathLike[str],
    codes: Sequence[np.ndarray],
    *,
    parameters: dict[str, Any],
    versions: dict[str, str],
) -> Path:
    """Write the codes of all layers, parameters and versions to one file, atomically.

    Parameters
    ----------
    path : path
        Ends in .npz.
    codes : sequence of arrays, each of shape (n_signals, n_filters, *code_spatial)
        Such as the codes of a `MultilayerPursuit`'s result.
    parameters, versions : dict
        Anything that JSON can hold, without NaN and infinity.

    Raises
    ------
    ValueError
        If the codes are not those of the layers of one model, or the parameters are not JSON.
    """
    _check(codes)
    arrays = {
        f"layer_{i}_{name}": part
        for i, layer in enumerate(codes, start=1)
        for name, part in sparse_parts(layer).items()
    }
    shapes = [list(layer.shape) for layer in codes]
    return _FORMAT.write(
        path, arrays, codes_shapes=shapes, parameters=parameters, versions=versions
    )


def load_layer_codes(path: str | os.PathLike[str]) -> SavedLayerCodes:
    """Read a file that `save_layer_codes` wrote.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it is damaged, of another kind or version, too large, or its parts do not fit together.
    """
    header, members = _FORMAT.read(path)
    try:
        codes = _layers(members, header["codes_shapes"])
        _check(codes)
    except KeyError as error:
        raise unreadable(path, _FORMAT.content, f"its part {error} is missing") from None
    except (ValueError, TypeError) as error:
        raise unreadable(path, _FORMAT.content, error) from None
    return SavedLayerCodes(codes, header["parameters"], header["versions"])


def _layers(members: dict[str, np.ndarray], shapes: list[Any]) -> tuple[np.ndarray, ...]:
    if not all(isinstance(shape, list) for shape in shapes):
        msg = "its header does not hold the shape of each layer's codes"
        raise ValueError(msg)
    whole = all(type(n) is int and n > 0 for shape in shapes for n in shape)
    if whole and sum(map(math.prod, shapes)) > MAX_CODES:
        msg = f"its codes have the shapes {shapes}, more than {MAX_CODES} values in all"
        raise ValueError(msg)
    return tuple(
        dense(read_parts(members, shape, f"layer_{i}_")) for i, shape in enumerate(shapes, start=1)
    )


def _check(codes: Sequence[np.ndarray]) -> None:
    if not len(codes):
        msg = "`codes` must hold the codes of at least one layer; got none: pass a result's codes."
        raise ValueError(msg)
    first = codes[0]
    for i, layer in enumerate(codes, start=1):
        if str(layer.dtype) not in ("float32", "float64") or not np.isfinite(layer).all():
            msg = f"the codes of layer {i} must be finite float32 or float64; got {layer.dtype}"
            raise ValueError(msg)
        if layer.ndim not in (3, 4, 5):
            msg = f"the codes of layer {i} must have 3 to 5 axes; got shape {layer.shape}"
            raise ValueError(msg)
        if layer.ndim != first.ndim or len(layer) != len(first) or layer.dtype != first.dtype:
            msg = (
                f"the codes of layer {i} must be of as many signals and axes and of the dtype of "
                f"layer 1; got {layer.dtype} {layer.shape} and {first.dtype} {first.shape}"
            )
            raise ValueError(msg)
