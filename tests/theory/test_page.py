"""The theory page is what its script makes of the records and the claims."""

import importlib.util
import json
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("theory_page", DOCS / "figures" / "theory.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_made_from_the_records(script):
    found = json.loads((DOCS / "theory.json").read_text())
    claims = script.ordered()
    assert [claim.id for claim in claims] == [row["id"] for row in found]
    assert script.page(claims, found) == (DOCS / "theory.md").read_text()
    found[0]["worst_ratio"] = 0.123
    assert script.page(claims, found) != (DOCS / "theory.md").read_text()


def test_every_claim_was_in_force_and_none_violated():
    found = json.loads((DOCS / "theory.json").read_text())
    assert all(row["in_force"] > 0 and row["violations"] == 0 for row in found)
    tight = [row for row in found if not row["exact"] and row["worst_ratio"] >= 0.5]
    assert len(tight) >= 10


def test_every_figure_of_the_page_is_there(script):
    for name in script.FIGURES:
        assert (DOCS / "images" / f"theory_{name}.png").stat().st_size > 1000
