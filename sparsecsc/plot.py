"""Pictures: filters, where codes are active, how a run converged, and a report of it all.

The only module that imports matplotlib (``pip install "sparsecsc[plot]"``). Figures are made
without pyplot: no window, no global state; save them with ``figure.savefig``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.colors import FuncNorm, PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from sparsecsc.result import History

__all__ = ["activity", "convergence", "filters", "raster", "report"]

_MOST_USED = 12
_GAP, _OBJECTIVE = "tab:blue", "tab:orange"
_MARKED = 20_000
_ABOVE: Any = {"ha": "center", "va": "top", "fontsize": 9}


def filters(bank: Any, *, ax: Any = None, labels: Sequence[str] | None = None) -> Any:
    """Draw filters as tiles, each with a symmetric scale of its own.

    Parameters
    ----------
    bank : array, shape (n_filters, n_channels, *kernel)
        1-D filters are drawn as curves, 2-D ones as grey or colour tiles (zero is mid-grey), 3-D
        ones by their middle slice.
    ax : matplotlib axes, optional
        By default those of a new figure.
    labels : sequence of str, optional
        A line under each tile.

    Returns
    -------
    matplotlib axes
    """
    ax = _axes(ax, (6, 6))
    bank = np.asarray(bank)
    columns = int(np.ceil(np.sqrt(len(bank) * (4 / 3 if labels else 1))))
    step = 1.35 if labels else 1.12
    for number, one in enumerate(bank):
        row, column = divmod(number, columns)
        left, top = 1.12 * column, step * row
        _draw_filter(ax, one, left, top)
        if labels:
            place = {"ha": "center", "va": "top", "fontsize": 8}
            ax.text(left + 0.5, top + 1.02, labels[number], **place)
    n_rows = -(-len(bank) // columns)
    ax.set_xlim(-0.06, 1.12 * columns - 0.06)
    ax.set_ylim(step * n_rows - 0.06, -0.06)
    ax.set_aspect("equal")
    ax.set_axis_off()
    return ax


def activity(codes: Any, *, ax: Any = None, shift: Sequence[int] = ()) -> Any:
    """Draw where codes are active: the sum of their sizes over filters (and signals).

    Parameters
    ----------
    codes : array, shape (n_signals, n_filters, *code_spatial)
        Volumes are summed over their first axis.
    ax : matplotlib axes, optional
        By default those of a new figure.
    shift : sequence of int
        Code positions by which the map is moved, one an axis: half a kernel puts the events of a
        circular dictionary at the middle of their filters.

    Returns
    -------
    matplotlib axes
    """
    ax = _axes(ax, (5, 5))
    total = _total(codes, shift)
    if total.ndim == 1:
        ax.plot(total, lw=0.8, color="black")
        ax.set(xlabel="position", ylabel="sum of |code|")
        return ax
    total = total.sum(axis=0) if total.ndim == 3 else total
    top = float(total.max()) or 1.0
    picture = ax.imshow(total, cmap="magma", norm=PowerNorm(0.5, 0, top), interpolation="nearest")
    _bar(ax, picture, "sum of |code| over filters")
    ax.set(xticks=[], yticks=[])
    return ax


def convergence(history: History, *, ax: Any = None, tol: float | None = None) -> Any:
    """Draw relative gap and objective against time.

    Parameters
    ----------
    history : History
        Of a `Result`. Where there is no gap (`L0`), only the objective is drawn.
    ax : matplotlib axes, optional
        By default those of a new figure. The objective has its own axis on the right.
    tol : float, optional
        The tolerance asked for, as a dashed line.

    Returns
    -------
    matplotlib axes
        Those of the gap.
    """
    ax = _axes(ax, (6, 4))
    seconds, objectives = np.asarray(history.seconds), np.asarray(history.objectives)
    gaps = np.asarray(history.gaps)
    shown = np.isfinite(gaps) & (gaps > 0) & (objectives > 0)
    ax.set_xlabel("seconds")
    ax.set_xlim(0, 1.03 * float(seconds[-1]) or 1.0)
    right = ax.twinx()
    right.plot(seconds, objectives, ".-", ms=3, lw=1.2, color=_OBJECTIVE)
    right.margins(y=0.3)  # clear of the line of the tolerance
    right.set_ylabel("objective", color=_OBJECTIVE)
    right.tick_params(axis="y", which="both", colors=_OBJECTIVE)
    if not shown.any():
        ax.set_yticks([])
        ax.text(0.5, 0.95, "no duality gap for this problem", **_ABOVE, transform=ax.transAxes)
        return ax
    ax.plot(seconds[shown], gaps[shown] / objectives[shown], ".-", ms=3, lw=1.2, color=_GAP)
    ax.set_yscale("log")
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_ylabel("relative duality gap", color=_GAP)
    ax.tick_params(axis="y", which="both", colors=_GAP)
    ax.grid(True, which="major", alpha=0.3)
    if tol:
        ax.axhline(tol, ls="--", lw=1, color=_GAP)
        ax.set_ylim(bottom=min(tol, (gaps[shown] / objectives[shown]).min()) / 2.5)
        ax.text(
            0.01,
            0.9 * tol,
            f"tolerance {tol:g}",
            color=_GAP,
            va="top",
            ha="left",
            fontsize=8,
            transform=ax.get_yaxis_transform(),
        )
    return ax


def raster(codes: Any, *, ax: Any = None, spacing: float = 1.0, unit: str = "position") -> Any:
    """Draw the events of 1-D codes: which filter, when, how strong (the largest of them).

    Parameters
    ----------
    codes : array, shape (n_signals, n_filters, n_positions)
        The first signal is drawn.
    ax : matplotlib axes, optional
        By default those of a new figure.
    spacing : float
        Distance between code positions, in `unit`.
    unit : str
        What the time axis counts.

    Returns
    -------
    matplotlib axes
    """
    ax = _axes(ax, (10, 3))
    first = np.asarray(codes)[0]
    rows, places = np.nonzero(first)
    values = first[rows, places]
    order = np.argsort(np.abs(values))[-_MARKED:]
    rows, places, values = rows[order], places[order], values[order]
    top = float(np.abs(values).max(initial=0)) or 1.0
    shown = ax.scatter(
        places * spacing,
        rows,
        c=values,
        s=12,
        marker="|",
        cmap="RdBu_r",
        norm=FuncNorm((_signed_root, _signed_square), vmin=-top, vmax=top),
    )
    ax.set(xlabel=unit, ylabel="filter", ylim=(len(first) - 0.5, -0.5))
    _bar(ax, shown, "code", 0.012)
    return ax


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
    codes : array, shape (any, n_filters, *code_spatial)
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
    codes, bank = np.asarray(codes), np.asarray(bank)
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
    one, two = _slice(what.signal), _slice(what.reconstruction)
    low, high = float(one.min()), float(one.max())
    for ax, picture, name in zip(
        panels[0], (one, two), ("original", "reconstruction"), strict=False
    ):
        _draw_image(ax, picture, low, high)
        ax.set_title(f"{name} (middle slice)" if what.signal.ndim == 4 else name, fontsize=11)
    residual = (one - two).mean(axis=0)
    top = float(np.abs(residual).max()) or 1.0
    ax = panels[0, 2]
    shown = ax.imshow(residual, cmap="RdBu_r", vmin=-top, vmax=top, interpolation="nearest")
    colour = " (mean of channels)" if len(one) > 1 else ""
    ax.set_title("residual (original - reconstruction)", fontsize=11)
    ax.set(xticks=[], yticks=[])
    _bar(ax, shown, f"signal units{colour}")
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
    moved = np.roll(what.codes, what.shift[0], axis=-1) if len(what.shift) else what.codes
    raster(moved, ax=events, spacing=spacing * signal.shape[1] / moved.shape[-1], unit=unit)
    top.set_xlim(0, signal.shape[1] * spacing)
    return figure.add_subplot(grid[3, 0]), figure.add_subplot(grid[3, 1])


def _draw_most_used(ax: Any, codes: Any, bank: Any) -> None:
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


def _draw_filter(ax: Any, one: Any, left: float, top: float) -> None:
    """Draw one filter in the unit square whose upper left corner is (left, top)."""
    size = float(np.abs(one).max()) or 1.0
    box = ([left, left + 1, left + 1, left, left], [top, top, top + 1, top + 1, top])
    ax.plot(*box, lw=0.5, color="0.5")
    if one.ndim == 2:
        for channel in one:
            line = top + 0.5 - 0.45 * channel / size
            colour = "black" if len(one) == 1 else None
            ax.plot(left + np.linspace(0.02, 0.98, len(channel)), line, lw=0.9, color=colour)
        return
    tile = 0.5 + 0.5 * _slice(one) / size
    colour = np.moveaxis(tile, 0, -1) if len(tile) == 3 else tile.mean(axis=0)
    extent = (left, left + 1, top + 1, top)
    ax.imshow(colour, cmap="gray", vmin=0, vmax=1, extent=extent, interpolation="nearest")


def _draw_image(ax: Any, picture: Any, low: float, high: float) -> None:
    if len(picture) == 3:
        ax.imshow(np.clip(np.moveaxis(picture, 0, -1), 0, 1), interpolation="nearest")
    else:
        grey = picture.mean(axis=0)
        ax.imshow(grey, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    ax.set(xticks=[], yticks=[])


def _signed_root(values: Any) -> Any:
    return np.sign(values) * np.sqrt(np.abs(values))


def _signed_square(values: Any) -> Any:
    return np.sign(values) * np.square(values)


def _total(codes: Any, shift: Sequence[int]) -> Any:
    total = np.abs(np.asarray(codes)).sum(axis=(0, 1), dtype=float)
    return np.roll(total, tuple(shift), tuple(range(len(shift)))) if len(shift) else total


def _slice(channels: Any) -> Any:
    """Return (n_channels, height, width): of a volume the middle of its first spatial axis."""
    return channels[:, channels.shape[1] // 2] if channels.ndim == 4 else channels


def _bar(ax: Any, shown: Any, label: str, width: float = 0.04) -> None:
    ax.figure.colorbar(shown, cax=ax.inset_axes((1 + 0.75 * width, 0, width, 1)), label=label)


def _axes(ax: Any, size: tuple[float, float]) -> Any:
    return Figure(figsize=size, layout="constrained").subplots() if ax is None else ax
