"""Dither noise: white, triangular (TPDF), one step to either side, the same in every run.

It makes the mean and the power of the rounding error independent of the signal (S. P. Lipshitz, R. A.
Wannamaker, J. Vanderkooy, "Quantization and dither: a theoretical survey", J. Audio Eng. Soc. 40, 1992).
Its random words are those of SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom
number generators", OOPSLA 2014): word n is a hash of the seed and of n, so that a stream begins anywhere,
and numpy.random, which is slow to import, is not needed.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from convt_cli.samples.formats import Array

Words = NDArray[np.uint64]

STEP = 256  # the noise is in units of a step of the file over this number
_SEED = 0x636F6E7674
_GAMMA, _FIRST, _SECOND = (
    np.uint64(number) for number in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)
_BLOCK = 1 << 14  # words to hash at a time: few enough for the cache
_CACHED = 1 << 19  # first values, of all channels together, that are cached for the next short file


class TriangularNoise:
    """Noise between -1 and 1 in units of 1/STEP: one stream per channel, the same in every run.

    Parameters
    ----------
    channels : int
        Channels.
    start : int
        Frames before the first.
    """

    def __init__(self, channels: int, start: int) -> None:
        self._channels, self._at = channels, start

    def __call__(self, count: int) -> Array:
        """Return the next values (channels, count), int16, read-only and independent of the counts."""
        first, self._at = self._at, self._at + count
        if self._at * self._channels <= _CACHED:
            return _beginning(self._channels)[:, first : self._at]
        return _values(self._channels, first, count)


@lru_cache(maxsize=2)
def _beginning(channels: int) -> Array:
    values = _values(channels, 0, _CACHED // channels)
    values.flags.writeable = False
    return values


def _values(channels: int, start: int, count: int) -> Array:
    """Return values of each channel's stream."""
    first, skipped = divmod(start, 4)  # values per word
    words = -(-(skipped + count) // 4)
    noise = np.empty((channels, 4 * words), np.int16)
    for seed, row in zip(random_words(_SEED, 0, channels), noise, strict=True):
        for begin in range(0, words, _BLOCK):
            stop = min(begin + _BLOCK, words)
            pairs = random_words(int(seed), first + begin, stop - begin).view(np.int16)
            # The sum of two bytes, the upper one signed, less its mean.
            made = row[4 * begin : 4 * stop]
            np.right_shift(pairs, 8, out=made)
            pairs &= 255
            made += pairs
            made -= 127
    return noise[:, skipped : skipped + count]


def random_words(seed: int, start: int, count: int) -> Words:
    """Return words `start` and later of SplitMix64."""
    words = _multiples(count) + np.uint64((seed + start * int(_GAMMA)) % 2**64)
    for shift, factor in ((30, _FIRST), (27, _SECOND), (31, None)):
        words ^= words >> np.uint64(shift)
        if factor is not None:
            words *= factor
    return words


@lru_cache(maxsize=4)
def _multiples(count: int) -> Words:
    return np.arange(1, count + 1, dtype=np.uint64) * _GAMMA
