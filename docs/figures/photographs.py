"""The shipped data and the low-pass split: `python docs/figures/photographs.py`.

Writes docs/images/data.png and docs/images/preprocessing.png.
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np

import sparsecsc as sc

mpl.use("Agg")
import matplotlib.pyplot as plt

IMAGES = Path(__file__).resolve().parents[1] / "images"


def data() -> None:
    figure, axes = plt.subplots(
        1, 4, figsize=(9, 2.1), constrained_layout=True, width_ratios=(1, 1.5, 1.5, 1.6)
    )
    for axis, name in zip(axes, ("camera", "chelsea", "coffee"), strict=False):
        axis.imshow(sc.load_image(name)[::2, ::2], cmap="gray", vmin=0, vmax=1)
        axis.set_title(name, fontsize=9)
        axis.axis("off")
    samples, rate = sc.load_recording("snare_roll")
    shown = samples[: int(rate) // 2]
    axes[3].plot(np.arange(shown.size) / rate, shown, linewidth=0.4, color="#0072b2")
    axes[3].set_title("snare_roll", fontsize=9)
    axes[3].set_xlabel("seconds", fontsize=8)
    axes[3].tick_params(labelsize=7)
    axes[3].spines[["top", "right"]].set_visible(False)
    figure.savefig(IMAGES / "data.png", dpi=80)


def split() -> None:
    image = sc.load_image("camera")[None, None, 64:320, 128:384]
    lowpass, highpass = sc.split_lowpass(image)
    parts = {"signal": image, "smooth part": lowpass, "the rest": highpass + 0.5}
    figure, axes = plt.subplots(1, 3, figsize=(7.5, 2.7), constrained_layout=True)
    for axis, (title, part) in zip(axes, parts.items(), strict=True):
        axis.imshow(part[0, 0], cmap="gray", vmin=0, vmax=1)
        axis.set_title(title, fontsize=9)
        axis.axis("off")
    figure.savefig(IMAGES / "preprocessing.png", dpi=80)


if __name__ == "__main__":
    data()
    split()
