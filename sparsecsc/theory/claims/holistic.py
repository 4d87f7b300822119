"""Oracle pursuit: what the zeros of the middle layers are worth, once supports are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.dictionaries.incoherent import dirac_barker_filters, sidon_filters
from sparsecsc.dictionaries.plans import WholeFFT
from sparsecsc.dictionaries.random import random_filters
from sparsecsc.models.mlcsc import MLCSC
from sparsecsc.models.problem import MultilayerPursuit
from sparsecsc.penalties.l1 import L1
from sparsecsc.protocols import Array
from sparsecsc.solvers.mladmm import MLADMM
from sparsecsc.theory.claim import Claim
from sparsecsc.theory.cosupports import OracleErrors, oracle_errors
from sparsecsc.theory.planted_layers import PlantedLayers, all_layers

_N = 20
_STEPS, _MOST_STEPS = 40, 40_000
_WEAK = 0.3
_SPREAD = 8.0
"""Most that the condition number of the atoms on the support may be: the solver converges."""


@dataclass(frozen=True, eq=False)
class Oracle:
    """Planted codes with zeros in the middle layers beyond those of the support, and noise."""

    planted: PlantedLayers
    directions: Array
    """An orthonormal basis of all signals, (n, 1, n): white noise, on average, is each of them."""
    sigma: float

    @cached_property
    def theory(self) -> OracleErrors:
        """The formulas."""
        planted = self.planted
        return oracle_errors(planted.model.dictionaries, planted.codes, self.sigma, (planted.n,))

    @cached_property
    def spectrum(self) -> Array:
        """The eigenvalues of the Gram matrix of the atoms on the support."""
        return np.linalg.eigvalsh(_support_gram(self.planted))

    def mean_error(self, *, holistic: bool) -> float:
        """Return the mean squared error of the deepest codes, their support being known.

        The estimator is multi-layer basis pursuit with weights of 0 where codes may be, and
        infinite ones where they are known to be 0: off the deepest support, and, for the holistic
        one, at the zeros of the middle layers.
        """
        planted = self.planted
        *middle, deepest = (np.where(codes == 0, np.inf, 0.0) for codes in planted.codes)
        known = [weight if holistic else 0.0 for weight in middle]
        problem = MultilayerPursuit(
            planted.signal + self.sigma * self.directions,
            planted.model,
            [*map(L1, known), L1(deepest)],
        )
        return float(np.sum((_settled(problem) - planted.codes[-1]) ** 2))

    def margins(self) -> Mapping[str, float]:
        """Check that the atoms on the support are independent, and that the zeros say something."""
        return {
            "independent atoms": float(self.spectrum[0] / self.spectrum[-1]) - _SPREAD**-2,
            "zeros that constrain": self.theory.rank - 0.5,
            "freedom left": self.theory.freedom - 0.5,
        }


def _settled(problem: MultilayerPursuit) -> Array:
    """Return the deepest codes once they stay what they are."""
    solver = MLADMM()
    state = solver.init(problem, tuple(np.zeros(shape) for shape in problem.shapes[1:]))
    for _ in range(_MOST_STEPS // _STEPS):
        before = state.codes[-1]
        for _ in range(_STEPS):
            state = solver.step(problem, state)
        after: Array = state.codes[-1]
        if np.linalg.norm(after - before) <= 1e-8 * np.linalg.norm(after):
            break
    return after


def _support_gram(planted: PlantedLayers) -> Array:
    places = np.argwhere(planted.codes[-1][0])
    atoms = np.zeros((len(places), *planted.codes[-1].shape[1:]))
    atoms[np.arange(len(places)), places[:, 0], places[:, 1]] = 1.0
    for dictionary in planted.model.dictionaries[::-1]:
        atoms = dictionary.synthesize(atoms)
    flat = atoms.reshape(len(places), -1)
    return np.asarray(flat @ flat.T)


def _draw_model(rng: np.random.Generator, n_layers: int) -> MLCSC:
    kind = int(rng.integers(3))
    first = dirac_barker_filters() if kind == 0 else random_filters(2 + kind, 1, 4, rng)
    banks = [first]
    for _ in range(1, n_layers):
        width = banks[-1].shape[0]
        sparse = sidon_filters(2, width, 9, 3, rng)
        banks.append(sparse if rng.random() < 0.5 else random_filters(2, width, 3, rng))
    return MLCSC([ConvDictionary(bank, plan=WholeFFT()) for bank in banks])


def draw_oracle(rng: np.random.Generator) -> Oracle:
    """Return deep codes on a random support that make zeros at random places of middle layers."""
    basis, _ = np.linalg.qr(rng.standard_normal((_N, _N)))
    for _ in range(50):
        model = _draw_model(rng, int(rng.integers(2, 4)))
        oracle = Oracle(_plant(rng, model), basis[:, None], float(rng.uniform(0.01, 0.5)))
        if np.any(oracle.planted.codes[-1]) and min(oracle.margins().values()) > 0:
            break
    return oracle


def _plant(rng: np.random.Generator, model: MLCSC) -> PlantedLayers:
    """Choose a support near one place, some rows of middle layers, and codes that these lose."""
    m, size = model.dictionaries[-1].n_filters, int(rng.integers(3, 9))
    near = rng.choice(m * 10, size, replace=False)
    support = np.zeros((size, m, _N))
    support[np.arange(size), near // 10, near % 10] = 1.0
    rows = [
        image.reshape(size, -1)
        for image in all_layers(model, support)[: len(model.dictionaries) - 1]
    ]
    together = np.concatenate(rows, axis=1)
    # a weak row constrains as much as any, but the solver takes long to obey it
    strong = np.linalg.norm(together, axis=0) > _WEAK
    shared = np.flatnonzero(strong & (np.sum(together != 0, axis=0) >= 2))
    n_rows = min(int(rng.integers(1, size)), len(shared))
    chosen = together[:, rng.choice(shared, n_rows, replace=False)] if n_rows else together[:, :1]
    _, values, right = np.linalg.svd(chosen.T, full_matrices=True)
    kernel = right[int(np.sum(values > 1e-9)) :]
    values_of = rng.standard_normal(len(kernel)) @ kernel
    values_of[np.abs(values_of) < 1e-10] = 0.0
    return PlantedLayers(model, all_layers(model, np.tensordot(values_of, support, 1)[None]))


CLAIMS = (
    Claim(
        id="B18-synthesis",
        title="The oracle error, the support known",
        statement=(
            "With the support of the deepest codes known, their mean squared error in white noise "
            "is sigma^2 times the trace of the inverse Gram matrix of the effective atoms there."
        ),
        formula=r"E\|\hat\Gamma_L - \Gamma_L\|^2 = \sigma^2 \operatorname{tr}(A_S^TA_S)^{-1}",
        source="aberdam2019 (the form is derived)",
        provenance="D",
        draw=draw_oracle,
        margins=lambda oracle: oracle.margins(),
        measure=lambda oracle: abs(
            oracle.mean_error(holistic=False) / oracle.theory.synthesis - 1.0
        ),
        bound=lambda oracle: 1e-5,
        exact=True,
    ),
    Claim(
        id="B18-holistic",
        title="The oracle error, the zeros of the middle layers known too",
        statement=(
            "If the zeros of the middle layers are known besides the support, the mean squared "
            "error is that on the kernel K of the rows of the middle layers at these zeros."
        ),
        formula=(
            r"E\|\hat\Gamma_L - \Gamma_L\|^2 = \sigma^2 \operatorname{tr}(K^TA_S^TA_SK)^{-1},"
            r"\quad K = \ker\Phi"
        ),
        source="aberdam2019 (the form is derived)",
        provenance="D",
        draw=draw_oracle,
        margins=lambda oracle: oracle.margins(),
        measure=lambda oracle: abs(oracle.mean_error(holistic=True) / oracle.theory.holistic - 1.0),
        bound=lambda oracle: 1e-5,
        exact=True,
    ),
    Claim(
        id="B18-gain",
        title="Knowing zeros of the middle layers never hurts",
        statement=(
            "The mean squared error with the zeros of the middle layers known is at most that "
            "with the support alone."
        ),
        formula=(r"\operatorname{tr}(K^TA_S^TA_SK)^{-1} \le \operatorname{tr}(A_S^TA_S)^{-1}"),
        source="aberdam2019 (the form is derived)",
        provenance="D",
        draw=draw_oracle,
        margins=lambda oracle: oracle.margins(),
        measure=lambda oracle: oracle.theory.holistic,
        bound=lambda oracle: oracle.theory.synthesis,
    ),
    Claim(
        id="B18-rank",
        title="The oracle error counts the freedoms that are left",
        statement=(
            "The mean squared error with the zeros of the middle layers known is at most sigma^2 "
            "(|S| - rank Phi) over the least eigenvalue of the Gram matrix of the atoms on the "
            "support."
        ),
        formula=(
            r"E\|\hat\Gamma_L - \Gamma_L\|^2 \le \sigma^2\,"
            r"\frac{|S| - \operatorname{rank}\Phi}{\lambda_{\min}(A_S^TA_S)}"
        ),
        source="aberdam2019 (the form is derived)",
        provenance="D",
        draw=draw_oracle,
        margins=lambda oracle: oracle.margins(),
        measure=lambda oracle: oracle.theory.holistic,
        bound=lambda oracle: oracle.sigma**2 * oracle.theory.freedom / oracle.spectrum[0],
    ),
)
