"""What learning returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sparsecsc.codes import SparseCodes, dense, sparse
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.result import History, Status


@dataclass(frozen=True, eq=False)
class LearnResult:
    """The outcome of `learn`."""

    problem: Pursuit = field(repr=False)
    """The pursuit with the learned filters, whose codes these are."""
    kept: SparseCodes | Array = field(repr=False)
    """The codes, (n_signals, n_filters, *code_spatial), as they were computed: see `codes`."""
    status: Status
    """CONVERGED: neither codes nor filters alone can lower the objective by more than `tol`."""
    objective: float
    """At these filters and codes."""
    relative_gap: float
    """Certified: new codes for these filters can lower the objective by at most this factor."""
    filter_gap: float
    """Certified: new filters for these codes can lower the objective by at most this factor."""
    n_iter: int
    """Rounds: a pursuit and an update of the filters each."""
    history: History
    """An entry a round, at its codes; the gaps are those of the codes, not relative."""
    idle: tuple[int, ...]
    """The filters that no code uses."""
    reseeded: tuple[tuple[int, int], ...] = ()
    """(round, filter) for each idle filter that was given a patch of the residual."""

    @property
    def dictionary(self) -> ConvDictionary:
        """The dictionary of the learned filters."""
        dictionary: ConvDictionary = self.problem.dictionary
        return dictionary

    @property
    def filters(self) -> Array:
        """(n_filters, n_channels, *kernel), of the dtype of the signal."""
        return self.dictionary.filters

    @cached_property
    def codes(self) -> Array:
        """The codes as an array; a MemoryError says so where it does not fit."""
        return dense(self.kept)

    @cached_property
    def sparse_codes(self) -> Any:
        """The codes as `SparseCodes`; a TypeError says so for arrays that are not NumPy's."""
        return sparse(self.kept)

    @property
    def seconds(self) -> float:
        """Seconds from the call to the last entry of the history."""
        return self.history.seconds[-1]
