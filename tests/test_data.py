"""The shipped data are what PROVENANCE.md says and load as documented."""

import hashlib
import re
from importlib.resources import files

import numpy as np
import pytest

import sparsecsc as sc
from sparsecsc.data import (
    FILTERS,
    MODELS,
    learning_record,
    load_image,
    load_learned_filters,
    load_recording,
    names,
)
from sparsecsc.io import load_learned_model
from sparsecsc.theory.coherence import mutual_coherence

FOLDER = files("sparsecsc.data")
IMAGE_SHAPES = {"camera": (512, 512), "chelsea": (300, 451, 3), "coffee": (400, 600, 3)}
ROW = re.compile(r"^\| (\S+\.(?:png|wav|npz|json)) \| .* \| CC0 1\.0 \| ([0-9a-f]{64}) \|$", re.M)


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
    known = {*names(), *FILTERS, *MODELS, "learned"}
    assert known == {name.split(".")[0] for name in shipped_files()}


def test_shipped_data_stay_below_two_megabytes():
    assert sum(map(len, shipped_files().values())) < 2e6


@pytest.mark.parametrize("name", FILTERS)
def test_learned_filters_are_float32_of_norm_one_at_most_and_have_a_record(name):
    filters = load_learned_filters(name)
    *kernel, n_filters = map(int, name.removeprefix("photo").removesuffix("-rgb").split("x"))
    assert filters.shape == (n_filters, 3 if name.endswith("rgb") else 1, *kernel)
    assert filters.dtype == np.float32
    norms = np.linalg.norm(filters.reshape(n_filters, -1), axis=1)
    assert norms.max() <= 1 + 1e-6
    assert norms.min() > 0.5
    record = learning_record(name)
    assert record["status"] in ("CONVERGED", "MAX_ITER", "RULE_MET")
    assert record["relative_gap"] < 1e-3
    found = mutual_coherence(sc.ConvDictionary(filters), (64, 64))
    assert record["layers"][0]["coherence"] == pytest.approx(found, abs=1e-3)


@pytest.mark.parametrize("name", MODELS)
def test_learned_models_load_with_their_penalties_and_have_a_record(name):
    saved = load_learned_model(name)
    record = learning_record(name)
    assert len(saved.penalties) == len(saved.model.dictionaries) == len(record["layers"])
    assert record["objective"] <= record["objective before the joint stage"]


def test_learned_filters_fit_photographs_better_than_cosines():
    image = load_image("camera")[None, None, 300:428, 200:328]
    _, signal = sc.split_lowpass(np.ascontiguousarray(image))
    learned, cosines = load_learned_filters("photo8x8x64"), sc.dct_filters((8, 8))
    weight = 0.1
    found = [
        sc.solve(sc.Pursuit(signal, sc.ConvDictionary(f.astype("float32")), sc.L1(weight)))
        for f in (learned, cosines)
    ]
    assert found[0].objective < 0.9 * found[1].objective


@pytest.mark.parametrize("name", ["photo", "camera", "../photo8x8x32", None])
def test_unknown_learned_filters_are_refused_with_the_choices(name):
    with pytest.raises(
        ValueError, match=r"`name` must be a shipped bank of filters, one of 'photo8"
    ):
        load_learned_filters(name)
    with pytest.raises(ValueError, match=r"`name` must be a shipped model, one of 'photo2layers'"):
        load_learned_model(name)
    with pytest.raises(ValueError, match=r"`name` must be a shipped bank of filters or model, one"):
        learning_record(name)


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
