"""Online learning: one batch after another, of which only sums are kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from sparsecsc.backends import backend_of, kind_of
from sparsecsc.checks import check_alike, check_callable, check_number
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.learning._batch_codes import Mapper, codes_of
from sparsecsc.learning._quadratics import LagQuadratic, fits, make_majoriser
from sparsecsc.learning._rounds import given_filters, unused
from sparsecsc.learning.constraint import UnitBall
from sparsecsc.learning.learn import (
    allowed_filters,
    as_penalty,
    check_constraint,
    conv_dictionary,
)
from sparsecsc.learning.starts import reseed
from sparsecsc.learning.update import fitted
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.result import Status

_UNIT_BALL = UnitBall()
_FRACTION = 0.01
"""To which an update brings down the gap of the filters."""


@dataclass(frozen=True, eq=False)
class OnlineState:
    """All that learning needs to go on after some batches."""

    filters: Array
    """(n_filters, n_channels, *kernel)"""
    pairs: Array
    """(n_filters, n_filters, *lags), float64: discounted sums of products of codes at each lag."""
    correlation: Array
    """Of the filters' shape, float64: discounted sums of codes times samples."""
    energy: float
    """Discounted sum of half the squared norms of the batches."""
    objectives: tuple[float, ...]
    """Of each batch, at its codes for the filters before it."""
    seconds: float = field(default=0.0, compare=False)
    """Spent so far."""

    @property
    def n_batches(self) -> int:
        """How many batches were learned from."""
        return len(self.objectives)

    @property
    def idle(self) -> tuple[int, ...]:
        """The filters that no code has used."""
        return unused(self.quadratic.curvatures)

    @property
    def quadratic(self) -> LagQuadratic:
        """What the filters minimise."""
        return LagQuadratic(self.pairs, self.correlation, self.energy)


@dataclass(frozen=True, eq=False)
class OnlineResult:
    """The outcome of `learn_online`."""

    state: OnlineState
    """To go on from, as ``start``."""
    dictionary: ConvDictionary
    """That of the learned filters."""
    status: Status
    """RULE_MET: all batches were learned from."""

    @property
    def filters(self) -> Array:
        """(n_filters, n_channels, *kernel), of the dtype of the batches."""
        return self.dictionary.filters


def learn_online(
    batches: Any,
    filters: Any,
    penalty: Any,
    *,
    padding: Any = "circular",
    constraint: Any = _UNIT_BALL,
    forgetting: float = 1.0,
    start: OnlineState | None = None,
    solver: Any = None,
    tol: float = 1e-2,
    max_seconds: float = math.inf,
    callback: Callable[[OnlineState], Any] | None = None,
    mapper: Mapper | None = None,
) -> OnlineResult:
    r"""Learn filters from batches that need not fit into memory together.

    For batch t codes are found, and the filters then minimise the sum of the data terms of all
    batches at the codes that were found for them, earlier ones discounted:
    :math:`f_t = (1 - 1/t)^p f_{t-1} + \tfrac12\|M_t(y_t - D z_t)\|^2`. Of :math:`f_t` only sums
    over codes are kept, whose size does not depend on the batches.

    Parameters
    ----------
    batches : sequence
        Of arrays (n_signals, n_channels, *spatial), or of pairs (signal, mask); sizes may differ. A
        sequence that reads a file when it is indexed does for folders. For several passes it
        repeats them.
    filters : array, shape (n_filters, n_channels, *kernel), or ConvDictionary
        Where to start; see `learn`.
    penalty : float or Penalty
        A number is the weight of `L1`.
    padding, constraint, solver
        As for `learn`.
    forgetting : float
        p >= 0: 0 never forgets, 1 makes the weight of a batch grow in proportion to its number.
    start : OnlineState, optional
        To go on from: its batches, the first ones, are passed over, and its filters are those to
        start at. ``learn_online`` in one go and in parts give the same filters, bit for bit, on the
        same machine.
    tol : float
        Relative duality gap of the codes of a batch.
    max_seconds : float
        Most seconds, looked at after each batch.
    callback : callable, optional
        Called with the `OnlineState` after each batch, such as `sparsecsc.io.online_checkpoint`;
        if it returns True learning ends as interrupted.
    mapper : callable, optional
        As the builtin ``map``: it calls a function for each signal of a batch, each of which is
        then a pursuit of its own. ``sparsecsc.distributed.mapper`` has a cluster do so.

    Returns
    -------
    OnlineResult
        Ctrl-C returns what was learned from the last complete batch.

    Raises
    ------
    TypeError, ValueError
        As `learn`; if `batches` is not a sequence, or `start` does not fit.

    Notes
    -----
    Masked samples, and those outside of the signal where atoms are cut off, count as explained by
    the filters as they are: an upper bound that touches the data term there. Cost a batch: its
    pursuit, a look at each pair of nonzero codes whose atoms overlap, and an update of the filters;
    see `learn`. Memory: 8 M^2 2^d K bytes, and one batch.

    References
    ----------
    Mairal, Bach, Ponce and Sapiro 2010 (algorithm 1, section 3.4.2); Liu, Garcia-Cardona, Wohlberg
    and Yin 2018 (the convolutional case, and forgetting).

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc
    >>> rng = np.random.default_rng(0)
    >>> batches = [rng.standard_normal((1, 1, 200)) for _ in range(6)]
    >>> filters = sc.random_filters(3, 1, 8, rng=1)
    >>> half = sc.learn_online(batches[:3], filters, 0.5)
    >>> whole = sc.learn_online(batches, filters, 0.5, start=half.state)
    >>> whole.state.n_batches, len(whole.state.objectives)
    (6, 6)
    """
    dictionary = conv_dictionary(filters, padding)
    _check(batches, dictionary, constraint, callback, start)
    check_number("tol", tol, least=0.0)
    check_number("forgetting", forgetting, least=0.0, finite=True)
    check_number("max_seconds", max_seconds, above=0.0)
    if mapper is not None:
        check_callable("mapper", mapper, "a function of a function and a list, as map")
        if kind_of(dictionary.filters) != "numpy":
            msg = (
                "`mapper` needs NumPy arrays, which travel; got filters of "
                f"{kind_of(dictionary.filters)}: leave it out."
            )
            raise TypeError(msg)
    pursuit = (as_penalty(penalty), solver, tol, mapper)
    learner = _Learner(dictionary, constraint, forgetting, pursuit)
    state, began = start or learner.first(), time.perf_counter()
    earlier = state.seconds
    status = Status.RULE_MET
    try:
        for t in range(state.n_batches, len(batches)):
            new = learner.after(state, batches[t])
            seconds = time.perf_counter() - began
            state = replace(new, seconds=earlier + seconds)
            if callback is not None and callback(state):
                status = Status.INTERRUPTED
                break
            if seconds >= max_seconds and t + 1 < len(batches):
                status = Status.MAX_SECONDS
                break
    except KeyboardInterrupt:
        if not state.n_batches:
            raise
        status = Status.INTERRUPTED
    return OnlineResult(state, replace(dictionary, filters=state.filters), status)


@dataclass(frozen=True, eq=False)
class _Learner:
    """What stays the same from batch to batch."""

    dictionary: ConvDictionary
    constraint: Any
    forgetting: float
    pursuit: tuple[Any, Any, float, Mapper | None]
    """Penalty, solver, tolerance, mapper."""

    def first(self) -> OnlineState:
        """Return the state before the first batch."""
        filters = self.dictionary.filters
        xp, lags = backend_of(filters).xp, tuple(2 * k - 1 for k in filters.shape[2:])
        pairs = xp.zeros((*(filters.shape[0],) * 2, *lags), dtype=xp.float64)
        correlation = xp.zeros(filters.shape, dtype=xp.float64)
        allowed = allowed_filters(filters, self.constraint)
        return OnlineState(allowed, pairs, correlation, 0.0, ())

    def after(self, state: OnlineState, batch: Any) -> OnlineState:
        """Return the state after one more batch."""
        signal, mask = batch if isinstance(batch, tuple) else (batch, None)
        dictionary = replace(self.dictionary, filters=state.filters)
        problem = Pursuit(signal, dictionary, self.pursuit[0], mask)
        codes, objective = codes_of(problem, *self.pursuit)
        found = make_majoriser(problem, codes)
        kept = (1 - 1 / (state.n_batches + 1)) ** self.forgetting if state.n_batches else 0.0
        quadratic = LagQuadratic(
            kept * state.pairs + found.pairs,
            kept * state.correlation + found.correlation,
            kept * state.energy + found.energy,
        )
        new = fitted(quadratic, self.constraint, state.filters, _FRACTION)
        given = reseed(problem, codes, unused(quadratic.curvatures), self.constraint)
        return OnlineState(
            given_filters(new, given, state.filters),
            quadratic.pairs,
            quadratic.correlation,
            quadratic.energy,
            (*state.objectives, objective),
        )


def _check(
    batches: Any, dictionary: ConvDictionary, constraint: Any, callback: Any, start: Any
) -> None:
    if not (hasattr(batches, "__len__") and hasattr(batches, "__getitem__")):
        msg = (
            "`batches` must be a sequence, so that learning can go on where it was; got "
            f"{type(batches).__name__}: put it into a list, or write a class with __len__ and "
            "__getitem__ that reads a file."
        )
        raise TypeError(msg)
    if not len(batches):
        msg = "`batches` must not be empty; got none: check how they were collected."
        raise ValueError(msg)
    check_constraint(constraint, dictionary)
    if not fits(dictionary):
        msg = (
            "`filters` must be of a size whose table of lags takes at most 256 MB; got "
            f"{tuple(dictionary.filters.shape)}: use fewer or smaller ones, or learn."
        )
        raise ValueError(msg)
    if callback is not None:
        check_callable("callback", callback, "a function of one OnlineState")
    if start is None:
        return
    if not isinstance(start, OnlineState):
        msg = (
            f"`start` must be an OnlineState; got {type(start).__name__}: pass the `state` of a "
            "result, or what load_online returns."
        )
        raise TypeError(msg)
    check_alike(filters=dictionary.filters, start=start.filters)
    if start.filters.shape != dictionary.filters.shape or start.n_batches > len(batches):
        msg = (
            f"`start` must be of filters {tuple(dictionary.filters.shape)} and at most "
            f"{len(batches)} batches; got {tuple(start.filters.shape)} and {start.n_batches}: go "
            "on with what it was made from."
        )
        raise ValueError(msg)
