"""Splitting, scaling and colour transforms do what they state and can be undone."""

import dataclasses
import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.fft
from PIL import Image

from sparsecsc.data import load_image
from sparsecsc.preprocessing import (
    Scaling,
    opponent_to_rgb,
    rgb_to_opponent,
    scale_signal,
    split_lowpass,
    to_luminance,
)

SHAPES = [(2, 1, 9), (1, 3, 6, 5), (2, 2, 3, 4, 5), (1, 1, 1), (1, 1, 1, 7), (1, 1, 8, 1)]
DTYPES = [np.float32, np.float64]


def random_signal(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def colour_photograph(name="chelsea"):
    return np.moveaxis(load_image(name), -1, 0)[None]


def peak_of(signal):
    return np.abs(signal).max(axis=tuple(range(1, signal.ndim)))


def difference_matrix(spatial):
    """All differences of neighbouring samples inside the grid, one row each."""
    number = np.arange(math.prod(spatial)).reshape(spatial)
    rows = []
    for axis in range(len(spatial)):
        first = np.take(number, range(spatial[axis] - 1), axis).ravel()
        second = np.take(number, range(1, spatial[axis]), axis).ravel()
        for a, b in zip(first, second, strict=True):
            row = np.zeros(number.size)
            row[a], row[b] = -1, 1
            rows.append(row)
    return np.array(rows).reshape(-1, number.size)


# ---- low-pass ----


def distance_from_dense_solution(lowpass, signal, strength):
    """Largest difference to the solution of the normal equations on the bounded grid."""
    spatial = signal.shape[2:]
    G = difference_matrix(spatial)
    A = np.eye(math.prod(spatial)) + strength * G.T @ G
    rows = signal.reshape(-1, A.shape[0]).astype(float)
    return np.abs(np.linalg.solve(A, rows.T).T.reshape(signal.shape) - lowpass).max()


@pytest.mark.parametrize("strength", [0, 0.3, 5.0, 1e3])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_lowpass_solves_the_dense_normal_equations(shape, dtype, strength):
    signal = random_signal(shape, dtype)
    lowpass, _ = split_lowpass(signal, strength)
    rounding = 32 * np.finfo(dtype).eps + strength * np.finfo(np.float64).eps  # ours, the oracle's
    assert distance_from_dense_solution(lowpass, signal, strength) < rounding


def test_comparison_with_the_dense_solution_notices_periodic_borders_and_another_strength():
    signal = random_signal((1, 1, 6, 5))
    frequencies = [2 * np.pi * np.fft.fftfreq(n) for n in (6, 5)]
    laplacian = sum(np.ix_(*(2 - 2 * np.cos(w) for w in frequencies)))
    periodic = scipy.fft.ifft2(scipy.fft.fft2(signal) / (1 + 5 * laplacian)).real
    assert distance_from_dense_solution(periodic, signal, 5.0) > 0.01
    assert distance_from_dense_solution(split_lowpass(signal, 5.1)[0], signal, 5.0) > 1e-4


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_two_parts_keep_type_and_shape_and_add_up(shape, dtype):
    signal = random_signal(shape, dtype)
    before = signal.copy()
    parts = split_lowpass(signal)
    for part in parts:
        assert part.dtype == dtype
        assert part.shape == shape
        assert part.flags.c_contiguous
    np.testing.assert_allclose(sum(parts), signal, atol=4 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(signal, before)


@pytest.mark.parametrize("shape", SHAPES)
def test_highpass_of_every_channel_has_zero_mean(shape):
    _, highpass = split_lowpass(random_signal(shape) + 3)
    np.testing.assert_allclose(highpass.mean(axis=tuple(range(2, len(shape)))), 0, atol=1e-14)


def test_a_wave_of_the_documented_length_is_split_half_and_half():
    strength, size = 100.0, 2000
    index = round(size / (np.pi * math.sqrt(strength)))  # half waves on the grid
    wave = np.cos(np.pi * index * (np.arange(size) + 0.5) / size)[None, None]
    lowpass, _ = split_lowpass(wave, strength)
    np.testing.assert_allclose(lowpass, 0.5 * wave, atol=0.005)


def test_a_ramp_leaves_less_at_the_borders_than_a_periodic_filter_would():
    ramp = np.linspace(0, 1, 64)[None, None]
    _, highpass = split_lowpass(ramp)
    frequencies = 2 * np.pi * np.fft.rfftfreq(64)
    spectrum = np.fft.rfft(ramp) / (1 + 5 * (2 - 2 * np.cos(frequencies)))
    periodic = ramp - np.fft.irfft(spectrum, 64)
    assert np.abs(highpass).max() < 0.05
    assert np.abs(periodic).max() > 0.3


def test_lowpass_commutes_with_a_flip_and_with_swapping_axes():
    signal = random_signal((1, 2, 7, 4))
    lowpass, _ = split_lowpass(signal)
    np.testing.assert_allclose(split_lowpass(signal[..., ::-1])[0], lowpass[..., ::-1], atol=1e-14)
    np.testing.assert_allclose(
        split_lowpass(signal.swapaxes(2, 3))[0], lowpass.swapaxes(2, 3), atol=1e-14
    )


def test_a_strength_of_numpy_float64_keeps_float32():
    lowpass, highpass = split_lowpass(random_signal((1, 1, 8), np.float32), np.float64(2.0))
    assert lowpass.dtype == highpass.dtype == np.float32


@pytest.mark.parametrize("strength", [-1, math.inf, math.nan, 1e31])
def test_impossible_strengths_are_refused(strength):
    with pytest.raises(ValueError, match=r"`strength` must be between 0 and 1e30; got "):
        split_lowpass(random_signal((1, 1, 8)), strength)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_largest_strength_leaves_the_mean_as_lowpass(dtype):
    signal = random_signal((1, 1, 8, 8), dtype)
    lowpass, _ = split_lowpass(signal, 1e30)
    np.testing.assert_allclose(lowpass, signal.mean(), atol=16 * np.finfo(dtype).eps)


# ---- scale ----


@pytest.mark.parametrize("options", list(itertools.product([True, False], repeat=2)))
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_scaling_is_undone_by_invert_and_keeps_type_and_shape(shape, dtype, options):
    signal = 50 * random_signal(shape, dtype) + 7
    before = signal.copy()
    scaled, scaling = scale_signal(signal, center=options[0], unit_std=options[1])
    restored = scaling.invert(scaled)
    for array in (scaled, restored, scaling.offset, scaling.factor):
        assert array.dtype == dtype
    assert scaled.shape == restored.shape == shape
    np.testing.assert_allclose(restored, signal, atol=8 * np.finfo(dtype).eps * 200)
    np.testing.assert_array_equal(scaling.apply(signal), scaled)
    np.testing.assert_array_equal(signal, before)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("unit_std", [False, True])
def test_every_signal_has_zero_channel_means_and_unit_size(unit_std, dtype):
    tolerance = 64 * np.finfo(dtype).eps
    signal = random_signal((3, 2, 8, 6), dtype) * np.array([1e-20, 1, 1e18], dtype).reshape(
        3, 1, 1, 1
    )
    scaled, scaling = scale_signal(signal, unit_std=unit_std)
    np.testing.assert_allclose(scaled.mean(axis=(2, 3)), 0, atol=tolerance)
    size = scaled.std(axis=(1, 2, 3)) if unit_std else peak_of(scaled)
    np.testing.assert_allclose(size, 1, rtol=tolerance)
    assert scaling.offset.shape == (3, 2, 1, 1)
    assert scaling.factor.shape == (3, 1, 1, 1)


def test_channels_share_one_factor():
    signal = random_signal((1, 2, 50)) * np.array([1.0, 10.0])[:, None]
    scaled, _ = scale_signal(signal)
    ratio = scaled[0].std(axis=-1) / signal[0].std(axis=-1)
    assert ratio[0] == pytest.approx(ratio[1])


def test_without_centring_zero_stays_zero():
    signal = random_signal((1, 1, 9))
    signal[..., 4] = 0
    scaled, scaling = scale_signal(signal, center=False)
    assert scaled[0, 0, 4] == 0
    assert not scaling.offset.any()
    assert peak_of(scaled) == 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("unit_std", [False, True])
@pytest.mark.parametrize("level", [0.0, 0.1, -1e6])
def test_constant_signals_become_zero_and_come_back(level, unit_std, dtype):
    signal = np.full((2, 3, 37, 41), level, dtype)
    scaled, scaling = scale_signal(signal, unit_std=unit_std)
    np.testing.assert_allclose(scaled, 0, atol=32 * np.finfo(dtype).eps * abs(level))
    np.testing.assert_array_equal(scaling.factor, 1)
    np.testing.assert_allclose(scaling.invert(scaled), signal, rtol=4 * np.finfo(dtype).eps)


def test_a_constant_signal_does_not_spoil_its_neighbour_in_the_batch():
    signal = np.stack([np.ones((1, 8)), random_signal((1, 8))])
    scaled, _ = scale_signal(signal)
    np.testing.assert_array_equal(scaled[0], 0)
    np.testing.assert_allclose(scaled[1:], scale_signal(signal[1:])[0])


def test_scaling_records_are_frozen():
    scaling = Scaling(offset=np.zeros((1, 1, 1)), factor=np.ones((1, 1, 1)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        scaling.factor = 2.0


# ---- colour ----


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("spatial", [(11,), (5, 4), (2, 3, 4)])
def test_opponent_colours_come_back_and_keep_the_norm(spatial, dtype):
    signal = random_signal((2, 3, *spatial), dtype)
    opponent = rgb_to_opponent(signal)
    assert opponent.dtype == dtype
    assert opponent.shape == signal.shape
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(opponent_to_rgb(opponent), signal, atol=16 * eps)
    assert np.linalg.norm(opponent) == pytest.approx(np.linalg.norm(signal), rel=64 * float(eps))


def test_opponent_colours_are_the_cosine_basis_over_the_channels():
    signal = random_signal((1, 3, 10))
    expected = scipy.fft.dct(signal, axis=1, norm="ortho") * np.array([1, 1, -1])[:, None]
    np.testing.assert_allclose(rgb_to_opponent(signal), expected, atol=1e-14)


def test_opponent_channels_of_a_photograph_are_almost_uncorrelated():
    photograph = colour_photograph()[0].reshape(3, -1)
    opponent = rgb_to_opponent(photograph[None])[0]

    def off_diagonal(channels):
        covariance = np.cov(channels.astype(float))
        return np.abs(covariance - np.diag(np.diag(covariance))).max() / np.trace(covariance)

    assert off_diagonal(opponent) < 0.5 * off_diagonal(photograph)


def test_grey_has_no_opponent_colour_and_its_own_level_as_luminance():
    grey = np.repeat(random_signal((1, 1, 6, 6)), 3, axis=1)
    np.testing.assert_allclose(rgb_to_opponent(grey)[:, 1:], 0, atol=1e-14)
    np.testing.assert_allclose(to_luminance(grey), grey[:, :1], atol=1e-14)


@pytest.mark.parametrize("name", ["chelsea", "coffee"])
def test_luminance_is_that_of_pillow(name):
    levels = np.round(load_image(name) * 255).astype(np.uint8)
    expected = np.asarray(Image.fromarray(levels).convert("L")) / 255
    found = to_luminance(colour_photograph(name))
    assert found.dtype == np.float32
    assert found.shape == (1, 1, *expected.shape)
    assert np.abs(found[0, 0] - expected).max() < 0.51 / 255
    assert np.abs(colour_photograph(name).mean(axis=1)[0] - expected).max() > 2 / 255


@pytest.mark.parametrize("transform", [rgb_to_opponent, opponent_to_rgb, to_luminance])
@pytest.mark.parametrize("n_channels", [1, 4])
def test_colour_transforms_refuse_other_channel_counts(transform, n_channels):
    expected = rf"`signal` must have 3 channels; got shape \(2, {n_channels}, 5\)"
    with pytest.raises(ValueError, match=expected):
        transform(np.ones((2, n_channels, 5)))


# ---- arguments ----


@pytest.mark.parametrize(
    "transform", [split_lowpass, scale_signal, rgb_to_opponent, opponent_to_rgb, to_luminance]
)
@pytest.mark.parametrize(
    ("signal", "error", "expected"),
    [
        ([[[0.0]]], TypeError, "`signal` must be an array .*; got list: use numpy.asarray"),
        (
            np.ones((1, 3, 8), dtype=np.uint8),
            ValueError,
            "`signal` must be float32 or float64; got ",
        ),
        (np.ones((1, 3, 8), dtype=np.float16), ValueError, "got float16: scale and convert it"),
        (np.ones((3, 8)), ValueError, r"with 1, 2 or 3 spatial axes; got shape \(3, 8\): add"),
        (np.ones((1, 3, 2, 2, 2, 2)), ValueError, "`signal` must have axes"),
        (np.ones((1, 3, 0)), ValueError, r"`signal` must not be empty; got shape \(1, 3, 0\)"),
        (np.full((1, 3, 2), np.nan), ValueError, "`signal` must be finite; got 6 NaN or infinite"),
        (np.full((1, 3, 2), np.inf), ValueError, "`signal` must be finite; got 6 NaN or infinite"),
    ],
)
def test_what_is_no_signal_is_refused(transform, signal, error, expected):
    with pytest.raises(error, match=expected):
        transform(signal)


# ---- other array kinds ----


def test_the_transforms_use_only_what_every_array_library_has(monkeypatch):
    strict = pytest.importorskip("array_api_strict")

    def axes(shape):
        return tuple(range(-len(shape), 0))

    backend = SimpleNamespace(
        xp=strict,
        rfftn=lambda x, shape: strict.fft.rfftn(x, s=shape, axes=axes(shape)),
        irfftn=lambda x, shape: strict.fft.irfftn(x, s=shape, axes=axes(shape)),
    )
    signal = random_signal((2, 3, 6, 5), np.float32)
    foreign = strict.asarray(signal)
    expected = [*split_lowpass(signal), scale_signal(signal, unit_std=True)[0]]
    expected += [rgb_to_opponent(signal), opponent_to_rgb(signal), to_luminance(signal)]
    for module in ("checks", "preprocessing"):
        monkeypatch.setattr(f"sparsecsc.{module}.backend_of", lambda array: backend)
    found = [*split_lowpass(foreign), scale_signal(foreign, unit_std=True)[0]]
    found += [rgb_to_opponent(foreign), opponent_to_rgb(foreign), to_luminance(foreign)]
    for ours, theirs in zip(expected, found, strict=True):
        assert isinstance(theirs, type(foreign))
        assert theirs.dtype == strict.float32
        np.testing.assert_allclose(np.asarray(theirs), ours, atol=1e-5)
