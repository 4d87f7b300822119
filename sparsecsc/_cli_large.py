"""A run through files, for signals larger than memory: reading, filtering, saving as it goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sparsecsc._cli_folders import as_folder
from sparsecsc._cli_options import MisuseError, Settings
from sparsecsc.io import SignalFile, checkpoint, open_signal, read_signal, split_lowpass_file

CHECK_EVERY = 3
"""Iterations between certificates: an iteration can take minutes, and each may be the last."""


def check_options(s: Settings) -> None:
    """Refuse options that a run through files cannot carry out."""
    if s.workdir is None:
        if "save_every" in s.given:
            msg = "--save-every is for --workdir; got it without: give --workdir DIR, or leave it."
            raise MisuseError(msg)
        return
    if s.solver not in ("auto", "cd") or s.penalty not in ("l1", "nonnegative", "elastic-net"):
        msg = (
            "--workdir needs --solver cd and --penalty l1, nonnegative or elastic-net; got "
            f"{s.solver} and {s.penalty}: change them, or leave out --workdir."
        )
        raise MisuseError(msg)
    if s.mask is not None:
        msg = "--mask is for inputs that fit into memory; got it with --workdir: leave out one."
        raise MisuseError(msg)


def read(s: Settings, options: dict[str, Any]) -> SignalFile:
    """Read the input, or copy it to the folder for work and map it into memory."""
    if s.workdir is None:
        return read_signal(s.input, **options)
    folder = as_folder("--workdir", s.workdir)
    folder.mkdir(parents=True, exist_ok=True)
    if Path(s.input).resolve() == (folder / "signal.npy").resolve():
        msg = f"--workdir must not hold the input as signal.npy; got '{s.input}': choose another."
        raise MisuseError(msg)
    return open_signal(s.input, folder, **options)


def highpass(s: Settings, signal: Any, strength: float) -> Any:
    """Return the signal less its low-pass, as a file in the folder for work."""
    assert s.workdir is not None
    if strength == 0:
        return signal
    return split_lowpass_file(signal, strength, Path(s.workdir) / "highpass.npy")


def saver(job: Any) -> Callable[[Any], None]:
    """Return the callback that saves the codes every so many seconds."""
    s = job.settings
    filters = job.problem.dictionary.filters
    file = Path(s.workdir) / "checkpoint.npz"
    return checkpoint(file, filters, seconds=s.save_every, parameters=job.parameters())


def saved_file(s: Settings) -> Path:
    """Return the file with the codes of an earlier run: the newer one where there are two."""
    final = Path(s.out) / "codes.npz"
    if s.workdir is None:
        return final
    partial = Path(s.workdir) / "checkpoint.npz"
    there = [file for file in (partial, final) if file.is_file()]
    return max(there, key=lambda file: file.stat().st_mtime_ns, default=partial)
