"""Objects of the library with their arrays in another kind, and back."""

import numpy as np
from multilayer import chain, dense_model, pursuit, residual_model

import sparsecsc as sc
from sparsecsc.backends import kind_of


def host(array):
    """Return the values of an array of any kind as a NumPy array."""
    return array.get() if kind_of(array) == "cupy" else np.asarray(array)


def models():
    """Return multi-layer problems of every model, with penalties that suit it."""
    l1, positive = sc.L1(0.1), sc.NonnegativeL1(0.05)
    per_filter = sc.L1(np.linspace(0.05, 0.2, 6))
    return {
        "chain": pursuit(chain(2), [l1, per_filter], n_signals=2),
        "2-D chain": pursuit(chain("2d"), [l1, l1], spatial=(6, 7)),
        "three layers": pursuit(chain(3), [l1, l1, positive]),
        "strided": pursuit(chain(2, stride=[2, 1]), [l1, l1]),
        "valid": pursuit(chain(2, padding=["valid", "valid"]), [l1, l1]),
        "residual": pursuit(residual_model(), [l1, l1, l1]),
        "projected residual": pursuit(residual_model(shortcut=True), [positive] * 3),
        "dense": pursuit(dense_model(), [l1, l1]),
        "dense, same": pursuit(dense_model("same"), [positive, positive]),
    }
