"""What ``--device`` does: the problem is moved to a GPU to be solved, and the result back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

from sparsecsc._cli_options import MisuseError, Settings
from sparsecsc.backends import kind_of
from sparsecsc.backends.devices import missing_gpu, to_gpu, to_host
from sparsecsc.codes import dense
from sparsecsc.result import Result


def on_gpu(settings: Settings) -> bool:
    """Return whether to use a GPU; what has a form for the CPU alone is not moved by ``auto``.

    Raises
    ------
    MisuseError
        If one is asked for and there is none, or none can do what is wanted.
    """
    alone = "--workdir" if settings.workdir is not None else ""
    alone = "--solver cd" if settings.solver == "cd" else alone
    if settings.device == "auto":
        return not alone and not missing_gpu()
    return settings.device == "gpu" and demand_gpu(alone)


def demand_gpu(alone: str) -> bool:
    """Return True if there is a GPU to use.

    Raises
    ------
    MisuseError
        If there is none, or an option has a form for the CPU `alone`: its name, or nothing.
    """
    if alone:
        msg = f"--device gpu has no form of {alone}; got both: leave out one of them."
        raise MisuseError(msg)
    reason = missing_gpu()
    if reason:
        msg = f"--device gpu needs a GPU that CuPy can use; got none, {reason}; or leave it out."
        raise MisuseError(msg)
    return True


def ferry(gpu: bool) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Return what brings things to where they are worked on, and what brings them back."""
    if not gpu:
        return (lambda thing: thing), (lambda thing: thing)
    return (lambda thing: moved(thing, to_gpu)), (lambda thing: moved(thing, to_host))


def moved(thing: Any, convert: Callable[[Any], Any]) -> Any:
    """Return a problem, or a part of one, with every array in it converted."""
    if isinstance(thing, (tuple, list)):
        return type(thing)(moved(part, convert) for part in thing)
    if is_dataclass(thing) and not isinstance(thing, type):
        names = [field.name for field in fields(thing) if field.init]
        return type(thing)(**{name: moved(getattr(thing, name), convert) for name in names})
    is_array = kind_of(thing) != "builtins" and getattr(thing, "ndim", 0) > 0
    return convert(thing) if is_array else thing


def to_device(problem: Any, start: Any) -> tuple[Any, Any]:
    """Return a problem and where to start, an array or sparse codes, on the GPU."""
    return moved(problem, to_gpu), moved(dense(start), to_gpu)


def to_files(result: Result) -> Result:
    """Return a result with its codes, and what certifies them, as NumPy arrays."""
    point = tuple(to_host(array) for array in result.certificate.point)
    kept = moved(result.kept, to_host)
    return replace(result, kept=kept, certificate=replace(result.certificate, point=point))
