"""Processes that share a command's work.

Threads would share the interpreter as well, and wait for each other at every step.
"""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

_PARENT_DEATH = 1  # PR_SET_PDEATHSIG of Linux
_PATIENCE = 0.3  # seconds
_HELD = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, "pthread_sigmask")
)

Submit = Callable[..., Future[Any]]


def cores() -> int:
    """Return how many processes are worth it: CONVT_NUM_THREADS, or as many as there are cores."""
    stated = os.environ.get("CONVT_NUM_THREADS", "")
    if stated.isdecimal():
        return max(1, int(stated))
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def workers(count: int) -> Iterator[Submit]:
    """Give what submits a function and its arguments to so many processes, and returns the future.

    They end with the context; on an error, amid their work, which they clean up.
    """
    # To fork is quick, but only safe while there is one thread.
    alone = sys.platform == "linux" and threading.active_count() == 1
    context = multiprocessing.get_context("fork" if alone else "spawn")
    # Half-made processes could not be ended; and Python warns of BLAS's threads, which survive a fork.
    with _signals_held(), warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        executor = ProcessPoolExecutor(count, context, _begin)
        executor.submit(int)

    def submit(function: Callable[..., Any], *arguments: object) -> Future[Any]:
        return executor.submit(_work, function, *arguments)

    try:
        yield submit
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


@contextmanager
def _signals_held() -> Iterator[None]:
    if _HELD:
        signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
    try:
        yield
    finally:
        if _HELD:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)


class _State:
    """Whether this process works on something, and whether it is to end."""

    working = ending = False


def _begin() -> None:
    """Leave it to the first process what an interruption, which reaches all, ends; it asks politely."""
    for number in _HELD:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH, signal.SIGTERM)
    if _HELD:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)


def _end(_number: int, _frame: object) -> None:
    """End the work, or else the process."""
    _State.ending = True
    if _State.working:
        raise SystemExit
    _leave_soon()


def _work(function: Callable[..., Any], *arguments: object) -> Any:
    _State.working = True
    try:
        if _State.ending:
            raise SystemExit
        return function(*arguments)
    finally:
        _State.working = False
        if _State.ending:
            _leave_soon()


def _leave_soon() -> None:
    """Leave when a result that is on its way has arrived: the first process would wait for its rest."""
    if _HELD:
        signal.signal(signal.SIGALRM, lambda *_: os._exit(128 + signal.SIGTERM))
        signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
