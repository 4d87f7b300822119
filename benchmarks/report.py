"""Write docs/results.md and its pictures from the lines of JSON in benchmarks/out.

Sections whose file is not there are left out; no number comes from anywhere else. The records are
kept in benchmarks/results beside the page. Run it after the other scripts, with no argument; the
second command writes the page again from what is kept::

    python benchmarks/report.py
    python benchmarks/report.py --records benchmarks/results
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import one_dimension
import photographs

from sparsecsc._plot_bench import curves, growth, ratios
from sparsecsc.bench import records, summary, tables
from sparsecsc.bench.roster import OURS

ROOT = Path(__file__).resolve().parents[1]
TARGETS = (1e-2, 1e-3, 1e-4, 1e-5)
HEAD = """\
# Results

Written by `python benchmarks/report.py` from the records of the scripts that each section names; no
number here was typed by hand. [](benchmarks.md) says how each is measured and how to repeat it.
Ratios matter more than seconds: these were measured on a small shared machine.
"""


def markdown(rows: Sequence[Sequence[Any]]) -> str:
    """Return a Markdown table; the first row is its head."""
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def machine_line(machine: dict[str, Any]) -> str:
    """Return what it ran on."""
    known = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"{machine['processor']}, {machine['threads']} threads, load at the start "
        f"{machine['load_average']}; {known}."
    )


def picture(figure: Any, name: str, images: Path) -> str:
    """Save a figure and return the lines that show it."""
    images.mkdir(parents=True, exist_ok=True)
    figure.savefig(images / f"results_{name}.png", dpi=110)
    title = name.replace("_", " ")
    return f"```{{image}} images/results_{name}.png\n:alt: {title}\n:width: 80%\n```"


def problem_parts(found: Sequence[summary.Summary], images: Path, drawn: int) -> list[str]:
    """Return a heading and a table a problem, and the curves of the first ones."""
    parts = []
    for i, one in enumerate(found):
        best = one.optimum
        share = 100 * best["nonzeros"] / max(best["codes"], 1)
        text = (
            f"Optimum {best['objective']:.9g}, certified to {best['relative_gap']:.1e}; "
            f"{share:.2f} % of the codes are nonzero."
        )
        parts += [f"### {one.problem}", tables.problem_table(one), text]
        if i < drawn:
            lines = [(r.solver, r.seconds, r.suboptimality) for r in one.rows if r.seconds]
            parts.append(picture(curves(one.problem, lines, one.gap), one.problem, images))
    return parts


def ratio_parts(
    found: Sequence[summary.Summary], rivals: Sequence[str], targets: Sequence[float]
) -> list[str]:
    """Return the table of speed-ups."""
    ours = photographs.OURS
    first = f"{ours}: times faster than the best of {', '.join(rivals)} (>: it was given up)."
    return [first, tables.ratio_table(found, ours, rivals, targets)]


def photograph_parts(found: Sequence[summary.Summary], images: Path) -> list[str]:
    """Return the section about SPORCO."""
    parts = ratio_parts(found, photographs.RIVALS, TARGETS)
    columns = {
        tables.short(f"{target:.0e}"): [
            summary.speedup(one, target, photographs.OURS, photographs.RIVALS) for one in found
        ]
        for target in (1e-3, 1e-5)
    }
    names = [one.problem for one in found]
    parts.append(picture(ratios("Against SPORCO", names, columns), "photographs", images))
    parts.append("Ours to a certified gap of 1e-6, checks included, the rival to 1e-3:")
    parts.append(photographs.certified_table(found))
    return [*parts, *problem_parts(found, images, 2)]


def axis_parts(found: Sequence[summary.Summary], images: Path) -> list[str]:
    """Return the section about signals of one axis."""
    short = [one for one in found if one.problem in one_dimension.SHORT]
    long = [one for one in found if one not in short]
    targets = (*TARGETS, 1e-6)
    parts = ratio_parts(long, one_dimension.LGCD, targets) if long else []
    parts += ratio_parts(short, one_dimension.LASSOS, targets) if short else []
    return [*parts, *problem_parts(found, images, 1)]


def layer_parts(found: Sequence[summary.Summary], images: Path) -> list[str]:
    """Return the section about several layers."""
    return problem_parts(found, images, 1)


def losses(found: Sequence[summary.Summary]) -> list[list[str]]:
    """Return a row for each accuracy at which a rival was there before all of ours."""
    rows = []
    for one in found:
        for target in (*TARGETS, 1e-6):
            if target < one.gap:
                continue
            times = {r.solver: t for r in one.rows if (t := r.to(target)) is not None}
            own = min((t for name, t in times.items() if name in OURS), default=None)
            rivals = {name: t for name, t in times.items() if name not in OURS}
            if not rivals or (own is not None and own <= min(rivals.values())):
                continue
            first = min(rivals, key=lambda name: rivals[name])
            mine = "not reached" if own is None else f"{own:.3g}"
            label = tables.short(f"{target:.0e}")
            rows.append([one.problem, label, first, f"{rivals[first]:.3g}", mine])
    return rows


def loss_parts(found: Sequence[summary.Summary]) -> list[str]:
    """Return the section about where a rival is faster."""
    rows = losses(found)
    if not rows:
        none = "In none of the records above was a rival at any accuracy before the best of ours."
        few = f"They are of {len(found)} problems; [](benchmarks.md) says what these do not show."
        return [f"{none} {few}"]
    head = ["problem", "suboptimality", "rival", "its seconds", "best of ours, seconds"]
    return ["Where a rival was there before all of ours:", markdown([head, *rows])]


FORMATS: dict[str, Callable[[Any], str]] = {
    "seconds": lambda v: f"{v:.3g}",
    "relative_gap": lambda v: f"{v:.1e}",
    "objective_difference": lambda v: f"{v:.1e}",
    "peak_mb": lambda v: f"{v:.0f}",
    "speedup": lambda v: f"{v:.2f}",
}
PLAIN = {
    "memory": ("Memory", ("problem", "solver", "peak_mb", "relative_gap")),
    "threads": (
        "Threads",
        (
            *("problem", "seconds_one", "seconds_all", "speedup", "same_from_run_to_run"),
            *("same_codes_for_all_counts", "objective_difference"),
        ),
    ),
    "first_call": (
        "First call",
        (
            *("problem", "solver", "command", "cold_beyond_warm_seconds"),
            *("second_process_beyond_warm_seconds", "warm_seconds", "cold_seconds"),
            "second_seconds",
        ),
    ),
    "large_image": (
        "Large images",
        ("size", "seconds", "peak_mb", "nonzeros", "iterations", "relative_gap", "weight"),
    ),
    "scaling": (
        "Growth",
        ("study", "size", "seconds", "iterations", "relative_gap", "problem"),
    ),
}


def cell(name: str, value: Any) -> str:
    """Return a number as the table shows it."""
    if value is None:
        return ""
    kind = "seconds" if "seconds" in name else name
    return FORMATS.get(kind, str)(value)


def plain_parts(lines: Sequence[dict[str, Any]], columns: Sequence[str]) -> list[str]:
    """Return the table of a script's records."""
    rows = [[cell(name, line.get(name)) for name in columns] for line in lines]
    return [markdown([[name.replace("_", " ") for name in columns], *rows])]


def read_plain(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a script that writes its file anew."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


SIDE_BY_SIDE = {
    "photographs": ("Photographs, against SPORCO", photograph_parts),
    "one_dimension": ("Nonnegative codes of one axis", axis_parts),
    "layers": ("Several layers", layer_parts),
}


def page(folder: Path, images: Path) -> str:
    """Return the page."""
    parts, all_found = [HEAD], []
    for name, (title, make) in SIDE_BY_SIDE.items():
        found = summary.summarise(records.read(folder / f"{name}.jsonl")[0])
        if found:
            parts += [f"## {title}", f"`python benchmarks/{name}.py`"]
            parts += [*make(found, images), machine_line(found[0].machine)]
            all_found += found
    for name, (title, columns) in PLAIN.items():
        lines = read_plain(folder / f"{name}.jsonl")
        if lines:
            parts += [f"## {title}", f"`python benchmarks/{name}.py`"]
            parts += plain_parts(lines, columns)
            parts += growth_parts(name, lines, images)
            parts.append(machine_line(lines[0]["machine"]))
    if all_found:
        parts += ["## Where we lose", *loss_parts(all_found)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def growth_parts(name: str, lines: Sequence[dict[str, Any]], images: Path) -> list[str]:
    """Return the picture of the large images' growth."""
    if name != "large_image" or len(lines) < 2:
        return []
    pixels = [line["size"] ** 2 / 1e6 for line in lines]
    columns = {"seconds": "seconds", "peak_mb": "peak, MB"}
    values = {label: [line[key] for line in lines] for key, label in columns.items()}
    title = "Mosaics in 64 filters of 8 x 8"
    figure = growth(title, ("million pixels", pixels), values, slope=1.0)
    return [picture(figure, name, images)]


def keep(folder: Path, kept: Path) -> None:
    """Copy the records that the page was written from."""
    kept.mkdir(parents=True, exist_ok=True)
    if folder.resolve() == kept.resolve():
        return
    for name in (*SIDE_BY_SIDE, *PLAIN):
        source = folder / f"{name}.jsonl"
        if source.exists():
            shutil.copyfile(source, kept / source.name)


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=Path, default=ROOT / "benchmarks" / "out")
    parser.add_argument("--keep", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs")
    options = parser.parse_args()
    text = page(options.records, options.docs / "images")
    keep(options.records, options.keep)
    (options.docs / "results.md").write_text(text, encoding="utf-8")
    print(f"wrote {options.docs / 'results.md'}, {len(text.splitlines())} lines")


if __name__ == "__main__":
    main()
