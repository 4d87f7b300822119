"""Seconds and memory for mosaics of photographs from 256 x 256 to 8192 x 8192 pixels.

A mosaic is made of squares of 512 pixels of the photographs at hand, turned and mirrored at random
(seed 0), each high-passed by itself. It is coded in 64 filters of 8 x 8 to a certified relative gap
of 1e-3, each size in a process of its own; codes stay sparse. The filters are those that SPORCO
learned where it is installed, else random ones. Run it with no argument, or with sizes::

    python benchmarks/large_image.py
    python benchmarks/large_image.py 256 512 1024 --weight 0.1

It prints a table and lines of JSON, and with --plot FILE draws the growth. The peak is that of the
whole process, the mosaic included.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import child
import numpy as np

SIZES = (256, 512, 1024, 2048, 4096, 8192)
TILE, TOL = 512, 1e-3


def mosaic(size: int) -> np.ndarray:
    """Return the mosaic, (1, 1, size, size), float32."""
    from sparsecsc.bench import images

    names = [name for name in images.PHOTOGRAPHS if images.missing(name) is None]
    tiles = [images.photograph(name, TILE)[0, 0] for name in names]
    rng = np.random.default_rng(0)
    out = np.empty((1, 1, size, size), np.float32)
    for i, j in itertools.product(range(0, size, TILE), repeat=2):
        tile = tiles[rng.integers(len(tiles))]
        tile = np.rot90(tile, rng.integers(4))
        tile = tile[:, ::-1] if rng.integers(2) else tile
        part = out[0, 0, i : i + TILE, j : j + TILE]
        part[...] = tile[: part.shape[0], : part.shape[1]]
    return out


def bank() -> tuple[str, np.ndarray]:
    """Return the name of the filters, and 64 of 8 x 8."""
    from sparsecsc.bench import filters

    name = "learned8x8x64" if filters.missing("learned8x8x64") is None else "random8x8x64"
    return name, filters.named_filters(name).astype(np.float32)


def solve(size: int, weight: float, tol: float, max_seconds: float) -> dict[str, Any]:
    """Return what one mosaic took; to be called in a process of its own."""
    import sparsecsc as sc

    signal, (name, filters) = mosaic(size), bank()
    made = child.peak_megabytes()
    sc.solve(sc.Pursuit(signal[..., :64, :64].copy(), sc.ConvDictionary(filters), sc.L1(weight)))
    began = time.perf_counter()
    problem = sc.Pursuit(signal, sc.ConvDictionary(filters), sc.L1(weight))
    result = sc.solve(problem, tol=tol, max_seconds=max_seconds)
    seconds = time.perf_counter() - began
    codes = result.sparse_codes
    return {
        "size": size,
        "filters": name,
        "weight": weight,
        "tol": tol,
        "seconds": seconds,
        "iterations": result.n_iter,
        "peak_mb": child.peak_megabytes(),
        "mosaic_made_mb": made,
        "nonzeros": int(codes.nnz),
        "objective": result.objective,
        "relative_gap": result.relative_gap,
        "status": result.status.name,
    }


def options() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="*", type=int, default=list(SIZES))
    parser.add_argument("--weight", type=float, default=0.05)
    parser.add_argument("--tol", type=float, default=TOL)
    parser.add_argument("--max-seconds", type=float, default=1800.0)
    parser.add_argument("--plot", metavar="FILE")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def in_process(size: int, chosen: argparse.Namespace) -> dict[str, Any]:
    """Return what a new process measured."""
    numbers = {"--weight": chosen.weight, "--tol": chosen.tol, "--max-seconds": chosen.max_seconds}
    words = [str(word) for pair in numbers.items() for word in pair]
    command = [sys.executable, str(Path(__file__).resolve()), str(size), *words, "--here"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def draw(records: list[dict[str, Any]], path: str) -> None:
    """Write the picture of the growth."""
    from sparsecsc._plot_bench import growth

    pixels = [r["size"] ** 2 / 1e6 for r in records]
    columns = {
        "seconds": [r["seconds"] for r in records],
        "peak, MB": [r["peak_mb"] for r in records],
    }
    title = "Mosaics in 64 filters of 8 x 8, to a certified gap of 1e-3"
    growth(title, ("million pixels", pixels), columns, slope=1.0).savefig(path, dpi=120)


def main() -> None:
    """Measure and print."""
    chosen = options()
    if chosen.here:
        found = solve(chosen.sizes[0], chosen.weight, chosen.tol, chosen.max_seconds)
        print(json.dumps(found))
        return
    print("| size | seconds | s per Mpixel | peak MB | nonzero codes | share | certified gap |")
    print("| --- |" + " --- |" * 6)
    records = []
    for size in chosen.sizes:
        found = in_process(size, chosen)
        records.append(found)
        share = found["nonzeros"] / (64 * size * size)
        print(
            f"| {size} | {found['seconds']:.2f} | {found['seconds'] / (size * size / 1e6):.2f} "
            f"| {found['peak_mb']:.0f} | {found['nonzeros']} | {100 * share:.2f} % "
            f"| {found['relative_gap']:.1e} |",
            flush=True,
        )
    child.publish("large_image", records)
    if chosen.plot:
        draw(records, chosen.plot)


if __name__ == "__main__":
    main()
