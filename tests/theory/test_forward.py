"""Lipschitz bounds of the forward pass enclose what its explicit derivative and differences say."""

import numpy as np
import pytest

import sparsecsc as sc
from sparsecsc.theory.forward import forward_lipschitz, local_lipschitz

EPS = np.finfo(float).eps
RNG = np.random.default_rng


def bank(rng, *shape, **geometry):
    return sc.ConvDictionary(rng.standard_normal(shape) / np.prod(shape[1:]) ** 0.5, **geometry)


def models():
    """Return (model, channels, spatial) of every topology, border and stride."""
    rng = RNG(4)
    project = bank(rng, 4, 2, 1)
    residual = [bank(rng, 3, 2, 3), bank(rng, 2, 3, 3), bank(rng, 3, 2, 3), bank(rng, 2, 3, 3)]
    wide = [bank(rng, 3, 2, 3), bank(rng, 4, 3, 3)]
    dense = [rng.standard_normal((2, 1, 3)), rng.standard_normal((3, 3, 3))]
    strides = [bank(rng, 3, 1, 4, stride=2), bank(rng, 4, 3, 3, stride=2, padding="same")]
    two_axes = [bank(rng, 3, 1, 2, 2), bank(rng, 2, 3, 2, 2)]
    return {
        "one layer": (sc.MLCSC([bank(rng, 3, 1, 4)]), 1, (12,)),
        "strides": (sc.MLCSC(strides), 1, (16,)),
        "two axes": (sc.MLCSC(two_axes), 1, (5, 4)),
        "residual": (sc.ResCSC(residual), 2, (8,)),
        "residual, undamped": (sc.ResCSC(residual, damping=0.0), 2, (8,)),
        "residual, damped": (sc.ResCSC(residual, damping=2.5), 2, (8,)),
        "residual, projected": (sc.ResCSC(wide, shortcut=project), 2, (8,)),
        "dense": (sc.MSDCSC(dense), 1, (10,)),
    }


PENALTIES = {
    "L1": lambda: sc.L1(0.1),
    "NonnegativeL1": lambda: sc.NonnegativeL1(0.05),
    "ReLU": lambda: sc.ReLU(0.2),
    "ElasticNet": lambda: sc.ElasticNet(0.05, 0.7),
}


def make(name, penalty="L1", *, seed=0, n_signals=1):
    model, channels, spatial = models()[name]
    signal = RNG(seed).standard_normal((n_signals, channels, *spatial))
    penalties = [PENALTIES[penalty]() for _ in model.dictionaries]
    return sc.MultilayerPursuit(signal, model, penalties)


def deepest(problem, solver, signal):
    moved = sc.MultilayerPursuit(signal, problem.model, problem.penalties)
    return sc.solve(moved, solver, max_iter=1).codes[-1].reshape(-1)


def derivative(problem, solver, step=1e-6):
    """Return the derivative of the pass, from differences: it is affine near the signal."""
    columns = []
    for index in np.ndindex(problem.signal.shape):
        change = np.zeros(problem.signal.shape)
        change[index] = step
        after = deepest(problem, solver, problem.signal + change)
        columns.append((after - deepest(problem, solver, problem.signal - change)) / (2 * step))
    return np.stack(columns, axis=1)


def check_encloses(lower, upper, norm, *, rel):
    """The derivative's norm lies between, and the lower bound has found it."""
    assert lower <= norm * (1 + 1e-8)
    assert lower >= norm * (1 - rel)
    assert norm <= upper * (1 + 1e-8)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("name", models())
def test_bounds_enclose_the_norm_of_the_explicit_derivative(name, penalty):
    problem = make(name, penalty)
    for solver in (sc.LayeredThresholding(), sc.LayeredThresholding(step=None)):
        norm = np.linalg.norm(derivative(problem, solver), 2)
        lower = local_lipschitz(problem, solver, n_iter=300)
        check_encloses(lower, forward_lipschitz(problem, solver), norm, rel=1e-3)


@pytest.mark.parametrize("name", models())
def test_no_pair_of_signals_beats_the_upper_bound(name):
    solver = sc.LayeredThresholding(step=None)
    for seed in range(10):
        problem = make(name, seed=seed)
        other = problem.signal + 10.0 ** (seed - 5) * RNG(seed).standard_normal(
            problem.signal.shape
        )
        change = deepest(problem, solver, other) - deepest(problem, solver, problem.signal)
        ratio = np.linalg.norm(change) / np.linalg.norm(other - problem.signal)
        assert ratio <= forward_lipschitz(problem, solver) * (1 + 1e-12)


def test_wrong_bounds_are_told_apart():
    problem, solver = make("residual"), sc.LayeredThresholding(step=None)
    norm = np.linalg.norm(derivative(problem, solver), 2)
    lower, upper = local_lipschitz(problem, solver, n_iter=300), forward_lipschitz(problem, solver)
    with pytest.raises(AssertionError):
        check_encloses(1.1 * lower, upper, norm, rel=1e-3)
    with pytest.raises(AssertionError):
        check_encloses(0.9 * lower, upper, norm, rel=1e-3)
    with pytest.raises(AssertionError):
        check_encloses(lower, 0.9 * norm, norm, rel=1e-3)


def test_one_circular_layer_without_thresholds_meets_both_bounds():
    model, _, spatial = models()["one layer"]
    problem = sc.MultilayerPursuit(RNG(0).standard_normal((1, 1, *spatial)), model, [sc.L1(0.0)])
    solver = sc.LayeredThresholding(step=0.7)
    upper = forward_lipschitz(problem, solver)
    assert upper == pytest.approx(0.7 * model.dictionaries[0].lipschitz(spatial) ** 0.5)
    assert local_lipschitz(problem, solver, n_iter=400) == pytest.approx(upper, rel=1e-6)


def test_a_batch_has_the_largest_of_its_signals():
    solver = sc.LayeredThresholding()
    problem = make("strides", n_signals=3)
    alone = [
        local_lipschitz(
            sc.MultilayerPursuit(problem.signal[k : k + 1], problem.model, problem.penalties),
            solver,
            n_iter=400,
        )
        for k in range(3)
    ]
    found = local_lipschitz(problem, solver, n_iter=400)
    assert found == pytest.approx(max(alone), rel=1e-4)


def test_dead_codes_have_no_derivative():
    model, _, spatial = models()["one layer"]
    problem = sc.MultilayerPursuit(RNG(0).standard_normal((1, 1, *spatial)), model, [sc.L1(1e3)])
    assert local_lipschitz(problem, sc.LayeredThresholding()) == 0.0


def test_what_has_no_bound_says_so():
    problem = make("strides")
    solver = sc.LayeredThresholding()
    with pytest.raises(TypeError, match=r"must be a MultilayerPursuit .* got .* and FISTA"):
        forward_lipschitz(problem, sc.FISTA())
    single = problem.layer(1, problem.signal)
    with pytest.raises(TypeError, match=r"got Pursuit and LayeredThresholding: make such"):
        local_lipschitz(single, solver)
    hard = sc.MultilayerPursuit(problem.signal, problem.model, [sc.L0(0.1), sc.L1(0.1)])
    with pytest.raises(TypeError, match=r"`penalties` must be convex; got L0"):
        forward_lipschitz(hard, solver)
    group = sc.GroupL1(0.1, axis=1)
    grouped = sc.MultilayerPursuit(problem.signal, problem.model, [group, group])
    assert forward_lipschitz(grouped, solver) == forward_lipschitz(problem, solver)
    with pytest.raises(TypeError, match=r"`penalties` must be L1, .* got GroupL1"):
        local_lipschitz(grouped, solver)
