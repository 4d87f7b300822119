"""Models: one layer is the single-layer solver; chains, starts, normalisation, dense layers."""

import itertools
import math

import numpy as np
import pytest
import scipy.optimize
from checkers import assert_close, eps
from discovery import SOLVERS
from reference import matrix_of

import sparsecsc as sc

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
MULTILAYER = {n: c for n, c in SOLVERS.items() if getattr(c, "multilayer", False)}


def filters_of(rng, *shape, dtype=np.float64):
    return (rng.standard_normal(shape) / math.sqrt(math.prod(shape[1:]))).astype(dtype)


def run(problem, solver, n_iter, **options):
    """Return the codes after `n_iter` iterations, with no look at them in between."""
    options = {"tol": 0.0, "check_every": 10**6, **options}
    return sc.solve(problem, solver, max_iter=n_iter, **options).codes


def check_same(codes, others):
    """Codes of two runs are equal bit for bit, layer by layer."""
    codes, others = (z if isinstance(z, tuple) else (z,) for z in (codes, others))
    assert len(codes) == len(others)
    for a, b in zip(codes, others, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


# One layer.

GEOMETRIES = {
    "1d circular": (lambda f: sc.ConvDictionary(f(4, 2, 5)), (2, 2, 24)),
    "1d stride": (lambda f: sc.ConvDictionary(f(4, 2, 5), stride=3), (2, 2, 24)),
    "1d dilated, padded": (lambda f: sc.ConvDictionary(f(3, 2, 4), 2, 2, 3), (2, 2, 23)),
    "2d valid": (lambda f: sc.ConvDictionary(f(4, 1, 3, 2), padding="valid"), (2, 1, 9, 8)),
    "2d same": (lambda f: sc.ConvDictionary(f(4, 1, 3, 4), padding="same"), (1, 1, 9, 8)),
    "3d": (lambda f: sc.ConvDictionary(f(3, 1, 2, 2, 3)), (1, 1, 4, 5, 6)),
    "dense": (
        lambda f: sc.Concat([sc.Identity(), sc.ConvDictionary(f(2, 2, 3), dilation=2)]),
        (2, 2, 20),
    ),
}
PENALTIES = {
    "L1": sc.L1(0.1),
    "NonnegativeL1": sc.NonnegativeL1(0.1),
    "ElasticNet": sc.ElasticNet(0.1, 0.2),
    "L0": sc.L0(0.05),
    "GroupL1 over filters": sc.GroupL1(0.2, 1),
    "GroupL1 over positions": sc.GroupL1(0.5, 2),
}


def one_layer(geometry, penalty, dtype=np.float64, seed=0):
    """Return the same problem as a `Pursuit` and as a `MultilayerPursuit` of one layer."""
    rng = np.random.default_rng(seed)
    make, shape = GEOMETRIES[geometry]
    dictionary = make(lambda *s: filters_of(rng, *s, dtype=dtype))
    signal = rng.standard_normal(shape).astype(dtype)
    single = sc.Pursuit(signal, dictionary, penalty)
    return single, sc.MultilayerPursuit(signal, sc.MLCSC([dictionary]), [penalty])


@DTYPES
@pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_one_layer_of_mlista_is_ista_bit_for_bit(geometry, penalty, dtype):
    single, multi = one_layer(geometry, penalty, dtype)
    for n_iter in (1, 2, 7):
        for step in (None, 0.1):
            ista = sc.ISTA(step_size=step)
            sweeps = sc.MLISTA(step_size=step, stationary=0.0)
            state = ista.init(single, np.zeros(single.codes_shape, dtype))
            for _ in range(n_iter):
                state = ista.step(single, state)
            check_same(run(multi, sweeps, n_iter), state.codes)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_one_layer_from_a_start_is_ista_from_it(geometry):
    single, multi = one_layer(geometry, PENALTIES["L1"])
    start = np.random.default_rng(5).standard_normal(single.codes_shape)
    check_same(
        run(multi, sc.MLISTA(stationary=0.0), 3, start=(start,)),
        run(single, sc.ISTA(), 3, start=start),
    )


@DTYPES
@pytest.mark.parametrize(
    "inner", [sc.ISTA(), sc.FISTA(), sc.FISTA(restart=False), sc.ADMM()], ids=repr
)
@pytest.mark.parametrize("geometry", ["1d circular", "1d stride", "2d valid", "3d"])
def test_one_layer_of_layered_basis_pursuit_is_its_inner_solver(geometry, inner, dtype):
    single, multi = one_layer(geometry, PENALTIES["L1"], dtype)
    for n_iter in (1, 6):
        layered = sc.LayeredBasisPursuit(inner, n_iter=n_iter)
        state = inner.init(single, np.zeros(single.codes_shape, dtype))
        for _ in range(n_iter):
            state = inner.step(single, state)
        check_same(run(multi, layered, n_iter), state.codes)
        check_same(run(multi, sc.LayeredBasisPursuit(inner, tol=0.0), n_iter), state.codes)


@pytest.mark.parametrize("geometry", ["1d circular", "1d stride", "2d valid"])
def test_one_layer_of_projection_pursuit_is_its_inner_solver(geometry):
    single, multi = one_layer(geometry, PENALTIES["L1"])
    for inner in (sc.ISTA(), sc.FISTA()):
        check_same(run(multi, sc.ProjectionPursuit(inner), 5), run(single, inner, 5))


def test_layered_omp_is_omp():
    rng = np.random.default_rng(6)
    dictionary = sc.ConvDictionary(filters_of(rng, 4, 1, 5))
    signal = rng.standard_normal((2, 1, 24))
    single = sc.Pursuit(signal, dictionary, sc.L0(0.0))
    multi = sc.MultilayerPursuit(signal, sc.MLCSC([dictionary]), [sc.L0(0.0)])
    omp = sc.OMP(n_nonzero=3)
    check_same(sc.solve(multi, sc.LayeredBasisPursuit(omp)).codes, sc.solve(single, omp).codes)


@pytest.mark.parametrize("penalty", ["L1", "NonnegativeL1", "ElasticNet", "GroupL1 over filters"])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_one_layer_of_mladmm_certifies_the_optimum_of_the_single_layer_solver(geometry, penalty):
    """Both lie within their certified gaps of the one optimal value."""
    single, multi = one_layer(geometry, PENALTIES[penalty])
    results = [
        sc.solve(multi, sc.MLADMM(), tol=1e-7, max_iter=5000),
        sc.solve(single, sc.FISTA(), tol=1e-7, max_iter=5000),
    ]
    assert all(r.status is sc.Status.CONVERGED for r in results)
    assert abs(results[0].objective - results[1].objective) <= max(r.gap for r in results)
    assert_close(results[0].objective, single.objective(results[0].codes[0]))


# Models of several layers.


def chain(dtype=np.float64, padding="circular", seed=1):
    rng = np.random.default_rng(seed)
    return [
        sc.ConvDictionary(filters_of(rng, 3, 1, 4, dtype=dtype), stride=2, padding=padding),
        sc.ConvDictionary(filters_of(rng, 4, 3, 3, dtype=dtype), padding=padding),
        sc.ConvDictionary(filters_of(rng, 5, 4, 3, dtype=dtype), padding=padding),
    ]


def signal_of(shape, dtype=np.float64, seed=2):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def residual_model(**options):
    rng = np.random.default_rng(3)
    dictionaries = [sc.ConvDictionary(filters_of(rng, 2, 2, 3)) for _ in range(4)]
    return sc.ResCSC(dictionaries, **options)


WEIGHTS = [sc.L1(0.02), sc.L1(0.02), sc.L1(0.02)]
SOLVED = {
    "LayeredBasisPursuit": lambda: sc.LayeredBasisPursuit(n_iter=4),
    "MLISTA": lambda: sc.MLISTA(stationary=0.0),
    "MLFISTA": lambda: sc.MLFISTA(stationary=0.0),
}


def solver_of(name):
    return SOLVED.get(name, MULTILAYER[name])()


@DTYPES
@pytest.mark.parametrize("name", MULTILAYER)
def test_residual_model_without_starts_is_the_plain_chain(name, dtype):
    for padding in ("circular", "valid"):
        signal, layers = signal_of((2, 1, 32), dtype), chain(dtype, padding)
        problems = [
            sc.MultilayerPursuit(signal, model, WEIGHTS)
            for model in (sc.MLCSC(layers), sc.ResCSC(layers, starts=(None,) * 3))
        ]
        first, second = (run(p, solver_of(name), 12) for p in problems)
        check_same(first, second)
        assert all(z.any() for z in first[:1])


def test_a_start_makes_a_difference():
    signal = signal_of((2, 2, 16))
    penalties = [sc.L1(0.05)] * 4
    plain = sc.MultilayerPursuit(signal, sc.MLCSC(residual_model().dictionaries), penalties)
    other = sc.MultilayerPursuit(signal, residual_model(), penalties)
    with pytest.raises(AssertionError):
        check_same(run(plain, sc.LayeredThresholding(), 1), run(other, sc.LayeredThresholding(), 1))


@pytest.mark.parametrize("name", MULTILAYER)
def test_inputs_stay_as_they_were_and_runs_repeat(name):
    signal, layers = signal_of((2, 1, 32)), chain()
    weights = [np.full(n, 0.02) for n in (3, 4, 5)]
    problem = sc.MultilayerPursuit(signal, sc.MLCSC(layers), [sc.L1(w) for w in weights])
    options = {}
    if name != "LayeredThresholding":
        options["start"] = tuple(signal_of(shape, seed=7) for shape in problem.shapes[1:])
    arrays = [signal, *(d.filters for d in layers), *weights, *options.get("start", ())]
    before = [a.copy() for a in arrays]
    first = run(problem, solver_of(name), 8, **options)
    check_same(first, run(problem, solver_of(name), 8, **options))
    check_same(tuple(arrays), tuple(before))
    assert all(not np.shares_memory(z, a) for z in first for a in arrays)
    assert [z.shape for z in first] == list(problem.shapes[1:])


@pytest.mark.parametrize("name", sorted(set(MULTILAYER) - {"LayeredThresholding"}))
def test_earlier_codes_are_a_warm_start(name):
    """A tuple of codes goes in as it came out, and the run goes on from there."""
    problem = sc.MultilayerPursuit(signal_of((1, 1, 32)), sc.MLCSC(chain()), WEIGHTS)
    cold = sc.solve(problem, sc.MLADMM(), tol=1e-6, max_iter=5000)
    assert cold.status is sc.Status.CONVERGED
    warm = sc.solve(problem, solver_of(name), start=cold.codes, max_iter=1, tol=0.0)
    first = warm.history.objectives[0]
    assert_close(first, problem.objective(cold.codes))
    if name in ("MLISTA", "MLFISTA"):  # they start at the deepest codes alone
        other = (*(z + 1 for z in cold.codes[:-1]), cold.codes[-1])
        again = sc.solve(problem, solver_of(name), start=other, max_iter=1, tol=0.0)
        check_same(warm.codes, again.codes)


# Shapes, effective dictionaries, norms, starts.


def test_layer_shapes_follow_from_the_signal():
    model = sc.MLCSC(chain())
    assert sc.layer_shapes(model, (2, 1, 32)) == ((2, 1, 32), (2, 3, 16), (2, 4, 16), (2, 5, 16))
    model = sc.MLCSC(chain(padding="valid"))
    assert sc.layer_shapes(model, (1, 1, 33)) == ((1, 1, 33), (1, 3, 15), (1, 4, 13), (1, 5, 11))
    rng = np.random.default_rng(4)
    banks = [rng.standard_normal((2, c, 3, 3)) for c in (1, 3, 5)]
    dense = sc.MSDCSC(banks)
    assert [s[1] for s in sc.layer_shapes(dense, (1, 1, 20, 21))] == [1, 3, 5, 7]
    assert [d.dictionaries[1].dilation for d in dense.dictionaries] == [(1, 1), (2, 2), (3, 3)]


def test_dense_dilations_are_one_to_six_in_turn():
    banks = [np.ones((1, 1 + i, 2)) for i in range(8)]
    found = [d.dictionaries[1].dilation[0] for d in sc.MSDCSC(banks).dictionaries]
    assert found == [1, 2, 3, 4, 5, 6, 1, 2]


@pytest.mark.parametrize("padding", ["circular", "valid"])
@pytest.mark.parametrize(("first", "last"), [(1, 3), (1, 2), (2, 3), (2, 2), (3, None)])
def test_effective_dictionary_is_the_chain(first, last, padding):
    model = sc.MLCSC(chain(padding=padding))
    product = sc.effective(model, first, last)
    shapes = sc.layer_shapes(model, (2, 1, 32))
    stop = 3 if last is None else last
    codes = signal_of(shapes[stop])
    explicit = codes
    for i in reversed(range(first - 1, stop)):
        explicit = model.dictionaries[i].synthesize(explicit, shapes[i][2:])
    got = product.synthesize(codes, shapes[first - 1][2:])
    np.testing.assert_array_equal(got, explicit)
    matrices = [
        matrix_of(model.dictionaries[i], shapes[i][1], shapes[i][2:])[0]
        for i in range(first - 1, stop)
    ]
    dense = np.linalg.multi_dot(matrices) if len(matrices) > 1 else matrices[0]
    assert_close(got.reshape(2, -1), codes.reshape(2, -1) @ dense.T)


def test_effective_dictionary_of_dense_layers_is_the_one_of_the_theory():
    """[I, F1^T, D1 F2^T, D1 D2 F3^T]."""
    rng = np.random.default_rng(8)
    model = sc.MSDCSC([filters_of(rng, 2, c, 3) for c in (1, 3, 5)])
    shapes = sc.layer_shapes(model, (1, 1, 12))
    matrix, n_filters, _ = matrix_of(sc.effective(model), 1, (12,))
    assert n_filters == 7
    blocks, before = [np.eye(12)], np.eye(12)
    for layer, shape in zip(model.dictionaries, shapes[:-1], strict=True):
        bank = matrix_of(layer.dictionaries[1], shape[1], shape[2:])[0]
        blocks.append(before @ bank)
        before = before @ matrix_of(layer, shape[1], shape[2:])[0]
    assert_close(matrix, np.hstack(blocks))


@pytest.mark.parametrize("padding", ["circular", "valid", "same", 1])
def test_layer_norms_are_exact_on_a_circle_and_bounds_elsewhere(padding):
    model = sc.MLCSC(chain(padding=padding))
    shapes = sc.layer_shapes(model, (1, 1, 32))
    for got, d, shape in zip(
        sc.layer_lipschitz(model, (1, 1, 32)), model.dictionaries, shapes[:-1], strict=True
    ):
        exact = np.linalg.norm(matrix_of(d, shape[1], shape[2:])[0], 2) ** 2
        assert got >= exact * (1 - 1e-12)
        if padding == "circular":
            assert_close(got, exact)


def test_layers_start_where_the_model_says():
    signal = signal_of((1, 2, 16))
    problem = sc.MultilayerPursuit(signal, residual_model(), [sc.L1(0.1)] * 4)
    earlier = [signal, *(signal_of((1, 2, 16), seed=i) for i in range(4))]
    starts = [problem.start(i, earlier) for i in range(1, 5)]
    assert starts[0] is None
    assert starts[2] is None
    assert starts[1] is earlier[0]
    assert starts[3] is earlier[2]
    assert residual_model(block_length=3).starts == (None, None, 0, None)
    assert residual_model(block_length=1).starts == (0, 1, 2, 3)
    assert residual_model(starts=[0, None, 2, 0]).starts == (0, None, 2, 0)
    shortcut = sc.ConvDictionary(np.random.default_rng(9).standard_normal((2, 2, 1)))
    model = residual_model(shortcut=[None, shortcut, None, None])
    problem = sc.MultilayerPursuit(signal, model, [sc.L1(0.1)] * 4)
    np.testing.assert_array_equal(problem.start(2, earlier), shortcut.analyze(signal))
    assert problem.start(4, earlier) is earlier[2]


def test_plain_and_dense_models_start_at_zero():
    for model in (sc.MLCSC(chain()), sc.MSDCSC([np.ones((1, 1, 2))])):
        assert set(model.starts) == {None}
        assert set(model.shortcuts) == {None}
        assert model.damping == "step"


# Normalisation.

SCALABLE = {
    "L1": [sc.L1(0.01), sc.L1(np.array([0.02, 0.01, 0.03, 0.02])), sc.L1(0.02)],
    "NonnegativeL1": [sc.NonnegativeL1(w) for w in (0.01, 0.02, 0.01)],
    "ElasticNet": [sc.ElasticNet(0.01, 0.1), sc.L1(0.01), sc.ElasticNet(0.02, 0.05)],
    "an array of the codes' rank": [sc.L1(np.full((1, 3, 1), 0.01)), sc.L1(0.01), sc.L1(0.02)],
}


def normalized(kind, model, penalties, shape=(2, 1, 32)):
    if kind == "atoms":
        return sc.normalize_atoms(model, penalties)
    return sc.normalize_spectra(model, penalties, shape)


def mapped(codes, scales):
    return tuple(z * s.reshape(1, -1, 1) for z, s in zip(codes, scales, strict=True))


@pytest.mark.parametrize("penalties", SCALABLE.values(), ids=SCALABLE)
@pytest.mark.parametrize("kind", ["atoms", "spectra"])
def test_normalisation_changes_no_objective_and_no_optimum(kind, penalties):
    signal = signal_of((2, 1, 32))
    model = sc.MLCSC(chain())
    twin = normalized(kind, model, penalties)
    old = sc.MultilayerPursuit(signal, model, penalties)
    new = sc.MultilayerPursuit(signal, twin.model, twin.penalties)
    codes = tuple(np.abs(signal_of(shape, seed=11)) for shape in old.shapes[1:])
    assert_close(new.objective(mapped(codes, twin.scales)), old.objective(codes))
    results = [sc.solve(p, sc.MLADMM(), tol=1e-5, max_iter=10**4) for p in (old, new)]
    if penalties is not SCALABLE["NonnegativeL1"]:
        assert all(r.status is sc.Status.CONVERGED for r in results)
        there = new.objective(mapped(results[0].codes, twin.scales))
        assert_close(there, results[0].objective)
        slack = max(r.gap for r in results)
        assert abs(there - results[1].objective) <= slack
    first = old.images(codes[-1])
    second = new.images(mapped(codes, twin.scales)[-1])
    assert_close(second[0], first[0])
    for a, b, scale in zip(first[1:], second[1:], twin.scales, strict=True):
        assert_close(b, a * scale.reshape(1, -1, 1))


def test_normalised_atoms_and_spectra_have_norm_one():
    model = sc.MLCSC(chain())
    atoms = sc.normalize_atoms(model, WEIGHTS).model
    for dictionary in atoms.dictionaries:
        assert_close(np.sum(dictionary.filters**2, axis=(1, 2)), np.ones(dictionary.n_filters))
    spectra = sc.normalize_spectra(model, WEIGHTS, (1, 1, 32)).model
    assert_close(sc.layer_lipschitz(spectra, (1, 1, 32)), np.ones(3))
    bordered = sc.normalize_spectra(sc.MLCSC(chain(padding="valid")), WEIGHTS, (1, 1, 32)).model
    shapes = sc.layer_shapes(bordered, (1, 1, 32))
    for d, shape in zip(bordered.dictionaries, shapes[:-1], strict=True):
        assert np.linalg.norm(matrix_of(d, shape[1], shape[2:])[0], 2) <= 1 + 1e-12


@pytest.mark.parametrize("kind", ["atoms", "spectra"])
def test_zero_filters_and_layers_stay(kind):
    layers = chain()
    filters = layers[1].filters.copy()
    filters[2] = 0
    layers[1] = sc.ConvDictionary(filters if kind == "atoms" else 0 * filters)
    twin = normalized(kind, sc.MLCSC(layers), WEIGHTS)
    assert not twin.model.dictionaries[1].filters[2].any()
    assert all(np.isfinite(s).all() and (s > 0).all() for s in twin.scales)


def test_the_number_of_nonzeros_has_no_scale():
    twin = sc.normalize_atoms(sc.MLCSC(chain()), [sc.L0(0.1)] * 3)
    assert [p.weight for p in twin.penalties] == [0.1] * 3


def test_normalised_spectra_make_steps_of_one_those_of_mlista():
    signal, model = signal_of((2, 1, 32)), sc.MLCSC(chain())
    twin = sc.normalize_spectra(model, WEIGHTS, signal.shape)
    problem = sc.MultilayerPursuit(signal, twin.model, twin.penalties)
    codes = [run(problem, sc.MLISTA(step_size=s, stationary=0.0), 4) for s in (None, 1.0)]
    for a, b in zip(*codes, strict=True):
        assert_close(a, b, scale=1.0)


# Theorem 1: what the identity does for a dense layer (theory.md A4).


def dense_layer(dilation=1, seed=12, scale=1.0):
    """Return a dense layer, its filters alone, and their matrix, for signals of one channel."""
    rng = np.random.default_rng(seed)
    filters = sc.ConvDictionary(scale * filters_of(rng, 3, 1, 4), dilation=dilation)
    matrix = matrix_of(filters, 1, (16,))[0]
    return sc.Concat([sc.Identity(), filters]), filters, matrix


@pytest.mark.parametrize("dilation", [1, 2, 3, 4])
def test_norm_of_a_dense_layer_is_one_more_than_that_of_its_filters(dilation):
    layer, filters, matrix = dense_layer(dilation)
    assert_close(layer.lipschitz((16,)), 1 + np.linalg.norm(matrix, 2) ** 2)
    assert_close(layer.lipschitz((16,)), 1 + filters.lipschitz((16,)))
    both = matrix_of(layer, 1, (16,))[0]
    assert_close(both @ both.T, np.eye(16) + matrix @ matrix.T)
    signal = signal_of((1, 1, 16))
    got = layer.synthesize(layer.analyze(signal))
    assert_close(got.ravel(), signal.ravel() + matrix @ matrix.T @ signal.ravel())


@pytest.mark.parametrize("weight", [0.05, 0.3, 1.0])
def test_a_dense_layer_has_the_smaller_optimum(weight):
    """Containment: V([I, F^T]) <= V(F^T)."""
    layer, filters, _ = dense_layer()
    for seed in range(5):
        signal = signal_of((1, 1, 16), seed=seed)
        wide, narrow = (
            sc.solve(sc.Pursuit(signal, d, sc.L1(weight)), sc.FISTA(), tol=1e-8)
            for d in (layer, filters)
        )
        assert wide.status is narrow.status is sc.Status.CONVERGED
        assert wide.objective <= narrow.objective + wide.gap


def huber(v, level):
    """Return sum H(v) and its derivative, H the minimum over a of (v - a)^2 / 2 + level |a|."""
    size = np.abs(v)
    inside = size <= level
    value = np.where(inside, 0.5 * v**2, level * size - 0.5 * level**2)
    return float(value.sum()), np.clip(v, -level, level)


@pytest.mark.parametrize("weight", [0.1, 0.4])
def test_optimum_of_a_dense_layer_is_huber_robust_coding(weight):
    """V([I, F^T]) = min_z sum H(x - F^T z) + weight |z|_1, by a solver of SciPy on the right."""
    layer, _, matrix = dense_layer()
    for seed in range(4):
        signal = signal_of((1, 1, 16), seed=20 + seed)
        signal[0, 0, seed] += 5.0  # an outlier, in the linear part of H

        x = signal.ravel()

        def smooth(parts, x=x):
            n = matrix.shape[1]
            value, slope = huber(x - matrix @ (parts[:n] - parts[n:]), weight)
            gradient = -matrix.T @ slope
            return value + weight * parts.sum(), np.concatenate([gradient, -gradient]) + weight

        size = 2 * matrix.shape[1]
        found = scipy.optimize.minimize(
            smooth,
            np.full(size, 0.01),
            jac=True,
            method="L-BFGS-B",
            bounds=[(0, None)] * size,
            options={"maxiter": 20000, "ftol": 1e-15, "gtol": 1e-10, "maxfun": 10**5},
        )
        result = sc.solve(sc.Pursuit(signal, layer, sc.L1(weight)), sc.FISTA(), tol=1e-9)
        assert result.status is sc.Status.CONVERGED
        assert abs(found.fun - result.objective) <= 1e-6 * result.objective
        codes = np.split(result.codes.ravel(), [16])
        value, _ = huber(signal.ravel() - matrix @ codes[1], weight)
        total = value + weight * np.abs(codes[1]).sum()
        assert result.objective - result.gap <= total + 1e-12
        assert total <= result.objective + 1e-12


def check_sup_norm(problem, codes, weight, *, gap=None):
    """|x - D codes|_inf <= weight + sqrt(2 gap), for a dictionary that holds the identity."""
    residual = problem.signal - problem.synthesize(codes)
    gap = sc.duality_gap(problem, codes) if gap is None else gap
    bound = weight + math.sqrt(2 * max(gap, 0.0)) + 10 * eps(codes.dtype)
    assert float(np.abs(residual).max()) <= bound


@pytest.mark.parametrize("solver", [sc.ISTA(), sc.FISTA()], ids=repr)
@pytest.mark.parametrize("weight", [0.05, 0.3])
def test_residual_of_a_dense_layer_is_bounded_at_every_iterate(weight, solver):
    layer, _, _ = dense_layer(dilation=2, scale=2.0)
    for seed in range(3):
        problem = sc.Pursuit(3 * signal_of((1, 1, 16), seed=seed), layer, sc.L1(weight))
        state = solver.init(problem, np.zeros(problem.codes_shape))
        for _ in range(60):
            check_sup_norm(problem, state.codes, weight)
            state = solver.step(problem, state)
        result = sc.solve(problem, sc.FISTA(), tol=1e-10)
        check_sup_norm(problem, result.codes, weight)
        assert sc.duality_gap(problem, result.codes) <= 1e-9 * result.objective


def test_rectified_dense_layers_have_a_one_sided_bound():
    """x - D codes <= weight at the optimum of nonnegative codes; below it is not bounded."""
    layer, _, _ = dense_layer()
    problem = sc.Pursuit(3 * signal_of((1, 1, 16)), layer, sc.NonnegativeL1(0.2))
    result = sc.solve(problem, sc.FISTA(), tol=1e-10)
    residual = problem.signal - problem.synthesize(result.codes)
    assert residual.max() <= 0.2 + math.sqrt(2 * result.gap) + 1e-12
    assert residual.min() < -0.5


# What the checks refuse.


def test_the_sup_norm_check_refuses_a_dictionary_without_the_identity():
    _, filters, _ = dense_layer()
    problem = sc.Pursuit(3 * signal_of((1, 1, 16)), filters, sc.L1(0.3))
    result = sc.solve(problem, sc.FISTA(), tol=1e-10)
    with pytest.raises(AssertionError):
        check_sup_norm(problem, result.codes, 0.3)


def test_the_sup_norm_check_refuses_a_gap_that_is_too_small():
    layer, _, _ = dense_layer()
    problem = sc.Pursuit(3 * signal_of((1, 1, 16)), layer, sc.L1(0.3))
    with pytest.raises(AssertionError):
        check_sup_norm(problem, np.zeros(problem.codes_shape), 0.3, gap=0.0)


@pytest.mark.parametrize("wrong", ["a bit", "precision", "a layer less"])
def test_the_comparison_of_runs_refuses_what_is_not_the_same(wrong):
    codes = tuple(signal_of((1, 2, 3), seed=i) for i in range(2))
    other = [z.copy() for z in codes]
    check_same(codes, tuple(other))
    if wrong == "a bit":
        other[1][0, 1, 2] = np.nextafter(other[1][0, 1, 2], np.inf)
    if wrong == "precision":
        other[0] = other[0].astype(np.float32)
        codes = (other[0].astype(np.float64), codes[1])
    if wrong == "a layer less":
        other.pop()
    with pytest.raises(AssertionError):
        check_same(codes, tuple(other))


def test_every_multilayer_solver_is_found():
    assert set(MULTILAYER) >= {
        "LayeredThresholding",
        "LayeredBasisPursuit",
        "MLISTA",
        "MLFISTA",
        "MLADMM",
        "ProjectionPursuit",
    }
    assert not {"ISTA", "FISTA", "ADMM", "OMP"} & set(MULTILAYER)
    assert all(hasattr(sc, name) for name in itertools.chain(MULTILAYER))
