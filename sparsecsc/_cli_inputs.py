"""What is read: one file, or a folder whose images become one batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc._cli_folders import files_in
from sparsecsc._cli_options import MisuseError
from sparsecsc.io import SignalFile, read_signal
from sparsecsc.io.images import KIND_OF_SUFFIX


@dataclass(frozen=True, eq=False)
class Inputs:
    """The files of a run, all of the same size and channels."""

    path: Path
    """The file or folder that was named."""
    files: tuple[SignalFile, ...]
    batch: bool
    """Whether it was a folder."""

    @cached_property
    def signal(self) -> np.ndarray:
        """All signals, (n_signals, n_channels, *spatial)."""
        if len(self.files) == 1:
            return self.files[0].signal
        return np.concatenate([file.signal for file in self.files])

    @property
    def format(self) -> Any:
        """That of the first file."""
        return self.files[0].format

    @property
    def words(self) -> str:
        """Say in a few words what was read."""
        if not self.batch:
            return str(self.format.words)
        return f"{len(self.files)} images, the first {self.files[0].path.name}"

    def outputs(self) -> Iterator[tuple[str, SignalFile]]:
        """Yield the name of each reconstruction with the file that it is of."""
        for file in self.files:
            name = f"reconstruction{file.format.suffix}"
            yield f"reconstruction_{file.path.name}" if self.batch else name, file

    def parts(self, signals: np.ndarray) -> list[np.ndarray]:
        """Cut an array of all signals into those of the files."""
        ends = np.cumsum([len(file.signal) for file in self.files])[:-1]
        return np.split(signals, ends)


def read_inputs(given: str, *, dtype: str, n_axes: int | None, n_channels: int) -> Inputs:
    """Read the file, or every image in the folder in the order of their names.

    Raises
    ------
    MisuseError
        If there is no image in the folder, or two differ in size or channels.
    OSError, ValueError
        If a file cannot be read.
    """
    folder = Path(given)
    if not folder.is_dir():
        file = read_signal(given, dtype=dtype, n_axes=n_axes, n_channels=n_channels)
        return Inputs(file.path, (file,), batch=False)
    names = files_in(folder, tuple(KIND_OF_SUFFIX), "images")
    files = tuple(read_signal(path, dtype=dtype) for path in names)
    for file in files[1:]:
        if file.signal.shape != files[0].signal.shape:
            msg = (
                "all images of a folder must have the same size and channels; got "
                f"{_size(files[0])} and {_size(file)}: cut them alike, or use two folders."
            )
            raise MisuseError(msg)
    return Inputs(folder, files, batch=True)


def _size(file: SignalFile) -> str:
    _, channels, height, width = file.signal.shape
    kind = "colour" if channels == 3 else "grey"
    return f"'{file.path.name}' ({height} x {width}, {kind})"
