"""``sparsecsc verify``: the theorems as experiments, with a table, records and figures."""

from __future__ import annotations

import importlib.util
import json
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sparsecsc._cli_folders import as_folder
from sparsecsc._cli_options import MisuseError, _count, add_device, add_out
from sparsecsc._cli_outcome import versions
from sparsecsc.bench import records
from sparsecsc.io.atomic import atomic_write
from sparsecsc.theory import verify
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.verify import Summary

_TRIALS, _SEED, _MOST = 20, 0, verify.SEEDS_APART

_DESCRIPTION = """\
Try to break each theorem on problems that meet its hypotheses, as narrowly as they can: draw a
problem, look at the hypotheses, and, if they hold, compare what the library's solvers find with
the bound. A ratio (measured / bound) above 1 is a violation; the nearer the largest is to 1, the
tighter the bound. Every trial is a line of DIR/trials.jsonl, and a command that was cut off goes
on where it was. The same seed gives the same trials."""

_EPILOG = """\
exit codes: 0 all claims held; 1 a claim was violated, or was never in force, or the run was
interrupted; 2 wrong use"""


def add_verify(commands: Any) -> None:
    """Add the command to the parser."""
    from argparse import RawDescriptionHelpFormatter

    command = commands.add_parser(
        "verify",
        help="check the theorems of convolutional sparse coding by experiment",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = command.add_argument
    text = "claims, such as B5-support; all that begin alike (B5); families (see --list)"
    add("ids", nargs="*", metavar="ID", help=f"{text}; default: all")
    text = f"problems drawn for each claim (default: {_TRIALS})"
    add("--trials", type=_count, default=_TRIALS, metavar="N", help=text)
    text = f"of the randomness, an integer >= 0 (default: {_SEED})"
    add("--seed", type=_seed, default=_SEED, metavar="S", help=text)
    add_device(add)
    add("--list", action="store_true", help="print the claims and end")
    add("--no-figures", action="store_true", help="table and records only")
    add_out(command)


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 2**31):
        msg = f"must be an integer from 0 to {2**31 - 1}; got '{text}'"
        raise ArgumentTypeError(msg)
    return int(text)


def run(arguments: Namespace, say: Callable[[str], Any], show: Callable[[str], Any]) -> int:
    """Carry out the command; progress goes to `say`, the table to `show`.

    Returns
    -------
    int
        0, or 1 if a claim was violated or never in force, or the run was interrupted.
    """
    known = verify.families()
    try:
        claims = verify.select(arguments.ids, known)
    except ValueError as error:
        raise MisuseError(str(error)) from None
    if arguments.list:
        show(listing(known))
        return 0
    _check(arguments)
    out, file = Path(arguments.out), Path(arguments.out) / "trials.jsonl"
    n_broken = records.read(file)[1]
    if n_broken:
        say(f"{file}: {n_broken} lines cannot be read; what they held is measured anew")
    tell = (lambda _: None) if arguments.quiet else say
    found: list[Summary] = []
    written = ["verify.json", "table.md", "trials.jsonl"]
    interrupted = False
    try:
        _try(claims, found, arguments, tell)
    except KeyboardInterrupt:
        interrupted = True
    done = claims[: len(found)]
    _write(done, found, out, arguments)  # before the figures, whatever becomes of these
    if not arguments.quiet:
        show(f"{table(done, found)}\n{verdict(found)}")
    try:
        if not (arguments.no_figures or interrupted):
            written += _draw(claims, found, arguments, tell)
    except KeyboardInterrupt:
        interrupted = True
    if interrupted:
        say("interrupted; the same command goes on where it was")
    if not arguments.quiet:
        show(f"wrote {', '.join(written)} in {out}/")
    return 0 if all(summary.holds for summary in found) and not interrupted else 1


def _try(
    claims: Sequence[Claim], found: list[Summary], arguments: Namespace, tell: Callable[[str], Any]
) -> None:
    """Add what was found to `found`, claim by claim."""
    file = Path(arguments.out) / "trials.jsonl"
    options = {"trials": arguments.trials, "seed": arguments.seed}
    for summary in verify.verify(claims, file=file, **options):
        found.append(summary)
        tell(_progress(summary, len(found), len(claims)))


def _check(arguments: Namespace) -> None:
    out = as_folder("--out", arguments.out)
    if arguments.device == "gpu":
        msg = (
            "--device must be auto or cpu: claims are checked on the CPU in this version; got gpu: "
            "leave it out."
        )
        raise MisuseError(msg)
    if arguments.trials > _MOST:
        msg = f"--trials must be at most {_MOST}; got {arguments.trials}: use more seeds."
        raise MisuseError(msg)
    out.mkdir(parents=True, exist_ok=True)


def listing(known: dict[str, tuple[Claim, ...]]) -> str:
    """Return the claims, family by family."""
    lines = []
    for family, claims in known.items():
        lines.append(f"{family}:")
        lines += [f"  {claim.id:<27}{claim.title} [{claim.provenance}]" for claim in claims]
    return "\n".join(lines)


def _progress(summary: Summary, i: int, n: int) -> str:
    return (
        f"[{i:>{len(str(n))}}/{n}] {summary.id:<27}{summary.verdict:<16}"
        f"worst ratio {_short(summary.worst_ratio):<9}{summary.seconds:.1f} s"
    )


def table(claims: Sequence[Claim], found: Sequence[Summary]) -> str:
    """Return the table in Markdown, a line a claim."""
    head = (
        "| claim | source | in force | violations | worst ratio | median | seconds | verdict |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    return "\n".join([head, *map(_row, claims, found)])


def _row(claim: Claim, summary: Summary) -> str:
    """Return a line; the ratio of an exact claim is to what rounding may do."""
    worst, median = _short(summary.worst_ratio), _short(summary.median_ratio)
    if claim.exact:
        worst, median = f"({worst})", f"({median})"
    cells = (
        f"{claim.id}: {claim.title}",
        claim.provenance,
        f"{summary.in_force} of {summary.trials}",
        str(summary.violations),
        worst,
        median,
        f"{summary.seconds:.1f}",
        summary.verdict,
    )
    return f"| {' | '.join(cells)} |"


def _short(value: float) -> str:
    return f"{value:.3g}"


def verdict(found: Sequence[Summary]) -> str:
    """Return one or more lines that say how it went."""
    lines = [f"{sum(summary.holds for summary in found)} of {len(found)} claims held"]
    for summary in found:
        if summary.violations:
            at = f"{summary.violations} of {summary.in_force} trials, first at seed"
            lines.append(f"{summary.id} is VIOLATED: {at} {summary.counterexample_seed}")
        elif not summary.holds:
            text = "was never in force: more --trials, or its problems never meet the hypotheses"
            lines.append(f"{summary.id} {text}")
    return "\n".join(lines)


def _write(
    claims: Sequence[Claim], found: Sequence[Summary], out: Path, arguments: Namespace
) -> None:
    """Write verify.json and table.md."""
    rows = []
    for claim, summary in zip(claims, found, strict=True):
        row = asdict(summary) | {"verdict": summary.verdict, "exact": claim.exact}
        row["ratios"] = [verify.packed(ratio) for ratio in summary.ratios]
        for name in ("worst_ratio", "median_ratio"):
            row[name] = verify.packed(row[name])
        rows.append(row)
    content = {
        "claims": rows,
        "seed": arguments.seed,
        "trials": arguments.trials,
        "device": "cpu",
        "versions": versions(),
    }
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    atomic_write(out / "verify.json", lambda stream: stream.write(text.encode()))
    page = f"{table(claims, found)}\n\n{verdict(found)}\n"
    atomic_write(out / "table.md", lambda stream: stream.write(page.encode()))


def _draw(
    claims: Sequence[Claim],
    found: Sequence[Summary],
    arguments: Namespace,
    tell: Callable[[str], Any],
) -> list[str]:
    """Measure and draw the figures that the claims are about, where matplotlib is installed."""
    if importlib.util.find_spec("matplotlib") is None:
        tell('no figures: they need matplotlib (pip install "sparsecsc[plot]")')
        return []
    from sparsecsc._plot_verify import figures

    out, written = Path(arguments.out), []
    bounded = [s for claim, s in zip(claims, found, strict=True) if not claim.exact]
    ids = [claim.id for claim in claims]
    for name, figure in figures(ids, bounded, seed=arguments.seed, file=out / "trials.jsonl"):
        atomic_write(out / name, lambda stream, f=figure: f.savefig(stream, dpi=110))  # type: ignore[misc]
        written.append(name)
        tell(f"drew {name}")
    return written
