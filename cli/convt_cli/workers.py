"""Processes that share a command's work.

Threads would share the interpreter as well, and wait for each other at every step.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager


def cores() -> int:
    """Return how many processes are worth it: CONVT_NUM_THREADS, or as many as there are cores."""
    stated = os.environ.get("CONVT_NUM_THREADS", "")
    if stated.isdecimal():
        return max(1, int(stated))
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def workers(count: int) -> Iterator[Executor]:
    """Give an executor of processes that end with the context; on an error, amid their work."""
    # To fork is quick, but only safe while there is one thread.
    alone = sys.platform == "linux" and threading.active_count() == 1
    context = multiprocessing.get_context("fork" if alone else "spawn")
    executor = ProcessPoolExecutor(count, context, _leave_interrupts)
    try:
        yield executor
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def _leave_interrupts() -> None:
    """Leave it to the first process what an interruption, which reaches all, ends; it asks politely."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)


def _end(_number: int, _frame: object) -> None:
    raise SystemExit
