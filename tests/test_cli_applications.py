"""The commands denoise, inpaint, decompose and events: files, codes, messages."""

import csv
import json
import re

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

import sparsecsc as sc
from sparsecsc import _cli_apply, _cli_outcome
from sparsecsc.cli import main
from sparsecsc.data import load_image

SIZE = 40


def save(path, pixels):
    Image.fromarray(np.clip(np.rint(255 * pixels), 0, 255).astype(np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A clean and a noisy piece of a photograph, one with gaps and its mask, and a recording."""
    monkeypatch.chdir(tmp_path)
    clean = load_image("camera")[150 : 150 + SIZE, 200 : 200 + SIZE]
    rng = np.random.default_rng(0)
    mask = rng.random(clean.shape) < 0.6
    save("clean.png", clean)
    save("noisy.png", clean + 0.1 * rng.standard_normal(clean.shape))
    save("mask.png", mask)
    save("holes.png", clean * mask)
    filters = sc.ricker_filters(32, [3.0, 1.5])
    np.save("bank.npy", filters)
    sound = 0.002 * rng.standard_normal(800)
    for start, kind, strength in ((100, 0, 0.6), (400, 1, -0.4)):
        sound[start : start + 32] += strength * filters[kind, 0]
    wavfile.write("a.wav", 1000, sound.astype(np.float32))
    np.save("a.npy", sound)
    return tmp_path


def run(words, out="out"):
    """Run a command; return its exit code and result.json, which holds plain JSON."""
    code = main([*words.split(), "--out", out])
    with open(f"{out}/result.json") as file:
        return code, json.load(file, parse_constant=pytest.fail)


def psnr(one, other):
    a, b = (np.asarray(Image.open(name), np.float64) for name in (one, other))
    return 10 * np.log10(255**2 / np.mean((a - b) ** 2))


def test_denoise_writes_a_better_picture_and_says_by_how_much(folder, capsys):
    words = "denoise noisy.png --filters dct6x6 --sigma 0.1 --reference clean.png"
    code, summary = run(words)
    assert code == 0
    names = ["denoised.png", "report.png", "result.json"]
    assert sorted(file.name for file in (folder / "out").iterdir()) == names
    before, after = psnr("noisy.png", "clean.png"), psnr("out/denoised.png", "clean.png")
    assert after > before + 4
    assert summary["psnr_input"] == pytest.approx(before, abs=1e-3)
    assert summary["psnr"] == pytest.approx(after, abs=0.05)  # the file has 256 levels
    assert summary["status"] == "CONVERGED"
    assert 0 <= summary["relative_gap"] <= 2e-2
    assert summary["sigma"] == pytest.approx(0.1)
    assert summary["parameters"]["filters"] == "dct6x6"
    assert summary["parameters"]["lowpass"] == 5.0
    assert "numpy" in summary["versions"]
    told = capsys.readouterr().out
    assert f"{before:.2f} dB, then {summary['psnr']:.2f} dB" in told
    assert "wrote       denoised.png, result.json, report.png in out/" in told


def test_the_files_hold_what_the_library_returns(folder):
    run("denoise noisy.png --filters dct6x6 --rounds 1 --spins 1 --level 3 --debias 0.2 --quiet")
    noisy = (np.asarray(Image.open("noisy.png")) / 255).astype(np.float32)
    filters = sc.dct_filters((6, 6)).astype(np.float32)
    expected = sc.denoise(noisy, filters, rounds=1, spins=1, level=3.0, debias=0.2).signal
    stored = np.asarray(Image.open("out/denoised.png"))
    assert np.abs(255 * np.clip(expected, 0, 1) - stored).max() < 0.51


def test_inpaint_fills_what_the_mask_says_and_keeps_the_rest(folder):
    words = "inpaint holes.png --mask mask.png --filters dct6x6 --reference clean.png"
    code, summary = run(words)
    assert code == 0
    mask = np.asarray(Image.open("mask.png")) > 127
    holes, filled = (np.asarray(Image.open(f)) for f in ("holes.png", "out/inpainted.png"))
    assert np.array_equal(holes[mask], filled[mask])
    assert psnr("out/inpainted.png", "clean.png") > psnr("holes.png", "clean.png") + 10
    assert summary["missing"] == pytest.approx(1 - mask.mean())


def test_decompose_writes_components_that_add_up(folder):
    code, summary = run("decompose clean.png --filters haar4x4 dct6x6 --weights 0.05,0.1")
    assert code == 0
    with np.load("out/components.npz") as file:
        parts = {name: file[name] for name in file.files}
    assert list(parts) == ["component_1", "component_2", "residual"]
    clean = np.asarray(Image.open("clean.png")) / 255
    assert np.abs(sum(parts.values())[0, 0] - clean).max() < 1e-5
    assert summary["norms"]["component_1"] == pytest.approx(np.linalg.norm(parts["component_1"]))
    assert summary["relative_gap"] <= 1e-3


@pytest.mark.parametrize(
    ("words", "rate"),
    [("events a.wav --filters bank.npy", 1000), ("events a.npy --filters bank.npy --rate 50", 50)],
)
def test_events_writes_a_table_in_seconds(folder, words, rate):
    code, summary = run(words + " --dtype float64")
    assert code == 0
    with open("out/events.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [list(row) for row in rows] == [["time_s", "sample", "filter", "amplitude_1"]] * 2
    assert [(int(r["sample"]), int(r["filter"])) for r in rows] == [(100, 0), (400, 1)]
    assert [float(r["time_s"]) for r in rows] == [100 / rate, 400 / rate]
    amplitudes = [float(r["amplitude_1"]) for r in rows]
    assert np.abs(np.array(amplitudes) - [0.6, -0.4]).max() < 0.01  # noise of 0.002, unit filters
    assert summary["events"] == 2
    code, summary = run(words + " --dtype float64 --nonnegative --weight 0.1 --quiet", "positive")
    assert summary["events"] >= 1
    with open("positive/events.csv", newline="") as file:
        assert all(float(row["amplitude_1"]) > 0 for row in csv.DictReader(file))


def test_a_run_without_its_tolerance_says_so_and_writes_all_the_same(folder, capsys):
    code, summary = run("denoise noisy.png --filters dct6x6 --tol 0 --max-iter 1")
    assert code == 1
    assert summary["status"] == "MAX_ITER"
    assert (folder / "out" / "denoised.png").exists()
    assert sc.Status.MAX_ITER.value in capsys.readouterr().out


def test_quiet_prints_nothing_and_without_matplotlib_all_else_is_written(
    folder, monkeypatch, capsys
):
    monkeypatch.setattr(_cli_outcome, "plots", lambda: (None, "needs matplotlib"))
    code, _ = run("decompose clean.png --filters haar4x4 --weights 0.1 --quiet")
    assert code == 0
    assert capsys.readouterr() == ("", "")
    assert sorted(f.name for f in (folder / "out").iterdir()) == ["components.npz", "result.json"]
    run("decompose clean.png --filters haar4x4 --weights 0.1")
    assert "needs matplotlib" in capsys.readouterr().out


def test_the_report_shows_images_volumes_and_recordings():
    from sparsecsc import plot

    rng = np.random.default_rng(0)
    for shape, count in (((1, 1, 8, 9), 4), ((2, 3, 8, 9), 4), ((1, 1, 4, 8, 9), 4)):
        panels = {name: rng.random(shape) for name in "abcd"}
        figure = plot.side_by_side(panels, signed=("d",), title="four")
        shown = [ax for ax in figure.axes if ax.images]
        assert [ax.get_title() for ax in shown] == list("abcd")[:count]
    figure = plot.side_by_side({"a": rng.random((1, 2, 50))}, sample_rate=10.0, marks=[1.0, 2.0])
    assert figure.axes[0].get_xlabel() == "seconds"
    assert list(figure.axes[0].lines[1].get_xdata()) == [1.0, 2.0]


BAD = {
    "no filters": ("denoise noisy.png", "required: --filters"),
    "no mask": ("inpaint holes.png --filters dct6x6", "required: --mask"),
    "no input": ("denoise none.png --filters dct6x6", "expected a file 'none.png'; got nothing"),
    "one weight": ("decompose clean.png --filters haar4x4 dct6x6 --weights 1", "got 1 for 2"),
    "sigma": ("denoise noisy.png --filters dct6x6 --sigma -1", "must be a number >= 0"),
    "level": ("denoise noisy.png --filters dct6x6 --level 0", "must be a number > 0"),
    "rounds": ("denoise noisy.png --filters dct6x6 --rounds 0", "must be an integer >= 1"),
    "spins": ("denoise noisy.png --filters dct6x6 --spins 9", "`spins` must be at most"),
    "sound filters": ("denoise noisy.png --filters tones16", "`signal` must have axes"),
    "name": ("denoise noisy.png --filters cosines", "--filters must be a .npy or .npz file"),
    "reference": (
        "denoise noisy.png --filters dct6x6 --reference small.png",
        "--reference must have the input's shape",
    ),
    "mask": ("inpaint holes.png --filters dct6x6 --mask small.png", "--mask must have the size"),
    "rate": ("events a.wav --filters bank.npy --rate 5", "--rate is for files that do not say it"),
    "image": ("events clean.png --filters dct6x6", "`signal` must be one recording"),
    "device": ("denoise noisy.png --filters dct6x6 --device gpu", "invalid choice: 'gpu'"),
}


@pytest.mark.parametrize(("words", "message"), BAD.values(), ids=BAD)
def test_misuse_gets_one_line_and_code_2(folder, capsys, words, message):
    save("small.png", np.zeros((5, 5)))
    assert main([*words.split(), "--out", "out", "--quiet"]) == 2
    told = capsys.readouterr().err
    assert re.fullmatch(r"sparsecsc: error: [^\n]*\n", told)
    assert message in told


def test_the_input_is_never_overwritten(folder, capsys):
    (folder / "noisy.png").rename(folder / "denoised.png")
    before = (folder / "denoised.png").read_bytes()
    assert main(["denoise", "denoised.png", "--filters", "dct6x6", "--out", "."]) == 2
    assert "--out must not lead to the input itself" in capsys.readouterr().err
    assert (folder / "denoised.png").read_bytes() == before


def test_a_table_of_no_events_has_its_head():
    nothing = np.zeros(0)
    events = sc.Events(nothing, nothing, nothing, np.zeros((0, 2)), np.ones(1), None)
    assert _cli_apply.csv_of(events) == "time_s,sample,filter,amplitude_1,amplitude_2\n"
