"""The report of a two-layer run, made small: `python docs/figures/layers_report.py`.

Writes docs/images/layers_report.png.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from report import shrink

import sparsecsc as sc
from sparsecsc.cli import main
from sparsecsc.io import save_model


def write_inputs(folder: Path) -> None:
    """Write a crop of a photograph, and 16 DCT filters below 24 random ones of 16 channels."""
    pixels = sc.load_image("camera")[100:228, 190:318]
    Image.fromarray(np.rint(255 * pixels).astype(np.uint8)).save(folder / "camera.png")
    banks = [sc.dct_filters((6, 6), include_constant=False)[:16]]
    banks.append(sc.random_filters(24, 16, (3, 3), 0))
    save_model(folder / "two.npz", sc.MLCSC([sc.ConvDictionary(bank) for bank in banks]))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_inputs(folder)
        options = ["--model", str(folder / "two.npz"), "--weight-ratio", "0.02,0.04"]
        options += ["--out", str(folder / "out"), "--quiet"]
        code = main(["solve", str(folder / "camera.png"), *options])
        shrink(folder / "out" / "report.png", "layers_report.png")
    sys.exit(code)
