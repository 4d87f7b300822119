"""Pictures: filters, where codes are active, how a run converged, and a report of it all.

Only the files of this room import matplotlib (``pip install "sparsecsc[plot]"``). Figures are made
without pyplot: no window, no global state; save them with ``figure.savefig``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sparsecsc._plot_codes import codes, comparison, usage
from sparsecsc._plot_draw import (
    activity,
    bar,
    convergence,
    draw_image,
    filters,
    middle_slice,
    raster,
)
from sparsecsc._plot_layers import layers_report
from sparsecsc._plot_learn import learn_report
from sparsecsc.codes import SparseCodes
from sparsecsc.result import History

__all__ = [
    "activity",
    "codes",
    "comparison",
    "convergence",
    "filters",
    "layers_report",
    "learn_report",
    "raster",
    "report",
    "usage",
]

_MOST_USED = 12


def report(
    signal: Any,
    reconstruction: Any,
    codes: Any,
    bank: Any,
    history: History,
    *,
    title: str = "",
    tol: float | None = None,
    shift: Sequence[int] = (),
    sample_rate: float | None = None,
) -> Figure:
    """Draw one page about a run.

    Parameters
    ----------
    signal, reconstruction : array, shape (n_signals, n_channels, *spatial)
        The first signal is drawn; of volumes the middle slice.
    codes : array or SparseCodes, shape (any, n_filters, *code_spatial)
    bank : array, shape (n_filters, n_channels, *kernel)
        The filters.
    history : History
    title : str
        One or two lines over everything.
    tol : float, optional
        The tolerance asked for.
    shift : sequence of int
        As for `activity`.
    sample_rate : float, optional
        Samples per second, for 1-D signals.

    Returns
    -------
    matplotlib.figure.Figure
        Save it with ``figure.savefig("report.png")``.
    """
    signal, reconstruction = np.asarray(signal)[0], np.asarray(reconstruction)[0]
    codes = codes if isinstance(codes, SparseCodes) else np.asarray(codes)
    bank = np.asarray(bank)
    draw = _curves if signal.ndim == 2 else _images
    panels = _Panels(signal, reconstruction, codes, shift, sample_rate)
    height = 9.5
    if signal.ndim > 2:
        height = 1.6 + 7.6 * min(max(signal.shape[-2] / signal.shape[-1], 0.5), 1.5)
    figure: Any = Figure(figsize=(14, height), dpi=100, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1, wspace=0.03, hspace=0.03)
    if title:
        figure.suptitle(title, fontsize=11)
    most_used, converged = draw(figure, panels)
    _draw_most_used(most_used, codes, bank)
    converged.set_title("convergence", fontsize=11)
    convergence(history, ax=converged, tol=tol)
    drawn: Figure = figure
    return drawn


@dataclass(frozen=True, eq=False)
class _Panels:
    """What the upper panels of a report show."""

    signal: Any
    reconstruction: Any
    codes: Any
    shift: Sequence[int]
    sample_rate: float | None


def _images(figure: Any, what: _Panels) -> tuple[Any, Any]:
    """Draw the three pictures and the map; return the axes that are left."""
    panels = figure.subplots(2, 3)
    one, two = middle_slice(what.signal), middle_slice(what.reconstruction)
    low, high = float(one.min()), float(one.max())
    for ax, picture, name in zip(
        panels[0], (one, two), ("original", "reconstruction"), strict=False
    ):
        draw_image(ax, picture, low, high)
        ax.set_title(f"{name} (middle slice)" if what.signal.ndim == 4 else name, fontsize=11)
    residual = (one - two).mean(axis=0)
    top = float(np.abs(residual).max()) or 1.0
    ax = panels[0, 2]
    shown = ax.imshow(residual, cmap="RdBu_r", vmin=-top, vmax=top, interpolation="nearest")
    colour = " (mean of channels)" if len(one) > 1 else ""
    ax.set_title("residual (original - reconstruction)", fontsize=11)
    ax.set(xticks=[], yticks=[])
    bar(ax, shown, f"signal units{colour}")
    panels[1, 0].set_title("where the codes are active", fontsize=11)
    activity(what.codes, ax=panels[1, 0], shift=what.shift)
    return panels[1, 1], panels[1, 2]


def _curves(figure: Any, what: _Panels) -> tuple[Any, Any]:
    """Draw signal, residual and events over time; return the axes that are left."""
    signal, reconstruction, rate = what.signal, what.reconstruction, what.sample_rate
    grid = figure.add_gridspec(4, 2, height_ratios=(1.0, 0.7, 1.3, 1.6), width_ratios=(1, 1))
    top = figure.add_subplot(grid[0, :])
    middle = figure.add_subplot(grid[1, :], sharex=top)
    events = figure.add_subplot(grid[2, :], sharex=top)
    spacing, unit = (1 / rate, "seconds") if rate else (1.0, "samples")
    times = np.arange(signal.shape[1]) * spacing
    of = f" (channel 1 of {len(signal)})" if len(signal) > 1 else ""
    top.plot(times, signal[0], lw=1.6, color="0.6", label="original")
    top.plot(times, reconstruction[0], lw=0.6, color="tab:red", label="reconstruction")
    top.legend(loc="upper right", fontsize=8, ncols=2)
    top.set_title(f"original and reconstruction{of}", fontsize=11)
    middle.plot(times, signal[0] - reconstruction[0], lw=0.6, color="black")
    middle.set_title("residual (original - reconstruction)", fontsize=11)
    for ax in (top, middle):
        ax.set_ylabel("amplitude")
        ax.tick_params(labelbottom=False)
    events.set_title("events: which filter, when, how strong", fontsize=11)
    spread = spacing * signal.shape[1] / what.codes.shape[-1]
    moved = what.shift[0] if len(what.shift) else 0
    raster(what.codes, ax=events, spacing=spread, unit=unit, shift=moved)
    top.set_xlim(0, signal.shape[1] * spacing)
    return figure.add_subplot(grid[3, 0]), figure.add_subplot(grid[3, 1])


def _draw_most_used(ax: Any, codes: Any, bank: Any) -> None:
    if isinstance(codes, SparseCodes):
        sizes = codes.size_by_filter()
    else:
        sizes = np.abs(codes).sum(axis=tuple(i for i in range(codes.ndim) if i != 1), dtype=float)
    order = np.argsort(-sizes, kind="stable")[:_MOST_USED]
    order = order[sizes[order] > 0]
    ax.set_title("filters used most (share of sum |code|)", fontsize=11)
    if not len(order):
        ax.text(0.5, 0.5, "all codes are zero", ha="center", transform=ax.transAxes)
        ax.set_axis_off()
        return
    shares = 100 * sizes / sizes.sum()
    filters(bank[order], ax=ax, labels=[f"{number}: {shares[number]:.1f} %" for number in order])
