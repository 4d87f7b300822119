"""Filters before and after learning, and the objective: `python docs/figures/learning.py`.

Writes docs/images/learning.png.
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np

import sparsecsc as sc

mpl.use("Agg")
import matplotlib.pyplot as plt

from sparsecsc import plot

IMAGES = Path(__file__).resolve().parents[1] / "images"


def main() -> None:
    image = sc.load_image("camera")[None, None, 128:384, 128:384]
    _, highpass = sc.split_lowpass(image)
    start = sc.random_filters(64, 1, (8, 8), rng=0, dtype="float32")
    result = sc.learn(highpass, start, 0.05, tol=2e-4, max_iter=400)
    order = np.argsort(-result.sparse_codes.size_by_filter())
    figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.5), constrained_layout=True)
    for axis, bank, title in zip(
        axes[:2], (start, result.filters), ("at the start", "learned, used most first"), strict=True
    ):
        plot.filters(bank[order], ax=axis)
        axis.set_title(title, fontsize=10)
    axes[2].plot(
        result.history.iterations, result.history.objectives, ".-", ms=3, color="tab:orange"
    )
    axes[2].set(xlabel="round", ylabel="objective")
    axes[2].set_title("the objective never rises", fontsize=10)
    axes[2].grid(True, alpha=0.3)
    figure.savefig(IMAGES / "learning.png", dpi=90)


if __name__ == "__main__":
    main()
