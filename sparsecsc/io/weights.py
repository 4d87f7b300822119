"""The convolutions of a trained network, from the tensors that its framework saved."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.io.archives import member_names, read_members
from sparsecsc.io.common import check_size, unreadable
from sparsecsc.penalties.nonnegative_l1 import NonnegativeL1
from sparsecsc.penalties.relu import ReLU

_MAX_HEADER = 10_000_000
"""Largest header of a safetensors file, in bytes."""
_WHAT_RANKS_ARE = {
    1: "one number a channel, such as a normalisation's weights",
    2: "a linear layer's weights",
}


@dataclass(frozen=True, eq=False)
class Convolutions:
    """The convolution layers of a network, the first first."""

    dictionaries: tuple[ConvDictionary, ...]
    """Their `analyze` is the network's convolution."""
    penalties: tuple[NonnegativeL1 | ReLU, ...]
    """Their prox at step 1 adds the bias and cuts off what is negative."""
    names: tuple[str, ...]
    """Of the weights in the file."""


def load_convolutions(
    path: str | os.PathLike[str],
    pattern: str = "*weight",
    *,
    stride: Any = 1,
    dilation: Any = 1,
    padding: Any = 0,
) -> Convolutions:
    r"""Read a network's convolution layers as dictionaries and penalties.

    Layer i of the network, :math:`x_i = \mathrm{ReLU}(W_i * x_{i-1} + b_i)`, is
    ``penalty.prox(dictionary.analyze(x), 1)``: layered thresholding of
    ``MLCSC(result.dictionaries)`` with these penalties is the forward pass.

    Parameters
    ----------
    path : path
        A file .npz or .safetensors of tensors by name, such as a PyTorch ``state_dict``.
    pattern : str
        Which tensors are weights: a shell pattern (`*`, `?`, `[...]`) for their names. They are
        taken in natural order, ``features.2`` before ``features.10``. The bias of
        ``NAME.weight`` is ``NAME.bias``, none if that is not in the file.
    stride, dilation : int, or list or tuple with one entry a layer
        As of `ConvDictionary`. A list or tuple always counts layers: for a stride of (2, 1) in
        each of three layers give ``[(2, 1)] * 3``.
    padding : int or str, or list or tuple with one entry a layer
        Likewise; 0 by default, as in PyTorch.

    Returns
    -------
    Convolutions
        Filters (out, in, *kernel) of the file's dtype, float16 as float32. The penalties are
        ``NonnegativeL1(-bias)`` where no bias is positive, else ``ReLU(bias)``.

    Raises
    ------
    OSError
        If there is no such file.
    ImportError
        If a .safetensors file is to be read without the package safetensors.
    ValueError
        If no name matches, a tensor that does is not the weights of a convolution, numbers are not
        finite, a geometry does not fit, or the file is damaged, too large or of another kind.

    Notes
    -----
    The file does not know the geometry, the order of the layers, nor what lies between them:
    stride, padding and pattern must say it, pooling and normalisation are left out. Weights of
    grouped convolutions look like those of fewer channels, and are refused only when a model's
    layers do not chain; those of transposed ones have their channels first.

    References
    ----------
    Papyan, Romano and Elad 2017 (section 5).

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc
    >>> from sparsecsc.io import load_convolutions
    >>> tensors = {"0.weight": np.ones((4, 1, 3, 3)), "0.bias": -np.ones(4)}
    >>> tensors |= {"2.weight": np.ones((8, 4, 3, 3)), "2.bias": np.ones(8)}
    >>> np.savez("network.npz", **tensors)
    >>> layers = load_convolutions("network.npz", stride=[1, 2], padding=1)
    >>> layers.names, [type(penalty).__name__ for penalty in layers.penalties]
    (('0.weight', '2.weight'), ['NonnegativeL1', 'ReLU'])
    >>> model = sc.MLCSC(layers.dictionaries)
    """
    file = Path(path)
    if not file.is_file():
        msg = f"expected a weights file '{file}'; got nothing there: check the path."
        raise FileNotFoundError(msg)
    names_in, tensors_in = _reader(file)
    available = names_in(file)
    names = _matching(file, available, pattern)
    biases = [_bias_name(name) for name in names]
    tensors = tensors_in(file, {*names, *(name for name in biases if name in available)})
    geometry = {"stride": stride, "dilation": dilation, "padding": padding}
    options = [
        dict(zip(geometry, entries, strict=True))
        for entries in zip(*(_by_layer(n, v, len(names)) for n, v in geometry.items()), strict=True)
    ]
    dictionaries = [
        _dictionary(file, name, tensors[name], how)
        for name, how in zip(names, options, strict=True)
    ]
    penalties = [
        _penalty(file, bias, tensors.get(bias), dictionary.filters)
        for bias, dictionary in zip(biases, dictionaries, strict=True)
    ]
    return Convolutions(tuple(dictionaries), tuple(penalties), tuple(names))


def _reader(file: Path) -> tuple[Callable[..., list[str]], Callable[..., Mapping[str, Any]]]:
    suffix = file.suffix.lower()
    if suffix == ".npz":
        return member_names, read_members
    if suffix == ".safetensors":
        return _safetensors_names, _safetensors
    msg = (
        f"weights must be in a .npz or .safetensors file; got '{file}': save the network's "
        "state_dict with safetensors.torch.save_file."
    )
    raise ValueError(msg)


def _matching(file: Path, available: Sequence[str], pattern: str) -> list[str]:
    names = sorted((n for n in available if fnmatchcase(n, pattern)), key=_natural)
    if not names:
        some = ", ".join(sorted(available, key=_natural)[:5]) or "no tensors"
        more = ", ..." if len(available) > 5 else ""
        msg = (
            f"expected names that match '{pattern}' in '{file}'; got {some}{more}: give a pattern "
            "for the names of the weights."
        )
        raise ValueError(msg)
    return names


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts digits by their number: first its length, then its digits."""
    parts = re.split(r"([0-9]+)", name)
    digits = [part.lstrip("0") for part in parts]
    return [
        (len(d), d) if k % 2 else (0, p) for k, (p, d) in enumerate(zip(parts, digits, strict=True))
    ]


def _bias_name(name: str) -> str:
    """Return the name of a layer's bias; an empty one if the weights' does not end in weight."""
    return name.removesuffix("weight") + "bias" if name.endswith("weight") else ""


def _by_layer(name: str, value: Any, n_layers: int) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        return [value] * n_layers
    if len(value) != n_layers:
        msg = (
            f"`{name}` must be one value or have one entry for each of the {n_layers} layers; got "
            f"{len(value)}: match them, with a tuple in a list for values by axis."
        )
        raise ValueError(msg)
    return list(value)


def _dictionary(
    file: Path, name: str, weights: np.ndarray, geometry: dict[str, Any]
) -> ConvDictionary:
    filters = _floating(file, name, weights)
    if filters.ndim not in (3, 4, 5):
        what = _WHAT_RANKS_ARE.get(filters.ndim, "no weights of a known layer")
        msg = (
            f"'{name}' in '{file}' must be a convolution's weights (out, in, *kernel); got shape "
            f"{filters.shape}, {what}: give a pattern that leaves it out."
        )
        raise ValueError(msg)
    try:
        return ConvDictionary(filters, **geometry)
    except (TypeError, ValueError) as error:
        msg = f"layer '{name}': {error}"
        raise type(error)(msg) from None


def _penalty(
    file: Path, name: str, bias: np.ndarray | None, filters: np.ndarray
) -> NonnegativeL1 | ReLU:
    if bias is None:
        return NonnegativeL1(0.0)
    if bias.shape != (len(filters),):
        msg = (
            f"'{name}' in '{file}' must hold one number for each of the {len(filters)} filters; "
            f"got shape {bias.shape}: check how the weights were saved."
        )
        raise ValueError(msg)
    with np.errstate(over="ignore"):
        values = _floating(file, name, bias).astype(filters.dtype)
    if not np.isfinite(values).all():
        msg = f"'{name}' in '{file}' must be finite; got NaN or infinity: check the training."
        raise ValueError(msg)
    return ReLU(values) if (values > 0).any() else NonnegativeL1(0.0 - values)


def _floating(file: Path, name: str, values: np.ndarray) -> np.ndarray:
    """Return `values` as float32 or float64: float16 is widened, the rest refused."""
    if values.dtype == np.float16:
        return values.astype(np.float32)
    _check_float(file, name, str(values.dtype))
    return values


def _check_float(file: Path, name: str, dtype: str) -> None:
    if dtype not in ("float16", "float32", "float64"):
        msg = (
            f"'{name}' in '{file}' must be float16, float32 or float64; got {dtype}: save the "
            "network's weights as float32."
        )
        raise ValueError(msg)


def _safetensors_names(file: Path) -> list[str]:
    with _open_safetensors(file) as stored:
        return list(stored.keys())


def _safetensors(file: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    known = {"F16": "float16", "F32": "float32", "F64": "float64", "BF16": "bfloat16"}
    tensors = {}
    with _open_safetensors(file) as stored:
        for name in names:
            tensor = stored.get_slice(name)
            check_size(file, tensor.get_shape())
            dtype = tensor.get_dtype()
            _check_float(file, name, known.get(dtype, dtype))
            tensors[name] = np.array(stored.get_tensor(name))
    return tensors


def _open_safetensors(file: Path) -> Any:
    """Open the file, whose length and stated header are checked first."""
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError:
        msg = (
            f"reading '{file}' needs the package safetensors; got none: "
            "pip install 'sparsecsc[networks]'."
        )
        raise ImportError(msg) from None
    size = file.stat().st_size
    check_size(file, (size // 8,))
    with open(file, "rb") as stream:
        header = int.from_bytes(stream.read(8), "little")
    if size < 8 or header > min(size - 8, _MAX_HEADER):
        reason = f"it announces a header of {header} bytes and has {size} in all"
        raise unreadable(file, "a safetensors file", reason)
    try:
        return safe_open(file, framework="np")
    except SafetensorError as error:
        raise unreadable(file, "a safetensors file", error) from None
