"""What the scripts that compare solvers on named problems share: options, measuring, printing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from sparsecsc.bench import cases, records, session, summary, tables

OUT = Path(__file__).resolve().parent / "out"


def parser(
    text: str, solvers: Sequence[str], *, target: float, seconds: float
) -> argparse.ArgumentParser:
    """Return a parser with the options of every such script."""
    made = argparse.ArgumentParser(description=text.splitlines()[0])
    made.add_argument("names", nargs="*", help="problems; default: those of the script")
    made.add_argument("--solvers", nargs="+", default=list(solvers), metavar="S")
    made.add_argument("--repeats", type=int, default=3)
    made.add_argument("--rival-repeats", type=int, default=3)
    made.add_argument("--seconds", type=float, default=seconds, help="most of one run")
    made.add_argument("--target", type=float, default=target, help="suboptimality to run to")
    made.add_argument("--tol", type=float, default=1e-6, help="gap that ours certify; 0: none")
    made.add_argument("--optimum-tol", type=float, default=1e-8, help="its relative gap")
    made.add_argument("--optimum-seconds", type=float, default=300.0)
    made.add_argument("--out", type=Path, default=OUT, help="folder of the .jsonl file")
    made.add_argument("--report", action="store_true", help="measure nothing, print the tables")
    return made


def measure(options: argparse.Namespace, names: Sequence[str], file: str) -> list[summary.Summary]:
    """Measure what is not on file, print a table a problem, return the summaries."""
    found = [cases.find(name) for name in options.names or names]
    plan = session.Plan(
        solvers=tuple(options.solvers),
        repeats=options.repeats,
        rival_repeats=options.rival_repeats,
        target=options.target,
        tol=options.tol,
        seconds=options.seconds,
        optimum_tol=options.optimum_tol,
        optimum_seconds=options.optimum_seconds,
    )
    path = options.out / file
    if not options.report:
        session.run(found, plan, path, lambda text: print(text, file=sys.stderr, flush=True))
    wanted = {case.name for case in found}
    summaries = [s for s in summary.summarise(records.read(path)[0]) if s.problem in wanted]
    for each in summaries:
        print(f"\n### {each.problem}\n\n{tables.problem_table(each)}\n\n{tables.caption(each)}")
    return summaries


def ratios(
    summaries: Sequence[summary.Summary], ours: str, rivals: Sequence[str], targets: Sequence[float]
) -> None:
    """Print how many times faster ours is than the best of the rivals."""
    if summaries:
        print(f"\n### {ours}: times faster than the best of {', '.join(rivals)}\n")
        print(tables.ratio_table(summaries, ours, rivals, targets))
