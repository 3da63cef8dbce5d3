"""Output samples at any spacing, by overlap-save with a chirp-z transform as its inverse.

The spectrum X of a frame of N samples, times the spectrum H of a low-pass kernel, is a sum of tones, which
has a value at any time. At the times of M outputs, in samples of the frame, that value is::

    y[m] = 1/N * sum_k H[k]*X[k] * exp(2j*pi*k*(t + m*step)/N),     -B <= k <= B,  0 <= m < M

    frame     | before |  |  |  |  |  |  |  |  |  | after | zeros |       N samples
    outputs            t    t + step   ...                                M of them

Since k*m = (k**2 + m**2 - (m - k)**2)/2, the sum is a convolution with a chirp c, computed by transforms
(L. I. Bluestein, "A linear filtering approach to the computation of discrete Fourier transform", IEEE
Trans. AU 18, 1970; L. R. Rabiner, R. W. Schafer, C. M. Rader, "The chirp z-transform algorithm", IEEE
Trans. AU 17, 1969)::

    c[n] = exp(1j*pi*step/N * n**2)
    y[m] = c[m] * sum_k c[k]*H[k]*X[k]*exp(2j*pi*k*t/N)/N * conj(c[m - k])

Two frames of real samples become one complex frame before that convolution, since both of their y are real.

The kernel applied is g(u) = 1/N * sum_k H[k]*exp(2j*pi*k*u/N), repeated every N samples. H is the spectrum
of designed taps, which reach from -after to before, and is cut off beyond B, far in the stopband. So a
little of g remains outside of that reach, and y differs from the output of the filter by at most max|x|
times the sum of abs(g(u)) there: 4, 10 and 14 dB below the rejection of "fast", "high" and "best". Rounding
is about 265 dB below the greatest sample, since everything is computed in double precision.
"""

import math
from collections.abc import Callable
from copy import copy
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convt.analysis.response import energy_centre
from convt.arrays import Array, DType, Reals, fast_length
from convt.engines.buffers import Scratch
from convt.engines.planning import Blocks
from convt.engines.transforms import transforms
from convt.errors import ParameterError
from convt.streaming.input_buffer import InputBuffer
from convt.streaming.nonfinite import all_safe
from convt.streaming.prepared_kernel import split_evenly
from convt.streaming.threads import ThreadTeam, ignore_float_errors

_DENSITY = 4  # taps of the kernel per sample of the lower rate, or a few more
_LENGTH = 1 << 13  # of the convolution with the chirp, unless the kernel needs more: it fits the cache
_MARGIN = 4  # samples of the lower rate by which the reach exceeds that of the taps
_FRAMES, _SAMPLES = 4, 1 << 21  # at most, to compute together
_MOST_REACH = 1 << 21  # samples
_CHANNELS = 16  # per task
_LOUD, _QUIET = 2.0**480, 2.0**-500  # products of louder samples may overflow; the factor to scale them by

Complexes = NDArray[np.complex128]


class _Sizes(NamedTuple):
    """The sizes in the equations above, and the number of frames to compute together.

    `before` and `after` are the samples that an output depends on; `length` is the convolution's.
    """

    points: int
    bins: int
    outputs: int
    length: int
    before: int
    after: int
    frames: int


class Chirp:
    """Resamples a stream of real or complex signals (C, n).

    Parameters
    ----------
    ratio : Fraction
        Output samples per input sample.
    lowpass : callable
        Returns the taps of a low-pass kernel, their sum 1, for a number of taps per sample of the lower
        rate.
    stopband : float
        The edge of its stopband, in Nyquist frequencies of that rate.
    is_symmetric : bool
        Whether time 0 is at the middle of the kernel, rather than at its first tap.
    is_extended : bool
        Whether the signals begin before the time of the first output, by `extension`.
    dtype : dtype
        The dtype of the signals.
    latency : int or None
        Input samples after which outputs are due.

    Attributes
    ----------
    kernel : ndarray, (K,)
        The taps.
    plan : Blocks
        The block size.
    delay : float
        Output samples by which signals are delayed.
    extension : int
        Samples that an output depends on, or 0 if signals are not extended.
    """

    def __init__(
        self,
        ratio: Fraction,
        lowpass: Callable[[Fraction], Reals],
        *,
        stopband: float,
        is_symmetric: bool,
        is_extended: bool,
        dtype: DType,
        latency: int | None,
    ) -> None:
        block = None if latency is None else max(1, math.floor(latency * ratio))
        low = min(Fraction(1), ratio)
        taps = lowpass(Fraction(_DENSITY)).size
        self._sizes = sizes = _sizes(ratio, taps, is_symmetric, stopband, block)
        points = fast_length(math.ceil(_DENSITY * low * sizes.points))
        density = Fraction(points, sizes.points)  # so that frame and taps have the same frequencies
        self.kernel = lowpass(density / low)
        centre = (self.kernel.size - 1) // 2 if is_symmetric else 0
        self._spectrum = _spectrum(self.kernel, centre, points, sizes)
        self._step, self._dtype = 1 / ratio, dtype
        # Samples of a frame, without the zeros that follow them.
        self._span = sizes.before + math.ceil((sizes.outputs - 1) * self._step) + sizes.after + 2
        reach = max(sizes.outputs, sizes.bins) + sizes.bins
        self._chirp = _chirp(self._step / (2 * sizes.points), reach)
        self._against = _conjugate_spectrum(self._chirp, sizes)
        self.extension = sizes.before + sizes.after if is_extended else 0
        late = float(energy_centre(self.kernel**2) - centre) / float(density)
        self.delay = 0.0 if is_symmetric else late * float(ratio)
        outputs = sizes.frames * sizes.outputs
        self.plan = Blocks(
            engine="chirp",
            inputs=math.ceil(outputs * self._step),
            outputs=outputs,
            matrix=4 * sizes.length + 2 * sizes.points,
        )
        self._scratch = Scratch()
        self._buffer = InputBuffer(np.dtype(dtype.char.lower()))
        self._emitted = 0

    def fork(self) -> "Chirp":
        """Return an independent stream in the same state."""
        fork = copy(self)
        fork._buffer = self._buffer.fork()
        return fork

    def process(self, x: Array, threads: int) -> Array:
        """Take the next samples (C, n) and return the outputs that are final, (C, m)."""
        self._buffer.push(_parts(x)[np.newaxis])
        sizes, certain = self._sizes, self._emitted // self._sizes.outputs
        while self._start(certain + sizes.frames - 1)[0] + self._span <= self._buffer.seen:
            certain += sizes.frames
        return self._computed(certain * sizes.outputs, threads)

    def flush(self, outputs: int, threads: int) -> Array:
        """End the signal and return this number of further outputs."""
        return self._computed(self._emitted + outputs, threads)

    def whole(self, x: Array, outputs: int, threads: int) -> Array:
        """Return the first `outputs` of whole signals (C, n)."""
        stream = self.fork()
        stream._buffer.push(_parts(x)[np.newaxis])
        return stream._computed(outputs, threads)

    def _start(self, frame: int) -> tuple[int, float]:
        """Return a frame's first sample, and by what part of a sample its first output is later."""
        number, parts = self._step.as_integer_ratio()
        whole, rest = divmod(frame * self._sizes.outputs * number, parts)
        return whole + self.extension - self._sizes.before, rest / parts

    def _computed(self, stop: int, threads: int) -> Array:
        """Return the outputs up to `stop`."""
        sizes, buffer = self._sizes, self._buffer
        channels = buffer.take(slice(None), slice(None), 0, 0)[0]
        y = np.empty((len(channels), stop - self._emitted), channels.dtype)
        first, end = self._emitted // sizes.outputs, -(-stop // sizes.outputs)
        tasks = [
            (range(frame, min(frame + sizes.frames, end)), run)
            for frame in range(first, end, sizes.frames)
            for run in split_evenly(range(len(channels)), _CHANNELS)
        ]
        with ignore_float_errors(), ThreadTeam(min(threads, len(tasks))) as team:
            team.run(lambda task: self._compute_task(*task, y), tasks)
        self._emitted = stop
        buffer.keep(self._start(end)[0])
        return _joined(y, self._dtype)

    def _compute_task(self, frames: range, channels: slice, y: Array) -> None:
        with self._scratch:
            self._compute(frames, channels, y)

    def _compute(self, frames: range, channels: slice, y: Array) -> None:
        """Write the outputs of neighbouring frames into y, one channel at a time."""
        sizes, count = self._sizes, len(frames)
        lanes = -(-count // 2)
        starts, late = zip(*(self._start(frame) for frame in frames), strict=True)
        factors = self._scratch("factors", np.dtype(np.complex128), count, sizes.bins + 1)
        for row, (at, time) in zip(factors, enumerate(late), strict=True):
            np.multiply(self._spectrum, _turns(time / sizes.points, sizes.bins, at % 2 * 0.25), out=row)
        begin = frames.start * sizes.outputs - self._emitted
        samples = self._scratch("samples", np.dtype(np.float64), 2 * lanes, sizes.points)
        samples[:, self._span :] = samples[count:] = 0
        made = self._scratch("made", np.dtype(np.float64), count, sizes.outputs)
        for channel in range(channels.start, channels.stop):
            for row, start in zip(samples, starts, strict=False):
                taken = self._buffer.take(
                    slice(None), slice(channel, channel + 1), start, start + self._span
                )
                row[: self._span] = taken[0, 0]
            if all_safe(samples):
                self._transform(samples, factors, made)
            else:
                self._transform_unsafe(samples, factors, late, made)
            target = y[channel, begin : begin + count * sizes.outputs]
            target[...] = made.reshape(-1)[: target.size]

    def _transform_unsafe(
        self, samples: Reals, factors: Complexes, late: tuple[float, ...], made: Reals
    ) -> None:
        """Write the outputs without overflow, as NaN where a NaN or an infinity reaches them."""
        is_bad = ~np.isfinite(samples)
        samples[is_bad] = 0
        is_loud = bool((np.abs(samples) > _LOUD).any())
        if is_loud:
            samples *= _QUIET
        self._transform(samples, factors, made)
        if is_loud:
            made /= _QUIET
        before = np.cumsum(np.pad(is_bad, ((0, 0), (1, 0))), axis=1)
        times = np.arange(self._sizes.outputs) * float(self._step)
        for row, sums, first in zip(made, before, late, strict=False):
            newest = np.floor(times + (first + self._sizes.before + self._sizes.after)).astype(int)
            oldest = np.ceil(times + first).astype(int)
            row[sums[newest + 1] > sums[oldest]] = np.nan

    def _transform(self, samples: Reals, factors: Complexes, made: Reals) -> None:
        """Write the outputs (count, M) of frames (2*lanes, N) with factors (count, B + 1)."""
        sizes, of_process = self._sizes, transforms()
        rows, bins = len(samples), sizes.bins
        spectra = self._scratch("spectra", np.dtype(np.complex128), rows, sizes.points // 2 + 1)
        of_process.forth_real(samples, spectra)
        spectra = _extended(spectra, sizes.points, bins)
        filtered = self._scratch("filtered", np.dtype(np.complex128), rows, bins + 1)
        filtered[len(factors) :] = 0
        np.multiply(spectra[: len(factors)], factors, out=filtered[: len(factors)])
        even, odd = filtered[::2], filtered[1::2]
        rising = self._chirp[: bins + 1]
        pairs = self._scratch("pairs", np.dtype(np.complex128), rows // 2, sizes.length)
        np.multiply(even + odd, rising, out=pairs[:, : bins + 1])
        pairs[:, bins + 1 : sizes.length - bins] = 0
        # The frequencies below 0 are the mirrored conjugates, for each frame by itself.
        np.subtract(even, odd, out=even)
        np.multiply(even.conj()[:, :0:-1], rising[:0:-1], out=pairs[:, sizes.length - bins :])
        of_process.forth(pairs)
        pairs *= self._against
        of_process.back(pairs)
        outputs = pairs[:, : sizes.outputs] * self._chirp[: sizes.outputs]
        made[::2] = outputs.real
        made[1::2] = outputs.imag[: len(made) // 2]


def _sizes(ratio: Fraction, taps: int, is_symmetric: bool, stopband: float, block: int | None) -> _Sizes:
    low, step = min(Fraction(1), ratio), 1 / ratio
    reach = Fraction(taps - 1, _DENSITY) / low
    if reach > _MOST_REACH:
        raise ParameterError(
            f"a ratio of {float(ratio):.3g} needs a filter of {float(reach):.0f} samples, more than"
            f" {_MOST_REACH}: resample in two steps"
        )
    before = math.ceil((reach / 2 if is_symmetric else reach) + _MARGIN / low)
    after = before if is_symmetric else 0
    # Sidelobes are 2/(taps per sample of the lower rate) apart; at least eight of them are kept.
    cut = min(3.0, stopband + max(0.1, 16 * _DENSITY / taps))

    def with_outputs(outputs: int) -> _Sizes:
        points = fast_length(before + math.ceil((outputs - 1) * step) + after + 2)
        bins = math.ceil(cut * float(low) * points / 2)
        frames = 1 if block else max(1, min(_FRAMES, _SAMPLES // points))
        return _Sizes(points, bins, outputs, fast_length(outputs + 2 * bins), before, after, frames)

    if block:
        return with_outputs(block)
    length = max(_LENGTH, fast_length(math.ceil(8 * (before + after) * low)))
    outputs = math.floor((length - cut * low * (before + after)) / (1 + cut * low * step))
    while (found := with_outputs(outputs)).length > length:
        outputs -= 1 + outputs // 256
    return found


def _spectrum(kernel: Reals, centre: int, points: int, sizes: _Sizes) -> Complexes:
    """Return H/N, (B + 1,), of taps for outputs whose time 0 is `before` samples after a frame's start."""
    at_zero = np.zeros(points)
    at_zero[(np.arange(kernel.size) - centre) % points] = kernel
    frequency = np.arange(sizes.bins + 1)
    turns = frequency * sizes.before % sizes.points / sizes.points
    spectrum: Complexes = np.fft.rfft(at_zero)[: sizes.bins + 1] * np.exp(2j * np.pi * turns) / sizes.points
    return spectrum


def _chirp(half_turns: Fraction, count: int) -> Complexes:
    """Return exp(2j*pi * half_turns * n**2), 0 <= n < count."""
    # A fraction of a turn has 64 bits: whole turns overflow and drop out, without rounding.
    fraction = half_turns % 1 * (1 << 64)
    coarse, fine = math.floor(fraction), float(fraction % 1)
    squares = np.arange(count, dtype=np.uint64) ** 2
    turns = (squares * np.uint64(coarse)).view(np.int64) * 2.0**-64 + squares * (fine * 2.0**-64)
    chirp: Complexes = np.exp(2j * np.pi * turns)
    return chirp


def _conjugate_spectrum(chirp: Complexes, sizes: _Sizes) -> Complexes:
    """Return the spectrum of conj(c), -B <= n < M + B, with the length of the convolution."""
    falling = np.zeros(sizes.length, np.complex128)
    falling[: sizes.outputs + sizes.bins] = chirp[: sizes.outputs + sizes.bins].conj()
    falling[sizes.length - sizes.bins :] = chirp[sizes.bins : 0 : -1].conj()
    return np.fft.fft(falling)


def _turns(turn: float, count: int, first: float) -> Complexes:
    """Return exp(2j*pi*(first + turn*k)), 0 <= k <= count, as products of about 2*sqrt(count) values."""
    size = math.isqrt(count) + 1
    steps = np.arange(size)
    fine = np.exp(2j * np.pi * turn * steps)
    coarse = np.exp(2j * np.pi * (first + turn * size * steps))
    every: Complexes = np.multiply.outer(coarse, fine).reshape(-1)[: count + 1]
    return every


def _extended(half: Complexes, points: int, bins: int) -> Complexes:
    """Return the spectra (..., B + 1) of real frames from their first half; they repeat every N points."""
    if bins < half.shape[-1]:
        return half[..., : bins + 1]
    mirrored = half[..., (points - 1) // 2 : max(0, points - bins - 1) : -1].conj()
    extended: Complexes = np.concatenate([half, mirrored], axis=-1)
    return extended if bins < points else extended[..., np.arange(bins + 1) % points]


def _parts(x: Array) -> Array:
    """Return signals (C, n); complex ones as alternating real and imaginary parts, (2*C, n)."""
    if x.dtype.kind != "c":
        return x
    return np.stack([x.real, x.imag], axis=1).reshape(2 * len(x), x.shape[1])


def _joined(y: Array, dtype: DType) -> Array:
    """Undo :func:`_parts` for outputs."""
    if dtype.kind != "c":
        return y
    made = np.empty((len(y) // 2, y.shape[1]), dtype)
    made.real, made.imag = y[::2], y[1::2]
    return made
