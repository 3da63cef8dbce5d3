"""Check the records of all batches, and write the manifest of the outputs."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from convt_cli.corpus.corpus_plan import CorpusPlan, Facts
from convt_cli.corpus.manifest import Line, Written, json_text, updated
from convt_cli.errors import Failure
from convt_cli.files.atomic_write import atomic_write
from convt_cli.files.discover import size_lookup

_SHOWN = 20  # names in a message


class Gathered(NamedTuple):
    """The new manifest, and the numbers of clips, of seconds of audio and of clips that failed.

    Of the latter some are named.
    """

    manifest: Path
    clips: int
    seconds: float
    failed: int
    names: list[str]


def gather_plan(plan: CorpusPlan) -> Gathered:
    """Write ``manifest.jsonl`` or ``.csv``, and ``failed.jsonl`` if clips have failed.

    Raises
    ------
    Failure
        Batches are not done, or outputs are gone.
    """
    _check_done(plan)
    path = plan.folder / f"manifest{'.csv' if plan.manifest.is_csv else '.jsonl'}"
    failures, size_of = plan.folder / "failed.jsonl", size_lookup()
    for place in (path, failures):
        plan.check_place(place)
    clips, seconds, failed, names, gone, changed = 0, 0.0, 0, list[str](), list[str](), 0
    with (
        atomic_write(path, overwrite=True) as made,
        atomic_write(failures, overwrite=True) as lost,
        made.open("w", encoding="utf-8", newline="") as good,
        lost.open("w", encoding="utf-8") as bad,
    ):
        if plan.manifest.is_csv:
            good.write(plan.manifest.format_header())
        for line, facts in _lines(plan):
            if "output" in facts and size_of(plan.folder / facts["output"]) != facts["bytes"]:
                changed += 1
                gone += [facts["output"]] if changed <= _SHOWN else []
            texts, errors = _gathered(plan, line, facts)
            good.writelines(texts)
            clips += facts.get("clips", 1)
            seconds += facts.get("seconds", 0.0)
            for name, fields in errors:
                failed += 1
                names += [name] if failed <= _SHOWN else []
                bad.write(json_text(fields))
        if gone:
            shown = ", ".join(str(plan.folder / name) for name in gone)
            raise Failure(
                f"outputs that are missing or changed: {changed} ({shown}"
                f"{' ...' if changed > _SHOWN else ''}); run convt resample again with --retry-failed"
            )
    if not failed:
        failures.unlink(missing_ok=True)
    return Gathered(path, clips, seconds, failed, names)


def summary(gathered: Gathered) -> str:
    """Return a sentence on what was gathered."""
    lost = f", {gathered.failed} failed: see failed.jsonl" if gathered.failed else ""
    return f"{gathered.clips - gathered.failed} clips, {gathered.seconds / 3600:.3g} hours of audio{lost}"


def _check_done(plan: CorpusPlan) -> None:
    missing = plan.undone().tolist()
    if missing:
        shown = ", ".join(str(batch + 1) for batch in missing[:_SHOWN])
        raise Failure(
            f"{plan.folder}: {len(missing)} of {plan.batches} batches are not done"
            f" ({shown}{' ...' if len(missing) > _SHOWN else ''}): run the same convt resample again, all"
            " shards of it, and then convt gather"
        )


def _lines(plan: CorpusPlan) -> Iterator[tuple[bytes, Facts]]:
    """Yield the bytes and the record of each line; of a repeated file, that of the first."""
    record = lru_cache(maxsize=8)(plan.record)
    for number, (_, _, line) in enumerate(plan.manifest.raw_lines()):
        facts = record(plan.batch_of(number)).get(number)
        if facts and "as" in facts:
            facts = record(plan.batch_of(facts["as"])).get(facts["as"])
            facts = facts and facts | {"seconds": 0.0}  # counted before
        if facts is None:
            part = plan.part(plan.batch_of(number))
            raise Failure(f"{part}: has no record of line {number + 1}: remove it, and run again")
        yield line, facts


def _gathered(plan: CorpusPlan, line: bytes, facts: Facts) -> tuple[list[str], list[tuple[str, Line]]]:
    """Return the new lines for one of the manifest, and names and lines of clips that have failed."""
    fields = plan.manifest.parse(line)
    if "error" in facts:
        return [], [(facts["source"], fields | {"error": facts["error"]})]
    original = plan.manifest.source(fields)
    is_relative = not (original.startswith("/") or "://" in original)
    shown = (
        facts["output"]
        if is_relative or plan.is_of_shards
        else str((plan.folder / facts["output"]).absolute())
    )
    if "members" not in facts:
        written = Written(shown, facts["frames"], facts["rate"], facts["rate_before"])
        return [plan.manifest.format(updated(fields, written))], []
    made = [
        {
            "path": shown,
            "member": name,
            "sampling_rate": rate,
            "num_samples": frames,
            "duration": frames / rate,
        }
        for name, frames, rate in facts["members"]
    ]
    dropped = [
        (f"{original}/{name}", {"path": original, "member": name, "error": error})
        for name, error in facts["dropped"]
    ]
    return [json_text(each) for each in made], dropped
