"""Codes in fixed filters, as a transformer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_array as check_rows
from sklearn.utils.validation import check_is_fitted

from sparsecsc._estimators_samples import (
    Coding,
    check_fit_together,
    encode_samples,
    feature_names,
    median_weight,
    n_axes_of,
    read_samples,
    synthesize_codes,
)
from sparsecsc.checks import check_array, check_callable, check_number, per_axis
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.penalties.l1 import L1


class ConvolutionalSparseCoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    r"""Encode samples in fixed filters.

    Each sample y becomes the codes z that minimise :math:`\tfrac12 \|y - D z\|^2 + \phi(z)`, solved
    by itself to a certified tolerance, whatever other samples come with it.

    Parameters
    ----------
    filters : array, shape (n_filters, n_channels, *kernel)
        Real; converted to the dtype of the samples.
    weight : float, optional
        The weight of the penalty. By default `weight_ratio` sets it.
    weight_ratio : float, default 0.1
        The weight as a fraction, in (0, 1], of the median over the samples that are not zero in
        `fit` of the one from which all codes are zero.
    sample_shape : tuple of int, optional
        (n_channels, *spatial) of the samples in flat rows; by default rows are 1-D signals of one
        channel.
    penalty : callable, default L1
        Makes the penalty from the weight, such as `NonnegativeL1`.
    padding, stride, dilation
        As for `ConvDictionary`.
    pool : int or tuple of int, optional
        The features are averages of the codes' sizes over cells of so many positions, see
        `pool_codes`; by default they are the codes.
    sparse_output : bool, default False
        Whether `transform` returns a SciPy CSR array.
    solver : solver record, optional
        Such as ``CoordinateDescent()``; by default what `default_solver` names.
    tol, max_iter
        As for `solve`.
    n_jobs : int, optional
        Processes among which `transform` shares the samples; None is 1 unless
        ``joblib.parallel_config`` says otherwise, -1 all processors.

    Attributes
    ----------
    filters_ : array, shape (n_filters, n_channels, *kernel)
        In the dtype of the samples of `fit`.
    weight_ : float
        The weight of the penalty.
    codes_shape_ : tuple of int
        (n_filters, *code_spatial), of one sample.
    n_features_in_ : int
        Values of one sample, also where samples have several axes.
    feature_names_in_ : array of str
        Where `fit` was given names.

    Notes
    -----
    ``fit``, ``transform`` and ``fit_transform`` take X of shape (n_samples, n_features), or
    (n_samples, n_channels, *spatial) with 1 to 3 spatial axes, which needs no `sample_shape`. A
    sample whose tolerance was not reached gives a ``ConvergenceWarning``. A dense output has
    n_filters * code positions columns a sample; a sparse one takes 12 or 16 bytes a nonzero.

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc
    >>> from sparsecsc.estimators import ConvolutionalSparseCoder
    >>> X = np.random.default_rng(0).standard_normal((5, 64))
    >>> coder = ConvolutionalSparseCoder(sc.random_filters(4, 1, 8, 0), sample_shape=(1, 8, 8))
    >>> coder = coder.set_params(filters=sc.random_filters(4, 1, (3, 3), 0), pool=4).fit(X)
    >>> coder.transform(X).shape
    (5, 16)
    >>> coder.get_feature_names_out()[:2]
    array(['filter0_cell0_0', 'filter0_cell0_1'], dtype=object)
    """

    def __init__(
        self,
        filters: Any,
        *,
        weight: float | None = None,
        weight_ratio: float = 0.1,
        sample_shape: tuple[int, ...] | None = None,
        penalty: Callable[[Any], Any] = L1,
        padding: Any = "circular",
        stride: Any = 1,
        dilation: Any = 1,
        pool: Any = None,
        sparse_output: bool = False,
        solver: Any = None,
        tol: float = 1e-3,
        max_iter: int = 10_000,
        n_jobs: int | None = None,
    ) -> None:
        self.filters = filters
        self.weight = weight
        self.weight_ratio = weight_ratio
        self.sample_shape = sample_shape
        self.penalty = penalty
        self.padding = padding
        self.stride = stride
        self.dilation = dilation
        self.pool = pool
        self.sparse_output = sparse_output
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> ConvolutionalSparseCoder:
        """Check the filters against the samples and set the weight; `y` is ignored.

        Raises
        ------
        TypeError, ValueError
            If samples, filters and parameters do not fit each other.
        """
        check_callable("penalty", self.penalty, "such as L1, to make one from a weight")
        rows, shape = read_samples(self, X, self.sample_shape, reset=True)
        filters = np.asarray(self.filters)
        filters = filters.astype(rows.dtype) if filters.dtype.kind in "biuf" else filters
        axes = "(n_filters, n_channels, *kernel)"
        self.filters_ = check_array("filters", filters, ndims=(3, 4, 5), axes=axes)
        check_fit_together(filters, shape)
        if self.pool is not None:
            per_axis("pool", self.pool, len(shape) - 1, least=1)
        dictionary = self.dictionary(rows.dtype)
        self.codes_shape_ = tuple(dictionary.code_shape((1, *shape))[1:])
        self.sample_shape_, self._flat = shape, n_axes_of(X) <= 2
        self.weight_ = self._weight(rows.reshape(-1, *shape))
        return self

    def transform(self, X: Any) -> Any:
        """Return the features of each sample.

        Returns
        -------
        array or scipy.sparse.csr_array, shape (n_samples, n_features_out)
            Of the dtype of X.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        TypeError, ValueError
            If the samples are not like those of `fit`.
        """
        check_is_fitted(self)
        rows, shape = read_samples(self, X, self.sample_shape_, reset=False)
        return self.encode(rows.reshape(-1, *shape))

    def encode(self, signals: np.ndarray) -> Any:
        """Return the features of checked signals, (n_samples, n_channels, *spatial)."""
        signals = np.ascontiguousarray(signals)
        return encode_samples(self._coding(self.weight_, signals.dtype), signals, self.n_jobs)

    def dictionary(self, dtype: Any) -> ConvDictionary:
        """Return the dictionary of the filters in a dtype."""
        filters = self.filters_.astype(dtype, copy=False)
        return ConvDictionary(filters, self.stride, self.dilation, self.padding)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return the samples that codes synthesise, in the layout of the X of `fit`.

        Parameters
        ----------
        X : array or SciPy sparse, shape (n_samples, n_features_out)
            Flattened codes, as `transform` returns them with ``pool=None``.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError
            If the features are pooled, or the codes have another size.
        """
        check_is_fitted(self)
        if self.pool is not None:
            msg = f"`inverse_transform` needs all codes; got pool={self.pool}: set pool to None."
            raise ValueError(msg)
        rows = check_rows(X, accept_sparse="csr", dtype=[np.float64, np.float32])
        n_codes = math.prod(self.codes_shape_)
        if rows.shape[1] != n_codes:
            msg = (
                f"codes must have {n_codes} columns, for (n_filters, *code_spatial) "
                f"{self.codes_shape_}; got {rows.shape[1]}: pass what `transform` returned."
            )
            raise ValueError(msg)
        spatial = self.sample_shape_[1:]
        dictionary = self.dictionary(rows.dtype)
        signals = synthesize_codes(dictionary, rows, self.codes_shape_, spatial)
        return signals.reshape(len(signals), -1) if self._flat else signals

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the filter and the position (or cell) of each feature; the argument is ignored."""
        check_is_fitted(self)
        n_axes = len(self.codes_shape_) - 1
        cell = None if self.pool is None else per_axis("pool", self.pool, n_axes, least=1)
        return feature_names(self.codes_shape_, cell)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _weight(self, signals: np.ndarray) -> float:
        if self.weight is not None:
            return check_number("weight", self.weight, least=0.0, finite=True)
        ratio = check_number("weight_ratio", self.weight_ratio, above=0.0, most=1.0)
        return ratio * median_weight(self._coding(1.0, signals.dtype).problem, signals)

    def _coding(self, weight: float, dtype: Any) -> Coding:
        options = {"tol": self.tol, "max_iter": self.max_iter}
        penalty = self.penalty(weight)
        dictionary = self.dictionary(dtype)
        return Coding(dictionary, penalty, self.pool, self.sparse_output, self.solver, options)
