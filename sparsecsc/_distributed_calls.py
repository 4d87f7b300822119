"""Calls made here or on a cluster: (number, arguments) in, (number, value, error) out."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

from distributed import Client, KilledWorker, as_completed

from sparsecsc.backends.cpu import serial

Calls = list[tuple[int, tuple[Any, ...]]]
Done = Iterator[tuple[int, Any, BaseException | None]]


def here(function: Callable[..., Any], calls: Calls) -> Done:
    """Yield what comes of the calls made in this process, one after the other."""
    for n, arguments in calls:
        value, error = None, None
        try:
            value = function(*arguments)
        except Exception as raised:
            error = raised
        yield n, value, error


def there(function: Callable[..., Any], calls: Calls, client: Client) -> Done:
    """Yield what comes of all calls at once, then those whose workers died, one after the other.

    The scheduler blames a death on every item that the worker had been given; an item alone is
    blamed for its own.
    """
    blamed = []
    for done in _round(function, calls, client):
        if isinstance(done[2], KilledWorker):
            blamed.append(done[0])
        else:
            yield done
    for call in calls:
        if call[0] in blamed:
            yield from _round(function, [call], client)


def _round(function: Callable[..., Any], calls: Calls, client: Client) -> Done:
    name = f"sparsecsc-{uuid.uuid4().hex}"
    futures = {
        client.submit(_alone, function, *arguments, key=f"{name}-{n}", pure=False): n
        for n, arguments in calls
    }
    try:
        for future in as_completed(list(futures), loop=client.loop):
            error = future.exception()
            yield futures[future], None if error else future.result(), error
            future.release()
    finally:
        client.cancel(list(futures))


def _alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call on one thread: the workers' items share the processors."""
    with serial():
        return function(*arguments)
