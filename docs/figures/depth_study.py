"""Chains and residual starts at growing depth: `python docs/figures/depth_study.py`.

Reads what `python benchmarks/depth_study.py` wrote to benchmarks/out/. Writes
docs/images/depth_study.png.
"""

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
LINES = {
    ("chain", 1): ("#d55e00", "-"),
    ("chain", 3): ("#d55e00", "--"),
    ("residual, exact", 1): ("#0072b2", "-"),
    ("residual, exact", 3): ("#0072b2", "--"),
    ("residual, no correction", 1): ("#009e73", "-"),
}
PANELS = {
    "read_out_residual": "error of the best linear read-out\nof the signal, relative",
    "layer_residual": "residual of the layer's own problem,\nrelative",
    "start_ratio": "distance of the block's input from\nthe layer's optimum, relative",
    "density": "share of nonzero codes",
    "seconds": "seconds for all crops",
}
ONE = ("read_out_residual", "layer_residual", "start_ratio")
"""Panels in which 1 is what zero codes or a zero start give."""


def load() -> list[dict[str, Any]]:
    text = (ROOT / "benchmarks" / "out" / "depth_study.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()[1:]]


def main() -> None:
    records = load()
    figure, grid = plt.subplots(2, 3, figsize=(10, 6), layout="constrained")
    *axes, corner = grid.ravel()
    for axis, (key, title) in zip(axes, PANELS.items(), strict=True):
        for (model, steps), (colour, style) in LINES.items():
            rows = [r for r in records if (r["model"], r["steps"]) == (model, steps)]
            depths = [r["depth"] for r in rows]
            median, low, high = np.array([np.broadcast_to(r[key], 3) for r in rows]).T
            label = f"{model}, {steps} step{'s' * (steps > 1)}"
            axis.plot(depths, median, style, color=colour, marker=".", label=label)
            axis.fill_between(depths, low, high, color=colour, alpha=0.12, linewidth=0)
        if key in ONE:
            axis.axhline(1.0, color="black", linewidth=0.8, linestyle=":")
        axis.set_title(title, fontsize=9)
        axis.set(xlabel="depth", xscale="log", xticks=depths, xticklabels=depths)
        axis.minorticks_off()
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    corner.axis("off")
    corner.legend(*axes[0].get_legend_handles_labels(), loc="center", frameon=False)
    figure.savefig(IMAGES / "depth_study.png", dpi=110)


if __name__ == "__main__":
    main()
