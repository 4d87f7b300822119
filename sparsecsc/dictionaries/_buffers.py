"""Arrays that are used again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from sparsecsc.protocols import Array

_MOST_KEPT = 24


@dataclass(frozen=True, eq=False)
class Buffers:
    """A stock of arrays to work in; lists are handed over whole, so that threads do not meet."""

    backend: ModuleType
    kept: dict[Any, list[Array]] = field(default_factory=dict, repr=False)

    @contextmanager
    def borrow(self, shape: tuple[int, ...], dtype: Any) -> Iterator[Array]:
        """Lend an array of this shape, with anything in it, until the block ends."""
        key = (math.prod(shape), str(dtype))
        try:
            flat = self.kept.setdefault(key, []).pop()
        except IndexError:
            flat = self.backend.xp.empty(key[0], dtype=dtype)
        try:
            yield flat.reshape(shape)
        finally:
            if sum(len(arrays) for arrays in list(self.kept.values())) >= _MOST_KEPT:
                self.kept.clear()
            self.kept.setdefault(key, []).append(flat)
