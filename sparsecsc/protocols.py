"""The nouns that a user may replace by objects of their own: what each must be able to do.

Nothing here is a base class. A dictionary, penalty or solver is any object with these methods.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import EllipsisType, ModuleType
from typing import Any, Protocol, TypeAlias

Array: TypeAlias = Any
"""A NumPy array, or one of another kind that has a backend."""

Block: TypeAlias = tuple[slice, slice, EllipsisType]
"""Which signals and which filters a piece of work covers: ``codes[block]`` is a view.

The dots are for array kinds that want every axis named.
"""

WHOLE: Block = (slice(None), slice(None), ...)
"""The block that is everything."""


class Operator(Protocol):
    """A dictionary bound to a signal size, a dtype and a backend: what solvers work with.

    Codes never need to exist as a whole: they are asked for, and handed out, block by block.
    Blocks may be worked on concurrently.
    """

    backend: ModuleType
    dtype: Any
    n_channels: int
    n_filters: int
    signal_spatial: tuple[int, ...]
    code_spatial: tuple[int, ...]

    def blocks(self, n_signals: int) -> list[Block]:
        """Return the blocks that `synthesize` asks for and `analyze` hands out."""
        ...

    def synthesize(self, codes_at: Callable[[Block], Array], n_signals: int) -> Array:
        """Return the signal D z, where ``codes_at(block)`` returns the block of z."""
        ...

    def analyze(self, signal: Array, consume: Callable[[Block, Array], Any]) -> list[Any]:
        """Call ``consume(block, (D^T signal)[block])`` once a block; return what it returned.

        The second argument belongs to `consume`, which may change it.
        """
        ...

    def cover(self, values: Array) -> Array:
        """Return, at each sample, the largest of `values` >= 0 whose atoms touch that sample.

        From (n_signals, *code_spatial) to (n_signals, 1, *signal_spatial).
        """
        ...

    def lipschitz(self) -> float:
        """Return an upper bound on the squared spectral norm of D at this size."""
        ...


class Dictionary(Protocol):
    """A linear map D from codes to signals, with its adjoint."""

    def code_shape(self, signal_shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape of the codes of a signal of shape (n_signals, n_channels, *spatial)."""
        ...

    def bind(self, signal_shape: Sequence[int], like: Array) -> Operator:
        """Return the operator for signals of this shape, with the dtype and kind of `like`."""
        ...

    def synthesize(self, codes: Array, spatial: tuple[int, ...] | None = None) -> Array:
        """Return D codes; `spatial` is the signal's size where the codes leave a choice."""
        ...

    def analyze(self, signal: Array) -> Array:
        """Return D^T signal."""
        ...

    def gram(self, codes: Array, spatial: tuple[int, ...] | None = None) -> Array:
        """Return D^T D codes."""
        ...

    def lipschitz(self, spatial: tuple[int, ...] | None = None) -> float:
        """Return an upper bound on the squared spectral norm, for one size or for all."""
        ...

    def column_norms(self, signal_shape: Sequence[int], mask: Array) -> Array:
        """Return the norm of each column of mask * D, with the shape of the codes."""
        ...

    def column(self, signal_shape: Sequence[int], index: tuple[int, ...], like: Array) -> Array:
        """Return the atom of the code entry (filter, *position): (n_channels, *spatial)."""
        ...


class Penalty(Protocol):
    """A function of the codes with a proximal operator.

    One whose `value` takes `SparseCodes` as well says so by an attribute ``sparse = True``.
    """

    separable: bool
    """Whether value and prox act on each coefficient by itself."""

    def value(self, codes: Array) -> float:
        """Return the penalty of `codes`, inf where they are not allowed."""
        ...

    def prox(self, v: Array, step: float) -> Array:
        """Return the z that minimises ``step * value(z) + |z - v|^2 / 2``, as a new array."""
        ...

    def bind(self, codes_shape: tuple[int, ...], like: Array) -> Penalty:
        """Return the penalty with weights checked against, and broadcastable to, the codes."""
        ...

    def at(self, block: Block) -> Penalty:
        """Return the bound penalty of one block of the codes."""
        ...

    def scaled(self, factor: float) -> Penalty:
        """Return the penalty with all its weights multiplied by `factor`."""
        ...


class ConvexPenalty(Penalty, Protocol):
    """A penalty that a duality gap can be computed for.

    One whose conjugate is finite for some coefficients and infinite for others may also have
    ``allowed(correlation)``: the largest multiples, at most 1, that none of them forbids.
    """

    def dual_bounds(self, correlation: Array) -> tuple[Array, Array]:
        """Return (ratio, conjugate), one of each a signal, or one where signals are coupled.

        ``conjugate(t * correlation) = 0`` for 0 <= t <= 1 / ratio, and `conjugate` is the value
        at the correlation itself (inf where it is not in the domain). Coefficients that `free`
        can select are left out of both.
        """
        ...

    def overshoot(self, correlation: Array) -> Array:
        """Return how many times too large the correlations are, at most, at each position.

        From (n_signals, n_filters, *spatial) to (n_signals, *spatial); 1 is just feasible.
        """
        ...

    def free(self, codes: Array, correlation: Array) -> Array | None:
        """Return where the correlation must vanish at the optimum; None where no weight is 0."""
        ...


class Model(Protocol):
    """A multi-layer model: the dictionaries of all layers, and where each layer starts."""

    @property
    def dictionaries(self) -> tuple[Any, ...]:
        """One a layer, the first nearest to the signal."""
        ...

    @property
    def starts(self) -> tuple[int | None, ...]:
        """For each layer None, which is zero, or the earlier layer it starts at; 0: the signal."""
        ...

    @property
    def shortcuts(self) -> tuple[Any, ...]:
        """For each layer the dictionary that its start is analysed by; None: none."""
        ...

    @property
    def damping(self) -> str | float:
        """The factor of D^T D start in a layer's first step; "step": that of the step."""
        ...


class State(Protocol):
    """What a solver carries from step to step; `step` may overwrite its arrays.

    The states of multi-layer solvers may have more for the certificate to use: see
    `sparsecsc.models.certificate.certify_state`.
    """

    @property
    def codes(self) -> Any:
        """The iterate: an array, a tuple with one a layer, or `SparseCodes` of their own memory."""
        ...

    @property
    def finished(self) -> bool | None:
        """Whether the solver's own stopping rule is met; None if it has none, as most."""
        ...


class Solver(Protocol):
    """A frozen record of an algorithm's own numbers; it never prints, times or stops.

    One that solves a `MultilayerPursuit` says so by an attribute ``multilayer = True``. One whose
    states hand out `SparseCodes` says so by ``sparse = True``, and is given `start` as such.
    """

    def init(self, problem: Any, start: Any) -> Any:
        """Return the first state; `start` belongs to the solver from here on."""
        ...

    def step(self, problem: Any, state: Any) -> Any:
        """Return the state after one iteration."""
        ...
