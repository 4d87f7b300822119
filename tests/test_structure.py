"""The shape of the package: who imports whom, what an import costs, that new files are found."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import checkers
import numpy as np
import pytest
from checkers import check_arrows, check_prox
from discovery import (
    DICTIONARIES,
    MODELS,
    PACKAGE,
    PENALTIES,
    SOLVERS,
    find,
    make,
    make_dictionary,
    make_model,
    make_penalty,
    make_solver,
    methods_of,
    takes,
)

import sparsecsc as sc
from sparsecsc import protocols

FILES = sorted(PACKAGE.rglob("*.py"))
MAX_FILE, MAX_BODY, MAX_POSITIONAL = 300, 40, 5
LONG_FILES = {
    "dictionaries/convolution.py": 360,  # one class: geometry, border, norms and atoms together
    "plot.py": 380,  # one short function a picture
}
LONG_BODIES: dict[str, int] = {}
files = pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))


def tree_of(file):
    return ast.parse(file.read_text())


def functions(tree):
    return [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]


# ---- arrows ----


def test_every_import_follows_the_table_of_rooms():
    check_arrows(PACKAGE)


def test_nothing_inside_imports_the_top_of_the_package_but_the_outermost_rooms():
    for file in FILES:
        room = checkers.room_of(file, PACKAGE)
        if room == "__init__" or checkers.LEVEL.get(room) == 4:
            continue
        names = set(checkers.imports_of(tree_of(file)))
        assert not {n for n in names if n in ("sparsecsc", "sparsecsc.__version__")}, file


def test_the_top_of_the_package_only_re_exports():
    tree = tree_of(PACKAGE / "__init__.py")
    for node in tree.body:
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        lazy = isinstance(node, ast.FunctionDef) and node.name == "__getattr__"
        assert is_text or lazy or isinstance(node, ast.ImportFrom)
        if isinstance(node, ast.ImportFrom) and node.module.startswith("sparsecsc"):
            assert all(alias.asname == alias.name for alias in node.names)


def copy_of_the_package(tmp_path):
    ignore = shutil.ignore_patterns("__pycache__", "*.png", "*.wav", "*.npz")
    return Path(shutil.copytree(PACKAGE, tmp_path / "sparsecsc", ignore=ignore))


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("protocols.py", "from sparsecsc.problems import Pursuit"),
        ("checks.py", "import sparsecsc.solve"),
        ("solvers/ista.py", "from sparsecsc.problems import Pursuit"),
        ("solvers/ista.py", "from sparsecsc.solvers import ista\nfrom sparsecsc import L1"),
        ("penalties/l1.py", "from sparsecsc.dictionaries.identity import Identity"),
        ("penalties/l1.py", "def f():\n    import numba"),
        ("solve.py", "import matplotlib.pyplot"),
        ("dictionaries/identity.py", "import cupy as cp"),
        ("optimality.py", "from sparsecsc.solve import solve"),
        ("problems.py", "if False:\n    import sparsecsc"),
        ("encode.py", "from sparsecsc.plot import report"),
        ("new_room.py", "import math"),
    ],
)
def test_a_forbidden_import_is_caught(tmp_path, file, line):
    package = copy_of_the_package(tmp_path)
    check_arrows(package)
    target = package / file
    target.write_text((target.read_text() if target.exists() else "") + "\n" + line + "\n")
    with pytest.raises(AssertionError):
        check_arrows(package)


def prints_of(tree):
    """Return the lines that call print or write to a standard stream."""
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "print":
            lines.append(node.lineno)
        if isinstance(node, ast.Attribute) and node.attr in ("stdout", "stderr", "__stdout__"):
            lines.append(node.lineno)
    return lines


@files
def test_only_the_command_line_prints(file):
    if checkers.room_of(file, PACKAGE) == "cli":
        pytest.skip("the command line")
    assert not prints_of(tree_of(file))


def test_a_print_is_caught():
    assert prints_of(ast.parse("def f():\n    print('x')")) == [2]
    assert prints_of(ast.parse("import sys\nsys.stdout.write('x')")) == [2]
    assert prints_of(ast.parse("g(callback=print)")) == [1]
    assert not prints_of(ast.parse("'print'"))


# ---- the cost of an import ----

HEAVY = ("numba", "cupy", "scipy.fft", "matplotlib", "PIL", "scipy", "tqdm", "tifffile")
HEAVY += ("sklearn", "joblib", "dask", "distributed", "pandas")


def imported_by(statement):
    """Return (seconds, heavy modules) of a statement in a fresh interpreter, numpy included."""
    code = (
        f"import time; t = time.perf_counter(); {statement}; t = time.perf_counter() - t\n"
        f"import sys; print(t, *[m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    seconds, *modules = done.stdout.split()
    return float(seconds), modules


def test_the_import_is_fast_and_loads_nothing_heavy():
    times = []
    for _ in range(4):
        seconds, modules = imported_by("import sparsecsc")
        times.append(seconds)
        assert modules == []
    numpy_alone = min(imported_by("import numpy")[0] for _ in range(2))
    # 0.3 s on a quiet machine; on a busy one numpy, which is most of it, says how busy
    assert min(times) < max(0.3, 3 * numpy_alone)


def test_the_import_check_sees_heavy_modules():
    assert "scipy.fft" in imported_by("import scipy.fft")[1]


def test_every_public_name_comes_from_the_package_and_has_a_docstring():
    for node in tree_of(PACKAGE / "__init__.py").body:
        if isinstance(node, ast.ImportFrom) and node.module.startswith("sparsecsc"):
            for alias in node.names:
                value = getattr(sc, alias.name)
                assert value.__doc__, alias.name
                assert value.__module__.startswith("sparsecsc"), alias.name
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        sc.nothing  # noqa: B018
    assert sc.__version__


# ---- sizes ----


@files
def test_files_are_short(file):
    name = file.relative_to(PACKAGE).as_posix()
    n_lines = len(file.read_text().splitlines())
    assert n_lines <= LONG_FILES.get(name, MAX_FILE)


def too_long(tree, limit=MAX_BODY, exceptions=LONG_BODIES):
    """Return the functions whose body, docstring aside, has more lines than the limit."""
    found = []
    for function in functions(tree):
        body = function.body
        if ast.get_docstring(function) is not None:
            body = body[1:]
        lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
        if lines > exceptions.get(function.name, limit):
            found.append(function.name)
    return found


def too_many_positional(tree):
    """Return the functions with more positional parameters than the limit, self aside."""
    found = []
    for function in functions(tree):
        names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
        if len([n for n in names if n not in ("self", "cls")]) > MAX_POSITIONAL:
            found.append(function.name)
    return found


@files
def test_bodies_and_parameter_lists_are_short(file):
    assert not too_long(tree_of(file))
    assert not too_many_positional(tree_of(file))


def test_the_size_checks_catch_a_long_function():
    lines = "\n".join(f"    a{i} = {i}" for i in range(MAX_BODY + 1))
    assert too_long(ast.parse(f'def f():\n    """Doc."""\n{lines}')) == ["f"]
    assert not too_long(ast.parse('def f():\n    """' + "\n" * 60 + '"""\n    return 1'))
    assert too_many_positional(ast.parse("def f(a, b, c, d, e, g): pass")) == ["f"]
    assert not too_many_positional(ast.parse("def f(self, a, b, c, d, e, *, g): pass"))


# ---- discovery ----

TOY_PENALTY = '''
"""A toy."""
from dataclasses import dataclass
from typing import Any
import numpy as np

@dataclass(frozen=True)
class HalfSquare:
    """weight / 2 |z|^2."""
    weight: Any
    {extra}
    separable = True
    def value(self, codes): return 0.5 * self.weight * float((codes.astype(np.float64) ** 2).sum())
    def prox(self, v, step): return v / (1 + step * {factor} * self.weight)
    def bind(self, codes_shape, like): return self
    def at(self, block): return self
    def scaled(self, factor): return HalfSquare(factor * self.weight)

class _Private(HalfSquare): pass
class NotAPenalty: pass
'''

TOY_SOLVER = '''
"""A toy."""
from dataclasses import dataclass
from typing import Any

@dataclass(frozen=True)
class ToyState:
    codes: Any
    finished = None

@dataclass(frozen=True)
class Toy:
    """Proximal gradient steps of one length."""
    def init(self, problem, start): return ToyState(start)
    def step(self, problem, state):
        step = {factor} / problem.lipschitz()
        gradient = problem.correlation(problem.residual(state.codes))
        return ToyState(problem.penalty.prox(state.codes + step * gradient, step))
'''

TOY_DICTIONARY = '''
"""A toy."""
import numpy as np
import sparsecsc as sc

class Doubled:
    """Twice the identity."""
    n_channels = n_filters = n_axes = None
    def __init__(self): self.inner = sc.Identity()
    def code_shape(self, signal_shape): return tuple(signal_shape)
    def bind(self, signal_shape, like): return self.inner.bind(signal_shape, like)
    def synthesize(self, codes, spatial=None): return 2 * codes
    def analyze(self, signal): return {factor} * signal
    def gram(self, codes, spatial=None): return 4 * codes
    def lipschitz(self, spatial=None): return 4.0
    def column_norms(self, signal_shape, mask): return 2 * np.abs(mask)
    def column(self, signal_shape, index, like):
        return 2 * self.inner.column(signal_shape, index, like)
'''


def dropped(tmp_path, folder, text):
    """Return the folder of a copy of the package with one more file in it."""
    target = copy_of_the_package(tmp_path) / folder
    (target / "toy.py").write_text(text)
    return target


def test_what_is_shipped_is_found_where_it_lies():
    assert find(PACKAGE / "penalties", protocols.Penalty) == PENALTIES
    assert set(methods_of(protocols.Solver)) == {"init", "step"}
    assert "prox" in methods_of(protocols.Penalty)


def test_everything_found_has_an_example_and_a_public_name():
    for table, build in (
        (DICTIONARIES, make_dictionary),
        (PENALTIES, make_penalty),
        (SOLVERS, make_solver),
        (MODELS, make_model),
    ):
        for name, cls in table.items():
            assert isinstance(build(cls), cls)
            assert getattr(sc, name) is cls


def test_a_penalty_dropped_into_the_folder_is_found_and_tested(tmp_path):
    folder = dropped(tmp_path, "penalties", TOY_PENALTY.format(extra="", factor=1))
    found = find(folder, protocols.Penalty)
    assert set(found) == {*PENALTIES, "HalfSquare"}
    penalty = make_penalty(found["HalfSquare"])
    v = np.random.default_rng(0).standard_normal((2, 3, 4))
    check_prox(penalty, v, 0.7)
    checkers.check_nonexpansive(penalty, (2, 3, 4), 0.7)
    assert takes(sc.ISTA(), penalty)


def test_a_wrong_penalty_dropped_into_the_folder_is_caught(tmp_path):
    folder = dropped(tmp_path, "penalties", TOY_PENALTY.format(extra="", factor=2))
    penalty = make_penalty(find(folder, protocols.Penalty)["HalfSquare"])
    with pytest.raises(AssertionError):
        check_prox(penalty, np.random.default_rng(0).standard_normal((2, 3, 4)), 0.7)


def test_a_penalty_without_a_recipe_fails_and_says_which_line_to_add(tmp_path):
    folder = dropped(tmp_path, "penalties", TOY_PENALTY.format(extra="exponent: float", factor=1))
    cls = find(folder, protocols.Penalty)["HalfSquare"]
    with pytest.raises(pytest.fail.Exception, match=r'add "HalfSquare": \{\'exponent\': \.\.\.\}'):
        make_penalty(cls)
    with pytest.raises(pytest.fail.Exception, match="PENALTY_EXTRAS"):
        make(cls, "PENALTY_EXTRAS", weight=1.0)


def toy_problem():
    rng = np.random.default_rng(1)
    dictionary = sc.ConvDictionary(rng.standard_normal((3, 1, 4)))
    return sc.Pursuit(rng.standard_normal((1, 1, 16)), dictionary, sc.L1(1.0))


def test_a_solver_dropped_into_the_folder_is_found_and_tested(tmp_path):
    folder = dropped(tmp_path, "solvers", TOY_SOLVER.format(factor=1))
    found = find(folder, protocols.Solver)
    assert set(found) == {*SOLVERS, "Toy"}
    result = checkers.check_solves(make_solver(found["Toy"]), toy_problem(), tol=1e-6)
    checkers.check_monotone(result.history.objectives)


def test_a_wrong_solver_dropped_into_the_folder_is_caught(tmp_path):
    folder = dropped(tmp_path, "solvers", TOY_SOLVER.format(factor=8))
    solver = make_solver(find(folder, protocols.Solver)["Toy"])
    with pytest.raises(AssertionError):
        checkers.check_solves(solver, toy_problem(), tol=1e-6, max_iter=50)
    result = sc.solve(toy_problem(), solver, tol=0.0, max_iter=20, check_every=1)
    with pytest.raises(AssertionError):
        checkers.check_monotone(result.history.objectives)


@pytest.mark.parametrize(("factor", "right"), [(2, True), (3, False)])
def test_a_dictionary_dropped_into_the_folder_is_found_and_tested(tmp_path, factor, right):
    folder = dropped(tmp_path, "dictionaries", TOY_DICTIONARY.format(factor=factor))
    found = find(folder, protocols.Dictionary)
    assert set(found) == {*DICTIONARIES, "Doubled"}
    dictionary = make_dictionary(found["Doubled"])
    if right:
        checkers.check_adjoint(dictionary, (2, 2, 8))
        checkers.check_lipschitz(dictionary, (2, 2, 8))
        return
    with pytest.raises(AssertionError):
        checkers.check_adjoint(dictionary, (2, 2, 8))
