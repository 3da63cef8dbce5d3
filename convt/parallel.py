"""Blocks side by side: one task a thread, and one thread in every matrix product.

A product that BLAS divides among its own threads may round differently with their number; a product on
one thread cannot, and tasks that share nothing scale better. So numpy's BLAS is held to one thread while
anything is computed here, and is then set back as it was found. The BLAS of other libraries is left
alone.
"""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np
from threadpoolctl import ThreadpoolController

from convt.errors import ParameterError
from convt.geometry import as_index

Task = TypeVar("Task")

_VARIABLE = "CONVT_NUM_THREADS"


def default_threads() -> int:
    """Return how many threads a call uses that is not told.

    As many as the environment variable CONVT_NUM_THREADS says. Without it, as many as numpy's BLAS would
    use, which the machine's cores, its own variables and threadpoolctl decide; but one in a process that
    multiprocessing started, since others like it have the other cores.

    Raises
    ------
    ParameterError
        CONVT_NUM_THREADS is not an int of at least 1.
    """
    if stated := os.environ.get(_VARIABLE):
        try:
            return as_index(_VARIABLE, int(stated), 1)
        except ValueError:
            raise ParameterError(f"{_VARIABLE} must be an int of at least 1, got {stated!r}") from None
    process = sys.modules.get("multiprocessing.process")
    if process and process.parent_process():
        return 1
    return _cores.allowed()


def as_threads(threads: object) -> int | None:
    """Return `threads`, an int of at least 1 or None; errors as of :func:`convt.geometry.as_index`."""
    return None if threads is None else as_index("threads", threads, 1)


def run(work: Callable[[Task], None], tasks: Iterable[Task], threads: int) -> None:
    """Do `work` for every task, on up to `threads` threads, the caller's own among them.

    Tasks must be independent: they are done in any order. An exception ends them early.
    """
    pending = deque(tasks)
    with _cores.taken(min(threads, len(pending))) as granted:
        helpers = []
        with suppress(RuntimeError):  # the interpreter is shutting down: without help, then
            helpers = [_cores.pool.submit(_drain, work, pending) for _ in range(granted - 1)]
        try:
            _drain(work, pending)
        finally:
            pending.clear()
            wait(helpers)
        for helper in helpers:
            helper.result()


def _drain(work: Callable[[Task], None], pending: deque[Task]) -> None:
    while True:
        try:
            task = pending.popleft()
        except IndexError:
            return
        work(task)


class _Cores:
    """The cores of this machine, shared by all calls in the process."""

    def __init__(self) -> None:
        self._start()

    def start_anew(self) -> None:
        """Forget, in a forked child, the threads that it does not have."""
        if self._busy:
            self._held.restore_original_limits()
        self._start()

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._busy = self._allowed = 0
        self.pool = ThreadPoolExecutor(_count(), "convt")

    def allowed(self) -> int:
        """Return how many threads numpy's BLAS is set to use, or was before it was held to one."""
        with self._lock:
            return self._allowed if self._busy else _blas_threads()

    @contextmanager
    def taken(self, wanted: int) -> Iterator[int]:
        """Take up to `wanted` cores, at least one, but none that others here use; hold BLAS meanwhile."""
        with self._lock:
            if not self._busy:
                self._allowed = _blas_threads()
                self._held = _blas().limit(limits=1)
            granted = max(1, min(wanted, _count() - self._busy))
            self._busy += granted
        try:
            yield granted
        finally:
            with self._lock:
                self._busy -= granted
                if not self._busy:
                    self._held.restore_original_limits()


def _count() -> int:
    """Return how many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _blas() -> ThreadpoolController:
    """Return numpy's BLAS: what it came with, or else what BLAS this process has loaded."""
    loaded = ThreadpoolController().select(user_api="blas")
    home = str(Path(np.__file__).parent)  # and the beginning of numpy.libs
    paths = [library.filepath for library in loaded.lib_controllers]
    return loaded.select(filepath=[path for path in paths if path.startswith(home)] or paths)


def _blas_threads() -> int:
    return max((library.num_threads for library in _blas().lib_controllers), default=_count())


_cores = _Cores()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_cores.start_anew)
