"""PyTorch (pytorch/pytorch) on the CPU: analyze is its convolution, synthesize the transposed one.

Filters have unit norm and signals and codes unit variance, so that results are of order one and
the absolute tolerances, 1e-5 in float32 and 1e-12 in float64, mean digits of them.
"""

import itertools
import math

import numpy as np
import pytest

import sparsecsc as sc
from oracles import require_torch

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def _filters(rng, shape, dtype):
    filters = rng.standard_normal(shape)
    filters /= np.sqrt(np.sum(filters**2, axis=tuple(range(1, filters.ndim)), keepdims=True))
    return filters.astype(dtype)


def _torch_convolution(signal, filters, stride, padding, dilation):
    torch = require_torch()
    function = getattr(torch.nn.functional, f"conv{signal.ndim - 2}d")
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    return function(torch.from_numpy(signal), torch.from_numpy(filters), **options).numpy()


def _torch_transpose(codes, filters, spatial, stride, padding, dilation):
    """`output_padding` tells torch which of the signal sizes with such codes is meant."""
    torch = require_torch()
    function = getattr(torch.nn.functional, f"conv_transpose{codes.ndim - 2}d")
    smallest = [
        (n - 1) * s - 2 * p + d * (k - 1) + 1
        for n, s, p, d, k in zip(
            codes.shape[2:], stride, padding, dilation, filters.shape[2:], strict=True
        )
    ]
    extra = [n - m for n, m in zip(spatial, smallest, strict=True)]
    options = {"stride": stride, "padding": padding, "dilation": dilation, "output_padding": extra}
    return function(torch.from_numpy(codes), torch.from_numpy(filters), **options).numpy()


def compare(dictionary, geometry, spatial, *, n_signals=1, seed=0):
    """Return the largest absolute differences (analyze, synthesize) from torch."""
    filters = dictionary.filters
    rng = np.random.default_rng(seed)
    shape = (n_signals, filters.shape[1], *spatial)
    signal = rng.standard_normal(shape).astype(filters.dtype)
    got = dictionary.analyze(signal)
    expected = _torch_convolution(signal, filters, *geometry)
    assert got.shape == expected.shape
    assert got.dtype == filters.dtype
    codes = rng.standard_normal(got.shape).astype(filters.dtype)
    image = dictionary.synthesize(codes, spatial)
    wanted = _torch_transpose(codes, filters, spatial, *geometry)
    assert image.shape == wanted.shape == shape
    return float(np.max(np.abs(got - expected))), float(np.max(np.abs(image - wanted)))


def _fits(spatial, kernel, padding, dilation):
    return all(
        n + 2 * p >= d * (k - 1) + 1
        for n, k, p, d in zip(spatial, kernel, padding, dilation, strict=True)
    )


def _check(rng, sizes, kernel, geometry, spatial, dtype, n_signals=1):
    n_filters, n_channels = sizes
    stride, padding, dilation = geometry
    dictionary = sc.ConvDictionary(
        _filters(rng, (n_filters, n_channels, *kernel), dtype),
        stride=stride,
        dilation=dilation,
        padding=padding,
    )
    return max(compare(dictionary, geometry, spatial, n_signals=n_signals))


@DTYPES
@pytest.mark.parametrize("kernel", range(1, 12))
def test_every_geometry_in_one_dimension(kernel, dtype):
    """Kernel 1-11, stride 1-3, dilation 1-4, padding 0 to kernel, all of them."""
    rng = np.random.default_rng(kernel)
    worst = 0.0
    for stride, dilation, padding in itertools.product((1, 2, 3), (1, 2, 3, 4), range(kernel + 1)):
        geometry = (stride,), (padding,), (dilation,)
        length = 53 + stride + padding % 3
        worst = max(worst, _check(rng, (2, 3), (kernel,), geometry, (length,), dtype, 2))
    assert worst <= TOLERANCE[dtype]


@DTYPES
@pytest.mark.parametrize("kernel", range(1, 12))
def test_every_geometry_in_two_dimensions(kernel, dtype):
    """Every kernel, stride and dilation, with paddings 0, 1, kernel // 2 and kernel."""
    rng = np.random.default_rng(100 + kernel)
    worst = 0.0
    for stride, dilation in itertools.product((1, 2, 3), (1, 2, 3, 4)):
        for padding in sorted({0, 1, kernel // 2, kernel}):
            geometry = (stride,) * 2, (padding,) * 2, (dilation,) * 2
            extent = dilation * (kernel - 1) + 1
            spatial = (extent + 3 + padding, extent + stride)
            worst = max(worst, _check(rng, (3, 2), (kernel,) * 2, geometry, spatial, dtype))
    assert worst <= TOLERANCE[dtype]


def _draw(rng, n_axes, largest):
    """Return a geometry with other values along each axis, and a signal that it fits."""
    kernel = tuple(int(k) for k in rng.integers(1, largest + 1, n_axes))
    stride = tuple(int(s) for s in rng.integers(1, 4, n_axes))
    dilation = tuple(int(d) for d in rng.integers(1, 5, n_axes))
    padding = tuple(int(rng.integers(0, k + 1)) for k in kernel)
    needed = [d * (k - 1) + 1 - 2 * p for k, p, d in zip(kernel, padding, dilation, strict=True)]
    spatial = tuple(max(1, n) + int(rng.integers(0, 9)) for n in needed)
    assert _fits(spatial, kernel, padding, dilation)
    return kernel, (stride, padding, dilation), spatial


@DTYPES
@pytest.mark.parametrize(("n_axes", "largest", "trials"), [(1, 11, 200), (2, 11, 120), (3, 5, 80)])
def test_geometries_that_differ_by_axis(n_axes, largest, trials, dtype):
    rng = np.random.default_rng(n_axes)
    worst = 0.0
    for _ in range(trials):
        kernel, geometry, spatial = _draw(rng, n_axes, largest)
        sizes = tuple(int(n) for n in rng.integers(1, 7, 2))
        n_signals = int(rng.integers(1, 4))
        worst = max(worst, _check(rng, sizes, kernel, geometry, spatial, dtype, n_signals))
    assert worst <= TOLERANCE[dtype]


@DTYPES
def test_large_kernels_in_three_dimensions(dtype):
    rng = np.random.default_rng(7)
    for kernel, dilation in (
        ((11, 1, 7), (1, 4, 2)),
        ((9, 11, 2), (1, 1, 4)),
        ((7, 7, 7), (1,) * 3),
    ):
        geometry = (2, 1, 3), tuple(k // 2 for k in kernel), dilation
        spatial = tuple(d * (k - 1) + 4 for k, d in zip(kernel, dilation, strict=True))
        assert _check(rng, (2, 2), kernel, geometry, spatial, dtype) <= TOLERANCE[dtype]


@DTYPES
@pytest.mark.parametrize(("n_filters", "n_channels"), [(1, 1), (1, 64), (64, 1), (17, 33)])
def test_any_number_of_channels(n_filters, n_channels, dtype):
    """Synthesis sums over the filters: codes of 64 filters give values of order 8, not 1."""
    rng = np.random.default_rng(8)
    geometry = (2, 1), (2, 3), (1, 2)
    worst = _check(rng, (n_filters, n_channels), (5, 4), geometry, (24, 31), dtype, 2)
    assert worst <= TOLERANCE[dtype] * max(1.0, math.sqrt(n_filters * 20 / n_channels / 20) / 4)


@DTYPES
@pytest.mark.parametrize("name", ["valid", "same", "full"])
def test_named_borders_are_paddings(name, dtype):
    """ "valid" is 0, "full" is dilation * (kernel - 1), "same" half of that for odd extents."""
    rng = np.random.default_rng(9)
    for kernel, dilation in itertools.product((1, 3, 5, 7), (1, 2, 3)):
        extent = dilation * (kernel - 1) + 1
        padding = {"valid": 0, "same": (extent - 1) // 2, "full": extent - 1}[name]
        dictionary = sc.ConvDictionary(
            _filters(rng, (3, 2, kernel, kernel), dtype), dilation=dilation, padding=name
        )
        geometry = (1, 1), (padding,) * 2, (dilation,) * 2
        assert max(compare(dictionary, geometry, (23, 22))) <= TOLERANCE[dtype]


@DTYPES
@pytest.mark.parametrize(
    ("kernel", "dilation", "stride"), [(3, 1, 1), (5, 2, 2), (11, 1, 3), (4, 3, 1)]
)
def test_circular_is_torch_on_a_wrapped_signal(kernel, dilation, stride, dtype):
    """The signal is continued periodically after its end, as much as a filter reaches."""
    torch = require_torch()
    rng = np.random.default_rng(10)
    filters = _filters(rng, (3, 2, kernel, kernel), dtype)
    signal = rng.standard_normal((2, 2, 24, 18)).astype(dtype)
    reach = dilation * (kernel - 1)
    wrapped = np.pad(signal, ((0, 0), (0, 0), (0, reach), (0, reach)), mode="wrap")
    expected = torch.nn.functional.conv2d(
        torch.from_numpy(wrapped), torch.from_numpy(filters), stride=stride, dilation=dilation
    ).numpy()
    got = sc.ConvDictionary(filters, stride=stride, dilation=dilation).analyze(signal)
    assert got.shape == expected.shape
    assert np.max(np.abs(got - expected)) <= TOLERANCE[dtype]


@pytest.mark.parametrize(
    "wrong",
    [
        {"padding": 1},
        {"stride": 2},
        {"dilation": 2},
        {"filters": lambda f: f[:, :, ::-1, ::-1]},
        {"filters": lambda f: f * (1 + 1e-4)},
    ],
    ids=["padding", "stride", "dilation", "flipped", "scaled"],
)
def test_comparison_refuses_a_wrong_dictionary(wrong):
    filters = _filters(np.random.default_rng(11), (3, 2, 4, 4), np.float32)
    right = {"stride": 1, "dilation": 1, "padding": 2}
    geometry = (1, 1), (2, 2), (1, 1)
    assert max(compare(sc.ConvDictionary(filters, **right), geometry, (16, 15))) <= 1e-5
    change = wrong.get("filters", lambda f: f)
    options = right | {name: value for name, value in wrong.items() if name != "filters"}
    dictionary = sc.ConvDictionary(np.ascontiguousarray(change(filters)), **options)
    object.__setattr__(dictionary, "filters", filters) if "filters" in wrong else None
    spoiled = sc.ConvDictionary(np.ascontiguousarray(change(filters)), **options)
    with pytest.raises(AssertionError):
        assert max(_compare_with(spoiled, filters, geometry, (16, 15))) <= 1e-5


def _compare_with(dictionary, filters, geometry, spatial):
    """As `compare`, with other filters for torch than the dictionary has."""
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((1, 2, *spatial)).astype(filters.dtype)
    got = dictionary.analyze(signal)
    expected = _torch_convolution(signal, filters, *geometry)
    assert got.shape == expected.shape
    return (float(np.max(np.abs(got - expected))),)
