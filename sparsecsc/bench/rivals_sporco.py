"""SPORCO's solvers as runners, each in its best setting.

Like ours the solvers get float32 where the problem is float32. ADMM has relaxation 1.8, the cached
linear solve, no statistics (`FastSolve`) and numexpr where that is installed; what is left to
choose, the rule of the penalty parameter and the threads of the FFT, is swept by `tuning`.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparsecsc.bench.data import Data
from sparsecsc.bench.protocol import Snapshot


@dataclass(frozen=True)
class SporcoADMM:
    """`sporco.admm.cbpdn.ConvBPDN`."""

    rho: float | None = None
    """The penalty parameter in units of the weight; None is SPORCO's own, 50 weight + 1."""
    adapted: bool = True
    """Whether the parameter follows the residuals (AutoRho)."""
    rule: dict[str, Any] = field(default_factory=dict)
    """Options of AutoRho."""
    threads: int = 2
    name = "SPORCO ADMM"

    @property
    def settings(self) -> dict[str, Any]:
        """What was chosen."""
        rule = {"adapted": self.adapted, **self.rule}
        return {"rho_over_weight": self.rho, "threads": self.threads, **rule}

    def unsuited(self, data: Any) -> str | None:
        """Return why it does not take the problem, or None."""
        return _unsuited(data)

    def iterates(self, data: Data, stops: Iterator[int]) -> Iterator[Snapshot]:
        """Yield the iterates: of ADMM's two variables the sparse one, which SPORCO returns."""
        module = _solvers("sporco.admm.cbpdn", self.threads)
        options = {
            "Verbose": False,
            "FastSolve": True,
            "HighMemSolve": True,
            "RelaxParam": 1.8,
            "RelStopTol": 0.0,
            "AbsStopTol": 0.0,
            "NonNegCoef": data.nonnegative,
            "AutoRho": {"Enabled": self.adapted, **self.rule},
        }
        if self.rho is not None:
            options["rho"] = self.rho * data.weight
        made = module.ConvBPDN.Options(options)
        solver = module.ConvBPDN(*_arrays(data), opt=made, dimK=0, dimN=len(data.sizes))
        yield from _continued(solver, stops, lambda: solver.Y)

    def candidates(self, threads: int) -> list[SporcoADMM]:
        """Return what a sweep tries."""
        rules: list[dict[str, Any]] = [{}, {"Period": 10}]
        adapted = [SporcoADMM(rule=rule, threads=threads) for rule in rules]
        rhos = (10.0, 20.0, 50.0, 100.0)
        return [*adapted, *(SporcoADMM(rho, adapted=False, threads=threads) for rho in rhos)]


@dataclass(frozen=True)
class SporcoPGM:
    """`sporco.pgm.cbpdn.ConvBPDN`: FISTA, given the exact Lipschitz constant."""

    threads: int = 2
    name = "SPORCO PGM"

    @property
    def settings(self) -> dict[str, Any]:
        """What was chosen."""
        return {"L": "largest squared spectral norm", "threads": self.threads}

    def unsuited(self, data: Any) -> str | None:
        """Return why it does not take the problem, or None."""
        return _unsuited(data)

    def iterates(self, data: Data, stops: Iterator[int]) -> Iterator[Snapshot]:
        """Yield the iterates."""
        module = _solvers("sporco.pgm.cbpdn", self.threads)
        options = module.ConvBPDN.Options(
            {
                "Verbose": False,
                "FastSolve": True,
                "RelStopTol": 0.0,
                "L": float(data.problem().lipschitz()),
                "NonNegCoef": data.nonnegative,
            }
        )
        solver = module.ConvBPDN(*_arrays(data), opt=options, dimK=0, dimN=len(data.sizes))
        yield from _continued(solver, stops, lambda: solver.X)

    def candidates(self, threads: int) -> list[SporcoPGM]:
        """Return what a sweep tries."""
        return [SporcoPGM(threads)]


def _unsuited(data: Any) -> str | None:
    if importlib.util.find_spec("sporco") is None:
        return "sporco is not installed"
    if not isinstance(data, Data):
        return "is for one layer"
    return None if data.circular else "is for circular borders"


def _solvers(name: str, threads: int) -> Any:
    module = importlib.import_module(name)
    transforms: Any = importlib.import_module("sporco.fft")
    transforms.pyfftw_threads = threads
    return module


def _arrays(data: Data) -> tuple[Any, ...]:
    """Return dictionary, signal and weight in SPORCO's order of axes: spatial, channel, filter."""
    bank, signal = np.moveaxis(data.filters, 0, -1), data.signal[0]
    if signal.shape[0] == 1:
        return bank[0], signal[0], data.weight
    return np.moveaxis(bank, 0, -2), np.moveaxis(signal, 0, -1), data.weight


def _continued(solver: Any, stops: Iterator[int], read: Any) -> Iterator[Snapshot]:
    """Call `solve` again and again, which goes on where it was."""
    k = 0
    for stop in stops:
        if stop > k:
            solver.opt["MaxMainIter"] = stop - k
            solver.solve()
            k = stop
        # (*spatial, channels of the codes, signals, filters)
        yield Snapshot(k, lambda: np.moveaxis(read()[..., 0, :], -1, 0)[None, ..., 0])
