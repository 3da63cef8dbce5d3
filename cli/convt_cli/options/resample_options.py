"""The options of ``convt resample``: those of ``convt upsample`` but for what belongs to its operator."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import typer

from convt_cli.errors import Misuse
from convt_cli.files.paths import parse_path
from convt_cli.options import headings, values
from convt_cli.options.upsample_options import UpsampleOptions


@dataclass(frozen=True, repr=False, slots=True)
class ResampleOptions(UpsampleOptions):
    """The options of ``convt resample``."""

    lowers: ClassVar[bool] = True
    hidden: ClassVar[frozenset[str]] = frozenset(
        ("weights", "normalize", "tensor", "layout", "stride", "padding", "output_padding", "dilation")
    ) | {"groups", "bias"}

    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            parser=parse_path,
            rich_help_panel=headings.FILES,
            help="Name of the output, or - for stdout. Default: in_48000.wav next to in.wav.",
        ),
    ] = field(default=None, compare=False)
    rate: Annotated[
        Any,
        typer.Option(
            "--rate",
            "-r",
            metavar="HZ",
            parser=values.parse_rate,
            rich_help_panel=headings.RATE,
            help="Sample rate of the output: 48000, 48k, 88.2k. Files already at this rate are copied.",
        ),
    ] = None
    edges: Annotated[
        Literal["zero", "reflect", "hold"],
        typer.Option(
            rich_help_panel=headings.FILTER,
            help=(
                "The signal before its start and after its end: silence, its reflection, or its first and"
                " last sample. With zero it fades at both ends, unless it begins and ends near 0."
            ),
        ),
    ] = "zero"
    only_down: Annotated[
        bool,
        typer.Option(
            "--only-down",
            rich_help_panel=headings.RATE,
            help="Copy inputs with a rate below --rate.",
        ),
    ] = False
    only_up: Annotated[
        bool,
        typer.Option(
            "--only-up", rich_help_panel=headings.RATE, help="Copy inputs with a rate above --rate."
        ),
    ] = False

    def completed(self) -> "UpsampleOptions":
        """Return the options with those filled in that follow from others.

        Raises
        ------
        Misuse
            The rate is missing, or options contradict each other.
        """
        if not self.rate:
            raise Misuse("--rate is missing: name the sample rate of the output, such as --rate 48k")
        if self.only_down and self.only_up:
            raise Misuse("--only-down and --only-up together would change no rate: use one of them")
        return UpsampleOptions.completed(self)
