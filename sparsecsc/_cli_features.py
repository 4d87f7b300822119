"""What ``--pool`` does: features of the codes of a model, for a classifier."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc._cli_options import MisuseError, Settings, _per_axis
from sparsecsc.applications.features import features_of
from sparsecsc.io import atomic_write

FILE = "features.npz"


def add_features(add: Callable[..., Any]) -> None:
    """Add the options to the parser."""
    text = (
        f"with --model: write {FILE} too, a row a file: the sizes of its codes averaged over cells "
        "of so many positions, 4 or 4,2 by axis"
    )
    add("--pool", type=_per_axis(1), metavar="N", help=text)
    text = "the layers whose codes are pooled, such as 1,2 (default: the deepest)"
    add("--pool-layers", type=_per_axis(1), metavar="N[,N...]", help=text)


def check(s: Settings, n_layers: int, n_axes: int) -> None:
    """Refuse cells and layers that there are not."""
    if s.pool_layers is not None and s.pool is None:
        msg = "--pool-layers goes with --pool; got it alone: add --pool, or leave it out."
        raise MisuseError(msg)
    if isinstance(s.pool, tuple) and len(s.pool) != n_axes:
        msg = f"--pool must be one number, or one for each of the {n_axes} axes; got "
        raise MisuseError(msg + f"{len(s.pool)}: match them.")
    deepest = max(_layers(s) or (1,))
    if deepest > n_layers:
        msg = f"--pool-layers must be of the layers 1 to {n_layers}; got {deepest}: leave it out."
        raise MisuseError(msg)


def write(job: Any, codes: tuple[np.ndarray, ...], out: Path) -> list[Path]:
    """Write the features of the codes of all layers, where they are asked for."""
    s, files = job.settings, job.inputs.files
    if s.pool is None:
        return []
    rows = features_of(codes, s.pool, _layers(s)).reshape(len(files), -1)
    content: dict[str, Any] = {
        "features": rows,
        "files": np.array([file.path.name for file in files]),
        "cell": np.atleast_1d(s.pool),
        "layers": np.array(_layers(s) or (len(codes),)),
    }
    return [
        atomic_write(out / FILE, lambda stream: np.savez(stream, allow_pickle=False, **content))
    ]


def _layers(s: Settings) -> tuple[int, ...] | None:
    return (s.pool_layers,) if isinstance(s.pool_layers, int) else s.pool_layers
