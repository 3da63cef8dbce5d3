"""Several inputs side by side: each whole or not at all, and one that fails stops no other."""

import os
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path

from convt_cli.errors import Failure
from convt_cli.options.upsample_options import UpsampleOptions
from convt_cli.run.pipeline import run, warm_up
from convt_cli.run.workers import workers
from convt_cli.text.run_report import RunReport

Result = tuple[UpsampleOptions, RunReport | Failure]

_CHUNK = 16  # files at most that a process is given at once, as every message takes its time,
_CHUNK_BYTES = 1 << 23  # and bytes of them at most


def run_all(
    jobs: Sequence[UpsampleOptions], processes: int, *, brief: bool
) -> Generator[Result, None, None]:
    """Upsample files in so many processes, and yield the report of each, in their order.

    Reports may be brief. When the iteration is left early, files that are being worked on are given up.
    """
    if min(processes, len(jobs)) < 2:
        for job in jobs:
            yield job, _run_one(job, threads=None, brief=brief)
        return
    if os.path.isfile(jobs[0].source):  # a pipe can be read only once
        with suppress(Failure):  # the process that does the file reports it
            warm_up(jobs[0])
    new = {job.target for job in jobs if not os.path.isfile(job.target)}
    with workers(min(processes, len(jobs))) as submit:
        pending = iter([(chunk, submit(_run_chunk, chunk, brief)) for chunk in _chunks(jobs, processes)])
        for chunk, future in pending:
            if isinstance(future.exception(), BrokenProcessPool):
                pending = chain([(chunk, future)], pending)
                break
            yield from zip(chunk, future.result(), strict=True)
    for chunk, future in pending:  # a process has been killed, and no other goes on
        if isinstance(future.exception(), BrokenProcessPool):
            # Files that were finished, but not reported, are done once more.
            again = [replace(job, overwrite=job.overwrite or job.target in new) for job in chunk]
            yield from zip(chunk, (_run_alone(job, brief) for job in again), strict=True)
        else:
            yield from zip(chunk, future.result(), strict=True)


def _chunks(jobs: Sequence[UpsampleOptions], processes: int) -> Iterator[list[UpsampleOptions]]:
    """Divide files, in their order, into those that a process is given at once.

    Chunks become smaller towards the end, which all processes then reach at about the same time.
    """
    chunk, total = list[UpsampleOptions](), 0
    for number, job in enumerate(jobs):
        size, left = _size(job.source), len(jobs) - number + len(chunk)
        if chunk and (len(chunk) >= min(_CHUNK, left / (4 * processes)) or total + size > _CHUNK_BYTES):
            yield chunk
            chunk, total = [], 0
        chunk.append(job)
        total += size
    yield chunk


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # the process that does the file reports it
        return 0


def _run_alone(job: UpsampleOptions, brief: bool) -> RunReport | Failure:
    """Do a file in a process of its own, which it may kill."""
    try:
        with workers(1) as submit:
            result: RunReport | Failure = submit(_run_chunk, [job], brief).result()[0]
            return result
    except BrokenProcessPool:
        return Failure(f"{job.source}: what worked on it has been killed; was there enough memory?")


def _run_chunk(jobs: Sequence[UpsampleOptions], brief: bool) -> list[RunReport | Failure]:
    return [_run_one(job, threads=1, brief=brief) for job in jobs]


def _run_one(job: UpsampleOptions, *, threads: int | None, brief: bool) -> RunReport | Failure:
    try:
        return RunReport.of(run(job, _no_progress, threads=threads), brief=brief)
    except Failure as failure:
        return failure


def _no_progress(_done: int, _total: int | None) -> None:
    """Show nothing of one file among others."""
