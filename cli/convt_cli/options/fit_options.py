"""The options of ``convt fit``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from convt_cli.files.paths import parse_path
from convt_cli.options import kernel_options, report_options, values


@dataclass(eq=False, repr=False)  # which would take time to make
class FitOptions:
    """The options of ``convt fit``."""

    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="LOW HIGH...",
            parser=parse_path,
            help=(
                "Sound files, or .npy signals, in pairs: what goes in, and what should come out. Two"
                " folders, whose sound files of the same names belong together. With --from-high, HIGH"
                " alone."
            ),
        ),
    ]
    taps: Annotated[int, typer.Option("--taps", metavar="K", min=1, help="Length of the kernel.")]
    output: kernel_options.KernelOutput = None
    stride: kernel_options.Stride = 2
    from_high: Annotated[
        bool,
        typer.Option(
            "--from-high",
            help="LOW is made of HIGH: every S-th sample, after the best built-in low-pass filter.",
        ),
    ] = False
    padding: Annotated[
        Any,
        typer.Option(
            metavar="P",
            parser=values.parse_padding,
            help="What the kernel is to be used with, as of convt upsample: where its middle is.",
        ),
    ] = "center"
    delay: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help=(
                "HIGH is so many of its samples later than what K and P make. Default: as estimated,"
                " with the middle of the kernel where most of it is."
            ),
        ),
    ] = None
    ridge: Annotated[
        float | None,
        typer.Option(
            metavar="R",
            min=0,
            help=(
                "Keeps taps small where the sound does not determine them; a fraction of its power."
                " Default: the largest that costs less than 0.01 dB."
            ),
        ),
    ] = None
    balance: Annotated[
        bool, typer.Option("--balance", help="Have all phases the same gain: no tonal lines.")
    ] = False
    channels: Annotated[
        Literal["shared", "each", "mixed"] | None,
        typer.Option(
            help=(
                "One kernel for every channel, one a channel, or one from each to each. Default: shared, or"
                " mixed where LOW has not as many as HIGH."
            )
        ),
    ] = None
    overwrite: report_options.Overwrite = False
    allow_truncated: report_options.AllowTruncated = False
    as_json: report_options.Json = False
    quiet: report_options.Quiet = False
