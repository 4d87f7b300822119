"""What comes out: codes, why the run ended, what was certified, and how it went."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sparsecsc.codes import dense, sparse
from sparsecsc.protocols import Array


class Status(enum.Enum):
    """Why a run ended, as a sentence."""

    CONVERGED = "The stated tolerance is certified."
    RULE_MET = "The solver's own stopping rule is met; no certificate was asked of it."
    MAX_ITER = "The largest number of iterations was reached before the tolerance."
    MAX_SECONDS = "The time allowed was used up before the tolerance was reached."
    INTERRUPTED = "The run was interrupted; the codes are the best seen."
    NOT_FINITE = "The iterates stopped being finite; the codes are the last finite ones."


@dataclass(frozen=True, eq=False)
class Certificate:
    """Upper and lower bounds on the optimal value, computed from codes alone.

    Sums are in float64; the residual has the precision of the signal's dtype, so a relative gap
    below about 1e-6 means little in float32 and below 1e-14 in float64.
    """

    objective: float
    """P, the objective at the codes: the optimum is at most this."""
    dual: Array
    """Lower bounds on the optimal values, one a signal (one in all where they are coupled)."""
    data_term: float
    """Half the squared norm of the residual."""
    kkt: float
    """The relative KKT residual; NaN where the gap is computed instead."""
    violation: float = 0.0
    """Multi-layer problems: how far shallower codes are from what their penalties allow."""
    layers: tuple[float, ...] = ()
    """Layered solvers: the measure of each layer's own problem."""
    point: tuple[Array, ...] = ()
    """Multi-layer problems: the dual point (theta, v_1, ...) of the best lower bound computed."""

    @property
    def gap(self) -> float:
        """The duality gap P - D; NaN where the penalty has none."""
        return self.objective - float(self.dual.sum())

    @property
    def relative_gap(self) -> float:
        """(P - D) / P, 0 where P = 0; the objective is within this factor of optimal."""
        return self.gap / self.objective if self.objective > 0 else self.gap

    @property
    def measure(self) -> float:
        """What is compared with the tolerance: the relative gap, else the KKT residual.

        For a layered solver the largest of its layers'; with a violation the larger of the two.
        """
        if self.layers:
            return max(self.layers)
        if self.kkt == self.kkt:
            return self.kkt
        return max(abs(self.relative_gap), self.violation) if self.violation else self.relative_gap


@dataclass(frozen=True)
class History:
    """Equal-length columns, one entry a check."""

    iterations: tuple[int, ...]
    seconds: tuple[float, ...]
    """Since `solve` was called, checks included."""
    objectives: tuple[float, ...]
    gaps: tuple[float, ...]
    """Absolute duality gaps, the best lower bound so far taken; NaN where there is none."""


@dataclass(frozen=True, eq=False)
class Result:
    """The outcome of a run.

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc
    >>> dictionary = sc.ConvDictionary(np.ones((1, 1, 3)))
    >>> result = sc.solve(sc.Pursuit(np.ones((1, 1, 8)), dictionary, sc.L1(0.5)))
    >>> print(result.status.value)
    The stated tolerance is certified.
    """

    kept: Any = field(repr=False)
    """The codes as the solver has them: an array, `SparseCodes`, or a tuple of arrays."""
    status: Status
    certificate: Certificate
    n_iter: int
    """Iterations done, also those after the best codes."""
    history: History

    @cached_property
    def codes(self) -> Any:
        """(n_signals, n_filters, *code_spatial); for several layers a tuple of such arrays.

        Those of a solver with sparse codes are expanded when first asked for; a MemoryError says
        so where they do not fit into memory: then stay with `sparse_codes`.
        """
        return dense(self.kept)

    @cached_property
    def sparse_codes(self) -> Any:
        """The codes as `SparseCodes`; for several layers a tuple with one entry a layer.

        NumPy only; a TypeError says so for arrays of other kinds.
        """
        return sparse(self.kept)

    @property
    def objective(self) -> float:
        """The objective at the codes."""
        return self.certificate.objective

    @property
    def gap(self) -> float:
        """The certified duality gap at the codes; NaN where there is none."""
        return self.certificate.gap

    @property
    def relative_gap(self) -> float:
        """The certified relative duality gap (P - D) / P; NaN where there is none."""
        return self.certificate.relative_gap

    @property
    def seconds(self) -> float:
        """Seconds from the call of `solve` to the last check."""
        return self.history.seconds[-1]
