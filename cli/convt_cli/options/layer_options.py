"""The options that choose the upsampling layers of a decoder."""

from typing import Annotated, Any

import typer

from convt_cli.options import headings, values

Layers = Annotated[
    str | None,
    typer.Option(
        metavar="PATTERN",
        rich_help_panel=headings.KERNEL,
        help="The upsampling layers of a checkpoint, such as 'ups.*'.",
    ),
]
Strides = Annotated[
    Any,
    typer.Option(
        metavar="S,S,...",
        parser=values.parse_strides,
        rich_help_panel=headings.RATE,
        help="The strides of the layers, the first layer first, such as 8,8,2,2.",
    ),
]
