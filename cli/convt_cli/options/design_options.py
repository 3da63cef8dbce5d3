"""The options of ``convt design``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from convt_cli.options import filter_options, kernel_options, report_options
from convt_cli.options.filter_options import FilterSpec

Kind = Annotated[
    Literal["kaiser", "equiripple", "lanczos", "cubic", "linear", "hold"] | None,
    typer.Option(
        help=(
            "kaiser (the default): errors fade away from the edge; equiripple: the shortest, they do not;"
            " or an interpolator of the textbooks."
        )
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
            help="Let images or aliases be heard up to E of the band, 1 to 2: a shorter kernel.",
        ),
    ] = None
    taps: Annotated[
        int | None,
        typer.Option(
            metavar="K", min=1, help="So many taps, which make the most of P or DB, or balance both."
        ),
    ] = None
    phase: filter_options.Phase = None
    kind: Kind = None
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="W", readable=False, help="Take a kernel that there is, for --balance."
        ),
    ] = None
    tensor: kernel_options.Tensor = None
    layout: kernel_options.Layout = "torch"
    balance: Annotated[
        bool,
        typer.Option(
            "--balance", help="Make its phases' gains equal by the smallest change: no tonal lines."
        ),
    ] = False
    rate: kernel_options.InputRate = None
    plot: kernel_options.Plot = None
    overwrite: report_options.Overwrite = False
    as_json: report_options.Json = False
    quiet: report_options.Quiet = False

    @property
    def filter_spec(self) -> FilterSpec:
        """What the kernel is designed to."""
        return FilterSpec(self.quality, self.passband, self.rejection, self.phase)
