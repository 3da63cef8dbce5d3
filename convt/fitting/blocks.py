"""Cut a pair of signals into blocks for :mod:`convt.fitting.correlations`.

Blocks lie on a fixed grid and come in batches of a fixed size, so that the sums have the same bytes for any
pieces.
"""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from convt.arrays import Reals

_BATCH, _MOST_OUTPUTS = 32, 1 << 20  # blocks at a time, and samples of HIGH, to keep temporary arrays small


class Blocks(NamedTuple):
    """Consecutive blocks of a pair.

    Attributes
    ----------
    segments : ndarray, (C_in, blocks, B + W-1)
        The input, each block with its history.
    phases : ndarray, (C_out, blocks, stride, B)
        The output.
    counts : ndarray of int, (blocks,)
        The samples of each block: B, or less for the last block of a pair.
    """

    segments: Reals
    phases: Reals
    counts: NDArray[np.intp]

    def of(self, which: NDArray[np.bool]) -> "Blocks":
        """Return the selected blocks."""
        return Blocks(self.segments[:, which], self.phases[:, which], self.counts[which])


class Cutter:
    """Cuts one pair.

    Parameters
    ----------
    first, lags : int
        The lags of the input are first ... first + lags-1.
    block, stride : int
        Input samples per block, and output samples per input sample.
    """

    def __init__(self, first: int, lags: int, block: int, stride: int) -> None:
        self._history, self._block, self._stride = lags - 1, block, stride
        begin = max(0, first + lags - 1)  # the first sample with all its lags
        self._skips = [begin - first - lags + 1, begin * stride]
        self._pending = _Pieces(), _Pieces()

    def cut(self, low: Reals, high: Reals, *, last: bool = False) -> Iterator[Blocks]:
        """Take the next samples, (C_in, any) and (C_out, any), and yield the blocks that are complete.

        `last` ends the pair: the rest is cut into blocks as well.
        """
        for side, piece in enumerate((low, high)):
            skipped = min(self._skips[side], piece.shape[1])
            self._skips[side] -= skipped
            self._pending[side].append(piece[:, skipped:])
        outputs = len(high) * self._stride * self._block
        batch = self._block * max(1, min(_BATCH, _MOST_OUTPUTS // outputs))
        while self._ready() >= batch:
            yield self._take(batch)
        if last:
            while (rest := min(self._ready(), batch)) > 0:
                yield self._take(rest)

    def _ready(self) -> int:
        """Return the number of samples whose inputs and outputs have both arrived."""
        low, high = self._pending
        return min(low.length - self._history, high.length // self._stride)

    def _take(self, samples: int) -> Blocks:
        low = self._pending[0].take(samples + self._history, keep=self._history)
        high = self._pending[1].take(samples * self._stride)
        count = -(-samples // self._block)
        room = count * self._block
        segments = _padded(low, room + self._history)
        segments = sliding_window_view(segments, self._block + self._history, axis=1)[:, :: self._block]
        phases = _padded(high, room * self._stride)
        phases = phases.reshape(len(high), count, self._block, self._stride).swapaxes(2, 3)
        counts = np.full(count, self._block)
        counts[-1] = samples - (count - 1) * self._block
        return Blocks(segments, phases, counts)


class _Pieces:
    """A queue of `length` samples in pieces (C, any), which are copied only when taken."""

    def __init__(self) -> None:
        self._pieces, self.length = deque[Reals](), 0

    def append(self, piece: Reals) -> None:
        """Add samples."""
        self._pieces.append(piece)
        self.length += piece.shape[1]

    def take(self, count: int, keep: int = 0) -> Reals:
        """Return the first `count` samples, and forget all but the last `keep` of them."""
        taken, missing = list[Reals](), count
        while missing:
            piece = self._pieces.popleft()
            taken.append(piece[:, :missing])
            if missing < piece.shape[1]:
                self._pieces.appendleft(piece[:, missing:])
            missing -= taken[-1].shape[1]
        first = np.concatenate(taken, axis=1)
        self._pieces.appendleft(first[:, count - keep :])
        self.length -= count - keep
        return first


def _padded(samples: Reals, length: int) -> Reals:
    return np.pad(samples, ((0, 0), (0, length - samples.shape[1])))
