"""A sinc weighted with a Kaiser window.

The ideal low-pass filter of the output rate, cut off and faded out (J. F. Kaiser, "Nonrecursive digital
filter design using the I0-sinh window function", Proc. IEEE ISCAS, 1974)::

    h[t] = sinc(c*t/s) * I0(beta*sqrt(1 - (2*t/(K - 1))**2)),   |t| <= (K - 1)/2,   c: cutoff, s: stride

    gain 1 |--------.            Around the cutoff the gain is a step smoothed by the window's spectrum:
           |        :`.          a curve of u = (f - c)*(K - 1)/(2*s) and beta alone, mirrored about c.
           |        :  `.  _     What lies beyond its foot are sidelobes; beta says how high the first is.
           +--------+-:--`'-`'-' f
                    |<c>|
                 pass   stop

Kaiser's formulas for beta and the length come close; here both are read off the curve itself.

The window ends in a step, and so its sidelobes fall by 6 dB an octave only. Where `fade` is asked for, it
is convolved with a second, much shorter one, which rounds the step off: the spectra multiply, and what
lies some Nyquist frequencies away vanishes below the rounding of double precision.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from convt.arrays import Reals
from convt.design.search import Specification

_NOTHING = 300.0  # dB: with the fall of the first window's sidelobes, less than rounding
_REACH, _FINE = 128, 128  # of the kernel that the curve is taken from: taps on a side, points a unit of u


class Step(NamedTuple):
    """How wide the step around the cutoff is, in units of u: from there into passband and stopband."""

    beta: float
    passes: float
    stops: float


@cache
def step(rejection: float, ripple: float) -> Step:
    """Return the narrowest step whose sidelobes stay `rejection` dB below 1.

    Parameters
    ----------
    rejection : float
        Attenuation of the stopband in dB.
    ripple : float
        What the gain in the passband may be off by, as a fraction.
    """
    lobes = max(rejection, -20 * math.log10(ripple))
    beta = _formula(lobes)
    for _ in range(3):
        beta = max(0.0, beta + _formula(lobes) - _formula(_sidelobe(_curve(beta))))
    beta = round(beta, 3)  # beyond it stands what transforms round, and that differs between machines
    curve = _curve(beta)
    widths = (_crossing(curve, level) for level in (ripple, 10 ** (-rejection / 20)))
    return Step(beta, *(round(width, 4) for width in widths))


def windowed_sinc(window: Reals, stride: int, cutoff: float) -> Reals:
    """Return a kernel cut off at so many input Nyquist frequencies, the sum of its taps about `stride`."""
    half = (window.size - 1) / 2
    # The sine of what is left of whole turns: of a large angle it would be off by that angle's rounding.
    angle = np.longdouble(cutoff) / stride * (np.arange(window.size) - half)
    turn = (angle - 2 * np.rint(angle / 2)).astype(np.float64)
    sinc = np.divide(np.sin(np.pi * turn), np.pi * angle, where=angle != 0, out=np.ones(window.size))
    kernel: Reals = cutoff * sinc * window
    return kernel


def kaiser(taps: int, wanted: Specification) -> Reals | None:
    """Return the kernel of so many taps that comes next to a specification; None if there is none.

    What room the transition leaves is shared between its two ends.
    """
    narrow = step(wanted.rejection, wanted.ripple)
    faded = _faded(wanted)
    unit = 2 * wanted.stride / max(1, taps - faded - 1)
    room = 1 - wanted.passband - (narrow.passes + narrow.stops) * unit
    cutoff = 1 - narrow.stops * unit - room / 2
    if cutoff <= 0 or faded >= taps:
        return None
    window = np.kaiser(taps - faded, narrow.beta)
    if faded:
        window = _convolved(window, np.kaiser(faded + 1, _formula(max(0.0, _NOTHING - wanted.rejection))))
    return windowed_sinc(window, wanted.stride, cutoff)


def kaiser_taps(wanted: Specification) -> float:
    """Return how many taps a specification takes, about."""
    narrow = step(wanted.rejection, wanted.ripple)
    sharp = 2 * wanted.stride * (narrow.passes + narrow.stops) / (1 - wanted.passband)
    return sharp + 1 + _faded(wanted)


def _faded(wanted: Specification) -> int:
    """Return how many taps the second window adds, an even number."""
    return 2 * (wanted.fade * wanted.stride // 2)


def _convolved(window: Reals, short: Reals) -> Reals:
    """Return a window smoothed by a short one, symmetric to the last bit."""
    taps = window.size + short.size - 1
    points = 1 << taps.bit_length()
    spectrum = np.fft.rfft(window, points) * np.fft.rfft(short / short.sum(), points)
    smooth: Reals = np.fft.irfft(spectrum, points)[:taps]
    return (smooth + smooth[::-1]) / 2


def _formula(rejection: float) -> float:
    """Return Kaiser's beta, which is a few per cent off."""
    if rejection > 50:
        return 0.1102 * (rejection - 8.7)
    return 0.5842 * math.pow(max(rejection - 21, 0), 0.4) + 0.07886 * (rejection - 21)


def _curve(beta: float) -> Reals:
    """Return the gain, with its sign, from the cutoff on, _FINE points a unit of u: 1/2 and then down."""
    kernel = np.zeros(2 * _REACH * _FINE)
    kernel[: 2 * _REACH + 1] = windowed_sinc(np.kaiser(2 * _REACH + 1, beta), 2, 1.0)
    gain: Reals = np.fft.rfft(np.roll(kernel, -_REACH)).real / kernel.sum()
    return gain[_REACH * _FINE // 2 :]


def _sidelobe(curve: Reals) -> float:
    """Return how far below 1 the highest sidelobe is, in dB: all that follows the first change of sign."""
    return -20 * math.log10(float(np.abs(curve[np.argmax(curve < 0) :]).max()))


def _crossing(curve: Reals, level: float) -> float:
    """Return where the step falls to a level for good."""
    after = int(np.argmax(curve <= level))
    above, below = math.log(curve[after - 1]), math.log(max(curve[after], level / 10))
    return (after - (math.log(level) - below) / (above - below)) / _FINE
