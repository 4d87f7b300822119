"""What the multi-layer solvers share: one proximal gradient step of one layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sparsecsc.checks import check_number
from sparsecsc.protocols import Array, Block
from sparsecsc.solvers._steps import proximal_point
from sparsecsc.solvers.fista import FISTA


def check_multilayer(solver: Any, problem: Any) -> None:
    """Refuse a single-layer problem."""
    if not hasattr(problem, "n_layers"):
        name = type(solver).__name__
        msg = (
            f"{name} needs a MultilayerPursuit; got {type(problem).__name__}: use a single-layer "
            "solver such as FISTA, or make a model of one layer."
        )
        raise TypeError(msg)


def check_inner(inner: Any) -> Any:
    """Return the inner solver, FISTA by default; refuse what cannot solve one layer."""
    inner = FISTA() if inner is None else inner
    able = hasattr(inner, "init") and hasattr(inner, "step") and not isinstance(inner, type)
    if not able or getattr(inner, "multilayer", False):
        msg = f"`inner` must be a single-layer solver such as FISTA(); got {inner!r}: create one."
        raise TypeError(msg)
    return inner


def check_entries(name: str, value: Any, problem: Any) -> None:
    """Refuse a sequence that does not have one entry a layer."""
    if isinstance(value, tuple) and len(value) != problem.n_layers:
        msg = (
            f"`{name}` must be one number or one for each of the {problem.n_layers} layers; got "
            f"{len(value)}: match them."
        )
        raise ValueError(msg)


def entry(value: Any, i: int) -> Any:
    """Return what a number, or a tuple with one a layer, says of layer `i` (from 1)."""
    return value[i - 1] if isinstance(value, tuple) else value


def check_each(name: str, value: Any, check: Callable[..., Any], **bounds: Any) -> Any:
    """Check a number, or each of a sequence with one a layer; a sequence becomes a tuple."""
    if isinstance(value, (list, tuple)):
        return tuple(check(name, v, **bounds) for v in value)
    return check(name, value, **bounds)


def check_steps(name: str, value: Any) -> Any:
    """Check a step, or a sequence with one a layer; None stays."""
    if value is None:
        return None
    return check_each(name, value, check_number, above=0.0, finite=True)


def layer_steps(step: Any, problem: Any) -> tuple[float, ...]:
    """Return the step of each layer, by default 1 / L_i."""
    layers = range(1, problem.n_layers + 1)
    return tuple(1.0 / problem.lipschitz(i) if step is None else entry(step, i) for i in layers)


def proximal_step(
    problem: Any,
    i: int,
    source: Array,
    start: Array | None,
    size: float,
    *,
    threshold: float | None = None,
    share: float = 1.0,
    image: Array | None = None,
    room: Array | None = None,
    out: Array | None = None,
) -> Array:
    r"""Return :math:`\mathrm{prox}(s + c D^T (x - r D s))` of layer `i`.

    Parameters
    ----------
    problem : MultilayerPursuit
    i : int
        The layer, from 1.
    source, start : array
        x and s; None for s is zero.
    size : float
        c.
    threshold : float
        The step of the prox, by default c.
    share : float
        r, 1 by default: a gradient step. It is C / c.
    image : array
        D s, where it is at hand; it is used up.
    room : array
        Where D s may be stored if it is not.
    out : array
        Where to store the result, by default a new array; it may be `start`.
    """
    operator, penalty = problem.operators[i - 1], problem.penalties[i - 1]
    xp = problem.backend.xp
    residual = source
    if start is not None and share != 0:
        residual = problem.synthesize(i, start, room) if image is None else image
        if share != 1:
            residual *= share
        problem.backend.subtract_from(source, residual)
    if out is None:
        out = xp.empty(problem.shapes[i], dtype=problem.signal.dtype)
    threshold = size if threshold is None else threshold

    def update(block: Block, correlation: Array) -> None:
        base = xp.zeros_like(correlation) if start is None else start[block]
        if penalty.separable:
            part = penalty.at(block)
            out[block] = proximal_point(part, correlation, base, size, threshold=threshold)
            return
        correlation *= size
        correlation += base
        out[block] = correlation

    operator.analyze(residual, update)
    return out if penalty.separable else penalty.prox(out, threshold)


def refuse_start(solver: Any, problem: Any, start: tuple[Array, ...]) -> None:
    """Refuse codes to start at that are not zero."""
    if any(bool(problem.backend.xp.any(codes != 0)) for codes in start):
        name = type(solver).__name__
        msg = f"{name} must start at zero codes; got others: leave out `start`."
        raise ValueError(msg)


def first_share(problem: Any, size: float) -> float:
    """Return C / c for the model's damping C and the step c."""
    damping = problem.model.damping
    return 1.0 if damping == "step" else float(damping) / size
