"""The least squares problems of a fit: one for all channels, one a channel, or one that mixes them."""

import math
from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np

from convt.arrays import Reals
from convt.fitting.blocks import Blocks, Cutter
from convt.fitting.correlations import FOLDS, Correlations, Sums
from convt.fitting.least_squares import Placement, outcome

ROUNDING = 1e-12  # of the energy: an error below it is one of the sums

Channels = Literal["shared", "each", "mixed"]


class Systems:
    """The sums of a fit.

    Parameters
    ----------
    channels : {"shared", "each", "mixed"}
        One kernel for every channel; one a channel; or one from each input to each output.
    sizes : tuple of int
        Channels that go in, and that come out.
    stride, first, lags : int
        As of :class:`Cutter`.
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
        """Take further samples of a pair, (C_in, any) and (C_out, any); `last` ends it."""
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
        """How many input samples there are, of all systems and folds."""
        return sum(correlations.samples for correlations in self._correlations)

    def sums(self, folds: Iterable[int]) -> list[Sums]:
        """Return the sums of some folds, for each system."""
        chosen = list(folds)
        return [correlations.sums(chosen) for correlations in self._correlations]


def samples(systems: Iterable[Sums]) -> int:
    """Return how many input samples there are, of all systems."""
    return sum(sums.samples for sums in systems)


def is_silent(systems: Iterable[Sums]) -> bool:
    """Tell whether nothing goes in, or nothing should come out."""
    every = list(systems)
    return not (any(sums.gram.any() for sums in every) and any(sums.energy.any() for sums in every))


class Error(NamedTuple):
    """The energy of what is wrong with outputs, and of what they should be."""

    lost: float
    wanted: float

    @property
    def fraction(self) -> float:
        """The one in units of the other; NaN where nothing should come out."""
        return self.lost / self.wanted if self.wanted > 0 else math.nan

    @property
    def decibels(self) -> float:
        """The same in dB, but for what is rounding of the sums."""
        return 10 * math.log10(max(self.fraction, ROUNDING)) if self.wanted > 0 else math.nan


def error(
    systems: Iterable[Sums], place: Placement, taps: Iterable[Reals], *, any_gain: bool = False
) -> Error:
    """Return the squared error of kernels, one a system.

    With `any_gain` all of them have the one gain that suits them best.
    """
    wanted = made = product = 0.0
    for sums, kernel in zip(systems, taps, strict=True):
        energy, common = outcome(sums, place, kernel)
        wanted, made, product = wanted + float(sums.energy.sum()), made + energy, product + common
    gain = product / made if any_gain and made > 0 else 1.0
    return Error(max(wanted - 2 * gain * product + gain**2 * made, 0.0), wanted)
