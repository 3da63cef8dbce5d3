"""Where the command ``convt`` begins: before anything slow is imported."""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

_BLAS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "CONVT_NUM_THREADS")


def main() -> None:
    """Run the command line of this process; an interruption or a polite kill still cleans up."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _terminate)
    signal.signal(signal.SIGINT, _interrupt)
    _spare_threads()
    try:
        from convt_cli.app import app  # what takes long can be interrupted as well

        app()
    except KeyboardInterrupt:
        sys.exit(130)


def _spare_threads() -> None:
    """Have the library's threads and none of BLAS's, which would only wait, and busily, for work."""
    if not any(name in os.environ for name in _BLAS) and hasattr(os, "sched_getaffinity"):
        os.environ["CONVT_NUM_THREADS"] = str(len(os.sched_getaffinity(0)))
        os.environ["OPENBLAS_NUM_THREADS"] = "1"


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    _end_once(number)
    sys.exit(128 + number)


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    _end_once(number)
    raise KeyboardInterrupt


def _end_once(number: int) -> None:
    """Let a second signal of the kind not interrupt the cleaning up after the first."""
    signal.signal(number, signal.SIG_IGN)
