"""Make the outputs of a batch: each whole or not at all, and the facts about it for the record."""

import os
from collections.abc import Iterable
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from filecmp import cmp
from functools import partial
from typing import NamedTuple

from convt_cli.corpus.corpus_plan import Clip, CorpusPlan, Facts
from convt_cli.corpus.tar_shards import resample_shard
from convt_cli.errors import Failure
from convt_cli.files.atomic_write import make_folder, temporary_file
from convt_cli.files.checksums import file_sha256
from convt_cli.files.paths import is_tar
from convt_cli.options.resample_options import ResampleOptions
from convt_cli.run.pipeline import run
from convt_cli.run.workers import WorkerKilledError, Workers, workers
from convt_cli.text.upsample_text import losses

_SHOWN = 20  # messages about a batch
_ATTEMPTS = 2  # at a clip that ends its process


class Outcome(NamedTuple):
    """The result of a batch, or of several.

    Attributes
    ----------
    lines : int
        Number of lines of the manifest.
    clips, failed : int
        Number of clips that are done or have failed, and of the latter: a tar file holds several.
    seconds : float
        Length of the outputs.
    errors, losses : tuple of str
        Messages about clips that failed, and about data that outputs lack; not all if there are many.
    """

    lines: int = 0
    clips: int = 0
    failed: int = 0
    seconds: float = 0.0
    errors: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()

    @classmethod
    def of(cls, record: Iterable[Facts]) -> "Outcome":
        """Return the result that a record states."""
        total = cls()
        for facts in record:
            errors = [error for _, error in facts.get("dropped", ())]
            errors += [facts["error"]] if "error" in facts else []
            clips, seconds = facts.get("clips", 1), facts.get("seconds", 0.0)
            total += cls(1, clips, len(errors), seconds, tuple(errors), tuple(facts.get("losses", ())))
        return total

    def __add__(self, other: "Outcome") -> "Outcome":  # type: ignore[override]  # no tuple's sum
        """Return both together."""
        return Outcome(
            self.lines + other.lines,
            self.clips + other.clips,
            self.failed + other.failed,
            self.seconds + other.seconds,
            (self.errors + other.errors)[:_SHOWN],
            (self.losses + other.losses)[:_SHOWN],
        )


def do_batch(plan: CorpusPlan, batch: int, options: ResampleOptions, *, alone: bool = False) -> Outcome:
    """Make the clips of a batch that are not made, and write its record.

    With `alone` the clips are made in a separate process, which one of them may kill.
    """
    before, record = plan.record(batch), list[Facts]()
    with workers(1) if alone else nullcontext() as process:
        make = partial(_make_alone, process) if process else make_clip
        for clip in plan.clips(batch, options):
            known, earlier = before.get(clip.number), plan.earlier(clip.number)
            if earlier is not None:
                record.append({"line": clip.number, "as": earlier})
            elif known and not _is_lost(plan, known):
                record.append(known)
            else:
                record.append(make(plan, clip, options, known.get("sha256") if known else None))
    plan.write_record(batch, record)
    return Outcome.of(record)


def _is_lost(plan: CorpusPlan, facts: Facts) -> bool:
    """Return whether a clip has failed, or its output is gone."""
    if "error" in facts or facts.get("dropped"):
        return True
    return not (plan.folder / facts["output"]).is_file()


def make_clip(plan: CorpusPlan, clip: Clip, options: ResampleOptions, own: str | None = None) -> Facts:
    """Make the output of a clip, and return the facts about it, or the error.

    An output with the SHA-256 `own` is of an earlier run, and is replaced.
    """
    try:
        make_folder(clip.target.parent)
        plan.check_place(clip.target)
        if own and clip.target.is_file() and file_sha256(clip.target) == own:
            options = replace(options, overwrite=True)
        exists = not options.overwrite and os.path.lexists(clip.target)
        try:
            facts = _made(clip, options, exists=exists)
        except Failure:
            if exists or options.overwrite or not os.path.lexists(clip.target):
                raise
            facts = _made(clip, options, exists=True)  # another process has made it in the meantime
    except Failure as failure:
        return _failed(clip, failure)
    return {"line": clip.number, "output": str(clip.target.relative_to(plan.folder)), **facts}


def _failed(clip: Clip, failure: Failure) -> Facts:
    return {"line": clip.number, "source": str(clip.source), "error": str(failure)}


def _make_alone(
    process: Workers, plan: CorpusPlan, clip: Clip, options: ResampleOptions, own: str | None
) -> Facts:
    for _ in range(_ATTEMPTS):
        task = (plan, clip, options, own)
        facts: Facts | WorkerKilledError = next(process.run(make_clip, [task]))
        if not isinstance(facts, WorkerKilledError):
            return facts
    return _failed(clip, Failure(f"{clip.source}: the worker process was killed (out of memory?)"))


def _made(clip: Clip, options: ResampleOptions, *, exists: bool) -> Facts:
    """Make an output; one that exists, of a run that was killed or of another program, must be the same."""
    job = options.for_input(clip.source, clip.target)
    with ExitStack() as stack:
        made = clip.target
        if exists:
            made = stack.enter_context(temporary_file(str(clip.target)))
            job = replace(job, held_target=made)
        facts = resample_shard(job) if is_tar(clip.source) else _resample(job)
        facts |= {"bytes": made.stat().st_size, "sha256": file_sha256(made)}
        if exists and not (clip.target.is_file() and cmp(made, clip.target, shallow=False)):
            raise Failure(
                f"{clip.target}: already exists with other content; remove it, or use --overwrite"
            )
    return facts


def _resample(job: ResampleOptions) -> Facts:
    result = run(job, _no_progress, threads=1)
    frames, (before, after) = result.frames[1], result.plan.formats
    if not (before and after and frames is not None):
        raise Failure(f"{job.source}: is not audio: a manifest is for audio files")
    facts: Facts = {"frames": frames, "channels": result.plan.channels[1], "rate": after.rate}
    facts |= {"seconds": frames / after.rate, "rate_before": before.rate}
    if lost := list(losses(result)):
        facts["losses"] = lost
    return facts


def _no_progress(_done: int, _total: int | None, _rate: int | None) -> None:
    """Show nothing of one clip among others."""
