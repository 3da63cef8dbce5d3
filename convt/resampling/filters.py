"""The filters of a ratio of rates, prepared, and kept for the next signal.

In lowest terms the ratio is L/M, and the filter a transposed convolution of stride L of whose outputs every
M-th is computed. Where L or M is large, the bank of filters would be too: then the signal is oversampled
(or, downward, left oversampled) by a small ratio L'/M' with the same low-pass, and interpolated::

    rate_in  --- * L, low-pass, / M --->  rate_out
    rate_in  --- * L', low-pass, / M' --->  4 times the lower rate, or more  --- polynomials --->  rate_out
"""

import math
from copy import copy
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal

import numpy as np

from convt.arrays import Array, DType, Reals
from convt.design import design_kernel
from convt.design.designer import Phase, lowpass
from convt.engines.planning import Plan
from convt.resampling.interpolation import OVERSAMPLING, Interpolator
from convt.stream import Upsampler

Edges = Literal["zero", "reflect", "hold"]

_MOST_PHASES = 1000  # L or M, of a bank of filters
_PIECE = 1 << 17  # samples, of all channels, that are interpolated at a time
_MARGIN = 9.0  # dB by which interpolation is better than the filter
_MOST_ACCURACY = {4: 155.0, 8: 262.0}  # dB, by the bytes of a real number: less than rounding


@dataclass(frozen=True, slots=True)
class Filter:
    """The requirements of a filter; `dtype` is that of the arithmetic."""

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

    def kernel(self, up: int, down: int) -> Reals:
        """Return the kernel for a ratio up/down before interpolation, or for the ratio itself."""
        if Fraction(up, down) == self.ratio:
            return design_kernel(
                up,
                down=down,
                passband=self.passband,
                rejection=self.rejection,
                stopband=self.stopband,
                phase=self.phase,
            )
        density = max(Fraction(up), up / self.ratio)
        return lowpass(density, up, self.passband, self.rejection, self.stopband, self.phase)


class Steps:
    """The prepared filter, and the interpolator that follows it, if one does.

    Attributes
    ----------
    kernel : ndarray, (K,)
        The taps of the filter.
    extension : int
        Samples by which a signal is extended at each end.
    delay : float
        Output samples by which signals are late.
    """

    def __init__(self, wanted: Filter) -> None:
        up, down = wanted.ratio.numerator, wanted.ratio.denominator
        self._second: Interpolator | None = None
        lead = 0
        if max(up, down) > _MOST_PHASES:
            up, down = _before_interpolation(wanted.ratio)
            self._second = _interpolator(wanted, Fraction(up, down) / wanted.ratio)
            lead = self._second.lead
        kernel = wanted.kernel(up, down)
        self.kernel = kernel.astype(wanted.real)
        self.kernel.flags.writeable = False
        crop = (kernel.size - 1) // 2 if wanted.phase == "linear" else 0
        ahead = lead * down
        self.extension = 0 if wanted.edges == "zero" else -(-(kernel.size + ahead) // up) + 1
        self._zeros = max(0, -((crop + self.extension * up - ahead) // down))
        padding = crop + self.extension * up - ahead + self._zeros * down
        self._first = Upsampler(
            self.kernel,
            stride=up,
            down=down,
            padding=padding,
            output_padding=up - 1,
            latency=wanted.latency,
            threads=wanted.threads,
        )
        late = self._first.delay * down + padding - crop if wanted.phase == "minimum" else 0.0
        self.delay = float(late / up * wanted.ratio)
        self._dtype = wanted.dtype

    @property
    def interpolates(self) -> bool:
        """Whether interpolation follows the filter."""
        return self._second is not None

    @property
    def plan(self) -> Plan:
        """The engine of the filter."""
        return self._first.plan

    def whole(self, x: Array, outputs: int) -> Array:
        """Return the outputs of whole signals (C, n), extended as is wanted."""
        if self._second is None:
            return self._first(x[:, np.newaxis])[:, 0, :outputs]
        stream = self.fork(len(x))
        step = max(1, _PIECE // len(x))
        pieces = [stream.process(x[:, at : at + step]) for at in range(0, x.shape[1], step)]
        rest = stream.flush(outputs - sum(each.shape[1] for each in pieces))
        return np.concatenate([*pieces, rest], axis=1)

    def fork(self, channels: int | None = None) -> "Steps":
        """Return a stream in the same state: of signals (channels, any), if it has not begun."""
        fork = copy(self)
        fork._first = self._first._forked(channels)
        fork._second = self._second and self._second.fork()
        return fork

    def process(self, x: Array) -> Array:
        """Take the next samples (C, n), and return the outputs that are certain."""
        z = self._first.process(x)
        if self._second is None:
            return z
        if self._zeros:
            z = np.concatenate([np.zeros((len(z), self._zeros), z.dtype), z], axis=1)
            self._zeros = 0
        return self._second.process(z, self._first.threads)

    def flush(self, outputs: int) -> Array:
        """End the signal, and return so many outputs more."""
        rest = self._first.flush()
        if self._second is None:
            return rest[:, :outputs]
        return self._second.flush(rest, outputs, self._first.threads)


def _before_interpolation(ratio: Fraction) -> tuple[int, int]:
    """Return the ratio by which a signal becomes oversampled, but not far more than is needed."""
    excess = max(Fraction(1), 1 / ratio)  # by which it is oversampled as it is
    up = math.ceil(OVERSAMPLING / excess)
    return up, max(1, math.floor(excess / OVERSAMPLING)) if up == 1 else 1


def _interpolator(wanted: Filter, step: Fraction) -> Interpolator:
    accuracy = min(wanted.rejection + _MARGIN, _MOST_ACCURACY[wanted.real.itemsize])
    block = wanted.latency and max(1, math.floor(wanted.latency * wanted.ratio))
    return Interpolator(step, accuracy, wanted.dtype, block)


@lru_cache(maxsize=16)
def prepared(wanted: Filter) -> Steps:
    """Return what is prepared for a filter: the streams are its forks."""
    return Steps(wanted)
