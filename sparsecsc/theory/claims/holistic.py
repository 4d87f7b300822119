"""What zeros of the layers between are worth: the oracle's mean squared error with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sparsecsc.dictionaries.random import random_filters
from sparsecsc.protocols import Array
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.small import matrix

_N, _DRAWS = 24, 400


@dataclass(frozen=True, eq=False)
class Oracle:
    """Atoms of the deepest support, and rows of the second layer that are 0 on the signal."""

    atoms: Array
    """D_1 D_2, columns of the support."""
    zeros: Array
    """D_2, columns of the support, rows of the cosupport of the layer between."""
    seed: int
    deviation: float = 0.1

    @cached_property
    def kernel(self) -> Array:
        """An orthonormal basis of what the cosupport allows."""
        _, sizes, right = np.linalg.svd(self.zeros)
        rank = int(np.sum(sizes > 1e-10 * max(sizes[0], 1e-300)))
        return right[rank:].T

    @property
    def synthesis(self) -> float:
        """The mean squared error of least squares on the support alone."""
        return self.deviation**2 * float(np.trace(np.linalg.inv(self.atoms.T @ self.atoms)))

    @property
    def holistic(self) -> float:
        """The same with the cosupport."""
        seen = self.atoms @ self.kernel
        return self.deviation**2 * float(np.trace(np.linalg.inv(seen.T @ seen)))

    @cached_property
    def errors(self) -> Array:
        """Squared errors of the estimate with the cosupport, of many draws of the noise."""
        rng = np.random.default_rng(self.seed)
        noise = self.deviation * rng.standard_normal((self.atoms.shape[0], _DRAWS))
        found = self.kernel @ (np.linalg.pinv(self.atoms @ self.kernel) @ noise)
        return np.sum(found**2, axis=0)


def _draw(rng: np.random.Generator) -> Oracle:
    first = random_filters(int(rng.integers(2, 5)), 1, 5, rng)
    second = random_filters(3, first.shape[0], 4, rng)
    upper = matrix(second, (_N,))
    support = np.sort(rng.choice(upper.shape[1], int(rng.integers(3, 7)), replace=False))
    kept = upper[:, support]
    touched = np.flatnonzero(np.abs(kept).sum(axis=1))
    rows = rng.choice(touched, int(rng.integers(1, len(support))), replace=False)
    return Oracle(matrix(first, (_N,)) @ kept, kept[rows], int(rng.integers(2**31)))


def _margins(oracle: Oracle) -> Mapping[str, float]:
    sizes = np.linalg.svd(oracle.atoms, compute_uv=False)
    return {
        "atoms independent": float(sizes[-1] / sizes[0]) - 1e-6,
        "something allowed": oracle.kernel.shape[1] - 0.5,
    }


CLAIMS = (
    Claim(
        id="B18-gain",
        title="A cosupport never makes the oracle worse",
        statement="Least squares on the deepest support has a mean squared error that is not below "
        "that of the estimate which also knows zeros of the layer between.",
        formula=r"\sigma^2 \operatorname{tr}\bigl((K^T A_S^T A_S K)^{-1}\bigr) \le "
        r"\sigma^2 \operatorname{tr}\bigl((A_S^T A_S)^{-1}\bigr),\; K = \ker\Phi",
        source="aberdam2019; the form is derived here",
        provenance="D",
        draw=_draw,
        margins=_margins,
        measure=lambda oracle: oracle.holistic,
        bound=lambda oracle: oracle.synthesis,
    ),
    Claim(
        id="B18-error",
        title="The mean squared error of the holistic oracle",
        statement="The mean over 400 draws of white noise is within six of its standard errors of "
        "the formula.",
        formula=r"E\|\hat\Gamma - \Gamma\|_2^2 = "
        r"\sigma^2 \operatorname{tr}\bigl((K^T A_S^T A_S K)^{-1}\bigr)",
        source="aberdam2019; the form is derived here",
        provenance="D",
        draw=_draw,
        margins=_margins,
        measure=lambda oracle: abs(float(oracle.errors.mean()) - oracle.holistic),
        bound=lambda oracle: 6.0 * float(oracle.errors.std()) / np.sqrt(_DRAWS),
        exact=True,
    ),
)
