"""Oracles written in plain NumPy and SciPy: the dictionary as a matrix, objectives, certificates.

Nothing here imports the package. A signal (n_signals, n_channels, *spatial) becomes the columns of
a matrix, one a signal; so do the codes. All arithmetic is in float64, whatever comes in.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse


def per_axis(value: Any, n_axes: int) -> tuple[int, ...]:
    return (value,) * n_axes if isinstance(value, int) else tuple(value)


def pads_of(padding: Any, extent: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return the zeros before and after each axis; meaningless where circular."""
    if padding in ("valid", "circular"):
        return [(0, 0)] * len(extent)
    if padding == "same":
        return [((e - 1) // 2, e - 1 - (e - 1) // 2) for e in extent]
    if padding == "full":
        return [(e - 1, e - 1) for e in extent]
    return [(p, p) for p in per_axis(padding, len(extent))]


def convolution_matrix(
    filters: Any, spatial: Any, *, stride: Any = 1, dilation: Any = 1, padding: Any = "circular"
) -> tuple[Any, tuple[int, ...]]:
    """Return D as a sparse matrix, and the spatial size of the codes.

    Entry by entry from the definition: tap t of the atom at position p lies on the sample
    ``p * stride + t * dilation - padding``, modulo the size of the signal where circular.
    """
    n_filters, n_channels, *kernel = filters.shape
    d = len(kernel)
    stride, dilation = per_axis(stride, d), per_axis(dilation, d)
    extent = tuple(s * (k - 1) + 1 for k, s in zip(kernel, dilation, strict=True))
    pads = pads_of(padding, extent)
    if padding == "circular":
        codes = tuple(n // s for n, s in zip(spatial, stride, strict=True))
    else:
        codes = tuple(
            (n + a + b - e) // s + 1
            for n, (a, b), e, s in zip(spatial, pads, extent, stride, strict=True)
        )
    rows, columns, values = [], [], []
    positions = np.indices(codes).reshape(d, -1)
    sizes = np.array(spatial).reshape(d, 1)
    samples, n_codes = math.prod(spatial), math.prod(codes)
    for tap in itertools.product(*(range(k) for k in kernel)):
        sample = np.stack(
            [positions[i] * stride[i] + tap[i] * dilation[i] - pads[i][0] for i in range(d)]
        )
        inside = np.all((sample >= 0) & (sample < sizes), axis=0)
        if padding == "circular":
            sample, inside = sample % sizes, np.ones_like(inside)
        sample_index = np.ravel_multi_index(tuple(sample[:, inside]), tuple(spatial))
        code_index = np.flatnonzero(inside)
        for m, c in itertools.product(range(n_filters), range(n_channels)):
            rows.append(c * samples + sample_index)
            columns.append(m * n_codes + code_index)
            values.append(np.full(code_index.size, float(filters[(m, c, *tap)])))
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    shape = (n_channels * samples, n_filters * n_codes)
    return scipy.sparse.coo_array(entries, shape=shape).tocsr(), codes


def as_columns(array: Any) -> Any:
    """Return (n, a, *b) as a float64 matrix (a * prod(b), n)."""
    return np.asarray(array, dtype=np.float64).reshape(array.shape[0], -1).T


@dataclass(frozen=True)
class Reference:
    """``|mask (y - D z)|^2 / 2 + phi(z)`` with D a matrix, phi one of the four convex penalties.

    `kind` is "l1", "nonnegative", "elastic" or "group"; weight and ridge are broadcastable to the
    codes (n_signals, n_filters, *code_spatial), those of groups with size 1 along `axes`.
    """

    matrix: Any
    signal: Any
    codes_shape: tuple[int, ...]
    kind: str
    weight: Any
    ridge: Any = 0.0
    axes: tuple[int, ...] = (1,)
    mask: Any = None

    def _image(self, codes: Any) -> Any:
        image = (self.matrix @ as_columns(codes)).T.reshape(self.signal.shape)
        return image if self.mask is None else image * np.asarray(self.mask, dtype=np.float64)

    @property
    def target(self) -> Any:
        target = np.asarray(self.signal, dtype=np.float64)
        return target if self.mask is None else target * np.asarray(self.mask, dtype=np.float64)

    def residual(self, codes: Any) -> Any:
        return self.target - self._image(codes)

    def correlation(self, residual: Any) -> Any:
        if self.mask is not None:
            residual = residual * np.asarray(self.mask, dtype=np.float64)
        return (self.matrix.T @ as_columns(residual)).T.reshape(self.codes_shape)

    @property
    def weights(self) -> Any:
        weight = np.asarray(self.weight, dtype=np.float64)
        one_a_filter = (1, -1, *(1,) * (len(self.codes_shape) - 2))
        return weight.reshape(one_a_filter) if weight.ndim == 1 else weight

    def penalty(self, codes: Any) -> float:
        codes = np.asarray(codes, dtype=np.float64)
        if self.kind == "group":
            size = np.sqrt((codes**2).sum(axis=self.axes, keepdims=True))
        else:
            size = np.abs(codes)
        if self.kind == "nonnegative" and codes.min() < 0:
            return math.inf
        value = np.where(size > 0, np.where(size > 0, self.weights, 0.0) * size, 0.0).sum()
        return float(value + 0.5 * np.sum(self.ridge * codes**2))

    def objective(self, codes: Any) -> float:
        return float(0.5 * np.sum(self.residual(codes) ** 2)) + self.penalty(codes)

    def _largest_ratio(self, correlation: Any, axes: tuple[int, ...]) -> Any:
        """Return the largest dual constraint value over its weight, over `axes`."""
        if self.kind == "group":
            size = np.sqrt((correlation**2).sum(axis=self.axes, keepdims=True))
        else:
            size = correlation if self.kind == "nonnegative" else np.abs(correlation)
        return np.maximum(np.max(size / self.weights, axis=axes, keepdims=True), 0.0)

    def lower_bound(self, codes: Any) -> float:
        """Return a lower bound on the optimum: the dual objective at a scaled residual.

        Each signal has its own scale, unless groups couple the signals.
        """
        residual, target = self.residual(codes), self.target
        correlation = self.correlation(residual)
        coupled = self.kind == "group" and 0 in self.axes
        axes = tuple(range(0 if coupled else 1, residual.ndim))
        inner = np.sum(target * residual, axis=axes, keepdims=True)
        norm = np.sum(residual**2, axis=axes, keepdims=True)
        ratio = self._largest_ratio(correlation, axes)
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.clip(np.where(norm > 0, inner / norm, 0.0), 0.0, 1.0 / ratio)
        best = scale * inner - 0.5 * scale**2 * norm
        if self.kind == "elastic":
            excess = np.maximum(np.abs(correlation) - self.weights, 0.0)
            conjugate = np.sum(excess**2 / (2.0 * self.ridge), axis=axes, keepdims=True)
            best = np.maximum(best, inner - 0.5 * norm - conjugate)
        return float(np.sum(best))

    def relative_gap(self, codes: Any) -> float:
        """Return (P - D) / P: the objective at `codes` is within this factor of the optimum."""
        value = self.objective(codes)
        if not math.isfinite(value):
            return math.inf
        return (value - self.lower_bound(codes)) / value if value > 0 else 0.0


def scikit_learn_codes(reference: Reference) -> Any:
    """Return the codes that scikit-learn's coordinate descent finds on the explicit matrix.

    Signal by signal; weights become scalings of the columns, the mask one of the rows, and
    ``alpha`` is the weight over the number of samples. For the group penalty over signals
    (axis 0) the solver is MultiTaskLasso.
    """
    from sklearn.linear_model import ElasticNet, Lasso, MultiTaskLasso

    matrix = reference.matrix.toarray()
    n = matrix.shape[0]
    options = {"fit_intercept": False, "tol": 1e-13, "max_iter": 1_000_000}
    weight = reference.weights
    if reference.kind == "group":
        assert reference.axes == (0,)
        assert reference.mask is None
        weight = np.broadcast_to(weight, (1, *reference.codes_shape[1:])).ravel()
        model = MultiTaskLasso(alpha=1.0 / n, **options)
        model.fit(matrix / weight, as_columns(reference.signal))
        return (model.coef_ / weight).reshape(reference.codes_shape)
    weights = np.broadcast_to(weight, reference.codes_shape)
    targets = reference.target
    masks = np.ones_like(targets) if reference.mask is None else reference.mask + 0 * targets
    codes = []
    for target, mask, row in zip(targets, masks, weights, strict=True):
        own = row.ravel()
        kept = np.isfinite(own)
        rows = matrix[:, kept] * mask.reshape(-1, 1)
        if reference.kind == "elastic":
            assert np.ptp(own) == 0, "scikit-learn has one weight"
            total = own[0] + reference.ridge
            model = ElasticNet(alpha=total / n, l1_ratio=own[0] / total, **options)
            scale = np.ones(kept.sum())
        else:
            model = Lasso(alpha=1.0 / n, positive=reference.kind == "nonnegative", **options)
            scale = own[kept]
        model.fit(np.asfortranarray(rows / scale), target.ravel())
        full = np.zeros(own.size)
        full[kept] = model.coef_ / scale
        codes.append(full)
    return np.stack(codes).reshape(reference.codes_shape)


def coordinate_changes(matrix: Any, signal: Any, codes: Any, weight: float, *, positive: bool):
    """Return, for one signal, how far each coefficient is from its best value, others fixed."""
    squares = np.asarray((matrix.multiply(matrix)).sum(axis=0)).ravel()
    z = as_columns(codes)[:, 0]
    residual = as_columns(signal)[:, 0] - matrix @ z
    wanted = z + (matrix.T @ residual) / squares
    threshold = weight / squares
    best = np.maximum(wanted - threshold, 0.0)
    if not positive:
        best = best - np.maximum(-wanted - threshold, 0.0)
    return (best - z).reshape(codes.shape)


def relative_error(got: Any, expected: Any) -> float:
    """Return |got - expected| / |expected| in the Euclidean norm."""
    return float(np.linalg.norm(got - expected) / np.linalg.norm(expected))


def agrees_to_digits(value: float, written: str) -> bool:
    """Return whether `value`, rounded to as many digits as `written` has, is `written`."""
    mantissa = written.lower().partition("e")[0]
    decimals = len(mantissa.partition(".")[2])
    exponent = int(written.lower().partition("e")[2] or 0)
    return abs(value - float(written)) <= 0.5 * 10.0 ** (exponent - decimals)
