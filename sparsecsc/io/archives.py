"""NPZ files of many arrays: their names, their total size, and the header of the package's own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc.io.arrays import arrays_of, opened, read_member
from sparsecsc.io.atomic import atomic_write
from sparsecsc.io.common import check_size, unreadable

MAX_HEADER = 2**22
"""Largest number of characters of a header."""


@dataclass(frozen=True)
class Format:
    """One kind of file of the package: plain arrays, and a header of JSON text among them."""

    name: str
    """What the header says the format is."""
    version: int
    """The only one that is read."""
    content: str
    """What the file holds, for messages, such as "saved codes"."""
    advice: str
    """What else to do about a file of another version."""
    fields: Mapping[str, type]
    """The fields that a header must have."""

    def write(
        self,
        path: str | os.PathLike[str],
        arrays: Mapping[str, Any],
        *,
        compress: bool = True,
        **fields: Any,
    ) -> Path:
        """Write the arrays and a header with these fields, atomically.

        Raises
        ------
        ValueError
            If JSON cannot hold the fields, or they are too long.
        OSError
            If the file cannot be written.
        """
        header = {"format": self.name, "format_version": self.version} | fields
        text = json.dumps(header, allow_nan=False)
        if len(text) > MAX_HEADER:
            msg = (
                f"parameters and structure must take at most {MAX_HEADER} characters of JSON; got "
                f"{len(text)}: keep large data in arrays, or cut the model into parts."
            )
            raise ValueError(msg)
        members = {"header": np.array(text), **arrays}
        save = np.savez_compressed if compress else np.savez
        return atomic_write(path, lambda stream: save(stream, allow_pickle=False, **members))

    def read(self, path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return the header and the arrays of a file.

        Raises
        ------
        OSError
            If there is no such file.
        ValueError
            If it is damaged, too large, of another format or version, or incomplete.
        """
        file = Path(path)
        if not file.is_file():
            msg = f"expected {self.content} in '{file}'; got nothing there: check the path."
            raise FileNotFoundError(msg)
        arrays = read_members(file, member_names(file))
        return self._header(file, arrays.pop("header", None)), arrays

    def _header(self, file: Path, header: np.ndarray | None) -> dict[str, Any]:
        if header is None or header.dtype.kind != "U" or header.size != 1:
            raise unreadable(file, self.content, "it was not written by sparsecsc")
        if header.dtype.itemsize > 4 * MAX_HEADER:
            raise unreadable(file, self.content, "its header is too long")
        try:
            found = json.loads(str(header.item()))
            named = found["format"] == self.name
        except (KeyError, ValueError, TypeError, RecursionError):
            named = False
        if not named:
            raise unreadable(file, self.content, "it was not written by sparsecsc")
        stated = found.get("format_version")
        if stated != self.version:
            msg = (
                f"'{file}' must have format version {self.version}; got {stated!r}: read it with "
                f"the version of sparsecsc that wrote it, or {self.advice}."
            )
            raise ValueError(msg)
        if not all(isinstance(found.get(name), kind) for name, kind in self.fields.items()):
            raise unreadable(file, self.content, "its header is incomplete")
        return dict(found)


def member_names(file: Path) -> list[str]:
    """Return the names of the arrays in an NPZ file, in its order.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is not an archive.
    """
    with opened(file) as archive:
        return list(arrays_of(archive))


def read_members(file: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Return these arrays of an NPZ file, each and all together of a limited size.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is damaged or too large, or an array is not a plain one.
    """
    with opened(file) as archive:
        entries = arrays_of(archive)
        wanted = {name: entries[name] for name in names}
        check_size(file, (sum(entry.file_size for entry in wanted.values()) // 8,))
        return {name: read_member(file, archive, entry) for name, entry in wanted.items()}
