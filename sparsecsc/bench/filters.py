"""The dictionaries of the benchmarks, by name."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc.dictionaries.analytic import dct_filters, gabor_filters, haar_filters
from sparsecsc.dictionaries.random import random_filters
from sparsecsc.dictionaries.waveforms import tone_filters

HELP = """\
  dct8x8          DCT of that size without the constant filter
  gabor12x12      oriented waves, 8 directions, 2 scales, both phases
  haar4x4         Haar wavelets
  random8x8x32    32 random filters, seed 0
  waves64x25      25 random smooth waveforms of 64 samples, seed 0, which look much alike
  learned8x8x64   64 filters that SPORCO learned on photographs (needs sporco; also 8x8x32,
                  8x8x96, 8x8x128, 12x12x36, 12x12x64, 12x12x72, ...)
  tones64         16 windowed tones in both phases, for sound"""
_NAME = re.compile(r"([a-z]+)(\d+(?:x\d+)*)")
_SEED = 0


def missing(name: str) -> str | None:
    """Return why filters of this name are not at hand, or None."""
    if not name.startswith("learned") or _stored() is not None:
        return None
    return f"the filters {name} come with sporco, which is not installed"


def axes_of(name: str) -> int:
    """Return the number of spatial axes that filters of this name have."""
    kind, n_sizes = name.rstrip("0123456789x"), name.count("x") + 1
    return n_sizes - 1 if kind in ("random", "waves", "learned") else n_sizes


def named_filters(name: str, n_channels: int = 1) -> np.ndarray:
    """Return the filters of this name in float64, (n_filters, n_channels, *kernel).

    Raises
    ------
    ValueError
        If there are none.
    """
    match = _NAME.fullmatch(name)
    kind, numbers = (match[1], [int(n) for n in match[2].split("x")]) if match else ("", [])
    makers: dict[str, Callable[[list[int], int], Any]] = {
        "dct": _dct,
        "gabor": _gabor,
        "haar": _haar,
        "random": _random,
    }
    makers |= {"waves": _waves, "learned": _learned, "tones": _tones}
    if kind not in makers:
        msg = (
            f"filters must be one of {', '.join(makers)} with sizes, such as dct8x8; got {name!r}: "
            "see sparsecsc bench --help."
        )
        raise ValueError(msg)
    return np.ascontiguousarray(makers[kind](numbers, n_channels), dtype=np.float64)


def _dct(sizes: list[int], n_channels: int) -> np.ndarray:
    return dct_filters(sizes, n_channels, include_constant=False)


def _gabor(sizes: list[int], n_channels: int) -> np.ndarray:
    return _for_each_channel(gabor_filters(sizes), n_channels)


def _haar(sizes: list[int], n_channels: int) -> np.ndarray:
    levels = max(sizes[0].bit_length() - 1, 1)
    return _for_each_channel(haar_filters(levels, len(sizes)), n_channels)


def _random(sizes: list[int], n_channels: int) -> np.ndarray:
    *kernel, n_filters = sizes
    return random_filters(n_filters, n_channels, kernel, _SEED)


def _waves(sizes: list[int], n_channels: int) -> np.ndarray:
    *kernel, n_filters = sizes
    rng = np.random.default_rng(_SEED)
    noise = rng.standard_normal((n_filters, n_channels, *kernel))
    for axis, length in enumerate(kernel, start=2):  # the lowest eighth of the cosines
        basis = np.cos(np.pi * np.outer(np.arange(length) + 0.5, np.arange(length // 8)) / length)
        noise = np.moveaxis(np.moveaxis(noise, axis, -1) @ basis @ basis.T, -1, axis)
    size = np.sqrt((noise**2).sum(axis=tuple(range(1, noise.ndim)), keepdims=True))
    return np.asarray(noise / size)


def _tones(sizes: list[int], _: int) -> np.ndarray:
    return tone_filters(sizes[0], 16)


def _learned(sizes: list[int], n_channels: int) -> np.ndarray:
    stored = _stored()
    prefix, sizes = ("RGB", [*sizes[:-1], 3, sizes[-1]]) if n_channels == 3 else ("G", sizes)
    key = f"{prefix}:{'x'.join(map(str, sizes))}"
    if stored is None:
        msg = f"the filters {key} must come with sporco; it is not installed: pip install sporco."
        raise ValueError(msg)
    with np.load(stored) as archive:
        names = sorted(name for name in archive.files if "," not in name)
        if key not in names:
            msg = f"sporco must have filters {key}; it has {', '.join(names)}: take one of these."
            raise ValueError(msg)
        bank: np.ndarray = archive[key]
    if n_channels == 1:
        return np.moveaxis(bank, -1, 0)[:, None]
    return np.moveaxis(bank, (-1, -2), (0, 1))


def _for_each_channel(bank: np.ndarray, n_channels: int) -> np.ndarray:
    """Return filters for one channel as filters of several that see one channel each."""
    blocks = [np.zeros((len(bank), n_channels, *bank.shape[2:])) for _ in range(n_channels)]
    for channel, block in enumerate(blocks):
        block[:, channel] = bank[:, 0]
    return np.concatenate(blocks)


def _stored() -> Path | None:
    """Return SPORCO's file of dictionaries; the package itself is not imported."""
    found = importlib.util.find_spec("sporco")
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / "data" / "convdict.npz"
    return path if path.exists() else None
