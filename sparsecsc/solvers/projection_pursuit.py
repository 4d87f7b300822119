"""Projection pursuit: the deepest code first, the others from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sparsecsc.protocols import Array
from sparsecsc.solvers._layers import check_inner, check_multilayer


@dataclass(frozen=True)
class ProjectionState:
    """The problem of the deepest codes, and the inner state."""

    problem: Any
    pursuit: Any
    inner: Any

    @property
    def codes(self) -> tuple[Array, ...]:
        """The deepest codes, and what they synthesise at the layers before."""
        codes: tuple[Array, ...] = self.problem.images(self.inner.codes)[1:]
        return codes

    @property
    def pursuits(self) -> tuple[tuple[Any, Array], ...]:
        """The problem that is solved, with its codes."""
        return ((self.pursuit, self.inner.codes),)

    @property
    def finished(self) -> bool | None:
        """As the inner solver."""
        finished: bool | None = self.inner.finished
        return finished


@dataclass(frozen=True)
class ProjectionPursuit:
    r"""Solve for the deepest codes in the effective dictionary, then synthesise the others.

    .. math::
        \min_\Gamma \tfrac12\|y - D_1\cdots D_L\Gamma\|^2 + \phi_L(\Gamma), \quad
        \Gamma_{i-1} = D_i \Gamma_i

    Parameters
    ----------
    inner : solver, optional
        What solves for the deepest codes; by default `FISTA`. `OMP` with an `L0` penalty.

    Raises
    ------
    TypeError
        If `inner` is not a single-layer solver.

    Notes
    -----
    The codes of all layers agree exactly, so that errors do not add up with depth; the penalties
    of the shallower layers play no part, except in the objective that is reported. The run has
    converged if the relative gap of the problem above is within the tolerance.

    References
    ----------
    Sulam, Papyan, Romano and Elad 2018 (algorithm 1, whose stop at a given sparsity of each layer
    is left to the caller).
    """

    inner: Any = None
    multilayer = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "inner", check_inner(self.inner))

    def init(self, problem: Any, start: tuple[Array, ...]) -> ProjectionState:
        """Start at the deepest of `start`."""
        check_multilayer(self, problem)
        pursuit = problem.projection()
        return ProjectionState(problem, pursuit, self.inner.init(pursuit, start[-1]))

    def step(self, problem: Any, state: ProjectionState) -> ProjectionState:
        """Take one inner step."""
        return replace(state, inner=self.inner.step(state.pursuit, state.inner))
