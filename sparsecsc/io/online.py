"""The checkpoint of online learning: filters, sums and how many batches they are of.

An NPZ archive of plain arrays (no pickle): ``header`` (JSON: format, format_version, parameters,
versions), ``filters``, ``pairs``, ``correlation``, ``energy``, ``objectives`` and ``seconds``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sparsecsc.checks import check_number
from sparsecsc.io.archives import Format
from sparsecsc.io.common import unreadable
from sparsecsc.learning.online import OnlineState

_FORMAT = Format(
    name="sparsecsc-online",
    version=1,
    content="a checkpoint of online learning",
    advice="learn again",
    fields={"parameters": dict, "versions": dict},
)


def save_online(
    path: str | os.PathLike[str],
    state: OnlineState,
    *,
    parameters: Mapping[str, Any] | None = None,
    versions: Mapping[str, str] | None = None,
) -> Path:
    """Write a state of online learning to one file, atomically.

    Parameters
    ----------
    path : path
        Ends in .npz.
    state : OnlineState
    parameters, versions : dict, optional
        Anything that JSON can hold, without NaN and infinity.

    Raises
    ------
    OSError
        If the file cannot be written.
    ValueError
        If the parameters are not JSON.
    """
    arrays = {
        "filters": state.filters,
        "pairs": state.pairs,
        "correlation": state.correlation,
        "energy": np.array(state.energy),
        "objectives": np.array(state.objectives, np.float64),
        "seconds": np.array(state.seconds),
    }
    header = {"parameters": dict(parameters or {}), "versions": dict(versions or {})}
    return _FORMAT.write(path, arrays, compress=False, **header)


def load_online(path: str | os.PathLike[str]) -> tuple[OnlineState, dict[str, Any]]:
    """Read a file that `save_online` wrote; return the state and the parameters.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it is damaged, of another kind or version, too large, or its parts do not fit together.
    """
    header, members = _FORMAT.read(path)
    try:
        filters, pairs, correlation = (members[n] for n in ("filters", "pairs", "correlation"))
        energy, objectives, seconds = (members[n] for n in ("energy", "objectives", "seconds"))
    except KeyError as error:
        raise unreadable(path, _FORMAT.content, f"its part {error} is missing") from None
    lags = tuple(2 * k - 1 for k in filters.shape[2:])
    shapes = {
        "pairs": (pairs, (*filters.shape[:1] * 2, *lags)),
        "correlation": (correlation, filters.shape),
        "energy": (energy, ()),
        "objectives": (objectives, (objectives.size,)),
        "seconds": (seconds, ()),
    }
    if filters.ndim not in (3, 4, 5) or not _is_finite(filters, ("float32", "float64")):
        raise unreadable(path, _FORMAT.content, "its filters are not finite, or not filters")
    for name, (array, shape) in shapes.items():
        if array.shape != shape or not _is_finite(array, ("float64",)):
            raise unreadable(path, _FORMAT.content, f"its {name} do not fit its filters")
    numbers = (float(energy), tuple(objectives.tolist()), float(seconds))
    return OnlineState(filters, pairs, correlation, *numbers), header["parameters"]


def _is_finite(array: np.ndarray, dtypes: tuple[str, ...]) -> bool:
    return str(array.dtype) in dtypes and bool(np.isfinite(array).all())


def online_checkpoint(
    path: str | os.PathLike[str],
    *,
    seconds: float = 60.0,
    parameters: Mapping[str, Any] | None = None,
    versions: Mapping[str, str] | None = None,
) -> Callable[[OnlineState], None]:
    """Return a callback for `learn_online` that saves the state, at most every so many seconds.

    Parameters
    ----------
    path : path
        Ends in .npz; replaced atomically each time.
    seconds : float
        The least time between two files; 0 saves after each batch.
    parameters, versions : dict, optional
        As for `save_online`.

    Returns
    -------
    callable
        To be passed on as ``callback``.

    Raises
    ------
    TypeError, ValueError
        If `seconds` is not a number >= 0; and, when it is called, as `save_online`.

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc, sparsecsc.io, tempfile, pathlib
    >>> batches = list(np.random.default_rng(0).standard_normal((4, 1, 1, 60)))
    >>> filters = sc.random_filters(2, 1, 5, rng=0)
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "online.npz"
    >>> save = sc.io.online_checkpoint(path, seconds=0)
    >>> result = sc.learn_online(batches[:2], filters, 0.5, callback=save)
    >>> state, _ = sc.io.load_online(path)
    >>> sc.learn_online(batches, filters, 0.5, start=state).state.n_batches
    4
    """
    wait = check_number("seconds", seconds, least=0.0)
    last = -np.inf

    def save(state: OnlineState) -> None:
        nonlocal last
        if time.monotonic() - last >= wait:
            save_online(path, state, parameters=parameters, versions=versions)
            last = time.monotonic()

    return save
