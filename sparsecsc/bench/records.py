"""Results as lines of JSON, one written at a time, so that a run that was cut off goes on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

VERSION = 1


def append(path: Path, record: dict[str, Any]) -> None:
    """Add one line to the file, in a single write that is on the disk when this returns.

    A line that an earlier process left half written is ended first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"format": VERSION, **record}, allow_nan=False) + "\n"
    with open(path, "a+b", buffering=0) as stream:
        size = stream.seek(0, os.SEEK_END)
        if size:
            stream.seek(size - 1)
            line = line if stream.read(1) == b"\n" else "\n" + line
        stream.write(line.encode())
        os.fsync(stream.fileno())


def read(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the records of a file that may be absent, and how many lines could not be read."""
    if not path.exists():
        return [], 0
    found: list[dict[str, Any]] = []
    n_broken = 0
    for line in path.read_bytes().splitlines():
        try:
            record = json.loads(line)
        except ValueError:  # half a line, or bytes that are no text
            record = None
        if isinstance(record, dict) and record.get("format") == VERSION and "kind" in record:
            found.append(record)
        elif line.strip():
            n_broken += 1
    return found, n_broken


def latest(records: list[dict[str, Any]], **wanted: Any) -> dict[str, Any] | None:
    """Return the last record with these values, or None."""
    matching = (r for r in reversed(records) if all(r.get(k) == v for k, v in wanted.items()))
    return next(matching, None)
