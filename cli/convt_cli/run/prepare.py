"""What is known of a run before its first sample."""

import sys

import numpy as np

import convt
from convt_cli.audio.pcm import predicted_size
from convt_cli.audio.reader import Raw, Reader, open_reader
from convt_cli.audio.writer import writable_metadata
from convt_cli.errors import Failure, Misuse, Unwritable
from convt_cli.files.paths import STREAM, input_name, is_file
from convt_cli.options.upsample_options import SAME, Request
from convt_cli.run.memory import check_memory, kernel_memory, memory_needed
from convt_cli.run.run_state import Outcome
from convt_cli.run.upsampler_cache import Stream, geometry_of
from convt_cli.samples.formats import Format, format_request, output_format
from convt_cli.samples.pcm_codec import CODES
from convt_cli.samples.quantise import Dither, Overs

_BLOCK = 1 << 19  # output samples, all channels counted, that one read becomes, about


def check_streams(request: Request) -> None:
    """Refuse a terminal where samples should be, and a stream that the shell has closed.

    Raises
    ------
    Misuse
        With what to do.
    """
    for wanted, stream, name, hint in (
        (request.source, sys.stdin, "input", "pipe a sound file into the command, or name one"),
        (request.target, sys.stdout, "output", "pipe it into a command, or name a file with -o"),
    ):
        if wanted == STREAM and (stream is None or stream.isatty()):
            what = "closed" if stream is None else "a terminal"
            raise Misuse(f"standard {name} is {what}: {hint}")


def check_options(request: Request) -> None:
    """Refuse options that no input could be done with.

    Raises
    ------
    Misuse
        They do not go together, or ask for what there is not.
    """
    format_request(request.container, request.subtype)
    if request.weights and request.design.is_asked_for:
        raise Misuse(
            "--quality, --passband, --rejection and --phase design a kernel, and --weights names one"
        )
    if request.tensor is not None and not request.weights:
        raise Misuse("--tensor names one of several weights in a file: name the file with --weights")
    if request.rate and request.stride:
        raise Misuse("--rate names the output's rate, and --stride what to multiply by: use one of them")
    if request.raw and not (request.rate_in and request.channels):
        raise Misuse(
            "--raw needs --rate and --channels of the input, and --subtype if that is not PCM_16; with"
            " --rate-in for the input's rate, --rate is the output's"
        )
    if request.raw and _raw_subtype(request) not in CODES:
        raise Misuse(f"--raw takes samples of {', '.join(CODES)}, not {_raw_subtype(request)}")
    if request.channels and not request.raw:
        raise Misuse("--channels tells what a --raw input holds; others say it themselves")


def _raw_subtype(request: Request) -> str:
    return format_request(None, request.subtype).subtype or "PCM_16"


def open_input(request: Request) -> Reader:
    """Open what is to be read.

    Raises
    ------
    Failure
        It is missing or damaged.
    """
    raw = None
    if request.raw and request.rate_in and request.channels:
        raw = Raw(request.rate_in, request.channels, _raw_subtype(request))
    again = request.overs == "guard"
    return open_reader(
        request.source,
        request.precision,
        raw=raw,
        again=again,
        truncated=request.allow_truncated,
        channels_last=request.channels_last,
    )


def begin(request: Request, reader: Reader, stream: Stream) -> Outcome:
    """Find out everything about a run but its result.

    Raises
    ------
    Failure, Unwritable
        The output cannot be, or would take more memory than there is.
    """
    kernel, upsampler, frames = stream.kernel, stream.upsampler, reader.frames
    if frames:
        try:
            frames = convt.output_length(frames, kernel.taps, **geometry_of(request, kernel))
        except convt.ParameterError as error:
            raise too_short(request, error) from None
    channels = (reader.channels, kernel.channels_out)
    dtype = np.result_type(kernel.weight.dtype, reader.dtype)
    history = request.dilation * kernel.taps // request.ratio.stride
    needed = memory_needed(upsampler, channels, history, block_size(request, channels), dtype.itemsize)
    phase = (request.design.phase or "linear") if request.weights is None else None
    needed += kernel_memory(upsampler, kernel.taps, phase)
    check_memory(input_name(request.source), needed, max(channels))
    formats = (reader.format, _output_format(request, reader))
    meta = writable_metadata(reader.meta, formats[1], request.ratio.factor, channels)
    outcome = Outcome(
        request,
        kernel,
        upsampler,
        stream.dtype,
        (reader.frames, frames),
        formats,
        channels,
        reader.dimensions,
        meta,
    )
    outcome.memory = round(needed)
    if request.dry_run:
        outcome.bytes_out = predicted_size(formats[1], channels[1], frames, meta)
    outcome.lost = list(meta.lost)
    outcome.gain = 10 ** (request.gain / 20)
    outcome.dither = _dither(request, formats[1])
    if _is_copy(request, formats):
        outcome.is_copy, outcome.lost, outcome.dither = True, [], "none"
        outcome.bytes_out = request.source.stat().st_size
    return outcome


def _is_copy(request: Request, formats: tuple[Format | None, Format | None]) -> bool:
    """Return whether the output is the input to the byte: it has the rate, and no other change is asked."""
    as_it_is = request.overs is None and request.nonfinite == "error" and request.dither != "tpdf"
    as_it_is = as_it_is and request.gain == 0 and not (request.precision and formats[0] is None)
    has_rate = request.rate is not None and request.ratio == SAME
    again = request.source != STREAM and is_file(request.source)  # and can be read from its beginning
    return has_rate and as_it_is and again and formats[0] == formats[1]


def too_short(request: Request, error: convt.ParameterError) -> Failure:
    """Return why an input has no output."""
    return Failure(f"{input_name(request.source)}: is too short for this padding: {error}")


def _dither(request: Request, chosen: Format | None) -> Dither:
    if chosen is None or chosen.is_real or request.dither == "none":
        return "none"
    if request.dither == "tpdf":
        return "tpdf"
    return "needed" if chosen.needs_dither else "none"


def block_size(request: Request, channels: tuple[int, int]) -> int:
    """Return how many frames are read at a time."""
    return max(1, int(_BLOCK / (request.ratio.factor * max(channels))))


def _output_format(request: Request, reader: Reader) -> Format | None:
    """Return the format to write, None for an array."""
    if request.target.suffix.lower() == ".npy":
        if request.overs or request.dither or request.container or request.subtype:
            raise Misuse("--overs, --dither, --format and --subtype are for sound, not for an .npy output")
        if reader.frames is None:
            raise Unwritable("an .npy file states its length first, and the input does not: write .wav")
        return None
    if reader.format is None:
        raise Unwritable("an .npy signal states no sample rate; give the output a name that ends in .npy")
    wanted = format_request(request.container, request.subtype)
    rate = int(reader.format.rate * request.ratio.factor)
    chosen = output_format(reader.format, request.source, request.target, rate, wanted)
    if request.overs == "keep" and not chosen.is_real:
        raise Misuse(
            f"--overs keep needs samples that go beyond full scale, and {chosen.subtype} ones do not"
        )
    return chosen


def overs_of(request: Request) -> Overs:
    """Return what becomes of samples beyond full scale, other than that integers clip."""
    if request.overs in ("clip", "error"):
        return "clip" if request.overs == "clip" else "error"
    return "keep"
