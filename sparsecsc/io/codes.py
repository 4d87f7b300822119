"""The codes file: codes, filters and all that is needed to repeat the run.

A compressed NPZ archive of plain arrays (no pickle):

==============  ================================================================================
member          content
==============  ================================================================================
``header``      JSON text: format, format_version, codes_shape, parameters, versions
``filters``     (n_filters, n_channels, *kernel)
``indices``     int64, increasing: places of the nonzero codes in the flattened (C order) array
``values``      the nonzero codes, in that order
``dense``       in place of the two above where more than a quarter of the codes is nonzero
==============  ================================================================================

The codes of a photograph are typically 99 % zeros: indices and values are then both the smaller and
by far the faster form, since compressing zeros takes time too. Without this package::

    file = numpy.load("codes.npz")
    header = json.loads(str(file["header"]))
    codes = numpy.zeros(header["codes_shape"], file["values"].dtype)
    codes.flat[file["indices"]] = file["values"]
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc.codes import SparseCodes, dense, sparse
from sparsecsc.io.archives import Format
from sparsecsc.io.common import MAX_VALUES, unreadable

_FORMAT = Format(
    name="sparsecsc-codes",
    version=1,
    content="saved codes",
    advice="solve again",
    fields={"codes_shape": list, "parameters": dict, "versions": dict},
)
MAX_CODES = 4 * MAX_VALUES
"""Largest number of codes that are read as an array."""
_SPARSE_SHARE = 0.25


@dataclass(frozen=True, eq=False)
class SavedCodes:
    """What a codes file holds."""

    kept: Any
    """As the file has them: `SparseCodes`, or an array where most codes are not zero."""
    filters: np.ndarray
    """(n_filters, n_channels, *kernel)"""
    parameters: dict[str, Any]
    versions: dict[str, str]

    @cached_property
    def codes(self) -> np.ndarray:
        """(n_signals, n_filters, *code_spatial), expanded when first asked for."""
        codes: np.ndarray = dense(self.kept)
        return codes

    @cached_property
    def sparse_codes(self) -> SparseCodes:
        """The nonzeros."""
        codes: SparseCodes = sparse(self.kept)
        return codes


def save_codes(
    path: str | os.PathLike[str],
    codes: np.ndarray | SparseCodes,
    filters: np.ndarray,
    *,
    parameters: dict[str, Any],
    versions: dict[str, str],
    compress: bool = True,
) -> Path:
    """Write codes, filters, parameters and versions to one file, atomically.

    Parameters
    ----------
    path : path
        Ends in .npz.
    codes : array or SparseCodes, shape (n_signals, n_filters, *code_spatial)
    filters : array, shape (n_filters, n_channels, *kernel)
    parameters, versions : dict
        Anything that JSON can hold, without NaN and infinity.
    compress : bool
        Compressed files take more time to write and about half the space.

    Raises
    ------
    ValueError
        If codes and filters do not belong together, or the parameters are not JSON.
    """
    _check_pair(codes, filters)
    return _FORMAT.write(
        path,
        {"filters": filters} | sparse_parts(codes),
        compress=compress,
        codes_shape=list(codes.shape),
        parameters=parameters,
        versions=versions,
    )


def load_codes(path: str | os.PathLike[str]) -> SavedCodes:
    """Read a file that `save_codes` wrote.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it is damaged, of another kind or version, too large, or its parts do not fit together.
    """
    header, members = _FORMAT.read(path)
    try:
        codes = read_parts(members, header["codes_shape"])
        filters = members["filters"]
        _check_pair(codes, filters)
    except KeyError as error:
        raise unreadable(path, _FORMAT.content, f"its part {error} is missing") from None
    except (ValueError, TypeError) as error:
        raise unreadable(path, _FORMAT.content, error) from None
    return SavedCodes(codes, filters, header["parameters"], header["versions"])


def sparse_parts(codes: np.ndarray | SparseCodes) -> dict[str, np.ndarray]:
    """Return the members that hold these codes: indices and values, or dense."""
    if not isinstance(codes, SparseCodes):
        if np.count_nonzero(codes) > _SPARSE_SHARE * codes.size:
            return {"dense": codes}
        codes = SparseCodes.from_dense(codes)
    return {"indices": codes.indices, "values": codes.values}


def read_parts(
    members: dict[str, np.ndarray], stated: list[Any], prefix: str = ""
) -> np.ndarray | SparseCodes:
    """Return the codes; raise KeyError or ValueError if the parts do not fit."""
    if not all(type(n) is int and n > 0 for n in stated) or math.prod(stated) >= 2**63:
        msg = f"its codes have the shape {stated}, which is not one of 1 to 2**63 values"
        raise ValueError(msg)
    shape = tuple(stated)
    if f"{prefix}dense" in members:
        codes = members[f"{prefix}dense"]
        if codes.shape != shape:
            msg = f"its codes have the shape {codes.shape} in place of {shape}"
            raise ValueError(msg)
        return codes
    indices, values = members[f"{prefix}indices"], members[f"{prefix}values"]
    if indices.dtype != np.int64 or indices.ndim != 1 or values.shape != indices.shape:
        msg = f"it has {indices.shape} places for {values.shape} codes"
        raise ValueError(msg)
    try:
        return SparseCodes(indices, values, shape)
    except ValueError as error:
        msg = f"places of its codes are outside the array or repeated: {error}"
        raise ValueError(msg) from None


def _check_pair(codes: Any, filters: np.ndarray) -> None:
    values = codes.values if isinstance(codes, SparseCodes) else codes
    for name, array in (("codes", values), ("filters", filters)):
        if str(array.dtype) not in ("float32", "float64") or not np.isfinite(array).all():
            msg = f"`{name}` must be finite float32 or float64; got {array.dtype}"
            raise ValueError(msg)
    if codes.ndim != filters.ndim or codes.ndim not in (3, 4, 5):
        msg = f"`codes` and `filters` must have 3 to 5 axes; got {codes.shape} and {filters.shape}"
        raise ValueError(msg)
    if codes.shape[1] != filters.shape[0]:
        msg = f"`codes` must be of the {filters.shape[0]} `filters`; got shape {codes.shape}"
        raise ValueError(msg)
