"""The options of ``convt resample``: those of ``convt upsample`` but for what belongs to its operator."""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import typer

from convt_cli.errors import Misuse
from convt_cli.files.paths import parse_path
from convt_cli.options import values
from convt_cli.options.upsample_options import UpsampleOptions


@dataclass(frozen=True, repr=False, slots=True)
class ResampleOptions(UpsampleOptions):
    """The options of ``convt resample``; a folder as input means the sound below it."""

    lowers: ClassVar[bool] = True
    hidden: ClassVar[frozenset[str]] = frozenset(
        ("recursive", "weights", "tensor", "layout", "stride", "padding", "output_padding", "dilation")
    ) | {"groups", "bias"}

    sources: Annotated[
        list[Path],
        typer.Argument(
            default_factory=list,
            show_default=False,
            metavar="IN...",
            parser=parse_path,
            help=("Sound files, or folders of them; signals .npy, (L,), (C, L) or (N, C, L); - for stdin."),
        ),
    ] = field(compare=False)
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            parser=parse_path,
            help="Name of the output, or - for standard output. Default: in_48000.wav beside in.wav.",
        ),
    ] = field(default=None, compare=False)
    rate: Annotated[
        Any,
        typer.Option(
            "--rate",
            "-r",
            metavar="HZ",
            parser=values.parse_rate,
            help="Rate of the output: 48000, 48k, 88.2k. A file that has it already is copied.",
        ),
    ] = None
    edges: Annotated[
        Literal["zero", "reflect", "hold"],
        typer.Option(
            help=(
                "What the signal is before its start and after its end: nothing, its reflection, or its"
                " first and last sample. With zero it fades where it does not begin and end near 0."
            )
        ),
    ] = "zero"
    only_down: Annotated[
        bool, typer.Option("--only-down", help="Copy inputs whose rate is lower than --rate.")
    ] = False
    only_up: Annotated[
        bool, typer.Option("--only-up", help="Copy inputs whose rate is higher than --rate.")
    ] = False

    def completed(self) -> "UpsampleOptions":
        """Return the options with those filled in that follow from others.

        Raises
        ------
        Misuse
            The rate is missing, or options contradict each other.
        """
        if not self.rate:
            raise Misuse("--rate is missing: the output's rate, such as --rate 48k")
        if self.only_down and self.only_up:
            raise Misuse("--only-down and --only-up together would change no rate: use one of them")
        options = replace(self, recursive=any(map(os.path.isdir, self.sources)))
        return UpsampleOptions.completed(options)
