"""Noise and gaps in photographs: PSNR of ours, SPORCO and scikit-image on the same pixels.

Noise of sigma 25/255, or half of the pixels missing at random, on squares of 256 pixels. Ours and
SPORCO's use the same dictionaries, which SPORCO learned; ours also filters that need no learning,
and those of ``--filters FILE``. Ours has its defaults and is told the noise level, as all are. Run
it with no argument; it goes on where it was cut off, and the second command measures nothing::

    python benchmarks/applications.py
    python benchmarks/applications.py --report

Needs ``pip install "sparsecsc[bench]" scikit-image PyWavelets``. Every result is a line of
benchmarks/results/applications.jsonl; the tables are written into docs/applications.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import application_rivals as rivals
import numpy as np

from sparsecsc.applications.denoise import denoise
from sparsecsc.applications.inpaint import inpaint
from sparsecsc.bench import filters, machine, records
from sparsecsc.bench.images import missing as missing_image
from sparsecsc.bench.images import picture
from sparsecsc.dictionaries.analytic import dct_filters

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ROOT / "benchmarks" / "results" / "applications.jsonl"
PAGE = ROOT / "docs" / "applications.md"
PHOTOGRAPHS = ("camera", "chelsea", "coffee", "astronaut", "gravel")
COLOUR = ("chelsea", "coffee", "astronaut")
SIZE = 256
SIGMA = 25 / 255
LEARNED = ("learned12x12x36", "learned8x8x64")
ANALYTIC = ("dct8x8",)
MARKS = {"denoise": "<!-- table: denoise -->", "inpaint": "<!-- table: inpaint -->"}
END = "<!-- end of table -->"
OURS = "sparsecsc"


def main() -> None:
    """Measure what is not on file, then write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photographs", nargs="+", default=list(PHOTOGRAPHS))
    parser.add_argument("--filters", nargs="+", default=[], metavar="FILE", help="more, in .npz")
    parser.add_argument("--records", type=Path, default=RECORDS)
    parser.add_argument("--report", action="store_true", help="measure nothing")
    options = parser.parse_args()
    if not options.report:
        _compile(options.filters)
        for name in options.photographs:
            for colour in (False, True) if name in COLOUR else (False,):
                _measure(name, colour, options)
    write_tables(records.read(options.records)[0])


def _compile(files: Sequence[str]) -> None:
    """Let Numba compile what the dictionaries need, outside of what is timed."""
    noise = np.random.default_rng(0).random((64, 64)).astype(np.float32)
    for bank in (*LEARNED, *ANALYTIC, *files):
        denoise(noise, _bank(bank), SIGMA, max_iter=20)
        inpaint(noise, noise > 0.5, _bank(bank), max_iter=20)


def _measure(name: str, colour: bool, options: argparse.Namespace) -> None:
    reason = missing_image(name)
    if reason is not None:
        print(reason, file=sys.stderr)
        return
    channels = picture(name, SIZE, colour=colour)[0]
    clean = np.ascontiguousarray(np.moveaxis(channels, 0, -1)) if colour else channels[0]
    rng = np.random.default_rng(0)
    noisy = (clean + SIGMA * rng.standard_normal(clean.shape)).astype(np.float32)
    mask = (rng.random(clean.shape[:2]) < 0.5).astype(np.float32)
    about = {"photograph": name, "colour": colour}
    for kind, runs in (
        ("denoise", _denoisers(noisy, colour, options.filters)),
        ("inpaint", _inpainters(clean, mask, colour, options.filters)),
    ):
        for method, bank, tries in runs:
            _record(
                about | {"kind": kind, "method": method, "filters": bank},
                (clean, mask),
                tries,
                options,
            )


def _denoisers(noisy: Any, colour: bool, files: Sequence[str]) -> Iterator[tuple[str, str, Any]]:
    for bank in (*LEARNED, *ANALYTIC, *files):
        yield OURS, bank, lambda bank=bank: _ours(lambda f: denoise(noisy, f, SIGMA), bank)
    if not colour:
        for bank in LEARNED:
            yield (
                "SPORCO, adaptive weights",
                bank,
                lambda bank=bank: rivals.sporco_denoise(noisy, _sporco_bank(bank), SIGMA),
            )
    yield "scikit-image nl_means", "", lambda: rivals.nl_means(noisy, SIGMA)
    yield "scikit-image TV", "", lambda: rivals.total_variation(noisy, SIGMA)
    yield "scikit-image wavelets", "", lambda: rivals.wavelets(noisy, SIGMA)


def _inpainters(
    clean: Any, mask: Any, colour: bool, files: Sequence[str]
) -> Iterator[tuple[str, str, Any]]:
    there = mask[..., None] if colour else mask
    for bank in (*LEARNED, *ANALYTIC, *files):
        yield OURS, bank, lambda bank=bank: _ours(lambda f: inpaint(clean * there, there, f), bank)
    if not colour:
        for bank in LEARNED:
            for method, run in (
                ("SPORCO, mask decoupling", rivals.sporco_masked),
                ("SPORCO, gradient term", rivals.sporco_gradient),
            ):
                yield method, bank, lambda bank=bank, run=run: run(clean, mask, _sporco_bank(bank))
    yield "scikit-image biharmonic", "", lambda: rivals.biharmonic(clean, mask)


def _ours(run: Callable[[Any], Any], bank: str) -> rivals.Tries:
    chosen = _bank(bank)
    yield 0.0, lambda: run(chosen).signal


def _bank(name: str) -> np.ndarray:
    if name.endswith((".npz", ".npy")):
        from sparsecsc.io import load_filters

        return load_filters(name).astype(np.float32)
    if name.startswith("dct"):  # with the constant filter, which helps here
        return dct_filters([int(n) for n in name[3:].split("x")], dtype=np.float32)
    return filters.named_filters(name).astype(np.float32)


def _sporco_bank(name: str) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(_bank(name)[:, 0], 0, -1))


def _record(about: dict[str, Any], truth: Any, tries: Any, options: argparse.Namespace) -> None:
    """Run one method, keep its best strength, write one line."""
    method = about["method"]
    reason = None if method == OURS else rivals.missing(method)
    source = machine.source() if method == OURS else None
    known = records.latest(records.read(options.records)[0], **about, source=source)
    if reason is not None or known is not None:
        return
    clean, mask = truth
    best: dict[str, Any] = {"psnr": -np.inf}
    for strength, run in tries():
        began = time.perf_counter()
        image = np.asarray(run(), dtype=np.float64)
        seconds = time.perf_counter() - began
        if about["kind"] == "inpaint":  # what is known is kept, whatever the method makes of it
            there = mask[..., None] if clean.ndim > 2 else mask
            image = np.where(there > 0, clean, image)
        quality = -10 * np.log10(np.mean((image - clean) ** 2))
        if quality > best["psnr"]:
            best = {"psnr": float(quality), "seconds": seconds, "strength": strength}
    records.append(
        options.records, about | best | {"source": source, "machine": machine.describe()}
    )
    print(*about.values(), f"{best['psnr']:.2f} dB, {best['seconds']:.1f} s", file=sys.stderr)


def write_tables(found: list[dict[str, Any]]) -> None:
    """Replace the tables in the page."""
    text = PAGE.read_text(encoding="utf-8")
    for kind, mark in MARKS.items():
        before, _, rest = text.partition(mark)
        _, _, after = rest.partition(END)
        table = table_of([r for r in found if r["kind"] == kind])
        text = f"{before}{mark}\n{table}\n{END}{after}"
    PAGE.write_text(text, encoding="utf-8")


def table_of(found: list[dict[str, Any]]) -> str:
    """Return PSNR by method and photograph, the best of each in bold, and the median seconds."""
    columns = list(dict.fromkeys((r["photograph"], r["colour"]) for r in found))
    columns.sort(key=lambda c: (c[1], PHOTOGRAPHS.index(c[0])))
    rows = list(dict.fromkeys((r["method"], r["filters"]) for r in found))
    rows.sort(key=lambda row: (row[0] != OURS, row[0].startswith("scikit")))
    latest = {(r["method"], r["filters"], r["photograph"], r["colour"]): r for r in found}
    head = ["method", "filters", *(f"{n}{' (RGB)' if c else ''}" for n, c in columns), "seconds"]
    lines = [head, ["---"] * len(head)]
    best = {c: max(r["psnr"] for k, r in latest.items() if k[2:] == c) for c in columns}
    for method, bank in rows:
        cells = [latest.get((method, bank, *c)) for c in columns]
        shown = [
            ""
            if r is None
            else f"**{r['psnr']:.2f}**"
            if r["psnr"] == best[c]
            else f"{r['psnr']:.2f}"
            for c, r in zip(columns, cells, strict=True)
        ]
        grey = [r["seconds"] for r, c in zip(cells, columns, strict=True) if r and not c[1]]
        median = f"{np.median(grey):.1f}" if grey else ""
        lines.append([method, Path(bank).name, *shown, median])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
