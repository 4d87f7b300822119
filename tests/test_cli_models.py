"""The command line with multi-layer models: what it writes is true, and misuse is one line."""

import json
import math
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

import sparsecsc as sc
from sparsecsc import _cli_outcome, plot
from sparsecsc.cli import main
from sparsecsc.data import load_image
from sparsecsc.io import load_layer_codes, read_signal, save_codes, save_layer_codes, save_model

PURSUITS = ["exact", "thresholding", "lbp", "mlista", "mlfista", "projection", "deep"]
MODEL = ["grey.png", "--model", "two.npz"]
WRITTEN = ["codes.npz", "reconstruction.png", "report.png", "result.json"]


def bank(n_filters, n_channels, size, axes=2, seed=0):
    rng = np.random.default_rng([seed, n_filters, n_channels])
    filters = rng.standard_normal((n_filters, n_channels, *(size,) * axes))
    norms = np.sqrt((filters**2).sum(axis=tuple(range(1, filters.ndim)), keepdims=True))
    return (filters / norms).astype(np.float32)


def chain(*banks):
    return sc.MLCSC([sc.ConvDictionary(filters) for filters in banks])


def write_image(name, image="camera", top=60, left=200, size=(20, 24)):
    pixels = load_image(image)[top : top + size[0], left : left + size[1]]
    Image.fromarray(np.rint(255 * pixels).astype(np.uint8)).save(name)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a small image and models, in which the commands run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sparsecsc._cli_model_outcome.plots", lambda: (None, "not drawn"))
    write_image("grey.png")
    two = chain(bank(4, 1, 4), bank(6, 4, 3))
    save_model("two.npz", two)
    save_model("thresholds.npz", two, [sc.L1(0.02), sc.NonnegativeL1(0.05)])
    return tmp_path


@pytest.fixture
def drawn(folder, monkeypatch):
    """The same, with the report, which takes most of the time of so small a run."""
    monkeypatch.setattr("sparsecsc._cli_model_outcome.plots", _cli_outcome.plots)
    return folder


def solve(*arguments, out="out"):
    """Run the command; return the exit code and the content of result.json."""
    words = [str(argument) for argument in arguments]
    code = main(["solve", *words, "--out", out, "--quiet"])
    with open(f"{out}/result.json") as file:
        return code, json.load(file, parse_constant=pytest.fail)


def rebuilt(result, dtype="float64"):
    """Return the problem of a run of two.npz on grey.png, from what result.json says."""
    rest = sc.split_lowpass(read_signal("grey.png", dtype=dtype).signal)[1]
    model = chain(bank(4, 1, 4).astype(dtype), bank(6, 4, 3).astype(dtype))
    weights = [described["weight"] for described in result["parameters"]["penalties"]]
    return sc.MultilayerPursuit(rest, model, [sc.L1(weight) for weight in weights])


# ---- every pursuit, end to end ----


@pytest.mark.parametrize("pursuit", PURSUITS)
def test_each_pursuit_writes_what_its_codes_say(drawn, pursuit):
    code, result = solve(
        *("grey.png", "--model", "two.npz", "--weight-ratio", "0.1,0.05", "--dtype", "float64"),
        *("--pursuit", pursuit, "--tol", 1e-2),
        *(("--unfoldings", 200) if pursuit.startswith("ml") else ()),
    )
    assert sorted(path.name for path in (drawn / "out").iterdir()) == WRITTEN
    assert code == 0
    assert result["status"] in ("CONVERGED", "RULE_MET")
    saved = load_layer_codes("out/codes.npz")
    problem = rebuilt(result)
    assert [layer["shape"] for layer in result["layers"]] == [list(z.shape) for z in saved.codes]
    assert [z.shape for z in saved.codes] == [(1, 4, 20, 24), (1, 6, 20, 24)]
    for layer, codes, report in zip(
        result["layers"], saved.codes, sc.layer_reports(problem, saved.codes), strict=True
    ):
        assert layer["nonzeros"] == np.count_nonzero(codes)
        assert layer["density"] == pytest.approx(np.count_nonzero(codes) / codes.size)
        assert layer["stripe_norm"] == report.stripe_norm
        assert layer["residual"] == pytest.approx(report.residual, rel=1e-9, abs=1e-9)
        assert layer["signal_residual"] == pytest.approx(report.signal_residual, rel=1e-9)
    assert result["nonzeros"] == np.count_nonzero(saved.codes[-1])
    if pursuit == "deep":
        joint = sc.deep_pursuit(problem.signal, problem.model, list(problem.penalties))
        flat = np.concatenate([z.reshape(1, -1, 1) for z in saved.codes], axis=1)
        expected = joint.objective(flat)
    else:
        expected = problem.objective(saved.codes)
    assert result["objective"] == pytest.approx(expected, rel=1e-12)
    lowpass = sc.split_lowpass(read_signal("grey.png", dtype="float64").signal)[0]
    approximation = lowpass + problem.images(saved.codes[-1])[0]
    error = np.mean((approximation - read_signal("grey.png", dtype="float64").signal) ** 2)
    assert result["psnr"] == pytest.approx(-10 * math.log10(error), abs=1e-6)
    written = read_signal("out/reconstruction.png", dtype="float64").signal
    np.testing.assert_allclose(written, np.clip(approximation, 0, 1), atol=0.5001 / 255)


def test_exact_pursuit_is_certified_also_in_float32(folder):
    code, result = solve("grey.png", "--model", "two.npz", "--weight-ratio", 0.1)
    assert (code, result["status"]) == (0, "CONVERGED")
    assert 0 <= result["relative_gap"] <= 1.01e-3
    assert result["violation"] == 0
    codes = tuple(z.astype(np.float64) for z in load_layer_codes("out/codes.npz").codes)
    rest = sc.split_lowpass(read_signal("grey.png").signal)[1].astype(np.float64)
    problem = sc.MultilayerPursuit(rest, rebuilt(result).model, rebuilt(result).penalties)
    assert result["objective"] == pytest.approx(problem.objective(codes), rel=1e-12)


def test_a_ratio_is_to_the_weight_from_which_the_codes_are_zero(folder):
    _, result = solve("grey.png", "--model", "two.npz", "--weight-ratio", 1, "--pursuit", "lbp")
    assert result["layers"][0]["nonzeros"] == 0
    _, result = solve(
        "grey.png", "--model", "two.npz", "--weight-ratio", 1, "--pursuit", "projection"
    )
    assert result["nonzeros"] == 0
    _, result = solve(
        *("grey.png", "--model", "two.npz", "--weight-ratio", 0.98, "--pursuit", "projection"),
        *("--tol", 1e-6),
    )
    assert result["nonzeros"] > 0
    references = result["parameters"]["weight_references"]
    y, model = rebuilt(result, "float32").signal, rebuilt(result, "float32").model
    for i, reference in enumerate(references, start=1):
        analysis = sc.effective(model, 1, i).analyze(y)
        assert reference == pytest.approx(float(np.abs(analysis).max()), rel=1e-5)


def test_thresholding_ratios_follow_the_steps(folder):
    options = ("grey.png", "--model", "two.npz", "--weight-ratio", 0.1, "--pursuit", "thresholding")
    _, unit = solve(*options, "--step", 1)
    _, exact = solve(*options[:-2])
    _, safe = solve(*options, "--step", "none")
    both = [r["parameters"]["weight_references"] for r in (unit, exact, safe)]
    assert both[0] == both[1]
    assert both[2][1] < both[0][1]


def test_step_one_is_the_forward_pass(folder):
    solve("grey.png", "--model", "thresholds.npz", "--pursuit", "thresholding", "--step", 1)
    first, second = load_layer_codes("out/codes.npz").codes
    rest = sc.split_lowpass(read_signal("grey.png").signal)[1]
    model = chain(bank(4, 1, 4), bank(6, 4, 3))
    v = model.dictionaries[0].analyze(rest)
    np.testing.assert_allclose(first, np.sign(v) * np.maximum(np.abs(v) - 0.02, 0), atol=1e-6)
    w = model.dictionaries[1].analyze(first)
    np.testing.assert_allclose(second, np.maximum(w - 0.05, 0), atol=1e-6)


@pytest.mark.parametrize("pursuit", ["mlista", "mlfista"])
def test_unfoldings_are_the_sweeps_done_and_no_shortfall(folder, pursuit):
    options = ("--weight-ratio", 0.1, "--pursuit", pursuit)
    code, result = solve("grey.png", "--model", "two.npz", *options, "--unfoldings", 7)
    assert (code, result["status"], result["n_iter"]) == (0, "RULE_MET", 7)
    code, result = solve("grey.png", "--model", "two.npz", *options, "--max-iter", 7)
    assert (code, result["status"], result["n_iter"]) == (1, "MAX_ITER", 7)


def test_unfoldings_of_layered_pursuit_are_inner_iterations(folder):
    options = ("--weight-ratio", 0.1, "--pursuit", "lbp", "--unfoldings", "3,5")
    code, result = solve("grey.png", "--model", "two.npz", *options)
    assert (code, result["n_iter"]) == (0, 8)


@pytest.mark.parametrize(
    "options",
    [
        ["--pursuit", "lbp", "--solver", "ista", "--weight-ratio", "0.3"],
        ["--pursuit", "lbp", "--solver", "admm", "--weight-ratio", "0.1"],
        ["--pursuit", "projection", "--solver", "ista", "--weight-ratio", "0.5"],
        ["--pursuit", "deep", "--solver", "ista", "--weight-ratio", "0.3"],
        ["--penalty", "nonnegative", "--weight", "0.05", "--pursuit", "lbp"],
        ["--penalty", "elastic-net", "--ridge", "0.1", "--weight", "0.05,0.1"],
        ["--penalty", "group", "--weight-ratio", "0.2"],
        ["--penalty", "l0", "--weight", "0.01", "--pursuit", "lbp"],
        ["--penalty", "l0", "--weight", "0.01", "--pursuit", "lbp", "--solver", "omp"],
        ["--penalty", "l0", "--n-nonzero", "5", "--pursuit", "projection"],
    ],
    ids=" ".join,
)
def test_options_reach_the_pursuit(folder, options):
    code, result = solve("grey.png", "--model", "two.npz", *options, "--tol", 0.01)
    assert code == 0
    kinds = {"l0": "L0", "nonnegative": "NonnegativeL1", "elastic-net": "ElasticNet"}
    wanted = kinds.get(options[1], "GroupL1" if "group" in options else "L1")
    assert {p["kind"] for p in result["parameters"]["penalties"]} == {wanted}
    if "--n-nonzero" in options:
        assert result["nonzeros"] == 5


# ---- files and models ----


def test_penalties_in_the_file_hold_where_no_weight_is_given(folder):
    code, result = solve("grey.png", "--model", "thresholds.npz", "--pursuit", "lbp")
    assert code == 0
    p = result["parameters"]
    assert p["weights_from"] == "file"
    assert p["penalties"] == [
        {"kind": "L1", "weight": 0.02},
        {"kind": "NonnegativeL1", "weight": 0.05},
    ]
    assert load_layer_codes("out/codes.npz").codes[1].min() >= 0
    _, result = solve("grey.png", "--model", "thresholds.npz", "--weight", 0.3)
    assert [p["kind"] for p in result["parameters"]["penalties"]] == ["L1", "L1"]


def test_weights_of_each_filter_and_infinite_ones_are_written_as_json(folder):
    weight = np.array([0.1, 0.2, np.inf, 0.1], np.float32)
    save_model("one.npz", chain(bank(4, 1, 4)), [sc.L1(weight)])
    code, result = solve("grey.png", "--model", "one.npz")
    assert code == 0
    assert result["parameters"]["penalties"][0]["weight"] == [pytest.approx(0.1), None]
    assert not load_layer_codes("out/codes.npz").codes[0][:, 2].any()


def test_a_folder_of_images_is_one_batch(drawn):
    (drawn / "in").mkdir()
    for name, left in (("b.png", 200), ("a.png", 180), ("c.png", 90)):
        write_image(f"in/{name}", left=left)
    (drawn / "in" / "notes.txt").write_text("not an image")
    options = ("--model", "two.npz", "--weight", "0.1,0.05", "--tol", 1e-4)
    code, result = solve("in", *options)
    assert code == 0
    assert result["parameters"]["files"] == ["a.png", "b.png", "c.png"]
    assert result["signal_shape"] == [3, 1, 20, 24]
    written = [f"reconstruction_{name}.png" for name in "abc"]
    expected = sorted(["codes.npz", "report.png", "result.json", *written])
    assert sorted(path.name for path in (drawn / "out").iterdir()) == expected
    _, alone = solve("in/b.png", *options, out="alone")
    assert result["psnr_by_file"]["b.png"] == pytest.approx(alone["psnr"], abs=0.1)
    together = np.asarray(Image.open("out/reconstruction_b.png")).astype(int)
    apart = np.asarray(Image.open("alone/reconstruction.png")).astype(int)
    assert np.abs(together - apart).max() <= 3


@pytest.mark.parametrize(
    ("options", "cell", "layers"),
    [(["4"], [4], [2]), (["4,5", "--pool-layers", "1,2"], [4, 5], [1, 2])],
)
def test_a_folder_gives_a_row_of_features_a_file(folder, options, cell, layers):
    (folder / "in").mkdir()
    for name, left in (("b.png", 200), ("a.png", 180)):
        write_image(f"in/{name}", left=left)
    known = ("--model", "two.npz", "--weight", "0.01", "--pursuit", "thresholding", "--pool")
    assert solve("in", *known, *options)[0] == 0
    with np.load(folder / "out" / "features.npz", allow_pickle=False) as found:
        assert list(found["files"]) == ["a.png", "b.png"]
        assert found["cell"].tolist() == cell
        assert found["layers"].tolist() == layers
        features = found["features"]
    codes = load_layer_codes(folder / "out" / "codes.npz").codes
    expected = []
    for layer in layers:
        grown = np.abs(codes[layer - 1])
        rows, columns = cell if len(cell) > 1 else (cell[0], cell[0])
        means = [
            grown[:, :, i : i + rows, j : j + columns].mean(axis=(2, 3))
            for i in range(0, grown.shape[2], rows)
            for j in range(0, grown.shape[3], columns)
        ]
        expected.append(np.stack(means, axis=2).reshape(len(grown), -1))
    assert np.allclose(features, np.concatenate(expected, axis=1), atol=1e-6)
    assert features.any()


def test_channels_that_are_coded_alone_are_in_the_row_of_their_file(folder):
    pixels = np.random.default_rng(0).integers(0, 255, (20, 24, 3)).astype(np.uint8)
    Image.fromarray(pixels).save("rgb.png")
    solve("rgb.png", "--model", "two.npz", "--weight", "0.1", "--max-iter", "3", "--pool", "9")
    with np.load("out/features.npz", allow_pickle=False) as found:
        assert found["features"].shape == (1, 3 * 6 * 3 * 3)


def test_colour_is_coded_jointly_by_a_first_layer_of_three_channels(folder):
    write_image("colour.png", "chelsea")
    save_model("rgb.npz", chain(bank(5, 3, 3), bank(4, 5, 3)))
    code, result = solve("colour.png", "--model", "rgb.npz", "--weight-ratio", 0.1)
    assert code == 0
    assert [layer["shape"] for layer in result["layers"]] == [[1, 5, 20, 24], [1, 4, 20, 24]]
    assert read_signal("out/reconstruction.png").signal.shape == (1, 3, 20, 24)


def test_colour_is_coded_channel_by_channel_by_a_first_layer_of_one(drawn):
    write_image("colour.png", "chelsea")
    code, result = solve("colour.png", "--model", "two.npz", "--weight-ratio", 0.1)
    assert code == 0
    assert result["signal_shape"] == [3, 1, 20, 24]
    assert result["parameters"]["channels"] == "separate"
    assert read_signal("out/reconstruction.png").signal.shape == (1, 3, 20, 24)
    assert result["psnr"] > 20


def test_sound_is_coded_and_written_as_sound(drawn):
    times = np.arange(600) / 8000
    wavfile.write("a.wav", 8000, (9000 * np.sin(4000 * times)).astype(np.int16))
    save_model("sound.npz", chain(bank(4, 1, 16, 1), bank(5, 4, 8, 1)))
    code, result = solve("a.wav", "--model", "sound.npz", "--weight-ratio", 0.05)
    assert code == 0
    assert result["parameters"]["lowpass"] == 0
    rate, written = wavfile.read("out/reconstruction.wav")
    assert (rate, written.shape, written.dtype) == (8000, (600,), np.int16)
    assert (drawn / "out" / "report.png").stat().st_size > 20_000


def test_an_array_is_read_with_the_axes_of_the_model(folder):
    np.save("a.npy", np.random.default_rng(0).standard_normal((2, 20, 24)).astype(np.float32))
    save_model("pair.npz", chain(bank(5, 2, 3)))
    code, result = solve("a.npy", "--model", "pair.npz", "--weight-ratio", 0.3)
    assert code == 0
    assert result["signal_shape"] == [1, 2, 20, 24]
    assert np.load("out/reconstruction.npy").shape == (2, 20, 24)


@pytest.mark.parametrize("pursuit", ["exact", "lbp", "thresholding"])
@pytest.mark.parametrize("kind", ["dense", "residual", "strided"])
def test_other_models_are_solved(folder, kind, pursuit):
    if kind == "dense":
        model = sc.MSDCSC([bank(3, 1, 3), bank(3, 4, 3)])
    elif kind == "residual":
        shortcut = sc.ConvDictionary(bank(4, 1, 1))
        layers = [sc.ConvDictionary(b) for b in (bank(4, 1, 3), bank(4, 4, 3))]
        model = sc.ResCSC(layers, shortcut=shortcut)
    else:
        model = sc.MLCSC(
            [sc.ConvDictionary(bank(4, 1, 4), stride=2), sc.ConvDictionary(bank(5, 4, 3))]
        )
    save_model("m.npz", model)
    code, result = solve(
        *("grey.png", "--model", "m.npz", "--weight-ratio", 0.2, "--tol", 0.01),
        *("--pursuit", pursuit, "--dtype", "float64"),
    )
    assert code == 0
    assert result["parameters"]["model_kind"] == type(model).__name__
    if pursuit != "thresholding":
        assert result["layers"][-1]["signal_residual"] < 1


def test_what_is_done_is_told(drawn, capsys):
    assert main(["solve", "grey.png", "--model", "two.npz", "--weight", "0.1", "--out", "out"]) == 0
    told = capsys.readouterr().out
    for words in (
        "MLCSC of 2 layers (two.npz)",
        "4 filters of 1 x 4x4, codes 4 x 20 x 24, L1 weight 0.1",
        "exact: the multi-layer problem itself",
        "The stated tolerance is certified.",
        "layer 2     ",
        "wrote       codes.npz, reconstruction.png, result.json, report.png",
    ):
        assert words in told


def test_an_unfinished_run_says_so_and_its_files_are_there(drawn):
    options = ("--weight-ratio", 0.01, "--tol", 1e-9, "--max-iter", 20)
    code, result = solve("grey.png", "--model", "two.npz", *options)
    assert (code, result["status"]) == (1, "MAX_ITER")
    assert sorted(path.name for path in (drawn / "out").iterdir()) == WRITTEN


# A child may inherit "ignore Ctrl-C" from a shell that started the tests in the background.
INTERRUPTIBLE = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from sparsecsc.cli import main; raise SystemExit(main())"
)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_writes_its_best_codes_and_no_traceback(folder, number):
    options = "--weight-ratio 0.01 --tol 1e-14 --max-iter 10000000 --out out"
    command = [sys.executable, "-c", INTERRUPTIBLE, "solve", *MODEL, *options.split()]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        for line in running.stdout:
            if line.startswith("solving"):
                break
        time.sleep(3)
        running.send_signal(number)
        told, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (1, "")
    assert "interrupted" in told
    result = json.loads((folder / "out" / "result.json").read_text())
    assert result["status"] == "INTERRUPTED"
    saved = load_layer_codes(folder / "out" / "codes.npz")
    assert result["nonzeros"] == np.count_nonzero(saved.codes[-1]) > 0


# ---- the report ----


@pytest.mark.parametrize("n_layers", [1, 2, 3, 7])
def test_report_has_a_row_for_each_layer_and_says_which_are_left_out(n_layers):
    banks = [bank(3, 1 if i == 0 else 3, 3, seed=i) for i in range(n_layers)]
    y = np.random.default_rng(0).standard_normal((1, 1, 16, 18)).astype(np.float32)
    problem = sc.MultilayerPursuit(y, chain(*banks), [sc.L1(0.1)] * n_layers)
    result = sc.solve(problem, sc.LayeredThresholding())
    figure = plot.layers_report(problem, result.codes, result.history, title="a run")
    titles = [ax.get_title() for ax in figure.axes]
    shown = [re.match(r"layer (\d+)", title)[1] for title in titles if title.startswith("layer")]
    expected = [1, 2, 4, 5, 6, 7] if n_layers == 7 else list(range(1, n_layers + 1))
    assert list(map(int, shown)) == expected
    assert sum("effective atoms used most" in title for title in titles) == len(expected)
    left_out = "layers 1 to 2 and 4 to 7 are shown" in figure.get_suptitle()
    assert left_out == (n_layers == 7)


def test_report_shows_effective_atoms_at_their_extent():
    y = np.zeros((1, 1, 20, 20))
    y[0, 0, 9, 9] = 1.0
    model = chain(bank(3, 1, 4).astype(float), bank(3, 3, 3).astype(float))
    problem = sc.MultilayerPursuit(y, model, [sc.L1(0.0), sc.L1(0.0)])
    codes = [np.zeros((1, 3, 20, 20)), np.zeros((1, 3, 20, 20))]
    codes[0][0, 1, 5, 5] = codes[1][0, 2, 5, 5] = 2.0
    history = sc.History((0, 1), (0.1, 0.2), (1.0, 0.9), (0.5, 0.4))
    figure = plot.layers_report(problem, tuple(codes), history)
    titles = [ax.get_title() for ax in figure.axes]
    assert any("atoms used most (4 x 4" in title for title in titles)
    (ax,) = (ax for ax in figure.axes if "atoms used most (6 x 6" in ax.get_title())
    (tile,) = ax.images
    atom = sc.effective(model).synthesize(codes[1] / 2)[0, 0, 5:11, 5:11]
    drawn = (np.asarray(tile.get_array()) - 0.5) * 2
    np.testing.assert_allclose(drawn, atom / np.abs(atom).max(), atol=1e-9)
    assert [text.get_text() for text in ax.texts] == ["2: 100.0 %"]


@pytest.mark.parametrize("spatial", [(30,), (12, 14), (6, 8, 8)])
def test_report_is_drawn_for_every_rank_and_for_zero_codes(spatial):
    axes = len(spatial)
    model = chain(bank(3, 1, 3, axes), bank(3, 3, 3, axes))
    y = np.random.default_rng(0).standard_normal((2, 1, *spatial)).astype(np.float32)
    problem = sc.MultilayerPursuit(y, model, [sc.L1(0.1), sc.L1(1e9)])
    result = sc.solve(problem, sc.LayeredThresholding())
    figure = plot.layers_report(problem, result.codes, result.history)
    figure.canvas.draw()
    texts = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert texts.count("all codes are zero") == 1


# ---- misuse ----

WEIGHTED = [*MODEL, "--weight", "0.1"]


def nothing():
    """Leave the folder as it is."""


def other_sizes():
    write_image("in/a.png")
    write_image("in/b.png", size=(22, 24))


def other_channels():
    write_image("in/a.png")
    write_image("in/b.png", "chelsea")


def damaged_image():
    write_image("in/a.png")
    Path("in/b.png").write_bytes(b"letter" * 9)


def dense():
    save_model("dense.npz", sc.MSDCSC([bank(3, 1, 3)]))


MISUSE = {
    "filters and model": (
        nothing,
        [*WEIGHTED, "--filters", "dct4x4"],
        r"give exactly one of --filters and --model; got both",
    ),
    "neither filters nor model": (
        nothing,
        ["grey.png", "--weight", "0.1"],
        r"give exactly one of --filters and --model; got neither: --filters dct8x8 is a start",
    ),
    "no model file": (
        nothing,
        ["grey.png", "--model", "none.npz", "--weight", "1"],
        r"expected a saved model in 'none\.npz'; got nothing there",
    ),
    "model is an image": (
        nothing,
        ["grey.png", "--model", "grey.png", "--weight", "1"],
        r"expected an NPZ archive in 'grey\.png'; got a file that is not",
    ),
    "pursuit with filters": (
        nothing,
        ["grey.png", "--filters", "dct4x4", "--weight", "1", "--pursuit", "lbp"],
        r"--pursuit needs a multi-layer model; got --filters: give --model",
    ),
    "features with filters": (
        nothing,
        ["grey.png", "--filters", "dct4x4", "--weight", "1", "--pool-layers", "1"],
        r"--pool-layers needs a multi-layer model; got --filters: give --model",
    ),
    "layers without a cell": (
        nothing,
        [*WEIGHTED, "--pool-layers", "1"],
        r"--pool-layers goes with --pool; got it alone: add --pool, or leave it out",
    ),
    "a layer there is not": (
        nothing,
        [*WEIGHTED, "--pool", "4", "--pool-layers", "1,3"],
        r"--pool-layers must be of the layers 1 to 2; got 3: leave it out",
    ),
    "cells of other axes": (
        nothing,
        [*WEIGHTED, "--pool", "4,4,4"],
        r"--pool must be one number, or one for each of the 2 axes; got 3",
    ),
    "a cell of zero": (nothing, [*WEIGHTED, "--pool", "0"], r"--pool: must be an integer >= 1"),
    "unknown pursuit": (nothing, [*WEIGHTED, "--pursuit", "magic"], r"--pursuit: invalid choice"),
    "weights a layer with filters": (
        nothing,
        ["grey.png", "--filters", "dct4x4", "--weight", "1,2"],
        r"--weight must be one number with --filters; got several: give one",
    ),
    "no weight": (
        nothing,
        MODEL,
        r"give --weight or --weight-ratio: 'two\.npz' holds no penalties; got neither",
    ),
    "both weights": (
        nothing,
        [*WEIGHTED, "--weight-ratio", "0.1"],
        r"give exactly one of --weight and --weight-ratio; got both",
    ),
    "weights of other layers": (
        nothing,
        [*MODEL, "--weight", "1,2,3"],
        r"--weight must be one number, or one for each of the 2 layers; got 3: match them",
    ),
    "ratios of other layers": (
        nothing,
        [*MODEL, "--weight-ratio", "0.1,0.1,0.1"],
        r"--weight-ratio must be one number, or one for each of the 2 layers; got 3",
    ),
    "one bad weight of two": (
        nothing,
        [*MODEL, "--weight", "0.1,-2"],
        r"argument --weight: must be a number >= 0; got '-2'",
    ),
    "penalty without weight": (
        nothing,
        ["grey.png", "--model", "thresholds.npz", "--penalty", "l1"],
        r"--penalty and --ridge need a weight; got none, .* 'thresholds\.npz' hold",
    ),
    "geometry": (
        nothing,
        [*WEIGHTED, "--padding", "same"],
        r"--padding is for --filters; a model's file holds it: leave out --padding",
    ),
    "mask": (nothing, [*WEIGHTED, "--mask", "m.png"], r"--mask is for --filters; got it with"),
    "resume": (nothing, [*WEIGHTED, "--resume"], r"--resume is for --filters; got it with --mod"),
    "unfoldings of the exact pursuit": (
        nothing,
        [*WEIGHTED, "--unfoldings", "3"],
        r"--unfoldings goes with --pursuit lbp, mlista, mlfista; got exact: leave out one",
    ),
    "unfoldings of sweeps a layer": (
        nothing,
        [*WEIGHTED, "--pursuit", "mlista", "--unfoldings", "3,4"],
        r"--unfoldings of mlista is one number, of sweeps; got 2: give one",
    ),
    "unfoldings and iterations": (
        nothing,
        [*WEIGHTED, "--pursuit", "mlista", "--unfoldings", "3", "--max-iter", "9"],
        r"--unfoldings and --max-iter both say how many sweeps; got both",
    ),
    "unfoldings of other layers": (
        nothing,
        [*WEIGHTED, "--pursuit", "lbp", "--unfoldings", "3,3,3"],
        r"--unfoldings must be one number, or one for each of the 2 layers; got 3",
    ),
    "step of lbp": (
        nothing,
        [*WEIGHTED, "--pursuit", "lbp", "--step", "1"],
        r"--step goes with --pursuit thresholding, mlista, mlfista; got lbp",
    ),
    "step of zero": (
        nothing,
        [*WEIGHTED, "--pursuit", "mlista", "--step", "0"],
        r"argument --step: must be a number > 0.*; got '0'",
    ),
    "solver of the exact pursuit": (
        nothing,
        [*WEIGHTED, "--solver", "fista"],
        r"--solver goes with --pursuit lbp, projection, deep; got exact: leave out one",
    ),
    "greedy solver with l1": (
        nothing,
        [*WEIGHTED, "--pursuit", "lbp", "--solver", "omp"],
        r"OMP needs --penalty l0; got L1: change one of them",
    ),
    "fista with l0": (
        nothing,
        [*WEIGHTED, "--pursuit", "lbp", "--solver", "fista", "--penalty", "l0"],
        r"--solver fista needs convex penalties; got l0: choose ista or omp",
    ),
    "exact with l0": (
        nothing,
        [*WEIGHTED, "--penalty", "l0"],
        r"--pursuit exact needs penalties with a duality gap, such as l1; got L0: choose",
    ),
    "ratio with l0": (
        nothing,
        [*MODEL, "--weight-ratio", "0.1", "--penalty", "l0", "--pursuit", "lbp"],
        r"--weight-ratio needs a convex penalty; got l0",
    ),
    "admm in deep": (
        nothing,
        [*WEIGHTED, "--pursuit", "deep", "--solver", "admm"],
        r"--pursuit deep goes with --solver auto, fista, ista; got admm: choose one",
    ),
    "admm in projection": (
        nothing,
        [*WEIGHTED, "--pursuit", "projection", "--solver", "admm"],
        r"--pursuit projection goes with --solver auto, fista, ista, omp; got admm: choose one",
    ),
    "deep pursuit of a dense model": (
        dense,
        ["grey.png", "--model", "dense.npz", "--weight", "1", "--pursuit", "deep"],
        r"--pursuit deep is for MLCSC and ResCSC models; got an MSDCSC in 'dense\.npz'",
    ),
    "channels do not match": (
        lambda: save_model("rgb.npz", chain(bank(3, 3, 3))),
        ["grey.png", "--model", "rgb.npz", "--weight", "1"],
        r"the first layer of --model must have 1 or 1 channels to match 'grey\.png'; got 3",
    ),
    "axes do not match": (
        lambda: save_model("line.npz", chain(bank(3, 1, 3, 1))),
        ["grey.png", "--model", "line.npz", "--weight", "1"],
        r"--model must have 2 spatial axes to match the image 'grey\.png'; got 1",
    ),
    "too small for the model": (
        lambda: save_model("large.npz", chain(bank(3, 1, 30))),
        ["grey.png", "--model", "large.npz", "--weight", "1"],
        r"must have at least 30 samples along spatial axis 0",
    ),
    "images of two sizes": (
        other_sizes,
        ["in", "--model", "two.npz", "--weight", "1"],
        r"same size and channels; got 'a\.png' \(20 x 24, grey\) and 'b\.png' \(22 x 24, grey\)",
    ),
    "images of two kinds": (
        other_channels,
        ["in", "--model", "two.npz", "--weight", "1"],
        r"got 'a\.png' \(20 x 24, grey\) and 'b\.png' \(20 x 24, colour\)",
    ),
    "no images": (
        nothing,
        ["in", "--model", "two.npz", "--weight", "1"],
        r"expected images \(\.png, .*\) in the folder 'in'; got none: name another",
    ),
    "a damaged image in a folder": (
        damaged_image,
        ["in", "--model", "two.npz", "--weight", "1"],
        r"expected a PNG image in 'in/b\.png'; got a file that is not",
    ),
    "a folder with filters": (
        lambda: write_image("in/a.png"),
        ["in", "--filters", "dct4x4", "--weight", "1"],
        r"expected a file 'in'; got a folder: name a file in it, or give --model",
    ),
    "out is the folder of the inputs": (
        lambda: write_image("in/a.png"),
        ["in", "--model", "two.npz", "--weight", "1", "--out", "in"],
        r"--out must not be the folder of the inputs; got 'in': choose another",
    ),
    "out holds the input": (
        lambda: shutil.copy("grey.png", "reconstruction.png"),
        ["reconstruction.png", "--model", "two.npz", "--weight", "1", "--out", "."],
        r"--out must not lead to the input itself; got 'reconstruction\.png'",
    ),
}


@pytest.mark.parametrize("name", MISUSE)
def test_misuse_gets_one_line_and_writes_nothing(folder, name, capsys):
    (folder / "in").mkdir()
    make, arguments, expected = MISUSE[name]
    make()
    before = sorted(folder.rglob("*"))
    capsys.readouterr()
    assert main(["solve", *arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert re.fullmatch(r"sparsecsc: error: .+\n", told.err), told.err
    assert re.search(expected, told.err), told.err
    assert sorted(folder.rglob("*")) == before


def test_a_process_ends_with_the_same_line_and_code(folder):
    command = [sys.executable, "-m", "sparsecsc.cli", "solve", *MODEL]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert re.fullmatch(r"sparsecsc: error: give --weight or --weight-ratio.*\n", ended.stderr)


# ---- the file of the codes ----


def example_codes(dtype=np.float32):
    rng = np.random.default_rng(0)
    sparse = rng.standard_normal((2, 3, 6, 7)) * (rng.random((2, 3, 6, 7)) < 0.1)
    return sparse.astype(dtype), rng.standard_normal((2, 4, 3, 4)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layer_codes_are_read_as_they_were_written(tmp_path, dtype):
    codes = example_codes(dtype)
    path = save_layer_codes(
        tmp_path / "c.npz", codes, parameters={"a": [1, None]}, versions={"numpy": "2"}
    )
    saved = load_layer_codes(path)
    assert (saved.parameters, saved.versions) == ({"a": [1, None]}, {"numpy": "2"})
    for one, two in zip(codes, saved.codes, strict=True):
        assert one.dtype == two.dtype
        np.testing.assert_array_equal(one, two)
    with np.load(path, allow_pickle=False) as file:
        names = {"header", "layer_1_indices", "layer_1_values", "layer_2_dense"}
        assert set(file) == names


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((), "at least one layer; got none"),
        ((np.ones((1, 2, 3), int),), "layer 1 must be finite float32 or float64; got int64"),
        ((np.full((1, 2, 3), np.nan),), "layer 1 must be finite"),
        ((np.ones((2, 3)),), "layer 1 must have 3 to 5 axes"),
        ((np.ones((1, 2, 3)), np.ones((2, 2, 3))), "layer 2 must be of as many signals"),
        ((np.ones((1, 2, 3)), np.ones((1, 2, 3), np.float32)), "layer 2 must be of .* dtype"),
    ],
)
def test_codes_that_are_not_of_one_run_are_not_written(tmp_path, codes, expected):
    with pytest.raises(ValueError, match=expected):
        save_layer_codes(tmp_path / "c.npz", codes, parameters={}, versions={})
    assert not list(tmp_path.iterdir())


def changed(header=None, **parts):
    def change(path):
        with np.load(path) as file:
            kept = dict(file)
        new = json.loads(str(kept["header"])) | (header or {})
        np.savez(path, **(kept | parts | {"header": np.array(json.dumps(new))}))

    return change


def cut_short(path):
    path.write_bytes(path.read_bytes()[:300])


INDICES = np.array([0, 1], np.int64)
BAD_FILES = {
    "missing": (
        lambda path: path.unlink(),
        r"expected saved codes of several layers in '.*'; got nothing there",
    ),
    "truncated": (cut_short, r"expected an NPZ archive in '.*'; got a file that is not"),
    "of one layer": (
        lambda path: save_codes(
            path, np.ones((1, 2, 9)), np.ones((2, 1, 3)), parameters={}, versions={}
        ),
        r"saved codes of several layers in '.*'; .* not written by sparsecsc",
    ),
    "other version": (
        changed(header={"format_version": 9}),
        r"must have format version 1; got 9: read it with the version of sparsecsc",
    ),
    "no shapes": (
        changed(header={"codes_shapes": None}),
        r"its header is incomplete",
    ),
    "no layers": (
        changed(header={"codes_shapes": []}),
        r"must hold the codes of at least one layer",
    ),
    "one layer too many": (
        changed(header={"codes_shapes": [[2, 3, 6, 7], [2, 4, 3, 4], [2, 1, 1, 1]]}),
        r"its part 'layer_3_indices' is missing",
    ),
    "shape of another kind": (
        changed(header={"codes_shapes": [5, [2, 4, 3, 4]]}),
        r"does not hold the shape of each layer's codes",
    ),
    "shape bomb": (
        changed(header={"codes_shapes": [[2, 3, 10**6, 10**6], [2, 4, 3, 4]]}),
        r"more than \d+ values in all",
    ),
    "negative shape": (
        changed(header={"codes_shapes": [[2, -3, 6, 7], [2, 4, 3, 4]]}),
        r"which is not one of 1 to",
    ),
    "dense of another shape": (
        changed(layer_2_dense=np.ones((2, 4, 3, 5), np.float32)),
        r"its codes have the shape \(2, 4, 3, 5\) in place of \(2, 4, 3, 4\)",
    ),
    "places outside": (
        changed(layer_1_indices=np.array([0, 10**6]), layer_1_values=np.ones(2, np.float32)),
        r"places of its codes are outside the array",
    ),
    "more places than values": (
        changed(layer_1_indices=INDICES, layer_1_values=np.ones(1, np.float32)),
        r"it has \(2,\) places for \(1,\) codes",
    ),
    "not finite": (
        changed(layer_1_indices=INDICES, layer_1_values=np.array([1, np.inf], np.float32)),
        r"the codes of layer 1 must be finite",
    ),
    "other dtype": (
        changed(layer_2_dense=np.ones((2, 4, 3, 4))),
        r"the codes of layer 2 must be of as many signals and axes and of the dtype",
    ),
    "pickled": (
        lambda path: np.savez(path, header=np.array([{"a": 1}], dtype=object)),
        r"pickled objects are never loaded",
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_of_layer_codes_is_refused(tmp_path, name):
    damage, expected = BAD_FILES[name]
    path = save_layer_codes(tmp_path / "c.npz", example_codes(), parameters={}, versions={})
    damage(path)
    with pytest.raises((ValueError, OSError), match=expected):
        load_layer_codes(path)


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = save_layer_codes(tmp_path / "c.npz", example_codes(), parameters={}, versions={})
    before = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sparsecsc.io.atomic.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_layer_codes(path, example_codes(), parameters={"a": 1}, versions={})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["c.npz"]
