"""Iterative soft thresholding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sparsecsc.checks import check_number
from sparsecsc.protocols import Array, Block
from sparsecsc.solvers._steps import proximal_point


@dataclass(frozen=True)
class ISTAState:
    """The iterate."""

    codes: Array
    finished = None


@dataclass(frozen=True)
class ISTA:
    r"""Proximal gradient descent: :math:`z \leftarrow \mathrm{prox}_{s\phi}(z + s A^T(b - A z))`.

    Parameters
    ----------
    step_size : float, optional
        s; by default 1 / L with L the bound on :math:`\|A\|^2`, for which the objective never
        rises. Any penalty; with `L0` it is iterative hard thresholding.

    Raises
    ------
    ValueError
        If `step_size` is not positive.

    Notes
    -----
    F - F* <= L |z_0 - z*|^2 / (2 k) after k steps. Per step one synthesis and one analysis: an
    FFT and an inverse FFT a filter. Memory: one array of the codes' size.

    References
    ----------
    Daubechies, Defrise and De Mol 2004; Beck and Teboulle 2009 (theorem 3.1).
    """

    step_size: float | None = None

    def __post_init__(self) -> None:
        if self.step_size is not None:
            check_number("step_size", self.step_size, above=0.0, finite=True)

    def init(self, problem: Any, start: Array) -> ISTAState:
        """Start at `start`."""
        return ISTAState(start)

    def step(self, problem: Any, state: ISTAState) -> ISTAState:
        """Take one proximal gradient step, in place."""
        codes = state.codes
        size = self.step_size or 1.0 / problem.lipschitz()

        def update(block: Block, correlation: Array) -> None:
            penalty = problem.penalty.at(block)
            codes[block] = proximal_point(penalty, correlation, codes[block], size)

        problem.correlate(problem.residual(codes), update)
        return state
