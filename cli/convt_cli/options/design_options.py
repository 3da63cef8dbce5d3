"""The options of ``convt design``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from convt_cli.options import filter_options, headings, kernel_options, report_options
from convt_cli.options.filter_options import FilterSpec

Kind = Annotated[
    Literal["kaiser", "equiripple", "lanczos", "cubic", "linear", "hold"] | None,
    typer.Option(
        metavar="KIND",
        rich_help_panel=headings.FILTER,
        help=(
            "kaiser (default): ripple and images fade away from the edge; equiripple: shortest, constant"
            " ripple; lanczos, cubic, linear, hold: classic interpolators, for comparison."
        ),
    ),
]


@dataclass(eq=False, repr=False)  # which would take time to make
class DesignOptions:
    """The options of ``convt design``."""

    output: kernel_options.KernelOutput = None
    stride: kernel_options.Stride = 2
    down: kernel_options.Down = 1
    quality: filter_options.Quality = None
    passband: filter_options.Passband = None
    rejection: filter_options.Rejection = None
    stopband: Annotated[
        float | None,
        typer.Option(
            metavar="E",
            rich_help_panel=headings.FILTER,
            help="Allow images or aliases up to this fraction of the band, 1 to 2, for a shorter kernel.",
        ),
    ] = None
    taps: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            min=1,
            rich_help_panel=headings.FILTER,
            help="Length of the kernel: the best one for P, for DB, or balanced between both.",
        ),
    ] = None
    phase: filter_options.Phase = None
    kind: Kind = None
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="W",
            readable=False,
            rich_help_panel=headings.KERNEL,
            help="Start from this kernel instead, for --balance.",
        ),
    ] = None
    tensor: kernel_options.Tensor = None
    layout: kernel_options.Layout = "torch"
    balance: Annotated[
        bool,
        typer.Option(
            "--balance",
            rich_help_panel=headings.KERNEL,
            help="Make all phases' gains equal by the smallest change: no tonal lines.",
        ),
    ] = False
    rate: kernel_options.InputRate = None
    plot: kernel_options.Plot = None
    overwrite: report_options.Overwrite = False
    as_json: report_options.Json = False
    quiet: report_options.Quiet = False

    @property
    def filter_spec(self) -> FilterSpec:
        """The specification of the kernel."""
        return FilterSpec(self.quality, self.passband, self.rejection, self.phase)
