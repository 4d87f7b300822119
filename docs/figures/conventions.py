"""Where atoms lie for each padding: `python docs/figures/conventions.py`.

Writes docs/images/conventions.png. The atoms are computed by the library, not drawn from a formula.
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np

import sparsecsc as sc

mpl.use("Agg")
import matplotlib.pyplot as plt

IMAGES = Path(__file__).resolve().parents[1] / "images"
SIZE = 8
TAPS = np.array([[[1.0, 2.0, 3.0]]])
CASES = {
    "circular": {"padding": "circular"},
    "circular, stride 2": {"padding": "circular", "stride": 2},
    "valid": {"padding": "valid"},
    "same": {"padding": "same"},
    "same, dilation 2": {"padding": "same", "dilation": 2},
    "full": {"padding": "full"},
}


def main() -> None:
    figure, axes = plt.subplots(2, 3, figsize=(7.5, 5.6), constrained_layout=True)
    for axis, (title, geometry) in zip(axes.flat, CASES.items(), strict=True):
        draw(axis, title, sc.ConvDictionary(TAPS, **geometry))
    figure.get_layout_engine().set(hspace=0.08)
    for axis in axes[:, 0]:
        axis.set_ylabel("code position p", fontsize=8)
    figure.savefig(IMAGES / "conventions.png", dpi=110)


def draw(axis: plt.Axes, title: str, dictionary: sc.ConvDictionary) -> None:
    n_codes = dictionary.code_shape((1, 1, SIZE))[2]
    columns = np.eye(n_codes)[:, None]
    atoms = dictionary.synthesize(columns, (SIZE,))[:, 0].round(9)
    axis.imshow(np.where(atoms == 0, np.nan, atoms), cmap="Blues", vmin=-0.5, vmax=4.0)
    for p, n in np.ndindex(*atoms.shape):
        if atoms[p, n]:
            axis.text(n, p, f"{atoms[p, n]:.0f}", ha="center", va="center", fontsize=8)
    start = dictionary.pads[0][0]
    for p in range(n_codes):
        first = p * dictionary.stride[0] - start
        if 0 <= first < SIZE:
            axis.plot(first - 0.36, p - 0.36, ".", color="#d55e00", markersize=5, clip_on=False)
    axis.set_anchor("N")
    axis.set_title(title, fontsize=9)
    axis.set_xlabel("sample", fontsize=8)
    axis.set_xticks(range(0, SIZE, 2))
    axis.set_yticks(range(n_codes))
    axis.tick_params(labelsize=7)
    axis.set_xticks(np.arange(-0.5, SIZE), minor=True)
    axis.set_yticks(np.arange(-0.5, n_codes), minor=True)
    axis.grid(which="minor", color="0.85", linewidth=0.6)
    axis.tick_params(which="minor", length=0)


if __name__ == "__main__":
    main()
