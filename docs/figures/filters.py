"""The shipped filters: `python docs/figures/filters.py`. Writes docs/images/filters*.png."""

from pathlib import Path

import matplotlib as mpl
import numpy as np

import sparsecsc as sc

mpl.use("Agg")
import matplotlib.pyplot as plt

IMAGES = Path(__file__).resolve().parents[1] / "images"


def tile(filters: np.ndarray, columns: int) -> np.ndarray:
    """Lay 2-D filters out on a grid, each scaled to its largest value; gaps are NaN."""
    height, width = filters.shape[2:]
    rows = -(-len(filters) // columns)
    canvas = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    for k, taps in enumerate(filters[:, 0]):
        i, j = divmod(k, columns)
        place = np.s_[
            i * (height + 1) : i * (height + 1) + height, j * (width + 1) : j * (width + 1) + width
        ]
        canvas[place] = taps / np.abs(taps).max()
    return canvas


def images() -> None:
    sets = {
        "haar_filters(3, 2)": (sc.haar_filters(3, 2), 4),
        "dct_filters((8, 8))": (sc.dct_filters((8, 8)), 8),
        "gabor_filters((16, 16), 8, 2)": (sc.gabor_filters((16, 16), 8, 2), 8),
    }
    greys = mpl.colormaps["gray"].with_extremes(bad="#b8cbe0")
    figure, axes = plt.subplots(1, 3, figsize=(9, 3.1), constrained_layout=True)
    for axis, (title, (filters, columns)) in zip(axes, sets.items(), strict=True):
        axis.imshow(tile(filters, columns), cmap=greys, vmin=-1, vmax=1, interpolation="nearest")
        axis.set_anchor("N")
        axis.set_title(title, fontsize=9, family="monospace")
        axis.axis("off")
    figure.savefig(IMAGES / "filters.png", dpi=110)


def lines() -> None:
    sets = {
        "tone_filters(64, 3)": sc.tone_filters(64, 3),
        "ricker_filters(64, (2, 4, 8))": sc.ricker_filters(64, (2.0, 4.0, 8.0)),
        "dirac_barker_filters()": sc.dirac_barker_filters(),
    }
    figure, axes = plt.subplots(1, 3, figsize=(9, 2.3), constrained_layout=True)
    for axis, (title, filters) in zip(axes, sets.items(), strict=True):
        for k, taps in enumerate(filters[:, 0]):
            colour, style = f"C{k // 2 if len(filters) == 6 else k}", "-" if k % 2 == 0 else "--"
            if len(filters) == 6:
                axis.plot(taps, style, color=colour, linewidth=1)
            elif taps.size == 13:
                axis.step(np.arange(13), taps, where="mid", color=colour, linewidth=1.2)
            else:
                axis.plot(taps, color=colour, linewidth=1.2)
        axis.set_title(title, fontsize=9, family="monospace")
        axis.set_xlabel("tap", fontsize=8)
        axis.tick_params(labelsize=7)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(IMAGES / "filters_1d.png", dpi=110)


if __name__ == "__main__":
    images()
    lines()
