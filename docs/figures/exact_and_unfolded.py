"""The exact solver against unfolded sweeps: `python docs/figures/exact_and_unfolded.py`.

Two layers on a 64 x 64 crop of the photograph *camera*. F* is bracketed by the best objective and
the certified lower bound of a long run of `MLADMM`; `MLISTA` and `MLFISTA` are run with steps
mu_1 = 1, 0.3, 0.1 and 0.03 times 1 / L_1 and mu_2 = 1 / L_2. Writes
docs/images/exact_and_unfolded.png and prints the table of docs/multilayer.md.
"""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

import sparsecsc as sc

mpl.use("Agg")
import matplotlib.pyplot as plt

IMAGES = Path(__file__).resolve().parents[1] / "images"
SWEEPS, EXACT, EVERY = 1000, 3000, 5
SHARES = {1.0: "#d55e00", 0.3: "#e69f00", 0.1: "#009e73", 0.03: "#0072b2"}
SHOWN = (10, 100, 1000)


def make_problem() -> sc.MultilayerPursuit:
    image = sc.load_image("camera").astype(np.float64)[100:164, 200:264][None, None]
    _, high = sc.split_lowpass(image)
    rng = np.random.default_rng(0)
    first = sc.dct_filters((4, 4), include_constant=False)[:8]
    second = sc.random_filters(16, 8, (3, 3), rng)
    model = sc.MLCSC([sc.ConvDictionary(first), sc.ConvDictionary(second)])
    return sc.MultilayerPursuit(high, model, [sc.L1(0.02), sc.L1(0.05)])


def run(problem: sc.MultilayerPursuit, solver: Any, sweeps: int) -> sc.Result:
    return sc.solve(problem, solver, tol=0, max_iter=sweeps, check_every=EVERY)


def main() -> None:
    problem = make_problem()
    exact = run(problem, sc.MLADMM(), EXACT)
    best, width = exact.objective, exact.gap
    density = [float(np.mean(codes != 0)) for codes in exact.codes]
    print(f"F* in [{best - width:.6f}, {best:.6f}]; density {density}; {exact.status.name}")
    figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.5), sharey=True, constrained_layout=True)
    for axis, kind in zip(axes, (sc.MLISTA, sc.MLFISTA), strict=True):
        for share, colour in SHARES.items():
            steps = [share / problem.lipschitz(1), 1 / problem.lipschitz(2)]
            result = run(problem, kind(step_size=steps, stationary=0), SWEEPS)
            label = rf"$\mu_1 L_1 = {share:g}$"
            draw(axis, result, best, colour, label)
            report(f"{kind.__name__}, {share:g}", result, best)
        draw(axis, exact, best, "black", "MLADMM")
        axis.axhspan(1e-9, width, color="0.9", linewidth=0)
        axis.text(6, width * 0.75, "not resolved", fontsize=7, color="0.4", va="top")
        axis.set(xlabel="sweeps", xscale="log", yscale="log", title=kind.__name__)
        axis.set_ylim(width / 3, 10)
        axis.set_xlim(EVERY, SWEEPS)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    report("MLADMM", exact, best)
    axes[0].set_ylabel("$F - F^*$")
    axes[0].legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 0.08))
    figure.savefig(IMAGES / "exact_and_unfolded.png", dpi=110)


def draw(axis: plt.Axes, result: sc.Result, best: float, colour: str, label: str) -> None:
    history = result.history
    excess = np.maximum(np.array(history.objectives) - best, 1e-12)
    axis.plot(history.iterations[1:], excess[1:], color=colour, label=label, linewidth=1.3)


def report(name: str, result: sc.Result, best: float) -> None:
    excess = dict(
        zip(result.history.iterations, np.array(result.history.objectives) - best, strict=True)
    )
    cells = " | ".join(f"{excess[k]:.1e}" for k in SHOWN)
    each = 1e3 * result.seconds / result.n_iter
    print(f"| {name} | {cells} | {each:.1f} ms |")


if __name__ == "__main__":
    main()
