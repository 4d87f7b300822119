"""What is minimised."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import Any

from sparsecsc._codes_scratch import empty_like, is_mapped, parts
from sparsecsc._codes_synthesis import has_kernel, residual_of
from sparsecsc.backends import backend_of
from sparsecsc.checks import check_alike, check_array
from sparsecsc.codes import SparseCodes, dense
from sparsecsc.dictionaries._operators import analyze_whole
from sparsecsc.protocols import WHOLE, Array, Block, Dictionary, Operator, Penalty

SIGNAL_AXES = "(n_signals, n_channels, *spatial) with 1, 2 or 3 spatial axes"


@dataclass(frozen=True, eq=False)
class Pursuit:
    r"""Sparse pursuit: minimise :math:`\tfrac12 \|M (y - D z)\|_2^2 + \phi(z)` over codes z.

    Parameters
    ----------
    signal : array, shape (n_signals, n_channels, *spatial)
        y, float32 or float64. Signals of a batch are independent problems.
    dictionary : Dictionary
        D, such as `ConvDictionary`, of the same dtype and array kind.
    penalty : Penalty
        :math:`\phi`, such as `L1`.
    mask : array, optional
        The diagonal of M, broadcastable to `signal` and of its dtype: 1 where the signal counts,
        0 where it is missing, or any weight >= 0.

    Raises
    ------
    TypeError
        If arrays are of different kinds or dtypes, or an argument lacks a needed method.
    ValueError
        If shapes do not fit, or an array is empty, not finite or not floating.

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc
    >>> rng = np.random.default_rng(0)
    >>> dictionary = sc.ConvDictionary(rng.standard_normal((4, 1, 9)))
    >>> problem = sc.Pursuit(rng.standard_normal((1, 1, 64)), dictionary, sc.L1(1.0))
    >>> sc.solve(problem, tol=1e-6).status.name
    'CONVERGED'
    """

    signal: Array
    dictionary: Any
    penalty: Any
    mask: Array | None = None
    codes_shape: tuple[int, ...] = field(init=False)
    """(n_signals, n_filters, *code_spatial)"""

    def __post_init__(self) -> None:
        signal = check_array("signal", self.signal, ndims=(3, 4, 5), axes=SIGNAL_AXES)
        check_methods("dictionary", self.dictionary, Dictionary, ("bind", "code_shape"))
        check_methods("penalty", self.penalty, Penalty, ("value", "prox", "bind"))
        if self.mask is not None:
            _check_mask(self.mask, signal)
        shape = self._bound_shape()
        object.__setattr__(self, "codes_shape", shape)
        object.__setattr__(self, "penalty", self.penalty.bind(shape, signal))

    def _bound_shape(self) -> tuple[int, ...]:
        """Check that dictionary and signal fit, and return the shape of the codes.

        A `ConvDictionary` is bound when its operator is first wanted: coordinate descent on a
        large image wants it late or never.
        """
        signal = self.signal
        if hasattr(self.dictionary, "filters"):
            check_alike(signal=signal, filters=self.dictionary.filters)
            return tuple(self.dictionary.code_shape(signal.shape))
        return (signal.shape[0], self.operator.n_filters, *self.operator.code_spatial)

    @cached_property
    def operator(self) -> Operator:
        """The dictionary bound to the signal's size."""
        bound: Operator = self.dictionary.bind(self.signal.shape, self.signal)
        return bound

    @property
    def backend(self) -> ModuleType:
        """The backend of the signal's array kind."""
        return backend_of(self.signal)

    @cached_property
    def target(self) -> Array:
        """M y, what M D z is to approximate."""
        return self.masked(self.signal)

    def masked(self, signal: Array) -> Array:
        """Return M signal."""
        if self.mask is None:
            return signal
        if not is_mapped(self.signal):
            return self.mask * signal
        out = empty_like(self.signal)
        mask = self.backend.xp.broadcast_to(self.mask, signal.shape)
        for part in parts(signal):
            out[part] = mask[part] * signal[part]
        return out

    def with_penalty(self, penalty: Any) -> Pursuit:
        """Return the same problem with another penalty.

        Signal and mask are not checked again, which would read all of them.
        """
        check_methods("penalty", penalty, Penalty, ("value", "prox", "bind"))
        other = copy.copy(self)
        object.__setattr__(other, "penalty", penalty.bind(self.codes_shape, self.signal))
        return other

    def synthesize(self, codes: Any) -> Array:
        """Return D codes, with the shape of the signal."""
        if isinstance(codes, SparseCodes) and has_kernel(self.dictionary):
            return codes.synthesize(self.dictionary, self.signal.shape[2:])
        return self.operator.synthesize(lambda block: dense(codes[block]), codes.shape[0])

    def residual(self, codes: Any) -> Array:
        """Return M (y - D codes)."""
        if isinstance(codes, SparseCodes) and has_kernel(self.dictionary):
            return residual_of(codes, self.dictionary, self.signal, self.mask)
        return self.masked(self.signal - self.synthesize(codes))

    def correlate(self, residual: Array, consume: Callable[[Block, Array], Any]) -> list[Any]:
        """Call ``consume(block, (D^T M residual)[block])`` for each block the penalty can use."""
        residual = self.masked(residual)
        if self.penalty.separable:
            return self.operator.analyze(residual, consume)
        return [consume(WHOLE, analyze_whole(self.operator, residual))]

    def correlation(self, residual: Array) -> Array:
        """Return D^T M residual as one array."""
        return analyze_whole(self.operator, self.masked(residual))

    def lipschitz(self) -> float:
        """Return an upper bound on the squared spectral norm of M D; 1 where D is zero."""
        bound = self.operator.lipschitz() or 1.0
        if self.mask is None:
            return bound
        return bound * float(self.backend.xp.max(self.mask)) ** 2

    def objective(self, codes: Any) -> float:
        """Return the objective at `codes`, with its sums in float64; they are checked first."""
        self.check_codes("codes", codes)
        data = 0.5 * self.backend.sum_squares(self.residual(codes))
        return float(data + self.penalty_value(codes))

    def penalty_value(self, codes: Any) -> float:
        """Return the penalty of `codes`, block by block where it is separable."""
        if isinstance(codes, SparseCodes) and getattr(self.penalty, "sparse", False):
            return float(self.penalty.value(codes))
        if not self.penalty.separable:
            return float(self.penalty.value(dense(codes)))
        blocks = self.operator.blocks(codes.shape[0])

        def value(block: Block) -> float:
            return float(self.penalty.at(block).value(dense(codes[block])))

        return float(sum(self.backend.run(value, blocks)))

    def check_codes(self, name: str, codes: Any) -> Any:
        """Check that `codes` are finite and of the problem's shape, kind and dtype."""
        array = codes.values if isinstance(codes, SparseCodes) else codes
        if array is codes:
            check_array(name, codes, ndims=(len(self.codes_shape),), axes=str(self.codes_shape))
        elif array.size:
            check_array(name, array, ndims=(1,), axes="with one entry a nonzero")
        check_alike(**{"signal": self.signal, name: array})
        if tuple(codes.shape) != self.codes_shape:
            msg = (
                f"`{name}` must have the shape of the codes {self.codes_shape}; got "
                f"{tuple(codes.shape)}: codes of another signal or dictionary do not fit."
            )
            raise ValueError(msg)
        return codes


def check_problem(problem: Any) -> None:
    """Check that `problem` can be minimised: a `Pursuit` or an object that does what it does."""
    check_methods("problem", problem, Pursuit, ("check_codes", "objective"))


def check_single(problem: Any) -> None:
    """Check that `problem` is of one layer."""
    check_problem(problem)
    if hasattr(problem, "n_layers"):
        msg = (
            f"`problem` must be a Pursuit, of one layer; got {type(problem).__name__}: take one of "
            "its layers, problem.layer(i, source)."
        )
        raise TypeError(msg)


def check_methods(name: str, value: Any, noun: type, methods: tuple[str, ...]) -> None:
    """Check that `value` is an object with the methods of a noun."""
    if isinstance(value, type):
        msg = (
            f"`{name}` must be a {noun.__name__}; got the class {value.__name__}: create an "
            "instance of it."
        )
        raise TypeError(msg)
    missing = [method for method in methods if not hasattr(value, method)]
    if missing:
        msg = (
            f"`{name}` must be a {noun.__name__}; got {type(value).__name__}, which lacks "
            f"{', '.join(missing)}: pass one of sparsecsc's or an object with these methods."
        )
        raise TypeError(msg)


def _check_mask(mask: Array, signal: Array) -> None:
    check_array("mask", mask, ndims=(signal.ndim,), axes="as the signal's, or of size 1")
    check_alike(signal=signal, mask=mask)
    if any(m not in (1, n) for m, n in zip(mask.shape, signal.shape, strict=True)):
        msg = (
            f"`mask` must be broadcastable to `signal` {tuple(signal.shape)}; got shape "
            f"{tuple(mask.shape)}: reshape it."
        )
        raise ValueError(msg)
    xp = backend_of(mask).xp
    if bool(xp.any(mask < 0)) or not bool(xp.any(mask > 0)):
        msg = (
            "`mask` must be >= 0, and positive somewhere; got values from "
            f"{float(xp.min(mask)):g} to {float(xp.max(mask)):g}: 1 keeps a sample, 0 drops it."
        )
        raise ValueError(msg)
