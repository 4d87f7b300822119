"""One page about a multi-layer run: a row for each layer below what the whole run shows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sparsecsc._plot_draw import bar, convergence, draw_image, filters, middle_slice, raster
from sparsecsc.models.layers import effective
from sparsecsc.result import History
from sparsecsc.theory.layers import LayerReport, layer_reports

_MOST_LAYERS, _FIRST = 6, 2
_N_ATOMS = 12
_VISIBLE = 1e-3
_SHOWN = 5e-4
_SMALL: Any = {"fontsize": 10}


def layers_report(
    problem: Any,
    codes: Any,
    history: History,
    *,
    background: Any = None,
    together: int = 1,
    title: str = "",
    tol: float | None = None,
    sample_rate: float | None = None,
) -> Figure:
    r"""Draw one page about the codes of a multi-layer model.

    On top original, reconstruction from the deepest codes, residual, and gap and objective
    against time; for each layer :math:`D_1 \cdots D_i \Gamma_i`, where its codes are active, and
    the effective atoms that are used most. Of more than six layers the first two and the last
    four are drawn. Of a batch the first signal is drawn, of volumes the middle slice.

    Parameters
    ----------
    problem : MultilayerPursuit
        With NumPy arrays.
    codes : tuple of arrays
        Of all layers, such as a result's.
    history : History
        Of the result.
    background : array, shape of the signal, optional
        What was taken off the signal before coding; it is added to original and reconstruction.
    together : int
        How many of the first signals are the channels of one: 3 for a colour image each of whose
        channels is coded by itself.
    title : str
        One or two lines over everything.
    tol : float, optional
        The tolerance asked for.
    sample_rate : float, optional
        Samples per second, for 1-D signals.

    Returns
    -------
    matplotlib.figure.Figure
        Save it with ``figure.savefig("layers.png")``.

    Raises
    ------
    TypeError, ValueError
        If the codes do not fit the problem.
    """
    page = _Page(problem, tuple(codes), together, sample_rate)
    one = problem.signal.ndim == 3
    rows = len(page.numbers)
    height = 4.5 + 3.4 * rows if one else 0.6 + (rows + 1) * (2.75 * page.aspect + 0.75)
    figure: Any = Figure(figsize=(15, height), dpi=90, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08, wspace=0.02, hspace=0.02)
    n_hidden = problem.n_layers - rows
    if n_hidden:
        title = f"{title}\nlayers 1 to {_FIRST} and {page.numbers[_FIRST]} to {problem.n_layers} "
        title += f"are shown, {n_hidden} between them are not"
    if title:
        figure.suptitle(title, fontsize=12)
    whole = np.zeros_like(problem.signal) if background is None else np.asarray(background)
    draw = _draw_curves if one else _draw_images
    converged = draw(figure, page, page.first(problem.signal + whole), page.first(whole))
    converged.set_title("convergence", **_SMALL)
    if len(history.seconds) > 2:
        convergence(history, ax=converged, tol=tol)
    else:
        converged.text(0.5, 0.5, _single_pass(history), ha="center", va="center")
        converged.set(xticks=[], yticks=[])
    drawn: Figure = figure
    return drawn


def _single_pass(history: History) -> str:
    """Say what there is where there are too few points for a curve."""
    lines = [f"{history.iterations[-1]} iterations in {history.seconds[-1]:.2g} s"]
    lines.append(f"objective {history.objectives[0]:.5g}, then {history.objectives[-1]:.5g}")
    return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class _Page:
    """What is drawn."""

    problem: Any
    codes: tuple[Any, ...]
    together: int
    sample_rate: float | None

    @cached_property
    def reports(self) -> tuple[LayerReport, ...]:
        """What each layer is like."""
        return layer_reports(self.problem, self.codes)

    @property
    def numbers(self) -> list[int]:
        """The layers that are drawn, from 1."""
        every = list(range(1, self.problem.n_layers + 1))
        last = _MOST_LAYERS - _FIRST
        return every if len(every) <= _MOST_LAYERS else every[:_FIRST] + every[-last:]

    @property
    def aspect(self) -> float:
        """Height over width of a picture, bounded so that it can be drawn."""
        height, width = self.problem.signal.shape[-2:]
        return float(min(max(height / width, 0.5), 1.5))

    def first(self, signals: Any) -> Any:
        """Return the first signal, (n_channels, *spatial)."""
        shown = np.asarray(signals)[: self.together]
        return shown.reshape(-1, *shown.shape[2:])

    def describe(self, report: LayerReport) -> tuple[str, str]:
        """Return the titles of the synthesis and of the map of a layer."""
        n = report.layer
        own = f"\nand {report.residual:.2g} of layer {n - 1}" if n > 1 else ""
        synthesis = f"layer {n}: residual {report.signal_residual:.2g} of the signal{own}"
        size = " x ".join(map(str, report.shape[1:]))
        stripe = "" if report.stripe_norm is None else f"\nat most {report.stripe_norm} a stripe"
        return synthesis, f"codes {size}: {100 * report.density:.2g} % nonzero{stripe}"


def _draw_images(figure: Any, page: _Page, original: Any, background: Any) -> Any:
    """Draw pictures in rows of four; return the axes of the convergence."""
    grid = figure.add_gridspec(len(page.numbers) + 1, 4, width_ratios=(1, 1, 1, 1.15))
    top = [figure.add_subplot(grid[0, k]) for k in range(4)]
    approximation = background + page.first(page.reports[-1].synthesis)
    one, two = middle_slice(original), middle_slice(approximation)
    low, high = float(one.min()), float(one.max())
    middle = " (middle slice)" if original.ndim == 4 else ""
    for ax, picture, name in zip(top, (one, two), ("original", "reconstruction"), strict=False):
        draw_image(ax, picture, low, high)
        ax.set_title(name + middle, **_SMALL)
    colour = " (mean of channels)" if len(one) > 1 else ""
    top[2].set_title(f"original - reconstruction{colour}", **_SMALL)
    _draw_signed(top[2], (one - two).mean(axis=0))
    for row, number in enumerate(page.numbers, start=1):
        report = page.reports[number - 1]
        left, right = page.describe(report)
        ax = figure.add_subplot(grid[row, 0])
        ax.set_title(left, **_SMALL)
        _draw_synthesis(ax, middle_slice(page.first(report.synthesis)))
        most = _MostUsed(page.problem, page.codes, number, page.together)
        ax = figure.add_subplot(grid[row, 1])
        ax.set_title(right, **_SMALL)
        _draw_count(ax, page, number, most)
        _draw_atoms(figure.add_subplot(grid[row, 2:]), most)
    return top[3]


def _draw_curves(figure: Any, page: _Page, original: Any, background: Any) -> Any:
    """Draw curves over time, with the atoms at their right; return the axes of the convergence."""
    rows = len(page.numbers)
    heights = (1.2, 0.8, *(1.0, 1.2) * rows)
    grid = figure.add_gridspec(2 + 2 * rows, 2, height_ratios=heights, width_ratios=(2, 1))
    rate = page.sample_rate
    spacing, unit = (1 / rate, "seconds") if rate else (1.0, "samples")
    times = np.arange(original.shape[1]) * spacing
    of = f" (channel 1 of {len(original)})" if len(original) > 1 else ""
    top = figure.add_subplot(grid[0, 0])
    below = figure.add_subplot(grid[1, 0], sharex=top)
    approximation = background + page.first(page.reports[-1].synthesis)
    _draw_pair(top, times, original[0], approximation[0])
    top.set_title(f"original and reconstruction{of}", **_SMALL)
    below.plot(times, (original - approximation)[0], lw=0.6, color="black")
    below.set_title("original - reconstruction", **_SMALL)
    top.set_xlim(0, original.shape[1] * spacing)
    coded = original[0] - background[0]
    for row, number in enumerate(page.numbers):
        left, right = page.describe(page.reports[number - 1])
        ax = figure.add_subplot(grid[2 + 2 * row, 0], sharex=top)
        synthesis = page.first(page.reports[number - 1].synthesis)[0]
        _draw_pair(ax, times, coded, synthesis, "what is coded", f"from layer {number}")
        ax.set_title(left.replace("\n", " "), **_SMALL)
        most = _MostUsed(page.problem, page.codes, number, page.together)
        ax = figure.add_subplot(grid[3 + 2 * row, 0], sharex=top)
        own = page.codes[number - 1][:1]
        moved = np.roll(own, most.shift, axis=(2,))
        raster(moved, ax=ax, spacing=spacing * len(times) / own.shape[2], unit=unit)
        ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        ax.set_title(right.replace("\n", ", "), **_SMALL)
        _draw_atoms(figure.add_subplot(grid[2 + 2 * row : 4 + 2 * row, 1]), most)
    return figure.add_subplot(grid[:2, 1])


class _MostUsed:
    """The effective atoms of a layer that are used most in the signals drawn."""

    def __init__(self, problem: Any, codes: Any, number: int, together: int) -> None:
        own = codes[number - 1][:together]
        sizes = np.abs(own).sum(axis=(0, *range(2, own.ndim)), dtype=float)
        largest = np.argsort(-sizes, kind="stable")[:_N_ATOMS]
        order = [int(m) for m in largest if sizes[m] > _SHOWN * sizes.sum()]
        place = tuple(n // 2 for n in own.shape[2:])
        dictionary, shape = effective(problem.model, 1, number), problem.signal.shape
        atoms = [dictionary.column(shape, (m, *place), problem.signal) for m in order]
        self.n_axes = own.ndim - 2
        self.shift, self.bank = (0,) * self.n_axes, np.zeros((0, 1, *(1,) * self.n_axes))
        self.labels = [f"{m}: {100 * sizes[m] / sizes.sum():.1f} %" for m in order]
        if atoms:
            window = _window(np.stack(atoms))
            self.bank = np.stack(atoms)[(slice(None), slice(None), *window)]
            if all(getattr(operator, "is_circular", False) for operator in problem.operators):
                ratios = [n / m for n, m in zip(shape[2:], own.shape[2:], strict=True)]
                triples = zip(window, place, ratios, strict=True)
                self.shift = tuple(
                    round(((w.start + w.stop - 1) / 2 - p * ratio) / ratio)
                    for w, p, ratio in triples
                )


def _window(atoms: Any) -> tuple[slice, ...]:
    """Return the box outside which all of these atoms, (n, n_channels, *spatial), vanish."""
    sizes = np.abs(atoms)
    present = sizes > _VISIBLE * sizes.max(axis=tuple(range(1, sizes.ndim)), keepdims=True)
    box = []
    for axis in range(2, atoms.ndim):
        others = tuple(k for k in range(atoms.ndim) if k != axis)
        found = np.flatnonzero(present.any(axis=others))
        first, last = (int(found[0]), int(found[-1])) if found.size else (0, 0)
        box.append(slice(first, last + 1))
    return tuple(box)


def _draw_atoms(ax: Any, most: _MostUsed) -> None:
    if not len(most.bank):
        ax.set_title("effective atoms used most", **_SMALL)
        ax.text(0.5, 0.5, "all codes are zero", ha="center", transform=ax.transAxes)
        ax.set_axis_off()
        return
    sizes = " x ".join(map(str, most.bank.shape[2:]))
    taps = sizes if most.n_axes > 1 else f"{sizes} samples"
    ax.set_title(f"effective atoms used most ({taps}; share of sum |code|)", **_SMALL)
    filters(most.bank, ax=ax, labels=most.labels, columns=6 if most.n_axes > 1 else 4)


def _draw_count(ax: Any, page: _Page, number: int, most: _MostUsed) -> None:
    """Draw how many filters are active at each position."""
    own = page.codes[number - 1][: page.together]
    count = (own != 0).sum(axis=(0, 1))
    count = np.roll(count, most.shift, axis=tuple(range(count.ndim)))
    count = count.sum(axis=0) if count.ndim == 3 else count
    top = max(int(count.max()), 1)
    picture = ax.imshow(count, cmap="magma", vmin=0, vmax=top, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    bar(ax, picture, "active filters", integer=True)


def _draw_synthesis(ax: Any, picture: Any) -> None:
    """Draw what was coded, zero being grey: in colour where there are three channels."""
    if len(picture) == 3:
        top = float(np.quantile(np.abs(picture), 0.999)) or 1.0
        draw_image(ax, 0.5 + 0.5 * picture / top, 0, 1)
        return
    grey = picture.mean(axis=0)
    top = float(np.quantile(np.abs(grey), 0.999)) or 1.0
    shown = ax.imshow(grey, cmap="gray", vmin=-top, vmax=top, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    bar(ax, shown, "")


def _draw_signed(ax: Any, values: Any) -> None:
    top = float(np.abs(values).max()) or 1.0
    shown = ax.imshow(values, cmap="RdBu_r", vmin=-top, vmax=top, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    bar(ax, shown, "")


def _draw_pair(ax: Any, times: Any, one: Any, two: Any, *names: str) -> None:
    first, second = names or ("original", "reconstruction")
    ax.plot(times, one, lw=1.6, color="0.65", label=first)
    ax.plot(times, two, lw=0.6, color="tab:red", label=second)
    ax.legend(loc="upper right", fontsize=8, ncols=2)
