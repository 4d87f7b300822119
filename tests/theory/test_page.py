"""The theory page is that of the claims and of the run that is kept beside it."""

import dataclasses
import importlib.util
import json
import re
from pathlib import Path

import pytest

from sparsecsc.theory import verify

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def theory():
    spec = importlib.util.spec_from_file_location("theory_page", DOCS / "figures" / "theory.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run():
    return json.loads((DOCS / "theory.json").read_text(encoding="utf-8"))


def test_the_page_is_that_of_the_claims_and_of_the_run_that_is_kept(theory, run):
    written = (DOCS / "theory.md").read_text(encoding="utf-8")
    assert theory.page(theory.ordered(), run) == written
    first = theory.ordered()[0]
    other = dataclasses.replace(first, title="Something else")
    assert theory.page((other, *theory.ordered()[1:]), run) != written
    changed = run | {"claims": [row | {"worst_ratio": 0.123} for row in run["claims"]]}
    assert theory.page(theory.ordered(), changed) != written


def test_every_claim_was_in_force_and_held_in_the_run_that_is_kept(run):
    ids = [claim.id for found in verify.families().values() for claim in found]
    assert sorted(row["id"] for row in run["claims"]) == sorted(ids)
    assert len(ids) >= 30
    for row in run["claims"]:
        assert row["in_force"] > 0, row["id"]
        assert row["violations"] == 0, row["id"]


def test_at_least_ten_bounds_have_an_instance_within_a_factor_of_two(run):
    near = [r for r in run["claims"] if not r["exact"] and float(r["worst_ratio"]) >= 0.5]
    assert len(near) >= 10


def test_every_picture_of_the_page_is_there(theory):
    for name in theory.FIGURES:
        assert (DOCS / "images" / f"theory_{name}.png").exists(), name


def test_every_source_is_derived_here_or_in_the_bibliography(theory):
    bibliography = (DOCS / "references.bib").read_text(encoding="utf-8")
    entries = set(re.findall(r"^@\w+\{([^,\s]+),", bibliography, re.MULTILINE))
    for claim in theory.ordered():
        keys = set(theory.KEY.findall(claim.source))
        assert keys <= entries, claim.id
        assert keys or "derived here" in claim.source, claim.id
        assert claim.provenance[0] in theory.PROVENANCE, claim.id
