"""Several inputs side by side: each whole or not at all, and one that fails stops no other."""

import threading
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor

from convt_cli.errors import Failure
from convt_cli.outcome import Outcome
from convt_cli.pipeline import run
from convt_cli.request import Request
from convt_cli.streams import Streams


class _Stopped(BaseException):
    """The command is ending, and so is the work on a file."""


def run_all(
    requests: Sequence[Request], jobs: int
) -> Generator[tuple[Request, Outcome | Failure], None, None]:
    """Upsample files, `jobs` at a time, and yield what became of each, in their order.

    When the iteration is left early, files that are being worked on are given up.
    """
    stopped, streams = threading.Event(), Streams()

    def watch(_done: int, _total: int | None) -> None:
        if stopped.is_set():
            raise _Stopped

    def work(request: Request) -> Outcome | Failure:
        watch(0, None)
        try:
            return run(request, watch, streams, threads=1 if jobs > 1 else None)
        except Failure as failure:
            return failure

    with ThreadPoolExecutor(jobs) as pool:
        try:
            for request, future in [(request, pool.submit(work, request)) for request in requests]:
                yield request, future.result()
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)
