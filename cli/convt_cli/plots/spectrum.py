"""The spectrum of a signal of any length, in constant memory.

Windows that overlap are transformed, and their powers averaged (P. D. Welch, "The use of fast Fourier
transform for the estimation of power spectra", IEEE Trans. Audio Electroacoustics 15, 1967). The peak
level of each frequency is kept, too: a mean does not show a short event. The window is Kaiser's, with
sidelobes below -200 dB, so that images do not disappear in the skirt of a loud tone.
"""

from collections.abc import Iterable

import numpy as np

from convt_cli.samples.formats import Array

_BETA = 24.0
_TINY = 1e-40  # of power: has a logarithm


class Spectrum:
    """Mean and peak level at each frequency, of all channels together.

    Up to half a window at a signal's end is left out: a tone that is cut off there would spread over the
    band. Windows in which a sample or its square is not finite are left out, too.

    Parameters
    ----------
    size : int
        Samples of a window; windows overlap by half.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._window = np.kaiser(size, _BETA)
        self._sides = np.full(size // 2 + 1, 2.0)  # coefficients of a real tone
        self._sides[[0, -1]] = 1  # for even sizes
        self._power = np.zeros(size // 2 + 1)
        self._peak = np.zeros(size // 2 + 1)
        self._count = 0

    def add(self, blocks: Iterable[Array]) -> None:
        """Add a signal that comes in blocks (channels, n)."""
        count, left = self._count, None
        for block in blocks:
            left = block if left is None else np.concatenate([left, block], axis=1)
            while left.shape[1] >= self._size:
                self._add_window(left[:, : self._size], self._window)
                left = left[:, self._size // 2 :]
        if left is not None and count == self._count:  # it is shorter than a window
            self._add_window(left, np.kaiser(left.shape[1], _BETA))

    def _add_window(self, samples: Array, window: Array) -> None:
        with np.errstate(all="ignore"):
            wave = np.fft.rfft(samples.astype(np.float64) * window, self._size)
            power = (np.abs(wave) * self._sides / window.sum()) ** 2
        if not np.isfinite(power).all():
            return
        self._power += power.mean(0)
        self._peak = np.maximum(self._peak, power.max(0))
        self._count += 1

    @property
    def mean(self) -> Array:
        """Mean level in dB; a sine of amplitude 1 reads 0."""
        return _level(self._power / max(1, self._count))

    @property
    def peak(self) -> Array:
        """Peak level in dB."""
        return _level(self._peak)


def _level(power: Array) -> Array:
    decibels: Array = 10 * np.log10(np.maximum(power, _TINY))
    return decibels
