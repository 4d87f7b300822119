"""Models come back from their files bit for bit, and networks' weights as their layers."""

import dataclasses
import io
import json
import os
import struct
import sys
import zipfile

import numpy as np
import pytest

import sparsecsc as sc
from oracles import require_torch
from sparsecsc.io import load_convolutions, load_model, models, save_model
from sparsecsc.penalties.relu import ReLU

RNG = np.random.default_rng(0)


def filters(*shape, dtype=np.float64):
    return RNG.standard_normal(shape).astype(dtype)


def conv(*shape, dtype=np.float64, **geometry):
    return sc.ConvDictionary(filters(*shape, dtype=dtype), **geometry)


def assert_same(a, b):
    """Check that two records have the same types, numbers and bits, all the way down."""
    if isinstance(a, np.ndarray):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tobytes() == b.tobytes()
    elif dataclasses.is_dataclass(a):
        assert type(a) is type(b)
        for field in dataclasses.fields(a):
            if field.name != "_bound":
                assert_same(getattr(a, field.name), getattr(b, field.name))
    elif isinstance(a, (list, tuple)):
        assert type(a) is type(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    else:
        assert type(a) is type(b)
        assert a == b


def nested(depth):
    dictionary = conv(2, 2, 3)
    for _ in range(depth):
        dictionary = sc.Product([sc.Identity(), dictionary])
    return dictionary


MODELS = {
    "one layer": lambda: sc.MLCSC([conv(2, 1, 3)]),
    "float32": lambda: sc.MLCSC([conv(3, 1, 5, dtype=np.float32), conv(4, 3, 3, dtype=np.float32)]),
    "2-D geometry": lambda: sc.MLCSC(
        [
            conv(3, 1, 3, 3, stride=(2, 1), dilation=(1, 2), padding="same"),
            conv(4, 3, 2, 2, stride=2, padding=(1, 0)),
            conv(2, 4, 2, 3, padding="full"),
        ]
    ),
    "3-D": lambda: sc.MLCSC([conv(2, 1, 2, 2, 2, padding=1)]),
    "nested": lambda: sc.MLCSC(
        [
            sc.Concat([sc.Identity(), sc.Product([conv(3, 2, 3), conv(2, 3, 1)])]),
            sc.Concat([conv(2, 4, 3), sc.Concat([sc.Identity(), conv(1, 4, 1)])]),
            sc.Identity(),
        ]
    ),
    "as deep as can be": lambda: sc.MLCSC([nested(16)]),
    "fixed identity": lambda: sc.MLCSC([sc.Identity(2, 2, 1)]),
    "residual": lambda: sc.ResCSC([conv(2, 2, 3), conv(2, 2, 3)]),
    "residual, shortcut": lambda: sc.ResCSC(
        [conv(3, 2, 3), conv(4, 3, 3)], shortcut=conv(4, 2, 1), damping=0.0
    ),
    "residual, shortcuts": lambda: sc.ResCSC(
        [conv(3, 2, 3), conv(4, 3, 3), conv(4, 4, 3)],
        shortcut=(None, sc.Concat([conv(3, 2, 1), conv(1, 2, 1)]), None),
        damping=1 / 3,
        starts=[None, 0, 2],
    ),
    "residual, blocks": lambda: sc.ResCSC([conv(2, 2, 3)] * 3, block_length=3),
    "dense": lambda: sc.MSDCSC([filters(2, 1, 3), filters(1, 3, 3)]),
    "dense, geometry": lambda: sc.MSDCSC(
        [filters(2, 1, 3, 3), filters(1, 3, 3, 3)], dilations=[(1, 2), 3], padding="same"
    ),
    "dense, paddings": lambda: sc.MSDCSC(
        [filters(2, 1, 3, 3), filters(1, 3, 3, 3)],
        dilations=[1, 2],
        padding=["circular", (2, 2)],
    ),
    "dense, one padding by axis": lambda: sc.MSDCSC([filters(2, 1, 3, 5)], padding=(1, 2)),
    "a hundred layers": lambda: sc.MSDCSC([filters(1, n, 1) for n in range(1, 121)]),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back_as_saved(tmp_path, name):
    model = MODELS[name]()
    saved = load_model(save_model(tmp_path / "m.npz", model))
    assert_same(model, saved.model)
    assert saved.penalties == ()
    assert set(saved.versions) == {"python", "numpy", "sparsecsc"}


PENALTIES = {
    "L1": sc.L1(0.1),
    "L1 inf": sc.L1(np.inf),
    "L1 by filter": sc.L1(np.array([0.0, np.inf, 1 / 3])),
    "NonnegativeL1": sc.NonnegativeL1(np.array([0.5, 0.0, 1.0], np.float32)),
    "ElasticNet": sc.ElasticNet(0.1, np.array([1.0, 2.0, 0.0])),
    "GroupL1": sc.GroupL1(1 / 7, (2, 0)),
    "GroupL1 one axis": sc.GroupL1(filters(1, 1, 9) ** 2),
    "L0": sc.L0(5e-324),
    "ReLU": ReLU(np.array([0.5, -1.0, 0.0])),
    "ReLU float": ReLU(-0.1),
}


@pytest.mark.parametrize("name", PENALTIES)
def test_penalties_come_back_as_saved(tmp_path, name):
    model = sc.MLCSC([conv(3, 1, 3), conv(3, 3, 3)])
    penalties = (sc.L1(0.25), PENALTIES[name])
    saved = load_model(save_model(tmp_path / "m.npz", model, penalties))
    assert_same(penalties, saved.penalties)


def test_the_comparison_notices_every_difference():
    model = MODELS["2-D geometry"]()
    assert_same(model, model)
    first, *rest = model.dictionaries
    tiny = first.filters.copy()
    tiny.flat[0] = np.nextafter(tiny.flat[0], 9)
    others = (
        sc.ConvDictionary(tiny, first.stride, first.dilation, first.padding),
        sc.ConvDictionary(first.filters.astype(np.float32), first.stride, first.dilation, "same"),
        sc.ConvDictionary(first.filters, 2, first.dilation, first.padding),
        sc.Product([first]),
    )
    for other in others:
        with pytest.raises(AssertionError):
            assert_same(model, sc.MLCSC([other, *rest]))
    with pytest.raises(AssertionError):
        assert_same(sc.L1(1.0), sc.NonnegativeL1(1.0))


def test_arrays_are_stored_once_under_names_that_numpy_alone_can_read(tmp_path):
    bank = filters(2, 2, 3)
    model = sc.MLCSC([sc.ConvDictionary(bank), sc.ConvDictionary(bank, stride=2)])
    path = save_model(tmp_path / "m.npz", model, [sc.L1(0.5), sc.ElasticNet(0.5, np.ones(2))])
    with np.load(path, allow_pickle=False) as file:
        assert set(file) == {
            "header",
            "layer_1_filters",
            "layer_1_weight",
            "layer_2_weight",
            "layer_2_ridge",
        }
        np.testing.assert_array_equal(file["layer_1_filters"], bank)
        header = json.loads(str(file["header"]))
    assert (header["format"], header["format_version"]) == ("sparsecsc-model", 1)
    assert header["model"]["dictionaries"][1]["filters"] == "layer_1_filters"
    again = load_model(path).model.dictionaries
    assert again[0].filters is again[1].filters


def test_a_model_that_was_read_solves_as_the_one_that_was_saved(tmp_path):
    model = MODELS["float32"]()
    penalties = [sc.L1(0.1), sc.L1(0.2)]
    saved = load_model(save_model(tmp_path / "m.npz", model, penalties))
    signal = filters(1, 1, 24, dtype=np.float32)
    left = sc.solve(sc.MultilayerPursuit(signal, model, penalties), max_iter=20)
    right = sc.solve(sc.MultilayerPursuit(signal, saved.model, saved.penalties), max_iter=20)
    assert_same(left.codes, right.codes)


def test_a_full_disk_leaves_the_old_model(tmp_path, monkeypatch):
    path = save_model(tmp_path / "m.npz", MODELS["one layer"]())
    before = path.read_bytes()

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(models.np, "savez_compressed", fail)
    with pytest.raises(OSError, match="No space left"):
        save_model(path, MODELS["dense"]())
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["m.npz"]


# ---- what cannot be saved ----


class Foreign:
    n_channels = n_filters = n_axes = None

    def bind(self, *_):
        raise NotImplementedError

    analyze = bind


class FineL1(sc.L1):
    pass


ONE = sc.MLCSC([conv(2, 1, 3)])
UNSAVABLE = {
    "no model": (
        (conv(2, 1, 3),),
        TypeError,
        r"`model` must be an MLCSC, ResCSC or MSDCSC to be saved; got ConvDictionary: build",
    ),
    "foreign dictionary": (
        (sc.MLCSC([conv(2, 1, 3), Foreign()]),),
        TypeError,
        r"layer_2 must be a ConvDictionary, Identity, Concat or Product to be saved; got Foreign",
    ),
    "foreign part": (
        (sc.MLCSC([sc.Concat([sc.Identity(), Foreign()])]),),
        TypeError,
        r"layer_1_2 must be a ConvDictionary.*got Foreign: build it from these",
    ),
    "foreign shortcut": (
        (sc.ResCSC([conv(2, 2, 3)] * 2, shortcut=Foreign()),),
        TypeError,
        r"shortcut must be a ConvDictionary.*got Foreign",
    ),
    "too deep": (
        (sc.MLCSC([nested(17)]),),
        ValueError,
        r"must be nested at most 16 deep to be saved; got more: flatten",
    ),
    "foreign penalty": (
        (ONE, [FineL1(0.1)]),
        TypeError,
        r"the penalty of layer_1 must be one of L1, .*, ReLU to be saved; got FineL1",
    ),
    "a penalty alone": (
        (ONE, sc.L1(0.1)),
        TypeError,
        r"`penalties` must be a list or tuple; got L1: pass one penalty a layer",
    ),
    "too many penalties": (
        (ONE, [sc.L1(0.1)] * 2),
        ValueError,
        r"`penalties` must be none, or one for each of the 1 layers; got 2: match them",
    ),
    "weights of other filters": (
        (ONE, [sc.L1(np.ones(3))]),
        ValueError,
        r"the weight of layer 1 must be one number or one for each of the 2 filters; got 3",
    ),
}


@pytest.mark.parametrize("name", UNSAVABLE)
def test_what_cannot_be_saved_is_named_and_nothing_is_written(tmp_path, name):
    arguments, error, message = UNSAVABLE[name]
    with pytest.raises(error, match=message):
        save_model(tmp_path / "m.npz", *arguments)
    assert not list(tmp_path.iterdir())


def test_arrays_of_another_kind_are_refused(tmp_path):
    strict = pytest.importorskip("array_api_strict")
    dictionary = conv(2, 1, 3)
    object.__setattr__(dictionary, "filters", strict.ones((2, 1, 3)))  # as from another backend
    with pytest.raises(TypeError, match=r"layer_1_filters must be a NumPy array to be saved; got"):
        save_model(tmp_path / "m.npz", sc.MLCSC([dictionary]))


def test_models_that_are_too_large_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("sparsecsc.io.common.MAX_VALUES", 3)
    with pytest.raises(ValueError, match=r"must hold at most 3 values; got shape \(6,\)"):
        save_model(tmp_path / "m.npz", ONE)
    monkeypatch.undo()
    monkeypatch.setattr("sparsecsc.io.archives.MAX_HEADER", 50)
    with pytest.raises(ValueError, match=r"at most 50 characters of JSON; got \d+: keep large"):
        save_model(tmp_path / "m.npz", ONE)


# ---- bad files ----


def rewritten(path, edit):
    """Save a model of two layers, then write its members again after `edit(header, members)`."""
    model = sc.ResCSC([conv(2, 2, 3), conv(2, 2, 3)], damping=0.5)
    save_model(path, model, [sc.L1(0.1), sc.L1(np.ones(2))])
    with np.load(path) as file:
        members = dict(file)
    header = json.loads(str(members["header"]))
    members = edit(header, members) or members
    if "header" in members and members["header"].dtype.kind == "U":
        members["header"] = np.array(json.dumps(header))
    np.savez(path, **members)


def setting(*where, to):
    """Return an edit that puts `to` in this place of the header."""

    def edit(header, _):
        node = header
        for key in where[:-1]:
            node = node[key]
        node[where[-1]] = to

    return edit


def without(name):
    return lambda _, members: {k: v for k, v in members.items() if k != name}


def replacing(name, array):
    return lambda _, members: members | {name: np.asarray(array)}


def nested_node(depth):
    node = {"kind": "Identity"}
    for _ in range(depth):
        node = {"kind": "Product", "dictionaries": [node]}
    return node


LAYER = ("model", "dictionaries", 0)
BAD_MODELS = {
    "no header": (without("header"), r"expected a saved model in .* not written by sparsecsc"),
    "header of numbers": (replacing("header", 3.0), r"it was not written by sparsecsc"),
    "codes": (setting("format", to="sparsecsc-codes"), r"it was not written by sparsecsc"),
    "another version": (
        setting("format_version", to=2),
        r"must have format version 1; got 2: read it with the version of sparsecsc that wrote it, "
        r"or save the model again",
    ),
    "no penalties": (lambda h, _: h.pop("penalties") and None, r"its header is incomplete"),
    "model that is a list": (setting("model", to=[]), r"its header is incomplete"),
    "filters missing": (without("layer_2_filters"), r"its part 'layer_2_filters' is missing"),
    "weight missing": (without("layer_1_weight"), r"its part 'layer_1_weight' is missing"),
    "damping missing": (without("damping"), r"its part 'damping' is missing"),
    "filters not finite": (
        replacing("layer_1_filters", np.full((2, 2, 3), np.nan)),
        r"`filters` must be finite; got 12 NaN",
    ),
    "filters of integers": (
        replacing("layer_1_filters", np.ones((2, 2, 3), int)),
        r"`filters` must be float32 or float64; got int64",
    ),
    "filters of rank 2": (replacing("layer_1_filters", np.ones((2, 2))), r"must have axes"),
    "layers that do not chain": (
        replacing("layer_1_filters", np.ones((3, 2, 3))),
        r"layer 2 must have 3 channels.*got 2",
    ),
    "unknown model": (setting("model", "kind", to="GPT"), r"a model of the unknown kind 'GPT'"),
    "unknown dictionary": (
        setting(*LAYER, "kind", to="Fourier"),
        r"a dictionary of the unknown kind 'Fourier'",
    ),
    "unknown penalty": (
        setting("penalties", 0, "kind", to="L7"),
        r"a penalty of the unknown kind 'L7'",
    ),
    "dictionary that is a number": (setting(*LAYER, to=3), r"its header has no kind where one is"),
    "stride missing": (
        lambda h, _: h["model"]["dictionaries"][0].pop("stride") and None,
        "no stride",
    ),
    "stride of text": (
        setting(*LAYER, "stride", to=["a"]),
        r"holds 'a' where an integer is needed",
    ),
    "stride that is true": (setting(*LAYER, "stride", to=[True]), r"holds 'True' where an integer"),
    "huge stride": (setting(*LAYER, "stride", to=[10**99]), r"where an integer is needed"),
    "stride 0": (setting(*LAYER, "stride", to=[0]), r"`stride` must be an integer >= 1; got 0"),
    "two strides": (setting(*LAYER, "stride", to=[1, 1]), r"`stride` must be an int or have one"),
    "unknown border": (setting(*LAYER, "padding", to="mirror"), r"`padding` must be one of"),
    "nested too deeply": (setting(*LAYER, to=nested_node(17)), r"nested more than 16 deep"),
    "no dictionaries": (setting("model", "dictionaries", to=[]), r"must hold at least one entry"),
    "start at a later layer": (
        setting("model", "starts", to=[None, 2]),
        r"must start at an earlier",
    ),
    "starts missing": (setting("model", "starts", to=None), r"its header has no starts"),
    "negative damping": (replacing("damping", -1.0), r"`damping` must be a number >= 0; got -1"),
    "damping of text": (replacing("damping", "x"), r"its numbers are <U1 in place of float32"),
    "negative weight": (replacing("layer_1_weight", -1.0), r"`weight` must be a number >= 0"),
    "weight not a number": (replacing("layer_2_weight", [np.nan, 1.0]), r"must hold numbers >= 0"),
    "complex weight": (replacing("layer_1_weight", 1j), r"its numbers are complex128"),
    "weights of other filters": (
        replacing("layer_2_weight", np.ones(5)),
        r"the weight of layer 2 must be one number or one for each of the 2 filters; got 5",
    ),
    "too few penalties": (
        lambda h, _: h["penalties"].pop() and None,
        r"one for each of the 2 layers; got 1",
    ),
}


@pytest.mark.parametrize("name", BAD_MODELS)
def test_a_bad_model_file_gets_one_clear_line(tmp_path, name):
    edit, message = BAD_MODELS[name]
    rewritten(tmp_path / "m.npz", edit)
    with pytest.raises(ValueError, match=message) as raised:
        load_model(tmp_path / "m.npz")
    line = str(raised.value)
    assert "\n" not in line
    assert "m.npz" in line
    assert line.endswith(".")
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_a_file_that_was_not_changed_is_read(tmp_path):
    rewritten(tmp_path / "m.npz", lambda *_: None)
    assert len(load_model(tmp_path / "m.npz").penalties) == 2


@pytest.mark.parametrize("load", [load_model, load_convolutions])
def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path, load):
    with pytest.raises(FileNotFoundError, match=r"expected .*a\.npz'; got nothing there: check"):
        load(tmp_path / "a.npz")


@pytest.mark.parametrize("load", [load_model, load_convolutions])
def test_a_file_that_is_no_archive_is_refused(tmp_path, load):
    (tmp_path / "a.npz").write_bytes(b"not a zip")
    with pytest.raises(ValueError, match=r"expected an NPZ archive in '.*a\.npz'; got a file that"):
        load(tmp_path / "a.npz")


@pytest.mark.parametrize("load", [load_model, load_convolutions])
def test_no_pickled_code_is_run(tmp_path, load):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "run"),)

    trap = np.array([Trap()], dtype=object)
    np.savez(tmp_path / "a.npz", allow_pickle=True, header=trap, weight=trap)
    with pytest.raises(ValueError, match="pickled objects are never loaded"):
        load(tmp_path / "a.npz")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("load", [load_model, load_convolutions])
def test_members_that_together_are_too_large_are_not_unpacked(tmp_path, load, monkeypatch):
    monkeypatch.setattr("sparsecsc.io.common.MAX_VALUES", 1000)
    np.savez_compressed(tmp_path / "a.npz", **{f"{k}.weight": np.zeros((9, 1, 99)) for k in "ab"})
    with pytest.raises(ValueError, match=r"must hold at most 1000 values; got shape \(18\d\d,\)"):
        load(tmp_path / "a.npz")


def test_a_header_without_end_is_not_parsed(tmp_path):
    def edit(_, members):
        return members | {"header": np.zeros((), "U5000000")}

    rewritten(tmp_path / "m.npz", lambda *_: None)
    with np.load(tmp_path / "m.npz") as file:
        np.savez_compressed(tmp_path / "m.npz", **edit(None, dict(file)))
    with pytest.raises(ValueError, match="its header is too long"):
        load_model(tmp_path / "m.npz")


def test_bytes_flipped_or_cut_anywhere_never_give_another_model(tmp_path):
    path = tmp_path / "m.npz"
    model = sc.MLCSC([conv(2, 1, 3), conv(2, 2, 3)])
    whole = save_model(path, model, [sc.L1(0.1), sc.L1(0.2)]).read_bytes()
    spoiled = [
        whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :] for at in range(0, len(whole), 5)
    ]
    spoiled += [whole[:at] for at in range(1, len(whole), 29)]
    for content in spoiled:
        path.write_bytes(content)
        message = ""
        try:
            assert_same(model, load_model(path).model)
        except ValueError as error:
            message = str(error)
        assert "\n" not in message
        assert not message or "m.npz" in message


# ---- the weights of a network ----


def network(dtype=np.float32):
    """Return a small torch network, and the same as tensors by name."""
    torch = require_torch()
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        torch.nn.Conv2d(2, 5, 3, stride=2, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(5, 4, (3, 2), stride=(1, 2), dilation=(2, 1), padding=(2, 0)),
        torch.nn.ReLU(),
        torch.nn.Conv2d(4, 6, 3, padding="same", bias=False),
        torch.nn.ReLU(),
    )
    with torch.no_grad():
        layers[0].bias[:] = torch.tensor([0.3, -0.2, 0.1, -0.4, 0.0])
        layers[2].bias[:] = -layers[2].bias.abs()
    layers = layers.to(getattr(torch, np.dtype(dtype).name))
    return layers, {name: tensor.numpy() for name, tensor in layers.state_dict().items()}


GEOMETRY = {
    "stride": [2, (1, 2), 1],
    "dilation": [1, (2, 1), 1],
    "padding": [1, (2, 0), "same"],
}


def write_tensors(path, tensors):
    if path.suffix == ".safetensors":
        pytest.importorskip("safetensors.numpy").save_file(tensors, path)
    else:
        np.savez(path, **tensors)
    return path


suffixes = pytest.mark.parametrize("suffix", [".npz", ".safetensors"])


@suffixes
@pytest.mark.parametrize(("dtype", "tol"), [(np.float32, 1e-5), (np.float64, 1e-12)], ids=str)
def test_the_forward_pass_of_a_network_is_that_of_the_layers_read(tmp_path, suffix, dtype, tol):
    torch = require_torch()
    layers, tensors = network(dtype)
    read = load_convolutions(write_tensors(tmp_path / f"n{suffix}", tensors), **GEOMETRY)
    assert read.names == ("0.weight", "2.weight", "4.weight")
    assert [type(p) for p in read.penalties] == [ReLU, sc.NonnegativeL1, sc.NonnegativeL1]
    assert read.penalties[2].weight == 0.0
    x = np.random.default_rng(1).standard_normal((3, 2, 12, 13)).astype(dtype)
    with torch.no_grad():
        expected = layers(torch.from_numpy(x)).numpy()
    problem = sc.MultilayerPursuit(x, sc.MLCSC(read.dictionaries), read.penalties)
    result = sc.solve(problem, sc.LayeredThresholding())
    assert result.status is sc.Status.RULE_MET
    found = result.codes[-1]
    assert found.dtype == dtype
    assert expected.any()
    assert np.abs(found - expected).max() <= tol * np.abs(expected).max()


@suffixes
def test_what_was_read_from_a_network_can_be_saved_as_a_model(tmp_path, suffix):
    _, tensors = network()
    read = load_convolutions(write_tensors(tmp_path / f"n{suffix}", tensors), **GEOMETRY)
    saved = load_model(save_model(tmp_path / "m.npz", sc.MLCSC(read.dictionaries), read.penalties))
    assert_same(read.dictionaries, saved.model.dictionaries)
    assert_same(read.penalties, saved.penalties)


def tensors_of(*names, shape=(2, 2, 3)):
    return {name: np.full(shape, float(k)) for k, name in enumerate(names, start=1)}


@suffixes
def test_layers_are_taken_in_natural_order_by_pattern(tmp_path, suffix):
    names = ("f.10.weight", "f.2.weight", "f.1.weight", "g.1.weight", "f.02b.weight")
    path = write_tensors(tmp_path / f"n{suffix}", tensors_of(*names))
    read = load_convolutions(path, "f.*weight")
    assert read.names == ("f.1.weight", "f.2.weight", "f.02b.weight", "f.10.weight")
    assert [d.filters.flat[0] for d in read.dictionaries] == [3.0, 2.0, 5.0, 1.0]
    assert load_convolutions(path, "g.?.weight").names == ("g.1.weight",)


def test_one_value_is_for_all_layers_and_a_sequence_has_one_a_layer(tmp_path):
    tensors = tensors_of("0.weight", "1.weight", shape=(2, 2, 3, 3))
    path = write_tensors(tmp_path / "n.npz", tensors)
    for given, expected in (
        (2, [(2, 2), (2, 2)]),
        ((1, 2), [(1, 1), (2, 2)]),
        ([(1, 2), 3], [(1, 2), (3, 3)]),
    ):
        read = load_convolutions(path, stride=given)
        assert [d.stride for d in read.dictionaries] == expected
    assert [d.padding for d in load_convolutions(path, padding="circular").dictionaries] == [
        "circular",
        "circular",
    ]


@suffixes
def test_half_precision_becomes_single(tmp_path, suffix):
    tensors = {"weight": filters(2, 1, 3).astype(np.float16), "bias": np.ones(2, np.float16)}
    read = load_convolutions(write_tensors(tmp_path / f"n{suffix}", tensors))
    assert read.dictionaries[0].filters.dtype == read.penalties[0].bias.dtype == np.float32
    np.testing.assert_array_equal(read.dictionaries[0].filters, tensors["weight"])


def test_more_tensors_than_a_hundred_are_all_seen(tmp_path):
    tensors = tensors_of(*(f"{k}.weight" for k in range(150)))
    assert len(load_convolutions(write_tensors(tmp_path / "n.npz", tensors)).names) == 150


GOOD = {"a.weight": np.ones((2, 1, 3)), "a.bias": np.ones(2)}
BAD_WEIGHTS = {
    "no match": (
        tensors_of(*(f"c{k}.kernel" for k in range(7))),
        {},
        r"expected names that match '\*weight' in .*; got c0\.kernel, c1\.kernel, c2\.kernel, "
        r"c3\.kernel, c4\.kernel, \.\.\.: give a pattern",
    ),
    "nothing": ({}, {}, r"got no tensors: give a pattern"),
    "linear": (
        {"fc.weight": np.ones((3, 4))},
        {},
        r"'fc\.weight' in .* must be a convolution's weights \(out, in, \*kernel\); got shape "
        r"\(3, 4\), a linear layer's weights: give a pattern that leaves it out",
    ),
    "normalisation": ({"bn.weight": np.ones(3)}, {}, r"got shape \(3,\), one number a channel"),
    "rank 6": ({"x.weight": np.ones((1,) * 6)}, {}, r"no weights of a known layer"),
    "bias too long": (
        GOOD | {"a.bias": np.ones(3)},
        {},
        r"'a\.bias' in .* must hold one number for each of the 2 filters; got shape \(3,\)",
    ),
    "bias not finite": (
        GOOD | {"a.bias": np.array([1.0, np.nan])},
        {},
        r"'a\.bias' in .* must be finite; got NaN or infinity",
    ),
    "bias too large": (
        {"a.weight": np.ones((1, 1, 3), np.float32), "a.bias": np.array([1e300])},
        {},
        r"'a\.bias' in .* must be finite",
    ),
    "weights not finite": (
        {"a.weight": np.full((2, 1, 3), np.inf)},
        {},
        r"layer 'a\.weight': `filters` must be finite; got 6 NaN or infinite",
    ),
    "integers": (
        {"a.weight": np.ones((2, 1, 3), np.int8)},
        {},
        r"'a\.weight' in .* must be float16, float32 or float64; got (int8|I8): save",
    ),
    "integer bias": (
        GOOD | {"a.bias": np.ones(2, np.int64)},
        {},
        r"'a\.bias' in .* must be float16, float32 or float64; got (int64|I64)",
    ),
    "strides of other layers": (
        GOOD,
        {"stride": (1, 2)},
        r"`stride` must be one value or have one entry for each of the 1 layers; got 2: match",
    ),
    "axes of other layers": (
        GOOD,
        {"padding": [(1, 2)]},
        r"layer 'a\.weight': `padding` must be an int or have one entry for each of the 1",
    ),
}


@suffixes
@pytest.mark.parametrize("name", BAD_WEIGHTS)
def test_bad_weights_get_one_clear_line(tmp_path, name, suffix):
    tensors, options, message = BAD_WEIGHTS[name]
    path = write_tensors(tmp_path / f"n{suffix}", tensors)
    with pytest.raises(ValueError, match=message) as raised:
        load_convolutions(path, **options)
    assert "\n" not in str(raised.value)
    assert str(raised.value).endswith(".")


def test_a_geometry_of_the_wrong_kind_is_a_type_error(tmp_path):
    path = write_tensors(tmp_path / "n.npz", GOOD)
    with pytest.raises(TypeError, match=r"layer 'a\.weight': `stride` must be an integer >= 1"):
        load_convolutions(path, stride="two")


def test_a_file_of_another_kind_is_refused_with_advice(tmp_path):
    (tmp_path / "n.pt").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"in a \.npz or \.safetensors file; got '.*n\.pt': save"):
        load_convolutions(tmp_path / "n.pt")


def test_brain_floats_are_refused_with_advice(tmp_path):
    torch = require_torch()
    save_file = pytest.importorskip("safetensors.torch").save_file
    save_file({"a.weight": torch.ones(2, 1, 3, dtype=torch.bfloat16)}, tmp_path / "n.safetensors")
    with pytest.raises(ValueError, match=r"got bfloat16: save the network's weights as float32"):
        load_convolutions(tmp_path / "n.safetensors")


def test_the_missing_package_is_named(tmp_path, monkeypatch):
    (tmp_path / "n.safetensors").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ImportError, match=r"needs the package safetensors; got none: pip install"):
        load_convolutions(tmp_path / "n.safetensors")


def safetensors_bytes(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(shape, end, dtype="F32", begin=0):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


HOSTILE = {
    "empty": b"",
    "short": b"abc",
    "announces 8 EiB": b"\xff" * 8 + b"{}",
    "announces one byte more": struct.pack("<Q", 3) + b"{}",
    "no json": safetensors_bytes(b"\xfe\xfd{{"),
    "nested": safetensors_bytes(b"[" * 100_000),
    "a list": safetensors_bytes([1, 2]),
    "data cut": safetensors_bytes({"a.weight": entry([1, 1, 2], 8)}, b"\0" * 7),
    "data beyond": safetensors_bytes({"a.weight": entry([1, 1, 2], 8)}, b"\0" * 9),
    "shape bomb": safetensors_bytes({"a.weight": entry([2**40, 1, 2], 8)}, b"\0" * 8),
    "overflowing shape": safetensors_bytes({"a.weight": entry([2**62, 2**62, 4], 8)}, b"\0" * 8),
    "overlap": safetensors_bytes(
        {"a.weight": entry([1, 1, 2], 8), "b.weight": entry([1, 1, 2], 8)}, b"\0" * 8
    ),
    "unknown dtype": safetensors_bytes({"a.weight": entry([1, 1, 2], 8, "F99")}, b"\0" * 8),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_safetensors_file_is_refused_in_one_line(tmp_path, name):
    pytest.importorskip("safetensors")
    (tmp_path / "n.safetensors").write_bytes(HOSTILE[name])
    expected = r"expected a safetensors file in '.*n\.safetensors'; got a file that is not: .*\."
    with pytest.raises(ValueError, match=expected) as raised:
        load_convolutions(tmp_path / "n.safetensors")
    assert "\n" not in str(raised.value)


def test_a_safetensors_file_that_is_too_large_is_not_opened(tmp_path, monkeypatch):
    path = write_tensors(tmp_path / "n.safetensors", {"a.weight": np.ones((9, 9, 99))})
    monkeypatch.setattr("sparsecsc.io.common.MAX_VALUES", 1000)
    with pytest.raises(ValueError, match=r"must hold at most 1000 values; got shape \(80\d\d,\)"):
        load_convolutions(path)


def test_an_archive_member_that_lies_about_its_size_is_refused(tmp_path):
    header = io.BytesIO()
    fields = {"descr": "<f8", "fortran_order": False, "shape": (2**40, 1, 3)}
    np.lib.format.write_array_header_1_0(header, fields)
    with zipfile.ZipFile(tmp_path / "n.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.weight.npy", header.getvalue() + b"\0" * 1000)
    with pytest.raises(
        ValueError, match=r"must hold at most \d+ values; got shape \(1099511627776"
    ):
        load_convolutions(tmp_path / "n.npz")
