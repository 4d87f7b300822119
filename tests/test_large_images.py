"""Signals larger than memory: the same answers, through files, and no array of the codes' size."""

import json
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile
from checkers import assert_close

import sparsecsc as sc
from sparsecsc import _codes_scratch, _optimality_damping, optimality
from sparsecsc.cli import main
from sparsecsc.data import load_image
from sparsecsc.io import (
    checkpoint,
    load_codes,
    mapped,
    open_signal,
    read_signal,
    split_lowpass_file,
    write_signal_by_windows,
)

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def small_windows(monkeypatch):
    """Make windows so small that every image here has many."""
    monkeypatch.setattr(mapped, "WINDOW", 1500)


def photograph(n=96):
    """Return a square of a photograph less its low-pass, (1, 1, n, n)."""
    image = load_image("camera")[100 : 100 + n, 150 : 150 + n].astype(np.float32)
    return sc.split_lowpass(np.ascontiguousarray(image[None, None]))[1]


def mapped_copy(folder, array):
    np.save(folder / "image.npy", array)
    return np.load(folder / "image.npy", mmap_mode="r")


# ---- reading ----

TIFF = {
    "tiles": {"tile": (32, 48)},
    "strips": {"rowsperstrip": 7},
    "one strip": {},
    "deflated": {"rowsperstrip": 16, "compression": "zlib"},
    "deflated tiles": {"tile": (64, 64), "compression": "zlib"},
}


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", TIFF)
def test_a_tiff_read_in_parts_is_the_one_read_at_once(tmp_path, dtype, channels, kind):
    shape = (90, 131) if channels == 1 else (90, 131, 3)
    pixels = 200 * RNG.random(shape) - (100 if dtype == "float32" else 0)
    photometric = "minisblack" if channels == 1 else "rgb"
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels.astype(dtype), photometric=photometric, **TIFF[kind])
    check_same_file(path, tmp_path)


def check_same_file(path, folder, **options):
    opened, read = open_signal(path, folder, **options), read_signal(path, **options)
    assert isinstance(opened.signal, np.memmap)
    assert np.array_equal(opened.signal, read.signal)
    assert opened.signal.dtype == read.signal.dtype
    assert opened.format == read.format
    assert (folder / "signal.npy").is_file()


def test_planes_and_inverted_greys_are_read_in_parts(tmp_path):
    planes = RNG.integers(0, 255, (3, 50, 61), dtype=np.uint8)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, planes, photometric="rgb", planarconfig="separate", tile=(16, 32))
    check_same_file(path, tmp_path)
    tifffile.imwrite(path, planes[0], photometric="miniswhite", rowsperstrip=9)
    check_same_file(path, tmp_path)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((70, 90), {}),
        ((70, 90), {"dtype": "float64"}),
        ((70, 90, 3), {"n_axes": 2, "n_channels": 3}),
        ((3, 70, 90), {"n_axes": 2, "n_channels": 3}),
        ((2, 3, 40, 50), {"n_axes": 2, "n_channels": 3}),
        ((5000,), {"n_axes": 1}),
        ((20, 30, 40), {}),
    ],
)
def test_an_array_read_in_parts_is_the_one_read_at_once(tmp_path, shape, options):
    np.save(tmp_path / "a.npy", RNG.standard_normal(shape))
    check_same_file(tmp_path / "a.npy", tmp_path, **options)


def broken(tmp_path, what):
    """Return a file that cannot be read in parts."""
    path = tmp_path / ("a.npy" if "npy" in what else "a.tif")
    arrays = {
        "npy of integers": np.ones((4, 4), int),
        "npy with NaN": np.full((4, 4), np.nan),
        "npy of objects": np.array([{}]),
        "npy of six axes": np.ones((1,) * 6),
    }
    if what in arrays:
        np.save(path, arrays[what], allow_pickle=True)
    elif what == "npy cut off":
        np.save(path, np.ones((50, 50)))
        path.write_bytes(path.read_bytes()[:-100])
    elif what == "tiff with alpha":
        tifffile.imwrite(path, np.ones((8, 8, 4), np.uint8), photometric="rgb", extrasamples=[2])
    elif what == "tiff of two pages":
        tifffile.imwrite(path, np.ones((2, 8, 8), np.uint8), photometric="minisblack")
    else:
        path.write_bytes(b"II*\0 this is no image")
    return path


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("npy of integers", r"must be float32 or float64; got int64: scale and convert it"),
        ("npy with NaN", "got a file that is not: it holds NaN or infinite values"),
        ("npy of objects", "expected a plain NumPy array in"),
        ("npy of six axes", r"must have 1 to 5 axes, none empty; got shape \(1, 1, 1, 1, 1, 1\)"),
        ("npy cut off", "expected a plain NumPy array in"),
        ("tiff with alpha", "it has 1 pages of 4 channels of uint8, RGB; save one page, grey or"),
        ("tiff of two pages", "it has 2 pages of 1 channels"),
        ("tiff of nothing", "expected a TIFF image"),
    ],
)
def test_what_cannot_be_read_in_parts_is_named(tmp_path, what, message):
    with pytest.raises(ValueError, match=message):
        open_signal(broken(tmp_path, what), tmp_path)
    assert not (tmp_path / "signal.npy").exists()


def test_other_files_are_not_read_in_parts(tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.npy, \.tif, \.tiff; got .*: use read_sig"):
        open_signal("photo.png", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"expected a file .*; got nothing there"):
        open_signal(tmp_path / "no.npy", tmp_path)


# ---- filtering and writing ----


SPLIT = [(1, 1, 200, 170), (2, 3, 40, 50), (1, 2, 5000), (1, 1, 9, 30, 20)]


@pytest.mark.parametrize("strength", [0.0, 0.5, 5.0, 40.0])
@pytest.mark.parametrize(
    "shape", [(1, 1, 200, 170), (2, 3, 40, 50), (1, 2, 5000), (1, 1, 9, 30, 20)]
)
def test_a_split_by_windows_is_the_split_of_the_whole(tmp_path, monkeypatch, strength, shape):
    monkeypatch.setattr(sc.io.large, "_MIRRORED", 64)
    whole = RNG.standard_normal(shape).astype(np.float32)
    found = split_lowpass_file(whole, strength, tmp_path / "high.npy")
    _, expected = sc.split_lowpass(whole, strength)
    assert isinstance(found, np.memmap)
    assert np.abs(found - expected).max() <= 50 * np.finfo(np.float32).eps


def test_windows_that_overlap_too_little_are_caught(tmp_path, monkeypatch):
    monkeypatch.setattr(sc.io.large, "_MIRRORED", 64)
    monkeypatch.setattr(sc.io.large.math, "log", lambda _: -1.0)  # an overlap of a sample or two
    whole = RNG.standard_normal((1, 1, 200, 170)).astype(np.float32)
    found = split_lowpass_file(whole, 5.0, tmp_path / "high.npy")
    with pytest.raises(AssertionError):
        assert np.abs(found - sc.split_lowpass(whole, 5.0)[1]).max() <= 1e-5


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("shape", [(90, 131), (90, 131, 3)])
def test_an_image_written_by_windows_is_the_one_that_was_read(tmp_path, dtype, shape):
    pixels = (200 * RNG.random(shape)).astype(dtype)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric="rgb" if len(shape) == 3 else "minisblack")
    file = open_signal(path, tmp_path, dtype="float64")
    whole = file.signal
    out = write_signal_by_windows(
        tmp_path / "b.tif", whole.shape, lambda band: whole[:, :, band], file.format
    )
    again = tifffile.imread(out)
    assert again.dtype == pixels.dtype
    np.testing.assert_allclose(again, pixels, rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "options"),
    [((70, 90), {}), ((70, 90, 3), {"n_axes": 2, "n_channels": 3}), ((4000,), {"n_axes": 1})],
)
def test_an_array_written_by_windows_is_the_one_that_was_read(tmp_path, shape, options):
    array = RNG.standard_normal(shape)
    np.save(tmp_path / "a.npy", array)
    file = open_signal(tmp_path / "a.npy", tmp_path, dtype="float64", **options)
    whole = file.signal
    out = write_signal_by_windows(
        tmp_path / "b.npy", whole.shape, lambda band: whole[:, :, band], file.format
    )
    assert np.array_equal(np.load(out), array)


# ---- solving ----


def test_parts_cut_an_array_into_pieces_without_gap_or_overlap(monkeypatch):
    monkeypatch.setattr(_codes_scratch, "_PART", 10)
    for shape in ((), (3,), (25,), (4, 5), (3, 7, 2), (2, 1, 30)):
        counts = np.zeros(shape)
        for key in _codes_scratch.parts(counts):
            counts[key] += 1
            assert counts[key].size <= 10
        assert (counts == 1).all()


def test_arrays_made_from_a_map_are_maps_without_a_name(tmp_path):
    image = mapped_copy(tmp_path, photograph())
    made = _codes_scratch.empty_like(image)
    assert isinstance(made, np.memmap)
    assert (made.shape, made.dtype) == (image.shape, image.dtype)
    made[...] = 1.0
    assert [path.name for path in tmp_path.iterdir()] == ["image.npy"]
    assert not isinstance(_codes_scratch.empty_like(np.ones(3)), np.memmap)


def test_a_folder_that_can_only_be_read_is_no_obstacle(tmp_path, monkeypatch):
    image = mapped_copy(tmp_path, photograph())
    image.filename = str(tmp_path / "missing" / "image.npy")
    assert isinstance(_codes_scratch.empty_like(image), np.memmap)


@pytest.mark.parametrize("mask", [None, "holes"])
def test_a_run_on_a_map_is_the_run_on_the_array(tmp_path, mask):
    image = photograph()
    if mask == "holes":
        mask = (RNG.random((1, 1, *image.shape[2:])) > 0.3).astype(np.float32)
    dictionary = sc.ConvDictionary(sc.dct_filters((6, 6), dtype="float32")[1:])
    results = []
    for signal_ in (image, mapped_copy(tmp_path, image)):
        problem = sc.Pursuit(signal_, dictionary, sc.L1(0.05), mask=mask)
        results.append(sc.solve(problem, tol=1e-4))
        assert isinstance(problem.residual(results[-1].sparse_codes), type(signal_))
    assert results[0].status is results[1].status is sc.Status.CONVERGED
    assert results[0].sparse_codes == results[1].sparse_codes
    assert results[0].gap == pytest.approx(results[1].gap, rel=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["image.npy"]


def test_coordinate_descent_and_its_certificate_never_bind_the_whole_domain(monkeypatch):
    monkeypatch.setattr(optimality, "_LARGE", 0)  # the largest weight of small signals may
    problem = sc.Pursuit(
        photograph(), sc.ConvDictionary(sc.dct_filters((6, 6), dtype="float32")), sc.L1(0.05)
    )
    result = sc.solve(problem, sc.CoordinateDescent(), max_iter=5)
    sc.lambda_max(problem)
    sc.duality_gap(problem, result.sparse_codes)
    assert "operator" not in vars(problem)
    sc.solve(problem, sc.FISTA(), max_iter=1)
    assert "operator" in vars(problem)


def test_another_penalty_does_not_read_the_signal_again(monkeypatch):
    problem = sc.Pursuit(photograph(), sc.ConvDictionary(np.ones((1, 1, 3, 3), "f")), sc.L1(1.0))
    monkeypatch.setattr("sparsecsc.problems.check_array", None)
    assert problem.with_penalty(sc.L1(2.0)).penalty.weight == 2.0
    with pytest.raises(TypeError, match="`penalty` must be a Penalty; got float, which lacks"):
        problem.with_penalty(2.0)


@pytest.mark.parametrize("name", ["circular", "same", "valid"])
@pytest.mark.parametrize("stride", [1, 2])
def test_damping_in_bands_is_the_cover_of_the_operator(monkeypatch, name, stride):
    monkeypatch.setattr(_optimality_damping, "_BAND", 1)
    filters = RNG.standard_normal((2, 1, 4, 5))
    for dilation in (1, 2):
        dictionary = sc.ConvDictionary(filters, stride, dilation, name)
        problem = sc.Pursuit(RNG.standard_normal((2, 1, 20, 24)), dictionary, sc.L1(1.0))
        overshoot = 3 * RNG.random((2, *problem.codes_shape[2:]))
        point = RNG.standard_normal(problem.signal.shape)
        expected = point / (1 + problem.operator.cover(np.maximum(overshoot - 1, 0)))
        _optimality_damping.damp(problem, point, overshoot)
        assert_close(point, expected)


# ---- checkpoints ----


def test_a_checkpoint_is_the_iterate_and_a_run_goes_on_from_it(tmp_path):
    problem = sc.Pursuit(
        photograph(), sc.ConvDictionary(sc.dct_filters((6, 6), dtype="float32")[1:]), sc.L1(0.05)
    )
    file = tmp_path / "run.npz"
    seen = []
    save = checkpoint(
        file,
        problem.dictionary.filters,
        seconds=0,
        parameters={"weight": 0.05},
        versions={"a": "1"},
    )

    def callback(check):
        save(check)
        seen.append(check.objective)
        return len(seen) == 4

    first = sc.solve(problem, tol=1e-5, check_every=1, callback=callback)
    assert first.status is sc.Status.INTERRUPTED
    saved = load_codes(file)
    assert saved.parameters["n_iter"] == 4
    assert saved.parameters["weight"] == 0.05
    assert saved.versions == {"a": "1"}
    assert problem.objective(saved.sparse_codes) == pytest.approx(seen[-1], rel=1e-6)
    again = sc.solve(problem, start=saved.sparse_codes, tol=1e-5)
    assert again.history.objectives[0] == pytest.approx(seen[-1], rel=1e-6)
    assert again.status is sc.Status.CONVERGED


def test_checkpoints_are_no_more_frequent_than_asked_for(tmp_path):
    problem = sc.Pursuit(
        photograph(), sc.ConvDictionary(sc.dct_filters((6, 6), dtype="float32")[1:]), sc.L1(0.05)
    )
    save = checkpoint(tmp_path / "run.npz", problem.dictionary.filters, seconds=1e6)
    sc.solve(problem, max_iter=3, check_every=1, callback=save)
    assert not (tmp_path / "run.npz").exists()
    with pytest.raises(ValueError, match="`seconds` must be a number >= 0; got -1: choose one"):
        checkpoint(tmp_path / "run.npz", problem.dictionary.filters, seconds=-1)


# ---- the command line ----

OPTIONS = ["--filters", "dct6x6", "--weight", "0.05", "--quiet"]


def run(folder, path, *options, out="out"):
    arguments = ["solve", str(path), "--out", str(folder / out), *OPTIONS, *map(str, options)]
    code = main(arguments)
    return code, json.loads((folder / out / "result.json").read_text())


@pytest.mark.parametrize(("suffix", "channels"), [(".npy", 1), (".tif", 1), (".tif", 3)])
def test_a_run_through_files_writes_what_a_run_in_memory_writes(tmp_path, suffix, channels):
    pixels = load_image("coffee")[100:180, 150:246]
    pixels = pixels[..., 0] if channels == 1 else pixels
    path = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, pixels)
    else:
        levels = np.rint(255 * pixels).astype(np.uint8)
        tifffile.imwrite(path, levels, photometric="rgb" if channels == 3 else "minisblack")
    common = ["--lowpass", 5, "--tol", 1e-4]
    code, inside = run(tmp_path, path, *common, out="inside")
    code_2, through = run(tmp_path, path, *common, "--workdir", tmp_path / "work", out="through")
    assert code == code_2 == 0
    assert through["objective"] == pytest.approx(inside["objective"], rel=2e-4)
    assert through["psnr"] == pytest.approx(inside["psnr"], abs=0.05)
    assert through["nonzeros"] == pytest.approx(inside["nonzeros"], rel=0.1)
    assert set(through) == set(inside)
    assert 0 <= through["relative_gap"] <= 1e-4
    names = {file.name for file in (tmp_path / "inside").iterdir()}
    assert {file.name for file in (tmp_path / "through").iterdir()} == names
    one, two = (
        read_signal(tmp_path / k / f"reconstruction{suffix}") for k in ("inside", "through")
    )
    assert np.abs(one.signal - two.signal).max() <= 0.02


def test_a_run_that_was_killed_goes_on_where_it_was(tmp_path):
    path, work = tmp_path / "a.npy", tmp_path / "work"
    np.save(path, photograph(128)[0, 0])
    arguments = ["solve", str(path), "--out", str(tmp_path / "out"), *OPTIONS]
    arguments += ["--workdir", str(work), "--save-every", "0"]
    endless = [*arguments, "--tol", "0", "--max-iter", "100000"]
    process = subprocess.Popen([sys.executable, "-m", "sparsecsc.cli", *endless])
    try:
        until = time.monotonic() + 120
        while not (work / "checkpoint.npz").exists() and time.monotonic() < until:
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    saved = load_codes(work / "checkpoint.npz")
    assert saved.parameters["n_iter"] > 0
    assert main([*arguments, "--resume"]) == 0
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["parameters"]["iterations_before"] == saved.parameters["n_iter"]
    assert result["relative_gap"] <= 1e-3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--save-every", "5"], "--save-every is for --workdir; got it without"),
        (["--workdir", "w", "--solver", "fista"], "--workdir needs --solver cd and --penalty l1"),
        (["--workdir", "w", "--penalty", "group"], "--workdir needs --solver cd and --penalty l1"),
        (["--workdir", "w", "--mask", "m.npy"], "--mask is for inputs that fit into memory"),
        (["--workdir", "a.npy"], "--workdir must be a folder; got the file 'a.npy'"),
        (["--workdir", "w", "--resume"], r"--resume needs 'w/checkpoint\.npz'; got nothing there"),
    ],
)
def test_options_that_do_not_go_together_are_named(tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", photograph(32)[0, 0])
    assert main(["solve", "a.npy", *OPTIONS, *options]) == 2
    error = capsys.readouterr().err
    assert re.search(message, error), error


def test_the_input_is_not_overwritten_by_its_own_copy(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("signal.npy", photograph(32)[0, 0])
    assert main(["solve", "signal.npy", *OPTIONS, "--workdir", "."]) == 2
    assert "--workdir must not hold the input as signal.npy" in capsys.readouterr().err
    assert np.load("signal.npy").shape == (32, 32)


def test_a_solver_whose_codes_do_not_fit_into_memory_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", photograph(32)[0, 0])
    monkeypatch.setattr("sparsecsc.checks.available_memory", lambda: 1e3)
    assert main(["solve", "a.npy", *OPTIONS, "--solver", "fista"]) == 2
    message = r"error: the codes of FISTA of shape .* must fit into memory .* CoordinateDescent"
    assert re.search(message, capsys.readouterr().err)


# ---- memory ----

LIMIT = 500 * 2**20
MEASURED = """
import sys, numpy as np, sparsecsc as sc
image = np.load(sys.argv[1], mmap_mode="r")
filters = sc.dct_filters((8, 8), include_constant=False, dtype="float32")[:32]
problem = sc.Pursuit(image, sc.ConvDictionary(filters), sc.L1(0.05))
result = sc.solve(problem, sc.CoordinateDescent(), max_iter=2, check_every=1)
codes = result.sparse_codes
is_large = codes.size * 4 > 500 * 2**20 and 0 < codes.nnz < 0.05 * codes.size
assert is_large or image.size < 10**4
sc.duality_gap(problem, codes)
problem.objective(codes)
{more}
lines = dict(line.split(":") for line in open("/proc/self/status"))
print(int(lines["VmHWM"].split()[0]) * 1024)
"""
# Not ru_maxrss: that of a child begins with what its parent had in memory when it was started.


def peak_memory(path, more=""):
    """Return the most bytes that solving and certifying take, in a process of its own."""
    code = MEASURED.format(more=more)
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.fixture(scope="module")
def four_megapixels(tmp_path_factory):
    """A photograph of 2048 x 2048 pixels, less its low-pass, as a file."""
    tile = sc.split_lowpass(load_image("camera")[None, None].astype(np.float32))[1]
    tile = np.concatenate([tile, tile[..., ::-1]], axis=-1)
    tile = np.concatenate([tile, tile[..., ::-1, :]], axis=-2)
    image = np.tile(tile, (1, 1, 4, 4))[..., :2048, :2048]
    folder = tmp_path_factory.mktemp("large")
    np.save(folder / "small.npy", np.ascontiguousarray(image[..., :64, :64]))
    peak_memory(folder / "small.npy")  # compilation takes memory too, once
    np.save(folder / "image.npy", image)
    return folder / "image.npy"


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_a_run_needs_less_memory_than_the_codes_alone_would_as_an_array(four_megapixels):
    assert peak_memory(four_megapixels) < LIMIT


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_the_measurement_sees_an_array_of_the_codes(four_megapixels):
    assert peak_memory(four_megapixels, "result.codes[...] += 1") > LIMIT
