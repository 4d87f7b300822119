"""What a run tells its user, line by line."""

from __future__ import annotations

import os
from typing import Any

from sparsecsc import _cli_outcome, _cli_pursuits
from sparsecsc._cli_cast import words
from sparsecsc._cli_job import Job
from sparsecsc._cli_models import ModelJob
from sparsecsc._cli_outcome import Outcome
from sparsecsc.result import Result


def announcement(job: Job | ModelJob) -> list[str]:
    """Return what is said before the run."""
    if isinstance(job, ModelJob):
        lines = _signal(job, job.inputs.path.name, job.inputs) + _layers(job)
        aim = "to the tolerance" if job.certified else "by its own rules"
    else:
        lines = _signal(job, job.source.path.name, job.source) + _dictionary(job)
        aim = "by its own rules"
    if job.convex and getattr(job, "certified", True):
        aim = f"to a relative gap of {job.settings.tol:g}"
    return [*lines, f"solving     {aim} ..."]


def _signal(job: Any, name: str, source: Any) -> list[str]:
    shape = source.signal.shape
    size = " x ".join(map(str, shape[2:]))
    how = ", each coded by itself" if job.separate else ""
    channels = f"{shape[1]} channel{'s' if shape[1] > 1 else ''}{how}"
    said = source.words if isinstance(job, ModelJob) else source.format.words
    lines = [f"signal      {name}: {size}, {channels} ({said})"]
    if source.format.note:
        lines.append(f"            {source.format.note}")
    if job.strength:
        text = f"low-pass    of strength {job.strength:g} taken off before coding, added back after"
        lines.append(text)
    return lines


def _dictionary(job: Job) -> list[str]:
    ratio = job.settings.weight_ratio
    of = "" if ratio is None else f", {ratio:g} of the weight that makes all codes zero"
    lines = [
        f"dictionary  {_cli_outcome.bank(job)} ({job.settings.filters})",
        f"penalty     {job.settings.penalty}, weight {job.weight:.4g}{of}",
    ]
    if job.start is not None:
        lines.append(f"start       saved codes, after {job.iterations_before} iterations")
    return lines


def _layers(job: ModelJob) -> list[str]:
    layered = job.layered
    lines = [f"model       {job.words} ({job.settings.model})"]
    rows = zip(layered.model.dictionaries, job.parameters()["penalties"], strict=True)
    for i, (dictionary, penalty) in enumerate(rows, start=1):
        size = " x ".join(map(str, layered.shapes[i][1:]))
        lines.append(f"layer {i:<5} {words(dictionary)}, codes {size}, {_penalty(penalty)}")
    return [*lines, f"pursuit     {_cli_pursuits.words(job.settings)}"]


def _penalty(described: dict[str, Any]) -> str:
    parts = [described["kind"]]
    for name, value in list(described.items())[1:]:
        ends = value if isinstance(value, list) else [value]
        parts.append(f"{name} {' to '.join(f'{number:.4g}' for number in ends)}")
    return " ".join(parts)


def conclusion(result: Result, outcome: Outcome) -> list[str]:
    """Return what is said after the run."""
    summary = outcome.summary
    certified = summary["relative_gap"]
    exact = summary["parameters"].get("pursuit", "exact") in ("exact", "deep")
    of = "" if exact else " to the least of the exact problem"
    gap = "" if certified is None else f", certified relative gap{of} {certified:.2e}"
    quality = summary["psnr"]
    lines = [
        f"result      {result.status.value}",
        f"            {result.n_iter} iterations in {result.seconds:.1f} s",
        f"objective   {summary['objective']:.6g}{gap}",
        *_codes(summary),
        f"PSNR        {'infinite' if quality is None else f'{quality:.2f} dB'}",
    ]
    names = [file.name for file in outcome.files]
    listed = ", ".join(names if len(names) < 8 else [*names[:3], "...", *names[-2:]])
    lines.append(f"wrote       {listed} in {outcome.files[0].parent}{os.sep}")
    return [*lines, f"            {outcome.missing}"] if outcome.missing else lines


def _codes(summary: dict[str, Any]) -> list[str]:
    if "layers" not in summary:
        share = 100 * summary["nonzeros"] / summary["n_codes"]
        count = f"{summary['nonzeros']} of {summary['n_codes']}"
        return [f"codes       {count} nonzero ({share:.2g} %)"]
    return [
        f"layer {i:<5} {layer['nonzeros']} nonzero ({100 * layer['density']:.2g} %), relative "
        f"residual {layer['residual']:.3g}, of the signal {layer['signal_residual']:.3g}"
        for i, layer in enumerate(summary["layers"], start=1)
    ]
