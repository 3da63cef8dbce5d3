"""A sinc weighted with a Kaiser window.

The ideal low-pass filter of the output rate, cut off and faded out (J. F. Kaiser, "Nonrecursive digital
filter design using the I0-sinh window function", Proc. IEEE ISCAS, 1974)::

    h[t] = sinc(c*t/s) * I0(beta*sqrt(1 - (2*t/(K - 1))**2)),   |t| <= (K - 1)/2,   c: cutoff, s: stride

    gain 1 |--------.            Around the cutoff the gain is a step smoothed by the window's spectrum:
           |        :`.          a curve of u = (f - c)*(K - 1)/(2*s) and beta alone, mirrored about c.
           |        :  `.  _     Beyond its foot are sidelobes; beta sets the height of the first.
           +--------+-:--`'-`'-' f
                    |<c>|
                 pass   stop

Kaiser's formulas for beta and the length are approximations; here both are read off the curve itself.

The window ends in a step, so that its sidelobes fall by only 6 dB an octave. With `fade` it is convolved
with a second, much shorter window, which rounds the step off: the spectra multiply, and images some Nyquist
frequencies away vanish below the rounding of double precision.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from convt.arrays import Reals, fast_length
from convt.design.presets import STEPS
from convt.design.search import Specification

_NOTHING = 300.0  # dB: with the fall of the first window's sidelobes, less than rounding
_RIPPLE = Specification(2, 1.0, 100.0).ripple  # of a design that says nothing else
_REACH, _FINE = 128, 128  # of the kernel that the curve is taken from: taps on a side, points a unit of u


class Step(NamedTuple):
    """The width of the step around the cutoff, in units of u: towards passband and stopband."""

    beta: float
    passes: float
    stops: float


@lru_cache(maxsize=1024)  # of three numbers each, as a search asks for them again and again
def step(rejection: float, ripple: float) -> Step:
    """Return the narrowest step whose sidelobes stay `rejection` dB below 1.

    Parameters
    ----------
    rejection : float
        Attenuation of the stopband in dB.
    ripple : float
        Greatest deviation of the gain in the passband, as a fraction.
    """
    known = STEPS.get(rejection) if ripple == _RIPPLE else None
    return Step(*known) if known else found_step(rejection, ripple)


def found_step(rejection: float, ripple: float) -> Step:
    """Return what :func:`step` does, read off the curve."""
    lobes = max(rejection, -20 * math.log10(ripple))
    beta = _formula(lobes)
    for _ in range(3):
        beta = max(0.0, beta + _formula(lobes) - _formula(_sidelobe(_curve(beta))))
    beta = round(beta, 3)  # further digits are rounding, and differ between machines
    curve = _curve(beta)
    widths = (_crossing(curve, level) for level in (ripple, 10 ** (-rejection / 20)))
    return Step(beta, *(round(width, 4) for width in widths))


def windowed_sinc(window: Reals, stride: float, cutoff: float) -> Reals:
    """Return a kernel with a cutoff in input Nyquist frequencies; its taps sum to about `stride`."""
    half = (window.size - 1) / 2
    # Whole turns are taken off first: the sine of a large angle would be off by the angle's rounding.
    angle = np.longdouble(cutoff) / stride * (np.arange((window.size + 1) // 2) - half)
    turn = (angle - 2 * np.rint(angle / 2)).astype(np.float64)
    sinc = np.divide(np.sin(np.pi * turn), np.pi * angle, where=angle != 0, out=np.ones(angle.size))
    kernel: Reals = cutoff * _mirrored(sinc, window.size) * window
    return kernel


def kaiser_window(taps: int, beta: float) -> Reals:
    """Return Kaiser's window, (K,), as ``numpy.kaiser`` does in twice the time."""
    half = (taps - 1) / 2
    place = (np.arange((taps + 1) // 2) - half) / max(half, 0.5)
    return _mirrored(np.i0(beta * np.sqrt(1 - place**2)) / np.i0(beta), taps)


def _mirrored(values: Reals, taps: int) -> Reals:
    """Return a symmetric array of which these are the first half, and the middle."""
    return np.concatenate([values, values[taps // 2 - 1 :: -1] if taps > 1 else values[:0]])


def kaiser(taps: int, wanted: Specification) -> Reals | None:
    """Return the kernel of this length closest to a specification; None if there is none.

    Spare width of the transition is shared between its two ends.
    """
    narrow = step(wanted.rejection, wanted.ripple)
    faded = _faded(wanted)
    unit = 2 * float(wanted.stride) / max(1, taps - faded - 1)
    room = wanted.stopband - wanted.passband - (narrow.passes + narrow.stops) * unit
    cutoff = wanted.stopband - narrow.stops * unit - room / 2
    if cutoff <= 0 or faded >= taps:
        return None
    window = kaiser_window(taps - faded, narrow.beta)
    if faded:
        window = _convolved(
            window, kaiser_window(faded + 1, _formula(max(0.0, _NOTHING - wanted.rejection)))
        )
    return windowed_sinc(window, float(wanted.stride), cutoff)


def kaiser_taps(wanted: Specification) -> float:
    """Return the approximate number of taps for a specification."""
    narrow = step(wanted.rejection, wanted.ripple)
    sharp = 2 * float(wanted.stride) * (narrow.passes + narrow.stops) / (wanted.stopband - wanted.passband)
    return sharp + 1 + _faded(wanted)


def _faded(wanted: Specification) -> int:
    """Return the number of taps that the second window adds, which is even."""
    return 2 * int(wanted.fade * wanted.stride / 2)


def _convolved(window: Reals, short: Reals) -> Reals:
    """Return a window smoothed by a short one, symmetric to the last bit."""
    taps = window.size + short.size - 1
    points = fast_length(taps)
    spectrum = np.fft.rfft(window, points) * np.fft.rfft(short / short.sum(), points)
    smooth: Reals = np.fft.irfft(spectrum, points)[:taps]
    return (smooth + smooth[::-1]) / 2


def _formula(rejection: float) -> float:
    """Return beta by Kaiser's formula, within a few per cent."""
    if rejection > 50:
        return 0.1102 * (rejection - 8.7)
    return 0.5842 * math.pow(max(rejection - 21, 0), 0.4) + 0.07886 * (rejection - 21)


def _curve(beta: float) -> Reals:
    """Return the gain, with its sign, from the cutoff on, _FINE points a unit of u: 1/2 and then down."""
    kernel = np.zeros(2 * _REACH * _FINE)
    kernel[: 2 * _REACH + 1] = windowed_sinc(kaiser_window(2 * _REACH + 1, beta), 2, 1.0)
    gain: Reals = np.fft.rfft(np.roll(kernel, -_REACH)).real / kernel.sum()
    return gain[_REACH * _FINE // 2 :]


def _sidelobe(curve: Reals) -> float:
    """Return the rejection of the highest sidelobe in dB; sidelobes begin at the first change of sign."""
    return -20 * math.log10(float(np.abs(curve[np.argmax(curve < 0) :]).max()))


def _crossing(curve: Reals, level: float) -> float:
    """Return where the step first falls to a level, in units of u."""
    after = int(np.argmax(curve <= level))
    above, below = math.log(curve[after - 1]), math.log(max(curve[after], level / 10))
    return (after - (math.log(level) - below) / (above - below)) / _FINE
