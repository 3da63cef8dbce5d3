"""Checks and plans of a run, before its first sample."""

import os
import sys
from dataclasses import replace

import numpy as np

import convt
from convt_cli.audio.bitrate import bitrate_of_input, check_bitrate
from convt_cli.audio.pcm import predicted_size
from convt_cli.audio.reader import Raw, Reader, open_reader
from convt_cli.audio.writer import writable_metadata
from convt_cli.errors import Failure, Misuse, Unwritable
from convt_cli.files.paths import STREAM, input_name
from convt_cli.kernels.selection import SAME, Ratio
from convt_cli.options.upsample_options import UpsampleOptions
from convt_cli.run.memory import check_memory, kernel_memory, memory_needed
from convt_cli.run.run_plan import RunPlan
from convt_cli.run.upsampler_cache import PreparedUpsampler, geometry_of
from convt_cli.samples.formats import Format, format_request, output_format
from convt_cli.samples.pcm_codec import CODES
from convt_cli.samples.quantise import Dither, Overs

_BLOCK = 1 << 19  # output samples per read, all channels together, about


def check_streams(options: UpsampleOptions) -> None:
    """Refuse samples from or to a terminal, and a stream that the shell has closed."""
    for wanted, stream, name, hint in (
        (options.source, sys.stdin, "input", "pipe an audio file into the command, or name one"),
        (options.target, sys.stdout, "output", "pipe it into a command, or name a file with -o"),
    ):
        if wanted == STREAM and (stream is None or stream.isatty()):
            what = "closed" if stream is None else "a terminal"
            raise Misuse(f"standard {name} is {what}: {hint}")


def check_options(options: UpsampleOptions) -> None:
    """Refuse options that are wrong for every input."""
    format_request(options.container, options.subtype)
    if options.weights and options.filter_spec.is_given:
        raise Misuse(
            "--quality, --passband, --rejection and --phase design a filter; they cannot be used with"
            " --weights"
        )
    if options.normalize and not options.weights:
        raise Misuse("--normalize scales the kernel of --weights: a designed filter has a gain of 1 anyway")
    if options.tensor is not None and not options.weights:
        raise Misuse("--tensor chooses among the weights in a file: name the file with --weights")
    if options.rate and options.stride:
        raise Misuse("--rate sets the output's rate, --stride the factor: use one of them")
    if options.raw and not (options.rate_in and options.channels):
        raise Misuse(
            "--raw needs the input's --rate and --channels, and --subtype if it is not PCM_16; with"
            " --rate-in for the input's rate, --rate is the output's"
        )
    if options.raw and _raw_subtype(options) not in CODES:
        raise Misuse(f"--raw --subtype {_raw_subtype(options)}: must be one of {', '.join(CODES)}")
    if options.channels and not options.raw:
        raise Misuse("--channels is only for --raw input; other inputs state it themselves")
    if options.plot:
        _check_plot_options(options)


def _check_plot_options(options: UpsampleOptions) -> None:
    if options.folder or options.files_from or len(options.sources) > 1:
        raise Misuse("--plot draws one input and its output: name one input, and its output with -o")
    if options.skip_existing:
        raise Misuse("--plot needs an output, and --skip-existing may write none: use one of them")
    if STREAM in (options.source, options.target):
        raise Misuse("--plot reads input and output again: name files, not standard streams")
    if options.dry_run:
        raise Misuse("--plot needs an output, and --dry-run writes none: use one of them")


def _raw_subtype(options: UpsampleOptions) -> str:
    return format_request(None, options.subtype).subtype or "PCM_16"


def open_input(options: UpsampleOptions) -> Reader:
    """Open the input."""
    raw = None
    if options.raw and options.rate_in and options.channels:
        raw = Raw(options.rate_in, options.channels, _raw_subtype(options))
    again = options.overs == "guard"
    return open_reader(
        options.source,
        options.precision,
        raw=raw,
        again=again,
        truncated=options.allow_truncated,
        channels_last=options.channels_last,
        held=options.held_source,
    )


def plan_run(
    options: UpsampleOptions, ratio: Ratio, reader: Reader, prepared: PreparedUpsampler
) -> RunPlan:
    """Determine everything about a run except its result."""
    kernel, upsampler, frames = prepared.kernel, prepared.upsampler, reader.frames
    if options.plot and prepared.dtype.kind == "c":
        raise Misuse(f"{options.plot}: complex signals cannot be plotted: leave out --plot")
    if frames and isinstance(upsampler, convt.Resampler):
        frames = upsampler.output_length(frames)
    elif frames:
        try:
            frames = convt.output_length(frames, kernel.taps, **geometry_of(options, ratio, kernel))
        except convt.ParameterError as error:
            raise too_short(options, error) from None
    channels = (reader.channels, kernel.channels_out)
    needed = _memory(options, ratio, reader, prepared)
    check_memory(input_name(options.source), needed, max(channels))
    formats = (reader.format, _output_format(options, ratio, reader))
    metadata = writable_metadata(reader.meta, formats[1], ratio.factor, channels)
    bytes_out = predicted_size(formats[1], channels[1], frames, metadata) if options.dry_run else None
    dither = _dither(options, formats[1])
    if is_copy := _is_copy(options, ratio, formats):
        metadata, dither = replace(metadata, lost=[]), "none"
        bytes_out = (options.held_source or options.source).stat().st_size
    return RunPlan(
        options,
        ratio,
        kernel,
        upsampler,
        prepared.dtype,
        (reader.frames, frames),
        formats,
        channels,
        _bitrates(options, reader, formats[1], channels[1]),
        reader.dimensions,
        metadata,
        10 ** (options.gain / 20),
        dither,
        is_copy,
        () if is_copy else prepared.advice,
        round(needed),
        bytes_out,
    )


def _bitrates(
    options: UpsampleOptions, reader: Reader, chosen: Format | None, channels: int
) -> tuple[float | None, float | None]:
    """Return the input's bit rate, and the one for the output's encoder."""
    if options.bitrate:
        check_bitrate(chosen, channels, options.bitrate)
    before = None
    if reader.format:
        before = bitrate_of_input(reader.source, reader.format, reader.frames)
    return before, options.bitrate or before


def _memory(options: UpsampleOptions, ratio: Ratio, reader: Reader, prepared: PreparedUpsampler) -> float:
    kernel, upsampler = prepared.kernel, prepared.upsampler
    channels = (reader.channels, kernel.channels_out)
    dtype = np.result_type(kernel.weight.dtype, reader.dtype)
    history = options.dilation * kernel.taps // ratio.stride
    block = block_size(ratio, channels)
    phase = (options.phase or "linear") if options.weights is None else None
    return memory_needed(upsampler, channels, history, block, dtype.itemsize) + kernel_memory(
        upsampler, kernel.taps, phase
    )


def _is_copy(options: UpsampleOptions, ratio: Ratio, formats: tuple[Format | None, Format | None]) -> bool:
    """Return whether the output is a copy of the input: it has the rate, and nothing else changes."""
    as_it_is = options.overs is None and options.nonfinite == "error" and options.dither != "tpdf"
    as_it_is = as_it_is and options.gain == 0 and not (options.precision and formats[0] is None)
    has_rate = options.rate is not None and ratio == SAME
    rereadable = options.source != STREAM and os.path.isfile(options.held_source or options.source)
    return has_rate and as_it_is and rereadable and formats[0] == formats[1]


def too_short(options: UpsampleOptions, error: convt.ParameterError) -> Failure:
    """Return the error for an input that is too short to have an output."""
    return Failure(f"{input_name(options.source)}: too short for this padding: {error}")


def _dither(options: UpsampleOptions, chosen: Format | None) -> Dither:
    if chosen is None or chosen.is_real or options.dither == "none":
        return "none"
    if options.dither == "tpdf":
        return "tpdf"
    return "needed" if chosen.needs_dither else "none"


def block_size(ratio: Ratio, channels: tuple[int, int]) -> int:
    """Return how many frames are read at a time."""
    return max(1, int(_BLOCK / (ratio.factor * max(channels))))


def _output_format(options: UpsampleOptions, ratio: Ratio, reader: Reader) -> Format | None:
    """Return the format to write, None for an array."""
    if options.target.suffix.lower() == ".npy":
        if options.overs or options.dither or options.container or options.subtype:
            raise Misuse("--overs, --dither, --format and --subtype are for audio, not for .npy output")
        if reader.frames is None:
            raise Unwritable(".npy needs the length in advance, which this input does not state; use .wav")
        return None
    if reader.format is None:
        raise Unwritable(".npy input carries no sample rate, which audio needs; name an .npy output")
    wish = format_request(options.container, options.subtype)
    rate = int(reader.format.rate * ratio.factor)
    chosen = output_format(reader.format, options.source, options.target, rate, wish)
    if options.overs == "keep" and not chosen.is_real:
        raise Misuse(
            f"--overs keep: {chosen.subtype} cannot hold samples beyond full scale; use --subtype FLOAT"
        )
    return chosen


def overs_of(options: UpsampleOptions) -> Overs:
    """Return the treatment of samples beyond full scale; integers clip in any case but "error"."""
    if options.overs in ("clip", "error"):
        return "clip" if options.overs == "clip" else "error"
    return "keep"
