"""From the result of a multi-layer run to files: codes, reconstructions, result.json, report."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc import _cli_features
from sparsecsc._cli_cast import cast_model
from sparsecsc._cli_device import on_gpu
from sparsecsc._cli_models import ModelJob
from sparsecsc._cli_outcome import (
    Outcome,
    check_folder,
    finite,
    plots,
    psnr,
    versions,
    write_json,
    write_report,
)
from sparsecsc.backends import backend_of
from sparsecsc.io import save_layer_codes, write_signal
from sparsecsc.models.certificate import certify_codes, dual_value
from sparsecsc.models.deep import deep_pursuit
from sparsecsc.models.problem import MultilayerPursuit
from sparsecsc.optimality import certify
from sparsecsc.result import Result
from sparsecsc.theory.layers import LayerReport, layer_reports


def check_out(job: ModelJob) -> Path:
    """Make the folder for the results and check, before the run, that it can be written to."""
    written = {name: file.path for name, file in job.inputs.outputs()}
    own = job.inputs.path if job.inputs.batch else None
    return check_folder(job.settings.out, written, own)


def write_all(job: ModelJob, result: Result, out: Path) -> Outcome:
    """Write all files, the codes first; each appears whole or not at all."""
    codes = job.layers(result.codes)
    parameters = job.parameters() | {"n_iter": result.n_iter, "status": result.status.name}
    saved = save_layer_codes(
        out / "codes.npz", codes, parameters=finite(parameters), versions=versions()
    )
    approximation = job.to_file(job.layered.images(codes[-1])[0] + job.lowpass)
    pairs = zip(job.inputs.outputs(), job.inputs.parts(approximation), strict=True)
    pictures = [write_signal(out / name, part, file.format) for (name, file), part in pairs]
    reports = layer_reports(job.layered, codes)
    summary = finite(_summary(job, result, reports, approximation))
    drawing, missing = _drawing(job, result, codes, summary["relative_gap"])
    report = write_report(out, drawing)
    features = _cli_features.write(job, codes, out)
    page = write_json(out / "result.json", summary)  # last: with it the folder is complete
    return Outcome(summary, (saved, *pictures, page, *report, *features), missing)


def _summary(
    job: ModelJob, result: Result, reports: tuple[LayerReport, ...], approximation: np.ndarray
) -> dict[str, Any]:
    objective, gap, violation = _in_float64(job, result)
    inputs, history, deepest = job.inputs, result.history, reports[-1]
    files = zip(inputs.files, inputs.parts(approximation), strict=True)
    return {
        "objective": objective,
        "gap": gap,
        "relative_gap": gap / objective if objective > 0 else gap,
        "violation": violation,
        "status": result.status.name,
        "sentence": result.status.value,
        "n_iter": result.n_iter,
        "seconds": result.seconds,
        "nonzeros": deepest.nonzeros,
        "n_codes": math.prod(deepest.shape),
        "psnr": psnr(inputs.signal, approximation, None, inputs.format.peak),
        "psnr_peak": inputs.format.peak,
        "psnr_by_file": {
            file.path.name: psnr(file.signal, part, None, file.format.peak) for file, part in files
        },
        "layers": [_layer(job, result, report) for report in reports],
        "dtype": job.settings.dtype,
        "device": "gpu" if on_gpu(job.settings) else "cpu",
        "threads": backend_of(inputs.signal).threads(),
        "signal_shape": list(job.layered.signal.shape),
        "input_format": inputs.words,
        "parameters": job.parameters(),
        "versions": versions(),
        "history": {
            "iterations": history.iterations,
            "seconds": history.seconds,
            "objectives": history.objectives,
            "gaps": history.gaps,
        },
    }


def _layer(job: ModelJob, result: Result, report: LayerReport) -> dict[str, Any]:
    """Return what result.json says of one layer; the gap is of its own problem, relative."""
    measures = result.certificate.layers
    from_end = report.layer - 1 - job.layered.n_layers
    gap = measures[from_end] if -from_end <= len(measures) else math.nan
    has_gap = hasattr(job.layered.penalties[report.layer - 1], "dual_bounds")
    return {
        "shape": list(report.shape),
        "nonzeros": report.nonzeros,
        "density": report.density,
        "stripe_norm": report.stripe_norm,
        "residual": report.residual,
        "signal_residual": report.signal_residual,
        "gap": gap if has_gap else None,
    }


def _in_float64(job: ModelJob, result: Result) -> tuple[float, float, float]:
    """Return objective, gap and violation of the codes, recomputed in float64.

    The lower bound is the best of the recomputed ones and that of the run.
    """
    signal = job.layered.signal.astype(np.float64)
    model, penalties = cast_model(job.layered.model, "float64"), job.layered.penalties
    if job.settings.pursuit == "deep":
        certificate = certify(
            deep_pursuit(signal, model, penalties), result.codes.astype(np.float64)
        )
        lower = float(np.fmax(certificate.dual, result.certificate.dual).sum())
        return certificate.objective, certificate.objective - lower, 0.0
    exact = MultilayerPursuit(signal, model, penalties)
    codes = tuple(layer.astype(np.float64) for layer in result.codes)
    certificate = certify_codes(exact, codes)
    lower = float(np.fmax(certificate.dual, result.certificate.dual).sum())
    if job.convex and result.certificate.point:
        point = [array.astype(np.float64) for array in result.certificate.point]
        lower = max(lower, dual_value(exact, point))
    return certificate.objective, certificate.objective - lower, certificate.violation


def _drawing(
    job: ModelJob, result: Result, codes: tuple[np.ndarray, ...], gap: float | None
) -> tuple[Callable[[Any], Any] | None, str]:
    """Return what writes the report to a stream, or why there is none."""
    plot, missing = plots()
    if plot is None:
        return None, missing
    inputs = job.inputs
    shown = f" (of {len(inputs.files)}, the first is shown)" if inputs.batch else ""
    figure = plot.layers_report(
        job.layered,
        codes,
        result.history,
        background=job.lowpass,
        together=inputs.signal.shape[1] if job.separate else 1,
        title=f"{inputs.files[0].path.name}{shown}: {headline(job, gap)}",
        tol=job.settings.tol if job.exact else None,
        sample_rate=getattr(inputs.format, "sample_rate", None),
    )
    return lambda stream: figure.savefig(stream, format="png"), ""


def headline(job: ModelJob, gap: float | None) -> str:
    """Return one line on what was solved, with the relative gap if any."""
    of = "" if job.exact else " to the exact problem"
    certified = "" if gap is None else f", relative gap{of} {gap:.2e}"
    return f"{job.words}, pursuit {job.settings.pursuit}{certified}"
