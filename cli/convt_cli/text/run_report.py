"""What a process tells another of a run."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convt_cli.files.paths import STREAM
from convt_cli.run.run_state import Outcome
from convt_cli.text.json_report import document
from convt_cli.text.upsample_text import files_line, kernel_line, plan_line, size_line, time_line, warnings


@dataclass(frozen=True, slots=True)
class Account:
    """The lines for people, and the facts for JSON.

    Attributes
    ----------
    notes : tuple of str
        What became of what, and how.
    details : tuple of str
        What only those want to hear who asked for it.
    warnings : tuple of str
        What a user might not expect.
    written : tuple of Path
        Finished files.
    facts : dict
        Everything, if JSON is wanted.
    """

    notes: tuple[str, ...]
    details: tuple[str, ...]
    warnings: tuple[str, ...]
    written: tuple[Path, ...]
    facts: dict[str, Any]

    @classmethod
    def of(cls, outcome: Outcome, *, brief: bool = False) -> "Account":
        """Return the account of a run; if it is to be brief, without notes and details."""
        request = outcome.request
        none = request.dry_run or request.target == STREAM
        written = () if none else (request.target, *([request.plot] if request.plot else []))
        return cls(
            () if brief else tuple(_notes(outcome)),
            () if brief or outcome.is_copy else (plan_line(outcome),),
            tuple(warnings(outcome)),
            written,
            document(outcome) if request.as_json else {},
        )


def _notes(outcome: Outcome) -> Iterator[str]:
    if not outcome.is_copy:
        yield files_line(outcome)
        yield kernel_line(outcome)
        if outcome.request.ratio.down > 1:
            yield time_line(outcome)
    if outcome.request.dry_run:
        yield size_line(outcome)
