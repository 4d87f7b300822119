"""The search behind `sidon_filters`: taps whose differences of position never repeat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ATTEMPTS = 50


def sidon_places(
    layout: tuple[int, int], shape: tuple[int, ...], n_taps: int, rng: np.random.Generator
) -> list[list[tuple[int, int]]]:
    """Return for each filter its taps as (channel, flat position); raise ValueError if none fit."""
    n_filters, n_channels = layout
    codes = _difference_codes(shape)
    for _ in range(_ATTEMPTS):
        filters: list[list[tuple[int, int]]] = []
        for number in range(n_filters):
            channels = [(tap + number) % n_channels for tap in range(n_taps)]
            taps = _next_filter(filters, channels, codes, rng)
            if taps is None:
                break
            filters.append(taps)
        else:
            return filters
    msg = (
        f"no {n_filters} filters of {n_taps} taps over {n_channels} channels with distinct "
        f"differences were found in `kernel` {shape}: enlarge it or ask for fewer taps or filters."
    )
    raise ValueError(msg)


def _difference_codes(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return a number for each position of a kernel: equal differences mean equal offsets."""
    codes = np.zeros((1,), dtype=np.int64)
    for size in shape:
        codes = np.add.outer(codes * (2 * size - 1), np.arange(size)).ravel()
    return codes


def _next_filter(
    filters: list[list[tuple[int, int]]],
    channels: list[int],
    codes: NDArray[np.int64],
    rng: np.random.Generator,
) -> list[tuple[int, int]] | None:
    """Return a filter that meets all `filters` and its own shifts in at most one tap, or None."""
    own: list[tuple[int, int]] = []
    used: list[set[int]] = [set() for _ in range(len(filters) + 1)]
    for channel in channels:
        order = rng.permutation(len(codes))
        allowed = np.ones(len(codes), dtype=bool)
        differences = []
        for number, other in enumerate([*filters, own]):
            places = [place for c, place in other if c == channel]
            new = codes[order][:, None] - codes[places][None, :]
            if other is own:
                allowed &= ~np.isin(order, places)
                new = np.concatenate([new, -new], axis=1)
            in_order = np.sort(new, axis=1)
            allowed &= ~np.any(in_order[:, 1:] == in_order[:, :-1], axis=1)
            allowed &= ~np.any(np.isin(new, list(used[number])), axis=1)
            differences.append(new)
        if not allowed.any():
            return None
        choice = int(np.argmax(allowed))
        for seen, new in zip(used, differences, strict=True):
            seen.update(map(int, new[choice]))
        own.append((channel, int(order[choice])))
    return own
