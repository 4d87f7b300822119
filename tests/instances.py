"""Small random problems that the tests of problems, certificates and solvers share."""

import numpy as np
from discovery import PENALTIES, make_penalty

import sparsecsc as sc

DICTIONARIES = {
    "1d": lambda f: sc.ConvDictionary(f(3, 1, 4)),
    "1d channels": lambda f: sc.ConvDictionary(f(4, 2, 3)),
    "1d stride": lambda f: sc.ConvDictionary(f(3, 1, 4), stride=2),
    "1d same": lambda f: sc.ConvDictionary(f(3, 2, 3), padding="same", dilation=2),
    "1d valid": lambda f: sc.ConvDictionary(f(3, 1, 3), padding="valid"),
    "2d": lambda f: sc.ConvDictionary(f(3, 1, 2, 3)),
    "identity beside": lambda f: sc.Concat([sc.Identity(), sc.ConvDictionary(f(2, 2, 3))]),
    "product": lambda f: sc.Product([sc.ConvDictionary(f(2, 1, 3)), sc.ConvDictionary(f(3, 2, 2))]),
}


def dictionary_of(name, dtype=np.float64, seed=0):
    """Return one of the dictionaries above with random unit-scale filters."""
    rng = np.random.default_rng(seed)

    def filters(*shape):
        return (rng.standard_normal(shape) / np.sqrt(np.prod(shape[2:]))).astype(dtype)

    return DICTIONARIES[name](filters)


def problem_of(
    dictionary="1d", penalty="L1", *, ratio=0.3, mask=None, n_signals=2, dtype=np.float64, seed=0
):
    """Return a random problem; the weight is `ratio` of the smallest that makes zero optimal.

    `penalty` is the name of a discovered one, or an object, whose weight is then kept.
    """
    built = dictionary_of(dictionary, dtype, seed)
    rng = np.random.default_rng(seed + 100)
    spatial = (5, 6) if built.n_axes == 2 else (12,)
    shape = (n_signals, built.n_channels or 2, *spatial)
    signal = rng.standard_normal(shape).astype(dtype)
    masks = {
        None: None,
        "holes": (rng.random((1, 1, *spatial)) > 0.25).astype(dtype),
        "weights": rng.random(shape).astype(dtype),
    }
    if not isinstance(penalty, str):
        return sc.Pursuit(signal, built, penalty, mask=masks[mask])
    cls = PENALTIES[penalty]
    problem = sc.Pursuit(signal, built, make_penalty(cls, 1.0), mask=masks[mask])
    if hasattr(cls, "dual_bounds"):
        return problem.with_penalty(make_penalty(cls, ratio * sc.lambda_max(problem)))
    return problem.with_penalty(make_penalty(cls, 0.5 * ratio**2))
