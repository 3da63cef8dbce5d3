"""The options of the commands, and how their values are parsed."""

# Paths are not checked for being readable here: that is a failure of the work, not of the command line.

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

NAMED_PADDINGS = ("full", "center", "same", "causal")


def parse_padding(text: str) -> int | str:
    """Return a number of samples, or a name."""
    if text in NAMED_PADDINGS:
        return text
    if text.isdecimal():
        return int(text)
    raise typer.BadParameter(f"{text!r} is neither a number of samples nor {', '.join(NAMED_PADDINGS)}")


def parse_bias(text: str) -> float | Path:
    """Return a number, or a file's name."""
    try:
        return float(text)
    except ValueError:
        return Path(text)


Source = Annotated[
    Path,
    typer.Argument(
        metavar="IN",
        readable=False,
        help="A sound file, or a signal .npy: (L,), (C, L) or (N, C, L).",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        readable=False,
        help="Name of the output. Default: in_x2.wav beside in.wav, for stride 2.",
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        metavar="W",
        readable=False,
        help=(
            ".npy file, or .npz with 'weight' and 'bias'. (K,) or (1, 1, K): the kernel of every channel;"
            " (C, K): one a channel; (C_in, C_out/groups, K): channels are mixed. Without it a kernel is"
            " designed for the stride."
        ),
    ),
]
Stride = Annotated[int, typer.Option(metavar="S", min=1, help="Output samples per input sample.")]
Padding = Annotated[
    Any,
    typer.Option(
        metavar="P",
        parser=parse_padding,
        help=(
            "Samples to drop at both ends; or full (0), or, for exactly stride*L samples, center (a"
            " symmetric kernel stays in time), same (as neural decoders do) or causal (nothing dropped in"
            " front). Default: 0 with --weights, else center."
        ),
    ),
]
OutputPadding = Annotated[
    int, typer.Option(metavar="N", min=0, help="Further samples at the end, below max(stride, dilation).")
]
Dilation = Annotated[int, typer.Option(metavar="D", min=1, help="Output samples from one tap to the next.")]
Groups = Annotated[int, typer.Option(metavar="G", min=1, help="Runs of channels that do not mix.")]
Bias = Annotated[
    Any,
    typer.Option(
        metavar="B", parser=parse_bias, help="Added to the output: a number, or an .npy file (C_out,)."
    ),
]
Precision = Annotated[
    Literal["float32", "float64"] | None,
    typer.Option(
        help="Of the arithmetic. Default: float32 for sound of up to 16 bits, float64 above; .npy as it is."
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say also how it is computed.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
