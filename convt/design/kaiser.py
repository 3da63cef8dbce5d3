"""A sinc weighted with a Kaiser window.

This is the ideal low-pass filter at the output rate, with its ends faded out (J. F. Kaiser, "Nonrecursive
digital filter design using the I0-sinh window function", Proc. IEEE ISCAS, 1974)::

    h[t] = sinc(c*t/s) * I0(beta*sqrt(1 - (2*t/(K - 1))**2)),   |t| <= (K - 1)/2,   c: cutoff, s: stride

    gain 1 |--------.            Around the cutoff the gain is a step smoothed by the window's spectrum:
           |        :`.          a curve of u = (f - c)*(K - 1)/(2*s) and beta only, mirrored about c.
           |        :  `.  _     Below the step are sidelobes; beta sets the height of the first.
           +--------+-:--`'-`'-' f
                    |<c>|
                 pass   stop

Kaiser's formulas for beta and the length are approximations; here both are measured on the curve itself.

The window does not end at 0, so its sidelobes fall by only 6 dB per octave. With `fade` it is convolved
with a second, much shorter window, which smooths its ends: the spectra multiply, and images a few Nyquist
frequencies away are below the rounding of double precision.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from convt.arrays import Reals, fast_length
from convt.design.presets import STEPS
from convt.design.search import Specification

_NOTHING = 300.0  # dB, including the falling sidelobes of the first window: less than rounding
_RIPPLE = Specification(2, 1.0, 100.0).ripple  # the default ripple of a design
_REACH, _FINE = 128, 128  # taps on each side of the kernel that the curve is measured on, points per u


class Step(NamedTuple):
    """The width of the step around the cutoff, in units of u: towards passband and stopband."""

    beta: float
    passes: float
    stops: float


@lru_cache(maxsize=1024)  # a search asks for the same few again and again
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
    """Compute the result of :func:`step` from the curve."""
    lobes = max(rejection, -20 * math.log10(ripple))
    beta = _formula(lobes)
    for _ in range(3):
        beta = max(0.0, beta + _formula(lobes) - _formula(_sidelobe(_curve(beta))))
    beta = round(beta, 3)  # further digits are rounding errors, which differ between machines
    curve = _curve(beta)
    widths = (_crossing(curve, level) for level in (ripple, 10 ** (-rejection / 20)))
    return Step(beta, *(round(width, 4) for width in widths))


def windowed_sinc(window: Reals, stride: float, cutoff: float) -> Reals:
    """Return a kernel with a cutoff in input Nyquist frequencies; its taps sum to about `stride`."""
    half = (window.size - 1) / 2
    # Whole turns are subtracted first: rounding of a large angle would be an error of its sine.
    angle = np.longdouble(cutoff) / stride * (np.arange((window.size + 1) // 2) - half)
    turn = (angle - 2 * np.rint(angle / 2)).astype(np.float64)
    sinc = np.divide(np.sin(np.pi * turn), np.pi * angle, where=angle != 0, out=np.ones(angle.size))
    kernel: Reals = cutoff * _mirrored(sinc, window.size) * window
    return kernel


def kaiser_window(taps: int, beta: float) -> Reals:
    """Return the Kaiser window, (K,), in half the time of ``numpy.kaiser``."""
    half = (taps - 1) / 2
    place = (np.arange((taps + 1) // 2) - half) / max(half, 0.5)
    return _mirrored(np.i0(beta * np.sqrt(1 - place**2)) / np.i0(beta), taps)


def _mirrored(values: Reals, taps: int) -> Reals:
    """Return the symmetric array with these values as its first half, including the middle."""
    return np.concatenate([values, values[taps // 2 - 1 :: -1] if taps > 1 else values[:0]])


def kaiser(taps: int, wanted: Specification) -> Reals | None:
    """Return the kernel of this length closest to a specification; None if there is none.

    If the transition band is wider than needed, both of its ends gain by the same amount.
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
    """Return the number of taps that the second window adds, an even number."""
    return 2 * int(wanted.fade * wanted.stride / 2)


def _convolved(window: Reals, short: Reals) -> Reals:
    """Return a window smoothed by a short one, symmetric to the last bit."""
    taps = window.size + short.size - 1
    points = fast_length(taps)
    spectrum = np.fft.rfft(window, points) * np.fft.rfft(short / short.sum(), points)
    smooth: Reals = np.fft.irfft(spectrum, points)[:taps]
    return (smooth + smooth[::-1]) / 2


def _formula(rejection: float) -> float:
    """Return beta by Kaiser's formula, within a few percent."""
    if rejection > 50:
        return 0.1102 * (rejection - 8.7)
    return 0.5842 * math.pow(max(rejection - 21, 0), 0.4) + 0.07886 * (rejection - 21)


def _curve(beta: float) -> Reals:
    """Return the gain with its sign, _FINE points per unit of u, from 1/2 at the cutoff downwards."""
    kernel = np.zeros(2 * _REACH * _FINE)
    kernel[: 2 * _REACH + 1] = windowed_sinc(kaiser_window(2 * _REACH + 1, beta), 2, 1.0)
    gain: Reals = np.fft.rfft(np.roll(kernel, -_REACH)).real / kernel.sum()
    return gain[_REACH * _FINE // 2 :]


def _sidelobe(curve: Reals) -> float:
    """Return the rejection of the highest sidelobe in dB; they begin at the first change of sign."""
    return -20 * math.log10(float(np.abs(curve[np.argmax(curve < 0) :]).max()))


def _crossing(curve: Reals, level: float) -> float:
    """Return the u at which the step first falls to a level."""
    after = int(np.argmax(curve <= level))
    above, below = math.log(curve[after - 1]), math.log(max(curve[after], level / 10))
    return (after - (math.log(level) - below) / (above - below)) / _FINE
