"""The digits' accuracies: `python docs/figures/digits.py`. Writes docs/images/digits.png."""

import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[2]
RECORDS = ROOT / "benchmarks" / "results" / "digits.jsonl"


def main() -> None:
    scores: dict[str, list[float]] = {}
    for line in RECORDS.read_text().splitlines():
        record = json.loads(line)
        scores.setdefault(record["row"], []).append(100 * record["accuracy"])
    names = sorted(scores, key=lambda name: np.mean(scores[name]))
    figure = Figure(figsize=(8, 0.32 * len(names) + 0.9), layout="constrained")
    ax = figure.subplots()
    colours = {"pixels": "black", "residual": "tab:green", "dense": "tab:orange"}
    for place, name in enumerate(names):
        colour = colours.get(name.partition(" ")[0], "tab:blue")
        ax.plot(scores[name], [place] * len(scores[name]), ".", ms=6, color=colour, alpha=0.5)
        ax.plot(np.mean(scores[name]), place, "|", ms=14, mew=2, color=colour)
    ax.axvline(np.mean(scores["pixels"]), lw=0.8, ls="--", color="0.5")
    ax.set_yticks(range(len(names)), names, fontsize=9)
    ax.set_xlabel("test accuracy, % (each half a dot, the mean a line)")
    ax.grid(True, axis="x", alpha=0.3)
    figure.savefig(ROOT / "docs" / "images" / "digits.png", dpi=100)


if __name__ == "__main__":
    main()
