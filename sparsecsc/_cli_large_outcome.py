"""From the result of a run through files to files, window by window."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc import _cli_outcome
from sparsecsc._cli_job import Job
from sparsecsc._cli_outcome import Outcome
from sparsecsc.io import save_codes, write_signal_by_windows
from sparsecsc.result import Result

_CROP = 512


def check_out(job: Job) -> Path:
    """As for other runs."""
    return _cli_outcome.check_out(job)


def write_all(job: Job, result: Result, out: Path) -> Outcome:
    """Write the four files, the codes first; no array in memory is of the signal's size."""
    parameters = job.parameters() | {"n_iter": result.n_iter, "status": result.status.name}
    codes = save_codes(
        out / "codes.npz",
        result.sparse_codes,
        job.problem.dictionary.filters,
        parameters=parameters,
        versions=_cli_outcome.versions(),
    )
    source = job.source
    residual = job.problem.residual(result.sparse_codes).reshape(source.signal.shape)
    total = 0.0

    def window(band: slice) -> np.ndarray:
        nonlocal total
        error = residual[:, :, band].astype(np.float64)
        total += float(np.sum(error * error))
        return np.asarray(source.signal[:, :, band] - error)

    suffix = source.format.suffix
    shape = source.signal.shape
    picture = write_signal_by_windows(out / f"reconstruction{suffix}", shape, window, source.format)
    peak = source.format.peak
    quality = 10 * math.log10(peak**2 * source.signal.size / total) if total else math.inf
    bounds = result.objective, result.gap
    summary = _cli_outcome.finite(_cli_outcome.summary_of(job, result, bounds, quality))
    page = _cli_outcome.write_json(out / "result.json", summary)
    drawing, missing = _drawing(job, result, residual, summary["relative_gap"])
    report = _cli_outcome.write_report(out, drawing)
    return Outcome(summary, (codes, picture, page, *report), missing)


def _drawing(
    job: Job, result: Result, residual: Any, gap: float | None
) -> tuple[Callable[[Any], Any] | None, str]:
    """Return what writes a report of the middle of the signal to a stream, or why there is none."""
    plot, missing = _cli_outcome.plots()
    if plot is None:
        return None, missing
    dictionary, signal = job.problem.dictionary, job.source.signal
    low = tuple(max((n - _CROP) // 2, 0) for n in signal.shape[2:])
    inside: Any = (..., *(slice(a, a + _CROP) for a in low))
    pairs = zip(low, dictionary.stride, strict=True)
    positions = (..., *(slice(a // s, (a + _CROP) // s) for a, s in pairs))
    piece = np.asarray(signal[inside])
    name, line = job.source.path.name, _cli_outcome.headline(job, result, gap)
    figure = plot.report(
        piece,
        piece - residual[inside],
        result.sparse_codes[positions],
        dictionary.filters,
        result.history,
        title=f"{name}, its middle: {line}",
        tol=job.settings.tol,
        shift=_cli_outcome.shift_of(dictionary),
    )
    return lambda stream: figure.savefig(stream, format="png"), ""
