"""Learning of a layer that has identities beside its filters."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from sparsecsc.learning._layer_filters import own_part, with_filters
from sparsecsc.learning._quadratics import make_quadratic, sparse_if_possible
from sparsecsc.learning.learn import allowed_filters
from sparsecsc.learning.update import fitted
from sparsecsc.penalties.l1 import L1
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.solve import solve

_ITERATIONS = 50
_FRACTION = 0.1


@dataclass(frozen=True, eq=False)
class DenseFound:
    """Filters and codes of the layer."""

    filters: Array
    codes: Array
    objective: float
    n_iter: int


def learn_dense(
    problem: Pursuit, constraint: Any, *, tol: float, max_iter: int, max_seconds: float
) -> DenseFound:
    """Improve codes and filters in turn, until a round lowers the objective by less than `tol`.

    What identities synthesise is taken from the signal, and the filters fit the rest.
    """
    ends = time.perf_counter() + max_seconds
    own, _ = own_part(problem.dictionary)
    filters = allowed_filters(own.filters, constraint)
    best: DenseFound | None = None
    for n in range(1, max_iter + 1):
        layer = Pursuit(problem.signal, with_filters(problem.dictionary, filters), problem.penalty)
        start = None if best is None else best.codes
        result = solve(layer, start=start, tol=tol / 10, max_iter=_ITERATIONS)
        before = best
        if best is None or result.objective < best.objective:
            best = DenseFound(filters, result.codes, result.objective, n)
        done = before is not None and before.objective - best.objective <= tol * best.objective
        if done or n == max_iter or time.perf_counter() >= ends:
            break
        filters = _new_filters(problem, best, constraint)
    assert best is not None
    return best


def _new_filters(problem: Pursuit, best: DenseFound, constraint: Any) -> Array:
    """Return the filters that fit what the identities leave."""
    layer = with_filters(problem.dictionary, best.filters)
    own, where = own_part(layer)
    xp = problem.backend.xp
    codes = xp.asarray(best.codes, copy=True)
    codes[:, where, ...] = 0
    rest = problem.signal - layer.synthesize(codes, problem.signal.shape[2:])
    pursuit = Pursuit(rest, own, L1(0.0))
    quadratic = make_quadratic(pursuit, sparse_if_possible(best.codes[:, where, ...]))
    new = fitted(quadratic, constraint, own.filters, _FRACTION)
    return xp.astype(new, own.filters.dtype)
