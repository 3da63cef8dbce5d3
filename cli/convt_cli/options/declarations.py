"""The options of the commands, and how their values are parsed."""

# Paths are not checked for being readable here: that is a failure of the work, not of the command line.

import math
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from convt_cli.options import upsample_options

_MOST_GAIN = 300  # dB: beyond what any samples span
_MOST_RATE = 2**31 - 1  # Hz
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
        bias = float(text)
    except ValueError:
        return Path(text)
    if not math.isfinite(bias):
        raise typer.BadParameter(f"a bias is a finite number, not {text}")
    return bias


def parse_rate(text: str) -> int:
    """Return a rate in Hz: of 48000, 48k, 44.1k or 44.1kHz."""
    number = text.lower().removesuffix("hz").strip()
    try:
        rate = Decimal(number.removesuffix("k")) * (1000 if number.endswith("k") else 1)
    except ArithmeticError:
        rate = Decimal(0)
    if not (rate.is_finite() and 1 <= rate <= _MOST_RATE and rate == int(rate)):
        raise typer.BadParameter(f"{text!r} is no rate: whole Hz, 1 to {_MOST_RATE}, as 48000 or 44.1k")
    return int(rate)


def parse_gain(text: str) -> float:
    """Return a number of decibels that has a factor."""
    try:
        gain = float(text)
    except ValueError:
        gain = math.nan
    if not abs(gain) <= _MOST_GAIN:
        raise typer.BadParameter(f"{text!r} is not a number of dB between -{_MOST_GAIN} and {_MOST_GAIN}")
    return gain


Sources = Annotated[
    list[Path],
    typer.Argument(
        metavar="IN...",
        readable=False,
        allow_dash=True,
        help="Sound files; signals .npy, (L,), (C, L) or (N, C, L); - for standard input; folders with -r.",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        readable=False,
        allow_dash=True,
        help=(
            "Name of the output, - for standard output. Default: in_x2.wav beside in.wav, for stride 2, or"
            " in_48000.wav for --rate 48000."
        ),
    ),
]
Pairs = Annotated[
    list[Path],
    typer.Argument(
        metavar="LOW HIGH...",
        readable=False,
        help=(
            "Sound files, or .npy signals, in pairs: what goes in, and what should come out. Two folders,"
            " whose sound files of the same names belong together. With --from-high, HIGH alone."
        ),
    ),
]
KernelTaps = Annotated[int, typer.Option("--taps", metavar="K", min=1, help="Length of the kernel.")]
FromHigh = Annotated[
    bool,
    typer.Option(
        "--from-high",
        help="LOW is made of HIGH: every S-th sample, after the best built-in low-pass filter.",
    ),
]
FitPadding = Annotated[
    Any,
    typer.Option(
        metavar="P",
        parser=parse_padding,
        help="What the kernel is to be used with, as of convt upsample: where its middle is.",
    ),
]
Delay = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help=(
            "HIGH is so many of its samples later than what K and P make. Default: as estimated, with the"
            " middle of the kernel where most of it is."
        ),
    ),
]
Ridge = Annotated[
    float | None,
    typer.Option(
        metavar="R",
        min=0,
        help=(
            "Keeps taps small where the sound does not determine them; a fraction of its power. Default:"
            " the largest that costs less than 0.01 dB."
        ),
    ),
]
Balanced = Annotated[bool, typer.Option("--balance", help="Have all phases the same gain: no tonal lines.")]
FitChannels = Annotated[
    upsample_options.Channels | None,
    typer.Option(
        help=(
            "One kernel for every channel, one a channel, or one from each to each. Default: shared, or"
            " mixed where LOW has not as many as HIGH."
        )
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--directory",
        "-d",
        metavar="DIR",
        help="Folder for the outputs, under their inputs' names; made if need be.",
    ),
]
Recursive = Annotated[
    bool,
    typer.Option(
        "--recursive", "-r", help="Take all sound files below a folder IN; DIR gets the same tree."
    ),
]
Weights = Annotated[
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
]
Tensor = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Of several weights in W the one of this name, or of this layer, as convt weights lists them.",
    ),
]
Layout = Annotated[
    upsample_options.Layout,
    typer.Option(
        help=(
            "Whose axes weights have: torch, onnx (C_in, C_out/groups, K); keras (K, C_out, C_in); mlx"
            " (C_out, K, C_in); jax (K, C_in, C_out), the last tap first. With keras, mlx and jax .npy"
            " signals are (L, C) or (N, L, C)."
        )
    ),
]
Quality = Annotated[
    Literal["fast", "high", "best"] | None,
    typer.Option(
        help=(
            "Of the designed kernel: flat to 0.90, 0.96 or 0.975 of the input's band, images below -110,"
            " -195 or -240 dB. Default: high. With best it is computed in float64."
        )
    ),
]
Passband = Annotated[
    float | None,
    typer.Option(metavar="P", help="Flat, to 0.01 dB, up to this fraction of the input's band instead."),
]
Rejection = Annotated[
    float | None, typer.Option(metavar="DB", help="All images so many dB below the signal instead.")
]
Phase = Annotated[
    Literal["linear", "minimum"] | None,
    typer.Option(help="linear: exactly in time; minimum: nothing rings before a sound. Default: linear."),
]
Taps = Annotated[
    int | None,
    typer.Option(metavar="K", min=1, help="So many taps, which make the most of P or DB, or balance both."),
]
Kind = Annotated[
    Literal["kaiser", "equiripple", "lanczos", "cubic", "linear", "hold"] | None,
    typer.Option(
        help=(
            "kaiser (the default): errors fade away from the edge; equiripple: the shortest, they do not;"
            " or an interpolator of the textbooks."
        )
    ),
]
Kernel = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="W", readable=False, help="Name of the kernel, .npy."),
]
From = Annotated[
    Path | None,
    typer.Option("--from", metavar="W", readable=False, help="Take a kernel that there is, for --balance."),
]
Balance = Annotated[
    bool,
    typer.Option("--balance", help="Make its phases' gains equal by the smallest change: no tonal lines."),
]
Inspected = Annotated[
    Path, typer.Argument(metavar="W", readable=False, help="Weights, as convt upsample takes them.")
]
Listed = Annotated[
    Path, typer.Argument(metavar="FILE", readable=False, help="Weights, as convt upsample takes them.")
]
InputRate = Annotated[
    Any,
    typer.Option(metavar="HZ", parser=parse_rate, help="The input's rate: frequencies are told in Hz."),
]
Down = Annotated[
    int,
    typer.Option(metavar="M", min=1, help="Of the outputs every M-th is kept: a ratio of rates S/M."),
]
Spectra = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="PIC",
        readable=False,
        help="Draw the spectra of input and output as .png, .svg or .pdf (pip install 'convt[plot]').",
    ),
]
Plot = Annotated[
    Path | None,
    typer.Option(
        metavar="PIC", readable=False, help="Draw it as .png, .svg or .pdf (pip install 'convt[plot]')."
    ),
]
Stride = Annotated[int, typer.Option(metavar="S", min=1, help="Output samples per input sample.")]
Factor = Annotated[
    int | None,
    typer.Option("--stride", metavar="S", min=1, help="Output samples per input sample. Default: 2."),
]
Padding = Annotated[
    Any,
    typer.Option(
        metavar="P",
        parser=parse_padding,
        help=(
            "Samples to drop at both ends; or full (0), or, for exactly stride*L samples (S/M*L with"
            " --rate), center (a"
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
        metavar="B", parser=parse_bias, help="Added to the output: a number, or a file of (C_out,)."
    ),
]
Precision = Annotated[
    Literal["float32", "float64"] | None,
    typer.Option(
        help="Of the arithmetic. Default: float32 for sound of up to 16 bits, float64 above; .npy as it is."
    ),
]
Latency = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="Work on blocks of N input samples: for live sources. Default: as is fastest.",
    ),
]
Container = Annotated[
    str | None,
    typer.Option(
        "--format", metavar="F", help="Container: WAV, FLAC, AIFF, W64, AU, RAW ... Default: as IN."
    ),
]
Subtype = Annotated[
    str | None,
    typer.Option(
        metavar="T", help="Sample format: PCM_16, PCM_24, FLOAT ... Default: as IN. With --raw, of both."
    ),
]
Gain = Annotated[
    Any,
    typer.Option(metavar="DB", parser=parse_gain, help="Change the level by so many dB."),
]
Dither = Annotated[
    Literal["tpdf", "none"] | None,
    typer.Option(help="Noise added before rounding to integers. Default: tpdf at 16 bits and below."),
]
Overs = Annotated[
    Literal["keep", "clip", "guard", "error"] | None,
    typer.Option(
        help=(
            "What becomes of samples beyond full scale; guard lowers the level of the whole so that there"
            " are none. Default: keep in real numbers, clip in integers."
        )
    ),
]
Nonfinite = Annotated[
    Literal["error", "keep", "zero"],
    typer.Option(help="What becomes of a NaN or an infinity in the input."),
]
Raw = Annotated[
    bool,
    typer.Option(
        "--raw",
        help="IN has no header: little-endian samples as --rate-in (or --rate), --channels, --subtype say.",
    ),
]
Rate = Annotated[
    Any,
    typer.Option(
        metavar="HZ",
        parser=parse_rate,
        help=(
            "Rate of the output, in place of a stride: 48000, 48k, 88.2k. What has it already is copied."
            " With --weights the kernel is one for the stride S of the ratio S/M of the rates, which is"
            " 160/147 for 44.1 to 48 kHz. With --raw and no --rate-in, the input's rate."
        ),
    ),
]
RateIn = Annotated[
    Any,
    typer.Option(
        "--rate-in",
        metavar="HZ",
        parser=parse_rate,
        help="Rate of an input that states none, .npy or --raw, for --rate.",
    ),
]
Channels = Annotated[
    int | None, typer.Option(metavar="N", min=1, max=65_535, help="Channels of a --raw input.")
]
AllowTruncated = Annotated[
    bool, typer.Option("--allow-truncated", help="Take an input that breaks off as far as it goes.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")]
SkipExisting = Annotated[
    bool,
    typer.Option(
        "--skip-existing", help="Leave out inputs whose output exists: goes on where a run ended."
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", metavar="N", min=1, help="Files at a time. Default: the cores."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and write nothing.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, errors too.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say also how it is computed.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
