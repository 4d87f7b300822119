"""The steps of one run, in the command's own process or on a worker of a cluster."""

from __future__ import annotations

from typing import Any

from sparsecsc import (
    _cli_device,
    _cli_job,
    _cli_large_outcome,
    _cli_model_outcome,
    _cli_models,
    _cli_outcome,
)
from sparsecsc._cli_options import Settings
from sparsecsc.io import SignalFile
from sparsecsc.result import Result
from sparsecsc.solve import solve


def writer_of(settings: Settings) -> Any:
    """Return the module that writes what this kind of run gives: `check_out` and `write_all`."""
    if settings.workdir is not None:
        return _cli_large_outcome
    return _cli_outcome if settings.model is None else _cli_model_outcome


def prepared(settings: Settings, source: SignalFile | None = None) -> Any:
    """Check the settings, read the files and build the problem."""
    if settings.model is None:
        return _cli_job.prepare(settings, source)
    return _cli_models.prepare(settings, source)


def solved(job: Any, *, gpu: bool, progress: bool = False) -> Result:
    """Return the result of a job that is ready to start, its arrays being on the host."""
    problem, start, settings = job.problem, job.start, job.settings
    if gpu:
        problem, start = _cli_device.to_device(problem, start)
    result = solve(
        problem,
        job.solver,
        start=start,
        tol=settings.tol,
        max_iter=job.max_iter,
        max_seconds=settings.max_seconds,
        progress=progress,
        **job.run_options,
    )
    judged: Result = job.judged(_cli_device.to_files(result) if gpu else result)
    return judged
