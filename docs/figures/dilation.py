"""What dilation does to clusters: `python docs/figures/dilation.py`.

Codes of k neighbouring nonzeros in a dense layer [I, Barker 13] at several dilations, and the same
number of scattered ones; how often orthogonal matching pursuit finds them. Writes
docs/images/dilation.png and prints the shares; 10 to 20 seconds.
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np

import sparsecsc as sc
from sparsecsc.theory.claims.dilation import greedy_error
from sparsecsc.theory.dilation import dilated_stripe_norm

mpl.use("Agg")
import matplotlib.pyplot as plt

IMAGES = Path(__file__).resolve().parents[1] / "images"
N, TRIALS, FOUND = 300, 40, 1e-8
COUNTS = (2, 3, 4, 6, 8, 10, 12, 16, 20, 24)
SHOWN = (4, 6, 10, 20)
DILATIONS = {1: "#d55e00", 2: "#999999", 3: "#009e73", 5: "#0072b2"}


def codes(count: int, clustered: bool, rng: np.random.Generator) -> np.ndarray:
    """Return `count` nonzeros at neighbouring positions, or anywhere; sizes 1 to 2, any sign."""
    out = np.zeros((1, 2, N))
    places = rng.integers(N) + np.arange(count) if clustered else rng.permutation(N)[:count]
    sizes = (1 + rng.random(count)) * rng.choice((-1.0, 1.0), count)
    out[0, rng.integers(0, 2, count), places % N] = sizes
    return out


def layer(dilation: int) -> sc.ConvDictionary:
    """Return T1, whose spike is the identity of a dense layer."""
    return sc.ConvDictionary(sc.dirac_barker_filters(), dilation=dilation)


def share(dilation: int, count: int, clustered: bool) -> tuple[float, float, float]:
    """Return the share of codes found, and the mean stripe norms, plain and dilated."""
    rng = np.random.default_rng([count, clustered])
    found, plain, dilated = 0, 0, 0
    dictionary = layer(dilation)
    for _ in range(TRIALS):
        drawn = codes(count, clustered, rng)
        found += greedy_error(dictionary, drawn) < FOUND
        plain += sc.stripe_norm(dictionary, drawn)
        dilated += dilated_stripe_norm(dictionary, drawn)
    return found / TRIALS, plain / TRIALS, dilated / TRIALS


def main() -> None:
    figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.4), sharey=True, constrained_layout=True)
    for clustered, axis in zip((True, False), axes, strict=True):
        for dilation, colour in DILATIONS.items():
            rows = [share(dilation, count, clustered) for count in COUNTS]
            axis.plot(
                COUNTS, [r[0] for r in rows], marker=".", color=colour, label=f"dilation {dilation}"
            )
            if clustered:
                axis.axvline(2 * dilation, color=colour, linewidth=0.8, linestyle=":")
            kind = "neighbours" if clustered else "scattered"
            for count, (found, plain, dilated) in zip(COUNTS, rows, strict=True):
                if count in SHOWN:
                    norms = f"{plain:.1f} | {dilated:.1f}"
                    print(f"| {kind} | {dilation} | {count} | {norms} | {found:.0%} |")
        axis.set(xlabel=f"nonzeros, {'neighbouring' if clustered else 'scattered'}")
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("share found by OMP")
    axes[1].legend(frameon=False, fontsize=8)
    figure.savefig(IMAGES / "dilation.png", dpi=110)


if __name__ == "__main__":
    main()
