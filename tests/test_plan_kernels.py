"""The kernels of the convolution plans and of the layered sweeps are their slow plain twins."""

import itertools

import numpy as np
import pytest
from checkers import assert_close

from sparsecsc.backends import cpu

precisions = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=("float32", "float64"))
COMPLEX = {np.float32: np.complex64, np.float64: np.complex128}


def real(shape, dtype, seed):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def complexes(shape, dtype, seed):
    return (real(shape, dtype, seed) + 1j * real(shape, dtype, seed + 1)).astype(COMPLEX[dtype])


def plain_cut(shape, x, corner, stride, wraps):
    out = np.zeros(shape)
    for c, *rest in itertools.product(*map(range, shape)):
        phase, r = rest[:3], rest[3:]
        u = [corner[k] + r[k] * stride[k] + phase[k] for k in range(3)]
        if wraps:
            u = [q % n for q, n in zip(u, x.shape[1:], strict=True)]
        if all(0 <= q < n for q, n in zip(u, x.shape[1:], strict=True)):
            out[(c, *phase, *r)] = x[(c, *u)]
    return out


@precisions
@pytest.mark.parametrize("wraps", [False, True])
@pytest.mark.parametrize("stride", [(1, 1, 1), (1, 2, 3)], ids=str)
@pytest.mark.parametrize("corner", [(0, 0, 0), (-1, -2, -5), (0, 3, 4)], ids=str)
def test_cut_is_its_plain_twin(dtype, wraps, stride, corner):
    x = real((2, 2, 5, 7), dtype, 1)
    out = np.full((2, *stride, 3, 4, 6), np.nan, dtype)
    cpu.plans.cut(out, x, np.asarray(corner), np.asarray(stride), wraps)
    assert np.array_equal(out, plain_cut(out.shape, x, corner, stride, wraps).astype(dtype))


def plain_pack(x, lanes):
    n_blocks = -(-x.shape[2] // lanes)
    padded = np.zeros((*x.shape[:2], n_blocks * lanes), x.dtype)
    padded[..., : x.shape[2]] = x
    return padded.reshape(*x.shape[:2], n_blocks, lanes).transpose(2, 0, 1, 3)


@precisions
@pytest.mark.parametrize("size", [1, 8, 19])
def test_pack_is_its_plain_twin_and_unpack_undoes_it(dtype, size):
    lanes = cpu.plans.lanes_of(COMPLEX[dtype])
    x = complexes((2, 3, size), dtype, 2)
    out = np.full((-(-size // lanes), 4, 3, lanes), np.nan, COMPLEX[dtype])
    cpu.plans.pack(out, x, 1)
    assert np.array_equal(out[:, 1:3], plain_pack(x, lanes))
    assert np.isnan(out[:, 0]).all()
    back = np.empty_like(x)
    cpu.plans.unpack(back, out, 1)
    assert np.array_equal(back, x)


@precisions
@pytest.mark.parametrize("conjugated", [False, True])
@pytest.mark.parametrize("sizes", [(1, 1, 1), (5, 3, 2), (9, 7, 5)], ids=str)
def test_multiply_tiles_is_its_plain_twin(dtype, conjugated, sizes):
    n_filters, n_channels, n_tiles = sizes
    size, first = 11, 1 if conjugated and n_filters > 1 else 0
    lanes = cpu.plans.lanes_of(COMPLEX[dtype])
    spectra = complexes((n_filters, n_channels, size), dtype, 4)
    n_outs = n_filters - first if conjugated else n_channels
    x = complexes((n_tiles, n_channels if conjugated else n_filters, size), dtype, 6)
    packed = [np.ascontiguousarray(plain_pack(a, lanes)) for a in (spectra, x)]
    out = np.empty((packed[0].shape[0], n_tiles, n_outs, lanes), COMPLEX[dtype])
    room = (np.empty(cpu.plans.INDICES, np.int64), dtype(-1 if conjugated else 1))
    steps = (0, 1, first) if conjugated else (1, 0, 0)
    cpu.plans.multiply_tiles(out, packed[0], packed[1], steps, room)
    if conjugated:
        expected = np.einsum("mcf,tcf->tmf", spectra[first:].conj(), x)
    else:
        expected = np.einsum("mcf,tmf->tcf", spectra, x)
    found = np.empty_like(expected)
    cpu.plans.unpack(found, out, 0)
    assert_close(found.real, expected.real, dtype, slack=100)
    assert_close(found.imag, expected.imag, dtype, slack=100)


def plain_pairs(real_tiles, imaginary_tiles, lanes):
    n, m = real_tiles.shape[1:]
    spectrum = np.fft.fft2(real_tiles.astype(np.float64) + 1j * imaginary_tiles)
    orders = [cpu.plans.pair_order(size) for size in (n, m)]
    ordered = np.swapaxes(spectrum[:, orders[0]][:, :, orders[1]], 1, 2)
    return ordered.reshape(len(real_tiles), -1, lanes).transpose(1, 0, 2)


@precisions
@pytest.mark.parametrize("size", [(8, 8), (16, 8), (16, 32), (64, 16), (32, 32), (8, 64)], ids=str)
def test_transforms_of_pairs_are_their_plain_twin_and_undo_each_other(dtype, size):
    n, m = size
    lanes = cpu.plans.lanes_of(COMPLEX[dtype])
    tiles = [real((3, n, m), dtype, seed) for seed in (17, 18)]
    packed = np.full((n * m // lanes, 2, 3, lanes), np.nan, COMPLEX[dtype])
    flat = packed.view(dtype).reshape(-1)
    factors = [cpu.plans.pair_factors(k, dtype) for k in size]
    room = (*np.empty((4, n * m), dtype), *factors)
    both = np.concatenate(tiles, axis=2)  # the tiles beside each other, in each channel
    corners = np.array([[0, 0, 0], [0, 0, m]])
    source = (both.reshape(-1), (1, n, 2 * m), corners, 2, (1, 1, 1), False)
    cpu.plans.transform_pairs(flat, source, (1, 2, 3, 0, lanes), (1, n, m), room)
    expected = plain_pairs(*tiles, lanes)
    assert_close(packed[:, 1].real, expected.real, dtype, slack=50)
    assert_close(packed[:, 1].imag, expected.imag, dtype, slack=50)
    assert np.isnan(packed[:, 0]).all()
    with pytest.raises(AssertionError):
        assert_close(packed[:, 1].real, plain_pairs(*tiles[::-1], lanes).real, dtype, slack=50)
    out = np.full((3, n, 2 * m), np.nan, dtype)
    corners[1, 2] = m + 2
    target = (out.reshape(-1), (1, n, 2 * m), corners, 2, (0, 1, 2), (1, n - 1, m - 2))
    cpu.plans.restore_pairs(target, flat, (1, 2, 3, 0, lanes), (1, n, m), room)
    assert_close(out[:, : n - 1, : m - 2] / (n * m), tiles[0][:, 1:, 2:], dtype, slack=50)
    assert_close(out[:, : n - 1, m + 2 :] / (n * m), tiles[1][:, 1:, 2:], dtype, slack=50)
    assert np.isnan(out[:, n - 1]).all()
    assert np.isnan(out[:, :, m - 2 : m + 2]).all()


@precisions
@pytest.mark.parametrize("wraps", [False, True])
def test_pairs_are_cut_at_borders_phase_by_phase_and_a_lone_tile_has_a_partner_of_zeros(
    dtype, wraps
):
    n, m, stride, first = 8, 16, (1, 2, 3), 2
    lanes = cpu.plans.lanes_of(COMPLEX[dtype])
    x = real((2, 1, 13, 40), dtype, 19)
    corners = np.array([[0, -3, 30], [0, 4, -7]])
    cuts = [np.empty((2, *stride, 1, n, m), dtype) for _ in corners]
    for one, corner in zip(cuts, corners, strict=True):
        cpu.plans.cut(one, x, corner, np.array(stride), wraps)
    tiles = [one.reshape(12, n, m) for one in cuts]
    factors = [cpu.plans.pair_factors(k, dtype) for k in (n, m)]
    room = (*np.empty((4, n * m), dtype), *factors)
    packed = np.full((n * m // lanes, 1, 15, lanes), np.nan, COMPLEX[dtype])
    for count in (2, 1):
        source = (x.reshape(-1), (1, 13, 40), corners, count, stride, wraps)
        place = (0, 1, 15, first, lanes)
        cpu.plans.transform_pairs(packed.view(dtype).reshape(-1), source, place, (1, n, m), room)
        expected = plain_pairs(tiles[0], tiles[1] if count == 2 else 0 * tiles[1], lanes)
        found = packed[:, 0, first : first + 12]
        assert_close(found.real, expected.real, dtype, slack=50)
        assert_close(found.imag, expected.imag, dtype, slack=50)
        assert np.isnan(packed[:, 0, :first]).all()
        assert np.isnan(packed[:, 0, first + 12 :]).all()


@pytest.mark.parametrize("n", [2, 4, 8, 16, 32, 64])
def test_each_frequency_stands_at_one_place(n):
    assert sorted(cpu.plans.pair_order(n)) == list(range(n))


@precisions
@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize("n_outputs", [1, 4, 6])
@pytest.mark.parametrize("width", [3, 16, 37])
def test_sum_rows_is_its_plain_twin(dtype, add, n_outputs, width):
    plans = cpu.plans
    rows = 1 if n_outputs == 1 else plans.ROWS
    offsets, starts = np.array([0, 2, 7, 8]), np.array([0, 45, 90])
    taps = real((n_outputs, len(offsets)), dtype, 8)
    padded = np.zeros((-(-n_outputs // rows) * rows, len(offsets)), dtype)
    padded[:n_outputs] = taps
    weights = np.ascontiguousarray(padded.reshape(-1, rows, len(offsets)).transpose(0, 2, 1))
    x = real((220,), dtype, 9)
    out = real((n_outputs, len(starts) * width), dtype, 10)
    expected = out.astype(np.float64) if add else np.zeros(out.shape)
    for o, (line, start), i in itertools.product(range(n_outputs), enumerate(starts), range(width)):
        total = sum(
            float(w) * float(x[start + k + i]) for w, k in zip(taps[o], offsets, strict=True)
        )
        expected[o, line * width + i] += total
    room = (np.empty(64, np.int64), np.empty(plans.ROW_SUMS, dtype))
    plans.sum_rows(out, x, (weights, offsets), (starts, width, *room), add)
    assert_close(out, expected, dtype, slack=50)


@precisions
@pytest.mark.parametrize("n_outputs", [1, 32, 40])
def test_sum_points_is_its_plain_twin(dtype, n_outputs):
    plans, n_signals, n_positions = cpu.plans, 3, 7
    lanes = plans.PANEL * plans.lanes_of(dtype)
    # two groups of positions: the first sums entries 0 to 2, the second 3 and 4
    first_point, first_entry = np.array([0, 4, 7]), np.array([0, 3, 5])
    sources, targets = np.array([0, 1, 2, 3, 10, 11, 12]), np.array([6, 5, 4, 3, 2, 1, 0])
    offsets, rows = np.array([0, 3, 5, 1, 2]), np.array([0, 1, 2, 3, 1])
    taps = real((4, n_outputs), dtype, 11)
    n_panels = -(-n_outputs // lanes)
    padded = np.zeros((4, n_panels * lanes), dtype)
    padded[:, :n_outputs] = taps
    weights = np.ascontiguousarray(padded.reshape(4, n_panels, lanes).transpose(1, 0, 2))
    x = real((n_signals, 20), dtype, 12)
    out = np.full((n_signals, n_outputs, n_positions), np.nan, dtype)
    expected = np.zeros(out.shape)
    for g, b in itertools.product(range(2), range(n_signals)):
        for p in range(first_point[g], first_point[g + 1]):
            for k in range(first_entry[g], first_entry[g + 1]):
                row = taps[rows[k]].astype(np.float64)
                expected[b, :, targets[p]] += row * float(x[b, sources[p] + offsets[k]])
    groups = (first_point, first_entry, sources, targets)
    room = (np.empty(64, np.int64), np.empty(plans.POINT_SUMS, dtype))
    plans.sum_points(out, x, (weights, offsets, rows), groups, room)
    assert_close(out, expected, dtype, slack=50)


def test_the_comparison_with_a_twin_catches_a_wrong_kernel():
    x = real((2, 2, 5, 7), np.float64, 1)
    out = np.empty((2, 1, 1, 1, 3, 4, 6))
    cpu.plans.cut(out, x, np.array([0, 3, 4]), np.ones(3, np.int64), True)
    assert not np.array_equal(out, plain_cut(out.shape, x, (0, 3, 4), (1, 1, 1), False))
    assert not np.array_equal(out, plain_cut(out.shape, x, (0, 3, 5), (1, 1, 1), True))


def plain_shrink(correlation, base, step, penalty):
    threshold, ridge, nonnegative = penalty
    point = base + correlation.dtype.type(step) * correlation
    threshold = correlation.dtype.type(threshold)
    if nonnegative:
        shrunk = np.maximum(point - threshold, 0)
    else:
        shrunk = point - np.clip(point, -threshold, threshold)
    return shrunk * correlation.dtype.type(1.0 / (1.0 + ridge))


@precisions
@pytest.mark.parametrize("penalty", [(0.3, 0.0, False), (0.3, 0.5, False), (0.3, 0.5, True)])
def test_shrink_is_its_plain_twin_to_the_last_bit(dtype, penalty):
    correlation, base = real((2, 3, 17), dtype, 13), real((2, 3, 17), dtype, 14)
    expected = plain_shrink(correlation, base, 0.7, penalty)
    assert np.array_equal(cpu.shrink(correlation.copy(), base, 0.7, penalty), expected)
    other = plain_shrink(correlation, base, 0.7, (0.31, *penalty[1:]))
    assert not np.array_equal(expected, other)


@precisions
def test_shrink_keeps_what_is_not_a_number(dtype):
    correlation = np.array([[[np.nan, 1.0]]], dtype)
    with np.errstate(invalid="ignore"):
        for nonnegative in (False, True):
            found = cpu.shrink(correlation.copy(), 0 * correlation, 1.0, (0.3, 0.0, nonnegative))
            assert np.isnan(found[0, 0, 0])


@precisions
def test_difference_is_its_plain_twin(dtype):
    x, y = real((2, 3, 1000), dtype, 15), real((2, 3, 1000), dtype, 16)
    apart, size = cpu.difference(x, y)
    wide = x.astype(np.float64)
    assert apart == pytest.approx(np.sum((wide - y) ** 2), rel=10 * float(np.finfo(dtype).eps))
    assert size == pytest.approx(np.sum(wide**2), rel=10 * float(np.finfo(dtype).eps))
