"""WAV files: 8, 16, 24 or 32-bit integers, 32 or 64-bit floats, any number of channels."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from sparsecsc.io.common import check_size, to_levels, unreadable

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_DTYPES = {(_PCM, 8): "u1", (_PCM, 16): "<i2", (_PCM, 24): "<i4", (_PCM, 32): "<i4"}
_DTYPES |= {(_FLOAT, 32): "<f4", (_FLOAT, 64): "<f8"}


@dataclass(frozen=True)
class SoundFormat:
    """What a WAV file was, and how to write another like it."""

    sample_rate: int
    """Samples per second (Hz)."""
    bits: int
    """Bits a sample."""
    floating: bool
    n_channels: int
    suffix: str = ".wav"
    note = ""
    kind = "sound"
    peak = 1.0

    @property
    def words(self) -> str:
        """Say in a few words what the file is."""
        number = "float" if self.floating else "integer"
        return f"{self.bits}-bit {number} WAV, {self.sample_rate} Hz"

    def write(self, stream: BinaryIO, signal: np.ndarray) -> None:
        """Write `signal` (1, n_channels, n_samples); integers are rounded and clipped."""
        frames = np.ascontiguousarray(signal[0].T)
        if self.floating:
            body = frames.astype(_DTYPES[_FLOAT, self.bits]).tobytes()
        else:
            body = _packed(frames.astype(np.float64), self.bits)
        width = self.n_channels * self.bits // 8
        tag = _FLOAT if self.floating else _PCM
        rate = self.sample_rate
        fields = (tag, self.n_channels, rate, rate * width, width, self.bits)
        parts = _chunk(b"fmt ", struct.pack("<HHIIHH", *fields)) + _chunk(b"data", body)
        stream.write(b"RIFF" + struct.pack("<I", 4 + len(parts)) + b"WAVE" + parts)


def read_sound(path: Path, dtype: str) -> tuple[np.ndarray, SoundFormat]:
    """Read a WAV file as (1, n_channels, n_samples), integers scaled to [-1, 1)."""
    check_size(path, (path.stat().st_size,))
    try:
        tag, channels, rate, bits, body = _parsed(path.read_bytes())
    except ValueError as error:
        raise unreadable(path, "a WAV recording", error) from None
    values = _unpacked(body, tag, bits).reshape(-1, channels).T[None]
    format_ = SoundFormat(rate, bits, tag == _FLOAT, channels, path.suffix.lower())
    return np.ascontiguousarray(values.astype(dtype)), format_


def _parsed(content: bytes) -> tuple[int, int, int, int, bytes]:
    """Return (tag, channels, rate, bits, samples); raise ValueError with the reason if not."""
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        msg = "it does not begin as a WAV file does"
        raise ValueError(msg)
    chunks = _chunks(content)
    if b"data" not in chunks or len(chunks.get(b"fmt ", b"")) < 16:
        msg = "it is truncated: its format or its samples are missing"
        raise ValueError(msg)
    head = chunks[b"fmt "]
    tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", head[:16])
    if tag == _EXTENSIBLE and len(head) >= 26:
        (tag,) = struct.unpack("<H", head[24:26])
    if (tag, bits) not in _DTYPES or not channels or not rate:
        msg = f"its samples have coding {tag} with {bits} bits; save it as PCM or float"
        raise ValueError(msg)
    frame = channels * bits // 8
    body = chunks[b"data"]
    if not body or len(body) % frame:
        msg = f"it holds {len(body)} bytes of samples, not a whole number of frames of {frame}"
        raise ValueError(msg)
    return tag, channels, rate, bits, body


def _chunks(content: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= len(content) and b"data" not in found:
        name, length = content[at : at + 4], struct.unpack("<I", content[at + 4 : at + 8])[0]
        body = content[at + 8 : at + 8 + length]
        if len(body) < length:
            msg = f"it is truncated: {length} bytes announced, {len(body)} there"
            raise ValueError(msg)
        found.setdefault(name, body)
        at += 8 + length + length % 2
    return found


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _unpacked(body: bytes, tag: int, bits: int) -> np.ndarray:
    """Return samples as float64; integers divided by half the number of levels."""
    if bits == 24:
        triples = np.frombuffer(body, np.uint8).reshape(-1, 3)
        wide = np.zeros((len(triples), 4), np.uint8)
        wide[:, 1:] = triples
        return wide.view("<i4")[:, 0] / 2.0**31
    samples = np.frombuffer(body, _DTYPES[tag, bits]).astype(np.float64)
    if tag == _FLOAT:
        return samples
    return (samples - (128 if bits == 8 else 0)) / 2.0 ** (bits - 1)


def _packed(values: np.ndarray, bits: int) -> bytes:
    half = 2.0 ** (bits - 1)
    if bits == 8:
        return to_levels(values * half + 128, 0, 255, "u1").tobytes()
    levels = to_levels(values * half, -half, half - 1, "<i2" if bits == 16 else "<i4")
    if bits == 24:
        return levels.reshape(-1, 1).view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    return levels.tobytes()
