"""``sparsecsc solve FOLDER --scheduler ADDRESS``: each file by itself, on a cluster's workers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc import _cli_device, _cli_run
from sparsecsc._cli_folders import files_in
from sparsecsc._cli_options import MisuseError, Settings
from sparsecsc._cli_outcome import DONE, check_folder, finite, write_json
from sparsecsc.io.files import SUFFIXES

_NAME, _SEAL = "batch.json", "result.json"
_KEPT = ("status", "objective", "relative_gap", "n_iter", "nonzeros", "psnr", "seconds")
_DONE = tuple(status.name for status in DONE)
_FREE = ("input", "out", "resume", "scheduler", "given")
"""What may differ between a job and the one that goes on with it."""


def run(settings: Settings, say: Callable[[str], Any], show: Callable[[str], Any]) -> int:
    """Carry out the command; errors of single files go to `say`, what is done to `show`.

    Returns
    -------
    int
        0 if every file was coded to its tolerance, else 1.
    """
    distributed = clusters()
    jobs = _jobs(settings)
    folder = check_folder(settings.out, {}, own=Path(settings.input))
    _check_same(settings, folder)
    with distributed.connect(str(settings.scheduler)) as client:
        threads = sum(client.nthreads().values())
        show(f"cluster     {len(client.nthreads())} workers, {threads} threads")
        show(f"files       {len(jobs)} in {settings.input}")
        write_json(folder / _NAME, {"settings": _fixed(settings)})
        report = _Report(len(jobs), say, show)
        targets = [Path(job.out) / _SEAL for job in jobs]
        if not settings.resume:
            for target in targets:
                target.unlink(missing_ok=True)
        distributed.map_items(code_file, jobs, client, targets=targets, callback=report.add)
    files = dict(sorted(report.files.items()))
    write_json(folder / _NAME, {"settings": _fixed(settings), "files": files})
    failed = sum("error" in file for file in files.values())
    done = sum(file.get("status") in _DONE for file in files.values())
    show(f"result      {done} of {len(files)} files done, {failed} failed")
    show(f"wrote       {folder}{os.sep}NAME{os.sep} for each, {_NAME}")
    return 0 if done == len(files) else 1


def code_file(settings: Settings, target: Path) -> None:
    """Code one file and write its folder; `target`, the file of the result, comes last."""
    writer = _cli_run.writer_of(settings)
    with np.errstate(all="ignore"):
        job = _cli_run.prepared(settings)
        out = writer.check_out(job)
        writer.write_all(job, _cli_run.solved(job, gpu=_cli_device.on_gpu(settings)), out)
    assert target.exists()


class _Report:
    """What has become of the files so far."""

    def __init__(self, total: int, say: Callable[[str], Any], show: Callable[[str], Any]) -> None:
        self.files: dict[str, dict[str, Any]] = {}
        self.total, self.say, self.show = total, say, show

    def add(self, outcome: Any) -> None:
        """Take in one more, and tell."""
        settings = outcome.item
        name = Path(settings.input).name
        if outcome.error is not None:
            text = " ".join(str(outcome.error).split()) or type(outcome.error).__name__
            if type(outcome.error).__name__ == "KilledWorker":
                text = "the workers that had it died (KilledWorker): see their logs."
            self.files[name] = {"error": text}
            self.say(f"sparsecsc: error: {name}: {text}")
        else:
            summary = json.loads((Path(settings.out) / _SEAL).read_text(encoding="utf-8"))
            self.files[name] = {key: summary[key] for key in _KEPT}
            how = "kept" if outcome.skipped else summary["status"]
            self.show(f"{len(self.files):>5} of {self.total}  {name}  {how}")


def clusters() -> Any:
    """Return the module that knows clusters."""
    try:
        from sparsecsc import distributed
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("dask", "distributed"):
            raise
        msg = '--scheduler needs dask: pip install "sparsecsc[dask]".'
        raise MisuseError(msg) from None
    return distributed


def _jobs(s: Settings) -> list[Settings]:
    """Return the settings of the run of each file."""
    folder = Path(s.input)
    if not folder.is_dir():
        msg = f"--scheduler codes a folder; got '{folder}': name a folder that the workers see."
        raise MisuseError(msg)
    if s.workdir is not None:
        msg = "--scheduler codes whole files; got --workdir: leave out one of them."
        raise MisuseError(msg)
    names = [path.name for path in files_in(folder, SUFFIXES, "files")]
    common = replace(_from_everywhere(s), scheduler=None, resume=False)
    folder, out = folder.absolute(), Path(s.out).absolute()
    return [replace(common, input=str(folder / name), out=str(out / name)) for name in names]


def _from_everywhere(s: Settings) -> Settings:
    """Return the settings with paths that do not depend on where one is."""
    return replace(
        s, filters=_absolute(s.filters), model=_absolute(s.model), mask=_absolute(s.mask)
    )


def _absolute(given: str | None) -> str | None:
    """Return the path of a file as seen from everywhere; what names no file stays as it is."""
    stem, mark, name = (given or "").partition(".npz:")
    file = Path(stem + ".npz" if mark else stem)
    return f"{file.absolute()}{':' if mark else ''}{name}" if given and file.is_file() else given


def _fixed(s: Settings) -> dict[str, Any]:
    """Return what must be the same for finished files to be kept, fit for JSON."""
    chosen = asdict(_from_everywhere(s)).items()
    kept = {name: value for name, value in chosen if name not in _FREE}
    plain: dict[str, Any] = json.loads(json.dumps(finite(kept)))
    return plain


def _check_same(s: Settings, folder: Path) -> None:
    """Check that finished files in the folder come from the same settings, if they are kept."""
    if not s.resume:
        return
    file = folder / _NAME
    if not file.is_file():
        msg = f"--resume needs '{file}'; got nothing there: leave out --resume, or correct --out."
        raise MisuseError(msg)
    try:
        found = json.loads(file.read_text(encoding="utf-8"))["settings"]
    except (ValueError, KeyError, TypeError):
        msg = f"--resume needs the settings in '{file}'; got a damaged file: leave out --resume."
        raise MisuseError(msg) from None
    wanted = _fixed(s)
    for key in wanted:
        if found.get(key) != wanted[key]:
            msg = (
                f"--resume: '{file}' must be of the same settings; got {key} "
                f"{found.get(key)} there and {wanted[key]} here: match them, or leave out --resume."
            )
            raise MisuseError(msg)
