"""What a benchmark problem is made of: arrays and numbers that every solver can read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.models.problem import MultilayerPursuit
from sparsecsc.penalties.l1 import L1
from sparsecsc.penalties.nonnegative_l1 import NonnegativeL1
from sparsecsc.problems import Pursuit


@dataclass(frozen=True, eq=False)
class Data:
    """A problem of one layer."""

    signal: np.ndarray
    """(1, n_channels, *spatial)"""
    filters: np.ndarray
    """(n_filters, n_channels, *kernel)"""
    weight: float
    circular: bool = True
    """Whether filters wrap around; else codes are where filters fit inside of the signal."""
    nonnegative: bool = False

    def problem(self, dtype: Any = None) -> Pursuit:
        """Return the problem, with a dictionary of its own: nothing is prepared in advance."""
        kind = self.signal.dtype if dtype is None else np.dtype(dtype)
        padding = "circular" if self.circular else "valid"
        dictionary = ConvDictionary(self.filters.astype(kind), padding=padding)
        penalty = NonnegativeL1(self.weight) if self.nonnegative else L1(self.weight)
        return Pursuit(self.signal.astype(kind), dictionary, penalty)

    def part(self, most: int) -> Data:
        """Return the problem on the middle of the signal, at most so many samples along an axis."""
        cut = [slice((n - min(n, most)) // 2, (n + min(n, most)) // 2) for n in self.sizes]
        signal = np.ascontiguousarray(self.signal[(slice(None), slice(None), *cut)])
        return replace(self, signal=signal)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Samples along each axis."""
        return self.signal.shape[2:]

    @property
    def codes_shape(self) -> tuple[int, ...]:
        """Of dense codes: (1, n_filters, *code_spatial)."""
        kernel = self.filters.shape[2:]
        lost = [0 if self.circular else k - 1 for k in kernel]
        places = [n - k for n, k in zip(self.sizes, lost, strict=True)]
        return (1, self.filters.shape[0], *places)


@dataclass(frozen=True, eq=False)
class LayeredData:
    """A problem of several layers."""

    signal: np.ndarray
    """(n_signals, n_channels, *spatial)"""
    banks: tuple[np.ndarray, ...]
    """The filters of each layer."""
    weights: tuple[float, ...]
    model: Callable[[tuple[np.ndarray, ...]], Any]
    """Makes the model from the banks."""
    plain: bool = False
    """Whether each layer is a convolution with stride 1 and (k - 1) / 2 zeros around."""

    def problem(self, dtype: Any = None) -> MultilayerPursuit:
        """Return the problem, with a model of its own."""
        kind = self.signal.dtype if dtype is None else np.dtype(dtype)
        model = self.model(tuple(bank.astype(kind) for bank in self.banks))
        penalties = [L1(weight) for weight in self.weights]
        return MultilayerPursuit(self.signal.astype(kind), model, penalties)
