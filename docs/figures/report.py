"""The demo's report, made small: `python docs/figures/report.py`. Writes docs/images/report.png."""

import sys
import tempfile
from pathlib import Path

from PIL import Image

from sparsecsc.cli import main

IMAGES = Path(__file__).resolve().parents[1] / "images"


def shrink(report: Path, name: str = "report.png") -> None:
    """Halve the size of the file: fewer pixels, and 96 greys and 160 colours for all of them."""
    whole = Image.open(report).convert("RGB")
    size = (1000, round(1000 * whole.height / whole.width))
    image = whole.resize(size, Image.Resampling.LANCZOS)
    colours = image.quantize(160, Image.Quantize.FASTOCTREE).getpalette()[: 3 * 160]
    greys = [level for k in range(96) for level in 3 * (round(k * 255 / 95),)]
    palette = Image.new("P", (1, 1))
    palette.putpalette(colours + greys)
    small = image.quantize(palette=palette, dither=Image.Dither.NONE)
    small.save(IMAGES / name, optimize=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        code = main(["demo", "--quiet", "--out", folder])
        shrink(Path(folder) / "report.png")
    sys.exit(code)
