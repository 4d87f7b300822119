"""From settings to a problem and a solver: everything before the run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc import _cli_large
from sparsecsc._cli_checks import check_combination, make_penalty, make_solver
from sparsecsc._cli_filters import read_filters
from sparsecsc._cli_options import DEFAULT_LOWPASS, MisuseError, Settings
from sparsecsc.checks import check_array
from sparsecsc.codes import SparseCodes
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.io import SignalFile, load_codes, load_mask
from sparsecsc.io.images import KIND_OF_SUFFIX
from sparsecsc.optimality import lambda_max
from sparsecsc.preprocessing import split_lowpass
from sparsecsc.problems import Pursuit
from sparsecsc.result import Result
from sparsecsc.solve import default_solver
from sparsecsc.solvers.admm import ADMM
from sparsecsc.solvers.fista import FISTA


@dataclass(frozen=True, eq=False)
class Job:
    """A run that is ready to start."""

    settings: Settings
    source: SignalFile
    problem: Pursuit
    """Of the signal less its low-pass; each channel is a signal of its own where `separate`."""
    solver: Any
    lowpass: Any
    """What was taken off, in the layout of the problem's signal; None for a run through files."""
    strength: float
    separate: bool
    start: Any
    """Sparse codes or None."""
    iterations_before: int

    @property
    def max_iter(self) -> int:
        """The largest number of iterations."""
        return self.settings.max_iter

    def judged(self, result: Result) -> Result:
        """Return the result as it is."""
        return result

    @property
    def run_options(self) -> dict[str, Any]:
        """What else `solve` is told: for a run through files, to save what has been reached."""
        if self.settings.workdir is None:
            return {}
        return {"callback": _cli_large.saver(self), "check_every": _cli_large.CHECK_EVERY}

    @property
    def weight(self) -> float:
        """The weight of the penalty."""
        return float(self.problem.penalty.weight)

    @property
    def convex(self) -> bool:
        """Whether there is a duality gap."""
        return self.settings.penalty != "l0"

    def to_file(self, signal: np.ndarray) -> np.ndarray:
        """Return an array in the problem's layout in that of the file."""
        return np.moveaxis(signal, 0, 1) if self.separate else signal

    def fixed(self) -> dict[str, Any]:
        """Return what must be the same for codes to be carried over to another run."""
        dictionary = self.problem.dictionary
        return {
            "signal_shape": list(self.source.signal.shape),
            "channels": "separate" if self.separate else "joint",
            "stride": list(dictionary.stride),
            "dilation": list(dictionary.dilation),
            "padding": _plain(dictionary.padding),
            "lowpass": self.strength,
        }

    def parameters(self) -> dict[str, Any]:
        """Return all parameters of the run, fit for JSON."""
        s = self.settings
        return self.fixed() | {
            "input": s.input,
            "filters": s.filters,
            "weight": self.weight,
            "weight_ratio": s.weight_ratio,
            "penalty": s.penalty,
            "ridge": s.ridge,
            "solver": s.solver,
            "n_nonzero": s.n_nonzero,
            "residual": s.residual,
            "tol": s.tol,
            "max_iter": s.max_iter,
            "max_seconds": None if s.max_seconds == float("inf") else s.max_seconds,
            "mask": s.mask,
            "dtype": s.dtype,
            "iterations_before": self.iterations_before,
        }


def prepare(settings: Settings, source: SignalFile | None = None) -> Job:
    """Check the settings, read the files and build the problem.

    Raises
    ------
    MisuseError, OSError, TypeError, ValueError
        With one line that says what was expected, what was got and what to do.
    """
    check_combination(settings)
    assert settings.filters is not None
    solver = make_solver(settings)
    image = source is not None or Path(settings.input).suffix.lower() in KIND_OF_SUFFIX
    strength = settings.lowpass
    if strength is None:
        strength = DEFAULT_LOWPASS if image else 0.0
    filters = read_filters(settings.filters, constant=strength == 0, dtype=settings.dtype)
    dictionary = ConvDictionary(filters, settings.stride, settings.dilation, settings.padding)
    if source is None:
        options = {"dtype": settings.dtype, "n_axes": filters.ndim - 2}
        options["n_channels"] = int(filters.shape[1])
        source = _cli_large.read(settings, options)
    separate = _separate(source, filters)
    mask = None
    if settings.mask is not None:
        mask = read_mask(settings.mask, settings.dtype, source)
    if settings.workdir is None:
        lowpass, signal = split(source.signal, mask, strength)
    else:
        lowpass, signal = None, _cli_large.highpass(settings, source.signal, strength)
    if separate:
        lowpass, signal = None if lowpass is None else _as_batch(lowpass), _as_batch(signal)
        mask = mask if mask is None else _as_batch(mask)
    problem = _weighted(settings, signal, dictionary, mask)
    job = Job(settings, source, problem, solver, lowpass, strength, separate, None, 0)
    return _resumed(job) if settings.resume else job


def _separate(source: SignalFile, filters: np.ndarray) -> bool:
    """Return whether each channel is coded by itself; check that the filters fit the input."""
    axes, channels = source.signal.ndim - 2, source.signal.shape[1]
    if filters.ndim - 2 != axes:
        msg = (
            f"--filters must have {axes} kernel axes to match the {source.format.kind} "
            f"'{source.path}'; got shape {filters.shape}: choose others."
        )
        raise MisuseError(msg)
    if filters.shape[1] not in (1, channels):
        msg = (
            f"--filters must have 1 or {channels} channels to match '{source.path}'; got shape "
            f"{filters.shape}: choose others."
        )
        raise MisuseError(msg)
    return bool(channels > 1 and filters.shape[1] == 1)


def read_mask(given: str, dtype: str, source: SignalFile) -> np.ndarray:
    """Return the mask in this file with as many axes as the signal.

    Raises
    ------
    MisuseError, OSError, ValueError
        If it cannot be read, or is not of the input's size.
    """
    shape = source.signal.shape
    mask = load_mask(given, dtype)
    check_array("mask", mask, ndims=range(1, 6), axes="as the input's")
    if mask.shape == shape[2:]:
        mask = mask[None, None]
    elif mask.shape == shape[1:]:
        mask = mask[None]
    if mask.shape not in (shape, (1, 1, *shape[2:]), (shape[0], 1, *shape[2:])):
        msg = (
            f"--mask must have the size {shape[2:]} of the input, with 1 or {shape[1]} channels; "
            f"got shape {mask.shape}: cut it like the input."
        )
        raise MisuseError(msg)
    return mask


def split(
    signal: np.ndarray, mask: np.ndarray | None, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return low-pass and rest; under a mask the low-pass is that of the samples there are."""
    if strength == 0:
        return np.zeros_like(signal), signal
    if mask is None:
        lowpass, rest = split_lowpass(signal, strength)
        return lowpass, rest
    there = np.broadcast_to(mask, signal.shape).astype(signal.dtype)
    amount = np.maximum(split_lowpass(there, strength)[0], np.finfo(signal.dtype).eps)
    lowpass = split_lowpass(there * signal, strength)[0] / amount
    return lowpass, signal - lowpass


def _as_batch(array: np.ndarray) -> np.ndarray:
    """Turn the channels of one signal into a batch of signals with one channel."""
    if array.shape[0] == 1 and array.flags.c_contiguous:
        return array.reshape(array.shape[1], 1, *array.shape[2:])
    return np.ascontiguousarray(np.moveaxis(array, 1, 0))


def _weighted(s: Settings, signal: np.ndarray, dictionary: Any, mask: Any) -> Pursuit:
    problem = Pursuit(signal, dictionary, make_penalty(s, 1.0), mask=mask)
    weight = s.weight or 0.0
    if s.weight_ratio is not None:
        weight = s.weight_ratio * lambda_max(problem)
    return problem.with_penalty(make_penalty(s, weight))


def _resumed(job: Job) -> Job:
    """Return the job with the codes of an earlier run as its start."""
    file = _cli_large.saved_file(job.settings)
    if not file.is_file():
        msg = f"--resume needs '{file}'; got nothing there: leave out --resume, or correct --out."
        raise MisuseError(msg)
    saved = load_codes(file)
    for key, wanted in job.fixed().items():
        found = saved.parameters.get(key)
        if found != wanted:
            msg = (
                f"--resume: '{file}' must be of the same run but for the weight; got {key} {found} "
                f"there and {wanted} here: match them, or leave out --resume."
            )
            raise MisuseError(msg)
    filters = job.problem.dictionary.filters
    same = saved.filters.shape == filters.shape and np.allclose(saved.filters, filters, rtol=1e-6)
    if not same or saved.kept.shape != job.problem.codes_shape:
        msg = (
            f"--resume: '{file}' must be of the same filters; got others of shape "
            f"{saved.filters.shape}: match them, or leave out --resume."
        )
        raise MisuseError(msg)
    start = saved.sparse_codes.astype(job.settings.dtype)
    if job.settings.penalty == "nonnegative":
        start = SparseCodes(start.indices, np.maximum(start.values, 0), start.shape)
    before = saved.parameters.get("n_iter", 0) + saved.parameters.get("iterations_before", 0)
    # FISTA goes on from any point; ADMM would start with multipliers of 0 and first move away.
    by_admm = job.solver is None and isinstance(default_solver(job.problem), ADMM)
    solver = FISTA() if by_admm else job.solver
    return replace(job, solver=solver, start=start, iterations_before=before)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
