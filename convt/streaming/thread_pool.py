"""A pool of threads that help the caller with a job.

It is an executor without futures, in half the time: a job of a millisecond notices the futures that an
executor makes of it. The caller does not wait for a thread that is not awake before the work is done::

    caller   | submits, works ............. | waits for those who began |
    helper       | wakes | works .......... |
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

Task = TypeVar("Task")


class Job(Generic[Task]):
    """Independent tasks that several threads take from, one by one."""

    def __init__(self, work: Callable[[Task], None], tasks: Sequence[Task], helpers: int) -> None:
        self._work, self._pending = work, deque(tasks)
        self._unused, self._helpers = [None] * helpers, helpers  # invitations
        self._left: SimpleQueue[BaseException | None] = SimpleQueue()

    def work(self) -> None:
        """Do tasks until none is left."""
        while True:
            try:
                task = self._pending.popleft()
            except IndexError:
                return
            self._work(task)

    def assist(self) -> None:
        """Use an invitation, if the job is not over."""
        error: BaseException | None = None
        with suppress(IndexError):
            self._unused.pop()
            try:
                self.work()
            except BaseException as caught:  # noqa: BLE001  # raised again by the caller
                self._pending.clear()
                error = caught
            self._left.put(error)

    def finish(self) -> list[BaseException]:
        """Drop the tasks that are left, wait for the helpers that began, and return their errors."""
        self._pending.clear()
        began = self._helpers
        with suppress(IndexError):
            while True:
                self._unused.pop()
                began -= 1
        return [error for error in (self._left.get() for _ in range(began)) if error]


class ThreadPool:
    """Threads that wait for jobs, each in a context that `context` makes."""

    def __init__(self, context: Callable[[], AbstractContextManager[Any]]) -> None:
        self._context, self._size = context, 0
        self._jobs: SimpleQueue[Job[Any]] = SimpleQueue()

    def submit(self, job: Job[Any], helpers: int) -> None:
        """Invite up to `helpers` threads to a job."""
        for _ in range(min(helpers, self._size)):  # or it would wait, with all that it holds, for nobody
            self._jobs.put(job)

    def grow(self, size: int) -> None:
        """Have at least `size` threads, if the system lets them start."""
        with suppress(RuntimeError):  # the interpreter is shutting down: without help, then
            while self._size < size:
                threading.Thread(target=self._serve, name=f"convt_{self._size}", daemon=True).start()
                self._size += 1

    def _serve(self) -> None:
        with self._context():
            while True:
                self._jobs.get().assist()
