"""The stream that an input goes through."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import convt
from convt_cli.audio.reader import Reader
from convt_cli.kernels import Choice, choose_kernel
from convt_cli.request import Request

_LIGHT = 512  # multiply-adds an output sample that take about as long as reading and writing it


class Streams:
    """The stream that a process last used: for a file like the one before, it is ready."""

    def __init__(self) -> None:
        self._key: object = None
        self._taken: object = None
        self._stream: tuple[Choice, convt.Upsampler]

    def clear(self) -> None:
        """Begin a command: files may have changed since the last."""
        self._key = self._taken = None

    def warm_up(self, request: Request, reader: Reader) -> None:
        """Prepare the stream of an input, on one thread, for processes that are going to be forked."""
        _, upsampler = self.get(request, reader, threads=1)
        upsampler(np.zeros((reader.channels, upsampler.plan.inputs), reader.dtype))
        self.keep()

    def keep(self) -> None:
        """Have the stream that `get` returned last once more: what ran through it has come to its end."""
        self._key = self._taken

    def get(self, request: Request, reader: Reader, threads: int | None) -> tuple[Choice, convt.Upsampler]:
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
        if key != self._key:
            kernel = choose_kernel(request, reader)
            self._stream = kernel, _prepare(request, kernel, threads)
        self._taken, self._key = key, None
        self._stream[1].reset()
        return self._stream


def geometry_of(request: Request, kernel: Choice) -> dict[str, Any]:
    """Return the library's arguments that place the kernel's taps in time."""
    return {
        "stride": request.stride,
        "padding": kernel.padding,
        "output_padding": request.output_padding,
        "dilation": request.dilation,
    }


def _prepare(request: Request, kernel: Choice, threads: int | None) -> convt.Upsampler:
    def make(threads: int | None) -> convt.Upsampler:
        return convt.Upsampler(
            kernel.weight,
            kernel.bias,
            groups=kernel.groups,
            latency=request.latency,
            threads=threads,
            **geometry_of(request, kernel),
        )

    upsampler = make(threads)
    rows = kernel.weight.shape[-2] if kernel.weight.ndim > 1 else 1
    light = upsampler.plan.cost <= _LIGHT * request.stride * rows
    return make(max(1, upsampler.threads - 1)) if light and threads is None else upsampler


@cache
def shared_streams() -> Streams:
    """Return the streams of this process; one that is forked has them, too."""
    return Streams()
