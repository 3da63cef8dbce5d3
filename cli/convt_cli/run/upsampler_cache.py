"""A cache of recently used upsamplers, for inputs like earlier ones."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

import convt
from convt_cli.audio.reader import Reader
from convt_cli.kernels.advice import kernel_advice
from convt_cli.kernels.selection import Ratio, SelectedKernel, is_resampler, resampler, select_kernel
from convt_cli.options.upsample_options import UpsampleOptions
from convt_cli.run.memory import kernel_memory
from convt_cli.samples.formats import Array

_KEPT, _BYTES = 8, 1 << 28  # upsamplers kept, for files of several rates; total bytes of more than one
_LIGHT = 512  # multiply-adds per output sample that take about as long as reading and writing it


@dataclass
class PreparedUpsampler:
    """A kernel, what runs with it on signals like `empty_input`, (channels, 0), and warnings about it."""

    kernel: SelectedKernel
    upsampler: convt.Upsampler | convt.Resampler
    empty_input: Array
    advice: tuple[str, ...]

    @property
    def memory(self) -> float:
        """Estimated bytes of the kernel and its engine."""
        return self.kernel.weight.nbytes + kernel_memory(self.upsampler, self.kernel.taps, None)

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the outputs; asking for it begins a signal."""
        return self.upsampler.process(self.empty_input).dtype


class UpsamplerCache:
    """A few prepared upsamplers, each ready for a new signal."""

    def __init__(self) -> None:
        self._ready: dict[object, PreparedUpsampler] = {}

    @property
    def memory(self) -> float:
        """Estimated bytes of all of them."""
        return sum(prepared.memory for prepared in self._ready.values())

    def clear(self) -> None:
        """Empty the cache for a new command: files may have changed since the last one."""
        self._ready.clear()

    @contextmanager
    def borrowed(
        self, options: UpsampleOptions, ratio: Ratio, reader: Reader, threads: int | None
    ) -> Iterator[PreparedUpsampler]:
        """Yield the upsampler for an input; it is kept for the next if the block ends without an error.

        Parameters
        ----------
        options, ratio
            The options, and the ratio of rates.
        reader : Reader
            The input.
        threads : int or None
            Threads for the computation; None for all cores, less one for reading and writing if there is
            little to compute.
        """
        key = (
            options,
            ratio,
            reader.channels,
            reader.precision,
            reader.dtype,
            reader.format is None,
            threads,
        )
        prepared = self._ready.pop(key, None)
        if prepared is None:
            kernel = select_kernel(options, ratio, reader)
            empty_input = np.empty((reader.channels, 0), reader.dtype)
            upsampler = _prepare(options, ratio, kernel, reader, threads)
            advice = kernel_advice(options, kernel, ratio, upsampler)
            prepared = PreparedUpsampler(kernel, upsampler, empty_input, advice)
        prepared.upsampler.reset()
        yield prepared
        self._ready[key] = prepared
        others = list(self._ready)[:-1]
        while others and (len(self._ready) > _KEPT or self.memory > _BYTES):
            del self._ready[others.pop(0)]

    def warm_up(self, options: UpsampleOptions, ratio: Ratio, reader: Reader) -> None:
        """Prepare the single-threaded upsampler for an input, for processes that will be forked."""
        with self.borrowed(options, ratio, reader, threads=1) as prepared:
            upsampler = prepared.upsampler
            upsampler(np.zeros((reader.channels, upsampler.plan.inputs), reader.dtype))


def geometry_of(options: UpsampleOptions, ratio: Ratio, kernel: SelectedKernel) -> dict[str, Any]:
    """Return the library's arguments for the positions of the kernel's taps."""
    return {
        "stride": ratio.stride,
        "down": ratio.down,
        "padding": kernel.padding,
        "output_padding": options.output_padding,
        "dilation": options.dilation,
    }


def _prepare(
    options: UpsampleOptions, ratio: Ratio, kernel: SelectedKernel, reader: Reader, threads: int | None
) -> convt.Upsampler | convt.Resampler:
    if is_resampler(options, ratio):
        precision: Literal["float32", "float64"] = "float32" if reader.precision == "float32" else "float64"
        return resampler(options, ratio, precision, threads)

    def make(threads: int | None) -> convt.Upsampler:
        return convt.Upsampler(
            kernel.weight,
            kernel.bias,
            groups=kernel.groups,
            latency=options.latency,
            channels=reader.channels,
            threads=threads,
            **geometry_of(options, ratio, kernel),
        )

    upsampler = make(threads)
    rows = kernel.weight.shape[-2] if kernel.weight.ndim > 1 else 1
    light = upsampler.plan.cost <= _LIGHT * ratio.factor * rows
    return make(max(1, upsampler.threads - 1)) if light and threads is None else upsampler


class _OfThread(threading.local):
    def __init__(self) -> None:
        self.cache = UpsamplerCache()


_of_thread = _OfThread()


def upsampler_cache() -> UpsamplerCache:
    """Return the cache of this thread: an upsampler is for one signal at a time. Forks inherit it."""
    return _of_thread.cache
