"""The samples that a stream still needs, by their position in the signal."""

import numpy as np

from convt.arrays import Array, DType


class InputBuffer:
    """Samples kept from earlier pushes, and the samples (N, C, n) of the last push.

    ::

        position   ... | kept_from ..... | pushed_from ...... | seen
                       |  kept, a copy   |  pushed, a view    |
    """

    def __init__(self, dtype: DType) -> None:
        self._dtype = dtype
        self._kept: Array | None = None
        self._kept_from = self.pushed_from = self.seen = 0
        self._pushed: Array

    def fork(self) -> "InputBuffer":
        """Return an independent buffer with the same samples, which are replaced and never changed."""
        fork = object.__new__(InputBuffer)
        fork.__dict__.update(self.__dict__)
        return fork

    def push(self, x: Array) -> None:
        """Take the next samples."""
        self._pushed, self.pushed_from = x, self.seen
        self.seen += x.shape[-1]

    def keep(self, start: int) -> None:
        """Keep a copy of the samples from position `start` on, and no view of the last push."""
        start = min(self.seen, max(0, start))
        taken = self.take(slice(None), slice(None), start, self.seen)
        kept = taken if taken.base is None else taken.copy()
        self._kept, self._kept_from = kept, start
        self._pushed, self.pushed_from = kept[..., :0], self.seen

    def take(self, signals: slice, channels: slice, start: int, stop: int) -> Array:
        """Return samples `start` to `stop`, zeros around the signal; a view if possible."""
        if self.pushed_from <= start and stop <= self.seen and self._pushed.dtype == self._dtype:
            return self._pushed[signals, channels, start - self.pushed_from : stop - self.pushed_from]
        kept, pushed = self._kept, self._pushed[signals, channels]
        if (
            kept is not None
            and self._kept_from <= start
            and stop == self.seen
            and pushed.dtype == kept.dtype
        ):
            return np.concatenate((kept[signals, channels, start - self._kept_from :], pushed), -1)
        taken = np.zeros((*pushed.shape[:-1], stop - start), self._dtype)
        for origin, piece in ((self._kept_from, self._kept), (self.pushed_from, self._pushed)):
            if piece is None:
                continue
            low, high = max(start, origin), min(stop, origin + piece.shape[-1])
            if low < high:
                taken[..., low - start : high - start] = piece[
                    signals, channels, low - origin : high - origin
                ]
        return taken
