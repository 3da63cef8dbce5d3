"""The lines that tell people about a finished file."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

import convt
from convt_cli.audio.formats import named_container
from convt_cli.audio.reader import Reader
from convt_cli.audio.writer import SoundWriter, Writer
from convt_cli.kernels import Choice
from convt_cli.request import Request


def describe_files(request: Request, reader: Reader, writer: Writer, frames: int) -> str:
    """Return the line that says what became what."""
    parts = [f"{reader.frames} -> {frames} samples"]
    if reader.format and writer.format:
        parts.insert(0, f"{reader.format.rate} -> {writer.format.rate} Hz")
        parts.append(f"{writer.format.container} {writer.format.subtype}")
    return f"{request.source} -> {request.target}: {', '.join(parts)}"


def describe_kernel(request: Request, kernel: Choice, delay: float, dtype: np.dtype[Any]) -> str:
    """Return the line that says how; `dtype` is the result's, and float16 is computed in float32."""
    computed = np.promote_types(dtype, np.float32)
    return (
        f"{kernel.name}: {kernel.taps} taps, stride {request.stride}, padding {kernel.padding},"
        f" delay {delay:.6g} output samples, computed in {computed}"
    )


def describe_plan(upsampler: convt.Upsampler) -> str:
    """Return the line that says by which engine, and on how many threads."""
    threads = "1 thread" if upsampler.threads == 1 else f"up to {upsampler.threads} threads"
    return f"{upsampler.plan}, {threads}"


def warnings(request: Request, reader: Reader, writer: Writer) -> Iterator[str]:
    """Yield what a user might not expect of the output."""
    if not reader.frames:
        yield f"{request.source} has no samples, and so has {request.target}"
    if not isinstance(writer, SoundWriter) or not reader.format or not writer.format:
        return
    if writer.format.subtype != reader.format.subtype:
        yield (
            f"{request.target}: {writer.format.container} cannot hold {reader.format.subtype} samples;"
            f" they are {writer.format.subtype}"
        )
    if writer.format.container == "RF64" != reader.format.container:
        yield f"{request.target}: is RF64, since a WAV file cannot hold more than 4 GB"
    if not named_container(request.target) and request.target.suffix != request.source.suffix:
        yield f"{request.target}: is a {writer.format.container} file, which its name does not say"
    if count := writer.quantise.not_finite:
        yield f"{request.target}: {count} sample(s) are not finite numbers, and were kept"
    if overs := writer.quantise.overs:
        fate = "kept" if writer.format.is_real else "clipped"
        level = 20 * math.log10(writer.quantise.peak)
        at = writer.quantise.peak_at / writer.format.rate
        yield (
            f"{request.target}: {overs} sample(s) beyond full scale were {fate};"
            f" peak {level:+.2f} dBFS at {at:.6f} s"
        )
