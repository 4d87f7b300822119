"""``sparsecsc learn``: from files to filters, at once or batch after batch."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc._cli_batch import clusters
from sparsecsc._cli_device import demand_gpu, ferry
from sparsecsc._cli_learn_inputs import Batches, Files, find_files, start_filters
from sparsecsc._cli_learn_options import LearnSettings, check
from sparsecsc._cli_learn_outcome import OnlineOutcome, WholeOutcome, write_all
from sparsecsc._cli_options import MisuseError
from sparsecsc._cli_outcome import DONE, check_folder, versions
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.io import load_online, online_checkpoint, save_online
from sparsecsc.learning.constraint import UnitBall
from sparsecsc.learning.learn import learn
from sparsecsc.learning.online import OnlineState, learn_online
from sparsecsc.optimality import lambda_max
from sparsecsc.penalties.l1 import L1
from sparsecsc.penalties.nonnegative_l1 import NonnegativeL1
from sparsecsc.problems import Pursuit


@dataclass(frozen=True, eq=False)
class LearnJob:
    """Learning that is ready to start."""

    settings: LearnSettings
    files: Files
    first: np.ndarray
    """What is learned from: all of it, or the first batch."""
    mask: np.ndarray | None
    dictionary: ConvDictionary
    penalty: Any
    constraint: UnitBall
    gpu: bool

    def parameters(self) -> dict[str, Any]:
        """Return all that the filters depend on, fit for JSON."""
        s, filters = self.settings, self.dictionary.filters
        padding = self.dictionary.padding
        return {
            "inputs": [str(path) for path in self.files.paths],
            "filters": list(filters.shape),
            "start": s.start,
            "weight": float(self.penalty.weight),
            "penalty": s.penalty,
            "zero_mean": s.zero_mean,
            "padding": list(padding) if isinstance(padding, tuple) else padding,
            "lowpass": self.files.strength(self.files.paths[0]),
            "grey": s.grey,
            "mask": s.mask,
            "dtype": s.dtype,
            "tol": s.tolerance,
            "seed": s.seed,
            "batch": s.batch if s.online else None,
            "forgetting": s.forgetting if s.online else None,
        }


def run(arguments: Namespace, show: Callable[[str], Any]) -> int:
    """Carry out the command; what is said goes to `show`.

    Returns
    -------
    int
        0, or 1 if learning ended before the tolerance or the last batch.
    """
    known = {field.name for field in fields(LearnSettings)}
    chosen = {name: value for name, value in vars(arguments).items() if name in known}
    chosen["inputs"] = tuple(chosen["inputs"])
    settings = LearnSettings(**chosen, given=frozenset(chosen))
    check(settings)
    job = prepare(settings)
    sources = {name: path for name in ("filters.npz",) for path in job.files.paths}
    out = check_folder(settings.out, sources)
    quiet = arguments.quiet
    if not quiet:
        for line in announcement(job):
            show(line)
    outcome = (_online if settings.online else _whole)(job, quiet=quiet)
    written = write_all(job, outcome, out)
    if not quiet:
        for line in [*outcome.words(), *written.words]:
            show(line)
    return 0 if outcome.status in DONE else 1


def prepare(settings: LearnSettings) -> LearnJob:
    """Read what is needed to start.

    Raises
    ------
    MisuseError, OSError, TypeError, ValueError
        With one line that says what was expected, what was got and what to do.
    """
    s, files = settings, find_files(settings)
    gpu = s.device == "gpu" and demand_gpu("--scheduler" if s.scheduler else "")
    mask = files.mask()
    here, _ = ferry(gpu=False)
    first = Batches(files, here)[0] if s.online else files.signal(files.paths, mask)
    constraint = UnitBall(zero_mean=s.zero_mean)
    dictionary = ConvDictionary(start_filters(s, first, files.paths[0]), padding=s.padding)
    allowed = constraint.project(dictionary.filters)  # the ratio of the weight is to these
    dictionary = ConvDictionary(allowed, padding=s.padding)
    make = L1 if s.penalty == "l1" else NonnegativeL1
    problem = Pursuit(first, dictionary, make(1.0), mask)
    weight = s.weight
    if weight is None:
        assert s.weight_ratio is not None
        weight = s.weight_ratio * lambda_max(problem)
    return LearnJob(s, files, first, mask, dictionary, make(weight), constraint, gpu)


def announcement(job: LearnJob) -> list[str]:
    """Return what is said before the run."""
    s, filters = job.settings, job.dictionary.filters
    n, size = len(job.files.paths), " x ".join(map(str, job.first.shape[2:]))
    of = f"{n} files" if n > 1 else job.files.paths[0].name
    channels = f"{job.first.shape[1]} channel{'s' if job.first.shape[1] > 1 else ''}"
    taps = "x".join(map(str, filters.shape[2:]))
    ratio = ""
    if s.weight_ratio is not None:
        ratio = f", {s.weight_ratio:g} of the weight that makes all codes zero at the start"
    how = f"{s.epochs} x {job.files.n_batches} batches" if s.online else "all at once"
    lowpass = job.files.strength(job.files.paths[0])
    lines = [f"signals     {of}: {'the first ' if s.online else ''}{size}, {channels}, {how}"]
    if lowpass:
        lines.append(f"low-pass    of strength {lowpass:g} taken off")
    return [
        *lines,
        f"filters     {filters.shape[0]} of {taps}, start {s.start}",
        f"penalty     {s.penalty}, weight {float(job.penalty.weight):.4g}{ratio}",
        "learning    ...",
    ]


def _whole(job: LearnJob, *, quiet: bool) -> WholeOutcome:
    s, (there, back) = job.settings, ferry(job.gpu)
    result = learn(
        there(job.first),
        there(job.dictionary),
        job.penalty,
        mask=there(job.mask),
        constraint=job.constraint,
        tol=s.tolerance,
        max_iter=s.max_iter,
        max_seconds=s.max_seconds,
        progress=not quiet and sys.stderr.isatty(),
    )
    return WholeOutcome(back(result), job.files.read(job.files.paths[0]).format.peak)


def _online(job: LearnJob, *, quiet: bool) -> OnlineOutcome:
    s, (there, back) = job.settings, ferry(job.gpu)
    batches = Batches(job.files, there)
    start = _resumed(job) if s.resume else None
    parameters, versions_ = job.parameters(), versions()
    save: Callable[[OnlineState], Any] = lambda _: None  # noqa: E731
    if s.checkpoint is not None:
        save = online_checkpoint(
            s.checkpoint, seconds=s.save_every, parameters=parameters, versions=versions_
        )
    from tqdm.auto import tqdm

    silent = quiet or not sys.stderr.isatty()
    with (
        _mapper(s.scheduler) as mapper,
        tqdm(total=len(batches), desc="learn", unit="batch", disable=silent) as bar,
    ):
        bar.update(0 if start is None else start.n_batches)

        def callback(state: OnlineState) -> None:
            save(back(state))
            bar.set_postfix_str(f"objective {state.objectives[-1]:.6g}")
            bar.update()

        result = learn_online(
            batches,
            there(job.dictionary),
            job.penalty,
            constraint=job.constraint,
            forgetting=s.forgetting,
            start=there(start),
            tol=s.tolerance,
            max_seconds=s.max_seconds,
            callback=callback,
            mapper=mapper,
        )
    result = back(result)
    if s.checkpoint is not None:
        save_online(s.checkpoint, result.state, parameters=parameters, versions=versions_)
    return OnlineOutcome(result, job.files.n_batches)


@contextmanager
def _mapper(scheduler: str | None) -> Iterator[Any]:
    """Lend what codes the signals of a batch on a cluster; None without one."""
    if scheduler is None:
        yield None
        return
    distributed = clusters()
    with distributed.connect(scheduler) as client:
        yield distributed.mapper(client)


def _resumed(job: LearnJob) -> OnlineState:
    """Return the state in the checkpoint; check that it is of the same run."""
    assert job.settings.checkpoint is not None
    file = Path(job.settings.checkpoint)
    if not file.is_file():
        msg = f"--resume needs '{file}'; got nothing there: leave out --resume, or correct it."
        raise MisuseError(msg)
    state, found = load_online(file)
    for key, wanted in job.parameters().items():
        if found.get(key) != wanted:
            msg = (
                f"--resume: '{file}' must be of the same run; got another {key.replace('_', ' ')} "
                "there: match the options, or leave out --resume."
            )
            raise MisuseError(msg)
    return state
