"""A convolutional dictionary at one size: its geometry, its spectra, its operator."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

from sparsecsc.backends import backend_of
from sparsecsc.checks import dtype_name
from sparsecsc.dictionaries._geometry import Geometry, three
from sparsecsc.dictionaries._operators import SpectralOperator, to_polyphase
from sparsecsc.dictionaries._plan_costs import Choice, spectra_bytes
from sparsecsc.dictionaries._planned import PlannedOperator
from sparsecsc.dictionaries._spectra import embed
from sparsecsc.dictionaries.plans import WholeFFT

_MOST_BYTES_FOR_NORM = 2**27
"""Of spectra that only the norm needs: beyond, the bound for all sizes stands in for it."""


def kept(store: dict[Any, Any], key: Any, make: Callable[[], Any], most: int) -> Any:
    """Return what was made for the key; the oldest of `most` makes room."""
    if key not in store:
        while len(store) >= most:
            del store[next(iter(store))]
        store[key] = make()
    return store[key]


def geometry_of(dictionary: Any, backend: ModuleType, spatial: tuple[int, ...]) -> Geometry:
    """Return the geometry of a convolutional dictionary at one size."""
    return Geometry(
        backend,
        dictionary.filters,
        stride=three(dictionary.strides, 1),
        dilation=three(dictionary.dilations, 1),
        before=three(tuple(first for first, _ in dictionary.pads), 0),
        spatial=three(spatial, 1),
        code_spatial=three(dictionary.code_shape((1, dictionary.n_channels, *spatial))[2:], 1),
        circular=dictionary.is_circular,
    )


def bind_plan(dictionary: Any, geometry: Geometry, choice: Choice) -> Any:
    """Return the operator that computes by the plan chosen."""
    n_axes = dictionary.n_axes
    spatial = geometry.spatial[3 - n_axes :]
    if isinstance(choice.plan, WholeFFT):
        return make_spectral(dictionary, spatial, choice=choice)

    def spectral() -> SpectralOperator:
        return make_spectral(dictionary, spatial)

    def bound() -> float:
        if spectra_bytes(geometry, dictionary.circular_size(spatial)) > _MOST_BYTES_FOR_NORM:
            return float(dictionary.lipschitz())
        return spectral().lipschitz()

    code_spatial = geometry.code_spatial[3 - n_axes :]
    return PlannedOperator(geometry, choice, spatial, code_spatial, spectral, bound)


def make_spectral(
    dictionary: Any, spatial: tuple[int, ...], *, squared: bool = False, choice: Any = None
) -> SpectralOperator:
    """Return the operator on the whole domain; `squared`: with each tap squared."""
    filters, stride = dictionary.filters, dictionary.strides
    backend = backend_of(filters)
    xp = backend.xp
    wide = dictionary.circular_size(spatial)
    grid = tuple(n // s for n, s in zip(wide, stride, strict=True))
    origin = tuple(before for before, _ in dictionary.pads)
    complex_dtype = xp.complex64 if dtype_name(filters) == "float32" else xp.complex128
    half = (*grid[:-1], grid[-1] // 2 + 1)
    channels = dictionary.n_channels * math.prod(stride)
    spectra = xp.empty((dictionary.n_filters, channels, *half), dtype=complex_dtype)

    def fill(m: int) -> None:
        taps = xp.astype(filters[m : m + 1, ...], xp.float64)
        placed = embed(xp, taps, wide, dictionary.dilations, origin)
        if squared:
            placed = placed * placed
        spectrum = backend.rfftn(to_polyphase(xp, placed, grid, stride), grid)
        spectra[m, ...] = xp.astype(spectrum[0, ...], complex_dtype)

    backend.run(fill, range(dictionary.n_filters))
    return SpectralOperator(
        backend=backend,
        dtype=filters.dtype,
        spectra=spectra,
        grid=grid,
        stride=stride,
        n_channels=dictionary.n_channels,
        signal_spatial=spatial,
        code_spatial=dictionary.code_shape((1, dictionary.n_channels, *spatial))[2:],
        reach=tuple(zip(origin, dictionary.extent, strict=True)),
        choice=choice,
    )
