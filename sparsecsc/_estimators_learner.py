"""Filters learned from samples, and codes in them, as a transformer."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sparsecsc._estimators_coder import ConvolutionalSparseCoder
from sparsecsc._estimators_samples import DONE, check_fit_together, read_samples
from sparsecsc.checks import check_count, per_axis
from sparsecsc.learning.constraint import UnitBall
from sparsecsc.learning.learn import learn
from sparsecsc.learning.starts import patch_filters
from sparsecsc.penalties.l1 import L1


class ConvolutionalDictionaryLearner(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    r"""Learn filters from samples, and encode samples in them.

    ``fit`` minimises the sum over the samples y of :math:`\tfrac12 \|y - D z\|^2 + \phi(z)` over
    their codes z and the filters of D, of norm at most 1 (see `learn`); ``transform`` gives each
    sample its codes in these filters (see `ConvolutionalSparseCoder`).

    Parameters
    ----------
    n_filters : int, default 8
        How many.
    kernel : int or tuple of int, default 8
        Their size in samples; one number is for every axis.
    weight : float, optional
        The weight of the penalty. By default `weight_ratio` sets it.
    weight_ratio : float, default 0.1
        As for `ConvolutionalSparseCoder`, in the filters at the start.
    filters : array, shape (n_filters, n_channels, *kernel), optional
        Where learning starts; by default at patches of the samples. Then `n_filters` and `kernel`
        have no meaning.
    constraint : UnitBall, optional
        What filters may be; by default all of norm at most 1.
    sample_shape, penalty, padding, stride, dilation, pool, sparse_output, n_jobs
        As for `ConvolutionalSparseCoder`.
    tol : float, default 1e-2
        For learning and for the codes of `transform`; see `learn` and `solve`.
    max_iter : int, default 100
        Most rounds of learning.
    random_state : int, RandomState instance or None, default None
        Which patches learning starts at.

    Attributes
    ----------
    filters_ : array, shape (n_filters, n_channels, *kernel)
        The learned filters.
    coder_ : ConvolutionalSparseCoder
        Fitted, of these filters: it does what `transform` and `inverse_transform` do.
    weight_ : float
        The weight of the penalty.
    n_iter_ : int
        Rounds done.
    objective_ : float
        At the end of learning.
    history_ : History
        An entry a round.
    n_features_in_, feature_names_in_
        As for `ConvolutionalSparseCoder`.

    Notes
    -----
    The problem is not convex: what is found depends on the start. A tolerance that was not reached
    gives a ``ConvergenceWarning``.

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc
    >>> from sparsecsc.estimators import ConvolutionalDictionaryLearner
    >>> rng = np.random.default_rng(0)
    >>> codes = np.where(rng.random((20, 2, 64)) < 0.03, 3.0, 0.0)
    >>> X = sc.ConvDictionary(sc.random_filters(2, 1, 8, rng=1)).synthesize(codes)[:, 0]
    >>> learner = ConvolutionalDictionaryLearner(2, 8, weight=0.1, random_state=0).fit(X)
    >>> learner.filters_.shape, learner.transform(X).shape
    ((2, 1, 8), (20, 128))
    """

    def __init__(
        self,
        n_filters: int = 8,
        kernel: Any = 8,
        *,
        weight: float | None = None,
        weight_ratio: float = 0.1,
        filters: Any = None,
        constraint: Any = None,
        sample_shape: tuple[int, ...] | None = None,
        penalty: Callable[[Any], Any] = L1,
        padding: Any = "circular",
        stride: Any = 1,
        dilation: Any = 1,
        pool: Any = None,
        sparse_output: bool = False,
        tol: float = 1e-2,
        max_iter: int = 100,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_filters = n_filters
        self.kernel = kernel
        self.weight = weight
        self.weight_ratio = weight_ratio
        self.filters = filters
        self.constraint = constraint
        self.sample_shape = sample_shape
        self.penalty = penalty
        self.padding = padding
        self.stride = stride
        self.dilation = dilation
        self.pool = pool
        self.sparse_output = sparse_output
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> ConvolutionalDictionaryLearner:
        """Learn the filters; `y` is ignored.

        Raises
        ------
        TypeError, ValueError
            If samples, filters and parameters do not fit each other, or all samples are zero.
        """
        rows, shape = read_samples(self, X, self.sample_shape, reset=True)
        signals = np.ascontiguousarray(rows).reshape(-1, *shape)
        first = self._coder(self._start(signals), self.weight).fit(signals)
        result = learn(
            signals,
            first.dictionary(signals.dtype),
            self.penalty(first.weight_),
            constraint=UnitBall() if self.constraint is None else self.constraint,
            tol=self.tol,
            max_iter=self.max_iter,
        )
        if result.status not in DONE:
            text = (
                f"learning did not reach the tolerance {self.tol:g} in {result.n_iter} rounds: "
                "raise max_iter or tol."
            )
            warnings.warn(text, ConvergenceWarning, stacklevel=2)
        self.filters_, self.weight_ = result.filters, first.weight_
        self.coder_ = self._coder(result.filters, first.weight_).fit(X)
        self.n_iter_, self.objective_ = result.n_iter, result.objective
        self.history_ = result.history
        return self

    def transform(self, X: Any) -> Any:
        """Return the features of each sample, as `ConvolutionalSparseCoder` does.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        TypeError, ValueError
            If the samples are not like those of `fit`.
        """
        check_is_fitted(self)
        rows, shape = read_samples(self, X, self.coder_.sample_shape_, reset=False)
        return self.coder_.encode(rows.reshape(-1, *shape))

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return the samples that codes synthesise, as `ConvolutionalSparseCoder` does.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError
            If the features are pooled, or the codes have another size.
        """
        check_is_fitted(self)
        signals: np.ndarray = self.coder_.inverse_transform(X)
        return signals

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the filter and the position (or cell) of each feature; the argument is ignored."""
        check_is_fitted(self)
        names: np.ndarray = self.coder_.get_feature_names_out()
        return names

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _start(self, signals: np.ndarray) -> np.ndarray:
        if self.filters is not None:
            return np.asarray(self.filters)
        count = check_count("n_filters", self.n_filters)
        sizes = per_axis("kernel", self.kernel, signals.ndim - 2, least=1)
        stand_in = np.empty((count, signals.shape[1], *sizes), signals.dtype)
        check_fit_together(stand_in, signals.shape[1:])
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        start: np.ndarray = patch_filters(signals, count, sizes, int(seed))
        return start

    def _coder(self, filters: np.ndarray, weight: float | None) -> ConvolutionalSparseCoder:
        return ConvolutionalSparseCoder(
            filters,
            weight=weight,
            weight_ratio=self.weight_ratio,
            sample_shape=self.sample_shape,
            penalty=self.penalty,
            padding=self.padding,
            stride=self.stride,
            dilation=self.dilation,
            pool=self.pool,
            sparse_output=self.sparse_output,
            tol=self.tol,
            n_jobs=self.n_jobs,
        )
