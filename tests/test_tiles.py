"""Tiles, chunks and colours, and the kernels on them against plain twins."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from checkers import assert_close
from test_coordinate_descent import GEOMETRIES, problem_of

import sparsecsc as sc
from sparsecsc import _codes_tiling as tiling_of
from sparsecsc import _codes_work as codes_work
from sparsecsc._codes_graph import make_order
from sparsecsc.backends import cpu

DTYPES = [np.float32, np.float64]
MASKS = [None, "holes", "weights"]


def work_of(problem):
    """Return the problem in tiles, with its mask."""
    work = codes_work.make_work(problem)
    shape = (*problem.signal.shape[:2], *work.tiling.samples)
    squares = codes_work.squares_of(problem, shape)
    return replace(work, squares=squares), shape


def random_codes(problem, seed=0, share=0.2):
    rng = np.random.default_rng(seed)
    codes = rng.standard_normal(problem.codes_shape) * (rng.random(problem.codes_shape) < share)
    return codes.astype(problem.signal.dtype)


# ---- records ----


@pytest.mark.parametrize("name", GEOMETRIES)
def test_entries_are_the_codes_tile_after_tile(name):
    problem = problem_of(name)
    work, _ = work_of(problem)
    codes = sc.SparseCodes.from_dense(random_codes(problem))
    entries = work.entries(codes)
    assert work.codes(entries) == codes
    assert len(entries) == len(work.tiling.chunks) * problem.codes_shape[0]
    assert all(part.bounds[-1] == part.values.size for part in entries)


def samples_of(tiling, chunk, dictionary, spatial):
    """Return the flat indices of the samples that the atoms of a chunk touch."""
    low, high = chunk[:3] * tiling.tile, np.minimum(chunk[3:] * tiling.tile, tiling.positions)
    front = 3 - dictionary.n_axes
    axes = []
    for axis, n in enumerate((1,) * front + tuple(spatial)):
        if axis < front:
            axes.append({0})
            continue
        k = axis - front
        stride, extent, before = (
            dictionary.stride[k],
            dictionary.extent[k],
            dictionary.pads[k][0],
        )
        touched = set()
        for p in range(low[axis], high[axis]):
            begin = p * stride - before
            for q in range(begin, begin + extent):
                if dictionary.is_circular:
                    touched.add(q % n)
                elif 0 <= q < n:
                    touched.add(q)
        axes.append(touched)
    return set(itertools.product(*axes))


def check_colours(tiling, dictionary, spatial):
    """Chunks of a colour share no sample; every tile is in one chunk, every chunk of one colour."""
    for colour in tiling.colours:
        seen = set()
        for i in colour:
            own = samples_of(tiling, tiling.chunks[i], dictionary, spatial)
            assert not own & seen
            seen |= own
    numbers = sorted(i for colour in tiling.colours for i in colour)
    assert numbers == list(range(len(tiling.chunks)))
    tiles = {tuple(corner) for corner in tiling.corners.tolist()}
    grid = -(-tiling.positions // tiling.tile)
    assert len(tiles) == len(tiling.corners) == np.prod(grid)


CUTS = {
    "1d circular": ((2, 1, 40), (41000,), {}),
    "1d long atoms": ((2, 1, 900), (30000,), {}),
    "1d valid": ((2, 1, 40), (21000,), {"padding": "valid"}),
    "1d stride": ((2, 1, 64), (81920,), {"stride": 4}),
    "2d circular odd": ((2, 1, 7, 9), (81, 300), {}),
    "2d large": ((2, 1, 40, 5), (130, 280), {"padding": "same"}),
    "2d dilated": ((2, 1, 5, 5), (100, 270), {"dilation": 6}),
    "3d": ((2, 1, 3, 3, 3), (9, 20, 270), {"padding": "full"}),
}


@pytest.mark.parametrize("name", CUTS)
def test_chunks_of_a_colour_share_no_sample(name):
    shape, spatial, options = CUTS[name]
    dictionary = sc.ConvDictionary(np.ones(shape), **options)
    tiling = tiling_of.make_tiling(cpu.tiles, dictionary, (1, 1, *spatial))
    assert len(tiling.chunks) > 1
    check_colours(tiling, dictionary, spatial)
    check_near(tiling, dictionary, spatial)
    wrong = replace(tiling)
    vars(wrong)["near"] = tuple(near[1:] for near in tiling.near)
    with pytest.raises(AssertionError):
        check_near(wrong, dictionary, spatial)


def check_near(tiling, dictionary, spatial):
    """Chunks that share samples wait for each other, in the order of the colours."""
    touched = [samples_of(tiling, chunk, dictionary, spatial) for chunk in tiling.chunks]
    n = len(touched)
    order = make_order(tiling, 2)
    assert sorted(order.numbers) == list(range(2 * n))
    for graph in (order.alone, order.twice):
        waits = [0] * len(graph.counts)
        for task, followers in enumerate(graph.followers):
            for other in followers:
                assert other > task
                waits[other] += 1
        assert tuple(waits) == graph.counts
    for one, other in itertools.combinations(range(2 * n), 2):
        (b, i), (c, j) = (divmod(order.numbers[task], n) for task in (one, other))
        if b == c and touched[i] & touched[j]:
            assert other in order.alone.followers[one]
            assert {2 * n + one, 2 * n + other} <= set(order.twice.followers[one])
            assert {2 * n + one, 2 * n + other} <= set(order.twice.followers[other])
    colours = {i: colour for colour, some in enumerate(tiling.colours) for i in some}
    seen = [colours[number % n] for number in order.numbers]
    assert seen == sorted(seen)


def test_a_colour_with_neighbours_is_found_out():
    dictionary = sc.ConvDictionary(np.ones((2, 1, 40)))
    tiling = tiling_of.make_tiling(cpu.tiles, dictionary, (1, 1, 40000))
    everything = (tuple(range(len(tiling.chunks))),)
    with pytest.raises(AssertionError):
        check_colours(replace(tiling, colours=everything), dictionary, (40000,))


# ---- the dictionary at its support ----


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("name", GEOMETRIES)
def test_atoms_are_added_and_correlated_as_the_dictionary_says(name, mask, dtype):
    problem = problem_of(name, mask=mask, dtype=dtype)
    work, shape = work_of(problem)
    codes = random_codes(problem, 3)
    entries = work.entries(sc.SparseCodes.from_dense(codes))
    values = np.concatenate([part.values for part in entries])
    samples = np.zeros(shape, dtype)
    work.add(samples, entries, values)
    square = 1 if problem.mask is None else problem.mask**2
    expected = square * problem.dictionary.synthesize(codes, problem.signal.shape[2:])
    assert_close(samples.reshape(problem.signal.shape), expected, dtype)
    found = np.zeros(codes.size, dtype)
    found[work.places(entries)] = work.inner(problem.signal.reshape(shape), entries)
    correlation = problem.dictionary.analyze(problem.signal)
    assert_close(found.reshape(codes.shape), np.where(codes != 0, correlation, 0), dtype)


# ---- what is off most ----


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("penalty", [sc.L1, sc.NonnegativeL1])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_the_overshoot_is_the_largest_correlation_in_units_of_the_weights(name, penalty, dtype):
    problem = problem_of(name, penalty, dtype=dtype)
    correlation = problem.dictionary.analyze(problem.signal)
    sizes = np.maximum(correlation, 0) if penalty is sc.NonnegativeL1 else np.abs(correlation)
    rng = np.random.default_rng(1)
    n_filters = problem.codes_shape[1]
    per_filter = rng.random(n_filters).astype(dtype) + dtype(0.1)
    per_filter[0] = np.inf
    everywhere = rng.random(problem.codes_shape).astype(dtype) + dtype(0.1)
    for weight in (per_filter, everywhere):
        weighted = problem.with_penalty(penalty(weight))
        found = codes_work.overshoot(weighted, problem.signal)
        column = (
            weight.reshape(1, -1, *(1,) * (correlation.ndim - 2)) if weight.ndim == 1 else weight
        )
        assert_close(found, (sizes / column).max(axis=1), dtype)


# ---- passes and selection ----


def plain_pass(problem, codes, order, level):
    """One exact minimisation over each coefficient in turn, with whole columns."""
    codes = codes.copy()
    shape = problem.signal.shape
    for b, m, *position in order:
        column = problem.dictionary.column(shape, (m, *position), problem.signal)
        if problem.mask is not None:
            column = column * np.broadcast_to(problem.mask, shape)[b]
        residual = problem.residual(codes)[b]
        square = (column**2).sum()
        pull = (column * residual).sum() + square * codes[(b, m, *position)]
        size = max(abs(pull) - level, 0)
        codes[(b, m, *position)] = np.sign(pull) * size / square if square > 0 else 0
    return codes


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("name", GEOMETRIES)
def test_a_pass_minimises_over_each_coefficient_in_turn(name, mask):
    problem = problem_of(name, mask=mask)
    work, shape = work_of(problem)
    codes = random_codes(problem, 5, share=0.1)
    entries = work.entries(sc.SparseCodes.from_dense(codes))
    order = np.stack(np.unravel_index(work.places(entries), codes.shape), axis=1).tolist()
    square = 1 if problem.mask is None else problem.mask**2
    samples = (square * (problem.signal - problem.synthesize(codes))).reshape(shape).copy()
    found, joined = work.sweep(samples, entries, plan=(0, 1, 0), scale=1.0)
    expected = plain_pass(problem, codes, order, float(problem.penalty.weight))
    assert joined == 0
    assert_close(work.codes(found).to_dense(), expected)
    left = square * (problem.signal - problem.synthesize(expected))
    assert_close(samples.reshape(problem.signal.shape), left)


@pytest.mark.parametrize("name", GEOMETRIES)
def test_in_each_cell_the_largest_excess_joins(name):
    problem = problem_of(name)
    work, shape = work_of(problem)
    none = work.entries(sc.SparseCodes.zeros(problem.codes_shape, np.float64))
    samples = problem.signal.reshape(shape).copy()
    _, joined = work.sweep(samples, none, plan=(1, 0, 0), scale=1.0)
    norms = np.sqrt((problem.dictionary.filters**2).reshape(problem.codes_shape[1], -1).sum(axis=1))
    column = norms.reshape(1, -1, *(1,) * (len(problem.codes_shape) - 2))
    excess = (np.abs(problem.dictionary.analyze(problem.signal)) - problem.penalty.weight) / column
    best = excess.max(axis=1).reshape(problem.codes_shape[0], *work.tiling.positions)
    geometry = work.tiling.geometry
    cell = geometry[cpu.tiles.CELL : cpu.tiles.CELL + 3]
    cells = set()
    for b, *position in np.argwhere(best > 0).tolist():
        tile = np.array(position) // work.tiling.tile
        inside = (np.array(position) % work.tiling.tile) // cell
        cells.add((b, *tile.tolist(), *inside.tolist()))
    assert joined == len(cells) > 0
    assert_close(samples, problem.signal.reshape(shape))


def test_what_is_on_the_list_does_not_join_again():
    problem = problem_of("2d")
    work, shape = work_of(problem)
    every = np.full(problem.codes_shape, 1e-3)
    entries = work.entries(sc.SparseCodes.from_dense(every))
    samples = problem.residual(every).reshape(shape).copy()
    _, joined = work.sweep(samples, entries, plan=(1, 0, 0), scale=1e-6)
    assert joined == 0


def test_the_answer_does_not_depend_on_the_number_of_threads(monkeypatch):
    rng = np.random.default_rng(2)
    filters = rng.standard_normal((5, 1, 5, 5)) / 5
    problem = sc.Pursuit(rng.standard_normal((1, 1, 70, 600)), sc.ConvDictionary(filters), sc.L1(1))
    found = []
    for n in ("1", "2", "3"):
        monkeypatch.setenv("SPARSECSC_NUM_THREADS", n)
        found.append(sc.solve(problem, sc.CoordinateDescent(), tol=0, max_iter=4).sparse_codes)
    assert found[0] == found[1] == found[2]
    assert found[0].nnz > 1000
