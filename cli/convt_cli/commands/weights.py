"""``convt weights``: what a file of weights holds."""

from pathlib import Path
from typing import Annotated

import typer

from convt_cli.options import headings, kernel_options, report_options
from convt_cli.text import report


def weights(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", readable=False, help="File of weights: .npy, .npz, .safetensors, text or audio."
        ),
    ],
    tensor: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=headings.KERNEL,
            help="List only weights with NAME in their names.",
        ),
    ] = None,
    layout: kernel_options.Layout = "torch",
    as_json: report_options.Json = False,
) -> None:
    """List the weights in a file that may be transposed convolutions.

    One line each, the likeliest first by name and shape: the name for --tensor, the shape and dtype in the
    file, channels and taps, and the bias that belongs to it. The two tensors of weight_norm count as one.
    Nothing is unpickled.

    \b
    Examples:
      convt weights model.safetensors
      convt weights model.safetensors --tensor ups
      convt weights model.safetensors --json | jq '.weights[].name'
      convt weights keras.npz --layout keras
    """  # noqa: D301  # \b keeps the line breaks below it
    from convt_cli.jobs.weights import list_weights  # heavy: not for --help

    with report.json_errors(as_json=as_json):
        list_weights(file, layout, tensor, as_json=as_json)
