"""Dictionaries side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from types import ModuleType
from typing import Any

from sparsecsc.backends import backend_of
from sparsecsc.dictionaries._apply import analyze, check_parts, gram, synthesize
from sparsecsc.dictionaries._operators import SpectralOperator, apply_inverse
from sparsecsc.dictionaries._planned import PlannedOperator
from sparsecsc.dictionaries._spectra import largest_eigenvalue
from sparsecsc.dictionaries.identity import IdentityOperator
from sparsecsc.protocols import Array, Block


@dataclass(frozen=True, eq=False)
class Concat:
    """Dictionaries side by side, D = [A, B, ...]: their codes are stacked along the filter axis.

    Parameters
    ----------
    dictionaries : sequence of dictionaries
        Of the same signals, with codes of the same spatial size.

    Raises
    ------
    TypeError
        If this is no sequence, or an entry is no dictionary.
    ValueError
        If there are none, if their channels differ, or, once a signal is given, if the sizes of
        their codes differ; the message names the dictionary.

    Notes
    -----
    ``Concat([Identity(), ConvDictionary(filters, dilation=s, padding="same")])`` is one layer of
    MSD-CSC. Cost and memory are the sums of the parts'.

    References
    ----------
    Zhang and Zhang 2021 (dense connections); theory: ||[A, B]||^2 <= ||A||^2 + ||B||^2, with
    equality when one of them is the identity.
    """

    dictionaries: Sequence[Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "dictionaries", check_parts(self.dictionaries))
        channels = {d.n_channels for d in self.dictionaries} - {None}
        if len(channels) > 1:
            msg = (
                "`dictionaries` must all have the same number of channels; got "
                f"{[d.n_channels for d in self.dictionaries]}: make them alike."
            )
            raise ValueError(msg)

    @property
    def n_channels(self) -> int | None:
        """The number of channels of the signals; None if every part is an identity."""
        known = [d.n_channels for d in self.dictionaries if d.n_channels is not None]
        return known[0] if known else None

    @property
    def n_filters(self) -> int | None:
        """The number of code channels; None if every part is an identity."""
        counts = [d.n_filters or self.n_channels for d in self.dictionaries]
        return None if None in counts else sum(counts)  # type: ignore[arg-type]

    @property
    def n_axes(self) -> int | None:
        """The number of spatial axes; None if every part is an identity."""
        known = [d.n_axes for d in self.dictionaries if d.n_axes is not None]
        return known[0] if known else None

    def code_shape(self, signal_shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape of the stacked codes."""
        shapes = [d.code_shape(signal_shape) for d in self.dictionaries]
        for k, shape in enumerate(shapes):
            if shape[2:] != shapes[0][2:]:
                msg = (
                    f"`dictionaries` must have codes of one spatial size; got {shapes[0][2:]} from "
                    f"number 0 and {shape[2:]} from number {k}: change its padding or stride."
                )
                raise ValueError(msg)
        return (shapes[0][0], sum(s[1] for s in shapes), *shapes[0][2:])

    def signal_spatial(self, code_spatial: Sequence[int]) -> tuple[int, ...]:
        """Return the smallest signal size that every part can make of such codes."""
        sizes = [d.signal_spatial(code_spatial) for d in self.dictionaries]
        return tuple(max(n) for n in zip(*sizes, strict=True))

    def synthesize(self, codes: Array, spatial: tuple[int, ...] | None = None) -> Array:
        """Return the sum of the parts' syntheses."""
        if self.n_filters is None:
            msg = "`synthesize` needs a part with a known number of filters; got only identities."
            raise ValueError(msg)
        return synthesize(self, codes, spatial)

    def analyze(self, signal: Array) -> Array:
        """Return the parts' analyses, stacked along the filter axis."""
        return analyze(self, signal)

    def gram(self, codes: Array, spatial: tuple[int, ...] | None = None) -> Array:
        """Return D^T D codes."""
        return gram(self, codes, spatial)

    def lipschitz(self, spatial: tuple[int, ...] | None = None) -> float:
        """Return the sum of the parts' bounds; with `spatial`, exact if all are circular."""
        like = _any_filters(self)
        if spatial is None or self.n_channels is None or like is None:
            return float(sum(d.lipschitz(spatial) for d in self.dictionaries))
        return self.bind((1, self.n_channels, *spatial), like).lipschitz()

    def column_norms(self, signal_shape: Sequence[int], mask: Array) -> Array:
        """Return the parts' column norms, stacked along the filter axis."""
        norms = [d.column_norms(signal_shape, mask) for d in self.dictionaries]
        return backend_of(mask).xp.concat(norms, axis=1)

    def column(self, signal_shape: Sequence[int], index: tuple[int, ...], like: Array) -> Array:
        """Return the atom of the code entry `index` = (filter, *position)."""
        m = index[0]
        for d in self.dictionaries:
            n = d.code_shape(signal_shape)[1]
            if m < n:
                return d.column(signal_shape, (m, *index[1:]), like)
            m -= n
        msg = f"`index` must be smaller than the number of filters; got {index[0]}."
        raise IndexError(msg)

    def bind(self, signal_shape: Sequence[int], like: Array) -> ConcatOperator:
        """Return the operator for signals of this shape."""
        self.code_shape(signal_shape)
        return ConcatOperator(tuple(d.bind(signal_shape, like) for d in self.dictionaries))


@dataclass(frozen=True, eq=False)
class ConcatOperator:
    """`Concat` bound to a size."""

    parts: tuple[Any, ...]

    @property
    def backend(self) -> ModuleType:
        """The parts' backend."""
        module: ModuleType = self.parts[0].backend
        return module

    @property
    def dtype(self) -> Any:
        """The parts' dtype."""
        return self.parts[0].dtype

    @property
    def n_channels(self) -> int:
        """The number of channels of the signals."""
        return int(self.parts[0].n_channels)

    @property
    def n_filters(self) -> int:
        """The number of code channels."""
        return sum(p.n_filters for p in self.parts)

    @property
    def signal_spatial(self) -> tuple[int, ...]:
        """The size of the signals."""
        return tuple(self.parts[0].signal_spatial)

    @property
    def code_spatial(self) -> tuple[int, ...]:
        """The size of the codes."""
        return tuple(self.parts[0].code_spatial)

    def _with_offsets(self) -> list[tuple[Any, int]]:
        offsets = [0]
        for part in self.parts:
            offsets.append(offsets[-1] + part.n_filters)
        return list(zip(self.parts, offsets[:-1], strict=True))

    def blocks(self, n_signals: int) -> list[Block]:
        """Return the parts' blocks, moved to where their filters are."""
        return [
            _moved(block, offset)
            for part, offset in self._with_offsets()
            for block in part.blocks(n_signals)
        ]

    def synthesize(self, codes_at: Callable[[Block], Array], n_signals: int) -> Array:
        """Return the sum of the parts' syntheses."""
        total: Array = None
        for part, offset in self._with_offsets():

            def part_codes_at(block: Block, offset: int = offset) -> Array:
                return codes_at(_moved(block, offset))

            signal = part.synthesize(part_codes_at, n_signals)
            total = signal if total is None else total + signal
        return total

    def analyze(self, signal: Array, consume: Callable[[Block, Array], Any]) -> list[Any]:
        """Hand out the parts' analyses."""
        results: list[Any] = []
        for part, offset in self._with_offsets():

            def part_consume(block: Block, correlation: Array, offset: int = offset) -> Any:
                return consume(_moved(block, offset), correlation)

            results += part.analyze(signal, part_consume)
        return results

    def cover(self, values: Array) -> Array:
        """Return the largest of the parts' covers."""
        covers = [part.cover(values) for part in self.parts]
        return reduce(self.backend.xp.maximum, covers)

    @cached_property
    def is_circular(self) -> bool:
        """Whether D is block-diagonal in frequency: all parts circular on one grid."""
        spectral = _convolutions(self.parts)
        n_identities = sum(isinstance(p, IdentityOperator) for p in self.parts)
        return (
            n_identities + len(spectral) == len(self.parts)
            and all(p.is_circular for p in spectral)
            and len({(p.grid, p.stride) for p in spectral}) == 1
        )

    def extended(self) -> ConcatOperator:
        """Return the operator itself if circular."""
        if not self.is_circular:
            msg = "ADMM needs the parts of a Concat to be circular; got another border: use FISTA."
            raise TypeError(msg)
        return self

    @cached_property
    def outer(self) -> Array:
        """The spectrum of D D^T of a circular operator: the sum of the parts'."""
        xp = self.backend.xp
        spectral = _convolutions(self.parts)
        total = sum((p.outer for p in spectral[1:]), start=spectral[0].outer)
        n_identities = len(self.parts) - len(spectral)
        eye = xp.eye(total.shape[0], dtype=total.dtype)
        return total + n_identities * xp.reshape(eye, (*eye.shape, *(1,) * (total.ndim - 2)))

    def solve_outer(self, signal: Array, shift: float) -> Array:
        """Return (shift I + D D^T)^-1 signal, exactly, for a circular operator."""
        transforms = _convolutions(self.parts)[0].transforms
        return apply_inverse(replace(transforms, inverse=self._inverse), self.outer, signal, shift)

    @cached_property
    def _inverse(self) -> dict[str, Any]:
        return {}

    def lipschitz(self) -> float:
        """Return the exact value where all parts are circular on one grid, else the sum."""
        return self._lipschitz

    @cached_property
    def _lipschitz(self) -> float:
        if self.is_circular:
            return largest_eigenvalue(self.backend.xp, self.outer)
        return float(sum(p.lipschitz() for p in self.parts))


def _convolutions(parts: tuple[Any, ...]) -> list[Any]:
    """Return the parts that are convolutions, by whatever plan."""
    return [part for part in parts if isinstance(part, (SpectralOperator, PlannedOperator))]


def _any_filters(dictionary: Any) -> Array | None:
    """Return the filters of a part, however deep, to bind with; None if no part has any."""
    if hasattr(dictionary, "filters"):
        return dictionary.filters
    nested = map(_any_filters, getattr(dictionary, "dictionaries", ()))
    return next((filters for filters in nested if filters is not None), None)


def _moved(block: Block, offset: int) -> Block:
    return block[0], slice(block[1].start + offset, block[1].stop + offset), ...
