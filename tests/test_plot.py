"""Pictures are drawn for every kind of signal, show what they say, and need no display."""

import io
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

import sparsecsc as sc
from sparsecsc import plot
from sparsecsc.result import History

HISTORY = History((0, 10, 20), (0.1, 0.5, 1.0), (9.0, 5.0, 4.9), (5.0, 0.1, 0.004))
NO_GAP = History((0, 10), (0.1, 0.5), (9.0, 5.0), (np.nan, np.nan))


def example(spatial, n_channels=1, n_filters=5):
    rng = np.random.default_rng(0)
    signal = rng.random((1, n_channels, *spatial))
    codes = rng.standard_normal((1, n_filters, *spatial))
    codes *= rng.random(codes.shape) < 0.05
    bank = rng.standard_normal((n_filters, n_channels, *(3,) * len(spatial)))
    return signal, 0.9 * signal, codes, bank


def size(figure):
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return len(stream.getvalue())


@pytest.mark.parametrize("history", [HISTORY, NO_GAP], ids=["gap", "no gap"])
@pytest.mark.parametrize(
    ("spatial", "channels"), [((40,), 1), ((40,), 2), ((12, 17), 1), ((12, 17), 3), ((6, 7, 8), 1)]
)
def test_report_is_drawn_for_every_kind_of_signal(spatial, channels, history):
    figure = plot.report(
        *example(spatial, channels), history, title="title", tol=1e-3, shift=(1,) * len(spatial)
    )
    assert isinstance(figure, Figure)
    assert size(figure) > 20_000
    titles = " ".join(ax.get_title() for ax in figure.axes)
    for words in ("original", "reconstruction", "residual", "filters used most", "convergence"):
        assert words in titles


def test_report_without_any_active_code_says_so():
    signal, approximation, codes, bank = example((12, 12))
    figure = plot.report(signal, approximation, 0 * codes, bank, HISTORY)
    texts = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert "all codes are zero" in texts
    assert size(figure) > 10_000


def test_residual_has_a_symmetric_scale_and_is_original_minus_reconstruction():
    signal, approximation, codes, bank = example((12, 12))
    figure = plot.report(signal, approximation, codes, bank, HISTORY)
    (ax,) = (ax for ax in figure.axes if ax.get_title().startswith("residual"))
    (picture,) = ax.images
    low, high = picture.get_clim()
    assert low == -high
    np.testing.assert_allclose(picture.get_array(), (signal - approximation)[0, 0])


def test_most_used_filters_come_first_with_their_share():
    signal, approximation, codes, bank = example((12, 12))
    codes[:] = 0
    codes[0, 3, 2, 2], codes[0, 1, 4, 4] = -3.0, 1.0
    figure = plot.report(signal, approximation, codes, bank, HISTORY)
    (ax,) = (ax for ax in figure.axes if ax.get_title().startswith("filters used"))
    assert [text.get_text() for text in ax.texts] == ["3: 75.0 %", "1: 25.0 %"]


def test_activity_is_moved_to_the_middle_of_the_filters():
    codes = np.zeros((1, 2, 8, 8))
    codes[0, 1, 7, 2] = -2.0
    (picture,) = plot.activity(codes, shift=(2, 1)).images
    drawn = picture.get_array()
    assert drawn[1, 3] == 2.0
    assert drawn.sum() == 2.0


def test_convergence_shows_gap_objective_and_tolerance():
    ax = plot.convergence(HISTORY, tol=1e-3)
    gap, tolerance = ax.lines
    np.testing.assert_allclose(gap.get_ydata(), np.divide(HISTORY.gaps, HISTORY.objectives))
    assert set(tolerance.get_ydata()) == {1e-3}
    assert ax.get_yscale() == "log"
    assert ax.get_xlabel() == "seconds"


@pytest.mark.parametrize(
    "shape", [(7, 1, 9), (7, 2, 9), (7, 1, 4, 4), (7, 3, 4, 4), (7, 1, 3, 3, 3)]
)
def test_filters_are_drawn_for_every_rank(shape):
    bank = np.random.default_rng(0).standard_normal(shape)
    bank[0] = 0
    ax = plot.filters(bank)
    assert size(ax.figure) > 3000


def test_raster_draws_one_mark_for_each_event():
    codes = np.zeros((1, 4, 30))
    codes[0, 2, 5], codes[0, 0, 29] = 1.5, -0.5
    (marks,) = plot.raster(codes, spacing=0.1, unit="seconds").collections
    assert sorted(map(tuple, np.round(marks.get_offsets(), 9))) == [(0.5, 2.0), (2.9, 0.0)]


def test_plotting_opens_no_window_and_loads_no_pyplot():
    code = "import sys, sparsecsc.plot; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def heights(ax):
    """Return the heights of the bars of a picture of the use of filters, upward and downward."""
    return [[bar.get_height() for bar in bars] for bars in ax.containers]


def test_usage_shows_shares_of_energy_and_of_nonzeros():
    codes = np.zeros((2, 3, 8))
    codes[0, 2, [1, 4]], codes[1, 0, 3] = 1.0, -2.0
    ax = plot.usage(codes)
    energy, nonzeros = heights(ax)
    np.testing.assert_allclose(energy, [100 * 4 / 6, 0, 100 * 2 / 6])
    np.testing.assert_allclose(nonzeros, [-100 / 3, 0, -200 / 3])
    assert ax.get_legend().get_title().get_text() == "1 unused"
    energy, nonzeros = heights(plot.usage(sc.SparseCodes.from_dense(codes), by_energy=True))
    np.testing.assert_allclose(energy, [100 * 4 / 6, 100 * 2 / 6, 0])
    np.testing.assert_allclose(nonzeros, [-100 / 3, -200 / 3, 0])
    assert heights(plot.usage(0 * codes)) == [[0, 0, 0], [0, 0, 0]]


def test_maps_show_the_largest_code_of_each_pixel():
    codes = np.zeros((2, 3, 200, 100))
    codes[1, 2, 100, 7], codes[1, 2, 101, 6], codes[1, 0, 199, 99] = -3.0, 2.0, 0.5
    ax = plot.codes(codes, signal=1, labels=["a", "b", "c"])
    first, second, third = (np.asarray(image.get_array()) for image in ax.images)
    assert first.shape == (67, 34)
    assert first[66, 33] == 0.5
    assert not second.any()
    assert third[33, 2] == -3.0
    assert np.count_nonzero(third) == 1
    assert all(image.get_clim() == (-3.0, 3.0) for image in ax.images)
    assert [text.get_text() for text in ax.texts] == ["a", "b", "c"]
    assert size(ax.figure) > 5000


def test_maps_of_volumes_show_the_largest_code_along_the_first_axis():
    codes = np.zeros((1, 2, 5, 4, 3))
    codes[0, 1, 2, 3, 1], codes[0, 1, 4, 3, 1] = 1.0, -2.0
    _, second = plot.codes(codes).images
    expected = np.zeros((4, 3))
    expected[3, 1] = -2.0
    np.testing.assert_array_equal(second.get_array(), expected)


def test_codes_of_one_axis_are_lines_in_the_row_of_their_filter():
    codes = np.zeros((1, 3, 30))
    codes[0, 1, 7], codes[0, 2, 9] = 4.0, -1.0
    _, up, down = plot.codes(codes).collections
    np.testing.assert_allclose(up.get_segments()[0], [[7, 1], [7, 0.55]])
    np.testing.assert_allclose(down.get_segments()[0], [[9, 2], [9, 2.225]])


@pytest.mark.parametrize("shape", [(1, 4, 9), (1, 4, 9, 8), (1, 4, 5, 6, 7)])
def test_codes_that_are_all_zero_are_drawn(shape):
    assert size(plot.codes(np.zeros(shape)).figure) > 2000


def test_comparison_shows_gaps_or_the_distance_to_the_optimum():
    ax = plot.comparison({"a": HISTORY, "b": NO_GAP})
    first, second = ax.lines
    np.testing.assert_allclose(first.get_ydata(), np.divide(HISTORY.gaps, HISTORY.objectives))
    np.testing.assert_allclose(first.get_xdata(), HISTORY.seconds)
    assert len(second.get_xdata()) == 0
    assert ax.get_ylabel() == "relative duality gap"
    ax = plot.comparison({"a": HISTORY}, optimum=4.5, by_iteration=True)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [1.0, 0.5 / 4.5, 0.4 / 4.5])
    np.testing.assert_allclose(ax.lines[0].get_xdata(), HISTORY.iterations)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("iterations", "relative suboptimality")
    assert size(ax.figure) > 5000


def test_pictures_are_drawn_where_they_are_asked_for():
    ax = Figure().subplots()
    codes = np.ones((1, 2, 4, 4))
    assert plot.codes(codes, ax=ax) is ax
    assert plot.usage(codes, ax=ax) is ax
    assert plot.comparison({"a": HISTORY}, ax=ax) is ax
    assert sc.plot is plot


@pytest.mark.parametrize(
    ("draw", "error", "message"),
    [
        (lambda c: plot.codes(c, signal=1), ValueError, "`signal` must be below the 1 signals"),
        (lambda c: plot.codes(c, signal=-1), ValueError, "`signal` must be an integer >= 0"),
        (lambda c: plot.codes(c, labels=["a"]), ValueError, "each of the 2 filters; got 1"),
        (lambda c: plot.codes(c, columns=0), ValueError, "`columns` must be an integer >= 1"),
        (lambda c: plot.codes(c[0, 0]), ValueError, "`codes` must have axes"),
        (lambda c: plot.usage(c.astype(int)), ValueError, "must be float32 or float64; got int64"),
        (lambda _: plot.comparison({}), TypeError, "must be a dict such as .* got none"),
        (lambda _: plot.comparison([HISTORY]), TypeError, "must be a dict such as .* got list"),
        (
            lambda _: plot.comparison({"a": HISTORY}, optimum=0),
            ValueError,
            "`optimum` must be a number > 0",
        ),
    ],
)
def test_what_cannot_be_drawn_gets_one_clear_error(draw, error, message):
    with pytest.raises(error, match=message):
        draw(np.ones((1, 2, 4, 4)))
