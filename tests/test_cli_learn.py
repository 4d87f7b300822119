"""The command that learns: what it writes is true, what it breaks off goes on where it was."""

import json

import numpy as np
import pytest
from learning_checks import check_allowed
from PIL import Image
from scipy.io import wavfile

import sparsecsc as sc
from sparsecsc import _cli_learn
from sparsecsc.cli import main
from sparsecsc.data import load_image
from sparsecsc.io import load_filters, load_online, read_signal

SMALL = ("--filters", "4", "--kernel", "5x5", "--quiet")
WRITTEN = ["filters.npz", "report.png", "result.json"]


@pytest.fixture
def folder(tmp_path):
    """Four pieces of a photograph in colour, the last of another size, and a file to pass over."""
    path = tmp_path / "images"
    path.mkdir()
    pixels = load_image("chelsea")
    for i, (height, width) in enumerate([(24, 28)] * 3 + [(20, 30)]):
        piece = pixels[100 + 9 * i : 100 + 9 * i + height, 200 : 200 + width]
        Image.fromarray(np.rint(255 * piece).astype(np.uint8)).save(path / f"{i}.png")
    (path / "notes.txt").write_text("not an image")
    return path


@pytest.fixture
def image(folder):
    return folder / "0.png"


def learn(*arguments, out):
    """Run the command; return the exit code and the content of result.json."""
    code = main(["learn", *map(str, arguments), "--out", str(out)])
    return code, json.loads((out / "result.json").read_text())


def test_what_is_written_is_what_was_learned(image, tmp_path):
    code, found = learn(image, *SMALL, "--weight", "0.1", "--dtype", "float64", out=tmp_path / "o")
    assert code == 0
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == WRITTEN
    signal = sc.split_lowpass(read_signal(image, dtype="float64").signal)[1]
    result = sc.learn(signal, sc.random_filters(4, 3, (5, 5), 0), 0.1)
    filters = load_filters(tmp_path / "o" / "filters.npz")
    assert np.array_equal(filters, result.filters)
    assert found["objective"] == pytest.approx(result.objective, rel=1e-12)
    assert found["nonzeros"] == result.sparse_codes.nnz
    error = signal - result.problem.synthesize(result.sparse_codes)
    assert found["psnr"] == pytest.approx(-10 * np.log10(np.mean(error**2)))
    assert found["status"] == "CONVERGED"
    assert max(found["relative_gap"], found["filter_gap"]) <= 1e-3
    assert found["parameters"]["seed"] == 0
    assert found["versions"]["numpy"]
    with Image.open(tmp_path / "o" / "report.png") as report:
        assert report.size == (1200, 600)


def test_solve_takes_the_filters(image, tmp_path):
    learn(image, *SMALL, "--grey", "--weight-ratio", "0.1", out=tmp_path / "o")
    arguments = ["solve", str(image), "--filters", str(tmp_path / "o" / "filters.npz")]
    assert main([*arguments, "--weight", "0.1", "--quiet", "--out", str(tmp_path / "s")]) == 0


def test_options_reach_learning(folder, tmp_path):
    files = [folder / f"{i}.png" for i in range(3)]
    options = ("--zero-mean", "--penalty", "nonnegative", "--padding", "same", "--lowpass", "0")
    code, found = learn(
        *files, *SMALL, *options, "--grey", "--weight-ratio", "0.2", "--start", "patches",
        "--max-iter", "2", "--tol", "1e-6", "--seed", "7", out=tmp_path / "o",
    )  # fmt: skip
    assert code == 1
    assert found["status"] == "MAX_ITER"
    filters = load_filters(tmp_path / "o" / "filters.npz")
    assert filters.shape == (4, 1, 5, 5)
    check_allowed(filters, zero_mean=True)
    signals = [sc.to_luminance(read_signal(file).signal) for file in files]
    signal = np.concatenate(signals)
    start = sc.UnitBall(zero_mean=True).project(sc.patch_filters(signal, 4, (5, 5), 7))
    dictionary = sc.ConvDictionary(start, padding="same")
    largest = sc.lambda_max(sc.Pursuit(signal, dictionary, sc.NonnegativeL1(1.0)))
    assert found["parameters"]["weight"] == pytest.approx(0.2 * largest, rel=1e-6)
    given = tmp_path / "start.npy"
    np.save(given, filters)
    options = ("--grey", "--weight", "0.1", "--start", given, "--quiet")
    code, again = learn(files[0], *options, out=tmp_path / "p")
    assert again["filters_shape"] == [4, 1, 5, 5]
    assert code == 0


def test_masked_samples_are_not_learned_from(image, tmp_path):
    pixels = np.asarray(Image.open(image)).copy()
    mask = np.random.default_rng(0).random(pixels.shape[:2]) < 0.7
    Image.fromarray((255 * mask).astype(np.uint8)).save(tmp_path / "mask.png")
    found = {}
    for name, value in (("black", 0), ("white", 255)):
        pixels[~mask] = value
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        options = ("--weight", "0.1", "--mask", tmp_path / "mask.png", "--max-iter", "4")
        learn(tmp_path / f"{name}.png", *SMALL, *options, out=tmp_path / name)
        found[name] = load_filters(tmp_path / name / "filters.npz")
    assert np.allclose(found["black"], found["white"], atol=1e-4)
    learn(tmp_path / "white.png", *SMALL, "--weight", "0.1", "--max-iter", "4", out=tmp_path / "o")
    other = load_filters(tmp_path / "o" / "filters.npz")
    assert not np.allclose(other, found["white"], atol=1e-2)


def test_sound_and_arrays_can_be_learned_from(tmp_path):
    rng = np.random.default_rng(0)
    sound = tmp_path / "sound.wav"
    wavfile.write(sound, 8000, (3000 * rng.standard_normal(900)).astype(np.int16))
    code, found = learn(
        sound, "--filters", "3", "--weight-ratio", "0.3", "--quiet", out=tmp_path / "a"
    )
    assert code == 0
    assert found["filters_shape"] == [3, 1, 64]
    array = tmp_path / "array.npy"
    np.save(array, rng.standard_normal((8, 9, 7)))
    code, found = learn(
        array, "--kernel", "3x3x2", "--filters", "2", "--weight-ratio", "0.3", "--quiet",
        out=tmp_path / "b",
    )  # fmt: skip
    assert code == 0
    assert found["filters_shape"] == [2, 1, 3, 3, 2]


ONLINE = (*SMALL, "--online", "--epochs", "2", "--weight", "0.1", "--seed", "3")


def test_a_folder_is_learned_from_online(folder, tmp_path):
    code, found = learn(folder, *ONLINE, out=tmp_path / "o")
    assert code == 0
    assert found["n_iter"] == 8
    assert len(found["history"]["objectives"]) == 8
    assert found["objective"] == pytest.approx(np.mean(found["history"]["objectives"][4:]))
    check_allowed(load_filters(tmp_path / "o" / "filters.npz"))
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == WRITTEN
    other = learn(folder, *ONLINE[:-1], "4", out=tmp_path / "p")[1]
    assert other["history"]["objectives"] != found["history"]["objectives"]


def test_what_is_said_names_filters_weight_and_outcome(folder, tmp_path, capsys):
    common = ("--filters", "4", "--kernel", "5x5", "--weight-ratio", "0.2")
    learn(folder / "0.png", *common, out=tmp_path / "o")
    said = capsys.readouterr().out
    for text in (
        "24 x 28, 3 channels",
        "low-pass    of strength 5",
        "4 of 5x5",
        "0.2 of the weight",
    ):
        assert text in said
    assert "certified relative gaps" in said
    assert "wrote       filters.npz, result.json, report.png" in said
    learn(folder, *common, "--online", out=tmp_path / "p")
    said = capsys.readouterr().out
    assert "4 files: the first" in said
    assert "1 x 4 batches" in said
    assert "All batches were learned from." in said


def test_an_interrupted_run_resumes_to_the_same_filters_bit_for_bit(folder, tmp_path, monkeypatch):
    learn(folder, *ONLINE, out=tmp_path / "whole")
    checkpoint = tmp_path / "checkpoint.npz"
    options = (*ONLINE, "--checkpoint", checkpoint)
    real, read = _cli_learn.Batches.__getitem__, []

    def interrupting(self, t):
        read.append(t)
        if len(read) == 5:  # the first is read once more, before the run
            raise KeyboardInterrupt
        return real(self, t)

    monkeypatch.setattr(_cli_learn.Batches, "__getitem__", interrupting)
    code, found = learn(folder, *options, out=tmp_path / "part")
    assert code == 1
    assert found["status"] == "INTERRUPTED"
    assert load_online(checkpoint)[0].n_batches == found["n_iter"] == 3
    monkeypatch.undo()
    code, found = learn(folder, *options, "--resume", out=tmp_path / "part")
    assert code == 0
    assert found["n_iter"] == 8
    whole, part = (load_filters(tmp_path / name / "filters.npz") for name in ("whole", "part"))
    assert np.array_equal(whole, part)
    longer = ("--checkpoint", checkpoint, "--resume", "--epochs", "3")
    assert learn(folder, *ONLINE, *longer, out=tmp_path / "part")[1]["n_iter"] == 12


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ((), "neither: --weight-ratio 0.1 is a start"),
        (("--weight", "1", "--weight-ratio", "0.1"), "got both"),
        (("--weight", "1", "--batch", "2"), "--batch needs --online"),
        (("--weight", "1", "--resume"), "--resume needs --online"),
        (("--weight", "1", "--scheduler", "tcp://a:1"), "--scheduler needs --online"),
        (("--weight", "1", "--online", "--resume"), "--resume needs --checkpoint FILE"),
        (("--weight", "1", "--online", "--mask", "m.png"), "--mask is without --online"),
        (
            ("--weight", "1", "--online", "--device", "gpu", "--scheduler", "tcp://a:1"),
            "--device gpu has no form of --scheduler",
        ),
        (("--weight", "1", "--online", "--max-iter", "3"), "--max-iter is without --online"),
        (("--weight", "1", "--online", "--checkpoint", "a.txt"), "must end in .npz"),
        (("--weight", "1", "--online", "--checkpoint", "none.npz", "--resume"), "nothing there"),
        (("--weight", "1"), "must have one size and as many channels"),
        (("--weight", "1", "--online", "--batch", "4"), "or use --batch 1"),
        (("--weight", "1", "--online", "--kernel", "5"), "--kernel must have 2 sizes"),
        (("--weight", "1", "--online", "--kernel", "0x5"), "must be 1 to 3 integers >= 1"),
        (("--weight", "1", "--online", "--kernel", "99x5"), "at least 99 samples"),
        (("--weight", "1", "--online", "--seed", "x"), "must be an integer from 0"),
        (("--weight", "1", "--start", "nothing.npz"), "expected a file 'nothing.npz'"),
    ],
)
def test_misuse_is_said_in_one_line(folder, tmp_path, monkeypatch, capsys, options, match):
    monkeypatch.chdir(tmp_path)
    if "nothing.npz" in options:
        folder = folder / "0.png"
    assert main(["learn", str(folder), "--out", str(tmp_path / "o"), *options]) == 2
    error = capsys.readouterr().err
    assert match in error
    assert error.count("\n") == 1


def test_wrong_inputs_are_said_in_one_line(folder, tmp_path, capsys):
    def says(*arguments):
        out = str(tmp_path / "o")
        assert main(["learn", *map(str, arguments), "--weight", "1", "--out", out]) == 2
        return capsys.readouterr().err

    assert "got nothing there" in says(tmp_path / "none.png")
    (tmp_path / "empty").mkdir()
    assert "got none: name another" in says(tmp_path / "empty")
    array = tmp_path / "array.npy"
    np.save(array, np.ones((9, 9)))
    assert "--kernel must be given for arrays" in says(array)
    assert "all inputs must be of one kind" in says(array, folder / "0.png")
    bank = tmp_path / "bank.npy"
    np.save(bank, np.ones((2, 3, 5, 5)))
    assert "leave out --kernel" in says(folder / "0.png", "--start", bank, "--kernel", "5x5")
    checkpoint = tmp_path / "checkpoint.npz"
    learn(folder, *ONLINE, "--checkpoint", checkpoint, out=tmp_path / "o")
    online = ("--online", "--checkpoint", checkpoint, "--resume", *SMALL, "--seed", "4")
    assert "got another weight there" in says(folder, *online)
    bank = tmp_path / "o" / "filters.npz"
    assert "must not lead to the input itself" in says(bank, "--kernel", "3x3x3x3"[:5])
