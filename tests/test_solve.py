"""The one loop: every status is reached, the books are right, nothing is claimed without proof."""

import dataclasses
import os
import signal
import subprocess
import sys
import textwrap
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from checkers import assert_close
from instances import problem_of
from reference import accurate_solution, lasso_gap, objective

import sparsecsc as sc
from sparsecsc import Status


class _Counted(tuple):
    """(count, ISTA's state) that looks like a state."""

    __slots__ = ()
    finished = None

    @property
    def codes(self):
        return self[1].codes


@dataclasses.dataclass(frozen=True)
class Scripted:
    """A solver that makes ISTA's steps, and from some step on something else."""

    at: int
    what: str

    def init(self, problem, start):
        return _Counted((0, sc.ISTA().init(problem, start)))

    def step(self, problem, state):
        k, inner = state[0] + 1, sc.ISTA().step(problem, state[1])
        if k >= self.at:
            if self.what == "interrupt":
                inner.codes[...] = 1e6  # in the middle of its work
                raise KeyboardInterrupt
            if self.what == "rise":
                inner.codes[...] *= 2
            else:
                inner.codes[0, 0, 0] = float(self.what)
        return _Counted((k, inner))


def small(**options):
    return problem_of("1d channels", "L1", ratio=0.1, **options)


# ---- statuses ----


def test_converged_when_the_gap_is_certified():
    result = sc.solve(small(), tol=1e-5)
    assert result.status is Status.CONVERGED
    assert result.relative_gap <= 1e-5


def test_rule_met_when_the_solver_stops_by_itself():
    problem = problem_of("1d", sc.L0(0.0))
    result = sc.solve(problem, sc.OMP(n_nonzero=2))
    assert result.status is Status.RULE_MET
    assert result.n_iter == 2


def test_max_iter_when_the_budget_ends_first():
    result = sc.solve(small(), sc.ISTA(), tol=1e-12, max_iter=7)
    assert result.status is Status.MAX_ITER
    assert result.n_iter == 7
    assert result.history.iterations[-1] == 7


def test_max_seconds_when_the_time_is_used_up():
    result = sc.solve(small(), sc.ISTA(), tol=0.0, max_seconds=0.05, max_iter=10**9)
    assert result.status is Status.MAX_SECONDS
    assert 0.05 <= result.seconds < 2.0


def test_interrupted_when_the_callback_returns_true():
    seen = []
    result = sc.solve(
        small(),
        sc.ISTA(),
        tol=0.0,
        check_every=2,
        callback=lambda c: seen.append(c) or len(seen) == 3,
    )
    assert result.status is Status.INTERRUPTED
    assert [c.n_iter for c in seen] == [2, 4, 6]
    assert result.n_iter == 6


def test_interrupted_when_ctrl_c_comes_in_the_callback():
    def callback(check):
        if check.n_iter >= 4:
            raise KeyboardInterrupt

    result = sc.solve(small(), sc.ISTA(), tol=0.0, check_every=2, callback=callback)
    assert result.status is Status.INTERRUPTED
    assert result.objective == min(result.history.objectives)


def test_interrupted_in_a_step_gives_the_best_codes_seen_not_the_half_written_ones():
    problem = small()
    result = sc.solve(problem, Scripted(at=8, what="interrupt"), tol=0.0, check_every=3)
    assert result.status is Status.INTERRUPTED
    assert np.array_equal(result.codes, sc.solve(problem, sc.ISTA(), tol=0.0, max_iter=6).codes)
    assert result.objective == pytest.approx(problem.objective(result.codes), rel=1e-13)


def test_ctrl_c_before_the_first_certificate_is_raised():
    class AtOnce(Scripted):
        def init(self, problem, start):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sc.solve(small(), AtOnce(1, "nan"))


def test_other_errors_of_a_callback_are_not_swallowed():
    def callback(check):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        sc.solve(small(), callback=callback, tol=0.0)


@pytest.mark.parametrize("what", ["nan", "inf"])
def test_not_finite_gives_the_last_finite_codes(what):
    problem = small()
    with np.errstate(all="ignore"):
        result = sc.solve(problem, Scripted(at=5, what=what), tol=0.0, check_every=1)
    assert result.status is Status.NOT_FINITE
    assert np.all(np.isfinite(result.codes))
    assert np.array_equal(result.codes, sc.solve(problem, sc.ISTA(), tol=0.0, max_iter=4).codes)
    assert result.n_iter == 5
    assert np.all(np.isfinite(result.history.objectives))


def test_a_solver_that_rises_still_gives_the_best_codes_seen():
    problem = small()
    result = sc.solve(problem, Scripted(at=4, what="rise"), tol=0.0, check_every=1, max_iter=6)
    assert result.status is Status.MAX_ITER
    assert result.objective == min(result.history.objectives)
    assert np.array_equal(result.codes, sc.solve(problem, sc.ISTA(), tol=0.0, max_iter=3).codes)


def test_every_status_is_a_sentence_and_reached_by_a_test_above():
    text = Path(__file__).read_text()
    for status in Status:
        assert status.value[0].isupper()
        assert status.value.endswith(".")
        assert f"Status.{status.name}" in text


SIGINT_SCRIPT = """
import signal, sys, numpy as np, sparsecsc as sc
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a background job
rng = np.random.default_rng(0)
dictionary = sc.ConvDictionary(rng.standard_normal((8, 1, 7, 7)))
problem = sc.Pursuit(rng.standard_normal((1, 1, 96, 96)), dictionary, sc.L1(1e-3))
def callback(check):
    print("running", flush=True)
result = sc.solve(problem, tol=0.0, max_iter=10**9, check_every=5, callback=callback)
print(result.status.name, np.isfinite(result.codes).all(), flush=True)
"""


def test_a_real_ctrl_c_returns_the_best_codes():
    with subprocess.Popen(
        [sys.executable, "-c", SIGINT_SCRIPT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "SPARSECSC_NUM_THREADS": "2"},
    ) as process:
        try:
            assert process.stdout.readline() == "running\n"
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert out.splitlines()[-1] == "INTERRUPTED True", err
    assert "Traceback" not in err
    assert process.returncode == 0


# ---- the books ----


def test_history_columns_are_of_one_length_and_count_upwards():
    result = sc.solve(small(), sc.ISTA(), tol=0.0, max_iter=23, check_every=5)
    history = result.history
    assert history.iterations == (0, 5, 10, 15, 20, 23)
    columns = dataclasses.astuple(history)
    assert {len(column) for column in columns} == {6}
    assert list(history.seconds) == sorted(set(history.seconds))
    assert list(history.objectives) == sorted(history.objectives, reverse=True)
    assert all(gap >= 0 for gap in history.gaps)
    assert history.gaps[-1] < history.gaps[0]
    assert result.seconds == history.seconds[-1]


def test_gaps_of_a_penalty_without_one_are_nan():
    result = sc.solve(problem_of("1d", "L0"), sc.ISTA(), tol=0.0, max_iter=5)
    assert np.all(np.isnan(result.history.gaps))
    assert np.isnan(result.gap)
    assert np.isnan(result.relative_gap)
    assert np.isfinite(result.certificate.kkt)


def test_the_result_belongs_to_its_codes():
    problem = small()
    result = sc.solve(problem, tol=1e-7)
    assert result.objective == pytest.approx(objective(problem, result.codes), rel=1e-12)
    assert result.gap == pytest.approx(result.relative_gap * result.objective, rel=1e-12)
    rounding = 10 * np.finfo(float).eps * result.objective
    assert 0 <= result.gap <= sc.duality_gap(problem, result.codes) + rounding


@pytest.mark.parametrize("solver", [sc.ISTA(), sc.FISTA(), sc.ADMM()], ids=repr)
@pytest.mark.parametrize("tol", [1e-1, 1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("mask", [None, "holes", "weights"], ids=str)
def test_converged_is_only_said_when_an_outside_gap_agrees(solver, tol, mask):
    # the textbook's dual point is scaled as a whole: looser than the library's, the true error not
    problem = problem_of("1d channels", "L1", mask=mask, ratio=0.4, n_signals=1)
    result = sc.solve(problem, solver, tol=tol, check_every=1, max_iter=5000)
    assert result.status is Status.CONVERGED
    best = objective(problem, accurate_solution(problem, 6000))
    assert (objective(problem, result.codes) - best) / best <= tol * (1 + 1e-6) + 1e-13
    assert lasso_gap(problem, result.codes) <= 20 * tol + 1e-12
    assert result.relative_gap <= tol


def test_a_wrong_claim_of_convergence_is_caught():
    # the outside gap on codes that are not good enough
    problem = problem_of("1d channels", "L1", ratio=0.4, n_signals=1)
    codes = sc.solve(problem, sc.ISTA(), tol=0.0, max_iter=2).codes
    with pytest.raises(AssertionError):
        assert lasso_gap(problem, codes) <= 20 * 1e-6 + 1e-12


def test_callback_sees_what_the_history_holds():
    seen = []
    problem = small()

    def callback(check):
        seen.append((check.n_iter, check.seconds, check.objective, check.relative_gap))
        assert check.codes.shape == problem.codes_shape
        assert problem.objective(check.codes) == pytest.approx(check.objective, rel=1e-12)

    result = sc.solve(problem, sc.ISTA(), tol=1e-4, callback=callback, check_every=3)
    told = seen[: len(result.history.iterations) - 1]
    assert len(told) >= 3
    for check, n, s, p, g in zip(
        told, *(c[1:] for c in dataclasses.astuple(result.history)), strict=False
    ):
        assert check[:3] == (n, s, p)
        assert check[3] == pytest.approx(g / p, rel=1e-12)


def test_check_every_changes_when_not_what():
    problem = small()
    every = sc.solve(problem, sc.ISTA(), tol=0.0, max_iter=20, check_every=1)
    rarely = sc.solve(problem, sc.ISTA(), tol=0.0, max_iter=20, check_every=20)
    assert np.array_equal(every.codes, rarely.codes)
    assert len(every.history.iterations) == 21
    assert rarely.history.iterations == (0, 20)


def test_a_bar_is_drawn_on_standard_error_only_when_asked(capfd):
    sc.solve(small(), tol=1e-4)
    assert capfd.readouterr() == ("", "")
    sc.solve(small(), tol=1e-4, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "solve" in err
    assert "gap" in err
    assert "100%" in err


@pytest.mark.parametrize("tol", [0.0, 1e-3, 5.0])
@pytest.mark.parametrize("penalty", ["L1", "L0"])
def test_a_bar_survives_every_tolerance(tol, penalty, capfd):
    sc.solve(problem_of("1d", penalty), sc.ISTA(), tol=tol, max_iter=20, progress=True)
    assert "solve" in capfd.readouterr().err


def test_the_default_solver_certifies_what_is_asked():
    for penalty in ("L1", "NonnegativeL1", "ElasticNet", "GroupL1"):
        assert sc.solve(problem_of("2d", penalty)).relative_gap <= 1e-3


def test_a_start_is_where_the_run_starts():
    problem = small()
    first = sc.solve(problem, tol=1e-6)
    again = sc.solve(problem, start=first.codes, tol=1e-6)
    assert again.n_iter == 0
    assert np.array_equal(again.codes, first.codes)
    assert not np.shares_memory(again.codes, first.codes)
    strided = np.asfortranarray(first.codes)
    assert sc.solve(problem, start=strided, tol=1e-6).n_iter == 0


def test_an_infeasible_start_is_left_behind():
    problem = problem_of("1d", "NonnegativeL1")
    for solver in (sc.ISTA(), sc.FISTA(), sc.ADMM()):
        result = sc.solve(problem, solver, start=np.full(problem.codes_shape, -1.0), tol=1e-6)
        assert result.status is Status.CONVERGED
        assert result.codes.min() >= 0


# ---- path ----


def test_a_path_needs_fewer_iterations_than_cold_starts():
    problem = problem_of("2d", "L1")
    weights = sc.lambda_max(problem) * np.geomspace(0.9, 0.3, 12)
    options = {"tol": 1e-3, "check_every": 1}
    warm = sc.path(problem, weights, sc.FISTA(), **options)
    cold = [sc.solve(problem.with_penalty(sc.L1(w)), sc.FISTA(), **options) for w in weights]
    assert sum(r.n_iter for r in warm) < sum(r.n_iter for r in cold)
    for a, b in zip(warm, cold, strict=True):
        assert a.status is Status.CONVERGED
        assert a.objective == pytest.approx(b.objective, rel=2e-3)


def test_a_path_is_in_the_order_asked_for():
    problem = problem_of("1d", "L1", n_signals=1)
    weights = [0.3, 1.0, 0.1]
    results = sc.path(problem, weights, sc.ISTA(), tol=1e-7)
    assert len(results) == 3
    for weight, result in zip(weights, results, strict=True):
        expected = objective(problem.with_penalty(sc.L1(weight)), result.codes)
        assert result.objective == pytest.approx(expected, rel=1e-12)
    codes = [r.codes for r in results]
    assert not any(np.shares_memory(a, b) for a, b in pairwise(codes))


def test_a_path_keeps_the_proportions_of_several_weights():
    weight = np.array([1.0, 2.0, np.inf])
    problem = problem_of("1d", sc.L1(weight))
    (result,) = sc.path(problem, [0.5], tol=1e-9)
    direct = sc.solve(problem.with_penalty(sc.L1(0.25 * weight)), tol=1e-9)
    assert result.objective == pytest.approx(direct.objective, rel=2e-9)
    assert not result.codes[:, 2].any()


def test_a_path_may_start_from_given_codes():
    problem = problem_of("1d", "L1")
    solved = sc.solve(problem, tol=1e-8)
    (result,) = sc.path(problem, [problem.penalty.weight], start=solved.codes, tol=1e-7)
    assert result.n_iter == 0


# ---- encode ----

LAYOUTS = {
    # (signal, channels, kernel) -> codes, of 4 filters: the table in the docstring of `encode`
    "one, C = 1, 1d": ((20,), 1, (3,), (4, 20)),
    "one, C = 1, 2d": ((9, 10), 1, (3, 3), (4, 9, 10)),
    "one, C = 1, 3d": ((5, 6, 7), 1, (2, 2, 2), (4, 5, 6, 7)),
    "one, channels last, 1d": ((20, 2), 2, (3,), (20, 4)),
    "one, channels last, 2d": ((9, 10, 3), 3, (3, 3), (9, 10, 4)),
    "one, channels last, C = 1": ((9, 10, 1), 1, (3, 3), (9, 10, 4)),
    "one, channels first, 1d": ((2, 20), 2, (3,), (4, 20)),
    "one, channels first, 2d": ((3, 9, 10), 3, (3, 3), (4, 9, 10)),
    "batch, C = 1, 1d": ((5, 20), 1, (3,), (5, 4, 20)),
    "batch, C = 1, 2d": ((5, 9, 10), 1, (3, 3), (5, 4, 9, 10)),
    "batch, any C, 1d": ((5, 2, 20), 2, (3,), (5, 4, 20)),
    "batch, any C, 2d": ((5, 3, 9, 10), 3, (3, 3), (5, 4, 9, 10)),
    "batch, any C, C = 1": ((5, 1, 9, 10), 1, (3, 3), (5, 4, 9, 10)),
    "batch, any C, 3d": ((2, 2, 5, 6, 7), 2, (2, 2, 2), (2, 4, 5, 6, 7)),
    "batch, channels last, 1d": ((5, 20, 2), 2, (3,), (5, 20, 4)),
    "batch, channels last, 2d": ((5, 9, 10, 3), 3, (3, 3), (5, 9, 10, 4)),
    "fits both: one has channels last": ((3, 9, 3), 3, (3, 3), (3, 9, 4)),
    "fits both: a batch has channels first": ((5, 3, 9, 3), 3, (3, 3), (5, 4, 9, 3)),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=("float32", "float64"))
def test_every_layout_of_the_table_comes_back_as_it_went_in(layout, dtype):
    shape, n_channels, kernel, codes_shape = layout
    rng = np.random.default_rng(0)
    signal = rng.standard_normal(shape).astype(dtype)
    filters = rng.standard_normal((4, n_channels, *kernel)).astype(dtype)
    kept = signal.copy()
    encoding = sc.encode(signal, filters, weight_ratio=0.05)
    assert encoding.codes.shape == codes_shape
    assert encoding.reconstruction.shape == shape
    assert encoding.codes.dtype == encoding.reconstruction.dtype == dtype
    assert type(encoding.codes) is np.ndarray
    assert encoding.result.status is Status.CONVERGED
    assert np.array_equal(signal, kept)
    problem = encoding.problem
    core = problem.synthesize(encoding.result.codes)
    misfit = float(((core - problem.signal).astype(np.float64) ** 2).sum())
    same = float(((encoding.reconstruction - signal).astype(np.float64) ** 2).sum())
    assert same == pytest.approx(misfit, rel=1e-5)  # float32 sums in another order


def test_channels_last_and_first_have_the_same_codes():
    rng = np.random.default_rng(1)
    image, filters = rng.standard_normal((8, 9, 3)), rng.standard_normal((4, 3, 3, 3))
    mask = (rng.random(image.shape) > 0.2).astype(float)
    last = sc.encode(image, filters, 0.5, mask=mask, tol=1e-6)
    first = sc.encode(
        np.moveaxis(image, -1, 0), filters, 0.5, mask=np.moveaxis(mask, -1, 0), tol=1e-6
    )
    assert_close(np.moveaxis(last.codes, -1, 0), first.codes, slack=1e5)
    assert np.array_equal(np.moveaxis(last.problem.mask[0], 0, -1), mask)


def test_encode_is_pursuit_and_solve():
    rng = np.random.default_rng(2)
    image, filters = rng.standard_normal((8, 9)), rng.standard_normal((3, 1, 3, 3))
    encoding = sc.encode(image, filters, 0.7, padding="same", solver=sc.ISTA(), tol=1e-5)
    dictionary = sc.ConvDictionary(filters, padding="same")
    problem = sc.Pursuit(image[None, None], dictionary, sc.L1(0.7))
    direct = sc.solve(problem, sc.ISTA(), tol=1e-5)
    assert np.array_equal(encoding.codes, direct.codes[0])
    assert np.array_equal(encoding.reconstruction, dictionary.synthesize(direct.codes)[0, 0])
    given = sc.encode(image, dictionary, 0.7, solver=sc.ISTA(), tol=1e-5)
    assert np.array_equal(given.codes, encoding.codes)


def test_a_weight_ratio_is_a_fraction_of_lambda_max():
    rng = np.random.default_rng(3)
    image, filters = rng.standard_normal((8, 9)), rng.standard_normal((3, 1, 3, 3))
    encoding = sc.encode(image, filters, weight_ratio=0.25, penalty=sc.NonnegativeL1)
    largest = sc.lambda_max(encoding.problem)
    assert isinstance(encoding.problem.penalty, sc.NonnegativeL1)
    assert encoding.problem.penalty.weight == pytest.approx(0.25 * largest, rel=1e-12)
    assert not sc.encode(image, filters, weight_ratio=1.0).codes.any()
    net = sc.encode(image, filters, weight_ratio=0.5, penalty=lambda w: sc.ElasticNet(w, 0.1))
    assert net.problem.penalty.ridge == 0.1


def test_encode_of_a_signal_of_zeros_is_zeros():
    filters = np.ones((2, 1, 3))
    encoding = sc.encode(np.zeros(12), filters, weight_ratio=0.1)
    assert not encoding.codes.any()
    assert encoding.result.status is Status.CONVERGED


def test_a_script_prints_nothing_and_ends():
    script = """
        import numpy as np, sparsecsc as sc
        sc.encode(np.ones(16), np.ones((2, 1, 3)), 0.1)
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
