"""``sparsecsc bench``: our solvers and the installed rivals on named problems, side by side."""

from __future__ import annotations

import importlib.util
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sparsecsc._cli_folders import as_folder
from sparsecsc._cli_options import MisuseError, _count, _number, add_device, add_out
from sparsecsc.bench import cases, filters, images, records, session, summary, tables
from sparsecsc.bench.rivals_lasso import LASSOS
from sparsecsc.bench.roster import OURS, roster
from sparsecsc.io.atomic import atomic_write

DEFAULT_SOLVERS = ("CoordinateDescent", "ADMM", "MLADMM", "MLFISTA")
_LEFT_OUT = ("SPORCO PGM", "torch ML-ISTA", *(lasso.name for lasso in LASSOS))
"""Rivals that run when they are asked for: they are slower than their neighbours here."""
_SHORT = {"cd": "CoordinateDescent"}
_SECONDS, _TOL, _REPEATS = 1.0, 1e-4, 3

_DESCRIPTION = """\
Measure solvers on named problems, in turn, after a warm-up: the seconds to each relative
suboptimality, the objective being computed in float64 outside of the clock and of the solver, and
for ours the seconds to each certified gap, the checks included. Rivals run where they are
installed: pip install "sparsecsc[bench]". Every run is a line of DIR/results.jsonl, and a command
that was cut off goes on where it was."""


def add_bench(commands: Any) -> None:
    """Add the command to the parser."""
    from argparse import RawDescriptionHelpFormatter

    bench = commands.add_parser(
        "bench",
        help="measure the solvers, and rivals that are installed, side by side",
        description=_DESCRIPTION,
        epilog=_names(),
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = bench.add_argument
    add("names", nargs="*", metavar="NAME", help="problems (below); default: the shipped ones")
    text = "names with commas between; ours, rivals and all are short for many (see --list)"
    add("--solvers", metavar="S[,S...]", help=text)
    text = f"relative suboptimality at which runs end, and gap to certify (default: {_TOL:g})"
    add("--tol", type=_number(above=0.0, most=0.1), default=_TOL, help=text)
    text = f"timed runs of each solver, of which the table has the median (default: {_REPEATS})"
    add("--repeats", type=_count, default=_REPEATS, metavar="N", help=text)
    text = f"most seconds of one run (default: {_SECONDS:g})"
    add("--seconds", type=_number(above=0.0), default=_SECONDS, metavar="S", help=text)
    add("--list", action="store_true", help="print problems and solvers, and end")
    add_device(add)
    add_out(bench)


def run(arguments: Namespace, say: Callable[[str], Any], show: Callable[[str], Any]) -> int:
    """Carry out the command; progress goes to `say`, the tables to `show`.

    Returns
    -------
    int
        0, or 1 if it was interrupted or a solver's word and its codes do not agree.
    """
    if arguments.list:
        show(listing())
        return 0
    if arguments.device == "gpu":
        msg = "--device must be auto or cpu, where rivals run too; got gpu: run benchmarks/gpu.py."
        raise MisuseError(msg)
    chosen = _cases(arguments.names)
    out = as_folder("--out", arguments.out)
    plan = session.Plan(
        solvers=_solvers(arguments.solvers),
        repeats=arguments.repeats,
        rival_repeats=arguments.repeats,
        target=arguments.tol,
        tol=arguments.tol,
        seconds=arguments.seconds,
        optimum_tol=arguments.tol / 10,
        optimum_seconds=5 * arguments.seconds,
    )
    file = out / "results.jsonl"
    quiet = arguments.quiet
    _, n_broken = records.read(file)
    if n_broken:
        say(f"{file}: {n_broken} lines cannot be read; what they held is measured anew")
    interrupted = False
    try:
        session.run(chosen, plan, file, (lambda _: None) if quiet else say)
    except KeyboardInterrupt:
        interrupted = True
        say("interrupted; the same command goes on where it was")
    wanted = [case.name for case in chosen]
    found = [s for s in summary.summarise(records.read(file)[0]) if s.problem in wanted]
    written = _write(found, out)
    if not quiet:
        show("\n\n".join(_text(s) for s in found))
        show(f"wrote {', '.join(['results.jsonl', *written])} in {out}/")
    dishonest = any(row.dishonest for s in found for row in s.rows)
    return 1 if interrupted or dishonest else 0


def listing() -> str:
    """Return the problems and the solvers, those that are not installed marked."""
    lines = ["problems that run by default:"]
    lines += [f"  {name:<34}{text}" for name, text in cases.SHIPPED.items()]
    lines += ["", _names(), "", "solvers:"]
    for name in roster():
        reason = _not_installed(name)
        kind = "ours" if name in OURS else f"absent: {reason}" if reason else "rival"
        lines.append(f"  {_slug(name):<24}{kind}")
    return "\n".join(lines)


def _names() -> str:
    known = ", ".join(name for name in images.PHOTOGRAPHS if images.missing(name) is None)
    short = "\n".join(f"  {alias:<16}{name}" for alias, name in cases.ALIASES.items())
    return f"""\
names of problems: SIGNAL SIZE _ FILTERS _ WEIGHT, as in camera128_dct8x8_r0.05
signals: a photograph at hand ({known}), with -rgb for colour;
  snare, the recording; planted, made from nonnegative codes
filters:
{filters.HELP}
  mlcsc2          a model of two layers; also rescsc and msdcsc, with 1 to 4 layers
weight: in units of the white level, or after an r in units of lambda_max
short names:
{short}"""


def _cases(names: list[str]) -> list[cases.Case]:
    chosen = [cases.find(name) for name in dict.fromkeys(names or cases.SHIPPED)]
    for case in chosen:
        reason = case.missing()
        if reason is not None:
            msg = f'{case.name}: {reason}: pip install "sparsecsc[bench]".'
            raise MisuseError(msg)
    return chosen


def _solvers(given: str | None) -> tuple[str, ...]:
    known = tuple(roster())
    rivals = tuple(name for name in known if name not in OURS)
    usual = tuple(name for name in rivals if name not in _LEFT_OUT)
    groups = {"ours": OURS, "rivals": rivals, "all": known}
    if given is None:
        return (*DEFAULT_SOLVERS, *(n for n in usual if _not_installed(n) is None))
    by_slug = {_slug(name): name for name in known} | _SHORT
    chosen: list[str] = []
    for word in given.lower().split(","):
        if word not in groups and word not in by_slug:
            msg = (
                f"--solvers must be names with commas between, of {', '.join((*groups, *by_slug))};"
                f" got '{word}': see sparsecsc bench --list."
            )
            raise MisuseError(msg)
        chosen += groups.get(word, (by_slug.get(word, ""),))
    return tuple(dict.fromkeys(chosen))


def _slug(name: str) -> str:
    return name.lower().replace(" ", "-")


def _not_installed(name: str) -> str | None:
    """Return why a rival is absent, whatever the problem; ours never are."""
    package = "sporco" if name.startswith("SPORCO") else getattr(roster()[name][0], "package", "")
    package = package or {"alphacsc LGCD": "alphacsc"}.get(name, "")
    package = package or ("torch" if name.startswith("torch") else "")
    missing = bool(package) and importlib.util.find_spec(package) is None
    return f"{package} is not installed" if missing else None


def _text(found: summary.Summary) -> str:
    return f"### {found.problem}\n\n{tables.problem_table(found)}\n\n{tables.caption(found)}"


def _write(found: list[summary.Summary], out: Path) -> list[str]:
    """Write the table and, where matplotlib is installed, a picture a problem."""
    if not found:
        return []
    text = "\n\n".join(_text(s) for s in found) + "\n"
    atomic_write(out / "table.md", lambda stream: stream.write(text.encode()))
    written = ["table.md"]
    if importlib.util.find_spec("matplotlib") is None:
        return written
    from sparsecsc._plot_bench import curves

    for one in found:
        lines = [(row.solver, row.seconds, row.suboptimality) for row in one.rows if row.seconds]
        figure = curves(one.problem, lines, one.gap)
        name = f"{one.problem}.png"
        atomic_write(out / name, lambda stream, f=figure: f.savefig(stream, dpi=120))  # type: ignore[misc]
        written.append(name)
    return written
