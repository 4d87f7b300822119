"""Pictures or curves beside each other: before, after, and what is between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sparsecsc._plot_draw import draw_image, middle_slice

_WIDTH, _MOST = 4.2, 3
"""Inches of a picture, and pictures in a row but for four, which are two rows of two."""


def side_by_side(
    panels: Mapping[str, Any],
    *,
    signed: Sequence[str] = (),
    title: str = "",
    sample_rate: float | None = None,
    marks: Sequence[float] = (),
) -> Figure:
    """Draw signals of one size beside each other, recordings one below the other.

    Parameters
    ----------
    panels : mapping of name to array, shape (n_signals, n_channels, *spatial)
        The first signal of each is drawn; of volumes the middle slice, of recordings the first
        channel.
    signed : sequence of str
        Names of those that are differences or oscillate around 0: grey is 0.
    title : str
        One or two lines over everything.
    sample_rate : float, optional
        Samples per second, for recordings.
    marks : sequence of float
        Places to mark under the first recording, in seconds, or samples without a rate.

    Returns
    -------
    matplotlib.figure.Figure
    """
    arrays = {name: np.asarray(array)[0] for name, array in panels.items()}
    flat = next(iter(arrays.values())).ndim > 2
    figure = _pictures(arrays, signed) if flat else _curves(arrays, sample_rate, marks)
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def _pictures(arrays: Mapping[str, Any], signed: Sequence[str]) -> Figure:
    first = middle_slice(next(iter(arrays.values())))
    low, high = float(first.min()), float(first.max())
    columns = 2 if len(arrays) == 4 else min(len(arrays), _MOST)
    rows = -(-len(arrays) // columns)
    height = _WIDTH * min(max(first.shape[-2] / first.shape[-1], 0.3), 3.0) + 0.4
    figure = Figure(figsize=(_WIDTH * columns, height * rows + 0.5), dpi=100, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).reshape(-1)
    for ax in axes[len(arrays) :]:
        ax.set_axis_off()
    for ax, (name, array) in zip(axes, arrays.items(), strict=False):
        picture = middle_slice(array)
        if name in signed:
            top = float(np.abs(picture).max()) or 1.0
            draw_image(ax, 0.5 + 0.5 * picture / top, 0.0, 1.0)
        else:
            draw_image(ax, picture, low, high)
        ax.set_title(name, fontsize=11)
    return figure


def _curves(arrays: Mapping[str, Any], rate: float | None, marks: Sequence[float]) -> Figure:
    figure = Figure(figsize=(14, 1.8 * len(arrays) + 0.8), dpi=100, layout="constrained")
    axes = figure.subplots(len(arrays), 1, sharex=True, squeeze=False).reshape(-1)
    for ax, (name, array) in zip(axes, arrays.items(), strict=True):
        times = np.arange(array.shape[-1]) / (rate or 1.0)
        ax.plot(times, array[0], lw=0.6, color="black")
        ax.set_title(name, fontsize=11)
        ax.set_ylabel("amplitude")
    if len(marks):
        low = axes[0].get_ylim()[0]
        axes[0].plot(marks, np.full(len(marks), low), "^", ms=5, color="tab:red", clip_on=False)
    axes[-1].set_xlabel("seconds" if rate else "samples")
    axes[-1].set_xlim(0, times[-1] if len(times) > 1 else 1)
    return figure
