"""From a bare array to codes and back, for those who only have filters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sparsecsc.backends import backend_of
from sparsecsc.checks import check_array, check_callable, check_number
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.optimality import lambda_max
from sparsecsc.penalties.l1 import L1
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.result import Result
from sparsecsc.solve import solve


@dataclass(frozen=True, eq=False)
class Encoding:
    """Codes and reconstruction in the layout of the array that was encoded."""

    reconstruction: Array
    """D codes, with the shape of the array."""
    problem: Pursuit
    """What was solved, in the core's layout."""
    result: Result
    """Status, certificate and history; `Result.sparse_codes` in the core's layout."""
    layout: Any = field(repr=False)
    """Which axes the array lacked, and where its channels were."""

    @cached_property
    def codes(self) -> Array:
        """The codes in the array's layout with filters in place of channels; see `encode`."""
        return self.layout.from_core(self.result.codes)


def encode(
    signal: Array,
    filters: Any,
    weight: Any = None,
    *,
    weight_ratio: float | None = None,
    penalty: Callable[[Any], Any] = L1,
    mask: Array | None = None,
    padding: Any = "circular",
    **options: Any,
) -> Encoding:
    """Encode an image, a recording, a volume or a batch of them.

    Parameters
    ----------
    signal : array, float32 or float64
        With d spatial axes, as many as the filters have, and C channels, as many as theirs:

        ====================  ================  ==========================
        given                 shape             codes returned
        ====================  ================  ==========================
        one, C = 1            (*spatial)        (n_filters, *spatial)
        one, channels last    (*spatial, C)     (*spatial, n_filters)
        one, channels first   (C, *spatial)     (n_filters, *spatial)
        batch, C = 1          (n, *spatial)     (n, n_filters, *spatial)
        batch, any C          (n, C, *spatial)  (n, n_filters, *spatial)
        batch, channels last  (n, *spatial, C)  (n, *spatial, n_filters)
        ====================  ================  ==========================

        Where the shape fits two rows with channels, a single signal has them last and a batch
        has them first.
    filters : array, shape (n_filters, n_channels, *kernel), or Dictionary
        Of the signal's dtype and array kind.
    weight : float or array, optional
        The weight of the penalty. Give this or `weight_ratio`.
    weight_ratio : float, optional
        The weight as a fraction of `lambda_max`, in (0, 1]: 0.1 is a fair first try.
    penalty : callable
        Makes the penalty from the weight, such as `NonnegativeL1`.
    mask : array, optional
        Of the signal's shape: 1 where it counts, 0 where it is missing.
    padding : str, int or tuple
        The border, for filters given as an array; see `ConvDictionary`.
    **options
        As for `solve`, among them `solver` and `tol`.

    Returns
    -------
    Encoding
        Of the array kind and dtype of `signal`.

    Raises
    ------
    TypeError, ValueError
        If not exactly one weight is given, shapes do not fit, or as for `Pursuit` and `solve`.

    Notes
    -----
    Natural images want `split_lowpass` first: codes of oscillating filters cannot carry the mean.

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc
    >>> image = np.random.default_rng(0).random((32, 32))
    >>> encoding = sc.encode(image - image.mean(), sc.dct_filters((4, 4)), weight_ratio=0.1)
    >>> encoding.codes.shape, encoding.reconstruction.shape
    ((15, 32, 32), (32, 32))
    """
    if (weight is None) == (weight_ratio is None):
        msg = "give exactly one of `weight` and `weight_ratio`; got "
        raise TypeError(msg + ("both." if weight is not None else "neither."))
    check_callable("penalty", penalty, "such as L1, to make one from a weight")
    dictionary = filters
    if not hasattr(filters, "bind"):
        dictionary = ConvDictionary(filters, padding=padding)
    check_array("signal", signal, ndims=range(1, 6), axes="(*spatial) with channels or batch")
    layout = _layout(signal, dictionary)
    core_mask = None if mask is None else _core_mask(mask, signal, layout)
    first = penalty(1.0 if weight is None else weight)
    problem = Pursuit(layout.to_core(signal), dictionary, first, mask=core_mask)
    if weight_ratio is not None:
        check_number("weight_ratio", weight_ratio, above=0.0, most=1.0)
        problem = problem.with_penalty(penalty(weight_ratio * lambda_max(problem)))
    result = solve(problem, **options)
    xp = problem.backend.xp
    reconstruction = layout.from_core(problem.synthesize(result.kept))
    reconstruction = xp.reshape(reconstruction, signal.shape)
    return Encoding(reconstruction, problem, result, layout)


@dataclass(frozen=True)
class _Layout:
    """Which axes an array lacks, and where its channels are."""

    batch: bool
    channels: str
    """"first", "last" or "none"."""

    def to_core(self, array: Array) -> Array:
        xp = backend_of(array).xp
        if not self.batch:
            array = array[None, ...]
        if self.channels == "none":
            return array[:, None, ...]
        return xp.moveaxis(array, -1, 1) if self.channels == "last" else array

    def from_core(self, array: Array) -> Array:
        """Undo `to_core`, but keep an axis for channels or filters where there was none."""
        xp = backend_of(array).xp
        if self.channels == "last":
            array = xp.moveaxis(array, 1, -1)
        return array if self.batch else array[0, ...]


def _layout(signal: Array, dictionary: Any) -> _Layout:
    d, channels = dictionary.n_axes, dictionary.n_channels
    if d is None or channels is None:
        msg = (
            "`filters` must fix the number of axes and channels; got only identities: add filters."
        )
        raise ValueError(msg)
    shape = tuple(signal.shape)
    if len(shape) == d and channels == 1:
        return _Layout(batch=False, channels="none")
    if len(shape) == d + 1:
        if shape[-1] == channels:
            return _Layout(batch=False, channels="last")
        if channels == 1:
            return _Layout(batch=True, channels="none")
        if shape[0] == channels:
            return _Layout(batch=False, channels="first")
    if len(shape) == d + 2 and channels in (shape[1], shape[-1]):
        return _Layout(batch=True, channels="first" if shape[1] == channels else "last")
    msg = (
        f"`signal` must have {d} spatial axes and {channels} channels to match `filters`, with an "
        f"optional batch axis in front; got shape {shape}: see the table in `encode`."
    )
    raise ValueError(msg)


def _core_mask(mask: Array, signal: Array, layout: _Layout) -> Array:
    if not hasattr(mask, "shape") or tuple(mask.shape) != tuple(signal.shape):
        got = tuple(getattr(mask, "shape", ())) or type(mask).__name__
        msg = (
            f"`mask` must have the shape of `signal` {tuple(signal.shape)}; got {got}: reshape it."
        )
        raise ValueError(msg)
    return layout.to_core(mask)
