"""The options of ``convt inspect``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from convt_cli.options import headings, kernel_options, layer_options, report_options, values


@dataclass(eq=False, repr=False)  # which would take time to make
class InspectOptions:
    """The options of ``convt inspect``."""

    weights: kernel_options.WeightFile
    tensor: kernel_options.Tensor = None
    layout: kernel_options.Layout = "torch"
    layers: layer_options.Layers = None
    features: Annotated[
        Path | None,
        typer.Option(
            "--input",
            metavar="F",
            readable=False,
            rich_help_panel=headings.KERNEL,
            help="Features that the layer receives, .npy: their means and variances are used.",
        ),
    ] = None
    stride: kernel_options.RequiredStride = None
    strides: layer_options.Strides = None
    down: kernel_options.Down = 1
    rate: Annotated[
        Any,
        typer.Option(
            "--rate",
            "-r",
            metavar="HZ",
            parser=values.parse_rate,
            rich_help_panel=headings.RATE,
            help=(
                "Sample rate of the input, to show frequencies in Hz; with --layers, that of the decoder's"
                " output."
            ),
        ),
    ] = None
    pairs: Annotated[
        bool,
        typer.Option(
            "--pairs",
            rich_help_panel=headings.REPORTS,
            help="Measure each kernel of a layer by itself, one for each pair of channels.",
        ),
    ] = False
    plot: kernel_options.Plot = None
    overwrite: report_options.Overwrite = False
    as_json: report_options.Json = False
