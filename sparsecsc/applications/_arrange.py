"""From an array as users have it to the core's layout with mirrored borders, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsecsc.backends import kind_of
from sparsecsc.checks import check_alike, check_array
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.protocols import Array

_AXES = "(*spatial), with channels last, or (n_signals, n_channels, *spatial)"
_COLOURS = 3


@dataclass(frozen=True, eq=False)
class Arrangement:
    """How an array becomes signals of the filters' channels, and how that is undone.

    Channels that the filters do not have become signals of their own.
    """

    filters: Array
    shape: tuple[int, ...]
    """Of the array given."""
    added: int
    """Axes that it lacks in front; its channels are last if one is lacking."""
    pads: tuple[tuple[int, int], ...]
    """Samples of the mirror image before and after each spatial axis."""

    @property
    def n_axes(self) -> int:
        """The number of spatial axes."""
        return int(self.filters.ndim) - 2

    @property
    def core_shape(self) -> tuple[int, ...]:
        """The array's shape with all axes in the core's order."""
        if self.added == 0:
            return self.shape
        if self.added == 1:
            return (1, self.shape[-1], *self.shape[:-1])
        return (1, 1, *self.shape)

    @property
    def separate(self) -> bool:
        """Whether each channel is a signal of its own."""
        return self.core_shape[1] > 1 and self.filters.shape[1] == 1

    @property
    def colour(self) -> bool:
        """Whether each of three channels is a signal of its own."""
        return self.separate and self.core_shape[1] == _COLOURS

    def to_core(self, array: Array) -> Array:
        """Return (n_signals, n_channels, *spatial)."""
        if self.added == 1:
            array = np.moveaxis(array, -1, 0)
        return array.reshape(self.core_shape)

    def from_core(self, array: Array) -> Array:
        """Undo `to_core`."""
        if self.added == 1:
            array = np.moveaxis(array[0], 0, -1)
        return np.ascontiguousarray(array.reshape(self.shape))

    def pad(self, core: Array) -> Array:
        """Return signals of the filters' channels, continued by their mirror images."""
        batch = core.reshape(-1, self.filters.shape[1], *core.shape[2:])
        return np.pad(batch, ((0, 0), (0, 0), *self.pads), mode="symmetric")

    def crop(self, batch: Array) -> Array:
        """Undo `pad`."""
        sizes = self.core_shape[2:]
        cuts = (slice(a, a + n) for (a, _), n in zip(self.pads, sizes, strict=True))
        return batch[(slice(None), slice(None), *cuts)].reshape(self.core_shape)

    def per_batch(self, numbers: Array) -> Array:
        """Return one number a signal as one a padded signal, with the axes of codes."""
        repeats = self.core_shape[1] if self.separate else 1
        return np.repeat(numbers, repeats).reshape(-1, *(1,) * (self.n_axes + 1))


def arrange(signal: Any, filters: Any, multiple: int = 1) -> Arrangement:
    """Check signal and filters, and say how the signal is arranged; `multiple` is the stride.

    Each padded axis is mirrored by the filters' size and is a multiple of `multiple` long.

    Raises
    ------
    TypeError
        If they are not NumPy arrays of one dtype.
    ValueError
        If they are not finite and floating, or their axes, sizes or channels do not fit.
    """
    check_host(signal=signal, filters=filters)
    kernel = ConvDictionary(filters).kernel
    check_array("signal", signal, ndims=range(1, 6), axes=_AXES)
    check_alike(signal=signal, filters=filters)
    n_axes, channels = len(kernel), filters.shape[1]
    added = n_axes + 2 - signal.ndim
    plain = Arrangement(filters, tuple(signal.shape), added, ())
    if not 0 <= added <= 2 or channels not in (1, plain.core_shape[1]):
        msg = (
            f"`signal` must have axes {_AXES}, of {n_axes} spatial axes and, unless `filters` have "
            f"one channel, {channels} channels; got shape {tuple(signal.shape)}: move its axes."
        )
        raise ValueError(msg)
    if multiple > min(kernel):
        msg = (
            f"`spins` must be at most the size of the filters {kernel}, which else leave gaps; got "
            f"{multiple}: choose fewer."
        )
        raise ValueError(msg)
    sizes = plain.core_shape[2:]
    if any(k > n for k, n in zip(kernel, sizes, strict=True)):
        msg = f"`filters` must be no larger than the signal {sizes}; got {kernel}: cut them."
        raise ValueError(msg)
    pads = tuple((k, k + -(n + 2 * k) % multiple) for k, n in zip(kernel, sizes, strict=True))
    return Arrangement(filters, plain.shape, added, pads)


def check_host(**arrays: Any) -> None:
    """Check that all arrays are NumPy's."""
    for name, array in arrays.items():
        if hasattr(array, "dtype") and kind_of(array) != "numpy":
            msg = f"`{name}` must be a NumPy array; got a {kind_of(array)} array: bring it to the "
            raise TypeError(msg + "host.")
