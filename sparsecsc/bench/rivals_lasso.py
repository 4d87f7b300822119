"""scikit-learn, celer and skglm on the matrix form, where the matrix is small enough to hold.

The matrix is made with the clock stopped. These solvers give no iterates either: each accuracy is a
run of its own from zero with a smaller tolerance. Their objective is ours over the number of
samples. All work in float64.
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsecsc.bench.data import Data
from sparsecsc.bench.protocol import Snapshot

MOST_ENTRIES = 3 * 10**7
_MOST_RUNS = 9


@dataclass(frozen=True)
class Lasso:
    """A Lasso estimator of another package."""

    name: str
    package: str
    distribution: str

    @property
    def settings(self) -> dict[str, Any]:
        """What was chosen."""
        return {"tol": "0.1 and a tenth from run to run", "matrix": "sparse, float64"}

    def unsuited(self, data: Any) -> str | None:
        """Return why it does not take the problem, or None."""
        if importlib.util.find_spec(self.package) is None:
            return f"{self.distribution} is not installed"
        if not isinstance(data, Data):
            return "is for one layer"
        entries = math.prod(data.codes_shape) * math.prod(data.filters.shape[1:])
        if entries > MOST_ENTRIES:
            return f"the matrix would have {entries:.1e} entries"
        return None

    def iterates(self, data: Data, stops: Iterator[int]) -> Iterator[Snapshot]:
        """Yield the codes of one run after another."""
        matrix, target = dictionary_matrix(data), data.signal.astype(np.float64).ravel()
        yield Snapshot(0, lambda: np.zeros(data.codes_shape), fresh=True)
        later = (stop for stop in stops if stop > 0)
        for run in itertools.islice(later, _MOST_RUNS):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fitted = self._estimator(data, 10.0**-run).fit(matrix, target)
            codes = np.asarray(fitted.coef_).reshape(data.codes_shape)
            yield Snapshot(run, lambda codes=codes: codes, fresh=True)  # type: ignore[misc]

    def _estimator(self, data: Data, tol: float) -> Any:
        alpha = data.weight / data.signal.size
        module = importlib.import_module(f"{self.package}")
        if self.package == "sklearn":
            module = importlib.import_module("sklearn.linear_model")
        return module.Lasso(
            alpha=alpha, fit_intercept=False, tol=tol, max_iter=10**5, positive=data.nonnegative
        )


LASSOS = (
    Lasso("scikit-learn Lasso", "sklearn", "scikit-learn"),
    Lasso("celer Lasso", "celer", "celer"),
    Lasso("skglm Lasso", "skglm", "skglm"),
)


def dictionary_matrix(data: Data) -> Any:
    """Return D as a sparse matrix: one row a sample and channel, one column a code."""
    from scipy import sparse

    n_places = math.prod(data.codes_shape[2:])
    place = np.indices(data.codes_shape[2:]).reshape(len(data.sizes), -1)
    rows, columns, values = [], [], []
    for index in np.ndindex(*data.filters.shape):
        m, channel, *tap = index
        moved = [(p + t) % n for p, t, n in zip(place, tap, data.sizes, strict=True)]
        flat = np.ravel_multi_index(moved, data.sizes) + channel * math.prod(data.sizes)
        rows.append(flat.astype(np.int32))
        columns.append(np.arange(m * n_places, (m + 1) * n_places, dtype=np.int32))
        values.append(np.full(n_places, data.filters[index], np.float64))
    shape = (data.signal.size, math.prod(data.codes_shape))
    entries = (np.concatenate(rows), np.concatenate(columns))
    return sparse.csc_matrix((np.concatenate(values), entries), shape=shape)
