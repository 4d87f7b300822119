"""The count of spoiled claims can fail."""

from types import SimpleNamespace

import pytest
from spoiled_claims import FILES, SpoiledClaims, known_claims


def finish(noticed, files=FILES, keyword="", arguments=(), exitstatus=0):
    """Return the exit status of a run with reports of these files and these claims."""
    config = SimpleNamespace(
        option=SimpleNamespace(keyword=keyword),
        invocation_params=SimpleNamespace(args=arguments),
    )
    watcher = SpoiledClaims(config)
    for name in files:
        properties = [("noticed", sorted(noticed)), ("other", 1)]
        report = SimpleNamespace(nodeid=f"tests/theory/{name}::test", user_properties=properties)
        watcher.pytest_runtest_logreport(report)
    session = SimpleNamespace(exitstatus=exitstatus)
    watcher.pytest_sessionfinish(session, exitstatus)
    return session.exitstatus


def test_a_claim_that_no_test_spoils_fails_the_run(capsys):
    known = known_claims()
    assert len(known) >= 30
    assert finish(known) == 0
    assert finish(known - {"B2-omp"}) == pytest.ExitCode.TESTS_FAILED
    assert "no test spoils these claims: B2-omp" in capsys.readouterr().out


def test_a_run_of_some_tests_is_not_counted():
    assert finish((), files=list(FILES)[1:]) == 0
    assert finish((), keyword="B2") == 0
    assert finish((), arguments=("tests/theory/test_claims_dense.py::test_claim_holds",)) == 0
    assert finish((), exitstatus=2) == 2
