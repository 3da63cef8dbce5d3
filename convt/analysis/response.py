"""The effect of a kernel on a signal: passband gain, images, phases and delay.

Inserting zeros between the samples gives a tone of frequency f images of the same level, and the kernel w
weights each by its frequency response (R. E. Crochiere, L. R. Rabiner, "Multirate Digital Signal
Processing", 1983, chapter 2). In input Nyquist frequencies, with stride s::

    G(f) = 1/s * sum_k w[k] * exp(-j*pi*f*k/s)      gain at output frequency f, 0 <= f <= s

    |G|  1 |-------+
           |        :         image          image
           |         +----+-----------+----+---------
           0        1     2-f   2    2+f        s      f: the tone; 2k-f, 2k+f: its images

A constant input becomes a pattern of s samples, the sums of the phases w[r::s]. Its images are tones at the
multiples of the input rate, of amplitude 2*|G(2k)|, since a real tone has two coefficients, or |G(s)| at
half the output rate, where it has one (A. Odena, V. Dumoulin, C. Olah, "Deconvolution and checkerboard
artifacts", Distill, 2016). The group delay is the real part of F(k*w[k]) / F(w[k]) (J. O. Smith,
"Introduction to Digital Filters", 2007, section 7.6.6).
"""

import math
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convt.arguments import Integer, as_integer, as_number
from convt.arrays import Array, Reals, as_numeric
from convt.errors import ParameterError, ParameterTypeError

_POINTS_PER_TAP = 16  # per tap of a phase: 32 points per sidelobe measure its peak to 0.01 dB
_POINTS, _MOST_POINTS = 4096, 1 << 19  # per unit of frequency; of all kernels together
_LIMIT = 1 << 26  # points: a gigabyte
_FAINT = 0.01  # of the peak: a smaller gain at 0 Hz is not a reference for levels
_TINY = 1e-300  # small, but has a logarithm
_LOUDEST = 1e100  # squares of larger taps could overflow when added


class Extreme(NamedTuple):
    """The greatest gain, in dB, and its frequency, in input Nyquist frequencies."""

    level: Reals
    frequency: Reals


class Response:
    """The response of a kernel, or of an array of kernels.

    Frequencies are in units of the input's Nyquist frequency: 1 is half the input rate, `stride` half the
    output rate. Levels are in dB relative to the gain at 0 Hz, or relative to the greatest gain if the gain
    at 0 Hz is below a hundredth of it, as in a high-pass kernel. Every figure has the shape of the array of
    kernels: () for a single one.

    Parameters
    ----------
    kernel : array_like, (..., K)
        Real taps, finite.
    stride : int
        Output samples per input sample, at least 1.

    Attributes
    ----------
    kernel : ndarray of float64, (..., K)
        The taps.
    stride : int
        The stride.
    frequencies : ndarray, (n,)
        Frequencies at which the response is computed, from 0 to `stride`, including every whole number.
    gains : ndarray, (..., n)
        Magnitude of the gain at these frequencies. At 0 Hz it is the sum of the taps divided by `stride`.

    Raises
    ------
    ParameterTypeError, ParameterError
        The taps are complex, not finite or empty, the stride is not an int of at least 1, or either is so
        large that the response has more than 2**26 points.

    Examples
    --------
    The sample-and-hold of stride 2 has gains of cos(pi*f/4):

    >>> hold = Response([1.0, 1.0], 2)
    >>> float(hold.ripple(1.0).round(2)), float(hold.worst_image(0.5).level.round(2))
    (3.01, -8.34)
    """

    def __init__(self, kernel: ArrayLike, stride: Integer) -> None:
        taps = as_numeric("kernel", kernel)
        self.stride = as_integer("stride", stride, 1)
        self._rounding = float(np.finfo(taps.dtype).eps) if taps.dtype.kind == "f" else 2.0**-52
        self.kernel = _checked(taps)
        self._unit = _points(self.kernel, self.stride)
        self.frequencies: Reals = np.arange(self._unit * self.stride + 1) / self._unit
        self.gains: Reals = np.abs(self._transform(self.kernel)) / self.stride

    def _transform(self, taps: Reals) -> NDArray[np.complex128]:
        """Return the spectra of taps at `frequencies`."""
        return np.fft.rfft(taps, 2 * self._unit * self.stride)

    @cached_property
    def phase_gains(self) -> Reals:
        """Outputs for a constant input of 1, (..., stride): the sum of each phase's taps, w[r::stride]."""
        return phase_sums(self.kernel, self.stride)

    @cached_property
    def dc_gain(self) -> Reals:
        """Gain at 0 Hz, with its sign: the mean of the phase gains."""
        gain: Reals = self.phase_gains.mean(-1)
        return gain

    @cached_property
    def reference(self) -> Reals:
        """The gain that levels are relative to: the gain at 0 Hz, or the greatest gain."""
        peak = self.gains.max(-1)
        level: Reals = np.abs(self.dc_gain)
        reference: Reals = np.where(level > _FAINT * peak, level, np.maximum(peak, _TINY))
        return reference

    def level(self, gains: Reals) -> Reals:
        """Return gains, (..., n), in dB relative to the reference."""
        return decibels(gains / self.reference[..., np.newaxis])

    @cached_property
    def tonal_lines(self) -> Reals:
        """Levels in dB, (..., stride//2), of the tones at multiples of the input rate for a DC input.

        The tones are at the frequencies 2, 4 ... up to `stride`, half the output rate. Their amplitude is
        ``2*|G(2k)|``, or ``|G(stride)|`` at `stride`. Phases of equal gain cause no tonal lines: a level of
        -280 dB or less is rounding.
        """
        pattern = np.abs(np.fft.rfft(self.phase_gains))[..., 1:] / self.stride
        multiples = np.arange(1, self.stride // 2 + 1)
        return self.level(pattern * np.where(2 * multiples < self.stride, 2, 1))

    def passband_edge(self, tolerance: float) -> Reals:
        """Return the first frequency whose gain differs from that at 0 Hz by `tolerance` dB.

        This is the edge of the passband. It is `stride` if no gain differs by that, and 0 if the gain at
        0 Hz is 0.
        """
        tolerance, reference = as_number("tolerance", tolerance), self.reference[..., np.newaxis]
        low, high = (reference * 10 ** (sign * tolerance / 20) for sign in (-1, 1))
        outside = (self.gains < low) | (self.gains > high)
        at = np.where(outside.any(-1), outside.argmax(-1), self.frequencies.size)
        after = np.clip(at, 1, self.frequencies.size - 1)[..., np.newaxis]
        off = [np.take_along_axis(self.gains, after - back, -1) for back in (1, 0)]
        below, above = (np.abs(self.level(gains))[..., 0] - tolerance for gains in off)
        step = np.divide(above, above - below, out=np.zeros_like(above), where=above > below)
        # Interpolate the level as a function of the squared frequency, which it follows near 0 Hz.
        right, left = (after[..., 0] / self._unit) ** 2, ((after[..., 0] - 1) / self._unit) ** 2
        crossing = np.sqrt(right - np.clip(step, 0, 1) * (right - left))
        return np.select([at == 0, at == self.frequencies.size], [0.0, float(self.stride)], crossing)

    def ripple(self, edge: float) -> Reals:
        """Return the greatest deviation from the gain at 0 Hz, in dB, up to the frequency `edge`."""
        gains = self.gains[..., self.frequencies <= as_number("edge", edge)]
        ends = np.stack([gains.min(-1), gains.max(-1)], -1)
        ripple: Reals = np.abs(self.level(ends)).max(-1)
        return ripple

    def worst_image(self, edge: float = 1.0) -> Extreme:
        """Return the level and the frequency of the greatest image of tones up to `edge`, 0 to 1.

        With 1, every frequency above the input's Nyquist frequency counts as an image. With stride 1 there
        are no images, and the level is that of rounding, at frequency 1.
        """
        distance = np.abs((self.frequencies + 1) % 2 - 1)  # from the nearest multiple of the input rate
        images = (self.frequencies >= 1) & (distance <= as_number("edge", edge))
        if self.stride == 1 or not images.any():
            return Extreme(np.full(self.dc_gain.shape, decibels(np.zeros(()))), np.ones(self.dc_gain.shape))
        return self._greatest(images)

    @property
    def peak(self) -> Extreme:
        """The level and the frequency of the greatest gain."""
        return self._greatest(np.ones(self.frequencies.size, bool))

    def _greatest(self, among: NDArray[np.bool_]) -> Extreme:
        gains = self.gains[..., among]
        level = self.level(gains.max(-1, keepdims=True))[..., 0]
        return Extreme(level, self.frequencies[among][gains.argmax(-1)])

    @cached_property
    def max_overshoot(self) -> Reals:
        """Largest possible output for inputs within +-1: the greatest sum of ``|taps|`` of a phase."""
        worst: Reals = phase_sums(np.abs(self.kernel), self.stride).max(-1)
        return worst

    @cached_property
    def delay(self) -> Reals:
        """Centre of the taps' energy in output samples: :attr:`convt.Upsampler.delay` with padding 0."""
        peak = np.abs(self.kernel).max(-1, keepdims=True)
        return energy_centre((self.kernel / np.where(peak > 0, peak, 1)) ** 2)

    @cached_property
    def is_linear_phase(self) -> NDArray[np.bool_]:
        """Whether the taps, without zeros at the ends, are symmetric or antisymmetric within rounding."""
        flat = self.kernel.reshape(-1, self.kernel.shape[-1])
        found = [_mirrors(taps, 8 * self._rounding) for taps in flat]
        return np.array(found).reshape(self.kernel.shape[:-1])

    @cached_property
    def group_delay(self) -> Reals:
        """Delay in output samples at each of `frequencies`; NaN where the gain is below -100 dB."""
        spectrum = self._transform(self.kernel)
        moment = self._transform(self.kernel * np.arange(self.kernel.shape[-1]))
        passes = self.gains > 1e-5 * self.gains.max(-1, keepdims=True)
        with np.errstate(all="ignore"):  # taps may be near the smallest float
            ratio = np.divide(moment, spectrum, out=np.full_like(spectrum, math.nan), where=passes)
        delay: Reals = np.where(np.isfinite(ratio.real), ratio.real, math.nan)
        return delay


def phase_sums(taps: Array, stride: int) -> Array:
    """Return the sum of each phase w[r::stride] of taps (..., K), as (..., stride)."""
    return np.stack([taps[..., r::stride].sum(-1) for r in range(stride)], -1)


def energy_centre(energy: Reals) -> Reals:
    """Return the centre of the energy of taps (..., K), counted in taps; NaN if the energy is 0."""
    middle = (energy.shape[-1] - 1) / 2
    moment = energy * (np.arange(energy.shape[-1]) - middle)
    total = energy.sum(-1)
    # Mirrored taps are added first, so that the moment of symmetric ones is exactly 0.
    offset = (moment + moment[..., ::-1]).sum(-1) / 2
    centre: Reals = middle + np.divide(offset, total, out=np.full(total.shape, np.nan), where=total > 0)
    return centre


def _checked(taps: Array) -> Reals:
    """Return taps as real numbers whose squares can be added."""
    if taps.dtype.kind == "c":
        raise ParameterTypeError("kernel must be real, got complex taps: take its real or imaginary part")
    if taps.ndim == 0 or taps.size == 0:
        raise ParameterError(f"kernel must have shape (..., K) with K >= 1, got {taps.shape}")
    kernel: Reals = taps.astype(np.float64)
    if not np.isfinite(kernel).all():
        raise ParameterError(
            f"kernel must be finite, got {np.sum(~np.isfinite(kernel))} taps that are NaN or infinite"
        )
    if (loudest := np.abs(kernel).max()) > _LOUDEST:
        raise ParameterError(f"kernel must have taps of at most {_LOUDEST:g}, got {loudest:g}")
    return kernel


def decibels(gains: Reals) -> Reals:
    """Return gains in dB, at least -6,000 dB."""
    return 20 * np.log10(np.maximum(gains, _TINY))


def _points(kernel: Reals, stride: int) -> int:
    """Return the number of points per unit of frequency, a power of two."""
    count = math.prod(kernel.shape[:-1])
    least = _POINTS_PER_TAP * kernel.shape[-1] / stride
    most = min(_POINTS, _MOST_POINTS / max(1, count) / stride)
    unit = 1 << max(5, math.ceil(math.log2(max(least, most))))
    if unit * stride > _LIMIT:
        raise ParameterError(
            f"the response for {stride=} and {kernel.shape[-1]} taps has {unit * stride} points, more than"
            f" {_LIMIT}: use a smaller stride or a shorter kernel"
        )
    return unit


def _mirrors(taps: Reals, rounding: float) -> bool:
    taps = np.trim_zeros(taps)
    slack = rounding * np.abs(taps).max(initial=0)
    return any(np.abs(taps - sign * taps[::-1]).max(initial=0) <= slack for sign in (1, -1))
