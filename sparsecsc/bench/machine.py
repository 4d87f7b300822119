"""What numbers depend on: versions, processor, threads, load."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

from sparsecsc.backends import cpu

_PACKAGES = (
    *("sparsecsc", "numpy", "scipy", "numba", "sporco", "pyfftw", "numexpr", "alphacsc"),
    *("scikit-learn", "celer", "skglm", "torch"),
)


def versions() -> dict[str, str]:
    """Return the versions of Python, of this package and of the rivals that are installed."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """Return the name of the processor."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def source() -> str:
    """Return a digest of our code, what measures and draws left out.

    Records of ours are of no use once the code has changed; those of rivals are.
    """
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        if file.parent.name != "bench" and not file.name.startswith(("_cli", "_plot")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def describe() -> dict[str, Any]:
    """Return all of it, as of now."""
    return {
        "versions": versions(),
        "processor": processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "threads": cpu.threads(),
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }
