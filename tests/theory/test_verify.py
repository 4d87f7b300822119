"""The runner of claims: it counts, remembers, goes on after a cut, and says no."""

import dataclasses
import importlib.util
import json
import math
import re

import numpy as np
import pytest

from sparsecsc import _plot_verify
from sparsecsc.bench import records
from sparsecsc.cli import main
from sparsecsc.theory import sweeps, verify
from sparsecsc.theory.claim import Claim, run_trial

HOLDS = Claim(
    id="T1-mean",
    title="A mean is at most the maximum",
    statement="The mean of numbers is at most the largest.",
    formula=r"\bar x \le \max x",
    source="derived here",
    provenance="D",
    draw=lambda rng: rng.random(5),
    margins=lambda x: {"spread": float(np.ptp(x))},
    measure=lambda x: float(x.mean()),
    bound=lambda x: float(x.max()),
)
VIOLATED = dataclasses.replace(HOLDS, id="T1-half", bound=lambda x: 0.6 * float(x.max()))
NEVER = dataclasses.replace(HOLDS, id="T2-never", margins=lambda x: {"spread": -1.0})
BROKEN = dataclasses.replace(HOLDS, id="T3-broken", measure=lambda x: math.nan)
INFINITE = dataclasses.replace(HOLDS, id="T4-zero", bound=lambda x: 0.0)
KNOWN = {"means": (HOLDS, VIOLATED), "others": (NEVER, BROKEN, INFINITE)}


@pytest.fixture
def toys(monkeypatch):
    monkeypatch.setattr(verify, "families", lambda: KNOWN)


def command(tmp_path, *words):
    return main(["verify", *words, "--no-figures", "--out", str(tmp_path / "out")])


def report(tmp_path):
    return json.loads((tmp_path / "out" / "verify.json").read_text())


# ---- trials ----


def test_a_run_counts_trials_violations_and_ratios():
    held, violated, never = verify.verify([HOLDS, VIOLATED, NEVER], trials=10)
    ratios = [run_trial(HOLDS, seed).ratio for seed in range(10)]
    assert held.ratios == tuple(ratios)
    assert (held.trials, held.in_force, held.violations) == (10, 10, 0)
    assert held.worst_ratio == max(ratios)
    assert held.tightest_seed == int(np.argmax(ratios))
    assert held.median_ratio == pytest.approx(np.median(ratios))
    assert (held.verdict, held.holds) == ("holds", True)
    assert violated.violations > 0
    first = next(seed for seed in range(10) if run_trial(VIOLATED, seed).violated)
    assert violated.counterexample_seed == first
    assert (violated.verdict, violated.holds) == ("VIOLATED", False)
    assert never.in_force == 0
    assert math.isnan(never.worst_ratio)
    assert (never.verdict, never.holds) == ("never in force", False)


def test_a_bound_of_zero_that_is_exceeded_is_a_violation():
    (summary,) = verify.verify([INFINITE], trials=2)
    assert summary.violations == 2
    assert summary.worst_ratio == math.inf


def test_the_seed_makes_other_trials_which_are_the_same_again():
    runs = [next(verify.verify([HOLDS], trials=5, seed=seed)).ratios for seed in (1, 1, 2)]
    assert runs[0] == runs[1]
    assert not set(runs[0]) & set(runs[2])
    assert runs[0][3] == run_trial(HOLDS, verify.SEEDS_APART + 3).ratio


def test_an_experiment_that_fails_names_claim_and_seed():
    with pytest.raises(RuntimeError, match=r"claim T3-broken failed at seed 0: .*must be numbers"):
        next(verify.verify([BROKEN], trials=1))


# ---- records ----


def test_a_run_that_was_cut_off_goes_on_and_finds_the_same(tmp_path):
    file, whole = tmp_path / "cut.jsonl", tmp_path / "whole.jsonl"
    calls = []

    def counted(x):
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return float(x.mean())

    claims = [dataclasses.replace(HOLDS, measure=counted), INFINITE]
    with pytest.raises(KeyboardInterrupt):
        list(verify.verify(claims, trials=10, file=file))
    assert len(records.read(file)[0]) == 7
    with file.open("ab") as stream:
        stream.write(b'{"half": "a li')
    again = list(verify.verify(claims, trials=10, file=file))
    assert len(calls) == 8 + 3
    found = list(verify.verify([HOLDS, INFINITE], trials=10, file=whole))
    assert [dataclasses.replace(s, seconds=0.0) for s in again] == [
        dataclasses.replace(s, seconds=0.0) for s in found
    ]


def test_trials_of_another_state_of_the_package_are_run_again(tmp_path, monkeypatch):
    file = tmp_path / "trials.jsonl"
    list(verify.verify([HOLDS], trials=3, file=file))
    list(verify.verify([HOLDS], trials=3, file=file))
    assert len(records.read(file)[0]) == 3
    monkeypatch.setattr(verify, "fingerprint", lambda: "another")
    list(verify.verify([HOLDS], trials=3, file=file))
    assert len(records.read(file)[0]) == 6


def test_a_trial_comes_back_from_its_record_as_it_was(tmp_path):
    file = tmp_path / "trials.jsonl"
    list(verify.verify([HOLDS, NEVER, INFINITE], trials=2, file=file))
    for (name, seed), trial in verify._known_trials(file).items():
        claim = {"T1-mean": HOLDS, "T2-never": NEVER, "T4-zero": INFINITE}[name]
        again = dataclasses.replace(run_trial(claim, seed), seconds=trial.seconds)
        assert repr(trial) == repr(again)


def test_a_sweep_that_was_cut_off_goes_on(tmp_path):
    file, calls = tmp_path / "trials.jsonl", []

    def measure(point, rng):
        calls.append(point)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return {"value": point + float(rng.random())}

    sweep = sweeps.Sweep("toy", ("T1",), (1, 2, 3), measure)
    with pytest.raises(KeyboardInterrupt):
        list(sweeps.run_sweep(sweep, file=file))
    found = list(sweeps.run_sweep(sweep, file=file))
    assert calls == [1, 2, 2, 3]
    assert found == list(sweeps.run_sweep(sweep))
    assert [row["point"] for row in found] == [1, 2, 3]
    assert found != list(sweeps.run_sweep(sweep, seed=1))
    assert sweep.is_about(["T1-mean"])
    assert not sweep.is_about(["T10-mean"])


# ---- names ----


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        ([], ["T1-half", "T1-mean", "T2-never", "T3-broken", "T4-zero"]),
        (["t1"], ["T1-half", "T1-mean"]),
        (["T2-never", "T1-mean"], ["T1-mean", "T2-never"]),
        (["others"], ["T2-never", "T3-broken", "T4-zero"]),
    ],
)
def test_claims_are_chosen_by_id_by_its_beginning_and_by_family(names, ids):
    assert [claim.id for claim in verify.select(names, KNOWN)] == ids


@pytest.mark.parametrize(
    ("name", "near"), [("T1-meen", "T1-mean"), ("T", "T[1-4]"), ("mean", "means")]
)
def test_a_name_that_fits_nothing_is_refused_with_the_nearest(name, near):
    with pytest.raises(ValueError, match=rf"got '{name}': the nearest are .*{near}"):
        verify.select([name], KNOWN)


def test_the_beginning_of_a_number_is_not_a_name():
    ten = dataclasses.replace(HOLDS, id="T10-ten")
    known = {"means": (HOLDS, ten)}
    assert [claim.id for claim in verify.select(["T1"], known)] == ["T1-mean"]
    assert [claim.id for claim in verify.select([], known)] == ["T1-mean", "T10-ten"]


def test_two_claims_of_one_name_are_refused():
    with pytest.raises(ValueError, match="`id` must be a claim's own; got T1-mean twice"):
        verify.check_ids([HOLDS, HOLDS])


def test_every_family_is_found_and_well_formed():
    known = verify.families()
    claims = [claim for found in known.values() for claim in found]
    assert len(claims) >= 30
    for claim in claims:
        assert claim.provenance[0] in "SCRD", claim.id
        assert claim.id.partition("-")[2], claim.id
        assert claim.statement.rstrip(")").endswith("."), claim.id
        for text in (claim.title, claim.formula, claim.source):
            assert text, claim.id
            assert "$" not in text, claim.id


# ---- the command ----


def test_the_command_writes_records_table_and_summary(toys, tmp_path, capsys):
    assert command(tmp_path, "T1-mean", "--trials", "4", "--seed", "3") == 0
    shown = capsys.readouterr()
    assert "| T1-mean: A mean is at most the maximum | D | 4 of 4 | 0 |" in shown.out
    assert "1 of 1 claims held" in shown.out
    assert "[1/1] T1-mean" in shown.err
    found = report(tmp_path)
    (row,) = found["claims"]
    assert {"id", "trials", "in_force", "violations", "worst_ratio", "median_ratio", "seconds"} <= (
        row.keys()
    )
    assert (row["id"], row["trials"], row["in_force"], row["violations"]) == ("T1-mean", 4, 4, 0)
    assert (found["seed"], found["trials"], found["device"]) == (3, 4, "cpu")
    assert found["versions"]["numpy"] == np.__version__
    assert row["worst_ratio"] == run_trial(HOLDS, row["tightest_seed"]).ratio
    assert "T1-mean" in (tmp_path / "out" / "table.md").read_text()
    assert len(records.read(tmp_path / "out" / "trials.jsonl")[0]) == 4


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("T1-half", r"T1-half is VIOLATED: \d+ of 6 trials, first at seed \d+"),
        ("T2-never", "T2-never was never in force"),
        ("T4-zero", "T4-zero is VIOLATED: 6 of 6 trials, first at seed 0"),
    ],
)
def test_a_claim_that_fails_or_was_never_in_force_makes_the_exit_code_1(
    toys, tmp_path, capsys, name, said
):
    assert command(tmp_path, "T1-mean", name, "--trials", "6") == 1
    page = (tmp_path / "out" / "table.md").read_text()
    shown = capsys.readouterr().out
    for text in (shown, page):
        assert_matches(said, text)
    row = next(row for row in report(tmp_path)["claims"] if row["id"] == name)
    assert (row["counterexample_seed"] is None) == (row["violations"] == 0)


def assert_matches(pattern, text):
    assert re.search(pattern, text), text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["T9"], "`ID` must be a claim, the part of ids before a hyphen, or a family; got 'T9'"),
        (["--trials", "0"], "--trials: must be an integer >= 1; got '0'"),
        (["--trials", "1000001"], "--trials must be at most 1000000; got 1000001"),
        (["--seed", "-1"], "--seed"),
        (["--seed", "1.5"], "--seed: must be an integer from 0 to 2147483647; got '1.5'"),
        (["--device", "gpu"], "--device must be auto or cpu.*got gpu: leave it out"),
        (["--device", "tpu"], "--device"),
    ],
)
def test_wrong_use_is_told_in_one_line_with_exit_code_2(toys, tmp_path, capsys, words, said):
    assert command(tmp_path, *words) == 2
    shown = capsys.readouterr()
    assert not shown.out
    assert len(shown.err.splitlines()) == 1
    assert_matches(said, shown.err)
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_place_of_the_folder_is_refused(toys, tmp_path, capsys):
    (tmp_path / "out").write_text("mine")
    assert command(tmp_path, "T1-mean") == 2
    assert "--out must be a folder" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "mine"


def test_quiet_says_nothing_and_list_runs_nothing(toys, tmp_path, capsys):
    assert command(tmp_path, "T1-mean", "--trials", "2", "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    assert main(["verify", "--list", "--out", str(tmp_path / "other")]) == 0
    shown = capsys.readouterr().out
    assert "means:" in shown
    assert "T2-never" in shown
    assert not (tmp_path / "other").exists()


def test_an_interrupted_run_writes_what_it_has_and_goes_on(toys, tmp_path, capsys, monkeypatch):
    def stop(x):
        raise KeyboardInterrupt

    stopping = dataclasses.replace(HOLDS, id="T1-z", measure=stop)
    monkeypatch.setattr(verify, "families", lambda: {"means": (HOLDS, stopping)})
    assert command(tmp_path, "--trials", "3") == 1
    assert "interrupted; the same command goes on where it was" in capsys.readouterr().err
    assert [row["id"] for row in report(tmp_path)["claims"]] == ["T1-mean"]


def test_what_was_found_is_written_before_the_figures_are_drawn(toys, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(_plot_verify, "figures", stop)
    out = str(tmp_path / "out")
    assert main(["verify", "T1-mean", "--trials", "2", "--quiet", "--out", out]) == 1
    assert [row["id"] for row in report(tmp_path)["claims"]] == ["T1-mean"]


def test_records_that_cannot_be_read_are_counted(toys, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "trials.jsonl").write_text("nonsense\n")
    assert command(tmp_path, "T1-mean", "--trials", "1") == 0
    assert "1 lines cannot be read" in capsys.readouterr().err


def test_without_matplotlib_the_command_says_so(toys, tmp_path, capsys, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "matplotlib" else find(name)
    )
    out = str(tmp_path / "out")
    assert main(["verify", "T1-mean", "--trials", "1", "--out", out]) == 0
    assert "no figures: they need matplotlib" in capsys.readouterr().err
