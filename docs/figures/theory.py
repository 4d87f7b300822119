"""The theory page: `python docs/figures/theory.py`.

Runs ``sparsecsc verify`` on its defaults (or takes the folder of such a run, the only argument),
keeps what it found in docs/theory.json and writes docs/theory.md from that and from the claims
themselves. Figures of the run are copied to docs/images.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from sparsecsc.cli import main as command
from sparsecsc.theory import verify
from sparsecsc.theory.claim import Claim

DOCS = Path(__file__).resolve().parents[1]
KEPT = (
    *("id", "trials", "in_force", "violations", "worst_ratio", "median_ratio", "exact"),
    "tightest_seed",
)
PROVENANCE = {
    "S": "published by the authors of the seed paper",
    "C": "restated by later papers or public code",
    "R": "recalled from the paper named, whose text was not at hand: the constant is confirmed "
    "numerically here, no more",
    "D": "derived here or in the project's notes",
}
HEAD = """\
# Theory, claim by claim

<!-- written by docs/figures/theory.py: do not edit -->

Each statement below is an experiment: `sparsecsc verify` draws problems that meet its hypotheses,
as narrowly as they can, lets the library's own solvers run, and compares what they find with the
bound. The **ratio** is what was measured over the bound: above 1 the claim would be violated, and
near 1 the bound is tight. A ratio in brackets belongs to an identity or a yes-or-no statement,
and is relative to what rounding may do. For each claim the tests also spoil something, the bound,
a hypothesis or the algorithm, and see the experiment notice.

```console
sparsecsc verify                 # every claim, 20 problems each
sparsecsc verify B5 rates        # claims whose names begin so, and families
sparsecsc verify B13 --trials 500 --seed 1
```

**What could not be read.** Of the seed paper ({cite:t}`zhang2021`) only the abstract, the senior
author's slides and the first author's code were at hand; its body, proofs and supplement were
not. The theorems of the other papers were written down from memory where the table says R:
hypotheses and constants hold in these experiments, which is not a proof, and the originals may be
sharper. No claim here was broken inside its hypotheses.
"""


FIGURES = {
    "ratios": "The ratios of every trial, claim by claim; identities are left out.",
    "recovery": "Dirac and Barker filters, 156 samples: how often planted codes are found, against "
    "their stripe norm. The theorems promise the shaded part.",
    "noise": "Errors of OMP and of basis pursuit against local noise, with their bounds.",
    "depth": "Relative errors of the codes of five layers: layered pursuits, and those that start "
    "from the deepest codes.",
    "convergence": "ISTA, FISTA and the momentum of Chambolle and Dossal under their bounds.",
    "bias": "How far the fixed points of ML-ISTA are from the optimum, with the bound, against the "
    "step of the first layer.",
    "dense": "Dimensions that are not reconstructed, with the identity in the layer and without.",
}


def page(claims: tuple[Claim, ...], found: list[dict[str, Any]]) -> str:
    """Return the page: the table of all claims, then each with its formula, family by family."""
    by_id = {row["id"]: row for row in found}
    letters = "; ".join(f"**{letter}** {text}" for letter, text in PROVENANCE.items())
    trials = found[0]["trials"]
    parts = [HEAD, f"Provenance: {letters}.\n", f"## All claims, {trials} problems each\n"]
    parts.append(
        "| claim | provenance | in force | violations | worst ratio | median |\n"
        "|---|---|---|---|---|---|\n" + "\n".join(_row(c, by_id[c.id]) for c in claims) + "\n"
    )
    parts.append("## Figures\n")
    for name, text in FIGURES.items():
        parts.append(f"```{{image}} images/theory_{name}.png\n:alt: {name}\n```\n\n{text}\n")
    for family, members in verify.families().items():
        parts.append(f"## {family.replace('_', ' ').capitalize()}\n")
        parts += [_section(claim, by_id[claim.id], family) for claim in members]
    return "\n".join(parts)


def _row(claim: Claim, row: dict[str, Any]) -> str:
    name = f"[{claim.id}](#{claim.id.lower()}): {claim.title}"
    counts = f"{row['in_force']} | {row['violations']}"
    return f"| {name} | {claim.provenance} | {counts} | {' | '.join(_ratios(row))} |"


def _ratios(row: dict[str, Any]) -> list[str]:
    found = [f"{float(row[name]):.3g}" for name in ("worst_ratio", "median_ratio")]
    return [f"({ratio})" for ratio in found] if row["exact"] else found


def _section(claim: Claim, row: dict[str, Any], family: str) -> str:
    worst, median = _ratios(row)
    return f"""\
({claim.id.lower()})=
### {claim.id}: {claim.title}

{claim.statement}

$$
{claim.formula}
$$

Source: {claim.source}. Provenance: {claim.provenance}. Code: `sparsecsc/theory/claims/{family}.py`.
In force in {row["in_force"]} of {row["trials"]} problems, worst ratio {worst} (seed
{row["tightest_seed"]}), median {median}.
"""


def ordered() -> tuple[Claim, ...]:
    """Return all claims in the order of the table."""
    return verify.select([], verify.families())


def main() -> None:
    """Run the claims, keep what was found and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(sys.argv[1] if len(sys.argv) > 1 else folder)
        if not (out / "verify.json").exists() and command(["verify", "--out", str(out)]) != 0:
            msg = "a claim did not hold: see the table above"
            raise SystemExit(msg)
        rows = json.loads((out / "verify.json").read_text())["claims"]
        found = [{name: row[name] for name in KEPT} for row in rows]
        for picture in out.glob("*.png"):
            shutil.copy(picture, DOCS / "images" / f"theory_{picture.name}")
    (DOCS / "theory.json").write_text(json.dumps(found, indent=1) + "\n")
    (DOCS / "theory.md").write_text(page(ordered(), found))


if __name__ == "__main__":
    main()
