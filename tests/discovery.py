"""Finds every public dictionary, penalty and solver, so that a new file is tested at once.

A class is found if it is public, defined in a module of the folder, and has all methods of the
protocol. An example is made from its signature; a parameter that the signature does not explain
needs one line in a table below, and the failure says which.
"""

import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sparsecsc as sc
from sparsecsc import protocols
from sparsecsc.codes import start_for

PACKAGE = Path(sc.__file__).resolve().parent

# Parameters without a default, by class: {"Name": {"parameter": value}}.
PENALTY_EXTRAS: dict[str, dict[str, Any]] = {
    "ElasticNet": {"ridge": 0.25},
    "ReLU": {"bias": -0.3},  # negative: with a positive one a pursuit may have no minimum
}
SOLVER_EXTRAS: dict[str, dict[str, Any]] = {"OMP": {"n_nonzero": 3}}
MODEL_EXTRAS: dict[str, dict[str, Any]] = {}
DICTIONARY_EXTRAS: dict[str, dict[str, Any]] = {}


def methods_of(protocol: type) -> tuple[str, ...]:
    """Return the names of the methods that a protocol declares."""
    members = vars(protocol).items()
    return tuple(n for n, v in members if n[0] != "_" and (callable(v) or isinstance(v, property)))


def load(file: Path) -> Any:
    """Import a module of the package by its name, another file by its path."""
    if PACKAGE in file.resolve().parents:
        parts = file.resolve().relative_to(PACKAGE.parent).with_suffix("").parts
        return importlib.import_module(".".join(parts))
    name = f"found_{file.parent.name}_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def find(folder: Path, protocol: type) -> dict[str, type]:
    """Return the public classes in `folder` that have all methods of `protocol`, by name."""
    found = {}
    for file in sorted(folder.glob("*.py")):
        module = load(file)
        for name, cls in vars(module).items():
            own = inspect.isclass(cls) and cls.__module__ == module.__name__
            able = own and all(_has(cls, method) for method in methods_of(protocol))
            if able and not name.startswith("_"):
                found[name] = cls
    return found


def _has(cls: type, name: str) -> bool:
    """Return whether the class has this member, be it a field of its instances."""
    return hasattr(cls, name) or name in getattr(cls, "__dataclass_fields__", {})


def make(cls: type, table: str, **given: Any) -> Any:
    """Return an example of `cls`: `given` and the table fill what has no default."""
    extras = globals()[table].get(cls.__name__, {})
    parameters = inspect.signature(cls).parameters
    wanted = {n: p for n, p in parameters.items() if p.default is p.empty or n in extras}
    missing = [n for n in wanted if n not in given and n not in extras]
    if missing:
        line = f'"{cls.__name__}": {{{", ".join(f"{n!r}: ..." for n in missing)}}}'
        pytest.fail(f"no example of {cls.__name__}: add {line} to {table} in tests/discovery.py")
    return cls(**{n: extras[n] if n in extras else given[n] for n in wanted})


def make_penalty(cls: type, weight: Any = 1.0) -> Any:
    """Return an example of a penalty."""
    return make(cls, "PENALTY_EXTRAS", weight=weight)


def make_solver(cls: type) -> Any:
    """Return an example of a solver."""
    return make(cls, "SOLVER_EXTRAS")


def make_dictionary(cls: type, dtype: Any = np.float64) -> Any:
    """Return an example of a dictionary for 1-D signals of two channels."""
    filters = np.random.default_rng(3).standard_normal((2, 2, 3)).astype(dtype)
    return make(
        cls,
        "DICTIONARY_EXTRAS",
        filters=filters,
        dictionaries=[sc.ConvDictionary(filters), sc.ConvDictionary(filters[:, :, :1])],
    )


def make_model(cls: type, n_layers: int = 2, dtype: Any = np.float64) -> Any:
    """Return an example of a model for 1-D signals of two channels, circular, of small filters."""
    rng = np.random.default_rng(5)

    def filters(n_filters: int, n_channels: int) -> Any:
        return (rng.standard_normal((n_filters, n_channels, 3)) / 4).astype(dtype)

    dense = [filters(2, 2 + 2 * i) for i in range(n_layers)]
    return make(
        cls,
        "MODEL_EXTRAS",
        dictionaries=[sc.ConvDictionary(filters(2, 2)) for _ in range(n_layers)],
        filter_banks=dense,
    )


DICTIONARIES = find(PACKAGE / "dictionaries", protocols.Dictionary)
PENALTIES = find(PACKAGE / "penalties", protocols.Penalty)
SOLVERS = find(PACKAGE / "solvers", protocols.Solver)
SINGLE = {n: c for n, c in SOLVERS.items() if not getattr(c, "multilayer", False)}
MULTILAYER = {n: c for n, c in SOLVERS.items() if n not in SINGLE}
MODELS = find(PACKAGE / "models", protocols.Model)
WEIGHTED = {n: c for n, c in PENALTIES.items() if "weight" in inspect.signature(c).parameters}
"""Those whose size a weight >= 0 sets, which the tests of pursuit vary."""
CONVEX = {n: c for n, c in PENALTIES.items() if hasattr(c, "dual_bounds")}


def takes(solver: Any, penalty: Any) -> bool:
    """Return whether `solver` works with `penalty`: it says so by a TypeError from `init`."""
    dictionary = sc.ConvDictionary(np.ones((1, 1, 2)))
    problem = sc.Pursuit(np.ones((1, 1, 4)), dictionary, penalty)
    try:
        solver.init(problem, start_for(solver, np.zeros((1, 1, 4))))
    except TypeError:
        return False
    return True


PAIRS = [
    pytest.param(solver, penalty, id=f"{solver}-{penalty}")
    for solver, solver_class in SOLVERS.items()
    for penalty, penalty_class in WEIGHTED.items()
    if takes(make_solver(solver_class), make_penalty(penalty_class))
]
"""Which (solver, penalty with a weight) work together, by name."""

CONVEX_PAIRS = [pair for pair in PAIRS if pair.values[1] in CONVEX]
"""Those of them for which a duality gap certifies the answer."""
