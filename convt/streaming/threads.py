"""Compute blocks in parallel: one task per thread, and one thread per matrix product.

A product that BLAS divides among its own threads may round differently with their number. A product on one
thread cannot, and independent tasks scale better. So numpy's BLAS is limited to one thread during a call,
and then set back. The BLAS of other libraries is not changed.
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
    """Return the maximum number of threads for a call without `threads`.

    This is the environment variable CONVT_NUM_THREADS. Without it, it is 1 in a process that
    multiprocessing started, since its siblings use the other cores, and else the number of threads of
    numpy's BLAS, which depends on the machine's cores, the variables of BLAS, and threadpoolctl.

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
    """The caller's thread and its helpers, for the duration of the context.

    A team has up to `threads` threads, but none for cores that other teams in this process use. A team of 0
    threads only holds BLAS to one thread, for the teams inside of it.
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
        """Call `work` for every task. Tasks must be independent; an error ends them early."""
        helpers = min(self.size, len(tasks)) - 1
        if helpers < 1:  # the usual case of short calls
            for task in tasks:
                work(task)
            return
        pending, errors = deque(tasks), list[BaseException]()

        def help_out() -> None:
            try:
                with ignore_float_errors():  # threads do not inherit it
                    _run_pending(work, pending)
            except BaseException as error:  # noqa: BLE001  # raised again by the caller
                pending.clear()
                errors.append(error)

        futures = _cores.submit(help_out, helpers)
        try:
            _run_pending(work, pending)
        finally:
            pending.clear()
            for future in futures:
                if not future.cancel():  # do not wait for a thread that has not begun
                    future.result()
        for error in errors:
            raise error


class OnlyMember(ThreadTeam):
    """A team of the caller's thread, inside of another team, which holds BLAS to one thread."""

    def __init__(self) -> None:
        self.size = 1

    def __enter__(self) -> "OnlyMember":
        return self

    def __exit__(self, *_: object) -> None:
        pass


def _run_pending(work: Callable[[Task], None], pending: deque[Task]) -> None:
    while True:
        try:
            task = pending.popleft()
        except IndexError:
            return
        work(task)


def ignore_float_errors() -> np.errstate:
    """Return a context in which overflow, underflow and NaN are ordinary results."""
    return np.errstate(over="ignore", invalid="ignore", under="ignore")


class _Cores:
    """The cores of this machine, which all teams share, and the limit of numpy's BLAS.

    The number of used cores follows from the teams that exist, and BLAS is set back when the last of them
    is gone, so that an interruption between any two steps of Python leaves both as they were.
    """

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._lock = threading.RLock()  # a signal handler or a finalizer may call convt during a call
        self._teams = set[ref[ThreadTeam]]()
        self._blas_before: list[int] = []
        self._is_held = False
        self._submission = Exclusive()
        self._pool: ThreadPoolExecutor | None = None

    def start_anew(self) -> None:
        """Forget the threads of the parent process, which a forked child does not have."""
        if self._blas_before:
            _set_blas_threads(self._blas_before)
        self._start()

    def allowed(self) -> int:
        """Return the number of threads of numpy's BLAS, without the limit."""
        with self._lock:
            return max(self._blas_before or _blas_threads(), default=available_cores())

    def enter(self, team: ThreadTeam, threads: int) -> None:
        """Give a team up to `threads` free cores, and at least one."""
        with self._lock:
            taken = [other.size for one in self._teams if (other := one())] if self._teams else []
            team.reference = ref(team, self._forget)
            self._teams.add(team.reference)
            if not self._is_held:  # also if a signal handler interrupts these lines
                self._blas_before = self._blas_before or _blas_threads()
                _set_blas_threads([1] * len(self._blas_before))
                self._is_held = True
            team.size = max(1, min(threads, available_cores() - sum(taken))) if threads > 1 else threads

    def leave(self, team: ThreadTeam) -> None:
        """Take a team's cores back."""
        self._forget(team.reference)
        del team.reference  # which would call it again

    def _forget(self, team: "ref[ThreadTeam]") -> None:
        with self._lock:
            self._teams.discard(team)
            if not self._teams:
                self._is_held, before = False, self._blas_before
                if before:  # otherwise another thread, or a signal handler, has set it back
                    _set_blas_threads(before)
                    self._blas_before = []

    def submit(self, work: Callable[[], None], count: int) -> "list[Future[None]]":
        """Run `work` on `count` threads, or on as many as can be started."""
        from concurrent.futures import ThreadPoolExecutor  # takes 4 ms to import

        futures: list[Future[None]] = []
        with self._submission.use() as is_alone:  # a signal handler must not wait for the executor's locks
            if not is_alone:
                return futures
            self._pool = self._pool or ThreadPoolExecutor(os.cpu_count(), "convt")
            try:
                futures.extend(self._pool.submit(work) for _ in range(count))  # at least the first
            except RuntimeError:  # the interpreter is shutting down: go on without helpers
                self._pool.shutdown(cancel_futures=True)
                self._pool = None
        return futures


def available_cores() -> int:
    """Return the number of cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _blas_controls() -> list[_Control]:
    """Return the controls of the BLAS that numpy came with, or else of all BLAS in this process."""
    home = Path(np.__file__).parent
    bundled = (
        path for folder in (home.parent / "numpy.libs", home / ".dylibs") for path in folder.glob("*")
    )
    if own := [control for path in bundled if "openblas" in path.name and (control := _openblas(path))]:
        return own
    from threadpoolctl import ThreadpoolController  # takes 10 ms to examine every library

    loaded = ThreadpoolController().select(user_api="blas").lib_controllers
    return [_openblas(blas.filepath) or (blas.get_num_threads, blas.set_num_threads) for blas in loaded]


def _openblas(path: str | Path) -> _Control | None:
    """Return the functions that get and set the number of threads of OpenBLAS, if it is loaded.

    They are those of OpenBLAS, since threadpoolctl, from 3.8 on, lets only one thread of a process set it.
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
