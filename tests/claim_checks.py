"""What every claim of the theory must do: hold, and notice when it is spoiled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sparsecsc.theory.claim import Claim, run_trial

NOTICED: set[str] = set()
"""The claims that noticed that they were spoiled, in this run."""


def by_id(claims: tuple[Claim, ...], name: str) -> Claim:
    (found,) = (claim for claim in claims if claim.id == name)
    return found


def check_holds(claim: Claim, *, n_trials: int = 6, least_in_force: float = 0.5) -> None:
    """No trial violates the claim, and enough of them are in force."""
    trials = [run_trial(claim, seed) for seed in range(n_trials)]
    in_force = sum(trial.in_force for trial in trials)
    assert in_force >= least_in_force * n_trials, [trial.margins for trial in trials]
    assert not any(trial.violated for trial in trials), [trial.ratio for trial in trials]


def check_notices(claim: Claim, *, n_trials: int = 12, **changes: Any) -> None:
    """Some trial of the claim with the changes is violated, though none without them is."""
    spoiled = replace(claim, **changes)
    for seed in range(n_trials):
        if run_trial(spoiled, seed).violated:
            assert not run_trial(claim, seed).violated
            NOTICED.add(claim.id)
            return
    trials = [run_trial(spoiled, seed) for seed in range(n_trials)]
    raise AssertionError([(trial.in_force, trial.ratio) for trial in trials])


def scaled_bound(claim: Claim, factor: float) -> dict[str, Any]:
    """Return the change that multiplies the bound."""
    return {"bound": lambda instance: factor * claim.bound(instance)}


def instead(claim: Claim, change: Callable[[Any], Any]) -> dict[str, Any]:
    """Return the change that measures another instance in place of the one drawn."""
    return {"measure": lambda instance: claim.measure(change(instance))}


def always(instance: Any) -> dict[str, float]:
    """Margins without a hypothesis."""
    return {"nothing": 1.0}
