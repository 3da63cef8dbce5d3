"""A command's work from its options to what it tells: one input, or many."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from convt_cli.errors import Failure, Misuse, ReaderGone, SomeFailed
from convt_cli.files.paths import STREAM, is_file
from convt_cli.jobs.batch import run_all
from convt_cli.jobs.job_plan import Found, find
from convt_cli.options.upsample_options import Request
from convt_cli.run.pipeline import run
from convt_cli.run.prepare import check_options
from convt_cli.run.upsampler_cache import shared_streams
from convt_cli.run.workers import cores
from convt_cli.text import report
from convt_cli.text.progress import Bar
from convt_cli.text.report import Reporter
from convt_cli.text.run_report import Account


def upsample_one(request: Request, reporter: Reporter) -> None:
    """Upsample one input, and tell of it.

    Raises
    ------
    Failure
        With the one line that says why it cannot be done.
    """
    with closing(Bar("Mframes/s", 1e6, shown=reporter.is_for_people)) as bar:
        try:
            account = Account.of(run(request, bar))
        except ReaderGone:
            return
    if reporter.as_json:
        report.document(account.facts, to_stderr=request.target == STREAM)
    _tell(account, reporter)


def upsample_files(
    sources: Sequence[Path],
    request: Request,
    reporter: Reporter,
    *,
    folder: Path | None,
    recursive: bool,
    jobs: int | None,
    skip: bool,
) -> None:
    """Upsample what a command line names: an input by itself, or files side by side.

    Raises
    ------
    Failure
        As of :func:`upsample_one` and :func:`upsample_all`.
    """
    shared_streams().clear()
    check_options(request)
    found = find(sources, request, folder, recursive=recursive)
    if skip and request.plot:
        raise Misuse("--plot draws what is made, and --skip-existing may make nothing: use one of them")
    skip = skip and STREAM not in (request.target for request in found.requests)
    if len(found.requests) == 1 and not (folder or skip):
        upsample_one(found.requests[0], reporter)
    else:
        upsample_all(found, jobs or cores(), reporter, skip=skip)


def upsample_all(found: Found, jobs: int, reporter: Reporter, *, skip: bool) -> None:
    """Upsample many files, tell of each in their order, and sum up.

    Raises
    ------
    SomeFailed
        Some, or all, could not be made.
    """
    wanted = [request for request in found.requests if not (skip and is_file(request.target))]
    documents, failed = list[dict[str, Any]](), list[str]()
    for path, failure in found.failures:
        failed.append(str(path))
        reporter.fail(failure)
        documents.append(_failed(path, failure))
    bar = Bar("files/s", 1, shown=reporter.is_for_people)
    brief = not (reporter.verbose or any(request.dry_run for request in wanted))
    with closing(bar), closing(run_all(wanted, jobs, brief=brief)) as results:
        for number, (request, result) in enumerate(results, 1):
            bar.close()  # the lines that follow stand where it was
            if isinstance(result, Failure):
                failed.append(str(request.source))
                reporter.fail(result)
                documents.append(_failed(request.source, result))
            else:
                _tell(result, reporter)
                documents += [result.facts] if reporter.as_json else []
            bar(number, len(wanted))
    count = len(found.requests) + len(found.failures)
    skipped = len(found.requests) - len(wanted)
    done = count - skipped - len(failed)
    facts = {"done": done, "skipped": skipped, "failed": len(failed), "files": documents}
    reporter.note(f"{done} of {count} files done, {skipped} skipped, {len(failed)} failed")
    if failed:
        raise SomeFailed(failed, count, facts)
    if reporter.as_json:
        report.document(facts, to_stderr=False)


def _failed(path: Path, failure: Failure) -> dict[str, Any]:
    return {"input": {"path": str(path)}, "error": str(failure)}


def _tell(account: Account, reporter: Reporter) -> None:
    """Say what became of an input."""
    for line in account.notes:
        reporter.note(line)
    for line in account.details:
        reporter.detail(line)
    for line in account.warnings:
        reporter.warn(line)
    for path in account.written:
        reporter.written(path)
