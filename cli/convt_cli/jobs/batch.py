"""Several inputs side by side: each whole or not at all, and one that fails stops no other."""

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path

from convt_cli.errors import Failure
from convt_cli.files.paths import is_file
from convt_cli.options.upsample_options import Request
from convt_cli.run.pipeline import run, warm_up
from convt_cli.run.workers import workers
from convt_cli.text.run_report import Account

Result = tuple[Request, Account | Failure]

_TOGETHER = 16  # files at most that a process is given at once, as every errand takes its time,
_SMALL = 1 << 23  # and bytes of them at most


def run_all(requests: Sequence[Request], jobs: int, *, brief: bool) -> Generator[Result, None, None]:
    """Upsample files, `jobs` at a time, and yield what became of each, in their order.

    Accounts may be brief. When the iteration is left early, files that are being worked on are given up.
    """
    if min(jobs, len(requests)) < 2:
        for request in requests:
            yield request, _work(request, threads=None, brief=brief)
        return
    if is_file(requests[0].source):  # what comes through a pipe is read but once
        with suppress(Failure):  # of which the process that does the file tells
            warm_up(requests[0])
    new = {request.target for request in requests if not is_file(request.target)}
    with workers(min(jobs, len(requests))) as submit:
        errands = iter([(few, submit(_work_alone, few, brief)) for few in _divided(requests, jobs)])
        for few, future in errands:
            if isinstance(future.exception(), BrokenProcessPool):
                errands = chain([(few, future)], errands)
                break
            yield from zip(few, future.result(), strict=True)
    for few, future in errands:  # a process has been killed, and no other goes on
        if isinstance(future.exception(), BrokenProcessPool):
            # What was done already, but not told of, is done once more.
            again = [replace(one, overwrite=one.overwrite or one.target in new) for one in few]
            yield from zip(few, (_by_itself(one, brief) for one in again), strict=True)
        else:
            yield from zip(few, future.result(), strict=True)


def _divided(requests: Sequence[Request], jobs: int) -> Iterator[list[Request]]:
    """Divide files, in their order, into those that a process is given at once.

    They become fewer towards the end, which all processes then reach at about the same time.
    """
    few, total = list[Request](), 0
    for number, request in enumerate(requests):
        size, left = _size(request.source), len(requests) - number + len(few)
        if few and (len(few) >= min(_TOGETHER, left / (4 * jobs)) or total + size > _SMALL):
            yield few
            few, total = [], 0
        few.append(request)
        total += size
    yield few


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # of which the process that does the file tells
        return 0


def _by_itself(request: Request, brief: bool) -> Account | Failure:
    """Do a file in a process of its own, which it may kill."""
    try:
        with workers(1) as submit:
            result: Account | Failure = submit(_work_alone, [request], brief).result()[0]
            return result
    except BrokenProcessPool:
        return Failure(f"{request.source}: what worked on it has been killed; was there enough memory?")


def _work_alone(requests: Sequence[Request], brief: bool) -> list[Account | Failure]:
    return [_work(request, threads=1, brief=brief) for request in requests]


def _work(request: Request, *, threads: int | None, brief: bool) -> Account | Failure:
    try:
        return Account.of(run(request, _unwatched, threads=threads), brief=brief)
    except Failure as failure:
        return failure


def _unwatched(_done: int, _total: int | None) -> None:
    """Let nobody know how far a file is: there are others."""
