"""Arrays of a signal's size that live where the signal does: in memory, or in a file."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from sparsecsc.backends import backend_of
from sparsecsc.protocols import Array

_PART = 2**21
"""Elements worked on at a time where no temporary of the whole size is wanted."""


def empty_like(array: Array, shape: tuple[int, ...] | None = None) -> Array:
    """Return an uninitialised array of the dtype of `array`, by default of its shape.

    For a memory-mapped array it is memory-mapped too, in a file without a name in the same folder
    (else in the one for temporary files), which is gone when the array is.
    """
    shape = tuple(array.shape) if shape is None else shape
    if not is_mapped(array):
        return backend_of(array).xp.empty(shape, dtype=array.dtype)
    with _unnamed(array) as stream:
        return np.memmap(stream, dtype=array.dtype, mode="w+", shape=shape)


def is_mapped(array: Array) -> bool:
    """Return whether the values of an array are in a file."""
    return isinstance(array, np.memmap)


def _unnamed(array: Array) -> Any:
    """Return an open file without a name: in the folder of the array's own file if that can be."""
    name = getattr(array, "filename", None)
    if name is not None:
        try:
            return tempfile.TemporaryFile(dir=os.path.dirname(os.path.abspath(name)))
        except OSError:  # a folder that can only be read
            pass
    return tempfile.TemporaryFile()


def parts(array: Array) -> Iterator[Any]:
    """Yield keys that cut an array into pieces of a few million elements, in order."""
    size = math.prod(array.shape)
    if array.ndim == 0 or size <= _PART:
        yield (...,)
        return
    inner = size // array.shape[0]
    if inner > _PART:
        for index in range(array.shape[0]):
            yield from ((index, *key) for key in parts(array[index, ...]))
        return
    step = max(1, _PART // inner)
    for first in range(0, array.shape[0], step):
        yield (slice(first, first + step), ...)
