"""Minimum phase: the kernel with the least delay among those of the same magnitude.

The cepstrum moves all zeros of its transfer function inside the unit circle (A. V. Oppenheim,
R. W. Schafer, "Discrete-Time Signal Processing", 3rd ed., 2010, section 13.5)::

    c = ifft(log |H|)                    the logarithm's even part
    c'[0] = c[0], c'[n] = 2*c[n], n > 0; c'[n] = 0, n < 0
    h' = ifft(exp(fft(c')))              |H'| = |H|, with the least delay

Every stopband has zeros on the circle itself, and no transform is long enough for their logarithm.
Therefore |H|**2 + d**2 replaces |H|**2: a polynomial of the same degree, whose factor has the same number
of taps and no zero on the circle. The powers of the stopband and of d add up.
"""

import math

import numpy as np

from convt.arrays import Reals

_POINTS_PER_TAP = 32  # the cepstrum decays before it wraps around


def minimum_phase(kernel: Reals, floor: float) -> Reals:
    """Return the minimum-phase kernel of the same length.

    Parameters
    ----------
    kernel : ndarray, (K,)
        Taps.
    floor : float
        The d above: about the gain of the kernel in its stopband.
    """
    points = 1 << math.ceil(math.log2(_POINTS_PER_TAP * kernel.size))
    power = np.abs(np.fft.rfft(kernel, points)) ** 2
    cepstrum = np.fft.irfft(np.log(power + floor**2) / 2, points)
    cepstrum[1 : points // 2] *= 2
    cepstrum[points // 2 + 1 :] = 0
    minimum: Reals = np.fft.irfft(np.exp(np.fft.rfft(cepstrum)), points)[: kernel.size]
    return minimum
