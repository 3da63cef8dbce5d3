"""Kernels designed to a specification.

A windowed sinc: the ideal low-pass filter of the output rate, cut off half-way between passband edge and
input Nyquist frequency, weighted with a Kaiser window (J. F. Kaiser, "Nonrecursive digital filter design
using the I0-sinh window function", Proc. IEEE ISCAS, 1974)::

    gain 1 |------------+
           |            :+                  passband edge to 1.0: transition
         0 |            : +--------------   1.0 to stride: images, all rejected
           0     passband 1.0          stride     frequency, in input Nyquist frequencies
"""

import math
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from convt.errors import ParameterError, ParameterTypeError
from convt.geometry import Integer, as_integer

Taps = NDArray[np.float64]

_MAX_TAPS = 1 << 20
_FFT_POINTS_PER_TAP = 8  # 16 in a sidelobe: its top is seen to 0.02 dB


def design_kernel(stride: Integer, *, passband: float = 0.95, rejection: float = 180.0) -> Taps:
    """Design the kernel that upsamples by `stride` and nothing else.

    The kernel is symmetric and odd in length: with ``padding="center"`` the output is exactly in time
    with the input. All its phases have a gain of 1 at DC, so that a constant stays one.

    Parameters
    ----------
    stride : int
        Output samples per input sample, at least 1. For 1 the kernel is a single 1.
    passband : float
        Edge of the passband, as a fraction of the input's Nyquist frequency, above 0 and below 1.
    rejection : float
        Attenuation of everything from the input's Nyquist frequency on, in dB, from 30 to 250; met as
        measured on the kernel itself. Up to the passband edge the gain is 1 within as much.

    Returns
    -------
    ndarray of float64, (K,)
        The taps, for a weight that serves every channel.

    Raises
    ------
    ParameterTypeError, ParameterError
        An argument is not a number, is out of its range, or asks for more than 2**20 taps.

    Examples
    --------
    >>> kernel = design_kernel(2)
    >>> float(round(kernel[0::2].sum(), 12)), float(round(kernel[1::2].sum(), 12))
    (1.0, 1.0)
    """
    stride = as_integer("stride", stride, 1)
    passband, rejection = _as_number("passband", passband), _as_number("rejection", rejection)
    if not 0 < passband < 1:
        raise ParameterError(f"passband must be above 0 and below 1, got {passband}")
    if not 30 <= rejection <= 250:
        raise ParameterError(f"rejection must be 30 to 250 dB, got {rejection}")
    if stride == 1:
        return np.ones(1)
    aim = rejection
    while (
        shortfall := rejection - _measured_rejection(kernel := _kaiser(stride, passband, aim), stride)
    ) > 0:
        aim += max(0.1, shortfall)
    return kernel


def _as_number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ParameterTypeError(f"{name} must be a number, got {value!r} ({type(value).__name__})")
    return float(value)


def _kaiser(stride: int, passband: float, rejection: float) -> Taps:
    """Return the windowed sinc of Kaiser's formulas, every phase's gain at DC set to 1."""
    transition = math.pi * (1 - passband) / stride
    reach = math.ceil((rejection - 7.95) / (2.285 * transition) / 2)
    if 2 * reach + 1 > _MAX_TAPS:
        raise ParameterError(
            f"stride={stride} with passband={passband} needs a kernel of {2 * reach + 1} taps, more than"
            f" {_MAX_TAPS}: use a smaller stride or passband"
        )
    cutoff = (1 + passband) / 2 / stride
    time = np.arange(-reach, reach + 1)
    window = np.kaiser(time.size, _kaiser_beta(rejection))
    kernel: Taps = np.sinc(cutoff * time) * window
    for phase in range(stride):
        kernel[phase::stride] /= kernel[phase::stride].sum()
    return kernel


def _kaiser_beta(rejection: float) -> float:
    if rejection > 50:
        return 0.1102 * (rejection - 8.7)
    return 0.5842 * math.pow(rejection - 21, 0.4) + 0.07886 * (rejection - 21)


def _measured_rejection(kernel: Taps, stride: int) -> float:
    """Return the least attenuation from the input's Nyquist frequency on, in dB below a gain of 1."""
    points = stride * math.ceil(_FFT_POINTS_PER_TAP * kernel.size / stride)
    gain = np.abs(np.fft.rfft(kernel, 2 * points)) / stride
    worst: float = gain[points // stride :].max()
    return -20.0 * math.log10(worst)
