"""Codes as their nonzeros: memory that grows with what there is, not with filters x pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sparsecsc._codes_slicing import cuts_of, select
from sparsecsc._codes_synthesis import correlate_at, has_kernel, synthesized
from sparsecsc.backends import kind_of
from sparsecsc.checks import check_array, check_memory
from sparsecsc.protocols import Array

_AXES = "(n_signals, n_filters, *spatial) with 1, 2 or 3 spatial axes"


@dataclass(frozen=True, eq=False)
class SparseCodes:
    r"""The nonzeros of codes: sorted places in the flattened array, and values.

    Parameters
    ----------
    indices : array of int64, shape (n,)
        Increasing places in the codes, flattened in C order.
    values : array of float32 or float64, shape (n,)
        The codes there.
    shape : tuple of int
        (n_signals, n_filters, *code_spatial), with 1, 2 or 3 spatial axes.

    Raises
    ------
    TypeError
        If the arrays are not NumPy's, or not of these dtypes.
    ValueError
        If sizes differ, or places are outside of the shape, repeated or not in order.

    Notes
    -----
    12 bytes a nonzero in float32, 16 in float64. Only NumPy arrays: on other devices codes are
    dense. Wherever the library takes codes it takes these; with a `ConvDictionary` no array of
    the codes' size is made for them, by other dictionaries they are expanded. The arrays must not
    be changed.

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc
    >>> codes = sc.SparseCodes(np.array([2, 9]), np.array([1.0, -3.0]), (1, 2, 6))
    >>> codes.nnz, codes.filters, codes.positions[0]
    (2, array([0, 1]), array([2, 3]))
    >>> codes[:, 1].to_dense()
    array([[[ 0.,  0.,  0., -3.,  0.,  0.]]])
    >>> codes.synthesize(sc.ConvDictionary(np.ones((2, 1, 2))))
    array([[[ 0.,  0.,  1., -2., -3.,  0.]]])
    """

    indices: Array
    values: Array
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        for name in ("indices", "values"):
            array = getattr(self, name)
            if kind_of(array) != "numpy" or not hasattr(array, "ndim") or array.ndim != 1:
                msg = f"`{name}` must be a NumPy array of one axis; got {_described(array)}: "
                raise TypeError(msg + "use numpy.asarray, or SparseCodes.from_dense.")
        if self.indices.dtype != np.int64 or str(self.values.dtype) not in ("float32", "float64"):
            msg = (
                "`indices` must be int64 and `values` float32 or float64; got "
                f"{self.indices.dtype} and {self.values.dtype}: convert them."
            )
            raise TypeError(msg)
        shape = tuple(int(n) for n in self.shape)
        object.__setattr__(self, "shape", shape)
        if len(shape) not in (3, 4, 5) or min(shape) < 1:
            msg = f"`shape` must be {_AXES}, none of them empty; got {shape}: correct it."
            raise ValueError(msg)
        if self.indices.size != self.values.size:
            msg = (
                "`indices` and `values` must have one size; got "
                f"{self.indices.size} and {self.values.size}: match them."
            )
            raise ValueError(msg)
        self._check_order()

    def _check_order(self) -> None:
        low, high = (int(self.indices[k]) if self.indices.size else 0 for k in (0, -1))
        if low < 0 or high >= self.size or not bool((np.diff(self.indices) > 0).all()):
            msg = (
                f"`indices` must increase within [0, {self.size}); got values from {low} to "
                f"{high}, or some out of order: sort them, and add up what is repeated."
            )
            raise ValueError(msg)

    @classmethod
    def from_dense(cls, codes: Array) -> SparseCodes:
        """Return the nonzeros of an array (n_signals, n_filters, *code_spatial).

        Raises
        ------
        TypeError, ValueError
            If it is not a NumPy array of float32 or float64 with 3 to 5 axes.
        """
        if kind_of(codes) != "numpy":
            msg = f"`codes` must be a NumPy array; got {_described(codes)}: bring it to the host."
            raise TypeError(msg)
        check_array("codes", codes, ndims=(3, 4, 5), axes=_AXES)
        indices = np.flatnonzero(codes).astype(np.int64, copy=False)
        return cls(indices, np.asarray(codes).reshape(-1)[indices], codes.shape)

    @classmethod
    def zeros(cls, shape: tuple[int, ...], dtype: Any) -> SparseCodes:
        """Return codes without nonzeros."""
        return cls(np.zeros(0, np.int64), np.zeros(0, dtype), shape)

    def __repr__(self) -> str:
        share = 100 * self.nnz / self.size
        return f"SparseCodes(shape={self.shape}, {self.nnz} nonzeros, {share:.2g} %, {self.dtype})"

    @property
    def dtype(self) -> Any:
        """The dtype of the values."""
        return self.values.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of codes, zeros included."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The bytes that places and values take."""
        return int(self.indices.nbytes + self.values.nbytes)

    @cached_property
    def nnz(self) -> int:
        """The number of codes that are not zero; a zero that is stored does not count."""
        return int(np.count_nonzero(self.values))

    @property
    def signals(self) -> Array:
        """The signal of each entry."""
        return self.indices // math.prod(self.shape[1:])

    @property
    def filters(self) -> Array:
        """The filter of each entry."""
        return self.indices // math.prod(self.shape[2:]) % self.shape[1]

    @property
    def positions(self) -> tuple[Array, ...]:
        """The position of each entry: one array for each spatial axis."""
        return np.unravel_index(self.indices % math.prod(self.shape[2:]), self.shape[2:])

    def __len__(self) -> int:
        return self.shape[0]

    def __eq__(self, other: object) -> bool:
        """Whether shape, dtype, places and values are the same."""
        if not isinstance(other, SparseCodes):
            return NotImplemented
        return (
            self.shape == other.shape
            and self.dtype == other.dtype
            and np.array_equal(self.indices, other.indices)
            and np.array_equal(self.values, other.values)
        )

    __hash__ = None  # type: ignore[assignment]

    def __array__(self, *_: Any, **__: Any) -> Any:
        msg = "sparse codes must be made an array on purpose; got one wanted: use to_dense()."
        raise TypeError(msg)

    def __getitem__(self, key: Any) -> SparseCodes:
        """Return the codes of a slice: ``codes[b]``, ``codes[:, m]``, ``codes[..., 10:20, :]``.

        An integer keeps its axis, with size 1. Cost: two searches for each signal and filter, and
        the entries of the rows that are left.
        """
        cuts = cuts_of(key, self.shape)
        chosen, places = select(self.indices, self.shape, cuts)
        shape = tuple(len(cut) for cut in cuts)
        return SparseCodes(places, self.values[chosen], shape)

    def __abs__(self) -> SparseCodes:
        return SparseCodes(self.indices, np.abs(self.values), self.shape)

    def sum(self) -> float:
        """Return the sum of all codes, in float64."""
        return float(np.sum(self.values, dtype=np.float64))

    def astype(self, dtype: Any) -> SparseCodes:
        """Return the codes with values of this dtype."""
        return SparseCodes(self.indices, self.values.astype(dtype, copy=False), self.shape)

    def copy(self) -> SparseCodes:
        """Return codes that share no memory with these."""
        return SparseCodes(self.indices.copy(), self.values.copy(), self.shape)

    def to_dense(self) -> Array:
        """Return the codes as an array.

        Raises
        ------
        MemoryError
            If the array would take more memory than is available.
        """
        advice = "stay with the sparse codes, or expand parts, such as codes[:, 0].to_dense()"
        check_memory("the codes", self.shape, self.dtype, advice)
        codes = np.zeros(self.shape, dtype=self.dtype)
        codes.reshape(-1)[self.indices] = self.values
        return codes

    def count_by_filter(self) -> Array:
        """Return how many codes of each filter are not zero, (n_filters,) of int64."""
        return np.bincount(self.filters[self.values != 0], minlength=self.shape[1])

    def count_by_position(self) -> Array:
        """Return how many filters are active at each position, (n_signals, *code_spatial)."""
        n_positions = math.prod(self.shape[2:])
        places = self.signals * n_positions + self.indices % n_positions
        counts = np.bincount(places[self.values != 0], minlength=self.shape[0] * n_positions)
        return counts.reshape(self.shape[0], *self.shape[2:])

    def size_by_filter(self) -> Array:
        """Return the sum of the absolute codes of each filter, (n_filters,) of float64."""
        return np.bincount(self.filters, np.abs(self.values), minlength=self.shape[1])

    def size_by_position(self) -> Array:
        """Return the sum of the absolute codes at each position, (*code_spatial) of float64."""
        n_positions = math.prod(self.shape[2:])
        sizes = np.bincount(self.indices % n_positions, np.abs(self.values), minlength=n_positions)
        return sizes.reshape(self.shape[2:])

    def synthesize(self, dictionary: Any, spatial: tuple[int, ...] | None = None) -> Array:
        """Return D codes, (n_signals, n_channels, *spatial), as ``dictionary.synthesize`` does.

        Parameters
        ----------
        dictionary : Dictionary
        spatial : tuple of int, optional
            The signal's size, by default the smallest that these codes fit.

        Raises
        ------
        TypeError, ValueError
            If codes, dictionary and size do not fit each other.

        Notes
        -----
        With a `ConvDictionary` the atoms are added up one by one, in float64: nonzeros times taps.
        """
        if has_kernel(dictionary):
            return synthesized(self, dictionary, spatial)
        return dictionary.synthesize(self.to_dense(), spatial)

    def analyze(self, dictionary: Any, signal: Array) -> SparseCodes:
        """Return the correlations D^T signal at the places of these codes only.

        Least squares on a support, for one, needs no others. Errors and cost are those of
        `synthesize`.
        """
        if has_kernel(dictionary):
            return SparseCodes(self.indices, correlate_at(self, dictionary, signal), self.shape)
        dense = np.asarray(dictionary.analyze(signal))
        return SparseCodes(self.indices, dense.reshape(-1)[self.indices], self.shape)


def dense(codes: Any) -> Any:
    """Return codes as an array, those of several layers as a tuple of arrays."""
    if isinstance(codes, tuple):
        return tuple(map(dense, codes))
    return codes.to_dense() if isinstance(codes, SparseCodes) else codes


def sparse(codes: Any) -> Any:
    """Return the nonzeros of codes, of several layers as a tuple with one entry a layer."""
    if isinstance(codes, tuple):
        return tuple(map(sparse, codes))
    return codes if isinstance(codes, SparseCodes) else SparseCodes.from_dense(codes)


def start_for(solver: Any, codes: Any) -> Any:
    """Return codes in the form that a solver starts at: sparse if its own are, else an array."""
    return sparse(codes) if getattr(solver, "sparse", False) else dense(codes)


def _described(array: Any) -> str:
    if hasattr(array, "shape") and hasattr(array, "dtype"):
        return f"a {kind_of(array)} array of shape {tuple(array.shape)}"
    return type(array).__name__
