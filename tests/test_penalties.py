"""Every penalty's prox minimises, and its conjugate and dual bounds say what the protocol says."""

import dataclasses
import itertools

import numpy as np
import pytest
from checkers import (
    assert_close,
    check_dual_bounds,
    check_fenchel,
    check_nonexpansive,
    check_prox,
    eps,
)
from discovery import CONVEX, PENALTIES, WEIGHTED, make_penalty
from reference import penalty_value, plain_prox, weight_of

import sparsecsc as sc

SHAPE = (2, 3, 4)
STEPS = (0.05, 1.0, 7.0)


def group(axis, weight=1.0):
    return sc.GroupL1(weight, axis)


def per_filter(dtype=np.float64):
    return np.array([0.5, 1.0, 2.0], dtype=dtype)


def full(seed=0):
    return np.random.default_rng(seed).uniform(0.2, 2.0, SHAPE)


# Every discovered penalty with three kinds of weight, then what only some have.
CASES = {}
for _name, _cls in PENALTIES.items():
    CASES[_name] = make_penalty(_cls, 1.25)
    if _cls not in WEIGHTED.values():
        continue
    CASES[f"{_name} light"] = make_penalty(_cls, 0.05)
    if _cls is not sc.GroupL1:
        CASES[f"{_name} by filter"] = make_penalty(_cls, per_filter())
        CASES[f"{_name} by coefficient"] = make_penalty(_cls, full())
for _axis in (0, 2, (0, 2), (1, 2), (0, 1, 2)):
    CASES[f"GroupL1 axis {_axis}"] = group(_axis)
CASES["GroupL1 by filter"] = group(2, per_filter())
CASES["GroupL1 by filter, coupled signals"] = group((0, 2), per_filter())
CASES["GroupL1 by position"] = group(1, full()[:, :1])
CASES["ReLU by filter"] = PENALTIES["ReLU"](-per_filter())
CASES["ReLU by coefficient"] = PENALTIES["ReLU"](-full())
CASES["ElasticNet ridge by filter"] = sc.ElasticNet(1.0, per_filter())
CASES["ElasticNet ridge 0"] = sc.ElasticNet(1.0, 0.0)
CASES["ElasticNet ridge 0 in a filter"] = sc.ElasticNet(0.7, np.array([0.0, 1.0, 0.0]))

every = pytest.mark.parametrize("penalty", CASES.values(), ids=CASES)
convex = pytest.mark.parametrize(
    "penalty",
    [p for p in CASES.values() if type(p).__name__ in CONVEX],
    ids=[n for n, p in CASES.items() if type(p).__name__ in CONVEX],
)
classes = pytest.mark.parametrize("cls", PENALTIES.values(), ids=PENALTIES)
weighted = pytest.mark.parametrize("cls", WEIGHTED.values(), ids=WEIGHTED)


def bound(penalty, dtype=np.float64, shape=SHAPE):
    return penalty.bind(shape, np.zeros(1, dtype))


def random_codes(seed=0, dtype=np.float64, shape=SHAPE):
    return (3 * np.random.default_rng(seed).standard_normal(shape)).astype(dtype)


def test_the_six_shipped_penalties_are_discovered():
    assert {"L1", "NonnegativeL1", "ElasticNet", "GroupL1", "L0", "ReLU"} <= set(PENALTIES)
    assert set(PENALTIES) - set(CONVEX) == {"L0", "ReLU"}
    assert set(PENALTIES) - set(WEIGHTED) == {"ReLU"}


@every
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=("float32", "float64"))
def test_prox_beats_every_candidate(penalty, step, dtype):
    check_prox(bound(penalty, dtype), random_codes(1, dtype), step, n_random=40)


@every
@pytest.mark.parametrize("step", STEPS)
def test_prox_of_one_number_beats_a_fine_grid(penalty, step):
    # one nonzero input, all others 0: the minimiser lies on that coordinate's axis
    penalty = bound(penalty)
    grid = np.linspace(-4, 4, 8001)
    for value, index in itertools.product((-3.1, -0.6, 0.2, 2.5), ((0, 0, 0), (1, 2, 3))):
        v = np.zeros(SHAPE)
        v[index] = value
        z = penalty.prox(v, step)
        assert np.count_nonzero(z) <= 1
        one = np.zeros(SHAPE)
        best = np.inf
        for candidate in grid[:: 40 if step > 1 else 20]:
            one[index] = candidate
            best = min(best, step * penalty.value(one) + 0.5 * (candidate - value) ** 2)
        assert step * penalty.value(z) + 0.5 * float(((z - v) ** 2).sum()) <= best + 1e-12


@every
@pytest.mark.parametrize("step", STEPS)
def test_prox_and_value_agree_with_the_textbook(penalty, step):
    penalty = bound(penalty)
    v = random_codes(2)
    options = {"ridge": getattr(penalty, "ridge", 0.0), "axis": getattr(penalty, "axis", 1)}
    expected = plain_prox(type(penalty).__name__, weight_of(penalty), v, step, **options)
    assert_close(penalty.prox(v, step), expected, slack=20)
    assert penalty.value(expected) == pytest.approx(penalty_value(penalty, expected), rel=1e-13)
    assert penalty.value(v) == pytest.approx(penalty_value(penalty, v), rel=1e-13)


@convex
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=("float32", "float64"))
def test_prox_of_a_convex_penalty_is_nonexpansive(penalty, step, dtype):
    check_nonexpansive(bound(penalty, dtype), SHAPE, step, dtype)


@convex
def test_value_and_conjugate_meet_at_the_prox(penalty):
    check_fenchel(bound(penalty), SHAPE)


@convex
def test_dual_bounds_are_where_the_conjugate_stops_vanishing(penalty):
    check_dual_bounds(bound(penalty), SHAPE)


@convex
def test_dual_bounds_are_one_a_signal_unless_groups_couple_signals(penalty):
    ratio, conjugate = bound(penalty).dual_bounds(random_codes(3))
    coupled = 0 in getattr(penalty, "axis", ())
    assert ratio.shape == conjugate.shape == ((1,) if coupled else (2,))


@pytest.mark.parametrize("name", [n for n in CONVEX if n != "ElasticNet"])
def test_the_conjugate_of_a_homogeneous_penalty_is_an_indicator(name):
    penalty = bound(make_penalty(CONVEX[name], 2.0))
    u = random_codes(4)
    ratio, _ = penalty.dual_bounds(u)
    shape = (-1, 1, 1)
    assert np.all(penalty.dual_bounds(u * (0.999 / ratio).reshape(shape))[1] == 0)
    assert np.all(penalty.dual_bounds(u * (1.001 / ratio).reshape(shape))[1] == np.inf)


def test_the_conjugate_of_the_elastic_net_is_its_supremum_on_a_grid():
    grid = np.linspace(-30, 30, 60_001)
    for weight, ridge, u in itertools.product((0.0, 0.5, 2.0), (0.3, 2.0), (-3.0, 0.4, 1.9)):
        penalty = bound(sc.ElasticNet(weight, ridge), shape=(1, 1, 1))
        supremum = (u * grid - weight * np.abs(grid) - 0.5 * ridge * grid**2).max()
        ratio, conjugate = penalty.dual_bounds(np.full((1, 1, 1), u))
        # between grid points 1e-3 apart a parabola of curvature `ridge` hides ridge * 2.5e-7 / 2
        assert conjugate[0] == pytest.approx(supremum, abs=1e-6)
        assert ratio[0] == (np.inf if weight == 0 else abs(u) / weight)


def test_the_elastic_net_without_ridge_is_the_l1_norm():
    v = random_codes(5)
    net, l1 = bound(sc.ElasticNet(0.8, 0.0)), bound(sc.L1(0.8))
    assert np.array_equal(net.prox(v, 0.7), l1.prox(v, 0.7))
    assert net.value(v) == l1.value(v)
    for a, b in zip(net.dual_bounds(v), l1.dual_bounds(v), strict=True):
        assert np.array_equal(a, b)


@weighted
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=("float32", "float64"))
def test_an_infinite_weight_forces_zeros(cls, dtype):
    v = random_codes(6, dtype)
    whole = bound(make_penalty(cls, np.inf), dtype)
    assert np.array_equal(whole.prox(v, 0.5), np.zeros_like(v))
    assert whole.value(np.zeros_like(v)) == 0
    assert whole.value(np.abs(v)) == np.inf
    weight = np.array([1.0, np.inf, 0.5])
    penalty = sc.GroupL1(weight, 2) if cls is sc.GroupL1 else make_penalty(cls, weight)
    penalty = bound(penalty, dtype)
    z = penalty.prox(v, 0.5)
    assert not z[:, 1].any()
    assert z[:, 0].any()
    assert np.isfinite(penalty.value(z))
    z[0, 1, 0] = 1e-15  # its square is above the smallest float32
    assert penalty.value(z) == np.inf


@weighted
def test_an_infinite_weight_puts_no_bound_on_the_correlation(cls):
    if cls.__name__ not in CONVEX:
        pytest.skip("no dual bounds")
    weight = np.array([1.0, np.inf, 0.5])
    penalty = bound(sc.GroupL1(weight, 2) if cls is sc.GroupL1 else make_penalty(cls, weight))
    u = random_codes(7)
    with_it = penalty.dual_bounds(u)
    u[:, 1] *= 1e6
    for a, b in zip(with_it, penalty.dual_bounds(u), strict=True):
        assert np.array_equal(a, b)


@weighted
def test_a_weight_of_zero_leaves_codes_as_they_are_or_only_signs_and_ridge(cls):
    v = random_codes(8)
    penalty = bound(make_penalty(cls, 0.0))
    expected = {"NonnegativeL1": np.maximum(v, 0), "ElasticNet": v / (1 + 0.5 * 0.25)}
    assert_close(penalty.prox(v, 0.5), expected.get(cls.__name__, v), slack=4)
    assert np.isfinite(penalty.value(np.abs(v)))


@pytest.mark.parametrize("name", CONVEX)
def test_free_says_where_the_correlation_must_vanish(name):
    cls = CONVEX[name]
    codes, correlation = random_codes(9), random_codes(10)
    assert bound(make_penalty(cls, 1.0)).free(codes, correlation) is None
    weight = np.array([1.0, 0.0, 0.5])
    if name == "ElasticNet":
        penalty = sc.ElasticNet(weight, np.array([1.0, 0.0, 0.0]))
    else:
        penalty = sc.GroupL1(weight, 2) if cls is sc.GroupL1 else make_penalty(cls, weight)
    free = bound(penalty).free(codes, correlation)
    assert free.shape == codes.shape
    assert not free[:, [0, 2]].any()
    expected = np.ones((2, 4), bool)
    if name == "NonnegativeL1":
        expected = (codes[:, 1] > 0) | (correlation[:, 1] > 0)
    assert np.array_equal(free[:, 1], expected)
    # free coefficients are left out of the bounds
    first = bound(penalty).dual_bounds(correlation)
    correlation[:, 1] *= 1e6
    for a, b in zip(first, bound(penalty).dual_bounds(correlation), strict=True):
        assert np.array_equal(a, b)


@every
def test_scaled_multiplies_the_value(penalty):
    codes = np.abs(random_codes(11))
    for factor in (0.5, 3.0):
        scaled = bound(penalty).scaled(factor)
        assert scaled.value(codes) == pytest.approx(factor * bound(penalty).value(codes), rel=1e-13)
        v = random_codes(12)
        assert_close(scaled.prox(v, 1.0), bound(penalty).prox(v, factor), slack=20)
        assert type(scaled) is type(penalty)


@every
def test_the_penalty_of_a_block_is_the_block_of_the_penalty(penalty):
    penalty = bound(penalty)
    if not penalty.separable:
        pytest.skip("groups are never cut")
    v, total = random_codes(13), 0.0
    whole = penalty.prox(v, 0.4)
    for signals, filters in itertools.product(
        (slice(0, 1), slice(1, 2)), (slice(0, 2), slice(2, 3))
    ):
        part = penalty.at((signals, filters))
        assert np.array_equal(part.prox(v[signals, filters], 0.4), whole[signals, filters])
        total += part.value(np.abs(v[signals, filters]))
    assert total == pytest.approx(penalty.value(np.abs(v)), rel=1e-13)


@convex
def test_the_dual_bounds_of_blocks_add_up(penalty):
    penalty = bound(penalty)
    if not penalty.separable:
        pytest.skip("groups are never cut")
    u = random_codes(14)
    ratio, conjugate = penalty.dual_bounds(u)
    parts = [penalty.at((slice(None), f)).dual_bounds(u[:, f]) for f in (slice(0, 1), slice(1, 3))]
    assert_close(np.maximum(parts[0][0], parts[1][0]), ratio, slack=4)
    if np.all(np.isfinite(conjugate)):
        assert_close(parts[0][1] + parts[1][1], conjugate, slack=20)
    else:
        assert np.array_equal(parts[0][1] + parts[1][1], conjugate)


@pytest.mark.parametrize("axis", [0, 1, 2, (0, 1), (1, 2), (0, 2)], ids=str)
def test_groups_are_the_axes_that_were_named(axis):
    v = random_codes(15)
    z = bound(sc.GroupL1(3.0, axis)).prox(v, 1.0)
    axes = axis if isinstance(axis, tuple) else (axis,)
    kept = [k for k in range(3) if k not in axes]
    for index in itertools.product(*(range(SHAPE[k]) for k in kept)):
        where = [slice(None)] * 3
        for k, i in zip(kept, index, strict=True):
            where[k] = i
        norm = np.sqrt((v[tuple(where)] ** 2).sum())
        expected = v[tuple(where)] * max(0.0, 1 - 3.0 / norm)
        assert_close(z[tuple(where)], expected, scale=10.0, slack=10)


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=("float32", "float64"))
def test_binding_keeps_the_dtype_of_the_codes(penalty, dtype):
    v = random_codes(16, dtype)
    kept = v.copy()
    penalty = bound(penalty, dtype)
    assert penalty.prox(v, 0.3).dtype == dtype
    assert isinstance(penalty.value(v), float)
    assert np.array_equal(v, kept)
    near = bound(dataclasses.replace(penalty)).prox(v.astype(np.float64), 0.3)
    assert_close(penalty.prox(v, 0.3), near, dtype, slack=20)


@classes
def test_a_penalty_is_frozen(cls):
    penalty = make_penalty(cls)
    with pytest.raises(dataclasses.FrozenInstanceError):
        penalty.weight = 2.0


def test_value_is_summed_in_float64():
    codes = np.full((1, 1, 3_000_000), 0.1, np.float32)
    penalty = sc.L1(1.0).bind(codes.shape, codes)
    expected = 3_000_000 * float(np.float32(0.1))
    assert penalty.value(codes) == pytest.approx(expected, rel=1e-12)


# ---- wrong objects ----


class _Wrong:
    """The l1 norm with one method made wrong."""

    separable = True

    def __init__(self, **wrong):
        self.right = bound(sc.L1(1.0))
        self.wrong = wrong

    def __getattr__(self, name):
        return self.__dict__["wrong"].get(name) or getattr(self.__dict__["right"], name)


def test_the_checkers_catch_wrong_penalties():
    right = _Wrong()
    v = random_codes(17)
    check_prox(right, v, 0.5)
    check_nonexpansive(right, SHAPE, 0.5)
    check_fenchel(right, SHAPE)
    check_dual_bounds(right, SHAPE)
    inner = right.right
    for wrong in (
        lambda v, step: inner.prox(v, 1.01 * step),
        lambda v, step: inner.prox(v, 1.0),
        lambda v, step: np.where(np.abs(v) > step, v, 0.0),
        lambda v, step: np.maximum(inner.prox(v, step), 0),
        lambda v, step: v,
    ):
        with pytest.raises(AssertionError):
            check_prox(_Wrong(prox=wrong), v, 0.5)
    with pytest.raises(AssertionError):
        check_nonexpansive(_Wrong(prox=bound(sc.L0(1.0)).prox), SHAPE, 0.5)
    for wrong in (
        lambda u: (2 * inner.dual_bounds(u)[0], inner.dual_bounds(u)[1]),
        lambda u: (0.5 * inner.dual_bounds(u)[0], inner.dual_bounds(u)[1]),
        lambda u: (inner.dual_bounds(u)[0], 0 * inner.dual_bounds(u)[0]),
        lambda u: inner.dual_bounds(np.maximum(u, 0)),
    ):
        with pytest.raises(AssertionError):
            check_dual_bounds(_Wrong(dual_bounds=wrong), SHAPE)
    with pytest.raises(AssertionError):
        check_fenchel(_Wrong(dual_bounds=bound(sc.ElasticNet(0.5, 1.0)).dual_bounds), SHAPE)
    with pytest.raises(AssertionError):
        check_fenchel(_Wrong(value=lambda z: 1.1 * inner.value(z)), SHAPE)
    assert eps(np.float64) < 1e-15
