"""The command line: ``sparsecsc demo``, ``solve``, ``denoise`` and others; ``--help`` lists them.

The only module that prints. Results go to standard output, the progress bar and errors to standard
error. Exit codes: 0 done; 1 stopped before the tolerance was certified, also after Ctrl-C (SIGINT)
or SIGTERM: the best codes seen and all other files are written; 2 wrong use, with one line that
says what was expected, what was got and what to do; 130 interrupted before there was anything to
write. With the environment variable ``SPARSECSC_DEBUG`` set, errors show where they come from.
"""

from __future__ import annotations

import contextlib
import functools
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

from sparsecsc import (
    _cli_apply,
    _cli_apply_options,
    _cli_batch,
    _cli_bench,
    _cli_checks,
    _cli_demo,
    _cli_device,
    _cli_learn,
    _cli_outcome,
    _cli_run,
    _cli_verify,
    _cli_words,
)
from sparsecsc._cli_options import MisuseError, Settings, parser
from sparsecsc._cli_outcome import DONE
from sparsecsc.backends import backend_of
from sparsecsc.backends.devices import describe_gpus, missing_gpu
from sparsecsc.data import names
from sparsecsc.io import SignalFile

_EXTRAS = {
    "cupy": "arrays on a GPU",
    "matplotlib": "report.png",
    "sklearn": "estimators",
    "distributed": "clusters",
}
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
        msg = "expected a command, such as demo or solve; got none; see sparsecsc --help."
        raise MisuseError(msg)
    if arguments.command == "info":
        return _info()
    if arguments.command in ("bench", "verify"):
        say = functools.partial(print, file=sys.stderr, flush=True)
        run = _cli_bench.run if arguments.command == "bench" else _cli_verify.run
        return run(arguments, say, print)
    if arguments.command == "learn" or arguments.command in _cli_apply_options.COMMANDS:
        apply: Any = _cli_learn.run if arguments.command == "learn" else _cli_apply.run
        return int(apply(arguments, functools.partial(print, flush=True)))
    if arguments.command == "demo":
        options = (arguments.image, arguments.out, arguments.device, arguments.model)
        settings = _cli_demo.demo_settings(*options)
        source = _cli_demo.demo_source(arguments.image, arguments.model)
        return _solve(settings, arguments.quiet, source)
    return _solve_given(arguments)


def _solve_given(arguments: Namespace) -> int:
    known = {field.name for field in fields(Settings)}
    chosen = {name: value for name, value in vars(arguments).items() if name in known}
    settings = Settings(**chosen, given=frozenset(chosen))
    _cli_checks.check_source(settings)
    if settings.scheduler is not None:
        say = functools.partial(print, file=sys.stderr, flush=True)
        show = functools.partial(print, flush=True)
        return _cli_batch.run(settings, say, _silent if arguments.quiet else show)
    return _solve(settings, arguments.quiet)


def _silent(_: str) -> None:
    """Show nothing."""


def _solve(settings: Settings, quiet: bool, source: SignalFile | None = None) -> int:
    writer = _cli_run.writer_of(settings)
    job = _cli_run.prepared(settings, source)
    out, gpu = writer.check_out(job), _cli_device.on_gpu(settings)
    if not quiet:
        print(*_cli_words.announcement(job), sep="\n", flush=True)
    result = _cli_run.solved(job, gpu=gpu, progress=not quiet and sys.stderr.isatty())
    outcome = writer.write_all(job, result, out)
    if not quiet:
        print(*_cli_words.conclusion(result, outcome), sep="\n")
    return 0 if result.status in DONE else _NOT_CONVERGED


def _info() -> int:
    for name, version in _cli_outcome.versions().items():
        print(f"{name:<12}{version}")
    backend: Any = backend_of(np.empty(0))
    print(f"{'backends':<12}numpy (CPU, {backend.threads()} threads)")
    print(f"{'shipped':<12}{', '.join(names())}")
    _show_devices()
    for name, use in _EXTRAS.items():
        installed = importlib.util.find_spec(name) is not None
        print(f"{name:<12}{'installed' if installed else 'not installed'} (for {use})")
    return 0


def _show_devices() -> None:
    reason = missing_gpu()
    for line in describe_gpus() or [f"none: {reason}"]:
        print(f"{'GPU':<12}{line}")


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
    if type(error) is MemoryError and str(error):  # one of ours; NumPy has a class of its own
        return str(error)
    if isinstance(error, MemoryError):
        return "not enough memory for this input and these filters: use fewer or a smaller input."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: '{error.filename}': check the path and the rights to it."
    return " ".join(str(error).split())


def _complain(message: str) -> None:
    print(f"sparsecsc: error: {message}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
