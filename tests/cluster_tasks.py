"""What the tests let a cluster's workers do; workers import it by its name."""

import os
import signal
import time
from pathlib import Path

import numpy as np

import sparsecsc as sc
from sparsecsc.backends.cpu import _inside
from sparsecsc.io import atomic_write

BANK = sc.random_filters(3, 1, 9, 0)


def encode(seed):
    """Return the codes of a signal drawn from a seed."""
    signal = np.random.default_rng(seed).standard_normal((1, 1, 400))
    return sc.solve(sc.Pursuit(signal, sc.ConvDictionary(BANK), sc.L1(0.5)), tol=1e-5).codes


def encode_file(item, target):
    """Write the codes of a seed; item is (seed, folder for notes)."""
    seed, notes = item
    with open(Path(notes, "calls"), "a") as stream:
        stream.write(f"{seed}\n")
    atomic_write(target, lambda stream: np.save(stream, encode(seed)))
    return seed


def wait_to_be_killed(item, target):
    """The same, but the first call for seed 3 waits: the test kills its process."""
    seed, notes = item
    note = Path(notes, "waiting")
    if seed == 3 and not note.exists():
        atomic_write(note, lambda stream: stream.write(str(os.getpid()).encode()))
        time.sleep(60)
    return encode_file(item, target)


def kill_if_negative(item):
    """Return the item, or kill the process that works on it."""
    if item < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def square_root(item):
    """Return the root, or raise."""
    if item < 0:
        msg = f"no root of {item}"
        raise ValueError(msg)
    return item**0.5


def is_serial(_):
    """Return whether the library's kernels work on one thread here."""
    return getattr(_inside, "task", False)
