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

    manifest: Annotated[
        Path | None,
        typer.Option(
            metavar="M",
            readable=False,
            rich_help_panel=headings.MANY,
            help=(
                "Manifest of the inputs, .jsonl or .csv, a clip per line. Needs -d; resumes a run that was"
                " interrupted, and writes the manifest of the outputs."
            ),
        ),
    ] = None
    shard: Annotated[
        Any,
        typer.Option(
            metavar="K/N",
            parser=values.parse_shard,
            rich_help_panel=headings.MANY,
            help="Do only the K-th of N parts of the manifest: one per machine. Then run convt gather DIR.",
        ),
    ] = None
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed",
            rich_help_panel=headings.MANY,
            help="Do the clips of the manifest again that have failed, or whose outputs are gone.",
        ),
    ] = False

    def completed(self) -> "ResampleOptions":
        """Return the options with those filled in that follow from others.

        Raises
        ------
        Misuse
            The rate is missing, or options contradict each other.
        """
        if not self.rate:
            raise Misuse("--rate is missing: name the sample rate of the output, such as --rate 48k")
        self._check_manifest()
        if self.only_down and self.only_up:
            raise Misuse("--only-down and --only-up together would change no rate: use one of them")
        return UpsampleOptions.completed(self)  # type: ignore[return-value]  # of this class

    @property
    def corpus(self) -> tuple[Path, Path]:
        """The manifest, and the folder for its outputs."""
        if self.manifest is None or self.folder is None:
            raise Misuse("--manifest needs -d DIR, the folder for the outputs")
        return self.manifest, self.folder

    def _check_manifest(self) -> None:
        """Refuse options that do not go with a manifest, or need one."""
        if self.manifest is None:
            for name, given in (("--shard", self.shard), ("--retry-failed", self.retry_failed)):
                if given:
                    raise Misuse(f"{name} is for the clips of a manifest: name it with --manifest")
            return
        if self.sources or self.files_from:
            raise Misuse("--manifest names the inputs: leave out IN and --files-from")
        _ = self.corpus  # raises if there is no folder
        for name, given in (
            ("-o", self.output),
            ("--plot", self.plot),
            ("--skip-existing", self.skip_existing),
            ("--json", self.as_json),
        ):
            if given:
                raise Misuse(
                    f"{name} does not go with --manifest, which resumes by itself and writes records"
                )
