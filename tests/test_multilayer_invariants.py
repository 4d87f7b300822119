"""What holds for every model and every multi-layer solver in the folders."""

import dataclasses

import numpy as np
import pytest
from checkers import assert_close
from discovery import MODELS, MULTILAYER, make_model, make_solver

import sparsecsc as sc

models = pytest.mark.parametrize("model", MODELS)
solvers = pytest.mark.parametrize("solver", MULTILAYER)


def problem_of(model, *, n_layers=2, penalty=sc.L1, dtype=np.float64, n_signals=2):
    """Return a small random problem in a model of this name."""
    signal = np.random.default_rng(7).standard_normal((n_signals, 2, 12)).astype(dtype)
    built = make_model(MODELS[model], n_layers, dtype)
    return sc.MultilayerPursuit(signal, built, [penalty(0.05)] * n_layers)


def after(problem, solver, n_iter, start=None):
    """Return the codes after so many steps, whatever the tolerance."""
    return sc.solve(
        problem, solver, start=start, tol=0.0, max_iter=n_iter, check_every=n_iter
    ).codes


def check_same(left, right):
    """All layers are equal, bit for bit."""
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        assert np.array_equal(a, b)


def test_the_published_models_and_solvers_are_found():
    assert set(MODELS) >= {"MLCSC", "ResCSC", "MSDCSC"}
    assert {"LayeredThresholding", "LayeredBasisPursuit", "MLISTA", "MLFISTA"} <= set(MULTILAYER)
    assert {"MLADMM", "ProjectionPursuit"} <= set(MULTILAYER)


@solvers
@models
def test_codes_fit_the_layers_and_inputs_stay_as_they_were(model, solver):
    problem = problem_of(model, n_layers=3)
    signal = problem.signal.copy()
    start = tuple(np.zeros(shape) for shape in problem.shapes[1:])
    result = sc.solve(problem, make_solver(MULTILAYER[solver]), start=start, max_iter=7)
    assert [z.shape for z in result.codes] == list(problem.shapes[1:])
    assert result.objective == pytest.approx(problem.objective(result.codes), rel=1e-9)
    assert result.gap >= -1e-12 * result.objective
    assert np.array_equal(problem.signal, signal)
    assert not any(z.any() for z in start)


@solvers
@models
def test_single_precision_stays_and_is_near_double(model, solver):
    narrow, wide = problem_of(model, dtype=np.float32), problem_of(model)
    instance = make_solver(MULTILAYER[solver])
    pairs = zip(after(narrow, instance, 9), after(wide, instance, 9), strict=True)
    for left, right in pairs:
        assert left.dtype == np.float32
        assert_close(left, right, np.float32, scale=1.0, slack=2000)


@solvers
def test_a_multilayer_solver_is_a_frozen_record_and_may_be_used_again(solver):
    instance = make_solver(MULTILAYER[solver])
    before = dataclasses.asdict(instance)
    problem = problem_of("MLCSC")
    first = after(problem, instance, 5)
    after(problem_of("MLCSC", n_layers=3), instance, 5)
    assert dataclasses.asdict(instance) == before
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(instance, dataclasses.fields(instance)[0].name, 1.0)
    check_same(first, after(problem, make_solver(MULTILAYER[solver]), 5))


@solvers
def test_codes_shift_with_the_signal(solver):
    problem = problem_of("MLCSC")
    shifted = dataclasses.replace(problem, signal=np.roll(problem.signal, 3, axis=-1))
    instance = make_solver(MULTILAYER[solver])
    pairs = zip(after(problem, instance, 6), after(shifted, instance, 6), strict=True)
    for left, right in pairs:
        # MLADMM's step size comes from one random probe, which does not shift along
        slack = 1e12 if solver == "MLADMM" else 1e4
        assert_close(np.roll(left, 3, axis=-1), right, scale=1.0, slack=slack)


@solvers
def test_signals_of_a_batch_do_not_mix(solver):
    if solver == "MLADMM":
        pytest.skip("its one rho for the batch follows the residuals of all: equal in the limit")
    problem = problem_of("ResCSC", n_signals=3)
    instance = make_solver(MULTILAYER[solver])
    batch = after(problem, instance, 6)
    for b in range(3):
        alone = dataclasses.replace(problem, signal=problem.signal[b : b + 1])
        for whole, one in zip(batch, after(alone, instance, 6), strict=True):
            assert_close(whole[b : b + 1], one, scale=1.0, slack=1e4)


@solvers
def test_a_multilayer_solver_refuses_one_layer_and_the_other_way_round(solver):
    single = sc.Pursuit(np.ones((1, 1, 8)), sc.ConvDictionary(np.ones((1, 1, 3))), sc.L1(0.1))
    with pytest.raises(TypeError, match=f"{solver} needs a MultilayerPursuit; got Pursuit"):
        sc.solve(single, make_solver(MULTILAYER[solver]))
    with pytest.raises(TypeError, match=r"must be of several layers .*; got FISTA, of one"):
        sc.solve(problem_of("MLCSC"), sc.FISTA())


@models
def test_one_layer_of_a_model_is_the_single_layer_problem(model):
    problem = problem_of(model, n_layers=1)
    single = problem.layer(1, problem.signal)
    exact = sc.solve(problem, tol=1e-9, max_iter=20_000)
    alone = sc.solve(single, sc.FISTA(), tol=1e-9, max_iter=20_000)
    assert exact.status is alone.status is sc.Status.CONVERGED
    assert exact.objective == pytest.approx(alone.objective, rel=2e-9)
    assert sc.duality_gap(problem, exact.codes) <= 1e-7 * exact.objective


def test_a_spoiled_solver_is_caught():
    problem = problem_of("MLCSC")
    left, right = after(problem, sc.MLISTA(), 5), after(problem, sc.MLISTA(), 6)
    with pytest.raises(AssertionError):
        check_same(left, right)
