"""The codes of a batch: of all signals together, or of each by itself, here or elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from sparsecsc.codes import SparseCodes
from sparsecsc.learning._quadratics import Codes, sparse_if_possible
from sparsecsc.learning._rounds import MOST
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.result import Status
from sparsecsc.solve import solve

Mapper = Callable[[Callable[[Any], Any], list[Any]], Any]
"""As the builtin map."""


def codes_of(
    problem: Pursuit, penalty: Any, solver: Any, tol: float, mapper: Mapper | None
) -> tuple[Codes, float]:
    """Return codes of all signals, certified to `tol`, and their objective.

    Raises
    ------
    KeyboardInterrupt
        If a pursuit was interrupted.
    """
    if mapper is None:
        result = solve(problem, solver, tol=tol, max_iter=MOST)
        if result.status is Status.INTERRUPTED:
            raise KeyboardInterrupt
        return sparse_if_possible(result.kept), float(result.objective)
    bare = replace(problem.dictionary)  # without what is kept for a size, which does not travel
    pursue = partial(_pursue, dictionary=bare, penalty=penalty, solver=solver, tol=tol)
    masks: list[Array | None] = [None] * len(problem.signal)
    if problem.mask is not None:
        whole = np.broadcast_to(problem.mask, problem.signal.shape)
        masks = [np.ascontiguousarray(whole[n : n + 1]) for n in range(len(whole))]
    items = [(problem.signal[n : n + 1], mask) for n, mask in enumerate(masks)]
    return _joined(list(mapper(pursue, items)), problem.codes_shape)


def _pursue(
    item: tuple[Array, Array | None], *, dictionary: Any, penalty: Any, solver: Any, tol: float
) -> tuple[Array, Array, float]:
    """Return places and values of the codes of one signal, and their objective."""
    signal, mask = item
    problem = Pursuit(signal, dictionary, penalty, mask)
    codes, objective = codes_of(problem, penalty, solver, tol, None)
    return codes.indices, codes.values, objective


def _joined(
    parts: list[tuple[Array, Array, float]], shape: tuple[int, ...]
) -> tuple[SparseCodes, float]:
    size = math.prod(shape[1:])
    places = np.concatenate([indices + n * size for n, (indices, _, _) in enumerate(parts)])
    values = np.concatenate([values for _, values, _ in parts])
    return SparseCodes(places, values, shape), float(sum(objective for *_, objective in parts))
