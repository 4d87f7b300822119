"""The test that counts the claims that were spoiled comes after the tests that spoil them."""

LAST = "test_every_claim_has_noticed_that_it_was_spoiled"


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.name == LAST)
