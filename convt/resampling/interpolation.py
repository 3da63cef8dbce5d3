"""Samples at any times between those of an oversampled signal, by short filters that are polynomials.

The signal z has nothing above 1/o of its Nyquist frequency, o: oversampling. A low-pass h of K taps keeps
it and rejects its images, which begin at 2 - 1/o: a wide transition, and so a short filter. At the time t,
in samples of z, with n = floor(t) and u = 2*(t - n) - 1, -1 <= u < 1 (C. W. Farrow, "A continuously
variable digital delay element", IEEE ISCAS, 1988)::

    y = sum_k h(k - (t - n)) * z[n + k]  ~  sum_k (sum_d C[d, k] * u**d) * z[n + k]

                            |<------ K ------>|                     weights: powers of u (outputs, D + 1)
    z    .  .  .  .  .  .   .  .  .  .  .  .  .  .  .  .  .  .      times C (D + 1, K), for all channels;
    t                               ^                               then each row times its K samples

Where the times repeat soon, as those of two whole rates do, the weights are computed once.

Each h(k - x), 0 <= x < 1, is a polynomial of degree D that meets it at Chebyshev's points. With E[k] the
greatest error of that of tap k, as measured between them, y differs from exact interpolation by at most
sum_k E[k] times the greatest sample of z; and h from an ideal low-pass by its rejection. The rejection and
that sum are both below the accuracy asked for.
"""

import math
from copy import copy
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev

from convt.arrays import Array, Reals
from convt.design.kaiser import step
from convt.streaming.threads import ThreadTeam, ignore_float_errors

OVERSAMPLING = 4  # at least, of signals that are interpolated
_BLOCK = 1 << 11  # outputs that are computed together, on a fixed grid
_MOST_DEGREE = 24
_MOST_KEPT = 1 << 16  # outputs whose weights are kept, if they repeat after them
_CHECKED = 64  # points between samples at which polynomials are compared with what they stand for
_EXACT_BITS = 36  # of the fraction of a step, so that multiples of it are exact in double precision


class Polynomials(NamedTuple):
    """Coefficients (D + 1, K), the highest power first, and the bound of their error, a fraction."""

    coefficients: Reals
    error: float


@lru_cache(maxsize=32)
def polynomials(accuracy: float) -> Polynomials:
    """Return the shortest filter whose images, and whose error, are `accuracy` dB below the signal."""
    level = 10 ** (-accuracy / 20)
    shape = step(accuracy + 3, level / 2)
    pass_edge, stop_edge = 1 / OVERSAMPLING, 2 - 1 / OVERSAMPLING
    # A tap a sample of z: the kernel of stride 1 whose step is as wide as the transition.
    taps = 2 * math.ceil((2 * (shape.passes + shape.stops) / (stop_edge - pass_edge) + 1) / 2)
    cutoff = stop_edge - shape.stops * 2 / taps
    for degree in range(2, _MOST_DEGREE):
        found = _fitted(taps, cutoff, shape.beta, degree)
        if found.error <= level:
            return found
    return found


def _fitted(taps: int, cutoff: float, beta: float, degree: int) -> Polynomials:
    points = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
    series = 2 / (degree + 1) * chebyshev.chebvander(points, degree).T @ _values(taps, cutoff, beta, points)
    series[0] /= 2
    coefficients = np.stack([_powers(n, degree) for n in range(degree + 1)], axis=1) @ series
    between = np.linspace(-1, 1, _CHECKED)
    misses = np.vander(between, degree + 1) @ coefficients - _values(taps, cutoff, beta, between)
    return Polynomials(coefficients, float(np.abs(misses).max(0).sum()))


def _powers(order: int, degree: int) -> Reals:
    """Return a Chebyshev polynomial's coefficients, the highest power of all first."""
    powers = np.zeros(degree + 1)
    powers[: order + 1] = chebyshev.cheb2poly(np.eye(order + 1)[order])
    return powers[::-1]


def _values(taps: int, cutoff: float, beta: float, u: Reals) -> Reals:
    """Return h(k - x) for every tap k at fractions x = (u + 1)/2, (points, K)."""
    place = np.arange(taps) - (taps / 2 - 1) - (u[:, np.newaxis] + 1) / 2  # from the middle of the filter
    window = np.i0(beta * np.sqrt(np.maximum(0, 1 - (2 * place / taps) ** 2))) / np.i0(beta)
    values: Reals = cutoff * np.sinc(cutoff * place) * window
    return values


class Interpolator:
    """A stream of samples (C, n) of z in, and of those at the times of the outputs out.

    Output j is at the time ``j*step`` after the first sample that counts: `lead` samples come before it.

    Parameters
    ----------
    step : Fraction
        Samples of z from an output to the next.
    accuracy : float
        In dB.
    dtype : dtype
        Of the samples, and of the arithmetic.
    block : int or None
        Outputs that are computed together.
    """

    def __init__(self, step: Fraction, accuracy: float, dtype: np.dtype, block: int | None = None) -> None:
        self._real = np.dtype(dtype.char.lower()) if dtype.kind == "c" else dtype
        self._coefficients = polynomials(accuracy).coefficients.astype(self._real)
        self._step, self._block, self._dtype = step, min(block or _BLOCK, _BLOCK), dtype
        # Times are exact in two parts: whole numbers of 2**-_EXACT_BITS, and the rest, which is tiny.
        self._times = [np.arange(self._block) * part for part in _in_parts(step)]
        self._period = step.denominator if step.denominator <= _MOST_KEPT else 0
        if self._period:
            turns = np.arange(self._period) * (step.numerator % self._period) % self._period
            self._table = self._weights_at(2 * turns / self._period - 1)
        self.reset()

    @property
    def taps(self) -> int:
        """Samples of z that an output depends on."""
        taps: int = self._coefficients.shape[1]
        return taps

    @property
    def lead(self) -> int:
        """Samples of z before the time of the first output: one more than it depends on."""
        return self.taps // 2

    def reset(self) -> None:
        """Begin a new signal."""
        self._start = 0  # of the samples that are kept
        self._done = 0  # blocks
        self._kept = np.empty((0, 0), self._dtype)

    def fork(self) -> "Interpolator":
        """Return an interpolator in the same state, which goes its own way from here."""
        return copy(self)  # whose samples are never changed, only replaced

    def process(self, z: Array, threads: int) -> Array:
        """Take the next samples (C, n), and return the next outputs: whole blocks."""
        self._keep(z)
        stop = self._start + self._kept.shape[1] - self.taps
        # A block is certain when the samples of the first output of the next have come.
        done = max(self._done, math.floor((stop + 1) / self._step) // self._block)
        while done > self._done and self._first(done) > stop:
            done -= 1
        return self._computed((done - self._done) * self._block, threads)

    def flush(self, z: Array, outputs: int, threads: int) -> Array:
        """Take the last samples, and return so many outputs more; zeros follow the samples."""
        self._keep(z)
        last = math.floor((self._done * self._block + outputs) * self._step) + 1 + self.taps
        missing = max(0, last - self._start - self._kept.shape[1])
        self._kept = np.pad(self._kept, ((0, 0), (0, missing)))
        return self._computed(outputs, threads)

    def _keep(self, z: Array) -> None:
        self._kept = np.concatenate([self._kept, z], axis=1) if self._kept.size else z

    def _first(self, block: int) -> int:
        """Return the first sample that the first output of a block depends on."""
        return math.floor(block * self._block * self._step) + 1

    def _computed(self, outputs: int, threads: int) -> Array:
        """Return so many outputs more, all but the last block of them whole."""
        kept, start, begin, channels = self._kept, self._start, self._done, self._kept
        if kept.dtype.kind == "c":
            channels = np.stack([kept.real, kept.imag], axis=1).reshape(2 * len(kept), kept.shape[1])
        y = np.empty((len(channels), outputs), self._real)

        def compute(at: int) -> None:
            targets = y[:, at : at + self._block]
            first, weights = self._places(begin + at // self._block, targets.shape[1])
            for target, samples in zip(targets, channels, strict=True):
                rows = np.lib.stride_tricks.sliding_window_view(samples, self.taps)[first - start]
                np.einsum("jk,jk->j", rows, weights, out=target)

        tasks = range(0, outputs, self._block)
        with ignore_float_errors(), ThreadTeam(min(threads, len(tasks))) as team:
            team.run(compute, tasks)
        self._done += outputs // self._block
        used = min(max(0, self._first(self._done) - start), kept.shape[1])
        self._kept, self._start = kept[:, used:].copy(), start + used
        if kept.dtype.kind != "c":
            return y
        made = np.empty((len(kept), outputs), kept.dtype)
        made.real, made.imag = y[::2], y[1::2]
        return made

    def _places(self, block: int, outputs: int) -> tuple[Array, Array]:
        """Return, for the first outputs of a block, the first sample that each depends on, and weights."""
        begin = block * self._block * self._step
        whole = math.floor(begin)
        parts = _in_parts(begin - whole)
        coarse, fine = (time[:outputs] + part for time, part in zip(self._times, parts, strict=True))
        first = np.floor(coarse)
        if self._period:
            turn = block * self._block % self._period
            weights = self._table[turn : turn + outputs]
            if len(weights) < outputs:
                weights = self._table.take(range(turn, turn + outputs), axis=0, mode="wrap")
        else:
            coarse -= first
            coarse += fine
            weights = self._weights_at(2 * coarse - 1)
        return first.astype(np.int64) + (whole + 1), weights

    def _weights_at(self, u: Array) -> Array:
        """Return the weights (outputs, K) of the samples that outputs at some u depend on."""
        powers = np.vander(u, len(self._coefficients)).astype(self._real, copy=False)
        weights: Array = powers @ self._coefficients
        return weights


def _in_parts(number: Fraction) -> tuple[float, float]:
    """Return a number as a multiple of 2**-_EXACT_BITS, and what is left."""
    coarse = math.floor(number * (1 << _EXACT_BITS)) / (1 << _EXACT_BITS)
    return coarse, float(number - Fraction(coarse))
