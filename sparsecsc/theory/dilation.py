r"""What dilation does to coherence and recovery: a relabelling; a result of this project.

**Theorem (dilation relabels).** [D, new here] Let D be circular on N samples of one axis, of stride
1, :math:`D^{(s)}` the same filters dilated by s, and g the greatest common divisor of s and N. With

.. math:: (R\Gamma)_r[q] = \Gamma[(sq + r) \bmod N], \quad r < g,\ q < N/g,

:math:`R D^{(s)} \Gamma = (I_g \otimes D_{N/g})\, R\Gamma`, where :math:`D_{N/g}` is D on N/g
samples: a dilated dictionary is g separate copies of the plain one on N/g samples, with samples and
positions in another order. (If g = 1: the plain one.) So

1. every pursuit that does not depend on the order of samples and atoms succeeds with
   :math:`\Gamma` under dilation exactly where it succeeds without dilation with every
   :math:`(R\Gamma)_r`;
2. the stripe norm that counts is that of :math:`R\Gamma`: its stripes hold the same number of
   coefficients, s apart. It may be much smaller than the number of nonzeros in
   :math:`2(n - 1)s + 1` neighbouring positions, and never is larger. Every theorem on local
   sparsity holds with it;
3. if s divides N, k neighbouring nonzeros have at most :math:`\lceil k/s \rceil` in a class:
   **dilation spreads clusters**, and multiplies by s the length of those that are recovered. For
   independent random supports and g = 1 it changes nothing at all.

*Proof.* :math:`(D^{(s)}\Gamma)[n] = \sum_{m,t} d_m[t]\,\Gamma_m[n - st]`; put n = sq + r. The map
of (q, r) to n is one to one, as :math:`q \mapsto sq` runs once through the multiples of g.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sparsecsc.dictionaries.concat import Concat
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.identity import Identity
from sparsecsc.protocols import Array
from sparsecsc.theory.sparsity import stripe_norm

__all__ = ["dilated_stripe_norm", "relabel", "restore"]


def relabel(array: Array, dilation: int) -> Array:
    """Return signals or codes with the samples that a dilated filter can relate next to each other.

    Parameters
    ----------
    array : ndarray, shape (n_signals, n_channels, N)
        Of one spatial axis.
    dilation : int
        The dilation s of the filters.

    Returns
    -------
    ndarray, shape (n_signals * g, n_channels, N / g)
        g, the greatest common divisor of s and N, signals for each; entry q of number r is entry
        (s q + r) mod N.

    Raises
    ------
    ValueError
        If the array has not three axes, or the dilation is below 1.
    """
    _check(array, dilation)
    n_signals, n_channels, n = array.shape
    order = _order(n, dilation)
    picked = np.moveaxis(array[..., order], 2, 1)
    return np.ascontiguousarray(picked.reshape(n_signals * len(order), n_channels, -1))


def restore(array: Array, dilation: int, n: int) -> Array:
    """Return what `relabel` made the array of, for N samples.

    Raises
    ------
    ValueError
        As `relabel`, or if the shape is not one that `relabel` returns for N samples.
    """
    _check(array, dilation)
    order = _order(n, dilation)
    n_classes, length = order.shape
    if array.shape[2] != length or array.shape[0] % n_classes:
        msg = (
            f"`array` must have a multiple of {n_classes} signals of {length} samples for N = {n} "
            f"and dilation {dilation}; got shape {array.shape}: pass what `relabel` returned."
        )
        raise ValueError(msg)
    classes = array.reshape(-1, n_classes, array.shape[1], length)
    out = np.empty((len(classes), array.shape[1], n), dtype=array.dtype)
    out[..., order] = np.moveaxis(classes, 1, 2)
    return out


def dilated_stripe_norm(dictionary: Any, codes: Array) -> int:
    """Return the largest number of nonzeros among the coefficients that one sample's patch can see.

    Parameters
    ----------
    dictionary : ConvDictionary, or Concat of an Identity and such
        Circular, of one axis and stride 1, all with the same dilation: a layer of MSD-CSC.
    codes : ndarray, shape (n_signals, n_filters, N)

    Returns
    -------
    int
        The stripe norm of the relabelled codes in the dictionary that is not dilated; at most
        `stripe_norm`, which counts all positions between.

    Raises
    ------
    TypeError
        If the dictionary is of another kind.
    ValueError
        If it is not circular, of one axis and stride 1, or has several dilations.
    """
    plain, dilation = undilated(dictionary)
    return stripe_norm(plain, relabel(codes, dilation))


def undilated(dictionary: Any) -> tuple[Any, int]:
    """Return the dictionary without its dilation, and that; the parameters are as above."""
    parts = dictionary.dictionaries if isinstance(dictionary, Concat) else (dictionary,)
    banks = [part for part in parts if isinstance(part, ConvDictionary)]
    if not banks or len(banks) + sum(isinstance(p, Identity) for p in parts) < len(parts):
        msg = (
            "`dictionary` must be a ConvDictionary, or a Concat of such and identities; got "
            f"{type(dictionary).__name__}: take the layers of a model one by one."
        )
        raise TypeError(msg)
    dilations = {bank.dilations for bank in banks}
    fits = all(b.is_circular and b.n_axes == 1 and b.strides == (1,) for b in banks)
    if len(dilations) > 1 or not fits:
        msg = (
            "`dictionary` must be circular, of one spatial axis and stride 1, with one dilation; "
            f"got {dictionary!r}: relabelling is about these."
        )
        raise ValueError(msg)
    plain = [ConvDictionary(p.filters) if isinstance(p, ConvDictionary) else p for p in parts]
    ((dilation,),) = dilations
    return (Concat(plain) if isinstance(dictionary, Concat) else plain[0]), dilation


def _order(n: int, dilation: int) -> Array:
    """Return the entries of each class in turn, (g, N / g)."""
    n_classes = math.gcd(n, dilation)
    first, steps = np.arange(n_classes)[:, None], np.arange(n // n_classes)
    return (dilation * steps + first) % n


def _check(array: Array, dilation: int) -> None:
    if getattr(array, "ndim", 0) != 3:
        msg = (
            "`array` must have the shape (n_signals, n_channels, N); got shape "
            f"{getattr(array, 'shape', None)}: add the missing axes."
        )
        raise ValueError(msg)
    if dilation < 1:
        msg = f"`dilation` must be at least 1; got {dilation}: 1 is no dilation."
        raise ValueError(msg)
