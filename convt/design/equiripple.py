"""Equiripple kernels, whose errors are all equal: the shortest for a specification.

Of all symmetric kernels, the exchange algorithm of J. H. McClellan and T. W. Parks ("A unified approach to
the design of optimum FIR linear phase digital filters", IEEE Trans. Circuit Theory 20, 1973), here that of
scipy, finds the one with the least maximum of the weighted error. Its ripple reaches the tolerance all over
the passband, and its images do not decrease away from the edge as those of a windowed sinc do. For long
kernels and deep stopbands the algorithm fails because of rounding.
"""

import math

import numpy as np

from convt.arrays import Reals
from convt.design.search import Specification

_ROUNDS = 100
_MOST_TAPS = 4096  # longer designs are slow and usually fail
_SPARE = 0.45  # of the tolerance, since the gain at 0 Hz, the reference, has the same ripple


def equiripple(taps: int, wanted: Specification) -> Reals | None:
    """Return the kernel of this length closest to a specification; None if the algorithm fails."""
    if taps > _MOST_TAPS:
        return None
    from scipy.signal import remez  # slow to import, and needed only here

    edges = [0, wanted.passband / wanted.stride / 2, wanted.stopband / wanted.stride / 2, 0.5]
    weight = [1, _SPARE * wanted.ripple / 10 ** (-wanted.rejection / 20)]
    try:
        kernel: Reals = remez(taps, edges, [wanted.stride, 0], weight=weight, maxiter=_ROUNDS)
    except ValueError:
        return None
    return kernel if np.isfinite(kernel).all() else None


def equiripple_taps(wanted: Specification) -> float:
    """Return the approximate number of taps for a specification (Kaiser's formula of 1974)."""
    ripples = -10 * math.log10(_SPARE * wanted.ripple) + wanted.rejection / 2
    return wanted.stride * (ripples - 13) / (7.3 * (wanted.stopband - wanted.passband)) + 1
