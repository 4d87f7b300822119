"""The one loop: budget, clock, certificate, history, callback, progress."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from sparsecsc._solve_books import Bar, Check, Run, each
from sparsecsc.backends import kind_of
from sparsecsc.checks import (
    check_callable,
    check_count,
    check_memory,
    check_number,
    check_sequence,
)
from sparsecsc.codes import SparseCodes, dense, sparse
from sparsecsc.optimality import weight_level
from sparsecsc.problems import Pursuit, check_problem, check_single
from sparsecsc.protocols import Array
from sparsecsc.result import Result, Status
from sparsecsc.solvers.admm import ADMM
from sparsecsc.solvers.coordinate_descent import CoordinateDescent, unsuited
from sparsecsc.solvers.fista import FISTA
from sparsecsc.solvers.ista import ISTA
from sparsecsc.solvers.mladmm import MLADMM
from sparsecsc.solvers.mlista import MLISTA

MAX_ITER = 10_000
CHECK_EVERY = 10


def solve(
    problem: Any,
    solver: Any = None,
    *,
    start: Any = None,
    tol: float = 1e-3,
    max_iter: int = MAX_ITER,
    max_seconds: float = math.inf,
    check_every: int | None = None,
    callback: Callable[[Check], Any] | None = None,
    progress: bool = False,
) -> Result:
    """Minimise the problem until the tolerance is certified.

    Parameters
    ----------
    problem : Pursuit or MultilayerPursuit
        What to minimise.
    solver : solver record, optional
        Such as `FISTA()`; by default the one that `default_solver` names.
    start : array or SparseCodes, shape of the codes, optional
        Where to start, zeros by default; a tuple with one array a layer for a
        `MultilayerPursuit`. It is copied.
    tol : float
        Relative duality gap (P - D) / P to certify, for each batch as a whole. For a penalty that
        is not convex: the relative KKT residual, `kkt_residual` over ||D^T y||_inf. 0 runs until
        another budget ends.
    max_iter : int
        Most iterations.
    max_seconds : float
        Most seconds, looked at after each iteration.
    check_every : int, optional
        Iterations between certificates; each costs about one iteration. By default 10, or what
        the solver's own `check_every` says.
    callback : callable, optional
        Called with a `Check` after each certificate; if it returns True the run ends as
        interrupted.
    progress : bool
        Whether to show a progress bar on standard error.

    Returns
    -------
    Result
        The codes at which the tolerance was certified, else those of least objective among the
        checked ones; of a solver with a stopping rule of its own the last. Ctrl-C returns the
        best so far.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range.

    Notes
    -----
    Memory: the solver's own, plus one array of the codes' size for the best codes seen. Solvers
    whose codes are sparse, such as `CoordinateDescent`, make no array of the codes' size.
    """
    check_problem(problem)
    _check_budgets(tol, max_iter, max_seconds, check_every)
    if callback is not None:
        check_callable("callback", callback, "a function of one Check")
    solver = default_solver(problem) if solver is None else solver
    _check_solver(solver, problem)
    every = getattr(solver, "check_every", CHECK_EVERY) if check_every is None else check_every
    run = Run(problem, tol)
    with Bar(progress, tol) as bar:
        try:
            state = solver.init(problem, _start(problem, solver, start))
            status = run.check(state)
            while status is None:
                state = solver.step(problem, state)
                run.n_iter += 1
                due = run.n_iter % every == 0
                ended = _ended(run, state, max_iter, max_seconds, due=due)
                if ended is not None or due:
                    own_rule = ended is not None and state.finished is not None
                    status = run.check(state, final=own_rule, last=ended is not None) or ended
                    bar.show(run.n_iter, run.latest)
                    if status is None and callback is not None and callback(run.report(state)):
                        status = Status.INTERRUPTED
        except KeyboardInterrupt:
            if run.best_codes is None:
                raise
            run.settle()
            status = Status.INTERRUPTED
    return run.result(status)


def default_solver(problem: Any) -> Any:
    """Return what `solve` takes for ``solver=None``.

    `CoordinateDescent` where it can work (a `ConvDictionary` and weights > 0 of `L1`,
    `NonnegativeL1` or `ElasticNet`): on photographs and a recording it certified a gap of 1e-3 in
    0.1 to 1 times the seconds of `ADMM` (benchmarks/solvers.py). `ADMM` where its linear solve
    is exact without splitting off the image (a circular dictionary and no mask), `FISTA`
    elsewhere, and `ISTA` for a penalty that is not convex. For a `MultilayerPursuit` the exact
    `MLADMM`, or `MLISTA` if a penalty has no duality gap.
    """
    if hasattr(problem, "n_layers"):
        convex = all(hasattr(penalty, "dual_bounds") for penalty in problem.penalties)
        return MLADMM() if convex else MLISTA()
    if not hasattr(problem.penalty, "dual_bounds"):
        return ISTA()
    if unsuited(problem) is None and not _has_free(problem):
        return CoordinateDescent()
    solvable = hasattr(problem.operator, "solve_outer") and problem.mask is None
    return ADMM() if solvable and getattr(problem.operator, "is_circular", False) else FISTA()


def _has_free(problem: Pursuit) -> bool:
    """Return whether some weight is 0, so that no coefficient of a filter can be left out."""
    weight = problem.penalty.thresholds()[0]
    return bool(problem.backend.xp.any(problem.backend.xp.asarray(weight) == 0))


def path(
    problem: Pursuit, weights: Sequence[float], solver: Any = None, **options: Any
) -> list[Result]:
    """Solve for each weight in turn, each started at the codes of the one before.

    Parameters
    ----------
    problem : Pursuit
        With a penalty that has a positive finite weight.
    weights : sequence of float
        Values of the largest finite weight; several weights keep their proportions. From large
        to small is fastest, such as ``lambda_max(problem) * numpy.geomspace(0.5, 0.01, 10)``.
    solver, **options
        As for `solve`.

    Returns
    -------
    list of Result
        In the order of `weights`.

    Raises
    ------
    TypeError
        If `weights` is not a sequence of numbers.
    ValueError
        If `weights` is empty or holds a number that is not positive and finite, or the penalty
        has no positive finite weight.
    """
    check_single(problem)
    numbers = check_sequence("weights", weights, "numbers")
    levels = [check_number("weights", w, above=0.0, finite=True) for w in numbers]
    if not levels:
        msg = "`weights` must hold at least one number; got none: pass for example [1.0, 0.1]."
        raise ValueError(msg)
    level = weight_level(problem.penalty)
    if level == 0:
        msg = "`penalty` must have a positive finite weight for a path; got none: give it one."
        raise ValueError(msg)
    results: list[Result] = []
    start = options.pop("start", None)
    for wanted in levels:
        scaled = problem.with_penalty(problem.penalty.scaled(wanted / level))
        results.append(solve(scaled, solver, start=start, **options))
        start = results[-1].kept
    return results


def _ended(run: Run, state: Any, max_iter: int, max_seconds: float, *, due: bool) -> Status | None:
    """Return why the run ends; what makes the host wait for a device is asked only at checks."""
    waits = getattr(state, "waits", False) and not run.problem.backend.immediate
    if (due or not waits) and state.finished:
        return Status.RULE_MET
    if run.n_iter >= max_iter:
        return Status.MAX_ITER
    return Status.MAX_SECONDS if run.seconds >= max_seconds else None


def _start(problem: Any, solver: Any, start: Any) -> Any:
    """Return codes of our own to start at, contiguous whatever `start` is; zeros by default."""
    dtype = problem.signal.dtype
    if start is not None:
        problem.check_codes("start", start)
    if getattr(solver, "sparse", False):
        none = SparseCodes.zeros(problem.codes_shape, dtype)
        return (none if start is None else sparse(start)).copy()
    xp = problem.backend.xp
    layers = hasattr(problem, "n_layers")
    shapes = problem.shapes[1:] if layers else (problem.codes_shape,)
    what, free = f"the codes of {type(solver).__name__}", problem.backend.free_bytes()
    for shape in shapes:
        check_memory(what, shape, dtype, problem.backend.ADVICE, free)
    if start is None:
        zeros = tuple(xp.zeros(shape, dtype=dtype) for shape in shapes)
        return zeros if layers else zeros[0]

    def copied(codes: Array) -> Array:
        own = xp.empty(codes.shape, dtype=dtype)
        own[...] = codes
        return own

    return each(copied, dense(start))


def _check_solver(solver: Any, problem: Any) -> None:
    if isinstance(solver, type) or not all(hasattr(solver, name) for name in ("init", "step")):
        msg = (
            "`solver` must be an instance such as FISTA(), with methods init and step; got "
            f"{solver!r}: create one."
        )
        raise TypeError(msg)
    if getattr(solver, "sparse", False) and not hasattr(problem.backend, "sparse"):
        kind, name = kind_of(problem.signal), type(solver).__name__
        msg = f"{name} needs NumPy arrays; got {kind} arrays: use FISTA() or ADMM()."
        raise TypeError(msg)
    if hasattr(problem, "n_layers") and not getattr(solver, "multilayer", False):
        name = type(solver).__name__
        msg = (
            f"`solver` must be of several layers for a {type(problem).__name__}; got {name}, of "
            f"one layer: use MLADMM(), or LayeredBasisPursuit({name}())."
        )
        raise TypeError(msg)


def _check_budgets(tol: float, max_iter: int, max_seconds: float, check_every: int | None) -> None:
    check_number("tol", tol, least=0.0)
    check_count("max_iter", max_iter)
    check_number("max_seconds", max_seconds, above=0.0)
    if check_every is not None:
        check_count("check_every", check_every)
