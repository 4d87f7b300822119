"""What all readers share: a limit on size, and how a bad file is reported."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

MAX_VALUES = 2**28
"""Largest number of values read from a file: 1 GiB in float32."""


def unreadable(path: str | os.PathLike[str], kind: str, reason: object) -> ValueError:
    """Return the error for a file whose content is not what its name says."""
    words = " ".join(str(reason).split()).rstrip(".") or type(reason).__name__
    return ValueError(f"expected {kind} in '{path}'; got a file that is not: {words}.")


class TooLargeError(ValueError):
    """A file claims more values than are read."""


def check_size(path: Path, shape: Iterable[int]) -> None:
    """Refuse a file that claims more values than `MAX_VALUES`, before any of them is read."""
    sizes = tuple(int(n) for n in shape)
    count = 1
    for n in sizes:
        count *= n
    if count > MAX_VALUES:
        msg = (
            f"'{path}' must hold at most {MAX_VALUES} values; got shape {sizes}: cut it into parts."
        )
        raise TooLargeError(msg)


def to_levels(values: np.ndarray, low: float, high: float, dtype: str) -> np.ndarray:
    """Round to the nearest integer and clip to [low, high]."""
    levels: np.ndarray = np.clip(np.rint(values), low, high).astype(dtype)
    return levels
