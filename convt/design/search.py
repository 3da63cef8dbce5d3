"""The kernel that meets a specification with the fewest taps, or does the most with some.

Whether a kernel meets its specification is measured on the kernel itself. What is asked for does not fail
for want of a formula: where a kernel falls short of the rejection, the next try aims higher.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from convt.arrays import Reals
from convt.response import Response, phase_sums

_TRIES = 6
_STEPS, _HALVINGS = 16, 16
_MARGIN = 0.1  # dB: what is measured may miss of the top of a sidelobe
MOST_TAPS = 1 << 21
MOST_REJECTION = 250.0  # dB


class Specification(NamedTuple):
    """What a kernel is to do.

    Attributes
    ----------
    stride : int
        Output samples per input sample.
    passband : float
        Up to here, in input Nyquist frequencies, the gain is 1 within the tolerance.
    rejection : float
        From 1 on everything is so many dB below 1.
    tolerance : float
        What the gain may be off by in the passband, in dB.
    fade : int
        Input samples by which the kernel may be longer, so that images far from 1 vanish.
    """

    stride: int
    passband: float
    rejection: float
    tolerance: float = 0.01
    fade: int = 0

    @property
    def ripple(self) -> float:
        """What the gain may be off by in the passband, as a fraction."""
        return -math.expm1(-self.tolerance * math.log(10) / 20)


Make = Callable[[int, Specification], Reals | None]


class Found(NamedTuple):
    """A kernel that meets a specification, and what it was aimed at."""

    kernel: Reals
    aim: Specification


def meeting(make: Make, taps: int, wanted: Specification) -> Found | None:
    """Return a kernel of so many taps that meets a specification as measured; None if none was found."""
    aim = wanted._replace(rejection=wanted.rejection + _MARGIN)
    for _ in range(_TRIES):
        kernel = make(taps, aim)
        if kernel is None:
            return None
        kernel = with_equal_phases(kernel, wanted.stride)
        response = Response(kernel, wanted.stride)
        if response.passband_edge(wanted.tolerance) < wanted.passband:
            return None
        short = wanted.rejection + _MARGIN + float(response.worst_image().level)
        if short <= 0:
            return Found(kernel, aim)
        aim = aim._replace(rejection=aim.rejection + short + _MARGIN / 2)
    return None


def with_equal_phases(kernel: Reals, stride: int) -> Reals:
    """Return a kernel with every phase's gain at 0 Hz set to 1, so that a constant stays one."""
    even: Reals = kernel / np.resize(phase_sums(kernel, stride), kernel.size)
    return even


def shortest(make: Make, wanted: Specification, guess: float) -> Found | None:
    """Return the kernel of the fewest, an odd number of, taps that meets a specification.

    Parameters
    ----------
    make : callable
        Makes a kernel of so many taps that aims at a specification.
    wanted : Specification
        What it is to meet.
    guess : float
        Taps it takes, about.
    """
    found: dict[int, Found | None] = {}

    def meets(half: int) -> bool:
        if half not in found:
            found[half] = meeting(make, 2 * half + 1, wanted)
        return found[half] is not None

    high, stride = max(1, int(guess / 2)), 1
    while not meets(high):
        high, stride = high + stride, 2 * stride
        if 2 * high + 1 > min(MOST_TAPS, 4 * guess + 64):
            return None
    low = high - stride
    while low > 0 and meets(low):
        low, high, stride = low - 2 * stride, low, 2 * stride
    low = max(low, 0)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if meets(middle) else (middle, high)
    return found[high]


def max_passband(make: Make, taps: int, wanted: Specification) -> Found | None:
    """Return the kernel of so many taps whose passband is the widest at a rejection.

    In the passband the gain may be off by as much as images may be loud, if that is more than 0.01 dB.
    """
    tolerance = max(0.01, 20 * math.log10(1 + 10 ** (-wanted.rejection / 20)))
    wanted = wanted._replace(tolerance=tolerance)
    return _most(lambda edge: meeting(make, taps, wanted._replace(passband=edge)), 1.0)


def max_rejection(make: Make, taps: int, wanted: Specification) -> Found | None:
    """Return the kernel of so many taps whose rejection is the greatest at a passband."""
    return _most(lambda level: meeting(make, taps, wanted._replace(rejection=level)), MOST_REJECTION)


def _most(design: Callable[[float], Found | None], most: float) -> Found | None:
    """Return what a design gives at the greatest value, up to `most`, at which it gives anything."""
    step = most / _STEPS
    for count in range(_STEPS, 0, -1):
        if (best := design(value := count * step)) is not None:
            break
    else:
        return None
    for _ in range(_HALVINGS if value < most else 0):
        step /= 2
        if (kernel := design(value + step)) is not None:
            value, best = value + step, kernel
    return best
