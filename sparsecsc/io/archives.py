"""NPZ files of many arrays: their names, their total size, and the header of the package's own."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc.io.arrays import _BAD_ARCHIVE, _read_member
from sparsecsc.io.common import check_size, unreadable

MAX_HEADER = 2**22
"""Largest number of characters of a header."""


def write_header(**fields: Any) -> np.ndarray:
    """Return `fields` as an array that holds their JSON text.

    Raises
    ------
    ValueError
        If JSON cannot hold them, or they are too long.
    """
    text = json.dumps(fields, allow_nan=False)
    if len(text) > MAX_HEADER:
        msg = (
            f"parameters and structure must take at most {MAX_HEADER} characters of JSON; got "
            f"{len(text)}: keep large data in arrays, or cut the model into parts."
        )
        raise ValueError(msg)
    return np.array(text)


def read_header(
    file: Path,
    header: np.ndarray | None,
    *,
    kind: str,
    format_: str,
    version: int,
    advice: str,
    fields: Mapping[str, type],
) -> dict[str, Any]:
    """Return the header of a file, checked to be of this format, version and content.

    Parameters
    ----------
    file : Path
        For the messages.
    header : array or None
        The member that holds it; None if there is none.
    kind : str
        What the file should be, such as "saved codes".
    format_, version : str, int
        The only ones that are read.
    advice : str
        What else to do about a file of another version.
    fields : mapping of str to type
        The fields that must be there.

    Raises
    ------
    ValueError
        If the header is anything else.
    """
    if header is None or header.dtype.kind != "U" or header.size != 1:
        raise unreadable(file, kind, "it was not written by sparsecsc")
    if header.dtype.itemsize > 4 * MAX_HEADER:
        raise unreadable(file, kind, "its header is too long")
    try:
        found = json.loads(str(header.item()))
        named = found["format"] == format_
    except (KeyError, ValueError, TypeError, RecursionError):
        named = False
    if not named:
        raise unreadable(file, kind, "it was not written by sparsecsc")
    stated = found.get("format_version")
    if stated != version:
        msg = (
            f"'{file}' must have format version {version}; got {stated!r}: read it with the "
            f"version of sparsecsc that wrote it, or {advice}."
        )
        raise ValueError(msg)
    if not all(isinstance(found.get(name), type_) for name, type_ in fields.items()):
        raise unreadable(file, kind, "its header is incomplete")
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
    with _opened(file) as archive:
        return list(_arrays(archive))


def read_members(file: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Return these arrays of an NPZ file, each and all together of a limited size.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is damaged or too large, or an array is not a plain one.
    """
    with _opened(file) as archive:
        entries = _arrays(archive)
        wanted = {name: entries[name] for name in names}
        check_size(file, (sum(entry.file_size for entry in wanted.values()) // 8,))
        return {name: _read_member(file, archive, entry) for name, entry in wanted.items()}


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except (*_BAD_ARCHIVE, UnicodeDecodeError, OSError) as error:
        if getattr(error, "filename", None):  # the file itself cannot be opened
            raise
        raise unreadable(file, "an NPZ archive", error) from None


def _arrays(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    entries = {entry.filename: entry for entry in archive.infolist()}
    return {n.removesuffix(".npy"): entry for n, entry in entries.items() if n.endswith(".npy")}
