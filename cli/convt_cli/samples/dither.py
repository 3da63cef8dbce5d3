"""Dither noise: white, triangular (TPDF), one step to either side, the same in every run.

It makes the mean and the power of the rounding error independent of the signal (S. P. Lipshitz, R. A.
Wannamaker, J. Vanderkooy, "Quantization and dither: a theoretical survey", J. Audio Eng. Soc. 40, 1992).
"""

from functools import lru_cache

import numpy as np
from numpy.random import PCG64, Generator  # at start: a later import could swallow a signal

from convt_cli.samples.formats import Array

_SEED = 0x636F6E7674
_CACHED = 1 << 19  # first values, of all channels together, that are cached for the next short file


class TriangularNoise:
    """Noise between -1 and 1 in steps of 1/256: one stream per channel, the same in every run.

    Parameters
    ----------
    channels : int
        Channels.
    start : int
        Frames before the first.
    """

    def __init__(self, channels: int, start: int) -> None:
        self._channels, self._at = channels, start
        self._rest: _Stream | None = None

    def __call__(self, count: int) -> Array:
        """Return the next values (channels, count), float32, read-only and independent of the counts."""
        first, self._at = self._at, self._at + count
        if self._at * self._channels <= _CACHED:
            return _beginning(self._channels)[:, first : self._at]
        if self._rest is None:
            self._rest = _Stream(self._channels, first)
        return self._rest(count)


@lru_cache(maxsize=2)
def _beginning(channels: int) -> Array:
    values = _Stream(channels, 0)(_CACHED // channels)
    values.flags.writeable = False
    return values


class _Stream:
    """Generates the noise, four values per random word."""

    def __init__(self, channels: int, start: int) -> None:
        bits = [PCG64([_SEED, channel]).advance(start // 4) for channel in range(channels)]
        self._random = [Generator(each) for each in bits]
        self._left = np.empty((channels, 0), np.uint16)
        self(start % 4)

    def __call__(self, count: int) -> Array:
        noise = np.empty((len(self._random), count), np.float32)
        begin = min(count, self._left.shape[1])  # values left from the last word
        fours = -(-(count - begin) // 4)
        left = np.empty((len(self._random), self._left.shape[1] + 4 * fours - count), np.uint16)
        for random, row, before, after in zip(self._random, noise, self._left, left, strict=True):
            pairs = random.integers(0, 2**64 - 1, fours, np.uint64, endpoint=True).view(np.uint16)
            _add_halves(before[:begin], row[:begin])
            _add_halves(pairs[: count - begin], row[begin:])
            after[:] = np.concatenate([before[begin:], pairs[count - begin :]])
        self._left = left
        noise *= np.float32(1 / 256)
        return noise


def _add_halves(pairs: Array, sums: Array) -> None:
    """Write the sum of the two bytes of each pair, less its mean."""
    halves = (pairs & 255).view(np.int16)
    halves += (pairs >> 8).view(np.int16)
    halves -= 255
    sums[:] = halves
