"""Learning of several layers: F never rises, constraints hold, models keep their kind."""

import numpy as np
import pytest
from learning_checks import check_allowed

import sparsecsc as sc
from sparsecsc.learning import _joint
from sparsecsc.learning._incoherence import likeness
from sparsecsc.learning._layer_filters import with_layer
from sparsecsc.models.problem import MultilayerPursuit

WEIGHTS = [sc.L1(0.1), sc.L1(0.1)]


def planted(seed=0, n=240):
    """A signal of two layers: bumps of three filters, in chords of four."""
    rng = np.random.default_rng(seed)
    first = sc.ConvDictionary(sc.random_filters(3, 1, 7, rng=rng))
    second = np.zeros((4, 3, 9))
    for one in second:
        places = rng.choice(one.size, 3, replace=False)
        one.flat[places] = rng.choice((-1, 1), 3) / np.sqrt(3)
    codes = np.where(rng.random((1, 4, n)) < 0.02, rng.uniform(1, 2, (1, 4, n)), 0.0)
    model = sc.MLCSC([first, sc.ConvDictionary(second)])
    return sc.effective(model).synthesize(codes, (n,))


def start(kind=sc.MLCSC, seed=1):
    rng = np.random.default_rng(seed)
    layers = [
        sc.ConvDictionary(sc.random_filters(3, 1, 7, rng=rng)),
        sc.ConvDictionary(sc.random_filters(5, 3, 9, rng=rng)),
    ]
    return kind(layers)


@pytest.fixture(scope="module")
def learned():
    told = []
    found = sc.learn_layers(
        planted(),
        start(),
        WEIGHTS,
        constraints=[sc.UnitBall(), sc.UnitBall(n_taps=4)],
        max_iter=10,
        joint_iter=6,
        tol=1e-6,
        callback=told.append,
    )
    return found, told


def test_the_objective_never_rises_and_is_that_of_the_problem(learned):
    found, told = learned
    objectives = np.array(found.history.objectives)
    assert len(objectives) > 3
    assert np.all(np.diff(objectives) <= 0)
    assert objectives[-1] < 0.97 * objectives[0]
    assert found.objective == objectives[-1]
    again = MultilayerPursuit(planted(), found.model, WEIGHTS)
    assert again.objective(found.codes) == pytest.approx(found.objective, rel=1e-12)
    assert again.objective(tuple(0 * z for z in found.codes)) > found.objective
    assert [check.stage for check in told[:3]] == ["layer 1", "layer 2", "joint"]
    assert told[-1].objective == found.objective
    assert found.n_iter == len(told) - 2


def test_codes_of_a_layer_are_what_the_deepest_synthesise(learned):
    found, _ = learned
    images = found.problem.images(found.codes[-1])
    np.testing.assert_allclose(found.codes[0], images[1], atol=1e-12)


def test_filters_meet_their_constraints(learned):
    found, _ = learned
    for bank in found.filters:
        norms = np.sqrt((bank.reshape(len(bank), -1) ** 2).sum(axis=1))
        assert np.all(norms <= 1 + 1e-12)
    check_allowed(found.filters[1], n_taps=4)
    with pytest.raises(AssertionError):
        check_allowed(found.filters[1], n_taps=3)
    assert np.count_nonzero(found.filters[0][0]) == 7


def test_learned_filters_beat_those_of_the_start(learned):
    found, _ = learned
    problem = MultilayerPursuit(planted(), start(), WEIGHTS)
    assert found.objective < 0.8 * sc.solve(problem, tol=1e-4).objective


@pytest.mark.parametrize("layer", [1, 2])
def test_the_direction_is_the_gradient_by_differences(layer):
    signal, model = planted(), start()
    problem = MultilayerPursuit(signal, model, [sc.L1(0.0), sc.L1(0.1)])
    deepest = np.random.default_rng(2).standard_normal(problem.shapes[-1])
    images = problem.images(deepest)
    own = model.dictionaries[layer - 1]
    codes = sc.SparseCodes.from_dense(images[layer])
    slope = _joint.correlate(codes, own, _joint.cotangent(problem, images, layer - 1))
    for place in ((0, 0, 2), (2, own.n_channels - 1, 6)):
        values = []
        for move in (-1e-4, 1e-4):
            filters = own.filters.copy()
            filters[place] += move
            moved = MultilayerPursuit(signal, with_layer(model, layer, filters), problem.penalties)
            values.append(moved.value(moved.images(deepest)))
        # F is quadratic in one tap: differences are exact but for rounding
        assert (values[1] - values[0]) / 2e-4 == pytest.approx(slope[place], rel=1e-6)
        assert (values[1] - values[0]) / 2e-4 != pytest.approx(1.001 * slope[place], rel=1e-6)


def test_the_penalty_enters_the_gradient():
    signal, model = planted(), start()
    images = MultilayerPursuit(signal, model, WEIGHTS).images(np.ones((1, 5, 240)))
    with_weight = MultilayerPursuit(signal, model, [sc.L1(0.3), sc.L1(0.1)])
    without = MultilayerPursuit(signal, model, [sc.L1(0.0), sc.L1(0.1)])
    apart = _joint.cotangent(with_weight, images, 1) - _joint.cotangent(without, images, 1)
    large = np.abs(images[1]) > 0.1 * np.abs(images[1]).max()
    np.testing.assert_allclose(apart[large], 0.3 * np.sign(images[1])[large], rtol=1e-9)


def test_likeness_is_that_of_the_gram_matrix_and_its_gradient_that_by_differences():
    filters = np.random.default_rng(5).standard_normal((3, 2, 4, 3))
    value, slope = likeness(filters)
    dictionary = sc.ConvDictionary(filters)
    units = np.eye(3 * 72).reshape(-1, 3, 9, 8)
    matrix = dictionary.synthesize(units, (9, 8)).reshape(len(units), -1)
    gram = matrix @ matrix.T
    alike = ((gram**2).sum() - (np.diag(gram) ** 2).sum()) / 72
    assert value == pytest.approx(alike, rel=1e-12)
    assert value != pytest.approx((gram**2).sum() / 72, rel=1e-3)
    for place in ((0, 0, 0, 0), (2, 1, 3, 2), (1, 0, 2, 1)):
        values = []
        for move in (-1e-5, 1e-5):
            other = filters.copy()
            other[place] += move
            values.append(likeness(other)[0])
        # central differences of a quartic: the error is of the order of the move squared
        assert (values[1] - values[0]) / 2e-5 == pytest.approx(slope[place], rel=1e-6)


def test_incoherence_makes_layers_less_coherent():
    options = {"max_iter": 3, "joint_iter": 8, "tol": 1e-6}
    plain = sc.learn_layers(planted(), start(), WEIGHTS, **options)
    apart = sc.learn_layers(planted(), start(), WEIGHTS, incoherence=0.5, **options)
    assert np.all(np.diff(apart.history.objectives) <= 0)
    alike = [sum(likeness(bank)[0] for bank in found.filters) for found in (plain, apart)]
    assert alike[1] < 0.8 * alike[0]
    excess = apart.objective - apart.problem.objective(apart.codes)
    assert excess == pytest.approx(0.5 * alike[1], rel=1e-9)


def test_residual_models_keep_their_rules():
    rng = np.random.default_rng(3)
    layers = [sc.ConvDictionary(sc.random_filters(3, c, 5, rng=rng)) for c in (1, 3)]
    model = sc.ResCSC(layers, starts=(None, 1), damping=0.0)
    found = sc.learn_layers(planted(), model, WEIGHTS, max_iter=3, joint_iter=2)
    assert isinstance(found.model, sc.ResCSC)
    assert (found.model.starts, found.model.damping) == ((None, 1), 0.0)
    assert np.all(np.diff(found.history.objectives) <= 0)


def test_dense_models_learn_what_is_beside_the_identity():
    rng = np.random.default_rng(4)
    banks = [sc.random_filters(2, 1, 5, rng=rng), sc.random_filters(2, 3, 5, rng=rng)]
    model = sc.MSDCSC(banks, dilations=(1, 2))
    penalties = [sc.L1(np.array([0.4] + [0.1] * 2)), sc.L1(np.array([0.4] * 3 + [0.1] * 2))]
    found = sc.learn_layers(planted(), model, penalties, max_iter=4, joint_iter=3, tol=1e-6)
    assert isinstance(found.model, sc.MSDCSC)
    assert found.model.dilations == (1, 2)
    assert [bank.shape for bank in found.filters] == [(2, 1, 5), (2, 3, 5)]
    assert np.all(np.diff(found.history.objectives) <= 0)
    problem = MultilayerPursuit(planted(), model, penalties)
    assert found.objective < sc.solve(problem, tol=1e-3).objective


def test_layer_by_layer_alone():
    found = sc.learn_layers(planted(), start(), WEIGHTS, max_iter=2, joint_iter=0)
    assert found.n_iter == 0
    assert len(found.history.objectives) == 1
    nonnegative = [sc.NonnegativeL1(0.1), sc.NonnegativeL1(0.1)]
    assert sc.learn_layers(planted(), start(), nonnegative, max_iter=1, joint_iter=0).codes


def test_a_callback_and_an_interrupt_end_the_joint_stage():
    told = []

    def stop(check):
        told.append(check)
        return check.stage == "joint"

    found = sc.learn_layers(planted(), start(), WEIGHTS, max_iter=1, joint_iter=5, callback=stop)
    assert found.status is sc.Status.INTERRUPTED
    assert found.n_iter == 1

    def interrupt(check):
        if check.stage == "joint" and check.n_iter == 2:
            raise KeyboardInterrupt

    found = sc.learn_layers(
        planted(), start(), WEIGHTS, max_iter=1, joint_iter=5, tol=0.0, callback=interrupt
    )
    assert found.status is sc.Status.INTERRUPTED
    assert found.n_iter == 2
    assert found.problem.objective(found.codes) == pytest.approx(found.objective, rel=1e-12)


def test_sparse_filters_are_the_nearest_ones():
    ball = sc.UnitBall(n_taps=2)
    filters = np.array([[[3.0, -1.0, 2.0]], [[0.1, 0.2, 0.0]]])
    projected = ball.project(filters)
    np.testing.assert_allclose(projected[0, 0], np.array([3, 0, 2]) / np.sqrt(13))
    np.testing.assert_array_equal(projected[1], filters[1])
    np.testing.assert_allclose(ball.maximise(filters), np.sqrt([13, 0.05]))
    with pytest.raises(ValueError, match=r"`zero_mean` and `n_taps` are not possible together"):
        sc.UnitBall(n_taps=2, zero_mean=True)
    with pytest.raises(ValueError, match=r"`n_taps` must be"):
        sc.UnitBall(n_taps=0)


def test_what_does_not_fit_is_refused():
    signal, model = planted(), start()
    with pytest.raises(ValueError, match=r"`constraints` must have one entry for each of the 2"):
        sc.learn_layers(signal, model, WEIGHTS, constraints=[sc.UnitBall()])
    with pytest.raises(TypeError, match=r"`constraints` must hold constraints such as UnitBall"):
        sc.learn_layers(signal, model, WEIGHTS, constraints=[sc.UnitBall(), "ball"])
    bad = sc.UnitBall(support=np.ones((7, 1, 2), bool))
    with pytest.raises(ValueError, match=r"layer 2: `support` must be broadcastable"):
        sc.learn_layers(signal, model, WEIGHTS, constraints=[sc.UnitBall(), bad])
    with pytest.raises(ValueError, match=r"must be finite for all codes.*NonnegativeL1 in layer 1"):
        sc.learn_layers(signal, model, [sc.NonnegativeL1(0.1), sc.L1(0.1)])
    other = sc.MLCSC([sc.Product([model.dictionaries[0]]), model.dictionaries[1]])
    with pytest.raises(TypeError, match=r"layer 1: `model` must have layers that are a Conv.*Prod"):
        sc.learn_layers(signal, other, WEIGHTS)
    with pytest.raises(TypeError, match=r"`callback` must be callable, a function of one Layers"):
        sc.learn_layers(signal, model, WEIGHTS, callback=3)
    with pytest.raises(ValueError, match=r"`joint_iter` must be"):
        sc.learn_layers(signal, model, WEIGHTS, joint_iter=-1)
