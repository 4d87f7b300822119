"""Filters for codes that stay: a convex problem, with a certificate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from sparsecsc.backends import backend_of
from sparsecsc.learning._array_sums import float64, inner
from sparsecsc.protocols import Array

STEPS = 50
"""Most steps of an update of the filters."""
_POWER_STEPS = 8
_GROWTH = 1.1


@dataclass(frozen=True)
class Point:
    """Filters, H times them, and what follows."""

    filters: Array
    image: Array

    def value(self, quadratic: Any) -> float:
        """Return the data term."""
        products = 0.5 * inner(self.filters, self.image)
        products -= inner(quadratic.correlation, self.filters)
        return products + float(quadratic.energy)

    def gap(self, quadratic: Any, constraint: Any) -> float:
        """Return an upper bound on how much smaller the data term can be: Frank and Wolfe's."""
        gradient = self.image - quadratic.correlation
        best = -float(backend_of(gradient).xp.sum(constraint.maximise(-gradient)))
        return inner(gradient, self.filters) - best


def point_at(quadratic: Any, filters: Array) -> Point:
    """Return the point of these filters, in float64."""
    exact = float64(filters)
    return Point(exact, quadratic.apply(exact))


def improve(quadratic: Any, constraint: Any, start: Point, *, gap: float, max_iter: int) -> Point:
    r"""Minimise the data term over the filters, until its gap is certified.

    Accelerated projected gradient in the metric of the curvatures: filter m has the step
    :math:`1 / (\rho c_m)`, as the constraint is on each filter by itself. :math:`\rho` begins at an
    estimate from power iteration and grows where a step shows it to be too small; the momentum
    starts anew where the value would rise. No value is above that of `start`.

    References
    ----------
    Beck and Teboulle 2009; O'Donoghue and Candes 2015 (restart).
    """
    xp = backend_of(start.filters).xp
    curvatures = xp.reshape(quadratic.curvatures, (-1, *(1,) * (start.filters.ndim - 1)))
    scales = xp.where(curvatures > 0, curvatures, xp.full_like(curvatures, math.inf))
    rho = _spread(quadratic, scales)
    best, ahead, momentum, value = start, start, 1.0, start.value(quadratic)
    for _ in range(max_iter):
        gradient = ahead.image - quadratic.correlation
        filters = constraint.project(ahead.filters - gradient / (rho * scales))
        new = Point(filters, quadratic.apply(filters))
        move = new.filters - ahead.filters
        bend = inner(move, new.image - ahead.image)
        room = rho * float(xp.sum(curvatures * move**2))
        if bend > room * (1 + 1e-12):
            rho *= max(_GROWTH, bend / room)
            continue
        reached = new.value(quadratic)
        if reached > value:
            if ahead is best:  # a plain step cannot raise the value: what is left is rounding
                return best
            ahead, momentum = best, 1.0
            continue
        longer = 0.5 * (1 + math.sqrt(1 + 4 * momentum**2))
        factor = (momentum - 1) / longer
        ahead, momentum = _beyond(new, best, factor), longer
        best, value = new, reached
        if best.gap(quadratic, constraint) <= gap:
            break
    return best


def fitted(quadratic: Any, constraint: Any, filters: Array, share: float) -> Array:
    """Return filters in float64 whose gap is this share of that of the given ones, or as near."""
    start = point_at(quadratic, filters)
    gap = share * max(start.gap(quadratic, constraint), 0.0)
    return improve(quadratic, constraint, start, gap=gap, max_iter=STEPS).filters


def _beyond(new: Point, old: Point, factor: float) -> Point:
    filters = new.filters + factor * (new.filters - old.filters)
    return Point(filters, new.image + factor * (new.image - old.image))


def _spread(quadratic: Any, scales: Array) -> float:
    """Return about the largest eigenvalue of H in the metric of the scales, from below."""
    roots = backend_of(scales).xp.sqrt(scales)
    vector = quadratic.correlation / roots
    size = 1.0
    for _ in range(_POWER_STEPS):
        norm = math.sqrt(inner(vector, vector))
        if norm == 0:
            break
        vector = quadratic.apply(vector / norm / roots) / roots
        size = math.sqrt(inner(vector, vector))
    return max(size, 1.0)
