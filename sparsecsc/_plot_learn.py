"""The picture of learning: the filters, and how the objective came down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sparsecsc._plot_draw import filters

_MOST = 256


def learn_report(
    bank: Any,
    uses: Sequence[float],
    curve: tuple[Sequence[float], Sequence[float]],
    *,
    title: str = "",
    labels: tuple[str, str] = ("seconds", "objective"),
) -> Figure:
    """Draw the filters, those used most first, and the objective.

    Parameters
    ----------
    bank : array, shape (n_filters, n_channels, *kernel)
        At most 256 are drawn.
    uses : sequence of float
        How much each is used.
    curve : (sequence of float, sequence of float)
        Where the objective was known, and what it was.
    title : str
        A line over everything.
    labels : (str, str)
        Of the curve's axes.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure: Any = Figure(figsize=(12, 6), dpi=100, layout="constrained")
    if title:
        figure.suptitle(title, fontsize=11)
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    order = np.argsort(-np.asarray(uses, float), kind="stable")[:_MOST]
    filters(np.asarray(bank)[order], ax=left)
    shown = f"{len(order)} of {len(uses)} filters" if len(order) < len(uses) else "filters"
    left.set_title(f"{shown}, used most first", fontsize=11)
    places, values = (np.asarray(part, float) for part in curve)
    right.plot(places, values, ".-", ms=3, lw=1.2, color="tab:orange")
    if values.min() > 0 and values.max() > 2 * values.min():
        right.set_yscale("log")
    right.set(xlabel=labels[0], ylabel=labels[1])
    right.grid(True, which="both", alpha=0.3)
    right.set_title("objective", fontsize=11)
    drawn: Figure = figure
    return drawn
