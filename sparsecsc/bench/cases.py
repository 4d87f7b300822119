"""Named, seeded problems.

A name says all: ``camera512_learned12x12x36_0.05`` is the middle 512 x 512 pixels of camera, grey,
high-passed, circular, with the weight 0.05 in units of the white level; ``r0.05`` in the place of
the weight means 0.05 of lambda_max. ``coffee-rgb256`` has three channels. ``planted5000`` is
made from nonnegative codes, ``snare32768`` is the recording; ``mlcsc2``, ``rescsc3`` and
``msdcsc4`` in the place of the filters are models of so many layers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sparsecsc.bench import filters, images, layered
from sparsecsc.bench.data import Data
from sparsecsc.data import load_recording
from sparsecsc.optimality import lambda_max

SHIPPED = {
    "camera128_dct8x8_r0.05": "grey photograph, 63 filters",
    "coffee-rgb64_dct5x5_r0.05": "colour photograph, 72 filters of three channels",
    "planted20000_random64x25_r0.02": "nonnegative codes planted in 20000 samples",
    "snare16384_tones64_r0.05": "recording, 32 filters",
    "camera32_mlcsc2_r0.01": "grey photograph, two layers",
}
"""What `sparsecsc bench` runs by default: all of it travels with the package."""
ALIASES = {
    "A": "camera512_learned12x12x36_0.05",
    "B": "camera512_learned8x8x64_0.02",
    "C": "camera512_learned8x8x64_0.1",
    "E": "camera1024_learned12x12x36_0.05",
}
_NAME = re.compile(
    r"(?P<source>[a-z]+)(?P<colour>-rgb)?(?P<size>\d+)_(?P<filters>[a-z]+\d+(?:x\d+)*)"
    r"_(?P<relative>r?)(?P<weight>\d+(?:\.\d*)?(?:e-?\d+)?)"
)
_SIGNALS = (*images.PHOTOGRAPHS, "planted", "snare")
_NOISE, _DENSITY = 0.1, 1e-3


@dataclass(frozen=True)
class Case:
    """A named problem; `seed` draws what is random in the signal."""

    name: str
    source: str
    size: int
    filters: str
    weight: float
    relative: bool
    """Whether `weight` is in units of lambda_max."""
    colour: bool = False
    seed: int = 0

    @property
    def is_layered(self) -> bool:
        """Whether the problem has a model of several layers."""
        return layered.NAME.fullmatch(self.filters) is not None

    @property
    def dtype(self) -> str:
        """float32 for photographs and sound; float64 where rivals have nothing else."""
        return "float64" if self.source == "planted" else "float32"

    def missing(self) -> str | None:
        """Return what is not installed that the problem is made of, or None."""
        reason = images.missing(self.source) if self.source in images.PHOTOGRAPHS else None
        return reason or (None if self.is_layered else filters.missing(self.filters))

    def data(self) -> Any:
        """Return the arrays: `Data`, or `LayeredData`; the same on each call.

        Raises
        ------
        OSError, ValueError
            If what it is made of is not installed, or the sizes do not fit together.
        """
        if self.is_layered:
            signal = self._signal(None)
            return layered.layered_data(self.filters, signal, self.weight, self.seed)
        bank = filters.named_filters(self.filters, 3 if self.colour else 1)
        signal, planted = self._signal(bank), self.source == "planted"
        bank = bank.astype(self.dtype)
        data = Data(signal, bank, self.weight, circular=not planted, nonnegative=planted)
        if not self.relative:
            return data
        unit = replace(data, weight=1.0)
        return replace(data, weight=self.weight * lambda_max(unit.problem(np.float64)))

    def _signal(self, bank: Any) -> np.ndarray:
        if self.source == "planted":
            return _planted(bank, self.size, self.seed).astype(self.dtype)
        if self.source == "snare":
            samples, _ = load_recording("snare_roll")
            return np.ascontiguousarray(samples[None, None, : self.size], self.dtype)
        picture = images.photograph(self.source, self.size, colour=self.colour)
        return picture.astype(self.dtype)


def find(name: str) -> Case:
    """Return the problem of this name or alias.

    Raises
    ------
    ValueError
        If the name does not parse, or names a signal that there is not.
    """
    full = ALIASES.get(name, name)
    match = _NAME.fullmatch(full)
    if match is None or match["source"] not in _SIGNALS:
        msg = (
            "a problem must be SIGNAL with its size, FILTERS and weight, such as "
            f"{next(iter(SHIPPED))}, or one of {', '.join(ALIASES)}; got {name!r}: see sparsecsc "
            "bench --list."
        )
        raise ValueError(msg)
    case = Case(
        name=full,
        source=match["source"],
        size=int(match["size"]),
        filters=match["filters"],
        weight=float(match["weight"]),
        relative=bool(match["relative"]),
        colour=bool(match["colour"]),
    )
    _check(case, name)
    return case


def _check(case: Case, name: str) -> None:
    one_axis = case.source in ("planted", "snare")
    wrong = None
    if case.colour and one_axis:
        wrong = "-rgb is for photographs"
    elif case.weight <= 0 or (case.relative and case.weight > 1):
        wrong = "the weight must be > 0, and at most 1 in units of lambda_max"
    elif case.is_layered and not case.relative:
        wrong = "the weights of a model are in units of lambda_max: write r0.01"
    elif case.size < 16:
        wrong = "the size must be at least 16"
    elif not case.is_layered:
        n_axes = filters.axes_of(case.filters)
        if n_axes != (1 if one_axis else 2):
            wrong = f"filters of {n_axes} axes do not fit the signal"
    if wrong is not None:
        msg = f"a problem must be possible; got {name!r}: {wrong}."
        raise ValueError(msg)


def _planted(bank: np.ndarray, length: int, seed: int) -> np.ndarray:
    """Return a sum of atoms at random places, heights in [0.5, 1.5], plus a tenth of noise."""
    rng = np.random.default_rng(seed)
    taps = bank.shape[-1]
    image = np.zeros(length)
    for atom in bank[:, 0]:
        codes = np.zeros(length - taps + 1)
        places = rng.choice(codes.size, max(1, round(_DENSITY * codes.size)), replace=False)
        codes[places] = rng.uniform(0.5, 1.5, places.size)
        image += np.convolve(codes, atom)
    noise = _NOISE * float(image.std()) * rng.standard_normal(length)
    return np.asarray((image + noise)[None, None])
