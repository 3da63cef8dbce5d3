"""The work of ``convt upsample``: one input by itself, or many files side by side."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from convt_cli.errors import Failure, ReaderGone, SomeFailed
from convt_cli.files.discover import size_lookup
from convt_cli.files.paths import STREAM
from convt_cli.jobs.batch import run_all
from convt_cli.jobs.job_plan import JobPlan, plan_jobs
from convt_cli.kernels.selection import check_weights
from convt_cli.options.upsample_options import UpsampleOptions
from convt_cli.run.pipeline import run
from convt_cli.run.prepare import check_options
from convt_cli.run.upsampler_cache import upsampler_cache
from convt_cli.run.workers import cores
from convt_cli.text import report
from convt_cli.text.progress import Bar
from convt_cli.text.report import Reporter
from convt_cli.text.run_report import RunReport
from convt_cli.text.upsample_json import failed_as_json, skipped_as_json
from convt_cli.text.upsample_text import DRY_RUN_HEADER


def upsample_files(options: UpsampleOptions) -> None:
    """Upsample the inputs of a command line."""
    upsampler_cache().clear()
    check_options(options)
    check_weights(options)
    reporter = Reporter(options.quiet, options.verbose, options.as_json)
    plan = plan_jobs(options)
    skip = options.skip_existing and STREAM not in (job.target for job in plan.jobs)
    if len(plan.jobs) == 1 and not (options.folder or options.files_from or skip):
        _upsample_one(plan.jobs[0], reporter)
    else:
        _upsample_all(plan, options.jobs or cores(), reporter, skip=skip)


def _upsample_one(options: UpsampleOptions, reporter: Reporter) -> None:
    with closing(Bar("Mframes/s", 1e6, shown=reporter.is_for_people)) as bar:
        try:
            finished = RunReport.of(run(options, bar))
        except ReaderGone:
            return
        except Failure as failure:
            failure.facts = failed_as_json(options.source)
            raise
    _print(finished, reporter, to_stderr=options.target == STREAM)


def _upsample_all(plan: JobPlan, processes: int, reporter: Reporter, *, skip: bool) -> None:
    """Upsample many files, print the report of each in their order, and sum up."""
    size_of = size_lookup()
    jobs = [_if_undone(job, size_of) if skip else job for job in plan.jobs]
    wanted = [job for job in jobs if job]
    failed = list[str]()

    def fail(source: Path, failure: Failure) -> None:
        failed.append(str(source))
        failure.facts = failed_as_json(source)
        reporter.fail(failure)

    for path, failure in plan.failures:
        fail(path, failure)
    for line in plan.left_out:
        reporter.lose(line)
    copied = 0
    bar, worked = Bar("files/s", 1, shown=reporter.is_for_people), 0
    brief, table = not reporter.verbose, _Table.of(wanted, reporter)
    with closing(bar), closing(run_all(wanted, processes, brief=brief)) as results:
        for job, undone in zip(plan.jobs, jobs, strict=True):
            if not undone:
                reporter.skip(skipped_as_json(job.source, job.target))
                continue
            _, result = next(results)
            bar.close()  # the lines that follow take its place
            if isinstance(result, Failure):
                fail(job.source, result)
            else:
                table.add(result.row)
                copied += result.is_copy
                _print(result, reporter)
            worked += 1
            bar(worked, len(wanted))
    count = len(plan.jobs) + len(plan.failures)
    skipped = len(plan.jobs) - len(wanted)
    done = count - skipped - len(failed)
    copies = f" ({copied} copied)" if copied else ""
    reporter.note(f"{done} of {count} files done{copies}, {skipped} skipped, {len(failed)} failed")
    if failed:
        raise SomeFailed(failed, count)


class _Table:
    """The table of a dry run of many files; without columns of any other run."""

    def __init__(self, widths: list[int], reporter: Reporter) -> None:
        self._widths, self._reporter = widths, reporter
        if widths:
            self.add(DRY_RUN_HEADER)

    @classmethod
    def of(cls, jobs: Sequence[UpsampleOptions], reporter: Reporter) -> "_Table":
        if reporter.verbose or not (jobs and jobs[0].dry_run):
            return cls([], reporter)
        sources = max(len(str(job.source)) for job in jobs)
        targets = max(len(str(job.target)) for job in jobs)
        return cls([max(5, sources), max(6, targets), 18, 18, 10, 11], reporter)

    def add(self, row: Sequence[str]) -> None:
        """Print a row: texts to the left of their columns, numbers to the right."""
        if self._widths:
            cells = zip(row, self._widths, "<<<<>>", strict=True)
            self._reporter.note("  ".join(f"{text:{side}{width}}" for text, width, side in cells).rstrip())


def _if_undone(options: UpsampleOptions, size_of: Callable[[Path], int | None]) -> UpsampleOptions | None:
    """Return the options of an input whose output does not exist, or is empty: no output of ours is."""
    size = size_of(options.target)
    if size is None:
        return options
    return None if size else replace(options, overwrite=True)


def _print(finished: RunReport, reporter: Reporter, *, to_stderr: bool = False) -> None:
    if finished.json:
        report.print_json_line(finished.json, to_stderr=to_stderr)
    for line in finished.notes:
        reporter.note(line)
    for line in finished.details:
        reporter.detail(line)
    for line in finished.losses:
        reporter.lose(line)
    for line in finished.warnings:
        reporter.warn(line)
    for path in finished.written:
        reporter.written(path)
