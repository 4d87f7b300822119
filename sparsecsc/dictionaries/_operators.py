"""Operators: what a dictionary becomes once signal size, dtype and array kind are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import ModuleType
from typing import Any

from sparsecsc.dictionaries._spectra import (
    inverse,
    largest_squared_singular_value,
    outer_products,
)
from sparsecsc.protocols import Array, Block, Operator


def make_blocks(
    n_signals: int, n_filters: int, n_positions: int, elements: int, filters: int | None = None
) -> list[Block]:
    """Cut (n_signals, n_filters) into contiguous blocks of about `elements` coefficients.

    Blocks have as many filters as fit, or as `filters` says.
    """
    if filters is None:
        filters = min(n_filters, max(1, elements // n_positions))
    signals = min(n_signals, max(1, elements // (n_positions * filters)))
    if filters < n_filters:
        signals = 1
    return [
        (slice(b, min(b + signals, n_signals)), slice(m, min(m + filters, n_filters)), ...)
        for b in range(0, n_signals, signals)
        for m in range(0, n_filters, filters)
    ]


def group_blocks(backend: ModuleType, blocks: list[Block]) -> list[list[Block]]:
    """Group the blocks so that each group has one accumulator and the threads are busy."""
    by_signal: dict[int, list[Block]] = {}
    for block in blocks:
        by_signal.setdefault(block[0].start, []).append(block)
    n_parts = backend.threads() if len(by_signal) < backend.threads() else 1
    return [
        part for same in by_signal.values() for k in range(n_parts) if (part := same[k::n_parts])
    ]


def part_numbers(groups: list[list[Block]]) -> list[int]:
    """Return, for each group of blocks, how many earlier ones are of the same signals."""
    seen: dict[int, int] = {}
    numbers = []
    for group in groups:
        first = group[0][0].start
        numbers.append(seen.get(first, 0))
        seen[first] = numbers[-1] + 1
    return numbers


def analyze_whole(operator: Operator, signal: Array) -> Array:
    """Return D^T signal as one array of shape (n_signals, n_filters, *code_spatial)."""
    shape = (signal.shape[0], operator.n_filters, *operator.code_spatial)
    out = operator.backend.xp.empty(shape, dtype=operator.dtype)

    def store(block: Block, correlation: Array) -> None:
        out[block] = correlation

    operator.analyze(signal, store)
    return out


def cover(
    xp: Any,
    values: Array,
    reach: tuple[tuple[int, int], ...],
    stride: tuple[int, ...],
    sizes: tuple[tuple[int, ...], tuple[int, ...]],
) -> Array:
    """Return, at each sample, the largest of `values` >= 0 whose atoms touch that sample.

    From (n_signals, *code_spatial) to (n_signals, 1, *sizes[1]), on a circle of size sizes[0].
    """
    padded, signal_spatial = sizes
    out = xp.zeros((values.shape[0], 1, *padded), dtype=values.dtype)
    ends = zip(values.shape[1:], stride, strict=True)
    out[(..., *(slice(0, n * s, s) for n, s in ends))] = values[:, None, ...]
    for axis, (before, extent) in enumerate(reach, start=2):
        width = 1
        while width < extent:
            step = min(width, extent - width)
            out = xp.maximum(out, xp.roll(out, step, axis=axis))
            width += step
        out = xp.roll(out, -before, axis=axis)
    return out[(..., *(slice(n) for n in signal_spatial))]


@dataclass(frozen=True, eq=False, repr=False)
class SpectralOperator:
    """Strided circular convolution on a grid, computed frequency by frequency.

    The signal is zero-padded to ``grid * stride`` and cut into its polyphase components, which
    makes a strided dictionary one of stride 1 with prod(stride) times the channels: one matrix
    `spectra[:, :, w]` a frequency. Codes and signal are the leading corners of the grid.
    """

    backend: ModuleType
    dtype: Any
    spectra: Array
    """(n_filters, n_channels * prod(stride), *half-spectrum of the grid)."""
    grid: tuple[int, ...]
    stride: tuple[int, ...]
    n_channels: int
    signal_spatial: tuple[int, ...]
    code_spatial: tuple[int, ...]
    reach: tuple[tuple[int, int], ...]
    """For each axis, how many samples an atom starts before its position, and its extent."""
    inverse: dict[str, Any] = field(default_factory=dict, repr=False)
    """The last inverse that `solve_outer` needed, and its shift."""
    choice: Any = None
    """What the cost rule says of this plan."""

    def __repr__(self) -> str:
        chosen = "WholeFFT()" if self.choice is None else repr(self.choice)
        return f"SpectralOperator({self.signal_spatial}, {chosen})"

    @property
    def transforms(self) -> SpectralOperator:
        """The operator itself: what `apply_inverse` transforms with."""
        return self

    @property
    def n_filters(self) -> int:
        """The number of filters."""
        return int(self.spectra.shape[0])

    @property
    def padded(self) -> tuple[int, ...]:
        """The size of the padded signal."""
        return tuple(g * s for g, s in zip(self.grid, self.stride, strict=True))

    @property
    def is_circular(self) -> bool:
        """Whether codes and signal fill the grid, so that D is block-diagonal in frequency."""
        return self.grid == self.code_spatial and self.padded == self.signal_spatial

    def extended(self) -> SpectralOperator:
        """Return the circular operator on the whole grid, of which this one is a corner."""
        return self._extended

    @cached_property
    def _extended(self) -> SpectralOperator:
        return replace(self, signal_spatial=self.padded, code_spatial=self.grid)

    def blocks(self, n_signals: int) -> list[Block]:
        """Cut the codes into blocks that fit a processor's cache."""
        size = math.prod(self.grid)
        return make_blocks(n_signals, self.n_filters, size, self.backend.block_elements)

    def synthesize(self, codes_at: Callable[[Block], Array], n_signals: int) -> Array:
        """Return D z, (n_signals, n_channels, *signal_spatial). One FFT a filter."""
        return self.to_signal(self.forward(codes_at, n_signals))

    def analyze(self, signal: Array, consume: Callable[[Block, Array], Any]) -> list[Any]:
        """Hand out D^T signal block by block. One FFT a filter."""
        return self.adjoint(self.to_spectrum(signal), consume)

    def cover(self, values: Array) -> Array:
        """Return, at each sample, the largest of `values` >= 0 whose atoms touch that sample.

        From (n_signals, *code_spatial) to (n_signals, 1, *signal_spatial).
        """
        sizes = (self.padded, self.signal_spatial)
        return cover(self.backend.xp, values, self.reach, self.stride, sizes)

    def gram(self, codes: Array) -> Array:
        """Return D^T D codes; a circular operator stays in the frequency domain in between."""
        spectrum = self.forward(lambda block: codes[block], codes.shape[0])
        if not self.is_circular:
            spectrum = self.to_spectrum(self.to_signal(spectrum))
        out = self.backend.xp.empty(codes.shape, dtype=self.dtype)

        def store(block: Block, correlation: Array) -> None:
            out[block] = correlation

        self.adjoint(spectrum, store)
        return out

    def forward(self, codes_at: Callable[[Block], Array], n_signals: int) -> Array:
        """Return the polyphase spectrum of D z."""
        groups = group_blocks(self.backend, self.blocks(n_signals))
        partial = self.backend.run(lambda group: self._accumulate(codes_at, group), groups)
        parts: dict[int, list[Array]] = {}
        for group, total in zip(groups, partial, strict=True):
            parts.setdefault(group[0][0].start, []).append(total)
        sums = []
        for totals in parts.values():
            for other in totals[1:]:
                totals[0] += other
            sums.append(totals[0])
        return sums[0] if len(sums) == 1 else self.backend.xp.concat(sums, axis=0)

    def _accumulate(self, codes_at: Callable[[Block], Array], group: list[Block]) -> Array:
        signals = group[0][0]
        shape = (signals.stop - signals.start, *self.spectra.shape[1:])
        total = self.backend.xp.zeros(shape, dtype=self.spectra.dtype)
        for block in group:
            spectrum = self.backend.rfftn(codes_at(block), self.grid)
            self.backend.multiply_accumulate(total, self.spectra[block[1], ...], spectrum)
        return total

    def adjoint(self, spectrum: Array, consume: Callable[[Block, Array], Any]) -> list[Any]:
        """Hand out the codes D^T x, given the polyphase spectrum of x."""
        inner = (..., *(slice(n) for n in self.code_spatial))

        def task(block: Block) -> Any:
            product = self.backend.multiply_conjugate(
                self.spectra[block[1], ...], spectrum[block[0], ...]
            )
            return consume(block, self.backend.irfftn(product, self.grid)[inner])

        results: list[Any] = self.backend.run(task, self.blocks(spectrum.shape[0]))
        return results

    def to_spectrum(self, signal: Array) -> Array:
        """Return the spectrum of the polyphase components of `signal`."""
        if all(s == 1 for s in self.stride):
            return self.backend.rfftn(signal, self.grid)
        xp = self.backend.xp
        padded = xp.zeros((*signal.shape[:2], *self.padded), dtype=self.dtype)
        padded[(..., *(slice(n) for n in self.signal_spatial))] = signal
        return self.backend.rfftn(to_polyphase(xp, padded, self.grid, self.stride), self.grid)

    def to_signal(self, spectrum: Array) -> Array:
        """Return the signal whose polyphase components have this spectrum, cropped."""
        phases = self.backend.irfftn(spectrum, self.grid)
        inner = (..., *(slice(n) for n in self.signal_spatial))
        if all(s == 1 for s in self.stride):
            return phases[inner]
        signal = from_polyphase(self.backend.xp, phases, self.grid, self.stride)
        return signal[inner]

    @cached_property
    def outer(self) -> Array:
        """The spectrum of D D^T on the grid: (channels, channels, *half-spectrum)."""
        return outer_products(self.backend.xp, self.spectra)

    def solve_outer(self, signal: Array, shift: float) -> Array:
        """Return (shift I + D D^T)^-1 signal, exactly, for a circular operator."""
        return apply_inverse(self, self.outer, signal, shift)

    def lipschitz(self) -> float:
        """Return the largest squared singular value over the grid's frequencies.

        It is the squared norm of a circular dictionary, and bounds that of one of its corners.
        """
        return self._lipschitz

    @cached_property
    def _lipschitz(self) -> float:
        return largest_squared_singular_value(self.backend.xp, self.spectra)


def apply_inverse(operator: SpectralOperator, outer: Array, signal: Array, shift: float) -> Array:
    """Return (shift I + outer)^-1 signal; the inverse for the last shift is kept."""
    if operator.inverse.get("shift") != shift:
        operator.inverse["matrix"] = inverse(operator.backend.xp, outer, shift)
        operator.inverse["shift"] = shift
    spectrum = operator.to_spectrum(signal)
    solved = operator.backend.xp.zeros_like(spectrum)
    operator.backend.multiply_accumulate(solved, operator.inverse["matrix"], spectrum)
    return operator.to_signal(solved)


def to_polyphase(xp: Any, x: Array, grid: tuple[int, ...], stride: tuple[int, ...]) -> Array:
    """Cut (n, C, *grid*stride) into (n, C * prod(stride), *grid)."""
    d = len(grid)
    pairs = [size for pair in zip(grid, stride, strict=True) for size in pair]
    x = xp.reshape(x, (*x.shape[:2], *pairs))
    phases_first = (0, 1, *range(3, 3 + 2 * d, 2), *range(2, 2 + 2 * d, 2))
    x = xp.permute_dims(x, phases_first)
    return xp.reshape(x, (x.shape[0], x.shape[1] * math.prod(stride), *grid))


def from_polyphase(xp: Any, x: Array, grid: tuple[int, ...], stride: tuple[int, ...]) -> Array:
    """Undo `to_polyphase`."""
    d = len(grid)
    n_phases = math.prod(stride)
    x = xp.reshape(x, (x.shape[0], x.shape[1] // n_phases, *stride, *grid))
    interleaved = [axis for k in range(d) for axis in (2 + d + k, 2 + k)]
    x = xp.permute_dims(x, (0, 1, *interleaved))
    padded = tuple(g * s for g, s in zip(grid, stride, strict=True))
    return xp.reshape(x, (*x.shape[:2], *padded))
