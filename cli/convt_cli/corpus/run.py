"""Do the batches of a plan: each clip whole or not at all, and a record of each batch when it is done."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from convt_cli.corpus.gather import gather_plan, summary
from convt_cli.corpus.plan import Clip, Plan
from convt_cli.errors import Failure, SomeFailed
from convt_cli.files.atomic_write import make_folder
from convt_cli.jobs.batch import run_all
from convt_cli.kernels.selection import check_weights
from convt_cli.options.resample_options import ResampleOptions
from convt_cli.options.upsample_options import UpsampleOptions
from convt_cli.run.prepare import check_options
from convt_cli.run.upsampler_cache import upsampler_cache
from convt_cli.run.workers import cores
from convt_cli.text.progress import Bar
from convt_cli.text.report import Reporter

_AT_ONCE = 16  # batches whose clips are given to workers together
Facts = dict[str, Any]


class _Task(NamedTuple):
    """A clip, and the job that makes it; its output goes elsewhere first if there is a file already."""

    clip: Clip
    job: UpsampleOptions


def resample_manifest(options: ResampleOptions) -> None:
    """Resample the clips of a manifest, or of a shard of it."""
    upsampler_cache().clear()
    check_options(options)
    check_weights(options)
    reporter = Reporter(options.quiet, options.verbose, options.as_json)
    manifest, folder = options.corpus
    if options.dry_run:
        lines, count = Plan.counted(options, manifest)
        reporter.note(f"{manifest}: {lines} lines in {count} batches, to {folder}")
        return
    plan = Plan.of(options, manifest, folder)
    shard = options.shard or (1, 1)
    batches = _with_failures(plan, shard) if options.retry_failed else plan.undone(shard)
    failed = _do(plan, batches, options, reporter)
    if shard[1] > 1:
        reporter.note(f"shard {shard[0]} of {shard[1]} is done; when all are: convt gather {plan.folder}")
        if failed:
            raise SomeFailed(failed, plan.lines)
        return
    gathered = gather_plan(plan)
    reporter.note(summary(gathered))
    reporter.written(gathered.manifest)
    if gathered.failed:
        raise SomeFailed(gathered.failed, plan.lines)


def _with_failures(plan: Plan, shard: tuple[int, int]) -> Iterator[int]:
    """Yield the batches of a shard that are not done, or with failures or outputs that are gone."""
    number, count = shard
    for batch in range(number - 1, plan.batches, count):
        record = plan.record(batch)
        if not record or any(_is_lost(plan, facts) for facts in record.values()):
            yield batch


def _is_lost(plan: Plan, facts: Facts) -> bool:
    if "error" in facts:
        return True
    return "output" in facts and not (plan.folder / facts["output"]).is_file()


def _do(plan: Plan, batches: Iterable[int], options: ResampleOptions, reporter: Reporter) -> list[str]:
    """Do some batches, and return the names of the clips that failed."""
    failed, done = list[str](), 0
    processes, remaining = options.jobs or cores(), iter(batches)
    with closing(Bar("clips/s", 1, shown=reporter.is_for_people)) as bar:
        while window := list(islice(remaining, _AT_ONCE)):
            tasks = [(batch, list(_tasks(plan, batch, options))) for batch in window]
            jobs = [task.job for _, some in tasks for task in some if isinstance(task, _Task)]
            with closing(run_all(jobs, processes, brief=True)) as results:
                for batch, some in tasks:
                    record = list[Facts]()
                    for task in some:
                        facts = task if isinstance(task, dict) else _record(plan, task, next(results)[1])
                        record.append(facts)
                        if "error" in facts:
                            bar.close()
                            failed.append(str(facts["source"]))
                            reporter.fail(Failure(facts["error"]))
                        done += 1
                        bar(done, None)
                    plan.write_record(batch, record)
    return failed


def _tasks(plan: Plan, batch: int, options: ResampleOptions) -> Iterator[_Task | Facts]:
    """Yield a task for each clip of a batch, or the record of one that needs none."""
    before = plan.record(batch)
    for clip in plan.clips(batch, options):
        known = before.get(clip.number)
        if clip.number in plan.repeats:
            yield {"line": clip.number, "as": plan.repeats[clip.number]}
        elif known and not _is_lost(plan, known):
            yield known
        else:
            try:
                yield _task(plan, clip, options)
            except Failure as failure:
                yield _failed(clip, failure)


def _task(plan: Plan, clip: Clip, options: ResampleOptions) -> _Task:
    make_folder(clip.target.parent)
    plan.check_place(clip.target)
    output, overwrite = clip.target, options.overwrite
    if not overwrite and os.path.lexists(output):  # of a run that was killed, or of another program
        make_folder(plan.home / "check")
        output, overwrite = plan.home / "check" / f"{clip.number:010d}{clip.target.suffix}", True
    job = options.for_input(clip.source, output)
    return _Task(clip, replace(job, overwrite=overwrite, as_json=True, folder=plan.folder))


def _record(plan: Plan, task: _Task, result: Any) -> Facts:
    """Return the record of a clip that is done, or has failed."""
    clip = task.clip
    if isinstance(result, Failure):
        return _failed(clip, result)
    made = json.loads(result.json)["output"]
    if task.job.target != clip.target:
        try:
            _keep_if_same(task.job.target, clip.target)
        except Failure as failure:
            return _failed(clip, failure)
    return {
        "line": clip.number,
        "output": os.path.relpath(clip.target, plan.folder),
        **{name: made[name] for name in ("frames", "channels", "rate", "bytes", "sha256")},
    }


def _failed(clip: Clip, failure: Failure) -> Facts:
    return {"line": clip.number, "source": str(clip.source), "error": str(failure)}


def _keep_if_same(made: Path, target: Path) -> None:
    """Refuse a file in the place of an output unless it is that output; remove the other one."""
    from filecmp import cmp

    try:
        is_same = target.is_file() and cmp(made, target, shallow=False)
    finally:
        with suppress(OSError):
            made.unlink()
    if not is_same:
        raise Failure(f"{target}: already exists with other content; remove it, or use --overwrite")
