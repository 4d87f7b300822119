"""Figures of ``sparsecsc verify``: they show what was measured, and mark what is violated."""

import dataclasses
import math

import numpy as np
import pytest

from sparsecsc import _plot_verify
from sparsecsc.cli import main
from sparsecsc.theory import sweeps_depth, sweeps_models, sweeps_recovery, verify
from sparsecsc.theory.sweeps import Sweep
from sparsecsc.theory.verify import Summary

HELD = Summary("T1-held", 3, 3, 0, 0.9, 0.5, 0.1, 0, None, (0.9, 0.5, 0.0))
BROKEN = dataclasses.replace(HELD, id="T1-broken", violations=2, ratios=(0.2, 1.5, math.inf))
NEVER = dataclasses.replace(HELD, id="T2-never", in_force=0, ratios=())


def numbers(axes, colour):
    return [line.get_xdata() for line in axes.lines if line.get_color() == colour]


def test_ratios_of_every_claim_are_drawn_and_violations_marked_apart():
    (axes,) = _plot_verify.ratios([HELD, BROKEN]).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["T1-held", "T1-broken"]
    held, violated = (np.concatenate(numbers(axes, c)) for c in _plot_verify._COLOURS[:2])
    assert sorted(held) == pytest.approx([1e-4, 0.2, 0.5, 0.9])
    assert sorted(violated) == pytest.approx([1.5, 1e3])


def test_a_run_draws_the_figures_that_its_claims_are_about(monkeypatch):
    drawn = []

    def draw(rows):
        drawn.append(rows)
        return _plot_verify.ratios([HELD])

    def toy(name, about):
        return Sweep(name, about, (1, 2), lambda point, rng: {"value": point})

    toys = (toy("one", ("T1",)), toy("other", ("T3",)))
    monkeypatch.setattr(_plot_verify, "_SWEEPS", tuple((sweep, draw) for sweep in toys))
    ids = ["T1-held", "T2-never"]
    names = [name for name, _ in _plot_verify.figures(ids, [HELD, NEVER])]
    assert names == ["ratios.png", "one.png"]
    assert drawn == [[{"point": 1, "value": 1}, {"point": 2, "value": 2}]]
    assert [name for name, _ in _plot_verify.figures(["T9-x"], [NEVER])] == []


def test_every_sweep_is_about_a_claim_that_exists():
    ids = [claim.id for found in verify.families().values() for claim in found]
    for sweep, _ in _plot_verify._SWEEPS:
        for name in sweep.claims:
            assert any(f"{one}-".startswith(f"{name}-") for one in ids), (sweep.name, name)


def test_recovery_is_certain_inside_the_bound_and_lost_far_beyond_it():
    rng = np.random.default_rng(0)
    inside, beyond = (sweeps_recovery.RECOVERY.measure(k, rng) for k in (2, 9))
    for name in ("OMP", "basis pursuit", "thresholding"):
        assert inside[name] == 1.0
        assert beyond[name] < 0.9
    (axes,) = _plot_verify.recovery([{"point": 2, **inside}, {"point": 9, **beyond}]).axes
    edge = next(line for line in axes.lines if line.get_label().startswith("bound"))
    assert edge.get_xdata()[0] == pytest.approx((1 + np.sqrt(13)) / 2)


def test_errors_are_inside_the_bounds_where_these_are_in_force():
    rows = []
    for size in (0.01, 0.05, 0.5):
        row = {"point": size, **sweeps_recovery.NOISE.measure(size, np.random.default_rng(1))}
        rows.append(row)
        assert np.max(row["basis pursuit"]) <= row["basis pursuit bound"]
        if row["OMP in force"]:
            assert np.all(np.array(row["OMP"]) <= np.array(row["OMP bound"]) * (1 + 1e-9))
    assert [row["OMP in force"] for row in rows] == [True, True, False]
    assert np.max(rows[0]["OMP"]) > 0.5 * np.max(rows[0]["OMP bound"])
    assert len(_plot_verify.noise(rows).axes) == 2


def test_layered_errors_are_larger_than_those_of_all_layers_together():
    found = {
        name: sweeps_depth.DEPTHS.measure(name, np.random.default_rng(2))
        for name in ("layered thresholding", "projection pursuit")
    }
    first, second = (np.median(row["errors"], axis=0) for row in found.values())
    assert np.all(second < 0.2 * first)
    rows = [{"point": name, **row} for name, row in found.items()]
    (axes,) = _plot_verify.depth([*rows, *rows]).axes
    assert axes.get_yscale() == "log"


def test_curves_are_below_their_bounds_and_the_dense_layer_reconstructs_all():
    rng = np.random.default_rng
    rows = [
        {"point": name, **sweeps_models.CONVERGENCE.measure(name, rng(3))}
        for name in sweeps_models.METHODS
    ]
    for row in rows:
        assert np.all(np.array(row["excess"]) <= np.array(row["bound"]))
    assert _plot_verify.convergence(rows).axes
    dense, plain = (sweeps_models.DENSE.measure(n, rng(4)) for n in ("with", "without"))
    assert dense["counts"][0] == plain["counts"][0] > 1000
    assert dense["counts"][-1] == 0
    assert plain["counts"][-1] > 500
    assert _plot_verify.dense([{"point": "with", **dense}, {"point": "without", **plain}]).axes


def test_the_bias_is_below_its_bound_and_smaller_for_smaller_steps():
    rows = [
        {"point": share, **sweeps_models.BIAS.measure(share, np.random.default_rng(5))}
        for share in (1.0, 0.3)
    ]
    for row in rows:
        assert np.all(np.array(row["excess"]) <= np.array(row["bound"]) + 1e-7)
    assert np.sum(rows[1]["bound"]) < np.sum(rows[0]["bound"])
    assert _plot_verify.bias(rows).axes


def test_the_command_draws(tmp_path, monkeypatch):
    monkeypatch.setattr(_plot_verify, "_SWEEPS", ())
    out = tmp_path / "out"
    assert main(["verify", "B13-ista", "--trials", "2", "--quiet", "--out", str(out)]) == 0
    assert (out / "ratios.png").read_bytes().startswith(b"\x89PNG")
