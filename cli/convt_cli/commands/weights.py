"""``convt weights``: what a file of weights holds."""

from pathlib import Path
from typing import Annotated

import typer

from convt_cli.options import kernel_options, report_options
from convt_cli.text import report


def weights(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", readable=False, help="Weights, as convt upsample takes them.")
    ],
    layout: kernel_options.Layout = "torch",
    as_json: report_options.Json = False,
) -> None:
    """List the weights in a file that could be a transposed convolution's.

    For each, on a line: the name that --tensor takes, its shape and dtype as the file has them, what it
    does, and the bias that belongs to it. What weight_norm has taken apart counts as one. Nothing is
    unpickled, and no tensor of a checkpoint is read.

    \b
    Examples:
      convt weights model.safetensors
      convt weights model.safetensors --json | jq '.weights[].name'
      convt weights keras.npz --layout keras
    """  # noqa: D301  # \b keeps the lines below it as they are
    from convt_cli.jobs.weights import list_weights  # heavy: not for --help

    with report.json_errors(as_json=as_json):
        list_weights(file, layout, as_json=as_json)
