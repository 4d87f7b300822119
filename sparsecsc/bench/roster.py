"""All runners by name; of a rival with settings to choose, the candidates."""

from __future__ import annotations

from typing import Any

from sparsecsc.backends import cpu
from sparsecsc.bench import ours
from sparsecsc.bench.rivals_alphacsc import AlphaCSC
from sparsecsc.bench.rivals_lasso import LASSOS
from sparsecsc.bench.rivals_sporco import SporcoADMM, SporcoPGM
from sparsecsc.bench.rivals_torch import SWEEPS

OURS = tuple(runner.name for runner in (*ours.SINGLE, *ours.LAYERED))


def roster() -> dict[str, list[Any]]:
    """Return the runners by name."""
    found: dict[str, list[Any]] = {r.name: [r] for r in (*ours.SINGLE, *ours.LAYERED)}
    threads = cpu.threads()
    for rival in (SporcoADMM(), SporcoPGM(), *SWEEPS):
        found[rival.name] = list(rival.candidates(threads))
    for alone in (AlphaCSC(), *LASSOS):
        found[alone.name] = [alone]
    return found
