"""Rows of numbers in, rows of features out: what the estimators do to samples."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import validate_data

from sparsecsc.applications.features import cells_of, pool_codes
from sparsecsc.backends.cpu import serial
from sparsecsc.checks import check_count, check_sequence
from sparsecsc.codes import SparseCodes
from sparsecsc.optimality import lambda_max
from sparsecsc.problems import Pursuit
from sparsecsc.result import Status
from sparsecsc.solve import solve

DONE = (Status.CONVERGED, Status.RULE_MET)
_LARGE = 2**15
"""Values of a sample from which the threads of one solve pay: below, they wait for each other."""
_CHUNKS = 4
"""Pieces a process is given in turn, so that none is left with the slow ones."""


def read_samples(
    estimator: Any, X: Any, sample_shape: Any, *, reset: bool
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return rows, (n_samples, n_features) of float32 or float64, and the shape of a sample.

    `sample_shape` is what is asked for, or None.
    """
    shape = None if sample_shape is None else _sizes(sample_shape)
    if n_axes_of(X) > 2:
        X = np.asarray(X)
        if not 3 <= X.ndim <= 5:
            msg = (
                "`X` must be (n_samples, n_features), or (n_samples, n_channels, *spatial) with 1 "
                f"to 3 spatial axes; got shape {X.shape}: add or remove axes."
            )
            raise ValueError(msg)
        if shape not in (None, X.shape[1:]):
            msg = (
                f"samples of `X` must have the shape {shape}; got {X.shape[1:]}: reshape them, or "
                "fit to samples of that shape."
            )
            raise ValueError(msg)
        shape = X.shape[1:]
        X = X.reshape(len(X), math.prod(shape))
    rows = validate_data(estimator, X, dtype=[np.float64, np.float32], reset=reset)
    shape = (1, rows.shape[1]) if shape is None else shape
    if math.prod(shape) != rows.shape[1]:
        msg = (
            f"`sample_shape` {shape} must hold as many values as `X` has columns; got n_features "
            f"= {rows.shape[1]}: correct one of them."
        )
        raise ValueError(msg)
    return rows, shape


def n_axes_of(X: Any) -> int:
    """Return how many axes samples have together, whatever holds them."""
    return int(X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim)


def _sizes(sample_shape: Any) -> tuple[int, ...]:
    sizes = check_sequence("sample_shape", sample_shape, "sizes (n_channels, *spatial)")
    if not 2 <= len(sizes) <= 4:
        msg = (
            "`sample_shape` must be (n_channels, *spatial) with 1 to 3 spatial axes; got "
            f"{sizes}: add or remove axes."
        )
        raise ValueError(msg)
    return tuple(check_count("sample_shape", size) for size in sizes)


def check_fit_together(filters: np.ndarray, shape: tuple[int, ...]) -> None:
    """Check that samples of a shape can be coded in filters."""
    n_channels, spatial = shape[0], shape[1:]
    channels, kernel = filters.shape[1], filters.shape[2:]
    large = len(kernel) == len(spatial) and all(
        n >= k for n, k in zip(spatial, kernel, strict=True)
    )
    if channels != n_channels or not large:
        msg = (
            f"`filters` {filters.shape} need samples of {channels} channels that are as large as "
            f"their kernels; got samples (n_channels, *spatial) of {shape}, n_features = "
            f"{math.prod(shape)}: set `sample_shape`, or choose other filters."
        )
        raise ValueError(msg)


@dataclass(frozen=True, eq=False)
class Coding:
    """How samples are turned into features."""

    dictionary: Any
    penalty: Any
    pool: Any
    sparse_output: bool
    solver: Any
    options: dict[str, Any]

    def problem(self, sample: np.ndarray) -> Pursuit:
        """Return the problem of one sample, (1, n_channels, *spatial)."""
        return Pursuit(sample, self.dictionary, self.penalty)

    def encode(self, signals: np.ndarray, *, alone: bool) -> tuple[Any, int]:
        """Return the features of signals, and how many did not reach the tolerance.

        `alone` says that no other process works on others.
        """
        threaded = alone and signals[0].size >= _LARGE
        with contextlib.nullcontext() if threaded else serial():
            results = [
                solve(self.problem(sample[None]), self.solver, **self.options) for sample in signals
            ]
        failed = sum(result.status not in DONE for result in results)
        return self.features([result.sparse_codes for result in results]), failed

    def features(self, codes: list[SparseCodes]) -> Any:
        """Return the rows of features of the codes of each sample."""
        if self.pool is None:
            rows = rows_of(codes)
            return rows if self.sparse_output else rows.toarray()
        pooled = np.concatenate([pool_codes(one, self.pool) for one in codes])
        rows = pooled.reshape(len(codes), -1)
        return scipy.sparse.csr_array(rows) if self.sparse_output else rows


def rows_of(codes: list[SparseCodes]) -> Any:
    """Return the codes of samples as the rows of a CSR array."""
    kept = [one.values != 0 for one in codes]
    pairs = list(zip(codes, kept, strict=True))
    counts = np.cumsum([0, *(int(keep.sum()) for keep in kept)])
    values = np.concatenate([one.values[keep] for one, keep in pairs])
    columns = np.concatenate([one.indices[keep] for one, keep in pairs])
    return scipy.sparse.csr_array((values, columns, counts), shape=(len(codes), codes[0].size))


def encode_samples(coding: Coding, signals: np.ndarray, n_jobs: int | None) -> Any:
    """Return the features of all signals, shared between processes; warn of missed tolerances."""
    jobs = min(effective_n_jobs(n_jobs), len(signals))
    if jobs == 1:
        done = [coding.encode(signals, alone=True)]
    else:
        chunks = np.array_split(signals, min(len(signals), _CHUNKS * jobs))
        run = Parallel(n_jobs=n_jobs, max_nbytes=None)  # no memory maps
        done = run(delayed(coding.encode)(chunk, alone=False) for chunk in chunks)
    failed = sum(count for _, count in done)
    if failed:
        text = f"{failed} of {len(signals)} samples did not reach the tolerance: raise max_iter."
        warnings.warn(text, ConvergenceWarning, stacklevel=3)
    parts = [features for features, _ in done]
    if coding.sparse_output:
        return scipy.sparse.vstack(parts, format="csr")
    return np.concatenate(parts)


def synthesize_codes(dictionary: Any, rows: Any, codes_shape: Any, spatial: Any) -> np.ndarray:
    """Return the signals of flattened codes, dense or sparse rows."""
    shape = (rows.shape[0], *codes_shape)
    if not scipy.sparse.issparse(rows):
        out: np.ndarray = dictionary.synthesize(np.ascontiguousarray(rows).reshape(shape), spatial)
        return out
    entries = scipy.sparse.csr_array(rows, copy=True)
    entries.sum_duplicates()
    starts = np.repeat(np.arange(rows.shape[0], dtype=np.int64), np.diff(entries.indptr))
    places = starts * rows.shape[1] + entries.indices
    signals: np.ndarray = SparseCodes(places, entries.data, shape).synthesize(dictionary, spatial)
    return signals


def median_weight(problem: Callable[[np.ndarray], Pursuit], signals: np.ndarray) -> float:
    """Return the median of the weights from which codes are zero; 1 where all signals are zero."""
    found = np.array([lambda_max(problem(sample[None])) for sample in signals])
    return float(np.median(found[found > 0])) if (found > 0).any() else 1.0


def feature_names(codes_shape: tuple[int, ...], cell: tuple[int, ...] | None) -> np.ndarray:
    """Return the name of each feature: its filter, and its position or cell."""
    n_filters, *spatial = codes_shape
    word, sizes = ("at", tuple(spatial)) if cell is None else ("cell", cells_of(spatial, cell))
    places = ["_".join(map(str, place)) for place in np.ndindex(*sizes)]
    names = [f"filter{m}_{word}{place}" for m in range(n_filters) for place in places]
    return np.array(names, dtype=object)
