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
        self._seeds, self._at = random_words(_SEED, 0, channels), start

    def __call__(self, count: int) -> Array:
        """Return the next values (channels, count), int16, independent of the counts."""
        first, skipped = divmod(self._at, 4)  # values per word
        self._at += count
        words = -(-(skipped + count) // 4)
        noise = np.empty((len(self._seeds), 4 * words), np.int16)
        for seed, row in zip(self._seeds, noise, strict=True):
            for start in range(0, words, _BLOCK):
                stop = min(start + _BLOCK, words)
                pairs = random_words(int(seed), first + start, stop - start).view(np.int16)
                # The sum of two bytes, the upper one signed, less its mean.
                made = row[4 * start : 4 * stop]
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
