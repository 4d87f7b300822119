"""Which options go together, and the penalties and solvers that they name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sparsecsc import _cli_large
from sparsecsc._cli_options import MisuseError, Settings
from sparsecsc.penalties.elastic_net import ElasticNet
from sparsecsc.penalties.group_l1 import GroupL1
from sparsecsc.penalties.l0 import L0
from sparsecsc.penalties.l1 import L1
from sparsecsc.penalties.nonnegative_l1 import NonnegativeL1
from sparsecsc.solvers.admm import ADMM
from sparsecsc.solvers.coordinate_descent import CoordinateDescent
from sparsecsc.solvers.fista import FISTA
from sparsecsc.solvers.ista import ISTA
from sparsecsc.solvers.omp import OMP

_PENALTIES = {"l1": L1, "nonnegative": NonnegativeL1, "group": GroupL1, "l0": L0}
_SOLVERS = {"cd": CoordinateDescent, "fista": FISTA, "ista": ISTA, "admm": ADMM}


def check_source(s: Settings) -> None:
    """Check that there are either filters or a model."""
    if (s.filters is None) == (s.model is None):
        got = "both: leave out one." if s.filters else "neither: --filters dct8x8 is a start."
        msg = f"give exactly one of --filters and --model; got {got}"
        raise MisuseError(msg)


def check_combination(s: Settings) -> None:
    """Check that the options of a single-layer run go with each other."""
    for name in ("pursuit", "unfoldings", "step", "pool", "pool_layers"):
        if name in s.given:
            option = "--" + name.replace("_", "-")
            msg = f"{option} needs a multi-layer model; got --filters: give --model, or leave it."
            raise MisuseError(msg)
    for name in ("weight", "weight_ratio"):
        if isinstance(getattr(s, name), tuple):
            option = "--" + name.replace("_", "-")
            msg = f"{option} must be one number with --filters; got several: give one."
            raise MisuseError(msg)
    if Path(s.input).is_dir():
        msg = (
            f"expected a file '{s.input}'; got a folder: name a file in it, or give --model, "
            "which codes all images of a folder."
        )
        raise MisuseError(msg)
    check_weights(s)
    _cli_large.check_options(s)
    counted = s.n_nonzero is not None or s.residual is not None
    if s.solver == "omp" and s.penalty != "l0":
        msg = f"--solver omp needs --penalty l0; got {s.penalty}: change one of them."
        raise MisuseError(msg)
    if counted and (s.penalty != "l0" or s.solver not in ("auto", "omp")):
        msg = "--n-nonzero and --residual are rules of OMP: add --penalty l0 --solver omp."
        raise MisuseError(msg)
    if s.resume and isinstance(make_solver(s), OMP):
        msg = "--resume needs a solver that can start anywhere; got OMP: leave out one of them."
        raise MisuseError(msg)


def check_weights(s: Settings) -> None:
    """Check that the weight is said once, and that it goes with the penalty."""
    counted = s.n_nonzero is not None or s.residual is not None
    both, neither = None not in (s.weight, s.weight_ratio), s.weight is s.weight_ratio is None
    if both or (neither and not (s.penalty == "l0" and counted)):
        msg = "give exactly one of --weight and --weight-ratio; got "
        raise MisuseError(msg + ("both." if both else "neither: --weight-ratio 0.05 is a start."))
    if s.penalty == "l0" and s.weight_ratio is not None:
        msg = "--weight-ratio needs a convex penalty; got l0: give --weight or --n-nonzero."
        raise MisuseError(msg)
    if (s.penalty == "elastic-net") != (s.ridge is not None):
        msg = "--ridge goes with --penalty elastic-net; got one without the other: give both."
        raise MisuseError(msg)


def make_solver(s: Settings) -> Any:
    """Return the solver of this name; None leaves the choice to `solve`."""
    counted = s.n_nonzero is not None or s.residual is not None
    if s.solver == "omp" or (s.solver == "auto" and counted):
        return OMP(n_nonzero=s.n_nonzero, residual=s.residual)
    return None if s.solver == "auto" else _SOLVERS[s.solver]()


def make_penalty(s: Settings, weight: float) -> Any:
    """Return the penalty of this name and weight."""
    if s.penalty == "elastic-net":
        return ElasticNet(weight, s.ridge)
    return _PENALTIES[s.penalty](weight)
