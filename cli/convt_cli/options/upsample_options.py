"""The options of ``convt upsample``."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import typer

from convt_cli.files.paths import STREAM, parse_path
from convt_cli.files.remote import RemotePath
from convt_cli.options import filter_options, headings, kernel_options, report_options, values
from convt_cli.options.filter_options import FilterSpec

_EXTENSIONS = {"WAVEX": "wav", "RF64": "wav"}

# Paths are not checked for being readable here: that is a failure of the work, not of the command line.


@dataclass(frozen=True, repr=False, slots=True)  # slots: there is one of these for each of 100,000 files
class UpsampleOptions:
    """The options of ``convt upsample``: as they are typed, or of one input, see :meth:`for_input`.

    Options that differ in their inputs and outputs alone are equal.
    """

    lowers: ClassVar[bool] = False  # whether --rate may be below an input's
    # Fields that are no options of the command.
    hidden: ClassVar[frozenset[str]] = frozenset(("held_source", "held_target"))
    only_down = only_up = False  # which are options of another command, as this is
    edges = "zero"

    sources: Annotated[
        list[Path],
        typer.Argument(
            default_factory=list,  # there may be a list of them
            show_default=False,
            metavar="IN...",
            parser=parse_path,
            rich_help_panel=headings.FILES,
            help=(
                "Audio files, folders of them, .npy signals (L,), (C, L) or (N, C, L), or - for stdin; also"
                " as URLs: s3://bucket/in.wav."
            ),
        ),
    ] = field(compare=False)
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            parser=parse_path,
            rich_help_panel=headings.FILES,
            help=(
                "Name of the output, or - for stdout. Default: in_x2.wav next to in.wav, or in_48000.wav"
                " with --rate 48k."
            ),
        ),
    ] = field(default=None, compare=False)
    folder: Annotated[
        Path | None,
        typer.Option(
            "--directory",
            "-d",
            metavar="DIR",
            parser=parse_path,
            rich_help_panel=headings.FILES,
            help="Folder or s3:// URL for the outputs, which keep their inputs' names. Created if needed.",
        ),
    ] = None
    overwrite: report_options.Overwrite = False
    container: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="F",
            parser=values.parse_container,
            rich_help_panel=headings.FILES,
            help="File type of the output: wav, flac, aiff, ogg, mp3 ... Default: that of IN.",
        ),
    ] = None
    subtype: Annotated[
        str | None,
        typer.Option(
            metavar="T",
            parser=values.parse_subtype,
            rich_help_panel=headings.FILES,
            help="Sample format: PCM_16, PCM_24, FLOAT ... Default: that of IN.",
        ),
    ] = None
    bitrate: Annotated[
        Any,
        typer.Option(
            "--bitrate",
            metavar="B",
            parser=values.parse_bitrate,
            rich_help_panel=headings.FILES,
            help=(
                "Bit rate of MP3, Ogg Vorbis and Opus, such as 192k. Default: at least that of a lossy"
                " input, or else the encoder's best."
            ),
        ),
    ] = None
    stride: Annotated[
        int | None,
        typer.Option(
            "--stride",
            metavar="S",
            min=1,
            rich_help_panel=headings.RATE,
            help="Output samples per input sample. Default: 2.",
        ),
    ] = None
    rate: Annotated[
        Any,
        typer.Option(
            "--rate",
            "-r",
            metavar="HZ",
            parser=values.parse_rate,
            rich_help_panel=headings.RATE,
            help=(
                "Sample rate of the output, instead of a stride: 48000, 48k, 88.2k. Files already at this"
                " rate are copied. With --weights, the kernel is for the stride S of the ratio S/M of the"
                " rates, 160/147 for 44.1 to 48 kHz."
            ),
        ),
    ] = None
    rate_in: Annotated[
        Any,
        typer.Option(
            "--rate-in",
            metavar="HZ",
            parser=values.parse_rate,
            rich_help_panel=headings.RATE,
            help="Sample rate of inputs that do not state one: .npy and --raw.",
        ),
    ] = None
    quality: filter_options.Quality = None
    passband: filter_options.Passband = None
    rejection: filter_options.Rejection = None
    phase: filter_options.Phase = None
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="W",
            readable=False,
            rich_help_panel=headings.KERNEL,
            help=(
                "Kernel to use: .npy, .npz, .safetensors, taps as text, or audio as impulse response. (K,):"
                " for every channel; (C, K): one per channel; (C_in, C_out/groups, K): channels are mixed."
            ),
        ),
    ] = None
    normalize: Annotated[
        bool,
        typer.Option(
            "--normalize",
            rich_help_panel=headings.KERNEL,
            help="Scale the kernel so that the level does not change.",
        ),
    ] = False
    tensor: kernel_options.Tensor = None
    layout: kernel_options.Layout = "torch"
    padding: Annotated[
        Any,
        typer.Option(
            metavar="P",
            parser=values.parse_padding,
            rich_help_panel=headings.KERNEL,
            help=(
                "Samples to drop at both ends; full (0); or, for an output of stride*L samples: center"
                " (time-aligned if the kernel is symmetric), same (the middle), causal (nothing dropped in"
                " front); or hifigan, encodec, encodec-causal, dac, as these decoders compute it. Default:"
                " 0 with --weights, center without."
            ),
        ),
    ] = None
    output_padding: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            rich_help_panel=headings.KERNEL,
            help="More samples at the end, fewer than max(stride, dilation).",
        ),
    ] = 0
    dilation: Annotated[
        int,
        typer.Option(
            metavar="D",
            min=1,
            rich_help_panel=headings.KERNEL,
            help="Output samples from one tap to the next.",
        ),
    ] = 1
    groups: Annotated[
        int,
        typer.Option(
            metavar="G", min=1, rich_help_panel=headings.KERNEL, help="Groups of channels, not mixed."
        ),
    ] = 1
    bias: Annotated[
        Any,
        typer.Option(
            metavar="B",
            parser=values.parse_bias,
            rich_help_panel=headings.KERNEL,
            help="Added to the output: a number, or a file of (C_out,).",
        ),
    ] = None
    gain: Annotated[
        Any,
        typer.Option(
            metavar="DB",
            parser=values.parse_gain,
            rich_help_panel=headings.SAMPLES,
            help="Change the level by this many dB.",
        ),
    ] = 0.0
    overs: Annotated[
        Literal["keep", "clip", "guard", "error"] | None,
        typer.Option(
            rich_help_panel=headings.SAMPLES,
            help=(
                "Samples beyond full scale: clip them, keep them (float formats), guard (lower the whole"
                " file until none is left), or error. Default: clip integers, keep floats."
            ),
        ),
    ] = None
    dither: Annotated[
        Literal["tpdf", "none"] | None,
        typer.Option(
            rich_help_panel=headings.SAMPLES,
            help="Noise added before rounding. Default: tpdf for 16 bits and fewer.",
        ),
    ] = None
    nonfinite: Annotated[
        Literal["error", "keep", "zero"],
        typer.Option(rich_help_panel=headings.SAMPLES, help="How to treat NaN and infinity."),
    ] = "error"
    precision: Annotated[
        Literal["float32", "float64"] | None,
        typer.Option(
            rich_help_panel=headings.SAMPLES,
            help="Of the arithmetic. Default: float32 for audio of up to 16 bits, float64 above.",
        ),
    ] = None
    raw: Annotated[
        bool,
        typer.Option(
            "--raw",
            rich_help_panel=headings.SAMPLES,
            help=(
                "IN has no header: little-endian samples, described by --rate-in (or --rate), --channels,"
                " --subtype."
            ),
        ),
    ] = False
    channels: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=65_535,
            rich_help_panel=headings.SAMPLES,
            help="Channels of a --raw input.",
        ),
    ] = None
    allow_truncated: report_options.AllowTruncated = False
    latency: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            rich_help_panel=headings.SAMPLES,
            help="For live sources: process blocks of N input samples. Default: the fastest.",
        ),
    ] = None
    files_from: Annotated[
        Path | None,
        typer.Option(
            "--files-from",
            metavar="LIST",
            parser=parse_path,
            rich_help_panel=headings.MANY,
            help=(
                "File with the names of more inputs, one per line, or separated by NUL (find -print0)."
                " - for stdin."
            ),
        ),
    ] = field(default=None, compare=False)
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing",
            rich_help_panel=headings.MANY,
            help="Skip inputs whose output exists: resumes an interrupted run.",
        ),
    ] = False
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            metavar="N",
            min=1,
            rich_help_panel=headings.MANY,
            help="Files to process at a time. Default: the number of cores.",
        ),
    ] = None
    sync: Annotated[
        bool | None,
        typer.Option(
            "--sync/--no-sync",
            rich_help_panel=headings.MANY,
            help=(
                "Wait until an output is on the disk before it gets its name, so that a power cut cannot"
                " leave it empty. Default: --sync for one output, --no-sync for several."
            ),
        ),
    ] = None
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot",
            metavar="FILE",
            readable=False,
            rich_help_panel=headings.REPORTS,
            help="Plot the spectra of input and output as .png, .svg or .pdf (pip install 'convt[plot]').",
        ),
    ] = None
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", rich_help_panel=headings.REPORTS, help="Show what would be done; write nothing."
        ),
    ] = False
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            rich_help_panel=headings.REPORTS,
            help="Print one line of JSON per input on stdout, errors and skipped files too.",
        ),
    ] = False
    verbose: report_options.Verbose = False
    quiet: report_options.Quiet = False
    # Files with the bytes of source and target, if those only name members of tar files, or objects.
    held_source: Path | None = field(default=None, compare=False)
    held_target: Path | None = field(default=None, compare=False)

    def completed(self) -> Self:
        """Return the options with those filled in that follow from others."""
        changes: dict[str, Any] = {"sources": [each for one in self.sources for each in _expanded(one)]}
        if self.raw and self.rate_in is None:  # no other rate is given
            changes |= {"rate_in": self.rate, "rate": None}
        if self.precision is None and self.quality == "best":
            changes |= {"precision": "float64"}
        if self.sync is None:
            changes |= {"sync": not (self.folder or self.files_from or len(changes["sources"]) > 1)}
        return replace(self, **changes)

    def for_input(self, source: Path, output: Path | None) -> Self:
        """Return the options of one input."""
        return replace(self, sources=[source], output=output)

    @property
    def source(self) -> Path:
        """The input, of options of one; the first of several."""
        return self.sources[0]

    @property
    def target(self) -> Path:
        """The output's name; in.wav becomes in_x2.wav, or in_48000.wav, and a pipe a pipe."""
        if self.output or self.source == STREAM:
            return self.output or STREAM
        stem = f"{self.source.stem}_{self.rate or f'x{self.stride or 2}'}"
        return self.source.parent / self.file_name(stem, self.source.suffix)

    def file_name(self, stem: str, suffix: str) -> str:
        """Return a file's name; its extension is that of the format asked for, if one is."""
        if self.container and suffix.lower() != ".npy":
            opus = self.container.upper() == "OGG" and (self.subtype or "").upper() == "OPUS"
            name = "opus" if opus else _EXTENSIONS.get(self.container.upper(), self.container.lower())
            suffix = f".{name}"
        return stem + suffix

    @property
    def filter_spec(self) -> FilterSpec:
        """The specification of the filter, if there are no weights."""
        return FilterSpec(self.quality, self.passband, self.rejection, self.phase)

    @property
    def channels_last(self) -> bool:
        """Whether arrays of signals are (L, C) or (N, L, C)."""
        return self.layout in ("keras", "jax", "mlx")

    @property
    def inputs(self) -> list[Path]:
        """The files that are read, and so must not be written."""
        return [path for path in (self.source, self.weights, self.bias) if isinstance(path, Path)]


def _expanded(source: Path) -> list[Path]:
    """Return the files that a pattern matches in a store, which no shell expands."""
    return [*source.expanded()] if isinstance(source, RemotePath) else [source]
