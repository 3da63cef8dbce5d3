"""Estimate the delay between two signals: the peak of the response from one to the other.

The response is the cross-spectrum divided by the spectrum of the input, for each phase of the output, both
smoothed to the resolution of the possible delays (P. R. Roth, "Effective measurements using digital signal
analysis", IEEE Spectrum 8, 1971). A thousandth of the mean power is added to the divisor, for frequencies
that the input lacks.
"""

from collections.abc import Iterable, Iterator
from itertools import islice, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convt.arrays import Reals

_EXCERPT, _MOST_OUTPUTS = 1 << 18, 1 << 22  # samples to search: of LOW, and the maximum of HIGH
_MOST_EXCERPTS = 4  # after these, a delay that does not stand out is accepted
_REACH = 1 << 12  # samples of LOW: the greatest delay, or a quarter of the excerpt
_QUIET = 1e-3  # of the mean power
_CLEAR = 8.0  # times the root mean square of the response: noise rarely exceeds 5
_MOST_PAIRED = 8  # pairs of channels

Channel = list[tuple[Reals, Reals]]


class Delay(NamedTuple):
    """A delay in output samples, and whether it stands out from noise."""

    samples: int
    is_clear: bool


class DelayEstimator:
    """Holds the first samples of the pairs until their delay is known.

    Attributes
    ----------
    pieces : list of (ndarray (C_in, any), ndarray (C_out, any), bool)
        All inputs and outputs so far, and whether they end a pair.
    """

    def __init__(self, stride: int, channels_out: int) -> None:
        self._stride = stride
        self._excerpt = min(_EXCERPT, max(16, _MOST_OUTPUTS // (stride * channels_out)))
        self._reach = stride * min(_REACH, self._excerpt // 4)
        self._excerpts = 0  # searched so far
        self._lengths = [[0, 0]]
        self.pieces = list[tuple[Reals, Reals, bool]]()

    def add(self, low: Reals, high: Reals, *, last: bool) -> None:
        """Take the next samples of a pair; `last` ends it."""
        self.pieces.append((low, high, last))
        self._lengths[-1][0] += low.shape[1]
        self._lengths[-1][1] += high.shape[1]
        if last:
            self._lengths.append([0, 0])

    def _usable(self) -> list[int]:
        return [min(low, high // self._stride) for low, high in self._lengths]

    def delay(self, *, ended: bool) -> Delay | None:
        """Return the delay of the outputs, or None if more samples are needed and can come.

        The delay is estimated from whole excerpts, unless all signals have `ended`, and does not depend on
        the pieces.
        """
        while sum(self._usable()) >= (self._excerpts + 1) * self._excerpt:
            self._excerpts += 1
            found = self._estimate(self._excerpts * self._excerpt)
            if found.is_clear or self._excerpts == _MOST_EXCERPTS:
                return found
        return self._estimate(sum(self._usable())) if ended else None

    def _estimate(self, samples: int) -> Delay:
        channels: dict[tuple[int, int], Channel] = {}
        for low, high in self._pairs(samples):
            both = list(zip(range(len(low)), range(len(high)), strict=False))
            if len(low) != len(high):
                both = list(product(range(len(low)), range(len(high))))
            for below, above in islice(both, _MOST_PAIRED):
                channels.setdefault((below, above), []).append((low[below], high[above]))
        return estimate_delay(channels.values(), self._stride, self._reach)

    def _pairs(self, samples: int) -> Iterator[tuple[Reals, Reals]]:
        """Yield the pairs, up to a number of input samples in all."""
        pieces = iter(self.pieces)
        for usable in self._usable():
            begun, count = list[tuple[Reals, Reals]](), min(usable, samples)
            for low, high, last in pieces:
                begun.append((low[:, :count], high[:, : count * self._stride]))
                if last:
                    break
            samples -= count
            if count:
                below, above = (np.concatenate(side, axis=1) for side in zip(*begun, strict=True))
                yield below[:, :count], above[:, : count * self._stride]


def estimate_delay(channels: Iterable[Channel], stride: int, reach: int) -> Delay:
    """Return the delay of the outputs, at most `reach` later or earlier than the inputs.

    Parameters
    ----------
    channels : iterable of list of (ndarray (L,), ndarray (stride*L,))
        The inputs and outputs of all pairs, for each channel.
    stride : int
        Output samples per input sample.
    reach : int
        Output samples.

    Returns
    -------
    Delay
        0, and not clear, if the outputs do not depend on the inputs.
    """
    nearest = -(-reach // stride)
    lags = np.arange(-2 * nearest - 1, 2 * nearest + 2)
    delays = stride * lags + np.arange(stride)[:, np.newaxis]
    energy = np.zeros(delays.shape)
    for pairs in channels:
        with np.errstate(all="ignore"):  # values may be close to 0
            energy += np.nan_to_num(_response(pairs, stride, lags) ** 2, posinf=0)
    energy[np.abs(delays) > reach] = 0
    if not energy.any():
        return Delay(0, is_clear=False)
    mean = energy.sum() / np.count_nonzero(np.abs(delays) <= reach)
    return Delay(int(delays.ravel()[energy.argmax()]), is_clear=bool(energy.max() > _CLEAR**2 * mean))


def _response(pairs: Channel, stride: int, lags: NDArray[np.intp]) -> Reals:
    """Return the response of each phase of the outputs at some lags of the inputs, (stride, lags)."""
    from scipy import fft  # slow to import, and rarely needed

    size = fft.next_fast_len(2 * len(lags), real=True)
    window = np.hanning(len(lags) + 2)[1:-1]  # a half at the reach
    own, between = np.zeros(size), np.zeros((stride, size))
    for low, high in pairs:
        whole = fft.next_fast_len(len(low) + len(lags), real=True)
        spectrum = np.conj(fft.rfft(low, whole))
        own[lags] += window * fft.irfft(np.abs(spectrum) ** 2, whole)[lags]
        for phase in range(stride):  # one by one: there may be hundreds
            correlation = fft.irfft(spectrum * fft.rfft(high[phase::stride], whole), whole)
            between[phase, lags] += window * correlation[lags]
    power = np.maximum(fft.rfft(own).real, 0)
    if not power.any():
        return np.zeros((stride, len(lags)))
    response: Reals = fft.irfft(fft.rfft(between) / (power + _QUIET * power.mean()), size)
    return response[:, lags]
