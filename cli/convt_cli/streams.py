"""The stream that an input goes through.

A thread keeps the last one: for a file like the one before, kernel and plan are ready.
"""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import convt
from convt_cli.audio.reader import Reader
from convt_cli.kernels import Choice, choose_kernel
from convt_cli.request import Request

_LIGHT = 512  # multiply-adds an output sample that take about as long as reading and writing it

_kept = threading.local()


def stream_for(request: Request, reader: Reader, threads: int | None) -> tuple[Choice, convt.Upsampler]:
    """Return the kernel asked for, and the stream, at its beginning, that runs with it.

    Parameters
    ----------
    request : Request
        The options.
    reader : Reader
        The input.
    threads : int or None
        To compute on; None for all cores but, where there is not much to compute, one for reading and
        writing.

    Raises
    ------
    Failure, convt.WeightsError
        As of :func:`convt_cli.kernels.choose_kernel`.
    convt.ParameterError
        The options ask for what cannot be.
    """
    options = replace(request, source=Path(), output=None)
    key = (options, reader.channels, reader.precision, reader.dtype, reader.format is None, threads)
    if getattr(_kept, "key", None) != key:
        kernel = choose_kernel(request, reader)
        _kept.stream = (kernel, _prepare(kernel, geometry_of(request, kernel), request.latency, threads))
        _kept.key = key
    stream: tuple[Choice, convt.Upsampler] = _kept.stream
    stream[1].reset()
    return stream


def geometry_of(request: Request, kernel: Choice) -> dict[str, Any]:
    """Return the library's arguments that place the kernel's taps in time."""
    return {
        "stride": request.stride,
        "padding": kernel.padding,
        "output_padding": request.output_padding,
        "dilation": request.dilation,
    }


def _prepare(
    kernel: Choice, geometry: dict[str, Any], latency: int | None, threads: int | None
) -> convt.Upsampler:
    def make(threads: int | None) -> convt.Upsampler:
        return convt.Upsampler(
            kernel.weight, kernel.bias, groups=kernel.groups, latency=latency, threads=threads, **geometry
        )

    upsampler = make(threads)
    rows = kernel.weight.shape[-2] if kernel.weight.ndim > 1 else 1
    light = upsampler.plan.cost <= _LIGHT * geometry["stride"] * rows
    return make(max(1, upsampler.threads - 1)) if light and threads is None else upsampler
