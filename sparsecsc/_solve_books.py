"""The books of a run: clock, history, best codes, best lower bound; and the progress bar."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from sparsecsc.codes import SparseCodes, dense, sparse
from sparsecsc.optimality import certify
from sparsecsc.protocols import Array
from sparsecsc.result import Certificate, History, Result, Status


@dataclass(frozen=True, eq=False)
class Check:
    """What a callback is told."""

    n_iter: int
    seconds: float
    objective: float
    relative_gap: float
    iterate: Any = field(repr=False)
    """The codes as the solver has them: an array, `SparseCodes`, or a tuple of arrays."""

    @cached_property
    def codes(self) -> Any:
        """The current iterate as an array. It is overwritten later: copy what is to be kept."""
        return dense(self.iterate)

    @cached_property
    def sparse_codes(self) -> Any:
        """The current iterate as `SparseCodes`, which later iterations do not change."""
        return sparse(self.iterate)


class Run:
    """The books of one run: clock, history, best codes and best lower bound."""

    def __init__(self, problem: Any, tol: float) -> None:
        self.problem = problem
        self.tol = tol
        self.began = time.perf_counter()
        self.n_iter = 0
        self.rows: list[tuple[int, float, float, float]] = []
        self.dual: Any = None
        self.point: tuple[Array, ...] = ()
        self.latest: Certificate | None = None
        self.best: Certificate | None = None
        self.best_codes: Any = None

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.began

    def check(self, state: Any, *, final: bool = False, last: bool = False) -> Status | None:
        """Certify, write the history, keep the best; return a status if the run is over.

        A solver with a stopping rule of its own is judged, and its codes kept, when it has ended.
        Before the last check, bounds far from the tolerance need not be the best ones.
        """
        near = math.inf if last or self.tol == 0 else self.tol
        certificate = _certify(self.problem, state, near)
        if not math.isfinite(certificate.data_term) or math.isnan(certificate.objective):
            return Status.NOT_FINITE
        if self.dual is None or certificate.dual.sum() > self.dual.sum():
            self.point = certificate.point
        self.dual = certificate.dual if self.dual is None else np.fmax(self.dual, certificate.dual)
        self.latest = replace(certificate, dual=self.dual, point=self.point)
        self.problem.backend.synchronize()
        judged = state.finished is None or (final and not math.isnan(self.latest.gap))
        certified = judged and self.latest.measure <= self.tol
        if self.best is None or final or certified or _is_better(self.latest, self.best):
            self._keep(state.codes)
            self.best = self.latest
        self._write(self.latest)
        return Status.CONVERGED if certified else None

    def settle(self) -> None:
        """Certify the codes kept once more: an interrupt may have left them without."""
        certificate = certify(self.problem, self.best_codes)
        self.dual = np.fmax(self.dual, certificate.dual)
        layers = () if self.best is None else self.best.layers
        self.best = replace(certificate, dual=self.dual, layers=layers)
        self._write(self.best)

    def _write(self, certificate: Certificate) -> None:
        self.rows.append((self.n_iter, self.seconds, certificate.objective, certificate.gap))

    def _keep(self, codes: Array) -> None:
        """Copy the codes, such that an interrupt leaves the old ones or the new ones.

        Sparse ones are not changed by later steps, so that a reference will do.
        """
        xp = self.problem.backend.xp
        if isinstance(codes, SparseCodes):
            self.best_codes = codes
        elif self.best_codes is None or isinstance(codes, tuple):
            self.best_codes = each(lambda z: xp.asarray(z, copy=True), codes)
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
        certificate = replace(self.best, dual=self.dual, point=self.point)
        history = History(*zip(*self.rows, strict=True))
        return Result(self.best_codes, status, certificate, self.n_iter, history)


class Bar:
    """A progress bar that counts the digits of the tolerance; silent unless asked for."""

    def __init__(self, wanted: bool, tol: float, what: str = "solve") -> None:
        self.bar: Any = None
        self.tol = tol
        if wanted:
            from tqdm.auto import tqdm

            layout = "{desc} {bar} {n:.0f}% [{elapsed}{postfix}]"
            self.bar = tqdm(total=100.0, desc=what, bar_format=layout)

    def __enter__(self) -> Bar:
        return self

    def show(self, n_iter: int, latest: Any) -> None:
        """Show what has been reached: latest has a `measure` and an `objective`."""
        if self.bar is None or latest is None:
            return
        measure = latest.measure
        digits = math.log10(1.0 / max(self.tol, 1e-16))
        reached = math.log10(1.0 / min(max(measure, 1e-16), 1.0))
        self.bar.n = min(100.0, 100.0 * reached / digits) if digits > 0 else 100.0
        self.bar.set_postfix_str(
            f"iteration {n_iter}, objective {latest.objective:.6g}, gap {measure:.1e}"
        )

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()


def _certify(problem: Any, state: Any, near: float) -> Certificate:
    """Return the problem's own certificate where it has one, else that of a single layer."""
    if hasattr(problem, "certify_state"):
        certificate: Certificate = problem.certify_state(state)
        return certificate
    return certify(problem, state.codes, near=near)


def _is_better(latest: Certificate, best: Certificate) -> bool:
    """Return whether `latest` is nearer to the optimum; an objective that is violated can lie."""
    if latest.violation or best.violation:
        return latest.measure < best.measure
    return latest.objective < best.objective


def each(function: Callable[[Array], Array], codes: Any) -> Any:
    """Apply `function` to the array of one layer, or to each of several."""
    return tuple(map(function, codes)) if isinstance(codes, tuple) else function(codes)
