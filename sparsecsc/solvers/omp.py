"""Convolutional orthogonal matching pursuit."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparsecsc.checks import check_count, check_number
from sparsecsc.protocols import Array


@dataclass
class Support:
    """The atoms chosen for one signal, and the triangular factor of their Gram matrix."""

    entries: list[tuple[int, ...]] = field(default_factory=list)
    atoms: list[Array] = field(default_factory=list)
    """Masked atoms, each (n_channels, *spatial)."""
    factor: Any = None
    products: list[float] = field(default_factory=list)
    """Inner products of the atoms with the target."""
    stopped: bool = False


@dataclass(frozen=True)
class OMPState:
    """Codes and residuals of all signals, and what has been chosen for each."""

    codes: Array
    residual: Array
    norms: Array
    supports: tuple[Support, ...]

    @property
    def finished(self) -> bool:
        """Whether every signal has met a rule."""
        return all(support.stopped for support in self.supports)


@dataclass(frozen=True)
class OMP:
    r"""Add the atom that correlates most with the residual, refit all chosen atoms, repeat.

    Parameters
    ----------
    n_nonzero : int or sequence of int, optional
        Stop a signal when it has this many atoms; one number for all signals, or one for each.
    residual : float or sequence of float, optional
        Stop a signal when the norm of its residual is at most this, in units of the signal.
    correlation : float or sequence of float, optional
        Stop a signal when no normalised atom correlates with its residual by more than this, in
        units of the signal.

    Raises
    ------
    TypeError
        If the penalty is not `L0`.
    ValueError
        If a number is out of range, there are not as many as signals, or there is no rule at all
        (none here, and a weight of 0).

    Notes
    -----
    For problems with an `L0` penalty. A weight :math:`\lambda > 0` adds a rule: a signal stops
    when no single atom lowers its objective, correlation :math:`\le \sqrt{2 \lambda}`; an
    infinite weight forbids atoms. Each signal of a batch stops by itself. A signal also stops
    when its residual is at the level of rounding. Starts at zero codes; another start is refused.

    Per step: one analysis of all signals, and for each signal one new row of a Cholesky factor,
    k inner products of atoms with k chosen so far. Memory: the k chosen atoms, each of the
    signal's size.

    References
    ----------
    Pati, Rezaiifar and Krishnaprasad 1993; Tropp 2004; Papyan, Sulam and Elad 2017 (theorem 6).
    """

    n_nonzero: Any = None
    residual: Any = None
    correlation: Any = None

    def __post_init__(self) -> None:
        for name in ("n_nonzero", "residual", "correlation"):
            value = getattr(self, name)
            if value is not None and not _listed(value):
                msg = f"`{name}` must be one number or one for each signal; got none: leave it out."
                raise ValueError(msg)
            for number in _listed(value):
                if name == "n_nonzero":
                    check_count(name, number)
                else:
                    check_number(name, number, least=0.0)

    def init(self, problem: Any, start: Array) -> OMPState:
        """Choose nothing yet."""
        self._check(problem, start)
        xp = problem.backend.xp
        mask = xp.ones((1,) * problem.signal.ndim, dtype=start.dtype)
        mask = mask if problem.mask is None else problem.mask
        norms = problem.dictionary.column_norms(problem.signal.shape, mask)
        supports = tuple(Support() for _ in range(start.shape[0]))
        state = OMPState(start, xp.asarray(problem.target, copy=True), norms, supports)
        self._stop_fitted(problem, state)
        return state

    def step(self, problem: Any, state: OMPState) -> OMPState:
        """Add one atom to each signal that has not stopped."""
        xp = problem.backend.xp
        correlations = problem.correlation(state.residual)
        usable = state.norms > 1e-6 * xp.max(state.norms)
        one = xp.ones_like(state.norms)
        normalised = xp.where(usable, correlations / xp.where(usable, state.norms, one), 0 * one)
        allowed = xp.broadcast_to(_is_finite(xp, problem.penalty.weight, one), one.shape)
        sizes = xp.where(allowed, xp.abs(normalised), 0 * one)
        for b, support in enumerate(state.supports):
            if not support.stopped:
                self._extend(problem, state, b, sizes[b, ...])
        self._stop_fitted(problem, state)
        return state

    def _extend(self, problem: Any, state: OMPState, b: int, sizes: Array) -> None:
        """Add the best atom to signal `b`, unless a rule on correlations stops it."""
        support = state.supports[b]
        flat = int(problem.backend.xp.argmax(sizes))
        entry = tuple(int(i) for i in np.unravel_index(flat, sizes.shape))
        if self._too_small(problem, b, entry, float(sizes[entry])) or entry in support.entries:
            support.stopped = True
            return
        atom = problem.dictionary.column(problem.signal.shape, entry, problem.signal)
        if problem.mask is not None:
            atom = atom * problem.mask[b if problem.mask.shape[0] > 1 else 0, ...]
        if not _append(problem.backend, support, entry, atom, problem.target[b, ...]):
            support.stopped = True
            return
        fitted = _solve(support)
        state.residual[b, ...] = problem.target[b, ...]
        for value, chosen, where in zip(fitted, support.atoms, support.entries, strict=True):
            state.codes[(b, *where)] = value
            state.residual[b, ...] -= float(value) * chosen

    def _too_small(self, problem: Any, b: int, entry: tuple[int, ...], size: float) -> bool:
        weight = problem.penalty.weight
        if not isinstance(weight, float):
            full = problem.backend.xp.broadcast_to(weight, problem.codes_shape)
            weight = float(full[(b, *entry)])
        least = math.sqrt(2.0 * weight) if math.isfinite(weight) else 0.0
        if self.correlation is not None:
            least = max(least, float(_of(self.correlation, b)))
        return size <= least

    def _stop_fitted(self, problem: Any, state: OMPState) -> None:
        """Stop the signals with enough atoms or a residual small enough."""
        epsilon = float(problem.backend.xp.finfo(state.codes.dtype).eps)
        for b, support in enumerate(state.supports):
            norm = math.sqrt(problem.backend.sum_squares(state.residual[b, ...]))
            rounding = 10 * epsilon * math.sqrt(problem.backend.sum_squares(problem.target[b, ...]))
            wanted = rounding if self.residual is None else float(_of(self.residual, b))
            enough = self.n_nonzero is not None and len(support.atoms) >= _of(self.n_nonzero, b)
            support.stopped = support.stopped or enough or norm <= max(wanted, rounding)

    def _check(self, problem: Any, start: Array) -> None:
        if hasattr(problem.penalty, "dual_bounds") or not hasattr(problem.penalty, "weight"):
            name = type(problem.penalty).__name__
            msg = (
                f"OMP needs the penalty L0, whose objective it lowers; got {name}: use L0(weight)."
            )
            raise TypeError(msg)
        xp = problem.backend.xp
        if bool(xp.any(start != 0)):
            msg = "OMP must start at zero codes; got others: leave out `start`."
            raise ValueError(msg)
        weightless = isinstance(problem.penalty.weight, float) and problem.penalty.weight == 0
        rules = (self.n_nonzero, self.residual, self.correlation)
        if weightless and all(rule is None for rule in rules):
            msg = (
                "OMP needs a rule to stop; got none: give n_nonzero, residual or correlation, or "
                "an L0 weight > 0."
            )
            raise ValueError(msg)
        for name in ("n_nonzero", "residual", "correlation"):
            count = len(_listed(getattr(self, name)))
            if count > 1 and count != start.shape[0]:
                msg = (
                    f"`{name}` must be one number or one for each of the {start.shape[0]} signals; "
                    f"got {count}: match them."
                )
                raise ValueError(msg)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if hasattr(value, "__len__") else [value]


def _of(value: Any, b: int) -> Any:
    numbers = _listed(value)
    return numbers[b] if len(numbers) > 1 else numbers[0]


def _is_finite(xp: Any, weight: Any, like: Array) -> Array:
    return xp.isfinite(weight * like)


def _append(backend: Any, support: Support, entry: Any, atom: Array, target: Array) -> bool:
    """Add an atom and its row of the Cholesky factor; False if it depends on those chosen."""
    k = len(support.atoms)
    gram = np.array([backend.dot(other, atom) for other in support.atoms])
    square = backend.sum_squares(atom)
    row = _forward(support.factor, gram) if k else gram
    rest = square - float(row @ row)
    if rest <= 100 * float(backend.xp.finfo(atom.dtype).eps) * square:
        return False
    factor = np.zeros((k + 1, k + 1))
    if k:
        factor[:k, :k] = support.factor
        factor[k, :k] = row
    factor[k, k] = math.sqrt(rest)
    support.factor = factor
    support.entries.append(entry)
    support.atoms.append(atom)
    support.products.append(backend.dot(atom, target))
    return True


def _forward(factor: Any, right: Any) -> Any:
    from scipy.linalg import solve_triangular

    return solve_triangular(factor, right, lower=True)


def _solve(support: Support) -> Any:
    from scipy.linalg import cho_solve

    return cho_solve((support.factor, True), np.array(support.products))
