"""Which array kind a value is, and the module that knows how to compute with it.

A backend is a module with these names; everything else in the package is written once against them.

========================  =====================================================================
name                      meaning
========================  =====================================================================
``xp``                    the array namespace
``rfftn(x, shape)``       real FFT over the last ``len(shape)`` axes, zero-padded to ``shape``
``irfftn(x, shape)``      its inverse, real, of size ``shape``
``fast_length(n)``        smallest length >= n that transforms fast
``block_elements``        how many real elements one block of work should hold
``immediate``             whether reading a number that a step computed makes nobody wait
``threads()``             how many blocks are worked on at once
``run(task, items)``      ``[task(item) for item in items]``, concurrently where that pays
``run_after(task, graph)``  ``task(i)`` for all i of a graph, in its order; not in every backend
``multiply_accumulate``   ``out[b, c] += sum_m spectra[m, c] * codes[b, m]``
``multiply_conjugate``    ``out[b, m] = sum_c conj(spectra[m, c]) * signal[b, c]``
``sum_squares(x)``        float, accumulated in float64
``dot(x, y)``             float, accumulated in float64
``difference(x, y)``      squared norms of x - y and of x in float64, a pair of numbers
``subtract_from(x, y)``    ``y = x - y``, in place
``shrink``                prox of base + step * correlation, in place of the latter if it can
``accelerate``            FISTA's step: `shrink`, then `momentum`
``momentum``              FISTA's extrapolation in place; returns the restart inner product
``copy_if(flag, y, x)``   ``y = x``, in place, if the number `flag` is above 0
``relax``                 ADMM's update of code and multiplier in place; returns five squared norms
``split``                 ADMM's prox and `relax` in one pass; not in every backend
``coordinates``           kernels of coordinate descent; not in every backend
``sparse``                kernels of sparse codes; not in every backend
``plans``                 kernels of direct and tiled convolution; not in every backend
``free_bytes()``          memory that is free on the device; None: as the system says
``ADVICE``                what to do where codes do not fit into memory
``to_host(x)``            the values as a NumPy array
``synchronize()``         wait until queued work is done
========================  =====================================================================
"""

from __future__ import annotations

import functools
import importlib
from types import ModuleType
from typing import Any

_MODULE_OF_KIND = {"numpy": "sparsecsc.backends.cpu", "cupy": "sparsecsc.backends.gpu"}


def kind_of(array: Any) -> str:
    """Return the name of the package that defines the class of `array`, such as ``"numpy"``."""
    return type(array).__module__.partition(".")[0]


def backend_of(array: Any) -> ModuleType:
    """Return the backend module for the class of `array`.

    Raises
    ------
    TypeError
        If no backend serves this kind of array.
    """
    return _backend_of_kind(kind_of(array))


@functools.cache
def _backend_of_kind(kind: str) -> ModuleType:
    if kind not in _MODULE_OF_KIND:
        served = " or ".join(sorted(_MODULE_OF_KIND))
        msg = f"arrays must be of kind {served}; got {kind}: convert it first."
        raise TypeError(msg)
    return importlib.import_module(_MODULE_OF_KIND[kind])
