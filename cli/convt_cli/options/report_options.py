"""The options that every command has alike: for its report, and for the files that it reads and writes."""

from typing import Annotated

import typer

from convt_cli.options import headings

Json = Annotated[
    bool,
    typer.Option(
        "--json", rich_help_panel=headings.REPORTS, help="Print one JSON document on stdout, errors too."
    ),
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", rich_help_panel=headings.REPORTS, help="Show more details.")
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        rich_help_panel=headings.REPORTS,
        help="Show errors and lost data (clipping, dropped metadata) only.",
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", rich_help_panel=headings.FILES, help="Replace outputs that exist.")
]
AllowTruncated = Annotated[
    bool,
    typer.Option(
        "--allow-truncated",
        rich_help_panel=headings.SAMPLES,
        help="Read a damaged input up to where it breaks off.",
    ),
]
