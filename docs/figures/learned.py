"""What was learned from the shipped photographs: `python docs/figures/learned.py`.

Writes docs/images/learned_filters.png and docs/images/learned_models.png.
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np

import sparsecsc as sc
from sparsecsc import plot
from sparsecsc.data import FILTERS, MODELS
from sparsecsc.io import load_learned_model

mpl.use("Agg")
import matplotlib.pyplot as plt

IMAGES = Path(__file__).resolve().parents[1] / "images"
MOST = 32
"""Atoms drawn of a layer."""


def banks() -> None:
    """Draw the filters."""
    figure, axes = plt.subplots(2, 3, figsize=(11, 7.6), constrained_layout=True)
    for name, axis in zip(FILTERS, axes.flat, strict=False):
        plot.filters(sc.load_learned_filters(name), ax=axis)
        axis.set_title(name, fontsize=10)
    axes.flat[-1].axis("off")
    figure.savefig(IMAGES / "learned_filters.png", dpi=80)


def atoms_of(model: object, layer: int) -> np.ndarray:
    """Return what one coefficient of each filter of a layer synthesises at the signal."""
    dictionary = sc.effective(model, 1, layer)
    size = 48
    own = model.dictionaries[layer - 1]
    shape = sc.layer_shapes(model, (1, 1, size, size))[layer]
    n_filters = shape[1]
    codes = np.zeros((n_filters, *shape[1:]), np.float32)
    codes[np.arange(n_filters), np.arange(n_filters), 12, 12] = 1
    atoms = dictionary.synthesize(codes, (size, size))
    new = atoms if isinstance(own, sc.ConvDictionary) else atoms[-own.dictionaries[1].n_filters :]
    rows = np.flatnonzero(np.abs(new).max(axis=(0, 1, 3)) > 1e-4)
    columns = np.flatnonzero(np.abs(new).max(axis=(0, 1, 2)) > 1e-4)
    return new[:MOST, :, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def models() -> None:
    """Draw the atoms of every layer at the signal."""
    figure, axes = plt.subplots(len(MODELS), 3, figsize=(11, 11), constrained_layout=True)
    for row, name in zip(axes, MODELS, strict=True):
        model = load_learned_model(name).model
        for i, axis in enumerate(row, start=1):
            axis.axis("off")
            if i <= len(model.dictionaries):
                plot.filters(atoms_of(model, i), ax=axis)
                axis.set_title(f"{name}, layer {i}", fontsize=10)
    figure.savefig(IMAGES / "learned_models.png", dpi=80)


if __name__ == "__main__":
    banks()
    models()
