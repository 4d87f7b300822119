"""What a runner is: a solver, ours or a rival's, that hands out its iterates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, eq=False)
class Snapshot:
    """An iterate, as the runner holds it."""

    iteration: int
    codes: Callable[[], Any]
    """Returns the dense codes of the deepest layer; called with the clock stopped."""
    claimed: Callable[[], float] | None = None
    """Returns what the solver says its objective is, if it says so."""
    fresh: bool = False
    """Whether the solver began anew for this one, so that earlier seconds do not count."""


class Runner(Protocol):
    """A solver with its numbers."""

    @property
    def name(self) -> str:
        """How tables call it."""

    @property
    def settings(self) -> dict[str, Any]:
        """What was chosen, for the record."""

    def unsuited(self, data: Any) -> str | None:
        """Return why it cannot run on a problem (also: not installed), or None."""

    def iterates(self, data: Any, stops: Iterator[int]) -> Iterator[Snapshot]:
        """Yield the iterate after each number of iterations in `stops`, or budget of it.

        The clock runs from the call on and stops at each yield: what a solver prepares counts.
        """
