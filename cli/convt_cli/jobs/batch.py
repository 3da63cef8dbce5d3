"""Several inputs side by side: each whole or not at all, and one that fails stops no other."""

from collections.abc import Generator, Sequence
from contextlib import suppress
from os import path

from convt_cli.errors import Failure
from convt_cli.files.paths import is_url
from convt_cli.options.upsample_options import UpsampleOptions
from convt_cli.run.pipeline import no_progress, run, warm_up
from convt_cli.run.side_by_side import side_by_side
from convt_cli.run.workers import WorkerKilledError, workers
from convt_cli.text.run_report import RunReport

_TOGETHER = 8  # files in stores that a worker does by several threads
Result = tuple[UpsampleOptions, RunReport | Failure]


def run_all(
    jobs: Sequence[UpsampleOptions], processes: int, *, brief: bool
) -> Generator[Result, None, None]:
    """Upsample files in a number of processes, and yield the report of each, in their order.

    Reports may be brief. When the iteration is left early, files in progress are given up.
    """
    if min(processes, len(jobs)) < 2:
        for job in jobs:
            yield job, _run_one(job, None, brief)
        return
    first = jobs[0].source
    if not is_url(first) and path.isfile(first):  # a pipe can be read only once
        with suppress(Failure):  # the process that does the file reports it
            warm_up(jobs[0])
    with workers(min(processes, len(jobs))) as some:
        groups = _groups(jobs)
        for group, made in zip(
            groups, some.run(_run_group, [(each, brief) for each in groups]), strict=True
        ):
            killed = isinstance(made, WorkerKilledError)
            yield from zip(
                group, (_run_alone(job, brief) for job in group) if killed else made, strict=True
            )


def _groups(jobs: Sequence[UpsampleOptions]) -> list[Sequence[UpsampleOptions]]:
    """Divide jobs into those that a worker does together: several if they are in stores."""
    size = _TOGETHER if any(is_url(path) for job in jobs for path in (job.source, job.target)) else 1
    return [jobs[first : first + size] for first in range(0, len(jobs), size)]


def _run_group(jobs: Sequence[UpsampleOptions], brief: bool) -> list[RunReport | Failure]:
    return side_by_side(
        lambda job: _run_one(job, 1, brief),
        jobs,
        (path for job in jobs for path in (job.source, job.target)),
    )


def _run_alone(job: UpsampleOptions, brief: bool) -> RunReport | Failure:
    """Do a file in a separate process, which it may kill."""
    with workers(1) as one:
        result: RunReport | Failure | WorkerKilledError = next(one.run(_run_one, [(job, 1, brief)]))
    if isinstance(result, WorkerKilledError):
        return Failure(f"{job.source}: the worker process was killed (out of memory?)")
    return result


def _run_one(job: UpsampleOptions, threads: int | None, brief: bool) -> RunReport | Failure:
    try:
        return RunReport.of(run(job, no_progress, threads=threads), brief=brief)
    except Failure as failure:
        return failure
