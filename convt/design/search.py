"""Search the shortest kernel that meets a specification, or the best kernel of a given length.

Each kernel is measured, not judged by a formula: if it falls short of the rejection, the next one aims
higher.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from convt.analysis.response import Response, phase_sums
from convt.arrays import Reals

_TRIES = 6
_STEPS, _HALVINGS = 16, 16
_MARGIN = 0.1  # dB by which the measurement may miss the peak of a sidelobe
MOST_TAPS = 1 << 21
MOST_REJECTION = 250.0  # dB


class Specification(NamedTuple):
    """The passband and the stopband of a kernel.

    Attributes
    ----------
    stride : int or Fraction
        Output samples per input sample.
    passband : float
        Up to this frequency, in input Nyquist frequencies, the gain is 1 within the tolerance.
    rejection : float
        From `stopband` on the gain is at least this many dB below 1.
    tolerance : float
        Greatest deviation of the gain in the passband, in dB.
    fade : int
        Input samples by which the kernel is longer, so that images far above 1 vanish.
    stopband : float
        The edge of the stopband, in input Nyquist frequencies: images of tones up to 2 - stopband are
        rejected.
    phases : int
        Number of phases with a gain of 1 at 0 Hz; 0 for the stride.
    """

    stride: int | Fraction
    passband: float
    rejection: float
    tolerance: float = 0.01
    fade: int = 0
    stopband: float = 1.0
    phases: int = 0

    @property
    def ripple(self) -> float:
        """Greatest deviation of the gain in the passband, as a fraction."""
        return -math.expm1(-self.tolerance * math.log(10) / 20)


Method = Callable[[int, Specification], Reals | None]


class Design(NamedTuple):
    """A kernel that meets a specification, and the stricter one that it aims at."""

    kernel: Reals
    aim: Specification


def meet_specification(method: Method, taps: int, wanted: Specification) -> Design | None:
    """Return a kernel of this length that, as measured, meets a specification; None if none was found."""
    aim = wanted._replace(rejection=wanted.rejection + _MARGIN)
    for _ in range(_TRIES):
        kernel = method(taps, aim)
        if kernel is None:
            return None
        stride = int(wanted.stride)
        kernel = with_equal_phases(kernel, wanted.phases or stride)
        response = Response(kernel, stride)
        if response.passband_edge(wanted.tolerance) < wanted.passband:
            return None
        short = wanted.rejection + _MARGIN + float(response.worst_image(2 - wanted.stopband).level)
        if short <= 0:
            return Design(kernel, aim)
        aim = aim._replace(rejection=aim.rejection + short + _MARGIN / 2)
    return None


def with_equal_phases(kernel: Reals, stride: int) -> Reals:
    """Return a kernel with every phase's gain at 0 Hz set to 1."""
    even: Reals = kernel / np.resize(phase_sums(kernel, stride), kernel.size)
    return even


def shortest(method: Method, wanted: Specification, guess: float) -> Design | None:
    """Return the shortest kernel of odd length that meets a specification.

    Parameters
    ----------
    method : callable
        Makes a kernel of a given length that aims at a specification.
    wanted : Specification
        The specification to meet.
    guess : float
        Estimate of the length, in taps.
    """
    found: dict[int, Design | None] = {}

    def is_met(half: int) -> bool:
        if half not in found:
            found[half] = meet_specification(method, 2 * half + 1, wanted)
        return found[half] is not None

    high, stride = max(1, int(guess / 2)), 1
    while not is_met(high):
        high, stride = high + stride, 2 * stride
        if 2 * high + 1 > min(MOST_TAPS, 4 * guess + 64):
            return None
    low = high - stride
    while low > 0 and is_met(low):
        low, high, stride = low - 2 * stride, low, 2 * stride
    low = max(low, 0)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_met(middle) else (middle, high)
    return found[high]


def max_passband(method: Method, taps: int, wanted: Specification) -> Design | None:
    """Return the kernel of this length with the widest passband at a rejection.

    The ripple may be as large as the images, or 0.01 dB if that is larger.
    """
    tolerance = max(0.01, 20 * math.log10(1 + 10 ** (-wanted.rejection / 20)))
    wanted = wanted._replace(tolerance=tolerance)
    most = wanted.stopband
    return _greatest(lambda edge: meet_specification(method, taps, wanted._replace(passband=edge)), most)


def max_rejection(method: Method, taps: int, wanted: Specification) -> Design | None:
    """Return the kernel of this length with the greatest rejection at a passband."""
    return _greatest(
        lambda level: meet_specification(method, taps, wanted._replace(rejection=level)), MOST_REJECTION
    )


def _greatest(design: Callable[[float], Design | None], most: float) -> Design | None:
    """Return the design at the greatest value, up to `most`, at which there is one."""
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
