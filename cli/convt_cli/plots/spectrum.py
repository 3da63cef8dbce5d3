"""The spectrum of a signal of any length, in constant memory.

Overlapping windows are transformed, and their powers averaged (P. D. Welch, "The use of fast Fourier
transform for the estimation of power spectra", IEEE Trans. Audio Electroacoustics 15, 1967). The peak
level of each frequency is kept as well, since an average does not show short events. Kaiser's window has
sidelobes below -200 dB, so that the skirt of a loud tone does not hide images. The window is narrow:
windows overlap by three quarters, so that no event falls between them.

A real tone has two coefficients; a constant, or an alternation from sample to sample, has one. Its part of
each window (W: the window's transform; m: the coefficient in its own bin) is counted separately:

    power[k] = |2 (X[k] - m W[k])|**2 + |m W[k]|**2
"""

import math
from collections.abc import Iterable

import numpy as np

from convt_cli.samples.formats import Array

BETA = 24.0
_LOBE = math.hypot(1, BETA / math.pi)  # half the width of a tone, in bins of a window
TINY = 1e-40  # power, instead of 0, which has no logarithm


class Spectrum:
    """Average and peak level at each frequency, of all channels together.

    Up to a quarter of a window at the end of a signal is left out: a tone that is cut off there would
    spread over the band. Windows with a sample whose square is NaN or infinite are left out as well.

    Parameters
    ----------
    size : int
        Samples of a window, an even number.

    Attributes
    ----------
    channels : int
        Channels so far, of all signals.
    measured, left_out : int
        Windows so far: those that count, and those with NaN or infinity.
    lobe : int
        Half the width of a tone in bins: nearer to a tone than that, only the tone is visible.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._window = _window(size, size)
        self._power = np.zeros(size // 2 + 1)
        self._peak = np.zeros(size // 2 + 1)
        self.channels = self.measured = self.left_out = 0
        self.lobe = math.ceil(_LOBE)

    def add(self, blocks: Iterable[Array]) -> None:
        """Add a signal that comes in blocks (channels, n)."""
        count, left = self.measured + self.left_out, None
        for block in blocks:
            left = block if left is None else np.concatenate([left, block], axis=1)
            while left.shape[1] >= self._size:
                self._add_window(left[:, : self._size], self._window)
                left = left[:, self._size // 4 :]
        if left is None:
            return
        self.channels += len(left)
        if count == self.measured + self.left_out and left.shape[1]:  # it is shorter than a window
            self._add_window(left, _window(left.shape[1], self._size))
            self.lobe = max(self.lobe, math.ceil(_LOBE * self._size / left.shape[1]))

    def _add_window(self, samples: Array, window: tuple[Array, Array]) -> None:
        weights, lobe = window
        with np.errstate(all="ignore"):
            wave = np.fft.rfft(samples.astype(np.float64) * weights, self._size)
            constant = wave[:, :1] * lobe
            wave -= constant
            alternating = wave[:, -1:] * lobe[::-1].conj()
            wave -= alternating
            power = 4 * np.abs(wave) ** 2 + np.abs(constant) ** 2 + np.abs(alternating) ** 2
        if not np.isfinite(power).all():
            self.left_out += 1
            return
        self._power += power.mean(0)
        self._peak = np.maximum(self._peak, power.max(0))
        self.measured += 1

    def highest(self, first: int) -> float | None:
        """Return the peak level in dB at and above a bin, interpolated; None if nothing was measured."""
        levels = self.peak
        if not self.measured or first >= levels.size:
            return None
        at = first + int(levels[first:].argmax())
        left, top, right = (float(level) for level in levels[[at - 1, at, min(at + 1, levels.size - 1)]])
        if at + 1 == levels.size or not left <= top >= right or left == right:
            return top
        # In dB the lobe of a window is a parabola.
        return top + (left - right) ** 2 / (8 * (2 * top - left - right))

    @property
    def mean(self) -> Array:
        """Average level in dB; a sine of amplitude 1 reads 0."""
        return _level(self._power / max(1, self.measured))

    @property
    def peak(self) -> Array:
        """Peak level in dB."""
        return _level(self._peak)


def _window(length: int, size: int) -> tuple[Array, Array]:
    """Return a window and its transform, with which a sine of amplitude 1 has coefficients of 1/2."""
    weights = np.kaiser(length, BETA)
    weights /= weights.sum()
    return weights, np.fft.rfft(weights, size)


def _level(power: Array) -> Array:
    decibels: Array = 10 * np.log10(np.maximum(power, TINY))
    return decibels
