"""``design_kernel``, which selects the method and the specification of a kernel.

The gain of a kernel at the frequencies of the output, in input Nyquist frequencies::

    gain 1 |------------+
           |            :+                  passband edge to 1.0: transition
         0 |            : +--------------   1.0 to stride: images, all rejected
           0     passband 1.0          stride

To lower a rate, with `down` above the stride, the kernel is designed for the stride `down` instead: in
Nyquist frequencies of the output, 1.0 to `down` are those that would be folded back into its band.

Each method has its own module.
"""

import math
from fractions import Fraction
from typing import Literal, get_args

import numpy as np

from convt.arguments import Integer, as_choice, as_integer, as_number
from convt.arrays import Reals, array_cache
from convt.design.classic import CLASSICS, classic_kernel
from convt.design.equiripple import equiripple, equiripple_taps
from convt.design.kaiser import kaiser, kaiser_taps
from convt.design.minimum_phase import minimum_phase
from convt.design.presets import QUALITIES, SHORTEST, Preset, Quality
from convt.design.search import (
    MOST_REJECTION,
    MOST_TAPS,
    Design,
    Method,
    Specification,
    max_passband,
    max_rejection,
    shortest,
    with_equal_phases,
)
from convt.errors import ParameterError

Phase = Literal["linear", "minimum"]
Kind = Literal["kaiser", "equiripple", "lanczos", "cubic", "linear", "hold"]


# If only the taps per phase, n, are given, the rejection is _BALANCE * n**_GROWTH dB, close to the presets.
_BALANCE, _GROWTH = 15.3, 0.4
_LEAST_REJECTION = 20.0  # dB
_LEAST_MINIMUM_PHASE = 60.0  # dB, for a minimum-phase kernel; with less, images would change the passband
_MOST_GIVEN_TAPS, _MOST_MINIMUM_PHASE_TAPS, _MOST_EQUIRIPPLE_TAPS = 1 << 16, 1 << 14, 1 << 10
_MOST_TRIED = {"linear": MOST_TAPS, "minimum": 1 << 15}
_MOST_SAMPLED = (8, 4)  # the greatest stride at which kernels are tried, without and with a fade
_FADE = 8  # input samples
_CACHED = 1 << 25  # bytes of kernels in the cache


def design_kernel(
    stride: Integer,
    *,
    quality: Quality | None = None,
    passband: float | None = None,
    rejection: float | None = None,
    taps: Integer | None = None,
    phase: Phase = "linear",
    kind: Kind = "kaiser",
    down: Integer = 1,
    stopband: float = 1.0,
) -> Reals:
    """Design a low-pass kernel for upsampling by `stride`, or for resampling by stride/down, up or down.

    Without `taps` the kernel is the shortest of its kind that meets the passband and the rejection, as
    measured on the kernel itself or, at strides above 8 (4 with `down`), on the same curve at that stride.
    With `taps` it is the best kernel of that length. Every phase has a gain of 1 at 0 Hz.

    Parameters
    ----------
    stride : int
        Output samples per input sample, at least 1. For stride 1 the kernel is a single tap of 1.
    quality : {"fast", "high", "best"}, optional
        Passband and rejection, unless given: 0.90 and 110 dB, 0.96 and 195 dB (the default), or 0.975 and
        240 dB; see ``convt.QUALITIES``.
    passband : float, optional
        Edge of the passband, as a fraction of the lower of the Nyquist frequencies of input and output,
        above 0 and below `stopband`. Up to it the gain is 1 within 0.01 dB.
    rejection : float, optional
        Attenuation of images and aliases, all frequencies above that Nyquist frequency, in dB, 20 to 250.
    stopband : float
        Edge of the stopband, as a fraction of the same frequency, from 1 to below 2. Above 1 the kernel is
        shorter, but images or aliases of frequencies above 2 - stopband may remain between there and
        `stopband`.
    taps : int, optional
        Length of the kernel, up to 2**16 (2**14 with minimum phase, 2**10 for "equiripple"). The kernel has
        the widest passband at the rejection, or the greatest rejection at the passband, whichever is given.
        With neither, the rejection is 15.3*n**0.4 dB at n taps per phase, close to the presets. If the
        passband is not given and the rejection is below 59 dB, the ripple equals the image level. For
        "lanczos", 2*a*stride - 1 with a lobes on each side.
    phase : {"linear", "minimum"}
        "linear" makes the kernel symmetric and, without `taps`, of odd length, so that the output is
        exactly time-aligned with ``padding="center"``. "minimum" has the same magnitude without pre-ringing
        and with the least delay, but delays high frequencies more than low ones.
    kind : {"kaiser", "equiripple", "lanczos", "cubic", "linear", "hold"}
        "kaiser" is a windowed sinc, whose ripple and images decrease away from the edge. "equiripple" gives
        the shortest kernels, with constant ripple and images, but fails beyond about 180 dB or 1,000 taps.
        The others are classic interpolators, for comparison, and take no specification.
    down : int
        Keep every `down`-th output sample, at least 1; more than `stride` lowers the rate. Above 1, a
        Kaiser kernel of linear phase is longer by 8 taps per phase, so that images and aliases far above
        the lower Nyquist frequency, which would be folded back, are below the rounding of double precision.

    Returns
    -------
    ndarray of float64, (K,)
        The taps.

    Raises
    ------
    ParameterTypeError, ParameterError
        An argument has the wrong type, is out of range or contradicts another, or no kernel of at most
        2**21 taps (2**15 with minimum phase, both counted at a stride of at most 8, or 4 with `down`) meets
        the specification.

    See Also
    --------
    Response : Measures a kernel.

    Examples
    --------
    >>> kernel = design_kernel(2, passband=0.9, rejection=100)
    >>> kernel.size, float(round(kernel[0::2].sum(), 12)), float(round(kernel[1::2].sum(), 12))
    (239, 1.0, 1.0)
    >>> design_kernel(2, passband=0.9, rejection=100, stopband=1.1).size
    121
    >>> kernel = design_kernel(147, down=160)  # from 48 to 44.1 kHz
    """
    stride, down = as_integer("stride", stride, 1), as_integer("down", down, 1)
    stopband = _as_stopband(stopband)
    as_choice("kind", kind, get_args(Kind))
    as_choice("phase", phase, get_args(Phase))
    taps = None if taps is None else as_integer("taps", taps, 1)
    if quality is not None:
        as_choice("quality", quality, get_args(Quality))
    passband = None if passband is None else _as_passband(passband, stopband)
    rejection = None if rejection is None else _as_rejection(rejection)
    if kind in CLASSICS:
        if phase != "linear" or any(value is not None for value in (quality, passband, rejection)):
            raise ParameterError(f"kind={kind!r} takes no quality, passband, rejection or phase")
        if down > stride:
            raise ParameterError(f"down must be at most {stride} for kind={kind!r}, got {down}")
        return classic_kernel(kind, stride, taps)
    if taps is None:
        preset = QUALITIES[quality or "high"]
        passband, rejection = passband or preset.passband, rejection or preset.rejection
    elif quality or (passband and rejection):
        raise ParameterError(f"taps={taps} takes a passband or a rejection, not both, and no quality")
    else:
        _check_taps(taps, max(stride, down), phase, kind)
    # At the higher of the two rates, the same low-pass filter serves both directions.
    wanted = Specification(
        max(stride, down),
        passband or 0.0,
        rejection or 0.0,
        fade=_FADE if down > 1 and stride * down > 2 else 0,
        stopband=stopband,
        phases=stride,
    )
    return _design(wanted, taps, phase, kind).copy()


def lowpass(
    density: Fraction, stride: int, passband: float, rejection: float, stopband: float, phase: Phase
) -> Reals:
    """Return the shortest kernel for any number of taps per sample, with equal phases for a stride.

    Parameters
    ----------
    density : Fraction
        Taps per sample of the lower rate. Passband and stopband are fractions of its Nyquist frequency.
    stride : int
        The stride.
    passband, rejection, stopband, phase
        Same as in :func:`design_kernel`, with the same errors.
    """
    passband, rejection = _as_passband(passband, _as_stopband(stopband)), _as_rejection(rejection)
    wanted = Specification(density, passband, rejection, stopband=stopband, phases=stride)
    return _design(wanted, None, phase, "kaiser")


def _check_taps(taps: int, stride: int, phase: Phase, kind: Kind) -> None:
    most = _MOST_MINIMUM_PHASE_TAPS if phase == "minimum" else _MOST_GIVEN_TAPS
    most = min(most, _MOST_EQUIRIPPLE_TAPS) if kind == "equiripple" else most
    if stride == 1 and taps != 1:
        raise ParameterError(f"taps must be 1 for stride 1, got {taps}")
    if taps < stride:
        raise ParameterError(f"taps must be at least the stride, {stride}, got {taps}")
    if taps > most:
        raise ParameterError(f"taps must be at most {most} for {phase=}, {kind=}, got {taps}")


def _as_passband(value: object, stopband: float) -> float:
    passband = as_number("passband", value)
    if not 0 < passband < stopband:
        raise ParameterError(f"passband must be above 0 and below {stopband:g}, got {value}")
    return passband


def _as_stopband(value: object) -> float:
    stopband = as_number("stopband", value)
    if not 1 <= stopband < 2:
        raise ParameterError(f"stopband must be at least 1 and below 2, got {value}")
    return stopband


def _as_rejection(value: object) -> float:
    rejection = as_number("rejection", value)
    if not _LEAST_REJECTION <= rejection <= MOST_REJECTION:
        raise ParameterError(
            f"rejection must be {_LEAST_REJECTION:g} to {MOST_REJECTION:g} dB, got {value}"
        )
    return rejection


@array_cache(_CACHED)
def _design(wanted: Specification, taps: int | None, phase: Phase, kind: Kind) -> Reals:
    """Return the kernel for any two of passband, rejection and taps, or for taps alone."""
    if wanted.stride == 1:
        return np.ones(1)
    method, found = _method(kind, phase), None
    if taps is None:
        found = _shortest(method, wanted, phase, kind)
    elif wanted.passband:
        found = max_rejection(method, taps, wanted)
    elif wanted.rejection:
        found = max_passband(method, taps, wanted)
    else:
        found = _balanced(method, taps, wanted)
    if found is None:
        asked = {
            "passband": wanted.passband,
            "rejection": wanted.rejection,
            "taps": taps,
            "phase": phase,
        }
        request = ", ".join(f"{name}={value}" for name, value in asked.items() if value)
        raise ParameterError(
            f"no {kind} kernel for stride={wanted.stride} meets {request}:"
            f" use a narrower passband or more taps{'' if kind == 'kaiser' else ', or a kaiser kernel'}"
        )
    return found.kernel


def _shortest(method: Method, wanted: Specification, phase: Phase, kind: Kind) -> Design | None:
    """Return the shortest kernel; a Kaiser kernel is searched at a small stride, with the same curve."""
    if kind == "equiripple":
        _check_length(guess := equiripple_taps(wanted), MOST_TAPS, wanted)
        return shortest(method, wanted, guess)
    most = _MOST_SAMPLED[bool(wanted.fade)]
    sampled = wanted
    if wanted.stride % 1 or wanted.stride > most:
        sampled = wanted._replace(stride=most, phases=most)
    _check_length(kaiser_taps(wanted), MOST_TAPS, wanted)
    _check_length(kaiser_taps(sampled), _MOST_TRIED[phase], sampled)
    known = _known(sampled, phase)
    if known is None:
        found = _shortest_sampled(sampled, phase)
        if found is None or sampled == wanted:
            return found
        known = found.kernel.size // 2, found.aim.rejection
    half, rejection = known
    aim = wanted._replace(rejection=rejection)
    kernel = method(2 * math.ceil(half * wanted.stride / sampled.stride) + 1, aim)
    return None if kernel is None else Design(with_equal_phases(kernel, wanted.phases), aim)


def _known(wanted: Specification, phase: Phase) -> tuple[int, float] | None:
    """Return half the length of the shortest kernel and the rejection it aims at, if they are tabulated."""
    if phase != "linear" or wanted.stopband != 1:
        return None
    preset = Preset(wanted.passband, wanted.rejection)
    return SHORTEST.get((preset, int(wanted.stride), wanted.fade))


@array_cache(_CACHED)
def _shortest_sampled(wanted: Specification, phase: Phase) -> Design | None:
    return shortest(_method("kaiser", phase), wanted, kaiser_taps(wanted))


def _check_length(taps: float, most: int, wanted: Specification) -> None:
    if taps > most:
        raise ParameterError(
            f"stride={wanted.stride} with passband={wanted.passband} needs a kernel of {taps:.0f} taps,"
            f" more than {most}: use a smaller stride or passband"
        )


def _balanced(method: Method, taps: int, wanted: Specification) -> Design | None:
    """Return the kernel of this length whose rejection follows the presets, or is not far below them."""
    level = min(_BALANCE * (taps / wanted.stride) ** _GROWTH, MOST_REJECTION)
    tries = (
        max_passband(method, taps, wanted._replace(rejection=level / 2**halvings)) for halvings in range(5)
    )
    return next((found for found in tries if found is not None), None)


def _method(kind: Kind, phase: Phase) -> Method:
    linear = equiripple if kind == "equiripple" else kaiser
    if phase == "linear":
        return linear

    def minimum(taps: int, wanted: Specification) -> Reals | None:
        wanted = wanted._replace(rejection=max(wanted.rejection, _LEAST_MINIMUM_PHASE))
        kernel = linear(taps, wanted)
        floor = wanted.stride * 10 ** (-wanted.rejection / 20) / 2
        return None if kernel is None else minimum_phase(kernel, floor)

    return minimum
