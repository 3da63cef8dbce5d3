"""One file through the library: open, run block by block, write, tell."""

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

import convt
from convt_cli.audio.formats import output_format
from convt_cli.audio.reader import Reader, open_reader
from convt_cli.audio.writer import NpyWriter, SoundWriter, Writer
from convt_cli.errors import Failure, Misuse, Unwritable
from convt_cli.kernels import choose_kernel
from convt_cli.report import Reporter
from convt_cli.request import Request
from convt_cli.summary import describe_files, describe_kernel, describe_plan, warnings
from convt_cli.wholefile import check_target, whole_file

_BLOCK_OUTPUTS = 1 << 18  # frames that one block read becomes, about: some blocks of the library


def run(request: Request, reporter: Reporter) -> Path:
    """Upsample one file and return the name of the finished output.

    Raises
    ------
    Failure
        With the one line that says why not; nothing of the output is left.
    """
    if "-" in (str(request.source), str(request.output)):
        raise Misuse("standard input and output are not read or written: name a file in place of -")
    try:
        block = max(1, _BLOCK_OUTPUTS // request.stride)
        with closing(open_reader(request.source, request.precision, block)) as reader:
            check_target(request.target, request.inputs, overwrite=request.overwrite)
            _upsample(request, reader, reporter)
    except convt.WeightsError as error:
        raise Failure(str(error)) from None
    except (convt.ParameterError, convt.ParameterTypeError) as error:
        raise Misuse(str(error)) from None
    except MemoryError as error:
        raise Failure(f"{request.source}: needs more memory than there is: {error}") from None
    return request.target


def _upsample(request: Request, reader: Reader, reporter: Reporter) -> None:
    kernel = choose_kernel(request, reader)
    geometry: dict[str, Any] = {
        "stride": request.stride,
        "padding": kernel.padding,
        "output_padding": request.output_padding,
        "dilation": request.dilation,
    }
    upsampler = convt.Upsampler(kernel.weight, kernel.bias, groups=kernel.groups, **geometry)
    try:
        frames = convt.output_length(reader.frames, kernel.taps, **geometry) if reader.frames else 0
    except convt.ParameterError as error:
        raise Failure(f"{request.source}: is too short for this padding: {error}") from None
    dtype = upsampler.process(np.empty((reader.channels, 0), reader.dtype)).dtype
    try:
        with (
            whole_file(request.target, overwrite=request.overwrite) as path,
            closing(_open_writer(path, request, reader, (kernel.channels_out, frames), dtype)) as writer,
        ):
            _copy(reader, upsampler, writer)
    except Unwritable as error:
        raise Failure(f"{request.target}: {error}") from None
    except OSError as error:
        raise Failure(f"{request.target}: cannot be written: {error.strerror}") from None
    reporter.note(describe_files(request, reader, writer, frames))
    reporter.note(describe_kernel(request, kernel, upsampler.delay, dtype))
    reporter.detail(describe_plan(upsampler))
    for warning in warnings(request, reader, writer):
        reporter.warn(warning)


def _open_writer(
    path: Path, request: Request, reader: Reader, shape: tuple[int, int], dtype: np.dtype[Any]
) -> Writer:
    """Begin the output at `path`, in the format that the target's name and the source ask for."""
    channels, frames = shape
    if request.target.suffix.lower() == ".npy":
        dimensions = max(reader.dimensions, 1 if channels == 1 else 2)
        return NpyWriter(path, (reader.signals, channels, frames)[-dimensions:], dtype)
    if reader.format is None:
        raise Unwritable("an .npy signal states no sample rate; give the output a name that ends in .npy")
    chosen = output_format(reader.format, request.source, request.target, request.stride, channels * frames)
    return SoundWriter(path, chosen, channels)


def _copy(reader: Reader, upsampler: convt.Upsampler, writer: Writer) -> None:
    for signal in range(reader.signals):
        upsampler.reset()
        for block in reader.blocks(signal):
            writer.write(signal, upsampler.process(block))
        writer.write(signal, upsampler.flush())
    writer.finish()
