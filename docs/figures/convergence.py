"""Certified gap of four solvers on a photograph: `python docs/figures/convergence.py`.

Writes docs/images/convergence.png and prints the table of docs/solvers/index.md.
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np

import sparsecsc as sc

mpl.use("Agg")
import matplotlib.pyplot as plt

IMAGES = Path(__file__).resolve().parents[1] / "images"
SECONDS = 25.0
SOLVERS = {
    "ISTA": sc.ISTA(),
    "FISTA": sc.FISTA(),
    "ADMM": sc.ADMM(),
    "CoordinateDescent": sc.CoordinateDescent(),
}
COLOURS = {
    "ISTA": "#999999",
    "FISTA": "#0072b2",
    "ADMM": "#d55e00",
    "CoordinateDescent": "#009e73",
}


def main() -> None:
    image = sc.load_image("camera")[None, None, 128:384, 128:384]
    _, highpass = sc.split_lowpass(image)
    filters = sc.haar_filters(3, 2, dtype="float32")
    problem = sc.Pursuit(highpass, sc.ConvDictionary(filters), sc.L1(0.1))
    for solver in SOLVERS.values():  # compile
        sc.solve(problem, solver, max_iter=20)
    figure, axes = plt.subplots(1, 2, figsize=(7.5, 3.2), sharey=True, constrained_layout=True)
    for name, solver in SOLVERS.items():
        result = sc.solve(problem, solver, tol=1e-4, max_seconds=SECONDS, check_every=5)
        history = result.history
        gaps = np.array(history.gaps) / np.array(history.objectives)
        axes[0].semilogy(history.iterations, gaps, color=COLOURS[name], label=name)
        axes[1].semilogy(history.seconds, gaps, color=COLOURS[name], label=name)
        report(name, result, gaps)
    axes[0].set(xlabel="iterations", ylabel="certified relative gap")
    axes[1].set(xlabel="seconds, checks included")
    for axis in axes:
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_ylim(top=1.5)
    axes[1].legend(frameon=False)
    figure.savefig(IMAGES / "convergence.png", dpi=110)


def report(name: str, result: sc.Result, gaps: np.ndarray) -> None:
    cells = []
    for tolerance in (1e-1, 1e-2, 1e-3):
        met = np.flatnonzero(gaps <= tolerance)
        history = result.history
        cells.append(
            f"{history.iterations[met[0]]} / {history.seconds[met[0]]:.2f} s" if met.size else "–"
        )
    each = 1e3 * result.seconds / result.n_iter
    print(f"| {name} | {' | '.join(cells)} | {each:.0f} ms |")


if __name__ == "__main__":
    main()
