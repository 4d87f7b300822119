"""Slow float64 references, written with plain loops and explicit matrices only."""

import itertools
from typing import Any

import numpy as np


def geometry(n, kernel, stride, dilation, padding):
    """Return (zeros before, size of the codes) along one axis; None before where circular."""
    extent = dilation * (kernel - 1) + 1
    if padding == "circular":
        return None, n // stride
    before, after = {
        "valid": (0, 0),
        "same": ((extent - 1) // 2, extent - 1 - (extent - 1) // 2),
        "full": (extent - 1, extent - 1),
    }.get(padding, (padding, padding))
    return before, (n + before + after - extent) // stride + 1


def _axes(value, d):
    return tuple(value) if isinstance(value, tuple) else (value,) * d


def conv_matrix(filters, spatial, stride=1, dilation=1, padding="circular"):
    """Return D as a matrix (channels * signal size, filters * code size), tap by tap."""
    d = len(spatial)
    stride, dilation, padding = _axes(stride, d), _axes(dilation, d), _axes(padding, d)
    kernel = filters.shape[2:]
    axes = [geometry(*a) for a in zip(spatial, kernel, stride, dilation, padding, strict=True)]
    code = tuple(size for _, size in axes)
    matrix = np.zeros((filters.shape[1], *spatial, filters.shape[0], *code))
    positions = list(itertools.product(*map(range, code)))
    for tap in itertools.product(*map(range, kernel)):
        for position in positions:
            where = []
            for k in range(d):
                before = axes[k][0]
                index = position[k] * stride[k] + tap[k] * dilation[k]
                index = index % spatial[k] if before is None else index - before
                where.append(index)
            if all(0 <= i < n for i, n in zip(where, spatial, strict=True)):
                matrix[(slice(None), *where, slice(None), *position)] += filters[
                    (slice(None), slice(None), *tap)
                ].T
    return matrix.reshape(filters.shape[1] * int(np.prod(spatial)), -1), code


def matrix_of(dictionary: Any, channels, spatial):
    """Return (matrix, code channels, code size) of a dictionary, from its public fields alone."""
    if hasattr(dictionary, "filters"):
        matrix, code = conv_matrix(
            dictionary.filters.astype(np.float64),
            tuple(spatial),
            dictionary.stride,
            dictionary.dilation,
            dictionary.padding,
        )
        return matrix, dictionary.filters.shape[0], code
    if type(dictionary).__name__ == "Identity":
        return np.eye(channels * int(np.prod(spatial))), channels, tuple(spatial)
    if type(dictionary).__name__ == "Concat":
        parts = [matrix_of(d, channels, spatial) for d in dictionary.dictionaries]
        return np.hstack([p[0] for p in parts]), sum(p[1] for p in parts), parts[0][2]
    if type(dictionary).__name__ == "Product":
        product = np.eye(channels * int(np.prod(spatial)))
        for part in dictionary.dictionaries:
            matrix, channels, spatial = matrix_of(part, channels, spatial)
            product = product @ matrix
        return product, channels, spatial
    raise LookupError(f"no reference for {type(dictionary).__name__}: add one to matrix_of")


def signal_matrix(problem: Any, b=0):
    """Return (M D, M y) of signal `b` of a problem as float64 matrix and vector."""
    signal = problem.signal.astype(np.float64)
    matrix, _, _ = matrix_of(problem.dictionary, signal.shape[1], signal.shape[2:])
    mask = np.ones(signal.shape)
    if problem.mask is not None:
        mask = mask * problem.mask
    line = mask[b].ravel()
    return matrix * line[:, None], line * signal[b].ravel()


def weight_of(penalty: Any):
    """Return a penalty's weight as float64: minus the bias where there is a bias instead."""
    weight = -penalty.bias if hasattr(penalty, "bias") else penalty.weight
    return np.asarray(weight, dtype=np.float64)


def penalty_value(penalty: Any, z):
    """Return the penalty of codes z, from the penalty's public numbers alone."""
    z = np.asarray(z, dtype=np.float64)
    weight = weight_of(penalty)
    name = type(penalty).__name__
    if weight.ndim == 1:
        weight = weight.reshape(1, -1, *(1,) * (z.ndim - 2))
    if name == "GroupL1":
        sizes = np.sqrt((z**2).sum(axis=penalty.axis, keepdims=True))
    else:
        sizes = {"L0": (z != 0).astype(float)}.get(name, np.abs(z))
    weight = np.broadcast_to(weight, sizes.shape)
    if name in ("NonnegativeL1", "ReLU") and (z < 0).any():
        return np.inf
    if (np.isinf(weight) & (sizes > 0)).any():
        return np.inf
    finite = np.where(np.isinf(weight), 0.0, weight)
    total = float((finite * sizes).sum())
    if name == "ElasticNet":
        ridge = np.asarray(penalty.ridge, dtype=np.float64)
        if ridge.ndim == 1:
            ridge = ridge.reshape(1, -1, *(1,) * (z.ndim - 2))
        total += float((0.5 * ridge * z**2).sum())
    return total


def objective(problem: Any, codes):
    """Return the objective of a problem at `codes`, in float64 with explicit matrices."""
    total = 0.0
    for b in range(codes.shape[0]):
        matrix, target = signal_matrix(problem, b)
        total += 0.5 * float(((target - matrix @ codes[b].astype(np.float64).ravel()) ** 2).sum())
    return total + penalty_value(problem.penalty, codes)


def lasso_gap(problem: Any, codes):
    """Return the relative duality gap of an L1 problem with one positive weight.

    Theory B14, with the best scale of the residual that is feasible.
    """
    primal, dual = objective(problem, codes), 0.0
    for b in range(codes.shape[0]):
        matrix, target = signal_matrix(problem, b)
        residual = target - matrix @ codes[b].astype(np.float64).ravel()
        correlation = np.abs(matrix.T @ residual).max()
        scale = float(target @ residual) / float(residual @ residual)
        theta = residual * min(max(scale, 0.0), problem.penalty.weight / correlation)
        dual += 0.5 * float(target @ target) - 0.5 * float(((target - theta) ** 2).sum())
    return (primal - dual) / primal


def soft(v, threshold):
    """Return the soft threshold."""
    return np.sign(v) * np.maximum(np.abs(v) - threshold, 0.0)


def plain_prox(name, weight, v, step, *, ridge=0.0, axis=1):
    """Return the prox of a shipped penalty, from the textbook's formula."""
    if name == "L1":
        return soft(v, step * weight)
    if name in ("NonnegativeL1", "ReLU"):
        return np.maximum(v - step * weight, 0.0)
    if name == "ElasticNet":
        return soft(v, step * weight) / (1.0 + step * ridge)
    if name == "L0":
        return np.where(np.abs(v) > np.sqrt(2.0 * step * weight), v, 0.0)
    if name == "GroupL1":
        norm = np.sqrt((v**2).sum(axis=axis, keepdims=True))
        safe = np.where(norm > 0, norm, 1.0)
        return v * np.maximum(1.0 - step * weight / safe, 0.0)
    raise LookupError(f"no textbook formula for {name}: add it to plain_prox in tests/reference.py")


def accurate_solution(problem: Any, n_iter=20_000):
    """Return near-exact codes: proximal gradient with momentum and restart on the matrix.

    Stops when the fixed-point residual is at rounding.
    """
    penalty = problem.penalty
    z = np.zeros(problem.codes_shape)
    pairs = [signal_matrix(problem, b) for b in range(z.shape[0])]
    matrices = np.stack([p[0] for p in pairs])
    targets = np.stack([p[1] for p in pairs])
    step = 1.0 / max(np.linalg.norm(m, 2) ** 2 for m in matrices)
    weight = weight_of(penalty)
    options = {"ridge": getattr(penalty, "ridge", 0.0), "axis": getattr(penalty, "axis", 1)}
    v, t = z.copy(), 1.0
    for _ in range(n_iter):
        residual = targets - np.einsum("bij,bj->bi", matrices, v.reshape(len(pairs), -1))
        gradient = np.einsum("bij,bi->bj", matrices, residual).reshape(z.shape)
        new = plain_prox(type(penalty).__name__, weight, v + step * gradient, step, **options)
        if np.abs(new - v).max() <= 1e-15 * max(np.abs(new).max(), 1e-300):
            return new
        if ((v - new) * (new - z)).sum() > 0:
            v, z, t = new.copy(), new, 1.0
            continue
        following = (1.0 + np.sqrt(1.0 + 4.0 * t * t)) / 2.0
        v, z, t = new + (t - 1.0) / following * (new - z), new, following
    return z
