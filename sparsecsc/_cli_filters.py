"""The filters that a command line can name."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc.data import FILTERS, load_learned_filters
from sparsecsc.dictionaries.analytic import dct_filters, gabor_filters, haar_filters
from sparsecsc.dictionaries.random import random_filters, random_parseval_filters
from sparsecsc.dictionaries.waveforms import ricker_filters, tone_filters
from sparsecsc.io import load_filters

_NAME = re.compile(r"([a-z]+)(\d+(?:x\d+){0,2})(-rgb)?")
_SEED = 0
_N_TONES = 16

HELP = """\
filters by name (sizes in pixels or samples, as many as the signal has axes):
  dct8x8       DCT without the constant filter (with it where the low-pass stays)
  gabor12x12   oriented waves, 8 directions, 2 scales, both phases
  haar4x4      Haar wavelets; the sizes are equal powers of two
  random8x8    as many random filters as taps, seed 0
  parseval8x8  the same, orthonormalised so that D D^T = I
  tones64      16 windowed tones in both phases, for sound
  ricker64     Ricker wavelets of an octave of widths each, for events in time
  dct5x5-rgb   dct, random and parseval also for three channels at once
  photo8x8x32  learned from the photographs that come with the package, as photo8x8x64,
               photo12x12x36, photo16x16x48 (of three sizes) and photo8x8x64-rgb
or a .npy or .npz file with an array (n_filters, n_channels, *kernel)"""


def read_filters(given: str, *, constant: bool, dtype: str) -> np.ndarray:
    """Return the filters with this name, or those in the file of this name.

    Raises
    ------
    OSError, ValueError
        If there is neither such a name nor such a file, or its content is not an array.
    """
    if given in FILTERS and not Path(given).exists():
        return load_learned_filters(given).astype(dtype)
    match = _NAME.fullmatch(given)
    if match and match[1] in _MAKERS and not Path(given).exists():
        kernel = tuple(int(n) for n in match[2].split("x"))
        made = _MAKERS[match[1]](kernel, 3 if match[3] else 1, constant)
        return np.asarray(made, dtype=dtype)
    if Path(given).suffix or ":" in given or Path(given).exists():
        stored = load_filters(given)
        return stored.astype(dtype) if stored.dtype.kind == "f" and stored.itemsize > 2 else stored
    names = ", ".join(_MAKERS)
    msg = (
        f"--filters must be a .npy or .npz file, or one of {names} with a size, such as dct8x8, or "
        f"one of {', '.join(FILTERS)}; got '{given}': see sparsecsc solve --help."
    )
    raise ValueError(msg)


def _dct(kernel: tuple[int, ...], n_channels: int, constant: bool) -> np.ndarray:
    return dct_filters(kernel, n_channels, include_constant=constant)


def _gabor(kernel: tuple[int, ...], n_channels: int, _: bool) -> np.ndarray:
    _only_grey("gabor", n_channels)
    return gabor_filters(kernel)


def _haar(kernel: tuple[int, ...], n_channels: int, _: bool) -> np.ndarray:
    _only_grey("haar", n_channels)
    levels = max(kernel[0].bit_length() - 1, 1)
    if set(kernel) != {2**levels}:
        msg = f"haar filters must have equal sizes, a power of two; got {kernel}: try haar4x4."
        raise ValueError(msg)
    return haar_filters(levels, len(kernel))


def _random(kernel: tuple[int, ...], n_channels: int, _: bool) -> np.ndarray:
    return random_filters(n_channels * math.prod(kernel), n_channels, kernel, _SEED)


def _parseval(kernel: tuple[int, ...], n_channels: int, _: bool) -> np.ndarray:
    return random_parseval_filters(n_channels * math.prod(kernel), n_channels, kernel, _SEED)


def _tones(kernel: tuple[int, ...], n_channels: int, _: bool) -> np.ndarray:
    _only_grey("tones", n_channels)
    return tone_filters(_one_axis("tones", kernel), _N_TONES)


def _ricker(kernel: tuple[int, ...], n_channels: int, _: bool) -> np.ndarray:
    _only_grey("ricker", n_channels)
    length = _one_axis("ricker", kernel)
    widths = [length / 8 / 2**k for k in range(12) if length / 8 / 2**k >= 0.5]
    return ricker_filters(length, widths or [0.5])


def _only_grey(name: str, n_channels: int) -> None:
    if n_channels > 1:
        msg = f"{name} filters have one channel; got '-rgb': leave it out, or use dct5x5-rgb."
        raise ValueError(msg)


def _one_axis(name: str, kernel: tuple[int, ...]) -> int:
    if len(kernel) != 1:
        msg = f"{name} filters are for signals in time; got sizes {kernel}: give one, as {name}64."
        raise ValueError(msg)
    return kernel[0]


_MAKERS: dict[str, Callable[[tuple[int, ...], int, bool], Any]] = {
    "dct": _dct,
    "gabor": _gabor,
    "haar": _haar,
    "random": _random,
    "parseval": _parseval,
    "tones": _tones,
    "ricker": _ricker,
}
