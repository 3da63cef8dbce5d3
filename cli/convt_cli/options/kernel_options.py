"""The options that several commands have for kernels in files, and for the ratio that a kernel is for."""

from pathlib import Path
from typing import Annotated, Any

import typer

from convt_cli.options import headings, values

Tensor = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=headings.KERNEL,
        help="Name of a tensor or layer in W, as listed by convt weights.",
    ),
]
Layout = Annotated[
    values.Layout,
    typer.Option(
        rich_help_panel=headings.KERNEL,
        help=(
            "Order of the axes of W: torch, onnx (C_in, C_out/groups, K); keras (K, C_out, C_in); mlx"
            " (C_out, K, C_in); jax (K, C_in, C_out), last tap first. With keras, mlx and jax, .npy signals"
            " are (L, C) or (N, L, C)."
        ),
    ),
]
WeightFile = Annotated[
    Path,
    typer.Argument(
        metavar="W",
        readable=False,
        rich_help_panel=headings.FILES,
        help="File of weights: .npy, .npz, .safetensors, taps as text, or audio as impulse response.",
    ),
]
KernelOutput = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="W",
        readable=False,
        rich_help_panel=headings.FILES,
        help="Name of the kernel file, .npy.",
    ),
]
Stride = Annotated[
    int,
    typer.Option(
        metavar="S", min=1, rich_help_panel=headings.RATE, help="Output samples per input sample."
    ),
]
RequiredStride = Annotated[
    int | None,
    typer.Option(
        metavar="S", min=1, rich_help_panel=headings.RATE, help="Output samples per input sample."
    ),
]
Down = Annotated[
    int,
    typer.Option(
        metavar="M",
        min=1,
        rich_help_panel=headings.RATE,
        help="Keep every M-th output sample, for a ratio of rates S/M.",
    ),
]
InputRate = Annotated[
    Any,
    typer.Option(
        "--rate",
        "-r",
        metavar="HZ",
        parser=values.parse_rate,
        rich_help_panel=headings.RATE,
        help="Sample rate of the input, to show frequencies in Hz.",
    ),
]
Plot = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        readable=False,
        rich_help_panel=headings.REPORTS,
        help="Plot it as .png, .svg or .pdf (pip install 'convt[plot]').",
    ),
]
