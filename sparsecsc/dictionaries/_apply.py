"""What every dictionary's public methods do: check, bind, apply."""

from __future__ import annotations

from typing import Any

from sparsecsc.checks import check_array, check_sequence
from sparsecsc.codes import SparseCodes, dense
from sparsecsc.dictionaries._operators import analyze_whole
from sparsecsc.protocols import Array

_SIGNAL_AXES = "(n_signals, n_channels, *spatial) with 1, 2 or 3 spatial axes"
_CODE_AXES = "(n_signals, n_filters, *spatial) with 1, 2 or 3 spatial axes"


def check_parts(dictionaries: Any) -> tuple[Any, ...]:
    """Check that these are dictionaries, at least one, and return them as a tuple."""
    parts = check_sequence("dictionaries", dictionaries, "dictionaries")
    if not parts:
        msg = "`dictionaries` must hold at least one dictionary; got none: add one."
        raise ValueError(msg)
    for k, part in enumerate(parts):
        if isinstance(part, type) or not hasattr(part, "bind"):
            got = f"the class {part.__name__}" if isinstance(part, type) else type(part).__name__
            msg = (
                "`dictionaries` must hold dictionaries, such as ConvDictionary(filters); got "
                f"{got} as number {k}: create one."
            )
            raise TypeError(msg)
    return parts


def synthesize(dictionary: Any, codes: Array, spatial: tuple[int, ...] | None) -> Array:
    """Return D codes for any dictionary."""
    if isinstance(codes, SparseCodes) and hasattr(dictionary, "filters"):
        return codes.synthesize(dictionary, spatial)
    codes = dense(codes)
    operator = _bind_to_codes(dictionary, codes, spatial)
    return operator.synthesize(lambda block: codes[block], codes.shape[0])


def analyze(dictionary: Any, signal: Array) -> Array:
    """Return D^T signal for any dictionary."""
    check_array("signal", signal, ndims=(3, 4, 5), axes=_SIGNAL_AXES)
    return analyze_whole(dictionary.bind(signal.shape, signal), signal)


def gram(dictionary: Any, codes: Array, spatial: tuple[int, ...] | None) -> Array:
    """Return D^T D codes for any dictionary, by the operator's own shortcut where it has one."""
    codes = dense(codes)
    operator = _bind_to_codes(dictionary, codes, spatial)
    if hasattr(operator, "gram"):
        return operator.gram(codes)
    signal = operator.synthesize(lambda block: codes[block], codes.shape[0])
    return analyze_whole(operator, signal)


def _bind_to_codes(dictionary: Any, codes: Array, spatial: tuple[int, ...] | None) -> Any:
    check_array("codes", codes, ndims=(3, 4, 5), axes=_CODE_AXES)
    if spatial is None:
        spatial = dictionary.signal_spatial(codes.shape[2:])
    n_channels = dictionary.n_channels or codes.shape[1]
    shape = (codes.shape[0], n_channels, *spatial)
    operator = dictionary.bind(shape, codes)
    expected = (codes.shape[0], operator.n_filters, *operator.code_spatial)
    if tuple(codes.shape) != expected:
        msg = (
            f"`codes` must have shape {expected} for a signal of spatial size {tuple(spatial)}; "
            f"got {tuple(codes.shape)}: match filters and sizes."
        )
        raise ValueError(msg)
    return operator
