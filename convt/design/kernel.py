"""Kernels designed to a specification.

The frequencies of the output, in input Nyquist frequencies, and what a kernel is to do there::

    gain 1 |------------+
           |            :+                  passband edge to 1.0: transition
         0 |            : +--------------   1.0 to stride: images, all rejected
           0     passband 1.0          stride

Each method of making a kernel is a file beside this one.
"""

import math
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

import numpy as np

from convt.arguments import Integer, as_integer, as_number
from convt.arrays import Reals
from convt.design import classic
from convt.design.equiripple import equiripple, equiripple_taps
from convt.design.kaiser import kaiser, kaiser_taps
from convt.design.minimum_phase import minimum_phase
from convt.design.search import (
    MOST_REJECTION,
    MOST_TAPS,
    Found,
    Make,
    Specification,
    max_passband,
    max_rejection,
    shortest,
    with_equal_phases,
)
from convt.errors import ParameterError

Quality = Literal["fast", "high", "best"]
Phase = Literal["linear", "minimum"]
Kind = Literal["kaiser", "equiripple", "lanczos", "cubic", "linear", "hold"]


class Preset(NamedTuple):
    """The edge of the passband, in input Nyquist frequencies, and the rejection from 1 on, in dB."""

    passband: float
    rejection: float


QUALITIES: Mapping[Quality, Preset] = MappingProxyType(
    {"fast": Preset(0.90, 110.0), "high": Preset(0.96, 195.0), "best": Preset(0.975, 240.0)}
)

# Given the taps of a phase alone, n, the rejection is _BALANCE * n**_GROWTH dB: a line through the presets.
_BALANCE, _GROWTH = 15.3, 0.4
_LEAST_REJECTION = 20.0  # dB
_LEAST_EARLY = 60.0  # dB: a minimum phase kernel's own; below it, images would change the passband
_MOST_GIVEN_TAPS, _MOST_EARLY_TAPS, _MOST_EQUIRIPPLE_TAPS = 1 << 16, 1 << 14, 1 << 10  # many are tried
_MOST_TRIED = {"linear": MOST_TAPS, "minimum": 1 << 15}
_SAMPLED = (8, 4)  # the greatest stride at which kernels are tried: those that fade end well before it
_FADE = 8  # input samples
_CLASSICS: Mapping[str, Callable[[int], Reals]] = {
    "lanczos": classic.lanczos,
    "cubic": classic.cubic,
    "linear": classic.linear,
    "hold": classic.hold,
}


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
) -> Reals:
    """Design the kernel that upsamples by `stride`, or for a ratio stride/down, and does nothing else.

    With a passband and a rejection, its own or of a quality, the kernel is the shortest of its kind that
    meets them, as measured on the kernel itself; with a stride above 8 (4 with `down`), on the same curve
    at so many taps a sample. With `taps` it is the one of so many taps that makes the
    most of them. All phases have a gain of 1 at 0 Hz, so that a constant stays one.

    Parameters
    ----------
    stride : int
        Output samples per input sample, at least 1. For 1 the kernel is a single 1.
    quality : {"fast", "high", "best"}, optional
        Passband and rejection where they are not given: 0.90 and 110 dB, 0.96 and 195 dB (the default) or
        0.975 and 240 dB. ``convt.QUALITIES`` has them.
    passband : float, optional
        Up to here, as a fraction of the input's Nyquist frequency between 0 and 1, the gain is 1 within
        0.01 dB.
    rejection : float, optional
        Attenuation of everything from the input's Nyquist frequency on, in dB, 20 to 250.
    taps : int, optional
        Length of the kernel, up to 2**16 (2**14 of minimum phase, 2**10 of equal ripple). The passband is
        then the widest at the rejection, or the rejection the greatest at the passband, whichever is
        given; with neither, the rejection is 15.3*n**0.4 dB with n taps a phase, about as the presets have
        it. In a passband that is not given, a rejection below 59 dB lets the gain be off by as much as
        images are loud. For ``lanczos`` 2*a*stride - 1 with a lobes on a side.
    phase : {"linear", "minimum"}
        Linear: the kernel is symmetric, and but for `taps` odd in length, so that the output is exactly
        in time with ``padding="center"``. Minimum: of the same magnitude, nothing rings before a sound, and
        the delay is the least; high frequencies come later than low ones.
    kind : {"kaiser", "equiripple", "lanczos", "cubic", "linear", "hold"}
        Kaiser's window on a sinc, whose errors fade away from the edge; the shortest kernel there is, whose
        ripple and images do not, and whose design fails beyond some 180 dB or 1,000 taps; or an
        interpolator of the textbooks, which takes no specification.
    down : int
        Of the outputs every `down`-th will be kept, at least 1 and at most `stride`. With more than 1 a
        Kaiser kernel of linear phase has 8 taps a phase more, so that what is far beyond the input's
        Nyquist frequency vanishes in the rounding of double precision: what does not, has to be computed
        and folded back.

    Returns
    -------
    ndarray of float64, (K,)
        The taps, for a weight that serves every channel.

    Raises
    ------
    ParameterTypeError, ParameterError
        An argument is of a wrong type, is out of its range, does not go with another, or asks for what no
        kernel of at most 2**21 taps does, or of minimum phase 2**15, counted at a stride of 8 (4 with
        `down`) where that is the lower.

    See Also
    --------
    Response : What a kernel does, measured.

    Examples
    --------
    >>> kernel = design_kernel(2, passband=0.9, rejection=100)
    >>> kernel.size, float(round(kernel[0::2].sum(), 12)), float(round(kernel[1::2].sum(), 12))
    (239, 1.0, 1.0)
    """
    stride, down = as_integer("stride", stride, 1), as_integer("down", down, 1)
    if down > stride:
        raise ParameterError(
            f"down must be at most the stride, {stride}, for a kernel that upsamples, got {down}"
        )
    fade = _FADE if down > 1 else 0
    _check_name("kind", kind, get_args(Kind))
    _check_name("phase", phase, get_args(Phase))
    taps = None if taps is None else as_integer("taps", taps, 1)
    if quality is not None:
        _check_name("quality", quality, get_args(Quality))
    passband = None if passband is None else _as_passband(passband)
    rejection = None if rejection is None else _as_rejection(rejection)
    if kind in _CLASSICS:
        if phase != "linear" or any(value is not None for value in (quality, passband, rejection)):
            raise ParameterError(
                f"kind={kind!r} is what it is: it takes no quality, passband, rejection or phase"
            )
        return _classic(kind, stride, taps)
    if taps is None:
        preset = QUALITIES[quality or "high"]
        passband, rejection = passband or preset.passband, rejection or preset.rejection
    elif quality or (passband and rejection):
        raise ParameterError("taps go with a passband or a rejection, not with both, nor with a quality")
    else:
        _check_taps(taps, stride, phase, kind)
    return _designed(stride, passband, rejection, taps, phase, kind, fade).copy()


def _check_taps(taps: int, stride: int, phase: Phase, kind: Kind) -> None:
    most = _MOST_EARLY_TAPS if phase == "minimum" else _MOST_GIVEN_TAPS
    most = min(most, _MOST_EQUIRIPPLE_TAPS) if kind == "equiripple" else most
    if stride == 1 and taps != 1:
        raise ParameterError(f"a kernel for stride 1 is a single tap, got {taps=}")
    if taps < stride:
        raise ParameterError(f"taps must be at least the stride, {stride}, got {taps}")
    if taps > most:
        raise ParameterError(f"taps must be at most {most} for {phase=}, {kind=}, got {taps}")


def _check_name(argument: str, value: object, names: tuple[str, ...]) -> None:
    if value not in names:
        raise ParameterError(f"{argument} must be one of {', '.join(names)}, got {value!r}")


def _as_passband(value: object) -> float:
    passband = as_number("passband", value)
    if not 0 < passband < 1:
        raise ParameterError(f"passband must be above 0 and below 1, got {value}")
    return passband


def _as_rejection(value: object) -> float:
    rejection = as_number("rejection", value)
    if not _LEAST_REJECTION <= rejection <= MOST_REJECTION:
        raise ParameterError(
            f"rejection must be {_LEAST_REJECTION:g} to {MOST_REJECTION:g} dB, got {value}"
        )
    return rejection


def _classic(kind: str, stride: int, taps: int | None) -> Reals:
    make = _CLASSICS[kind]
    if 8 * stride > MOST_TAPS:
        raise ParameterError(f"stride must be at most {MOST_TAPS // 8} for {kind=}, got {stride}")
    if taps is not None and taps > MOST_TAPS:
        raise ParameterError(f"taps must be at most {MOST_TAPS} for {kind=}, got {taps}")
    if taps is not None and kind == "lanczos":
        lobes, rest = divmod(taps + 1, 2 * stride)
        if rest or not lobes:
            raise ParameterError(
                f"taps must be 2*a*stride - 1 with a lobes on a side, got {taps} for {stride=}"
            )
        make = partial(classic.lanczos, lobes=lobes)
    kernel = with_equal_phases(make(stride), stride)
    if taps not in (None, kernel.size):
        raise ParameterError(f"kind={kind!r} has {kernel.size} taps for {stride=}, got {taps=}")
    return kernel


@lru_cache(maxsize=16)
def _designed(
    stride: int,
    passband: float | None,
    rejection: float | None,
    taps: int | None,
    phase: Phase,
    kind: Kind,
    fade: int,
) -> Reals:
    """Return the kernel of a kind for any two of passband, rejection and taps, or for taps alone."""
    if stride == 1:
        return np.ones(1)
    make, found = _maker(kind, phase), None
    wanted = Specification(stride, passband or 0.0, rejection or 0.0, fade=fade)
    if taps is None:
        found = _shortest(make, wanted, phase, kind)
    elif passband:
        found = max_rejection(make, taps, wanted)
    elif rejection:
        found = max_passband(make, taps, wanted)
    else:
        found = _balanced(make, taps, wanted)
    if found is None:
        asked = {"passband": passband, "rejection": rejection, "taps": taps, "phase": phase}
        told = ", ".join(f"{name}={value}" for name, value in asked.items() if value is not None)
        raise ParameterError(
            f"no {kind} kernel for {stride=} does {told}:"
            f" ask for less passband or more taps{'' if kind == 'kaiser' else ', or for a kaiser one'}"
        )
    return found.kernel


def _shortest(make: Make, wanted: Specification, phase: Phase, kind: Kind) -> Found | None:
    """Return the shortest kernel; Kaiser's is the same curve at any stride, and found at a small one."""
    if kind == "equiripple":
        _check_length(guess := equiripple_taps(wanted), MOST_TAPS, wanted)
        return shortest(make, wanted, guess)
    sampled = wanted._replace(stride=min(wanted.stride, _SAMPLED[bool(wanted.fade)]))
    _check_length(kaiser_taps(wanted), MOST_TAPS, wanted)
    _check_length(kaiser_taps(sampled), _MOST_TRIED[phase], sampled)
    found = _shortest_of_few(sampled, phase)
    if found is None or sampled == wanted:
        return found
    taps = 2 * math.ceil((found.kernel.size - 1) / 2 * wanted.stride / sampled.stride) + 1
    aim = found.aim._replace(stride=wanted.stride)
    kernel = make(taps, aim)
    return None if kernel is None else Found(with_equal_phases(kernel, wanted.stride), aim)


@lru_cache(maxsize=16)
def _shortest_of_few(wanted: Specification, phase: Phase) -> Found | None:
    return shortest(_maker("kaiser", phase), wanted, kaiser_taps(wanted))


def _check_length(taps: float, most: int, wanted: Specification) -> None:
    if taps > most:
        raise ParameterError(
            f"stride={wanted.stride} with passband={wanted.passband} needs a kernel of {taps:.0f} taps,"
            f" more than {most}: use a smaller stride or passband"
        )


def _balanced(make: Make, taps: int, wanted: Specification) -> Found | None:
    """Return the kernel of so many taps on the line through the presets, or as near below it as can be."""
    level = min(_BALANCE * (taps / wanted.stride) ** _GROWTH, MOST_REJECTION)
    tries = (
        max_passband(make, taps, wanted._replace(rejection=level / 2**halvings)) for halvings in range(5)
    )
    return next((found for found in tries if found is not None), None)


def _maker(kind: Kind, phase: Phase) -> Make:
    linear = equiripple if kind == "equiripple" else kaiser
    if phase == "linear":
        return linear

    def early(taps: int, wanted: Specification) -> Reals | None:
        wanted = wanted._replace(rejection=max(wanted.rejection, _LEAST_EARLY))
        kernel = linear(taps, wanted)
        floor = wanted.stride * 10 ** (-wanted.rejection / 20) / 2
        return None if kernel is None else minimum_phase(kernel, floor)

    return early
