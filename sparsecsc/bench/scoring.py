"""The objective in float64, computed from codes alone, by code that no solver shares.

Whatever a solver says about its objective is only compared with this.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsecsc.backends import cpu
from sparsecsc.bench.data import Data, LayeredData

_TOGETHER = 8
"""Filters that are transformed at once."""


def objective(data: Any, codes: Any) -> float:
    """Return the objective of dense codes; of several layers, that of the deepest.

    For several layers the library's own float64 operators are used: a test compares them with
    PyTorch's.

    Raises
    ------
    ValueError
        If the codes have the wrong shape, are not finite, or are negative where they must not be.
    """
    if isinstance(data, LayeredData):
        return _layered(data, codes)
    _check(data, codes)
    wide = np.asarray(codes, dtype=np.float64)
    residual = data.signal.astype(np.float64) - synthesis(data, wide)
    return float(0.5 * np.vdot(residual, residual) + data.weight * np.abs(wide).sum())


def synthesis(data: Data, codes: np.ndarray) -> np.ndarray:
    """Return the sum over the filters of filter * map, in float64, shape of the signal.

    By transforms of the signal's length, a few filters at a time. Codes that are only where
    filters fit inside of the signal do not wrap around either.
    """
    from scipy import fft

    sizes, axes = data.sizes, tuple(range(-len(data.sizes), 0))
    used = [m for m, codes_of in enumerate(codes[0]) if codes_of.any()]
    total: Any = np.zeros((data.signal.shape[1], *sizes[:-1], sizes[-1] // 2 + 1), np.complex128)
    for begin in range(0, len(used), _TOGETHER):
        chosen = used[begin : begin + _TOGETHER]
        maps = fft.rfftn(codes[0, chosen], sizes, axes=axes, workers=cpu.threads())
        bank = data.filters[chosen].astype(np.float64)
        for channel in range(len(total)):
            filters = fft.rfftn(bank[:, channel], sizes, axes=axes, workers=cpu.threads())
            total[channel] += (filters * maps).sum(axis=0)
    image: np.ndarray = fft.irfftn(total, sizes, axes=axes)[None]
    return image


def dense(codes: Any) -> Any:
    """Return codes as a dense array: those of the deepest layer, of several."""
    deepest = codes[-1] if isinstance(codes, tuple) else codes
    return deepest.to_dense() if hasattr(deepest, "to_dense") else deepest


def _check(data: Data, codes: Any) -> None:
    if codes.shape != data.codes_shape:
        msg = f"codes must have the shape {data.codes_shape}; got {codes.shape}: keep the axes."
        raise ValueError(msg)
    if not np.isfinite(codes).all():
        msg = "codes must be finite; got some that are not: stop before the solver diverges."
        raise ValueError(msg)
    if data.nonnegative and codes.min() < 0:
        msg = f"codes must not be negative; got {codes.min():g}: clip them."
        raise ValueError(msg)


def _layered(data: LayeredData, codes: Any) -> float:
    problem = data.problem(np.float64)
    model = problem.model
    layers = [np.asarray(codes, np.float64)]
    for dictionary, shape in zip(model.dictionaries[:0:-1], problem.shapes[-2:0:-1], strict=True):
        layers.insert(0, dictionary.synthesize(layers[0], shape[2:]))
    image = model.dictionaries[0].synthesize(layers[0], problem.shapes[0][2:])
    residual = problem.signal - image
    sizes = [float(np.abs(layer).sum()) for layer in layers]
    weighted = sum(w * size for w, size in zip(data.weights, sizes, strict=True))
    return 0.5 * float(np.vdot(residual, residual)) + weighted
