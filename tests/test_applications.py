"""Noise, gaps, parts and events: against explicit least squares, planted truth and thresholds."""

import numpy as np
import pytest
from checkers import assert_close

import sparsecsc as sc

SIGMA = 25 / 255
KERNEL = (6, 6)


def psnr(clean, image):
    return -10 * np.log10(np.mean((np.asarray(image, np.float64) - clean) ** 2))


def crop(name="camera", size=96, dtype=np.float32):
    """Return a square of a photograph, (size, size) or (size, size, 3)."""
    return sc.load_image(name)[100 : 100 + size, 180 : 180 + size].astype(dtype)


def noisy_crop(sigma=SIGMA, name="camera", dtype=np.float32, size=96):
    clean = crop(name, size, dtype)
    noise = np.random.default_rng(1).standard_normal(clean.shape)
    return clean, (clean + sigma * noise).astype(dtype)


def dct(dtype=np.float32, kernel=KERNEL):
    return sc.dct_filters(kernel).astype(dtype)


def holes(shape, share=0.5):
    return np.random.default_rng(2).random(shape) >= share


# ---- the noise level ----


@pytest.mark.parametrize("shape", [(1, 1, 4000), (1, 1, 64, 64), (1, 1, 20, 20, 20)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_level_of_white_noise_on_a_smooth_signal_is_found_within_5_percent(shape, dtype):
    grids = np.meshgrid(*(np.linspace(0, 3, n) for n in shape[2:]), indexing="ij")
    smooth = np.sin(sum(grids))[None, None]
    noise = np.random.default_rng(0).standard_normal(shape)
    for sigma in (0.01, 1.0):
        found = sc.estimate_noise((smooth + sigma * noise).astype(dtype))
        assert abs(found[0] / sigma - 1) < 0.05


def test_the_level_on_a_photograph_is_found_within_5_percent():
    clean, noisy = noisy_crop(size=256)
    assert abs(sc.estimate_noise(noisy[None, None])[0] / SIGMA - 1) < 0.05
    assert sc.estimate_noise(clean[None, None])[0] < 0.3 * SIGMA  # not simply a constant


def test_each_signal_has_its_own_level():
    noise = np.random.default_rng(0).standard_normal((2, 3, 64, 64))
    found = sc.estimate_noise(noise * np.array([1.0, 10.0]).reshape(2, 1, 1, 1))
    assert abs(found[1] / found[0] / 10 - 1) < 0.05


# ---- least squares on the support ----


def explicit(problem, codes):
    """Return the least squares amplitudes on the support from the explicit matrix."""
    columns = []
    for place in codes.indices:
        one = np.zeros(codes.size)
        one[place] = 1
        image = problem.synthesize(one.reshape(codes.shape).astype(codes.dtype))
        columns.append(problem.masked(image).reshape(-1))
    matrix = np.stack(columns, axis=1).astype(np.float64)
    return np.linalg.lstsq(matrix, problem.target.reshape(-1).astype(np.float64), rcond=None)[0]


def pursuit(dtype=np.float64, masked=False, stride=1):
    rng = np.random.default_rng(3)
    signal = rng.standard_normal((2, 1, 12, 12)).astype(dtype)
    mask = (rng.random(signal.shape) < 0.7).astype(dtype) if masked else None
    dictionary = sc.ConvDictionary(dct(dtype, (3, 3)), stride=stride)
    return sc.Pursuit(signal, dictionary, sc.L1(1.5), mask=mask)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_debiasing_agrees_with_explicit_least_squares(dtype, masked, stride):
    problem = pursuit(dtype, masked, stride)
    found = sc.solve(problem, tol=1e-6).sparse_codes
    large = np.abs(found.values) > 0.05  # of the rest some need not be zero in a solution
    codes = sc.SparseCodes(found.indices[large], found.values[large], found.shape)
    assert 5 < codes.nnz < 200
    fitted = sc.debias(problem, codes)
    assert_close(fitted.values, explicit(problem, codes), dtype)
    assert np.array_equal(fitted.indices, codes.indices)
    half = sc.debias(problem, codes, amount=0.5)
    assert_close(half.values, 0.5 * (codes.values + fitted.values), dtype)
    assert sc.debias(problem, codes, amount=0) == codes
    with pytest.raises(AssertionError):  # the comparison can fail: shrunken codes are no fit
        assert_close(codes.values, explicit(problem, codes), dtype)


def test_debiasing_takes_dense_codes_and_leaves_empty_ones():
    problem = pursuit()
    codes = sc.solve(problem, tol=1e-6)
    assert_close(
        sc.debias(problem, codes.codes).values, sc.debias(problem, codes.sparse_codes).values
    )
    nothing = sc.SparseCodes.zeros(problem.codes_shape, np.float64)
    assert sc.debias(problem, nothing) == nothing


def test_where_the_fit_is_not_unique_the_nearest_is_taken():
    twins = sc.ConvDictionary(np.ones((2, 1, 3)))
    problem = sc.Pursuit(np.ones((1, 1, 9)), twins, sc.L1(0.1))
    start = sc.SparseCodes(np.array([0, 9]), np.array([0.5, 0.1]), (1, 2, 9))
    fitted = sc.debias(problem, start).values
    assert_close(fitted, [0.7, 0.3])  # the sum becomes 1, the difference stays


# ---- noise ----


@pytest.mark.parametrize(("name", "gain"), [("camera", 6.5), ("chelsea", 8.5)])
def test_noise_is_removed_from_photographs(name, gain):
    clean, noisy = noisy_crop(name=name)
    before = noisy.copy()
    restored = sc.denoise(noisy, dct())
    assert restored.signal.shape == clean.shape
    assert restored.signal.dtype == clean.dtype
    assert psnr(clean, restored.signal) > psnr(clean, noisy) + gain
    assert restored.status is sc.Status.CONVERGED
    assert 0 <= restored.relative_gap <= 2e-2
    assert len(restored.results) == 4
    assert np.array_equal(noisy, before)


def test_noise_is_removed_from_a_recording():
    t = np.arange(1500) / 1000
    clean = np.sin(2 * np.pi * 20 * t) * (np.abs(t - 0.7) < 0.3)
    noisy = clean + 0.5 * np.random.default_rng(0).standard_normal(t.size)
    restored = sc.denoise(noisy, sc.tone_filters(96, 8), lowpass=0.0)
    assert psnr(clean, restored.signal) > psnr(clean, noisy) + 10


def test_one_spin_and_round_is_the_pursuit_of_the_formula():
    _, noisy = noisy_crop(size=20, dtype=np.float64)
    filters = 1.5 * dct(np.float64)
    found = sc.denoise(noisy, filters, 0.1, level=2.0, rounds=1, spins=1, tol=1e-5).signal
    padded = np.pad(noisy, 6, mode="symmetric")[None, None]
    smooth, rough = sc.split_lowpass(padded, 5.0)
    dictionary = sc.ConvDictionary(filters)
    norms = np.linalg.norm(filters.reshape(len(filters), -1), axis=1).reshape(1, -1, 1, 1)
    c = np.abs(dictionary.analyze(rough)) / norms
    weight = norms * 0.2**2 / np.maximum(c, 0.3 * 0.2)
    problem = sc.Pursuit(rough, dictionary, sc.L1(weight))
    expected = smooth + problem.synthesize(sc.solve(problem, sc.FISTA(), tol=1e-5).codes)
    # a relative gap g of the objective P allows a distance of sqrt(2 g P) of each fit
    allowed = 2 * np.sqrt(2e-5 * problem.objective(np.zeros(problem.codes_shape)))
    assert np.linalg.norm(found - expected[0, 0, 6:-6, 6:-6]) < allowed


def test_a_signal_twice_as_large_gives_twice_the_result():
    _, noisy = noisy_crop(size=48)
    one, two = sc.denoise(noisy, dct()), sc.denoise(2 * noisy, dct())
    assert np.array_equal(2 * one.signal, two.signal)  # powers of two: no rounding differs
    assert two.sigma == pytest.approx(2 * one.sigma)


def test_layouts_and_batches_give_the_same():
    _, noisy = noisy_crop(size=48)
    other = noisy[::-1].copy()
    single = [sc.denoise(image, dct(), 0.1).signal for image in (noisy, other)]
    batch = sc.denoise(np.stack([noisy, other])[:, None], dct(), 0.1)
    assert batch.signal.shape == (2, 1, 48, 48)
    for image, alone in zip(batch.signal[:, 0], single, strict=True):
        # a batch is certified as a whole: gaps of 2e-2 leave room for other codes
        assert psnr(alone, image) > 45
    last = sc.denoise(noisy[..., None], dct(), 0.1).signal
    assert np.array_equal(last[..., 0], single[0])


def test_colours_are_rotated_before_filters_of_one_channel_and_joint_in_filters_of_three():
    clean, noisy = noisy_crop(name="coffee", size=64)
    core = np.moveaxis(noisy, -1, 0)[None]
    restored = sc.denoise(noisy, dct(), SIGMA).signal
    channels = np.ascontiguousarray(sc.rgb_to_opponent(core)[0][:, None])
    rotated = sc.denoise(channels, dct(), SIGMA).signal
    expected = sc.opponent_to_rgb(np.ascontiguousarray(rotated[:, 0][None]))
    assert_close(np.moveaxis(restored, -1, 0)[None], expected, np.float32)
    joint = sc.denoise(noisy, sc.dct_filters((5, 5), 3).astype(np.float32), SIGMA).signal
    for image in (restored, joint):
        assert psnr(clean, image) > psnr(clean, noisy) + 7


def test_without_noise_a_signal_stays_as_it_is():
    image = crop(size=32)
    batch = np.stack([np.full_like(image, 0.3), image])[:, None]
    assert np.array_equal(sc.denoise(image, dct(), 0.0).signal, image)
    restored = sc.denoise(batch, dct())
    assert restored.sigma[0] == 0
    assert np.array_equal(restored.signal[0], batch[0])
    assert not np.array_equal(restored.signal[1], batch[1])


def test_an_interrupted_run_returns_the_mean_of_what_there_is():
    clean, noisy = noisy_crop(size=48)
    restored = sc.denoise(noisy, dct(), tol=0.0, callback=lambda _: True)
    assert restored.status is sc.Status.INTERRUPTED
    assert len(restored.results) == 1
    assert psnr(clean, restored.signal) > psnr(clean, noisy)


def test_debiasing_moves_the_approximation_towards_the_noisy_signal():
    _, noisy = noisy_crop(size=48)
    distances = [
        np.linalg.norm(sc.denoise(noisy, dct(), rounds=1, debias=a).signal - noisy)
        for a in (0.0, 0.5, 1.0)
    ]
    assert distances[0] > distances[1] > distances[2]


# ---- gaps ----


def test_missing_pixels_are_filled_in_and_the_others_kept():
    image = crop()
    mask = holes(image.shape)
    filled = sc.inpaint(image * mask, mask, dct())
    assert np.array_equal(filled.signal[mask], image[mask])
    assert psnr(image, filled.signal) > 27.5
    assert psnr(image, np.where(mask, image, image[mask].mean())) < 20
    fitted = sc.inpaint(image * mask, mask, dct(), keep=False).signal
    assert not np.array_equal(fitted[mask], image[mask])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_missing_has_no_influence_not_even_on_the_last_bit(dtype):
    image = crop(size=40, dtype=dtype)
    mask = holes(image.shape)
    wild = np.where(mask, image, -1e6 * image - 7).astype(dtype)
    one = sc.inpaint(np.where(mask, image, 0).astype(dtype), mask, dct(dtype))
    two = sc.inpaint(wild, mask.astype(dtype), dct(dtype))
    assert np.array_equal(one.signal, two.signal)
    assert np.array_equal(one.weight, two.weight)
    wild[mask] *= dtype(1.01)  # but what is there has
    assert not np.array_equal(sc.inpaint(wild, mask, dct(dtype)).signal, one.signal)


def test_a_flat_signal_is_filled_flat():
    flat = np.full((1, 40), 0.7)
    filled = sc.inpaint(flat[0], holes(40, 0.3), sc.dct_filters(5)).signal
    assert np.abs(filled - 0.7).max() < 1e-4  # conjugate gradients end at a relative 1e-5


def test_colour_masks_broadcast_over_channels_and_recordings_are_filled():
    image = crop("chelsea", 48)
    mask = holes((48, 48))[..., None]
    filled = sc.inpaint(image * mask, mask, dct()).signal
    assert psnr(image, filled) > 27
    t = np.arange(1000)
    tone = np.sin(0.3 * t)
    there = holes(1000, 0.4)
    filled = sc.inpaint(tone * there, there, sc.tone_filters(64, 16)).signal
    assert psnr(tone, filled) > 23


# ---- parts ----


def test_components_and_residual_add_up_to_the_signal():
    image = crop("chelsea", 48, np.float64)
    banks = [sc.haar_filters(2, 2), dct(np.float64)]
    parts = sc.decompose(image, banks, [0.05, 0.08], lowpass=5.0, tol=1e-3)
    assert len(parts.components) == 2
    assert all(part.shape == image.shape for part in parts.components)
    assert_close(sum(parts.components) + parts.residual, image)
    assert parts.result.relative_gap <= 1e-3
    assert parts.result.codes.shape[1] == sum(len(bank) for bank in banks)


def test_each_component_is_what_its_own_codes_and_filters_make():
    signal = np.random.default_rng(0).standard_normal(60)
    banks = [sc.dct_filters(3), 2.0 * sc.dct_filters(5)]
    parts = sc.decompose(signal, banks, [0.4, 0.9], tol=1e-6)
    codes, first = parts.result.codes, len(banks[0])
    # the signal is mirrored by the largest filters
    for bank, share, part in zip(
        banks, (codes[:, :first], codes[:, first:]), parts.components, strict=True
    ):
        assert np.abs(part).max() > 0.1
        assert_close(sc.ConvDictionary(bank).synthesize(share)[0, 0, 5:-5], part)
    padded = np.pad(signal, 5, mode="symmetric")[None, None]
    three = np.concatenate([np.pad(banks[0], ((0, 0), (0, 0), (0, 2))), banks[1]])
    weights = np.repeat([0.4, 0.9], [len(bank) for bank in banks])
    problem = sc.Pursuit(padded, sc.ConvDictionary(three), sc.L1(weights))
    expected = sc.solve(problem, sc.FISTA(), tol=1e-6).objective
    assert parts.result.objective == pytest.approx(expected, rel=2e-6)


def test_spikes_and_waves_are_told_apart():
    rng = np.random.default_rng(0)
    waves = 0.8 * np.sin(0.5 * np.arange(400))
    spikes = np.zeros(400)
    spikes[rng.choice(400, 8, replace=False)] = rng.choice([-3.0, 3.0], 8)
    banks = [np.ones((1, 1, 1)), sc.tone_filters(64, 16)]
    parts = sc.decompose(waves + spikes, banks, [0.3, 0.3], tol=1e-4)
    assert np.abs(parts.components[0] - spikes).max() < 0.5
    assert np.abs(parts.components[1] - waves).max() < 0.4
    swapped = sc.decompose(waves + spikes, banks[::-1], [0.3, 0.3], tol=1e-4)
    for one, other in zip(parts.components, swapped.components[::-1], strict=True):
        # the residual of a problem is unique, and so are both parts up to its gap
        assert np.linalg.norm(one - other) < 0.1 * np.linalg.norm(one)


# ---- events ----


def planted(rng, n_channels=1, noise=0.0):
    filters = rng.standard_normal((3, n_channels, 24)) * np.hanning(24)
    signal = noise * rng.standard_normal((1, n_channels, 3000))
    starts = np.array([5, 200, 260, 900, 910, 2000, 2976])
    which = np.array([0, 1, 1, 0, 2, 2, 1])
    strengths = np.array([3.0, -2.0, 4.0, 2.5, 3.0, -5.0, 2.0])
    for start, kind, strength in zip(starts, which, strengths, strict=True):
        signal[0, :, start : start + 24] += strength * filters[kind]
    return signal, filters, (starts, which, strengths)


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_planted_events_are_found_at_their_sample(n_channels, noise):
    signal, filters, (starts, which, strengths) = planted(
        np.random.default_rng(0), n_channels, noise
    )
    weight = None if noise else 0.5
    events = sc.find_events(signal, filters, weight, sampling_rate=500.0)
    assert np.array_equal(events.samples, starts)
    assert np.array_equal(events.filters, which)
    assert np.array_equal(events.times, starts / 500)
    assert len(events) == len(starts)
    assert events.amplitudes.shape == (len(starts), n_channels)
    error = np.abs(events.amplitudes - strengths[:, None]).max()
    assert error < (0.2 if noise else 1e-6)  # noise of 0.1 in filters of norm about 3


def test_amplitudes_are_those_of_each_channel():
    signal, filters, (starts, _, _) = planted(np.random.default_rng(0), 2, 0.1)
    signal[:, 1] *= 1.7
    events = sc.find_events(signal[0].T.copy(), filters, 4.0)
    assert set(starts) <= set(events.samples)
    for channel in range(2):
        columns = np.zeros((3000, len(events)))
        for column, (start, kind) in enumerate(zip(events.samples, events.filters, strict=True)):
            columns[start : start + 24, column] = filters[kind, channel]
        expected = np.linalg.lstsq(columns, signal[0, channel], rcond=None)[0]
        assert np.abs(events.amplitudes[:, channel] - expected).max() < 1e-9


def test_nonnegative_events_and_a_separation():
    signal, filters, (starts, _, strengths) = planted(np.random.default_rng(0))
    events = sc.find_events(signal, filters, 0.5, nonnegative=True)
    assert (events.amplitudes > 0).all()
    assert set(starts[strengths > 0]) <= set(events.samples)
    rare = sc.find_events(signal, filters, 0.5, sampling_rate=10.0, separation=10.0)
    assert 260 in rare.samples
    assert 200 not in rare.samples  # of the same filter, smaller, within 100 samples


def test_no_events_are_a_record_of_length_0():
    events = sc.find_events(np.ones((50, 2)) * 1e-3, sc.ricker_filters(8, [1.0]).repeat(2, 1), 1.0)
    assert len(events) == 0
    assert events.amplitudes.shape == (0, 2)


def test_noise_alone_has_hardly_any_events():
    noise = np.random.default_rng(0).standard_normal(20000)
    filters = sc.ricker_filters(32, [2.0, 4.0])
    assert len(sc.find_events(noise, filters)) <= 2
    assert len(sc.find_events(noise, filters, 2.0)) > 100  # a small weight finds many


def test_white_noise_has_events_in_one_recording_of_a_hundred_at_most():
    rng = np.random.default_rng(11)
    filters = sc.random_filters(4, 1, 16, 12)  # unlike each other, so that the bound is near
    exact = {"tol": 1e-9}  # a code just above the weight changes the objective by nothing

    def found(weight=None):
        noise = rng.standard_normal(400)
        return len(sc.find_events(noise, filters, weight, **exact)) > 0

    # of more than 9 the probability is 0.001, were there 3 on average
    assert sum(found() for _ in range(300)) <= 9
    level = float(np.sqrt(2 * np.log(4 * 385)))  # of Donoho and Johnstone: too small for this
    often = [found(level) for _ in range(60)]
    assert sum(often) > 6


# ---- bad input ----

IMAGE = np.random.default_rng(0).random((24, 24))
MASK = holes((24, 24))
BANK = dct(np.float64)
WAVES = sc.ricker_filters(8, [1.0])
PROBLEM = pursuit()


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: sc.denoise(IMAGE.tolist(), BANK), TypeError, "`signal` must be an array"),
        (lambda: sc.denoise(IMAGE > 0, BANK), ValueError, "must be float32 or float64"),
        (lambda: sc.denoise(IMAGE * 1j, BANK), ValueError, "complex128"),
        (lambda: sc.denoise(IMAGE * np.nan, BANK), ValueError, "`signal` must be finite"),
        (lambda: sc.denoise(IMAGE.astype("f4"), BANK), TypeError, "one kind and one dtype"),
        (lambda: sc.denoise(IMAGE[0], BANK), ValueError, "`signal` must have axes"),
        (lambda: sc.denoise(IMAGE[None, None, None, None], BANK), ValueError, "must have axes"),
        (lambda: sc.denoise(IMAGE[..., None], BANK.repeat(2, 1)), ValueError, "2 channels"),
        (lambda: sc.denoise(IMAGE[:4], BANK), ValueError, "no larger than the signal"),
        (lambda: sc.denoise(IMAGE, BANK, -1.0), ValueError, "`sigma` must be a number >= 0"),
        (lambda: sc.denoise(IMAGE, BANK, np.inf), ValueError, "`sigma` must be a number"),
        (lambda: sc.denoise(IMAGE, BANK, level=0.0), ValueError, "`level` must be a number > 0"),
        (lambda: sc.denoise(IMAGE, BANK, rounds=0), ValueError, "`rounds` must be an integer"),
        (lambda: sc.denoise(IMAGE, BANK, spins=0), ValueError, "`spins` must be an integer"),
        (lambda: sc.denoise(IMAGE, BANK, spins=7), ValueError, "`spins` must be at most"),
        (lambda: sc.denoise(IMAGE, BANK, debias=2.0), ValueError, "`debias` must be a number"),
        (lambda: sc.denoise(IMAGE, BANK, lowpass=-1.0), ValueError, "`lowpass` must be"),
        (lambda: sc.denoise(IMAGE, BANK, start=1), TypeError, "`start` must be left out"),
        (lambda: sc.estimate_noise(np.ones((1, 1, 1))), ValueError, "at least 2 samples"),
        (lambda: sc.estimate_noise(IMAGE), ValueError, "`signal` must have axes"),
        (lambda: sc.inpaint(IMAGE, MASK.tolist(), BANK), TypeError, "`mask` must be a boolean"),
        (lambda: sc.inpaint(IMAGE, MASK.astype(int), BANK), TypeError, "got int64"),
        (lambda: sc.inpaint(IMAGE, MASK[:5], BANK), ValueError, "`mask` must be broadcastable"),
        (lambda: sc.inpaint(IMAGE, 0.5 * MASK, BANK), ValueError, "0 and 1 only"),
        (lambda: sc.inpaint(IMAGE, ~(MASK | True), BANK), ValueError, "must keep a sample"),
        (lambda: sc.inpaint(IMAGE, MASK, BANK, 0.0), ValueError, "`weight` must be a number > 0"),
        (lambda: sc.inpaint(IMAGE, MASK, BANK, lowpass=0.0), ValueError, "`lowpass` must be"),
        (lambda: sc.inpaint(IMAGE, MASK, BANK, rounds=0), ValueError, "`rounds` must be"),
        (lambda: sc.debias(PROBLEM, IMAGE), ValueError, "`codes` must have"),
        (
            lambda: sc.debias(PROBLEM, np.ones(PROBLEM.codes_shape), amount=1.5),
            ValueError,
            "`amount` must be a number",
        ),
        (
            lambda: sc.debias(PROBLEM, np.ones(PROBLEM.codes_shape), max_iter=0),
            ValueError,
            "`max_iter` must be",
        ),
        (lambda: sc.decompose(IMAGE, BANK, 1.0), TypeError, "`weights` must be a sequence"),
        (lambda: sc.decompose(IMAGE, [BANK], [1.0, 2.0]), ValueError, "got 2 for 1"),
        (lambda: sc.decompose(IMAGE, [], []), ValueError, "at least one"),
        (lambda: sc.decompose(IMAGE, [BANK], [-1.0]), ValueError, "`weights` must be a number"),
        (
            lambda: sc.decompose(IMAGE, [BANK, WAVES], [1.0, 1.0]),
            ValueError,
            "`banks` must have one dtype",
        ),
        (lambda: sc.decompose(IMAGE, [BANK[0]], [1.0, 1.0]), ValueError, "got 2 for 1"),
        (lambda: sc.find_events(IMAGE, BANK, 1.0), ValueError, "must be one recording"),
        (lambda: sc.find_events(IMAGE, WAVES, 1.0), ValueError, "one channel, at a time"),
        (lambda: sc.find_events(IMAGE[0], WAVES, -1.0), ValueError, "`weight` must be a number"),
        (
            lambda: sc.find_events(IMAGE[0], WAVES, 1.0, sampling_rate=0.0),
            ValueError,
            "`sampling_rate` must be",
        ),
        (
            lambda: sc.find_events(IMAGE[0], WAVES, 1.0, separation=-1.0),
            ValueError,
            "`separation` must be",
        ),
        (lambda: sc.find_events(np.ones(50), WAVES), ValueError, "without noise"),
    ],
)
def test_bad_input_gets_one_clear_error(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_arrays_of_other_kinds_are_refused():
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="`signal` must be"):
        sc.denoise(torch.zeros(24, 24, dtype=torch.float64), BANK)
