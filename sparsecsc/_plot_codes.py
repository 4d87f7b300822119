"""Pictures of codes filter by filter, and of several runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import FuncNorm
from matplotlib.ticker import FuncFormatter

from sparsecsc._plot_draw import axes_or_new, bar, signed_root, signed_square
from sparsecsc.checks import check_count, check_number
from sparsecsc.codes import SparseCodes
from sparsecsc.result import History

_TILE = 96
"""Largest number of pixels of a map along an axis: so that single codes are seen."""
_GAP = 0.08
_UP, _DOWN = "tab:blue", "0.55"


def codes(
    codes: Any,
    *,
    ax: Any = None,
    signal: int = 0,
    labels: Sequence[str] | None = None,
    columns: int | None = None,
) -> Any:
    """Draw the map of each filter's codes, all on one symmetric scale.

    Parameters
    ----------
    codes : array or SparseCodes, shape (n_signals, n_filters, *code_spatial)
        1-D codes are drawn as lines on a row for each filter, as long as the roots of their sizes;
        2-D ones as tiles; of volumes the largest code along the first axis. Of large maps each
        pixel shows the largest of its codes.
    ax : matplotlib axes, optional
        By default those of a new figure.
    signal : int
        Which signal of the batch.
    labels : sequence of str, optional
        The name of each filter; by default its number.
    columns : int, optional
        How many tiles stand side by side; by default as many as make a square.

    Returns
    -------
    matplotlib axes

    Raises
    ------
    TypeError, ValueError
        If the codes are not codes, or there is no such signal, or not a label a filter.
    """
    entries = _chosen(codes, signal)
    n_filters = entries.shape[1]
    names = [str(m) for m in range(n_filters)] if labels is None else list(labels)
    if len(names) != n_filters:
        msg = f"`labels` must name each of the {n_filters} filters; got {len(names)}: match them."
        raise ValueError(msg)
    if entries.ndim == 3:
        return _rows(entries, axes_or_new(ax, (8, 1 + 0.25 * n_filters)), names)
    columns = int(np.ceil(np.sqrt(n_filters))) if columns is None else columns
    ax = axes_or_new(ax, (7.8, 6))
    maps = np.stack([_tile(entries[:, m]) for m in range(n_filters)])
    norm = FuncNorm((signed_root, signed_square), *_range(entries))
    height, width = maps.shape[1] / max(maps.shape[1:]), maps.shape[2] / max(maps.shape[1:])
    for number, (one, name) in enumerate(zip(maps, names, strict=True)):
        row, column = divmod(number, check_count("columns", columns))
        left, top = column * (width + _GAP), row * (height + 2 * _GAP)
        extent = (left, left + width, top + height, top)
        shown = ax.imshow(one, cmap="RdBu_r", norm=norm, extent=extent, interpolation="nearest")
        frame = ([left, left + width, left + width, left, left], [top, top] + [top + height] * 2)
        ax.plot(frame[0], [*frame[1], top], lw=0.5, color="0.5")
        ax.text(left, top - 0.01, name, ha="left", va="bottom", fontsize=7, color="0.3")
    n_rows = -(-n_filters // columns)
    ax.set_xlim(-0.02, columns * (width + _GAP) - _GAP + 0.02)
    ax.set_ylim(n_rows * (height + 2 * _GAP), -2 * _GAP)
    ax.set_aspect("equal")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    bar(ax, shown, "code")
    return ax


def usage(codes: Any, *, ax: Any = None, by_energy: bool = False) -> Any:
    """Draw how much each filter is used: its share of the energy, and of the nonzeros.

    Parameters
    ----------
    codes : array or SparseCodes, shape (n_signals, n_filters, *code_spatial)
        All signals count.
    ax : matplotlib axes, optional
        By default those of a new figure.
    by_energy : bool
        Whether the filters are in the order of their energy, the largest first, in place of that
        of the dictionary.

    Returns
    -------
    matplotlib axes
        Upward bars are the share of the sum of squares, downward ones that of the nonzeros.
    """
    entries = codes if isinstance(codes, SparseCodes) else SparseCodes.from_dense(codes)
    ax = axes_or_new(ax, (8, 3))
    squares = np.square(entries.values.astype(np.float64))
    energy = np.bincount(entries.filters, squares, minlength=entries.shape[1])
    counts = entries.count_by_filter().astype(np.float64)
    order = np.argsort(-energy, kind="stable") if by_energy else np.arange(len(energy))
    places = np.arange(len(energy))
    for sizes, sign, colour, name in (
        (energy, 1, _UP, "energy"),
        (counts, -1, _DOWN, "nonzeros"),
    ):
        shares = 100 * sizes[order] / (sizes.sum() or 1.0)
        ax.bar(places, sign * shares, width=0.9, color=colour, label=f"share of {name}")
    ax.axhline(0, lw=0.6, color="black")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{abs(share):g} %"))
    ax.set_xlim(-0.7, len(energy) - 0.3)
    ax.margins(y=0.1)
    ax.set_xlabel("filters in order of energy" if by_energy else "filter")
    if by_energy and len(order) <= 40:
        ax.set_xticks(places, [str(m) for m in order], fontsize=7)
    unused = int((counts == 0).sum())
    where = "best" if by_energy else "upper right"
    ax.legend(loc=where, fontsize=8, title=f"{unused} unused" if unused else None)
    return ax


def comparison(
    histories: Mapping[str, History],
    *,
    ax: Any = None,
    optimum: float | None = None,
    by_iteration: bool = False,
) -> Any:
    r"""Draw how several runs of one problem converged.

    Parameters
    ----------
    histories : dict of str to History
        One line a run.
    ax : matplotlib axes, optional
        By default those of a new figure.
    optimum : float, optional
        The optimal value, or the best one known: drawn is the relative suboptimality
        :math:`(F - F^*) / F^*`. By default it is the certified relative gap, which needs none.
    by_iteration : bool
        Whether iterations are counted, in place of seconds.

    Returns
    -------
    matplotlib axes

    Raises
    ------
    TypeError, ValueError
        If there is no history, or the optimum is not a number above 0.
    """
    given: Any = histories
    if not isinstance(given, Mapping) or not given:
        got = "none" if isinstance(given, Mapping) else type(given).__name__
        msg = (
            f'`histories` must be a dict such as {{"FISTA": result.history}}; got {got}: give each '
            "run a name."
        )
        raise TypeError(msg)
    best = None if optimum is None else check_number("optimum", optimum, above=0.0, finite=True)
    ax = axes_or_new(ax, (6, 4))
    for name, history in histories.items():
        objectives = np.asarray(history.objectives)
        above = np.asarray(history.gaps) if best is None else objectives - best
        scale = objectives if best is None else np.full(len(objectives), best)
        shown = np.isfinite(above) & (above > 0) & (scale > 0)
        times = np.asarray(history.iterations if by_iteration else history.seconds)
        ax.plot(times[shown], above[shown] / scale[shown], ".-", ms=3, lw=1.2, label=name)
    ax.set_yscale("log")
    ax.set_xlabel("iterations" if by_iteration else "seconds")
    ax.set_ylabel("relative duality gap" if best is None else "relative suboptimality")
    ax.grid(True, which="major", alpha=0.3)
    ax.legend(fontsize=9)
    return ax


def _chosen(codes: Any, signal: int) -> SparseCodes:
    """Return the codes of one signal."""
    number = check_count("signal", signal, least=0)
    if number >= codes.shape[0]:
        msg = f"`signal` must be below the {codes.shape[0]} signals; got {number}: choose another."
        raise ValueError(msg)
    one = codes[number : number + 1]
    return one if isinstance(one, SparseCodes) else SparseCodes.from_dense(one)


def _range(entries: SparseCodes) -> tuple[float, float]:
    top = float(np.abs(entries.values).max(initial=0)) or 1.0
    return -top, top


def _tile(entries: SparseCodes) -> np.ndarray:
    """Return a map with at most so many pixels along an axis, each the largest of its codes."""
    sizes = entries.shape[-2:]
    block = -(-max(sizes) // _TILE)
    pixels = np.zeros(tuple(-(-n // block) for n in sizes), entries.dtype)
    order = np.argsort(np.abs(entries.values), kind="stable")  # the last one written stays
    place = tuple(positions[order] // block for positions in entries.positions[-2:])
    pixels[place] = entries.values[order]
    return pixels


def _rows(entries: SparseCodes, ax: Any, names: Sequence[str]) -> Any:
    """Draw 1-D codes as lines from the row of their filter, 0.45 rows for the largest."""
    heights = 0.45 * signed_root(entries.values / _range(entries)[1])
    (positions,), rows = entries.positions, entries.filters
    ax.hlines(range(len(names)), 0, entries.shape[2] - 1, lw=0.4, color="0.8")
    up = entries.values > 0
    for chosen, colour in ((up, "tab:red"), (~up, "tab:blue")):
        ends = rows[chosen] - heights[chosen]
        ax.vlines(positions[chosen], rows[chosen], ends, lw=0.9, color=colour)
    step = -(-len(names) // 30)
    ax.set_yticks(range(0, len(names), step), names[::step], fontsize=8)
    ax.set(xlabel="position", ylabel="filter", ylim=(len(names) - 0.4, -0.6))
    ax.set_xlim(-0.5, entries.shape[2] - 0.5)
    return ax
