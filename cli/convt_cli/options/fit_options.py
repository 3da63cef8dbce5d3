"""The options of ``convt fit``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from convt_cli.files.paths import parse_path
from convt_cli.options import headings, kernel_options, report_options, values


@dataclass(eq=False, repr=False)  # which would take time to make
class FitOptions:
    """The options of ``convt fit``."""

    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="LOW HIGH...",
            parser=parse_path,
            rich_help_panel=headings.FILES,
            help=(
                "Pairs of audio files or .npy signals: the input, and the output wanted. Or two folders"
                " whose files have the same names. With --from-high, HIGH only."
            ),
        ),
    ]
    taps: Annotated[
        int,
        typer.Option(
            "--taps", metavar="K", min=1, rich_help_panel=headings.FILTER, help="Length of the kernel."
        ),
    ]
    output: kernel_options.KernelOutput = None
    stride: kernel_options.Stride = 2
    from_high: Annotated[
        bool,
        typer.Option(
            "--from-high",
            rich_help_panel=headings.FILES,
            help="Derive LOW from HIGH: the best built-in low-pass, then every S-th sample.",
        ),
    ] = False
    padding: Annotated[
        Any,
        typer.Option(
            metavar="P",
            parser=values.parse_padding,
            rich_help_panel=headings.FILTER,
            help="The --padding that the kernel will be used with in convt upsample.",
        ),
    ] = "center"
    delay: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            rich_help_panel=headings.FILTER,
            help="Samples by which HIGH is late. Default: estimated.",
        ),
    ] = None
    ridge: Annotated[
        float | None,
        typer.Option(
            metavar="R",
            min=0,
            rich_help_panel=headings.FILTER,
            help=(
                "Keeps taps small where the audio does not determine them, as a fraction of its power."
                " Default: the largest that costs less than 0.01 dB."
            ),
        ),
    ] = None
    balance: Annotated[
        bool,
        typer.Option(
            "--balance",
            rich_help_panel=headings.FILTER,
            help="Give all phases the same gain: no tonal lines.",
        ),
    ] = False
    channels: Annotated[
        Literal["shared", "each", "mixed"] | None,
        typer.Option(
            rich_help_panel=headings.FILTER,
            help=(
                "shared: one kernel for all channels; each: one per channel; mixed: every input to every"
                " output. Default: shared, or mixed if LOW and HIGH differ in channels."
            ),
        ),
    ] = None
    overwrite: report_options.Overwrite = False
    allow_truncated: report_options.AllowTruncated = False
    as_json: report_options.Json = False
    quiet: report_options.Quiet = False
