"""What multi-layer pursuit minimises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import Any

from sparsecsc.backends import backend_of
from sparsecsc.checks import check_alike, check_array
from sparsecsc.dictionaries._operators import analyze_whole
from sparsecsc.models.certificate import (
    certify_codes,
    certify_state,
    value_and_violation,
)
from sparsecsc.models.layers import bind_penalties, effective, layer_shapes, start_of
from sparsecsc.models.stack import make_stack
from sparsecsc.optimality import certify
from sparsecsc.problems import SIGNAL_AXES, Pursuit
from sparsecsc.protocols import Array, Operator
from sparsecsc.result import Certificate


@dataclass(frozen=True, eq=False)
class MultilayerPursuit:
    r"""Multi-layer basis pursuit: one code, sparse at every depth.

    .. math::
        F(\Gamma) = \tfrac12 \|y - D_1 \cdots D_L \Gamma\|_2^2
        + \sum_{i<L} \phi_i(D_{i+1} \cdots D_L \Gamma) + \phi_L(\Gamma)

    Parameters
    ----------
    signal : array, shape (n_signals, n_channels, *spatial)
        y, float32 or float64. Signals of a batch are independent problems.
    model : MLCSC, ResCSC or MSDCSC
        The dictionaries :math:`D_1, ..., D_L`, of the signal's dtype and array kind, and where
        layered pursuits start.
    penalties : sequence of penalties
        :math:`\phi_i`, one a layer. Weights are those of F; solvers scale them by their steps.

    Raises
    ------
    TypeError
        If arrays are of different kinds or dtypes, or an argument lacks a needed method.
    ValueError
        If there are not as many penalties as layers, shapes do not chain (the message names the
        layer), or an array is empty, not finite or not floating.

    Notes
    -----
    Codes are a tuple with one array a layer. The objective is F at the deepest; layered pursuits,
    whose codes of different layers need not agree, are judged by it too. Where a shallower layer
    forbids what the deepest codes synthesise (negative codes, or any at an infinite weight), F is
    computed at the nearest allowed codes, and how far these are is the certificate's `violation`.

    References
    ----------
    Sulam, Aberdam, Beck and Elad 2020 (eq. 3, multi-layer basis pursuit); Papyan, Romano and Elad
    2017 (the layered pursuits).

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc
    >>> rng = np.random.default_rng(0)
    >>> model = sc.MLCSC(
    ...     [
    ...         sc.ConvDictionary(rng.standard_normal((4, 1, 5))),
    ...         sc.ConvDictionary(rng.standard_normal((6, 4, 3))),
    ...     ]
    ... )
    >>> signal = rng.standard_normal((1, 1, 64))
    >>> problem = sc.MultilayerPursuit(signal, model, [sc.L1(0.1), sc.L1(0.5)])
    >>> result = sc.solve(problem)
    >>> [codes.shape for codes in result.codes], result.status.name
    ([(1, 4, 64), (1, 6, 64)], 'CONVERGED')
    """

    signal: Array
    model: Any
    penalties: Sequence[Any]
    shapes: tuple[tuple[int, ...], ...] = field(init=False)
    """Of the signal and of the codes of every layer."""
    operators: tuple[Operator, ...] = field(init=False, repr=False)
    """The dictionaries bound to their sizes."""

    def __post_init__(self) -> None:
        signal = check_array("signal", self.signal, ndims=(3, 4, 5), axes=SIGNAL_AXES)
        shapes = layer_shapes(self.model, signal.shape)
        bound = bind_penalties(self.penalties, shapes[1:], signal)
        for source, shortcut in zip(self.model.starts, self.model.shortcuts, strict=True):
            if source is not None and shortcut is not None:
                shortcut.bind(shapes[source], signal)  # refuses another dtype or kind
        pairs = zip(self.model.dictionaries, shapes[:-1], strict=True)
        object.__setattr__(self, "operators", tuple(d.bind(s, signal) for d, s in pairs))
        object.__setattr__(self, "shapes", shapes)
        object.__setattr__(self, "penalties", bound)

    @property
    def backend(self) -> ModuleType:
        """The backend of the signal's array kind."""
        return backend_of(self.signal)

    @property
    def target(self) -> Array:
        """The signal: there is no mask."""
        return self.signal

    @property
    def n_layers(self) -> int:
        """The number of layers."""
        return len(self.operators)

    def images(self, deepest: Array, room: Sequence[Array] | None = None) -> tuple[Array, ...]:
        """Return what the deepest codes synthesise at the signal and at every layer, down to them.

        Cost: one synthesis a layer. `room` has arrays for all but the deepest, which may be used.
        """
        out = [deepest]
        for i in range(self.n_layers, 0, -1):
            out.insert(0, self.synthesize(i, out[0], None if room is None else room[i - 1]))
        return tuple(out)

    def synthesize(self, i: int, codes: Array, room: Array | None = None) -> Array:
        """Return what codes of layer `i` (from 1) synthesise; `room` is where it may be stored."""
        operator = self.operators[i - 1]
        if room is not None and hasattr(operator, "synthesize_into"):
            into: Array = operator.synthesize_into(lambda block: codes[block], room)
            return into
        return operator.synthesize(lambda block: codes[block], codes.shape[0])

    def correlate(self, images: Sequence[Array]) -> Array:
        """Return the adjoint of `images` (all but its last entry) applied to `images`.

        Cost: one analysis a layer.
        """
        total = images[0]
        for i, operator in enumerate(self.operators, start=1):
            total = analyze_whole(operator, total)
            if i < len(images):
                total += images[i]
        return total

    def layer(self, i: int, source: Array) -> Pursuit:
        """Return the single-layer problem of layer `i` (from 1), given the codes before it."""
        return Pursuit(source, self.model.dictionaries[i - 1], self.penalties[i - 1])

    def projection(self) -> Pursuit:
        """Return the single-layer problem of the deepest codes in the effective dictionary."""
        return Pursuit(self.signal, effective(self.model), self.penalties[-1])

    def start(self, i: int, earlier: Sequence[Array]) -> Array | None:
        """Return where layer `i` (from 1) starts by the model's rule; None is zero."""
        return start_of(self.model, i, earlier)

    def lipschitz(self, i: int) -> float:
        """Return the bound on the squared norm of the dictionary of layer `i` (from 1)."""
        return float(self.operators[i - 1].lipschitz()) or 1.0

    def objective(self, codes: Any) -> float:
        """Return F at the deepest of the codes (a tuple, or that array), with sums in float64."""
        deepest = codes[-1] if isinstance(codes, tuple) else codes
        self._check_layer("codes", deepest, self.n_layers)
        return self.value(self.images(deepest))

    def value(self, images: Sequence[Array]) -> float:
        """Return F at what the deepest codes synthesise at all layers, as `images` gives it."""
        data = 0.5 * self.backend.sum_squares(self.signal - images[0])
        return float(data + value_and_violation(self, images)[0])

    def certify_state(self, state: Any) -> Certificate:
        """Return what can be said about a solver's state; see `sparsecsc.models.certificate`."""
        return certify_state(self, state)

    def certify_codes(self, codes: tuple[Array, ...]) -> Certificate:
        """Return what can be said about codes without their solver's multipliers."""
        return certify_codes(self, codes)

    def measure(self, pursuit: Pursuit, codes: Array) -> float:
        """Return the relative gap of the codes of a layer's problem, else its KKT residual."""
        return certify(pursuit, codes).measure

    def check_codes(self, name: str, codes: Any) -> tuple[Array, ...]:
        """Check that `codes` are a tuple of finite arrays that fit the layers."""
        if not isinstance(codes, tuple) or len(codes) != self.n_layers:
            got = f"{len(codes)} entries" if isinstance(codes, tuple) else type(codes).__name__
            msg = (
                f"`{name}` must be a tuple with the codes of each of the {self.n_layers} layers; "
                f"got {got}: pass such as an earlier result's codes."
            )
            raise TypeError(msg)
        for i, layer in enumerate(codes, start=1):
            self._check_layer(f"{name}[{i - 1}]", layer, i)
        return codes

    def _check_layer(self, name: str, codes: Array, i: int) -> None:
        shape = self.shapes[i]
        check_array(name, codes, ndims=(len(shape),), axes=str(shape))
        check_alike(**{"signal": self.signal, name: codes})
        if tuple(codes.shape) != shape:
            msg = (
                f"`{name}` must have the shape of the codes of layer {i}, {shape}; got "
                f"{tuple(codes.shape)}: codes of another signal or model do not fit."
            )
            raise ValueError(msg)

    @cached_property
    def stack(self) -> Any:
        """What solves linear systems in the images of all layers together."""
        return make_stack(self)
