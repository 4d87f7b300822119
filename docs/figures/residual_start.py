"""Where a residual start beats the zero start: `python docs/figures/residual_start.py`.

Runs the study of `sparsecsc.theory.residual_chains`, about a minute. Writes
docs/images/residual_start.png and prints the table of docs/residual_start.md.
"""

from collections.abc import Iterable
from pathlib import Path

import matplotlib as mpl
import numpy as np

from sparsecsc.theory.residual_chains import FAMILIES, StartRecord, start_study

mpl.use("Agg")
import matplotlib.pyplot as plt

IMAGES = Path(__file__).resolve().parents[1] / "images"
COLOURS = dict(
    zip((f.name for f in FAMILIES), ("#999999", "#009e73", "#d55e00", "#0072b2"), strict=True)
)
WEIGHT, DEEP = 0.1, 8


def choose(records: Iterable[StartRecord], **wanted: object) -> list[StartRecord]:
    """Return the records with these values."""
    return [r for r in records if all(getattr(r, k) == v for k, v in wanted.items())]


def table(records: list[StartRecord]) -> str:
    """Return the rows of the first and the deepest block, in Markdown."""
    head = (
        "| family | weight | block | $cL$ | $\\|s-\\Gamma^*\\|/\\|\\Gamma^*\\|$ | nearer, lower "
        "| steps from zero | saved | $c_0L$ | scaled: ratio | nearer, lower | saved | theorem |"
    )
    lines = [head, "|---" * 13 + "|"]
    for plain in records:
        if plain.is_scaled or plain.block not in (1, DEEP) or plain.step_share not in (1.0, 0.1):
            continue
        names = ("family", "block", "step_share", "weight_share")
        (scaled,) = choose(records, is_scaled=True, **{n: getattr(plain, n) for n in names})
        critical = "none" if np.isinf(plain.critical_share) else f"{plain.critical_share:.2f}"
        lines.append(
            f"| {plain.family} | {plain.weight_share:g} | {plain.block} | {plain.step_share:g} "
            f"| {plain.distance_ratio:.2f} | {plain.nearer:.0%}, {plain.lower:.0%} "
            f"| {plain.steps_zero:.0f} | {plain.saved:+.0f} | {critical} "
            f"| {scaled.distance_ratio:.2f} | {scaled.nearer:.0%}, {scaled.lower:.0%} "
            f"| {scaled.saved:+.0f} | {scaled.head_start:.1f} |"
        )
    return "\n".join(lines)


def draw(records: list[StartRecord]) -> None:
    """Draw ratio against step, ratio against depth, and steps saved against step."""
    figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.6), constrained_layout=True)
    for family, colour in COLOURS.items():
        for scaled, style in ((False, "-"), (True, "--")):
            some = choose(records, family=family, weight_share=WEIGHT, is_scaled=scaled)
            first = choose(some, block=1)
            steps = [r.step_share for r in first]
            ratios = [r.distance_ratio for r in first]
            axes[0].loglog(steps, ratios, style, marker=".", color=colour)
            deep = choose(some, step_share=1.0)
            axes[1].plot(
                [r.block for r in deep],
                [r.distance_ratio for r in deep],
                style,
                marker=".",
                color=colour,
                label=family + (", scaled" if scaled else ""),
            )
        rows = choose(records, family=family, weight_share=WEIGHT, is_scaled=True, block=DEEP)
        axes[2].loglog(
            [r.step_share for r in rows],
            [max(r.saved, 0.1) for r in rows],
            "--",
            marker=".",
            color=colour,
        )
        proven = [max(r.head_start, 0.1) for r in rows]
        axes[2].loglog([r.step_share for r in rows], proven, ":", color=colour, linewidth=1)
    for axis in axes[:2]:
        axis.axhline(1.0, color="black", linewidth=0.8, linestyle=":")
    axes[0].set(xlabel="step, $cL$", ylabel=r"$\|s - \Gamma^*\| / \|\Gamma^*\|$, first block")
    axes[1].set(xlabel="block", ylabel=r"$\|s - \Gamma^*\| / \|\Gamma^*\|$, $cL = 1$")
    axes[1].set_yscale("log")
    axes[1].set_xscale("log", base=2)
    axes[1].set_xticks([1, 2, 4, 8], labels=["1", "2", "4", "8"])
    axes[2].set(xlabel="step, $cL$", ylabel=f"steps saved by the scaled start, block {DEEP}")
    axes[2].text(0.03, 0.03, "dotted: proven", transform=axes[2].transAxes, fontsize=8)
    figure.legend(
        *axes[1].get_legend_handles_labels(),
        frameon=False,
        fontsize=8,
        ncols=4,
        loc="outside lower center",
    )
    for axis in axes:
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(IMAGES / "residual_start.png", dpi=110)


def main() -> None:
    records = list(start_study())
    print(table(records))
    draw(records)


if __name__ == "__main__":
    main()
