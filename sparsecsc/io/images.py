"""PNG, JPEG and TIFF images."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sparsecsc.io import png16
from sparsecsc.io.common import TooLargeError, check_size, to_levels, unreadable

KIND_OF_SUFFIX = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF"}
LEVELS = {"uint8": 255, "uint16": 65535}
_JPEG_QUALITY = 95


@dataclass(frozen=True)
class ImageFormat:
    """What an image file was, and how to write another like it."""

    suffix: str
    dtype: str
    """``"uint8"``, ``"uint16"``, ``"float32"`` or ``"float64"``."""
    n_channels: int
    offset: float = 0.0
    factor: float = 1.0
    """The values stored are ``levels * (offset + factor * value)`` for values in [0, 1]."""
    note: str = ""
    """What was changed on reading, for the user."""
    kind = "image"
    peak = 1.0

    @property
    def levels(self) -> int:
        """The largest level of integer pixels, 1 for floating ones."""
        return LEVELS.get(self.dtype, 1)

    @property
    def words(self) -> str:
        """Say in a few words what the file is."""
        colour = "colour" if self.n_channels == 3 else "grey"
        depth = {"uint8": "8-bit", "uint16": "16-bit"}.get(self.dtype, self.dtype)
        return f"{depth} {colour} {KIND_OF_SUFFIX[self.suffix]} image"

    def write(self, stream: BinaryIO, signal: np.ndarray) -> None:
        """Write `signal` (1, n_channels, height, width), clipped and rounded to the levels."""
        values = np.moveaxis(signal[0], 0, -1).astype(np.float64)
        stored = self.levels * (values * self.factor + self.offset)
        if self.dtype in LEVELS:
            stored = to_levels(stored, 0, self.levels, self.dtype)
        else:
            stored = stored.astype(self.dtype)
        if KIND_OF_SUFFIX[self.suffix] == "TIFF":
            _write_tiff(stream, stored)
        elif self.dtype == "uint16":
            png16.write(stream, stored)
        else:
            _write_with_pillow(stream, stored, KIND_OF_SUFFIX[self.suffix])


def read_image(path: Path, dtype: str) -> tuple[np.ndarray, ImageFormat]:
    """Read an image as (1, 1 or 3, height, width) with values in [0, 1].

    Integer levels are divided by the largest level. Floating TIFF stays as it is where its values
    lie in [0, 1], else its range is mapped onto [0, 1]. An alpha channel is dropped; where it is
    not opaque, the image is first laid on white, as viewers show it. The orientation that a camera
    stored is applied. Palette and bilevel images are read as 8-bit colour and grey.
    """
    kind = KIND_OF_SUFFIX[path.suffix.lower()]
    with open(path, "rb") as stream:
        head = stream.read(33)
    try:
        if kind == "TIFF":
            stored = _read_tiff(path)
        elif kind == "PNG" and png16.bit_depth(head) == 16:
            check_size(path, png16.size(head))
            stored = png16.read(path.read_bytes())
        else:
            stored = _read_with_pillow(path, kind)
    except TooLargeError:
        raise
    except (OSError, SyntaxError, ValueError, zlib.error, EOFError, TypeError) as error:
        raise unreadable(path, f"a {kind} image", error) from None
    return _to_core(path, stored, dtype)


def _read_with_pillow(path: Path, kind: str) -> np.ndarray:
    from PIL import Image, ImageOps

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # check_size decides
        try:
            image: Any = Image.open(path, formats=(kind,))
        except Image.DecompressionBombError as error:
            msg = f"'{path}' must be an image of usual size; got: {error} Cut it into parts."
            raise TooLargeError(msg) from None
    with image:
        check_size(path, (*image.size, len(image.getbands())))
        image = ImageOps.exif_transpose(image)
        if image.mode in ("P", "CMYK", "YCbCr", "LAB", "HSV"):
            transparent = "transparency" in image.info
            image = image.convert("RGBA" if transparent else "RGB")
        elif image.mode not in ("L", "LA", "RGB", "RGBA", "I;16"):
            image = image.convert("L")
        levels = np.asarray(image)
    return levels[..., None] if levels.ndim == 2 else levels


def _read_tiff(path: Path) -> np.ndarray:
    import tifffile

    with tifffile.TiffFile(path) as file:
        if len(file.pages) != 1:
            msg = f"it has {len(file.pages)} pages; save one page, or the stack as .npy"
            raise ValueError(msg)
        page: Any = file.pages[0]
        check_size(path, page.shape)
        name = page.photometric.name
        if name not in ("MINISBLACK", "MINISWHITE", "RGB"):
            return _read_with_pillow(path, "TIFF")
        try:
            stored = page.asarray()
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            return _read_with_pillow(path, "TIFF")  # LZW and the like
        if page.planarconfig == 2 and stored.ndim == 3:
            stored = np.moveaxis(stored, 0, -1)
        if name == "MINISWHITE" and stored.dtype.kind == "u":
            stored = np.iinfo(stored.dtype).max - stored
    if stored.ndim == 2:
        stored = stored[..., None]
    if stored.ndim != 3 or stored.shape[-1] > 4:
        msg = f"its pixels have shape {stored.shape}; save it as grey or colour"
        raise ValueError(msg)
    native: np.ndarray = stored.astype(stored.dtype.newbyteorder("="))
    return native


@contextmanager
def segments_of(path: Path) -> Iterator[tuple[tuple[int, int, int], str, Iterator[Any]]]:
    """Open a TIFF file to be read by its tiles or strips.

    Gives (n_channels, height, width), the dtype, and pairs of a corner (channel, row, column) and
    the pixels from there on, channels first; those of the last ones may be longer than the image.

    Raises
    ------
    ValueError
        If it is not one page, grey or RGB without alpha, with 8 or 16 bits or floating.
    """
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            page: Any = file.pages[0]
            inverted = page.photometric.name == "MINISWHITE"
            known = inverted or page.photometric.name in ("MINISBLACK", "RGB")
            channels, dtype = int(page.samplesperpixel), str(page.dtype)
            plain = channels in (1, 3) and dtype in (*LEVELS, "float32", "float64")
            if len(file.pages) != 1 or not known or not plain:
                reason = (
                    f"it has {len(file.pages)} pages of {channels} channels of {dtype}, "
                    f"{page.photometric.name}; save one page, grey or RGB, with 8 or 16 bits or "
                    "floating"
                )
                raise unreadable(path, "a TIFF image that can be read in parts", reason)

            def pieces() -> Iterator[Any]:
                for block, (channel, _, row, column, _), size in page.segments(maxworkers=1):
                    pixels = np.zeros(size, page.dtype) if block is None else block
                    if inverted and pixels.dtype.kind == "u":
                        pixels = np.iinfo(pixels.dtype).max - pixels
                    yield (channel, row, column), np.moveaxis(pixels[0], -1, 0)

            shape = (channels, int(page.imagelength), int(page.imagewidth))
            yield shape, dtype, pieces()
    except (tifffile.TiffFileError, zlib.error, IndexError, struct.error) as error:
        raise unreadable(path, "a TIFF image", error) from None


def _to_core(path: Path, stored: np.ndarray, dtype: str) -> tuple[np.ndarray, ImageFormat]:
    """Scale to [0, 1], drop alpha, put the channels first."""
    name = "float32" if stored.dtype == np.float16 else str(stored.dtype)
    if name not in (*LEVELS, "float32", "float64"):
        reason = f"its pixels are {name}; save it with 8 or 16 bits, or floating"
        raise unreadable(path, "an image", reason)
    offset, factor = 0.0, 1.0
    values = stored.astype(np.float64) / LEVELS.get(name, 1)
    if name not in LEVELS:
        if not np.isfinite(values).all():
            raise unreadable(path, "an image", "it holds NaN or infinite values")
        low, high = float(values.min()), float(values.max())
        if low < 0 or high > 1:
            offset, factor = low, (high - low) or 1.0
    values = (values - offset) / factor
    note = ""
    if values.shape[-1] in (2, 4):
        values, alpha = values[..., :-1], values[..., -1:]
        note = "its alpha channel, opaque everywhere, was dropped"
        if alpha.min() < 1:
            values = values * alpha + (1 - alpha)
            note = "it is partly transparent: laid on white, alpha dropped"
    suffix = path.suffix.lower()
    format_ = ImageFormat(suffix, name, values.shape[-1], offset, factor, note)
    return np.ascontiguousarray(np.moveaxis(values, -1, 0)[None].astype(dtype)), format_


def _write_tiff(stream: BinaryIO, stored: np.ndarray) -> None:
    import tifffile

    grey = stored.shape[-1] == 1
    tifffile.imwrite(
        stream,
        stored[..., 0] if grey else stored,
        photometric="minisblack" if grey else "rgb",
        metadata=None,
        software=False,
    )


def _write_with_pillow(stream: BinaryIO, stored: np.ndarray, kind: str) -> None:
    from PIL import Image

    image = Image.fromarray(stored[..., 0] if stored.shape[-1] == 1 else stored)
    if kind == "JPEG":
        image.save(stream, kind, quality=_JPEG_QUALITY, subsampling=0)
    else:
        image.save(stream, kind)
