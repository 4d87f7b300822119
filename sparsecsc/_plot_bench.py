"""Pictures of benchmarks: suboptimality against time, speed-ups, growth with a size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

_FLOOR = 1e-9
_STYLES = ("-", "--", ":", "-.")


def curves(
    title: str, lines: Sequence[tuple[str, Sequence[float], Sequence[float]]], reference_gap: float
) -> Figure:
    """Draw the relative suboptimality of each solver against its seconds, both logarithmic.

    Below the gap to which the optimum is certified, shaded, nothing is known.
    """
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    lowest = 1.0
    for i, (label, seconds, values) in enumerate(lines):
        known = np.maximum(np.asarray(values, float), _FLOOR)
        places = np.asarray(seconds, float)
        lowest = min(lowest, float(known.min(initial=1.0)))
        style = _STYLES[(i // 10) % len(_STYLES)]
        axes.loglog(places, known, style, marker=".", markersize=4, linewidth=1.4, label=label)
    shown = lowest / 30 < reference_gap  # else it is far below all curves
    bottom = max(min(lowest, reference_gap) if shown else lowest, _FLOOR) / 3
    axes.axhspan(bottom, max(reference_gap, bottom), color="0.9", zorder=0)
    axes.set_ylim(bottom, None)
    axes.set_xlabel("seconds")
    axes.set_ylabel("relative suboptimality")
    axes.set_title(title, fontsize="medium")
    axes.grid(True, which="major", color="0.9")
    axes.legend(fontsize="small", frameon=False)
    return figure


def ratios(
    title: str, names: Sequence[str], columns: dict[str, Sequence[tuple[float, bool] | None]]
) -> Figure:
    """Draw the speed-up of each problem, a marker for each accuracy; triangles are lower bounds."""
    figure = Figure(figsize=(7.2, 1.4 + 0.26 * len(names)), layout="constrained")
    axes = figure.add_subplot()
    for i, (label, found) in enumerate(columns.items()):
        height = np.arange(len(names)) + 0.16 * (i - (len(columns) - 1) / 2)
        kinds: tuple[tuple[str, bool], ...] = (("o", False), (">", True))
        for marker, bound in kinds:
            here = [
                (f[0], y)
                for f, y in zip(found, height, strict=True)
                if f is not None and f[1] is bound
            ]
            shown = label if not bound else None
            x, y = ([p[0] for p in here], [p[1] for p in here])
            axes.plot(x, y, marker, color=f"C{i}", markersize=5, label=shown)
    axes.axvline(1.0, color="0.6", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(range(len(names)), names, fontsize="small")
    axes.invert_yaxis()
    axes.set_xlabel("times faster than the best rival (a triangle: at least)")
    axes.set_title(title, fontsize="medium")
    axes.grid(True, axis="x", which="major", color="0.9")
    axes.legend(fontsize="small", frameon=False)
    return figure


def growth(
    title: str,
    size: tuple[str, Sequence[float]],
    columns: dict[str, Sequence[float]],
    *,
    slope: float | None = None,
) -> Figure:
    """Draw quantities against a size, both logarithmic; the dashed line has the given slope."""
    figure = Figure(figsize=(3.4 * len(columns) + 0.4, 3.2), layout="constrained")
    panels: Any = figure.subplots(1, len(columns), squeeze=False)[0]
    label, sizes = size
    places = np.asarray(sizes, float)
    for axes, (name, values) in zip(panels, columns.items(), strict=True):
        known = np.asarray(values, float)
        axes.loglog(places, known, ".-")
        if slope is not None and len(known) > 1:
            axes.loglog(places, known[-1] * (places / places[-1]) ** slope, "--", color="0.6")
        axes.set_xlabel(label)
        axes.set_ylabel(name)
        axes.grid(True, which="major", color="0.9")
    figure.suptitle(title, fontsize="medium")
    return figure
