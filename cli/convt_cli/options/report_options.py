"""The options that every command has alike: for its report, and for the files that it reads and writes."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, errors too.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say also how it is computed.")]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Say nothing but errors, and what data is lost: clipping, dropped metadata."
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")]
AllowTruncated = Annotated[
    bool, typer.Option("--allow-truncated", help="Take an input that breaks off as far as it goes.")
]
