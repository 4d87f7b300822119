"""The command line: ``sparsecsc demo``, ``sparsecsc solve``, ``sparsecsc info``.

The only module that prints. Results go to standard output, the progress bar and errors to standard
error. Exit codes: 0 done; 1 stopped before the tolerance was certified, also after Ctrl-C (SIGINT)
or SIGTERM: the best codes seen and all other files are written; 2 wrong use, with one line that
says what was expected, what was got and what to do; 130 interrupted before there was anything to
write. With the environment variable ``SPARSECSC_DEBUG`` set, errors show where they come from.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import sys
import threading
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from sparsecsc import _cli_job, _cli_outcome
from sparsecsc._cli_job import Job
from sparsecsc._cli_options import MisuseError, Settings, parser
from sparsecsc._cli_outcome import DONE, Outcome
from sparsecsc.backends import backend_of
from sparsecsc.data import names
from sparsecsc.io import SignalFile
from sparsecsc.result import Result
from sparsecsc.solve import solve

_MISUSE, _NOT_CONVERGED, _INTERRUPTED = 2, 1, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line with these arguments (by default those of the process).

    Returns
    -------
    int
        The exit code.
    """
    try:
        with _terminable(), np.errstate(all="ignore"):
            return _run(parser().parse_args(argv))
    except KeyboardInterrupt:
        _complain("interrupted before all was written; a file is either the old or the new one.")
        return _INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as in `sparsecsc ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _NOT_CONVERGED
    except (MisuseError, OSError, TypeError, ValueError, MemoryError) as error:
        if os.environ.get("SPARSECSC_DEBUG"):
            raise
        _complain(_one_line(error))
        return _MISUSE


def _run(arguments: Namespace) -> int:
    if arguments.version:
        print(f"sparsecsc {_cli_outcome.package_version('sparsecsc')}")
        return 0
    if arguments.command is None:
        msg = "expected a command, demo, solve or info; got none; see sparsecsc --help."
        raise MisuseError(msg)
    if arguments.command == "info":
        return _info()
    if arguments.command == "demo":
        settings = _cli_job.demo_settings(arguments.image, arguments.out)
        return _solve(settings, arguments.quiet, _cli_job.demo_source(arguments.image))
    known = {field.name for field in fields(Settings)}
    chosen = {name: value for name, value in vars(arguments).items() if name in known}
    return _solve(Settings(**chosen), arguments.quiet)


def _solve(settings: Settings, quiet: bool, source: SignalFile | None = None) -> int:
    job = _cli_job.prepare(settings, source)
    out = _cli_outcome.check_out(job)
    if not quiet:
        _announce(job)
    result = solve(
        job.problem,
        job.solver,
        start=job.start,
        tol=settings.tol,
        max_iter=settings.max_iter,
        max_seconds=settings.max_seconds,
        progress=not quiet and sys.stderr.isatty(),
    )
    outcome = _cli_outcome.write_all(job, result, out)
    if not quiet:
        _conclude(result, outcome)
    return 0 if result.status in DONE else _NOT_CONVERGED


def _announce(job: Job) -> None:
    shape = job.source.signal.shape
    size = " x ".join(map(str, shape[2:]))
    how = ", each coded by itself" if job.separate else ""
    channels = f"{shape[1]} channel{'s' if shape[1] > 1 else ''}{how}"
    print(f"signal      {job.source.path.name}: {size}, {channels} ({job.source.format.words})")
    if job.source.format.note:
        print(f"            {job.source.format.note}")
    if job.strength:
        print(f"low-pass    of strength {job.strength:g} taken off before coding, added back after")
    print(f"dictionary  {_cli_outcome.bank(job)} ({job.settings.filters})")
    ratio = job.settings.weight_ratio
    of = "" if ratio is None else f", {ratio:g} of the weight that makes all codes zero"
    print(f"penalty     {job.settings.penalty}, weight {job.weight:.4g}{of}")
    if job.start is not None:
        print(f"start       saved codes, after {job.iterations_before} iterations")
    aim = f"to a relative gap of {job.settings.tol:g}" if job.convex else "by its own rules"
    print(f"solving     {aim} ...", flush=True)


def _conclude(result: Result, outcome: Outcome) -> None:
    summary = outcome.summary
    print(f"result      {result.status.value}")
    print(f"            {result.n_iter} iterations in {result.seconds:.1f} s")
    certified = summary["relative_gap"]
    gap = "" if certified is None else f", certified relative gap {certified:.2e}"
    print(f"objective   {summary['objective']:.6g}{gap}")
    share = 100 * summary["nonzeros"] / summary["n_codes"]
    print(f"codes       {summary['nonzeros']} of {summary['n_codes']} nonzero ({share:.2g} %)")
    quality = summary["psnr"]
    print(f"PSNR        {'infinite' if quality is None else f'{quality:.2f} dB'}")
    listed = ", ".join(file.name for file in outcome.files)
    print(f"wrote       {listed} in {outcome.files[0].parent}{os.sep}")
    if outcome.missing:
        print(f"            {outcome.missing}")


def _info() -> int:
    for name, version in _cli_outcome.versions().items():
        print(f"{name:<12}{version}")
    backend: Any = backend_of(np.empty(0))
    print(f"{'backends':<12}numpy (CPU, {backend.threads()} threads)")
    print(f"{'shipped':<12}{', '.join(names())}")
    for name, use in (("cupy", "arrays on a GPU"), ("matplotlib", "report.png")):
        installed = importlib.util.find_spec(name) is not None
        print(f"{name:<12}{'installed' if installed else 'not installed'} (for {use})")
    return 0


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM, by which schedulers end jobs, act like Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _one_line(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "not enough memory for this input and these filters: use fewer or a smaller input."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: '{error.filename}': check the path and the rights to it."
    return " ".join(str(error).split())


def _complain(message: str) -> None:
    print(f"sparsecsc: error: {message}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
