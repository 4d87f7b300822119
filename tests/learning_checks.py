"""Checks of learning, each shown to fail on something wrong."""

import numpy as np
from checkers import assert_close, check_monotone

import sparsecsc as sc


def dense_columns(codes, dictionary, spatial):
    """Return the matrix that maps the taps of all filters to the signals, column by column."""
    shape = dictionary.filters.shape
    columns = []
    for k in range(int(np.prod(shape))):
        unit = np.zeros(int(np.prod(shape)))
        unit[k] = 1.0
        one = sc.ConvDictionary(
            unit.reshape(shape), dictionary.stride, dictionary.dilation, dictionary.padding
        )
        columns.append(one.synthesize(codes, spatial).ravel())
    return np.stack(columns, axis=1)


def check_objective_never_rises(result, signal, penalty, mask=None):
    """The history does not rise, and ends at the objective computed outside."""
    check_monotone(result.history.objectives)
    dictionary = result.dictionary
    image = dictionary.synthesize(result.codes, signal.shape[2:]).astype(np.float64)
    residual = (signal - image) * (1 if mask is None else mask)
    outside = 0.5 * float((residual**2).sum()) + penalty.value(result.codes)
    assert_close(result.objective, outside, signal.dtype)
    assert_close(result.history.objectives[-1], result.objective)


def check_allowed(filters, *, zero_mean=False, nonnegative=False, support=None, n_taps=None):
    """The filters are in the ball, and as the constraint wants them."""
    eps = float(np.finfo(filters.dtype).eps)
    norms = np.sqrt((filters.astype(np.float64) ** 2).reshape(len(filters), -1).sum(axis=1))
    assert norms.max() <= 1 + 4 * eps
    if zero_mean:
        sums = filters.astype(np.float64).sum(axis=tuple(range(2, filters.ndim)))
        assert np.abs(sums).max() <= 4 * filters[0].size * eps
    if nonnegative:
        assert filters.min() >= 0
    if n_taps is not None:
        assert np.count_nonzero(filters.reshape(len(filters), -1), axis=1).max() <= n_taps
    if support is not None:
        assert not np.any(filters[~np.broadcast_to(support, filters.shape)])


def likeness(truth, found):
    """Return for each true filter the largest correlation with a found one, at any shift."""
    best = np.zeros(len(truth))
    spatial = truth.shape[2:]
    padded = np.pad(found, [(0, 0), (0, 0), *((n - 1, n - 1) for n in spatial)])
    analysis = sc.ConvDictionary(truth, padding="valid").analyze(padded)
    sizes = np.sqrt((truth**2).reshape(len(truth), -1).sum(axis=1))
    norms = np.sqrt((found**2).reshape(len(found), -1).sum(axis=1))
    for n in range(len(found)):
        peaks = np.abs(analysis[n]).reshape(len(truth), -1).max(axis=1)
        best = np.maximum(best, peaks / (sizes * max(norms[n], 1e-300)))
    return best


def check_recovered(truth, found, least=0.95):
    """Every true filter is found, up to shift, sign and order."""
    assert likeness(truth, found).min() > least
