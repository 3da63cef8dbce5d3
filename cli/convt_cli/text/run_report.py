"""The report of a run, which one process can send to another."""

from pathlib import Path
from typing import NamedTuple

from convt_cli.files.paths import STREAM
from convt_cli.run.run_plan import RunResult
from convt_cli.text.report import json_line
from convt_cli.text.upsample_json import result_as_json
from convt_cli.text.upsample_text import details, dry_run_row, losses, notes, warnings


class RunReport(NamedTuple):
    """The lines for people, and the one for programs.

    Attributes
    ----------
    notes : tuple of str
        Input, output and filter.
    row : tuple of str
        The same of a dry run, in columns.
    details : tuple of str
        Lines for ``--verbose``.
    losses : tuple of str
        Data that the output lacks.
    warnings : tuple of str
        Other things that a user might not expect.
    written : tuple of Path
        Finished files.
    is_copy : bool
        Whether the input was only copied.
    json : str
        Everything as JSON, if that is wanted: of thousands of files it takes less memory than the facts do.
    """

    notes: tuple[str, ...]
    row: tuple[str, ...]
    details: tuple[str, ...]
    losses: tuple[str, ...]
    warnings: tuple[str, ...]
    written: tuple[Path, ...]
    json: str
    is_copy: bool

    @classmethod
    def of(cls, result: RunResult, *, brief: bool = False) -> "RunReport":
        """Return the report of a run; a brief one is without notes and details."""
        options = result.plan.options
        none = options.dry_run or options.target == STREAM
        return cls(
            () if brief else tuple(notes(result)),
            dry_run_row(result) if options.dry_run else (),
            () if brief else tuple(details(result)),
            tuple(losses(result)),
            tuple(warnings(result)),
            () if none else (options.target, *([options.plot] if options.plot else [])),
            json_line(result_as_json(result)) if options.as_json else "",
            result.plan.is_copy,
        )
