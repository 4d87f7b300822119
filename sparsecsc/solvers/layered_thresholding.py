"""Layered thresholding: one proximal step a layer, the forward pass of a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sparsecsc.protocols import Array
from sparsecsc.solvers._layers import (
    check_entries,
    check_multilayer,
    check_steps,
    first_share,
    layer_steps,
    proximal_step,
    refuse_start,
)


@dataclass(frozen=True)
class ThresholdingState:
    """Codes of all layers."""

    codes: tuple[Array, ...]
    finished: bool


@dataclass(frozen=True, init=False)
class LayeredThresholding:
    r"""One proximal step a layer, from where the model lets the layer start.

    .. math::
        \Gamma_i = \mathrm{prox}_{c\phi_i}(\Gamma_i^0 + c D_i^T \Gamma_{i-1}
        - C D_i^T D_i \Gamma_i^0)

    With :math:`\Gamma_i^0 = 0` it is thresholding: soft for `L1`, rectified for `NonnegativeL1`,
    hard for `L0`.

    Parameters
    ----------
    step : float, sequence of float or None
        c, for all layers or one each. 1, the default, is the forward pass of a network whose
        thresholds are the weights. None takes 1 / L_i: the first ISTA step of each layer.

    Raises
    ------
    TypeError, ValueError
        If a step is not positive, there is not one a layer, or `start` is not zero.

    Notes
    -----
    One iteration is the whole pass; the run then ends by the solver's own rule. Cost: one analysis
    a layer, and one synthesis where it does not start at zero and C is not 0. C is the model's
    `damping`.

    References
    ----------
    Papyan, Romano and Elad 2017 (algorithm 1); Zhang and Zhang 2021 (the residual form).
    """

    step_size: Any
    multilayer = True

    def __init__(self, step: Any = 1.0) -> None:
        object.__setattr__(self, "step_size", check_steps("step", step))

    def init(self, problem: Any, start: tuple[Array, ...]) -> ThresholdingState:
        """Start before the first layer."""
        check_multilayer(self, problem)
        check_entries("step", self.step_size, problem)
        refuse_start(self, problem, start)
        return ThresholdingState(start, finished=False)

    def step(self, problem: Any, state: ThresholdingState) -> ThresholdingState:
        """Pass through all layers."""
        earlier = [problem.signal]
        for i, size in enumerate(layer_steps(self.step_size, problem), start=1):
            start = problem.start(i, earlier)
            share = first_share(problem, size)
            earlier.append(proximal_step(problem, i, earlier[-1], start, size, share=share))
        return ThresholdingState(tuple(earlier[1:]), finished=True)
