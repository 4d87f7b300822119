"""A chain of dense layers: what its effective dictionary lists."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sparsecsc.dictionaries.random import random_filters
from sparsecsc.models.layers import effective
from sparsecsc.models.msdcsc import MSDCSC
from sparsecsc.protocols import Array
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.small import matrix


@dataclass(frozen=True, eq=False)
class Tower:
    """A chain of dense layers on a 1-D signal."""

    banks: list[Array]
    dilations: list[int]
    n: int

    @cached_property
    def explicit(self) -> Array:
        """[I, F_1^T, D_1 F_2^T, D_1 D_2 F_3^T, ...]."""
        above = np.eye(self.n * self.banks[0].shape[1])
        blocks = [above]
        for bank, dilation in zip(self.banks, self.dilations, strict=True):
            new = matrix(bank, (self.n,), dilation=dilation)
            blocks.append(above @ new)
            above = np.hstack([above, above @ new])
        return np.hstack(blocks)

    @cached_property
    def library(self) -> Array:
        """The effective dictionary of the library's model, column by column."""
        model = MSDCSC(self.banks, dilations=self.dilations)
        n_codes = self.explicit.shape[1]
        codes = np.eye(n_codes).reshape(n_codes, -1, self.n)
        return effective(model).synthesize(codes).reshape(n_codes, -1).T


def _draw_tower(rng: np.random.Generator) -> Tower:
    """1 to 4 layers of 1 to 2 new maps."""
    widths = [int(k) for k in rng.integers(1, 3, size=rng.integers(1, 5))]
    banks = [random_filters(k, 1 + sum(widths[:i]), 3, rng) for i, k in enumerate(widths)]
    return Tower(banks, [int(s) for s in rng.integers(1, 4, size=len(widths))], 12)


CLAIMS = (
    Claim(
        id="B20-effective",
        title="The effective dictionary of dense layers lists every layer's filters once",
        statement="The product of the dense layers is [I, F_1^T, D_1 F_2^T, D_1 D_2 F_3^T, ...].",
        formula=r"D_{(K)} = [I,\ F_1^T,\ D_1F_2^T,\ D_1D_2F_3^T,\ \dots]",
        source="derived here",
        provenance="D",
        draw=_draw_tower,
        margins=lambda tower: {"layers": float(len(tower.banks))},
        measure=lambda tower: float(np.abs(tower.library - tower.explicit).max()),
        bound=lambda tower: 1e-12 * float(np.abs(tower.explicit).max()),
        exact=True,
    ),
)
