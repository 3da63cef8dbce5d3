"""The options of ``convt resample``: those of ``convt upsample`` but for what belongs to its operator."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import typer

from convt_cli.errors import Misuse
from convt_cli.files.paths import as_text, is_tar, is_url, parse_path
from convt_cli.files.remote import RemotePath
from convt_cli.options import headings, values
from convt_cli.options.upsample_options import UpsampleOptions

_BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}")


@dataclass(frozen=True, repr=False, slots=True)
class ResampleOptions(UpsampleOptions):
    """The options of ``convt resample``."""

    lowers: ClassVar[bool] = True
    hidden: ClassVar[frozenset[str]] = UpsampleOptions.hidden | {
        *("weights", "normalize", "tensor", "layout", "stride", "padding", "output_padding", "dilation"),
        *("groups", "bias"),
    }

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
            parser=parse_path,
            rich_help_panel=headings.MANY,
            help=(
                "Manifest of the inputs, .jsonl or .csv, a file or URL. Needs -d; resumes a run that was"
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
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            parser=values.parse_cluster,
            rich_help_panel=headings.MANY,
            help=(
                "Do the manifest or the tar files on a Dask cluster that sees the same files:"
                " tcp://host:8786, tls://host:8786 or a scheduler.json."
            ),
        ),
    ] = field(default=None, compare=False)
    on_error: Annotated[
        Literal["drop", "fail"],
        typer.Option(
            rich_help_panel=headings.MANY,
            help="A sample of a tar file that fails: drop it and list it, or fail the whole tar file.",
        ),
    ] = "drop"
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed",
            rich_help_panel=headings.MANY,
            help="Do the clips of the manifest again that have failed, or whose outputs are gone.",
        ),
    ] = False

    def completed(self) -> Self:
        """Return the options with those filled in that follow from others.

        Raises
        ------
        Misuse
            The rate is missing, or options contradict each other.
        """
        if not self.rate:
            raise Misuse("--rate is missing: name the sample rate of the output, such as --rate 48k")
        self._check_corpus()
        if self.only_down and self.only_up:
            raise Misuse("--only-down and --only-up together would change no rate: use one of them")
        completed = UpsampleOptions.completed(self)
        sources = [file for source in completed.sources for file in _tar_files(source)]
        if completed.sources and not sources:
            raise Misuse(
                f"{completed.sources[0]}: this pattern names no file: the first number is the larger"
            )
        return replace(completed, sources=sources)

    @property
    def is_corpus(self) -> bool:
        """Whether the work is done by a plan."""
        return self.manifest is not None or any(is_tar(source) for source in self.sources)

    @property
    def outputs(self) -> Path:
        """The folder for the outputs of a corpus."""
        if self.folder is None:
            what = "--manifest needs" if self.manifest else "tar files need"
            raise Misuse(f"{what} -d DIR, the folder for the outputs")
        if isinstance(self.folder, RemotePath):
            self.folder.check_writable()
        return self.folder

    def _check_corpus(self) -> None:
        """Refuse options that do not go with a manifest or tar files, or need them."""
        if not self.is_corpus:
            for name, given in (
                ("--shard", self.shard),
                ("--retry-failed", self.retry_failed),
                ("--cluster", self.cluster),
                ("--on-error", self.on_error != "drop"),
            ):
                if given:
                    raise Misuse(
                        f"{name} is for the clips of a manifest, named with --manifest, or of tar files"
                    )
            return
        if self.manifest and (self.sources or self.files_from):
            raise Misuse("--manifest names the inputs: leave out IN and --files-from")
        if not self.manifest:
            other = next((source for source in self.sources if not is_tar(source)), self.files_from)
            if other:
                raise Misuse(f"{other}: is no tar file as the others are: run convt twice")
        if self.cluster and self.jobs:
            raise Misuse(
                "-j is for this machine: leave it out with --cluster, whose workers have their own threads"
            )
        _ = self.outputs  # raises if there is no folder
        for name, given in (
            ("-o", self.output),
            ("--plot", self.plot),
            ("--skip-existing", self.skip_existing),
            ("--json", self.as_json),
        ):
            if given:
                raise Misuse(
                    f"{name} does not go with {'--manifest' if self.manifest else 'tar files'}: such a run"
                    " resumes by itself and writes records"
                )


def _tar_files(source: Path) -> Iterator[Path]:
    """Yield the tar files of a pattern such as shard-{000..999}.tar, which the shell may have left."""
    name = as_text(source)
    found = _BRACES.search(name) if is_tar(source) else None
    if not found or (not is_url(source) and source.exists()):
        yield source
        return
    first, last = found[1], found[2]
    for number in range(int(first), int(last) + 1):
        yield from _tar_files(parse_path(_BRACES.sub(f"{number:0{len(first)}d}", name, count=1)))
