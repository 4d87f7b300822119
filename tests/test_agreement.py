"""ISTA, FISTA and ADMM find the same optimum, and scikit-learn's coordinate descent finds it too.

The objective is recomputed in float64 by plain NumPy on an explicit matrix, and so is a lower
bound on the optimum: that each run is within 1e-8 of the bound (1e-5 in float32, for the problem
whose data are the rounded ones) is checked without the package's own certificate.
"""

import math
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
import pytest
from external.reference import Reference, convolution_matrix, scikit_learn_codes

import sparsecsc as sc

TOLERANCE = {np.float64: 1e-8, np.float32: 1e-5}
SOLVERS = (sc.ISTA(), sc.FISTA(), sc.ADMM())
N_FILTERS = 4

GEOMETRIES = {
    "1d circular": ((48,), (7,), {}),
    "1d valid dilated": ((48,), (5,), {"padding": "valid", "dilation": 2}),
    "1d full stride 3": ((47,), (7,), {"padding": "full", "stride": 3}),
    "2d circular odd": ((13, 11), (4, 3), {}),
    "2d circular stride 2": ((12, 14), (5, 4), {"stride": 2}),
    "2d circular mixed": ((12, 13), (3, 3), {"stride": (2, 1), "dilation": (1, 2)}),
    "2d valid": ((13, 12), (4, 4), {"padding": "valid"}),
    "2d same": ((12, 13), (4, 5), {"padding": "same"}),
    "2d full": ((10, 9), (3, 4), {"padding": "full"}),
    "2d int strided dilated": ((14, 13), (3, 3), {"padding": 2, "stride": 2, "dilation": 2}),
    "3d circular": ((6, 5, 6), (3, 2, 3), {}),
    "3d same strided": ((6, 7, 6), (3, 3, 3), {"padding": "same", "stride": (1, 2, 2)}),
}

PENALTIES = {
    "L1": "l1",
    "L1 per filter": "l1",
    "NonnegativeL1 per filter": "nonnegative",
    "ElasticNet": "elastic",
    "GroupL1 over filters": "group",
    "GroupL1 over space": "group",
}


def _pieces(name, weight, n_filters, n_axes, dtype):
    """Return the penalty, and the weight, ridge and group axes that the oracle needs."""
    if name == "ElasticNet":
        return sc.ElasticNet(weight, weight / 2), weight, weight / 2, (1,)
    if name.startswith("GroupL1"):
        axes = (1,) if name.endswith("filters") else tuple(range(2, 2 + n_axes))
        return sc.GroupL1(weight, axes), weight, 0.0, axes
    if name == "L1":
        return sc.L1(weight), weight, 0.0, (1,)
    weights = (weight * np.linspace(1.5, 1.0, n_filters)).astype(np.float32).astype(dtype)
    cls = sc.L1 if name.startswith("L1") else sc.NonnegativeL1
    return cls(weights), weights, 0.0, (1,)


@dataclass(frozen=True)
class Case:
    """Data and geometry; all weights are float32 numbers, the same in both precisions."""

    filters: Any
    signal: Any
    penalty: str
    mask: Any
    geometry: dict

    def cast(self, dtype):
        mask = None if self.mask is None else self.mask.astype(dtype)
        return replace(
            self, filters=self.filters.astype(dtype), signal=self.signal.astype(dtype), mask=mask
        )

    @cached_property
    def weight(self):
        """Return 0.25 of the weight from which zero is optimal.

        Where the filters have weights of their own, that is the smallest.
        """
        twin = self.cast(np.float64)
        penalty, weights, _, _ = twin.pieces(1.0)
        dictionary = sc.ConvDictionary(twin.filters, **self.geometry)
        problem = sc.Pursuit(twin.signal, dictionary, penalty, mask=twin.mask)
        return float(np.float32(0.25 * sc.lambda_max(problem) / np.max(weights)))

    def pieces(self, weight):
        sizes = (len(self.filters), self.signal.ndim - 2)
        return _pieces(self.penalty, weight, *sizes, self.signal.dtype)

    @cached_property
    def problem(self):
        dictionary = sc.ConvDictionary(self.filters, **self.geometry)
        return sc.Pursuit(self.signal, dictionary, self.pieces(self.weight)[0], mask=self.mask)

    @cached_property
    def reference(self):
        matrix, codes = convolution_matrix(self.filters, self.signal.shape[2:], **self.geometry)
        shape = (len(self.signal), len(self.filters), *codes)
        _, weights, ridge, axes = self.pieces(self.weight)
        kind = PENALTIES[self.penalty]
        return Reference(matrix, self.signal, shape, kind, weights, ridge, axes, self.mask)


def lower_bound(case):
    """Return a lower bound on the optimum, tight to 1e-10, that plain NumPy certifies."""
    twin = case.cast(np.float64)
    result = sc.solve(twin.problem, sc.FISTA(), tol=1e-12, max_iter=30_000, check_every=25)
    assert case.reference.relative_gap(result.codes) <= 1e-10
    return case.reference.lower_bound(result.codes)


def check_agreement(reference, codes, bound, tolerance):
    """Check that each of `codes` is optimal to `tolerance`, and so all objectives agree to it."""
    for one in codes:
        objective = reference.objective(one)
        gap = (objective - bound) / objective
        assert gap <= tolerance, f"relative gap {gap:.2e} exceeds {tolerance:.0e}"
        assert gap >= -1e-12, f"relative gap {gap:.2e}: the lower bound is wrong"


def check_certificate(reference, result, optimum):
    """Check that a result's objective is the true one, and its lower bound is one."""
    rounding = 64 * np.finfo(result.codes.dtype).eps
    objective = reference.objective(result.codes)
    assert abs(result.objective - objective) <= rounding * objective, "objective"
    claimed = float(result.certificate.dual.sum())
    assert claimed <= optimum * (1 + rounding), "lower bound above the optimum"


def _solve_all(problem):
    results = []
    tol = TOLERANCE[problem.signal.dtype.type] / 2
    for solver in SOLVERS:
        result = sc.solve(problem, solver, tol=tol, max_iter=30_000, check_every=25)
        assert result.status is sc.Status.CONVERGED, f"{solver}: {result.relative_gap:.2e}"
        assert result.codes.dtype == problem.signal.dtype
        results.append(result)
    return results


def _check(case):
    bound, reference = lower_bound(case), case.reference
    results = _solve_all(case.problem)
    codes = [result.codes for result in results]
    if case.signal.dtype == np.float64 and reference.kind != "group":
        codes.append(scikit_learn_codes(reference))
    check_agreement(reference, codes, bound, TOLERANCE[case.signal.dtype.type])
    optimum = min(reference.objective(one) for one in codes)
    for result in results:
        check_certificate(reference, result, optimum)
        assert np.any(result.codes != 0)


def _cases():
    """Return a table in which every two of geometry, channels, penalty and mask meet."""
    return [
        (geometry, (1, 3)[(g + p) % 2], penalty, (None, "binary", "weighted")[(g // 2 + p) % 3])
        for g, geometry in enumerate(GEOMETRIES)
        for p, penalty in enumerate(PENALTIES)
    ]


def _random_case(geometry, n_channels, penalty, kind):
    """Return unit-norm filters, a batch of two signals and a mask, all drawn at random."""
    spatial, kernel, options = GEOMETRIES[geometry]
    rng = np.random.default_rng([len(geometry), n_channels])
    filters = rng.standard_normal((N_FILTERS, n_channels, *kernel))
    filters /= np.sqrt(np.sum(filters**2, axis=tuple(range(1, filters.ndim)), keepdims=True))
    signal = rng.standard_normal((2, n_channels, *spatial))
    mask = None
    if kind == "binary":
        mask = (rng.random((2, 1, *spatial)) < 0.7).astype(float)
    if kind == "weighted":
        mask = rng.choice([0.0, 0.5, 1.0], size=(1, n_channels, *spatial))
    return Case(filters, signal, penalty, mask, options)


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize(("geometry", "n_channels", "penalty", "kind"), _cases())
def test_solvers_agree_on_random_data(geometry, n_channels, penalty, kind, dtype):
    _check(_random_case(geometry, n_channels, penalty, kind).cast(dtype))


def _camera():
    """Return a grey crop with strong edges, high-pass filtered, of a real photograph."""
    image = sc.load_image("camera").astype(np.float64)[None, None]
    return sc.split_lowpass(image)[1][..., 100:116, 230:245]


def _chelsea():
    image = np.moveaxis(sc.load_image("chelsea").astype(np.float64), -1, 0)[None]
    return sc.split_lowpass(image)[1][..., 90:102, 130:141]


def _snare():
    samples, _ = sc.load_recording("snare_roll")
    return samples.astype(np.float64)[None, None, 30_000:30_160]


def _moving():
    """Return a volume: a window that moves over the photograph, one pixel a frame."""
    high = sc.split_lowpass(sc.load_image("camera").astype(np.float64)[None, None])[1]
    frames = [high[..., 110:118, 236 + t : 244 + t] for t in range(6)]
    return np.stack(frames, axis=2)


REAL = {
    "camera, Haar, circular": (_camera, lambda: sc.haar_filters(2, 2), {"padding": "circular"}),
    "camera, Haar, same": (_camera, lambda: sc.haar_filters(2, 2), {"padding": "same"}),
    "camera, DCT, full strided": (
        _camera,
        lambda: sc.dct_filters((4, 4), include_constant=False),
        {"padding": "full", "stride": 2},
    ),
    "chelsea, DCT, valid": (
        _chelsea,
        lambda: sc.dct_filters((3, 3), 3, include_constant=False),
        {"padding": "valid"},
    ),
    "snare roll, Haar dilated": (_snare, lambda: sc.haar_filters(3, 1), {"dilation": 2}),
    "snare roll, DCT, valid": (_snare, lambda: sc.dct_filters(8), {"padding": "valid"}),
    "moving window, Haar 3-D": (_moving, lambda: sc.haar_filters(1, 3), {"padding": "same"}),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize(
    ("name", "penalty", "masked"),
    [
        (name, penalty, (k // 2 + p // 2) % 2 == 1)
        for k, name in enumerate(REAL)
        for p, penalty in enumerate(PENALTIES)
        if (k + p) % 2 == 0
    ],
)
def test_solvers_agree_on_real_data(name, penalty, masked, dtype):
    load, make_filters, options = REAL[name]
    signal = load()
    mask = None
    if masked:
        mask = (np.random.default_rng(5).random((1, 1, *signal.shape[2:])) < 0.6).astype(float)
    _check(Case(make_filters(), signal, penalty, mask, options).cast(dtype))


def test_table_of_cases_is_complete():
    cases = _cases()
    for first in range(4):
        for second in range(first):
            values = {(case[first], case[second]) for case in cases}
            expected = math.prod(len({case[k] for case in cases}) for k in (first, second))
            assert len(values) == expected, (first, second)


@cache
def _solved(penalty="L1"):
    case = _random_case("2d same", 3, penalty, "binary")
    return case, lower_bound(case), tuple(_solve_all(case.problem))


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda z: z * (1 + 1e-3),
        lambda z: z[:, ::-1],
        lambda z: np.roll(z, 1, axis=-1),
        np.zeros_like,
        lambda z: z + 1e-4,
    ],
    ids=["scaled", "filters swapped", "shifted", "zero", "not sparse"],
)
def test_checker_refuses_spoiled_codes(penalty, spoil):
    case, bound, results = _solved(penalty)
    codes = [result.codes for result in results]
    check_agreement(case.reference, codes, bound, 1e-8)
    with pytest.raises(AssertionError, match="exceeds"):
        check_agreement(case.reference, [*codes, spoil(codes[0])], bound, 1e-8)


def test_checker_refuses_the_solution_of_another_problem():
    case, bound, _ = _solved()
    wrong = case.problem.with_penalty(case.problem.penalty.scaled(1 + 1e-3))
    codes = [result.codes for result in _solve_all(wrong)]
    with pytest.raises(AssertionError, match="exceeds"):
        check_agreement(case.reference, codes, bound, 1e-8)


def test_checker_refuses_a_bound_above_the_optimum():
    case, bound, results = _solved()
    with pytest.raises(AssertionError, match="lower bound is wrong"):
        check_agreement(case.reference, [results[0].codes], bound * (1 + 1e-6), 1e-8)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"objective": 1 + 1e-9}, "objective"), ({"dual": 1 + 1e-6}, "lower bound above")],
)
def test_checker_refuses_a_false_certificate(change, message):
    case, _, results = _solved()
    optimum = min(result.objective for result in results)
    check_certificate(case.reference, results[0], optimum)
    certificate = results[0].certificate
    changed = {name: getattr(certificate, name) * factor for name, factor in change.items()}
    wrong = replace(results[0], certificate=replace(certificate, **changed))
    with pytest.raises(AssertionError, match=message):
        check_certificate(case.reference, wrong, optimum)
