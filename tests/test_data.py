"""The shipped data are what PROVENANCE.md says and load as documented."""

import hashlib
import re
from importlib.resources import files

import numpy as np
import pytest

from sparsecsc.data import load_image, load_recording, names

FOLDER = files("sparsecsc.data")
IMAGE_SHAPES = {"camera": (512, 512), "chelsea": (300, 451, 3), "coffee": (400, 600, 3)}
ROW = re.compile(r"^\| (\S+\.(?:png|wav)) \| .* \| CC0 1\.0 \| ([0-9a-f]{64}) \|$", re.M)


def stated_checksums():
    return dict(ROW.findall(FOLDER.joinpath("PROVENANCE.md").read_text("utf-8")))


def mismatches(stated, contents):
    """Names of files whose bytes do not have the stated sha256, or lack a statement."""
    return {
        name
        for name, content in contents.items()
        if stated.get(name) != hashlib.sha256(content).hexdigest()
    } | (set(stated) - set(contents))


def shipped_files():
    return {
        entry.name: entry.read_bytes()
        for entry in FOLDER.iterdir()
        if entry.is_file() and not entry.name.endswith((".py", ".pyc", ".md"))
    }


def test_every_file_has_the_checksum_that_provenance_states():
    assert mismatches(stated_checksums(), shipped_files()) == set()


def test_checksum_comparison_notices_a_changed_missing_or_unlisted_file():
    stated, contents = stated_checksums(), shipped_files()
    changed = contents | {"camera.png": contents["camera.png"] + b"\0"}
    assert mismatches(stated, changed) == {"camera.png"}
    assert mismatches(stated, contents | {"new.png": b""}) == {"new.png"}
    assert mismatches(stated, {"camera.png": contents["camera.png"]}) == set(contents) - {
        "camera.png"
    }


def test_every_name_is_a_shipped_file_and_every_file_has_a_name():
    assert sorted(names()) == sorted(name.split(".")[0] for name in shipped_files())


def test_shipped_data_stay_below_one_and_a_half_megabytes():
    assert sum(map(len, shipped_files().values())) < 1.5e6


@pytest.mark.parametrize("name", IMAGE_SHAPES)
def test_image_is_float32_in_the_unit_interval_and_uses_it(name):
    image = load_image(name)
    assert image.shape == IMAGE_SHAPES[name]
    assert image.dtype == np.float32
    assert image.min() >= 0
    assert 0.9 < image.max() <= 1
    assert image.std() > 0.05


def test_image_levels_are_the_stored_bytes():
    levels = load_image("camera") * 255
    np.testing.assert_allclose(levels, np.round(levels), atol=2e-5)


def test_recording_is_long_float32_and_fills_a_good_part_of_its_range():
    samples, sample_rate = load_recording("snare_roll")
    assert samples.shape == (44100,)
    assert samples.dtype == np.float32
    assert isinstance(sample_rate, float)
    assert sample_rate == 11025.0
    assert 0.3 < np.abs(samples).max() < 1


def test_loaded_arrays_are_fresh_and_writable():
    first = load_image("camera")
    first[:] = 0
    assert load_image("camera").max() > 0
    samples, _ = load_recording("snare_roll")
    samples[:] = 0
    assert load_recording("snare_roll")[0].any()


@pytest.mark.parametrize("name", ["lena", "snare_roll", "../camera", None, ["camera"]])
def test_unknown_image_is_refused_with_the_choices(name):
    expected = r"`name` must be a shipped image, one of 'camera', 'chelsea', 'coffee'; got "
    with pytest.raises(ValueError, match=expected):
        load_image(name)


def test_unknown_recording_is_refused_with_the_choices():
    expected = r"`name` must be a shipped recording, one of 'snare_roll'; got 'camera'\."
    with pytest.raises(ValueError, match=expected):
        load_recording("camera")
