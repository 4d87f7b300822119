"""Pictures are drawn for every kind of signal, show what they say, and need no display."""

import io
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

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
