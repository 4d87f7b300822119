"""A claim of the theory as an experiment: what it supposes, what it bounds, how tight it was."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Claim:
    """One statement, and the experiment that tries to break it.

    An instance, whatever `draw` returns, is looked at by `margins`, `measure` and `bound`; what is
    costly and shared by them belongs into the instance (a cached property).
    """

    id: str
    """Short and unique, such as "B5-support"."""
    title: str
    statement: str
    """In words, with every hypothesis."""
    formula: str
    """The same in LaTeX, without dollar signs."""
    source: str
    """Keys of docs/references.bib with the number of the theorem, or "derived here"."""
    provenance: str
    """S, C, R or D: published by the seed paper's authors, restated by others, recalled from the
    original without the text at hand, or derived here."""
    draw: Callable[[np.random.Generator], Any]
    """Make an instance; a good one holds the hypotheses, narrowly where it can."""
    margins: Callable[[Any], Mapping[str, float]]
    """By how much each hypothesis holds; the claim is in force if all are above 0."""
    measure: Callable[[Any], float]
    """Run the experiment and return what the claim bounds."""
    bound: Callable[[Any], float]
    """The bound, above which the claim is violated."""
    exact: bool = False
    """An identity or a yes-or-no claim: its bound is the allowance for rounding (and the ratio no
    measure of tightness)."""
    rounding: float = 1e-9
    """The share of the bound by which rounding may exceed it."""


@dataclass(frozen=True)
class Trial:
    """One instance of a claim, judged."""

    seed: int
    margins: dict[str, float]
    in_force: bool
    """All hypotheses held; otherwise nothing is measured, and the other fields are NaN."""
    measured: float
    bound: float
    ratio: float
    """measured / bound; 0 where both are."""
    violated: bool
    seconds: float


def run_trial(claim: Claim, seed: int) -> Trial:
    """Draw an instance from the seed, look at its hypotheses and, if they hold, measure.

    Parameters
    ----------
    claim : Claim
    seed : int
        Not negative. The claim's id enters too: claims draw independent instances.

    Returns
    -------
    Trial

    Raises
    ------
    ValueError
        If something measured is not a number.
    """
    begin = time.perf_counter()
    instance = claim.draw(np.random.default_rng([seed, *claim.id.encode()]))
    margins = {name: float(value) for name, value in claim.margins(instance).items()}
    measured = bound = ratio = math.nan
    in_force = all(value > 0 for value in margins.values())
    if in_force:
        measured, bound = float(claim.measure(instance)), float(claim.bound(instance))
        ratio = _ratio(claim, measured, bound)
    return Trial(
        seed=seed,
        margins=margins,
        in_force=in_force,
        measured=measured,
        bound=bound,
        ratio=ratio,
        violated=in_force and ratio > 1 + claim.rounding,
        seconds=time.perf_counter() - begin,
    )


def _ratio(claim: Claim, measured: float, bound: float) -> float:
    if math.isnan(measured) or math.isnan(bound):
        msg = (
            f"`measure` and `bound` of claim {claim.id} must be numbers; got {measured} and "
            f"{bound}: let `margins` exclude such instances."
        )
        raise ValueError(msg)
    if bound > 0:
        return measured / bound
    return 0.0 if measured <= bound else math.inf
