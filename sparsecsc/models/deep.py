r"""Deep pursuit: all layers in one convex problem.

With the signal :math:`w_0`, the codes :math:`w_1, ..., w_L` of all layers and blocks
:math:`B_{kj}` for :math:`k < j`,

.. math::
    \min_w \sum_{k<L} \tfrac12 \Big\| w_k - \sum_{j>k} B_{kj} w_j \Big\|^2 + \sum_j \phi_j(w_j),

a single-layer pursuit of :math:`(w_0, 0, ..., 0)` in the block matrix B with :math:`-I` where
:math:`w_k` itself stands. A chain has the blocks :math:`B_{j-1,j} = D_j`; a residual start of layer
j at layer s adds the identity or the shortcut as :math:`B_{sj}`; a dense layer has a block for each
earlier layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from sparsecsc.backends import backend_of
from sparsecsc.checks import check_array
from sparsecsc.dictionaries._operators import analyze_whole
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.identity import Identity
from sparsecsc.models.layers import bind_penalties, layer_shapes
from sparsecsc.models.msdcsc import MSDCSC
from sparsecsc.models.stacked_penalty import StackedPenalty, columns_of
from sparsecsc.problems import SIGNAL_AXES, Pursuit
from sparsecsc.protocols import Array, Block


def deep_pursuit(signal: Array, model: Any, penalties: Sequence[Any]) -> Pursuit:
    """Return the joint problem of all layers, for `ISTA`, `FISTA` and every certificate.

    Parameters
    ----------
    signal : array, shape (n_signals, n_channels, *spatial)
    model : MLCSC, ResCSC or MSDCSC
        The codes of a dense layer are its new maps only: (n_signals, k_i, *spatial).
    penalties : sequence of penalties
        One a layer, convex.

    Returns
    -------
    Pursuit
        Of the flattened layers: signal and codes have shapes (n_signals, n, 1). Its
        ``dictionary.split(codes)`` returns the codes of each layer in their own shapes.

    Raises
    ------
    TypeError, ValueError
        As `MultilayerPursuit`, and if a penalty is not convex.

    Notes
    -----
    The objective is not F of `MultilayerPursuit`: layers need only nearly agree. Per step one
    synthesis and one analysis of every block.

    References
    ----------
    Murdock, Cazenavette and Lucey 2021.

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc
    >>> rng = np.random.default_rng(0)
    >>> banks = [rng.standard_normal((4, 1, 5)), rng.standard_normal((6, 4, 3))]
    >>> model = sc.MLCSC([sc.ConvDictionary(filters) for filters in banks])
    >>> signal = rng.standard_normal((1, 1, 32))
    >>> problem = sc.deep_pursuit(signal, model, [sc.L1(1.0), sc.L1(1.0)])
    >>> result = sc.solve(problem)
    >>> [codes.shape for codes in problem.dictionary.split(result.codes)]
    [(1, 4, 32), (1, 6, 32)]
    """
    check_array("signal", signal, ndims=(3, 4, 5), axes=SIGNAL_AXES)
    dictionary = DeepDictionary(model, tuple(signal.shape[1:]))
    shapes = [(signal.shape[0], *shape) for shape in dictionary.shapes[1:]]
    bound = bind_penalties(penalties, shapes, signal)
    return Pursuit(dictionary.flatten(signal), dictionary, StackedPenalty(bound, dictionary.shapes))


@dataclass(frozen=True, eq=False)
class DeepDictionary:
    """The block matrix B of a model for signals of one size, on flattened layers.

    Parameters
    ----------
    model : MLCSC, ResCSC or MSDCSC
    signal_shape : tuple of int
        (n_channels, *spatial), without the batch.
    """

    model: Any
    signal_shape: tuple[int, ...]
    shapes: tuple[tuple[int, ...], ...] = field(init=False)
    """Of the signal and of every layer's codes, without the batch."""
    blocks: tuple[tuple[int, int, Any], ...] = field(init=False, repr=False)
    """(k, j, dictionary) for each block B_kj."""

    def __post_init__(self) -> None:
        shapes = [s[1:] for s in layer_shapes(self.model, (1, *self.signal_shape))]
        if isinstance(self.model, MSDCSC):
            banks = self.model.filter_banks
            news = ((len(bank), *shapes[0][1:]) for bank in banks)
            shapes = [shapes[0], *news]
        blocks = _dense_blocks(self.model, shapes) if isinstance(self.model, MSDCSC) else None
        object.__setattr__(self, "shapes", tuple(shapes))
        object.__setattr__(self, "blocks", tuple(blocks or _chain_blocks(self.model)))

    @property
    def sizes(self) -> list[int]:
        """How many values the signal and the codes of each layer have."""
        return [math.prod(shape) for shape in self.shapes]

    @property
    def n_channels(self) -> int:
        """The number of rows: values of the signal and of all layers but the deepest."""
        return sum(self.sizes[:-1])

    @property
    def n_filters(self) -> int:
        """The number of columns: values of the codes of all layers."""
        return sum(self.sizes[1:])

    n_axes = 1

    def flatten(self, signal: Array) -> Array:
        """Return the right-hand side (signal, 0, ..., 0), (n_signals, n_channels, 1)."""
        xp = backend_of(signal).xp
        out = xp.zeros((signal.shape[0], self.n_channels, 1), dtype=signal.dtype)
        out[:, : self.sizes[0], 0] = xp.reshape(signal, (signal.shape[0], -1))
        return out

    def split(self, codes: Array) -> tuple[Array, ...]:
        """Return the codes of each layer, (n_signals, *shape), of flattened ones."""
        return _split(codes, self.shapes[1:])

    def code_shape(self, signal_shape: Sequence[int]) -> tuple[int, ...]:
        """Return (n_signals, n_filters, 1)."""
        if tuple(signal_shape[1:]) != (self.n_channels, 1):
            msg = (
                f"`signal` must have the shape (n_signals, {self.n_channels}, 1) of flattened "
                f"layers; got {tuple(signal_shape)}: use `flatten`."
            )
            raise ValueError(msg)
        return (signal_shape[0], self.n_filters, 1)

    def signal_spatial(self, code_spatial: Sequence[int]) -> tuple[int, ...]:
        """Return (1,)."""
        return tuple(code_spatial)

    def bind(self, signal_shape: Sequence[int], like: Array) -> DeepOperator:
        """Return the operator for a batch of this size."""
        n_signals, n_filters, _ = self.code_shape(signal_shape)
        parts = []
        for k, j, dictionary in self.blocks:
            operator = dictionary.bind((n_signals, *self.shapes[k]), like)
            parts.append((k, j, operator))
        backend = backend_of(like)
        return DeepOperator(backend, like.dtype, self.shapes, tuple(parts), n_filters)

    def synthesize(self, codes: Array, spatial: tuple[int, ...] | None = None) -> Array:
        """Return B codes, flattened."""
        operator = self.bind((codes.shape[0], self.n_channels, 1), codes)
        return operator.synthesize(lambda block: codes[block], codes.shape[0])

    def analyze(self, signal: Array) -> Array:
        """Return the adjoint of B applied to a flattened signal."""
        operator: Any = self.bind(signal.shape, signal)
        return analyze_whole(operator, signal)

    def gram(self, codes: Array, spatial: tuple[int, ...] | None = None) -> Array:
        """Return the adjoint of B applied to B codes."""
        return self.analyze(self.synthesize(codes))

    def lipschitz(self, spatial: tuple[int, ...] | None = None) -> float:
        """Return the squared norm of the matrix of the blocks' norms, which bounds that of B."""
        bounds: dict[tuple[int, int], float] = {}
        for k, j, dictionary in self.blocks:
            norm = math.sqrt(dictionary.lipschitz(self.shapes[k][1:]))
            bounds[k, j] = bounds.get((k, j), 0.0) + norm
        return _squared_norm(bounds, len(self.shapes) - 1)


@dataclass(frozen=True, eq=False)
class DeepOperator:
    """`DeepDictionary` bound to a batch."""

    backend: ModuleType
    dtype: Any
    shapes: tuple[tuple[int, ...], ...]
    parts: tuple[tuple[int, int, Any], ...]
    n_filters: int
    signal_spatial: tuple[int, ...] = (1,)
    code_spatial: tuple[int, ...] = (1,)

    @property
    def n_channels(self) -> int:
        """The number of rows."""
        return sum(math.prod(shape) for shape in self.shapes[:-1])

    def blocks(self, n_signals: int) -> list[Block]:
        """Return one block a layer."""
        return [(slice(None), columns, ...) for columns in columns_of(self.shapes)]

    def synthesize(self, codes_at: Callable[[Block], Array], n_signals: int) -> Array:
        """Return B w, flattened."""
        xp = self.backend.xp
        layers = [
            xp.reshape(codes_at(block), (n_signals, *shape))
            for block, shape in zip(self.blocks(n_signals), self.shapes[1:], strict=True)
        ]
        rows: list[Array] = [0, *(-w for w in layers[:-1])]
        for k, j, operator in self.parts:
            w = layers[j - 1]
            rows[k] = rows[k] + operator.synthesize(lambda b, w=w: w[b], n_signals)
        flat = [xp.reshape(row, (n_signals, -1, 1)) for row in rows]
        return xp.concat(flat, axis=1)

    def analyze(self, signal: Array, consume: Callable[[Block, Array], Any]) -> list[Any]:
        """Hand out the adjoint, layer by layer."""
        xp = self.backend.xp
        n_signals = signal.shape[0]
        rows = _split(signal, self.shapes[:-1])
        layers: list[Array] = [*(-row for row in rows[1:]), 0]
        for k, j, operator in self.parts:
            layers[j - 1] = layers[j - 1] + analyze_whole(operator, rows[k])
        pairs = zip(self.blocks(n_signals), layers, strict=True)
        return [consume(block, xp.reshape(w, (n_signals, -1, 1))) for block, w in pairs]

    def cover(self, values: Array) -> Array:
        """Return the largest value for every row: flattened layers have one position."""
        return values[:, None, ...]

    def lipschitz(self) -> float:
        """Return a bound on the squared norm of B."""
        bounds: dict[tuple[int, int], float] = {}
        for k, j, operator in self.parts:
            bounds[k, j] = bounds.get((k, j), 0.0) + math.sqrt(operator.lipschitz())
        return _squared_norm(bounds, len(self.shapes) - 1)


def _split(flat: Array, shapes: Sequence[tuple[int, ...]]) -> tuple[Array, ...]:
    xp = backend_of(flat).xp
    out, first = [], 0
    for shape in shapes:
        n = math.prod(shape)
        out.append(xp.reshape(flat[:, first : first + n], (flat.shape[0], *shape)))
        first += n
    return tuple(out)


def _chain_blocks(model: Any) -> list[tuple[int, int, Any]]:
    blocks = [(j - 1, j, d) for j, d in enumerate(model.dictionaries, start=1)]
    pairs = zip(model.starts, model.shortcuts, strict=True)
    for j, (source, shortcut) in enumerate(pairs, start=1):
        if source is not None:
            blocks.append((source, j, Identity() if shortcut is None else shortcut))
    return blocks


def _dense_blocks(model: MSDCSC, shapes: list[tuple[int, ...]]) -> list[tuple[int, int, Any]]:
    """Cut each filter bank by the layers whose maps it sees."""
    blocks = []
    for j, layer in enumerate(model.dictionaries, start=1):
        whole, first = layer.dictionaries[1], 0
        for k in range(j):
            last = first + shapes[k][0]
            part = whole.filters[:, first:last]
            cut = ConvDictionary(part, dilation=whole.dilation, padding=whole.padding)
            blocks.append((k, j, cut))
            first = last
    return blocks


def _squared_norm(bounds: dict[tuple[int, int], float], n_layers: int) -> float:
    norms = np.zeros((n_layers, n_layers))
    norms[range(1, n_layers), range(n_layers - 1)] = 1.0
    for (k, j), bound in bounds.items():
        norms[k, j - 1] += bound
    return float(np.linalg.norm(norms, 2) ** 2)
