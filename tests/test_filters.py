"""Filters given by a formula and the test dictionaries have the properties that they state.

Everything is checked on the dense matrix of the circular dictionary, built here tap by tap.
"""

import itertools
import math

import numpy as np
import pytest
import scipy.fft

from sparsecsc.dictionaries.analytic import dct_filters, gabor_filters, haar_filters
from sparsecsc.dictionaries.incoherent import (
    dirac_barker_filters,
    dirac_msequence_filters,
    haar_pair,
    parseval_filters,
    sidon_filters,
)
from sparsecsc.dictionaries.random import random_filters, random_parseval_filters
from sparsecsc.dictionaries.waveforms import ricker_filters, tone_filters

EPS = np.finfo(np.float64).eps

UNIT_NORM = {
    "dct 1-D": lambda **kw: dct_filters(7, **kw),
    "dct 2-D": lambda **kw: dct_filters((3, 4), 3, **kw),
    "dct 3-D": lambda **kw: dct_filters((2, 3, 2), include_constant=False, **kw),
    "gabor": lambda **kw: gabor_filters((9, 8), 5, 2, **kw),
    "tone": lambda **kw: tone_filters(32, 6, **kw),
    "haar 1-D": lambda **kw: haar_filters(3, 1, **kw),
    "haar 2-D": lambda **kw: haar_filters(2, 2, **kw),
    "haar 3-D": lambda **kw: haar_filters(1, 3, **kw),
    "ricker": lambda **kw: ricker_filters(33, [1, 2.5, 4], **kw),
    "random": lambda **kw: random_filters(4, 2, (3, 5), 0, **kw),
    "barker": dirac_barker_filters,
    "m-sequence": lambda **kw: dirac_msequence_filters(4, **kw),
    "sidon": lambda **kw: sidon_filters(3, 2, 24, 4, 0, **kw),
}
PARSEVAL = {
    "haar pair": haar_pair,
    "random parseval": lambda **kw: random_parseval_filters(12, 2, (2, 3), 0, **kw),
}
SHAPES = {
    "dct 1-D": (7, 1, 7),
    "dct 2-D": (36, 3, 3, 4),
    "dct 3-D": (11, 1, 2, 3, 2),
    "gabor": (20, 1, 9, 8),
    "tone": (12, 1, 32),
    "haar 1-D": (4, 1, 8),
    "haar 2-D": (7, 1, 4, 4),
    "haar 3-D": (8, 1, 2, 2, 2),
    "ricker": (3, 1, 33),
    "random": (4, 2, 3, 5),
    "barker": (2, 1, 13),
    "m-sequence": (2, 1, 15),
    "sidon": (3, 2, 24),
    "haar pair": (2, 1, 2),
    "random parseval": (12, 2, 2, 3),
}


def dense_dictionary(filters, spatial, stride=1, dilation=1):
    """Columns are the atoms: each filter at each position, wrapped around; rows (channel, site)."""
    n_filters, n_channels, *kernel = filters.shape
    columns = []
    positions = list(itertools.product(*(range(0, size, stride) for size in spatial)))
    for m, position in itertools.product(range(n_filters), positions):
        atom = np.zeros((n_channels, *spatial))
        for c, *tap in np.ndindex(n_channels, *kernel):
            site = tuple(
                (p + dilation * t) % n for p, t, n in zip(position, tap, spatial, strict=True)
            )
            atom[(c, *site)] += filters[(m, c, *tap)]
        columns.append(atom.ravel())
    return np.stack(columns, axis=1)


def coherence(D):
    """Largest absolute inner product of two different normalised columns."""
    D = D / np.linalg.norm(D, axis=0)
    gram = np.abs(D.T @ D)
    np.fill_diagonal(gram, 0)
    return gram.max()


def distance_from_tight(D, scale=1.0):
    return np.abs(D @ D.T - scale * np.eye(len(D))).max()


# ---- the measures of this file notice wrong objects ----


def test_the_dense_matrix_is_circular_convolution():
    rng = np.random.default_rng(0)
    filters, codes = rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 9))
    expected = [
        sum(
            scipy.fft.ifft(scipy.fft.fft(filters[m, c], 9) * scipy.fft.fft(codes[m])).real
            for m in range(2)
        )
        for c in range(3)
    ]
    np.testing.assert_allclose(dense_dictionary(filters, (9,)) @ codes.ravel(), np.ravel(expected))


def test_the_measures_notice_a_changed_filter():
    barker = dirac_barker_filters()
    barker[1, 0, 4] *= -1
    assert coherence(dense_dictionary(barker, (30,))) > 0.277351
    pair = haar_pair()
    pair[1] *= 1.01
    assert distance_from_tight(dense_dictionary(pair, (6,))) > 1e-3
    repeated = np.zeros((1, 1, 8))
    repeated[0, 0, [0, 2, 4]] = 1  # the difference 2 occurs twice: not a Sidon set
    assert coherence(dense_dictionary(repeated, (16,))) == pytest.approx(2 / 3)


# ---- what all of them promise ----


@pytest.mark.parametrize("name", UNIT_NORM | PARSEVAL)
def test_layout_and_type_are_as_documented(name):
    make = (UNIT_NORM | PARSEVAL)[name]
    filters = make()
    assert filters.shape == SHAPES[name]
    assert filters.dtype == np.float64
    np.testing.assert_array_equal(make(dtype=np.float32), filters.astype(np.float32))
    assert make(dtype="float32").dtype == np.float32


@pytest.mark.parametrize("name", UNIT_NORM)
def test_every_filter_has_unit_norm(name):
    filters = UNIT_NORM[name]()
    norms = np.linalg.norm(filters.reshape(len(filters), -1), axis=1)
    np.testing.assert_allclose(norms, 1, rtol=8 * EPS)


@pytest.mark.parametrize("name", UNIT_NORM | PARSEVAL)
def test_no_two_filters_are_equal_up_to_sign(name):
    filters = (UNIT_NORM | PARSEVAL)[name]()
    rows = filters.reshape(len(filters), -1)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = np.abs(rows @ rows.T) - np.eye(len(rows))
    assert cosines.max() < 1 - 1e-3


@pytest.mark.parametrize("make", (UNIT_NORM | PARSEVAL).values())
@pytest.mark.parametrize("dtype", [np.float16, np.int64, complex])
def test_other_types_are_refused(make, dtype):
    with pytest.raises(ValueError, match="`dtype` must be float32 or float64; got "):
        make(dtype=dtype)


# ---- DCT ----


@pytest.mark.parametrize(("kernel", "n_channels"), [(5, 1), ((3, 4), 2), ((2, 3, 2), 1)])
def test_dct_filters_are_the_basis_of_scipy(kernel, n_channels):
    filters = dct_filters(kernel, n_channels)
    n = len(filters)
    assert n == filters[0].size
    basis = scipy.fft.idctn(
        np.eye(n).reshape(n, *filters.shape[1:]), norm="ortho", axes=range(1, filters.ndim)
    )
    np.testing.assert_allclose(filters, basis, atol=8 * EPS)


@pytest.mark.parametrize(("kernel", "n_channels"), [(5, 1), ((3, 2), 2)])
def test_dct_dictionary_is_tight_with_constant_prod_kernel(kernel, n_channels):
    filters = dct_filters(kernel, n_channels)
    size = math.prod(filters.shape[2:])
    D = dense_dictionary(filters, (7,) * (filters.ndim - 2))
    assert distance_from_tight(D, size) < 64 * EPS * size


def test_dct_dictionary_with_stride_equal_to_kernel_is_orthogonal():
    D = dense_dictionary(dct_filters((3, 3)), (6, 6), stride=3)
    assert D.shape == (36, 36)
    assert distance_from_tight(D) < 64 * EPS


@pytest.mark.parametrize("n_channels", [1, 3])
def test_dct_without_constants_drops_exactly_the_spatially_constant_filters(n_channels):
    everything = dct_filters((4, 3), n_channels)
    constant = (
        np.ptp(everything.reshape(len(everything), n_channels, -1), axis=2).max(axis=1) < 1e-9
    )
    assert constant.sum() == n_channels
    np.testing.assert_array_equal(
        dct_filters((4, 3), n_channels, include_constant=False), everything[~constant]
    )


def test_dct_of_one_tap_without_constant_is_refused():
    with pytest.raises(ValueError, match="`kernel` has one tap"):
        dct_filters((1, 1), include_constant=False)


# ---- Gabor, tones, Ricker ----


def peak_frequency(filter_, size=512):
    spectrum = np.abs(scipy.fft.fftn(filter_, (size,) * filter_.ndim))
    index = np.array(np.unravel_index(np.argmax(spectrum), spectrum.shape))
    return (index + size // 2) % size / size - 0.5


@pytest.mark.parametrize(
    "filters",
    [gabor_filters((9, 8), 5, 2), tone_filters(32, 6), ricker_filters(32, [0.5, 1, 40])],
    ids=["gabor", "tone", "ricker"],
)
def test_oscillating_filters_have_zero_mean(filters):
    sums = filters.sum(axis=tuple(range(1, filters.ndim)))
    np.testing.assert_allclose(sums, 0, atol=64 * EPS)


def test_gabor_filters_oscillate_at_the_stated_wavelengths_and_angles():
    filters = gabor_filters((43, 43), 4, 2, wavelength=4.0)
    expected = [
        np.array([np.sin(np.pi * turn / 4), np.cos(np.pi * turn / 4)]) / (4 * 2**scale)
        for scale in range(2)
        for turn in range(4)
        for _ in range(2)
    ]
    for filter_, frequency in zip(filters[:, 0], expected, strict=True):
        found = peak_frequency(filter_)
        distance = min(np.abs(found - frequency).max(), np.abs(found + frequency).max())
        assert distance < 0.012


def test_gabor_phases_are_even_and_odd():
    filters = gabor_filters((8, 9), 3, 1)[:, 0]
    flipped = filters[:, ::-1, ::-1]
    np.testing.assert_allclose(filters[0::2], flipped[0::2], atol=8 * EPS)
    np.testing.assert_allclose(filters[1::2], -flipped[1::2], atol=8 * EPS)


def test_tones_are_evenly_spaced_in_pitch_over_the_stated_range():
    filters = tone_filters(64, 5, lowest=0.05, highest=0.4)
    found = [abs(peak_frequency(filter_[0])[0]) for filter_ in filters]
    expected = np.repeat(0.05 * 8 ** (np.arange(5) / 4), 2)
    np.testing.assert_allclose(found, expected, atol=0.004)


def test_ricker_is_the_negative_second_derivative_of_a_gaussian():
    width, step = 4.0, 1e-3
    t = np.arange(65) - 32.0
    gauss = [np.exp(-((t + shift) ** 2) / (2 * width**2)) for shift in (-step, 0, step)]
    expected = -(gauss[0] - 2 * gauss[1] + gauss[2]) / step**2
    expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(ricker_filters(65, [width])[0, 0], expected, atol=1e-7)


def test_ricker_spectrum_peaks_at_the_documented_frequency():
    for width in (2.0, 4.0):
        found = abs(peak_frequency(ricker_filters(65, [width])[0, 0])[0])
        assert found == pytest.approx(0.225 / width, abs=1 / 512)


# ---- Haar ----


def test_one_level_haar_is_the_pair_of_difference_and_average():
    expected = np.array([[[1, -1]], [[1, 1]]]) / math.sqrt(2)
    np.testing.assert_allclose(haar_filters(1, 1), expected, rtol=4 * EPS)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_one_level_haar_with_stride_two_is_orthogonal(ndim):
    D = dense_dictionary(haar_filters(1, ndim), (4,) * ndim, stride=2)
    assert distance_from_tight(D) < 64 * EPS


@pytest.mark.parametrize(("levels", "ndim", "size"), [(3, 1, 11), (2, 2, 6)])
def test_weighted_haar_levels_are_a_parseval_frame(levels, ndim, size):
    filters = haar_filters(levels, ndim)
    level = np.append(np.repeat(np.arange(1, levels + 1), 2**ndim - 1), levels)
    weights = 2.0 ** (-level * ndim / 2)
    weighted = filters * weights.reshape(-1, *(1,) * (ndim + 1))
    assert distance_from_tight(dense_dictionary(weighted, (size,) * ndim)) < 64 * EPS


@pytest.mark.parametrize("size", [2, 5, 8])
def test_haar_pair_is_a_parseval_frame_of_coherence_one_half(size):
    D = dense_dictionary(haar_pair(), (size,))
    assert distance_from_tight(D) < 8 * EPS
    if size > 2:
        assert coherence(D) == pytest.approx(0.5, rel=8 * EPS)


# ---- random filters ----


def test_random_filters_follow_their_generator():
    first = random_filters(3, 2, 4, 7)
    np.testing.assert_array_equal(first, random_filters(3, 2, 4, np.random.default_rng(7)))
    assert np.abs(first - random_filters(3, 2, 4, 8)).max() > 0.01
    generator = np.random.default_rng(7)
    random_filters(3, 2, 4, generator)
    assert np.abs(first - random_filters(3, 2, 4, generator)).max() > 0.01


@pytest.mark.parametrize(
    ("n_filters", "n_channels", "kernel", "spatial"),
    [(5, 1, (5,), (5,)), (9, 2, (3,), (8,)), (13, 2, (2, 3), (4, 3)), (8, 1, (2, 2, 2), (2, 3, 2))],
)
def test_random_parseval_filters_are_a_parseval_frame_on_every_circle(
    n_filters, n_channels, kernel, spatial
):
    filters = random_parseval_filters(n_filters, n_channels, kernel, 0)
    assert distance_from_tight(dense_dictionary(filters, spatial)) < 64 * EPS
    squared_norms = np.sum(filters.reshape(n_filters, -1) ** 2, axis=1)
    assert squared_norms.mean() == pytest.approx(n_channels / n_filters, rel=64 * EPS)
    if n_filters == n_channels * math.prod(kernel):
        np.testing.assert_allclose(squared_norms, n_channels / n_filters, rtol=64 * EPS)


def test_too_few_parseval_filters_are_refused():
    expected = r"`n_filters` must be at least n_channels · prod\(kernel\) = 12; got 11"
    with pytest.raises(ValueError, match=expected):
        random_parseval_filters(11, 2, (2, 3), 0)


# ---- T1: spike and Barker sequence ----


@pytest.mark.parametrize(
    ("size", "dilation"), [(13, 1), (17, 1), (25, 1), (40, 1), (40, 3), (52, 2)]
)
def test_barker_coherence_is_one_over_root_13_at_any_dilation(size, dilation):
    D = dense_dictionary(dirac_barker_filters(), (size,), dilation=dilation)
    assert coherence(D) == pytest.approx(1 / math.sqrt(13), rel=16 * EPS)
    assert coherence(D) == pytest.approx(0.27735, abs=1e-6)


def test_barker_bounds_are_the_stated_ones():
    mu = coherence(dense_dictionary(dirac_barker_filters(), (40,)))
    assert (1 + 1 / mu) / 2 == pytest.approx(2.303, abs=5e-4)
    assert (1 + 1 / mu) / 3 == pytest.approx(1.535, abs=5e-4)


# ---- T2: spike and maximal-length sequence ----


@pytest.mark.parametrize("n_bits", range(2, 8))
def test_msequence_coherence_and_norm_are_the_stated_ones(n_bits):
    n = 2**n_bits - 1
    D = dense_dictionary(dirac_msequence_filters(n_bits), (n,))
    assert coherence(D) == pytest.approx(1 / math.sqrt(n), rel=64 * EPS)
    assert np.linalg.norm(D, 2) ** 2 == pytest.approx(1 + (n + 1) / n, rel=64 * EPS)


@pytest.mark.parametrize("n_bits", range(2, 17))
def test_every_shift_of_an_msequence_correlates_with_minus_one_over_n(n_bits):
    n = 2**n_bits - 1
    sequence = dirac_msequence_filters(n_bits)[1, 0]
    np.testing.assert_allclose(np.abs(sequence), 1 / math.sqrt(n), rtol=8 * EPS)
    correlation = np.fft.irfft(np.abs(np.fft.rfft(sequence)) ** 2, n)
    assert correlation[0] == pytest.approx(1)
    np.testing.assert_allclose(correlation[1:], -1 / n, atol=64 * EPS)


def test_msequence_bounds_of_twelve_bits_are_the_stated_ones():
    mu = np.abs(dirac_msequence_filters(12)[1]).max()
    assert (1 + 1 / mu) / 2 == pytest.approx(32.5, abs=0.05)
    assert (1 + 1 / mu) / 3 == pytest.approx(21.7, abs=0.05)


@pytest.mark.parametrize("n_bits", [1, 17])
def test_msequence_refuses_other_register_lengths(n_bits):
    with pytest.raises(ValueError, match=f"`n_bits` must be 2 to 16; got {n_bits}"):
        dirac_msequence_filters(n_bits)


# ---- T3: sparse filters on a Sidon set ----

SIDON = [
    (1, 1, (16,), 4),
    (2, 2, (64,), 8),
    (4, 2, (128,), 8),
    (3, 5, (9,), 3),
    (2, 4, (6,), 2),
    (3, 2, (6, 7), 4),
    (2, 1, (4, 3, 4), 3),
]


@pytest.mark.parametrize(("n_filters", "n_channels", "kernel", "n_taps"), SIDON)
@pytest.mark.parametrize("seed", range(3))
def test_sidon_coherence_is_exactly_one_over_the_taps(n_filters, n_channels, kernel, n_taps, seed):
    filters = sidon_filters(n_filters, n_channels, kernel, n_taps, seed)
    spatial = tuple(2 * size - 1 for size in kernel)
    assert coherence(dense_dictionary(filters, spatial)) == pytest.approx(1 / n_taps, rel=16 * EPS)
    nonzero = np.abs(filters[filters != 0])
    assert nonzero.size == n_filters * n_taps
    np.testing.assert_allclose(nonzero, 1 / math.sqrt(n_taps), rtol=4 * EPS)


@pytest.mark.parametrize(("n_filters", "n_channels", "n_taps"), [(4, 1, 8), (8, 2, 8), (16, 16, 8)])
def test_sidon_search_succeeds_in_the_documented_kernel(n_filters, n_channels, n_taps):
    kernel = max(2, n_filters) * n_taps**2 // n_channels
    for seed in range(5):
        sidon_filters(n_filters, n_channels, kernel, n_taps, seed)


def test_sidon_filters_spread_their_taps_over_the_channels_and_both_signs():
    filters = sidon_filters(4, 3, 60, 6, 0)
    np.testing.assert_array_equal(np.count_nonzero(filters, axis=2), 2)
    assert filters.min() < 0 < filters.max()


def test_sidon_bounds_of_eight_taps_are_the_stated_ones():
    mu = coherence(dense_dictionary(sidon_filters(2, 2, 64, 8, 0), (127,)))
    assert (1 + 1 / mu) / 2 == pytest.approx(4.5)
    assert (1 + 1 / mu) / 3 == pytest.approx(3.0)


def test_sidon_filters_follow_their_seed():
    first = sidon_filters(2, 2, 64, 8, 5)
    np.testing.assert_array_equal(first, sidon_filters(2, 2, 64, 8, np.random.default_rng(5)))
    assert np.any(first != sidon_filters(2, 2, 64, 8, 6))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((2, 2, 64, 1, 0), "`n_taps` must be at least 2; got 1"),
        ((1, 4, 64, 4, 0), "`n_taps` must exceed n_channels = 4 for a single filter; got 4"),
        (
            (4, 1, 10, 8, 0),
            r"no 4 filters of 8 taps over 1 channels .* in `kernel` \(10,\): enlarge",
        ),
    ],
)
def test_sidon_refuses_what_cannot_be(arguments, expected):
    with pytest.raises(ValueError, match=expected):
        sidon_filters(*arguments)


# ---- T4: whitening ----

WHITENED = {
    "1-D": (dirac_barker_filters(), (20,)),
    "1-D, odd, 3 channels": (random_filters(5, 3, 4, 0), (9,)),
    "2-D": (random_filters(4, 2, (3, 2), 1), (5, 4)),
    "3-D": (random_filters(3, 1, (2, 2, 2), 2), (3, 2, 4)),
}


@pytest.mark.parametrize("name", WHITENED)
def test_whitened_filters_are_a_parseval_frame(name):
    filters, spatial = WHITENED[name]
    before = filters.copy()
    white = parseval_filters(filters, spatial)
    assert white.shape == (*filters.shape[:2], *spatial)
    D = dense_dictionary(white, spatial)
    assert distance_from_tight(D) < 1e-13
    assert np.linalg.norm(D, 2) == pytest.approx(1, abs=1e-13)
    np.testing.assert_array_equal(filters, before)


@pytest.mark.parametrize("name", WHITENED)
def test_whitening_is_the_polar_factor_of_the_dense_dictionary(name):
    filters, spatial = WHITENED[name]
    left, _, right = np.linalg.svd(dense_dictionary(filters, spatial), full_matrices=False)
    white = dense_dictionary(parseval_filters(filters, spatial), spatial)
    np.testing.assert_allclose(white, left @ right, atol=1e-12)


def test_whitening_leaves_a_parseval_frame_as_it_is():
    padded = np.pad(haar_pair(), ((0, 0), (0, 0), (0, 5)))
    np.testing.assert_allclose(parseval_filters(haar_pair(), 7), padded, atol=8 * EPS)


def test_whitening_keeps_float32():
    white = parseval_filters(random_filters(4, 2, 3, 0, dtype=np.float32), 8)
    assert white.dtype == np.float32
    assert distance_from_tight(dense_dictionary(white, (8,))) < 16 * np.finfo(np.float32).eps


def test_whitening_refuses_filters_that_miss_a_frequency():
    expected = r"they do not at frequency index \(0,\): add a filter that passes it"
    with pytest.raises(ValueError, match=expected):
        parseval_filters(tone_filters(16, 3), 32)
    with pytest.raises(ValueError, match="`filters` must span all channels at every frequency"):
        parseval_filters(random_filters(2, 3, 4, 0), 8)


@pytest.mark.parametrize("spatial", [4, (5, 5), (4, 6)])
def test_whitening_refuses_a_grid_that_does_not_hold_the_filters(spatial):
    filters = random_filters(3, 1, (5, 5) if spatial != (5, 5) else (5,), 0)
    with pytest.raises(ValueError, match="`spatial_shape` must be at least the kernel's size"):
        parseval_filters(filters, spatial)


@pytest.mark.parametrize(
    ("filters", "error", "expected"),
    [
        ([[[1.0]]], TypeError, "`filters` must be a NumPy array; got list"),
        (np.ones((1, 1, 2), dtype=int), ValueError, "must be float32 or float64; got int64"),
        (np.ones((1, 2)), ValueError, r"n_channels, \*kernel\) with 1 to 3 spatial"),
        (np.ones((1, 0, 2)), ValueError, r"no empty axis; got \(1, 0, 2\)"),
        (np.full((1, 1, 2), np.nan), ValueError, "`filters` must be finite; got NaN or infinity"),
    ],
)
def test_whitening_refuses_what_are_no_filters(filters, error, expected):
    with pytest.raises(error, match=expected):
        parseval_filters(filters, 8)


# ---- arguments ----


@pytest.mark.parametrize(
    ("call", "error", "expected"),
    [
        (lambda: dct_filters(0), ValueError, "`kernel` must be at least 1; got 0"),
        (lambda: dct_filters((2, 2, 2, 2)), ValueError, "`kernel` must have 1 to 3 spatial axes"),
        (lambda: dct_filters(()), ValueError, "`kernel` must have 1 to 3 spatial axes"),
        (lambda: dct_filters(2.5), TypeError, "`kernel` must be an integer; got 2.5"),
        (lambda: dct_filters(3, 0), ValueError, "`n_channels` must be at least 1; got 0"),
        (lambda: dct_filters(3, True), TypeError, "`n_channels` must be an integer; got True"),
        (lambda: gabor_filters((9, 2)), ValueError, "two sizes of at least 3 pixels"),
        (lambda: gabor_filters(9), ValueError, "two sizes of at least 3 pixels; got 9"),
        (lambda: gabor_filters((9, 9), 0), ValueError, "`n_orientations` must be at least 1"),
        (lambda: gabor_filters((9, 9), 1, 0), ValueError, "`n_scales` must be at least 1"),
        (
            lambda: gabor_filters((9, 9), wavelength=2.0),
            ValueError,
            "`wavelength` must be above 2 and below inf; got 2.0",
        ),
        (lambda: tone_filters(7, 2), ValueError, "`length` must be at least 8 samples; got 7"),
        (lambda: tone_filters(16, 0), ValueError, "`n_tones` must be at least 1; got 0"),
        (lambda: tone_filters(16, 2, highest=0.5), ValueError, "0 < lowest <= highest < 0.5"),
        (lambda: tone_filters(16, 2, lowest=0.3), ValueError, "got 0.3 and 0.25"),
        (lambda: haar_filters(0, 1), ValueError, "`levels` must be at least 1; got 0"),
        (lambda: haar_filters(1, 4), ValueError, "`ndim` must be 1, 2 or 3; got 4"),
        (lambda: ricker_filters(2, [1]), ValueError, "`length` must be at least 3 samples; got 2"),
        (lambda: ricker_filters(9, []), ValueError, "`widths` must name at least one width"),
        (lambda: ricker_filters(9, [1, 0]), ValueError, "`widths` must be above 0.1 .* got 0"),
        (lambda: random_filters(0, 1, 3, 0), ValueError, "`n_filters` must be at least 1; got 0"),
        (lambda: sidon_filters(2, 2, "64", 8, 0), TypeError, "`kernel` must be an integer"),
    ],
)
def test_bad_arguments_are_refused_with_what_was_expected(call, error, expected):
    with pytest.raises(error, match=expected):
        call()
