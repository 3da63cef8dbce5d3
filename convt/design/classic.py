"""Interpolators of the textbooks, as kernels: short, and what all others are compared with.

Each weights a sample by its distance t, in input samples::

    hold     1                                                      0 <= t < 1
    linear   1 - |t|                                                |t| < 1
    cubic    1.5|t|**3 - 2.5|t|**2 + 1                              |t| <= 1
             -0.5|t|**3 + 2.5|t|**2 - 4|t| + 2                      1 < |t| < 2
    lanczos  sinc(t)*sinc(t/a)                                      |t| < a

cubic: R. G. Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans. ASSP 29,
1981; lanczos: C. E. Duchon, "Lanczos filtering in one and two dimensions", J. Applied Meteorology 18, 1979.
"""

import numpy as np

from convt.arrays import Reals

LANCZOS_LOBES = 3


def hold(stride: int) -> Reals:
    """Return the kernel that repeats each sample, (stride,)."""
    return np.ones(stride)


def linear(stride: int) -> Reals:
    """Return the kernel of straight lines, (2*stride - 1,)."""
    return 1 - np.abs(_distances(stride, 1))


def cubic(stride: int) -> Reals:
    """Return the kernel of Keys' cubics, which pass through the samples, (4*stride - 1,)."""
    t = np.abs(_distances(stride, 2))
    return np.where(t <= 1, (1.5 * t - 2.5) * t**2 + 1, ((2.5 - 0.5 * t) * t - 4) * t + 2)


def lanczos(stride: int, lobes: int = LANCZOS_LOBES) -> Reals:
    """Return Lanczos' windowed sinc of so many lobes on a side, (2*lobes*stride - 1,)."""
    t = _distances(stride, lobes)
    return np.sinc(t) * np.sinc(t / lobes)


def _distances(stride: int, reach: int) -> Reals:
    return np.arange(1 - reach * stride, reach * stride) / stride
