"""The arguments of ``sparsecsc learn``, and what they say together."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from typing import Any

from sparsecsc._cli_options import (
    DEFAULT_LOWPASS,
    MisuseError,
    _count,
    _number,
    _padding,
    add_device,
    add_out,
)

STARTS = ("random", "patches")
PENALTIES = ("l1", "nonnegative")
_TOL, _ONLINE_TOL, _MAX_ITER, _SAVE_EVERY = 1e-3, 1e-2, 200, 60.0
_N_FILTERS = 64

_DESCRIPTION = """\
Learn filters that give images, sound or arrays sparse codes: minimise 1/2 ||y - sum_m d_m * z_m||^2
+ penalty(z) over the codes z and the filters d, of norm 1 at most. Writes filters.npz, which
sparsecsc solve --filters reads, result.json and report.png. With --online one batch after another
is read and forgotten, so that a folder need not fit into memory."""

_EPILOG = """\
exit codes: 0 done; 1 stopped before the tolerance was certified, or before the last batch (the
files are written all the same, also after Ctrl-C); 2 wrong use; 130 interrupted before there was
anything to write"""


@dataclass(frozen=True)
class LearnSettings:
    """All that learning depends on."""

    inputs: tuple[str, ...]
    n_filters: int = _N_FILTERS
    kernel: tuple[int, ...] | None = None
    """None: 8 x 8 for images, 64 for sound."""
    start: str = "random"
    weight: float | None = None
    weight_ratio: float | None = None
    penalty: str = "l1"
    zero_mean: bool = False
    padding: Any = "circular"
    lowpass: float | None = None
    grey: bool = False
    channels: int = 1
    mask: str | None = None
    dtype: str = "float32"
    tol: float | None = None
    max_iter: int = _MAX_ITER
    max_seconds: float = math.inf
    seed: int = 0
    online: bool = False
    batch: int = 1
    epochs: int = 1
    forgetting: float = 1.0
    checkpoint: str | None = None
    save_every: float = _SAVE_EVERY
    resume: bool = False
    scheduler: str | None = None
    device: str = "auto"
    out: str = "sparsecsc-out"
    given: frozenset[str] = frozenset()
    """The names of the settings that the command line has."""

    @property
    def tolerance(self) -> float:
        """The tolerance asked for, or that of the kind of learning."""
        if self.tol is not None:
            return self.tol
        return _ONLINE_TOL if self.online else _TOL


_ONLY_ONLINE = ("batch", "epochs", "forgetting", "checkpoint", "save_every", "resume", "scheduler")


def check(s: LearnSettings) -> None:
    """Check that the options go with each other."""
    if (s.weight is None) == (s.weight_ratio is None):
        msg = "give exactly one of --weight and --weight-ratio; got "
        got = "neither: --weight-ratio 0.1 is a start." if s.weight is None else "both."
        raise MisuseError(msg + got)
    for name in _ONLY_ONLINE:
        if name in s.given and not s.online:
            option = "--" + name.replace("_", "-")
            msg = f"{option} needs --online; got it alone: add --online, or leave it out."
            raise MisuseError(msg)
    if s.online and "max_iter" in s.given:
        msg = "--max-iter is without --online; got both: give --epochs."
        raise MisuseError(msg)
    if s.online and s.mask is not None:
        msg = "--mask is without --online; got both: leave out one of them."
        raise MisuseError(msg)
    if s.resume and s.checkpoint is None:
        msg = "--resume needs --checkpoint FILE, the file to go on from; got none: give it."
        raise MisuseError(msg)
    if s.checkpoint is not None and not s.checkpoint.endswith(".npz"):
        msg = f"--checkpoint must end in .npz; got '{s.checkpoint}': rename it."
        raise MisuseError(msg)


def add_learn(commands: Any) -> None:
    """Add the command to the parser."""
    learn = commands.add_parser(
        "learn",
        help="learn filters from files or folders of them",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    add = learn.add_argument
    text = "files, or folders of images and sound; all of one kind, and but for --online one size"
    add("inputs", nargs="+", metavar="INPUT", help=text)
    add("--filters", dest="n_filters", type=_count, metavar="N", help=f"default: {_N_FILTERS}")
    text = "their size, such as 12x12 (default: 8x8 for images, 64 for sound)"
    add("--kernel", type=_kernel, metavar="K", help=text)
    text = "random (default), patches of the first input, or a file of filters, as of --filters"
    add("--start", metavar="KIND|FILE", help=text)
    add("--weight", type=_number(least=0.0), metavar="W", help="weight of the penalty")
    text = "the weight as a fraction of the one from which all codes are zero at the start"
    add("--weight-ratio", type=_number(above=0.0, most=1.0), metavar="R", help=text)
    add("--penalty", choices=PENALTIES, help="default: l1")
    add("--zero-mean", action="store_true", help="filters whose taps sum to 0 in each channel")
    text = "circular (default), valid, same, full, or the number of zeros"
    add("--padding", type=_padding, metavar="P", help=text)
    _add_preparation(add)
    text = f"gap of codes and of filters to certify (default: {_TOL:g}); --online: of the codes of"
    add("--tol", type=_number(least=0.0), help=f"{text} a batch ({_ONLINE_TOL:g})")
    add("--max-iter", type=_count, metavar="N", help=f"most rounds (default: {_MAX_ITER})")
    text = "seconds after which to stop (default: none)"
    add("--max-seconds", type=_number(above=0.0), metavar="S", help=text)
    add("--seed", type=_seed, metavar="S", help="of the start and the order of files; default: 0")
    _add_online(add)
    add_out(learn)


def _add_preparation(add: Any) -> None:
    text = (
        "take off what is smoother than sqrt(STRENGTH) pixels first; 0: no (default: "
        f"{DEFAULT_LOWPASS:g} for images, 0 for sound and arrays)"
    )
    add("--lowpass", type=_number(least=0.0, most=1e30), metavar="STRENGTH", help=text)
    add("--grey", action="store_true", help="learn from the luminance of colour images")
    add("--channels", type=_count, metavar="C", help="of arrays (default: 1)")
    text = "an image or array of the inputs' size: 1 (white) where they count, 0 where missing"
    add("--mask", metavar="FILE", help=text)
    add("--dtype", choices=("float32", "float64"), help="default: float32")
    add_device(add, auto="the CPU, where coordinate descent is")


def _add_online(add: Any) -> None:
    add("--online", action="store_true", help="read one batch of files after another")
    add("--batch", type=_count, metavar="N", help="files a batch, of one size (default: 1)")
    add("--epochs", type=_count, metavar="N", help="passes over all files (default: 1)")
    text = "0 never forgets; 1 (default): the weight of a batch grows with its number; more: faster"
    add("--forgetting", type=_number(least=0.0, most=1e6), metavar="P", help=text)
    add("--checkpoint", metavar="FILE", help="an .npz file from which --resume goes on")
    text = f"least seconds between two checkpoints (default: {_SAVE_EVERY:g})"
    add("--save-every", type=_number(least=0.0), metavar="S", help=text)
    text = "go on from --checkpoint: the filters are those of a run that was not cut off"
    add("--resume", action="store_true", help=text)
    text = "a dask scheduler (tcp://HOST:PORT) whose workers code the files of each batch"
    add("--scheduler", metavar="ADDRESS", help=text)


def _kernel(text: str) -> tuple[int, ...]:
    parts = text.split("x")
    if not (1 <= len(parts) <= 3 and all(p.isascii() and p.isdigit() and int(p) for p in parts)):
        msg = f"must be 1 to 3 integers >= 1 with x between, such as 8x8; got '{text}'"
        raise argparse.ArgumentTypeError(msg)
    return tuple(int(part) for part in parts)


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 2**31):
        msg = f"must be an integer from 0 to {2**31 - 1}; got '{text}'"
        raise argparse.ArgumentTypeError(msg)
    return int(text)
