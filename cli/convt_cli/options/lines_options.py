"""The options of ``convt lines``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from convt_cli.options import headings, layer_options, report_options, values


@dataclass(eq=False, repr=False)  # which would take time to make
class LinesOptions:
    """The options of ``convt lines``."""

    source: Annotated[
        Path,
        typer.Argument(
            metavar="IN",
            readable=False,
            rich_help_panel=headings.FILES,
            help="Output of a decoder: audio, .npy (L,) or (C, L), or - for stdin.",
        ),
    ]
    strides: layer_options.Strides
    rate: Annotated[
        Any,
        typer.Option(
            "--rate",
            "-r",
            metavar="HZ",
            parser=values.parse_rate,
            rich_help_panel=headings.RATE,
            help="Sample rate of an .npy signal, to show frequencies in Hz.",
        ),
    ] = None
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            readable=False,
            rich_help_panel=headings.REPORTS,
            help="Plot spectrum and lines as .png, .svg or .pdf (pip install 'convt[plot]').",
        ),
    ] = None
    overwrite: report_options.Overwrite = False
    as_json: report_options.Json = False
