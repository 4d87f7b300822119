"""What photographs and sound need before coding: a low-pass off, a known scale, a colour basis.

All functions take arrays in the layout of the core, (n_signals, n_channels, *spatial) with 1 to 3
spatial axes, float32 or float64, and return the same kind and type. All but `to_luminance` lose
nothing: the way back is beside each.

The usual chain for a photograph with values in [0, 1]::

    lowpass, highpass = split_lowpass(signal)
    scaled, scaling = scale_signal(highpass)
    ...                                       # code `scaled`, synthesise `approximation`
    restored = scaling.invert(approximation) + lowpass

Sparse codes describe edges and texture well and slow changes of brightness badly: each filter would
have to be used everywhere. Scaling makes penalty weights comparable between images: the code of
a·y for the weight a·λ is a times that of y for λ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from sparsecsc.backends import backend_of
from sparsecsc.checks import check_array

__all__ = [
    "Scaling",
    "opponent_to_rgb",
    "rgb_to_opponent",
    "scale_signal",
    "split_lowpass",
    "to_luminance",
]

_SIGNAL_AXES = "(n_signals, n_channels, *spatial) with 1, 2 or 3 spatial axes"

_R2, _R3, _R6 = math.sqrt(2), math.sqrt(3), math.sqrt(6)

_LUMINANCE = ((0.299, 0.587, 0.114),)
_TO_OPPONENT = (
    (1 / _R3, 1 / _R3, 1 / _R3),
    (1 / _R2, 0.0, -1 / _R2),
    (-1 / _R6, 2 / _R6, -1 / _R6),
)
_FROM_OPPONENT = tuple(zip(*_TO_OPPONENT, strict=True))


def split_lowpass(signal: Any, strength: float = 5.0) -> tuple[Any, Any]:
    """Split a signal into a smooth part and the rest, without ringing at the borders.

    ``lowpass = argmin_l 1/2 ‖l - signal‖² + strength/2 ‖∇l‖²`` and ``highpass = signal - lowpass``,
    where ∇ takes the differences of neighbours inside the grid (Neumann boundary: the signal is
    thought to continue as its mirror image).

    Parameters
    ----------
    signal : array of float32 or float64
        Shape (n_signals, n_channels, *spatial); every channel is split by itself.
    strength : float, default 5
        Squared smoothing length, in samples (pixels) squared; at least 0. Details of a few
        ``sqrt(strength)`` pixels go to `highpass`. A wave of length ``2π·sqrt(strength)`` pixels
        (14 for the default) is split half and half, longer ones stay mostly in `lowpass`. 0 leaves
        everything in `lowpass`.

    Returns
    -------
    lowpass, highpass : arrays like `signal`
        Their sum is `signal` up to rounding; every channel of `highpass` has zero mean up to
        rounding.

    Raises
    ------
    TypeError, ValueError
        If `signal` is not a finite, non-empty array of the type and shape above.
    ValueError
        If `strength` is not between 0 and 1e30.

    Notes
    -----
    Exact, not iterative. Cost: two real FFTs of the mirrored signal, which is ``2**d`` times as
    large as the signal (d spatial axes).

    References
    ----------
    Wohlberg, SPORCO: a Python package for standard and convolutional sparse representations, Proc.
    15th Python in Science Conf. (2017), 1-8 (the same split, with another boundary).
    """
    backend = _checked_backend(signal)
    if not 0 <= strength <= 1e30:
        msg = f"`strength` must be between 0 and 1e30; got {strength!r}."
        raise ValueError(msg)
    sizes = signal.shape[2:]
    mirrored = signal
    for axis in range(2, signal.ndim):
        mirrored = _with_mirror_image(backend.xp, mirrored, axis)
    doubled = tuple(2 * size for size in sizes)
    spectrum = backend.rfftn(mirrored, doubled)
    spectrum = spectrum / (
        1 + float(strength) * _laplacian_spectrum(backend.xp, sizes, signal.dtype)
    )
    inside = (slice(None), slice(None), *(slice(0, size) for size in sizes))
    highpass = signal - backend.irfftn(spectrum, doubled)[inside]
    return signal - highpass, highpass


@dataclass(frozen=True, eq=False)
class Scaling:
    """The affine map ``scaled = (signal - offset) / factor`` and its inverse.

    Attributes
    ----------
    offset : array
        Shape (n_signals, n_channels, 1, ...): what was taken off, in units of the signal.
    factor : array
        Shape (n_signals, 1, 1, ...), positive: what was divided by, in units of the signal.
    """

    offset: Any
    factor: Any

    def apply(self, signal: Any) -> Any:
        """Return ``(signal - offset) / factor``, for an array that broadcasts with the two."""
        return (signal - self.offset) / self.factor

    def invert(self, scaled: Any) -> Any:
        """Return ``scaled * factor + offset``, which undoes `apply` up to rounding."""
        return scaled * self.factor + self.offset


def scale_signal(
    signal: Any, *, center: bool = True, unit_std: bool = False
) -> tuple[Any, Scaling]:
    """Bring every signal of a batch to zero mean and unit size, and return how to undo that.

    Parameters
    ----------
    signal : array of float32 or float64
        Shape (n_signals, n_channels, *spatial).
    center : bool, default True
        Whether to take the mean of each channel off.
    unit_std : bool, default False
        Whether to divide each signal by its root mean square after centring (over channels and
        space) instead of its largest absolute value. All channels share one factor, so contrasts
        between them stay.

    Returns
    -------
    scaled : array like `signal`
        The result of ``scaling.apply(signal)``.
    scaling : Scaling
        ``scaling.invert(scaled)`` is `signal` up to rounding.

    Raises
    ------
    TypeError, ValueError
        If `signal` is not a finite, non-empty array of the type and shape above.

    Notes
    -----
    A signal that is constant up to rounding is centred and not divided (factor 1).
    """
    xp = _checked_backend(signal).xp
    space, all_but_first = tuple(range(2, signal.ndim)), tuple(range(1, signal.ndim))
    peak = xp.max(xp.abs(signal), axis=all_but_first, keepdims=True)
    offset = xp.mean(signal, axis=space, keepdims=True)
    if not center:
        offset = xp.zeros_like(offset)
    magnitude = xp.abs(signal - offset)
    factor = xp.max(magnitude, axis=all_but_first, keepdims=True)
    constant = factor <= 32 * float(xp.finfo(signal.dtype).eps) * peak
    factor = xp.where(constant, xp.ones_like(factor), factor)
    if unit_std:
        mean_square = xp.mean((magnitude / factor) ** 2, axis=all_but_first, keepdims=True)
        factor = xp.where(constant, factor, factor * xp.sqrt(mean_square))
    scaling = Scaling(offset, factor)
    return scaling.apply(signal), scaling


def rgb_to_opponent(signal: Any) -> Any:
    """Rotate red, green, blue into brightness, red-blue and green-magenta.

    ``(r+g+b)/√3, (r-b)/√2, (2g-r-b)/√6``: nearly the principal axes of natural colours.

    Parameters
    ----------
    signal : array of float32 or float64
        Shape (n_signals, 3, *spatial), channels red, green, blue.

    Returns
    -------
    array like `signal`
        The three opponent channels in the order above.

    Raises
    ------
    TypeError, ValueError
        If `signal` is not a finite array of the type and shape above.

    Notes
    -----
    Orthonormal: norms, so also ‖y - Dz‖² and PSNR, are the same on both sides, and white noise
    stays white (the YCbCr of image files has no such property).

    References
    ----------
    Ohta, Kanade and Sakai, Color information for region segmentation, Computer Graphics and Image
    Processing 13 (1980), 222-241.
    """
    return _mix_channels(signal, _TO_OPPONENT)


def opponent_to_rgb(signal: Any) -> Any:
    """Undo `rgb_to_opponent`; same shapes, types and errors."""
    return _mix_channels(signal, _FROM_OPPONENT)


def to_luminance(signal: Any) -> Any:
    """Return the luma ``0.299 r + 0.587 g + 0.114 b`` of a colour signal as its only channel.

    Parameters
    ----------
    signal : array of float32 or float64
        Shape (n_signals, 3, *spatial), channels red, green, blue, gamma-encoded as files are.

    Returns
    -------
    array like `signal`
        Shape (n_signals, 1, *spatial).

    Raises
    ------
    TypeError, ValueError
        If `signal` is not a finite array of the type and shape above.

    References
    ----------
    ITU-T Recommendation T.871 (2011), section 7 (the weights of ITU-R BT.601).
    """
    return _mix_channels(signal, _LUMINANCE)


def _checked_backend(signal: Any) -> ModuleType:
    """Return the backend of `signal`; raise TypeError or ValueError if it cannot be processed."""
    return backend_of(check_array("signal", signal, ndims=(3, 4, 5), axes=_SIGNAL_AXES))


def _mix_channels(signal: Any, rows: Sequence[Sequence[float]]) -> Any:
    """Apply a matrix to the channels."""
    xp = _checked_backend(signal).xp
    if signal.shape[1] != len(rows[0]):
        msg = f"`signal` must have {len(rows[0])} channels; got shape {tuple(signal.shape)}."
        raise ValueError(msg)
    channels = [signal[:, number, ...] for number in range(len(rows[0]))]
    mixed = [
        sum(weight * channel for weight, channel in zip(row, channels, strict=True)) for row in rows
    ]
    return xp.stack(mixed, axis=1)


def _with_mirror_image(xp: Any, signal: Any, axis: int) -> Any:
    """Append the mirror image along `axis`: (a, b, c) becomes (a, b, c, c, b, a)."""
    shape = [*signal.shape]
    shape[axis] *= 2
    return xp.reshape(xp.stack([signal, xp.flip(signal, axis=axis)], axis=axis), tuple(shape))


def _laplacian_spectrum(xp: Any, sizes: tuple[int, ...], dtype: Any) -> Any:
    """Return ``sum over axes of 2 - 2 cos(pi k / n)`` on the frequencies of the mirrored signal."""
    total = 0.0
    for axis, size in enumerate(sizes):
        n_frequencies = size + 1 if axis == len(sizes) - 1 else 2 * size
        waves = xp.arange(n_frequencies, dtype=dtype) * (math.pi / (2 * size))
        shape = [1] * len(sizes)
        shape[axis] = n_frequencies
        total = total + 4 * xp.reshape(xp.sin(waves), tuple(shape)) ** 2
    return total
