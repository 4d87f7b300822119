"""Our solvers as runners."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sparsecsc.bench.data import LayeredData
from sparsecsc.bench.protocol import Snapshot
from sparsecsc.bench.scoring import dense
from sparsecsc.codes import SparseCodes
from sparsecsc.solvers.admm import ADMM
from sparsecsc.solvers.coordinate_descent import CoordinateDescent
from sparsecsc.solvers.fista import FISTA
from sparsecsc.solvers.ista import ISTA
from sparsecsc.solvers.layered_basis_pursuit import LayeredBasisPursuit
from sparsecsc.solvers.mladmm import MLADMM
from sparsecsc.solvers.mlista import MLFISTA, MLISTA

_PROBE = 64
"""Samples along each axis on which a solver shows whether it takes the problem."""


@dataclass(frozen=True)
class Ours:
    """One of our solvers, stepped by its protocol.

    The clock runs over the making of the problem, `init` and `step`; certificates are what
    `measure.certified` times.
    """

    name: str
    solver: Any
    dtype: str | None = None
    """What it computes in; None: what the problem's arrays are."""

    @property
    def settings(self) -> dict[str, Any]:
        """The solver's numbers."""
        found = {key: repr(value) for key, value in asdict(self.solver).items()}
        return found if self.dtype is None else found | {"dtype": self.dtype}

    def unsuited(self, data: Any) -> str | None:
        """Return why the solver does not take the problem, or None."""
        layered = isinstance(data, LayeredData)
        if self.dtype is not None and self.dtype == data.signal.dtype:  # None equals float64
            return f"is the same as in {self.dtype}, which the problem is in"
        if layered != bool(getattr(self.solver, "multilayer", False)):
            return f"is for {'one layer' if layered else 'several layers'}"
        problem = data.problem() if layered else data.part(_PROBE).problem()
        try:
            self.solver.init(problem, _zeros(problem, self.solver))
        except (TypeError, ValueError) as error:
            return str(error)
        return None

    def iterates(self, data: Any, stops: Iterator[int]) -> Iterator[Snapshot]:
        """Yield the iterates."""
        problem = data.problem(self.dtype)
        state = self.solver.init(problem, _zeros(problem, self.solver))
        k = 0
        for stop in stops:
            while k < stop and not state.finished:
                state = self.solver.step(problem, state)
                k += 1
            yield Snapshot(k, lambda state=state: dense(state.codes))  # type: ignore[misc]
            if state.finished:
                return


def _zeros(problem: Any, solver: Any) -> Any:
    dtype = problem.signal.dtype
    if getattr(solver, "sparse", False):
        return SparseCodes.zeros(problem.codes_shape, dtype)
    if hasattr(problem, "n_layers"):
        return tuple(np.zeros(shape, dtype) for shape in problem.shapes[1:])
    return np.zeros(problem.codes_shape, dtype)


SINGLE = (
    Ours("CoordinateDescent", CoordinateDescent()),
    Ours("CoordinateDescent float64", CoordinateDescent(), dtype="float64"),
    Ours("ADMM", ADMM()),
    Ours("FISTA", FISTA()),
    Ours("ISTA", ISTA()),
)
LAYERED = (
    Ours("MLADMM", MLADMM()),
    Ours("MLISTA", MLISTA(stationary=0.0)),
    Ours("MLFISTA", MLFISTA(stationary=0.0)),
    Ours("LayeredBasisPursuit", LayeredBasisPursuit(FISTA())),
)
