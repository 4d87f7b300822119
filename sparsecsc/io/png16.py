"""PNG with 16 bits a channel, grey or colour: Pillow would cut colour down to 8 bits."""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SAMPLES = {0: 1, 2: 3, 4: 2, 6: 4}
_COLOUR_TYPE = {1: 0, 3: 2}


def bit_depth(head: bytes) -> int:
    """Return the bits a channel that the first 33 bytes of a PNG file state, 0 if they do not."""
    if len(head) < 25 or head[:8] != SIGNATURE or head[12:16] != b"IHDR":
        return 0
    return head[24]


def size(head: bytes) -> tuple[int, int]:
    """Return (height, width) as the first bytes state them."""
    width, height = struct.unpack(">II", head[16:24])
    return height, width


def read(content: bytes) -> np.ndarray:
    """Decode a non-interlaced 16-bit PNG to uint16, shape (height, width, 1 to 4).

    Raises
    ------
    ValueError
        If the content is damaged, truncated or interlaced.
    """
    header, packed = b"", b""
    for name, body in _chunks(content):
        if name == b"IHDR":
            header = body
        elif name == b"IDAT":
            packed += body
    if len(header) != 13:
        msg = "its header is damaged"
        raise ValueError(msg)
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", header)
    if depth != 16 or colour not in _SAMPLES or interlace:
        msg = "16-bit PNG must be grey or colour and not interlaced; save it without interlacing"
        raise ValueError(msg)
    n_bytes = 2 * _SAMPLES[colour]
    wanted = height * (1 + width * n_bytes)
    raw = zlib.decompressobj().decompress(packed, wanted + 1)
    if len(raw) != wanted:
        msg = f"it holds {len(raw)} bytes of pixels in place of {wanted}"
        raise ValueError(msg)
    rows = np.frombuffer(raw, np.uint8).reshape(height, -1)
    if rows[:, 0].max(initial=0) > 4:
        msg = "a row has an unknown filter"
        raise ValueError(msg)
    pixels = _unfiltered(rows[:, 0], rows[:, 1:].reshape(height, width, n_bytes))
    return pixels.view(">u2").astype(np.uint16)


def write(stream: BinaryIO, levels: np.ndarray) -> None:
    """Encode uint16 levels of shape (height, width, 1 or 3)."""
    height, width, channels = levels.shape
    data = np.ascontiguousarray(levels.astype(">u2")).view(np.uint8).reshape(height, -1)
    up = data.copy()
    up[1:] -= data[:-1]  # the filter "up": smaller files at no cost
    rows = np.hstack([np.full((height, 1), 2, np.uint8), up])
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPE[channels], 0, 0, 0)
    stream.write(SIGNATURE)
    for name, body in ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b"")):
        check = zlib.crc32(name + body)
        stream.write(struct.pack(">I", len(body)) + name + body + struct.pack(">I", check))


def _chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    """Return the chunks up to the end mark, their checksums verified."""
    found, at = [], len(SIGNATURE)
    while at + 12 <= len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        name, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        check = content[at + 8 + length : at + 12 + length]
        if len(check) < 4 or struct.unpack(">I", check)[0] != zlib.crc32(name + body):
            break
        found.append((name, body))
        if name == b"IEND":
            return found
        at += 12 + length
    msg = "it is truncated or damaged"
    raise ValueError(msg)


def _unfiltered(kinds: np.ndarray, filtered: np.ndarray) -> np.ndarray:
    """Undo the row filters, one anti-diagonal at a time.

    A pixel needs its left, upper and upper left neighbours. With row i shifted by i columns these
    lie one and two columns back, so that a whole column is computed at once.
    """
    height, width, n_bytes = filtered.shape
    rows = np.arange(height)
    kind = kinds[:, None]
    one_back = np.zeros((height + 1, n_bytes), np.int16)  # entry i + 1 is row i; entry 0 is above
    two_back = np.zeros_like(one_back)
    out = np.zeros_like(filtered)
    for diagonal in range(height + width - 1):
        first, last = max(0, diagonal - width + 1), min(height, diagonal + 1)
        part = slice(first, last)
        columns = diagonal - rows[part]
        left, up = one_back[first + 1 : last + 1], one_back[part]
        corner = np.where(columns[:, None] > 0, two_back[part], 0)
        left = np.where(columns[:, None] > 0, left, 0)
        guess = _predicted(kind[part], left, up, corner)
        values = (filtered[rows[part], columns] + guess) & 255
        out[rows[part], columns] = values
        two_back = one_back.copy()
        one_back[first + 1 : last + 1] = values
    return out


def _predicted(
    kind: np.ndarray, left: np.ndarray, up: np.ndarray, corner: np.ndarray
) -> np.ndarray:
    """Return what each of the five row filters took off."""
    estimate = left + up - corner
    to_left, to_up, to_corner = abs(estimate - left), abs(estimate - up), abs(estimate - corner)
    paeth = np.where(to_up <= to_corner, up, corner)
    paeth = np.where((to_left <= to_up) & (to_left <= to_corner), left, paeth)
    choices = [np.zeros_like(left), left, up, (left + up) // 2, paeth]
    return np.choose(kind, choices)
