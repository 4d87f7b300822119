"""From learning to files: filters.npz, result.json, report.png."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc._cli_outcome import finite, plots, psnr, versions, write_json, write_report
from sparsecsc.backends import backend_of
from sparsecsc.io import atomic_write
from sparsecsc.learning.online import OnlineResult
from sparsecsc.learning.result import LearnResult
from sparsecsc.result import Status


@dataclass(frozen=True, eq=False)
class WholeOutcome:
    """What came out of learning from everything at once."""

    result: LearnResult
    peak: float

    @property
    def status(self) -> Status:
        """Why it ended."""
        return self.result.status

    @property
    def uses(self) -> np.ndarray:
        """How much each filter is used."""
        uses: np.ndarray = self.result.sparse_codes.size_by_filter()
        return uses

    def summary(self) -> dict[str, Any]:
        """Return what result.json says of it."""
        r = self.result
        image = r.problem.synthesize(r.sparse_codes)
        return {
            "objective": r.problem.objective(r.sparse_codes),
            "relative_gap": r.relative_gap,
            "filter_gap": r.filter_gap,
            "n_iter": r.n_iter,
            "seconds": r.seconds,
            "nonzeros": r.sparse_codes.nnz,
            "n_codes": r.sparse_codes.size,
            "psnr": psnr(r.problem.signal, image, r.problem.mask, self.peak),
            "idle": list(r.idle),
            "reseeded": [list(pair) for pair in r.reseeded],
            "history": {
                "iterations": r.history.iterations,
                "seconds": r.history.seconds,
                "objectives": r.history.objectives,
                "gaps": r.history.gaps,
            },
        }

    def curve(self) -> tuple[Any, Any, str, str]:
        """Return what the report draws: places, objectives and their names."""
        return self.result.history.seconds, self.result.history.objectives, "seconds", "objective"

    def words(self) -> list[str]:
        """Return what is said after the run."""
        r = self.result
        share = 100 * r.sparse_codes.nnz / r.sparse_codes.size
        gaps = f"certified relative gaps {r.relative_gap:.1e} (codes), {r.filter_gap:.1e} (filters)"
        return [
            f"result      {r.status.value}",
            f"            {r.n_iter} rounds in {r.seconds:.1f} s",
            f"objective   {r.objective:.6g}, {gaps}",
            f"codes       {r.sparse_codes.nnz} nonzero ({share:.2g} %), {len(r.idle)} filters idle",
        ]


@dataclass(frozen=True, eq=False)
class OnlineOutcome:
    """What came out of online learning."""

    result: OnlineResult
    epoch: int
    """Batches an epoch."""

    @property
    def status(self) -> Status:
        """Why it ended."""
        return self.result.status

    @property
    def uses(self) -> np.ndarray:
        """How much each filter is used."""
        uses: np.ndarray = self.result.state.quadratic.curvatures
        return uses

    def summary(self) -> dict[str, Any]:
        """Return what result.json says of it."""
        state = self.result.state
        last = state.objectives[-self.epoch :]
        return {
            "objective": float(np.mean(last)),
            "n_iter": state.n_batches,
            "seconds": state.seconds,
            "idle": list(state.idle),
            "history": {"objectives": state.objectives},
        }

    def curve(self) -> tuple[Any, Any, str, str]:
        """Return what the report draws: places, objectives and their names."""
        objectives = self.result.state.objectives
        return range(1, len(objectives) + 1), objectives, "batch", "objective of the batch"

    def words(self) -> list[str]:
        """Return what is said after the run."""
        state = self.result.state
        mean = self.summary()["objective"]
        done = self.status is Status.RULE_MET
        return [
            f"result      {'All batches were learned from.' if done else self.status.value}",
            f"            {state.n_batches} batches in {state.seconds:.1f} s",
            f"objective   {mean:.6g} a batch, on average over the last epoch",
            f"filters     {len(state.idle)} idle",
        ]


@dataclass(frozen=True)
class Written:
    """What was written, and what was not."""

    files: tuple[Path, ...]
    missing: str

    @property
    def words(self) -> list[str]:
        """Say it."""
        names = ", ".join(file.name for file in self.files)
        lines = [f"wrote       {names} in {self.files[0].parent}{os.sep}"]
        return [*lines, f"            {self.missing}"] if self.missing else lines


def write_all(job: Any, outcome: WholeOutcome | OnlineOutcome, out: Path) -> Written:
    """Write the three files, the filters first; each appears whole or not at all."""
    filters = outcome.result.filters
    bank = atomic_write(
        out / "filters.npz",
        lambda stream: np.savez_compressed(stream, allow_pickle=False, filters=filters),
    )
    summary = outcome.summary() | {
        "status": outcome.status.name,
        "sentence": outcome.status.value,
        "filters_shape": list(filters.shape),
        "dtype": str(filters.dtype),
        "device": "gpu" if job.gpu else "cpu",
        "threads": backend_of(filters).threads(),
        "parameters": job.parameters(),
        "versions": versions(),
    }
    page = write_json(out / "result.json", finite(summary))
    plot, missing = plots()
    drawing = None
    if plot is not None:
        *curve, across, up = outcome.curve()
        taps = "x".join(map(str, filters.shape[2:]))
        title = (
            f"{len(filters)} filters of {taps} learned from {len(job.files.paths)} file(s), "
            f"{job.settings.penalty} weight {float(job.penalty.weight):.3g}"
        )
        figure = plot.learn_report(
            filters, outcome.uses, tuple(curve), title=title, labels=(across, up)
        )
        drawing = lambda stream: figure.savefig(stream, format="png")  # noqa: E731
    return Written((bank, page, *write_report(out, drawing)), missing)
