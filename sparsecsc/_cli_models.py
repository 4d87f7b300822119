"""From settings to the problem of a multi-layer model and its solver: everything before the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc import _cli_features, _cli_pursuits
from sparsecsc._cli_cast import cast_model
from sparsecsc._cli_checks import check_weights, make_penalty
from sparsecsc._cli_inputs import Inputs, read_inputs
from sparsecsc._cli_job import split
from sparsecsc._cli_options import DEFAULT_LOWPASS, MisuseError, Settings
from sparsecsc.data import MODELS
from sparsecsc.dictionaries._operators import analyze_whole
from sparsecsc.io import SavedModel, SignalFile, load_learned_model, load_model
from sparsecsc.models.deep import deep_pursuit
from sparsecsc.models.msdcsc import MSDCSC
from sparsecsc.models.problem import MultilayerPursuit
from sparsecsc.optimality import lambda_max
from sparsecsc.problems import Pursuit
from sparsecsc.result import Result, Status


@dataclass(frozen=True, eq=False)
class ModelJob:
    """A run of a multi-layer model that is ready to start."""

    settings: Settings
    inputs: Inputs
    problem: Any
    """What is solved: `layered`, or the joint problem of a deep pursuit."""
    layered: MultilayerPursuit
    """Of the signal less its low-pass; each channel is a signal of its own where `separate`."""
    solver: Any
    lowpass: np.ndarray
    """What was taken off, in the layout of the problem's signal."""
    strength: float
    separate: bool
    references: tuple[float, ...]
    """What ratios of weights are to; empty where none are given."""
    start = None

    @property
    def run_options(self) -> dict[str, Any]:
        """What else `solve` is told: nothing."""
        return {}

    @property
    def max_iter(self) -> int:
        """The largest number of iterations."""
        return _cli_pursuits.most_iterations(self.settings)

    def judged(self, result: Result) -> Result:
        """Return the result; a number of sweeps that was asked for and done is no shortfall."""
        s = self.settings
        asked = s.pursuit in _cli_pursuits.SWEEPS and s.unfoldings is not None
        if asked and result.status is Status.MAX_ITER:
            return replace(result, status=Status.RULE_MET)
        return result

    @property
    def convex(self) -> bool:
        """Whether there is a duality gap of the problem."""
        return all(hasattr(penalty, "dual_bounds") for penalty in self.layered.penalties)

    @property
    def exact(self) -> bool:
        """Whether the objective reported is what the pursuit minimises."""
        return self.settings.pursuit in ("exact", "deep")

    @property
    def certified(self) -> bool:
        """Whether the run ends when a tolerance is certified."""
        s = self.settings
        by_layer = s.pursuit in ("lbp", "projection") and s.unfoldings is None
        return self.convex and (by_layer or self.exact)

    @property
    def words(self) -> str:
        """Say in a few words what the model is."""
        n = self.layered.n_layers
        return f"{type(self.layered.model).__name__} of {n} layer{'s' if n > 1 else ''}"

    def layers(self, codes: Any) -> tuple[np.ndarray, ...]:
        """Return the codes of each layer."""
        deep = self.settings.pursuit == "deep"
        return tuple(self.problem.dictionary.split(codes)) if deep else tuple(codes)

    def to_file(self, signals: np.ndarray) -> np.ndarray:
        """Return an array in the problem's layout in that of the files."""
        return signals.reshape(self.inputs.signal.shape)

    def parameters(self) -> dict[str, Any]:
        """Return all parameters of the run, fit for JSON but for infinite weights."""
        s = self.settings
        return {
            "input": s.input,
            "files": [file.path.name for file in self.inputs.files],
            "signal_shape": list(self.inputs.signal.shape),
            "channels": "separate" if self.separate else "joint",
            "model": s.model,
            "model_kind": type(self.layered.model).__name__,
            "pursuit": s.pursuit,
            "penalties": [_described(penalty) for penalty in self.layered.penalties],
            "weights_from": _source(s),
            "weight_ratio": s.weight_ratio,
            "weight_references": list(self.references) or None,
            "solver": s.solver,
            "n_nonzero": s.n_nonzero,
            "residual": s.residual,
            "unfoldings": s.unfoldings,
            "step": s.step,
            "pool": s.pool,
            "pool_layers": s.pool_layers,
            "tol": s.tol,
            "max_iter": self.max_iter,
            "max_seconds": s.max_seconds,
            "lowpass": self.strength,
            "dtype": s.dtype,
        }


def prepare(settings: Settings, source: SignalFile | None = None) -> ModelJob:
    """Check the settings, read the files (unless the source is given) and build the problem.

    Raises
    ------
    MisuseError, OSError, TypeError, ValueError
        With one line that says what was expected, what was got and what to do.
    """
    assert settings.model is not None
    _cli_pursuits.check_options(settings)
    saved = _read(settings.model)
    _check_file(settings, saved)
    model = cast_model(saved.model, settings.dtype)
    axes, channels = _geometry(model)
    if source is None:
        options: Any = {"dtype": settings.dtype, "n_axes": axes, "n_channels": channels or 1}
        inputs = read_inputs(settings.input, **options)
    else:
        inputs = Inputs(source.path, (source,), batch=False)
    separate = _separate(settings, inputs, axes, channels)
    _cli_features.check(settings, len(model.dictionaries), inputs.signal.ndim - 2)
    strength = settings.lowpass
    if strength is None:
        strength = DEFAULT_LOWPASS if inputs.format.kind == "image" else 0.0
    lowpass, signal = split(inputs.signal, None, strength)
    if separate:
        lowpass, signal = _apart(lowpass), _apart(signal)
    penalties, references = _penalties(settings, saved, signal, model)
    _cli_pursuits.check_penalties(settings, penalties)
    layered = MultilayerPursuit(signal, model, penalties)
    deep = settings.pursuit == "deep"
    problem = deep_pursuit(signal, model, penalties) if deep else layered
    solver = _cli_pursuits.solver_of(settings, penalties)
    return ModelJob(
        settings, inputs, problem, layered, solver, lowpass, strength, separate, references
    )


def _read(given: str) -> SavedModel:
    """Return the model of this file, or the shipped one of this name."""
    shipped = given in MODELS and not Path(given).exists()
    return load_learned_model(given) if shipped else load_model(given)


def _check_file(s: Settings, saved: SavedModel) -> None:
    """Check what the settings ask of the model and the penalties in its file."""
    _cli_pursuits.check_layers(s, len(saved.model.dictionaries))
    if s.pursuit == "deep" and isinstance(saved.model, MSDCSC):
        msg = f"--pursuit deep is for MLCSC and ResCSC models; got an MSDCSC in '{s.model}': "
        raise MisuseError(msg + "choose another pursuit.")
    if _source(s) != "file":
        check_weights(s)
    elif not saved.penalties:
        msg = (
            f"give --weight or --weight-ratio: '{s.model}' holds no penalties; got neither: "
            "--weight-ratio 0.05 is a start."
        )
        raise MisuseError(msg)
    elif {"penalty", "ridge"} & s.given:
        msg = (
            f"--penalty and --ridge need a weight; got none, so that the penalties in '{s.model}' "
            "hold: add --weight or --weight-ratio, or leave them out."
        )
        raise MisuseError(msg)


def _source(s: Settings) -> str:
    """Return where the penalties come from."""
    counted = s.penalty == "l0" and _cli_pursuits.counted(s)
    return "file" if s.weight is s.weight_ratio is None and not counted else "command line"


def _geometry(model: Any) -> tuple[int | None, int | None]:
    """Return the numbers of spatial axes and of channels that the model says, or None."""
    axes = [d.n_axes for d in model.dictionaries if d.n_axes is not None]
    return (axes[0] if axes else None), model.dictionaries[0].n_channels


def _separate(s: Settings, inputs: Inputs, axes: int | None, channels: int | None) -> bool:
    """Return whether each channel is coded by itself; check that the model fits the input."""
    found, there = inputs.signal.ndim - 2, inputs.signal.shape[1]
    if axes not in (None, found):
        msg = (
            f"--model must have {found} spatial axes to match the {inputs.format.kind} "
            f"'{inputs.path}'; got {axes} in '{s.model}': choose another."
        )
        raise MisuseError(msg)
    if channels not in (None, 1, there):
        msg = (
            f"the first layer of --model must have 1 or {there} channels to match "
            f"'{inputs.path}'; got {channels} in '{s.model}': choose another."
        )
        raise MisuseError(msg)
    return channels == 1 and there > 1


def _apart(signals: np.ndarray) -> np.ndarray:
    """Turn each channel of each signal into a signal with one channel."""
    return signals.reshape(-1, 1, *signals.shape[2:])


def _penalties(
    s: Settings, saved: SavedModel, signal: np.ndarray, model: Any
) -> tuple[tuple[Any, ...], tuple[float, ...]]:
    """Return the penalty of each layer, and the references of their weights' ratios."""
    if _source(s) == "file":
        return saved.penalties, ()
    n_layers = len(model.dictionaries)
    if s.weight_ratio is None:
        return tuple(make_penalty(s, w) for w in _each(s.weight or 0.0, n_layers)), ()
    references = _references(s, signal, model)
    ratios = _each(s.weight_ratio, n_layers)
    pairs = zip(ratios, references, strict=True)
    return tuple(make_penalty(s, ratio * reference) for ratio, reference in pairs), references


def _references(s: Settings, signal: np.ndarray, model: Any) -> tuple[float, ...]:
    """Return the weight of each layer from which its codes are zero, its input being x_(i-1).

    x_0 is the signal and x_i = s_i D_i^T x_(i-1). In F, where weights of all layers are on one
    scale, s_i = 1; else s_i makes x_i as large as the codes that the pursuit passes on.
    """
    found, source = [], signal
    for i, dictionary in enumerate(model.dictionaries, start=1):
        problem = Pursuit(source, dictionary, make_penalty(s, 1.0))
        found.append(lambda_max(problem))
        bound: Any = problem.operator
        size = 1.0
        if s.pursuit == "thresholding":
            size = 1 / problem.lipschitz() if s.step is None else _each(s.step, i)[i - 1]
        elif s.pursuit in ("lbp", "deep"):
            size = 1 / _largest_power(dictionary, source)
        source = analyze_whole(bound, source) * source.dtype.type(size)
    return tuple(found)


def _largest_power(dictionary: Any, source: np.ndarray) -> float:
    """Return the largest squared norm of an atom at the middle of the codes; 1 if all are 0."""
    _, n_filters, *spatial = dictionary.code_shape(source.shape)
    middle = tuple(n // 2 for n in spatial)
    atoms = (dictionary.column(source.shape, (m, *middle), source) for m in range(n_filters))
    return max(float(np.sum(atom * atom)) for atom in atoms) or 1.0


def _each(value: Any, n_layers: int) -> Sequence[float]:
    return value if isinstance(value, tuple) else (value,) * n_layers


def _described(penalty: Any) -> dict[str, Any]:
    """Return the kind of a penalty and its numbers, of an array the least and the largest."""
    out: dict[str, Any] = {"kind": type(penalty).__name__}
    for name in ("weight", "ridge", "bias"):
        value = getattr(penalty, name, None)
        if value is not None:
            array = np.asarray(value)
            ends = [float(array.min()), float(array.max())]
            out[name] = ends[0] if ends[0] == ends[1] else ends
    return out
