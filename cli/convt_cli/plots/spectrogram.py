"""The spectrogram of a signal of any length, in constant memory.

Short overlapping windows are transformed, weighted as in :mod:`convt_cli.plots.spectrum`. Bins are merged
to rows, and windows to columns. When the columns are full, neighbours are merged, and each further column
takes twice as many windows::

    windows    0 1 2 3 4 5 6 7 ...
    columns    [0][1][2][3]          full: [0 1][2 3][4 5][6 7] ... full: [0 1 2 3][4 5 6 7] ...

A merged cell keeps the maximum of its cells, so that no short event is lost.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from convt_cli.plots.spectrum import BETA, TINY
from convt_cli.samples.formats import Array

_ROWS, _COLUMNS = 260, 400  # at most, so that each is a pixel or more of the plot
_BATCH = 1 << 17  # samples of windows that are transformed at a time, all channels together


class Spectrogram:
    """Peak level over time and frequency, of all channels together; several signals follow each other.

    Cells in which only NaN or infinity were measured are NaN.

    Parameters
    ----------
    size : int
        Samples of a window, a multiple of 4.
    """

    def __init__(self, size: int) -> None:
        self._size, self._hop = size, size // 4
        self._window = np.kaiser(size, BETA)
        self._window /= self._window.sum() / 2  # a sine of amplitude 1 has a coefficient of 1
        bins = size // 2 + 1
        self._merged = -(-bins // _ROWS)  # bins per row
        self._starts = np.arange(0, bins, self._merged)
        self._power = np.full((self._starts.size, _COLUMNS), np.nan, np.float32)
        self._each = 1  # windows per column
        self._windows = 0

    def passing(self, blocks: Iterable[Array]) -> Iterator[Array]:
        """Yield the blocks (channels, n) of a signal unchanged, and measure them."""
        left, first = None, self._windows
        for block in blocks:
            yield block
            left = block if left is None else np.concatenate([left, block], axis=1)
            count = (left.shape[1] - self._size) // self._hop + 1
            if count > 0:
                self._add(left, count)
                left = left[:, count * self._hop :]
        if left is not None and left.shape[1] and first == self._windows:  # shorter than a window
            self._add(np.pad(left, ((0, 0), (0, self._size - left.shape[1]))), 1)

    def _add(self, samples: Array, count: int) -> None:
        """Add the windows at the start of samples."""
        windows = np.lib.stride_tricks.sliding_window_view(samples, self._size, axis=1)[:, :: self._hop]
        step = max(1, _BATCH // (self._size * len(samples)))
        for start in range(0, count, step):
            chosen = windows[:, start : min(start + step, count)]
            with np.errstate(all="ignore"):
                wave = np.fft.rfft(chosen.astype(np.float64) * self._window)
                power = (wave.real**2 + wave.imag**2).max(0)
                rows = np.maximum.reduceat(power, self._starts, axis=1).astype(np.float32)
            rows[~np.isfinite(rows).all(1)] = np.nan
            for row in rows:
                self._add_window(row)

    def _add_window(self, power: Array) -> None:
        if self._windows == _COLUMNS * self._each:
            half = np.fmax(self._power[:, ::2], self._power[:, 1::2])
            self._power[:, : _COLUMNS // 2], self._power[:, _COLUMNS // 2 :] = half, np.nan
            self._each *= 2
        column = self._power[:, self._windows // self._each]
        np.fmax(column, power, out=column)
        self._windows += 1

    @property
    def levels(self) -> Array:
        """Levels in dB (rows, columns); a sine of amplitude 1 reads 0, a constant of 1 reads 6."""
        count = -(-self._windows // self._each)
        decibels: Array = 10 * np.log10(np.maximum(self._power[:, :count], TINY))
        return decibels

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Samples at the left and right edge; frequencies at the lower and upper, relative to Nyquist."""
        begin = (self._size - self._hop) / 2
        columns = -(-self._windows // self._each)
        bin_width = 2 / self._size
        top = (self._starts.size * self._merged - 0.5) * bin_width
        return begin, begin + columns * self._each * self._hop, -0.5 * bin_width, top
