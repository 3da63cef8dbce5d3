"""Iteration ahead of the consumer in a separate thread, so that reading, computing and writing overlap."""

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Generic, TypeVar

Item = TypeVar("Item")

_DEPTH = 2  # waiting items at most: enough to even out small delays in bounded memory


class _End:
    """Marks the end of the items, with the error that ended the iteration if there was one."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Prefetched(Generic[Item]):
    def __init__(self, items: Iterable[Item]) -> None:
        self._items = items
        self._queue: queue.Queue[Item | _End] = queue.Queue(_DEPTH)
        self._stopped = threading.Event()
        # A daemon: a thread that waits for a pipe must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        end = _End()
        try:
            self._pass_on(iter(self._items))
        except BaseException as error:  # noqa: BLE001  # raised again in the consumer
            end = _End(error)
        self._put(end)

    def _pass_on(self, items: Iterator[Item]) -> None:
        for item in items:
            self._put(item)
            if self._stopped.is_set():
                break
        if isinstance(items, Generator):
            items.close()  # in this thread: the generator may itself use `prefetch`

    def _put(self, item: Item | _End) -> None:
        waiting = True
        while waiting and not self._stopped.is_set():
            with suppress(queue.Full):
                self._queue.put(item, timeout=0.1)
                waiting = False

    def __iter__(self) -> Iterator[Item]:
        while not isinstance(item := self._queue.get(), _End):
            yield item
        if item.error:
            raise item.error

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(0.2)


@contextmanager
def prefetch(items: Iterable[Item]) -> Iterator[Iterable[Item]]:
    """Yield an iterable whose items are produced ahead for as long as the context lasts."""
    running = _Prefetched(items)
    try:
        yield running
    finally:
        running.stop()
