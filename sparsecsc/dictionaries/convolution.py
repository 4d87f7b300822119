"""The convolutional dictionary: any stride, dilation and border, in 1-D, 2-D and 3-D."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sparsecsc.backends import backend_of
from sparsecsc.checks import check_alike, check_array, dtype_name, per_axis
from sparsecsc.dictionaries._apply import analyze, gram, synthesize
from sparsecsc.dictionaries._bind import bind_plan, geometry_of, kept, make_spectral
from sparsecsc.dictionaries._plan_costs import choose
from sparsecsc.dictionaries._spectra import scatter
from sparsecsc.dictionaries.plans import WholeFFT, check_plan
from sparsecsc.protocols import Array, Operator

_FILTER_AXES = "(n_filters, n_channels, *kernel) with 1, 2 or 3 kernel axes"
_BORDERS = ("circular", "valid", "same", "full")
_KEPT_SIZES, _KEPT_CHOICES = 2, 16


@dataclass(frozen=True, eq=False)
class ConvDictionary:
    r"""Sums of shifted filters: :math:`D z = \sum_m d_m * z_m`, strided and dilated.

    Parameters
    ----------
    filters : array, shape (n_filters, n_channels, *kernel)
        float32 or float64; the layout of a PyTorch convolution weight. 1, 2 or 3 kernel axes.
    stride : int or tuple of int
        Distance, in samples of the signal, between neighbouring positions of an atom.
    dilation : int or tuple of int
        Distance, in samples, between neighbouring taps of a filter.
    padding : {"circular", "valid", "same", "full"} or int or tuple of int
        The border. ``"circular"``: indices wrap around, an atom's origin is its first tap, and
        codes have the size signal / stride. Otherwise the number of zeros that analysis adds on
        each side of each axis: 0 for ``"valid"``, dilation * (kernel - 1) for ``"full"``, and for
        ``"same"`` half of that, so that at stride 1 codes have the signal's size.
    plan : WholeFFT, TiledFFT, DirectSamples or DirectChannels, optional
        How D and its adjoint are computed; by default what a cost rule expects to be the fastest
        for the size. All agree to rounding.

    Raises
    ------
    TypeError, ValueError
        If the filters are not a finite, non-empty floating array of 3 to 5 axes, or a geometry
        argument is out of range. A kernel larger than the signal is refused once the signal's
        size is known.

    Notes
    -----
    Unless circular, `analyze` is what ``torch.nn.functional.conv*d`` computes and `synthesize`
    what ``conv_transpose*d`` does. Cost and memory are the plan's: see `WholeFFT`, `TiledFFT`,
    `DirectSamples` and `DirectChannels`. Once bound to a size, `repr` says which it is.

    References
    ----------
    Papyan, Sulam and Elad 2017 (eq. 2) for the model; Bristow, Eriksson and Lucey 2013 for the
    frequency-domain form.

    Examples
    --------
    >>> import numpy as np, sparsecsc as sc
    >>> filters = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> codes = np.array([[[[5.0, 6.0], [7.0, 8.0]]]])
    >>> sc.ConvDictionary(filters).synthesize(codes)[0, 0].round(10)
    array([[70., 68.],
           [62., 60.]])
    """

    filters: Array
    stride: int | tuple[int, ...] = 1
    dilation: int | tuple[int, ...] = 1
    padding: str | int | tuple[int, ...] = "circular"
    plan: Any = None
    _chosen: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)
    _bound: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        filters = check_array("filters", self.filters, ndims=(3, 4, 5), axes=_FILTER_AXES)
        d = filters.ndim - 2
        check_plan(self.plan)
        object.__setattr__(self, "stride", per_axis("stride", self.stride, d, least=1))
        object.__setattr__(self, "dilation", per_axis("dilation", self.dilation, d, least=1))
        if isinstance(self.padding, str):
            if self.padding not in _BORDERS:
                msg = (
                    f"`padding` must be one of {', '.join(_BORDERS)}, an int or a tuple of ints; "
                    f"got {self.padding!r}: choose one of these."
                )
                raise ValueError(msg)
        else:
            object.__setattr__(self, "padding", per_axis("padding", self.padding, d, least=0))

    def __repr__(self) -> str:
        return (
            f"ConvDictionary({self.n_filters} filters {'x'.join(map(str, self.kernel))}, "
            f"{self.n_channels} channels, stride={self.stride}, dilation={self.dilation}, "
            f"padding={self.padding!r}, {dtype_name(self.filters)}, plan={self._plan_text()})"
        )

    def _plan_text(self) -> str:
        """Return the plan given, or the rule's for the sizes bound last."""
        bound = [
            f"{'x'.join(map(str, spatial))}: {operator.choice!r}"
            for (spatial, _), operator in self._bound.items()
        ]
        text = "the cost rule's" if self.plan is None else repr(self.plan)
        return f"{text} [{'; '.join(bound)}]" if bound else text

    @property
    def n_filters(self) -> int:
        """The number of filters."""
        return int(self.filters.shape[0])

    @property
    def n_channels(self) -> int:
        """The number of channels of the signals."""
        return int(self.filters.shape[1])

    @property
    def n_axes(self) -> int:
        """The number of spatial axes."""
        return len(self.kernel)

    @property
    def kernel(self) -> tuple[int, ...]:
        """The number of taps along each spatial axis."""
        return tuple(self.filters.shape[2:])

    @property
    def extent(self) -> tuple[int, ...]:
        """The size of a dilated filter: dilation * (kernel - 1) + 1 along each axis."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilations, strict=True))

    @property
    def is_circular(self) -> bool:
        """Whether indices wrap around."""
        return self.padding == "circular"

    @property
    def pads(self) -> tuple[tuple[int, int], ...]:
        """Zeros that analysis adds before and after each axis; none where circular."""
        if self.padding == "same":
            return tuple(((e - 1) // 2, e - 1 - (e - 1) // 2) for e in self.extent)
        if self.padding == "full":
            return tuple((e - 1, e - 1) for e in self.extent)
        if isinstance(self.padding, tuple):
            return tuple((p, p) for p in self.padding)
        return ((0, 0),) * len(self.kernel)

    def code_shape(self, signal_shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape (n_signals, n_filters, *code_spatial) of the codes of a signal.

        Raises
        ------
        ValueError
            If rank or channels do not match the filters, the filters do not fit the signal, or a
            circular signal is not a multiple of the stride.
        """
        self._check_signal(signal_shape)
        if self.is_circular:
            sizes = zip(signal_shape[2:], self.strides, strict=True)
            return (signal_shape[0], self.n_filters, *(n // s for n, s in sizes))
        parts = zip(signal_shape[2:], self.pads, self.extent, self.strides, strict=True)
        spatial = ((n + a + b - e) // s + 1 for n, (a, b), e, s in parts)
        return (signal_shape[0], self.n_filters, *spatial)

    def signal_spatial(self, code_spatial: Sequence[int]) -> tuple[int, ...]:
        """Return the smallest spatial size of a signal with codes of size `code_spatial`.

        Raises
        ------
        ValueError
            If the padding leaves no sample of a signal with codes of this size.
        """
        if self.is_circular:
            return tuple(n * s for n, s in zip(code_spatial, self.strides, strict=True))
        parts = zip(code_spatial, self.pads, self.extent, self.strides, strict=True)
        spatial = tuple((n - 1) * s - a - b + e for n, (a, b), e, s in parts)
        if min(spatial) < 1:
            msg = (
                f"`codes` must be of a size that padding {self.padding!r} leaves a signal for; got "
                f"{tuple(code_spatial)}, a signal of {spatial}: pass larger codes."
            )
            raise ValueError(msg)
        return spatial

    def synthesize(self, codes: Array, spatial: tuple[int, ...] | None = None) -> Array:
        """Return D codes: (n_signals, n_channels, *spatial).

        Parameters
        ----------
        codes : array, shape (n_signals, n_filters, *code_spatial)
            Of the kind and dtype of the filters.
        spatial : tuple of int, optional
            Size of the signal; by default the smallest that these codes fit. Larger ones exist
            where the stride does not divide evenly.
        """
        return synthesize(self, codes, spatial)

    def analyze(self, signal: Array) -> Array:
        """Return the correlations D^T signal: (n_signals, n_filters, *code_spatial)."""
        return analyze(self, signal)

    def gram(self, codes: Array, spatial: tuple[int, ...] | None = None) -> Array:
        """Return D^T D codes; where circular, without leaving the frequency domain."""
        return gram(self, codes, spatial)

    def lipschitz(self, spatial: tuple[int, ...] | None = None) -> float:
        """Return an upper bound on the squared spectral norm of D.

        Parameters
        ----------
        spatial : tuple of int, optional
            The size of the signal. With it, the value is exact for a circular dictionary, and
            for the others the norm on a padded circular grid, which contains them. Without it,
            and where a plan other than `WholeFFT` would need spectra of more than 64 MB for it,
            the value bounds every size and border: the norm on a grid 16 times finer than the
            filter, divided by cos(pi / 16) an axis or less (Ehlich and Zeller 1964: a
            trigonometric polynomial between its samples).
        """
        if spatial is not None:
            return self.bind((1, self.n_channels, *spatial), self.filters).lipschitz()
        unit = all(s == 1 for s in self.strides)  # then dilation only re-indexes the spectrum
        size = self.kernel if unit else self.extent
        degree = [(k - 1) // s for k, s in zip(size, self.strides, strict=True)]
        grid = [16 * n + 1 for n in degree]
        dilation = 1 if unit else self.dilation
        dense = ConvDictionary(self.filters, stride=self.stride, dilation=dilation, plan=WholeFFT())
        spatial = tuple(g * s for g, s in zip(grid, self.strides, strict=True))
        slack = math.prod(math.cos(math.pi * n / g) for n, g in zip(degree, grid, strict=True))
        return dense.lipschitz(spatial) / slack

    def column_norms(self, signal_shape: Sequence[int], mask: Array) -> Array:
        """Return the Euclidean norms of the columns of mask * D, exactly; cost of one analysis.

        Parameters
        ----------
        signal_shape : sequence of int
            (n_signals, n_channels, *spatial)
        mask : array, broadcastable to `signal_shape`
        """
        xp = backend_of(self.filters).xp
        operator = make_spectral(self, tuple(signal_shape[2:]), squared=True)
        shape = self.code_shape(signal_shape)
        norms = xp.empty(shape, dtype=self.filters.dtype)
        weight = xp.ones(tuple(signal_shape), dtype=self.filters.dtype) * mask * mask

        def store(block: Any, squares: Array) -> None:
            norms[block] = xp.sqrt(xp.maximum(squares, xp.zeros_like(squares)))

        operator.analyze(weight, store)
        return norms

    def column(self, signal_shape: Sequence[int], index: tuple[int, ...], like: Array) -> Array:
        """Return the atom of the code entry `index` = (filter, *position), exactly."""
        xp = backend_of(like).xp
        m, *position = index
        spatial = tuple(signal_shape[2:])
        out = xp.zeros((self.n_channels, *spatial), dtype=like.dtype)
        wide = self.circular_size(spatial)
        corner = tuple(n * s for n, s in zip(position, self.strides, strict=True))
        atom = self.filters[m, ...]
        for axis, n in enumerate(spatial):
            first = corner[axis] - self.pads[axis][0]
            taps = [first + self.dilations[axis] * t for t in range(self.kernel[axis])]
            atom = scatter(xp, atom, axis + 1, [t % wide[axis] for t in taps], n)
        return out + atom

    def bind(self, signal_shape: Sequence[int], like: Array) -> Operator:
        """Return the operator for signals of this shape; the last few are kept.

        Raises
        ------
        TypeError
            If `like` is not of the kind and dtype of the filters.
        ValueError
            As `code_shape`, or if the plan does not fit.
        """
        check_alike(signal=like, filters=self.filters)
        self._check_signal(signal_shape)
        n_signals, _, *sizes = (int(n) for n in signal_shape)
        spatial = tuple(sizes)

        def chosen() -> Any:
            geometry = geometry_of(self, backend_of(self.filters), spatial)
            choice = choose(geometry, n_signals, self.circular_size(spatial), self.plan)
            return geometry, choice

        geometry, choice = kept(self._chosen, (n_signals, spatial), chosen, _KEPT_CHOICES)
        key = (spatial, choice.plan)
        bound: Operator = kept(
            self._bound, key, lambda: bind_plan(self, geometry, choice), _KEPT_SIZES
        )
        return bound

    def circular_size(self, spatial: tuple[int, ...]) -> tuple[int, ...]:
        """Return the size of the periodic grid on which no atom wraps into the signal."""
        if self.is_circular:
            return spatial
        codes = self.code_shape((1, self.n_channels, *spatial))[2:]
        sizes = []
        for n, code, s, e, (before, _) in zip(
            spatial, codes, self.strides, self.extent, self.pads, strict=True
        ):
            reach = max(n + before, (code - 1) * s + e - before, code * s)
            sizes.append(backend_of(self.filters).fast_length(-(-reach // s)) * s)
        return tuple(sizes)

    def _check_signal(self, signal_shape: Sequence[int]) -> None:
        d = len(self.kernel)
        shape = tuple(signal_shape)
        if len(shape) != d + 2 or shape[1] != self.n_channels:
            msg = (
                f"`signal` must have {d} spatial axes and {self.n_channels} channels to match "
                f"`filters` {tuple(self.filters.shape)}; got shape {shape}: reshape it to "
                "(n_signals, n_channels, *spatial)."
            )
            raise ValueError(msg)
        for axis, n in enumerate(shape[2:]):
            needed = self.extent[axis] - sum(self.pads[axis])
            if self.is_circular:
                needed = self.kernel[axis]
                if needed > 1:
                    needed = max(needed, self.dilations[axis] + 1)
            if n < needed:
                msg = (
                    f"`signal` must have at least {needed} samples along spatial axis {axis} for "
                    f"a kernel of {self.kernel[axis]} taps, dilation {self.dilations[axis]} and "
                    f"padding {self.padding!r}; got {n}: use a smaller kernel or a larger signal."
                )
                raise ValueError(msg)
            if self.is_circular and n % self.strides[axis]:
                msg = (
                    f"`signal` must be a multiple of the stride {self.strides[axis]} along "
                    f"spatial axis {axis} for padding='circular'; got {n}: crop or pad it."
                )
                raise ValueError(msg)

    @property
    def strides(self) -> tuple[int, ...]:
        """The stride along each axis."""
        assert isinstance(self.stride, tuple)
        return self.stride

    @property
    def dilations(self) -> tuple[int, ...]:
        """The dilation along each axis."""
        assert isinstance(self.dilation, tuple)
        return self.dilation
