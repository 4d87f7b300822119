"""Multi-layer iterative soft thresholding, plain and with momentum."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from sparsecsc.checks import check_count, check_number
from sparsecsc.protocols import Array
from sparsecsc.solvers._layers import (
    check_each,
    check_entries,
    check_multilayer,
    check_steps,
    entry,
    first_share,
    layer_steps,
    proximal_step,
)
from sparsecsc.solvers._steps import restarted


@dataclass(frozen=True)
class SweepState:
    """Codes of all layers, how much the deepest moved, and where the momentum stands."""

    codes: tuple[Array, ...]
    steps: tuple[float, ...]
    extrapolated: Array
    """The deepest point that the next sweep starts from."""
    t: Array
    """A float64 without axes, where the codes are."""
    cold: bool
    """Whether nothing is known yet, so that the next sweep is the model's forward pass."""
    change: tuple[Any, Any]
    """Squared norms of the last move of the deepest codes and of themselves."""
    stationary: float
    room: tuple[Array, ...]
    """Arrays to work in: for the signal and the codes of each layer."""
    waits = True
    """`finished` reads numbers that a device may still compute."""

    @property
    def finished(self) -> bool:
        """Whether the deepest codes have stopped moving."""
        moved, size = (float(number) for number in self.change)
        return math.sqrt(moved / size if size > 0 else moved) <= self.stationary


@dataclass(frozen=True)
class MLISTA:
    r"""Sweeps through all layers from what the deepest codes synthesise.

    .. math::
        \hat\Gamma_i = D_{i+1} \cdots D_L \Gamma_L, \quad
        \Gamma_i \leftarrow \mathrm{prox}_{\mu_1\cdots\mu_i\phi_i}
        (\hat\Gamma_i - \mu_i D_i^T(D_i\hat\Gamma_i - \Gamma_{i-1})), \quad i = 1, ..., L

    Parameters
    ----------
    step_size : float, sequence of float or None
        :math:`\mu_i`, for all layers or one each; by default 1 / L_i.
    unfoldings : int or sequence of int
        Proximal steps of a layer in a sweep, for all layers or one each.
    stationary : float
        Relative change of the deepest codes in a sweep at which the run ends by the solver's own
        rule. 0 runs until a budget ends.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range or there is not one a layer.

    Notes
    -----
    Thresholds are the weights times the product of the steps so far: with the step of the layer
    alone, the fixed points would belong to other weights. For steps up to 1 / L_i and one
    unfolding the sweep is an averaged map, so that it converges; **its fixed point is not the
    optimum of F**, but nears it as the steps of all layers but the last go to 0. From zero codes
    the first sweep is the model's forward pass. The last codes are returned, not those of least
    objective. Cost of a sweep: one synthesis and one analysis a layer.

    References
    ----------
    Sulam, Aberdam, Beck and Elad 2020 (algorithm 2).
    """

    step_size: Any = None
    unfoldings: Any = 1
    stationary: float = 1e-6
    multilayer = True

    def __post_init__(self) -> None:
        _check(self)

    def init(self, problem: Any, start: tuple[Array, ...]) -> SweepState:
        """Start at the deepest of the codes `start`."""
        return _init(self, problem, start)

    def step(self, problem: Any, state: SweepState) -> SweepState:
        """Take one sweep."""
        codes = _sweep(problem, state, self.unfoldings)
        old = state.codes[-1]
        change = problem.backend.difference(codes[-1], old)
        room = (*state.room[:-1], old)
        return replace(
            state, codes=codes, extrapolated=codes[-1], cold=False, change=change, room=room
        )


@dataclass(frozen=True)
class MLFISTA:
    r"""`MLISTA` with momentum on the deepest codes: sweeps start at the extrapolated point.

    .. math::
        Z = \Gamma_L^{k+1} + \frac{t_k - 1}{t_{k+1}}(\Gamma_L^{k+1} - \Gamma_L^k), \quad
        t_{k+1} = \tfrac12(1 + \sqrt{1 + 4t_k^2})

    Parameters
    ----------
    step_size, unfoldings, stationary
        As for `MLISTA`.
    restart : bool
        Whether the momentum restarts where it points away from the last move. Off by default, as
        published.

    Raises
    ------
    TypeError, ValueError
        As for `MLISTA`.

    Notes
    -----
    Fixed points are those of `MLISTA`. There is no proof of convergence. Cost as for `MLISTA`.

    References
    ----------
    Sulam, Aberdam, Beck and Elad 2020 (algorithm 3).
    """

    step_size: Any = None
    unfoldings: Any = 1
    stationary: float = 1e-6
    restart: bool = False
    multilayer = True

    def __post_init__(self) -> None:
        _check(self)

    def init(self, problem: Any, start: tuple[Array, ...]) -> SweepState:
        """Start at the deepest of the codes `start`, with no momentum."""
        return _init(self, problem, start)

    def step(self, problem: Any, state: SweepState) -> SweepState:
        """Take one sweep and extrapolate."""
        codes = _sweep(problem, state, self.unfoldings)
        old, extrapolated = state.codes[-1], state.extrapolated
        change = problem.backend.difference(codes[-1], old)
        t = (1.0 + problem.backend.xp.sqrt(1.0 + 4.0 * state.t**2)) / 2.0
        uphill = _extrapolate(problem, extrapolated, old, codes[-1], (state.t - 1.0) / t)
        if self.restart:
            (t,) = restarted(problem.backend, uphill, (extrapolated, codes[-1]), t)
        codes = (*codes[:-1], old)  # which now holds the new ones
        return replace(state, codes=codes, t=t, cold=False, change=change)


def _check(solver: Any) -> None:
    object.__setattr__(solver, "step_size", check_steps("step_size", solver.step_size))
    object.__setattr__(
        solver, "unfoldings", check_each("unfoldings", solver.unfoldings, check_count)
    )
    check_number("stationary", solver.stationary, least=0.0)


def _init(solver: Any, problem: Any, start: tuple[Array, ...]) -> SweepState:
    check_multilayer(solver, problem)
    for name in ("step_size", "unfoldings"):
        check_entries(name, getattr(solver, name), problem)
    steps = layer_steps(solver.step_size, problem)
    xp = problem.backend.xp
    cold = not bool(xp.any(start[-1] != 0))
    room = tuple(xp.empty(shape, dtype=start[-1].dtype) for shape in problem.shapes)
    extrapolated = start[-1]
    if isinstance(solver, MLFISTA):
        extrapolated = xp.asarray(start[-1], copy=True)
    one = xp.asarray(1.0, dtype=xp.float64)
    never = (math.inf, 1.0)
    return SweepState(start, steps, extrapolated, one, cold, never, solver.stationary, room)


def _sweep(problem: Any, state: SweepState, unfoldings: Any) -> tuple[Array, ...]:
    """Return the codes of one sweep from the state's extrapolated point, in the state's arrays.

    The deepest are stored in the last array of the room, so that the old ones are still there.
    """
    images: Any = (None,) * (problem.n_layers + 1)
    if not state.cold:
        images = problem.images(state.extrapolated, state.room)
    targets = (*state.codes[:-1], state.room[-1])
    earlier, threshold = [problem.signal], 1.0
    for i, size in enumerate(state.steps, start=1):
        threshold *= size
        start, image, share = images[i], images[i - 1], 1.0
        if state.cold:
            start, share = problem.start(i, earlier), first_share(problem, size)
        for _ in range(entry(unfoldings, i)):
            start = proximal_step(
                problem,
                i,
                earlier[-1],
                start,
                size,
                threshold=threshold,
                share=share,
                image=image,
                room=state.room[i - 1],
                out=targets[i - 1],
            )
            image, share = None, 1.0
        earlier.append(start)
    return tuple(earlier[1:])


def _extrapolate(problem: Any, extrapolated: Array, codes: Array, new: Array, factor: Any) -> Any:
    """Move `codes` to `new` and `extrapolated` ahead of it, in place; positive where uphill."""
    backend = problem.backend
    blocks = problem.operators[-1].blocks(new.shape[0])

    def move(block: Any) -> Any:
        return backend.momentum(extrapolated[block], codes[block], new[block], factor)

    return sum(backend.run(move, blocks))
