"""By how much one signal is later than another: the peak of the response from one to the other.

The response is the cross-spectrum over the spectrum of the input, phase by phase of the output, both
smoothed to the resolution of the delays in question (P. R. Roth, "Effective measurements using
digital signal analysis", IEEE Spectrum 8, 1971); a thousandth of the mean power is added,
against frequencies that the input lacks.
"""

from collections.abc import Iterable, Iterator
from itertools import islice, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convt.arrays import Reals

_EXCERPT, _MOST_OUTPUTS = 1 << 18, 1 << 22  # samples to search: of LOW, and of HIGH at the most
_MOST_EXCERPTS = 4  # then a delay that does not stand out is accepted, too
_REACH = 1 << 12  # samples of LOW: the greatest delay, or a quarter of the excerpt
_QUIET = 1e-3  # of the mean power
_CLEAR = 8.0  # times the root mean square of the response: chance hardly makes more than 5
_MOST_PAIRED = 8  # channels, each with each

Channel = list[tuple[Reals, Reals]]


class Delay(NamedTuple):
    """Output samples, and whether the delay stands out from chance."""

    samples: int
    is_clear: bool


class DelayEstimator:
    """Holds the first samples of the pairs until their delay is known.

    Attributes
    ----------
    pieces : list of (ndarray (C_in, any), ndarray (C_out, any), bool)
        All inputs and outputs so far, and whether a pair ends there.
    """

    def __init__(self, stride: int, channels_out: int) -> None:
        self._stride = stride
        self._excerpt = min(_EXCERPT, max(16, _MOST_OUTPUTS // (stride * channels_out)))
        self._reach = stride * min(_REACH, self._excerpt // 4)
        self._excerpts = 0  # that were searched
        self._lengths = [[0, 0]]
        self.pieces = list[tuple[Reals, Reals, bool]]()

    def add(self, low: Reals, high: Reals, *, last: bool) -> None:
        """Take further samples of a pair; `last` ends it."""
        self.pieces.append((low, high, last))
        self._lengths[-1][0] += low.shape[1]
        self._lengths[-1][1] += high.shape[1]
        if last:
            self._lengths.append([0, 0])

    def _usable(self) -> list[int]:
        return [min(low, high // self._stride) for low, high in self._lengths]

    def delay(self, *, ended: bool) -> Delay | None:
        """Return the delay of the outputs, or None if more samples are needed, and not all has `ended`.

        It is that of one or more whole excerpts, and does not depend on the pieces.
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
    """Return by how many samples of the outputs they are later than the inputs, at most `reach` either way.

    Parameters
    ----------
    channels : iterable of list of (ndarray (L,), ndarray (stride*L,))
        Inputs and outputs, of each channel those of all pairs.
    stride : int
        Output samples per input sample.
    reach : int
        Output samples.

    Returns
    -------
    Delay
        0, and not clear, where nothing leads from one to the other.
    """
    nearest = -(-reach // stride)
    lags = np.arange(-2 * nearest - 1, 2 * nearest + 2)
    delays = stride * lags + np.arange(stride)[:, np.newaxis]
    energy = np.zeros(delays.shape)
    for pairs in channels:
        with np.errstate(all="ignore"):  # of values next to 0
            energy += np.nan_to_num(_response(pairs, stride, lags) ** 2, posinf=0)
    energy[np.abs(delays) > reach] = 0
    if not energy.any():
        return Delay(0, is_clear=False)
    mean = energy.sum() / np.count_nonzero(np.abs(delays) <= reach)
    return Delay(int(delays.ravel()[energy.argmax()]), is_clear=bool(energy.max() > _CLEAR**2 * mean))


def _response(pairs: Channel, stride: int, lags: NDArray[np.intp]) -> Reals:
    """Return the response of each phase of the outputs at some lags of the inputs, (stride, lags)."""
    from scipy import fft  # slow to import, and seldom wanted

    size = fft.next_fast_len(2 * len(lags), real=True)
    window = np.hanning(len(lags) + 2)[1:-1]  # at the reach, it is a half
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
