"""Learning of all layers of a model: one after the other, then together."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sparsecsc.checks import check_callable, check_count, check_number
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.learning import _joint
from sparsecsc.learning._dense import learn_dense
from sparsecsc.learning._layer_filters import own_part, with_layer
from sparsecsc.learning.constraint import UnitBall
from sparsecsc.learning.learn import learn
from sparsecsc.models.layers import check_sequence
from sparsecsc.models.problem import MultilayerPursuit
from sparsecsc.protocols import Array
from sparsecsc.result import History, Status
from sparsecsc.solvers.mlista import MLFISTA

_UNIT_BALL = UnitBall()


@dataclass(frozen=True, eq=False)
class LayersResult:
    """The outcome of `learn_layers`."""

    problem: MultilayerPursuit = field(repr=False)
    """The multi-layer pursuit with the learned model."""
    codes: tuple[Array, ...] = field(repr=False)
    """One a layer: what the deepest codes synthesise there."""
    status: Status
    """RULE_MET: a round of the joint stage lowered the objective by less than `tol`."""
    objective: float
    """F of the model at the deepest codes, with the term of `incoherence` if there is one."""
    n_iter: int
    """Rounds of the joint stage."""
    history: History
    """An entry for the end of the first stage, then one a round; gaps are not known: infinite."""

    @property
    def model(self) -> Any:
        """The learned model, of the kind of the one at the start."""
        return self.problem.model

    @property
    def filters(self) -> tuple[Array, ...]:
        """The learned filters of each layer, (n_filters, n_channels, *kernel)."""
        return tuple(own_part(d)[0].filters for d in self.model.dictionaries)

    @property
    def seconds(self) -> float:
        """Seconds from the call to the last entry of the history."""
        return self.history.seconds[-1]


@dataclass(frozen=True, eq=False)
class LayersCheck:
    """What a callback of `learn_layers` is told: after each layer, and after each joint round."""

    stage: str
    """"layer 1", "layer 2", ..., then "joint"."""
    n_iter: int
    seconds: float
    objective: float
    """Of the layer's own problem; of F in the joint stage."""


def learn_layers(
    signal: Array,
    model: Any,
    penalties: Sequence[Any],
    *,
    constraints: Any = None,
    solver: Any = None,
    tol: float = 1e-3,
    max_iter: int = 50,
    joint_iter: int = 20,
    incoherence: float = 0.0,
    max_seconds: float = math.inf,
    callback: Callable[[LayersCheck], Any] | None = None,
) -> LayersResult:
    r"""Learn the filters of every layer of a model from signals.

    First layer by layer: :math:`D_i` and :math:`\Gamma_i` for the codes of the layer before,

    .. math::
        \min_{D_i, \Gamma_i} \tfrac12 \|\Gamma_{i-1} - D_i \Gamma_i\|^2 + \phi_i(\Gamma_i), \qquad
        \Gamma_0 = y,

    then, for `joint_iter` rounds, all together on the objective of multi-layer basis pursuit,

    .. math::
        F = \tfrac12\|y - D_1 \cdots D_L\Gamma\|^2
        + \sum_{i<L} \phi_i(D_{i+1} \cdots D_L \Gamma) + \phi_L(\Gamma),

    over :math:`\Gamma` and one :math:`D_i` at a time. F never rises.

    Parameters
    ----------
    signal : array, shape (n_signals, n_channels, *spatial)
        y, NumPy, float32 or float64.
    model : MLCSC, ResCSC or MSDCSC
        Of layers that are a `ConvDictionary`, or identities beside one; its filters are where
        learning starts, such as `random_filters`.
    penalties : sequence of penalties
        One a layer. With `joint_iter` above 0, those of all layers but the last must be finite for
        all codes, as `L1` is: the codes of these layers are what deeper ones synthesise.
    constraints : UnitBall or sequence of UnitBall, optional
        What filters may be, one for all layers or one each. ``UnitBall(n_taps=8)`` makes filters
        of 8 nonzero taps, without which the codes of deeper layers cannot all be sparse.
    solver : solver record, optional
        Of multi-layer pursuits; by default `MLFISTA` with restart.
    tol : float
        Of the first stage, as for `learn`; the joint stage ends when a round lowers F by less than
        this factor.
    max_iter : int
        Most rounds of a layer in the first stage.
    joint_iter : int
        Most rounds of the joint stage; 0: none.
    incoherence : float
        Weight of the frame potential in the joint stage, which then minimises
        :math:`F + \kappa \sum_i R(D_i)`, with R the sum of the squared inner products of any two
        atoms of layer i that overlap. Less coherent layers come within reach of more theorems.
    max_seconds : float
        Most seconds, looked at after each layer and each round.
    callback : callable, optional
        Called with a `LayersCheck`; if it returns True learning ends as interrupted.

    Returns
    -------
    LayersResult
        Ctrl-C in the joint stage returns the last complete round; before it, it is raised.

    Raises
    ------
    TypeError, ValueError
        As `MultilayerPursuit` and `learn`; if a layer has no filters of its own, or a penalty does
        not suit the joint stage. Messages name the layer.

    Notes
    -----
    A joint round is up to 20 sweeps of the solver and, for each layer, one gradient and a few
    trials of a projected step, each of one synthesis a layer. Codes of all layers are dense arrays.

    References
    ----------
    Sulam, Papyan, Romano and Elad 2018 (section V: multi-layer learning with sparse filters);
    Sulam, Aberdam, Beck and Elad 2020 (F); Murdock and Lucey 2020 (the frame
    potential).

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc
    >>> signal = np.random.default_rng(0).standard_normal((1, 1, 200))
    >>> start = sc.MLCSC(
    ...     [
    ...         sc.ConvDictionary(sc.random_filters(4, 1, 7, rng=0)),
    ...         sc.ConvDictionary(sc.random_filters(6, 4, 5, rng=1)),
    ...     ]
    ... )
    >>> sparse = [sc.UnitBall(), sc.UnitBall(n_taps=4)]
    >>> found = sc.learn_layers(
    ...     signal, start, [sc.L1(0.3), sc.L1(0.3)], constraints=sparse, max_iter=5, joint_iter=3
    ... )
    >>> [bank.shape for bank in found.filters]
    [(4, 1, 7), (6, 4, 5)]
    >>> int(np.count_nonzero(found.filters[1][0]))
    4
    """
    began = time.perf_counter()
    problem = MultilayerPursuit(signal, model, penalties)
    check_number("incoherence", incoherence, least=0.0, finite=True)
    run = Run(
        constraints=_constraints(constraints, problem),
        solver=MLFISTA(restart=True, stationary=0.0) if solver is None else solver,
        tol=check_number("tol", tol, least=0.0),
        max_iter=check_count("max_iter", max_iter),
        joint_iter=check_count("joint_iter", joint_iter, least=0),
        ends=began + check_number("max_seconds", max_seconds, above=0.0),
        tell=_teller(callback, began),
    )
    if joint_iter:
        _joint.check_penalties(problem)
    problem, layered, stopped = run.by_layer(problem)
    images = problem.images(layered[-1])
    best = _joint.Best(problem, images, began, incoherence if joint_iter else 0.0)
    status = Status.MAX_ITER if stopped is None else stopped
    if stopped is None and joint_iter:
        try:
            status = run.together(best)
        except KeyboardInterrupt:
            status = Status.INTERRUPTED
    return LayersResult(
        problem=best.problem,
        codes=best.images[1:],
        status=status,
        objective=best.objective,
        n_iter=best.n_iter,
        history=best.history(),
    )


@dataclass(frozen=True, eq=False)
class Run:
    """What stays the same."""

    constraints: tuple[Any, ...]
    solver: Any
    tol: float
    max_iter: int
    joint_iter: int
    ends: float
    tell: Callable[[str, int, float], bool]

    def by_layer(
        self, problem: MultilayerPursuit
    ) -> tuple[MultilayerPursuit, list[Array], Status | None]:
        """Learn one layer after the other; return the problem, the codes, and what ended it."""
        codes, stopped = [problem.signal], None
        for i in range(1, problem.n_layers + 1):
            layer = problem.layer(i, codes[-1])
            allowed = self.constraints[i - 1]
            left = max(self.ends - time.perf_counter(), 1e-3)
            budget: dict[str, Any] = {"max_iter": self.max_iter, "max_seconds": left}
            if isinstance(layer.dictionary, ConvDictionary):
                noun = (layer.signal, layer.dictionary, layer.penalty)
                found: Any = learn(*noun, constraint=allowed, tol=self.tol, **budget)
            else:
                found = learn_dense(layer, allowed, tol=self.tol, **budget)
            codes.append(found.codes)
            model = with_layer(problem.model, i, found.filters)
            problem = MultilayerPursuit(problem.signal, model, problem.penalties)
            if self.tell(f"layer {i}", found.n_iter, found.objective):
                stopped = Status.INTERRUPTED
            elif time.perf_counter() >= self.ends:
                stopped = Status.MAX_SECONDS
        return problem, codes[1:], stopped

    def together(self, best: _joint.Best) -> Status:
        """Improve codes and the filters of each layer in turn."""
        steps = [1.0] * best.problem.n_layers
        while best.n_iter < self.joint_iter:
            before = best.objective
            best.improve_codes(self.solver)
            for i in range(1, best.problem.n_layers + 1):
                steps[i - 1] = best.improve_filters(i, self.constraints[i - 1], steps[i - 1])
            best.close_round()
            if self.tell("joint", best.n_iter, best.objective):
                return Status.INTERRUPTED
            if before - best.objective <= self.tol * best.objective:
                return Status.RULE_MET
            if time.perf_counter() >= self.ends:
                return Status.MAX_SECONDS
        return Status.MAX_ITER


def _constraints(given: Any, problem: MultilayerPursuit) -> tuple[Any, ...]:
    """Return one constraint a layer, and refuse layers without filters of their own."""
    n = problem.n_layers
    if given is None or hasattr(given, "project"):
        found = (_UNIT_BALL if given is None else given,) * n
    else:
        found = check_sequence("constraints", given, "constraints such as UnitBall()")
    if len(found) != n:
        msg = (
            f"`constraints` must have one entry for each of the {n} layers; got {len(found)}: "
            "match them."
        )
        raise ValueError(msg)
    for i, (dictionary, one) in enumerate(zip(problem.model.dictionaries, found, strict=True), 1):
        if not hasattr(one, "project"):
            msg = (
                f"`constraints` must hold constraints such as UnitBall(); got "
                f"{type(one).__name__} for layer {i}: create one."
            )
            raise TypeError(msg)
        try:
            one.check(own_part(dictionary)[0].filters)
        except (TypeError, ValueError) as error:
            msg = f"layer {i}: {error}"
            raise type(error)(msg) from None
    return found


def _teller(
    callback: Callable[[LayersCheck], Any] | None, began: float
) -> Callable[[str, int, float], bool]:
    if callback is None:
        return lambda stage, n_iter, objective: False
    check_callable("callback", callback, "a function of one LayersCheck")

    def told(stage: str, n_iter: int, objective: float) -> bool:
        return bool(callback(LayersCheck(stage, n_iter, time.perf_counter() - began, objective)))

    return told
