"""What the figures of ``sparsecsc verify`` are drawn from: measurements over a range, resumable."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc.bench import records
from sparsecsc.theory.verify import fingerprint


@dataclass(frozen=True)
class Sweep:
    """One figure's measurements."""

    name: str
    claims: tuple[str, ...]
    """What the figure is about: ids, or the parts of ids before a hyphen."""
    points: tuple[Any, ...]
    """Numbers or words, each measured by itself."""
    measure: Callable[[Any, np.random.Generator], dict[str, Any]]
    """Point and randomness, the same for all points, to what JSON can hold."""

    def is_about(self, ids: Sequence[str]) -> bool:
        """Whether any of the claims with these ids is one that the figure shows."""
        return any(f"{one}-".startswith(f"{wanted}-") for one in ids for wanted in self.claims)


def run_sweep(sweep: Sweep, *, seed: int = 0, file: Path | None = None) -> Iterator[dict[str, Any]]:
    """Measure the points in order, and yield each with what was measured.

    Parameters
    ----------
    sweep : Sweep
    seed : int
        Not negative.
    file : path, optional
        Every point becomes a line of it; those that are there already, of the same state of the
        package, are not measured again.

    Yields
    ------
    dict
        ``point`` and the values.
    """
    known = records.read(file)[0] if file is not None else []
    for point in sweep.points:
        where = {"sweep": sweep.name, "seed": seed, "point": point, "state": fingerprint()}
        done = records.latest(known, kind="sweep", **where)
        if done is None:
            rng = np.random.default_rng([seed, *sweep.name.encode()])
            done = {"kind": "sweep", **where, "values": sweep.measure(point, rng)}
            if file is not None:
                records.append(file, done)
        yield {"point": point, **done["values"]}
