"""What the CPU backend offers for work on tiles, under one name."""

from sparsecsc.backends._numba_descent import sweep
from sparsecsc.backends._numba_simd import LANES
from sparsecsc.backends._numba_support import at_support
from sparsecsc.backends._numba_tiles import (
    BEFORE,
    CELL,
    CIRCULAR,
    EXTENT,
    GRID,
    GROUP,
    LENGTH,
    N_NUMBERS,
    PATCH,
    PHASE,
    POSITIONS,
    REACH,
    ROOM,
    SAMPLES,
    SEGMENTS,
    STRIDE,
    TILE,
    WIDTH,
)

__all__ = [
    "BEFORE",
    "CELL",
    "CIRCULAR",
    "EXTENT",
    "GRID",
    "GROUP",
    "LANES",
    "LENGTH",
    "N_NUMBERS",
    "PATCH",
    "PHASE",
    "POSITIONS",
    "REACH",
    "ROOM",
    "SAMPLES",
    "SEGMENTS",
    "STRIDE",
    "TILE",
    "WIDTH",
    "at_support",
    "sweep",
]
