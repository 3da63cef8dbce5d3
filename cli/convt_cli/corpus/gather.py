"""Check the records of all batches, and write the manifest of what was made."""

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from convt_cli.corpus.manifest import Written, updated
from convt_cli.corpus.plan import BATCH, Plan
from convt_cli.errors import Failure
from convt_cli.files.atomic_write import atomic_write

_SHOWN = 5  # names in a message


class Gathered(NamedTuple):
    """The new manifest, its number of lines and seconds of audio, and the clips that failed."""

    manifest: Path
    lines: int
    seconds: float
    failed: list[str]


def gather_plan(plan: Plan) -> Gathered:
    """Write ``manifest.jsonl`` or ``.csv``, and ``failed.jsonl`` if clips have failed.

    Raises
    ------
    Failure
        Batches are not done, or outputs are gone.
    """
    _check_done(plan)
    path = plan.folder / f"manifest{'.csv' if plan.manifest.is_csv else '.jsonl'}"
    failures = plan.folder / "failed.jsonl"
    lines, seconds, failed, gone = 0, 0.0, list[str](), list[str]()
    with (
        atomic_write(path, overwrite=True) as made,
        atomic_write(failures, overwrite=True) as lost,
        made.open("w", encoding="utf-8", newline="") as good,
        lost.open("w", encoding="utf-8") as bad,
    ):
        if plan.manifest.is_csv:
            good.write(plan.manifest.format_header())
        for number, line, facts in _lines(plan):
            fields = plan.manifest.parse(number + 1, line)
            if "error" in facts:
                failed.append(facts["source"])
                bad.write(json.dumps(fields | {"error": facts["error"]}, ensure_ascii=False) + "\n")
                continue
            output = plan.folder / facts["output"]
            if not (output.is_file() and output.stat().st_size == facts["bytes"]):
                gone.append(str(output))
            original = plan.manifest.source(number + 1, fields)
            shown = str(output.absolute()) if Path(original).is_absolute() else facts["output"]
            good.write(
                plan.manifest.format(updated(fields, Written(shown, facts["frames"], facts["rate"])))
            )
            lines += 1
            seconds += facts["frames"] / facts["rate"]
        if gone:
            raise Failure(
                f"{len(gone)} outputs are missing or have another size: {', '.join(gone[:_SHOWN])}"
                f"{' ...' if len(gone) > _SHOWN else ''}; remove those of another size, and run again with"
                " --retry-failed"
            )
    if not failed:
        failures.unlink()
    return Gathered(path, lines, seconds, failed)


def summary(gathered: Gathered) -> str:
    """Return a sentence on what was gathered."""
    lost = f", {len(gathered.failed)} failed: see failed.jsonl" if gathered.failed else ""
    return f"{gathered.lines} lines, {gathered.seconds / 3600:.3g} hours of audio{lost}"


def _check_done(plan: Plan) -> None:
    missing = list(plan.undone())
    if missing:
        shown = ", ".join(str(batch + 1) for batch in missing[:_SHOWN])
        raise Failure(
            f"{plan.folder}: {len(missing)} of {plan.batches} batches are not done"
            f" ({shown}{' ...' if len(missing) > _SHOWN else ''}): run the same convt resample again, all"
            " shards of it, and then convt gather"
        )


def _lines(plan: Plan) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
    """Yield the number, the bytes and the record of each line; of a repeated file, that of the first."""
    record = lru_cache(8)(plan.record)
    for number, (_, line) in enumerate(plan.manifest.raw_lines()):
        facts = record(number // BATCH).get(number)
        if facts and "as" in facts:
            facts = record(facts["as"] // BATCH).get(facts["as"])
        if facts is None:
            part = plan.part(number // BATCH)
            raise Failure(f"{part}: has no record of line {number + 1}: remove it, and run again")
        yield number, line, facts
