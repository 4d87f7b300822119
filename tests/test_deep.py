"""Deep pursuit: all layers in one block matrix, a single-layer problem with every guarantee."""

import numpy as np
import pytest
from checkers import (
    assert_close,
    check_adjoint,
    check_below,
    check_gram,
    check_linear,
    check_lipschitz,
    check_monotone,
    eps,
)
from multilayer import chain, dense_model, matrix, residual_model
from reference import plain_prox

import sparsecsc as sc

MODELS = {
    "one layer": (lambda: chain(1), 1, (12,)),
    "chain": (lambda: chain(2), 1, (12,)),
    "chain of 3": (lambda: chain(3), 1, (12,)),
    "strides": (lambda: chain(2, stride=[2, 2]), 1, (12,)),
    "borders": (lambda: chain(2, padding=["same", "valid"]), 1, (12,)),
    "dilations": (lambda: chain(2, dilation=[2, 3], padding=["full", 1]), 1, (12,)),
    "2-D": (lambda: chain("2d", stride=[(1, 2), 1]), 1, (5, 6)),
    "residual": (residual_model, 2, (10,)),
    "residual, projected": (lambda: residual_model("project"), 2, (10,)),
    "dense": (dense_model, 1, (12,)),
    "dense, same borders": (lambda: dense_model("same"), 1, (12,)),
}
models = pytest.mark.parametrize("name", MODELS)

PENALTIES = {
    "L1": sc.L1,
    "NonnegativeL1": sc.NonnegativeL1,
    "ElasticNet": lambda w: sc.ElasticNet(w, 0.3),
    "GroupL1": lambda w: sc.GroupL1(w, axis=1),
}
penalties = pytest.mark.parametrize("penalty", PENALTIES)


def make(name, penalty="L1", weight=0.15, n_signals=2):
    """Return (model, signal, problem)."""
    build, channels, spatial = MODELS[name]
    model = build()
    signal = np.random.default_rng(7).standard_normal((n_signals, channels, *spatial))
    factors = 1.0 + 0.5 * np.arange(len(model.dictionaries))
    given = [PENALTIES[penalty](weight * f) for f in factors]
    return model, signal, sc.deep_pursuit(signal, model, given)


def block_matrix(model, shapes):
    """Return B from the model's own fields: -I below the diagonal, D_j on it, links above it."""
    shapes = [(1, *shape) for shape in shapes]
    sizes = [int(np.prod(shape)) for shape in shapes]
    B = [[np.zeros((rows, columns)) for columns in sizes[1:]] for rows in sizes[:-1]]
    for j in range(1, len(sizes) - 1):
        B[j][j - 1] -= np.eye(sizes[j])
    for j, dictionary in enumerate(model.dictionaries, start=1):
        if isinstance(model, sc.MSDCSC):
            first, whole = 0, dictionary.dictionaries[1]
            for k in range(j):
                last = first + shapes[k][1]
                cut = sc.ConvDictionary(
                    whole.filters[:, first:last], dilation=whole.dilation, padding=whole.padding
                )
                B[k][j - 1] += matrix(cut, shapes[k])
                first = last
            continue
        B[j - 1][j - 1] += matrix(dictionary, shapes[j - 1])
        source, shortcut = model.starts[j - 1], model.shortcuts[j - 1]
        if source is not None:
            link = np.eye(sizes[j]) if shortcut is None else matrix(shortcut, shapes[source])
            B[source][j - 1] += link
    return np.block(B)


def iterates(problem, solver, n_iter):
    """Return the codes of n_iter + 1 iterates, from zero."""
    state = solver.init(problem, np.zeros(problem.codes_shape))
    out = [state.codes.copy()]
    for _ in range(n_iter):
        state = solver.step(problem, state)
        out.append(state.codes.copy())
    return out


# ---- the operator ----


def check_operator(dictionary, B):
    """Synthesis, analysis and gram are those of the explicit block matrix; the bound holds."""
    shape = (2, B.shape[0], 1)
    rng = np.random.default_rng(0)
    codes, rows = rng.standard_normal((2, B.shape[1], 1)), rng.standard_normal(shape)
    assert dictionary.code_shape(shape) == codes.shape
    assert_close(dictionary.synthesize(codes)[..., 0], codes[..., 0] @ B.T)
    assert_close(dictionary.analyze(rows)[..., 0], rows[..., 0] @ B)
    assert_close(dictionary.gram(codes)[..., 0], codes[..., 0] @ (B.T @ B))
    norm = np.linalg.norm(B, 2) ** 2
    assert norm <= dictionary.lipschitz() * (1 + 1e-12)
    assert dictionary.lipschitz() <= 4 * norm  # a bound far above would only be slow
    bound = dictionary.bind(shape, codes).lipschitz()
    assert bound == pytest.approx(dictionary.lipschitz())


@models
def test_the_operator_is_the_block_matrix(name):
    model, _, problem = make(name)
    check_operator(problem.dictionary, block_matrix(model, problem.dictionary.shapes))


def test_the_operator_check_fails_without_a_link():
    model, _, problem = make("residual")
    plain = sc.MLCSC(model.dictionaries)
    with pytest.raises(AssertionError):
        check_operator(problem.dictionary, block_matrix(plain, problem.dictionary.shapes))


@models
@pytest.mark.parametrize("check", [check_adjoint, check_linear, check_gram])
def test_the_operator_passes_the_checks_of_dictionaries(name, check):
    _, _, problem = make(name)
    check(problem.dictionary, (2, problem.dictionary.n_channels, 1))


@models
def test_the_lipschitz_bound_is_not_below_power_iteration(name):
    _, _, problem = make(name)
    check_lipschitz(problem.dictionary, (2, problem.dictionary.n_channels, 1))


@models
def test_split_returns_the_layers_in_their_own_shapes(name):
    model, signal, problem = make(name)
    dictionary = problem.dictionary
    codes = np.arange(np.prod(problem.codes_shape), dtype=np.float64).reshape(problem.codes_shape)
    layers = dictionary.split(codes)
    shapes = sc.layer_shapes(model, signal.shape)[1:]
    if isinstance(model, sc.MSDCSC):  # the new maps only
        shapes = [(len(signal), len(bank), *signal.shape[2:]) for bank in model.filter_banks]
    assert [z.shape for z in layers] == [tuple(s) for s in shapes]
    flat = np.concatenate([z.reshape(len(signal), -1) for z in layers], axis=1)
    assert np.array_equal(flat, codes[..., 0])


@models
def test_flatten_puts_the_signal_first_and_zeros_below(name):
    _, signal, problem = make(name)
    flat = problem.dictionary.flatten(signal)
    assert flat.shape == problem.signal.shape
    n = signal[0].size
    assert np.array_equal(flat[:, :n, 0], signal.reshape(len(signal), -1))
    assert not flat[:, n:].any()


# ---- the problem ----


@models
def test_the_objective_counts_every_layer(name):
    model, signal, problem = make(name)
    B = block_matrix(model, problem.dictionary.shapes)
    codes = np.random.default_rng(3).standard_normal(problem.codes_shape)
    target = problem.dictionary.flatten(signal)[..., 0]
    expected = 0.5 * ((target - codes[..., 0] @ B.T) ** 2).sum()
    for i, layer in enumerate(problem.dictionary.split(codes)):
        expected += 0.15 * (1 + 0.5 * i) * np.abs(layer).sum()
    assert_close(problem.objective(codes), expected)


@pytest.mark.parametrize("name", ["chain", "strides", "residual", "dense"])
def test_the_first_ista_step_from_zero_thresholds_what_the_signal_touches(name):
    # From zero only layers linked to the signal move: B^T (y, 0) is D_1^T y in the first block.
    model, signal, problem = make(name)
    _, first = iterates(problem, sc.ISTA(), 1)
    step = 1.0 / problem.lipschitz()
    B = block_matrix(model, problem.dictionary.shapes)
    target = problem.dictionary.flatten(signal)[..., 0]
    moved = problem.dictionary.split((step * target @ B)[..., None])
    for i, (layer, v) in enumerate(zip(problem.dictionary.split(first), moved, strict=True)):
        assert_close(layer, plain_prox("L1", 0.15 * (1 + 0.5 * i), v, step), scale=1.0)
    if name in ("chain", "strides"):
        assert_close(moved[0], step * model.dictionaries[0].analyze(signal))
        assert not problem.dictionary.split(first)[1].any()


@models
def test_one_layer_at_a_time_is_a_proximal_step_of_each(name):
    _, _, problem = make(name, "ElasticNet")
    v = np.random.default_rng(4).standard_normal(problem.codes_shape)
    found = problem.dictionary.split(problem.penalty.prox(v, 0.7))
    for i, (z, part) in enumerate(zip(found, problem.dictionary.split(v), strict=True)):
        expected = plain_prox("ElasticNet", 0.15 * (1 + 0.5 * i), part, 0.7, ridge=0.3)
        assert_close(z, expected)


@models
@penalties
def test_ista_never_raises_the_objective(name, penalty):
    _, _, problem = make(name, penalty)
    check_monotone([problem.objective(z) for z in iterates(problem, sc.ISTA(), 60)])


@pytest.mark.parametrize("name", ["chain", "strides", "residual", "residual, projected", "dense"])
@penalties
def test_fista_is_inside_its_bound(name, penalty):
    _, _, problem = make(name, penalty)
    best = sc.solve(problem, sc.FISTA(), tol=1e-12, max_iter=20_000, check_every=100)
    assert best.relative_gap <= 1e-10
    values = np.array(
        [problem.objective(z) for z in iterates(problem, sc.FISTA(restart=False), 60)]
    )
    k = np.arange(1, 61)
    bounds = 2 * problem.lipschitz() * (best.codes**2).sum() / (k + 1) ** 2
    check_below(values[1:] - best.objective, bounds + 1e-12 * values[1:])
    with pytest.raises(AssertionError):
        check_below(values[1:] - best.objective, 1e-4 * bounds)


@models
@penalties
def test_a_gap_of_1e_8_is_certified(name, penalty):
    _, _, problem = make(name, penalty)
    result = sc.solve(problem, tol=1e-8, max_iter=20_000, check_every=50)
    assert result.status is sc.Status.CONVERGED
    assert 0 <= result.relative_gap + 1e-14 <= 1.01e-8
    assert sc.duality_gap(problem, result.codes) <= 1e-7 * result.objective
    worse = sc.duality_gap(problem, 1.1 * result.codes)
    assert worse >= problem.objective(1.1 * result.codes) - result.objective > 0


@pytest.mark.parametrize("order", [("L1", "ElasticNet"), ("ElasticNet", "L1"), ("GroupL1", "L1")])
def test_layers_of_different_penalties_are_certified_together(order):
    # A layer that forbids a point and one that only pays for it: the point is shrunk for the
    # former alone, else the gap never closes.
    model = dense_model()
    signal = np.random.default_rng(1).standard_normal((2, 1, 12))
    problem = sc.deep_pursuit(signal, model, [PENALTIES[p](0.1) for p in order])
    result = sc.solve(problem, sc.FISTA(), tol=1e-8, max_iter=3000, check_every=25)
    assert result.status is sc.Status.CONVERGED


@pytest.mark.parametrize("penalty", ["L1", "NonnegativeL1"])
def test_the_bound_is_below_the_optimum_from_anywhere(penalty):
    _, _, problem = make("residual", penalty)
    best = sc.solve(problem, tol=1e-10, max_iter=20_000, check_every=50).objective
    rng = np.random.default_rng(0)
    for scale in (0.0, 0.1, 1.0, 10.0):
        codes = np.abs(scale * rng.standard_normal(problem.codes_shape))
        gap = sc.duality_gap(problem, codes)
        assert problem.objective(codes) - gap <= best * (1 + 1e-12)


def test_one_signal_of_a_batch_does_not_touch_another():
    model, signal, problem = make("dense")
    whole = iterates(problem, sc.FISTA(restart=False), 30)[-1]  # restarts look at all signals
    for b in range(2):
        alone = sc.deep_pursuit(signal[b : b + 1], model, problem.penalty.penalties)
        assert_close(iterates(alone, sc.FISTA(restart=False), 30)[-1], whole[b : b + 1], slack=2000)


def test_float32_stays_and_is_near_float64():
    model, signal, problem = make("chain")
    layers = [sc.ConvDictionary(d.filters.astype(np.float32)) for d in model.dictionaries]
    narrow = sc.deep_pursuit(
        signal.astype(np.float32), sc.MLCSC(layers), [sc.L1(0.15), sc.L1(0.225)]
    )
    result = sc.solve(narrow, tol=1e-4)
    assert result.codes.dtype == np.float32
    best = sc.solve(problem, tol=1e-8, max_iter=20_000).objective
    assert result.objective == pytest.approx(best, rel=1.1e-4)
    assert narrow.objective(result.codes) == pytest.approx(
        problem.objective(result.codes.astype(np.float64)), rel=100 * eps(np.float32)
    )


# ---- messages ----


def test_messages_say_what_was_expected():
    model, signal, problem = make("chain")
    with pytest.raises(ValueError, match=r"`penalties` must have one entry for each of the 2 lay"):
        sc.deep_pursuit(signal, model, [sc.L1(0.1)])
    with pytest.raises(TypeError, match=r"layer 2 must be convex with a duality gap; got L0: use"):
        sc.deep_pursuit(signal, model, [sc.L1(0.1), sc.L0(0.1)])
    with pytest.raises(TypeError, match=r"`penalties` must be a sequence of penalties; got L1"):
        sc.deep_pursuit(signal, model, sc.L1(0.1))
    rows = problem.dictionary.n_channels
    with pytest.raises(ValueError, match=rf"\(n_signals, {rows}, 1\) of flattened .*: use `flatt"):
        problem.dictionary.code_shape((1, 3, 1))
