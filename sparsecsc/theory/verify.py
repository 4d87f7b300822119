"""Run claims: find them, try each many times, keep every trial, say what was found."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import math
import pkgutil
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sparsecsc.bench import records
from sparsecsc.theory import claims as _claims
from sparsecsc.theory.claim import Claim, Trial, run_trial

SEEDS_APART = 1_000_000
"""Trial i of a run with the seed s has the seed s · 1000000 + i."""


@dataclass(frozen=True)
class Summary:
    """What the trials of one claim showed."""

    id: str
    trials: int
    in_force: int
    """Trials in which all hypotheses held."""
    violations: int
    """Of the trials in force."""
    worst_ratio: float
    """The largest measured / bound in force; NaN if no trial was."""
    median_ratio: float
    seconds: float
    tightest_seed: int | None
    """Of the trial with the largest ratio."""
    counterexample_seed: int | None
    """Of the first trial that violates the claim."""
    ratios: tuple[float, ...]
    """Of the trials in force, in their order."""

    @property
    def holds(self) -> bool:
        """Whether the claim was in force and never violated."""
        return self.in_force > 0 and self.violations == 0

    @property
    def verdict(self) -> str:
        """In a word or two."""
        if self.violations:
            return "VIOLATED"
        return "holds" if self.in_force else "never in force"


@cache
def families() -> dict[str, tuple[Claim, ...]]:
    """Return the claims of each module of `sparsecsc.theory.claims`, by its name.

    Returns
    -------
    dict of tuple of Claim

    Raises
    ------
    ValueError
        If two claims have the same id.
    """
    found: dict[str, tuple[Claim, ...]] = {}
    for module in sorted(pkgutil.iter_modules(_claims.__path__), key=lambda m: m.name):
        if not module.name.startswith("_"):
            loaded = importlib.import_module(f"{_claims.__name__}.{module.name}")
            found[module.name] = tuple(getattr(loaded, "CLAIMS", ()))
    check_ids([claim for claims in found.values() for claim in claims])
    return {name: claims for name, claims in found.items() if claims}


def check_ids(claims: Sequence[Claim]) -> None:
    """Raise ValueError if two claims have the same id."""
    ids = [claim.id for claim in claims]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        msg = f"`id` must be a claim's own; got {', '.join(twice)} twice: rename one."
        raise ValueError(msg)


def select(names: Sequence[str], known: dict[str, tuple[Claim, ...]]) -> tuple[Claim, ...]:
    """Return the claims that are named, in the order of their ids; all if there are no names.

    Parameters
    ----------
    names : sequence of str
        Ids, such as "B5-support"; the parts of ids before a hyphen, such as "B5"; or families.
        Capitals do not matter.
    known : dict of tuple of Claim
        As `families` returns them.

    Returns
    -------
    tuple of Claim

    Raises
    ------
    ValueError
        If a name fits nothing; the message names what is nearest.
    """
    everything = sorted((c for claims in known.values() for c in claims), key=_order)
    chosen: set[str] = set()
    for name in names:
        wanted = name.lower()
        fitting = {claim.id for claim in known.get(wanted, ())}
        fitting |= {c.id for c in everything if f"{c.id.lower()}-".startswith(f"{wanted}-")}
        if not fitting:
            raise ValueError(_unknown(name, everything, known))
        chosen |= fitting
    return tuple(claim for claim in everything if not names or claim.id in chosen)


def _order(claim: Claim) -> tuple[str, int, str]:
    """Sort A1, A3, B2, B10 by letter and number."""
    head, _, rest = claim.id.partition("-")
    digits = "".join(c for c in head if c.isdigit())
    return head.rstrip("0123456789"), int(digits or 0), rest


def _unknown(name: str, everything: Sequence[Claim], known: dict[str, tuple[Claim, ...]]) -> str:
    words = {c.id.lower(): c.id for c in everything} | {family: family for family in known}
    words |= {c.id.lower().partition("-")[0]: c.id.partition("-")[0] for c in everything}
    near = difflib.get_close_matches(name.lower(), words, n=3, cutoff=0.3) or sorted(known)
    return (
        f"`ID` must be a claim, the part of ids before a hyphen, or a family; got '{name}': the "
        f"nearest are {', '.join(words[word] for word in near)} (see sparsecsc verify --list)."
    )


@cache
def fingerprint() -> str:
    """Return a digest of the package's source, by which records of another state are known."""
    digest = hashlib.sha256()
    package = Path(__file__).resolve().parents[1]
    for file in sorted(package.rglob("*.py")):
        digest.update(file.relative_to(package).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def verify(
    claims: Sequence[Claim], *, trials: int = 20, seed: int = 0, file: Path | None = None
) -> Iterator[Summary]:
    """Try each claim, and yield what was found when it is done.

    Parameters
    ----------
    claims : sequence of Claim
    trials : int
        Of each claim; at least 1.
    seed : int
        Not negative. Trial i has the seed ``seed * 1000000 + i``.
    file : path, optional
        Every trial becomes a line of it. Trials that are there already, of the same state of the
        package, are not repeated: a run that was cut off goes on.

    Yields
    ------
    Summary

    Raises
    ------
    RuntimeError
        If an experiment fails; the message names claim and seed.
    OSError
        If the file cannot be written.
    """
    done = _known_trials(file)
    for claim in claims:
        found = []
        for i in range(trials):
            at = seed * SEEDS_APART + i
            known = done.get((claim.id, at))
            found.append(known or _run(claim, at, file))
        yield summarise(claim.id, found)


def _run(claim: Claim, seed: int, file: Path | None) -> Trial:
    try:
        trial = run_trial(claim, seed)
    except (ArithmeticError, TypeError, ValueError) as error:
        msg = f"the experiment of claim {claim.id} failed at seed {seed}: {error}"
        raise RuntimeError(msg) from error
    if file is not None:
        line = {"kind": "trial", "claim": claim.id, "state": fingerprint(), **_packed_trial(trial)}
        records.append(file, line)
    return trial


def _packed_trial(trial: Trial) -> dict[str, Any]:
    found = asdict(trial)
    found["margins"] = {name: packed(value) for name, value in trial.margins.items()}
    for name in ("measured", "bound", "ratio"):
        found[name] = packed(found[name])
    return found


def packed(value: float) -> float | str:
    """Return a number as JSON can hold it: those that are not finite become words."""
    return value if math.isfinite(value) else str(value)


def _known_trials(file: Path | None) -> dict[tuple[str, int], Trial]:
    found: dict[tuple[str, int], Trial] = {}
    for record in records.read(file)[0] if file is not None else []:
        if record["kind"] == "trial" and record.get("state") == fingerprint():
            values = {name: record[name] for name in Trial.__dataclass_fields__}
            values["margins"] = {k: float(v) for k, v in record["margins"].items()}
            values |= {name: float(record[name]) for name in ("measured", "bound", "ratio")}
            found[record["claim"], record["seed"]] = Trial(**values)
    return found


def summarise(name: str, trials: Sequence[Trial]) -> Summary:
    """Return what the trials of the claim with this id showed."""
    forced = [trial for trial in trials if trial.in_force]
    violating = [trial.seed for trial in forced if trial.violated]
    tightest = max(forced, key=lambda trial: trial.ratio, default=None)
    ratios = tuple(trial.ratio for trial in forced)
    return Summary(
        id=name,
        trials=len(trials),
        in_force=len(forced),
        violations=len(violating),
        worst_ratio=max(ratios, default=math.nan),
        median_ratio=statistics.median(ratios) if ratios else math.nan,
        seconds=sum(trial.seconds for trial in trials),
        tightest_seed=None if tightest is None else tightest.seed,
        counterexample_seed=violating[0] if violating else None,
        ratios=ratios,
    )
