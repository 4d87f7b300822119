"""Handwritten digits by a linear classifier on codes, with the features of each pursuit.

The first 1000 of scikit-learn's digits, 8 x 8 pixels; two times two halves, each trained on once
and tested on once. Filters are learned on 200 images of the training half, without labels and
backpropagation, layer by layer: `sparsecsc.learn` on the images, then on the codes of the layer
before. The features of an image are its deepest codes, averaged over cells of 2 x 2; the classifier
is a linear support vector machine on standardised features. Its C, and the weight of the penalties,
are chosen for each row by cross-validation inside the training half::

    python benchmarks/digits.py
    python benchmarks/digits.py --repeats 1 --only pixels 'chain of 2, thresholding'

It prints a table and appends each result to benchmarks/out/digits.jsonl; what is there is not
computed again. Needs ``pip install "sparsecsc[sklearn]"``.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import sparsecsc as sc

WIDTH, KERNEL, POOL, DEPTH = 16, 3, 2, 3
RATIOS = (0.01, 0.03, 0.1, 0.3)
COSTS = (1e-3, 1e-2, 1e-1)
LEARN_RATIO, LEARN_ROUNDS, LEARN_IMAGES = 0.1, 30, 200
IMAGES, TOL = 1000, 0.05
OUT = Path(__file__).resolve().parent / "out" / "digits.jsonl"


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    model: Callable[[Banks], Any]
    solver: Any
    scale: str = "own"
    """What weights count in: "own" layers' inputs, "step" 1/L_i, or "joint" objective."""
    free_identity: bool = False
    """Whether the identity of a dense layer has the threshold 0."""
    options: Any = None


@dataclass(frozen=True, eq=False)
class Banks:
    """The filters of a split."""

    chain: list[np.ndarray]
    dense: list[np.ndarray]
    drawn: list[np.ndarray]


def same(bank: np.ndarray) -> sc.ConvDictionary:
    """Return the dictionary of a bank that keeps the size."""
    return sc.ConvDictionary(bank, padding="same")


def chain(depth: int) -> Callable[[Banks], Any]:
    """Return a chain of learned filters."""
    return lambda banks: sc.MLCSC([same(bank) for bank in banks.chain[:depth]])


def drawn(depth: int) -> Callable[[Banks], Any]:
    """Return a chain of random filters."""
    return lambda banks: sc.MLCSC([same(bank) for bank in banks.drawn[:depth]])


def residual(damping: Any) -> Callable[[Banks], Any]:
    """Return a stem and one block of two layers, with the filters of the chain."""
    return lambda banks: sc.ResCSC(
        [same(bank) for bank in banks.chain], damping=damping, starts=(None, None, 1)
    )


def dense(depth: int) -> Callable[[Banks], Any]:
    """Return a dense, dilated model."""
    return lambda banks: sc.MSDCSC(banks.dense[:depth], list(range(1, depth + 1)), padding="same")


THRESHOLD = sc.LayeredThresholding(step=None)
FIXED = {"tol": 0.0}
SWEEPS, EXACT = {"max_iter": 10}, {"tol": TOL, "max_iter": 100}


def layerwise(n_iter: int | None = None) -> Any:
    """Return a layered pursuit of so many steps a layer, or to a gap of 0.05."""
    if n_iter is None:
        return sc.LayeredBasisPursuit(tol=TOL)
    return sc.LayeredBasisPursuit(sc.FISTA(), n_iter=n_iter)


ROWS = (
    Row("one layer, thresholding", chain(1), THRESHOLD, "step"),
    Row("one layer, basis pursuit", chain(1), layerwise(), options={"tol": TOL}),
    Row("chain of 2, thresholding", chain(2), THRESHOLD, "step"),
    Row("chain of 2, layered, 5 steps", chain(2), layerwise(5)),
    Row("chain of 2, layered basis pursuit", chain(2), layerwise(), options={"tol": TOL}),
    Row("chain of 2, ML-ISTA, 2 sweeps", chain(2), sc.MLISTA(), "joint", False, {"max_iter": 2}),
    Row("chain of 2, ML-ISTA, 10 sweeps", chain(2), sc.MLISTA(), "joint", False, SWEEPS),
    Row("chain of 2, ML-FISTA, 10 sweeps", chain(2), sc.MLFISTA(), "joint", False, SWEEPS),
    Row("chain of 2, exact multi-layer", chain(2), sc.MLADMM(), "joint", False, EXACT),
    Row("chain of 3, thresholding", chain(3), THRESHOLD, "step"),
    Row("chain of 3, layered, 5 steps", chain(3), layerwise(5)),
    Row("residual of 3, thresholding", residual("step"), THRESHOLD, "step"),
    Row("residual of 3, no correction", residual(0.0), THRESHOLD, "step"),
    Row("residual of 3, layered, 5 steps", residual("step"), layerwise(5)),
    Row("dense of 2, thresholding", dense(2), THRESHOLD, "step", True),
    Row("dense of 2, layered, 5 steps", dense(2), layerwise(5)),
    Row("dense of 2, layered basis pursuit", dense(2), layerwise(), options={"tol": TOL}),
    Row("random of 2, thresholding", drawn(2), THRESHOLD, "step"),
)


def typical(dictionary: Any, signal: np.ndarray) -> float:
    """Return the median over signals of the weight from which nonnegative codes are zero."""
    correlations = dictionary.analyze(signal)
    return float(np.median(correlations.max(axis=tuple(range(1, correlations.ndim)))))


def weights(row: Row, model: Any, images: np.ndarray, ratio: float) -> list[Any]:
    """Return the penalty of each layer: a fraction of the typical largest weight of its input."""
    penalties, source = [], images
    for dictionary in model.dictionaries:
        weight: Any = ratio * typical(dictionary, source)
        if row.free_identity:
            n_filters = dictionary.code_shape(source.shape)[1]
            free = np.full(n_filters, weight)
            free[: source.shape[1]] = 0
            penalties.append(sc.NonnegativeL1(free))
        else:
            penalties.append(sc.NonnegativeL1(weight))
        source = passed_on(row, dictionary, source, penalties[-1])
    return penalties


def passed_on(row: Row, dictionary: Any, source: np.ndarray, penalty: Any) -> np.ndarray:
    """Return what the next layer is given, or for a joint objective what its weight is to."""
    if row.scale == "own":
        problem = sc.Pursuit(source, dictionary, penalty)
        return sc.solve(problem, sc.FISTA(), tol=TOL, max_iter=20).codes
    size = 1 / dictionary.lipschitz(source.shape[2:]) if row.scale == "step" else 1.0
    return np.maximum(size * dictionary.analyze(source), 0).astype(source.dtype)


def features(row: Row, banks: Banks, images: np.ndarray, train: Any, ratio: float) -> np.ndarray:
    """Return the features of all images, the weights being set on the training half."""
    model = row.model(banks)
    options = FIXED if row.options is None else FIXED | row.options
    penalties = weights(row, model, images[train], ratio)
    return sc.layered_features(model, images, penalties, row.solver, pool=POOL, **options)


def learned(signal: np.ndarray, seed: int, dilation: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return filters learned on signals, and the signals' codes."""
    start = sc.ConvDictionary(
        sc.patch_filters(signal, WIDTH, KERNEL, seed), dilation=dilation, padding="same"
    )
    penalty = sc.NonnegativeL1(LEARN_RATIO * typical(start, signal))
    result = sc.learn(signal, start, penalty, tol=1e-2, max_iter=LEARN_ROUNDS)
    return result.filters, result.codes


def learn_banks(images: np.ndarray, seed: int) -> Banks:
    """Return the filters of all models, from the training images alone."""
    stacked, codes = [], images
    for layer in range(DEPTH):
        bank, codes = learned(codes, seed + layer)
        stacked.append(bank)
    dense_banks, source = [], images
    for layer in range(DEPTH - 1):
        bank, codes = learned(source, seed + layer, dilation=layer + 1)
        dense_banks.append(bank)
        source = np.concatenate([source, codes], axis=1)
    rng = np.random.default_rng(seed)
    sizes = (images.shape[1], *(WIDTH,) * (DEPTH - 1))
    kernel = (KERNEL, KERNEL)
    random = [sc.random_filters(WIDTH, n, kernel, rng, dtype=images.dtype) for n in sizes]
    return Banks(stacked, dense_banks, random)


def classify(candidates: dict[float, np.ndarray], labels: Any, train: Any, test: Any) -> Any:
    """Return (test accuracy, ratio, C); ratio and C have the best inner score."""
    best: Any = None
    for ratio, found in candidates.items():
        model = make_pipeline(StandardScaler(), LinearSVC(dual=False, tol=1e-3, max_iter=2000))
        inner = StratifiedKFold(3, shuffle=True, random_state=0)
        search = GridSearchCV(model, {"linearsvc__C": COSTS}, cv=inner)
        search.fit(found[train], labels[train])
        if best is None or search.best_score_ > best[0]:
            best = (search.best_score_, search, ratio)
    _, search, ratio = best
    score = search.score(candidates[ratio][test], labels[test])
    return float(score), ratio, search.best_params_["linearsvc__C"]


def halves(labels: np.ndarray, repeats: int) -> list[tuple[str, Any, Any]]:
    """Return (name, training half, test half), two a repeat."""
    out = []
    for repeat in range(repeats):
        folds = StratifiedKFold(2, shuffle=True, random_state=repeat)
        pairs = folds.split(np.zeros(len(labels)), labels)
        out += [(f"{repeat}.{n}", train, test) for n, (train, test) in enumerate(pairs)]
    return out


def run(repeats: int, only: list[str]) -> None:
    """Compute what is not there yet."""
    pixels, labels = (part[:IMAGES] for part in load_digits(return_X_y=True))
    images = (pixels / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    done = {(record["row"], record["split"]) for record in read()}
    for name, train, test in halves(labels, repeats):
        rows = [r for r in ROWS if (r.name, name) not in done and wanted(r.name, only)]
        if wanted("pixels", only) and ("pixels", name) not in done:
            found = {0.0: images.reshape(len(images), -1)}
            write("pixels", name, classify(found, labels, train, test), 0.0)
        banks = learn_banks(images[train][:LEARN_IMAGES], seed_of(name)) if rows else None
        for row in rows:
            began = time.perf_counter()
            assert banks is not None
            found = {r: features(row, banks, images, train, r) for r in RATIOS}
            seconds = (time.perf_counter() - began) / len(RATIOS)
            write(row.name, name, classify(found, labels, train, test), seconds)


def seed_of(split: str) -> int:
    """Return a seed of its own for each split."""
    repeat, half = split.split(".")
    return 100 * int(repeat) + 10 * int(half)


def wanted(name: str, only: list[str]) -> bool:
    """Return whether a row was asked for."""
    return not only or any(name.startswith(start) for start in only)


def read() -> list[dict[str, Any]]:
    """Return the records there are."""
    return [json.loads(line) for line in OUT.read_text().splitlines()] if OUT.exists() else []


def write(row: str, split: str, found: Any, seconds: float) -> None:
    """Append a record."""
    score, ratio, cost = found
    record = {"row": row, "split": split, "accuracy": score, "ratio": ratio, "C": cost}
    OUT.parent.mkdir(exist_ok=True)
    with OUT.open("a") as stream:
        stream.write(json.dumps(record | {"feature_seconds": round(seconds, 3)}) + "\n")
    print(f"{split}  {row:<36}{100 * score:6.2f}  ratio {ratio}  C {cost}", flush=True)


def table() -> None:
    """Print mean, spread, and difference to pixels over the same halves."""
    records = read()
    scores: dict[str, dict[str, float]] = {}
    for record in records:
        scores.setdefault(record["row"], {})[record["split"]] = 100 * record["accuracy"]
    print("\n| features | accuracy, % | spread | above pixels | halves better | ratio |")
    print("|---|--:|--:|--:|--:|--:|")
    for name, found in scores.items():
        values = np.array(list(found.values()))
        pairs = [(v, scores["pixels"][s]) for s, v in found.items() if s in scores["pixels"]]
        above = np.array([a - b for a, b in pairs])
        ratio = np.median([r["ratio"] for r in records if r["row"] == name])
        print(
            f"| {name} | {values.mean():.2f} | {values.std(ddof=1) if len(values) > 1 else 0:.2f} "
            f"| {above.mean():+.2f} | {(above > 0).sum()} of {len(above)} | {ratio:g} |"
        )


def main() -> None:
    """Read the arguments, run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=2, help="each has two halves")
    parser.add_argument("--only", nargs="*", default=[], help="beginnings of rows' names")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    run(arguments.repeats, arguments.only)
    table()


if __name__ == "__main__":
    main()
