"""Alternating direction method of multipliers, exact in the frequency domain."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from sparsecsc.checks import check_number
from sparsecsc.protocols import WHOLE, Array, Block
from sparsecsc.solvers._steps import is_plain, plain_numbers

_FIRST_BALANCE = 10
_LEAST_CHANGE = 1.2
_MOST_CHANGE = 10.0


@dataclass(frozen=True)
class ADMMState:
    """Splitting variables and scaled multipliers."""

    grid_codes: Array
    """z on the circular grid; the codes are its leading corner."""
    multiplier: Array
    rho: float
    k: int
    next_balance: int
    inner: tuple[Any, ...]
    image: Array = None
    """The copy of A x that carries mask and border; None where neither is there."""
    image_multiplier: Array = None
    finished = None

    @property
    def codes(self) -> Array:
        """The sparse iterate."""
        return self.grid_codes[self.inner]


@dataclass(frozen=True)
class ADMM:
    r"""Split :math:`x = z`: a linear solve for x at each frequency, a prox for z.

    .. math::
        x = v + A^T (\rho I + A A^T)^{-1} (b - A v), \quad v = z - u, \\
        z = \mathrm{prox}_{\phi / \rho}(\alpha x + (1 - \alpha) z + u), \quad
        u \leftarrow u + \alpha x + (1 - \alpha) z_\text{old} - z

    Parameters
    ----------
    rho : float, optional
        :math:`\rho`, in units of an atom squared; by default a hundredth of the bound on
        :math:`\|A\|^2`.
    relaxation : float
        :math:`\alpha` in (0, 2); above 1 over-relaxed.
    balance : bool
        Whether :math:`\rho` follows the ratio of the relative primal and dual residuals, after
        10, 20, 40, ... steps, so rarely that convergence is kept.

    Raises
    ------
    TypeError
        If the dictionary has no solve in the frequency domain (a `Product`, or a `Concat` that
        is not circular).
    ValueError
        If `rho` is not positive or `relaxation` not in (0, 2).

    Notes
    -----
    :math:`A A^T` is one C x C matrix a frequency (C channels times polyphase components):
    Sherman-Morrison for one, Woodbury for several. With a mask or a border that is not circular
    the image :math:`A x` is split off as well (mask decoupling) on a padded circular grid. Per
    step one synthesis and one analysis. Memory: two arrays of the codes' size.

    References
    ----------
    Boyd, Parikh, Chu, Peleato and Eckstein 2011 (section 3); Wohlberg 2016 (eq. 15, the linear
    solve); Heide, Heidrich and Wetzstein 2015 (mask decoupling).
    """

    rho: float | None = None
    relaxation: float = 1.8
    balance: bool = True

    def __post_init__(self) -> None:
        if self.rho is not None:
            check_number("rho", self.rho, above=0.0, finite=True)
        check_number("relaxation", self.relaxation, above=0.0, most=2.0 - 1e-9)

    def init(self, problem: Any, start: Array) -> ADMMState:
        """Start at z = `start` with multipliers of 0."""
        xp = problem.backend.xp
        operator = _circular(problem)
        rho = 0.01 * _squared_norm(problem) if self.rho is None else float(self.rho)
        inner = (..., *(slice(n) for n in problem.codes_shape[2:]))
        grid_shape = (*problem.codes_shape[:2], *operator.code_spatial)
        codes = start
        if grid_shape != problem.codes_shape:
            codes = xp.zeros(grid_shape, dtype=start.dtype)
            codes[inner] = start
        multiplier = xp.zeros(grid_shape, dtype=start.dtype)
        state = ADMMState(codes, multiplier, rho, 0, _FIRST_BALANCE, inner)
        if not _split_image(problem):
            return state
        image = operator.synthesize(lambda block: codes[block], codes.shape[0])
        return replace(state, image=image, image_multiplier=xp.zeros_like(image))

    def step(self, problem: Any, state: ADMMState) -> ADMMState:
        """Take one step, in place."""
        operator = _circular(problem)
        codes, multiplier = state.grid_codes, state.multiplier
        v_image = operator.synthesize(
            lambda block: codes[block] - multiplier[block], codes.shape[0]
        )
        if state.image is None:
            dual = operator.solve_outer(problem.target - v_image, state.rho)
            norms = self._update_codes(problem, operator, state, dual)
        else:
            shift = _squared_norm(problem)
            wanted = state.image - state.image_multiplier
            dual = operator.solve_outer(wanted - v_image, shift)
            norms = self._update_codes(problem, operator, state, dual)
            self._update_image(problem, state, wanted - shift * dual, state.rho / shift)
        state = replace(state, k=state.k + 1)
        if self.balance and state.k == state.next_balance:
            return _balanced(state, problem.backend.to_host(norms))
        return state

    def _update_codes(self, problem: Any, operator: Any, state: ADMMState, dual: Array) -> Any:
        """Prox and multiplier, block by block; return the sums of `relax`'s five norms."""
        backend = problem.backend
        codes, multiplier, inner = state.grid_codes, state.multiplier, state.inner
        whole = codes.shape == problem.codes_shape

        def update(block: Block, correction: Array) -> Any:
            penalty = problem.penalty.at(block)
            if whole and hasattr(backend, "split") and is_plain(penalty):
                arrays = codes[block], multiplier[block]
                numbers = plain_numbers(penalty, 1.0 / state.rho)
                return backend.split(correction, arrays, self.relaxation, numbers)
            target = correction
            target *= self.relaxation
            target += codes[block]
            target += (1.0 - self.relaxation) * multiplier[block]
            if whole:
                new = penalty.prox(target, 1.0 / state.rho)
            else:
                new = backend.xp.zeros_like(target)
                new[inner] = penalty.prox(target[inner], 1.0 / state.rho)
            return backend.relax(codes[block], multiplier[block], target, new, self.relaxation)

        if problem.penalty.separable:
            return sum(operator.analyze(dual, update))
        correction = backend.xp.empty(codes.shape, dtype=codes.dtype)

        def store(block: Block, part: Array) -> None:
            correction[block] = part

        operator.analyze(dual, store)
        return update(WHOLE, correction)

    def _update_image(self, problem: Any, state: ADMMState, x_image: Array, rho: float) -> None:
        """Minimise |mask (y - w)|^2 / 2 + rho |w - target|^2 / 2 over the image w, in place."""
        image, multiplier = state.image, state.image_multiplier
        target = self.relaxation * x_image + (1.0 - self.relaxation) * image + multiplier
        image[...] = target
        corner = (..., *(slice(n) for n in problem.signal.shape[2:]))
        square = 1.0 if problem.mask is None else problem.mask * problem.mask
        image[corner] = (square * problem.signal + rho * target[corner]) / (square + rho)
        multiplier[...] = target - image


def _split_image(problem: Any) -> bool:
    return problem.mask is not None or not problem.operator.is_circular


def _squared_norm(problem: Any) -> float:
    """Return the bound on |D|^2, 1 where D is zero."""
    return float(problem.operator.lipschitz()) or 1.0


def _circular(problem: Any) -> Any:
    """Return the operator, or the circular one that it is a corner of."""
    operator = problem.operator
    if not hasattr(operator, "solve_outer") or not hasattr(operator, "extended"):
        msg = (
            "ADMM needs a dictionary with a solve in the frequency domain, a ConvDictionary or a "
            f"circular Concat; got {type(problem.dictionary).__name__}: use FISTA."
        )
        raise TypeError(msg)
    return operator if operator.is_circular else operator.extended()


def _balanced(state: ADMMState, norms: Any) -> ADMMState:
    """Move rho towards equal relative residuals; the multipliers are scaled along, in place.

    Multipliers of codes with weight 0 vanish: the codes' own size keeps the dual residual bounded.
    """
    state = replace(state, next_balance=2 * state.next_balance)
    primal, dual, size_point, size_new, size_multiplier = (math.sqrt(norm) for norm in norms)
    primal /= max(size_point, size_new) or 1.0
    dual /= max(size_multiplier, size_new) or 1.0
    if primal == 0 or dual == 0:
        return state
    factor = min(max(math.sqrt(primal / dual), 1.0 / _MOST_CHANGE), _MOST_CHANGE)
    if 1.0 / _LEAST_CHANGE < factor < _LEAST_CHANGE:
        return state
    state.multiplier[...] /= factor
    if state.image is not None:
        state.image_multiplier[...] /= factor
    return replace(state, rho=state.rho * factor)
