"""The options that several commands have for kernels in files, and for the ratio that a kernel is for."""

from pathlib import Path
from typing import Annotated, Any

import typer

from convt_cli.options import values

Tensor = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Of several weights in W the one of this name, or of this layer, as convt weights lists them.",
    ),
]
Layout = Annotated[
    values.Layout,
    typer.Option(
        help=(
            "Whose axes weights have: torch, onnx (C_in, C_out/groups, K); keras (K, C_out, C_in); mlx"
            " (C_out, K, C_in); jax (K, C_in, C_out), the last tap first. With keras, mlx and jax .npy"
            " signals are (L, C) or (N, L, C)."
        )
    ),
]
WeightFile = Annotated[
    Path, typer.Argument(metavar="W", readable=False, help="Weights, as convt upsample takes them.")
]
KernelOutput = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="W", readable=False, help="Name of the kernel, .npy."),
]
Stride = Annotated[int, typer.Option(metavar="S", min=1, help="Output samples per input sample.")]
Down = Annotated[
    int,
    typer.Option(metavar="M", min=1, help="Of the outputs every M-th is kept: a ratio of rates S/M."),
]
InputRate = Annotated[
    Any,
    typer.Option(
        metavar="HZ", parser=values.parse_rate, help="The input's rate: frequencies are told in Hz."
    ),
]
Plot = Annotated[
    Path | None,
    typer.Option(
        metavar="PIC", readable=False, help="Draw it as .png, .svg or .pdf (pip install 'convt[plot]')."
    ),
]
