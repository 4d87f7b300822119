"""The one loop: budget, clock, certificate, history, callback, progress."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sparsecsc.checks import check_callable, check_count, check_number, check_sequence
from sparsecsc.optimality import certify, weight_level
from sparsecsc.problems import Pursuit, check_problem
from sparsecsc.protocols import Array
from sparsecsc.result import Certificate, History, Result, Status
from sparsecsc.solvers.admm import ADMM
from sparsecsc.solvers.fista import FISTA
from sparsecsc.solvers.ista import ISTA

MAX_ITER = 10_000


@dataclass(frozen=True, eq=False)
class Check:
    """What a callback is told."""

    n_iter: int
    seconds: float
    objective: float
    relative_gap: float
    codes: Array
    """The current iterate. It is overwritten later: copy what is to be kept."""


def solve(
    problem: Pursuit,
    solver: Any = None,
    *,
    start: Array | None = None,
    tol: float = 1e-3,
    max_iter: int = MAX_ITER,
    max_seconds: float = math.inf,
    check_every: int = 10,
    callback: Callable[[Check], Any] | None = None,
    progress: bool = False,
) -> Result:
    """Minimise the problem until the tolerance is certified.

    Parameters
    ----------
    problem : Pursuit
        What to minimise.
    solver : solver record, optional
        Such as `FISTA()`; by default the one that `default_solver` names.
    start : array, shape of the codes, optional
        Where to start, zeros by default. It is copied.
    tol : float
        Relative duality gap (P - D) / P to certify, for each batch as a whole. For a penalty that
        is not convex: the relative KKT residual, `kkt_residual` over ||D^T y||_inf. 0 runs until
        another budget ends.
    max_iter : int
        Most iterations.
    max_seconds : float
        Most seconds, looked at after each iteration.
    check_every : int
        Iterations between certificates; each costs about one iteration.
    callback : callable, optional
        Called with a `Check` after each certificate; if it returns True the run ends as
        interrupted.
    progress : bool
        Whether to show a progress bar on standard error.

    Returns
    -------
    Result
        The codes at which the tolerance was certified, else those of least objective among the
        checked ones. Ctrl-C returns them too.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range.

    Notes
    -----
    Memory: the solver's own, plus one array of the codes' size for the best codes seen.
    """
    check_problem(problem)
    _check_budgets(tol, max_iter, max_seconds, check_every)
    if callback is not None:
        check_callable("callback", callback, "a function of one Check")
    solver = default_solver(problem) if solver is None else solver
    _check_solver(solver)
    run = _Run(problem, tol)
    with _Bar(progress, tol) as bar:
        try:
            state = solver.init(problem, _start(problem, start))
            status = run.check(state)
            while status is None:
                state = solver.step(problem, state)
                run.n_iter += 1
                ended = _ended(run, state, max_iter, max_seconds)
                if ended is not None or run.n_iter % check_every == 0:
                    status = run.check(state, final=ended is Status.RULE_MET) or ended
                    bar.show(run)
                    if status is None and callback is not None and callback(run.report(state)):
                        status = Status.INTERRUPTED
        except KeyboardInterrupt:
            if run.best is None:
                raise
            status = Status.INTERRUPTED
    return run.result(status)


def default_solver(problem: Pursuit) -> Any:
    """Return what `solve` takes for ``solver=None``.

    `ADMM` where its linear solve is exact without splitting off the image (a circular dictionary
    and no mask): measured on photographs and a recording it certifies a gap of 1e-3 in 0.4 to 1
    times the iterations of `FISTA`, at the same cost each. `FISTA` elsewhere, and `ISTA` for a
    penalty that is not convex.
    """
    if not hasattr(problem.penalty, "dual_bounds"):
        return ISTA()
    solvable = hasattr(problem.operator, "solve_outer") and problem.mask is None
    return ADMM() if solvable and getattr(problem.operator, "is_circular", False) else FISTA()


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
    check_problem(problem)
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
        start = results[-1].codes
    return results


class _Run:
    """The books of one run: clock, history, best codes and best lower bound."""

    def __init__(self, problem: Pursuit, tol: float) -> None:
        self.problem = problem
        self.tol = tol
        self.began = time.perf_counter()
        self.n_iter = 0
        self.rows: list[tuple[int, float, float, float]] = []
        self.dual: Any = None
        self.latest: Certificate | None = None
        self.best: Certificate | None = None
        self.best_codes: Array = None

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.began

    def check(self, state: Any, *, final: bool = False) -> Status | None:
        """Certify, write the history, keep the best; return a status if the run is over."""
        certificate = certify(self.problem, state.codes)
        if not math.isfinite(certificate.data_term) or math.isnan(certificate.objective):
            return Status.NOT_FINITE
        self.dual = certificate.dual if self.dual is None else np.fmax(self.dual, certificate.dual)
        self.latest = replace(certificate, dual=self.dual)
        self.problem.backend.synchronize()
        self.rows.append((self.n_iter, self.seconds, self.latest.objective, self.latest.gap))
        certified = state.finished is None and self.latest.measure <= self.tol
        if self.best is None or final or certified or self.latest.objective < self.best.objective:
            self.best = self.latest
            self._keep(state.codes)
        return Status.CONVERGED if certified else None

    def _keep(self, codes: Array) -> None:
        if self.best_codes is None:
            self.best_codes = self.problem.backend.xp.asarray(codes, copy=True)
        else:
            self.best_codes[...] = codes

    def report(self, state: Any) -> Check:
        n_iter, seconds, objective, _ = self.rows[-1]
        assert self.latest is not None
        return Check(n_iter, seconds, objective, self.latest.relative_gap, state.codes)

    def result(self, status: Status) -> Result:
        if self.best is None:
            msg = "`start` must give a finite objective; got one that is not: scale it down."
            raise ValueError(msg)
        certificate = replace(self.best, dual=self.dual)
        history = History(*zip(*self.rows, strict=True))
        return Result(self.best_codes, status, certificate, self.n_iter, history)


class _Bar:
    """A progress bar that counts the digits of the tolerance; silent unless asked for."""

    def __init__(self, wanted: bool, tol: float) -> None:
        self.bar: Any = None
        self.tol = tol
        if wanted:
            from tqdm.auto import tqdm

            layout = "{desc} {bar} {n:.0f}% [{elapsed}{postfix}]"
            self.bar = tqdm(total=100.0, desc="solve", bar_format=layout)

    def __enter__(self) -> _Bar:
        return self

    def show(self, run: _Run) -> None:
        if self.bar is None or run.latest is None:
            return
        measure = run.latest.measure
        digits = math.log10(1.0 / max(self.tol, 1e-16))
        reached = math.log10(1.0 / min(max(measure, 1e-16), 1.0))
        self.bar.n = min(100.0, 100.0 * reached / digits) if digits > 0 else 100.0
        self.bar.set_postfix_str(
            f"iteration {run.n_iter}, objective {run.latest.objective:.6g}, gap {measure:.1e}"
        )

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()


def _ended(run: _Run, state: Any, max_iter: int, max_seconds: float) -> Status | None:
    if state.finished:
        return Status.RULE_MET
    if run.n_iter >= max_iter:
        return Status.MAX_ITER
    return Status.MAX_SECONDS if run.seconds >= max_seconds else None


def _start(problem: Pursuit, start: Array | None) -> Array:
    xp = problem.backend.xp
    if start is None:
        return xp.zeros(problem.codes_shape, dtype=problem.signal.dtype)
    problem.check_codes("start", start)
    own = xp.empty(problem.codes_shape, dtype=problem.signal.dtype)  # contiguous, whatever start is
    own[...] = start
    return own


def _check_solver(solver: Any) -> None:
    if isinstance(solver, type) or not all(hasattr(solver, name) for name in ("init", "step")):
        msg = (
            "`solver` must be an instance such as FISTA(), with methods init and step; got "
            f"{solver!r}: create one."
        )
        raise TypeError(msg)


def _check_budgets(tol: float, max_iter: int, max_seconds: float, check_every: int) -> None:
    check_number("tol", tol, least=0.0)
    check_count("max_iter", max_iter)
    check_number("max_seconds", max_seconds, above=0.0)
    check_count("check_every", check_every)
