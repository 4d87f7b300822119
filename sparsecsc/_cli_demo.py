"""``sparsecsc demo``: a shipped photograph in learned filters, or in a learned model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc._cli_options import Settings, add_device, add_out
from sparsecsc.data import MODELS, load_image, names
from sparsecsc.io import SignalFile
from sparsecsc.io.images import ImageFormat

_DEMO_SIZE, _MODEL_SIZE = 256, 128
"""Pixels along each side; fewer for a model of several layers, which takes many iterations."""
_MODEL_TOL = 1e-2
_CORNERS = {"camera": (40, 130), "chelsea": (20, 90), "coffee": (70, 170)}


def add_demo(commands: Any) -> None:
    """Add the command to the parser."""
    demo = commands.add_parser(
        "demo", help="code a photograph that comes with the package", allow_abbrev=False
    )
    add_out(demo)
    add_device(demo.add_argument)
    images = [name for name in names() if name != "snare_roll"]
    demo.add_argument("--image", choices=images, default="camera", help="default: %(default)s")
    demo.add_argument(
        "--model",
        metavar="FILE|NAME",
        default=None,
        help=f"a multi-layer model in place of filters: {', '.join(MODELS)}, or a file",
    )


def demo_settings(
    image: str, out: str, device: str | None = None, model: str | None = None
) -> Settings:
    """Return what the demo does: a crop, learned filters, a twentieth of the largest weight.

    A model has the weights that it was learned with.
    """
    options: dict[str, Any] = {"out": out, "device": device or "auto"}
    if model is not None:
        return Settings(f"{image} (shipped)", None, model=model, tol=_MODEL_TOL, **options)
    filters = "photo8x8x32" if image == "camera" else "photo8x8x64-rgb"
    return Settings(f"{image} (shipped)", filters, weight_ratio=0.05, **options)


def demo_source(image: str, model: str | None = None) -> SignalFile:
    """Return a square of a shipped photograph, as if read from a PNG file."""
    pixels = load_image(image)
    size = _DEMO_SIZE if model is None else _MODEL_SIZE
    top, left = (n + (_DEMO_SIZE - size) // 2 for n in _CORNERS.get(image, (0, 0)))
    pixels = np.atleast_3d(pixels[top : top + size, left : left + size])
    signal = np.ascontiguousarray(np.moveaxis(pixels, -1, 0)[None])
    return SignalFile(signal, ImageFormat(".png", "uint8", signal.shape[1]), Path(f"{image}.png"))
