"""What ``sparsecsc learn`` reads: files, prepared, at once or batch after batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc._cli_folders import files_in
from sparsecsc._cli_job import read_mask, split
from sparsecsc._cli_learn_options import STARTS, LearnSettings
from sparsecsc._cli_options import DEFAULT_LOWPASS, MisuseError
from sparsecsc.dictionaries.random import random_filters
from sparsecsc.io import SignalFile, load_filters, read_signal
from sparsecsc.io.files import SUFFIXES
from sparsecsc.io.images import KIND_OF_SUFFIX
from sparsecsc.learning.starts import patch_filters
from sparsecsc.preprocessing import to_luminance

_KERNELS = {"image": (8, 8), "recording": (64,)}
_ROWS = 4
"""Orders of files that are kept in memory, one an epoch."""


@dataclass(frozen=True)
class Files:
    """The files to learn from, in the order of their names, and how they are prepared."""

    paths: tuple[Path, ...]
    settings: LearnSettings

    @property
    def n_batches(self) -> int:
        """Batches an epoch."""
        return -(-len(self.paths) // self.settings.batch)

    def read(self, path: Path) -> SignalFile:
        """Read one file, in grey where that is asked for."""
        s = self.settings
        n_axes = None if s.kernel is None else len(s.kernel)
        file = read_signal(path, dtype=s.dtype, n_axes=n_axes, n_channels=s.channels)
        if s.grey and file.signal.shape[1] == 3:
            return SignalFile(to_luminance(file.signal), file.format, file.path)
        return file

    def strength(self, path: Path) -> float:
        """Return the strength of the low-pass of a file: by default 0 but for images."""
        if self.settings.lowpass is not None:
            return self.settings.lowpass
        return DEFAULT_LOWPASS if path.suffix.lower() in KIND_OF_SUFFIX else 0.0

    def mask(self) -> np.ndarray | None:
        """Return the mask, if there is one; it must be of the size of the first file."""
        s = self.settings
        return None if s.mask is None else read_mask(s.mask, s.dtype, self.read(self.paths[0]))

    def signal(self, paths: Sequence[Path], mask: np.ndarray | None = None) -> np.ndarray:
        """Return what is learned from in these files, (n_signals, n_channels, *spatial)."""
        signals: list[np.ndarray] = []
        for path in paths:
            signal = self.read(path).signal
            if signals and signal.shape[1:] != signals[0].shape[1:]:
                advice = "cut them alike, or use --online with --batch 1."
                if self.settings.online:
                    advice = "cut them alike, or use --batch 1."
                msg = (
                    "files that are learned from together must have one size and as many channels; "
                    f"got {signals[0].shape[1:]} for '{paths[0]}' and {signal.shape[1:]} for "
                    f"'{path}': {advice}"
                )
                raise MisuseError(msg)
            signals.append(split(signal, mask, self.strength(path))[1])
        return np.ascontiguousarray(np.concatenate(signals))


@dataclass(frozen=True)
class Batches:
    """The batches of all epochs, read when asked for; each epoch has an order of its own."""

    files: Files
    there: Callable[[Any], Any]
    """Brings a batch to where it is worked on."""

    def __len__(self) -> int:
        return self.files.n_batches * self.files.settings.epochs

    def __getitem__(self, t: int) -> Any:
        if not 0 <= t < len(self):
            raise IndexError(t)
        epoch, place = divmod(t, self.files.n_batches)
        s = self.files.settings
        order = _order(s.seed, epoch, len(self.files.paths))
        chosen = order[place * s.batch : (place + 1) * s.batch]
        return self.there(self.files.signal([self.files.paths[i] for i in chosen]))


@lru_cache(maxsize=_ROWS)
def _order(seed: int, epoch: int, n: int) -> tuple[int, ...]:
    return tuple(np.random.default_rng((seed, epoch)).permutation(n).tolist())


def find_files(settings: LearnSettings) -> Files:
    """Return the files that are named, and those in folders that are.

    Raises
    ------
    MisuseError
        If a folder has none, a name is given twice, or the files are of several kinds.
    """
    paths: list[Path] = []
    for given in settings.inputs:
        path = Path(given)
        if not path.is_dir():
            paths.append(path)
            continue
        paths += files_in(path, SUFFIXES, "files")
    kinds = {_kind(path): path for path in paths}
    if len(kinds) > 1:
        one, two = list(kinds.values())[:2]
        msg = f"all inputs must be of one kind; got '{one}' and '{two}': name them apart."
        raise MisuseError(msg)
    return Files(tuple(paths), settings)


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    return "image" if suffix in KIND_OF_SUFFIX else "recording" if suffix == ".wav" else "array"


def start_filters(settings: LearnSettings, first: np.ndarray, path: Path) -> Any:
    """Return the filters to start at, for signals like the first.

    Raises
    ------
    MisuseError
        If their size has to be said, or does not fit.
    OSError, ValueError
        If they are in a file that cannot be read.
    """
    s = settings
    if s.start not in STARTS:
        stored = load_filters(s.start)
        for name in ("n_filters", "kernel"):
            if name in s.given:
                option = "--filters" if name == "n_filters" else "--kernel"
                msg = f"{option} is that of the file '{s.start}'; got both: leave out {option}."
                raise MisuseError(msg)
        return stored.astype(s.dtype) if stored.dtype.kind == "f" else stored
    kernel = s.kernel or _KERNELS.get(_kind(path))
    if kernel is None:
        msg = "--kernel must be given for arrays, as many numbers as spatial axes; got none."
        raise MisuseError(msg)
    if len(kernel) != first.ndim - 2:
        msg = (
            f"--kernel must have {first.ndim - 2} sizes for '{path}'; got "
            f"{'x'.join(map(str, kernel))}: give one for each axis."
        )
        raise MisuseError(msg)
    if s.start == "patches":
        return patch_filters(first, s.n_filters, kernel, s.seed)
    return random_filters(s.n_filters, first.shape[1], kernel, s.seed, dtype=s.dtype)
