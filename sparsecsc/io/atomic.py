"""Write a file so that nobody ever sees half of it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO


def atomic_write(path: str | os.PathLike[str], writer: Callable[[BinaryIO], Any]) -> Path:
    """Let `writer` write to a temporary file beside `path`, then rename it over `path`.

    Parameters
    ----------
    path : path
        The file to make or replace. Its folder must exist.
    writer : callable
        Called with a binary stream, open for reading and writing.

    Returns
    -------
    pathlib.Path
        `path`.

    Raises
    ------
    OSError
        If the folder cannot be written to. Whatever `writer` raises is passed on; `path` is then
        what it was before, and the temporary file is gone.

    Notes
    -----
    The content is on the disk before the rename, and the rename is atomic within one file system:
    a process killed at any moment leaves the old content or the new one. A killed process may leave
    a file ``.NAME.XXXXXXXX.tmp``, which can be deleted.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "x+b") as stream:
            writer(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)
    return target


def _sync_folder(folder: Path) -> None:
    """Put the rename itself on the disk, where the system can do that for folders."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
