"""PyTorch (pytorch/pytorch) on the CPU: multi-layer pursuits are networks written in torch.

Layered thresholding is the forward pass of a convolutional, a residual or a mixed-scale dense
network; sweeps of ML-ISTA are the recursion of ml-ista, transcribed from its formula (Sulam,
Aberdam, Beck and Elad 2020, algorithms 2 and 3). Filters are scaled until each layer's response
to the signal has unit variance, so that values stay of order one at any depth and 1e-5 in float32
and 1e-12 in float64 mean digits of them.
"""

import functools
import itertools
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

import sparsecsc as sc
from oracles import require_torch

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
AXES = pytest.mark.parametrize("n_axes", [1, 2, 3], ids=["1d", "2d", "3d"])


# The layers and the rectifiers of a network, in torch.


@dataclass(frozen=True)
class Layer:
    """A convolution of torch, and the dictionary that it is the analysis of."""

    filters: np.ndarray
    stride: tuple[int, ...]
    padding: Any
    dilation: tuple[int, ...]

    @property
    def dictionary(self):
        return sc.ConvDictionary(self.filters, self.stride, self.dilation, self.padding)

    @property
    def options(self):
        padding = 0 if isinstance(self.padding, str) else self.padding
        return {"stride": self.stride, "padding": padding, "dilation": self.dilation}

    def padded(self, x):
        """Continue `x` periodically after its end, or by zeros on both sides, for named borders.

        The latter is what torch does for "same", where it warns of even kernels.
        """
        if not isinstance(self.padding, str):
            return x
        taps = zip(self.filters.shape[2:], self.dilation, strict=True)
        reach = [d * (k - 1) for k, d in reversed(list(taps))]
        function = require_torch().nn.functional.pad
        if self.padding == "circular":
            return function(x, [p for r in reach for p in (0, r)], mode="circular")
        return function(x, [p for r in reach for p in (r // 2, r - r // 2)])

    def analyze(self, x, bias=None):
        torch = require_torch()
        function = getattr(torch.nn.functional, f"conv{x.ndim - 2}d")
        return function(self.padded(x), torch.from_numpy(self.filters), bias, **self.options)

    def synthesize(self, z, spatial):
        """Return the transposed convolution; torch's own derivative where that has no such pads."""
        torch = require_torch()
        if isinstance(self.padding, str):
            zeros = torch.zeros((z.shape[0], self.filters.shape[1], *spatial), dtype=z.dtype)
            return torch.autograd.functional.vjp(self.analyze, zeros, z)[1]
        function = getattr(torch.nn.functional, f"conv_transpose{z.ndim - 2}d")
        axes = zip(z.shape[2:], self.stride, self.padding, self.dilation, strict=True)
        kernel = self.filters.shape[2:]
        least = [
            (n - 1) * s - 2 * p + d * (k - 1) + 1
            for (n, s, p, d), k in zip(axes, kernel, strict=True)
        ]
        extra = [n - m for n, m in zip(spatial, least, strict=True)]
        filters = torch.from_numpy(self.filters)
        return function(z, filters, output_padding=extra, **self.options)


def column(threshold, x):
    """Return a threshold, one number or one a filter, so that it broadcasts over `x`."""
    threshold = require_torch().as_tensor(threshold, dtype=x.dtype)
    return threshold if threshold.ndim == 0 else threshold.reshape(1, -1, *(1,) * (x.ndim - 2))


def relu(v, threshold):
    return require_torch().relu(v - column(threshold, v))


def soft(v, threshold):
    return v.sign() * relu(v.abs(), threshold)


def hard(v, threshold):
    return v * (v.abs() > column(threshold, v))


KINDS = {
    "NonnegativeL1": (relu, sc.NonnegativeL1),
    "L1": (soft, sc.L1),
    "L0": (hard, lambda threshold: sc.L0(threshold * threshold / 2)),
}
"""For each penalty its prox at step 1 in torch, and the penalty that has a given threshold."""


def forward(layers, thresholds, x, activation=relu):
    """Return the outputs of all layers of a plain network."""
    out = []
    for layer, threshold in zip(layers, thresholds, strict=True):
        x = activation(layer.analyze(x), threshold)
        out.append(x)
    return out


# Random networks, comparison, runs.


def tensor(signal):
    return require_torch().from_numpy(signal)


def unit(rng, n_filters, kernel, x, *, stride=1, padding=0, dilation=1, gain=1.0, mean=0.0):
    """Return a random layer whose response to `x` has the root mean square `gain`."""
    each = [v if isinstance(v, tuple) else (v,) * len(kernel) for v in (stride, dilation)]
    if not isinstance(padding, str):
        padding = padding if isinstance(padding, tuple) else (padding,) * len(kernel)
    filters = mean + rng.standard_normal((n_filters, x.shape[1], *kernel))
    layer = Layer(filters.astype(x.numpy().dtype), each[0], padding, each[1])
    size = float(layer.analyze(x).square().mean().sqrt())
    factor = gain / size if size > 0 else 1.0  # codes may be zeros there
    return replace(layer, filters=layer.filters * layer.filters.dtype.type(factor))


def threshold_of(rng, response, kind, largest, *, each_filter):
    """Return a threshold; for the hard one, which jumps, one that no value is near."""
    dtype = response.numpy().dtype
    if kind == "L0":
        values = np.sort(np.abs(response.numpy()).ravel())
        middle = values[len(values) // 4 : max(2, 3 * len(values) // 4) + 1]
        widest = np.argmax(np.diff(middle))
        return float(0.5 * (middle[widest] + middle[widest + 1]))
    if each_filter:
        return rng.uniform(0.02, largest, response.shape[1]).astype(dtype)
    return float(rng.uniform(0.02, largest))


def network(rng, signal, geometries, n_filters, kernel, *, kind="NonnegativeL1", largest=0.3):
    """Return random layers and thresholds for `signal`, one a geometry."""
    layers, thresholds, x = [], [], tensor(signal)
    for i, geometry in enumerate(geometries):
        layers.append(unit(rng, n_filters, kernel, x, **geometry))
        response = layers[-1].analyze(x)
        thresholds.append(threshold_of(rng, response, kind, largest, each_filter=i % 2 == 0))
        x = KINDS[kind][0](response, thresholds[-1])
    return layers, thresholds


def size_before(spatial, kernel, rng, *, stride=1, padding=0, dilation=1):
    """Return a size of signals with codes of at least `spatial`; it need not divide evenly.

    From `dilation` samples on, every position of a filter has a tap that meets the signal.
    """
    extent = [dilation * (k - 1) + 1 for k in kernel]
    return tuple(
        max(dilation, (n - 1) * stride + e - 2 * padding + int(rng.integers(0, stride)))
        for n, e in zip(spatial, extent, strict=True)
    )


def signal_for(rng, geometries, kernel, dtype, *, deepest=3, n_channels=2, n_signals=2):
    spatial = (deepest,) * len(kernel)
    for geometry in reversed(geometries):
        spatial = size_before(spatial, kernel, rng, **geometry)
    return rng.standard_normal((n_signals, n_channels, *spatial)).astype(dtype)


def run(problem, solver, n_iter=1, **options):
    """Return the codes of all layers after `n_iter` iterations, whatever their objective is."""
    return sc.solve(problem, solver, tol=0.0, max_iter=n_iter, check_every=10**6, **options).codes


def pursuit(signal, model, thresholds, kind="NonnegativeL1"):
    return sc.MultilayerPursuit(signal, model, [KINDS[kind][1](t) for t in thresholds])


def check_agree(codes, expected, dtype):
    """Codes of all layers are torch's, to the tolerance times the largest value of the layer."""
    assert len(codes) == len(expected)
    assert bool((expected[0] != 0).any())
    for got, tensor_ in zip(codes, expected, strict=True):
        wanted = tensor_.numpy()
        assert got.shape == wanted.shape
        assert got.dtype == wanted.dtype == dtype
        size = float(np.abs(wanted).max())
        assert float(np.abs(got - wanted).max()) <= TOLERANCE[dtype] * size


# a. Convolutional networks.


@DTYPES
@pytest.mark.parametrize("depth", [1, 2, 3])
@AXES
def test_layered_thresholding_is_the_forward_pass_in_every_geometry(n_axes, depth, dtype):
    """Strides 1-3, dilations 1-4, paddings from 0 to more than "same"; all layers alike."""
    rng = np.random.default_rng(10 * n_axes + depth)
    kernel = {1: (3,), 2: (3, 2), 3: (2, 2, 2)}[n_axes]
    for stride, dilation in itertools.product((1, 2, 3), (1, 2, 3, 4)):
        reach = dilation * (max(kernel) - 1)
        for padding in sorted({0, 1, reach // 2, reach} if n_axes < 3 else {(reach + 1) // 2}):
            geometry = {"stride": stride, "padding": padding, "dilation": dilation}
            signal = signal_for(rng, [geometry] * depth, kernel, dtype)
            layers, thresholds = network(rng, signal, [geometry] * depth, 3, kernel)
            model = sc.MLCSC([layer.dictionary for layer in layers])
            codes = run(pursuit(signal, model, thresholds), sc.LayeredThresholding())
            check_agree(codes, forward(layers, thresholds, tensor(signal)), dtype)


@DTYPES
@pytest.mark.parametrize("kind", KINDS)
@AXES
def test_each_penalty_is_a_rectifier_in_mixed_geometries(n_axes, kind, dtype):
    """Soft, rectified and hard thresholds; the layers differ in stride, padding and dilation."""
    rng = np.random.default_rng(100 + n_axes)
    kernel = {1: (4,), 2: (2, 3), 3: (2, 1, 2)}[n_axes]
    for depth in (1, 2, 3, 3, 3):
        geometries = []
        for _ in range(depth):
            stride, dilation = int(rng.integers(1, 4)), int(rng.integers(1, 5))
            padding = int(rng.integers(0, dilation * (max(kernel) - 1) + 1)) if n_axes < 3 else 1
            geometries.append({"stride": stride, "padding": padding, "dilation": dilation})
        signal = signal_for(rng, geometries, kernel, dtype)
        layers, thresholds = network(rng, signal, geometries, 4, kernel, kind=kind)
        model = sc.MLCSC([layer.dictionary for layer in layers])
        codes = run(pursuit(signal, model, thresholds, kind), sc.LayeredThresholding())
        expected = forward(layers, thresholds, tensor(signal), KINDS[kind][0])
        check_agree(codes, expected, dtype)


@DTYPES
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("depth", [10, 50])
@AXES
def test_deep_networks_are_layered_thresholding(n_axes, depth, kind, dtype):
    rng = np.random.default_rng(200 + n_axes + depth)
    kernel = {1: (3,), 2: (3, 3), 3: (3, 1, 3)}[n_axes]
    geometries = [{"padding": "same", "dilation": i % 4 + 1} for i in range(depth)]
    geometries[depth // 2] = {"stride": 2, "padding": 1}
    # filters of positive mean: rectifiers then hardly amplify rounding from layer to layer
    geometries = [geometry | {"mean": 0.3} for geometry in geometries]
    signal = rng.standard_normal((1, 1, *{1: (40,), 2: (13, 14), 3: (9, 3, 10)}[n_axes]))
    signal = signal.astype(dtype)
    layers, thresholds = network(rng, signal, geometries, 8, kernel, kind=kind, largest=0.05)
    model = sc.MLCSC([layer.dictionary for layer in layers])
    codes = run(pursuit(signal, model, thresholds, kind), sc.LayeredThresholding())
    expected = forward(layers, thresholds, tensor(signal), KINDS[kind][0])
    check_agree(codes, expected, dtype)
    assert all(0.1 < float(x.abs().max()) < 100 for x in expected)


@DTYPES
def test_a_sequential_module_with_biases_is_layered_thresholding(dtype):
    """torch.nn.Conv2d with bias -weight, then ReLU."""
    torch = require_torch()
    torch.manual_seed(0)
    sizes, options = (3, 8, 16, 5), ({"padding": 2}, {"stride": 2}, {"dilation": 2, "padding": 1})
    modules = [
        torch.nn.Conv2d(
            a, b, 5 if i == 0 else 3, dtype=getattr(torch, dtype.__name__), **options[i]
        )
        for i, (a, b) in enumerate(itertools.pairwise(sizes))
    ]
    for module in modules:
        module.bias.data.abs_().neg_()
        module.weight.data.mul_(3.0)
    arrays = [[p.detach().numpy() for p in (m.weight, m.bias)] for m in modules]
    signal = np.random.default_rng(1).standard_normal((2, 3, 16, 15)).astype(dtype)
    dictionaries = [
        sc.ConvDictionary(weight, m.stride, m.dilation, m.padding)
        for (weight, _), m in zip(arrays, modules, strict=True)
    ]
    penalties = [sc.NonnegativeL1(-bias) for _, bias in arrays]
    problem = sc.MultilayerPursuit(signal, sc.MLCSC(dictionaries), penalties)
    expected, x = [], tensor(signal)
    with torch.no_grad():
        for module in modules:
            x = torch.relu(module(x))
            expected.append(x)
    check_agree(run(problem, sc.LayeredThresholding()), expected, dtype)


# b. Residual networks.


def resnet(layers, projections, thresholds, x, length=2):
    """Return the outputs of all layers of blocks relu(P x + conv(relu(... conv(x))))."""
    out = []
    for first in range(0, len(layers), length):
        skip, projection = x, projections[first + length - 1]
        for i in range(first, first + length):
            x = layers[i].analyze(x, bias=-require_torch().as_tensor(thresholds[i]))
            if i == first + length - 1:
                x = x + (skip if projection is None else projection.analyze(skip))
            x = require_torch().relu(x)
            out.append(x)
    return out


def residual_network(rng, signal, n_blocks, kernel, *, widths, length=2, padding=1):
    """Return layers, projections and thresholds; a block whose width is new has stride 2."""
    layers, projections, thresholds, x = [], [], [], tensor(signal)
    for block in range(n_blocks):
        width = widths[block * len(widths) // n_blocks]
        changes = width != x.shape[1]
        stride, skip = 2 if changes else 1, x
        for i in range(length):
            last = i == length - 1
            layers.append(
                unit(
                    rng,
                    width,
                    kernel,
                    x,
                    stride=stride if i == 0 else 1,
                    padding=padding,
                    gain=0.2 if last else 1.0,
                )
            )
            thresholds.append(rng.uniform(0.02, 0.2, width).astype(signal.dtype))
            x = layers[-1].analyze(x)
            projection = None
            if last and changes:
                projection = unit(rng, width, (1,) * len(kernel), skip, stride=stride)
            if last:
                x = x + (skip if projection is None else projection.analyze(skip))
            projections.append(projection)
            x = relu(x, thresholds[-1])
    return layers, projections, thresholds


def shortcuts_of(projections):
    return [None if p is None else p.dictionary for p in projections]


@DTYPES
@pytest.mark.parametrize("n_blocks", [1, 2, 5, 25])
@AXES
def test_undamped_residual_model_is_a_resnet_with_identity_shortcuts(n_axes, n_blocks, dtype):
    rng = np.random.default_rng(300 + n_axes)
    signal = rng.standard_normal((2, 4, *{1: (30,), 2: (9, 10), 3: (5, 4, 6)}[n_axes]))
    signal = signal.astype(dtype)
    for padding in (1, "circular"):
        layers, projections, thresholds = residual_network(
            rng, signal, n_blocks, (3,) * n_axes, widths=[4], padding=padding
        )
        model = sc.ResCSC([layer.dictionary for layer in layers], damping=0)
        codes = run(pursuit(signal, model, thresholds), sc.LayeredThresholding())
        if padding != "circular":  # torch's bias argument
            expected = resnet(layers, projections, thresholds, tensor(signal))
        else:
            expected = resnet(layers, [None] * len(layers), thresholds, tensor(signal))
        check_agree(codes, expected, dtype)


@DTYPES
@pytest.mark.parametrize("n_blocks", [3, 25])
@AXES
def test_undamped_residual_model_is_a_resnet_with_projections(n_axes, n_blocks, dtype):
    """1x1 convolutions of stride 2 where the width changes."""
    rng = np.random.default_rng(400 + n_axes)
    signal = rng.standard_normal((2, 4, *{1: (61,), 2: (17, 18), 3: (8, 7, 9)}[n_axes]))
    signal = signal.astype(dtype)
    layers, projections, thresholds = residual_network(
        rng, signal, n_blocks, (3,) * n_axes, widths=[4, 6, 8]
    )
    assert sum(p is not None for p in projections) == 2
    model = sc.ResCSC(
        [layer.dictionary for layer in layers], shortcut=shortcuts_of(projections), damping=0.0
    )
    codes = run(pursuit(signal, model, thresholds), sc.LayeredThresholding())
    check_agree(codes, resnet(layers, projections, thresholds, tensor(signal)), dtype)


@DTYPES
@pytest.mark.parametrize("n_blocks", [1, 4])
def test_blocks_of_three_layers_are_those_of_a_resnet(n_blocks, dtype):
    rng = np.random.default_rng(500)
    signal = rng.standard_normal((2, 3, 12, 11)).astype(dtype)
    layers, projections, thresholds = residual_network(
        rng, signal, n_blocks, (3, 3), widths=[3, 5] if n_blocks > 1 else [3], length=3
    )
    model = sc.ResCSC(
        [layer.dictionary for layer in layers],
        shortcut=shortcuts_of(projections),
        damping=0,
        block_length=3,
    )
    codes = run(pursuit(signal, model, thresholds), sc.LayeredThresholding())
    expected = resnet(layers, projections, thresholds, tensor(signal), length=3)
    check_agree(codes, expected, dtype)


@DTYPES
def test_any_starts_are_those_skips(dtype):
    """Skips that start inside others, that cross, and one projection for all of them."""
    torch = require_torch()
    rng = np.random.default_rng(600)
    signal = rng.standard_normal((2, 3, 25)).astype(dtype)
    starts = (0, None, 1, 0, 4, 2)
    x, layers = tensor(signal), []
    for _ in starts:
        layers.append(unit(rng, 3, (3,), x, padding=1))
        x = relu(layers[-1].analyze(x), 0.1)
    projection = unit(rng, 3, (1,), tensor(signal))
    for shortcut in (None, projection):
        model = sc.ResCSC(
            [layer.dictionary for layer in layers],
            shortcut=None if shortcut is None else shortcut.dictionary,
            damping=0,
            starts=starts,
        )
        outputs = [tensor(signal)]
        for layer, start in zip(layers, starts, strict=True):
            x = layer.analyze(outputs[-1]) - 0.1
            if start is not None:
                x = x + (outputs[start] if shortcut is None else shortcut.analyze(outputs[start]))
            outputs.append(torch.relu(x))
        codes = run(pursuit(signal, model, [0.1] * 6), sc.LayeredThresholding())
        check_agree(codes, outputs[1:], dtype)


# c. Damped residual models: one ISTA step a layer, from the block's input.


def proximal_gradient(layer, source, start, step, damping, rectify):
    """Return rectify(start + step W source - damping W W^T start), W the convolution."""
    moved = step * layer.analyze(source)
    if start is not None:
        image = layer.synthesize(start, source.shape[2:])
        moved = moved + start - damping * layer.analyze(image)
    return rectify(moved)


def damped(layers, projections, thresholds, x, *, steps, damping, activation):
    """Return the outputs of all layers of blocks of two; damping "step" is each layer's step."""
    out = []
    for first in range(0, len(layers), 2):
        skip = x
        for i in (first, first + 1):
            start = None
            if i == first + 1:
                start = skip if projections[i] is None else projections[i].analyze(skip)
            amount = steps[i] if damping == "step" else damping
            rectify = functools.partial(
                activation, threshold=np.asarray(steps[i] * thresholds[i], x.numpy().dtype)
            )
            x = proximal_gradient(layers[i], x, start, steps[i], amount, rectify)
            out.append(x)
    return out


@DTYPES
@pytest.mark.parametrize("kind", ["NonnegativeL1", "L1"])
@pytest.mark.parametrize("damping", ["step", 0.0, 0.04, 0.3])
@pytest.mark.parametrize("step", [0.1, 0.45, "each", None])
def test_damped_residual_model_is_the_formula(step, damping, kind, dtype):
    rng = np.random.default_rng(700)
    signal = rng.standard_normal((2, 2, 15, 14)).astype(dtype)
    layers, projections, thresholds = residual_network(rng, signal, 3, (3, 3), widths=[2, 4])
    model = sc.ResCSC(
        [layer.dictionary for layer in layers], shortcut=shortcuts_of(projections), damping=damping
    )
    problem = pursuit(signal, model, thresholds, kind)
    given = tuple(rng.uniform(0.05, 0.5, 6)) if step == "each" else step
    codes = run(problem, sc.LayeredThresholding(step=given))
    if step is None:
        given = [1 / v for v in sc.layer_lipschitz(model, signal.shape)]
    steps = given if isinstance(given, (tuple, list)) else [given] * 6
    options = {"steps": steps, "damping": damping, "activation": KINDS[kind][0]}
    check_agree(codes, damped(layers, projections, thresholds, tensor(signal), **options), dtype)


@DTYPES
@pytest.mark.parametrize("padding", [0, 1, "same", "circular"])
@pytest.mark.parametrize("step", [0.2, None])
def test_each_layer_is_one_ista_step_from_the_input_of_its_block(step, padding, dtype):
    """In torch, and bit for bit as a step of `ISTA` on the layer's own problem."""
    rng = np.random.default_rng(800)
    signal = rng.standard_normal((2, 3, 20)).astype(dtype)
    x, layers = tensor(signal), []
    for i in range(4):
        geometry = {"padding": padding, "dilation": 1 + i % 2}
        layers.append(unit(rng, 3, (3,), x, **geometry))
        x = layers[-1].analyze(x)
    shortcuts = [None] * 4
    if padding == 0:  # a crop by analysis with a shifted Dirac
        for i, reach in ((1, 6), (3, 6)):
            filters = np.zeros((3, 3, reach + 1), dtype)
            filters[range(3), range(3), reach // 2] = 1.0
            shortcuts[i] = Layer(filters, (1,), (0,), (1,))
    elif padding == 1:  # dilation 2 with padding 1 loses 2 samples
        for i in (1, 3):
            filters = np.zeros((3, 3, 3), dtype)
            filters[range(3), range(3), 1] = 1.0
            shortcuts[i] = Layer(filters, (1,), (0,), (1,))
    model = sc.ResCSC([layer.dictionary for layer in layers], shortcut=shortcuts_of(shortcuts))
    problem = pursuit(signal, model, [0.1, 0.2, 0.3, 0.1], "L1")
    codes = run(problem, sc.LayeredThresholding(step=step))
    steps = [step or 1 / problem.lipschitz(i) for i in range(1, 5)]
    options = {"steps": steps, "damping": "step", "activation": soft}
    expected = damped(layers, shortcuts, [0.1, 0.2, 0.3, 0.1], tensor(signal), **options)
    check_agree(codes, expected, dtype)
    earlier = (signal, *codes)
    for i in range(1, 5):
        layer = problem.layer(i, earlier[i - 1])
        solver = sc.ISTA(step_size=step)
        start = np.zeros(problem.shapes[i], dtype)
        if i % 2 == 0:
            start[...] = problem.start(i, earlier)
        state = solver.step(layer, solver.init(layer, start))
        np.testing.assert_array_equal(state.codes, codes[i - 1])


@DTYPES
def test_without_damping_term_and_with_it_differ(dtype):
    """So that the two tests above cannot both pass for a model that ignores `damping`."""
    rng = np.random.default_rng(900)
    signal = rng.standard_normal((2, 3, 20)).astype(dtype)
    layers, _, thresholds = residual_network(rng, signal, 1, (3,), widths=[3])
    found = [
        run(
            pursuit(signal, sc.ResCSC([d.dictionary for d in layers], damping=c), thresholds),
            sc.LayeredThresholding(step=0.5),
        )[-1]
        for c in ("step", 0.5, 0.0, 0.2)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    for a, b in itertools.combinations(found[1:], 2):
        assert np.abs(a - b).max() > 1e-3


# d. Mixed-scale dense networks.


def msdnet(layers, thresholds, x):
    """Return the outputs of all layers: what came in, beside its rectified convolution."""
    torch, out = require_torch(), []
    for layer, threshold in zip(layers, thresholds, strict=True):
        x = torch.cat([x, relu(layer.analyze(x), threshold)], dim=1)
        out.append(x)
    return out


def dense_network(rng, signal, dilations, width, kernel, padding):
    layers, thresholds, x = [], [], tensor(signal)
    for dilation in dilations:
        layers.append(unit(rng, width, kernel, x, padding=padding, dilation=dilation))
        thresholds.append(rng.uniform(0.02, 0.4, width).astype(signal.dtype))
        x = msdnet(layers[-1:], thresholds[-1:], x)[0]
    return layers, thresholds


def dense_pursuit(signal, layers, thresholds, **options):
    """Return the problem of an `MSDCSC` with thresholds of 0 on the identities."""
    model = sc.MSDCSC([layer.filters for layer in layers], **options)
    shapes = sc.layer_shapes(model, signal.shape)
    weights = [
        np.concatenate([np.zeros(shape[1], signal.dtype), threshold])
        for shape, threshold in zip(shapes[:-1], thresholds, strict=True)
    ]
    return sc.MultilayerPursuit(signal, model, [sc.NonnegativeL1(w) for w in weights])


def passed(problem):
    """Return the codes of layered thresholding, without the certificates of `solve`.

    Where weights are 0 a dual point has to be projected first, which takes far longer.
    """
    solver = sc.LayeredThresholding()
    zeros = tuple(np.zeros(shape, problem.signal.dtype) for shape in problem.shapes[1:])
    return solver.step(problem, solver.init(problem, zeros)).codes


def test_solve_returns_the_pass_of_a_dense_model():
    rng = np.random.default_rng(1050)
    signal = rng.random((1, 1, 12))
    layers, thresholds = dense_network(rng, signal, [1, 2], 1, (3,), "circular")
    problem = dense_pursuit(signal, layers, thresholds)
    check_agree(passed(problem), msdnet(layers, thresholds, tensor(signal)), np.float64)
    for a, b in zip(run(problem, sc.LayeredThresholding()), passed(problem), strict=True):
        np.testing.assert_array_equal(a, b)


DENSE_SIZES = {1: (40,), 2: (14, 15), 3: (13, 13, 14)}


@DTYPES
@pytest.mark.parametrize("padding", ["same", "circular"])
@pytest.mark.parametrize(
    ("n_axes", "depth"), [*itertools.product((1, 2, 3), (1, 2, 3, 10)), (1, 50), (2, 50)]
)
def test_dense_model_is_a_mixed_scale_dense_network(n_axes, depth, padding, dtype):
    """With the default dilations 1 to 6; 3-D kernels are flat along one axis."""
    rng = np.random.default_rng(1000 + n_axes + depth)
    signal = rng.random((1 if depth == 50 else 2, 2, *DENSE_SIZES[n_axes])).astype(dtype)
    kernel = {1: (3,), 2: (3, 3), 3: (1, 3, 3)}[n_axes]
    dilations = [i % 6 + 1 for i in range(depth)]
    layers, thresholds = dense_network(rng, signal, dilations, 1, kernel, padding)
    problem = dense_pursuit(signal, layers, thresholds, padding=padding)
    codes = passed(problem)
    check_agree(codes, msdnet(layers, thresholds, tensor(signal)), dtype)
    for got in codes:
        np.testing.assert_array_equal(got[:, :2], signal)


@DTYPES
@pytest.mark.parametrize("padding", ["same", "circular"])
def test_custom_dilations_and_even_kernels(padding, dtype):
    """MSDNet's own rule ((i width + j) mod 10) + 1 by layer; other ones along the two axes."""
    rng = np.random.default_rng(1100)
    signal = rng.random((2, 1, 24, 21)).astype(dtype)
    for dilations, kernel in (
        ([i % 10 + 1 for i in range(12)], (3, 3)),
        ([(1, 3), (4, 2), (2, 2)], (2, 4)),
        ([5, 1, 5], (1, 2)),
    ):
        layers, thresholds = dense_network(rng, signal, dilations, 3, kernel, padding)
        problem = dense_pursuit(signal, layers, thresholds, padding=padding, dilations=dilations)
        codes = passed(problem)
        check_agree(codes, msdnet(layers, thresholds, tensor(signal)), dtype)


@DTYPES
@pytest.mark.parametrize("padding", ["same", "circular"])
def test_negative_signals_need_the_lifted_model(padding, dtype):
    """Proposition 1 holds for signals >= 0; [x+; x-] with filters [F, -F] holds for all."""
    rng = np.random.default_rng(1200)
    signal = rng.standard_normal((2, 2, 20, 18)).astype(dtype)
    layers, thresholds = dense_network(rng, signal, [1, 2, 3, 4], 2, (3, 3), padding)
    expected = msdnet(layers, thresholds, tensor(signal))
    plain = passed(
        dense_pursuit(signal, layers, thresholds, padding=padding, dilations=[1, 2, 3, 4])
    )
    with pytest.raises(AssertionError):
        check_agree(plain, expected, dtype)
    difference = np.abs(plain[-1] - expected[-1].numpy())
    assert difference[:, :2].max() > 1.0  # the negative part is cut off,
    assert difference[:, 4:].max() > 0.1  # and the maps from the second layer on miss it
    lifted = [
        replace(layer, filters=np.concatenate([f[:, :2], -f[:, :2], f[:, 2:]], axis=1))
        for layer, f in ((layer, layer.filters) for layer in layers)
    ]
    both = np.concatenate([np.maximum(signal, 0), np.maximum(-signal, 0)], axis=1)
    problem = dense_pursuit(both, lifted, thresholds, padding=padding, dilations=[1, 2, 3, 4])
    codes = passed(problem)
    restored = [np.concatenate([z[:, :2] - z[:, 2:4], z[:, 4:]], axis=1) for z in codes]
    check_agree(restored, expected, dtype)


def test_a_threshold_on_the_identity_breaks_the_equality():
    rng = np.random.default_rng(1300)
    signal = rng.random((1, 1, 30))
    layers, _ = dense_network(rng, signal, [1, 2], 2, (3,), "same")
    model = sc.MSDCSC([layer.filters for layer in layers], padding="same")
    problem = sc.MultilayerPursuit(signal, model, [sc.NonnegativeL1(0.1)] * 2)
    codes = passed(problem)
    with pytest.raises(AssertionError):
        check_agree(codes, msdnet(layers, [0.1, 0.1], tensor(signal)), np.float64)


# e, f. Unfolded recursions.


def ml_ista(layers, thresholds, x, n_sweeps, *, steps, activation, momentum=False, unfoldings=None):
    """Return the codes of all layers after the forward pass and `n_sweeps` sweeps of ML-(F)ISTA.

    `thresholds` are those of the proxes. The spatial sizes are those of the forward pass.
    """
    torch = require_torch()
    n, counts = len(layers), unfoldings or (1,) * len(layers)
    sizes, source = [x.shape[2:]], x
    for layer in layers:
        source = layer.analyze(source)
        sizes.append(source.shape[2:])
    deepest = torch.zeros_like(source)
    point, t = deepest, 1.0
    for _ in range(n_sweeps + 1):
        images = [point]
        for i in reversed(range(n)):
            images.insert(0, layers[i].synthesize(images[0], sizes[i]))
        codes, source = [], x
        for i, layer in enumerate(layers):
            z = images[i + 1]
            for _ in range(counts[i]):
                gradient = layer.analyze(layer.synthesize(z, sizes[i]) - source)
                z = activation(z - steps[i] * gradient, thresholds[i])
            codes.append(z)
            source = z
        t_new = (1 + math.sqrt(1 + 4 * t * t)) / 2 if momentum else 1.0
        point = codes[-1] + (t - 1) / t_new * (codes[-1] - deepest)
        deepest, t = codes[-1], t_new
    return codes


STRIDES, KERNELS = (2, 2, 1), (6, 6, 4)


def ml_ista_network(rng, signal, channels, n_axes=2):
    """Return layers with the kernels and strides of ml-ista, no padding."""
    layers, x = [], tensor(signal)
    for n_filters, kernel, stride in zip(channels, KERNELS, STRIDES, strict=True):
        layers.append(unit(rng, n_filters, (kernel,) * n_axes, x, stride=stride))
        x = relu(layers[-1].analyze(x), 0.1)
    return layers


def problem_and_steps(layers, signal, share, kind, dtype):
    """Return a problem, steps of `share` / L_i, and the thresholds of the proxes."""
    model = sc.MLCSC([layer.dictionary for layer in layers])
    bounds = sc.layer_lipschitz(model, signal.shape)
    steps = [share / bound for bound in bounds] if share else [1.0] * len(layers)
    products = np.cumprod(steps)
    level = 0.02 * float(np.abs(signal).max())
    rng = np.random.default_rng(5)
    weights = [
        (level * rng.uniform(0.5, 1.5, len(layer.filters))).astype(dtype) for layer in layers
    ]
    thresholds = [(p * w).astype(dtype) for p, w in zip(products, weights, strict=True)]
    return pursuit(signal, model, weights, kind), tuple(steps), thresholds


SIZES = {"28x28": (28, 28), "29x30, which does not divide": (29, 30)}
METHODS = {
    "MLISTA": lambda steps: sc.MLISTA(step_size=steps, stationary=0.0),
    "MLFISTA": lambda steps: sc.MLFISTA(step_size=steps, restart=False, stationary=0.0),
}


@DTYPES
@pytest.mark.parametrize("kind", ["NonnegativeL1", "L1"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("method", METHODS)
def test_sweeps_are_the_recursion_of_ml_ista(method, size, kind, dtype):
    """T = 0 is the forward pass; then 1, 2 and 5 sweeps."""
    rng = np.random.default_rng(1400)
    signal = rng.standard_normal((3, 1, *size)).astype(dtype)
    layers = ml_ista_network(rng, signal, (4, 6, 8))
    problem, steps, thresholds = problem_and_steps(layers, signal, 0.9, kind, dtype)
    options = {"activation": KINDS[kind][0], "momentum": method == "MLFISTA"}
    for n_sweeps in (0, 1, 2, 5):
        codes = run(problem, METHODS[method](steps), n_sweeps + 1)
        expected = ml_ista(layers, thresholds, tensor(signal), n_sweeps, steps=steps, **options)
        check_agree(codes, expected, dtype)
        if n_sweeps == 0:
            x, passed = tensor(signal), []
            for layer, step, threshold in zip(layers, steps, thresholds, strict=True):
                x = options["activation"](step * layer.analyze(x), threshold)
                passed.append(x)
            check_agree(codes, passed, dtype)


@DTYPES
@pytest.mark.parametrize("method", METHODS)
def test_steps_of_one_make_the_weights_the_thresholds(method, dtype):
    """With layers of unit norm, as a network that is trained with fixed steps of 1."""
    rng = np.random.default_rng(1500)
    signal = rng.standard_normal((2, 1, 28, 28)).astype(dtype)
    layers = ml_ista_network(rng, signal, (4, 6, 8))
    model = sc.MLCSC([layer.dictionary for layer in layers])
    bounds = sc.layer_lipschitz(model, signal.shape)
    layers = [
        replace(layer, filters=(layer.filters / math.sqrt(bound)).astype(dtype))
        for layer, bound in zip(layers, bounds, strict=True)
    ]
    signal *= 10
    problem, steps, thresholds = problem_and_steps(layers, signal, None, "L1", dtype)
    assert steps == (1.0, 1.0, 1.0)
    for threshold, penalty in zip(thresholds, problem.penalties, strict=True):
        np.testing.assert_array_equal(threshold, np.ravel(penalty.weight))
    for n_sweeps in (0, 1, 5):
        codes = run(problem, METHODS[method](1.0), n_sweeps + 1)
        expected = ml_ista(
            layers,
            thresholds,
            tensor(signal),
            n_sweeps,
            steps=steps,
            activation=soft,
            momentum=method == "MLFISTA",
        )
        check_agree(codes, expected, dtype)


@pytest.mark.parametrize("method", METHODS)
def test_the_network_of_ml_ista_at_full_size(method):
    """32, 64 and 512 filters on 28 x 28 samples, float32."""
    rng = np.random.default_rng(1600)
    signal = rng.standard_normal((2, 1, 28, 28)).astype(np.float32)
    layers = ml_ista_network(rng, signal, (32, 64, 512))
    problem, steps, thresholds = problem_and_steps(layers, signal, 1.0, "NonnegativeL1", np.float32)
    codes = run(problem, METHODS[method](steps), 3)
    assert [z.shape[1:] for z in codes] == [(32, 12, 12), (64, 4, 4), (512, 1, 1)]
    options = {"steps": steps, "activation": relu, "momentum": method == "MLFISTA"}
    check_agree(codes, ml_ista(layers, thresholds, tensor(signal), 2, **options), np.float32)


@DTYPES
@pytest.mark.parametrize("unfoldings", [(3, 1, 2), (1, 4, 1), 2])
@pytest.mark.parametrize("method", ["MLISTA", "MLFISTA"])
def test_unfoldings_of_a_sweep_are_steps_of_its_layers(method, unfoldings, dtype):
    rng = np.random.default_rng(1700)
    signal = rng.standard_normal((2, 1, 29, 28)).astype(dtype)
    layers = ml_ista_network(rng, signal, (3, 5, 4))
    problem, steps, thresholds = problem_and_steps(layers, signal, 0.9, "L1", dtype)
    counts = unfoldings if isinstance(unfoldings, tuple) else (unfoldings,) * 3
    options = {"steps": steps, "activation": soft, "momentum": method == "MLFISTA"}
    solver = getattr(sc, method)(step_size=steps, unfoldings=unfoldings, stationary=0.0)
    for n_sweeps in (0, 1, 3):
        expected = ml_ista(
            layers, thresholds, tensor(signal), n_sweeps, unfoldings=counts, **options
        )
        check_agree(run(problem, solver, n_sweeps + 1), expected, dtype)


def unfolded(layers, thresholds, x, counts, *, steps, activation, momentum=False):
    """Return the codes of layers that each take `counts` steps of (F)ISTA and pass on."""
    torch, out = require_torch(), []
    for i, layer in enumerate(layers):
        old = torch.zeros_like(layer.analyze(x))
        point, t = old, 1.0
        for _ in range(counts[i]):
            gradient = layer.analyze(layer.synthesize(point, x.shape[2:]) - x)
            new = activation(point - steps[i] * gradient, thresholds[i] * steps[i])
            t_new = (1 + math.sqrt(1 + 4 * t * t)) / 2 if momentum else 1.0
            point, old, t = new + (t - 1) / t_new * (new - old), new, t_new
        x = old
        out.append(x)
    return out


@DTYPES
@pytest.mark.parametrize("counts", [(1, 1, 1), (2, 5, 3), (10, 1, 7)])
@pytest.mark.parametrize("inner", ["ISTA", "FISTA"])
def test_layered_basis_pursuit_is_a_layerwise_unfolding(inner, counts, dtype):
    rng = np.random.default_rng(1800)
    signal = rng.standard_normal((2, 1, 29, 28)).astype(dtype)
    layers = ml_ista_network(rng, signal, (4, 6, 8))
    problem, steps, _ = problem_and_steps(layers, signal, 1.0, "L1", dtype)
    weights = [np.ravel(penalty.weight) for penalty in problem.penalties]
    solver = {"ISTA": sc.ISTA(), "FISTA": sc.FISTA(restart=False)}[inner]
    codes = run(problem, sc.LayeredBasisPursuit(solver, n_iter=counts), sum(counts))
    options = {"steps": steps, "activation": soft, "momentum": inner == "FISTA"}
    check_agree(codes, unfolded(layers, weights, tensor(signal), counts, **options), dtype)
    assert all(bool(z.any()) for z in codes)


@DTYPES
def test_one_step_a_layer_is_layered_thresholding(dtype):
    rng = np.random.default_rng(1900)
    signal = rng.standard_normal((2, 3, 24)).astype(dtype)
    layers, _, thresholds = residual_network(rng, signal, 2, (3,), widths=[3])
    for model in (sc.MLCSC, sc.ResCSC):
        problem = pursuit(signal, model([d.dictionary for d in layers]), thresholds)
        unfolding = sc.LayeredBasisPursuit(sc.ISTA(), n_iter=1)
        pairs = zip(
            run(problem, unfolding, 4), run(problem, sc.LayeredThresholding(step=None)), strict=True
        )
        for a, b in pairs:
            np.testing.assert_array_equal(a, b)


# What the comparisons refuse, and that the parts of the oracle agree.


def test_the_oracles_synthesis_is_the_transpose_and_its_derivative():
    torch = require_torch()
    rng = np.random.default_rng(2000)
    x = tensor(rng.standard_normal((2, 2, 12, 13)))
    layer = unit(rng, 3, (3, 3), x, padding="same", dilation=2)
    z = tensor(rng.standard_normal(tuple(layer.analyze(x).shape)))
    twin = replace(layer, padding=(2, 2))
    apart = layer.synthesize(z, (12, 13)) - twin.synthesize(z, (12, 13))
    assert float(apart.abs().max()) <= 1e-12
    for padding in ("same", "circular", (1, 2)):
        one = replace(layer, padding=padding)
        z = torch.ones_like(one.analyze(x))
        left, right = (one.analyze(x) * z).sum(), (x * one.synthesize(z, (12, 13))).sum()
        assert abs(float(left - right)) <= 1e-10


@pytest.mark.parametrize(
    "wrong",
    ["threshold", "flipped", "stride", "a layer less", "a value", "precision", "rectifier", "zero"],
)
def test_the_comparison_refuses_a_wrong_network(wrong):
    rng = np.random.default_rng(2100)
    signal = rng.standard_normal((1, 2, 12, 11))
    geometries = [{"padding": 1}, {"padding": 1}]
    layers, thresholds = network(rng, signal, geometries, 3, (3, 3))
    model = sc.MLCSC([layer.dictionary for layer in layers])
    codes = list(run(pursuit(signal, model, thresholds), sc.LayeredThresholding()))
    x, activation = tensor(signal), relu
    check_agree(codes, forward(layers, thresholds, x), np.float64)
    if wrong == "threshold":
        thresholds[1] = thresholds[1] + 1e-9
    if wrong == "flipped":
        layers[1] = replace(layers[1], filters=layers[1].filters[..., ::-1].copy())
    if wrong == "stride":
        layers[1] = replace(layers[1], stride=(1, 2))
    if wrong == "rectifier":
        activation = soft
    if wrong == "a layer less":
        codes.pop()
    if wrong == "a value":
        codes[0][0, 0, 0, 0] += 1e-9
    if wrong == "precision":
        codes[0] = codes[0].astype(np.float32)
    if wrong == "zero":
        codes, x = [np.zeros_like(z) for z in codes], x * 0
        thresholds = [np.abs(t) for t in thresholds]
    with pytest.raises(AssertionError):
        check_agree(codes, forward(layers, thresholds, x, activation), np.float64)


@pytest.mark.parametrize("wrong", ["thresholds of one layer", "no momentum", "a sweep less"])
def test_the_comparison_refuses_a_wrong_recursion(wrong):
    """The threshold of a layer is its weight times the steps of all layers up to it."""
    rng = np.random.default_rng(2200)
    signal = rng.standard_normal((1, 1, 28, 28))
    layers = ml_ista_network(rng, signal, (4, 6, 8))
    problem, steps, thresholds = problem_and_steps(layers, signal, 0.9, "L1", np.float64)
    codes = run(problem, METHODS["MLFISTA"](steps), 4)
    options = {"steps": steps, "activation": soft, "momentum": True}
    x, n_sweeps = tensor(signal), 3
    check_agree(codes, ml_ista(layers, thresholds, x, n_sweeps, **options), np.float64)
    if wrong == "thresholds of one layer":
        weights = [np.ravel(penalty.weight) for penalty in problem.penalties]
        thresholds = [step * weight for step, weight in zip(steps, weights, strict=True)]
    if wrong == "no momentum":
        options["momentum"] = False
    if wrong == "a sweep less":
        n_sweeps = 2
    with pytest.raises(AssertionError):
        check_agree(codes, ml_ista(layers, thresholds, x, n_sweeps, **options), np.float64)
