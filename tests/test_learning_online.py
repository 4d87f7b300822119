"""Online learning: what it minimises, and that it goes on where it was, bit for bit."""

import dataclasses
import json
import os
import signal as signals
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from checkers import assert_close
from learning_checks import check_allowed, check_recovered
from test_learning import GEOMETRIES, make, planted

import sparsecsc as sc
import sparsecsc.io
from sparsecsc.learning._quadratics import make_majoriser, make_quadratic
from sparsecsc.learning.update import point_at

FILTERS = sc.random_filters(3, 1, 8, rng=1)


def make_batches(n, length=120, seed=0):
    return list(np.random.default_rng(seed).standard_normal((n, 1, 1, length)))


def same(one, other):
    """Whether two states are equal in every bit, but for the seconds."""
    arrays = ("filters", "pairs", "correlation")
    return (
        all(np.array_equal(getattr(one, a), getattr(other, a)) for a in arrays)
        and one.energy == other.energy
        and one.objectives == other.objectives
    )


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_the_bound_touches_the_data_term_and_is_nowhere_below(name, mask):
    problem, codes = make(*GEOMETRIES[name], mask=mask)
    sparse = sc.SparseCodes.from_dense(codes)
    exact, bound = make_quadratic(problem, sparse), make_majoriser(problem, sparse)
    filters = problem.dictionary.filters
    here = point_at(exact, filters), point_at(bound, filters)
    assert_close(here[1].image - bound.correlation, here[0].image - exact.correlation)
    offset = here[1].value(bound) - here[0].value(exact)
    rng = np.random.default_rng(0)
    for size in (0.01, 0.3, 3.0):
        other = filters + size * rng.standard_normal(filters.shape)
        above = point_at(bound, other).value(bound) - offset
        assert above >= point_at(exact, other).value(exact) * (1 - 1e-9)


def test_the_sums_are_those_of_the_batches_discounted():
    batches = make_batches(3)
    quadratics = []
    filters = FILTERS
    for batch in batches:
        step = sc.learn_online([batch], filters, 0.5, tol=1e-4)
        quadratics.append(step.state)
        filters = sc.learn_online(
            batches[: len(quadratics)], FILTERS, 0.5, tol=1e-4, forgetting=2
        ).filters
    state = sc.learn_online(batches, FILTERS, 0.5, tol=1e-4, forgetting=2).state
    weights = [(1 / 2) ** 2 * (2 / 3) ** 2, (2 / 3) ** 2, 1.0]
    for name in ("pairs", "correlation", "energy"):
        parts = zip(weights, quadratics, strict=True)
        assert_close(getattr(state, name), sum(w * getattr(q, name) for w, q in parts))
    plain = sc.learn_online(batches, FILTERS, 0.5, forgetting=0).state
    assert plain.energy == pytest.approx(sum(0.5 * float((b**2).sum()) for b in batches))


def test_planted_filters_are_found_from_batches():
    truth, signal = planted((1, 1, 12000), (12,), 3, 0.006, 5)
    batches = [signal[..., k : k + 600] for k in range(0, 12000, 600)] * 3
    result = sc.learn_online(batches, sc.random_filters(6, 1, 20, rng=0), 0.1)
    assert result.status is sc.Status.RULE_MET
    check_recovered(truth, result.filters)
    check_allowed(result.filters)


@pytest.mark.parametrize("options", [{}, {"padding": "same"}, {"constraint": sc.UnitBall(True)}])
def test_in_parts_or_in_one_go_the_filters_are_the_same_bit_for_bit(options):
    rng = np.random.default_rng(3)
    batches = [(b, (rng.random(b.shape) > 0.2).astype(float)) for b in make_batches(7)]
    whole = sc.learn_online(batches, FILTERS, 0.5, **options)
    state = None
    for stop in (2, 3, 7):
        state = sc.learn_online(batches[:stop], FILTERS, 0.5, start=state, **options).state
    assert same(state, whole.state)
    other = sc.learn_online(batches[::-1], FILTERS, 0.5, **options)
    assert not same(other.state, whole.state)


class Batches:
    """Batches that end the process, or interrupt it, when they are asked for one of them."""

    def __init__(self, n, stop=None):
        self.batches, self.stop = make_batches(n), stop

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, t):
        if t == self.stop:
            raise KeyboardInterrupt
        return self.batches[t]


def test_ctrl_c_keeps_the_last_complete_batch():
    result = sc.learn_online(Batches(6, stop=4), FILTERS, 0.5)
    assert result.status is sc.Status.INTERRUPTED
    assert same(result.state, sc.learn_online(make_batches(4), FILTERS, 0.5).state)
    rest = sc.learn_online(Batches(6), FILTERS, 0.5, start=result.state)
    assert same(rest.state, sc.learn_online(Batches(6), FILTERS, 0.5).state)
    with pytest.raises(KeyboardInterrupt):
        sc.learn_online(Batches(6, stop=0), FILTERS, 0.5)


def test_budgets_and_callbacks_end_learning_between_batches():
    timed = sc.learn_online(Batches(6), FILTERS, 0.5, max_seconds=1e-9)
    assert timed.status is sc.Status.MAX_SECONDS
    assert timed.state.n_batches == 1
    told = sc.learn_online(Batches(6), FILTERS, 0.5, callback=lambda s: s.n_batches == 3)
    assert told.status is sc.Status.INTERRUPTED
    assert told.state.n_batches == 3
    assert told.state.seconds > 0


def test_a_killed_process_goes_on_from_its_checkpoint_bit_for_bit(tmp_path):
    path = tmp_path / "online.npz"
    script = f"""
        import os, signal, sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import sparsecsc as sc, sparsecsc.io
        from test_learning_online import Batches, FILTERS
        save = sc.io.online_checkpoint({str(path)!r}, seconds=0)
        def callback(state):
            save(state)
            if state.n_batches == 3:
                os.kill(os.getpid(), signal.SIGKILL)
        sc.learn_online(Batches(6), FILTERS, 0.5, callback=callback)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert done.returncode == -signals.SIGKILL
    state, _ = sc.io.load_online(path)
    assert state.n_batches == 3
    resumed = sc.learn_online(Batches(6), FILTERS, 0.5, start=state)
    assert same(resumed.state, sc.learn_online(Batches(6), FILTERS, 0.5).state)
    assert os.listdir(tmp_path) == ["online.npz"]


def test_filters_that_no_code_has_used_are_given_a_patch():
    start = FILTERS.copy()
    start[1] *= 1e-4
    result = sc.learn_online(make_batches(4), start, 0.5)
    assert result.state.idle == ()
    assert np.linalg.norm(result.filters[1]) > 0.5


def test_the_checkpoint_keeps_parameters_and_waits(tmp_path):
    path = tmp_path / "online.npz"
    save = sc.io.online_checkpoint(path, seconds=1000, parameters={"weight": 0.5})
    sc.learn_online(make_batches(3), FILTERS, 0.5, callback=save)
    state, parameters = sc.io.load_online(path)
    assert state.n_batches == 1
    assert parameters == {"weight": 0.5}
    with pytest.raises(ValueError, match="`seconds` must be"):
        sc.io.online_checkpoint(path, seconds=-1)


def test_wrong_files_get_one_clear_error(tmp_path):
    path = tmp_path / "online.npz"
    state = sc.learn_online(make_batches(1), FILTERS, 0.5).state
    sc.io.save_online(path, state)
    with np.load(path) as file:
        members = dict(file)

    def write(**changed):
        chosen = {k: v for k, v in (members | changed).items() if v is not None}
        np.savez(path, **chosen)

    wrong = {
        "its part 'pairs' is missing": {"pairs": None},
        "its pairs do not fit": {"pairs": state.pairs[:2]},
        "its correlation do not fit": {"correlation": np.full(FILTERS.shape, np.nan)},
        "its energy do not fit": {"energy": np.zeros(2)},
        "its filters are not finite": {"filters": np.full(FILTERS.shape, np.nan)},
        "not written by sparsecsc": {"header": np.array("{}")},
        "format version 1": {
            "header": np.array(json.dumps({"format": "sparsecsc-online", "format_version": 2}))
        },
    }
    for match, changed in wrong.items():
        write(**changed)
        with pytest.raises(ValueError, match=match):
            sc.io.load_online(path)
    np.savez(path, **(members | {"energy": np.array([{}], object)}))
    with pytest.raises(ValueError, match="pickled objects are never loaded"):
        sc.io.load_online(path)
    with pytest.raises(FileNotFoundError, match="checkpoint of online learning"):
        sc.io.load_online(tmp_path / "none.npz")
    with pytest.raises(ValueError, match="JSON"):
        sc.io.save_online(path, state, parameters={"weight": float("nan")})


BATCHES = make_batches(2)
STATE = sc.learn_online(BATCHES, FILTERS, 0.5).state


@pytest.mark.parametrize(
    ("batches", "options", "error", "match"),
    [
        (iter(BATCHES), {}, TypeError, "`batches` must be a sequence"),
        ([], {}, ValueError, "`batches` must not be empty"),
        ([BATCHES[0][0]], {}, ValueError, "`signal` must have axes"),
        ([BATCHES[0].astype(np.float32)], {}, TypeError, "one kind and one dtype"),
        (BATCHES, {"forgetting": -1}, ValueError, "`forgetting` must be"),
        (BATCHES, {"forgetting": np.inf}, ValueError, "`forgetting` must be"),
        (BATCHES, {"tol": -1}, ValueError, "`tol` must be"),
        (BATCHES, {"max_seconds": 0}, ValueError, "`max_seconds` must be"),
        (BATCHES, {"callback": 1}, TypeError, "function of one OnlineState"),
        (BATCHES, {"constraint": 1}, TypeError, "lacks project"),
        (BATCHES, {"start": 1}, TypeError, "`start` must be an OnlineState"),
        (BATCHES[:1], {"start": STATE}, ValueError, "at most 1 batches"),
        (
            BATCHES,
            {"start": dataclasses.replace(STATE, filters=FILTERS[:2])},
            ValueError,
            "`start` must be of filters",
        ),
    ],
)
def test_wrong_arguments_get_one_clear_error(batches, options, error, match):
    with pytest.raises(error, match=match):
        sc.learn_online(batches, FILTERS, 0.5, **options)


def test_too_large_a_table_is_refused():
    with pytest.raises(ValueError, match="at most 256 MB"):
        sc.learn_online([np.zeros((1, 1, 4000))], np.ones((200, 1, 2000)), 0.5)
