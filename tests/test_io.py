"""What is read is what was stored, what is written is in the format it came in, nothing is half."""

import json
import os
import signal
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy.io import wavfile

from sparsecsc.io import (
    atomic_write,
    load_codes,
    load_filters,
    png16,
    read_signal,
    save_codes,
    write_signal,
)


def levels(shape, dtype, seed=0):
    """Random pixels that hold the smallest and the largest level."""
    pixels = np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype=dtype)
    pixels.flat[:2] = 0, np.iinfo(dtype).max
    return pixels


def save_image(path, pixels):
    if path.suffix == ".png" and pixels.dtype == np.uint16 and pixels.ndim == 3:
        with open(path, "wb") as stream:
            png16.write(stream, pixels)
    elif path.suffix == ".png":
        Image.fromarray(pixels).save(path)
    else:
        tifffile.imwrite(path, pixels, photometric="rgb" if pixels.ndim == 3 else "minisblack")


def stored_pixels(path):
    """Decode with something else than the package, where there is something."""
    if path.suffix == ".png" and png16.bit_depth(path.read_bytes()[:33]) == 16:
        pixels = png16.read(path.read_bytes())
        return pixels if pixels.shape[-1] > 1 else np.asarray(Image.open(path)).astype(np.uint16)
    return np.asarray(Image.open(path)) if path.suffix == ".png" else tifffile.imread(path)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_image_comes_back_as_the_same_pixels(tmp_path, suffix, dtype, shape):
    pixels = levels(shape, dtype)
    save_image(tmp_path / f"a{suffix}", pixels)
    file = read_signal(tmp_path / f"a{suffix}", dtype="float64")
    channels = shape[2] if len(shape) == 3 else 1
    assert file.signal.shape == (1, channels, 5, 7)
    expected = np.moveaxis(np.atleast_3d(pixels), -1, 0)[None] / np.iinfo(dtype).max
    np.testing.assert_array_equal(file.signal, expected)
    written = write_signal(tmp_path / f"b{suffix}", file.signal, file.format)
    again = stored_pixels(written)
    assert again.dtype == dtype
    np.testing.assert_array_equal(again, pixels)


@pytest.mark.parametrize("value", [-3.0, 7.0])
def test_values_outside_the_range_are_clipped_when_written(tmp_path, value):
    save_image(tmp_path / "a.png", levels((4, 4), np.uint8))
    file = read_signal(tmp_path / "a.png")
    written = write_signal(tmp_path / "b.png", np.full_like(file.signal, value), file.format)
    assert set(stored_pixels(written).ravel()) == {0 if value < 0 else 255}


def test_values_are_rounded_to_the_nearest_level_when_written(tmp_path):
    save_image(tmp_path / "a.png", levels((4, 4), np.uint8))
    file = read_signal(tmp_path / "a.png")
    written = write_signal(tmp_path / "b.png", np.full_like(file.signal, 9.7 / 255), file.format)
    assert set(stored_pixels(written).ravel()) == {10}


def test_jpeg_is_written_as_jpeg_close_to_the_input(tmp_path):
    ramp = np.add.outer(np.arange(32), np.arange(32)).astype(np.uint8) * 4
    Image.fromarray(np.dstack([ramp, ramp, ramp])).save(tmp_path / "a.jpg", quality=95)
    file = read_signal(tmp_path / "a.jpg")
    written = write_signal(tmp_path / "b.jpg", file.signal, file.format)
    with Image.open(written) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (32, 32))
    np.testing.assert_allclose(read_signal(written).signal, file.signal, atol=4 / 255)


def test_opaque_alpha_is_dropped_and_transparent_pixels_are_laid_on_white(tmp_path):
    pixels = np.full((2, 2, 4), (200, 100, 0, 255), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "opaque.png")
    file = read_signal(tmp_path / "opaque.png", dtype="float64")
    np.testing.assert_array_equal(file.signal[0, :, 0, 0], np.array([200, 100, 0]) / 255)
    assert "was dropped" in file.format.note
    pixels[0, 0, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "transparent.png")
    file = read_signal(tmp_path / "transparent.png", dtype="float64")
    np.testing.assert_array_equal(file.signal[0, :, 0, 0], 1.0)
    np.testing.assert_array_equal(file.signal[0, :, 1, 1], np.array([200, 100, 0]) / 255)
    assert "laid on white" in file.format.note


def test_palette_and_bilevel_images_are_read_as_colour_and_grey(tmp_path):
    colour = Image.fromarray(levels((6, 6, 3), np.uint8)).quantize(4)
    colour.save(tmp_path / "p.png")
    expected = np.moveaxis(np.asarray(colour.convert("RGB")), -1, 0)[None] / 255
    np.testing.assert_allclose(read_signal(tmp_path / "p.png").signal, expected, atol=1e-7)
    Image.fromarray(np.eye(4, dtype=bool)).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_signal(tmp_path / "b.png").signal[0, 0], np.eye(4))


@pytest.mark.parametrize("low", [0.2, -40.0])
def test_float_tiff_is_mapped_to_the_unit_interval_and_back(tmp_path, low):
    pixels = np.linspace(low, 0.9, 30, dtype=np.float32).reshape(5, 6)
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    file = read_signal(tmp_path / "a.tif", dtype="float64")
    assert file.signal.min() >= 0
    assert file.signal.max() <= 1
    again = tifffile.imread(write_signal(tmp_path / "b.tif", file.signal, file.format))
    assert again.dtype == np.float32
    np.testing.assert_allclose(again, pixels, rtol=4e-7, atol=4e-7 * abs(low))


def test_compressed_tiff_is_read(tmp_path):
    pixels = levels((8, 9, 3), np.uint8)
    for number, coding in enumerate(["tiff_lzw", "tiff_adobe_deflate", "packbits"]):
        Image.fromarray(pixels).save(tmp_path / f"{number}.tif", compression=coding)
        signal = read_signal(tmp_path / f"{number}.tif", dtype="float64").signal
        np.testing.assert_array_equal(np.moveaxis(signal[0], 0, -1) * 255, pixels)


def test_orientation_stored_by_a_camera_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    Image.fromarray(levels((4, 8), np.uint8)).save(tmp_path / "a.jpg", exif=exif)
    assert read_signal(tmp_path / "a.jpg").signal.shape == (1, 1, 8, 4)


def filtered_rows(pixels, kinds):
    """Filter rows as the PNG specification says, byte by byte."""
    height, width, n = pixels.shape[0], pixels.shape[1], 2 * pixels.shape[2]
    data = pixels.astype(">u2").view(np.uint8).reshape(height, width * n).astype(int)
    out = []
    for y in range(height):
        row = [kinds[y]]
        for x in range(width * n):
            a = data[y, x - n] if x >= n else 0
            b = data[y - 1, x] if y else 0
            c = data[y - 1, x - n] if y and x >= n else 0
            p = a + b - c
            nearest = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            row.append((data[y, x] - [0, a, b, (a + b) // 2, nearest][kinds[y]]) % 256)
        out.append(row)
    return np.array(out, np.uint8)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bit_png_undoes_every_row_filter(channels):
    height, width = 12, 9
    pixels = levels((height, width, channels), np.uint16)
    kinds = [4, 3, 2, 1, 0, 4, 4, 3, 1, 2, 3, 4]
    rows = filtered_rows(pixels, kinds)
    body = rows[:, 1:].reshape(height, width, 2 * channels)
    restored = png16._unfiltered(rows[:, 0], body).view(">u2")
    np.testing.assert_array_equal(restored, pixels)


def test_the_row_filter_comparison_notices_a_wrong_filter():
    pixels = levels((3, 4, 3), np.uint16)
    rows = filtered_rows(pixels, [4, 3, 2])
    rows[1, 0] = 4
    body = rows[:, 1:].reshape(3, 4, 6)
    assert (png16._unfiltered(rows[:, 0], body).view(">u2") != pixels).any()


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("dtype", ["u1", "<i2", "<i4", "<f4", "<f8"])
def test_sound_comes_back_as_the_same_samples(tmp_path, dtype, channels):
    rng = np.random.default_rng(0)
    samples = rng.uniform(-1, 1, (50, channels))
    if dtype[-2] in "ui":
        info = np.iinfo(dtype)
        samples = rng.integers(info.min, info.max, (50, channels), endpoint=True, dtype=info.dtype)
        samples[:2, 0] = info.min, info.max
    samples = samples.astype(dtype)
    wavfile.write(tmp_path / "a.wav", 8000, samples)
    file = read_signal(tmp_path / "a.wav", dtype="float64")
    assert file.signal.shape == (1, channels, 50)
    assert file.signal.min() >= -1
    assert file.signal.max() < 1
    write_signal(tmp_path / "b.wav", file.signal, file.format)
    rate, again = wavfile.read(tmp_path / "b.wav")
    assert rate == 8000
    assert again.dtype == samples.dtype
    np.testing.assert_array_equal(again.reshape(50, channels), samples)


def test_24_bit_sound_comes_back_as_the_same_samples(tmp_path):
    import wave

    whole = np.array([0, 1, -1, 2**23 - 1, -(2**23), 12345], "<i4")
    with wave.open(str(tmp_path / "a.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(3)
        sound.setframerate(44100)
        sound.writeframes(whole.view(np.uint8).reshape(-1, 4)[:, :3].tobytes())
    file = read_signal(tmp_path / "a.wav", dtype="float64")
    np.testing.assert_array_equal(file.signal[0, 0] * 2**23, whole)
    write_signal(tmp_path / "b.wav", file.signal, file.format)
    assert (tmp_path / "b.wav").read_bytes() == (tmp_path / "a.wav").read_bytes()


def test_sound_beyond_full_scale_is_clipped(tmp_path):
    wavfile.write(tmp_path / "a.wav", 8000, np.zeros(4, np.int16))
    file = read_signal(tmp_path / "a.wav")
    loud = np.array([[[-2.0, -1.0, 1.0, 2.0]]])
    _, again = wavfile.read(write_signal(tmp_path / "b.wav", loud, file.format))
    np.testing.assert_array_equal(again, [-32768, -32768, 32767, 32767])


@pytest.mark.parametrize(
    ("shape", "axes", "channels", "core"),
    [
        ((9,), 1, 1, (1, 1, 9)),
        ((8, 9), 2, 1, (1, 1, 8, 9)),
        ((8, 9, 3), 2, 3, (1, 3, 8, 9)),
        ((3, 8, 9), 2, 3, (1, 3, 8, 9)),
        ((7, 8, 9), 3, 1, (1, 1, 7, 8, 9)),
        ((7, 8, 9), None, 1, (1, 1, 7, 8, 9)),
        ((2, 3, 8, 9), 2, 3, (2, 3, 8, 9)),
    ],
)
def test_array_axes_are_read_as_encode_reads_them(tmp_path, shape, axes, channels, core):
    array = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    np.save(tmp_path / "a.npy", array)
    file = read_signal(tmp_path / "a.npy", n_axes=axes, n_channels=channels)
    assert file.signal.shape == core
    again = np.load(write_signal(tmp_path / "b.npy", file.signal, file.format))
    np.testing.assert_array_equal(again, array)
    assert again.dtype == array.dtype


def test_fortran_order_and_byte_order_make_no_difference(tmp_path):
    array = np.asfortranarray(np.arange(12.0).reshape(3, 4).astype(">f8"))
    np.save(tmp_path / "a.npy", array)
    np.testing.assert_array_equal(read_signal(tmp_path / "a.npy").signal[0, 0], array)


def test_named_array_of_an_npz_file_is_chosen_and_written_back_by_name(tmp_path):
    np.savez(tmp_path / "a.npz", one=np.ones((4, 4)), two=np.full((4, 4), 2.0))
    file = read_signal(f"{tmp_path / 'a.npz'}:two")
    np.testing.assert_array_equal(file.signal, 2.0)
    with np.load(write_signal(tmp_path / "b.npz", file.signal, file.format)) as again:
        assert list(again) == ["two"]
        np.testing.assert_array_equal(again["two"], 2.0)


def test_filters_are_read_from_npy_and_from_npz_by_their_name(tmp_path):
    bank = np.random.default_rng(0).standard_normal((3, 1, 4, 4))
    np.save(tmp_path / "f.npy", bank)
    np.savez(tmp_path / "f.npz", other=np.ones(2), filters=bank)
    np.testing.assert_array_equal(load_filters(tmp_path / "f.npy"), bank)
    np.testing.assert_array_equal(load_filters(tmp_path / "f.npz"), bank)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.9])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_codes_come_back_as_saved(tmp_path, share, dtype):
    rng = np.random.default_rng(0)
    codes = (rng.standard_normal((2, 3, 8, 8)) * (rng.random((2, 3, 8, 8)) < share)).astype(dtype)
    bank = rng.standard_normal((3, 1, 4, 4)).astype(dtype)
    parameters = {"weight": 0.5, "padding": "circular", "stride": [1, 1]}
    versions = {"python": "3"}
    path = save_codes(tmp_path / "c.npz", codes, bank, parameters=parameters, versions=versions)
    saved = load_codes(path)
    np.testing.assert_array_equal(saved.codes, codes)
    np.testing.assert_array_equal(saved.filters, bank)
    assert saved.codes.dtype == saved.filters.dtype == dtype
    assert (saved.parameters, saved.versions) == (parameters, versions)


def test_saved_codes_are_plain_arrays_that_numpy_alone_can_read(tmp_path):
    codes = np.zeros((1, 2, 9))
    codes[0, 1, 4] = -2.5
    save_codes(tmp_path / "c.npz", codes, np.ones((2, 1, 3)), parameters={}, versions={})
    with np.load(tmp_path / "c.npz", allow_pickle=False) as file:
        header = json.loads(str(file["header"]))
        again = np.zeros(header["codes_shape"], file["values"].dtype)
        again.flat[file["indices"]] = file["values"]
    np.testing.assert_array_equal(again, codes)


def test_saved_codes_of_mostly_zeros_take_little_room(tmp_path):
    codes = np.zeros((1, 32, 128, 128), np.float32)
    codes[0, 3, :, 7] = 1.0
    save_codes(tmp_path / "c.npz", codes, np.ones((32, 1, 2, 2)), parameters={}, versions={})
    assert (tmp_path / "c.npz").stat().st_size < 4000


def test_saving_refuses_codes_that_are_not_of_these_filters(tmp_path):
    expected = r"`codes` must be of the 2 `filters`; got shape \(1, 3, 9\)"
    with pytest.raises(ValueError, match=expected):
        save_codes(
            tmp_path / "c.npz", np.zeros((1, 3, 9)), np.ones((2, 1, 3)), parameters={}, versions={}
        )
    assert not list(tmp_path.iterdir())


def test_saving_refuses_parameters_that_json_cannot_hold(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_codes(
            tmp_path / "c.npz",
            np.zeros((1, 2, 9)),
            np.ones((2, 1, 3)),
            parameters={"weight": np.inf},
            versions={},
        )


def test_atomic_write_replaces_the_content_and_leaves_nothing_else(tmp_path):
    (tmp_path / "a").write_text("old")
    assert atomic_write(tmp_path / "a", lambda stream: stream.write(b"new")) == tmp_path / "a"
    assert (tmp_path / "a").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_atomic_write_gives_the_usual_rights(tmp_path):
    (tmp_path / "plain").write_text("")
    atomic_write(tmp_path / "a", lambda stream: stream.write(b"new"))
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, error):
    (tmp_path / "a").write_text("old")

    def half(stream):
        stream.write(b"ne")
        raise error

    with pytest.raises(type(error)):
        atomic_write(tmp_path / "a", half)
    assert (tmp_path / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


KILLED = """
import os, signal, sys
from sparsecsc.io import atomic_write
def half(stream):
    stream.write(b"n" * 100_000)
    stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)
{before}
atomic_write(sys.argv[1], {writer})
"""
AFTER_RENAME = """
replace = os.replace
def replace_and_die(*paths):
    replace(*paths)
    os.kill(os.getpid(), signal.SIGKILL)
os.replace = replace_and_die
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize(
    ("before", "writer", "expected"),
    [
        ("", "half", b"old"),
        (AFTER_RENAME, "lambda stream: stream.write(b'new')", b"new"),
    ],
    ids=["while writing", "after the rename"],
)
def test_a_killed_process_leaves_the_old_file_or_the_new_one(tmp_path, before, writer, expected):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    code = KILLED.format(before=before, writer=writer)
    ended = subprocess.run([sys.executable, "-c", code, str(path)], check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert path.read_bytes() == expected


def test_a_plain_write_would_be_caught_by_the_killing_test(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    code = KILLED.format(before="", writer="None").replace("atomic_write(sys.argv[1], None)", "")
    code += "half(open(sys.argv[1], 'wb'))"
    subprocess.run([sys.executable, "-c", code, str(path)], check=False, timeout=60)
    assert path.read_bytes() not in (b"old", b"new")


def test_no_reader_runs_pickled_code(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "run"),)

    trap = np.array([Trap()], dtype=object)
    np.save(tmp_path / "a.npy", trap, allow_pickle=True)
    np.savez(tmp_path / "a.npz", allow_pickle=True, filters=trap, header=trap)
    for read, name in ((read_signal, "a.npy"), (load_filters, "a.npz"), (load_codes, "a.npz")):
        with pytest.raises(ValueError, match="pickled objects are never loaded"):
            read(tmp_path / name)
    assert not (tmp_path / "run").exists()


def test_bytes_flipped_anywhere_in_a_codes_file_never_give_other_codes(tmp_path):
    rng = np.random.default_rng(0)
    codes = rng.standard_normal((1, 2, 40)) * (rng.random((1, 2, 40)) < 0.1)
    path = tmp_path / "c.npz"
    save_codes(path, codes, np.ones((2, 1, 3)), parameters={"a": 1}, versions={})
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        try:
            saved = load_codes(path)
        except ValueError:
            continue
        np.testing.assert_array_equal(saved.codes, codes)


@pytest.mark.parametrize("name", ["a.png", "a16.png", "a.jpg", "a.tif", "a.wav", "a.npy", "a.npz"])
def test_a_file_cut_short_anywhere_gives_one_clear_line(tmp_path, name):
    path = tmp_path / name
    if name == "a.wav":
        wavfile.write(path, 8000, np.arange(300, dtype=np.int16))
    elif name == "a.npy":
        np.save(path, np.ones((9, 9)))
    elif name == "a.npz":
        np.savez(path, a=np.ones((9, 9)))
    elif name == "a.jpg":
        Image.fromarray(levels((16, 16), np.uint8)).save(path)
    else:
        save_image(path, levels((16, 16), np.uint16 if "16" in name else np.uint8))
    whole = path.read_bytes()
    for length in range(1, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(whole[:length])
        message = ""
        try:
            assert np.isfinite(read_signal(path).signal).all()  # the rest was not needed
        except ValueError as error:
            message = str(error)
        assert "\n" not in message
        assert not message or "expected" in message


def test_a_member_of_an_npz_file_that_claims_to_be_huge_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        np.lib.format.write_array_header_1_0(
            header := _Buffer(), {"descr": "<f8", "fortran_order": False, "shape": (2**40,)}
        )
        archive.writestr("a.npy", bytes(header.content) + b"\0" * 1000)
    with pytest.raises(
        ValueError, match=r"must hold at most \d+ values; got shape \(1099511627776,\)"
    ):
        read_signal(path)


class _Buffer:
    def __init__(self):
        self.content = bytearray()

    def write(self, part):
        self.content += part
