"""Photographs against SPORCO, side by side: five pictures, four dictionaries, 512 and 1024 pixels.

The grid has two dictionaries that SPORCO learned, DCT and Gabor filters; on camera 512 there is a
second weight. A, B, C and E are short for problems of the grid. Run it with no argument, or with
part of it::

    python benchmarks/photographs.py
    python benchmarks/photographs.py A B C E --seconds 120
    python benchmarks/photographs.py --sizes 512 --photographs camera astronaut

Needs ``pip install "sparsecsc[bench]"``. A run that was cut off goes on where it was: every timed
run is a line of benchmarks/out/photographs.jsonl. It prints a table a problem, the ratios, and
ours to a certified gap of 1e-6 against the rival to a suboptimality of 1e-3.
"""

from __future__ import annotations

from collections.abc import Sequence

import side_by_side

from sparsecsc.bench import cases, summary

PHOTOGRAPHS = ("camera", "astronaut", "coffee", "chelsea", "rocket")
DICTIONARIES = ("learned12x12x36_0.05", "learned8x8x64_0.02", "dct8x8_r0.05", "gabor12x12_r0.05")
OURS, RIVALS = "CoordinateDescent", ("SPORCO ADMM", "SPORCO PGM")
WIDE = "CoordinateDescent float64"
"""For the gaps that float32 does not reach."""


def grid(sizes: Sequence[int], photographs: Sequence[str]) -> list[str]:
    """Return the names of the problems: a picture with all its dictionaries, then the next."""
    names = [
        f"{photograph}{size}_{dictionary}"
        for size in sizes
        for photograph in photographs
        for dictionary in DICTIONARIES
    ]
    second_weight = cases.ALIASES["C"]
    return [*names[:2], second_weight, *names[2:]] if names[0].startswith("camera512") else names


def certified_table(summaries: Sequence[summary.Summary]) -> str:
    """Return a rival's seconds to a suboptimality of 1e-3 over ours to a certified gap of 1e-6."""
    lines = ["| problem | ours, seconds | rival, seconds | ratio |", "| --- | --- | --- | --- |"]
    for each in summaries:
        named = [(name, each.row(name)) for name in (OURS, WIDE)]
        certified = [
            (seconds, " in float64" if name == WIDE else "")
            for name, row in named
            if row is not None and (seconds := row.certified.get(1e-6)) is not None
        ]
        own, kind = min(certified, default=(None, ""))
        rivals = [found for name in RIVALS if (found := each.row(name)) is not None]
        reached = [seconds for r in rivals if (seconds := r.to(1e-3)) is not None]
        left = "not reached" if own is None else f"{own:.3g}{kind}"
        right = f"{min(reached):.3g}" if reached else "not reached"
        ratio = f"{min(reached) / own:.1f}" if own is not None and reached else ""
        lines.append(f"| {each.problem} | {left} | {right} | {ratio} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = side_by_side.parser(__doc__, (OURS, "SPORCO ADMM"), target=1e-5, seconds=60.0)
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--photographs", nargs="+", default=list(PHOTOGRAPHS))
    options = parser.parse_args()
    names = grid(options.sizes, options.photographs)
    summaries = side_by_side.measure(options, names, "photographs.jsonl")
    side_by_side.ratios(summaries, OURS, RIVALS, (1e-2, 1e-3, 1e-4, 1e-5))
    print("\n### Ours to a certified gap of 1e-6, the best rival to a suboptimality of 1e-3\n")
    print(certified_table(summaries))


if __name__ == "__main__":
    main()
