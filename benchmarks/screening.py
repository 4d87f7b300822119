"""What gap-safe screening could save: the share of coefficients that it proves to be 0.

At checks of decreasing gap on squares of the photograph *camera* (high-pass, 63 DCT filters 8 x 8,
weight 0.05 of lambda_max, float64), the share of coefficients with
``|<d, point>| + |d| sqrt(2 gap) < weight`` (Ndiaye, Fercoq, Gramfort and Salmon 2017), and of
filters that are screened at every position of a tile of 16 x 16, the unit that coordinate descent
could leave out. Run it with no argument::

    python benchmarks/screening.py
"""

from __future__ import annotations

import numpy as np

import sparsecsc as sc

GAPS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8)
TILE = 16


def shares(size: int) -> list[tuple[float, float, float]]:
    """Return (relative gap, share of coefficients, share of filters in tiles) for each gap."""
    image = sc.load_image("camera")[40 : 40 + size, 130 : 130 + size].astype(np.float64)
    signal = sc.split_lowpass(image[None, None])[1]
    dictionary = sc.ConvDictionary(sc.dct_filters((8, 8), include_constant=False))
    problem = sc.Pursuit(signal, dictionary, sc.L1(1.0))
    problem = problem.with_penalty(sc.L1(0.05 * sc.lambda_max(problem)))
    norms = np.sqrt((dictionary.filters**2).sum(axis=(1, 2, 3))).reshape(1, -1, 1, 1)
    found = []
    for gap in GAPS:
        result = sc.solve(problem, tol=gap, max_iter=1000, check_every=1)
        codes = result.codes
        radius = sc.gap_safe_radius(problem, codes)
        sizes = np.abs(dictionary.analyze(sc.dual_point(problem, codes)))
        screened = sizes + norms * radius < problem.penalty.weight
        tiles = screened.reshape(1, -1, size // TILE, TILE, size // TILE, TILE).all(axis=(3, 5))
        found.append((result.relative_gap, float(screened.mean()), float(tiles.mean())))
    return found


def main() -> None:
    """Measure and print."""
    print("| image | relative gap | coefficients screened | filters screened in a whole tile |")
    print("|---|---|---|---|")
    for size in (64, 128, 256):
        for gap, share, tiles in shares(size):
            print(f"| {size} x {size} | {gap:.0e} | {share:.1%} | {tiles:.1%} |", flush=True)


if __name__ == "__main__":
    main()
