"""Learning: filters and codes that fit signals, in turn, the objective never rising."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from sparsecsc._solve_books import Bar
from sparsecsc.backends import backend_of
from sparsecsc.checks import check_callable, check_count, check_number
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.learning._array_sums import float64
from sparsecsc.learning._rounds import (
    FIRST_TOL,
    MOST,
    Books,
    Round,
    code,
    idle_filters,
    idle_patches,
    iterations,
    new_filters,
    with_filters,
)
from sparsecsc.learning.constraint import UnitBall
from sparsecsc.learning.result import LearnResult
from sparsecsc.penalties.l1 import L1
from sparsecsc.problems import Pursuit, check_methods
from sparsecsc.protocols import Array
from sparsecsc.result import Status
from sparsecsc.solve import default_solver
from sparsecsc.solvers.admm import ADMM
from sparsecsc.solvers.coordinate_descent import CoordinateDescent
from sparsecsc.solvers.fista import FISTA

_UNIT_BALL = UnitBall()


@dataclass(frozen=True, eq=False)
class LearnCheck:
    """What a callback of `learn` is told after each round."""

    n_iter: int
    seconds: float
    objective: float
    relative_gap: float
    filter_gap: float
    filters: Array = field(repr=False)
    """Those that the round's codes are for."""


def learn(
    signal: Array,
    filters: Any,
    penalty: Any,
    *,
    mask: Array | None = None,
    padding: Any = "circular",
    constraint: Any = _UNIT_BALL,
    start: Any = None,
    solver: Any = None,
    tol: float = 1e-3,
    max_iter: int = 200,
    max_seconds: float = math.inf,
    callback: Callable[[LearnCheck], Any] | None = None,
    progress: bool = False,
) -> LearnResult:
    r"""Learn filters: minimise :math:`\tfrac12\|M(y - \sum_m d_m * z_m)\|^2 + \phi(z)` over both.

    Codes z and filters d are improved in turn, :math:`\|d_m\|_2 \le 1`. The problem is not convex:
    what is found depends on the filters at the start. It is convex in each of the two, and for each
    of them it is certified how far it is from the best for the other.

    Parameters
    ----------
    signal : array, shape (n_signals, n_channels, *spatial)
        y, float32 or float64. Photographs want `split_lowpass` first.
    filters : array, shape (n_filters, n_channels, *kernel), or ConvDictionary
        Where to start, of the dtype of the signal, such as `random_filters` or `patch_filters`. A
        dictionary also says stride, dilation and border.
    penalty : float or Penalty
        A number is the weight of `L1`.
    mask : array, optional
        As for `Pursuit`: 1 where the signal counts, 0 where it is missing.
    padding : str, int or tuple
        The border, for filters given as an array; see `ConvDictionary`.
    constraint : UnitBall, optional
        What filters may be; it can also demand zero mean, taps >= 0 or a support for each filter.
    start : array or SparseCodes, optional
        Codes to start at, zeros by default.
    solver : solver record, optional
        Of the pursuits; by default what `default_solver` names, but `FISTA` in place of `ADMM`,
        which forgets its multipliers from round to round.
    tol : float
        To certify: neither new codes for these filters nor new filters for these codes can lower
        the objective by more than this factor. For a penalty that is not convex the measure of
        the codes is the relative KKT residual.
    max_iter : int
        Most rounds, each a pursuit and an update of the filters.
    max_seconds : float
        Most seconds, looked at after each round.
    callback : callable, optional
        Called with a `LearnCheck` after each round; if it returns True learning ends as
        interrupted.
    progress : bool
        Whether to show a progress bar on standard error.

    Returns
    -------
    LearnResult
        Ctrl-C returns the last complete round. RULE_MET: rounding leaves nothing to gain.

    Raises
    ------
    TypeError, ValueError
        As `Pursuit` and `solve`; if the dictionary is not a `ConvDictionary`, or the constraint
        does not fit the filters.

    Notes
    -----
    The objective never rises from round to round. A filter that no code uses is given the largest
    patch of the residual, which changes no code and no objective; `LearnResult.reseeded` says when.

    A round costs one or a few iterations of the pursuit from the codes before. Without a mask and
    where no atom is cut off (circular or valid borders), the update of the filters takes one look
    at each pair of nonzero codes whose atoms overlap, and then M^2 (C + 1) 2^d K operations a step
    for M filters with K taps, C channels and d axes, whatever the size of the signal; elsewhere a
    step takes four operations for each nonzero code and tap. Memory: 8 M^2 2^d K bytes, at most 256
    MB, besides the pursuit's. Of arrays that are not NumPy's the same sums are correlations by FFT
    of the codes as they are: M channels of an analysis a round, and three transforms of the codes
    a step where there is a mask or a cut atom; a float64 copy of the codes and its spectrum are
    kept for them.

    References
    ----------
    Olshausen and Field 1996; Mairal, Bach, Ponce and Sapiro 2010; Garcia-Cardona and Wohlberg 2018
    (a survey of the convolutional case); Gorski, Pfeuffer and Klamroth 2007 (what is certified: a
    partial optimum); Jaggi 2013 (the gap of the filters).

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc
    >>> rng = np.random.default_rng(0)
    >>> codes = np.where(rng.random((1, 2, 400)) < 0.03, 3.0, 0.0)
    >>> truth = sc.ConvDictionary(sc.random_filters(2, 1, 8, rng=1))
    >>> signal = truth.synthesize(codes)
    >>> result = sc.learn(signal, sc.patch_filters(signal, 2, 8, rng=0), 0.1)
    >>> result.status.name, result.filters.shape
    ('CONVERGED', (2, 1, 8))
    """
    dictionary = conv_dictionary(filters, padding)
    check_constraint(constraint, dictionary)
    if callback is not None:
        check_callable("callback", callback, "a function of one LearnCheck")
    check_number("tol", tol, least=0.0)
    check_count("max_iter", max_iter)
    check_number("max_seconds", max_seconds, above=0.0)
    dictionary = replace(dictionary, filters=allowed_filters(dictionary.filters, constraint))
    problem = Pursuit(signal, dictionary, as_penalty(penalty), mask)
    solver = _solver(problem) if solver is None else solver
    run = Run(constraint, solver, tol, max_iter, max_seconds)
    books = Books()
    with Bar(progress, tol, "learn") as bar:
        try:
            status = run.rounds(problem, start, books, lambda: _told(books, bar, callback))
            if status in (Status.MAX_ITER, Status.RULE_MET):
                run.finish(books)
        except KeyboardInterrupt:
            if books.best is None:
                raise
            status = Status.INTERRUPTED
    return _result(books, status)


@dataclass(frozen=True, eq=False)
class Run:
    """What stays the same from round to round."""

    constraint: Any
    solver: Any
    tol: float
    max_iter: int
    max_seconds: float

    def rounds(
        self, problem: Pursuit, start: Any, books: Books, told: Callable[[], bool]
    ) -> Status:
        """Do rounds until one of the budgets or rules ends them."""
        aim, n = max(self.tol, FIRST_TOL), MOST
        while True:
            last = self._code(problem, start, aim, n)
            books.n_iter += 1
            if not books.keep(last):
                return Status.RULE_MET
            stop = told()
            given = idle_patches(last, self.constraint)
            if last.measure <= self.tol and not books.is_fresh(given):
                return Status.CONVERGED
            if stop or last.interrupted:
                return Status.INTERRUPTED
            if books.n_iter >= self.max_iter:
                return Status.MAX_ITER
            if books.seconds >= self.max_seconds:
                return Status.MAX_SECONDS
            books.reseeded += [(books.n_iter, m) for m in given]
            problem = with_filters(problem, new_filters(last, self.constraint, given))
            start, aim, n = last.codes, self.tol, iterations(self.solver, last)

    def finish(self, books: Books) -> None:
        """Bring the codes of the best round to the tolerance."""
        assert books.best is not None
        if books.best.relative_gap > self.tol:
            books.keep(self._code(books.best.problem, books.best.codes, self.tol, MOST))

    def _code(self, problem: Pursuit, start: Any, tol: float, max_iter: int) -> Round:
        return code(problem, start, self.solver, self.constraint, tol=tol, max_iter=max_iter)


def conv_dictionary(filters: Any, padding: Any) -> ConvDictionary:
    """Return the filters as a dictionary."""
    dictionary = filters
    if not hasattr(filters, "bind"):
        dictionary = ConvDictionary(filters, padding=padding)
    if not isinstance(dictionary, ConvDictionary):
        got = type(dictionary).__name__
        msg = f"`filters` must be an array, or a ConvDictionary; got {got}: pass one."
        raise TypeError(msg)
    return dictionary


def allowed_filters(filters: Array, constraint: Any) -> Array:
    """Return the nearest filters that a constraint allows, of the same dtype."""
    xp = backend_of(filters).xp
    return xp.astype(constraint.project(float64(filters)), filters.dtype)


def as_penalty(penalty: Any) -> Any:
    """Return a penalty; a number is the weight of `L1`."""
    return penalty if hasattr(penalty, "prox") else L1(penalty)


def check_constraint(constraint: Any, dictionary: ConvDictionary) -> None:
    """Check that a constraint can do what is asked of it, for these filters."""
    check_methods("constraint", constraint, UnitBall, ("project", "maximise", "check"))
    constraint.check(dictionary.filters)


def _solver(problem: Pursuit) -> Any:
    """Return the default solver, or what does better in many short runs."""
    solver = default_solver(problem)
    if isinstance(solver, ADMM):
        return FISTA()
    return CoordinateDescent(sweeps=1) if isinstance(solver, CoordinateDescent) else solver


def _told(books: Books, bar: Bar, callback: Callable[[LearnCheck], Any] | None) -> bool:
    """Tell bar and callback how far the run is; return whether the callback ends it."""
    last = books.best
    assert last is not None
    bar.show(books.n_iter, last)
    if callback is None:
        return False
    gaps = (last.relative_gap, last.filter_gap)
    filters = last.problem.dictionary.filters
    return bool(callback(LearnCheck(books.n_iter, books.seconds, last.objective, *gaps, filters)))


def _result(books: Books, status: Status) -> LearnResult:
    best = books.best
    assert best is not None
    return LearnResult(
        problem=best.problem,
        kept=best.codes,
        status=status,
        objective=best.objective,
        relative_gap=best.relative_gap,
        filter_gap=best.filter_gap,
        n_iter=books.n_iter,
        history=books.history(),
        idle=idle_filters(best.codes),
        reseeded=tuple(books.reseeded),
    )
