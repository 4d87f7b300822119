"""The arguments of ``denoise``, ``inpaint``, ``decompose`` and ``events``."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from collections.abc import Callable
from typing import Any

from sparsecsc import _cli_filters
from sparsecsc._cli_options import _EPILOG, DEFAULT_LOWPASS, _count, _listed, _number, add_out

COMMANDS = ("denoise", "inpaint", "decompose", "events")
_LARGEST = 1e30


def add_applications(commands: Any) -> None:
    """Add the four commands to the parser."""
    _add_denoise(commands)
    _add_inpaint(commands)
    _add_decompose(commands)
    _add_events(commands)


def _command(commands: Any, name: str, text: str, description: str) -> Any:
    command = commands.add_parser(
        name,
        help=text,
        description=description,
        epilog=f"{_cli_filters.HELP}\n\n{_EPILOG}",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = command.add_argument
    add("input", metavar="INPUT", help="a .png, .jpg, .tif, .wav, .npy or .npz file")
    add("--tol", type=_number(least=0.0), help="relative duality gap of each pursuit to certify")
    add("--max-iter", type=_count, metavar="N", help="of each pursuit")
    text = "seconds after which a pursuit stops (default: none)"
    add("--max-seconds", type=_number(above=0.0), metavar="S", help=text)
    add("--dtype", choices=("float32", "float64"), default="float32", help="default: float32")
    text = "where to compute; these commands work on the CPU"
    add("--device", choices=("auto", "cpu"), default="auto", help=text)
    add_out(command)
    return command


def _add_filters(add: Callable[..., Any]) -> None:
    text = "a file or a name (below); filters of one channel work on each channel by itself"
    add("--filters", metavar="FILE|NAME", required=True, help=text)


def _add_spins(add: Callable[..., Any], rounds: int) -> None:
    text = f"pursuits of each shift (default: {rounds})"
    add("--rounds", type=_count, default=rounds, metavar="N", help=text)
    text = "stride of the dictionary; the results of all shifts are averaged (default: 2)"
    add("--spins", type=_count, default=2, metavar="N", help=text)
    text = "what it should look like: a file of the same size, for the PSNR"
    add("--reference", metavar="FILE", help=text)


def _add_lowpass(add: Callable[..., Any]) -> None:
    text = (
        "strength of the low-pass that is split off before "
        f"(default: {DEFAULT_LOWPASS:g} for images, 0 for sound and arrays)"
    )
    add("--lowpass", type=_number(least=0.0, most=_LARGEST), metavar="STRENGTH", help=text)


def _add_denoise(commands: Any) -> None:
    description = "Remove white noise: denoised.* in DIR is the input without it."
    command = _command(commands, "denoise", "remove white noise from a file", description)
    add = command.add_argument
    _add_filters(add)
    text = "standard deviation of the noise, white is 1 (default: estimated)"
    add("--sigma", type=_number(least=0.0, most=_LARGEST), metavar="S", help=text)
    text = "the threshold in units of the noise: larger is smoother (default: 2.8)"
    add("--level", type=_number(above=0.0, most=_LARGEST), default=2.8, metavar="L", help=text)
    text = "from 0 (default) to 1: how far codes move to least squares on their support"
    add("--debias", type=_number(least=0.0, most=1.0), default=0.0, metavar="A", help=text)
    _add_lowpass(add)
    _add_spins(add, 2)


def _add_inpaint(commands: Any) -> None:
    description = "Fill in missing samples: inpainted.* in DIR has all of them."
    command = _command(commands, "inpaint", "fill in missing samples of a file", description)
    add = command.add_argument
    _add_filters(add)
    text = "an image or array of the input's size: 1 (white) where there is a sample, 0 where not"
    add("--mask", metavar="FILE", required=True, help=text)
    text = "the threshold (default: 0.15 of the standard deviation of the samples)"
    add("--weight", type=_number(above=0.0, most=_LARGEST), metavar="W", help=text)
    text = "strength of the smooth part under the codes (default: 0.5)"
    add("--lowpass", type=_number(above=0.0, most=_LARGEST), default=0.5, metavar="S", help=text)
    _add_spins(add, 4)


def _add_decompose(commands: Any) -> None:
    description = "Take a file apart: components.npz in DIR has a component for each --filters."
    command = _command(commands, "decompose", "take a file apart", description)
    add = command.add_argument
    text = "two or more files or names (below)"
    add("--filters", metavar="FILE|NAME", nargs="+", required=True, help=text)
    text = "one weight for each of --filters, with commas between: 0.05,0.1"
    add("--weights", type=_listed(_number(above=0.0, most=_LARGEST)), required=True, help=text)
    _add_lowpass(add)


def _add_events(commands: Any) -> None:
    description = "Find when waveforms occur in a recording: events.csv in DIR is the table."
    command = _command(commands, "events", "find waveforms in a recording", description)
    add = command.add_argument
    _add_filters(add)
    text = "of the penalty (default: what white noise exceeds in one recording of a hundred)"
    add("--weight", type=_number(above=0.0, most=_LARGEST), metavar="W", help=text)
    text = "samples a second of a file that does not say it (default: 1)"
    add("--rate", type=_number(above=0.0, most=_LARGEST), metavar="HZ", help=text)
    add("--nonnegative", action="store_true", help="positive amplitudes only")
    text = "least seconds between events of one filter (default: a quarter of its length)"
    add("--separation", type=_number(least=0.0, most=_LARGEST), metavar="S", help=text)
