"""The sums of the normal equations: one system for all channels, one per channel, or one mixing them."""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from convt.arrays import Reals
from convt.fitting.blocks import Blocks, Cutter
from convt.fitting.correlations import FOLDS, Correlations, Sums

Channels = Literal["shared", "each", "mixed"]


class NormalEquations:
    """Collects the sums of pairs of signals, separately for each fold.

    Parameters
    ----------
    channels : {"shared", "each", "mixed"}
        One kernel for all channels, one per channel, or one from each input to each output.
    sizes : tuple of int
        Input and output channels.
    stride, first, lags : int
        Same as in :class:`Cutter`.
    """

    def __init__(
        self, channels: Channels, sizes: tuple[int, int], stride: int, first: int, lags: int
    ) -> None:
        self._channels = channels
        count = sizes[0] if channels == "each" else 1
        inner = sizes if channels == "mixed" else (1, 1)
        self._correlations = [Correlations(lags, *inner, stride) for _ in range(count)]
        self._shape = first, lags, self._correlations[0].block, stride
        self._cutter = Cutter(*self._shape)
        self._blocks = 0

    def add(self, low: Reals, high: Reals, *, last: bool) -> None:
        """Take the next samples of a pair, (C_in, any) and (C_out, any); `last` ends it."""
        for blocks in self._cutter.cut(low, high, last=last):
            folds = (self._blocks + np.arange(len(blocks.counts))) % FOLDS
            self._blocks += len(blocks.counts)
            for fold in np.unique(folds):
                self._add(int(fold), blocks.of(folds == fold))
        if last:
            self._cutter = Cutter(*self._shape)

    def _add(self, fold: int, blocks: Blocks) -> None:
        segments, phases, counts = blocks
        if self._channels == "mixed":
            self._correlations[0].add(fold, segments.swapaxes(0, 1), phases.swapaxes(0, 1), counts)
        elif self._channels == "each":
            for correlations, segment, phase in zip(self._correlations, segments, phases, strict=True):
                correlations.add(fold, segment[:, np.newaxis], phase[:, np.newaxis], counts)
        else:
            every = np.tile(counts, len(segments))
            below, above = (array.reshape(-1, 1, *array.shape[2:]) for array in (segments, phases))
            self._correlations[0].add(fold, below, above, every)

    @property
    def samples(self) -> int:
        """Number of input samples of all systems and folds."""
        return sum(correlations.samples for correlations in self._correlations)

    def sums(self, folds: Iterable[int]) -> list[Sums]:
        """Return the sums of some folds, for each system."""
        chosen = list(folds)
        return [correlations.sums(chosen) for correlations in self._correlations]

    def weight(self, taps: Sequence[Reals]) -> Reals:
        """Return the kernels of the systems, each (C_in, C_out, K), as (K,), (C, K) or (C_in, C_out, K)."""
        if self._channels == "mixed":
            return taps[0]
        kernels: Reals = np.concatenate(taps)[:, 0]
        return kernels[0] if self._channels == "shared" else kernels


def samples(systems: Iterable[Sums]) -> int:
    """Return the number of input samples of all systems."""
    return sum(sums.samples for sums in systems)


def is_silent(systems: Iterable[Sums]) -> bool:
    """Return whether all inputs, or all outputs, are silent."""
    every = list(systems)
    return not (any(sums.gram.any() for sums in every) and any(sums.energy.any() for sums in every))
