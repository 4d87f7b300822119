"""Markdown tables, made of summaries alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparsecsc.bench.summary import GAPS, TARGETS, Row, Summary, speedup


def problem_table(summary: Summary) -> str:
    """Return the table of one problem: seconds to each accuracy; empty columns are left out."""
    head = ["solver", *(short(f"{t:.0e}") for t in TARGETS)]
    head += [*(short(f"gap {t:.0e}") for t in GAPS), "iterations", "reached", "repeats"]
    rows = [_cells(row, summary.gap) for row in summary.rows]
    kept = [i for i, _ in enumerate(head) if i == 0 or any(len(r) > i and r[i] for r in rows)]
    lines = [_line([head[i] for i in kept]), _line(["---"] * len(kept))]
    lines += [_line([row[i] for i in kept]) for row in rows]
    for name, reason in summary.absent.items():
        lines.append(_line([name or "all", f"absent: {reason}"] + [""] * (len(kept) - 2)))
    return "\n".join(lines)


def caption(summary: Summary) -> str:
    """Return the sentence under a table: what the reference is, and on what it ran."""
    best, machine = summary.optimum, summary.machine
    known = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    others = f" Not for this problem: {', '.join(summary.unsuited)}." if summary.unsuited else ""
    share = best["nonzeros"] / max(best["codes"], 1)
    return (
        f"Seconds to a relative suboptimality, and to a certified relative gap. Optimum "
        f"{best['objective']:.9g}, certified to {best['relative_gap']:.1e} in float64; "
        f"{100 * share:.2f} % of the codes are nonzero. {machine['processor']}, "
        f"{machine['threads']} threads, load {machine['load_average']}; {known}.{others}"
    )


def ratio_table(
    summaries: Sequence[Summary], ours: str, rivals: Sequence[str], targets: Sequence[float]
) -> str:
    """Return the speed-up over the best of the rivals, a problem a line, and the medians."""
    head = ["problem", *(f"{t:.0e}" for t in targets)]
    lines = [_line([short(h) for h in head]), _line(["---"] * len(head))]
    columns: list[list[float]] = [[] for _ in targets]
    for summary in summaries:
        cells = [summary.problem]
        for target, column in zip(targets, columns, strict=True):
            found = speedup(summary, target, ours, rivals) if summary.gap <= target else None
            cells.append("" if found is None else ratio(*found))
            column.extend([] if found is None else [found[0]])
        if any(cells[1:]):
            lines.append(_line(cells))
    for word, pick in (("median", _median), ("smallest", min)):
        lines.append(_line([word, *(f"{pick(c):.1f}" if c else "" for c in columns)]))
    return "\n".join(lines)


def ratio(value: float, is_bound: bool) -> str:
    """Return a speed-up as text; those that are lower bounds start with >."""
    return f"{'> ' if is_bound else ''}{value:.1f}"


def short(text: str) -> str:
    """Return 1e-03 as 1e-3."""
    return text.replace("e-0", "e-")


def _cells(row: Row, gap: float) -> list[str]:
    if row.dishonest:
        return [row.solver, f"not counted: {row.dishonest}"] + [""] * (len(TARGETS + GAPS) + 2)
    # what is finer than the reference is known cannot be told
    reached = [_seconds(row.to(target)) if target >= gap else "" for target in TARGETS]
    certified = [_seconds(row.certified.get(tol)) for tol in GAPS]
    last = f"{max(row.suboptimality[-1], 0.0):.0e}" if row.suboptimality else ""
    spent = f" in {row.seconds[-1]:.2g} s" if row.seconds else ""
    count = str(row.iterations[-1]) if row.iterations else ""
    return [row.solver, *reached, *certified, count, short(last) + spent, str(row.n_repeats)]


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _line(cells: Sequence[Any]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
