"""Problems of several layers: one to four, plain, residual, and dense with dilations."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from sparsecsc.bench.data import LayeredData
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.random import random_filters
from sparsecsc.models.mlcsc import MLCSC
from sparsecsc.models.msdcsc import MSDCSC
from sparsecsc.models.rescsc import ResCSC

NAME = re.compile(r"(mlcsc|rescsc|msdcsc)([1-4])")
_FILTERS, _KERNEL = 8, (3, 3)


def layered_data(name: str, signal: np.ndarray, ratio: float, seed: int) -> LayeredData:
    """Return the problem on random filters of 3 x 3, eight in each layer.

    The weight of layer i is `ratio` times the largest correlation of the signal with the atoms
    of the first i layers together.
    """
    match = NAME.fullmatch(name)
    assert match is not None
    n_layers, make = int(match[2]), _MAKERS[match[1]]
    rng = np.random.default_rng(seed)
    banks: list[np.ndarray] = []
    n_channels = signal.shape[1]
    for _ in range(n_layers):
        bank = random_filters(_FILTERS, n_channels, _KERNEL, rng)
        banks.append(bank.astype(signal.dtype))
        n_channels = _FILTERS + (n_channels if make is _dense else 0)
    weights, images = [], signal.astype(np.float64)
    for dictionary in make(tuple(bank.astype(np.float64) for bank in banks)).dictionaries:
        images = dictionary.analyze(images)
        weights.append(ratio * float(np.abs(images).max()))
    return LayeredData(signal, tuple(banks), tuple(weights), make, plain=make is _plain)


def _plain(banks: tuple[np.ndarray, ...]) -> Any:
    return MLCSC([ConvDictionary(bank, padding="same") for bank in banks])


def _residual(banks: tuple[np.ndarray, ...]) -> Any:
    starts = [i - 2 if i >= 3 else None for i in range(1, len(banks) + 1)]
    return ResCSC([ConvDictionary(bank, padding="same") for bank in banks], starts=starts)


def _dense(banks: tuple[np.ndarray, ...]) -> Any:
    return MSDCSC(banks, padding="same")


_MAKERS = {"mlcsc": _plain, "rescsc": _residual, "msdcsc": _dense}
