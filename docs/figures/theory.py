"""The theory page: `python docs/figures/theory.py`.

Runs ``sparsecsc verify`` on its defaults (or takes the folder of such a run, the only argument),
keeps what it found in docs/theory.json and writes docs/theory.md from that and from the claims
themselves. Figures of the run are copied to docs/images.
"""

import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from sparsecsc.cli import main as command
from sparsecsc.theory import verify
from sparsecsc.theory.claim import Claim

DOCS = Path(__file__).resolve().parents[1]
KEY = re.compile(r"\b([a-z]+(?:19|20)\d\d[a-z]*)\b")
"""The keys of references.bib."""
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

[](howto/add_claim.md) says how to add one; [](cli.md#verify) what the command writes.

## What could not be read or confirmed

- Of the seed paper ({cite:t}`zhang2021`) only the abstract, the senior author's slides and the
  first author's code were at hand. Its body, its proofs and its supplement were not; nothing below
  pretends otherwise.
- Where the table says R, a theorem was written down from memory of the paper named, without its
  text. That hypotheses and constants hold in these experiments is no proof, and the original may
  be sharper, or suppose more.
- An experiment can refute a bound and never prove one. Problems are small and drawn from families
  for which the bounds say something (a spike beside a Barker sequence or an m-sequence, sparse
  filters on Sidon sets, simplices, tight frames); for learned filters coherence bounds are
  pessimistic to the point of saying nothing.
- The paper's figure of dimensions that are not reconstructed has a set-up that is unknown; the one
  below is a stand-in.

## Broken as recalled, and stated here otherwise

Each has a test that builds the counterexample.

- B8 with the stripe norm of the planted codes alone in place of that of both: one coefficient on a
  simplex of five atoms against two others of it.
- B17 without the least norm of the effective atoms: a simplex of six, with pairs as deep atoms.
- B16 for two layers with the penalty alone as $h$ in place of data term and penalty: the bound is
  negative where the fixed point is above the optimum.

## Limits that the theory itself has

- The fixed point of ML-ISTA is not the optimum of multi-layer basis pursuit (B16 bounds how far).
- Layered pursuits pass the errors of each layer on to the next (B9, B11).
- Signals that are sparse in every layer need sparse dictionaries from the second layer on.
- Proposition 1 of the seed paper gives the identity of a dense layer the threshold 0, its Theorem 1
  the threshold of the other filters: they are about two different codes. Theorem 1 is a
  containment: more columns cannot make the least objective larger (B20).
- The branch with $D^TD$ and a free factor in a residual layer is a step of descent for one factor
  only (A3, B12).
"""
FIGURES = {
    "ratios": "Measured over bound, for every problem and every claim that is a bound. What is "
    "below 0.0001, or 0, is drawn there.",
    "recovery": "Codes of size 1, packed densely up to a stripe norm, on a spike and a Barker "
    "sequence (156 samples, up to about 60 coefficients): inside the bound all are found by all "
    "three methods; beyond it each fails in its own time, basis pursuit last (B2).",
    "noise": "Errors against the noise, white or opposed to the codes: OMP at the stripe norm 2 "
    "and basis pursuit at 1, with the bounds of B5 and B6. Where the noise is too large for the "
    "hypothesis (shaded) OMP's bound does fail.",
    "depth": "Five sparse layers of as many filters as channels from the second on, noise of a "
    "tenth of the signal; an oracle chooses every weight. Layered pursuits keep the error of their "
    "first layer, and thresholding adds to it; pursuits of all layers at once have one that is ten "
    "times smaller, the same in all layers (B9, B11, B17). Thin lines: three draws.",
    "convergence": "ISTA, FISTA and FISTA with the momentum of Chambolle and Dossal on one "
    "problem, below their bounds (B13).",
    "bias": "How far ML-ISTA's fixed point is above the optimum, by the step of the first layer, "
    "and its bound (B16).",
    "dense": "Dimensions with a residual of more than 1.5 weights, with the identity in the "
    "dictionary and without (B20).",
}
"""Names of the pictures of a run, and what they show."""


def page(claims: tuple[Claim, ...], run: dict[str, Any]) -> str:
    """Return the page: the table of all claims, then each with its formula, family by family."""
    by_id = {row["id"]: row for row in run["claims"]}
    letters = ";\n".join(f"**{letter}** {text}" for letter, text in PROVENANCE.items())
    rows = "\n".join(_row(c, by_id[c.id]) for c in claims)
    parts = [
        HEAD,
        f"## All claims, {run['trials']} problems each\n",
        f"{_summary(run)}\n\nProvenance: {letters}.\n",
        "| claim | provenance | in force | violations | worst ratio | median |\n"
        f"|---|---|---|---|---|---|\n{rows}\n",
        "## Figures\n",
        *(_figure(name, caption) for name, caption in FIGURES.items()),
    ]
    for family, members in verify.families().items():
        parts.append(f"## {family.replace('_', ' ').capitalize()}\n")
        parts += [_section(claim, by_id[claim.id], family) for claim in members]
    return "\n".join(parts)


def _summary(run: dict[str, Any]) -> str:
    rows = run["claims"]
    bounds = [float(row["worst_ratio"]) for row in rows if not row["exact"]]
    near = sum(ratio >= 0.5 for ratio in bounds)
    violated = [row["id"] for row in rows if row["violations"]]
    versions = ", ".join(
        f"{name} {v}" for name, v in run["versions"].items() if name != "sparsecsc"
    )
    held = f"Violated: {', '.join(violated)}" if violated else "None was violated"
    return (
        f"{len(rows)} claims, of which {len(rows) - len(bounds)} are identities or yes-or-no "
        f"statements and {len(bounds)} are bounds;\n{near} of the bounds have a problem within a "
        f"factor of 2. {held}.\n(`sparsecsc verify --seed {run['seed']}`, {run['seconds']:.0f} s "
        f"of trials on two shared cores of an AMD EPYC; {versions}.)"
    )


def _figure(name: str, caption: str) -> str:
    return f"""\
```{{figure}} images/theory_{name}.png
:alt: {name}
:width: 80%

{caption}
```
"""


def _row(claim: Claim, row: dict[str, Any]) -> str:
    name = f"[{claim.id}](#{claim.id.lower()}): {claim.title}"
    counts = f"{row['in_force']} | {row['violations']}"
    return f"| {name} | {claim.provenance} | {counts} | {' | '.join(_ratios(row))} |"


def _ratios(row: dict[str, Any]) -> list[str]:
    found = [f"{float(row[name]):.3g}" for name in ("worst_ratio", "median_ratio")]
    return [f"({ratio})" for ratio in found] if row["exact"] else found


def _section(claim: Claim, row: dict[str, Any], family: str) -> str:
    worst, median = _ratios(row)
    source = KEY.sub(r"{cite:t}`\1`", claim.source)
    return f"""\
({claim.id.lower()})=
### {claim.id}: {claim.title}

{claim.statement}

$$
{claim.formula}
$$

Source: {source}. Provenance: {claim.provenance}. Code: `sparsecsc/theory/claims/{family}.py`.
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
        run = kept(json.loads((out / "verify.json").read_text()))
        for name in FIGURES:
            shutil.copy(out / f"{name}.png", DOCS / "images" / f"theory_{name}.png")
    (DOCS / "theory.json").write_text(json.dumps(run, indent=1) + "\n")
    (DOCS / "theory.md").write_text(page(ordered(), run))


def kept(run: dict[str, Any]) -> dict[str, Any]:
    """Return what the page is written from."""
    rows = [{name: row[name] for name in KEPT} for row in run["claims"]]
    seconds = sum(row["seconds"] for row in run["claims"])
    return {name: run[name] for name in ("seed", "trials", "versions")} | {
        "seconds": round(seconds, 1),
        "claims": rows,
    }


if __name__ == "__main__":
    main()
