"""Plain chains against residual starts at growing depth, on crops of the shipped photographs.

Twelve grey 48 x 48 crops, high-passed, each scaled to unit variance; a stem of 8 random 3 x 3
filters, then layers of 8 filters on 8 channels in blocks of two. Three models share the filters:
the chain (`MLCSC`), and `ResCSC` whose blocks end in a layer that starts at the block's input, by
an exact ISTA step (damping "step") or without the correction (damping 0, a ResNet block). Every
layer takes the same number of ISTA steps of size 1 / L_i. The weight of a layer is a fixed fraction
of the lambda_max of what that layer is given. Run it with no argument::

    python benchmarks/depth_study.py

It prints a table and lines of JSON, and writes the lines to benchmarks/out/depth_study.jsonl.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy

import sparsecsc as sc
from sparsecsc.backends import cpu

DEPTHS = (4, 8, 16, 30, 50)
SIZE, CHANNELS, FRACTION, SEEDS, DTYPE = 48, 8, 0.05, (0, 1, 2), "float64"
CROPS = {
    "camera": ((96, 208), (150, 96), (300, 320), (240, 150)),
    "chelsea": ((60, 100), (100, 250), (30, 200), (150, 140)),
    "coffee": ((100, 200), (40, 120), (180, 320), (220, 90)),
}
STARTS = {"chain": None, "residual, exact": "step", "residual, no correction": 0.0}
COLUMNS = {
    "signal_residual": "signal residual",
    "scaled_signal_residual": "same, best scale",
    "read_out_residual": "read-out residual",
    "layer_residual": "layer residual",
    "density": "density",
    "size": "size",
    "start_ratio": "start ratio",
}
OUT = Path(__file__).resolve().parent / "out"


def batch() -> np.ndarray:
    """Return the crops, (12, 1, 48, 48)."""
    crops = []
    for name, corners in CROPS.items():
        image = sc.load_image(name)
        grey = image if image.ndim == 2 else image @ np.float32([0.299, 0.587, 0.114])
        _, high = sc.split_lowpass(np.ascontiguousarray(grey[None, None]))
        for i, j in corners:
            crop = high[0, :, i : i + SIZE, j : j + SIZE]
            crops.append(crop / crop.std())
    return np.stack(crops).astype(DTYPE)


def dictionaries(depth: int, seed: int) -> list[sc.ConvDictionary]:
    """Return the stem and `depth` layers: random filters of unit norm."""
    rng = np.random.default_rng(seed)
    widths = (1, *(CHANNELS,) * depth)
    banks = [sc.random_filters(CHANNELS, n, (3, 3), rng, dtype=DTYPE) for n in widths]
    return [sc.ConvDictionary(bank, padding="same") for bank in banks]


def model_of(start: str, layers: Sequence[Any]) -> Any:
    """Return the chain, or the residual model: stem, then blocks of two."""
    damping = STARTS[start]
    if damping is None:
        return sc.MLCSC(layers)
    starts = [i - 2 if i >= 3 and i % 2 else None for i in range(1, len(layers) + 1)]
    return sc.ResCSC(layers, damping=damping, starts=starts)


def weights_of(model: Any, signal: np.ndarray, n_iter: int) -> list[np.ndarray]:
    """Return FRACTION times the lambda_max of each layer and crop, given what each layer is given.

    The layers are run one by one with plain single-layer problems, so that this is a second
    implementation of what the library's solvers do; `measure` compares the two.
    """
    chosen, earlier = [], [signal]
    for dictionary, source in zip(model.dictionaries, model.starts, strict=True):
        correlation = np.abs(dictionary.analyze(earlier[-1]))
        chosen.append(FRACTION * correlation.max(axis=(1, 2, 3), keepdims=True))
        layer = sc.Pursuit(earlier[-1], dictionary, sc.L1(chosen[-1]))
        start = None if source is None else earlier[source]
        earlier.append(one_layer(layer, start, model.damping, n_iter))
    return [*chosen, earlier[-1]]


def one_layer(layer: sc.Pursuit, start: Any, damping: Any, n_iter: int) -> np.ndarray:
    """Return the codes of a layer after `n_iter` steps from its start."""
    size = 1.0 / layer.lipschitz()
    codes = np.zeros(layer.codes_shape, DTYPE) if start is None else start
    for _ in range(n_iter):
        corrected = start is None or damping == "step"
        residual = layer.residual(codes) if corrected else layer.signal
        codes = layer.penalty.prox(codes + size * layer.correlation(residual), size)
    return np.asarray(codes)


def solver_of(start: str, n_iter: int) -> Any:
    """Return the library's solver for this many steps a layer."""
    if STARTS[start] == 0.0:
        return sc.LayeredThresholding(step=None)
    return sc.LayeredBasisPursuit(sc.ISTA(), n_iter=n_iter)


def norms(x: np.ndarray) -> np.ndarray:
    """Return the norm of each signal of a batch, in float64."""
    return np.sqrt(np.sum(np.asarray(x, np.float64) ** 2, axis=tuple(range(1, x.ndim))))


def measure(start: str, n_iter: int, seed: int, depths: Sequence[int]) -> dict[str, Any]:
    """Return what the deepest model gives at each depth: shallower ones are its first layers."""
    signal = batch()
    model = model_of(start, dictionaries(max(depths), seed))
    *weights, expected = weights_of(model, signal, n_iter)
    problem = sc.MultilayerPursuit(signal, model, [sc.L1(w) for w in weights])
    solver = solver_of(start, n_iter)
    state = solver.init(problem, tuple(np.zeros(s, DTYPE) for s in problem.shapes[1:]))
    began = time.perf_counter()
    while not state.finished:
        state = solver.step(problem, state)
    seconds = time.perf_counter() - began
    codes = state.codes
    assert np.allclose(codes[-1], expected, rtol=0, atol=1e-3 * np.abs(expected).max())
    rows = {depth: row(model, signal, codes, depth) for depth in depths}
    return {"rows": rows, "seconds": seconds, "start": nearness(problem, codes, depths)}


def row(model: Any, signal: np.ndarray, codes: Sequence[Any], depth: int) -> dict[str, Any]:
    """Return the measures of one layer, each one number a crop."""
    before, here = codes[depth - 1], codes[depth]
    image = here
    for dictionary in model.dictionaries[depth::-1]:
        image = dictionary.synthesize(image)
    left = before - model.dictionaries[depth].synthesize(here)
    along = np.sum(image * signal, axis=(1, 2, 3), dtype=np.float64)
    cosine = along / (norms(image) * norms(signal))
    return {
        "signal_residual": norms(signal - image) / norms(signal),
        "scaled_signal_residual": np.sqrt(np.maximum(1.0 - cosine**2, 0.0)),
        "read_out_residual": read_out(signal, here),
        "layer_residual": norms(left) / norms(before),
        "density": np.mean(here != 0, axis=(1, 2, 3)),
        "size": norms(here) / norms(signal),
    }


def read_out(signal: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the relative residual of a linear read-out of the signal from 3 x 3 codes.

    The read-out is fitted by least squares on every second crop and measured on the others: how
    much of the signal is still there, whatever the synthesis makes of it.
    """
    scaled = codes.astype(np.float64) / np.sqrt(np.mean(codes.astype(np.float64) ** 2))
    shifts = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    seen = np.concatenate([np.roll(scaled, s, axis=(2, 3)) for s in shifts], axis=1)
    seen = np.moveaxis(seen, 1, -1)
    fitted, _, _, _ = np.linalg.lstsq(
        seen[::2].reshape(-1, seen.shape[-1]), signal[::2].ravel(), rcond=None
    )
    error = signal[1::2, 0] - seen[1::2] @ fitted
    return norms(error) / norms(signal[1::2])


def nearness(problem: Any, codes: Sequence[Any], depths: Sequence[int]) -> dict[int, Any]:
    """Return ||X_-1 - G*|| / ||G*|| at some layers that may start at their block's input.

    G* is the layer's optimum for the input that it has; below 1, the start at the block's input has
    the better guarantee.
    """
    found = {}
    for depth in depths:
        last = depth + 1 - depth % 2  # layers with odd numbers from 3 on end a block
        layer = problem.layer(last, codes[last - 2])
        best = sc.solve(layer, sc.FISTA(), tol=1e-2, max_iter=60).codes
        found[depth] = norms(codes[last - 3] - best) / norms(best)
    return found


def spread(values: Sequence[Any]) -> list[float]:
    """Return the median and the quartiles over crops and seeds."""
    return [float(f"{q:.4g}") for q in np.percentile(np.concatenate(values), (50, 25, 75))]


def study(
    start: str, n_iter: int, depths: Sequence[int], seeds: Sequence[int]
) -> list[dict[str, Any]]:
    """Return one record a depth."""
    runs = [measure(start, n_iter, seed, depths) for seed in seeds]
    records = []
    for depth in depths:
        record: dict[str, Any] = {"model": start, "steps": n_iter, "depth": depth}
        for key in runs[0]["rows"][depth]:
            record[key] = spread([run["rows"][depth][key] for run in runs])
        record["start_ratio"] = spread([run["start"][depth] for run in runs])
        share = (depth + 1) / (max(depths) + 1)
        record["seconds"] = round(share * float(np.median([run["seconds"] for run in runs])), 4)
        records.append(record)
    return records


def configurations() -> list[tuple[str, int]]:
    """Return model and steps a layer; without the correction only one step is defined."""
    return [(start, n) for n in (1, 3) for start in STARTS if n == 1 or STARTS[start] != 0.0]


def environment() -> dict[str, Any]:
    """Return what the numbers depend on."""
    return {
        "benchmark": "depth_study",
        "dtype": DTYPE,
        "crops": 12,
        "size": SIZE,
        "channels": CHANNELS,
        "fraction_of_lambda_max": FRACTION,
        "threads": cpu.threads(),
        "versions": {
            "sparsecsc": sc.__version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "python": platform.python_version(),
        },
        "processor": platform.processor() or platform.machine(),
        "load_average": os.getloadavg()[0],
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT, help="folder for depth_study.jsonl")
    parser.add_argument("--depths", type=int, nargs="+", default=list(DEPTHS))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    options = parser.parse_args()
    print("| model | steps | depth | " + " | ".join(COLUMNS.values()) + " | seconds |")
    print("|" + "---|" * (len(COLUMNS) + 4))
    lines = [environment()]
    for start, n_iter in configurations():
        for record in study(start, n_iter, options.depths, options.seeds):
            lines.append(record)
            cells = [f"{record[key][0]:.2g}" for key in COLUMNS]
            named = f"| {start} | {n_iter} | {record['depth']} "
            print(named + f"| {' | '.join(cells)} | {record['seconds']:.2f} |", flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (options.out / "depth_study.jsonl").write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    main()
