"""``sparsecsc denoise``, ``inpaint``, ``decompose`` and ``events``."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc import _cli_outcome
from sparsecsc._cli_filters import read_filters
from sparsecsc._cli_job import read_mask
from sparsecsc._cli_options import DEFAULT_LOWPASS, MisuseError
from sparsecsc.applications.decompose import decompose
from sparsecsc.applications.denoise import denoise
from sparsecsc.applications.events import Events, find_events
from sparsecsc.applications.inpaint import inpaint
from sparsecsc.backends import backend_of
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.io import SignalFile, atomic_write, read_signal, write_signal
from sparsecsc.io.images import KIND_OF_SUFFIX
from sparsecsc.result import Result, Status

_LIMITS = ("tol", "max_iter", "max_seconds")


@dataclass(frozen=True, eq=False)
class Applied:
    """What an application has made of a file."""

    results: tuple[Result, ...]
    status: Status
    panels: dict[str, np.ndarray]
    """What the report shows, in the layout of the signal."""
    facts: dict[str, Any]
    """What result.json says besides."""
    write: Callable[[Path], Path]
    """Writes the outcome into the folder."""
    signed: tuple[str, ...] = ()
    marks: Any = field(default=())
    rate: float | None = None


def run(arguments: Namespace, show: Callable[[str], Any]) -> int:
    """Carry out the command.

    Returns
    -------
    int
        0, or 1 if a pursuit stopped before its tolerance was certified.
    """
    image = Path(arguments.input).suffix.lower() in KIND_OF_SUFFIX
    if getattr(arguments, "lowpass", 0.0) is None:
        arguments.lowpass = DEFAULT_LOWPASS if image else 0.0
    named = arguments.filters if isinstance(arguments.filters, list) else [arguments.filters]
    parts = arguments.command == "decompose"  # there the low-pass has what is constant
    constant = not parts or arguments.lowpass == 0
    banks = [read_filters(name, constant=constant, dtype=arguments.dtype) for name in named]
    source = _read(arguments.input, banks[0], arguments.dtype)
    name, make = _APPLICATIONS[arguments.command]
    name += source.format.suffix if "." not in name else ""
    out = _cli_outcome.check_folder(arguments.out, {name: source.path})
    began = time.perf_counter()
    applied = make(arguments, source, banks)
    summary = _summary(arguments, source, applied, time.perf_counter() - began)
    files = [applied.write(out / name), _cli_outcome.write_json(out / "result.json", summary)]
    drawing, missing = _drawing(arguments, source, applied)
    files += _cli_outcome.write_report(out, drawing)
    if not arguments.quiet:
        show("\n".join(_words(summary, files, missing)))
    return 0 if applied.status in _cli_outcome.DONE else 1


def _read(given: str, bank: np.ndarray, dtype: str) -> SignalFile:
    """Return the file, with the axes of the filters and, of an array, their channels."""
    axes, channels = ConvDictionary(bank).n_axes, int(bank.shape[1])
    return read_signal(given, dtype=dtype, n_axes=axes, n_channels=channels)


def _limits(arguments: Namespace) -> dict[str, Any]:
    given = {name: getattr(arguments, name) for name in _LIMITS}
    return {name: value for name, value in given.items() if value is not None}


def _denoise(a: Namespace, source: SignalFile, banks: list[np.ndarray]) -> Applied:
    reference = _reference(a, source)
    restored = denoise(
        source.signal,
        banks[0],
        a.sigma,
        level=a.level,
        rounds=a.rounds,
        spins=a.spins,
        lowpass=a.lowpass,
        debias=a.debias,
        **_limits(a),
    )
    assert restored.sigma is not None
    panels = {"input": source.signal, "denoised": restored.signal} | reference
    panels["removed"] = source.signal - restored.signal
    facts = {"sigma": float(restored.sigma[0]), "weight": float(restored.weight[0])}
    facts |= _quality(source, restored.signal, reference)
    return Applied(
        restored.results,
        restored.status,
        panels,
        facts,
        lambda path: write_signal(path, restored.signal, source.format),
        ("removed",),
    )


def _inpaint(a: Namespace, source: SignalFile, banks: list[np.ndarray]) -> Applied:
    reference = _reference(a, source)
    mask = read_mask(a.mask, a.dtype, source) > 0.5  # white, of a file that may have greys
    options = {"rounds": a.rounds, "spins": a.spins, "lowpass": a.lowpass} | _limits(a)
    restored = inpaint(source.signal, mask, banks[0], a.weight, **options)
    known = np.where(mask, source.signal, 0).astype(source.signal.dtype)
    panels = {"what is there": known, "inpainted": restored.signal} | reference
    facts = {"missing": float(1 - mask.mean()), "weight": float(restored.weight[0])}
    facts |= _quality(source, restored.signal, reference)
    return Applied(
        restored.results,
        restored.status,
        panels,
        facts,
        lambda path: write_signal(path, restored.signal, source.format),
    )


def _decompose(a: Namespace, source: SignalFile, banks: list[np.ndarray]) -> Applied:
    weights = a.weights if isinstance(a.weights, tuple) else (a.weights,)
    if len(weights) != len(banks):
        msg = f"--weights must hold one number for each of --filters; got {len(weights)} for "
        raise MisuseError(msg + f"{len(banks)}: match them.")
    parts = decompose(source.signal, banks, weights, lowpass=a.lowpass, **_limits(a))
    named = {f"component_{n}": part for n, part in enumerate(parts.components, start=1)}
    named["residual"] = parts.residual
    facts = {
        "norms": {name: float(np.linalg.norm(part)) for name, part in named.items()},
    }
    signed = tuple(named) if a.lowpass == 0 else tuple(named)[1:]
    return Applied(
        (parts.result,),
        parts.result.status,
        {"input": source.signal} | named,
        facts,
        lambda path: atomic_write(path, lambda stream: np.savez(stream, **named)),
        signed,
    )


def _events(a: Namespace, source: SignalFile, banks: list[np.ndarray]) -> Applied:
    rate = getattr(source.format, "sample_rate", None)
    if rate is not None and a.rate is not None:
        msg = f"--rate is for files that do not say it; got '{source.path}' with {rate} Hz: leave "
        raise MisuseError(msg + "it out.")
    rate = rate or a.rate or 1.0
    found = find_events(
        source.signal,
        banks[0],
        a.weight,
        sampling_rate=rate,
        nonnegative=a.nonnegative,
        separation=a.separation,
        **_limits(a),
    )
    explained = _explained(found, banks[0], source.signal.shape[-1])
    facts = {
        "events": len(found),
        "weight": float(found.weight.max()),
        "sampling_rate": float(rate),
    }
    return Applied(
        (found.result,),
        found.result.status,
        {"recording and events": source.signal, "sum of the events": explained}
        | {"residual": source.signal - explained},
        facts,
        lambda path: atomic_write(path, lambda stream: stream.write(csv_of(found).encode())),
        marks=found.times,
        rate=float(rate),
    )


def _explained(found: Events, bank: np.ndarray, n_samples: int) -> np.ndarray:
    """Return the sum of the events' waveforms."""
    total = np.zeros((1, bank.shape[1], n_samples), dtype=bank.dtype)
    for start, kind, strengths in zip(found.samples, found.filters, found.amplitudes, strict=True):
        total[0, :, start : start + bank.shape[-1]] += strengths[:, None] * bank[kind]
    return total


def csv_of(found: Events) -> str:
    """Return the table of events: one line each, in the order of time."""
    head = ["time_s", "sample", "filter"]
    head += [f"amplitude_{n}" for n in range(1, found.amplitudes.shape[1] + 1)]
    rows = zip(found.times, found.samples, found.filters, found.amplitudes, strict=True)
    lines = [
        ",".join([repr(float(t)), str(s), str(k), *(f"{x:.9g}" for x in amplitudes)])
        for t, s, k, amplitudes in rows
    ]
    return "\n".join([",".join(head), *lines]) + "\n"


def _reference(a: Namespace, source: SignalFile) -> dict[str, np.ndarray]:
    """Return the reference as a panel, or none."""
    if a.reference is None:
        return {}
    shape = source.signal.shape
    clean = read_signal(
        a.reference, dtype=a.dtype, n_axes=len(shape) - 2, n_channels=shape[1]
    ).signal
    if clean.shape != shape:
        msg = f"--reference must have the input's shape {shape}; got {clean.shape}: cut it alike."
        raise MisuseError(msg)
    return {"reference": clean}


def _quality(
    source: SignalFile, restored: np.ndarray, reference: dict[str, np.ndarray]
) -> dict[str, Any]:
    if not reference:
        return {}
    peak, clean = source.format.peak, reference["reference"]
    return {
        "psnr": _cli_outcome.psnr(clean, restored, None, peak),
        "psnr_input": _cli_outcome.psnr(clean, source.signal, None, peak),
        "psnr_peak": peak,
    }


def _summary(
    arguments: Namespace, source: SignalFile, applied: Applied, seconds: float
) -> dict[str, Any]:
    pursuits = applied.results
    summary = {
        "command": arguments.command,
        **applied.facts,
        "status": applied.status.name,
        "sentence": applied.status.value,
        "relative_gap": max(result.relative_gap for result in pursuits),
        "pursuits": len(pursuits),
        "n_iter": sum(result.n_iter for result in pursuits),
        "seconds": seconds,
        "nonzeros": sum(_cli_outcome.count_nonzero(result.kept) for result in pursuits),
        "dtype": arguments.dtype,
        "threads": backend_of(source.signal).threads(),
        "signal_shape": list(source.signal.shape),
        "input_format": source.format.words,
        "parameters": {k: v for k, v in vars(arguments).items() if k not in ("quiet", "version")},
        "versions": _cli_outcome.versions(),
    }
    finite: dict[str, Any] = _cli_outcome.finite(summary)
    return finite


def _drawing(
    arguments: Namespace, source: SignalFile, applied: Applied
) -> tuple[Callable[[Any], Any] | None, str]:
    plot, missing = _cli_outcome.plots()
    if plot is None:
        return None, missing
    figure = plot.side_by_side(
        applied.panels,
        signed=applied.signed,
        title=f"{source.path.name}: sparsecsc {arguments.command}",
        sample_rate=applied.rate or getattr(source.format, "sample_rate", None),
        marks=applied.marks,
    )
    return lambda stream: figure.savefig(stream, format="png"), ""


def _words(summary: dict[str, Any], files: list[Path], missing: str) -> list[str]:
    """Return what is said after the run."""
    gap = summary["relative_gap"]
    lines = [f"input       {summary['input_format']}, {summary['signal_shape']}"]
    told = (name for name in ("sigma", "weight", "missing", "events") if name in summary)
    lines += [f"{name:<12}{summary[name]:.4g}" for name in told]
    lines += [
        f"result      {summary['sentence']}",
        f"            {summary['pursuits']} pursuits, {summary['n_iter']} iterations, largest "
        f"relative gap {gap:.2e}, {summary['seconds']:.1f} s",
    ]
    if summary.get("psnr") is not None:
        lines.append(f"PSNR        {summary['psnr_input']:.2f} dB, then {summary['psnr']:.2f} dB")
    lines.append(f"wrote       {', '.join(f.name for f in files)} in {files[0].parent}/")
    return [*lines, f"            {missing}"] if missing else lines


_APPLICATIONS: dict[str, tuple[str, Callable[..., Applied]]] = {
    "denoise": ("denoised", _denoise),
    "inpaint": ("inpainted", _inpaint),
    "decompose": ("components.npz", _decompose),
    "events": ("events.csv", _events),
}
