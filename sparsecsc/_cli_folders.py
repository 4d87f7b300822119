"""The folders that options of the command line name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sparsecsc._cli_options import MisuseError


def as_folder(option: str, given: str) -> Path:
    """Return the path of a folder that is there or can be made.

    Raises
    ------
    MisuseError
        If it is a file.
    """
    folder = Path(given)
    if folder.exists() and not folder.is_dir():
        msg = f"{option} must be a folder; got the file '{folder}': choose another name."
        raise MisuseError(msg)
    return folder


def files_in(folder: Path, suffixes: Sequence[str], what: str) -> list[Path]:
    """Return the files in a folder with one of these suffixes, hidden ones aside, by name.

    Raises
    ------
    MisuseError
        If there are none; `what` says in a word what they are.
    """
    found = sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and path.suffix.lower() in suffixes and not path.name.startswith(".")
    )
    if not found:
        listed = ", ".join(suffixes)
        msg = f"expected {what} ({listed}) in the folder '{folder}'; got none: name another."
        raise MisuseError(msg)
    return found
