"""Guards around every test: floating-point errors raise, GPU tests find their device."""

import importlib.util
import os
from pathlib import Path

# Before anything can import matplotlib: no window, on any machine.
os.environ.setdefault("MPLBACKEND", "Agg")

import hypothesis
import numpy as np
import pytest
import spoiled_claims

ROOT = Path(__file__).resolve().parents[1]

# The same examples on each run, and no time limit for each (a first call may compile a kernel).
hypothesis.settings.register_profile("sparsecsc", deadline=None, derandomize=True)
hypothesis.settings.load_profile("sparsecsc")


def _package_folder() -> Path | None:
    """Return the folder that `import sparsecsc` would load from, without importing it."""
    spec = importlib.util.find_spec("sparsecsc")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))).resolve()


def pytest_report_header() -> str:
    return f"sparsecsc: {_package_folder()}"


def pytest_configure(config: pytest.Config) -> None:
    spoiled_claims.watch(config)
    if os.environ.get("SPARSECSC_REQUIRE_INSTALLED") != "1":
        return
    folder = _package_folder()
    if folder is None or folder == ROOT / "sparsecsc":
        raise pytest.UsageError(
            "SPARSECSC_REQUIRE_INSTALLED=1 asks for an installed sparsecsc, but the tests would "
            f"import {folder}; install the package (not editable) and set PYTHONSAFEPATH=1."
        )


@pytest.fixture(autouse=True)
def floating_point_errors_raise():
    """Make overflow, division by zero and invalid operations errors; underflow is harmless."""
    with np.errstate(all="raise", under="ignore"):
        yield


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") is None:
        return
    from sparsecsc.backends.devices import missing_gpu

    reason = missing_gpu()
    if not reason:
        return
    if os.environ.get("SPARSECSC_REQUIRE_GPU") == "1":
        pytest.fail(f"SPARSECSC_REQUIRE_GPU=1, but {reason}.")
    pytest.skip(reason)
