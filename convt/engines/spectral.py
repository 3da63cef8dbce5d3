"""Spectral: overlap-save with a transform and a longer inverse transform, for long kernels.

The spectrum X of a frame of N input samples, repeated, is the spectrum of the frame with s - 1 zeros
inserted after each sample. Multiplied by the spectrum H of the kernel, it is the spectrum of the full
convolution. Keeping every d-th sample folds that spectrum d times (R. E. Crochiere, L. R. Rabiner,
"Multirate Digital Signal Processing", 1983, chapter 2)::

    Z[p mod M]  +=  1/d * H[p] * X[p mod N],     0 <= p < N*s,     M = N*s/d

The result without the lag, which wrapped around, holds true outputs (T. Stockham, "High-speed convolution
and correlation", AFIPS Spring Joint Computer Conference, 1966). Transforms of real samples read the frames,
which overlap, straight from the signal::

    signal     | lag |  hop  |  hop  |  hop  |
    frames     | lag |  hop  |                   ->  X  ->  Z  ->   |  wrapped  |  outputs  |
                     | lag |  hop  |             ->  X  ->  Z  ->   |  wrapped  |  outputs  |

Of real outputs the first half of Z is enough. Or they are the real and imaginary parts of half as many
complex numbers y[2m] + i*y[2m + 1], in memory the same. Their spectrum follows from the same equation, with
2d in place of d and with H'[p] = H[p] * (1 + i*exp(2i*pi*p/M)), the spectrum of the taps h[n] + i*h[n + 1].
A complex transform then takes less time than a real one, which would do part of that for every frame.

The cost hardly grows with the kernel. Where H is only rounding, as in most of the stopband of a low-pass
kernel, its products are left out: from 44.1 to 48 kHz, one of 147 remains for each Z.
"""

import math
from typing import NamedTuple

import numpy as np

from convt.arrays import Array
from convt.engines.buffers import Scratch, windows
from convt.engines.kernel_spectrum import Layout, Run, Spectrum
from convt.engines.transforms import transforms
from convt.geometry import Geometry

_OUTPUTS = 1 << 18  # elements of all output channels to transform back at a time
_VECTOR = 16  # bytes of real numbers, from as many frames, that scipy transforms at a time


class Spectral:
    """The engine prepared for one kernel and one size of transforms; see ``protocol.py``."""

    def __init__(
        self, weight: Array, geometry: Geometry, scratch: Scratch, *, hop: int, points: int
    ) -> None:
        """Prepare for transforms of `points` every `hop` samples, both whole periods.

        A transform holds a hop and the lag before it, also in whole periods.
        """
        self._groups, self._cin, self._cout, _ = weight.shape
        self._lag, self._hop, self._points = geometry.lag, hop, points
        inputs, outputs = geometry.period
        before = -(-geometry.lag // inputs)
        self._start = before * inputs - geometry.lag
        self._valid = slice(before * outputs, (before + hop // inputs) * outputs)
        self._outputs = points // inputs * outputs
        self._dtype, self._real = weight.dtype, weight.dtype.kind == "f"
        self._complex = np.result_type(weight.dtype, np.complex64)
        self._full = 2 * _VECTOR // self._complex.itemsize
        spectrum, used = Spectrum.measured(weight, geometry, points)
        is_slow = self._complex == np.complex64 and self._outputs == 2 * (transforms().slow or 0)
        self._layout = Layout.cheapest(points, self._outputs, used, is_real=self._real, pairs=not is_slow)
        self._runs = spectrum.products(used, self._layout, self._complex)
        self._gaps = _gaps(self._runs, self._layout.bins)
        self._below_zero = _below_zero(self._runs, points)
        self._scratch = scratch

    def __call__(self, frames: Array, bias: Array, out: Array) -> None:
        """Write the outputs of the frames into `out`."""
        signals, blocks, channels, length = frames.shape
        rows = (length - self._lag) // self._hop
        view = windows(frames, self._lag + self._hop, self._hop, rows)
        by_row = out.reshape(signals, blocks, self._groups, self._cout, rows, -1)
        offsets = np.broadcast_to(bias, (signals, *bias.shape[1:])) if bias.any() else None
        together = self._together(channels * rows)
        for n in range(0, signals, together):
            batch = slice(n, min(n + together, signals))
            buffers = self._buffers(batch.stop - n, rows)
            for block in range(blocks):
                buffers.transform(view[batch, block], by_row[batch, block])
                if offsets is not None:
                    out[batch, block] += offsets[batch, 0]

    def _buffers(self, signals: int, rows: int) -> "_Buffers":
        """Return this thread's arrays for the frames of one block of some signals."""
        channels, points = self._groups * self._cin, self._points
        used, shape = signals * channels * rows, (signals, channels, rows, points)
        spectra = self._scratch("spectra", self._complex, self._filled(used), points)
        by_channel = spectra[:used].reshape(signals, self._groups, self._cin, 1, rows, points)
        half, padded, inner = spectra, None if self._real else spectra, None
        if self._real and (self._lag + self._hop < points or len(spectra) > used):
            padded = self._scratch("padded", self._dtype, *spectra.shape)
        if padded is None:
            half = spectra.reshape(shape)
        else:
            padded.fill(0)
            inner = padded[:used].reshape(shape)[..., self._start : self._start + self._lag + self._hop]
        step = max(1, _OUTPUTS // (signals * self._groups * rows * self._outputs))
        below = self._below_zero
        return _Buffers(
            is_real=self._real,
            padded=padded,
            inner=inner,
            half=half[..., : points // 2 + 1],
            above_zero=spectra[:, points - below.start : points - below.stop : -1],
            below_zero=spectra[:, below],
            outputs=[
                self._outputs_of(by_channel, slice(first, min(first + step, self._cout)))
                for first in range(0, self._cout, step)
            ],
        )

    def _outputs_of(self, spectra: Array, channels: slice) -> "_Outputs":
        """Return this thread's arrays for neighbouring output channels of each group."""
        signals, _, _, _, rows, _ = spectra.shape
        lead = (signals, self._groups, channels.stop - channels.start, rows)
        used = math.prod(lead)
        filtered = self._scratch("filtered", self._complex, self._filled(used), self._layout.bins)
        filtered[used:] = 0
        by_channel = filtered[:used].reshape(*lead, -1)
        products = []
        for channel in range(self._cin):
            for run in self._runs:
                source, taps = spectra[:, :, channel, ..., run.source], run.spectrum[channel, :, channels]
                target = product = by_channel[..., run.target]
                if channel or not run.first:
                    product = self._scratch("product", self._complex, *target.shape)
                products.append((source, taps, product, target))
        real = None
        if self._layout.is_half:
            real = self._scratch("real", self._dtype, len(filtered), self._outputs)
        samples = filtered.view(self._dtype) if real is None else real
        return _Outputs(
            channels=channels,
            gaps=[by_channel[..., gap] for gap in self._gaps],
            products=products,
            spectra=filtered,
            real=real,
            valid=samples[:used].reshape(*lead, -1)[..., self._valid],
        )

    def _filled(self, frames: int) -> int:
        """Return the number of frames to transform: two or three may take longer than four."""
        if not transforms().rows_are_independent or frames % self._full < 2:
            return frames
        return -(-frames // self._full) * self._full

    def _together(self, frames: int) -> int:
        """Return the number of signals to transform together, so that vector instructions are filled."""
        return 1 if self._filled(frames) == frames else max(1, self._full // frames)


class _Buffers(NamedTuple):
    """A thread's arrays for the frames of a block, and views of them.

    Attributes
    ----------
    is_real : bool
        Whether the samples are real.
    padded, inner : ndarray or None
        The frames with zeros around them, and without; None if they are read from the signal.
    half : ndarray
        The spectra of the frames, of real ones the first half.
    above_zero, below_zero : ndarray
        The points of X whose conjugates are needed below the frequency 0, and their places.
    outputs : list of _Outputs
        Arrays for the output channels, some at a time.
    """

    is_real: bool
    padded: Array | None
    inner: Array | None
    half: Array
    above_zero: Array
    below_zero: Array
    outputs: "list[_Outputs]"

    def transform(self, frames: Array, out: Array) -> None:
        """Map frames (N, C_in, rows, lag + hop) to out (N, groups, C_out, rows, outputs of a hop)."""
        of_process = transforms()  # not an attribute: copies may go to other processes
        if self.padded is not None and self.inner is not None:
            if not self.is_real:  # it holds the last spectra
                self.padded.fill(0)
            self.inner[...] = frames
            frames = self.padded
        if self.is_real:
            of_process.forth_real(frames, self.half)
            np.conjugate(self.above_zero, out=self.below_zero)
        else:
            of_process.forth(frames)
        for some in self.outputs:
            some.filter()
            if some.real is None:
                of_process.back(some.spectra)
            else:
                of_process.back_real(some.spectra, some.real)
            out[:, :, some.channels] = some.valid


class _Outputs(NamedTuple):
    """A thread's arrays for neighbouring output channels, and views of them.

    Attributes
    ----------
    channels : slice
        The channels.
    gaps : list of ndarray
        The points of their spectra that no product writes.
    products : list of tuple
        Points of X, points of H, the place of their product, and the place of the sum of products.
    spectra : ndarray
        Their spectra Z, and in their place the samples, unless `real` is for these.
    real, valid : ndarray
        The samples, and the outputs among them.
    """

    channels: slice
    gaps: list[Array]
    products: list[tuple[Array, Array, Array, Array]]
    spectra: Array
    real: Array | None
    valid: Array

    def filter(self) -> None:
        """Compute the spectra of the outputs."""
        for gap in self.gaps:
            gap.fill(0)
        for source, taps, product, target in self.products:
            np.multiply(source, taps, out=product)
            if product is not target:
                np.add(target, product, out=target)


def _below_zero(runs: list[Run], points: int) -> slice:
    """Return the points of X below the frequency 0 that products use, as one slice."""
    half = points // 2 + 1
    below = [run.source for run in runs if run.source.stop > half]
    start = max(half, min((source.start for source in below), default=half))
    return slice(start, max((source.stop for source in below), default=start))


def _gaps(runs: list[Run], outputs: int) -> list[slice]:
    """Return the slices that no run writes first."""
    written = np.zeros(outputs + 2, bool)
    written[0] = written[-1] = True
    for run in runs:
        if run.first:
            written[1:-1][run.target] = True
    edges = np.flatnonzero(np.diff(written)).tolist()
    return [slice(start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=True)]
