"""Signals made from codes that hold, or break, what a theorem supposes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from sparsecsc.checks import check_count
from sparsecsc.dictionaries.concat import Concat
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.protocols import Array
from sparsecsc.theory._spans import extents, is_circular, stride_of
from sparsecsc.theory.coherence import mutual_coherence
from sparsecsc.theory.norms import patch_energy
from sparsecsc.theory.sparsity import stripe_norm

__all__ = ["Planted", "plant"]


@dataclass(frozen=True, eq=False)
class Planted:
    """Codes, the signal that they synthesise, and noise on it."""

    dictionary: Any
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
        return self.dictionary.synthesize(self.codes, self.spatial) + self.noise

    @cached_property
    def coherence(self) -> float:
        """The mutual coherence."""
        return mutual_coherence(self.dictionary, self.spatial)

    @cached_property
    def stripe(self) -> int:
        """The largest number of nonzeros in a stripe."""
        return stripe_norm(self.dictionary, self.codes, self.spatial)

    @cached_property
    def smallest(self) -> float:
        """The least size of a nonzero code."""
        return float(np.abs(self.codes[self.codes != 0]).min())

    @cached_property
    def largest(self) -> float:
        """The largest size of a code."""
        return float(np.abs(self.codes).max())

    @cached_property
    def local_noise(self) -> float:
        """The largest norm of the noise in a patch of an atom's size."""
        return patch_energy(self.noise, extents(self.dictionary))

    def with_local_noise(self, direction: Array, size: float) -> Planted:
        """Return the same with a multiple of `direction` as noise, of this norm in some patch.

        No patch of an atom's size has more. Zeros stay zeros.
        """
        largest = patch_energy(direction, extents(self.dictionary)) or 1.0
        return replace(self, noise=direction * (size / largest))

    def with_global_noise(self, direction: Array, size: float) -> Planted:
        """Return the same with a multiple of `direction`, of this norm, as noise."""
        return replace(self, noise=direction * (size / (float(np.linalg.norm(direction)) or 1.0)))


def plant(
    rng: np.random.Generator,
    dictionary: Any,
    spatial: tuple[int, ...],
    *,
    stripe: int,
    amplitudes: tuple[float, float] = (1.0, 2.0),
    noise: float = 0.0,
    n_nonzero: int | None = None,
) -> Planted:
    """Plant codes packed densely up to a stripe norm, of any sign, and noise.

    Parameters
    ----------
    rng : numpy.random.Generator
    dictionary : ConvDictionary, or Concat of Identity and such
        Circular, of stride 1, with atoms of norm 1.
    spatial : tuple of int
        Size of the signal, in samples.
    stripe : int
        What the stripe norm reaches, unless there are too few positions or `n_nonzero` is less.
    amplitudes : (float, float)
        Least and largest size of a nonzero code. From two codes on both are taken.
    noise : float
        The largest norm of the noise in a patch of an atom's size, in units of the signal; the
        noise is normal before it is scaled.
    n_nonzero : int, optional
        Stop at as many codes; by default as many as fit.

    Returns
    -------
    Planted

    Raises
    ------
    ValueError
        If the dictionary is not circular with stride 1, or a count is not positive.

    Notes
    -----
    Coefficients are tried in random order; each is kept if no stripe becomes too full. With
    Dirac and Barker filters on 156 samples a stripe norm of 2 gives about ten nonzeros. Cost:
    one look at its stripes a coefficient, of (2e - 1)^d positions; 500 nonzeros on 512 x 512
    samples took 1.4 s, most of it for the order of the 17 million coefficients.
    """
    _check(dictionary, spatial)
    limit = check_count("stripe", stripe)
    wanted = math.inf if n_nonzero is None else check_count("n_nonzero", n_nonzero)
    shape = tuple(dictionary.code_shape((1, dictionary.n_channels, *spatial)))[1:]
    room = np.full(spatial, limit)
    touched = [_touched(dictionary, e) for e in _extents_by_filter(dictionary)]
    chosen: list[tuple[int, ...]] = []
    for flat in rng.permutation(math.prod(shape)):
        if len(chosen) == wanted:
            break
        m, *position = (int(i) for i in np.unravel_index(flat, shape))
        pairs = zip(touched[m], position, spatial, strict=True)
        window = np.ix_(*(np.unique((p + offsets) % n) for offsets, p, n in pairs))
        if room[window].min() > 0:
            room[window] -= 1
            chosen.append((m, *position))
    sizes = rng.uniform(*amplitudes, size=len(chosen))
    if len(chosen) > 1:
        sizes[:2] = amplitudes
    codes = np.zeros((1, *shape))
    codes[(0, *np.transpose(chosen))] = sizes * rng.choice([-1.0, 1.0], size=len(chosen))
    planted = Planted(dictionary, codes, np.zeros((1, dictionary.n_channels, *spatial)))
    return planted.with_local_noise(rng.standard_normal(planted.noise.shape), noise)


def _check(dictionary: Any, spatial: tuple[int, ...]) -> None:
    strides = {stride_of(dictionary, axis) for axis in range(len(spatial))}
    if not is_circular(dictionary) or strides != {1}:
        msg = (
            f"`dictionary` must be circular and have stride 1; got {dictionary!r}: make it with "
            "padding 'circular' and stride 1."
        )
        raise ValueError(msg)


def _extents_by_filter(dictionary: Any) -> list[tuple[int, ...]]:
    if isinstance(dictionary, Concat):
        n_channels, d = int(dictionary.n_channels or 1), int(dictionary.n_axes or 1)
        parts = [
            _extents_by_filter(p) if p.n_filters is not None else [(1,) * d] * n_channels
            for p in dictionary.dictionaries
        ]
        return [extent for part in parts for extent in part]
    assert isinstance(dictionary, ConvDictionary)
    return [dictionary.extent] * dictionary.n_filters


def _touched(dictionary: Any, extent: tuple[int, ...]) -> list[Array]:
    """Return, along each axis, the first samples of the patches that an atom at 0 touches."""
    pairs = zip(extents(dictionary), extent, strict=True)
    return [np.arange(1 - patch, e) for patch, e in pairs]
