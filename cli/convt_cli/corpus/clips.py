"""Make the outputs of a batch: each whole or not at all, and the facts about it for the record."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from filecmp import cmp
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from convt_cli.corpus.corpus_plan import Clip, CorpusPlan, Facts
from convt_cli.corpus.tar_shards import resample_shard
from convt_cli.errors import DiskFailure, Failure, os_failure
from convt_cli.files.atomic_write import atomic_write, make_folder, temporary_file, write_errors_as_failures
from convt_cli.files.checksums import file_sha256
from convt_cli.files.discover import size_lookup
from convt_cli.files.paths import is_tar, is_url
from convt_cli.files.remote import RemotePath
from convt_cli.files.source import at_hand, copy_all
from convt_cli.options.resample_options import ResampleOptions
from convt_cli.run.pipeline import no_progress, run
from convt_cli.run.side_by_side import side_by_side
from convt_cli.run.workers import WorkerKilledError, workers
from convt_cli.text.upsample_text import losses

_SHOWN = 20  # messages about a batch
_ATTEMPTS = 2  # at a clip that ends its process


class Outcome(NamedTuple):
    """The result of a batch, or of several.

    Attributes
    ----------
    lines : int
        Number of lines of the manifest.
    clips, failed, lossy : int
        Number of clips that are done or have failed, of those that have failed, and of messages about data
        that outputs lack. A tar file holds several clips.
    seconds : float
        Length of the outputs.
    errors, losses : tuple of str
        Messages about clips that failed, and about data that outputs lack; at most 20 of each.
    """

    lines: int = 0
    clips: int = 0
    failed: int = 0
    lossy: int = 0
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
            lost, clips, seconds = facts.get("losses", ()), facts.get("clips", 1), facts.get("seconds", 0.0)
            total += cls(1, clips, len(errors), len(lost), seconds, tuple(errors), tuple(lost))
        return total

    def __add__(self, other: "Outcome") -> "Outcome":  # type: ignore[override]  # no tuple's sum
        """Return both together."""
        return Outcome(
            self.lines + other.lines,
            self.clips + other.clips,
            self.failed + other.failed,
            self.lossy + other.lossy,
            self.seconds + other.seconds,
            (self.errors + other.errors)[:_SHOWN],
            (self.losses + other.losses)[:_SHOWN],
        )


def do_batch(plan: CorpusPlan, batch: int, options: ResampleOptions, *, alone: bool = False) -> Outcome:
    """Make the clips of a batch that are not made, and write its record.

    With `alone` the clips are made in a separate process, which one of them may kill.

    Raises
    ------
    DiskFailure
        Nothing more can be written. There is no record, so that all of the batch is done again.
    """
    before, record, size_of = plan.record(batch), list[Facts](), size_lookup()
    wanted = list[tuple[Clip, str | None]]()
    for clip in plan.clips(batch, options):
        known, earlier = before.get(clip.number), plan.earlier(clip.number)
        if earlier is not None:
            record.append({"line": clip.number, "as": earlier})
        elif known and not _is_lost(plan, known, size_of):
            record.append(known)
        else:
            wanted.append((clip, known.get("sha256") if known else None))
    make = partial(make_clip, plan, options)
    if alone:
        record += _made_alone(make, wanted)
    else:
        places = (path for clip, _ in wanted for path in (clip.source, clip.target))
        record += side_by_side(lambda item: make(*item), wanted, places)
    record.sort(key=itemgetter("line"))
    plan.write_record(batch, record)
    return Outcome.of(record)


def _is_lost(plan: CorpusPlan, facts: Facts, size_of: Callable[[Path], int | None]) -> bool:
    """Return whether a clip has failed, or its output is gone or has another size."""
    if "error" in facts or facts.get("dropped"):
        return True
    size: int = facts["bytes"]
    return size_of(plan.folder / facts["output"]) != size


def _made_alone(
    make: Callable[[Clip, str | None], Facts], wanted: list[tuple[Clip, str | None]]
) -> Iterator[Facts]:
    """Make clips one by one in a separate process, and in another when one has ended it twice."""
    with workers(1) as process:
        for clip, own in wanted:
            for _ in range(_ATTEMPTS):
                facts: Facts | WorkerKilledError = next(process.run(make, [(clip, own)]))
                if not isinstance(facts, WorkerKilledError):
                    yield facts
                    break
            else:
                reason = "the worker process was killed (out of memory?)"
                yield _failed(clip, Failure(f"{clip.source}: {reason}"))


def make_clip(plan: CorpusPlan, options: ResampleOptions, clip: Clip, own: str | None = None) -> Facts:
    """Make the output of a clip, and return the facts about it, or the error.

    An output with the SHA-256 `own` is of an earlier run, and is replaced.
    """
    try:
        _check(plan, clip)
        if isinstance(clip.target, RemotePath):
            facts = _uploaded(clip, clip.target, options, own)
        else:
            facts = _made_here(clip, options, own)
    except DiskFailure:
        raise
    except Failure as failure:
        return _failed(clip, failure)
    except OSError as error:  # an impossible name
        return _failed(clip, os_failure(error, str(clip.source)))
    return {"line": clip.number, "output": str(clip.target.relative_to(plan.folder)), **facts}


def _check(plan: CorpusPlan, clip: Clip) -> None:
    """Refuse impossible names, and outputs outside of the folder or in the place of the input."""
    try:
        os.fsencode(str(clip.source))
    except UnicodeEncodeError:
        raise Failure(f"{str(clip.source)!a}: is not the name of a file") from None
    if "\0" in str(clip.source):
        raise Failure(f"{clip.source}: is not the name of a file, as it has a NUL character")
    plan.check_place(clip.target)
    make_folder(clip.target.parent)
    if clip.source == clip.target or _is_same_file(clip.source, clip.target):
        raise Failure(f"{clip.target}: is the same file as the input: name another -d")


def _is_same_file(source: Path, target: Path) -> bool:
    if is_url(source) or is_url(target):
        return False
    try:
        return target.samefile(source)
    except FileNotFoundError:
        return False


def _failed(clip: Clip, failure: Failure) -> Facts:
    return {"line": clip.number, "source": str(clip.source), "error": str(failure)}


def _made_here(clip: Clip, options: ResampleOptions, own: str | None) -> Facts:
    exists = not options.overwrite and os.path.lexists(clip.target)
    try:
        return _made(clip, options, own, exists=exists)
    except Failure:
        if exists or options.overwrite or not os.path.lexists(clip.target):
            raise
        return _made(clip, options, own, exists=True)  # another process has made it in the meantime


def _made(clip: Clip, options: ResampleOptions, own: str | None, *, exists: bool) -> Facts:
    job = options.for_input(clip.source, clip.target)
    if not exists:
        return _resample(job, clip.target)
    with temporary_file(str(clip.target)) as made:
        facts = _resample(replace(job, held_target=made), made)
        if not clip.target.is_file():
            raise _other_content(clip)
        if _is_to_be_replaced(clip, clip.target, made, own):
            with (
                atomic_write(clip.target, overwrite=True, sync=bool(options.sync)) as place,
                place.open("wb") as file,
            ):
                copy_all(made, file)
    return facts


def _uploaded(clip: Clip, target: RemotePath, options: ResampleOptions, own: str | None) -> Facts:
    """Make an output and upload it.

    That it exists is seen when it is uploaded, as to ask for it takes longer than to make a clip.
    """
    name = str(target)
    with temporary_file(name) as made, write_errors_as_failures(name):
        facts = _resample(replace(options.for_input(clip.source, target), held_target=made), made)
        try:
            target.put(made, overwrite=options.overwrite)
        except FileExistsError:
            with at_hand(target) as found:
                if _is_to_be_replaced(clip, found or target, made, own):
                    target.put(made, overwrite=True)
    return facts


def _is_to_be_replaced(clip: Clip, found: Path, made: Path, own: str | None) -> bool:
    """Return whether the output that exists is of an earlier run; refuse one of another program.

    It is if it is the same, which may stay, if its record says so, or if it is the beginning of the same: a
    power cut may leave that.
    """
    if cmp(made, found, shallow=False):
        return False
    if own != file_sha256(found) and not _begins_with(made, found):
        raise _other_content(clip)
    return True


def _begins_with(whole: Path, part: Path) -> bool:
    with whole.open("rb") as one, part.open("rb") as other:
        while piece := other.read(1 << 20):
            if one.read(len(piece)) != piece:
                return False
    return True


def _other_content(clip: Clip) -> Failure:
    return Failure(f"{clip.target}: already exists with other content; remove it, or use --overwrite")


def _resample(job: ResampleOptions, made: Path) -> Facts:
    """Write an output, which becomes the file `made`, and return the facts about it."""
    facts = resample_shard(job) if is_tar(job.source) else _resample_clip(job)
    return facts | {"bytes": made.stat().st_size, "sha256": file_sha256(made)}


def _resample_clip(job: ResampleOptions) -> Facts:
    result = run(job, no_progress, threads=1)
    frames, (before, after) = result.frames[1], result.plan.formats
    if not (before and after and frames is not None):
        raise Failure(f"{job.source}: is not audio: a manifest is for audio files")
    facts: Facts = {"frames": frames, "channels": result.plan.channels[1], "rate": after.rate}
    facts |= {"seconds": frames / after.rate, "rate_before": before.rate}
    if lost := list(losses(result)):
        facts["losses"] = lost
    return facts
