"""Benchmarks: the numbers are those of the records, and what is wrong is caught."""

import dataclasses
import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import reference

import sparsecsc as sc
from oracles import require_torch
from sparsecsc.bench import (
    cases,
    filters,
    images,
    records,
    rivals_lasso,
    roster,
    scoring,
    session,
    summary,
    tables,
    timing,
)
from sparsecsc.bench.data import Data
from sparsecsc.bench.ours import LAYERED, SINGLE
from sparsecsc.bench.protocol import Snapshot
from sparsecsc.cli import main

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
EPS = float(np.finfo(np.float64).eps)
TINY = "camera24_dct3x3_r0.2"
PLAN = session.Plan(
    solvers=("CoordinateDescent", "FISTA"),
    repeats=2,
    target=1e-3,
    tol=1e-2,
    seconds=5.0,
    optimum_tol=1e-6,
    optimum_seconds=20.0,
)


def ignore(_):
    """Say nothing."""


def random_data(*, circular, n_channels, sizes, kernel, seed=0):
    rng = np.random.default_rng(seed)
    bank = rng.standard_normal((3, n_channels, *kernel))
    data = Data(rng.standard_normal((1, n_channels, *sizes)), bank, 0.3, circular=circular)
    codes = rng.standard_normal(data.codes_shape) * (rng.random(data.codes_shape) < 0.3)
    return data, codes


# ---- the objective, outside of every solver ----


@pytest.mark.parametrize("circular", [True, False])
@pytest.mark.parametrize(
    ("n_channels", "sizes", "kernel"),
    [(1, (30,), (5,)), (2, (9, 10), (3, 2)), (1, (5, 6, 7), (2, 3, 2))],
)
def test_the_objective_is_that_of_an_outside_computation(circular, n_channels, sizes, kernel):
    data, codes = random_data(circular=circular, n_channels=n_channels, sizes=sizes, kernel=kernel)
    expected = reference.objective(data.problem(), codes)
    assert abs(scoring.objective(data, codes) - expected) <= 100 * EPS * expected


def test_the_command_measures_the_cpu_and_says_where_a_card_is_measured(tmp_path, capsys):
    assert main(["bench", "--device", "gpu", "--out", str(tmp_path)]) == 2
    assert "--device must be auto or cpu" in capsys.readouterr().err


def test_float32_data_are_judged_in_float64():
    data, codes = random_data(circular=True, n_channels=1, sizes=(40,), kernel=(6,))
    narrow = dataclasses.replace(
        data, signal=data.signal.astype("float32"), filters=data.filters.astype("float32")
    )
    wide = dataclasses.replace(
        narrow, signal=narrow.signal.astype("float64"), filters=narrow.filters.astype("float64")
    )
    codes = codes.astype("float32")
    expected = reference.objective(wide.problem(), codes.astype("float64"))
    assert abs(scoring.objective(narrow, codes) - expected) <= 100 * EPS * expected


def test_the_objective_of_several_layers_is_pytorchs():
    torch = require_torch()
    data = cases.find("camera24_mlcsc3_r0.05").data()
    rng = np.random.default_rng(0)
    codes = rng.standard_normal(data.problem().shapes[-1])
    image, total = torch.from_numpy(codes), data.weights[-1] * float(np.abs(codes).sum())
    for i in range(len(data.banks) - 1, -1, -1):
        bank = torch.from_numpy(data.banks[i].astype(np.float64))
        image = torch.nn.functional.conv_transpose2d(image, bank, padding=1)
        total += data.weights[i - 1] * float(image.abs().sum()) if i else 0.0
    total += 0.5 * float(((image.numpy() - data.signal.astype(np.float64)) ** 2).sum())
    assert abs(scoring.objective(data, codes) - total) <= 1000 * EPS * total


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda z: z[:, :-1], "codes must have the shape"),
        (lambda z: np.where(z == z.flat[0], np.nan, z), "codes must be finite"),
        (lambda z: -np.abs(z) - 1, "codes must not be negative"),
    ],
)
def test_codes_that_are_none_are_refused(change, message):
    data, codes = random_data(circular=True, n_channels=1, sizes=(20,), kernel=(4,))
    data = dataclasses.replace(data, nonnegative=True)
    with pytest.raises(ValueError, match=message):
        scoring.objective(data, change(np.abs(codes)))


def test_the_matrix_of_the_lasso_solvers_is_the_dictionary():
    for circular in (True, False):
        data, codes = random_data(circular=circular, n_channels=2, sizes=(7, 8), kernel=(3, 2))
        image = rivals_lasso.dictionary_matrix(data) @ codes.ravel()
        expected = scoring.synthesis(data, codes).ravel()
        assert np.abs(image - expected).max() <= 100 * EPS * np.abs(expected).max()


# ---- problems ----


@pytest.mark.parametrize("name", cases.SHIPPED)
def test_shipped_problems_need_nothing_that_is_not_installed_and_are_the_same_each_time(name):
    case = cases.find(name)
    assert case.missing() is None
    one, two = case.data(), case.data()
    assert np.array_equal(one.signal, two.signal)
    assert one.signal.dtype == case.dtype
    weights = np.ravel(getattr(one, "weights", getattr(one, "weight", None)))
    assert np.all(weights > 0)


def test_a_weight_after_an_r_is_a_part_of_lambda_max():
    data = cases.find("camera24_dct3x3_r1").data()
    result = sc.solve(data.problem(np.float64), tol=1e-9)
    assert not np.any(scoring.dense(result.codes))
    data = cases.find("camera24_dct3x3_r0.9").data()
    assert np.any(scoring.dense(sc.solve(data.problem(np.float64), tol=1e-9).codes))


def test_a_small_picture_continues_as_its_mirror_image():
    whole, large = images.picture("coffee", 400), images.picture("coffee", 1024)
    assert large.shape == (1, 1, 1024, 1024)
    assert np.array_equal(large[0, 0, 399], large[0, 0, 400])
    assert np.array_equal(large[0, 0, :400, 700], large[0, 0, 799:399:-1, 700])
    assert whole.min() >= 0
    assert whole.max() <= 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("camera", "a problem must be SIGNAL with its size"),
        ("nothing64_dct8x8_0.1", "a problem must be SIGNAL with its size"),
        ("camera64_tones64_r0.1", "filters of 1 axes do not fit the signal"),
        ("snare-rgb999_tones64_r0.1", "-rgb is for photographs"),
        ("camera64_dct8x8_r2", "at most 1 in units of lambda_max"),
        ("camera64_mlcsc2_0.1", "write r0.01"),
        ("camera8_dct8x8_r0.1", "the size must be at least 16"),
    ],
)
def test_an_impossible_problem_is_refused(name, message):
    with pytest.raises(ValueError, match=message):
        cases.find(name)


def test_filters_that_there_are_not_are_refused():
    with pytest.raises(ValueError, match="filters must be one of dct"):
        filters.named_filters("nothing8x8")


def test_what_comes_with_an_absent_package_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert "sporco, which is not installed" in filters.missing("learned8x8x64")
    assert "scikit-image, which is not installed" in images.missing("astronaut")
    with pytest.raises(ValueError, match="must come with sporco"):
        filters.named_filters("learned8x8x64")
    with pytest.raises(FileNotFoundError, match="comes with scikit-image"):
        images.photograph("astronaut", 64)


# ---- runs ----


def test_a_solver_in_float64_is_left_out_where_the_problem_is_that_already():
    single, double = (cases.find(name).data() for name in (TINY, "planted500_random8x3_r0.1"))
    assert [str(data.signal.dtype) for data in (single, double)] == ["float32", "float64"]
    plain, wide = (
        roster.roster()[name][0] for name in ("CoordinateDescent", "CoordinateDescent float64")
    )
    assert plain.unsuited(single) is None
    assert plain.unsuited(double) is None
    assert wide.unsuited(single) is None
    assert "is the same as in float64" in wide.unsuited(double)


@pytest.mark.parametrize("runner", [*SINGLE, *LAYERED], ids=lambda r: r.name)
def test_our_runners_take_their_problems_and_refuse_the_others(runner):
    single, layered = cases.find(TINY).data(), cases.find("camera24_mlcsc2_r0.1").data()
    own, other = (layered, single) if runner in LAYERED else (single, layered)
    assert runner.unsuited(own) is None
    assert "for" in runner.unsuited(other)
    trace = timing.scored_run(runner, own, timing.Limits(seconds=2.0, iterations=400))
    shape = own.problem().codes_shape if own is single else own.problem().shapes[-1]
    start = scoring.objective(own, np.zeros(shape))
    assert trace.objectives[-1] < start
    assert list(trace.seconds) == sorted(trace.seconds)


class Liar:
    """Says that its objective is half of what it is."""

    name = "Liar"

    def __init__(self, factor=0.5):
        self.factor = factor
        self.settings = {}

    def unsuited(self, _):
        return None

    def iterates(self, data, stops):
        codes = np.zeros(data.codes_shape)
        value = scoring.objective(data, codes)
        for stop in stops:
            yield Snapshot(stop, lambda: codes, claimed=lambda: self.factor * value)


def test_a_solver_that_lies_about_its_objective_is_caught():
    data = cases.find(TINY).data()
    limits = timing.Limits(seconds=1.0, iterations=3)
    with pytest.raises(timing.DishonestError, match="says that its objective is"):
        timing.scored_run(Liar(), data, limits)
    assert len(timing.scored_run(Liar(1.0), data, limits).seconds) == 3


def test_an_objective_below_the_certified_bound_is_caught():
    data = cases.find(TINY).data()
    value = scoring.objective(data, np.zeros(data.codes_shape))
    with pytest.raises(timing.DishonestError, match="is below the certified bound"):
        timing.scored_run(Liar(1.0), data, timing.Limits(1.0), lower_bound=1.01 * value)


def test_the_clock_stands_still_while_iterates_are_judged(monkeypatch):
    data = cases.find(TINY).data()
    limits = timing.Limits(seconds=5.0, iterations=3)
    ticks = iter(range(10**6))
    monkeypatch.setattr(timing.time, "perf_counter", lambda: float(next(ticks)))
    judged = timing.objective

    def slow(*words):
        for _ in range(100):
            next(ticks)
        return judged(*words)

    monkeypatch.setattr(timing, "objective", slow)
    trace = timing.scored_run(SINGLE[2], data, limits)
    assert trace.seconds == (1.0, 2.0, 3.0)


# ---- sessions and records ----


@pytest.fixture
def measured(tmp_path):
    path = tmp_path / "results.jsonl"
    session.run([cases.find(TINY)], PLAN, path, ignore)
    return path


def test_a_session_certifies_the_optimum_and_measures_every_solver(measured):
    found, n_broken = records.read(measured)
    assert n_broken == 0
    (one,) = summary.summarise(found)
    assert one.gap <= 1e-6
    assert [row.solver for row in one.rows] == list(PLAN.solvers)
    for row in one.rows:
        assert row.n_repeats == 2
        assert 0 < row.to(1e-2) <= row.to(1e-3)
        assert row.iterations_to(1e-3) >= 1
        assert row.certified[1e-3] is None or row.certified[1e-3] > 0
        assert min(row.suboptimality) >= 0


def test_a_session_that_was_cut_off_goes_on_where_it_was(measured):
    lines = measured.read_bytes().splitlines(keepends=True)
    measured.write_bytes(b"".join(lines[:-3]) + lines[-3][:40])  # the last one is half written
    kept, n_broken = records.read(measured)
    assert n_broken == 1
    session.run([cases.find(TINY)], PLAN, measured, ignore)
    found, n_broken = records.read(measured)
    assert n_broken == 1
    assert found[: len(kept)] == kept
    assert len(found) == len(lines)
    size = measured.stat().st_size
    session.run([cases.find(TINY)], PLAN, measured, ignore)
    assert measured.stat().st_size == size


def test_ours_are_measured_anew_when_the_code_has_changed(measured, monkeypatch):
    before = len(records.read(measured)[0])
    monkeypatch.setattr("sparsecsc.bench.machine.source", lambda: "changed")
    monkeypatch.setattr(session, "OURS", ("CoordinateDescent",))  # FISTA stands for a rival
    session.run([cases.find(TINY)], PLAN, measured, ignore)
    new = records.read(measured)[0][before:]
    ours = [r for r in new if r["solver"] == "CoordinateDescent"]
    assert {r["kind"] for r in ours} == {"scored", "timed", "certified"}
    assert all(r["source"] == "changed" for r in ours)
    (one,) = summary.summarise(records.read(measured)[0])
    assert one.row("CoordinateDescent").n_repeats == PLAN.repeats


def test_other_limits_are_measured_anew(measured):
    before = len(records.read(measured)[0])
    session.run([cases.find(TINY)], dataclasses.replace(PLAN, target=1e-2), measured, ignore)
    assert len(records.read(measured)[0]) > before


RUBBISH = [b"{", b"\xff\xfe\x00", b"[1, 2]", b'{"format": 99, "kind": "x"}']


@pytest.mark.parametrize("rubbish", RUBBISH)
def test_lines_that_cannot_be_read_are_counted_and_passed_over(tmp_path, rubbish):
    path = tmp_path / "results.jsonl"
    records.append(path, {"kind": "optimum", "problem": "a"})
    with open(path, "ab") as stream:
        stream.write(rubbish)
    records.append(path, {"kind": "optimum", "problem": "b"})
    found, n_broken = records.read(path)
    assert [r["problem"] for r in found] == ["a", "b"]
    assert n_broken == 1


def test_a_dishonest_solver_is_not_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "roster", lambda: {"Liar": [Liar()], "FISTA": [SINGLE[2]]})
    path = tmp_path / "results.jsonl"
    plan = dataclasses.replace(PLAN, solvers=("Liar", "FISTA"), tol=0.0)
    session.run([cases.find(TINY)], plan, path, ignore)
    (one,) = summary.summarise(records.read(path)[0])
    assert "says that its objective is" in one.row("Liar").dishonest
    assert one.row("Liar").to(1e-2) is None
    assert one.row("FISTA").to(1e-2) > 0
    assert "not counted: Liar says" in tables.problem_table(one)
    assert summary.speedup(one, 1e-2, "FISTA", ["Liar"]) is None


def test_a_rival_that_is_not_installed_is_reported_absent(tmp_path, monkeypatch):
    monkeypatch.setattr("sparsecsc.bench.rivals_sporco.importlib.util.find_spec", lambda _: None)
    said = []
    path = tmp_path / "results.jsonl"
    plan = dataclasses.replace(PLAN, solvers=("FISTA", "SPORCO ADMM", "alphacsc LGCD"))
    session.run([cases.find(TINY)], plan, path, said.append)
    (one,) = summary.summarise(records.read(path)[0])
    assert one.absent["SPORCO ADMM"] == "sporco is not installed"
    assert "| SPORCO ADMM | absent: sporco is not installed |" in tables.problem_table(one)
    assert any("sporco is not installed" in line for line in said)


def test_the_numbers_of_the_table_are_those_of_the_records(tmp_path):
    path = tmp_path / "results.jsonl"
    machine = {"versions": {"python": "3"}, "processor": "P", "threads": 2, "load_average": 0.5}
    common = {"problem": "p", "machine": machine, "target": 1e-3, "tol": 1e-3, "limit_seconds": 9.0}
    best = {"objective": 100.0, "relative_gap": 1e-9, "nonzeros": 1, "codes": 50}
    records.append(path, {"kind": "optimum", "solver": "", **common, **best})
    for name, scale in (("ours", 1.0), ("rival", 30.0)):
        run = {"solver": name, **common}
        objectives = [110.0, 100.9, 100.0999]
        scored = {"iterations": [1, 2, 3], "seconds": [9, 9, 9], "objectives": objectives}
        records.append(path, {"kind": "scored", "settings": {}, **run, **scored})
        for repeat, late in enumerate((1.0, 5.0, 2.0)):
            seconds = [scale * late * s for s in (0.1, 0.2, 0.3)]
            records.append(path, {"kind": "timed", "repeat": repeat, "seconds": seconds, **run})
    (one,) = summary.summarise(records.read(path)[0])
    ours = one.row("ours")
    assert ours.seconds == pytest.approx((0.2, 0.4, 0.6))  # medians over the repeats
    assert (ours.to(1e-2), ours.iterations_to(1e-2)) == (pytest.approx(0.4), 2)
    assert ours.to(1e-4) is None
    assert summary.speedup(one, 1e-2, "ours", ["rival"]) == (pytest.approx(30.0), False)
    lines = tables.problem_table(one).splitlines()
    assert lines[0] == "| solver | 1e-2 | 1e-3 | iterations | reached | repeats |"
    assert lines[2] == "| ours | 0.4 | 0.6 | 3 | 1e-3 in 0.6 s | 3 |"
    text = tables.ratio_table([one], "ours", ["rival"], (1e-2, 1e-3, 1e-4))
    assert "| p | 30.0 | 30.0 |  |" in text
    assert "| median | 30.0 | 30.0 |  |" in text


def test_a_rival_that_was_given_up_gives_a_lower_bound(tmp_path):
    test_the_numbers_of_the_table_are_those_of_the_records(tmp_path)
    (one,) = summary.summarise(records.read(tmp_path / "results.jsonl")[0])
    slow = dataclasses.replace(one.row("rival"), suboptimality=(0.5, 0.4, 0.3))
    one = dataclasses.replace(one, rows=(one.row("ours"), slow))
    assert summary.speedup(one, 1e-2, "ours", ["rival"]) == (pytest.approx(18.0 / 0.4), True)
    assert tables.ratio(45.0, True) == "> 45.0"


# ---- rivals, where they are installed ----


RIVALS = [name for name in roster.roster() if name not in roster.OURS]


@pytest.mark.parametrize("name", RIVALS)
def test_a_rival_solves_the_same_problem(name):
    problem = {"al": "planted600_random16x4_r0.2", "to": "camera24_mlcsc1_r0.2"}.get(name[:2], TINY)
    data = cases.find(problem).data()
    (runner, *_) = roster.roster()[name]
    reason = runner.unsuited(data)
    if reason is not None:
        pytest.skip(reason)
    best = sc.solve(data.problem(np.float64), tol=1e-9, max_iter=10**5)
    limits = timing.Limits(seconds=20.0, objective=best.objective * (1 + 1e-4), iterations=2000)
    trace = timing.scored_run(runner, data, limits, best.objective - best.gap)
    assert trace.objectives[-1] <= limits.objective


# ---- the command ----


def command(tmp_path, *words):
    return main(["bench", TINY, "--out", str(tmp_path / "out"), "--repeats", "1", *words])


def test_the_command_writes_records_table_and_picture_and_goes_on(tmp_path, capsys):
    words = ("--solvers", "cd,fista", "--tol", "1e-2", "--seconds", "2")
    assert command(tmp_path, *words) == 0
    first = capsys.readouterr()
    out = tmp_path / "out"
    names = {"results.jsonl", "table.md", f"{TINY}.png"}
    assert {file.name for file in out.iterdir()} == names
    assert "| CoordinateDescent |" in (out / "table.md").read_text()
    assert "| CoordinateDescent |" in first.out
    assert "FISTA, judged" in first.err
    size = (out / "results.jsonl").stat().st_size
    assert command(tmp_path, *words) == 0
    assert "on file" in capsys.readouterr().err
    assert (out / "results.jsonl").stat().st_size == size


def test_the_command_lists_problems_and_solvers(capsys):
    assert main(["bench", "--list"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in (*cases.SHIPPED, *cases.ALIASES, "sporco-admm"))


def test_the_command_tells_of_lines_it_cannot_read(tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "results.jsonl").write_text("half a li")
    words = ("--solvers", "fista", "--tol", "1e-2", "--seconds", "1")
    assert command(tmp_path, *words) == 0
    assert "1 lines cannot be read" in capsys.readouterr().err


def test_an_interrupted_command_writes_what_there_is(tmp_path, monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(session.Session, "_certified", interrupt)
    assert command(tmp_path, "--solvers", "fista", "--seconds", "1", "--tol", "1e-2") == 1
    assert "goes on where it was" in capsys.readouterr().err
    assert "| FISTA |" in (tmp_path / "out" / "table.md").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing"], "a problem must be SIGNAL"),
        ([TINY, "--solvers", "nothing"], "--solvers must be names with commas between"),
        ([TINY, "--repeats", "0"], "must be an integer >= 1; got '0'"),
        ([TINY, "--tol", "2"], "must be a number > 0 and <= 0.1; got '2'"),
        ([TINY, "--seconds", "-1"], "must be a number > 0"),
        ([TINY, "--wrong"], "unrecognized arguments: --wrong"),
    ],
)
def test_misuse_of_the_command_is_one_clear_line(words, message, capsys):
    assert main(["bench", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_a_file_in_the_place_of_the_folder_is_misuse(tmp_path, capsys):
    (tmp_path / "out").write_text("a file")
    assert command(tmp_path) == 2
    assert "--out must be a folder" in capsys.readouterr().err


def test_a_problem_whose_parts_are_not_installed_is_misuse(monkeypatch, capsys):
    monkeypatch.setattr("sparsecsc.bench.filters._stored", lambda: None)
    assert main(["bench", "A"]) == 2
    assert 'pip install "sparsecsc[bench]"' in capsys.readouterr().err


def test_records_are_json_without_infinities(measured):
    for line in measured.read_text().splitlines():
        assert json.loads(line)["format"] == records.VERSION
        assert "Infinity" not in line
        assert "NaN" not in line


# ---- the scripts ----


@pytest.fixture
def report(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("report")


def test_the_results_page_has_the_records_numbers_and_where_we_lose(report, tmp_path, measured):
    measured.rename(tmp_path / "layers.jsonl")
    text = report.page(tmp_path, tmp_path / "images")
    (one,) = summary.summarise(records.read(tmp_path / "layers.jsonl")[0])
    assert tables.problem_table(one) in text
    assert "In none of the records above was a rival" in text
    assert (tmp_path / "images" / f"results_{TINY}.png").exists()
    slow = one.row("FISTA")
    fast = dataclasses.replace(slow, solver="Rival", seconds=tuple(0 for _ in slow.seconds))
    lost = dataclasses.replace(one, rows=(slow, fast))
    rows = report.losses([lost])
    assert [TINY, "1e-2", "Rival", "0", f"{slow.to(1e-2):.3g}"] in rows


def test_a_page_without_records_is_a_head_alone(report, tmp_path):
    assert report.page(tmp_path, tmp_path).strip() == report.HEAD.strip()


def test_the_results_page_is_that_of_the_records_that_are_kept(report, tmp_path):
    text = report.page(BENCHMARKS / "results", tmp_path)
    assert text == (BENCHMARKS.parent / "docs" / "results.md").read_text(encoding="utf-8")
    assert text != report.page(tmp_path, tmp_path)


def test_records_are_kept_unchanged_and_only_those_of_the_page(report, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "memory.jsonl").write_bytes(b"{}\n")
    (folder / "other.jsonl").write_bytes(b"{}\n")
    report.keep(folder, tmp_path / "kept")
    report.keep(tmp_path / "kept", tmp_path / "kept")
    assert [file.name for file in (tmp_path / "kept").iterdir()] == ["memory.jsonl"]
    assert (tmp_path / "kept" / "memory.jsonl").read_bytes() == b"{}\n"


def test_part_of_a_script_leaves_the_other_records(monkeypatch, tmp_path, capsys):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    child = importlib.import_module("child")
    monkeypatch.setattr(child, "OUT", tmp_path)
    first = [{"problem": name, "solver": "S", "peak_mb": 1} for name in "ab"]
    child.publish("memory", first)
    child.publish("memory", [{"problem": "b", "solver": "S", "peak_mb": 2}])
    lines = [json.loads(line) for line in (tmp_path / "memory.jsonl").read_text().splitlines()]
    assert [(line["problem"], line["peak_mb"]) for line in lines] == [("a", 1), ("b", 2)]
    assert all("versions" in line["machine"] for line in lines)
    assert len(capsys.readouterr().out.splitlines()) == 3


SCRIPTS = sorted({"photographs", "one_dimension", "layers", "first_call", "threads", "memory"})


@pytest.mark.parametrize("script", [*SCRIPTS, "large_image", "scaling", "child", "report"])
def test_a_script_says_what_it_takes(script, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    with pytest.raises(SystemExit, match="0"):
        importlib.import_module(script).main()
    assert "usage:" in capsys.readouterr().out


@pytest.mark.parametrize("script", ["photographs", "one_dimension", "layers"])
def test_the_problems_of_a_script_are_problems(script, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = importlib.import_module(script)
    names = {
        "photographs": lambda: module.grid([512, 1024], module.PHOTOGRAPHS),
        "one_dimension": lambda: [*module.LONG, *module.SHORT],
        "layers": lambda: [f"camera48_{model}_r0.01" for model in module.MODELS],
    }[script]()
    for name in names:
        cases.find(name)
    assert len(set(names)) == len(names)
    if script == "photographs":
        assert {cases.ALIASES[alias] for alias in "ABCE"} <= set(names)
