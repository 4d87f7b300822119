r"""Where a residual start beats the zero start, and by how many steps: a result of this project.

One layer minimises :math:`F(\Gamma) = \tfrac12\|X - D\Gamma\|^2 + \beta\|\Gamma\|_1` (codes of any
sign, or nonnegative) by ISTA with a step :math:`c \le 1/L`, from zero or from the input s of its
block. Let :math:`G = \|S_\beta(D^TX)\|`, so that the first step from zero has the length cG.

**Theorem (head start).** [D, new here] Let :math:`\Gamma_0^k` be the iterates from zero. Then

1. :math:`\|\Gamma_0^k\| \le kcG`: to be as near to :math:`\Gamma^*` as s, the zero start needs at
   least :math:`(\|\Gamma^*\| - \|s - \Gamma^*\|) / (cG)` steps;
2. :math:`F(\Gamma_0^k) \ge F(0) - kcG^2`: to be as low as s, it needs at least
   :math:`(F(0) - F(s)) / (cG^2)` steps;
3. among the scaled starts :math:`\tau s,\ \tau \ge 0`, some are lower than zero if and only if
   :math:`a = \langle Ds, X\rangle - \beta\|s\|_1 > 0`, namely those with
   :math:`0 < \tau < 2a/\|Ds\|^2`; the lowest has :math:`\tau^* = a/\|Ds\|^2` and
   :math:`F(0) - F(\tau^*s) = a^2/(2\|Ds\|^2)`;
4. if :math:`D^TD = \kappa I`, then
   :math:`\|\Gamma_0^k - \Gamma^*\| = (1 - c\kappa)^k\|\Gamma^*\|` and
   :math:`\|\Gamma_s^k - \Gamma^*\| \le (1 - c\kappa)^k\|s - \Gamma^*\|`: if
   :math:`\|s - \Gamma^*\| < \|\Gamma^*\|`, the residual start is ahead after every number of
   steps, at every step size, by at least
   :math:`\ln(\|\Gamma^*\| / \|s - \Gamma^*\|) / |\ln(1 - c\kappa)|` steps. If the support of s
   is in that of :math:`\Gamma^*` and its signs agree, both are equalities, and it is ahead only
   then.

**Theorem (critical step).** [D, new here] Let the layer's input be what one step of size c from
zero leaves of the layer before, which is :math:`X = cX_1` with an :math:`X_1` that does not depend
on c, and let its weight be in the same proportion, :math:`\beta = c\beta_1`. With
:math:`\Gamma^*_1` and :math:`a_1` of :math:`X_1, \beta_1`, the start s is

5. nearer to the optimum than zero if and only if
   :math:`c > \|s\|^2 / (2\langle s, \Gamma^*_1\rangle)` and the inner product is positive;
6. lower than zero if and only if :math:`c > \|Ds\|^2 / (2a_1)` and :math:`a_1 > 0`. With a weight
   that does not follow c, if and only if
   :math:`c\langle Ds, X_1\rangle > \tfrac12\|Ds\|^2 + \beta\|s\|_1`.

Below its critical step a residual start is worse than none, at any depth. The scaled start
:math:`\tau^*s` has no critical step: :math:`\tau^*` goes as c, and what it takes away of
:math:`F(0) - F^*` is a share that does not depend on c.

No constant in 1 and 2 can be improved: with one weak atom, :math:`D^TD = \kappa \ll L`, both become
equalities as :math:`kc\kappa \to 0`. The number of steps saved goes as 1/c.

*Proof.* The map of a step is nonexpansive, so that its moves never grow: each is at most the first,
cG, which gives 1. For 2, at k = 0 the subgradient of F at zero of least norm is
:math:`-S_\beta(D^TX)`, of norm G; at k >= 1 the definition of the prox makes
:math:`v_k = \tfrac1c(I - cD^TD)(\Gamma^{k-1} - \Gamma^k)` a subgradient of F at
:math:`\Gamma^k`, of norm at most that of the move over c, at most G. By convexity
:math:`F(\Gamma^k) - F(\Gamma^{k+1})` is at most
:math:`\langle v_k, \Gamma^k - \Gamma^{k+1}\rangle \le G \cdot cG`.
Statement 3 is a parabola in tau. In 4 coordinates separate:
:math:`\Gamma^*_j = S_\beta(b_j)/\kappa` with :math:`b = D^TX`, and
:math:`z \mapsto S_{c\beta}((1 - c\kappa)z + cb_j)` has slope :math:`1 - c\kappa` or 0 and the
fixed point :math:`\Gamma^*_j`; from zero, and from where signs agree, the threshold is passed
on the same side in every step, and the slope is never 0. For 5 and 6, F at :math:`c\Gamma` is
:math:`c^2` times that of :math:`X_1, \beta_1` at :math:`\Gamma`: the optimum is
:math:`c\Gamma^*_1`; and :math:`\|s - c\Gamma^*_1\|^2 < \|c\Gamma^*_1\|^2` is
:math:`\|s\|^2 < 2c\langle s, \Gamma^*_1\rangle`. 6 is 3 at :math:`\tau = 1`, with
:math:`a = ca_1`.

For nonnegative codes read :math:`S_\beta^+` for :math:`S_\beta`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparsecsc.penalties.l1 import L1
from sparsecsc.penalties.nonnegative_l1 import NonnegativeL1
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.solve import solve

__all__ = ["StartComparison", "compare_starts"]


@dataclass(frozen=True, eq=False)
class StartComparison:
    """A start of one layer's pursuit beside zero; every array has one entry a signal."""

    distance_ratio: Array
    """|s - Gamma*| / |Gamma*|: below 1 the start has the better guarantee; inf if Gamma* = 0."""
    objective_ratio: Array
    """(F(s) - F*) / (F(0) - F*): below 1 the start is lower."""
    steps_zero: Array
    """ISTA steps from zero to an excess of `target` times that of zero; inf if never reached."""
    steps_start: Array
    """The same from s."""
    head_start: Array
    """Steps from zero that the theorem says are needed to be as low as s; 0 if s is not lower."""
    best_scale: Array
    """tau*, the scale of the lowest multiple of s; 0 if none is lower than zero."""
    critical_factor: Array
    """What signal and weights must be multiplied by more than for s to be nearer than zero,
    |s|^2 / (2 <s, Gamma*>); inf if the inner product is not positive."""


def compare_starts(
    problem: Pursuit,
    start: Array,
    *,
    step_share: float = 1.0,
    target: float = 0.05,
    max_steps: int = 2000,
    tol: float = 1e-6,
) -> StartComparison:
    """Run ISTA from zero and from a start, and say how the two compare.

    Parameters
    ----------
    problem : Pursuit
        With `L1` or `NonnegativeL1`.
    start : array, shape of the codes
        s; one that the penalty allows.
    step_share : float
        c L, in (0, 1].
    target : float
        The excess of the objective at which a run has arrived, relative to that of zero.
    max_steps : int
        Most steps of a run.
    tol : float
        Relative duality gap to which the optimum is found, for the batch as a whole.

    Returns
    -------
    StartComparison

    Raises
    ------
    TypeError
        If the penalty is another.
    ValueError
        If `step_share` or `target` is not in (0, 1], or the start does not fit.

    Notes
    -----
    Per step one synthesis and one analysis, until all signals have arrived from both starts.
    """
    _check(problem, step_share, target)
    problem.check_codes("start", start)
    zero = np.zeros(problem.codes_shape, dtype=problem.signal.dtype)
    best = solve(problem, tol=tol, max_iter=20_000).codes
    low, from_zero, from_start = (_objectives(problem, z) for z in (best, zero, start))
    step = step_share / problem.lipschitz()
    first = problem.penalty.prox(problem.correlation(problem.signal), 1.0)
    slope = _sums(first**2)
    image = problem.synthesize(start)
    gain = _sums(image * problem.signal) - _penalties(problem, start)
    level = low + target * (from_zero - low)
    return StartComparison(
        distance_ratio=_over(np.sqrt(_sums((start - best) ** 2)), np.sqrt(_sums(best**2))),
        objective_ratio=_over(from_start - low, from_zero - low),
        steps_zero=_arrivals(problem, zero, step, level, max_steps),
        steps_start=_arrivals(problem, start, step, level, max_steps),
        head_start=_over(np.maximum(from_zero - from_start, 0.0), step * slope),
        best_scale=np.maximum(_over(gain, _sums(image**2)), 0.0),
        critical_factor=_over(_sums(start**2), np.maximum(2.0 * _sums(start * best), 0.0)),
    )


def _check(problem: Pursuit, step_share: float, target: float) -> None:
    if not isinstance(problem.penalty, (L1, NonnegativeL1)):
        msg = (
            "`problem` must have an L1 or NonnegativeL1 penalty; got "
            f"{type(problem.penalty).__name__}: the theorem is about these."
        )
        raise TypeError(msg)
    for name, value in (("step_share", step_share), ("target", target)):
        if not 0.0 < value <= 1.0:
            msg = f"`{name}` must be in (0, 1]; got {value}: pass such as 0.5."
            raise ValueError(msg)


def _sums(array: Array) -> Array:
    return array.reshape(len(array), -1).sum(axis=1)


def _over(a: Array, b: Array) -> Array:
    """Return a / b, inf where b is 0 and a is not, 0 where both are."""
    safe = np.where(b > 0, b, 1.0)
    return np.where(b > 0, a / safe, np.where(a > 0, np.inf, 0.0))


def _penalties(problem: Pursuit, codes: Array) -> Array:
    return _sums(problem.penalty.weight * np.abs(codes))


def _objectives(problem: Pursuit, codes: Array) -> Array:
    """Return F for each signal by itself."""
    return _sums(problem.residual(codes) ** 2) / 2 + _penalties(problem, codes)


def _arrivals(problem: Pursuit, codes: Array, step: float, level: Array, most: int) -> Array:
    """Return after how many steps F is at most the level, for each signal."""
    arrived = np.full(len(level), np.inf)
    for k in range(most + 1):
        residual = problem.residual(codes)
        value = _sums(residual**2) / 2 + _penalties(problem, codes)
        arrived = np.where(np.isinf(arrived) & (value <= level), k, arrived)
        if np.isfinite(arrived).all():
            break
        codes = problem.penalty.prox(codes + step * problem.correlation(residual), step)
    return arrived
