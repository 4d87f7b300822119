"""Signals made from codes that hold, or break, what a theorem supposes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.protocols import Array
from sparsecsc.theory.coherence import mutual_coherence
from sparsecsc.theory.sparsity import stripe_norm


@dataclass(frozen=True, eq=False)
class Planted:
    """Codes, the signal that they synthesise, and noise on it."""

    dictionary: ConvDictionary
    """Circular, of stride 1, with atoms of norm 1."""
    codes: Array
    """(1, n_filters, *spatial)"""
    noise: Array
    """(1, n_channels, *spatial)"""

    @property
    def spatial(self) -> tuple[int, ...]:
        """Size of the signal."""
        return tuple(self.codes.shape[2:])

    @cached_property
    def signal(self) -> Array:
        """Synthesis plus noise."""
        return self.dictionary.synthesize(self.codes) + self.noise

    @cached_property
    def coherence(self) -> float:
        """The mutual coherence."""
        return mutual_coherence(self.dictionary, self.spatial)

    @cached_property
    def stripe(self) -> int:
        """The largest number of nonzeros in a stripe."""
        return stripe_norm(self.dictionary, self.codes)

    @cached_property
    def smallest(self) -> float:
        """The least size of a nonzero code."""
        return float(np.abs(self.codes[self.codes != 0]).min())

    @cached_property
    def local_noise(self) -> float:
        """The largest norm of the noise in a patch of an atom's size."""
        return patch_energy(self.noise, self.dictionary.extent)


def patch_energy(signal: Array, patch: tuple[int, ...]) -> float:
    r"""Return :math:`\|E\|^P_{2,\infty}`, the largest norm of a patch of a signal on a circle.

    Parameters
    ----------
    signal : ndarray, shape (n_signals, n_channels, *spatial)
    patch : tuple of int
        Its size along each axis.
    """
    squares = np.sum(signal.astype(np.float64) ** 2, axis=1)
    for axis, size in enumerate(patch, start=1):
        squares = sum(np.roll(squares, -shift, axis=axis) for shift in range(size))
    return math.sqrt(float(np.max(squares)))


def plant(
    rng: np.random.Generator,
    dictionary: ConvDictionary,
    spatial: tuple[int, ...],
    *,
    stripe: int,
    amplitudes: tuple[float, float] = (1.0, 2.0),
    noise: float = 0.0,
) -> Planted:
    """Plant codes packed densely up to a stripe norm, of any sign, and noise.

    Parameters
    ----------
    rng : numpy.random.Generator
    dictionary : ConvDictionary
        Circular, of stride 1, with atoms of norm 1.
    spatial : tuple of int
        Size of the signal.
    stripe : int
        What the stripe norm reaches, unless there are too few positions.
    amplitudes : (float, float)
        Least and largest size of a nonzero code.
    noise : float
        The largest norm of the noise in a patch of an atom's size.

    Notes
    -----
    Coefficients are tried in random order; each is kept if no stripe becomes too full.
    """
    shape = (dictionary.n_filters, *spatial)
    room = np.full(spatial, stripe)
    codes = np.zeros((1, *shape))
    reach = np.ix_(*(np.arange(1 - e, e) for e in dictionary.extent))
    for flat in rng.permutation(math.prod(shape)):
        m, *position = np.unravel_index(flat, shape)
        pairs = zip(reach, position, spatial, strict=True)
        window = tuple((p + offsets) % n for offsets, p, n in pairs)
        if room[window].min() > 0:
            room[window] -= 1
            size = rng.uniform(*amplitudes)
            codes[(0, m, *position)] = size * rng.choice([-1.0, 1.0])
    error = rng.standard_normal((1, dictionary.n_channels, *spatial))
    largest = patch_energy(error, dictionary.extent)
    return Planted(dictionary, codes, error * (noise / largest))
