"""Compute the squared error of kernels from the sums."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from convt.arrays import Reals
from convt.fitting.correlations import Sums
from convt.fitting.least_squares import Placement

ROUNDING = 1e-12  # of the energy: smaller errors are rounding of the sums


class SquaredError(NamedTuple):
    """The energy of the error and of the wanted outputs."""

    lost: float
    wanted: float

    @property
    def fraction(self) -> float:
        """The error as a fraction of the wanted energy; NaN for silence."""
        return self.lost / self.wanted if self.wanted > 0 else math.nan

    @property
    def decibels(self) -> float:
        """The fraction in dB, at least the rounding of the sums."""
        return 10 * math.log10(max(self.fraction, ROUNDING)) if self.wanted > 0 else math.nan


def squared_error(
    systems: Iterable[Sums], place: Placement, taps: Iterable[Reals], *, any_gain: bool = False
) -> SquaredError:
    """Return the squared error of kernels (C_in, C_out, K), one per system.

    With `any_gain` all of them are scaled by the same best gain.
    """
    wanted = made = product = 0.0
    for sums, kernel in zip(systems, taps, strict=True):
        energy, common = _output_energy(sums, place, kernel)
        wanted, made, product = wanted + float(sums.energy.sum()), made + energy, product + common
    gain = product / made if any_gain and made > 0 else 1.0
    return SquaredError(max(wanted - 2 * gain * product + gain**2 * made, 0.0), wanted)


def _output_energy(sums: Sums, place: Placement, taps: Reals) -> tuple[float, float]:
    """Return the energy of a kernel's outputs, and their product with the wanted outputs.

    With a gain g, the squared error is the wanted energy - 2*g*product + g**2*energy.
    """
    energy = product = 0.0
    for group in place.groups():
        own, cross = group.of(taps), group.cross(sums)
        order = own.shape[0] * own.shape[1]
        flat = own.reshape(order, -1)
        energy += float((flat * (group.gram(sums).reshape(order, order) @ flat)).sum())
        product += float((own * cross).sum())
    return energy, product
