"""From a result to files: codes, reconstruction, result.json, report.png."""

from __future__ import annotations

import json
import math
import os
import platform
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc._cli_device import on_gpu
from sparsecsc._cli_folders import as_folder
from sparsecsc._cli_job import Job
from sparsecsc._cli_options import MisuseError
from sparsecsc.backends import backend_of
from sparsecsc.codes import SparseCodes
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.io import atomic_write, save_codes, write_signal
from sparsecsc.optimality import certify
from sparsecsc.problems import Pursuit
from sparsecsc.result import Result, Status

DONE = (Status.CONVERGED, Status.RULE_MET)
_FEW = 1 << 23
"""Codes that take 64 MiB in float64."""


@dataclass(frozen=True)
class Outcome:
    """What the user is told."""

    summary: dict[str, Any]
    """The content of result.json."""
    files: tuple[Path, ...]
    missing: str
    """Why there is no report, or nothing."""


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that numbers depend on."""
    found = {"python": platform.python_version()}
    return found | {
        name: package_version(name) for name in ("numpy", "scipy", "numba", "sparsecsc")
    }


def package_version(name: str) -> str:
    """Return the version of an installed package, or an empty string."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def check_out(job: Job) -> Path:
    """Make the folder for the results and check, before the run, that it can be written to."""
    name = f"reconstruction{job.source.format.suffix}"
    return check_folder(job.settings.out, {name: job.source.path})


def check_folder(given: str, sources: Mapping[str, Path], own: Path | None = None) -> Path:
    """Make a folder for files of these names; none may be the file that it is made from.

    It must not be the folder `own` of the inputs either, where outputs would be read as inputs.
    """
    out = as_folder("--out", given)
    if own is not None and out.exists() and os.path.samefile(out, own):
        msg = f"--out must not be the folder of the inputs; got '{out}': choose another."
        raise MisuseError(msg)
    trial = out / f".{secrets.token_hex(4)}.tmp"
    try:
        out.mkdir(parents=True, exist_ok=True)
        trial.touch()
        trial.unlink()
    except OSError as error:
        msg = f"--out must be a folder that can be written to; got '{out}' ({error.strerror}): "
        raise MisuseError(msg + "choose another.") from None
    for name, source in sources.items():
        target = out / name
        if target.exists() and source.exists() and os.path.samefile(target, source):
            msg = f"--out must not lead to the input itself; got '{target}': choose another folder."
            raise MisuseError(msg)
    return out


def write_all(job: Job, result: Result, out: Path) -> Outcome:
    """Write the four files, the codes first; each appears whole or not at all."""
    dictionary = job.problem.dictionary
    parameters = job.parameters() | {"n_iter": result.n_iter, "status": result.status.name}
    codes = save_codes(
        out / "codes.npz",
        result.kept,
        dictionary.filters,
        parameters=parameters,
        versions=versions(),
    )
    approximation = job.to_file(job.problem.synthesize(result.kept) + job.lowpass)
    suffix = job.source.format.suffix
    picture = write_signal(out / f"reconstruction{suffix}", approximation, job.source.format)
    summary = finite(_summary(job, result, approximation))
    drawing, missing = _drawing(job, result, approximation, summary["relative_gap"])
    report = write_report(out, drawing)
    page = write_json(out / "result.json", summary)  # last: with it the folder is complete
    return Outcome(summary, (codes, picture, page, *report), missing)


def write_json(path: Path, summary: dict[str, Any]) -> Path:
    """Write finite values as JSON text, atomically."""
    text = json.dumps(summary, indent=2, allow_nan=False) + "\n"
    return atomic_write(path, lambda stream: stream.write(text.encode()))


def write_report(out: Path, drawing: Callable[[Any], Any] | None) -> tuple[Path, ...]:
    """Write report.png where there is one."""
    return () if drawing is None else (atomic_write(out / "report.png", drawing),)


def plots() -> tuple[Any, str]:
    """Return the module that draws, or None and what it needs."""
    try:
        from sparsecsc import plot
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        return None, 'report.png needs matplotlib: pip install "sparsecsc[plot]"'
    return plot, ""


def finite(value: Any) -> Any:
    """Return `value` with every NaN and infinity replaced by None, which JSON can hold."""
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def psnr(signal: np.ndarray, approximation: np.ndarray, mask: Any, peak: float) -> float:
    """Return 10 log10(peak^2 / mean square error) over the samples that the mask keeps."""
    kept = slice(None) if mask is None else np.broadcast_to(mask, signal.shape) > 0
    error = signal[kept].astype(np.float64) - approximation[kept]
    mean_square = float(np.mean(error * error))
    if mean_square == 0 or peak == 0:
        return math.inf
    return 10 * math.log10(peak * peak / mean_square)


def _summary(job: Job, result: Result, approximation: np.ndarray) -> dict[str, Any]:
    source, mask = job.source, job.problem.mask
    mask = None if mask is None else job.to_file(mask)
    quality = psnr(source.signal, approximation, mask, source.format.peak)
    return summary_of(job, result, _in_float64(job, result), quality)


def summary_of(
    job: Job, result: Result, bounds: tuple[float, float], quality: float
) -> dict[str, Any]:
    """Return the content of result.json; `bounds` are objective and gap, `quality` the PSNR."""
    objective, gap = bounds
    history, codes = result.history, result.kept
    return {
        "objective": objective,
        "gap": gap,
        "relative_gap": gap / objective if objective > 0 else gap,
        "kkt_residual": result.certificate.kkt,
        "status": result.status.name,
        "sentence": result.status.value,
        "n_iter": result.n_iter,
        "seconds": result.seconds,
        "nonzeros": count_nonzero(codes),
        "n_codes": codes.size,
        "psnr": quality,
        "psnr_peak": job.source.format.peak,
        "dtype": str(codes.dtype),
        "device": "gpu" if on_gpu(job.settings) else "cpu",
        "threads": backend_of(job.problem.signal).threads(),
        "signal_shape": list(job.problem.signal.shape),
        "filters_shape": list(job.problem.dictionary.filters.shape),
        "codes_shape": list(codes.shape),
        "input_format": job.source.format.words,
        "parameters": job.parameters(),
        "versions": versions(),
        "history": {
            "iterations": history.iterations,
            "seconds": history.seconds,
            "objectives": history.objectives,
            "gaps": history.gaps,
        },
    }


def count_nonzero(codes: Any) -> int:
    """Return how many codes are not zero, of an array or of sparse codes."""
    return int(codes.nnz if isinstance(codes, SparseCodes) else np.count_nonzero(codes))


def _in_float64(job: Job, result: Result) -> tuple[float, float]:
    """Return objective and gap of the codes, recomputed in float64.

    The lower bound is the better of the recomputed one and the best of the run. Few codes are made
    dense for it: kernels that the run has compiled for float32 are not compiled again for this.
    """
    problem, dictionary = job.problem, job.problem.dictionary
    mask = None if problem.mask is None else problem.mask.astype(np.float64)
    exact = Pursuit(
        problem.signal.astype(np.float64),
        ConvDictionary(
            dictionary.filters.astype(np.float64),
            dictionary.stride,
            dictionary.dilation,
            dictionary.padding,
        ),
        problem.penalty,
        mask=mask,
    )
    codes = result.kept.astype(np.float64)
    if not job.convex:
        return exact.objective(codes), math.nan
    few = isinstance(codes, SparseCodes) and codes.size <= _FEW
    certificate = certify(exact, codes.to_dense() if few else codes)
    lower = float(np.fmax(certificate.dual, result.certificate.dual).sum())
    return certificate.objective, certificate.objective - lower


def _drawing(
    job: Job, result: Result, approximation: np.ndarray, gap: float | None
) -> tuple[Callable[[Any], Any] | None, str]:
    """Return what writes the report to a stream, or why there is none."""
    plot, missing = plots()
    if plot is None:
        return None, missing
    dictionary = job.problem.dictionary
    figure = plot.report(
        job.source.signal,
        approximation,
        result.kept,
        dictionary.filters,
        result.history,
        title=f"{job.source.path.name}: {headline(job, result, gap)}",
        tol=job.settings.tol if job.convex else None,
        shift=shift_of(dictionary),
        sample_rate=getattr(job.source.format, "sample_rate", None),
    )
    return lambda stream: figure.savefig(stream, format="png"), ""


def shift_of(dictionary: Any) -> tuple[int, ...]:
    """Return by how many positions maps of codes are moved, to the middle of the filters."""
    if not dictionary.is_circular:
        return ()
    pairs = zip(dictionary.extent, dictionary.stride, strict=True)
    return tuple(extent // 2 // stride for extent, stride in pairs)


def bank(job: Job) -> str:
    """Say how many filters of what size there are."""
    dictionary = job.problem.dictionary
    sizes = "x".join(map(str, dictionary.kernel))
    taps = sizes if len(dictionary.kernel) > 1 else f"{sizes} samples"
    return f"{dictionary.n_filters} filters of {taps}"


def headline(job: Job, result: Result, gap: float | None) -> str:
    """Return one line on what was solved and what came out, with the relative gap if any."""
    share = 100 * count_nonzero(result.kept) / result.kept.size
    certified = "" if gap is None else f", relative gap {gap:.2e}"
    return (
        f"{bank(job)}, {job.settings.penalty} weight "
        f"{job.weight:.3g}, {share:.2g} % of the codes nonzero{certified}"
    )
