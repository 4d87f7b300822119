"""Sparse codes are the codes: whatever is computed with them is what the array gives."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest
from checkers import assert_close, eps
from discovery import PENALTIES, make_penalty
from reference import matrix_of

import sparsecsc as sc
from sparsecsc import _codes_synthesis, checks
from sparsecsc.codes import dense, sparse, start_for
from sparsecsc.io import load_codes, save_codes

precisions = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=("float32", "float64"))
GEOMETRIES = {
    "1d": ((5, 1, 6), (40,), {}),
    "1d dilated": ((4, 2, 4), (40,), {"dilation": 3}),
    "1d dilated around": ((3, 1, 3), (9,), {"dilation": 5}),
    "1d stride": ((6, 1, 7), (42,), {"stride": 3}),
    "1d valid": ((4, 1, 5), (33,), {"padding": "valid"}),
    "1d same dilated": ((4, 2, 4), (31,), {"padding": "same", "dilation": 2}),
    "1d padding and stride": ((5, 1, 6), (37,), {"padding": 4, "stride": 2, "dilation": 2}),
    "stride over the kernel": ((3, 1, 2), (21,), {"stride": 3}),
    "as large as the signal": ((3, 1, 12), (12,), {}),
    "2d": ((6, 1, 3, 4), (12, 13), {}),
    "2d channels": ((5, 3, 3, 3), (11, 12), {"padding": "same"}),
    "2d full stride": ((6, 2, 4, 3), (12, 15), {"stride": (2, 3), "padding": "full"}),
    "2d dilated": ((4, 1, 3, 3), (14, 15), {"dilation": (2, 4)}),
    "2d valid": ((3, 1, 5, 2), (13, 9), {"padding": "valid"}),
    "3d": ((4, 1, 2, 3, 2), (6, 7, 8), {"padding": "same"}),
    "3d circular": ((2, 2, 2, 3, 2), (5, 4, 6), {}),
}
geometries = pytest.mark.parametrize("name", GEOMETRIES)


def instance(name, dtype=np.float64, *, n_signals=2, density=0.2):
    """Return a dictionary, a signal, and codes of this geometry as an array."""
    shape, spatial, options = GEOMETRIES[name]
    rng = np.random.default_rng(len(name))
    dictionary = sc.ConvDictionary(rng.standard_normal(shape).astype(dtype), **options)
    signal = rng.standard_normal((n_signals, shape[1], *spatial)).astype(dtype)
    codes = rng.standard_normal(dictionary.code_shape(signal.shape)).astype(dtype)
    codes[rng.random(codes.shape) >= density] = 0
    return dictionary, signal, codes


def problem_of(name, dtype=np.float64, *, mask=None, penalty=None):
    """Return a problem, and codes as an array and as sparse ones."""
    dictionary, signal, codes = instance(name, dtype)
    rng = np.random.default_rng(1)
    masks = {None: None, "weights": rng.random(signal.shape).astype(dtype)}
    masks["holes"] = (rng.random((1, 1, *signal.shape[2:])) > 0.3).astype(dtype)
    penalty = sc.L1(0.5) if penalty is None else penalty
    problem = sc.Pursuit(signal, dictionary, penalty, mask=masks[mask])
    return problem, codes, sc.SparseCodes.from_dense(codes)


# ---- the record ----


@geometries
@precisions
def test_codes_come_back_as_they_were(name, dtype):
    _, _, codes = instance(name, dtype)
    found = sc.SparseCodes.from_dense(codes)
    assert np.array_equal(found.to_dense(), codes)
    assert found.to_dense().dtype == found.dtype == dtype
    assert found.nnz == np.count_nonzero(codes) == found.indices.size
    assert (found.shape, found.ndim, found.size) == (codes.shape, codes.ndim, codes.size)
    assert len(found) == len(codes)
    assert found.nbytes == found.nnz * (8 + codes.itemsize)
    places = (found.signals, found.filters, *found.positions)
    for ours, expected in zip(places, np.nonzero(codes), strict=True):
        assert np.array_equal(ours, expected)
    assert found.sum() == pytest.approx(codes.sum(dtype=np.float64), rel=1e-12)
    assert np.array_equal(abs(found).to_dense(), np.abs(codes))
    assert np.array_equal(found.astype(np.float64).to_dense(), codes.astype(np.float64))


def test_codes_from_strided_and_transposed_arrays_are_those_of_a_contiguous_one():
    _, _, codes = instance("2d")
    expected = sc.SparseCodes.from_dense(codes)
    assert sc.SparseCodes.from_dense(np.asfortranarray(codes)) == expected
    assert sc.SparseCodes.from_dense(codes[..., ::2]).shape == codes[..., ::2].shape


def test_counts_are_those_of_the_array():
    _, _, codes = instance("2d channels")
    found = sc.SparseCodes.from_dense(codes)
    assert np.array_equal(found.count_by_filter(), np.count_nonzero(codes, axis=(0, 2, 3)))
    assert np.array_equal(found.count_by_position(), np.count_nonzero(codes, axis=1))


def test_sizes_are_those_of_the_array():
    _, _, codes = instance("2d channels")
    found = sc.SparseCodes.from_dense(codes)
    assert_close(found.size_by_filter(), np.abs(codes).sum(axis=(0, 2, 3)))
    assert_close(found.size_by_position(), np.abs(codes).sum(axis=(0, 1)))


@pytest.mark.parametrize("name", ["1d", "2d"])
def test_a_report_of_sparse_codes_is_the_one_of_the_array(name):
    plot = pytest.importorskip("sparsecsc.plot")
    dictionary, signal, codes = instance(name)
    history = sc.History((0, 1), (0.0, 1.0), (2.0, 1.0), (1.0, 0.1))
    pictures = []
    for form in (codes, sc.SparseCodes.from_dense(codes)):
        shift = (1,) * dictionary.n_axes
        figure = plot.report(signal, signal, form, dictionary.filters, history, shift=shift)
        stream = io.BytesIO()
        figure.savefig(stream, format="png")
        pictures.append(stream.getvalue())
    assert pictures[0] == pictures[1]


def test_a_stored_zero_is_kept_and_not_counted():
    codes = sc.SparseCodes(np.array([1, 4]), np.array([0.0, 2.0]), (1, 2, 3))
    assert codes.nnz == 1
    assert codes.count_by_filter().tolist() == [0, 1]
    assert codes.count_by_position().tolist() == [[0, 1, 0]]
    assert "1 nonzeros" in repr(codes)
    assert codes.indices.size == 2


def test_equality_is_that_of_shape_dtype_places_and_values():
    _, _, codes = instance("1d")
    one = sc.SparseCodes.from_dense(codes)
    assert one == sc.SparseCodes.from_dense(codes.copy()) == one.copy()
    assert one != sc.SparseCodes.from_dense(2 * codes)
    assert one != one.astype(np.float32)
    assert one != sc.SparseCodes(one.indices, one.values, (1, *codes.shape[1:-1], 80))
    assert one != "codes"
    assert not np.shares_memory(one.copy().values, one.values)


KEYS = {
    "a signal": lambda z: z[1:2],
    "a filter": lambda z: z[:, 1:2],
    "every second filter": lambda z: z[:, ::2],
    "rows": lambda z: z[:, :, 2:7],
    "a window": lambda z: z[..., 1:6, 3:],
    "every third sample": lambda z: z[..., 1::3],
    "steps everywhere": lambda z: z[::2, 1::2, 1:9:3, ::2],
    "nothing left out": lambda z: z[...],
    "from the end": lambda z: z[-1:, -2:, ..., -5:-1],
}


@pytest.mark.parametrize("key", KEYS)
@precisions
def test_a_slice_is_that_of_the_array(key, dtype):
    _, _, codes = instance("2d", dtype)
    found = KEYS[key](sc.SparseCodes.from_dense(codes))
    assert found == sc.SparseCodes.from_dense(np.ascontiguousarray(KEYS[key](codes)))


def test_an_integer_keeps_its_axis():
    _, _, codes = instance("2d")
    found = sc.SparseCodes.from_dense(codes)
    assert np.array_equal(found[1].to_dense(), codes[1:2])
    assert np.array_equal(found[:, -1].to_dense(), codes[:, -1:])
    assert np.array_equal(found[0, 2, 3].to_dense(), codes[0:1, 2:3, 3:4])


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        ((slice(None, None, -1),), IndexError, r"a step >= 1 and one \.\.\.; got step -1: use"),
        (([0, 1],), TypeError, r"indexed by integers, slices .*; got list: use to_dense\(\)"),
        ((5,), IndexError, r"an index must be in \[-2, 2\); got 5: correct it"),
        ((0,) * 5, IndexError, "must be indexed by at most one entry an axis; got"),
        ((..., 0, ...), IndexError, "must be indexed by at most one entry an axis; got"),
        ((slice(3, 1),), ValueError, "none of them empty; got"),
    ],
)
def test_a_key_that_cannot_be_is_named(key, error, message):
    _, _, codes = instance("2d")
    with pytest.raises(error, match=message):
        sc.SparseCodes.from_dense(codes)[key]


@pytest.mark.parametrize(
    ("indices", "values", "shape", "error", "message"),
    [
        ([1], np.ones(1), (1, 1, 4), TypeError, "`indices` must be a NumPy array of one axis"),
        (
            np.array([1]),
            np.ones((1, 1)),
            (1, 1, 4),
            TypeError,
            r"got a numpy array of shape \(1, 1",
        ),
        (np.array([1.0]), np.ones(1), (1, 1, 4), TypeError, "got float64 and float64: convert"),
        (np.array([1]), np.ones(1, int), (1, 1, 4), TypeError, "got int64 and int64: convert them"),
        (np.array([1]), np.ones(1), (4,), ValueError, r"`shape` must be .* got \(4,\): correct it"),
        (np.array([1]), np.ones(2), (1, 1, 4), ValueError, "must have one size; got 1 and 2"),
        (np.array([4]), np.ones(1), (1, 1, 4), ValueError, r"within \[0, 4\); got values from 4"),
        (np.array([2, 2]), np.ones(2), (1, 1, 4), ValueError, "some out of order: sort them"),
        (np.array([-1]), np.ones(1), (1, 1, 4), ValueError, "got values from -1 to -1"),
    ],
)
def test_what_is_no_record_of_nonzeros_is_refused(indices, values, shape, error, message):
    with pytest.raises(error, match=message):
        sc.SparseCodes(indices, values, shape)


def test_only_arrays_of_the_host_become_sparse():
    with pytest.raises(TypeError, match=r"`codes` must be a NumPy array; got list: bring it"):
        sc.SparseCodes.from_dense([[[1.0]]])


def test_sparse_codes_do_not_become_an_array_by_accident():
    codes = sc.SparseCodes.zeros((1, 1, 4), np.float64)
    with pytest.raises(TypeError, match=r"made an array on purpose; got one wanted: use to_dense"):
        np.asarray(codes)


def test_an_array_that_memory_cannot_hold_is_refused_with_advice(monkeypatch):
    monkeypatch.setattr(checks, "available_memory", lambda: 1e6)
    codes = sc.SparseCodes.zeros((1, 100, 200, 200), np.float32)
    message = r"the codes of shape .* must fit into memory as an array, 0\.0 GB; got 0\.0 GB avail"
    with pytest.raises(MemoryError, match=message):
        codes.to_dense()
    assert codes[:, :1].to_dense().shape == (1, 1, 200, 200)


def test_the_memory_that_is_available_is_a_number_of_bytes_of_this_machine():
    assert checks.available_memory() > 2**20


def test_forms_of_codes_turn_into_each_other():
    _, _, codes = instance("1d")
    one = sparse(codes)
    assert np.array_equal(dense(one), codes)
    assert dense(codes) is codes
    assert sparse(one) is one
    assert sparse((codes, codes)) == (one, one)
    assert all(np.array_equal(z, codes) for z in dense((one, codes)))
    assert start_for(sc.CoordinateDescent(), codes) == one
    assert np.array_equal(start_for(sc.FISTA(), one), codes)


# ---- atoms added up, correlations at places ----


@geometries
@precisions
def test_synthesis_is_the_product_with_the_explicit_matrix(name, dtype):
    dictionary, signal, codes = instance(name, dtype)
    found = sc.SparseCodes.from_dense(codes)
    matrix, _, _ = matrix_of(dictionary, signal.shape[1], signal.shape[2:])
    expected = np.stack([matrix @ z.astype(np.float64).ravel() for z in codes])
    spatial = signal.shape[2:]
    for image in (found.synthesize(dictionary, spatial), dictionary.synthesize(found, spatial)):
        assert image.dtype == dtype
        assert image.shape == signal.shape
        assert_close(image, expected.reshape(signal.shape), dtype, slack=2)


@geometries
@precisions
def test_analysis_at_the_support_is_the_analysis_there(name, dtype):
    dictionary, signal, codes = instance(name, dtype)
    found = sc.SparseCodes.from_dense(codes)
    matrix, _, _ = matrix_of(dictionary, signal.shape[1], signal.shape[2:])
    expected = np.stack([matrix.T @ x.astype(np.float64).ravel() for x in signal])
    correlation = found.analyze(dictionary, signal)
    assert np.array_equal(correlation.indices, found.indices)
    assert correlation.dtype == dtype
    assert_close(correlation.values, expected.reshape(-1)[found.indices], dtype, slack=4)


def test_bands_do_not_show(monkeypatch):
    # the smallest bands there are, and more threads than bands of the others
    monkeypatch.setenv("SPARSECSC_NUM_THREADS", "3")
    for name in GEOMETRIES:
        dictionary, signal, codes = instance(name)
        found = sc.SparseCodes.from_dense(codes)
        whole = found.synthesize(dictionary, signal.shape[2:])
        places = found.analyze(dictionary, signal)
        with monkeypatch.context() as patch:
            patch.setattr(_codes_synthesis, "_BAND", 1)
            assert_close(found.synthesize(dictionary, signal.shape[2:]), whole, slack=2)
            assert found.analyze(dictionary, signal) == places


def test_single_precision_is_rounded_once():
    # 4000 atoms on one sample: added up in float32 the sum would be off by far more
    rng = np.random.default_rng(0)
    dictionary = sc.ConvDictionary(np.ones((4000, 1, 1), np.float32))
    codes = rng.standard_normal((1, 4000, 1)).astype(np.float32)
    image = sc.SparseCodes.from_dense(codes).synthesize(dictionary)
    exact = float(codes.sum(dtype=np.float64))
    assert abs(float(image[0, 0, 0]) - exact) <= eps(np.float32) * abs(exact)


def test_other_dictionaries_expand_the_codes():
    rng = np.random.default_rng(0)
    filters = rng.standard_normal((2, 1, 3))
    beside = sc.Concat([sc.Identity(), sc.ConvDictionary(filters)])
    signal = rng.standard_normal((1, 1, 10))
    problem = sc.Pursuit(signal, beside, sc.L1(0.3))
    codes = rng.standard_normal(problem.codes_shape) * (rng.random(problem.codes_shape) < 0.3)
    found = sc.SparseCodes.from_dense(codes)
    assert np.array_equal(found.synthesize(beside, (10,)), beside.synthesize(codes, (10,)))
    assert np.array_equal(beside.synthesize(found, (10,)), beside.synthesize(codes, (10,)))
    correlation = found.analyze(beside, signal)
    assert np.array_equal(correlation.values, beside.analyze(signal).reshape(-1)[found.indices])
    assert np.array_equal(problem.residual(found), problem.residual(codes))
    assert problem.objective(found) == pytest.approx(problem.objective(codes), rel=1e-13)
    assert np.array_equal(beside.gram(found, (10,)), beside.gram(codes, (10,)))


def test_codes_of_another_dictionary_are_refused():
    dictionary, signal, codes = instance("1d")
    found = sc.SparseCodes.from_dense(codes)
    with pytest.raises(ValueError, match=r"`codes` must have shape \(2, 5, 41\) for a signal of"):
        found.synthesize(dictionary, (41,))
    with pytest.raises(ValueError, match=r"`codes` must have shape"):
        found[:, :2].synthesize(dictionary)
    with pytest.raises(TypeError, match="`codes` is numpy float32, `filters` is numpy float64"):
        found.astype(np.float32).synthesize(dictionary)
    with pytest.raises(ValueError, match=r"`codes` must have shape"):
        found.analyze(dictionary, signal[..., :-1])
    with pytest.raises(TypeError, match="`signal` is numpy float32"):
        found.analyze(dictionary, signal.astype(np.float32))


# ---- problems and certificates ----


@geometries
@precisions
@pytest.mark.parametrize("mask", [None, "holes", "weights"])
def test_residual_objective_and_gap_are_those_of_the_array(name, dtype, mask):
    problem, codes, found = problem_of(name, dtype, mask=mask)
    assert_close(problem.residual(found), problem.residual(codes), dtype)
    assert problem.objective(found) == pytest.approx(problem.objective(codes), rel=200 * eps(dtype))
    gaps = sc.duality_gap(problem, found), sc.duality_gap(problem, codes)
    assert gaps[0] == pytest.approx(gaps[1], rel=2000 * eps(dtype))
    points = sc.dual_point(problem, found), sc.dual_point(problem, codes)
    assert_close(points[0], points[1], dtype, slack=5000)
    residuals = sc.kkt_residual(problem, found), sc.kkt_residual(problem, codes)
    assert residuals[0] == pytest.approx(residuals[1], rel=2000 * eps(dtype))
    assert problem.residual(found).dtype == dtype


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("weight", ["one", "a filter", "a code"])
def test_the_value_of_a_penalty_is_that_of_the_array(penalty, weight):
    problem, codes, _ = problem_of("2d")
    codes = np.abs(codes)
    rng = np.random.default_rng(2)
    shapes = {"one": (), "a filter": (6,), "a code": codes.shape}
    if penalty == "GroupL1" and weight == "a code":
        pytest.skip("a group has one weight")
    built = make_penalty(PENALTIES[penalty])
    if weight != "one" and penalty != "GroupL1":
        fields = {name: rng.random(shapes[weight]) for name in vars(built)}
        if penalty == "L1":
            fields["weight"].flat[0] = np.inf
        built = PENALTIES[penalty](**fields)
    problem = problem.with_penalty(built)
    found = sc.SparseCodes.from_dense(codes)
    expected = problem.penalty_value(codes)
    assert problem.penalty_value(found) == pytest.approx(expected, rel=1e-13)


def test_codes_that_are_not_allowed_cost_infinity():
    problem, codes, found = problem_of("1d", penalty=sc.NonnegativeL1(0.5))
    assert (codes < 0).any()
    assert problem.objective(found) == np.inf
    forbidden = problem.with_penalty(sc.L1(np.array([1.0, np.inf, 1.0, 1.0, 1.0])))
    assert forbidden.objective(found) == np.inf
    allowed = np.where(np.arange(5)[None, :, None] == 1, 0.0, codes)
    assert np.isfinite(forbidden.objective(sc.SparseCodes.from_dense(allowed)))


@pytest.mark.parametrize("weights", [np.array([0.0, 1.0, 1.0, 2.0, np.inf]), 0.0])
def test_weights_of_0_are_certified_alike(weights):
    problem, codes, _ = problem_of("1d", penalty=sc.L1(weights))
    codes[:, 4] = 0
    found = sc.SparseCodes.from_dense(codes)
    gaps = sc.duality_gap(problem, found), sc.duality_gap(problem, codes)
    assert gaps[0] == pytest.approx(gaps[1], rel=1e-6)


def test_codes_that_do_not_fit_the_problem_are_refused():
    problem, _, found = problem_of("1d")
    with pytest.raises(ValueError, match=r"`codes` must have the shape of the codes \(2, 5, 40\)"):
        problem.objective(found[:, :2])
    with pytest.raises(TypeError, match="`codes` is numpy float32"):
        sc.duality_gap(problem, found.astype(np.float32))
    wrong = sc.SparseCodes(np.array([3]), np.array([np.nan]), found.shape)
    with pytest.raises(ValueError, match="`start` must be finite; got 1 NaN or infinite values"):
        sc.solve(problem, start=wrong)


# ---- solve ----


@pytest.mark.parametrize("name", ["1d", "2d channels", "3d"])
def test_a_run_of_coordinate_descent_never_makes_an_array_of_the_codes(name, monkeypatch):
    problem, _, _ = problem_of(name)
    problem = problem.with_penalty(sc.L1(0.3 * sc.lambda_max(problem)))
    monkeypatch.setattr(sc.SparseCodes, "to_dense", None)
    seen = []
    result = sc.solve(
        problem,
        sc.CoordinateDescent(),
        tol=1e-6,
        check_every=1,
        callback=lambda check: seen.append(check.sparse_codes) and False,
    )
    assert result.status is sc.Status.CONVERGED
    assert result.kept is result.sparse_codes
    assert 0 < result.sparse_codes.nnz < result.sparse_codes.size
    monkeypatch.undo()
    assert isinstance(result.codes, np.ndarray)
    assert result.codes is result.codes
    assert np.array_equal(result.codes, result.sparse_codes.to_dense())
    objectives = [problem.objective(codes) for codes in seen]  # what was handed out has not changed
    told = result.history.objectives[1 : 1 + len(seen)]
    assert objectives == pytest.approx(list(told), rel=1e-12)


def test_a_dense_run_has_sparse_codes_too():
    problem, _, _ = problem_of("1d")
    checks = []
    result = sc.solve(problem, sc.FISTA(), tol=1e-4, callback=lambda c: checks.append(c) and False)
    assert result.kept is result.codes
    assert result.sparse_codes == sc.SparseCodes.from_dense(result.codes)
    assert np.array_equal(checks[-1].sparse_codes.to_dense(), checks[-1].codes)


def test_codes_of_several_layers_are_a_tuple_either_way():
    rng = np.random.default_rng(0)
    layers = [sc.ConvDictionary(rng.standard_normal((3, c, 3))) for c in (1, 3)]
    signal = rng.standard_normal((1, 1, 20))
    problem = sc.MultilayerPursuit(signal, sc.MLCSC(layers), [sc.L1(0.1), sc.L1(0.5)])
    result = sc.solve(problem, max_iter=20)
    assert len(result.codes) == len(result.sparse_codes) == 2
    for array, record in zip(result.codes, result.sparse_codes, strict=True):
        assert np.array_equal(record.to_dense(), array)


@pytest.mark.parametrize("solver", [sc.CoordinateDescent(), sc.FISTA(), sc.ADMM()], ids=repr)
def test_a_start_may_be_sparse_or_not(solver):
    problem, _, _ = problem_of("2d")
    solved = sc.solve(problem, tol=1e-9)
    for start in (solved.codes, solved.sparse_codes):
        again = sc.solve(problem, solver, start=start, tol=1e-8)
        assert again.n_iter == 0
        assert np.array_equal(again.codes, solved.codes)
    kept = solved.sparse_codes
    assert not np.shares_memory(
        sc.solve(problem, start=kept, tol=1e-8).sparse_codes.values, kept.values
    )


def test_a_path_hands_its_codes_on_as_they_are(monkeypatch):
    problem, _, _ = problem_of("2d")
    weights = sc.lambda_max(problem) * np.geomspace(0.5, 0.1, 4)
    monkeypatch.setattr(sc.SparseCodes, "to_dense", None)
    results = sc.path(problem, weights, tol=1e-4)
    assert all(result.status is sc.Status.CONVERGED for result in results)
    assert results[-1].sparse_codes.nnz > results[0].sparse_codes.nnz


def test_a_solver_that_needs_more_memory_than_there_is_says_so(monkeypatch):
    problem, _, _ = problem_of("2d")
    monkeypatch.setattr(checks, "available_memory", lambda: 1e3)
    with pytest.raises(MemoryError, match=r"the codes of FISTA of shape .* use CoordinateDescent"):
        sc.solve(problem, sc.FISTA())
    assert sc.solve(problem, sc.CoordinateDescent()).status is sc.Status.CONVERGED


def test_debiasing_on_a_support_needs_no_other_codes():
    # least squares on the support by gradient steps, against the dense normal equations
    problem, _, _ = problem_of("1d stride", penalty=sc.L1(2.0))
    support = sc.solve(problem, tol=1e-6).sparse_codes
    matrix, _, _ = matrix_of(problem.dictionary, 1, problem.signal.shape[2:])
    codes = support
    for _ in range(3000):
        moves = codes.analyze(problem.dictionary, problem.residual(codes))
        values = codes.values + moves.values / problem.lipschitz()
        codes = sc.SparseCodes(codes.indices, values, codes.shape)
    for b in range(2):
        inside = support[b].indices
        best = np.linalg.lstsq(matrix[:, inside], problem.signal[b].ravel(), rcond=None)[0]
        assert_close(codes[b].values, best, slack=1e7)


@pytest.mark.parametrize("name", ["1d", "1d valid", "2d", "2d channels", "3d circular"])
def test_the_stripe_norm_is_that_of_the_array(name):
    dictionary, signal, codes = instance(name)
    expected = sc.stripe_norm(dictionary, codes, signal.shape[2:])
    found = sc.stripe_norm(dictionary, sc.SparseCodes.from_dense(codes), signal.shape[2:])
    assert found == expected > 0


def test_encode_makes_the_array_when_it_is_asked_for(monkeypatch):
    image = np.random.default_rng(0).standard_normal((12, 14))
    monkeypatch.setattr(sc.SparseCodes, "to_dense", None)
    encoding = sc.encode(image, sc.dct_filters((3, 3)), weight_ratio=0.2)
    assert encoding.reconstruction.shape == image.shape
    monkeypatch.undo()
    assert encoding.codes.shape == (9, 12, 14)
    assert np.array_equal(encoding.codes, encoding.result.codes[0])


# ---- files ----


@precisions
@pytest.mark.parametrize("compress", [True, False])
def test_a_file_holds_the_same_whichever_form_was_saved(tmp_path, dtype, compress):
    dictionary, _, codes = instance("2d", dtype)
    found = sc.SparseCodes.from_dense(codes)
    options = {"parameters": {"weight": 1.0}, "versions": {}, "compress": compress}
    save_codes(tmp_path / "a.npz", codes, dictionary.filters, **options)
    save_codes(tmp_path / "b.npz", found, dictionary.filters, **options)
    for name in ("a.npz", "b.npz"):
        saved = load_codes(tmp_path / name)
        assert saved.sparse_codes == saved.kept == found
        assert np.array_equal(saved.codes, codes)
        assert saved.codes.dtype == dtype
        header = json.loads(str(np.load(tmp_path / name)["header"]))
        assert header["codes_shape"] == list(codes.shape)


def test_codes_that_fill_the_array_are_saved_as_one(tmp_path):
    dictionary, _, _ = instance("1d")
    codes = np.ones((2, 5, 40))
    save_codes(tmp_path / "a.npz", codes, dictionary.filters, parameters={}, versions={})
    saved = load_codes(tmp_path / "a.npz")
    assert isinstance(saved.kept, np.ndarray)
    assert np.array_equal(saved.codes, codes)
    assert saved.sparse_codes.nnz == codes.size


def test_codes_larger_than_memory_are_saved_and_loaded(tmp_path):
    shape = (1, 64, 200_000, 200_000)  # 10 TB as an array
    codes = sc.SparseCodes(np.array([5, 2 * 10**12]), np.array([1.0, -2.0]), shape)
    filters = np.ones((64, 1, 8, 8))
    save_codes(tmp_path / "a.npz", codes, filters, parameters={}, versions={})
    saved = load_codes(tmp_path / "a.npz")
    assert saved.sparse_codes == codes
    assert (saved.sparse_codes[:, 50:51, :100, :100].nnz, codes.nnz) == (1, 2)
    with pytest.raises(MemoryError, match="the codes of shape"):
        _ = saved.codes


def test_importing_the_record_imports_no_kernels():
    code = (
        "import sys, numpy as np, sparsecsc as sc; sc.SparseCodes.zeros((1, 1, 4), np.float32)[0];"
        "print('numba' in sys.modules, 'scipy.fft' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_the_slice_check_sees_a_wrong_slice():
    _, _, codes = instance("2d")
    with pytest.raises(AssertionError):
        assert sc.SparseCodes.from_dense(codes)[:, 1:2] == sc.SparseCodes.from_dense(codes[:, 2:3])


def test_the_synthesis_check_sees_a_filter_of_the_wrong_place():
    dictionary, _, codes = instance("2d")
    expected = dictionary.synthesize(codes)
    moved = sc.SparseCodes.from_dense(np.roll(codes, 1, axis=1)).synthesize(dictionary)
    with pytest.raises(AssertionError):
        assert_close(moved, expected, slack=2)
