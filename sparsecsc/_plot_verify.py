"""Pictures of ``sparsecsc verify``: how tight each claim is, and what lies beyond its bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sparsecsc.theory.sweeps import Sweep, run_sweep
from sparsecsc.theory.sweeps_depth import DEPTHS
from sparsecsc.theory.sweeps_models import BIAS, CONVERGENCE, DENSE
from sparsecsc.theory.sweeps_recovery import BOUND, NOISE, RECOVERY
from sparsecsc.theory.verify import Summary

_Rows = Sequence[dict[str, Any]]
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
_BOUND: dict[str, Any] = {"color": "0.45", "linestyle": "--", "linewidth": 1.2}
_FLOOR = 1e-4
"""Ratios below this are drawn there."""


def figures(
    ids: Sequence[str], bounded: Sequence[Summary], *, seed: int = 0, file: Path | None = None
) -> Iterator[tuple[str, Figure]]:
    """Yield the figures that a run is about: the ratios of its claims, and sweeps around them.

    Parameters
    ----------
    ids : sequence of str
        Of all claims that were run.
    bounded : sequence of Summary
        Of those that are bounds, neither identities nor yes-or-no statements.
    seed : int
        Of the sweeps.
    file : path, optional
        Where the sweeps keep their points.

    Yields
    ------
    str
        The name of the file.
    matplotlib.figure.Figure
    """
    shown = [summary for summary in bounded if summary.in_force]
    if shown:
        yield "ratios.png", ratios(shown)
    for sweep, draw in _SWEEPS:
        if sweep.is_about(ids):
            rows = list(run_sweep(sweep, seed=seed, file=file))
            yield f"{sweep.name}.png", draw(rows)


def ratios(found: Sequence[Summary]) -> Figure:
    """Draw measured / bound of every trial in force, a line a claim; beyond 1 it is violated."""
    figure = Figure(figsize=(7.4, 1.1 + 0.2 * len(found)), layout="constrained")
    axes = figure.add_subplot()
    rng = np.random.default_rng(0)
    for i, summary in enumerate(found):
        values = np.clip(np.array(summary.ratios), _FLOOR, 1e3)
        height = i + rng.uniform(-0.22, 0.22, len(values))
        broken = values > 1 + 1e-5
        axes.plot(values[~broken], height[~broken], ".", color=_COLOURS[0], markersize=4, alpha=0.6)
        axes.plot(values[broken], height[broken], "x", color=_COLOURS[1], markersize=6)
        axes.plot(values.max(), i, "|", color="black", markersize=9)
    axes.axvline(1.0, **_BOUND)
    axes.axvspan(0.5, 1.0, color="0.93", zorder=0)
    axes.set_xscale("log")
    axes.set_xlim(_FLOOR / 1.5, None)
    axes.set_yticks(range(len(found)), [summary.id for summary in found], fontsize="small")
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.set_xlabel("measured / bound (shaded: within a factor of 2; a bar: the largest)")
    return _finished(figure, legends=False)


def recovery(rows: _Rows) -> Figure:
    """Draw the share of planted codes that are recovered against their stripe norm."""
    figure = Figure(figsize=(5.6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    stripes = [row["point"] for row in rows]
    for name, colour in zip(("OMP", "basis pursuit", "thresholding"), _COLOURS, strict=False):
        shares = [row[name] for row in rows]
        axes.plot(stripes, shares, "o-", color=colour, markersize=4, label=name)
    axes.axvspan(stripes[0], BOUND, color="0.93", zorder=0)
    axes.axvline(BOUND, label=f"bound, {BOUND:.2f}", **_BOUND)
    axes.set_xlabel(r"stripe norm $\|\Gamma\|_{0,\infty}$")
    axes.set_ylabel(f"recovered, share of {rows[0]['trials']} trials")
    axes.set_ylim(-0.04, 1.04)
    return _finished(figure)


def noise(rows: _Rows) -> Figure:
    """Draw errors of OMP and basis pursuit against the size of the noise, with their bounds."""
    figure = Figure(figsize=(8.6, 3.5), layout="constrained")
    panels = figure.subplots(1, 2)
    sizes = np.array([row["point"] for row in rows])
    norms = {"OMP": "2", "basis pursuit": r"\infty"}
    for axes, (name, norm), colour in zip(panels, norms.items(), _COLOURS, strict=False):
        errors = np.array([row[name] for row in rows])
        bounds = np.array([np.max(row[f"{name} bound"]) for row in rows])
        for column in errors.T:
            axes.loglog(sizes, column, ".", color=colour, markersize=3, alpha=0.5)
        axes.loglog(sizes, errors.max(axis=1), color=colour, label="largest error")
        axes.loglog(sizes, bounds, label="bound", **_BOUND)
        axes.set_xlabel(r"local noise $\|E\|^P_{2,\infty}$")
        axes.set_ylabel(rf"{name}, $\|\hat\Gamma - \Gamma\|_{norm}$")
    beyond = [row["point"] for row in rows if not row["OMP in force"]]
    if beyond:
        panels[0].axvspan(beyond[0], sizes[-1], color="0.93", zorder=0, label="no guarantee")
    return _finished(figure)


def depth(rows: _Rows) -> Figure:
    """Draw the error of each layer, for layered pursuits and for pursuits of all layers."""
    figure = Figure(figsize=(5.6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for row, colour in zip(rows, _COLOURS, strict=True):
        errors = np.array(row["errors"])
        layers = np.arange(1, errors.shape[1] + 1)
        axes.semilogy(layers, errors.T, color=colour, linewidth=0.6, alpha=0.5)
        median = np.median(errors, axis=0)
        axes.semilogy(layers, median, "o-", color=colour, markersize=4, label=row["point"])
    axes.set_xticks(layers)
    axes.set_xlabel("layer")
    axes.set_ylabel("relative error of the codes")
    axes.set_ylim(None, 4.0)
    return _finished(figure, columns=2)


def convergence(rows: _Rows) -> Figure:
    """Draw the excess of the objective against the iterations, each with its bound."""
    figure = Figure(figsize=(5.6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for row, colour in zip(rows, _COLOURS, strict=False):
        excess = np.array(row["excess"])
        shown = np.where(excess > 0, excess, np.nan)
        axes.loglog(row["iterations"], shown, color=colour, label=row["point"])
        axes.loglog(row["iterations"], row["bound"], "--", color=colour, linewidth=1)
    axes.plot([], [], "--", color="0.45", linewidth=1, label="bounds, likewise")
    axes.set_xlabel("iteration k")
    axes.set_ylabel(r"$F(\Gamma^k) - F^*$")
    return _finished(figure)


def bias(rows: _Rows) -> Figure:
    """Draw how far ML-ISTA's fixed point is above the optimum, against the first step."""
    figure = Figure(figsize=(5.6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    steps = [row["point"] for row in rows]
    excess, bounds = (np.array([row[name] for row in rows]) for name in ("excess", "bound"))
    kept = [j for j in range(excess.shape[1]) if np.all(excess[:, j] > 0)]
    for i, j in enumerate(kept):
        colour = _COLOURS[i % len(_COLOURS)]
        axes.loglog(steps, excess[:, j], "o-", color=colour, markersize=4, label=f"problem {i + 1}")
        axes.loglog(steps, bounds[:, j], "--", color=colour, linewidth=1)
    axes.plot([], [], "--", color="0.45", linewidth=1, label="bounds, likewise")
    axes.set_xlabel(r"step of the first layer, $\mu_1 L_1$")
    axes.set_ylabel(r"$F - F^*$ at the fixed point")
    return _finished(figure)


def dense(rows: _Rows) -> Figure:
    """Draw how many dimensions are not reconstructed, with the identity and without."""
    figure = Figure(figsize=(5.6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    labels = {"with": "dense, $[I, F^T]$", "without": "without, $F^T$"}
    for row, colour in zip(rows, _COLOURS, strict=False):
        axes.plot(row["counts"], color=colour, label=labels[row["point"]])
    axes.set_xlabel("iteration of FISTA")
    axes.set_ylabel(f"dimensions not reconstructed, of {rows[0]['dimensions']}")
    axes.set_ylim(0, None)
    return _finished(figure)


def _finished(figure: Figure, *, legends: bool = True, columns: int = 1) -> Figure:
    """Add what all figures have."""
    for axes in figure.axes:
        axes.grid(True, which="major", color="0.92", zorder=0)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        if legends:
            axes.legend(fontsize="small", frameon=False, ncols=columns)
    return figure


_SWEEPS: tuple[tuple[Sweep, Callable[[_Rows], Figure]], ...] = (
    (RECOVERY, recovery),
    (NOISE, noise),
    (DEPTHS, depth),
    (CONVERGENCE, convergence),
    (BIAS, bias),
    (DENSE, dense),
)
