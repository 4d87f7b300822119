"""Learn the filters and models that travel with the package, from the photographs that do.

Run it with no argument to make them all, or with names::

    python benchmarks/learn_shipped.py
    python benchmarks/learn_shipped.py photo8x8x32 photo2layers --out somewhere

Each is written to a file of its own in sparsecsc/data, and how it was learned to learned.json
beside them: settings, rounds, objective, gaps, coherence, spectrum, seconds, versions. The same
versions on the same machine give the same numbers.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import sparsecsc as sc
from sparsecsc.bench.machine import describe
from sparsecsc.io import save_model
from sparsecsc.io.atomic import atomic_write
from sparsecsc.theory import coherence, frames

DATA = Path(sc.__file__).parent / "data"
SIDE = 192
"""Pixels of a square that is learned from."""
SEED = 0
WEIGHT = 0.1


def squares(*, colour: bool = False) -> np.ndarray:
    """Return the high-pass of squares of the shipped photographs, (n, 1 or 3, SIDE, SIDE)."""
    found = []
    for name in ("chelsea", "coffee") if colour else ("camera", "chelsea", "coffee"):
        image = sc.load_image(name)
        channels = image[None, None] if image.ndim == 2 else np.moveaxis(image, -1, 0)[None]
        if not colour:
            channels = sc.to_luminance(channels) if channels.shape[1] == 3 else channels
        _, high = sc.split_lowpass(np.ascontiguousarray(channels))
        rows, columns = (range(0, n - SIDE + 1, SIDE) for n in high.shape[2:])
        found += [high[0, :, r : r + SIDE, c : c + SIDE] for r in rows for c in columns]
    return np.ascontiguousarray(np.stack(found))


def single(n_filters: int, kernel: int, *, colour: bool = False, sizes: Any = None) -> Any:
    """Return what learns one bank; `sizes`: (size, how many) of filters inside of the kernel."""

    def run(say: Callable[[str], None]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        signal = squares(colour=colour)
        start = sc.patch_filters(signal, n_filters, (kernel, kernel), rng=SEED)
        support = None
        if sizes is not None:
            support = np.zeros((n_filters, 1, kernel, kernel), bool)
            first = 0
            for size, count in sizes:
                support[first : first + count, :, :size, :size] = True
                first += count
        ball = sc.UnitBall(support=support)
        found = sc.learn(
            signal,
            start,
            WEIGHT,
            constraint=ball,
            tol=1e-4,
            max_iter=150,
            callback=lambda c: say(f"round {c.n_iter}, objective {c.objective:.6g}"),
        )
        record = {
            "signal": list(signal.shape),
            "weight": WEIGHT,
            "status": found.status.name,
            "rounds": found.n_iter,
            "objective": found.objective,
            "relative_gap": found.relative_gap,
            "filter_gap": found.filter_gap,
            "nonzeros": int(found.sparse_codes.values.size),
            "seconds": round(found.seconds, 1),
            "layers": [about(found.dictionary)],
        }
        return {"filters": by_use(found)}, record

    return run


def by_use(found: Any) -> np.ndarray:
    """Return the filters, the most used first."""
    use = np.bincount(
        found.sparse_codes.filters, np.abs(found.sparse_codes.values), len(found.filters)
    )
    return found.filters[np.argsort(-use, kind="stable")]


def layered(make: Callable[[Any], Any], penalties: Any, taps: Any) -> Any:
    """Return what learns a model."""

    def run(say: Callable[[str], None]) -> tuple[Any, dict[str, Any]]:
        signal = np.ascontiguousarray(squares()[::3, :, :96, :96])
        found = sc.learn_layers(
            signal,
            make(signal),
            penalties,
            constraints=[sc.UnitBall(n_taps=n) for n in taps],
            tol=1e-3,
            max_iter=20,
            joint_iter=30,
            callback=lambda c: say(f"{c.stage}, {c.n_iter}, {c.objective:.6g}"),
        )
        shares = [round(float(np.mean(np.abs(z) > 1e-6)), 5) for z in found.codes]
        record = {
            "signal": list(signal.shape),
            "penalties": [repr(p) for p in penalties],
            "most taps": list(taps),
            "status": found.status.name,
            "rounds": found.n_iter,
            "objective": found.objective,
            "objective before the joint stage": found.history.objectives[0],
            "share of nonzero codes": shares,
            "seconds": round(found.seconds, 1),
            "layers": [about(d) for d in found.model.dictionaries],
        }
        return (found.model, penalties), record

    return run


def about(dictionary: Any) -> dict[str, Any]:
    """Return coherence and spectrum of a layer."""
    low, high = frames.frame_bounds(dictionary, (64, 64))
    return {
        "coherence": round(coherence.mutual_coherence(dictionary, (64, 64)), 4),
        "frame_bounds": [round(low, 5), round(high, 3)],
    }


def chain(sizes: list[tuple[int, int]]) -> Callable[[Any], Any]:
    """Return what makes a chain of layers of (n_filters, kernel) to start at."""

    def make(signal: Any) -> Any:
        rng = np.random.default_rng(SEED)
        layers, channels = [], signal.shape[1]
        for i, (m, k) in enumerate(sizes):
            bank = (
                sc.patch_filters(signal, m, (k, k), rng)
                if i == 0
                else sc.random_filters(m, channels, (k, k), rng).astype(signal.dtype)
            )
            layers.append(sc.ConvDictionary(bank))
            channels = m
        return sc.MLCSC(layers)

    return make


def dense(signal: Any) -> Any:
    """Return a dense model to start at: 8 filters a layer, dilations 1, 2, 3."""
    rng = np.random.default_rng(SEED)
    banks = [sc.patch_filters(signal, 8, (5, 5), rng)]
    banks += [
        sc.random_filters(8, channels, (3, 3), rng).astype(signal.dtype) for channels in (9, 17)
    ]
    return sc.MSDCSC(banks, dilations=(1, 2, 3))


def dense_penalties() -> list[Any]:
    """Return weights that make what is not explained by filters expensive."""
    return [sc.L1(np.array([0.2] * channels + [0.05] * 8, np.float32)) for channels in (1, 9, 17)]


JOBS = {
    "photo8x8x32": single(32, 8),
    "photo8x8x64": single(64, 8),
    "photo12x12x36": single(36, 12),
    "photo8x8x64-rgb": single(64, 8, colour=True),
    "photo16x16x48": single(48, 16, sizes=((6, 16), (10, 16), (16, 16))),
    "photo2layers": layered(chain([(16, 7), (32, 5)]), [sc.L1(0.02), sc.L1(0.05)], (49, 8)),
    "photo3layers": layered(
        chain([(16, 6), (24, 5), (32, 5)]), [sc.L1(0.01), sc.L1(0.02), sc.L1(0.05)], (36, 6, 6)
    ),
    "photodense3": layered(dense, dense_penalties(), (25, 27, 51)),
}


def main() -> None:
    """Learn and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[*JOBS, []], default=[])
    parser.add_argument("--out", type=Path, default=DATA)
    options = parser.parse_args()
    records = options.out / "learned.json"
    known = json.loads(records.read_text()) if records.exists() else {}
    for name in options.names or JOBS:
        made, record = JOBS[name](lambda text, name=name: print(f"{name}: {text}", flush=True))
        path = options.out / f"{name}.npz"
        if isinstance(made, dict):
            atomic_write(path, lambda file, made=made: np.savez_compressed(file, **made))
        else:
            save_model(path, *made)
        known[name] = record | {"machine": describe()}
        text = json.dumps(known, indent=1, sort_keys=True)
        atomic_write(records, lambda file, text=text: file.write(text.encode()))


if __name__ == "__main__":
    main()
