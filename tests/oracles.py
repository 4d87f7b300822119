"""What the tests compare with: implementations from outside the package."""

import os
from types import ModuleType

import pytest


def require_torch() -> ModuleType:
    """Return torch; without it skip the test, or fail it when SPARSECSC_REQUIRE_TORCH=1.

    torch is an oracle, never a dependency: no extra installs it. The checking script does, and sets
    the variable, so that there a missing oracle cannot pass for a green run.
    """
    if os.environ.get("SPARSECSC_REQUIRE_TORCH") != "1":
        return pytest.importorskip("torch")
    try:
        import torch
    except ImportError as error:
        pytest.fail(
            f"SPARSECSC_REQUIRE_TORCH=1 asks for torch, but importing it failed: {error}; "
            "install torch or unset the variable."
        )
    return torch
