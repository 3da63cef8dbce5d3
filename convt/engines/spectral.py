"""Spectral: overlap-save with a transform and a longer inverse transform, for long kernels.

The spectrum X of a frame of N input samples, repeated, is the spectrum of the frame with s - 1 zeros
inserted after each sample. Multiplied by the spectrum H of the kernel, it is the spectrum of the full
convolution. Keeping every d-th sample folds that spectrum d times (R. E. Crochiere, L. R. Rabiner,
"Multirate Digital Signal Processing", 1983, chapter 2)::

    Z[p mod N*s/d]  +=  1/d * H[p] * X[p mod N],     0 <= p < N*s

The result without the lag, which wrapped around, holds true outputs (T. Stockham, "High-speed convolution
and correlation", AFIPS Spring Joint Computer Conference, 1966). Since the taps are real, two frames of real
samples are transformed as the real and the imaginary part of one complex frame::

    frame 2j    | lag |  hop  |                    |  wrapped  |  outputs of frame 2j     |
              + i*                  ->   Z    ->               + i*
    frame 2j + 1      | lag |  hop  |                          |  those of frame 2j + 1   |

The cost hardly grows with the kernel. Where H is only rounding, as in most of the stopband of a low-pass
kernel, its products are left out: from 44.1 to 48 kHz, one of 147 remains for each Z.
"""

import math
import sys
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from convt.arrays import Array, DType, fast_length
from convt.engines.buffers import Scratch, windows
from convt.engines.transforms import transforms
from convt.geometry import Geometry

_OUTPUTS = 1 << 18  # elements of all output channels to transform back at a time
_BANDS = 16  # maximum number of bands of X that are kept or left out
_FAINT = 8  # eps of the root mean square: the rounding of long transforms in double precision
_VECTOR = 16  # bytes of real numbers, from as many lanes, that a transform works on at a time
_SAMPLED, _LEAST_SAMPLED = 4, 1 << 13  # points per band, and in all, to estimate which bands matter
_LONG = 1 << 17  # points up to which the kernel's spectrum is computed in more than double precision


Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Run:
    """Neighbouring products of H, (C_in, groups, C_out, 1, n), and X; they may be the first of Z."""

    spectrum: Array
    source: slice
    target: slice
    first: bool


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
        self._dtype = np.result_type(weight.dtype, np.complex64)
        self._full = 2 * _VECTOR // self._dtype.itemsize
        spectrum, used = _Spectrum.measured(weight, geometry, points)
        self._runs = _runs(spectrum, used, weight.dtype, points, self._outputs)
        self._gaps = _gaps(self._runs, self._outputs)
        self._scratch = scratch
        self._real = weight.dtype.kind == "f"

    def __call__(self, frames: Array, bias: Array, out: Array) -> None:
        """Write the outputs of the frames into `out`."""
        signals, blocks, _, length = frames.shape
        rows = (length - self._lag) // self._hop
        view = windows(frames, self._lag + self._hop, self._hop, rows)
        by_row = out.reshape(signals, blocks, self._groups, self._cout, rows, -1)
        if len(bias) < signals:
            bias = np.broadcast_to(bias, (signals, *bias.shape[1:]))
        offsets = bias.reshape(signals, self._groups, self._cout, 1, 1)
        together = self._together(rows)
        for n in range(0, signals, together):
            batch = slice(n, n + together)
            for block in range(blocks):
                self._block(view[batch, block], offsets[batch], by_row[batch, block])

    def _block(self, frames: Array, bias: Array, out: Array) -> None:
        """Map frames (N, C_in, rows, lag + hop) to out (N, groups, C_out, rows, outputs of a hop)."""
        of_process = transforms()  # not an attribute: copies may go to other processes
        spectra = of_process.forth(self._packed(frames))
        lanes = spectra.shape[-2]
        spectra = spectra.reshape(self._groups, self._cin, 1, lanes, self._points)
        step = max(1, _OUTPUTS // (self._groups * lanes * self._outputs))
        for first in range(0, self._cout, step):
            channels = slice(first, min(first + step, self._cout))
            samples = of_process.back(self._filtered(spectra, channels))
            self._unpack(samples[..., self._valid], bias[:, :, channels], out[:, :, channels])

    def _filtered(self, spectra: Array, channels: slice) -> Array:
        """Return the spectra of outputs, (groups, channels, lanes, outputs of a frame)."""
        lead = (self._groups, channels.stop - channels.start, spectra.shape[-2])
        filtered = self._scratch("filtered", self._dtype, *lead, self._outputs)
        for gap in self._gaps:
            filtered[..., gap] = 0
        for channel in range(self._cin):
            for run in self._runs:
                source, taps = spectra[:, channel, ..., run.source], run.spectrum[channel, :, channels]
                if run.first and channel == 0:
                    np.multiply(source, taps, out=filtered[..., run.target])
                else:
                    product = self._scratch("product", self._dtype, *lead, taps.shape[-1])
                    filtered[..., run.target] += np.multiply(source, taps, out=product)
        return filtered

    def _packed(self, frames: Array) -> Array:
        """Return frames (N, C_in, rows, n) as complex ones (C_in, lanes, points), zeros around them."""
        signals, channels, rows, length = frames.shape
        used = signals * self._lanes(rows)
        packed = self._scratch("packed", self._dtype, channels, self._filled(used), self._points)
        packed[..., : self._start] = 0
        packed[..., self._start + length :] = 0
        packed[:, used:] = 0
        inner = packed[:, :used, self._start : self._start + length]
        inner = inner.reshape(channels, signals, -1, length).swapaxes(0, 1)
        if not self._real:
            inner[...] = frames
            return packed
        inner.real = frames[..., ::2, :]
        inner.imag[..., : rows // 2, :] = frames[..., 1::2, :]
        inner.imag[..., rows // 2 :, :] = 0
        return packed

    def _lanes(self, rows: int) -> int:
        """Return the number of complex frames for `rows`: two real frames share one."""
        return -(-rows // 2) if self._real else rows

    def _filled(self, lanes: int) -> int:
        """Return the number of transforms to compute for `lanes`: two or three take longer than four."""
        return lanes if lanes % self._full < 2 else -(-lanes // self._full) * self._full

    def _together(self, rows: int) -> int:
        """Return the number of signals to transform together, so that vector instructions are filled."""
        lanes = self._lanes(rows)
        alone = self._filled(lanes) == lanes or not transforms().rows_are_independent
        return 1 if alone else max(1, self._full // lanes)

    def _unpack(self, samples: Array, bias: Array, out: Array) -> None:
        """Write samples (groups, C_out, lanes, n), as they were packed, and the bias into `out`."""
        signals, rows = len(out), out.shape[-2]
        lanes = self._lanes(rows)
        used = samples[..., : signals * lanes, :]
        used = used.reshape(*used.shape[:-2], signals, lanes, -1).transpose(2, 0, 1, 3, 4)
        if self._real:
            _split(used, out[..., ::2, :], out[..., 1::2, :])
        else:
            out[...] = used
        if bias.any():
            out += bias


def _split(samples: Array, real: Array, imaginary: Array) -> None:
    """Write real and imaginary parts (..., lanes, n); the imaginary parts may have one lane less."""
    rest = samples[..., : imaginary.shape[-2], :]
    if samples.dtype == np.complex64 and sys.byteorder == "little":
        # Vector instructions split integers into halves, but copy every other number one by one.
        real.view(np.uint32)[...] = samples.view(np.uint64)
        imaginary.view(np.uint32)[...] = rest.view(np.uint64) >> 32
    else:
        real[...], imaginary[...] = samples.real, rest.imag


@dataclass(frozen=True, slots=True)
class _Spectrum:
    """H at `size` points, or half of them for real taps, (C_in, groups, C_out, 1, n), without `factor`."""

    half: Array
    size: int
    factor: Array

    @classmethod
    def measured(cls, weight: Array, geometry: Geometry, points: int) -> "tuple[_Spectrum, Mask]":
        """Return the spectrum for frames of `points`, and which points of it matter.

        The spectrum of a low-pass kernel follows from every n-th tap if only rounding folds onto its band.
        Twice as many points as taps show where the band is: no peak of the spectrum is between them.
        """
        size, band = points * geometry.stride, points // math.gcd(points, _BANDS)
        bands = size // band
        coarse = bands * fast_length(-(-2 * geometry.span // bands))
        if 2 * coarse > size or geometry.dilation * _reaching(geometry)[1] > 1:
            spectrum = cls.of(weight, geometry, size)
            return spectrum, spectrum.matters(weight.dtype, band)
        found = cls.of(weight, geometry, coarse, is_rough=True)
        matters = found.matters(weight.dtype, coarse // bands)[:: coarse // bands]
        farthest = 1 + np.flatnonzero((matters | matters[::-1])[: -(-bands // 2)]).max(initial=0)
        thinned = max(
            n
            for n in range(1, geometry.stride + 1)
            if geometry.stride % n == 0 and (n == 1 or 2 * n * farthest < bands)
        )
        return cls.of(weight, geometry, size, thinned=thinned), np.repeat(matters, band)

    @classmethod
    def of(
        cls, weight: Array, geometry: Geometry, size: int, *, thinned: int = 1, is_rough: bool = False
    ) -> "_Spectrum":
        """Transform the taps of a weight (groups, C_in, C_out, K) that reach outputs, or every n-th tap.

        With every n-th tap, H is the same at fewer frequencies.
        """
        size //= thinned
        # Its error is in every output, so precision matters; long transforms spread their rounding.
        is_rough |= weight.dtype.name in ("float32", "complex64") or size > _LONG
        precision = np.float64 if is_rough else np.longdouble
        dense = np.zeros((*weight.shape[:-1], size), np.result_type(weight.dtype, precision))
        first, every = _reaching(geometry)
        if thinned > 1:
            first, every = geometry.offset % thinned, thinned
        taps, place = weight[..., first::every], (geometry.dilation * first - geometry.offset) // thinned
        apart = geometry.dilation * every // thinned
        # Powers of two scale the largest taps to about 1: the squares of small taps would underflow.
        _, exponent = np.frexp(np.abs(taps).max(-1, keepdims=True, initial=0))
        scale = np.ldexp(np.ones(exponent.shape, precision), exponent)
        taps = taps / scale
        while taps.size:  # one turn at a time, in which no two taps have the same place
            turn = range(place % size, size, apart)
            part = taps[..., : len(turn)]
            dense[..., turn.start :: apart][..., : part.shape[-1]] += part
            taps, place = taps[..., len(turn) :], place + len(turn) * apart
        transformed = np.fft.rfft(dense) if dense.dtype.kind == "f" else np.fft.fft(dense)
        half, factor = (array.swapaxes(0, 1)[..., np.newaxis, :] for array in (transformed, scale))
        return cls(half, size, factor * thinned / geometry.down)

    def between(self, start: int, stop: int) -> Array:
        """Return neighbouring points of H/d; those beyond the half, or below 0, are mirrored."""
        start, stop = (start % self.size, (stop - 1) % self.size + 1)
        first = max(start, self.half.shape[-1])
        mirrored = self.half[..., self.size - stop + 1 : self.size - first + 1][..., ::-1].conj()
        points: Array = np.concatenate([self.half[..., start:stop], mirrored], axis=-1) * self.factor
        return points

    def matters(self, dtype: DType, band: int) -> Mask:
        """Return which points are more than rounding: all others together are below two eps of each kernel.

        Points are judged in groups of `band`, since single points may be zeros of the response.
        """
        kernels = self.half.reshape(-1, self.half.shape[-1])
        half = (kernels.real**2 + kernels.imag**2).astype(np.float64, copy=False)
        power = np.concatenate([half, half[:, self.size - half.shape[1] : 0 : -1]], axis=1)
        bands = power.reshape(len(power), -1, band).mean(-1)
        faint = (_FAINT * np.finfo(dtype).eps) ** 2 * bands.mean(-1)
        matters: Mask = (bands > faint[:, np.newaxis]).any(0)
        if (bands[:, ~matters].sum(-1) > faint / 16 * bands.shape[1]).any():
            matters[:] = True
        return np.repeat(matters, self.size // matters.size)


def _reaching(geometry: Geometry) -> tuple[int, int]:
    """Return the first tap that reaches an output, and the number of taps to the next one."""
    common = math.gcd(geometry.stride, geometry.down)
    shared = math.gcd(common, geometry.dilation)
    if geometry.offset % shared:
        return geometry.kernel_size, 1
    every = common // shared
    return geometry.offset // shared * pow(geometry.dilation // shared, -1, every) % every, every


def folds(weight: Array, geometry: Geometry) -> int:
    """Return about how many products each Z needs, 1 to down, for a weight (groups, C_in, C_out, K)."""
    bands = 1 << (_BANDS * geometry.stride).bit_length()
    size = min(1 << (geometry.span + geometry.offset).bit_length(), max(_LEAST_SAMPLED, _SAMPLED * bands))
    with np.errstate(all="ignore"):  # the taps may be anything
        spectrum = _Spectrum.of(weight, geometry, size, is_rough=True)
        share = float(spectrum.matters(weight.dtype, max(1, size // bands)).mean())
    return max(1, math.ceil(geometry.down * share))


def _runs(spectrum: _Spectrum, used: Mask, dtype: DType, points: int, outputs: int) -> list[_Run]:
    """Return the products that are more than rounding."""
    size = used.size
    edges = (np.flatnonzero(np.diff(used)) + 1).tolist()
    cuts = {0, size, *edges, *range(0, size, points), *range(0, size, outputs)}
    covered = np.zeros(outputs, bool)
    runs = []
    for start, stop in pairwise(sorted(cuts)):
        if used[start]:
            source, target = (slice(start % n, start % n + stop - start) for n in (points, outputs))
            below = size if 2 * start >= size else 0  # frequencies below 0, which H may lack
            taps = spectrum.between(start - below, stop - below).astype(np.result_type(dtype, np.complex64))
            runs.append(_Run(taps, source, target, first=not covered[target].any()))
            covered[target] = True
    return runs


def _gaps(runs: list[_Run], outputs: int) -> list[slice]:
    """Return the slices that no run writes first."""
    written = np.zeros(outputs + 2, bool)
    written[0] = written[-1] = True
    for run in runs:
        if run.first:
            written[1:-1][run.target] = True
    edges = np.flatnonzero(np.diff(written)).tolist()
    return [slice(start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=True)]
