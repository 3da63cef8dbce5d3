"""Blocks in parallel: one task a thread, and one thread in every matrix product.

A product that BLAS divides among its own threads may round differently with their number; a product on
one thread cannot, and tasks that share nothing scale better. So numpy's BLAS is held to one thread while
anything is computed here, and is then set back as it was found. The BLAS of other libraries is left
alone.
"""

import ctypes
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from weakref import ref

import numpy as np

from convt.arguments import as_index
from convt.errors import ParameterError
from convt.streaming.exclusive import Exclusive

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Task = TypeVar("Task")
_Control = tuple[Callable[[], int], Callable[[int], object]]

_VARIABLE = "CONVT_NUM_THREADS"


def default_threads() -> int:
    """Return how many threads a call without `threads` uses.

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


class ThreadTeam:
    """The caller's thread and helpers, for as long as the context lasts.

    It has up to `threads` threads, but none for a core that another team in this process has taken.
    """

    reference: "ref[ThreadTeam]"

    def __init__(self, threads: int) -> None:
        self._threads, self.size = threads, 0

    def __enter__(self) -> "ThreadTeam":
        _cores.enter(self, self._threads)
        return self

    def __exit__(self, *_: object) -> None:
        _cores.leave(self)

    def run(self, work: Callable[[Task], None], tasks: Sequence[Task]) -> None:
        """Do `work` for every task. They must be independent; an error ends them early."""
        helpers = min(self.size, len(tasks)) - 1
        if helpers < 1:  # as of most short calls
            for task in tasks:
                work(task)
            return
        pending, errors = deque(tasks), list[BaseException]()

        def help_out() -> None:
            try:
                with ignore_float_errors():  # which threads do not inherit
                    _work_off(work, pending)
            except BaseException as error:  # noqa: BLE001  # raised again by the caller
                pending.clear()
                errors.append(error)

        futures = _cores.submit(help_out, helpers)
        try:
            _work_off(work, pending)
        finally:
            pending.clear()
            for future in futures:
                if not future.cancel():  # a thread that has not begun is not waited for
                    future.result()
        for error in errors:
            raise error


def _work_off(work: Callable[[Task], None], pending: deque[Task]) -> None:
    while True:
        try:
            task = pending.popleft()
        except IndexError:
            return
        work(task)


def ignore_float_errors() -> np.errstate:
    """Return the context in which infinities and vanishing products are results like others."""
    return np.errstate(over="ignore", invalid="ignore", under="ignore")


class _Cores:
    """The cores of this machine, shared by all teams, and numpy's BLAS, held while there is one.

    Which cores are taken follows from the teams that live, and BLAS is set back when the last of them has
    gone, so that an interruption between any two of Python's steps leaves both as they were.
    """

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._lock = threading.RLock()  # a signal handler, or a finalizer, may call convt amid a call
        self._teams = set[ref[ThreadTeam]]()
        self._blas_before: list[int] = []
        self._is_held = False
        self._submission = Exclusive()
        self._pool: ThreadPoolExecutor | None = None

    def start_anew(self) -> None:
        """Forget, in a forked child, the threads that it does not have."""
        if self._blas_before:
            _set_blas_threads(self._blas_before)
        self._start()

    def allowed(self) -> int:
        """Return how many threads numpy's BLAS is set to use, or was before it was held to one."""
        with self._lock:
            return max(self._blas_before or _blas_threads(), default=available_cores())

    def enter(self, team: ThreadTeam, threads: int) -> None:
        """Give a team up to so many cores, at least one, but none that are taken."""
        with self._lock:
            taken = [other.size for one in self._teams if (other := one())] if self._teams else []
            team.reference = ref(team, self._forget)
            self._teams.add(team.reference)
            if not self._is_held:  # also of a handler amid these lines
                self._blas_before = self._blas_before or _blas_threads()
                _set_blas_threads([1] * len(self._blas_before))
                self._is_held = True
            team.size = max(1, min(threads, available_cores() - sum(taken))) if threads > 1 else 1

    def leave(self, team: ThreadTeam) -> None:
        """Take a team's cores back."""
        self._forget(team.reference)

    def _forget(self, team: "ref[ThreadTeam]") -> None:
        with self._lock:
            self._teams.discard(team)
            if not self._teams:
                self._is_held, before = False, self._blas_before
                if before:  # else another thread, or a handler, has set it back
                    _set_blas_threads(before)
                    self._blas_before = []

    def submit(self, work: Callable[[], None], count: int) -> "list[Future[None]]":
        """Have so many threads do some work, or as many as the system lets start."""
        from concurrent.futures import ThreadPoolExecutor  # which takes 4 ms to import

        futures: list[Future[None]] = []
        with self._submission.use() as is_alone:  # the executor's locks are not for a handler amid them
            if not is_alone:
                return futures
            self._pool = self._pool or ThreadPoolExecutor(os.cpu_count(), "convt")
            try:
                futures.extend(self._pool.submit(work) for _ in range(count))  # the first of them, at least
            except RuntimeError:  # the interpreter is shutting down: without help, then
                self._pool.shutdown(cancel_futures=True)
                self._pool = None
        return futures


def available_cores() -> int:
    """Return how many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _blas_controls() -> list[_Control]:
    """Return the controls of numpy's BLAS: of the one it came with, or else of all in this process."""
    home = Path(np.__file__).parent
    bundled = (
        path for folder in (home.parent / "numpy.libs", home / ".dylibs") for path in folder.glob("*")
    )
    if own := [control for path in bundled if "openblas" in path.name and (control := _openblas(path))]:
        return own
    from threadpoolctl import ThreadpoolController  # which takes 10 ms to look at every library

    loaded = ThreadpoolController().select(user_api="blas").lib_controllers
    return [_openblas(blas.filepath) or (blas.get_num_threads, blas.set_num_threads) for blas in loaded]


def _openblas(path: str | Path) -> _Control | None:
    """Return the functions that get and set the number of threads of OpenBLAS, if that is loaded.

    OpenBLAS is asked itself: threadpoolctl, from 3.8 on, lets but one thread of a process set it.
    """
    try:
        loaded = ctypes.CDLL(str(path), mode=os.RTLD_NOW | os.RTLD_NOLOAD)
    except OSError:
        return None
    for prefix, suffix in product(("", "scipy_"), ("", "64_", "_64")):
        get, put = (f"{prefix}openblas_{verb}_num_threads{suffix}" for verb in ("get", "set"))
        if hasattr(loaded, put):
            return getattr(loaded, get), getattr(loaded, put)
    return None


def _blas_threads() -> list[int]:
    return [get() for get, _ in _blas_controls()]


def _set_blas_threads(settings: Sequence[int]) -> None:
    for (_, put), threads in zip(_blas_controls(), settings, strict=True):
        put(threads)


_cores = _Cores()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_cores.start_anew)
