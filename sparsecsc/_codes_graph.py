"""Which chunks wait for which: colour after colour, without a stop of all threads between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sparsecsc._codes_tiling import Tiling


class Graph(NamedTuple):
    """Tasks 0, 1, ... in an order in which they could be done one by one."""

    counts: tuple[int, ...]
    """How many others each waits for."""
    followers: tuple[tuple[int, ...], ...]
    """The tasks that wait for it."""


@dataclass(frozen=True)
class Order:
    """The chunks of all signals, colour by colour."""

    numbers: tuple[int, ...]
    """signal * n_chunks + chunk of each task."""
    alone: Graph
    """Each task waits for the chunks of earlier colours that it shares samples with."""
    twice: Graph
    """The same, then as many tasks that only read: these wait for all that touch their samples."""


def make_order(tiling: Tiling, n_signals: int) -> Order:
    """Return the order in which the chunks of all signals are worked on."""
    n_chunks = len(tiling.chunks)
    firsts = range(0, n_signals * n_chunks, n_chunks)
    numbers = [first + i for colour in tiling.colours for first in firsts for i in colour]
    tasks = {number: task for task, number in enumerate(numbers)}
    near = []
    for number in numbers:
        b, chunk = divmod(number, n_chunks)
        near.append([tasks[b * n_chunks + i] for i in tiling.near[chunk]])
    needs = [[other for other in others if other < task] for task, others in enumerate(near)]
    reads = [[task, *others] for task, others in enumerate(near)]
    return Order(tuple(numbers), make_graph(needs), make_graph([*needs, *reads]))


def make_graph(needs: Sequence[Iterable[int]]) -> Graph:
    """Return the graph in which task i waits for ``needs[i]``, all of them smaller than i."""
    followers: list[list[int]] = [[] for _ in needs]
    counts = []
    for task, others in enumerate(map(set, needs)):
        counts.append(len(others))
        for other in others:
            followers[other].append(task)
    return Graph(tuple(counts), tuple(map(tuple, followers)))
