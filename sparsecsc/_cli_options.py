"""The arguments of the command line: their names, types, ranges and defaults."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from sparsecsc import _cli_filters
from sparsecsc.data import MODELS

PENALTIES = ("l1", "nonnegative", "elastic-net", "group", "l0")
SOLVERS = ("auto", "cd", "fista", "ista", "admm", "omp")
PURSUITS = ("exact", "thresholding", "lbp", "mlista", "mlfista", "projection", "deep")
DEFAULT_LOWPASS = 5.0
_BORDERS = ("circular", "valid", "same", "full")
_MAX_ITER = 10_000

_EPILOG = """\
exit codes: 0 done, 1 stopped before the tolerance was certified (the files are written all the
same, also after Ctrl-C), 2 wrong use, 130 interrupted before there was anything to write"""

_MODEL_HELP = """\
pursuits of a model with dictionaries D_1 ... D_L (--pursuit):
  exact         minimise 1/2 ||y - D_1...D_L z||^2 + the penalties of all layers' codes, certified
  thresholding  one proximal step a layer
  lbp           one layer after the other, each solved to --tol (or for --unfoldings iterations)
  mlista        sweeps of one proximal step a layer, until the codes stop moving
  mlfista       the same with momentum
  projection    the deepest codes first, in the effective dictionary; the others follow from them
  deep          all layers at once, each of which need only nearly agree with the next
weights of a model: --weight, or --weight-ratio, or else the penalties in the file. The ratio of
layer i is to max |D_i^T x_(i-1)| (nonnegative: without the bars), from which the codes of a layer
with the input x_(i-1) are zero. Here x_0 = y and x_i = s_i D_i^T x_(i-1), where s_i is 1 (exact,
projection, mlista, mlfista), the step (thresholding) or 1 / (the largest squared norm of an atom
of D_i) (lbp, deep)"""


class MisuseError(Exception):
    """The command line cannot be carried out as given."""


@dataclass(frozen=True)
class Settings:
    """All that a run depends on."""

    input: str
    filters: str | None = None
    model: str | None = None
    pursuit: str = "exact"
    unfoldings: Any = None
    """An integer, or one a layer."""
    step: Any = None
    """None, a number, or one a layer."""
    pool: Any = None
    pool_layers: Any = None
    weight: Any = None
    """A number, or with a model one a layer; so is the ratio."""
    weight_ratio: Any = None
    penalty: str = "l1"
    ridge: float | None = None
    solver: str = "auto"
    n_nonzero: int | None = None
    residual: float | None = None
    tol: float = 1e-3
    max_iter: int = _MAX_ITER
    max_seconds: float = math.inf
    padding: Any = "circular"
    stride: Any = 1
    dilation: Any = 1
    mask: str | None = None
    lowpass: float | None = None
    dtype: str = "float32"
    out: str = "sparsecsc-out"
    resume: bool = False
    workdir: str | None = None
    device: str = "auto"
    save_every: float = 60.0
    scheduler: str | None = None
    given: frozenset[str] = frozenset()
    """The names of the settings that the command line has."""


class _Parser(argparse.ArgumentParser):
    """Reports misuse in one line."""

    def error(self, message: str) -> NoReturn:
        msg = f"{message}; see {self.prog} --help."
        raise MisuseError(msg)


def parser() -> argparse.ArgumentParser:
    """Return the parser; the parsed arguments have `command` and the options of that command."""
    main = _Parser(
        prog="sparsecsc",
        description="Sparse codes of images, sound and arrays in a convolutional dictionary, with "
        "a certificate that they are optimal to the tolerance asked for.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    main.add_argument("--version", action="store_true", help="print the version and end")
    commands = main.add_subparsers(dest="command", metavar="COMMAND")
    from sparsecsc._cli_apply_options import add_applications  # these need the parsers below
    from sparsecsc._cli_bench import add_bench
    from sparsecsc._cli_demo import add_demo
    from sparsecsc._cli_learn_options import add_learn
    from sparsecsc._cli_verify import add_verify

    add_demo(commands)
    _add_solve(commands)
    add_learn(commands)
    add_applications(commands)
    add_verify(commands)
    add_bench(commands)
    commands.add_parser("info", help="versions, backends, threads, what is shipped and installed")
    return main


def add_out(command: Any) -> None:
    command.add_argument(
        "--out",
        default="sparsecsc-out",
        metavar="DIR",
        help="where to write (default: %(default)s)",
    )
    command.add_argument("--quiet", action="store_true", default=False, help="print errors only")


def add_device(add: Callable[..., Any], auto: str = "on a GPU if one can do it") -> None:
    """Add the option that says where to compute."""
    text = f"where to compute; auto (default): {auto}"
    add("--device", choices=("auto", "cpu", "gpu"), help=text)


def _add_solve(commands: Any) -> None:
    from sparsecsc._cli_features import add_features  # which needs the parsers below

    solve = commands.add_parser(
        "solve",
        help="code a file, or a folder of images",
        description="Minimise 1/2 ||mask (y - D z)||^2 + penalty(z) over the codes z of a file y; "
        "with --model the codes of all layers of a multi-layer model.",
        epilog=f"{_cli_filters.HELP}\n\n{_MODEL_HELP}\n\n{_EPILOG}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    add = solve.add_argument
    text = "a .png, .jpg, .tif, .wav, .npy or .npz file; with --model also a folder of images"
    add("input", metavar="INPUT", help=text)
    text = "a file or a name (below); filters of one channel code each channel by itself"
    add("--filters", metavar="FILE|NAME", help=text)
    text = (
        "a multi-layer model in place of --filters: a file written by sparsecsc.io.save_model, or "
        f"one that is shipped: {', '.join(MODELS)}"
    )
    add("--model", metavar="FILE|NAME", help=text)
    text = "weight of the penalty; with --model one number, or one a layer: 0.1,0.5"
    add("--weight", type=_listed(_number(least=0.0)), metavar="W", help=text)
    text = (
        "the weight as a fraction of the one from which all codes are zero, in (0, 1]; with "
        "--model of each layer's reference (below)"
    )
    add("--weight-ratio", type=_listed(_number(above=0.0, most=1.0)), metavar="R", help=text)
    text = "default: l1; group couples the filters at each position"
    add("--penalty", choices=PENALTIES, help=text)
    add("--ridge", type=_number(least=0.0), metavar="RHO", help="the ridge of elastic-net")
    _add_pursuit(add)
    add_features(add)
    _add_solver(add)
    _add_geometry(add)
    add_out(solve)
    text = "start from codes.npz in DIR (same input, filters and geometry; the weight may change)"
    add("--resume", action="store_true", help=text)
    _add_scale(add)


def _add_scale(add: Callable[..., Any]) -> None:
    text = (
        "for a .npy or .tif file larger than memory: a folder for copies of the signal's size and "
        "checkpoint.npz, from which --resume goes on"
    )
    add("--workdir", metavar="DIR", help=text)
    text = f"seconds between checkpoints (default: {Settings.save_every:g})"
    add("--save-every", type=_number(least=0.0), metavar="S", help=text)
    text = "a dask scheduler (tcp://HOST:PORT) whose workers code each file of a folder by itself"
    add("--scheduler", metavar="ADDRESS", help=text)


def _add_pursuit(add: Callable[..., Any]) -> None:
    text = "how a model's codes are found (below; default: exact)"
    add("--pursuit", choices=PURSUITS, help=text)
    text = "lbp: inner iterations a layer in place of --tol; mlista, mlfista: number of sweeps"
    add("--unfoldings", type=_per_axis(1), metavar="N[,N...]", help=text)
    text = (
        "thresholding, mlista, mlfista: the step of all layers, or one a layer; none (default) is "
        "1/L_i; 1 with thresholding is a network's forward pass"
    )
    add("--step", type=_step, metavar="S|none", help=text)


def _add_solver(add: Callable[..., Any]) -> None:
    text = (
        "default: auto, which is OMP for l0 with a rule below, else the fastest certified one; "
        "cd is coordinate descent; "
        "with --model what solves one layer: --pursuit lbp, projection or deep"
    )
    add("--solver", choices=SOLVERS, help=text)
    text = "OMP stops at this many nonzeros (in each channel that is coded by itself)"
    add("--n-nonzero", type=_count, metavar="N", help=text)
    text = "OMP stops at this norm of the residual"
    add("--residual", type=_number(least=0.0), metavar="R", help=text)
    text = f"relative duality gap to certify (default: {Settings.tol:g})"
    add("--tol", type=_number(least=0.0), help=text)
    add("--max-iter", type=_count, metavar="N", help=f"default: {_MAX_ITER}")
    text = "seconds after which to stop (default: none)"
    add("--max-seconds", type=_number(above=0.0), metavar="S", help=text)


def _add_geometry(add: Callable[..., Any]) -> None:
    text = "circular (default), valid, same, full, or the number of zeros: 2 or 2,0"
    add("--padding", type=_padding, metavar="P", help=text)
    add("--stride", type=_per_axis(1), metavar="N", help="2, or 2,1 by axis; default 1")
    add("--dilation", type=_per_axis(1), metavar="N", help="likewise")
    text = "an image or array of the input's size: 1 (white) where it counts, 0 where missing"
    add("--mask", metavar="FILE", help=text)
    text = (
        "take off what is smoother than sqrt(STRENGTH) pixels before coding and add it back after; "
        f"0: no (default: {DEFAULT_LOWPASS:g} for images, 0 for sound and arrays)"
    )
    add("--lowpass", type=_number(least=0.0, most=1e30), metavar="STRENGTH", help=text)
    add("--dtype", choices=("float32", "float64"), help=f"default: {Settings.dtype}")
    add_device(add)


def _listed(parse: Callable[[str], float]) -> Callable[[str], Any]:
    """Return a parser of one number, or of several with commas between."""

    def parse_all(text: str) -> Any:
        numbers = tuple(parse(part) for part in text.split(","))
        return numbers if len(numbers) > 1 else numbers[0]

    return parse_all


def _step(text: str) -> Any:
    return None if text == "none" else _listed(_number(above=0.0, most=1e30))(text)


def _number(
    *, least: float = -math.inf, most: float = math.inf, above: float | None = None
) -> Callable[[str], float]:
    bounds = f"> {above:g}" if above is not None else f">= {least:g}"
    if most < math.inf:
        bounds += f" and <= {most:g}"

    def parse(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        enough = number > above if above is not None else number >= least
        if not (enough and number <= most):
            msg = f"must be a number {bounds}; got '{text}'"
            raise argparse.ArgumentTypeError(msg)
        return number

    return parse


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        msg = f"must be an integer >= 1; got '{text}'"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _per_axis(least: int) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        parts = text.split(",")
        if not all(part.isascii() and part.isdigit() and int(part) >= least for part in parts):
            msg = f"must be an integer >= {least}, or several with commas between; got '{text}'"
            raise argparse.ArgumentTypeError(msg)
        numbers = tuple(int(part) for part in parts)
        return numbers if len(numbers) > 1 else numbers[0]

    return parse


def _padding(text: str) -> Any:
    if text in _BORDERS:
        return text
    try:
        return _per_axis(0)(text)
    except argparse.ArgumentTypeError:
        msg = f"must be one of {', '.join(_BORDERS)}, or integers >= 0; got '{text}'"
        raise argparse.ArgumentTypeError(msg) from None
