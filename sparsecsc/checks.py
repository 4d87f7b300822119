"""Every check of an argument that more than one room makes, each with one clear message."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from sparsecsc._codes_scratch import parts
from sparsecsc.backends import backend_of, kind_of
from sparsecsc.protocols import Array

_PRECISIONS = ("float32", "float64")


def check_array(name: str, array: Any, *, ndims: Sequence[int], axes: str) -> Array:
    """Check kind, dtype, rank, size and finiteness of `array`, and return it.

    `axes` says in words what the axes are, for the message.
    """
    if not hasattr(array, "dtype") or not hasattr(array, "shape"):
        msg = f"`{name}` must be an array {axes}; got {type(array).__name__}: use numpy.asarray."
        raise TypeError(msg)
    check_unmasked(name, array)
    backend = backend_of(array)
    if dtype_name(array) not in _PRECISIONS:
        advice = "scale and convert it, for example array.astype('float32') / 255"
        if "complex" in dtype_name(array):
            advice = "pass the real and imaginary parts as two signals"
        msg = f"`{name}` must be float32 or float64; got {dtype_name(array)}: {advice}."
        raise ValueError(msg)
    if array.ndim not in ndims:
        msg = f"`{name}` must have axes {axes}; got shape {tuple(array.shape)}: add or remove axes."
        raise ValueError(msg)
    if math.prod(array.shape) == 0:
        msg = f"`{name}` must not be empty; got shape {tuple(array.shape)}: check how it was cut."
        raise ValueError(msg)
    n_wrong = _count_not_finite(backend.xp, array)
    if n_wrong:
        msg = (
            f"`{name}` must be finite; got {n_wrong} NaN or infinite values: replace them, "
            "for example by 0 with a mask that is 0 there."
        )
        raise ValueError(msg)
    return array


def _count_not_finite(xp: Any, array: Array) -> int:
    """Count NaN and infinite values, in pieces, so that no temporary is of the array's size."""
    pieces = (array[key] for key in parts(array))
    return sum(0 if bool(xp.all(ok := xp.isfinite(p))) else int(xp.sum(~ok)) for p in pieces)


def check_unmasked(name: str, array: Array) -> None:
    """Refuse a masked array, whose mask the transforms would not see."""
    if hasattr(array, "mask"):
        msg = (
            f"`{name}` must be a plain array; got a {type(array).__name__}: pass array.filled(0) "
            "and, for a signal, a mask that is 0 there."
        )
        raise TypeError(msg)


def dtype_name(array: Array) -> str:
    """Return the name of the array's dtype, such as ``"float32"``."""
    return str(array.dtype).rpartition(".")[2]


def check_alike(**arrays: Any) -> None:
    """Check that all arrays that are not None have one kind and one dtype."""
    given = {name: array for name, array in arrays.items() if array is not None}
    kinds = {name: f"{kind_of(array)} {dtype_name(array)}" for name, array in given.items()}
    if len(set(kinds.values())) > 1:
        found = ", ".join(f"`{name}` is {kind}" for name, kind in kinds.items())
        msg = f"arrays must have one kind and one dtype; got {found}: convert them to one."
        raise TypeError(msg)


def check_number(
    name: str,
    value: Any,
    *,
    least: float = -math.inf,
    most: float = math.inf,
    above: float | None = None,
    finite: bool = False,
) -> float:
    """Check that `value` is a real number in [least, most] (and > above), and return a float."""
    bounds = f"a number > {above:g}" if above is not None else f"a number >= {least:g}"
    if most < math.inf:
        bounds += f" and <= {most:g}"
    if not _is_real(value):
        msg = f"`{name}` must be {bounds}; got {value!r}: pass a number."
        raise TypeError(msg)
    number = float(value)
    low_enough = number > above if above is not None else number >= least
    too_large = finite and number == math.inf
    if not low_enough or not number <= most or too_large:
        bounds += " and finite" if too_large else ""
        msg = f"`{name}` must be {bounds}; got {value!r}: choose one in that range."
        raise ValueError(msg)
    return number


def _is_real(value: Any) -> bool:
    """Whether `value` is one real number; text, complex numbers and arrays with axes are not."""
    if not hasattr(value, "dtype"):
        return hasattr(value, "__float__") or hasattr(value, "__index__")
    return value.ndim == 0 and any(kind in dtype_name(value) for kind in ("float", "int", "bool"))


def check_count(name: str, value: Any, *, least: int = 1) -> int:
    """Check that `value` is an integer >= least, and return it."""
    try:
        count = operator.index(value)
    except TypeError:
        msg = f"`{name}` must be an integer >= {least}; got {value!r}: pass an int."
        raise TypeError(msg) from None
    if count < least:
        msg = f"`{name}` must be an integer >= {least}; got {count}: choose a larger one."
        raise ValueError(msg)
    return count


def check_sequence(name: str, value: Any, content: str) -> tuple[Any, ...]:
    """Check that `value` can be listed, and return its entries."""
    if not hasattr(value, "__iter__") or isinstance(value, str):
        msg = f"`{name}` must be a sequence of {content}; got {value!r}: put it into a list."
        raise TypeError(msg)
    return tuple(value)


def check_callable(name: str, value: Any, role: str) -> None:
    """Check that `value` can be called; `role` says in words what it makes or takes."""
    if not callable(value):
        msg = f"`{name}` must be callable, {role}; got {value!r}: pass a function."
        raise TypeError(msg)


def per_axis(name: str, value: Any, n_axes: int, *, least: int) -> tuple[int, ...]:
    """Return `value`, an int or one int per spatial axis, as a tuple of `n_axes` ints."""
    if isinstance(value, (tuple, list)):
        if len(value) != n_axes:
            msg = (
                f"`{name}` must be an int or have one entry for each of the {n_axes} spatial axes; "
                f"got {tuple(value)}: pass {n_axes} entries."
            )
            raise ValueError(msg)
        return tuple(check_count(name, v, least=least) for v in value)
    return (check_count(name, value, least=least),) * n_axes


def check_memory(
    what: str, shape: Sequence[int], dtype: Any, advice: str, available: float | None = None
) -> None:
    """Refuse to make an array that the memory available, of this machine or given, cannot hold."""
    itemsize = 4 if str(dtype).endswith("32") else 8
    needed = math.prod(shape) * itemsize
    available = available_memory() if available is None else available
    if needed > available:
        msg = (
            f"{what} of shape {tuple(shape)} must fit into memory as an array, {needed / 1e9:.1f} "
            f"GB; got {available / 1e9:.1f} GB available: {advice}."
        )
        raise MemoryError(msg)


def available_memory() -> float:
    """Return how many bytes this process can still use, as far as the system tells; else inf."""
    available = math.inf
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            sizes = dict(line.split(":") for line in lines)
        available = 1024.0 * int(sizes["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        pass
    try:
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as file:
            available = min(available, float(file.read()))
    except (OSError, ValueError):  # "max": no limit
        pass
    return available
