"""The arguments of the command line: their names, types, ranges and defaults."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from sparsecsc import _cli_filters
from sparsecsc.data import names

PENALTIES = ("l1", "nonnegative", "elastic-net", "group", "l0")
SOLVERS = ("auto", "fista", "ista", "admm", "omp")
DEFAULT_LOWPASS = 5.0
_BORDERS = ("circular", "valid", "same", "full")
_MAX_ITER = 10_000

_EPILOG = """\
exit codes: 0 done, 1 stopped before the tolerance was certified (the files are written all the
same, also after Ctrl-C), 2 wrong use, 130 interrupted before there was anything to write"""


class MisuseError(Exception):
    """The command line cannot be carried out as given."""


@dataclass(frozen=True)
class Settings:
    """All that a run depends on."""

    input: str
    filters: str
    weight: float | None = None
    weight_ratio: float | None = None
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
    _add_demo(commands)
    _add_solve(commands)
    commands.add_parser("info", help="versions, backends, threads, what is shipped and installed")
    return main


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo", help="code a photograph that comes with the package", allow_abbrev=False
    )
    _add_out(demo)
    images = [name for name in names() if name != "snare_roll"]
    demo.add_argument("--image", choices=images, default="camera", help="default: %(default)s")


def _add_out(command: Any) -> None:
    command.add_argument(
        "--out",
        default="sparsecsc-out",
        metavar="DIR",
        help="where to write (default: %(default)s)",
    )
    command.add_argument("--quiet", action="store_true", help="print errors only")


def _add_solve(commands: Any) -> None:
    solve = commands.add_parser(
        "solve",
        help="code a file",
        description="Minimise 1/2 ||mask (y - D z)||^2 + penalty(z) over the codes z of a file y.",
        epilog=f"{_cli_filters.HELP}\n\n{_EPILOG}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = solve.add_argument
    add("input", metavar="INPUT", help="a .png, .jpg, .tif, .wav, .npy or .npz file")
    text = "a file or a name (below); filters of one channel code each channel by itself"
    add("--filters", required=True, metavar="FILE|NAME", help=text)
    number = _number(least=0.0)
    add("--weight", type=number, metavar="W", help="weight of the penalty")
    text = "the weight as a fraction of the one from which all codes are zero, in (0, 1]"
    add("--weight-ratio", type=_number(above=0.0, most=1.0), metavar="R", help=text)
    text = "default: l1; group couples the filters at each position"
    add("--penalty", choices=PENALTIES, default="l1", help=text)
    add("--ridge", type=number, metavar="RHO", help="the ridge of elastic-net")
    _add_solver(add)
    _add_geometry(add)
    _add_out(solve)
    text = "start from codes.npz in DIR (same input, filters and geometry; the weight may change)"
    add("--resume", action="store_true", help=text)


def _add_solver(add: Callable[..., Any]) -> None:
    text = "default: auto, which is OMP for l0 with a rule below, else the fastest certified one"
    add("--solver", choices=SOLVERS, default="auto", help=text)
    text = "OMP stops at this many nonzeros (in each channel that is coded by itself)"
    add("--n-nonzero", type=_count, metavar="N", help=text)
    text = "OMP stops at this norm of the residual"
    add("--residual", type=_number(least=0.0), metavar="R", help=text)
    text = "relative duality gap to certify (default: %(default)g)"
    add("--tol", type=_number(least=0.0), default=1e-3, help=text)
    add("--max-iter", type=_count, default=_MAX_ITER, metavar="N", help="default: %(default)d")
    text = "seconds after which to stop (default: none)"
    add("--max-seconds", type=_number(above=0.0), default=math.inf, metavar="S", help=text)


def _add_geometry(add: Callable[..., Any]) -> None:
    text = "circular (default), valid, same, full, or the number of zeros: 2 or 2,0"
    add("--padding", type=_padding, default="circular", metavar="P", help=text)
    add("--stride", type=_per_axis(1), default=1, metavar="N", help="2, or 2,1 by axis; default 1")
    add("--dilation", type=_per_axis(1), default=1, metavar="N", help="likewise")
    text = "an image or array of the input's size: 1 (white) where it counts, 0 where missing"
    add("--mask", metavar="FILE", help=text)
    text = (
        "take off what is smoother than sqrt(STRENGTH) pixels before coding and add it back after; "
        f"0: no (default: {DEFAULT_LOWPASS:g} for images, 0 for sound and arrays)"
    )
    add("--lowpass", type=_number(least=0.0, most=1e30), metavar="STRENGTH", help=text)
    add("--dtype", choices=("float32", "float64"), default="float32", help="default: %(default)s")


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
