"""Layered basis pursuit: solve each layer's problem, pass its codes on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sparsecsc.checks import check_count, check_number
from sparsecsc.codes import dense, start_for
from sparsecsc.protocols import Array
from sparsecsc.solvers._layers import (
    check_each,
    check_entries,
    check_inner,
    check_multilayer,
    entry,
)


@dataclass(frozen=True)
class LayeredState:
    """The layer at work, its problem and inner state, and what came before."""

    start: tuple[Array, ...]
    layer: int
    """From 1; one more than there are when all are done."""
    pursuit: Any
    inner: Any
    k: int
    """Inner steps taken in this layer."""
    done: tuple[tuple[Any, Array], ...]

    @property
    def codes(self) -> tuple[Array, ...]:
        """Codes of the layers that are done, of the one at work, and zeros for the others."""
        current = () if self.inner is None else (dense(self.inner.codes),)
        finished = tuple(codes for _, codes in self.done)
        return (*finished, *current, *self.start[len(finished) + len(current) :])

    @property
    def pursuits(self) -> tuple[Any, ...]:
        """The problems that are solved, with their codes; None for the others."""
        return (*self.done, *(None,) * (len(self.start) - len(self.done)))

    @property
    def finished(self) -> bool:
        """Whether the last layer is done."""
        return self.inner is None


@dataclass(frozen=True)
class LayeredBasisPursuit:
    r"""Solve one layer after the other, each to the end.

    .. math::
        \Gamma_i = \arg\min_\Gamma \tfrac12\|\Gamma_{i-1} - D_i\Gamma\|^2 + \phi_i(\Gamma),
        \quad i = 1, ..., L

    Parameters
    ----------
    inner : solver, optional
        What solves a layer; by default `FISTA`. `ISTA` with `n_iter` is the unfolding layer by
        layer; `OMP` goes with `L0` penalties.
    tol : float or sequence of float
        Relative duality gap at which a layer is done, for all layers or one each; 1e-3 by default.
        Where there is no gap: the relative KKT residual.
    n_iter : int or sequence of int, optional
        In place of `tol`: how many inner steps a layer takes, for all layers or one each.
    check_every : int
        Inner steps between looks at `tol`.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range or there is not one a layer.

    Notes
    -----
    An iteration is one inner step. A layer starts where the model's rule says, else at `start`.
    The run has converged if the gap of every layer is within the tolerance of `solve`; one layer's
    error is passed on to the next. Memory: the inner solver's, and codes of all layers.

    References
    ----------
    Papyan, Romano and Elad 2017 (algorithm 2); Zhang and Zhang 2021 (unfolding).
    """

    inner: Any = None
    tol: Any = 1e-3
    n_iter: Any = None
    check_every: int = 10
    multilayer = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "inner", check_inner(self.inner))
        check_count("check_every", self.check_every)
        object.__setattr__(self, "tol", check_each("tol", self.tol, check_number, least=0.0))
        if self.n_iter is not None:
            object.__setattr__(self, "n_iter", check_each("n_iter", self.n_iter, check_count))

    def init(self, problem: Any, start: tuple[Array, ...]) -> LayeredState:
        """Start at the first layer."""
        check_multilayer(self, problem)
        for name in ("tol", "n_iter"):
            check_entries(name, getattr(self, name), problem)
        return self._enter(problem, LayeredState(start, 0, None, None, 0, ()))

    def step(self, problem: Any, state: LayeredState) -> LayeredState:
        """Take one inner step; go on to the next layer if it was the last."""
        inner = self.inner.step(state.pursuit, state.inner)
        state = replace(state, inner=inner, k=state.k + 1)
        if not self._is_done(problem, state):
            return state
        done = (*state.done, (state.pursuit, dense(inner.codes)))
        return self._enter(problem, replace(state, done=done))

    def _enter(self, problem: Any, state: LayeredState) -> LayeredState:
        layer = state.layer + 1
        state = replace(state, layer=layer, pursuit=None, inner=None, k=0)
        if layer > problem.n_layers:
            return state
        earlier = (problem.signal, *(codes for _, codes in state.done))
        pursuit = problem.layer(layer, earlier[-1])
        start = problem.start(layer, earlier)
        xp = problem.backend.xp
        own = state.start[layer - 1] if start is None else xp.asarray(start, copy=True)
        inner = self.inner.init(pursuit, start_for(self.inner, own))
        return replace(state, pursuit=pursuit, inner=inner)

    def _is_done(self, problem: Any, state: LayeredState) -> bool:
        if state.inner.finished:
            return True
        if self.n_iter is not None:
            return bool(state.k >= entry(self.n_iter, state.layer))
        if state.k % self.check_every:
            return False
        measure = problem.measure(state.pursuit, state.inner.codes)
        return bool(measure <= entry(self.tol, state.layer))
