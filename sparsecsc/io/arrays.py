"""NPY and NPZ files: plain arrays only, never pickled objects."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import numpy as np

from sparsecsc.checks import check_array
from sparsecsc.encode import _layout
from sparsecsc.io.common import MAX_VALUES, check_size, unreadable

_MAX_HEADER = 10_000
_BAD_ARCHIVE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    UnicodeDecodeError,
)


@dataclass(frozen=True)
class ArrayFormat:
    """What an array file was, and how to write another like it."""

    suffix: str
    dtype: str
    shape: tuple[int, ...]
    layout: Any
    """Which axes were added, and where the channels were."""
    n_channels: int
    name: str = ""
    """The array's name in an NPZ file."""
    peak: float = 1.0
    """The largest absolute value."""
    note = ""
    kind = "array"

    @property
    def words(self) -> str:
        """Say in a few words what the file is."""
        return f"{self.dtype} array {self.shape}"

    def write(self, stream: BinaryIO, signal: np.ndarray) -> None:
        """Write `signal` (n_signals, n_channels, *spatial) in the shape and dtype of the file."""
        array = self.layout.from_core(signal).reshape(self.shape).astype(self.dtype)
        if self.suffix == ".npz":
            np.savez_compressed(stream, allow_pickle=False, **{self.name: array})
        else:
            np.save(stream, array, allow_pickle=False)


def read_array(
    path: Path, name: str, dtype: str, *, n_axes: int | None, n_channels: int
) -> tuple[np.ndarray, ArrayFormat]:
    """Read a signal; `n_axes` and `n_channels` say what its axes mean, as in `encode`."""
    stored, name = load_array(path, name)
    checked = check_array(f"{path}", stored, ndims=range(1, 6), axes="of a signal: 1 to 5 of them")
    axes = min(stored.ndim, 3) if n_axes is None else n_axes
    layout = _layout(checked, SimpleNamespace(n_axes=axes, n_channels=n_channels))
    core = np.ascontiguousarray(layout.to_core(checked).astype(dtype))
    peak = float(np.max(np.abs(checked)))
    format_ = ArrayFormat(
        path.suffix.lower(), str(stored.dtype), stored.shape, layout, core.shape[1], name, peak
    )
    return core, format_


def load_array(path: Path, name: str = "", prefer: str = "") -> tuple[np.ndarray, str]:
    """Return one array of an NPY or NPZ file, and its name in the latter.

    In an NPZ file it is the array `name`, else the only one, else the one called `prefer`.
    """
    if path.suffix.lower() == ".npy":
        if name:
            msg = f"a name after ':' is for .npz files; got '{path}:{name}': leave it out."
            raise ValueError(msg)
        with open(path, "rb") as stream:
            return _read_npy(path, "the file", stream, path.stat().st_size), ""
    with opened(path) as archive:
        entries = arrays_of(archive)
        chosen = _one(path, list(entries), name, prefer)
        return read_member(path, archive, entries[chosen]), chosen


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an NPZ file; what is wrong with it is said in one line."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (*_BAD_ARCHIVE, OSError) as error:
        if getattr(error, "filename", None):  # the file itself cannot be opened
            raise
        raise unreadable(path, "an NPZ archive", error) from None


def arrays_of(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the entries that hold arrays, by the name of the array."""
    entries = {entry.filename: entry for entry in archive.infolist()}
    return {n.removesuffix(".npy"): entry for n, entry in entries.items() if n.endswith(".npy")}


def _one(path: Path, names: list[str], only: str, prefer: str) -> str:
    if only:
        if only in names:
            return only
        found = ", ".join(names) or "none"
        msg = f"expected an array '{only}' in '{path}'; got {found}: name one that is there."
        raise ValueError(msg)
    if len(names) == 1:
        return names[0]
    if prefer in names:
        return prefer
    found = ", ".join(names) or "none"
    msg = f"expected one array in '{path}'; got {found}: choose with '{path.name}:NAME'."
    raise ValueError(msg)


def read_member(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    """Return the array of an entry, if its size is not beyond the limit."""
    if entry.file_size > 8 * MAX_VALUES + _MAX_HEADER:
        check_size(path, (entry.file_size // 8,))
    with archive.open(entry) as stream:
        return _read_npy(path, f"its member {entry.filename}", stream, entry.file_size)


def _read_npy(path: Path, what: str, stream: Any, size: int) -> np.ndarray:
    """Read one array whose header was checked against the size of the file."""
    kind = "a plain NumPy array"
    try:
        version = np.lib.format.read_magic(stream)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = read_header(stream, max_header_size=_MAX_HEADER)
    except (ValueError, KeyError, EOFError, SyntaxError) as error:
        raise unreadable(path, kind, f"{what} has a bad header ({_first_words(error)})") from None
    if dtype.hasobject or dtype.kind not in "biufcU":
        raise unreadable(path, kind, f"{what} holds {dtype} (pickled objects are never loaded)")
    check_size(path, shape)
    count = int(np.prod(shape, dtype=np.int64))
    if count * dtype.itemsize != size - stream.tell():
        reason = f"{what} announces {count} values and holds {size - stream.tell()} bytes"
        raise unreadable(path, kind, reason)
    body = stream.read()
    array = np.frombuffer(body, dtype).reshape(shape, order="F" if fortran else "C")
    return array.astype(dtype.newbyteorder("="), order="C")


def _first_words(error: BaseException) -> str:
    return io.StringIO(str(error)).readline().strip()[:100] or type(error).__name__
