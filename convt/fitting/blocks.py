"""A pair of signals, cut into the blocks that :mod:`convt.fitting.correlations` adds up.

Blocks lie on a fixed grid, and leave in batches of a fixed size, so that the sums are the same to the byte
in whatever pieces the signals come.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from convt.arrays import Reals

_BATCH, _MOST_OUTPUTS = 32, 1 << 20  # blocks at a time, and samples of HIGH: temporary arrays stay small


class Blocks(NamedTuple):
    """Consecutive blocks of a pair.

    Attributes
    ----------
    segments : ndarray, (C_in, blocks, B + W-1)
        Of the input, each with its history.
    phases : ndarray, (C_out, blocks, stride, B)
        Of the output.
    counts : ndarray of int, (blocks,)
        Their samples; B of all but the last of a pair.
    """

    segments: Reals
    phases: Reals
    counts: NDArray[np.intp]

    def of(self, which: NDArray[np.bool]) -> "Blocks":
        """Return some of them."""
        return Blocks(self.segments[:, which], self.phases[:, which], self.counts[which])


class Cutter:
    """Cuts one pair.

    Parameters
    ----------
    first, lags : int
        The lags of the input are first ... first + lags-1.
    block, stride : int
        Input samples of a block, and output samples for each.
    """

    def __init__(self, first: int, lags: int, block: int, stride: int) -> None:
        self._history, self._block, self._stride = lags - 1, block, stride
        begin = max(0, first + lags - 1)  # the first sample with all its lags
        self._skips = [begin - first - lags + 1, begin * stride]
        self._pending: list[list[Reals]] = [[], []]
        self._lengths = [0, 0]

    def cut(self, low: Reals, high: Reals, *, last: bool = False) -> Iterator[Blocks]:
        """Take further samples, (C_in, any) and (C_out, any), and yield the blocks that are complete.

        With `last`, which ends the pair, the rest is cut into blocks, too.
        """
        for side, piece in enumerate((low, high)):
            skipped = min(self._skips[side], piece.shape[1])
            self._skips[side] -= skipped
            self._pending[side].append(piece[:, skipped:])
            self._lengths[side] += piece.shape[1] - skipped
        outputs = len(high) * self._stride * self._block
        batch = self._block * max(1, min(_BATCH, _MOST_OUTPUTS // outputs))
        while self._ready() >= batch:
            yield self._take(batch)
        if last:
            while (rest := min(self._ready(), batch)) > 0:
                yield self._take(rest)

    def _ready(self) -> int:
        """Return the number of samples whose inputs and outputs are both here."""
        low, high = self._lengths
        return min(low - self._history, high // self._stride)

    def _take(self, samples: int) -> Blocks:
        low, high = (np.concatenate(pieces, axis=1) for pieces in self._pending)
        count = -(-samples // self._block)
        room = count * self._block
        segments = _padded(low[:, : samples + self._history], room + self._history)
        segments = sliding_window_view(segments, self._block + self._history, axis=1)[:, :: self._block]
        phases = _padded(high[:, : samples * self._stride], room * self._stride)
        phases = phases.reshape(len(high), count, self._block, self._stride).swapaxes(2, 3)
        counts = np.full(count, self._block)
        counts[-1] = samples - (count - 1) * self._block
        self._pending = [[low[:, samples:]], [high[:, samples * self._stride :]]]
        self._lengths = [self._pending[side][0].shape[1] for side in (0, 1)]
        return Blocks(segments, phases, counts)


def _padded(samples: Reals, length: int) -> Reals:
    return np.pad(samples, ((0, 0), (0, length - samples.shape[1])))
