"""Threads that wait to help with a call.

They do what an executor does, in half the time: a call of a millisecond notices the futures that an
executor makes of it. A thread that is not awake before the work is done is not waited for::

    caller   | asks, works ................ | waits for those who began |
    helper       | wakes | works ........ |
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

Task = TypeVar("Task")


class Call(Generic[Task]):
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

    def help(self) -> None:
        """Use an invitation, if the call is not over."""
        error: BaseException | None = None
        with suppress(IndexError):
            self._unused.pop()
            try:
                self.work()
            except BaseException as caught:  # noqa: BLE001  # raised again by the caller
                self._pending.clear()
                error = caught
            self._left.put(error)

    def end(self) -> list[BaseException]:
        """Drop the tasks that are left, wait for those who began, and return their errors."""
        self._pending.clear()
        began = self._helpers
        with suppress(IndexError):
            while True:
                self._unused.pop()
                began -= 1
        return [error for error in (self._left.get() for _ in range(began)) if error]


class Helpers:
    """Threads that wait, in the context that `within` makes."""

    def __init__(self, within: Callable[[], AbstractContextManager[Any]]) -> None:
        self._within, self._count = within, 0
        self._calls: SimpleQueue[Call[Any]] = SimpleQueue()

    def ask(self, call: Call[Any], helpers: int) -> None:
        """Invite so many threads to a call, or those that there are."""
        for _ in range(min(helpers, self._count)):  # or it would wait, with all that it holds, for nobody
            self._calls.put(call)

    def ensure(self, count: int) -> None:
        """Have at least so many threads, if the system lets them start."""
        with suppress(RuntimeError):  # the interpreter is shutting down: without help, then
            while self._count < count:
                threading.Thread(target=self._serve, name=f"convt_{self._count}", daemon=True).start()
                self._count += 1

    def _serve(self) -> None:
        with self._within():
            while True:
                self._calls.get().help()
