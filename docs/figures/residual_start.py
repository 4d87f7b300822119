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
    """Return a row for each family and weight, in Markdown."""
    lines = [
        f"| family | weight | $c_0L$, block 1 | $c_0L$, block {DEEP} | cL = 1: nearer | steps "
        "| saved | scaled | proven | cL = 0.1: nearer | steps | saved | scaled | proven |",
        "|---" * 14 + "|",
    ]
    for weight in sorted({r.weight_share for r in records}):
        for family in COLOURS:
            rows = choose(records, family=family, weight_share=weight)
            ones = choose(rows, step_share=1.0, is_scaled=False)
            cells = [_critical(ones[0]), _critical(ones[-1])]
            for step in (1.0, 0.1):
                plain, scaled = choose(rows, block=DEEP, step_share=step)
                cells += [f"{plain.nearer:.0%}", f"{plain.steps_zero:.0f}", f"{plain.saved:+.0f}"]
                cells += [f"{scaled.saved:+.0f}", f"{scaled.head_start:.1f}"]
            lines.append(f"| {family} | {weight:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _critical(record: StartRecord) -> str:
    return "none" if np.isinf(record.critical_share) else f"{record.critical_share:.2f}"


def draw_distances(axis: plt.Axes, records: list[StartRecord]) -> None:
    """Draw the ratio of distances in the first block against the step; + where it is to be 1."""
    for family, colour in COLOURS.items():
        for scaled, style in ((False, "-"), (True, "--")):
            rows = choose(records, family=family, weight_share=WEIGHT, is_scaled=scaled, block=1)
            steps, ratios = zip(*((r.step_share, r.distance_ratio) for r in rows), strict=True)
            axis.plot(steps, ratios, style, marker=".", color=colour)
            if not scaled and rows[0].critical_share <= 1:
                axis.plot(rows[0].critical_share, 1.0, "+", color="black", markersize=10)
    axis.axhline(1.0, color="black", linewidth=0.8, linestyle=":")
    axis.set(xscale="log", yscale="log", xlabel="step, $cL$")
    axis.set_title("distance of the block's input from the\noptimum over that of zero, block 1")


def draw_critical(axis: plt.Axes, records: list[StartRecord]) -> None:
    """Draw the critical step against the block."""
    for family, colour in COLOURS.items():
        for weight, style in ((0.02, ":"), (WEIGHT, "-")):
            rows = choose(
                records, family=family, weight_share=weight, is_scaled=False, step_share=1.0
            )
            blocks, critical = zip(*((r.block, r.critical_share) for r in rows), strict=True)
            label = family if weight == WEIGHT else None
            axis.plot(blocks, critical, style, marker=".", color=colour, label=label)
    axis.axhspan(1.0, 30.0, color="0.93", linewidth=0)
    axis.text(8.2, 27, "no step up to $1/L$\nis large enough", fontsize=7, va="top", ha="right")
    axis.set(xscale="log", yscale="log", xlabel="block", ylim=(0.4, 30))
    axis.set_xticks([1, 2, 4, 8], labels=["1", "2", "4", "8"])
    axis.minorticks_off()
    axis.set_title("critical step $c_0L$\n(dotted: weight 0.02)")


def draw_saved(axis: plt.Axes, records: list[StartRecord]) -> None:
    """Draw what the scaled start saves of all steps, and what is proven."""
    for family in ("tied", "near identity"):
        rows = choose(records, family=family, weight_share=WEIGHT, is_scaled=True, block=DEEP)
        steps = [r.step_share for r in rows]
        axis.plot(steps, [r.saved for r in rows], "--", marker=".", color=COLOURS[family])
        axis.plot(steps, [r.head_start for r in rows], ":", color=COLOURS[family])
    axis.set(xscale="log", yscale="log", xlabel="step, $cL$")
    axis.set_title(
        f"steps saved by the scaled start, block {DEEP}\n(dotted: the head start proven)"
    )


def draw(records: list[StartRecord]) -> None:
    """Draw the three panels."""
    figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.8), constrained_layout=True)
    for axis, panel in zip(axes, (draw_distances, draw_critical, draw_saved), strict=True):
        panel(axis, records)
        axis.title.set_fontsize(9)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
        for line in (axis.yaxis, *((axis.xaxis,) if axis is not axes[1] else ())):
            line.set_major_formatter("{x:g}")
            line.set_minor_formatter("")
    handles, labels = axes[1].get_legend_handles_labels()
    handles += [plt.Line2D([], [], color="0.3", linestyle=style) for style in ("-", "--")]
    labels += ["the block's input", "its best multiple"]
    figure.legend(handles, labels, frameon=False, fontsize=8, ncols=6, loc="outside lower center")
    figure.savefig(IMAGES / "residual_start.png", dpi=110)


def main() -> None:
    records = list(start_study())
    print(table(records))
    draw(records)


if __name__ == "__main__":
    main()
