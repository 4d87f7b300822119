"""A run of all tests of claims fails if some claim never noticed that it was spoiled.

Reports only are read, so that the run may be spread over processes.
"""

import sys
from pathlib import Path

import pytest

FILES = {path.name for path in (Path(__file__).parent / "theory").glob("test_*.py")}


class SpoiledClaims:
    """What the reports of a run say."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.noticed: set[str] = set()
        self.files: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.files.add(Path(report.nodeid.split("::")[0]).name)
        for name, claims in report.user_properties:
            if name == "noticed":
                self.noticed.update(claims)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        chosen = any("::" in argument for argument in self.config.invocation_params.args)
        if exitstatus or chosen or self.config.option.keyword or not self.files >= FILES:
            return
        missing = sorted(known_claims() - self.noticed)
        if missing:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            sys.stdout.write(f"\nno test spoils these claims: {', '.join(missing)}\n")


def known_claims() -> set[str]:
    """Return the ids of all claims."""
    from sparsecsc.theory import verify

    return {claim.id for claims in verify.families().values() for claim in claims}


def watch(config: pytest.Config) -> None:
    """Read the reports, in the process that gets them all."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(SpoiledClaims(config))
