"""Worker processes that share a command's work.

Each has a pipe to the main process. Tasks come in through it, and results go out. When the main process
ends, in whatever way, the system closes its end of the pipe, which ends the worker at once::

    main process    | task, task .... result, task ..... | closed, or killed
    worker              | works | works .... | works ........ X
      its reader    | waits for tasks ................... ^ ends the process

Threads would also share the interpreter lock, and wait for each other at every step.
"""

import os
import signal
import sys
import threading
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from convt_cli.files.atomic_write import remove_temporaries

_AHEAD = 2  # tasks that a worker has at a time, so that it need not wait for the next
_FAR = 4096  # tasks that may run ahead of the next result; their results are kept
# Whether workers are forked, which is instant; starting new processes takes half a second. Forks crash in
# macOS libraries, such as numpy's BLAS there: https://github.com/python/cpython/issues/77906
FORKS = sys.platform == "linux"
_PATIENCE = 0.5  # seconds to wait until a worker ends by itself
_SIGNALS = {
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, "pthread_sigmask")
}

if TYPE_CHECKING:  # slow to import, and few commands need workers
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess
    from subprocess import Popen

Task = tuple[Any, ...]


class WorkerKilledError(Exception):
    """A worker was killed while it worked on a task."""


class _RemoteError(Exception):
    """The traceback of an error from the process in which it was raised."""


class _Failed(NamedTuple):
    error: BaseException
    traceback: str


def cores() -> int:
    """Return how many processes to use: CONVT_NUM_THREADS, or the number of cores."""
    stated = os.environ.get("CONVT_NUM_THREADS", "")
    if stated.isdecimal():
        return max(1, int(stated))
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _NewProcess:
    """A new Python that serves a pipe.

    One of multiprocessing would run the user's program once more, as it looks for functions there; and its
    daemons, such as the workers of Dask, may not have any.
    """

    def __init__(self, connection: "Connection") -> None:
        self._descriptor = connection.fileno()
        self._popen: Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The number of the process, if it was started."""
        return self._popen.pid if self._popen else None

    def start(self) -> None:
        """Start the process, with the modules of this one."""
        from subprocess import DEVNULL, Popen

        code = f"import sys; sys.path[:] = {sys.path}; from convt_cli.run.workers import serve_descriptor"
        command = [sys.executable, "-c", f"{code}; serve_descriptor({self._descriptor})"]
        self._popen = Popen(command, stdin=DEVNULL, pass_fds=[self._descriptor])  # noqa: S603  # this Python

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended, or for some seconds."""
        from subprocess import TimeoutExpired

        if self._popen:
            with suppress(TimeoutExpired):
                self._popen.wait(timeout)

    def is_alive(self) -> bool:
        """Return whether it has not ended."""
        return self._popen is not None and self._popen.poll() is None

    def kill(self) -> None:
        """End it."""
        if self._popen:
            self._popen.kill()


class _Worker:
    """A worker and its numbered tasks."""

    _connections: ClassVar["set[Connection]"] = set()  # the main process's ends of all pipes

    def __init__(self) -> None:
        self.tasks: deque[tuple[int, Task]] = deque()
        import multiprocessing

        self.connection, self._its_own = multiprocessing.Pipe()
        self._connections.add(self.connection)
        self._process: BaseProcess | _NewProcess = _NewProcess(self._its_own)
        # In a fork, locks of other threads would stay held; and a daemon may have none of these.
        if FORKS and threading.active_count() == 1 and not multiprocessing.current_process().daemon:
            # A fork inherits these; while it keeps them open, other workers would not see them closed.
            arguments = (self._its_own, list(self._connections))
            context = multiprocessing.get_context("fork")
            self._process = context.Process(target=_serve, args=arguments, daemon=True)

    def start(self) -> None:
        """Start the process."""
        with _signals_held():
            if isinstance(self._process, _NewProcess):
                self._process.start()
            else:
                with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
                    self._process.start()  # Python warns of BLAS's threads, which survive a fork
        self._its_own.close()

    def give(self, number: int, function: Callable[..., Any], task: Task) -> None:
        """Send a task."""
        self.tasks.append((number, task))
        with suppress(BrokenPipeError):  # it was killed, which the next read of the pipe shows
            self.connection.send((function, task))

    def end(self) -> None:
        """End the worker, even in the middle of a task."""
        self._connections.discard(self.connection)
        self.connection.close()
        self._its_own.close()

    def join(self) -> None:
        """Wait until it has ended."""
        if self._process.pid is None:  # it was never started
            return
        self._process.join(_PATIENCE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


class Workers:
    """Some worker processes; see :func:`workers`."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._workers: list[_Worker] = []

    def run(self, function: Callable[..., Any], tasks: Iterable[Task]) -> Generator[Any, None, None]:
        """Yield the function's result for each task, in order, or a WorkerKilledError.

        Raises
        ------
        BaseException
            Any error that the function raises.
        """
        pending, results = deque(enumerate(tasks)), dict[int, Any]()
        total = len(pending)
        for number in range(total):
            while number not in results:
                self._give(function, pending, number + _FAR)
                self._take(pending, results)
            result = results.pop(number)
            if isinstance(result, _Failed):
                raise result.error from _RemoteError(f"\n{result.traceback}")
            yield result

    def _give(self, function: Callable[..., Any], pending: deque[tuple[int, Task]], end: int) -> None:
        """Start missing workers, and keep all of them busy with tasks before number `end`."""
        while len(self._workers) < min(self._count, len(pending)):
            self._workers.append(_Worker())  # before the start, so that an interruption finds it
            self._workers[-1].start()
        for depth in range(1, _AHEAD + 1):
            for worker in self._workers:
                if pending and pending[0][0] < end and len(worker.tasks) < depth:
                    number, task = pending.popleft()
                    worker.give(number, function, task)

    def _take(self, pending: deque[tuple[int, Task]], results: dict[int, Any]) -> None:
        """Wait for results, and collect them."""
        from multiprocessing.connection import wait

        ready = wait([worker.connection for worker in self._workers])
        for worker in [worker for worker in self._workers if worker.connection in ready]:
            try:
                result = worker.connection.recv()
            except (EOFError, ConnectionResetError):  # it was killed; others take over its other tasks
                self._workers.remove(worker)
                worker.end()
                worker.join()
                if worker.tasks:  # otherwise it was idle
                    number, _ = worker.tasks.popleft()
                    results[number] = WorkerKilledError()
                pending.extendleft(reversed(worker.tasks))
            else:
                number, _ = worker.tasks.popleft()
                results[number] = result

    def end(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.end()
        for worker in self._workers:
            worker.join()


@contextmanager
def workers(count: int) -> Iterator[Workers]:
    """Yield up to `count` worker processes; they end with the context, even in the middle of a task."""
    some = Workers(count)
    try:
        yield some
    finally:
        try:
            some.end()
        finally:
            some.end()  # once more, if that was interrupted


@contextmanager
def _signals_held() -> Iterator[None]:
    """Block signals, so that none ends a half-started process or runs the parent's handlers in it."""
    if _SIGNALS:
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        if _SIGNALS:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def serve_descriptor(number: int) -> None:
    """Work on the tasks of a pipe that a process has inherited by its number."""
    from multiprocessing.connection import Connection

    os.environ.setdefault("CONVT_NUM_THREADS", "1")  # its siblings use the other cores
    _serve(Connection(number), [])


def _serve(connection: "Connection", inherited: "list[Connection]") -> None:
    """Work on tasks until the main process closes its end of the pipe."""
    for other in inherited:
        other.close()
    for number in _SIGNALS:  # a terminal sends them to all processes; only the main one acts on them
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: _leave())
    if _SIGNALS:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    tasks: SimpleQueue[tuple[Callable[..., Any], Task]] = SimpleQueue()
    threading.Thread(target=_receive, args=(connection, tasks), daemon=True).start()
    while True:
        function, task = tasks.get()
        try:
            result = function(*task)
        except BaseException as error:  # noqa: BLE001  # raised again in the main process
            result = _Failed(error, traceback.format_exc())
        with suppress(OSError):  # the main process has ended, and so will this one
            connection.send(result)


def _receive(connection: "Connection", tasks: "SimpleQueue[tuple[Callable[..., Any], Task]]") -> None:
    """Take tasks from the pipe; when it is closed, end the process without leaving unfinished files."""
    try:
        while True:
            tasks.put(connection.recv())
    finally:
        _leave()


def _leave() -> None:
    remove_temporaries()
    os._exit(1)
