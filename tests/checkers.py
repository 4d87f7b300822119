"""Checks of one claim each, to be applied to any object; each is shown to fail on a wrong one.

They raise AssertionError. Tolerances are multiples of the dtype's epsilon, times the size of what
is compared, times a slack for the length of the sums behind it.
"""

import ast
from pathlib import Path

import numpy as np

SLACK = 200
"""Roundings in a sum over a few hundred taps and an FFT of a few hundred samples."""


def eps(dtype):
    """Return the epsilon of a dtype as a float."""
    return float(np.finfo(dtype).eps)


def assert_close(actual, expected, dtype=np.float64, *, scale=None, slack=SLACK):
    """Check equality within `slack` epsilons of the largest expected value (or `scale`)."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    assert actual.shape == expected.shape
    scale = float(np.abs(expected).max(initial=0.0)) if scale is None else scale
    assert np.abs(actual - expected).max(initial=0.0) <= slack * eps(dtype) * max(scale, 1e-300)


def random_pair(dictionary, shape, dtype, seed=0):
    """Return random codes and signal of a dictionary."""
    rng = np.random.default_rng(seed)
    codes = rng.standard_normal(dictionary.code_shape(shape)).astype(dtype)
    return codes, rng.standard_normal(shape).astype(dtype)


def check_adjoint(dictionary, shape, dtype=np.float64):
    """<D z, x> = <z, D^T x>."""
    codes, signal = random_pair(dictionary, shape, dtype)
    image = dictionary.synthesize(codes, shape[2:]).astype(np.float64)
    correlation = dictionary.analyze(signal).astype(np.float64)
    left, right = float((image * signal).sum()), float((codes * correlation).sum())
    scale = float(np.linalg.norm(image) * np.linalg.norm(signal)) + abs(right)
    assert abs(left - right) <= SLACK * eps(dtype) * max(scale, 1e-300)


def check_linear(dictionary, shape, dtype=np.float64):
    """D (a z + w) = a D z + D w, and the same for D^T."""
    z, x = random_pair(dictionary, shape, dtype, 1)
    w, u = random_pair(dictionary, shape, dtype, 2)
    a = dtype(-1.75)
    spatial = shape[2:]
    whole = dictionary.synthesize(a * z + w, spatial)
    parts = a * dictionary.synthesize(z, spatial) + dictionary.synthesize(w, spatial)
    assert_close(whole, parts, dtype, scale=float(np.abs(parts).max()) + 1)
    whole = dictionary.analyze(a * x + u)
    parts = a * dictionary.analyze(x) + dictionary.analyze(u)
    assert_close(whole, parts, dtype, scale=float(np.abs(parts).max()) + 1)


def check_gram(dictionary, shape, dtype=np.float64):
    """The fused gram is analysis after synthesis."""
    codes, _ = random_pair(dictionary, shape, dtype, 3)
    two = dictionary.analyze(dictionary.synthesize(codes, shape[2:]))
    assert_close(dictionary.gram(codes, shape[2:]), two, dtype)


def power_iteration(dictionary, shape, n_iter=50):
    """Return a lower bound on |D|^2."""
    codes, _ = random_pair(dictionary, (1, *shape[1:]), np.float64, 4)
    value = 0.0
    for _ in range(n_iter):
        size = np.linalg.norm(codes)
        if size == 0:
            return 0.0
        codes = codes / size
        image = dictionary.synthesize(codes, shape[2:])
        value = float((image**2).sum())
        codes = dictionary.analyze(image)
    return value


def check_lipschitz(dictionary, shape):
    """The bound is not below what power iteration reaches."""
    assert power_iteration(dictionary, shape) <= dictionary.lipschitz(shape[2:]) * (1 + 1e-12)


def prox_objective(penalty, z, v, step):
    """Return what the prox minimises."""
    difference = z.astype(np.float64) - v
    return step * penalty.value(z) + 0.5 * float((difference**2).sum())


def check_prox(penalty, v, step, seed=0, n_random=200):
    """No candidate is better than the prox: random ones, v, 0, entries or slices set to 0."""
    rng = np.random.default_rng(seed)
    z = penalty.prox(v, step)
    assert z.shape == v.shape
    assert z.dtype == v.dtype
    assert z is not v
    best = prox_objective(penalty, z, v, step)
    assert np.isfinite(best)
    candidates = [v, np.zeros_like(v), np.abs(v), np.maximum(z, 0)]
    for _ in range(n_random):
        size = 10.0 ** rng.uniform(-4, 0.5)
        other = z + size * rng.standard_normal(v.shape).astype(v.dtype)
        keep = rng.random(v.shape) < rng.choice([0.05, 0.5, 1.0])
        candidates.append(np.where(keep, other, z))
        candidates.append(np.where(keep, np.abs(other), z))
        candidates.append(np.where(keep, z * v.dtype.type(1 + size), z))
        candidates.append(np.where(keep, 0, z).astype(v.dtype))
        candidates.append(np.where(keep, v, z))
    slack = 10 * eps(v.dtype) * (float((v.astype(np.float64) ** 2).sum()) + best)
    for candidate in candidates:
        assert best <= prox_objective(penalty, candidate, v, step) + slack


def check_nonexpansive(penalty, shape, step, dtype=np.float64, seed=0):
    """|prox v - prox w| <= |v - w|, which every convex penalty's prox obeys."""
    rng = np.random.default_rng(seed)
    for size in (0.01, 0.1, 1.0, 10.0):
        v = (3 * rng.standard_normal(shape)).astype(dtype)
        w = v + (size * rng.standard_normal(shape)).astype(dtype)
        moved = np.linalg.norm(penalty.prox(v, step) - penalty.prox(w, step))
        assert moved <= np.linalg.norm(v - w) * (1 + 20 * eps(dtype)) + 20 * eps(dtype)


def check_fenchel(penalty, shape, seed=0):
    """value(z) + conjugate(u) = <u, z> for u = v - prox(v); >= for every other pair."""
    rng = np.random.default_rng(seed)
    for _ in range(20):
        v = 3 * rng.standard_normal(shape)
        z = penalty.prox(v, 1.0)
        u = (v - z) * (1 - 1e-12)  # rounding may not push it out of the domain
        _, conjugate = penalty.dual_bounds(u)
        both = penalty.value(z) + float(np.sum(conjugate))
        assert abs(both - float((u * z).sum())) <= 1e-11 * float((v**2).sum())
        other = penalty.prox(3 * rng.standard_normal(shape), 0.3)
        least = penalty.value(other) + float(np.sum(conjugate)) - float((u * other).sum())
        assert least >= -1e-11 * float((v**2).sum())


def check_dual_bounds(penalty, shape, seed=0):
    """conjugate(t u) is 0 up to t = 1 / ratio and positive, or infinite, beyond."""
    rng = np.random.default_rng(seed)
    for _ in range(10):
        u = 2 * rng.standard_normal(shape)
        ratio, conjugate = (np.asarray(a) for a in penalty.dual_bounds(u))
        assert ratio.shape == conjugate.shape
        assert ratio.dtype == conjugate.dtype == np.float64
        per_signal = (-1, *(1,) * (u.ndim - 1))
        with np.errstate(divide="ignore"):
            t = np.minimum(1.0 / ratio, 1e3)
        inside = u * ((1 - 1e-9) * t).reshape(per_signal)
        assert np.all(penalty.dual_bounds(inside)[1] == 0)
        for z in _spread(penalty, inside, rng):  # sup <u, z> - value(z) = 0
            assert float((inside * z).sum()) - penalty.value(z) <= 1e-9 * float(np.abs(z).sum())
        if np.all(ratio > 1e-3):
            outside = u * (1.01 * t).reshape(per_signal)
            assert np.all(penalty.dual_bounds(outside)[1] > 0)
            best = max(
                float((outside * z).sum()) - penalty.value(z) for z in _spread(penalty, u, rng)
            )
            assert best > 0


def _spread(penalty, u, rng):
    """Return candidates for the supremum in a conjugate: directions of many sizes."""
    out = [penalty.prox(u * s, 1.0) * f for s in (0.5, 1.01, 2, 100) for f in (1e-2, 1e-1, 1, 10)]
    for index in np.ndindex(*u.shape):
        z = np.zeros_like(u)
        z[index] = u[index]
        out += [penalty.prox(f * z, 1e-9) for f in (1e-4, 1e-3, 1e-2, 1.0)]
    norms = np.sqrt((u**2).sum(axis=getattr(penalty, "axis", 1), keepdims=True))
    for index in np.ndindex(*norms.shape):
        z = np.where(norms == norms[index], u, 0.0)
        out += [f * z for f in (1e-3, 1e-2, 1.0)]
    return out + [penalty.prox(rng.standard_normal(u.shape), 0.1) for _ in range(20)]


def check_monotone(objectives):
    """No objective is above the one before it, beyond rounding."""
    values = np.asarray(objectives)
    assert np.all(values[1:] <= values[:-1] * (1 + 100 * eps(np.float64)))


def check_below(gaps, bounds):
    """Each F - F* is inside its proven bound."""
    gaps, bounds = np.asarray(gaps), np.asarray(bounds)
    assert gaps.shape == bounds.shape
    assert np.all(gaps <= bounds * (1 + 1e-9))


def check_solves(solver, problem, tol=1e-8, max_iter=5000):
    """The solver certifies `tol`, and an outside computation of the objective agrees."""
    import reference

    import sparsecsc as sc

    result = sc.solve(problem, solver, tol=tol, max_iter=max_iter)
    assert result.status is sc.Status.CONVERGED
    expected = reference.objective(problem, result.codes)
    assert_close(result.objective, expected)
    return result


# Which rooms a module may import from: architecture, section 2. Lower rooms come first; a room
# may import itself, and what is listed.
_FIRST = ("protocols", "result", "backends", "checks", "codes")
_SECOND = ("dictionaries", "penalties", "problems", "optimality", "solve", "solvers")
_SECOND += ("encode", "preprocessing", "data")
_THIRD = ("models",)
_FOURTH = ("theory", "learn", "bench", "applications")
_LAST = ("plot", "io", "estimators", "cli")
_LEVELS = (_FIRST, _SECOND, _THIRD, _FOURTH, _LAST)
LEVEL = {room: level for level, rooms in enumerate(_LEVELS) for room in rooms}
# Inside a level: what each room may use besides the levels before.
WITHIN = {
    "dictionaries": set(),
    "penalties": set(),
    "problems": {"dictionaries"},
    "optimality": {"problems", "penalties"},
    "solvers": set(),
    "solve": {"problems", "optimality", "solvers"},
    "encode": {"dictionaries", "penalties", "problems", "optimality", "solve"},
    "preprocessing": set(),
    "data": set(),
    "plot": set(),
    "io": set(),
    "estimators": set(),
    "cli": {"plot", "io", "estimators"},
}
OUTSIDE = {"numba": {"backends"}, "cupy": {"backends"}, "cupyx": {"backends"}}
OUTSIDE["matplotlib"] = {"plot"}


def room_of(file: Path, package: Path) -> str:
    """Return the room of a file: its folder, or its own name at the top.

    A private file at the top, such as _cli_job.py, belongs to the room that it is named after.
    """
    return _room(file.relative_to(package).with_suffix("").parts[0])


def _room(name):
    return name if name.startswith("__") or name[0] != "_" else name[1:].partition("_")[0]


def imports_of(tree: ast.AST):
    """Yield every imported dotted name of a module, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the arrow"
            for alias in node.names:
                yield f"{node.module}.{alias.name}"


def check_arrows(package: Path):
    """Every import of every file follows the table above."""
    wrong = []
    for file in sorted(package.rglob("*.py")):
        room = room_of(file, package)
        if room in ("__init__", "__main__"):
            continue
        if room not in LEVEL:
            wrong.append(f"{file.name}: the room {room} is not in the table")
            continue
        for name in imports_of(ast.parse(file.read_text())):
            parts = name.split(".")
            allowed = OUTSIDE.get(parts[0])
            if allowed is not None and room not in allowed:
                wrong.append(f"{file.relative_to(package)} imports {parts[0]}")
            if parts[0] != "sparsecsc":
                continue
            other = _room(parts[1]) if len(parts) > 1 else "__init__"
            if other in ("__init__", "__version__") or other not in LEVEL:
                if room not in _LAST:
                    wrong.append(f"{file.relative_to(package)} imports {name}")
            elif other != room and not _may(room, other):
                wrong.append(f"{file.relative_to(package)} imports {name}")
    assert not wrong, "\n".join(wrong)


def _may(room, other):
    if LEVEL[other] != LEVEL[room]:
        return LEVEL[other] < LEVEL[room]
    return other in WITHIN.get(room, set(LEVEL))  # the first level is one room in four files
