"""Several inputs side by side: each whole or not at all, and one that fails stops no other."""

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from typing import Any

from convt_cli.account import Account
from convt_cli.errors import Failure
from convt_cli.names import is_file
from convt_cli.pipeline import run, warm_up
from convt_cli.request import Request
from convt_cli.workers import workers

Result = tuple[Request, Account | Failure]


def run_all(requests: Sequence[Request], jobs: int) -> Generator[Result, None, None]:
    """Upsample files, `jobs` at a time, and yield what became of each, in their order.

    When the iteration is left early, files that are being worked on are given up.
    """
    if min(jobs, len(requests)) < 2:
        for request in requests:
            yield request, _work(request, threads=None)
        return
    if is_file(requests[0].source):  # what comes through a pipe is read but once
        with suppress(Failure):  # of which the process that does the file tells
            warm_up(requests[0])
    new = {request.target for request in requests if not is_file(request.target)}
    with workers(min(jobs, len(requests))) as submit:
        futures = [submit(_work_alone, request) for request in requests]
        results: Iterator[tuple[Request, Future[Any]]] = zip(requests, futures, strict=True)
        for request, future in results:
            if isinstance(future.exception(), BrokenProcessPool):
                results = chain([(request, future)], results)
                break
            yield request, future.result()
    for request, future in results:  # a process has been killed, and no other goes on
        if isinstance(future.exception(), BrokenProcessPool):
            # What was done already, but not told of, is done once more.
            again = replace(request, overwrite=request.overwrite or request.target in new)
            yield request, _by_itself(again)
        else:
            yield request, future.result()


def _by_itself(request: Request) -> Account | Failure:
    """Do a file in a process of its own, which it may kill."""
    try:
        with workers(1) as submit:
            result: Account | Failure = submit(_work_alone, request).result()
            return result
    except BrokenProcessPool:
        return Failure(f"{request.source}: what worked on it has been killed; was there enough memory?")


def _work_alone(request: Request) -> Account | Failure:
    return _work(request, threads=1)


def _work(request: Request, *, threads: int | None) -> Account | Failure:
    try:
        return Account.of(run(request, _unwatched, threads=threads))
    except Failure as failure:
        return failure


def _unwatched(_done: int, _total: int | None) -> None:
    """Let nobody know how far a file is: there are others."""
