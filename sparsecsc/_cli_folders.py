"""The folders that options of the command line name."""

from __future__ import annotations

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
