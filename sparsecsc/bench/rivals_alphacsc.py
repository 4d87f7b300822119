"""alphacsc's locally greedy coordinate descent as a runner: one axis, nonnegative codes."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsecsc.bench.data import Data
from sparsecsc.bench.protocol import Snapshot


@dataclass(frozen=True)
class AlphaCSC:
    """`alphacsc.update_z_multi` with ``solver="lgcd"``, float64, one signal.

    It gives no iterates, so each accuracy is a run of its own from zero, with a smaller tolerance
    on the largest update: the seconds of a point are those of that run alone.
    """

    name = "alphacsc LGCD"

    @property
    def settings(self) -> dict[str, Any]:
        """What was chosen."""
        return {"tol": "half of the largest |D^T y|, and halved from run to run"}

    def unsuited(self, data: Any) -> str | None:
        """Return why it does not take the problem, or None."""
        if importlib.util.find_spec("alphacsc") is None:
            return "alphacsc is not installed"
        if not isinstance(data, Data):
            return "is for one layer"
        fits = len(data.sizes) == 1 and data.nonnegative and not data.circular
        return None if fits else "is for nonnegative codes of one axis, not circular"

    def iterates(self, data: Data, stops: Iterator[int]) -> Iterator[Snapshot]:
        """Yield the codes of one run after another."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            update = importlib.import_module("alphacsc.update_z_multi").update_z_multi
        signal, bank = data.signal.astype(np.float64), data.filters.astype(np.float64)
        scale = 0.5 / np.sqrt((bank**2).sum(axis=(1, 2)).max())
        highest = data.weight if data.weight > 0 else 1.0
        for run in itertools.islice(stops, 60):
            tol = 16.0 * highest * scale * 0.5 ** (run - 1)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                codes, *_ = update(
                    signal, bank, data.weight, solver="lgcd", solver_kwargs={"tol": tol}
                )
            yield Snapshot(run, lambda codes=codes: codes, fresh=True)  # type: ignore[misc]
