"""The noise of dither: white, of triangular density, one step to either side, the same in every run.

It makes the mean and the power of the rounding error independent of the signal (S. P. Lipshitz, R. A.
Wannamaker, J. Vanderkooy, "Quantization and dither: a theoretical survey", J. Audio Eng. Soc. 40, 1992).
"""

from functools import lru_cache

import numpy as np
from numpy.random import PCG64, Generator  # now: an import during the work would swallow a signal

from convt_cli.samples.formats import Array

_SEED = 0x636F6E7674
_CACHED = 1 << 19  # values of all channels, from the start, that are cached for the next file, a clip


class TriangularNoise:
    """Noise between -1 and 1, in steps of 1/256: a stream for each channel, the same in every run.

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
    """Generates the noise: four values from each random word."""

    def __init__(self, channels: int, start: int) -> None:
        bits = [PCG64([_SEED, channel]).advance(start // 4) for channel in range(channels)]
        self._random = [Generator(each) for each in bits]
        self._left = np.empty((channels, 0), np.uint16)
        self(start % 4)

    def __call__(self, count: int) -> Array:
        fours = -(-(count - self._left.shape[1]) // 4)
        words = [random.integers(0, 2**64 - 1, fours, np.uint64, endpoint=True) for random in self._random]
        pairs = np.concatenate([self._left, np.stack(words).view(np.uint16)], axis=1)
        self._left, pairs = pairs[:, count:].copy(), pairs[:, :count]
        noise: Array = np.add(pairs & 255, pairs >> 8).astype(np.float32)  # two even ones of 0 to 255
        noise -= np.float32(255)
        noise *= np.float32(1 / 256)
        return noise
