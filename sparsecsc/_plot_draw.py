"""The single pictures, and what they are drawn with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import FuncNorm, PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from sparsecsc.codes import SparseCodes
from sparsecsc.result import History

_GAP, _OBJECTIVE = "tab:blue", "tab:orange"
_MARKED = 20_000
_ABOVE: Any = {"ha": "center", "va": "top", "fontsize": 9}


def filters(
    bank: Any,
    *,
    ax: Any = None,
    labels: Sequence[str] | None = None,
    columns: int | None = None,
) -> Any:
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
    columns : int, optional
        How many tiles stand side by side; by default as many as make a square.

    Returns
    -------
    matplotlib axes
    """
    ax = axes_or_new(ax, (6, 6))
    bank = np.asarray(bank)
    square = int(np.ceil(np.sqrt(len(bank) * (4 / 3 if labels else 1))))
    columns = square if columns is None else columns
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
    codes : array or SparseCodes, shape (n_signals, n_filters, *code_spatial)
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
    ax = axes_or_new(ax, (5, 5))
    total = _total(codes, shift)
    if total.ndim == 1:
        ax.plot(total, lw=0.8, color="black")
        ax.set(xlabel="position", ylabel="sum of |code|")
        return ax
    total = total.sum(axis=0) if total.ndim == 3 else total
    top = float(total.max()) or 1.0
    picture = ax.imshow(total, cmap="magma", norm=PowerNorm(0.5, 0, top), interpolation="nearest")
    bar(ax, picture, "sum of |code| over filters")
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
    ax = axes_or_new(ax, (6, 4))
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
    relative = gaps[shown] / objectives[shown]
    least = float(relative.min())
    # At least one decade is in sight, so that its tick has a label.
    ax.set_ylim(0.9 * 10 ** np.floor(np.log10(least)), 1.4 * float(relative.max()))
    if tol:
        ax.axhline(tol, ls="--", lw=1, color=_GAP)
        ax.set_ylim(bottom=min(tol, least) / 2.5)
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


def raster(
    codes: Any,
    *,
    ax: Any = None,
    spacing: float = 1.0,
    unit: str = "position",
    shift: int = 0,
) -> Any:
    """Draw the events of 1-D codes: which filter, when, how strong (the largest of them).

    Parameters
    ----------
    codes : array or SparseCodes, shape (n_signals, n_filters, n_positions)
        The first signal is drawn.
    ax : matplotlib axes, optional
        By default those of a new figure.
    spacing : float
        Distance between code positions, in `unit`.
    unit : str
        What the time axis counts.
    shift : int
        Code positions by which events are moved, as for `activity`.

    Returns
    -------
    matplotlib axes
    """
    ax = axes_or_new(ax, (10, 3))
    first = codes[0] if isinstance(codes, SparseCodes) else SparseCodes.from_dense(codes[:1])
    rows, places, values = first.filters, first.positions[0], first.values
    places = (places + shift) % codes.shape[2]
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
        norm=FuncNorm((signed_root, signed_square), vmin=-top, vmax=top),
    )
    ax.set(xlabel=unit, ylabel="filter", ylim=(codes.shape[1] - 0.5, -0.5))
    bar(ax, shown, "code", 0.012)
    return ax


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
    tile = 0.5 + 0.5 * middle_slice(one) / size
    colour = np.moveaxis(tile, 0, -1) if len(tile) == 3 else tile.mean(axis=0)
    extent = (left, left + 1, top + 1, top)
    ax.imshow(colour, cmap="gray", vmin=0, vmax=1, extent=extent, interpolation="nearest")


def draw_image(ax: Any, picture: Any, low: float, high: float) -> None:
    """Draw (n_channels, height, width): colour in [0, 1], or grey between `low` and `high`."""
    if len(picture) == 3:
        ax.imshow(np.clip(np.moveaxis(picture, 0, -1), 0, 1), interpolation="nearest")
    else:
        grey = picture.mean(axis=0)
        ax.imshow(grey, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    ax.set(xticks=[], yticks=[])


def signed_root(values: Any) -> Any:
    """Return the root of the sizes with the signs kept: small values are seen beside large."""
    return np.sign(values) * np.sqrt(np.abs(values))


def signed_square(values: Any) -> Any:
    """Undo `signed_root`."""
    return np.sign(values) * np.square(values)


def _total(codes: Any, shift: Sequence[int]) -> Any:
    if isinstance(codes, SparseCodes):
        total = codes.size_by_position()
    else:
        total = np.abs(np.asarray(codes)).sum(axis=(0, 1), dtype=float)
    return np.roll(total, tuple(shift), tuple(range(len(shift)))) if len(shift) else total


def middle_slice(channels: Any) -> Any:
    """Return (n_channels, height, width): of a volume the middle of its first spatial axis."""
    return channels[:, channels.shape[1] // 2] if channels.ndim == 4 else channels


def bar(ax: Any, shown: Any, label: str, width: float = 0.04, *, integer: bool = False) -> None:
    """Draw a colour bar at the right of `ax`, without taking room from it."""
    box = ax.inset_axes((1 + 0.75 * width, 0, width, 1))
    ticks = MaxNLocator(6, integer=True) if integer else None
    ax.figure.colorbar(shown, cax=box, label=label, ticks=ticks)


def axes_or_new(ax: Any, size: tuple[float, float]) -> Any:
    """Return `ax`, or those of a new figure of this size in inches."""
    return Figure(figsize=size, layout="constrained").subplots() if ax is None else ax
