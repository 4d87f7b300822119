"""Each test says in its report which claims have noticed so far that they were spoiled."""

import pytest
from claim_checks import NOTICED


@pytest.fixture(autouse=True)
def say_what_was_noticed(request):
    yield
    request.node.user_properties.append(("noticed", sorted(NOTICED)))
