"""Least squares on the support: what codes would be without the shrinkage of the penalty."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsecsc.checks import check_count, check_number
from sparsecsc.codes import SparseCodes, sparse
from sparsecsc.problems import check_single
from sparsecsc.protocols import Array


def debias(problem: Any, codes: Any, *, amount: float = 1.0, max_iter: int = 200) -> SparseCodes:
    r"""Move codes towards the least squares fit on their support.

    .. math::
        (1 - a) z + a \operatorname{argmin}_{\mathrm{supp}\, w \subseteq \mathrm{supp}\, z}
        \tfrac12 \|M (y - D w)\|_2^2

    An l1 penalty makes all amplitudes too small; this gives them back. Under noise a support with
    many coefficients fits the noise too: then an amount between 0 and 1 loses less.

    Parameters
    ----------
    problem : Pursuit
        Of NumPy arrays.
    codes : SparseCodes or array, shape of the codes
        z; the entries of `SparseCodes` are the support even where they are 0.
    amount : float, default 1
        a, from 0 (the codes as they are) to 1 (least squares).
    max_iter : int, default 200
        Most conjugate gradient steps.

    Returns
    -------
    SparseCodes
        With the places of `codes`. Where the fit is not unique, the one nearest to `codes`.

    Raises
    ------
    TypeError, ValueError
        If `codes` do not fit the problem, or a number is out of range.

    Notes
    -----
    Conjugate gradients from z, until the gradient is at the rounding of the dtype. A step costs a
    synthesis and a correlation at the nonzeros only.

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc
    >>> dictionary = sc.ConvDictionary(np.ones((1, 1, 4)) / 2)
    >>> planted = np.zeros((1, 1, 32)); planted[0, 0, 9] = 3.0
    >>> problem = sc.Pursuit(dictionary.synthesize(planted), dictionary, sc.L1(1.0))
    >>> codes = sc.solve(problem, tol=1e-9).sparse_codes
    >>> codes.values.round(6), sc.debias(problem, codes).values.round(6)
    (array([2.]), array([3.]))
    """
    check_single(problem)
    problem.check_codes("codes", codes)
    check_number("amount", amount, least=0.0, most=1.0)
    check_count("max_iter", max_iter)
    support: SparseCodes = sparse(codes)
    if amount == 0 or not support.indices.size:
        return support
    fitted = _least_squares(problem, support, max_iter)
    values = support.values + amount * (fitted - support.values)
    return SparseCodes(support.indices, values.astype(support.dtype), support.shape)


def _least_squares(problem: Any, codes: SparseCodes, max_iter: int) -> Array:
    """Return the values, in float64, by conjugate gradients on the normal equations."""
    dtype = codes.dtype

    def gradient_of(residual: Array) -> Array:
        masked = np.ascontiguousarray(problem.masked(residual), dtype=dtype)
        return codes.analyze(problem.dictionary, masked).values.astype(np.float64)

    def image(values: Array) -> Array:
        part = SparseCodes(codes.indices, values.astype(dtype), codes.shape)
        return problem.masked(problem.synthesize(part))

    values = codes.values.astype(np.float64)
    rest = gradient_of(problem.residual(codes))
    floor = np.linalg.norm(gradient_of(problem.target)) * float(np.finfo(dtype).eps)
    direction, size = rest, float(rest @ rest)
    for _ in range(max_iter):
        if size <= floor**2:
            break
        curved = gradient_of(image(direction))
        bend = float(direction @ curved)
        if bend <= 0:
            break
        values = values + (size / bend) * direction
        rest = rest - (size / bend) * curved
        old, size = size, float(rest @ rest)
        direction = rest + (size / old) * direction
    return values
