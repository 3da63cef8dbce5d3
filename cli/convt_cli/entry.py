"""Where the command ``convt`` begins: before anything slow is imported."""

import ctypes
import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import NoReturn

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_BLAS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "CONVT_NUM_THREADS")


def main() -> None:
    """Run the command line of this process; an interruption or a polite kill still cleans up."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _terminate)
    signal.signal(signal.SIGINT, _interrupt)
    _fill_gaps()
    _spare_threads()
    _keep_memory()
    try:
        from convt_cli.app import app  # what takes long can be interrupted as well

        app()
    except KeyboardInterrupt:
        sys.exit(130)


def _fill_gaps() -> None:
    """Have no file take the number of a standard stream that the shell has closed: others write there."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _spare_threads() -> None:
    """Have the library's threads and none of BLAS's, which would only wait, and busily, for work."""
    if not any(name in os.environ for name in _BLAS) and hasattr(os, "sched_getaffinity"):
        os.environ["CONVT_NUM_THREADS"] = str(len(os.sched_getaffinity(0)))
        os.environ["OPENBLAS_NUM_THREADS"] = "1"


def _keep_memory() -> None:
    """Have glibc keep the memory of a block for the next: to get it anew takes longer than many a sum."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # another libc
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(_MMAP_THRESHOLD, 1 << 28)
            mallopt(_TRIM_THRESHOLD, 1 << 29)


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    _end_once(number)
    sys.exit(128 + number)


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    _end_once(number)
    raise KeyboardInterrupt


def _end_once(number: int) -> None:
    """Let a second signal of the kind not interrupt the cleaning up after the first."""
    signal.signal(number, signal.SIG_IGN)
