"""The command line: what it writes is true, what it breaks off is kept, nothing is repeated."""

import json
import math
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

import sparsecsc as sc
from sparsecsc import _cli_outcome
from sparsecsc.backends.devices import missing_gpu
from sparsecsc.cli import main
from sparsecsc.data import load_image
from sparsecsc.io import load_codes, read_signal

WRITTEN = ["codes.npz", "reconstruction.png", "report.png", "result.json"]
KEYS = {
    *("objective", "gap", "relative_gap", "status", "sentence", "n_iter", "seconds", "nonzeros"),
    *("psnr", "versions", "threads", "dtype", "parameters", "history"),
}
RUN = [sys.executable, "-m", "sparsecsc.cli"]


@pytest.fixture
def grey(tmp_path):
    """A piece of a photograph as an 8-bit file."""
    path = tmp_path / "grey.png"
    pixels = load_image("camera")[100:140, 200:236]
    Image.fromarray(np.rint(255 * pixels).astype(np.uint8)).save(path)
    return path


@pytest.fixture
def colour(tmp_path):
    path = tmp_path / "colour.png"
    pixels = load_image("chelsea")[100:130, 200:232]
    Image.fromarray(np.rint(255 * pixels).astype(np.uint8)).save(path)
    return path


def solve(path, *options, out="out"):
    """Run the command beside the input; return the exit code and the content of result.json."""
    folder = path.parent / out
    arguments = [str(option) for option in options]
    if "--filters" not in arguments:
        arguments += ["--filters", "dct4x4"]
    code = main(["solve", str(path), "--out", str(folder), *arguments])
    return code, json.loads((folder / "result.json").read_text(), parse_constant=_refuse)


def _refuse(name):
    pytest.fail(f"result.json holds {name}, which is not JSON")


def test_result_is_written_certified_and_true(grey, capsys):
    code, result = solve(grey, "--weight-ratio", 0.1, "--dtype", "float64")
    assert code == 0
    assert sorted(path.name for path in (grey.parent / "out").iterdir()) == WRITTEN
    assert set(result) >= KEYS
    assert result["status"] == "CONVERGED"
    assert 0 <= result["relative_gap"] <= 1e-3
    saved = load_codes(grey.parent / "out" / "codes.npz")
    lowpass, rest = sc.split_lowpass(read_signal(grey, dtype="float64").signal)
    dictionary = sc.ConvDictionary(saved.filters)
    problem = sc.Pursuit(rest, dictionary, sc.L1(saved.parameters["weight"]))
    assert result["objective"] == pytest.approx(problem.objective(saved.codes), rel=1e-12)
    assert result["nonzeros"] == np.count_nonzero(saved.codes)
    with_unit_weight = sc.lambda_max(problem.with_penalty(sc.L1(1.0)))
    assert saved.parameters["weight"] == pytest.approx(0.1 * with_unit_weight, rel=1e-12)
    approximation = lowpass + problem.synthesize(saved.codes)
    error = np.mean((approximation - read_signal(grey, dtype="float64").signal) ** 2)
    assert result["psnr"] == pytest.approx(-10 * math.log10(error), abs=1e-6)
    written = read_signal(grey.parent / "out" / "reconstruction.png", dtype="float64").signal
    np.testing.assert_allclose(written, approximation, atol=0.5001 / 255)
    assert "The stated tolerance is certified." in capsys.readouterr().out


def test_float32_objective_is_recomputed_in_float64(grey):
    _, result = solve(grey, "--weight", 0.05, "--tol", 0.1)
    saved = load_codes(grey.parent / "out" / "codes.npz")
    rest = sc.split_lowpass(read_signal(grey).signal)[1].astype(np.float64)
    dictionary = sc.ConvDictionary(saved.filters.astype(np.float64))
    problem = sc.Pursuit(rest, dictionary, sc.L1(0.05))
    assert result["dtype"] == "float32"
    expected = problem.objective(saved.codes.astype(np.float64))
    assert result["objective"] == pytest.approx(expected, rel=1e-12)


def test_all_parameters_to_repeat_a_run_are_saved(grey):
    solve(grey, "--weight-ratio", 0.2, "--padding", "same", "--stride", "2,2")
    first = load_codes(grey.parent / "out" / "codes.npz")
    p = first.parameters
    rerun = ["--weight", p["weight"], "--tol", p["tol"], "--lowpass", p["lowpass"]]
    rerun += ["--padding", p["padding"], "--stride", ",".join(map(str, p["stride"]))]
    rerun += ["--filters", p["filters"], "--dtype", p["dtype"], "--penalty", p["penalty"]]
    solve(grey, *rerun, out="again")
    second = load_codes(grey.parent / "again" / "codes.npz")
    np.testing.assert_array_equal(first.codes, second.codes)
    assert set(first.versions) == {"python", "numpy", "scipy", "numba", "sparsecsc"}


@pytest.mark.parametrize(
    "options",
    [
        ["--penalty", "nonnegative", "--weight-ratio", "0.1"],
        ["--penalty", "elastic-net", "--ridge", "0.1", "--weight-ratio", "0.1"],
        ["--penalty", "group", "--weight-ratio", "0.1"],
        ["--solver", "fista", "--weight-ratio", "0.1"],
        ["--solver", "admm", "--weight-ratio", "0.1"],
        ["--solver", "ista", "--weight-ratio", "0.5", "--tol", "0.01"],
        ["--weight-ratio", "0.2", "--padding", "valid", "--dilation", "2"],
        ["--weight-ratio", "0.1", "--filters", "gabor5x5"],
        ["--weight-ratio", "0.1", "--filters", "haar4x4"],
        ["--weight-ratio", "0.1", "--filters", "random3x3"],
        ["--weight-ratio", "0.1", "--filters", "parseval3x3"],
        ["--weight-ratio", "0.1", "--lowpass", "0"],
    ],
    ids=" ".join,
)
def test_options_reach_the_solver_and_the_run_is_certified(grey, options):
    code, result = solve(grey, *options, "--quiet")
    assert code == 0
    assert 0 <= result["relative_gap"] <= result["parameters"]["tol"]


def test_hard_thresholding_and_omp_end_by_their_own_rules(grey):
    code, result = solve(grey, "--penalty", "l0", "--n-nonzero", 7, "--quiet")
    assert (code, result["status"], result["nonzeros"]) == (0, "RULE_MET", 7)
    assert result["gap"] is result["relative_gap"] is None
    code, result = solve(grey, "--penalty", "l0", "--weight", 0.01, "--quiet")
    assert (code, result["status"]) == (0, "CONVERGED")


def test_constants_are_left_out_only_where_the_low_pass_is_taken_off(grey):
    _, with_lowpass = solve(grey, "--weight-ratio", 0.5, "--quiet")
    _, without = solve(grey, "--weight-ratio", 0.5, "--lowpass", 0, "--quiet", out="other")
    assert with_lowpass["filters_shape"][0] + 1 == without["filters_shape"][0] == 16


def test_single_channel_filters_code_each_channel_of_a_colour_image_by_itself(colour, capsys):
    code, result = solve(colour, "--weight-ratio", 0.2)
    assert code == 0
    assert result["codes_shape"][0] == 3
    assert result["signal_shape"][:2] == [3, 1]
    assert "3 channels, each coded by itself" in capsys.readouterr().out
    written = read_signal(colour.parent / "out" / "reconstruction.png").signal
    assert written.shape == (1, 3, 30, 32)
    assert np.mean((written - read_signal(colour).signal) ** 2) < 0.01


def test_three_channel_filters_code_the_channels_of_a_colour_image_jointly(colour):
    code, result = solve(colour, "--filters", "dct3x3-rgb", "--weight-ratio", 0.2, "--quiet")
    assert code == 0
    assert result["codes_shape"] == [1, 24, 30, 32]


def test_sound_is_coded_without_low_pass_and_written_as_sound(tmp_path):
    time_ = np.arange(2000) / 8000
    samples = np.stack([np.sin(2000 * time_), np.cos(3000 * time_)], axis=1) * 9000
    wavfile.write(tmp_path / "a.wav", 8000, samples.astype(np.int16))
    code, result = solve(
        tmp_path / "a.wav", "--filters", "tones32", "--weight-ratio", 0.2, "--quiet"
    )
    assert code == 0
    assert result["parameters"]["lowpass"] == 0
    rate, written = wavfile.read(tmp_path / "out" / "reconstruction.wav")
    assert (rate, written.shape, written.dtype) == (8000, (2000, 2), np.int16)


def test_filters_and_array_files_with_names_are_read(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "in.npz", x=rng.standard_normal((3, 20, 21)).astype(np.float32))
    np.save(tmp_path / "bank.npy", rng.standard_normal((4, 3, 3, 3)))
    options = ["--filters", tmp_path / "bank.npy", "--weight-ratio", 0.5, "--quiet"]
    code, result = solve(tmp_path / "in.npz", *options)
    assert code == 0
    assert result["codes_shape"] == [1, 4, 20, 21]
    with np.load(tmp_path / "out" / "reconstruction.npz") as file:
        assert file["x"].shape == (3, 20, 21)


def test_masked_pixels_do_not_count(grey):
    pixels = np.asarray(Image.open(grey)).copy()
    mask = np.full(pixels.shape, 255, np.uint8)
    mask[10:14, 5:30] = 0
    Image.fromarray(mask).save(grey.parent / "mask.png")
    np.save(grey.parent / "mask.npy", mask > 0)
    results = []
    for name, filled, out in (("mask.png", 0, "a"), ("mask.npy", 255, "b")):
        pixels[mask == 0] = filled
        Image.fromarray(pixels).save(grey.parent / "damaged.png")
        options = ["--weight-ratio", 0.1, "--mask", grey.parent / name, "--quiet"]
        code, result = solve(grey.parent / "damaged.png", *options, out=out)
        assert code == 0
        results.append(result)
    assert results[0]["objective"] == pytest.approx(results[1]["objective"], rel=2e-3)
    assert results[0]["psnr"] == pytest.approx(results[1]["psnr"], abs=0.1)


def test_resuming_starts_at_the_saved_codes(grey, capsys):
    strict = ["--weight-ratio", 0.05, "--tol", 1e-5, "--solver", "fista"]
    code, first = solve(grey, *strict, "--max-iter", 60)
    assert code == 1
    assert first["status"] == "MAX_ITER"
    code, second = solve(grey, *strict, "--resume")
    assert code == 0
    assert second["history"]["objectives"][0] == pytest.approx(first["objective"], rel=1e-5)
    assert second["parameters"]["iterations_before"] == 60
    assert "saved codes, after 60 iterations" in capsys.readouterr().out
    _, third = solve(grey, *strict, "--resume", "--quiet")
    assert third["n_iter"] <= 10


def test_resuming_with_the_solver_left_to_the_program_never_moves_away(grey):
    options = ["--weight-ratio", 0.05, "--tol", 1e-6, "--quiet"]
    _, first = solve(grey, *options, "--max-iter", 100)
    _, second = solve(grey, *options, "--max-iter", 40, "--resume")
    assert max(second["history"]["objectives"]) <= first["objective"] * (1 + 1e-6)


def test_resuming_may_change_the_weight(grey):
    solve(grey, "--weight", 0.1, "--quiet")
    code, result = solve(grey, "--weight", 0.08, "--resume", "--quiet")
    assert code == 0
    nothing, _ = solve(grey, "--weight", 9, "--quiet", out="other")
    from_zero = json.loads((grey.parent / "other" / "result.json").read_text())["objective"]
    assert nothing == 0
    assert result["history"]["objectives"][0] < 0.9 * from_zero


def test_quiet_prints_nothing(grey, capsys):
    solve(grey, "--weight-ratio", 0.3, "--quiet")
    assert capsys.readouterr() == ("", "")


def test_without_matplotlib_all_but_the_report_is_written(grey, monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "sparsecsc.plot", raising=False)
    monkeypatch.delattr(sc, "plot", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for name in [name for name in sys.modules if name.startswith("matplotlib.")]:
        monkeypatch.setitem(sys.modules, name, None)
    code, _ = solve(grey, "--weight-ratio", 0.3)
    assert code == 0
    written = sorted(path.name for path in (grey.parent / "out").iterdir())
    assert written == [name for name in WRITTEN if name != "report.png"]
    told = capsys.readouterr().out
    assert 'report.png needs matplotlib: pip install "sparsecsc[plot]"' in told


def test_numbers_that_json_cannot_hold_become_null():
    value = {"a": [1.0, math.nan, (math.inf,)], "b": {"c": -math.inf}, "d": "x", "e": 3}
    expected = {"a": [1.0, None, [None]], "b": {"c": None}, "d": "x", "e": 3}
    assert _cli_outcome.finite(value) == expected
    with pytest.raises(ValueError, match="not JSON compliant"):
        json.dumps(value, allow_nan=False)


def test_psnr_is_that_of_the_formula_and_infinite_for_equal_signals():
    ones = np.ones((1, 1, 4))
    assert _cli_outcome.psnr(ones, 0.9 * ones, None, 1.0) == pytest.approx(20.0)
    assert _cli_outcome.psnr(ones, 0.9 * ones, None, 10.0) == pytest.approx(40.0)
    assert _cli_outcome.psnr(ones, ones, None, 1.0) == math.inf
    broken = 0.9 * ones
    broken[..., 0] = 50.0
    mask = np.array([[[0.0, 1.0, 1.0, 1.0]]])
    assert _cli_outcome.psnr(ones, broken, mask, 1.0) == pytest.approx(20.0)


def test_info_names_versions_backends_threads_and_data(capsys):
    assert main(["info"]) == 0
    told = capsys.readouterr().out
    for words in (
        "python",
        "numpy",
        "scipy",
        "numba",
        "sparsecsc",
        "threads",
        "camera",
        "cupy",
        "GPU",
    ):
        assert words in told


NO_GPU = missing_gpu()
without_gpu = pytest.mark.skipif(not NO_GPU, reason="there is a GPU")


@without_gpu
def test_a_gpu_that_is_not_there_is_one_clear_error_and_auto_takes_the_cpu(tmp_path, capsys):
    assert main(["demo", "--quiet", "--device", "gpu", "--out", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "--device gpu needs a GPU that CuPy can use; got none, " + NO_GPU in told
    for device in ([], ["--device", "auto"], ["--device", "cpu"]):
        assert main(["demo", "--quiet", *device, "--out", str(tmp_path)]) == 0
        result = json.loads((tmp_path / "result.json").read_text())
        assert result["device"] == "cpu"


@pytest.mark.parametrize("alone", [["--solver", "cd"], ["--workdir", "folder"]])
def test_what_has_no_form_on_a_gpu_says_so(tmp_path, capsys, alone):
    np.save(tmp_path / "x.npy", np.ones((1, 1, 16, 16), np.float32))
    given = ["solve", str(tmp_path / "x.npy"), "--filters", "haar4x4", "--weight", "1", *alone]
    given = [word.replace("folder", str(tmp_path / "work")) for word in given]
    assert main([*given, "--device", "gpu", "--out", str(tmp_path / "out")]) == 2
    assert f"--device gpu has no form of {alone[0]}" in capsys.readouterr().err


@pytest.mark.gpu
def test_the_demo_on_a_gpu_has_the_objective_of_the_cpu(tmp_path):
    objectives = []
    for device in ("cpu", "gpu"):
        assert main(["demo", "--quiet", "--device", device, "--out", str(tmp_path)]) == 0
        result = json.loads((tmp_path / "result.json").read_text())
        assert result["device"] == device
        objectives.append(result["objective"])
    assert objectives[1] == pytest.approx(objectives[0], rel=2e-3)


def test_version_and_help_are_told(capsys):
    assert main(["--version"]) == 0
    assert re.fullmatch(r"sparsecsc \d+\.\d+\S*\n", capsys.readouterr().out)
    for arguments in (["--help"], ["solve", "--help"], ["demo", "--help"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
        assert "usage: sparsecsc" in capsys.readouterr().out


def test_demo_codes_a_photograph_of_at_least_256_pixels_with_a_certificate(tmp_path):
    command = [*RUN, "demo", "--out", str(tmp_path / "out")]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == WRITTEN
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["status"] == "CONVERGED"
    assert 0 <= result["relative_gap"] <= 1e-3
    assert min(result["signal_shape"][2:]) >= 256
    assert "certified relative gap" in ended.stdout
    written = np.asarray(Image.open(tmp_path / "out" / "reconstruction.png"))
    crop = np.round(255 * load_image("camera"))[40:296, 130:386]
    error = np.mean((crop - written.astype(float)) ** 2)
    assert 10 * math.log10(255**2 / error) == pytest.approx(result["psnr"], abs=0.2)


# A child may inherit "ignore Ctrl-C" from a shell that started the tests in the background.
INTERRUPTIBLE = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from sparsecsc.cli import main; raise SystemExit(main())"
)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_writes_its_best_codes_and_no_traceback(tmp_path, number):
    path = tmp_path / "a.npy"
    np.save(path, np.random.default_rng(0).standard_normal((160, 160)))
    command = [sys.executable, "-c", INTERRUPTIBLE, "solve", str(path), "--filters", "dct8x8"]
    command += ["--weight-ratio", "0.01", "--tol", "1e-14", "--max-iter", "10000000"]
    command += ["--out", str(tmp_path / "out")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        for line in running.stdout:
            if line.startswith("solving"):
                break
        time.sleep(4)
        running.send_signal(number)
        told, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (1, "")
    assert "interrupted" in told
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["status"] == "INTERRUPTED"
    saved = load_codes(tmp_path / "out" / "codes.npz")
    assert result["nonzeros"] == np.count_nonzero(saved.codes) > 0
    assert result["objective"] == min(result["history"]["objectives"]) or result[
        "objective"
    ] == pytest.approx(min(result["history"]["objectives"]), rel=1e-5)


def test_an_interruption_before_anything_is_there_is_one_line(grey, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("sparsecsc._cli_run.solve", interrupted)
    assert main(["solve", str(grey), "--filters", "dct4x4", "--weight", "1", "--quiet"]) == 130
    told = capsys.readouterr().err
    assert told.startswith("sparsecsc: error: interrupted")
    assert told.count("\n") == 1


def test_the_reader_of_the_output_may_leave_early(grey):
    options = f"solve {grey} --filters dct4x4 --weight-ratio 0.3 --out {grey.parent / 'out'}"
    command = f"{sys.executable} -m sparsecsc.cli {options} | true"
    ended = subprocess.run(
        ["bash", "-c", command], check=False, capture_output=True, text=True, timeout=120
    )
    assert "Traceback" not in ended.stderr
    assert "Exception" not in ended.stderr


def test_importing_the_command_line_does_not_import_matplotlib_or_image_libraries():
    heavy = "('matplotlib', 'PIL', 'tifffile', 'tqdm', 'cupy')"
    code = f"import sys, sparsecsc.cli; sys.exit(any(name in sys.modules for name in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
