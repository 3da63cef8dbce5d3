"""``convt gather``: the manifest of a corpus that was resampled in shards."""

from pathlib import Path
from typing import Annotated

import typer

from convt_cli.files.paths import parse_path
from convt_cli.options import headings, report_options
from convt_cli.text import report


def gather(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            parser=parse_path,
            rich_help_panel=headings.FILES,
            help="Folder of the outputs of convt resample --manifest or of tar files; a path or a URL.",
        ),
    ],
    quiet: report_options.Quiet = False,
) -> None:
    """Check that every clip of a manifest is done, and write the manifest of the outputs.

    Run it when all shards of convt resample --manifest have ended. It writes manifest.jsonl (or .csv), with
    the paths, rates and lengths of what was written, and failed.jsonl with the clips that failed and why.

    \b
    Example:
      convt gather corpus_16k
    """  # noqa: D301  # \b keeps the line breaks below it
    from convt_cli.corpus.corpus_plan import CorpusPlan
    from convt_cli.corpus.gather import gather_plan, summary  # heavy: not for --help
    from convt_cli.errors import SomeFailed
    from convt_cli.text.report import Reporter

    with report.json_errors(as_json=False):
        plan, reporter = CorpusPlan.open(folder), Reporter(quiet)
        gathered = gather_plan(plan)
        reporter.note(summary(gathered))
        reporter.written(gathered.manifest)
        if gathered.failed:
            raise SomeFailed(gathered.names, gathered.clips, gathered.failed)
