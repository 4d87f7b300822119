"""The gallery of plots: `python docs/figures/plots.py`. Writes docs/images/plot_*.png."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import sparsecsc as sc

IMAGES = Path(__file__).resolve().parents[1] / "images"


def save(ax: object, name: str) -> None:
    ax.figure.savefig(IMAGES / f"plot_{name}.png", dpi=100)


def filters(colour: np.ndarray) -> None:
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    panels = figure.subplots(1, 3)
    tones = sc.tone_filters(64, 8)
    sets = (("1-D", tones), ("2-D", sc.gabor_filters((12, 12), 8, 2)), ("colour", colour))
    for ax, (title, bank) in zip(panels, sets, strict=True):
        sc.plot.filters(bank, ax=ax)
        ax.set_title(title, fontsize=11)
    figure.savefig(IMAGES / "plot_filters.png", dpi=100)


def main() -> None:
    colour = sc.dct_filters((4, 4), dtype=np.float32)
    bases = np.array([[1, 1, 1], [1, 0, -1], [-1, 2, -1]], np.float32)
    bases /= np.linalg.norm(bases, axis=1, keepdims=True)
    colour = np.concatenate([base[None, :, None, None] * colour for base in bases])
    filters(colour[15:31])

    _, rest = sc.split_lowpass(sc.load_image("camera")[None, None, 40:168, 130:258])
    problem = sc.Pursuit(
        rest.astype(np.float64), sc.ConvDictionary(sc.dct_filters((5, 5))), sc.L1(0.05)
    )
    result = sc.solve(problem, tol=1e-6)
    save(sc.plot.codes(result.sparse_codes), "codes")
    save(sc.plot.usage(result.sparse_codes, by_energy=True), "usage_sorted")
    save(sc.plot.activity(result.sparse_codes, shift=(2, 2)), "activity")

    runs = {"ISTA": sc.ISTA(), "FISTA": sc.FISTA(), "ADMM": sc.ADMM()}
    runs["CoordinateDescent"] = sc.CoordinateDescent()
    options = {"tol": 1e-5, "max_seconds": 4.0, "check_every": 5}
    for solver in runs.values():
        sc.solve(problem, solver, max_iter=2)  # compiles
    histories = {name: sc.solve(problem, s, **options).history for name, s in runs.items()}
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    optimum = sc.solve(problem, tol=1e-9).objective
    sc.plot.comparison(histories, ax=left, optimum=optimum)
    sc.plot.comparison(histories, ax=right, by_iteration=True)
    figure.savefig(IMAGES / "plot_comparison.png", dpi=100)
    save(sc.plot.convergence(histories["CoordinateDescent"], tol=1e-5), "convergence")

    samples, _ = sc.load_recording("snare_roll")
    piece = samples[None, None, 20_000:22_000].astype(np.float64)
    bank = sc.tone_filters(64, 8)
    problem = sc.Pursuit(piece, sc.ConvDictionary(bank, padding="same"), sc.L1(0.02))
    codes = sc.solve(problem).sparse_codes
    save(sc.plot.codes(codes), "codes_1d")
    save(sc.plot.raster(codes), "raster")


if __name__ == "__main__":
    main()
