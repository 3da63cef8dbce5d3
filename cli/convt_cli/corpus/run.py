"""Do the batches of a plan, in several processes or on a cluster, and report the progress."""

import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from itertools import islice
from typing import TYPE_CHECKING

from convt_cli.corpus.clips import Outcome, do_batch
from convt_cli.corpus.corpus_plan import CorpusPlan, count_lines
from convt_cli.corpus.gather import gather_plan, summary
from convt_cli.errors import Failure, SomeFailed
from convt_cli.files.paths import is_tar, is_url
from convt_cli.kernels.selection import check_weights
from convt_cli.options.resample_options import ResampleOptions
from convt_cli.run.pipeline import warm_up
from convt_cli.run.prepare import check_options
from convt_cli.run.upsampler_cache import upsampler_cache
from convt_cli.run.workers import WorkerKilledError, cores, workers
from convt_cli.text.progress import Bar
from convt_cli.text.report import Reporter

if TYPE_CHECKING:
    from distributed import Client

_AT_ONCE = 4096  # batches given to workers together: a list of all could be long
_MINUTE = 60.0  # seconds between lines of progress where there is no terminal


def resample_corpus(options: ResampleOptions) -> None:
    """Resample the clips of a manifest or of tar files, or a shard of them."""
    upsampler_cache().clear()
    check_options(options)
    check_weights(options)
    reporter = Reporter(options.quiet, options.verbose, options.as_json)
    if options.dry_run:
        lines, count = count_lines(options)
        listed = f"{options.manifest}: {lines} lines" if options.manifest else f"{lines} tar files"
        reporter.note(f"{listed} in {count} batches, to {options.outputs}")
        return
    plan = CorpusPlan.of(options)
    run_plan(plan, options, reporter)
    shard = options.shard or (1, 1)
    if shard[1] > 1:
        reporter.note(f"shard {shard[0]} of {shard[1]} is done; when all are: convt gather {plan.folder}")
        done = sum(
            (Outcome.of(plan.record(batch).values()) for batch in plan.all_batches(shard)), Outcome()
        )
        if done.failed:
            raise SomeFailed([], done.clips, done.failed)
        return
    gathered = gather_plan(plan)
    reporter.note(summary(gathered))
    reporter.written(gathered.manifest)
    if gathered.failed:
        raise SomeFailed(gathered.names, gathered.clips, gathered.failed)


def run_plan(
    plan: CorpusPlan, options: ResampleOptions, reporter: Reporter, client: "Client | None" = None
) -> Outcome:
    """Do the batches of a plan that are not done, and return what has become of them."""
    shard = options.shard or (1, 1)
    batches = plan.all_batches(shard) if options.retry_failed else plan.undone(shard).tolist()
    total = Outcome()
    with (
        closing(_Progress(plan, batches, reporter)) as progress,
        closing(_outcomes(plan, batches, options, reporter, client)) as outcomes,
    ):
        for outcome in outcomes:
            total += outcome
            progress.close()  # the lines that follow take its place
            for line in outcome.losses:
                reporter.lose(line)
            if more := outcome.lossy - len(outcome.losses):
                reporter.lose(
                    f"{more} more warnings of this kind are in the records in {plan.home / 'parts'}"
                )
            for line in outcome.errors:
                reporter.fail(Failure(line))
            if more := outcome.failed - len(outcome.errors):
                reporter.fail(
                    Failure(f"{more} more clips failed: see the records in {plan.home / 'parts'}")
                )
            progress(total)
    return total


def _outcomes(
    plan: CorpusPlan,
    batches: Sequence[int],
    options: ResampleOptions,
    reporter: Reporter,
    client: "Client | None",
) -> Generator[Outcome, None, None]:
    """Do batches, and yield the outcome of each."""
    cluster = client or options.cluster
    if not (cluster and batches):
        yield from do_here(plan, batches, options)
        return
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise Failure("--cluster needs Dask: pip install 'convt[cluster]'") from None
    from convt_cli.corpus.cluster import do_on_cluster

    yield from do_on_cluster(plan, batches, options, cluster, reporter)


def do_here(plan: CorpusPlan, batches: Iterable[int], options: ResampleOptions) -> Iterator[Outcome]:
    """Do batches in processes of this machine, and yield the outcome of each, in their order."""
    count, remaining = options.jobs or cores(), iter(batches)
    while window := list(islice(remaining, _AT_ONCE)):
        if count == 1 or len(window) == 1:
            for batch in window:
                yield do_batch(plan, batch, options)
            continue
        _warm_up(plan, window[0], options)
        with workers(min(count, len(window))) as some:
            results = some.run(do_batch, [(plan, batch, options) for batch in window])
            for batch, result in zip(window, results, strict=True):
                killed = isinstance(result, WorkerKilledError)
                yield do_batch(plan, batch, options, alone=True) if killed else result


def _warm_up(plan: CorpusPlan, batch: int, options: ResampleOptions) -> None:
    """Prepare the filter of the first clip, for processes that will be forked."""
    for clip in islice(plan.clips(batch, options), 1):
        with suppress(Failure, OSError, ValueError):  # the process that does the clip reports it
            if not (is_url(clip.source) or is_tar(clip.source)) and clip.source.is_file():
                warm_up(options.for_input(clip.source, clip.target))


class _Progress:
    """Clips, hours of audio, speed, time left and failures: on a terminal, or every minute in a line."""

    def __init__(self, plan: CorpusPlan, batches: Sequence[int], reporter: Reporter) -> None:
        self._unit, self._reporter = plan.unit, reporter
        self._total = sum(map(plan.size, batches))
        self._bar = Bar(f"{self._unit}/s", 1, shown=reporter.is_for_people)
        self._begun = self._said = time.monotonic()

    def __call__(self, total: Outcome) -> None:
        """Show the progress."""
        more = f", {total.seconds / 3600:.3g} h of audio"
        more += f", {total.failed} failed" if total.failed else ""
        self._bar(total.lines, self._total, more=more)
        now = time.monotonic()
        if now - self._said >= _MINUTE and not self._bar.is_possible:
            self._said, speed = now, total.lines / (now - self._begun)
            left = (self._total - total.lines) / speed / 60
            self._reporter.note(
                f"{total.lines} of {self._total} {self._unit}{more}, {speed:.3g} {self._unit}/s,"
                f" {left:.0f} min left"
            )

    def close(self) -> None:
        """Remove the bar until the next call."""
        self._bar.close()
