"""Prepare the filter for a ratio of rates, and cache it for the next signal.

For a ratio of L/M in lowest terms the filter is a transposed convolution of stride L, of which every M-th
output is computed. If L or M is large, so is the number of phases, and a chirp-z transform computes the
outputs of the same low-pass filter instead (``chirp.py``).
"""

from copy import copy
from fractions import Fraction
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np

from convt.arrays import Array, DType, Reals
from convt.design import design_kernel
from convt.design.designer import Phase, lowpass
from convt.resampling.chirp import Chirp
from convt.stream import Upsampler
from convt.streaming.threads import default_threads

Edges = Literal["zero", "reflect", "hold"]

_MOST_PHASES = 640  # L or M; above it the chirp-z transform is faster, as measured


class Filter(NamedTuple):
    """The requirements of a filter; `dtype` is the dtype of the arithmetic."""

    ratio: Fraction
    passband: float
    rejection: float
    stopband: float
    phase: Phase
    edges: Edges
    dtype: DType
    latency: int | None
    threads: int | None

    @property
    def real(self) -> DType:
        """The dtype of the filter's taps."""
        return np.dtype(self.dtype.char.lower())

    def kernel(self) -> Reals:
        """Return the kernel for the ratio."""
        return design_kernel(
            self.ratio.numerator,
            down=self.ratio.denominator,
            passband=self.passband,
            rejection=self.rejection,
            stopband=self.stopband,
            phase=self.phase,
        )

    def lowpass(self, density: Fraction) -> Reals:
        """Return the same low-pass filter with `density` taps per sample of the lower rate, their sum 1."""
        return lowpass(density, 1, self.passband, self.rejection, self.stopband, self.phase)


class FilterStream:
    """A prepared filter, and a stream of signals through it.

    Attributes
    ----------
    kernel : ndarray, (K,)
        The taps of the filter.
    plan : Blocks
        The engine and its block size.
    extension : int
        Samples by which a signal is extended at each end.
    delay : float
        Output samples by which signals are delayed.
    """

    def __init__(self, wanted: Filter) -> None:
        self._threads = wanted.threads
        self._stream: Upsampler | Chirp
        if max(wanted.ratio.as_integer_ratio()) > _MOST_PHASES:
            self._stream = Chirp(
                wanted.ratio,
                wanted.lowpass,
                stopband=wanted.stopband,
                is_symmetric=wanted.phase == "linear",
                is_extended=wanted.edges != "zero",
                dtype=wanted.dtype,
                latency=wanted.latency,
            )
            kernel, self.extension, self.delay = (
                self._stream.kernel,
                self._stream.extension,
                self._stream.delay,
            )
        else:
            up, down = wanted.ratio.as_integer_ratio()
            kernel = wanted.kernel()
            crop = (kernel.size - 1) // 2 if wanted.phase == "linear" else 0
            self.extension = 0 if wanted.edges == "zero" else -(-kernel.size // up) + 1
            self._stream = Upsampler(
                kernel.astype(wanted.real),
                stride=up,
                down=down,
                padding=crop + self.extension * up,
                output_padding=up - 1,
                latency=wanted.latency,
                threads=wanted.threads,
            )
            self.delay = 0.0
            if wanted.phase == "minimum":
                self.delay = self._stream.delay + self.extension * up / down
        self.kernel = kernel.astype(wanted.real)
        self.kernel.flags.writeable = False
        self.plan = self._stream.plan

    def whole(self, x: Array, outputs: int) -> Array:
        """Return the outputs of whole signals (C, n), which include their extensions."""
        if isinstance(self._stream, Chirp):
            return self._stream.whole(x, outputs, self._team)
        return self._stream(x[:, np.newaxis])[:, 0, :outputs]

    def fork(self, channels: int | None = None) -> "FilterStream":
        """Return a stream in the same state; one that has not begun is for signals (channels, any)."""
        fork = copy(self)
        stream = self._stream
        fork._stream = stream.fork() if isinstance(stream, Chirp) else stream._forked(channels)
        return fork

    def process(self, x: Array) -> Array:
        """Take the next samples (C, n) and return the outputs that are final."""
        if isinstance(self._stream, Chirp):
            return self._stream.process(x, self._team)
        return self._stream.process(x)

    def flush(self, outputs: int) -> Array:
        """End the signal and return this number of further outputs."""
        if isinstance(self._stream, Chirp):
            return self._stream.flush(outputs, self._team)
        return self._stream.flush()[:, :outputs]

    @property
    def _team(self) -> int:
        return self._threads or default_threads()


@lru_cache(maxsize=16)
def prepared(wanted: Filter) -> FilterStream:
    """Return the prepared filter; fork it for each stream."""
    return FilterStream(wanted)
