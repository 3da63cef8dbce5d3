"""The kernel whose errors are all alike, and therefore the shortest.

By the exchange of J. H. McClellan and T. W. Parks ("A unified approach to the design of optimum FIR linear
phase digital filters", IEEE Trans. Circuit Theory 20, 1973), as scipy has it: of all symmetric kernels the
one whose greatest weighted error is the least. Its ripple reaches the tolerance all over the passband, and
its images do not fade with the distance from the edge as those of a window do. The exchange ends in
rounding errors for long kernels and deep stopbands.
"""

import math

import numpy as np

from convt.arrays import Reals
from convt.design.search import Specification

_ROUNDS = 100
_MOST_TAPS = 4096  # beyond it there is little hope, and much waiting
_SPARE = 0.45  # of the tolerance: the gain at 0 Hz, which all is relative to, is off by as much itself


def equiripple(taps: int, wanted: Specification) -> Reals | None:
    """Return the kernel of so many taps that comes next to a specification; None if the exchange fails."""
    if taps > _MOST_TAPS:
        return None
    from scipy.signal import remez  # slow to import, and needed here alone

    edges = [0, wanted.passband / wanted.stride / 2, 1 / wanted.stride / 2, 0.5]
    weight = [1, _SPARE * wanted.ripple / 10 ** (-wanted.rejection / 20)]
    try:
        kernel: Reals = remez(taps, edges, [wanted.stride, 0], weight=weight, maxiter=_ROUNDS)
    except ValueError:
        return None
    return kernel if np.isfinite(kernel).all() else None


def equiripple_taps(wanted: Specification) -> float:
    """Return how many taps a specification takes, about, by Kaiser's formula of 1974."""
    ripples = -10 * math.log10(_SPARE * wanted.ripple) + wanted.rejection / 2
    return wanted.stride * (ripples - 13) / (7.3 * (1 - wanted.passband)) + 1
