"""Batches and folders larger than one machine: ``pip install "sparsecsc[dask]"``.

Items are independent. What an item gives is written by the worker that made it, in one go: a worker
that is killed loses its current item only, which another worker then takes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
from distributed import Client

from sparsecsc._distributed_calls import here, there
from sparsecsc.backends.cpu import serial
from sparsecsc.checks import check_array, check_callable, check_number, check_sequence
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.penalties.l1 import L1
from sparsecsc.problems import SIGNAL_AXES, Pursuit
from sparsecsc.solve import solve

__all__ = ["Outcome", "connect", "encode_blocks", "map_items", "mapper"]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one item."""

    item: Any
    value: Any = None
    """What the function returned; None if it failed or was not called."""
    error: BaseException | None = None
    """Why it failed: what the function raised, or that the workers that had it died."""
    skipped: bool = False
    """Whether its target was there before, so that the function was not called."""


def connect(address: str, *, timeout: float = 10.0) -> Client:
    """Return a client of the scheduler at an address.

    Parameters
    ----------
    address : str
        Such as ``"tcp://10.0.0.5:8786"``, as ``dask scheduler`` prints it.
    timeout : float
        Seconds to wait for an answer, and for the first worker.

    Returns
    -------
    distributed.Client

    Raises
    ------
    TypeError, ValueError
        If the address is not one, or `timeout` not a number above 0.
    ConnectionError
        If no scheduler answers there, or none of its workers does.
    """
    seconds = check_number("timeout", timeout, above=0.0, finite=True)
    if not isinstance(address, str):
        msg = f"`address` must be text such as 'tcp://10.0.0.5:8786'; got {address!r}: pass that."
        raise TypeError(msg)
    try:
        client = Client(address, timeout=seconds, set_as_default=False)
    except OSError:
        msg = (
            f"expected a dask scheduler at '{address}'; got no answer in {seconds:g} s: start one "
            "there with `dask scheduler`, or correct the address."
        )
        raise ConnectionError(msg) from None
    except (ValueError, TypeError) as error:
        msg = f"expected an address such as 'tcp://10.0.0.5:8786'; got '{address}' ({error})."
        raise ValueError(msg) from None
    try:
        client.wait_for_workers(1, timeout=seconds)
    except TimeoutError:
        client.close()
        msg = (
            f"expected workers at the scheduler '{address}'; got none in {seconds:g} s: start some "
            f"with `dask worker {address}`."
        )
        raise ConnectionError(msg) from None
    return client


def map_items(
    function: Callable[..., Any],
    items: Sequence[Any],
    client: Client | None = None,
    *,
    targets: Sequence[str | os.PathLike[str]] | None = None,
    callback: Callable[[Outcome], Any] | None = None,
) -> list[Outcome]:
    """Call a function for each item on the workers of a cluster.

    Parameters
    ----------
    function : callable
        Of one item; with `targets` of an item and its target, which it is to write in one go, as
        all writers of `sparsecsc.io` do. The workers must be able to import it.
    items : sequence
        What it is called with. Paths that every worker sees travel better than arrays.
    client : distributed.Client, optional
        As `connect` returns; by default the calls are made here, one after the other.
    targets : sequence of path, optional
        One file an item, which is there if and only if the item is finished: an item whose target
        exists is not computed again. That is how a job that was broken off is resumed.
    callback : callable, optional
        Called here with each `Outcome` as it comes in.

    Returns
    -------
    list of Outcome
        In the order of `items`. An item that fails does not stop the others.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, or there is not one target of its own for each item.

    Notes
    -----
    An item whose worker dies is given to another. After ``distributed.scheduler.allowed-failures``
    deaths (3 by default) it waits until the others are done, is tried by itself, so that no other
    item can be to blame, and is then given up with an error of class ``KilledWorker``. On a worker
    a solve has one thread: items share the processors. Ctrl-C cancels what has not begun.
    """
    check_callable("function", function, "a function of an item (and its target)")
    things = check_sequence("items", items, "items")
    files = _targets(targets, len(things))
    outcomes: list[Any] = [None] * len(things)
    todo = [n for n, file in enumerate(files) if file is None or not file.exists()]
    for n in sorted(set(range(len(things))) - set(todo)):
        outcomes[n] = Outcome(things[n], skipped=True)
        if callback is not None:
            callback(outcomes[n])
    calls = [(n, (things[n],) if files[n] is None else (things[n], files[n])) for n in todo]
    done = here(function, calls) if client is None else there(function, calls, client)
    for n, value, error in done:
        outcomes[n] = Outcome(things[n], value, error)
        if callback is not None:
            callback(outcomes[n])
    return outcomes


def mapper(client: Client | None = None) -> Callable[[Callable[[Any], Any], list[Any]], list[Any]]:
    """Return what calls a function for each item on a cluster, as the builtin ``map`` does here.

    For ``sparsecsc.learn_online(mapper=...)``: the signals of each batch are coded on the workers,
    and what a worker that dies had is coded by another.

    Parameters
    ----------
    client : distributed.Client, optional
        From `connect`; without one all is done here.

    Returns
    -------
    callable
        Of a function and a list of items; returns the list of values, or raises what the first
        item that failed did.
    """

    def mapped(function: Callable[[Any], Any], items: list[Any]) -> list[Any]:
        outcomes = map_items(function, items, client)
        for outcome in outcomes:
            if outcome.error is not None:
                raise outcome.error
        return [outcome.value for outcome in outcomes]

    return mapped


def encode_blocks(
    signals: Any,
    filters: Any,
    weight: Any,
    *,
    penalty: Callable[[Any], Any] = L1,
    padding: Any = "circular",
    **options: Any,
) -> Any:
    """Return the codes of a dask array, computed block by block when they are asked for.

    Parameters
    ----------
    signals : dask.array.Array, shape (n_signals, n_channels, *spatial)
        Of float32 or float64 NumPy blocks, cut along the first axis only.
    filters : array, shape (n_filters, n_channels, *kernel), or Dictionary
        Of the signals' dtype.
    weight, penalty, padding
        As for `encode`.
    **options
        As for `solve`, among them `solver` and `tol`, which holds for each signal by itself.

    Returns
    -------
    dask.array.Array, shape (n_signals, n_filters, *code_spatial)
        Cut as `signals`, of its dtype.

    Raises
    ------
    TypeError, ValueError
        If the signals are not such an array, or do not fit the filters; what a block has wrong,
        such as values that are not finite, is found when it is computed.

    Notes
    -----
    Codes are dense arrays, n_filters times as large as a block of signals of one channel. They do
    not depend on where the array is cut.

    Examples
    --------
    >>> import dask.array, numpy as np, sparsecsc as sc
    >>> signals = dask.array.random.default_rng(0).standard_normal((6, 1, 64), chunks=(2, 1, 64))
    >>> codes = sc.distributed.encode_blocks(signals, sc.random_filters(4, 1, 8, 0), 1.0)
    >>> codes.shape, codes.numblocks
    ((6, 4, 64), (3, 1, 1))
    """
    _check_dask(signals)
    check_callable("penalty", penalty, "such as L1, to make one from a weight")
    dictionary = filters
    if not hasattr(filters, "bind"):
        dictionary = ConvDictionary(filters, padding=padding)
    sample = np.zeros((1, *signals.shape[1:]), signals.dtype)
    shape = Pursuit(sample, dictionary, penalty(weight)).codes_shape[1:]
    return signals.map_blocks(
        _encode_block,
        dictionary,
        penalty(weight),
        options,
        chunks=(signals.chunks[0], *((n,) for n in shape)),
        dtype=signals.dtype,
        meta=np.empty((0,) * signals.ndim, signals.dtype),
    )


def _encode_block(block: Any, dictionary: Any, penalty: Any, options: Any) -> np.ndarray:
    check_array("signals", block, ndims=(3, 4, 5), axes=SIGNAL_AXES)
    with serial():
        each = [
            solve(Pursuit(block[n : n + 1], dictionary, penalty), **options).codes
            for n in range(len(block))
        ]
    return np.concatenate(each)


def _check_dask(signals: Any) -> None:
    if not isinstance(signals, dask.array.Array):
        msg = (
            f"`signals` must be a dask array; got {type(signals).__name__}: use "
            "dask.array.from_array, or sparsecsc.encode for an array in memory."
        )
        raise TypeError(msg)
    if signals.ndim not in (3, 4, 5) or any(math.isnan(n) for n in signals.shape):
        msg = f"`signals` must be {SIGNAL_AXES} of known size; got {signals.shape}: reshape it."
        raise ValueError(msg)
    if any(count > 1 for count in signals.numblocks[1:]):
        msg = (
            "`signals` must be cut along its first axis only; got blocks "
            f"{signals.numblocks}: use signals.rechunk({{n: -1 for n in range(1, signals.ndim)}})."
        )
        raise ValueError(msg)


def _targets(targets: Any, count: int) -> list[Path | None]:
    if targets is None:
        return [None] * count
    files: list[Path | None] = [
        Path(t).absolute() for t in check_sequence("targets", targets, "paths")
    ]
    if len(files) != count or len(set(files)) != count:
        msg = (
            f"`targets` must be {count} different files, one an item; got {len(files)}, "
            f"{len(set(files))} of them different: correct them."
        )
        raise ValueError(msg)
    return files
