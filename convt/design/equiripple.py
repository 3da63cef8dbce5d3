"""The kernel whose errors are all equal, and therefore the shortest.

By the exchange of J. H. McClellan and T. W. Parks ("A unified approach to the design of optimum FIR linear
phase digital filters", IEEE Trans. Circuit Theory 20, 1973), in scipy: of all symmetric kernels the one
whose greatest weighted error is the least. Its ripple reaches the tolerance all over the passband, and its
images do not decrease away from the edge as those of a window do. For long kernels and deep stopbands the
exchange fails by rounding.
"""

import math

import numpy as np

from convt.arrays import Reals
from convt.design.search import Specification

_ROUNDS = 100
_MOST_TAPS = 4096  # longer designs mostly fail, slowly
_SPARE = 0.45  # of the tolerance: the gain at 0 Hz, the reference, has the same ripple


def equiripple(taps: int, wanted: Specification) -> Reals | None:
    """Return the kernel of this length closest to a specification; None if the exchange fails."""
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
    """Return the approximate number of taps for a specification, by Kaiser's formula of 1974."""
    ripples = -10 * math.log10(_SPARE * wanted.ripple) + wanted.rejection / 2
    return wanted.stride * (ripples - 13) / (7.3 * (wanted.stopband - wanted.passband)) + 1
