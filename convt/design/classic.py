"""Classic interpolators as kernels, which are short and serve for comparison.

Each weights a sample by its distance t, in input samples::

    hold     1                                                      0 <= t < 1
    linear   1 - |t|                                                |t| < 1
    cubic    1.5|t|**3 - 2.5|t|**2 + 1                              |t| <= 1
             -0.5|t|**3 + 2.5|t|**2 - 4|t| + 2                      1 < |t| < 2
    lanczos  sinc(t)*sinc(t/a)                                      |t| < a

cubic: R. G. Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans. ASSP 29,
1981; lanczos: C. E. Duchon, "Lanczos filtering in one and two dimensions", J. Applied Meteorology 18, 1979.
"""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from convt.arrays import Reals
from convt.design.search import MOST_TAPS, with_equal_phases
from convt.errors import ParameterError

_LANCZOS_LOBES = 3


def classic_kernel(kind: str, stride: int, taps: int | None) -> Reals:
    """Return the kernel of a kind, with a gain of 1 in every phase; `taps`, if given, must be its length.

    Raises
    ------
    ParameterError
        There is no kernel of this kind and length, or the stride is too large.
    """
    method = CLASSICS[kind]
    if 8 * stride > MOST_TAPS:
        raise ParameterError(f"stride must be at most {MOST_TAPS // 8} for {kind=}, got {stride}")
    if taps is not None and taps > MOST_TAPS:
        raise ParameterError(f"taps must be at most {MOST_TAPS} for {kind=}, got {taps}")
    if taps is not None and kind == "lanczos":
        lobes, rest = divmod(taps + 1, 2 * stride)
        if rest or not lobes:
            raise ParameterError(
                f"taps must be 2*a*stride - 1 with a lobes on each side, got {taps} for {stride=}"
            )
        method = partial(_lanczos, lobes=lobes)
    kernel = with_equal_phases(method(stride), stride)
    if taps not in (None, kernel.size):
        raise ParameterError(f"taps must be {kernel.size} for {kind=} and {stride=}, got {taps}")
    return kernel


def _hold(stride: int) -> Reals:
    """Return the kernel that repeats each sample, (stride,)."""
    return np.ones(stride)


def _linear(stride: int) -> Reals:
    """Return the kernel of linear interpolation, (2*stride - 1,)."""
    return 1 - np.abs(_distances(stride, 1))


def _cubic(stride: int) -> Reals:
    """Return the kernel of Keys' cubic interpolation, (4*stride - 1,)."""
    t = np.abs(_distances(stride, 2))
    return np.where(t <= 1, (1.5 * t - 2.5) * t**2 + 1, ((2.5 - 0.5 * t) * t - 4) * t + 2)


def _lanczos(stride: int, lobes: int = _LANCZOS_LOBES) -> Reals:
    """Return Lanczos' windowed sinc with `lobes` on each side, (2*lobes*stride - 1,)."""
    t = _distances(stride, lobes)
    return np.sinc(t) * np.sinc(t / lobes)


def _distances(stride: int, reach: int) -> Reals:
    return np.arange(1 - reach * stride, reach * stride) / stride


CLASSICS: Mapping[str, Callable[[int], Reals]] = {
    "lanczos": _lanczos,
    "cubic": _cubic,
    "linear": _linear,
    "hold": _hold,
}
