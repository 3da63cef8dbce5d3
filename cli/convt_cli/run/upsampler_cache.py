"""The stream that an input goes through."""

from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

import convt
from convt_cli.audio.reader import Reader
from convt_cli.kernels.selection import Choice, choose_kernel
from convt_cli.options.upsample_options import Request
from convt_cli.samples.formats import Array

_KEPT = 2  # of files of different rates, or channels, by turns
_LIGHT = 512  # multiply-adds an output sample that take about as long as reading and writing it


@dataclass
class Stream:
    """A kernel, and what runs with it on signals of `nothing`'s channels and dtype, (channels, 0)."""

    kernel: Choice
    upsampler: convt.Upsampler
    nothing: Array

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of what it makes; who asks first finds it at work on a signal."""
        return self.upsampler.process(self.nothing).dtype


class Streams:
    """The streams that a process last used: for a file like one before, one is ready."""

    def __init__(self) -> None:
        self._ready: dict[object, Stream] = {}
        self._taken: tuple[object, Stream] | None = None

    def clear(self) -> None:
        """Begin a command: files may have changed since the last."""
        self._ready.clear()
        self._taken = None

    def warm_up(self, request: Request, reader: Reader) -> None:
        """Prepare the stream of an input, on one thread, for processes that are going to be forked."""
        upsampler = self.get(request, reader, threads=1).upsampler
        upsampler(np.zeros((reader.channels, upsampler.plan.inputs), reader.dtype))
        self.keep()

    def keep(self) -> None:
        """Have the stream that `get` returned last once more: what ran through it has come to its end."""
        if self._taken:
            key, self._ready[key] = self._taken
        while len(self._ready) > _KEPT:
            del self._ready[next(iter(self._ready))]

    def get(self, request: Request, reader: Reader, threads: int | None) -> Stream:
        """Return the stream of the kernel asked for, at its beginning.

        Parameters
        ----------
        request : Request
            The options, with the ratio.
        reader : Reader
            The input.
        threads : int or None
            To compute on; None for all cores but, where there is not much to compute, one for reading and
            writing.

        Raises
        ------
        Failure, convt.WeightsError
            As of :func:`convt_cli.kernels.selection.choose_kernel`.
        convt.ParameterError
            The options ask for what cannot be.
        """
        options = replace(request, source=Path(), output=None)
        key = (options, reader.channels, reader.precision, reader.dtype, reader.format is None, threads)
        stream = self._ready.pop(key, None)
        if stream is None:
            kernel = choose_kernel(request, reader)
            nothing = np.empty((reader.channels, 0), reader.dtype)
            stream = Stream(kernel, _prepare(request, kernel, threads), nothing)
        self._taken = key, stream
        stream.upsampler.reset()
        return stream


def geometry_of(request: Request, kernel: Choice) -> dict[str, Any]:
    """Return the library's arguments that place the kernel's taps in time."""
    return {
        "stride": request.ratio.stride,
        "down": request.ratio.down,
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
    light = upsampler.plan.cost <= _LIGHT * request.ratio.factor * rows
    return make(max(1, upsampler.threads - 1)) if light and threads is None else upsampler


@cache
def shared_streams() -> Streams:
    """Return the streams of this process; one that is forked has them, too."""
    return Streams()
