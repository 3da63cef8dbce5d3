"""The options of ``convt upsample``."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import typer

from convt_cli.files.paths import STREAM, parse_path
from convt_cli.options import filter_options, kernel_options, report_options, values
from convt_cli.options.filter_options import FilterSpec

_EXTENSIONS = {"WAVEX": "wav", "RF64": "wav"}

# Paths are not checked for being readable here: that is a failure of the work, not of the command line.


@dataclass(frozen=True, repr=False, slots=True)  # slots: there is one of these for each of 100,000 files
class UpsampleOptions:
    """The options of ``convt upsample``: as they are typed, or of one input, see :meth:`for_input`.

    Options that differ in their inputs and outputs alone are equal.
    """

    lowers: ClassVar[bool] = False  # whether --rate may be below an input's
    hidden: ClassVar[frozenset[str]] = frozenset()  # fields that are no options of the command
    only_down = only_up = False  # which are options of another command, as this is
    edges = "zero"

    sources: Annotated[
        list[Path],
        typer.Argument(
            default_factory=list,  # there may be a list of them
            show_default=False,
            metavar="IN...",
            parser=parse_path,
            help=(
                "Sound files; signals .npy, (L,), (C, L) or (N, C, L); - for standard input; folders"
                " with -r."
            ),
        ),
    ] = field(compare=False)
    files_from: Annotated[
        Path | None,
        typer.Option(
            "--files-from",
            metavar="LIST",
            readable=False,
            allow_dash=True,
            help=(
                "A file that names more inputs: one a line or, if it contains a NUL byte, separated by NUL,"
                " as find -print0 writes them. - for standard input."
            ),
        ),
    ] = field(default=None, compare=False)
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            parser=parse_path,
            help=(
                "Name of the output, or - for standard output. Default: in_x2.wav beside in.wav, for"
                " stride 2, or in_48000.wav for --rate 48000."
            ),
        ),
    ] = field(default=None, compare=False)
    folder: Annotated[
        Path | None,
        typer.Option(
            "--directory",
            "-d",
            metavar="DIR",
            help="Folder for the outputs, under their inputs' names; made if need be.",
        ),
    ] = None
    recursive: Annotated[
        bool,
        typer.Option(
            "--recursive", "-r", help="Take all sound files below a folder IN; DIR gets the same tree."
        ),
    ] = False
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="W",
            readable=False,
            help=(
                ".npy, .npz, .safetensors, a column of taps as text, or sound as impulse response. (K,) or"
                " (1, 1, K): the kernel of every channel; (C, K): one a channel; (C_in, C_out/groups, K):"
                " channels are mixed. Without it a kernel is designed for the stride."
            ),
        ),
    ] = None
    tensor: kernel_options.Tensor = None
    layout: kernel_options.Layout = "torch"
    stride: Annotated[
        int | None,
        typer.Option("--stride", metavar="S", min=1, help="Output samples per input sample. Default: 2."),
    ] = None
    rate: Annotated[
        Any,
        typer.Option(
            metavar="HZ",
            parser=values.parse_rate,
            help=(
                "Rate of the output, in place of a stride: 48000, 48k, 88.2k. A file that has it already is"
                " copied. With --weights the kernel is one for the stride S of the ratio S/M of the"
                " rates, which is 160/147 for 44.1 to 48 kHz. With --raw and no --rate-in, the input's"
                " rate."
            ),
        ),
    ] = None
    rate_in: Annotated[
        Any,
        typer.Option(
            "--rate-in",
            metavar="HZ",
            parser=values.parse_rate,
            help="Rate of an input that states none, .npy or --raw, for --rate.",
        ),
    ] = None
    padding: Annotated[
        Any,
        typer.Option(
            metavar="P",
            parser=values.parse_padding,
            help=(
                "Samples to drop at both ends; or full (0), or, for exactly stride*L samples (S/M*L"
                " with --rate), center (a symmetric kernel stays in time), same (as neural decoders do)"
                " or causal (nothing dropped in front). Default: 0 with --weights, else center."
            ),
        ),
    ] = None
    output_padding: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Further samples at the end, below max(stride, dilation)."),
    ] = 0
    dilation: Annotated[
        int, typer.Option(metavar="D", min=1, help="Output samples from one tap to the next.")
    ] = 1
    groups: Annotated[int, typer.Option(metavar="G", min=1, help="Runs of channels that do not mix.")] = 1
    bias: Annotated[
        Any,
        typer.Option(
            metavar="B",
            parser=values.parse_bias,
            help="Added to the output: a number, or a file of (C_out,).",
        ),
    ] = None
    quality: filter_options.Quality = None
    passband: filter_options.Passband = None
    rejection: filter_options.Rejection = None
    phase: filter_options.Phase = None
    precision: Annotated[
        Literal["float32", "float64"] | None,
        typer.Option(
            help=(
                "Of the arithmetic. Default: float32 for sound of up to 16 bits, float64 above; .npy as"
                " it is."
            )
        ),
    ] = None
    latency: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Work on blocks of N input samples: for live sources. Default: as is fastest.",
        ),
    ] = None
    container: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="F", help="Container: WAV, FLAC, AIFF, W64, AU, RAW ... Default: as IN."
        ),
    ] = None
    subtype: Annotated[
        str | None,
        typer.Option(
            metavar="T",
            help="Sample format: PCM_16, PCM_24, FLOAT ... Default: as IN. With --raw, of both.",
        ),
    ] = None
    bitrate: Annotated[
        Any,
        typer.Option(
            "--bitrate",
            metavar="B",
            parser=values.parse_bitrate,
            help=(
                "Bits per second of an MP3, Ogg Vorbis or Opus output, as 192k. Default: not below those of"
                " a lossy input; else the encoder's best."
            ),
        ),
    ] = None
    gain: Annotated[
        Any,
        typer.Option(metavar="DB", parser=values.parse_gain, help="Change the level by so many dB."),
    ] = 0.0
    dither: Annotated[
        Literal["tpdf", "none"] | None,
        typer.Option(help="Noise added before rounding to integers. Default: tpdf at 16 bits and below."),
    ] = None
    overs: Annotated[
        Literal["keep", "clip", "guard", "error"] | None,
        typer.Option(
            help=(
                "What becomes of samples beyond full scale; guard lowers the level of the whole so that"
                " there are none. Default: keep in real numbers, clip in integers."
            )
        ),
    ] = None
    nonfinite: Annotated[
        Literal["error", "keep", "zero"],
        typer.Option(help="What becomes of a NaN or an infinity in the input."),
    ] = "error"
    raw: Annotated[
        bool,
        typer.Option(
            "--raw",
            help=(
                "IN has no header: little-endian samples as --rate-in (or --rate), --channels,"
                " --subtype say."
            ),
        ),
    ] = False
    channels: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=65_535, help="Channels of a --raw input.")
    ] = None
    allow_truncated: report_options.AllowTruncated = False
    overwrite: report_options.Overwrite = False
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing", help="Leave out inputs whose output exists: goes on where a run ended."
        ),
    ] = False
    sync: Annotated[
        bool | None,
        typer.Option(
            "--sync/--no-sync",
            help=(
                "Wait until each output is on the disk before it gets its name: no power cut leaves an"
                " empty one. Default: --sync for one output, --no-sync for several."
            ),
        ),
    ] = None
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", metavar="N", min=1, help="Files at a time. Default: the cores."),
    ] = None
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot",
            metavar="PIC",
            readable=False,
            help="Draw the spectra of input and output as .png, .svg or .pdf (pip install 'convt[plot]').",
        ),
    ] = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and write nothing.")
    ] = False
    as_json: Annotated[
        bool,
        typer.Option("--json", help="For each input one line of JSON on stdout, of errors and skips, too."),
    ] = False
    verbose: report_options.Verbose = False
    quiet: report_options.Quiet = False

    def completed(self) -> "UpsampleOptions":
        """Return the options with those filled in that follow from others."""
        changes: dict[str, Any] = {}
        if self.raw and self.rate_in is None:  # no other rate is given
            changes |= {"rate_in": self.rate, "rate": None}
        if self.precision is None and self.quality == "best":
            changes |= {"precision": "float64"}
        if self.sync is None:
            changes |= {"sync": not (self.folder or self.files_from or len(self.sources) > 1)}
        return replace(self, **changes)

    def for_input(self, source: Path, output: Path | None) -> "UpsampleOptions":
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
        """What a filter is designed to, where no weights are given."""
        return FilterSpec(self.quality, self.passband, self.rejection, self.phase)

    @property
    def channels_last(self) -> bool:
        """Whether arrays of signals are (L, C) or (N, L, C)."""
        return self.layout in ("keras", "jax", "mlx")

    @property
    def inputs(self) -> list[Path]:
        """The files that are read, and so must not be written."""
        return [path for path in (self.source, self.weights, self.bias) if isinstance(path, Path)]
