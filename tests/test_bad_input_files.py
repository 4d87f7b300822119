"""Bad files and bad command lines: each gets one line that says what is wrong, and code 2.

The table is also documentation: an identifier, how the bad thing is made, and the message.
"""

import json
import re
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from sparsecsc.cli import main
from sparsecsc.io import load_codes, read_signal, save_codes

GOOD = ["--filters", "dct4x4", "--weight", "0.1"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder with one good image, in which the commands run."""
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (24, 20), dtype=np.uint8)
    Image.fromarray(pixels).save("good.png")
    return tmp_path


def npy(name, array, **options):
    return lambda: np.save(name, array, **options)


def truncated(name, make, share=0.6):
    def write():
        make()
        with open(name, "r+b") as stream:
            stream.truncate(int(share * stream.seek(0, 2)))

    return write


def text(name, content):
    def write():
        with open(name, "wb") as stream:
            stream.write(content)

    return write


def wav(name="a.wav"):
    body = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
    samples = np.arange(500, dtype="<i2").tobytes()
    parts = b"fmt " + struct.pack("<I", 16) + body + b"data" + struct.pack("<I", 1000) + samples
    return text(name, b"RIFF" + struct.pack("<I", 4 + len(parts)) + b"WAVE" + parts)


def compressed_wav():
    wav()()
    with open("a.wav", "r+b") as stream:
        stream.seek(20)
        stream.write(struct.pack("<H", 85))


def shape_bomb():
    with open("a.npy", "wb") as stream:
        header = {"descr": "<f4", "fortran_order": False, "shape": (10**7, 10**7)}
        np.lib.format.write_array_header_1_0(stream, header)
        stream.write(b"\0" * 100)


def wide_png():
    """A PNG whose header says 60000 x 60000."""
    Image.new("L", (8, 8)).save("a.png")
    with open("a.png", "r+b") as stream:
        stream.seek(16)
        header = struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
        stream.write(header + struct.pack(">I", zlib.crc32(b"IHDR" + header)))


def two_pages():
    page = Image.new("L", (8, 8))
    page.save("a.tif", save_all=True, append_images=[page])


def objects(name):
    trap = np.array([{"a": 1}], dtype=object)
    save = np.save if name.endswith("npy") else np.savez
    return lambda: save(name, trap, allow_pickle=True)


def saved_run(*changes):
    """Solve, then change the codes file."""

    def write():
        assert main(["solve", "good.png", *GOOD, "--out", "out", "--quiet"]) == 0
        for change in changes:
            change()

    return write


def new_header(**entries):
    def change():
        with np.load("out/codes.npz") as file:
            parts = dict(file)
        header = json.loads(str(parts["header"])) | entries
        parts["header"] = np.array(json.dumps(header))
        np.savez("out/codes.npz", **parts)

    return change


def new_part(**entries):
    def change():
        with np.load("out/codes.npz") as file:
            parts = dict(file) | entries
        np.savez("out/codes.npz", **parts)

    return change


def damaged():
    with open("out/codes.npz", "r+b") as stream:
        stream.seek(200)
        stream.write(b"\x55" * 300)


def nan_array():
    array = np.ones((24, 20))
    array[3, 3] = np.nan
    return array


def other_size():
    Image.new("L", (30, 30)).save("good.png")


RESUME = [*GOOD, "--resume", "--out", "out"]
FLOATS = np.random.default_rng(1).standard_normal((24, 20)).astype(np.float32)
BANK = np.random.default_rng(2).standard_normal((3, 1, 4, 4))


def nothing():
    """Leave the folder as it is."""


FILES = {
    # input files
    "missing file": (nothing, ["none.png", *GOOD], r"expected a file 'none\.png'; got nothing"),
    "folder": (nothing, [".", *GOOD], r"expected a file '\.'; got a folder: name a file in it"),
    "empty file": (
        text("a.png", b""),
        ["a.png", *GOOD],
        r"expected content in 'a\.png'; got an em",
    ),
    "unknown suffix": (
        text("a.gif", b"GIF89a"),
        ["a.gif", *GOOD],
        r"expected a file that ends in \.png, .*; got 'a\.gif': convert it",
    ),
    "truncated png": (
        truncated("good.png", nothing),
        ["good.png", *GOOD],
        r"expected a PNG image in 'good\.png'; got a file that is not: .*truncated",
    ),
    "not an image": (
        text("a.png", b"this is a letter to a friend" * 9),
        ["a.png", *GOOD],
        r"expected a PNG image in 'a\.png'; got a file that is not: cannot identify",
    ),
    "jpeg called png": (
        lambda: Image.new("L", (9, 9)).save("a.png", format="JPEG"),
        ["a.png", *GOOD],
        r"expected a PNG image in 'a\.png'; got a file that is not",
    ),
    "huge image": (
        wide_png,
        ["a.png", *GOOD],
        r"'a\.png' must be an image of usual size; got: .*pixels",
    ),
    "several pages": (two_pages, ["a.tif", *GOOD], r"a TIFF image in 'a\.tif'.*it has 2 pages"),
    "damaged tiff": (
        text("a.tif", b"II*\0\xff\xff\0\0junk"),
        ["a.tif", *GOOD],
        r"expected a TIFF image in 'a\.tif'; got a file that is not",
    ),
    "pickled npy": (
        objects("a.npy"),
        ["a.npy", *GOOD],
        r"plain NumPy array in 'a\.npy'; .* holds object \(pickled objects are never loaded\)",
    ),
    "pickled npz": (
        objects("a.npz"),
        ["a.npz", *GOOD],
        r"its member arr_0\.npy holds object \(pickled objects are never loaded\)",
    ),
    "not an npy": (
        text("a.npy", b"nonsense" * 20),
        ["a.npy", *GOOD],
        r"plain NumPy array in 'a\.npy'; got a file that is not: the file has a bad header",
    ),
    "shape bomb": (shape_bomb, ["a.npy", *GOOD], r"'a\.npy' must hold at most \d+ values; got sh"),
    "truncated npy": (
        truncated("a.npy", npy("a.npy", FLOATS)),
        ["a.npy", *GOOD],
        r"the file announces 480 values and holds \d+ bytes",
    ),
    "integer signal": (
        npy("a.npy", np.ones((9, 9), int)),
        ["a.npy", *GOOD],
        r"`a\.npy` must be float32 or float64; got int64: scale and convert it",
    ),
    "complex signal": (
        npy("a.npy", np.ones((9, 9), complex)),
        ["a.npy", *GOOD],
        r"must be float32 or float64; got complex128: pass the real and imaginary parts",
    ),
    "NaN": (
        npy("a.npy", nan_array()),
        ["a.npy", *GOOD],
        r"`a\.npy` must be finite; got 1 NaN or infinite values: replace them",
    ),
    "empty array": (
        npy("a.npy", FLOATS[:0]),
        ["a.npy", *GOOD],
        r"must not be empty; got shape \(0",
    ),
    "several arrays": (
        lambda: np.savez("a.npz", x=FLOATS, y=FLOATS),
        ["a.npz", *GOOD],
        r"expected one array in 'a\.npz'; got x, y: choose with 'a\.npz:NAME'",
    ),
    "array not there": (
        lambda: np.savez("a.npz", x=FLOATS),
        ["a.npz:z", *GOOD],
        r"expected an array 'z' in 'a\.npz'; got x: name one that is there",
    ),
    "not an npz": (
        text("a.npz", b"nonsense" * 20),
        ["a.npz", *GOOD],
        r"expected an NPZ archive in 'a\.npz'; got a file that is not: File is not a zip file",
    ),
    "truncated wav": (
        truncated("a.wav", wav()),
        ["a.wav", "--filters", "dct8", "--weight", "1"],
        r"a WAV recording in 'a\.wav'; got a file that is not: it is truncated: 1000 bytes",
    ),
    "compressed wav": (
        compressed_wav,
        ["a.wav", "--filters", "dct8", "--weight", "1"],
        r"its samples have coding 85 with 16 bits; save it as PCM or float",
    ),
    "not a wav": (
        text("a.wav", b"nonsense" * 20),
        ["a.wav", "--filters", "dct8", "--weight", "1"],
        r"a WAV recording in 'a\.wav'; got a file that is not: it does not begin as",
    ),
    # filters
    "integer filters": (
        npy("f.npy", np.ones((3, 1, 4, 4), int)),
        ["good.png", "--filters", "f.npy", "--weight", "1"],
        r"`filters` must be float32 or float64; got int64",
    ),
    "filters of wrong rank": (
        npy("f.npy", np.ones((4, 4))),
        ["good.png", "--filters", "f.npy", "--weight", "1"],
        r"`filters` must have axes \(n_filters, n_channels, \*kernel\).*; got shape \(4, 4\)",
    ),
    "NaN in filters": (
        npy("f.npy", np.full((3, 1, 4, 4), np.nan)),
        ["good.png", "--filters", "f.npy", "--weight", "1"],
        r"`filters` must be finite; got 48 NaN or infinite values",
    ),
    "filters in an image": (
        nothing,
        ["good.png", "--filters", "good.png", "--weight", "1"],
        r"filters must be in a \.npy or \.npz file; got 'good\.png': save them with numpy\.save",
    ),
    "filters file missing": (
        nothing,
        ["good.png", "--filters", "none.npy", "--weight", "1"],
        r"expected a file 'none\.npy'; got nothing there",
    ),
    "unknown filter name": (
        nothing,
        ["good.png", "--filters", "curvelet8x8", "--weight", "1"],
        r"--filters must be a \.npy or \.npz file, or one of dct, gabor, .*; got 'curvelet8x8'",
    ),
    "haar of no power of two": (
        nothing,
        ["good.png", "--filters", "haar6x6", "--weight", "1"],
        r"haar filters must have equal sizes, a power of two; got \(6, 6\): try haar4x4",
    ),
    "colour gabor": (
        nothing,
        ["good.png", "--filters", "gabor6x6-rgb", "--weight", "1"],
        r"gabor filters have one channel; got '-rgb'",
    ),
    "filters for sound on an image": (
        nothing,
        ["good.png", "--filters", "tones16", "--weight", "1"],
        r"--filters must have 2 kernel axes to match the image 'good\.png'; got shape",
    ),
    "channels do not match": (
        nothing,
        ["good.png", "--filters", "dct3x3-rgb", "--weight", "1"],
        r"--filters must have 1 or 1 channels to match 'good\.png'; got shape \(24, 3, 3, 3\)",
    ),
    "filters larger than the image": (
        nothing,
        ["good.png", "--filters", "random40x40", "--weight", "1"],
        r"`signal` must have at least 40 samples along spatial axis 0 .*; got 24: use a smaller",
    ),
    "stride does not divide": (
        nothing,
        ["good.png", *GOOD, "--stride", "7"],
        r"must be a multiple of the stride 7 along spatial axis 0 .*got 24: crop or pad it",
    ),
    "stride for other axes": (
        nothing,
        ["good.png", *GOOD, "--stride", "2,2,2"],
        r"`stride` must be an int or have one entry for each of the 2 spatial axes",
    ),
    # mask
    "mask of wrong shape": (
        npy("m.npy", np.ones((24, 21))),
        ["good.png", *GOOD, "--mask", "m.npy"],
        r"--mask must have the size \(24, 20\) of the input, .*; got shape \(24, 21\)",
    ),
    "mask missing": (
        nothing,
        ["good.png", *GOOD, "--mask", "m.png"],
        r"expected a file 'm\.png'; got nothing there",
    ),
    "mask of another kind": (
        npy("m.npy", np.full((24, 20), "a")),
        ["good.png", *GOOD, "--mask", "m.npy"],
        r"`mask` must be float32 or float64; got <U1",
    ),
    "NaN in mask": (
        npy("m.npy", nan_array()),
        ["good.png", *GOOD, "--mask", "m.npy"],
        r"`mask` must be finite; got 1 NaN or infinite values",
    ),
    "mask in an empty archive": (
        lambda: np.savez("m.npz"),
        ["good.png", *GOOD, "--mask", "m.npz"],
        r"expected one array in 'm\.npz'; got none",
    ),
    "mask all zero": (
        npy("m.npy", np.zeros((24, 20))),
        ["good.png", *GOOD, "--mask", "m.npy"],
        r"`mask` must be >= 0, and positive somewhere; got values from 0 to 0",
    ),
    "mask negative": (
        npy("m.npy", -np.eye(24, 20)),
        ["good.png", *GOOD, "--mask", "m.npy"],
        r"`mask` must be >= 0, and positive somewhere; got values from -1 to -?0",
    ),
    # output folder
    "out is a file": (
        nothing,
        ["good.png", *GOOD, "--out", "good.png"],
        r"--out must be a folder; got the file 'good\.png': choose another name",
    ),
    "out cannot be made": (
        nothing,
        ["good.png", *GOOD, "--out", "good.png/sub"],
        r"--out must be a folder that can be written to; got 'good\.png/sub' \(Not a directory\)",
    ),
    "out holds the input": (
        lambda: shutil.copy("good.png", "reconstruction.png"),
        ["reconstruction.png", *GOOD, "--out", "."],
        r"--out must not lead to the input itself; got 'reconstruction\.png'",
    ),
    # saved codes
    "resume without codes": (
        nothing,
        ["good.png", *RESUME],
        r"--resume needs 'out/codes\.npz'; got nothing there: leave out --resume",
    ),
    "codes damaged": (
        saved_run(damaged),
        ["good.png", *RESUME],
        r"in 'out/codes\.npz'; got a file that is not",
    ),
    "codes truncated": (
        saved_run(truncated("out/codes.npz", nothing)),
        ["good.png", *RESUME],
        r"expected an NPZ archive in 'out/codes\.npz'; got a file that is not",
    ),
    "codes of another version": (
        saved_run(new_header(format_version=99)),
        ["good.png", *RESUME],
        r"'out/codes\.npz' must have format version 1; got 99: read it with the version",
    ),
    "codes of another program": (
        saved_run(new_header(format="other")),
        ["good.png", *RESUME],
        r"saved codes in 'out/codes\.npz'; .* it was not written by sparsecsc",
    ),
    "codes shape does not fit": (
        saved_run(new_header(codes_shape=[1, 15, 2, 2])),
        ["good.png", *RESUME],
        r"saved codes in 'out/codes\.npz'; .* places of its codes are outside the array",
    ),
    "codes shape bomb": (
        saved_run(new_header(codes_shape=[1, 15, 10**10, 10**10])),
        ["good.png", *RESUME],
        r"its codes have the shape \[1, 15, 10000000000, 10000000000\], which is not one of 1 to",
    ),
    "codes with NaN": (
        saved_run(new_part(indices=np.zeros(1, np.int64), values=np.array([np.nan]))),
        ["good.png", *RESUME],
        r"`codes` must be finite float32 or float64",
    ),
    "codes of another size": (
        saved_run(other_size),
        ["good.png", *RESUME],
        r"must be of the same run but for the weight; got signal_shape \[1, 1, 24, 20\] there",
    ),
    "codes of another border": (
        saved_run(),
        ["good.png", *RESUME, "--padding", "same"],
        r"got padding circular there and same here: match them, or leave out --resume",
    ),
    "codes of other filters": (
        saved_run(),
        ["good.png", "--filters", "random4x4", "--weight", "1", "--resume", "--out", "out"],
        r"'out/codes\.npz' must be of the same filters; got others of shape \(15, 1, 4, 4\)",
    ),
}

WORDS = {
    "no command": ([], r"expected demo, solve, learn, verify, bench or info; got no command"),
    "unknown command": (["polish"], r"argument COMMAND: invalid choice: 'polish'"),
    "no input": (["solve"], r"the following arguments are required: INPUT"),
    "unknown option": (["solve", "good.png", *GOOD, "--fast"], r"unrecognized arguments: --fast"),
    "both weights": (
        ["solve", "good.png", *GOOD, "--weight-ratio", "0.1"],
        r"give exactly one of --weight and --weight-ratio; got both",
    ),
    "no weight": (
        ["solve", "good.png", "--filters", "dct4x4"],
        r"give exactly one of --weight and --weight-ratio; got neither: --weight-ratio 0\.05",
    ),
    "negative weight": (
        ["solve", "good.png", "--filters", "dct4x4", "--weight", "-1"],
        r"argument --weight: must be a number >= 0; got '-1'",
    ),
    "weight is a word": (
        ["solve", "good.png", "--filters", "dct4x4", "--weight", "heavy"],
        r"argument --weight: must be a number >= 0; got 'heavy'",
    ),
    "weight is NaN": (
        ["solve", "good.png", "--filters", "dct4x4", "--weight", "nan"],
        r"argument --weight: must be a number >= 0; got 'nan'",
    ),
    "ratio of zero": (
        ["solve", "good.png", "--filters", "dct4x4", "--weight-ratio", "0"],
        r"argument --weight-ratio: must be a number > 0 and <= 1; got '0'",
    ),
    "negative ratio": (
        ["solve", "good.png", "--filters", "dct4x4", "--weight-ratio", "-0.1"],
        r"argument --weight-ratio: must be a number > 0 and <= 1; got '-0\.1'",
    ),
    "negative tolerance": (
        ["solve", "good.png", *GOOD, "--tol", "-0.1"],
        r"argument --tol: must be a number >= 0; got '-0\.1'",
    ),
    "no iterations": (
        ["solve", "good.png", *GOOD, "--max-iter", "0"],
        r"argument --max-iter: must be an integer >= 1; got '0'",
    ),
    "no time": (
        ["solve", "good.png", *GOOD, "--max-seconds", "0"],
        r"argument --max-seconds: must be a number > 0; got '0'",
    ),
    "unknown penalty": (
        ["solve", "good.png", *GOOD, "--penalty", "l3"],
        r"argument --penalty: invalid choice: 'l3'",
    ),
    "unknown solver": (
        ["solve", "good.png", *GOOD, "--solver", "newton"],
        r"argument --solver: invalid choice: 'newton'",
    ),
    "unknown border": (
        ["solve", "good.png", *GOOD, "--padding", "mirror"],
        r"argument --padding: must be one of circular, valid, same, full, .*; got 'mirror'",
    ),
    "stride of zero": (
        ["solve", "good.png", *GOOD, "--stride", "0"],
        r"argument --stride: must be an integer >= 1, or several .*; got '0'",
    ),
    "unknown dtype": (
        ["solve", "good.png", *GOOD, "--dtype", "float16"],
        r"argument --dtype: invalid choice: 'float16'",
    ),
    "negative low-pass": (
        ["solve", "good.png", *GOOD, "--lowpass", "-5"],
        r"argument --lowpass: must be a number >= 0 and <= 1e\+30; got '-5'",
    ),
    "omp with l1": (
        ["solve", "good.png", *GOOD, "--solver", "omp"],
        r"--solver omp needs --penalty l0; got l1: change one of them",
    ),
    "omp's rules with fista": (
        ["solve", "good.png", *GOOD, "--penalty", "l0", "--solver", "fista", "--n-nonzero", "3"],
        r"--n-nonzero and --residual are rules of OMP",
    ),
    "ratio with l0": (
        ["solve", "good.png", "--filters", "dct4x4", "--penalty", "l0", "--weight-ratio", "0.1"],
        r"--weight-ratio needs a convex penalty; got l0: give --weight or --n-nonzero",
    ),
    "elastic net without ridge": (
        ["solve", "good.png", *GOOD, "--penalty", "elastic-net"],
        r"--ridge goes with --penalty elastic-net; got one without the other",
    ),
    "ridge with l1": (
        ["solve", "good.png", *GOOD, "--ridge", "1"],
        r"--ridge goes with --penalty elastic-net; got one without the other",
    ),
    "omp cannot resume": (
        ["solve", "good.png", *GOOD, "--penalty", "l0", "--solver", "omp", "--resume"],
        r"--resume needs a solver that can start anywhere; got OMP",
    ),
    "unknown demo image": (
        ["demo", "--image", "lena"],
        r"argument --image: invalid choice: 'lena'",
    ),
    "demo out is a file": (["demo", "--out", "good.png"], r"--out must be a folder; got the file"),
}


def check_refused(code, told, expected):
    """Assert that a command ended with code 2 and one line on standard error that matches."""
    assert code == 2
    assert re.match(r"sparsecsc: error: .+\n\Z", told.err), told.err
    assert told.err.count("\n") == 1
    assert re.search(expected, told.err), told.err
    assert told.out == ""


@pytest.mark.parametrize("name", FILES)
def test_bad_file_gets_one_line(folder, name, capsys):
    make, arguments, expected = FILES[name]
    make()
    capsys.readouterr()
    before = sorted(path for path in folder.rglob("*") if path.is_file())
    check_refused(main(["solve", *arguments]), capsys.readouterr(), expected)
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == before


@pytest.mark.parametrize("name", WORDS)
def test_bad_command_line_gets_one_line(folder, name, capsys):
    arguments, expected = WORDS[name]
    check_refused(main(arguments), capsys.readouterr(), expected)
    assert [path.name for path in folder.iterdir()] == ["good.png"]


def test_the_table_has_at_least_as_many_rows_as_promised():
    assert len(FILES) + len(WORDS) >= 40


def test_the_check_notices_a_command_that_is_not_refused(folder, capsys):
    code = main(["solve", "good.png", *GOOD, "--quiet"])
    told = capsys.readouterr()
    with pytest.raises(AssertionError):
        check_refused(code, told, "")


@pytest.mark.parametrize("said", ["Traceback\nsparsecsc: error: a\n", "sparsecsc: error: a\nb\n"])
def test_the_check_notices_more_than_one_line(said, capsys):
    sys.stderr.write(said)
    with pytest.raises(AssertionError):
        check_refused(2, capsys.readouterr(), "a")


def test_a_process_ends_with_the_same_line_and_code(folder):
    command = [sys.executable, "-m", "sparsecsc.cli", "solve", "none.png", *GOOD]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert re.fullmatch(r"sparsecsc: error: expected a file 'none\.png'.*\n", ended.stderr)


def test_a_full_disk_is_one_line_and_leaves_the_old_files(folder, capsys, monkeypatch):
    assert main(["solve", "good.png", *GOOD, "--out", "out", "--quiet"]) == 0
    before = (folder / "out" / "codes.npz").read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sparsecsc.io.atomic.os.fsync", full)
    arguments = ["solve", "good.png", "--filters", "dct4x4", "--weight", "0.2", "--out", "out"]
    assert main([*arguments, "--quiet"]) == 2
    assert re.search(r"sparsecsc: error: No space left on device", capsys.readouterr().err)
    assert (folder / "out" / "codes.npz").read_bytes() == before
    assert not list((folder / "out").glob(".*"))


def test_errors_show_where_they_come_from_when_asked(folder, monkeypatch):
    monkeypatch.setenv("SPARSECSC_DEBUG", "1")
    with pytest.raises(FileNotFoundError, match=r"expected a file 'none\.png'"):
        main(["solve", "none.png", *GOOD])


def test_an_error_of_the_program_itself_is_not_called_misuse(folder, monkeypatch):
    def broken(*_, **__):
        raise AssertionError

    monkeypatch.setattr("sparsecsc._cli_run.solve", broken)
    with pytest.raises(AssertionError):
        main(["solve", "good.png", *GOOD, "--quiet"])


def test_one_pixel_and_one_sample_are_not_errors(folder):
    Image.new("L", (1, 1), 9).save("one.png")
    one = ["solve", "one.png", "--filters", "random1x1", "--weight", "0.1", "--quiet"]
    assert main([*one, "--lowpass", "0"]) == 0
    Image.new("L", (9, 9), 7).save("flat.png")
    assert (
        main(["solve", "flat.png", "--filters", "dct4x4", "--weight-ratio", "0.1", "--quiet"]) == 0
    )


def test_codes_with_objects_in_the_header_are_refused(folder):
    save_codes("c.npz", np.zeros((1, 2, 9)), np.ones((2, 1, 3)), parameters={}, versions={})
    with zipfile.ZipFile("c.npz", "a") as archive:
        archive.writestr("dense.npy", b"\x93NUMPY\x01\x00" + b"\xff" * 40)
    with pytest.raises(ValueError, match=r"dense\.npy has a bad header"):
        load_codes("c.npz")


def test_header_that_is_a_program_is_not_run(folder):
    body = b"{'descr': '<f8', 'fortran_order': False, 'shape': (__import__('os').mkdir('x'),)}\n"
    with open("a.npy", "wb") as stream:
        stream.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(body)) + body + b"\0" * 8)
    with pytest.raises(ValueError, match="the file has a bad header"):
        read_signal("a.npy")
    assert not (folder / "x").exists()
