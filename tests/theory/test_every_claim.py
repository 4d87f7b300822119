"""Every claim can fail: some test spoils it, and its own experiment notices."""

from pathlib import Path

import pytest
from claim_checks import NOTICED

from sparsecsc.theory import verify


def test_every_claim_has_noticed_that_it_was_spoiled(request):
    run = {item.path for item in request.session.items}
    chosen = any("::" in name for name in request.config.invocation_params.args)
    if request.config.option.keyword or chosen or not run.issuperset(_tests_of_claims()):
        pytest.skip("only in a run of all tests of claims")
    known = {claim.id for claims in verify.families().values() for claim in claims}
    assert known <= NOTICED, sorted(known - NOTICED)


def _tests_of_claims():
    return set(Path(__file__).parent.glob("test_claims_*.py"))
