"""Dense and plain layers: `python docs/figures/dense_layers.py`.

Left: how many dimensions of a signal are not reconstructed, with [I, F^T] and with F^T alone. The
set-up of the paper's figure is unknown; this is a stand-in. Right: the largest residual of the
dense layer stays below weight + sqrt(2 gap) at every iterate, which is asserted. Writes
docs/images/dense_layers.png and prints the counts, also for banks that need the identity less.
"""

from itertools import product
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

import sparsecsc as sc

mpl.use("Agg")
import matplotlib.pyplot as plt

IMAGES = Path(__file__).resolve().parents[1] / "images"
WEIGHT, LARGE, LAST = 0.15, 1.5, 150
SHOWN = (0, 1, 10, 20, 40, 100, 150)
SOLVERS = {"ISTA": sc.ISTA(), "FISTA": sc.FISTA(restart=False)}
COLOURS = {"dense": "#0072b2", "plain": "#d55e00"}
LABELS = {"dense": "dense, $[I, F^T]$", "plain": "without, $F^T$"}
# (channels, positions, new maps): all have 1500 dimensions.
BANKS = {"as many new maps as channels": (15, 100, 15), "more": (15, 100, 40), "8": (1, 1500, 8)}


def problems(channels: int, positions: int, maps: int) -> dict[str, sc.Pursuit]:
    """Return the layer's problem with and without the identity."""
    rng = np.random.default_rng(0)
    filters = sc.ConvDictionary(sc.random_filters(maps, channels, 5, rng))
    signal = rng.standard_normal((1, channels, positions))
    pair = {"dense": sc.Concat([sc.Identity(), filters]), "plain": filters}
    return {name: sc.Pursuit(signal, d, sc.L1(WEIGHT)) for name, d in pair.items()}


def run(problem: sc.Pursuit, solver: Any) -> tuple[list[int], list[float], list[float]]:
    """Return at iterations 0 to LAST: residuals above LARGE weights, the largest, the gap."""
    state = solver.init(problem, np.zeros(problem.codes_shape))
    counts, largest, gaps = [], [], []
    for _ in range(LAST + 1):
        residual = np.abs(problem.residual(state.codes))
        counts.append(int(np.sum(residual > LARGE * WEIGHT)))
        largest.append(float(residual.max()))
        gaps.append(sc.duality_gap(problem, state.codes))
        state = solver.step(problem, state)
    return counts, largest, gaps


def main() -> None:
    figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.4), constrained_layout=True)
    for bank, sizes in BANKS.items():
        pairs = product(problems(*sizes).items(), SOLVERS.items())
        for (name, problem), (method, solver) in pairs:
            counts, largest, gaps = run(problem, solver)
            print(f"{sizes} {name:5s} {method:5s} {[counts[k] for k in SHOWN]}")
            if name == "dense":
                bound = WEIGHT + np.sqrt(2 * np.maximum(gaps, 0.0))
                assert np.all(np.array(largest) <= bound * (1 + 1e-12)), "the bound fails"
            if bank != next(iter(BANKS)):
                continue
            style = "-" if method == "FISTA" else "--"
            axes[0].plot(counts, style, color=COLOURS[name], label=f"{LABELS[name]}, {method}")
            if name == "dense":
                label = f"$\\|r\\|_\\infty$, {method}"
                axes[1].semilogy(largest, style, color=COLOURS["dense"], label=label)
                axes[1].semilogy(bound, style, color="#999999", label=f"its bound, {method}")
    axes[0].set(xlabel="iteration", ylabel="dimensions not reconstructed, of 1500")
    axes[1].set(xlabel="iteration", ylabel="largest residual, dense layer")
    axes[1].axhline(WEIGHT, color="black", linewidth=0.8, linestyle=":")
    axes[1].text(LAST, WEIGHT * 0.93, r"$\beta$", ha="right", va="top", fontsize=9)
    axes[1].set_ylim(0.1, 60)
    axes[0].set_ylim(-20, 1300)
    axes[0].legend(frameon=False, fontsize=8, loc="center right", bbox_to_anchor=(1, 0.42))
    axes[1].legend(frameon=False, fontsize=8)
    for axis in axes:
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(IMAGES / "dense_layers.png", dpi=110)


if __name__ == "__main__":
    main()
