"""Which solver carries out a pursuit of a model, and which options go with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sparsecsc._cli_options import MisuseError, Settings
from sparsecsc.solvers.admm import ADMM
from sparsecsc.solvers.coordinate_descent import CoordinateDescent
from sparsecsc.solvers.fista import FISTA
from sparsecsc.solvers.ista import ISTA
from sparsecsc.solvers.layered_basis_pursuit import LayeredBasisPursuit
from sparsecsc.solvers.layered_thresholding import LayeredThresholding
from sparsecsc.solvers.mladmm import MLADMM
from sparsecsc.solvers.mlista import MLFISTA, MLISTA
from sparsecsc.solvers.omp import OMP
from sparsecsc.solvers.projection_pursuit import ProjectionPursuit

SWEEPS = ("mlista", "mlfista")
_LAYERED = ("lbp", "projection")
_INNER = {"cd": CoordinateDescent, "fista": FISTA, "ista": ISTA, "admm": ADMM}
_GOES_WITH = {
    "unfoldings": ("lbp", *SWEEPS),
    "step": ("thresholding", *SWEEPS),
    "solver": (*_LAYERED, "deep"),
    "n_nonzero": _LAYERED,
    "residual": _LAYERED,
}
_INNER_OF = {
    "projection": ("auto", "fista", "ista", "omp"),
    "deep": ("auto", "fista", "ista"),
}
_NEED_GAP = ("exact", "deep")
_GEOMETRY = ("padding", "stride", "dilation")
_WORDS = {
    "exact": "the multi-layer problem itself",
    "thresholding": "one proximal step a layer",
    "lbp": "one layer after the other",
    "mlista": "sweeps of one proximal step a layer",
    "mlfista": "sweeps of one proximal step a layer, with momentum",
    "projection": "the deepest codes first, the others from them",
    "deep": "all layers at once, each near the next",
}


def words(s: Settings) -> str:
    """Say in a few words what the pursuit does."""
    return f"{s.pursuit}: {_WORDS[s.pursuit]}"


def counted(s: Settings) -> bool:
    """Return whether a rule of OMP is given."""
    return s.n_nonzero is not None or s.residual is not None


def check_options(s: Settings) -> None:
    """Refuse options that do not go with a model, or not with this pursuit."""
    for name in _GEOMETRY:
        if name in s.given:
            msg = f"--{name} is for --filters; a model's file holds it: leave out --{name}."
            raise MisuseError(msg)
    if s.mask is not None:
        msg = "--mask is for --filters; got it with --model, which has none: leave out one."
        raise MisuseError(msg)
    if s.resume:
        msg = "--resume is for --filters; got it with --model: leave it out to start anew."
        raise MisuseError(msg)
    if s.workdir is not None:
        msg = "--workdir is for --filters; got it with --model: leave it out."
        raise MisuseError(msg)
    for name, pursuits in _GOES_WITH.items():
        if name in s.given and s.pursuit not in pursuits and (name, s.solver) != ("solver", "auto"):
            option = "--" + name.replace("_", "-")
            msg = f"{option} goes with --pursuit {', '.join(pursuits)}; got {s.pursuit}: "
            raise MisuseError(msg + "leave out one of them.")
    if s.solver not in _INNER_OF.get(s.pursuit, (s.solver,)):
        able = ", ".join(_INNER_OF[s.pursuit])
        msg = f"--pursuit {s.pursuit} goes with --solver {able}; got {s.solver}: choose one."
        raise MisuseError(msg)
    if s.pursuit in SWEEPS and s.unfoldings is not None:
        if isinstance(s.unfoldings, tuple):
            msg = f"--unfoldings of {s.pursuit} is one number, of sweeps; got {len(s.unfoldings)}: "
            raise MisuseError(msg + "give one.")
        if "max_iter" in s.given:
            msg = "--unfoldings and --max-iter both say how many sweeps; got both: leave out one."
            raise MisuseError(msg)


def check_layers(s: Settings, n_layers: int) -> None:
    """Refuse lists that do not have one entry a layer."""
    for name in ("weight", "weight_ratio", "unfoldings", "step"):
        value = getattr(s, name)
        if isinstance(value, tuple) and len(value) != n_layers:
            option = "--" + name.replace("_", "-")
            msg = f"{option} must be one number, or one for each of the {n_layers} layers; got "
            raise MisuseError(msg + f"{len(value)}: match them.")


def check_penalties(s: Settings, penalties: Sequence[Any]) -> None:
    """Refuse penalties that the pursuit has no certificate, or its solver no prox, for."""
    without = [type(p).__name__ for p in penalties if not hasattr(p, "dual_bounds")]
    if without and s.pursuit in _NEED_GAP:
        msg = (
            f"--pursuit {s.pursuit} needs penalties with a duality gap, such as l1; got "
            f"{without[0]}: choose lbp, projection, mlista or thresholding."
        )
        raise MisuseError(msg)
    names = {type(p).__name__ for p in penalties}
    if (s.solver == "omp" or counted(s)) and names != {"L0"}:
        msg = f"OMP needs --penalty l0; got {', '.join(sorted(names))}: change one of them."
        raise MisuseError(msg)
    if counted(s) and s.solver not in ("auto", "omp"):
        msg = f"--n-nonzero and --residual are rules of OMP; got --solver {s.solver}: leave it out."
        raise MisuseError(msg)
    if s.solver in ("fista", "admm") and "L0" in names:
        msg = f"--solver {s.solver} needs convex penalties; got l0: choose ista or omp."
        raise MisuseError(msg)


def solver_of(s: Settings, penalties: Sequence[Any]) -> Any:
    """Return the solver of a pursuit whose options have been checked."""
    inner = _inner(s, penalties)
    # A number of sweeps asked for is done in full; else the run ends when the codes stay.
    stationary = 1e-6 if s.unfoldings is None else 0.0
    makers: dict[str, Callable[[], Any]] = {
        "exact": MLADMM,
        "thresholding": lambda: LayeredThresholding(s.step),
        "lbp": lambda: LayeredBasisPursuit(inner, tol=s.tol, n_iter=s.unfoldings),
        "mlista": lambda: MLISTA(s.step, stationary=stationary),
        "mlfista": lambda: MLFISTA(s.step, stationary=stationary),
        "projection": lambda: ProjectionPursuit(inner),
        "deep": lambda: inner,
    }
    return makers[s.pursuit]()


def most_iterations(s: Settings) -> int:
    """Return the largest number of iterations: that of the sweeps where it is asked for."""
    return int(s.unfoldings) if s.pursuit in SWEEPS and s.unfoldings is not None else s.max_iter


def _inner(s: Settings, penalties: Sequence[Any]) -> Any:
    if s.solver == "omp" or counted(s):
        return OMP(n_nonzero=s.n_nonzero, residual=s.residual)
    if s.solver == "auto":
        return ISTA() if any(type(p).__name__ == "L0" for p in penalties) else FISTA()
    return _INNER[s.solver]()
