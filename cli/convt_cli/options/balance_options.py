"""The options of ``convt balance``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from convt_cli.options import headings, kernel_options, layer_options, report_options


@dataclass(eq=False, repr=False)  # which would take time to make
class BalanceOptions:
    """The options of ``convt balance``."""

    weights: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            readable=False,
            rich_help_panel=headings.FILES,
            help="Checkpoint, .safetensors or .npz.",
        ),
    ]
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            readable=False,
            rich_help_panel=headings.FILES,
            help="Name of the new checkpoint, of the same type.",
        ),
    ]
    layers: Annotated[
        str,
        typer.Option(
            metavar="PATTERN",
            rich_help_panel=headings.KERNEL,
            help="The layers to balance, such as 'ups.*' or ups.0,ups.2.",
        ),
    ]
    strides: layer_options.Strides
    powers: Annotated[
        bool,
        typer.Option(
            "--powers",
            rich_help_panel=headings.KERNEL,
            help="Make the powers of the phases even, too, for noise: a larger change.",
        ),
    ] = False
    layout: kernel_options.Layout = "torch"
    overwrite: report_options.Overwrite = False
    quiet: report_options.Quiet = False
    as_json: report_options.Json = False
