"""The codes of a run that goes on, saved every so often: one that is cut off can be resumed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from sparsecsc.checks import check_number
from sparsecsc.io.codes import save_codes


def checkpoint(
    path: str | os.PathLike[str],
    filters: Any,
    *,
    seconds: float = 60.0,
    parameters: Mapping[str, Any] | None = None,
    versions: Mapping[str, str] | None = None,
) -> Callable[[Any], None]:
    """Return a callback for `solve` that saves the codes, at most every so many seconds.

    Parameters
    ----------
    path : path
        Ends in .npz; replaced atomically each time, in the format of `save_codes`, not compressed.
    filters : array, shape (n_filters, n_channels, *kernel)
        Those of the dictionary.
    seconds : float
        The least time between two files; 0 saves at each check.
    parameters, versions : dict, optional
        As for `save_codes`; the number of iterations and the seconds of the run are added.

    Returns
    -------
    callable
        To be passed on as ``callback``. It is called every `check_every` iterations.

    Raises
    ------
    TypeError, ValueError
        If `seconds` is not a number >= 0; and, when it is called, as `save_codes`.

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc, sparsecsc.io, tempfile, pathlib
    >>> filters = np.ones((1, 1, 3))
    >>> problem = sc.Pursuit(np.ones((1, 1, 8)), sc.ConvDictionary(filters), sc.L1(0.5))
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "codes.npz"
    >>> save = sc.io.checkpoint(path, filters, seconds=0)
    >>> result = sc.solve(problem, tol=0, max_iter=2, check_every=1, callback=save)
    >>> start = sc.io.load_codes(path).sparse_codes
    >>> again = sc.solve(problem, start=start)
    """
    wait = check_number("seconds", seconds, least=0.0)
    last = time.monotonic()

    def save(check: Any) -> None:
        nonlocal last
        if time.monotonic() - last < wait:
            return
        progress = {"n_iter": check.n_iter, "seconds": check.seconds}
        save_codes(
            path,
            check.sparse_codes,
            filters,
            parameters=dict(parameters or {}) | progress,
            versions=dict(versions or {}),
            compress=False,
        )
        last = time.monotonic()

    return save
