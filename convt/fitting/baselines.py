"""Designed kernels of a length, to hold a fitted one against."""

from collections.abc import Iterator

import numpy as np

from convt.arrays import Reals
from convt.design.kernel import Kind, design_kernel
from convt.errors import ParameterError

_REJECTIONS, _PASSBANDS = (20.0, 25.0, 30.0, 40.0, 60.0, 80.0), (0.6, 0.8, 0.9, 0.95)
_ASKED = [(None, None), *((each, None) for each in _REJECTIONS), *((None, each) for each in _PASSBANDS)]
_MOST_EQUIRIPPLE = 128  # taps: their design takes long, and fails for many
_MOST_ASKED = 256  # taps: a long kernel is hardly better for another passband


def designs(stride: int, taps: int) -> Iterator[tuple[Kind, Reals]]:
    """Yield kernels of at most so many taps, zeros around them, in time with ``padding="center"``."""
    odd = taps - 1 + taps % 2
    kinds: tuple[Kind, ...] = ("kaiser", "equiripple") if taps <= _MOST_EQUIRIPPLE else ("kaiser",)
    for kind in kinds:
        for rejection, passband in _ASKED if taps <= _MOST_ASKED else _ASKED[:1]:
            try:
                kernel = design_kernel(stride, taps=odd, rejection=rejection, passband=passband, kind=kind)
            except ParameterError:  # so few taps do not make so much
                continue
            yield kind, _within(kernel, taps)
    if lobes := (odd + 1) // (2 * stride):
        yield "lanczos", _within(design_kernel(stride, taps=2 * lobes * stride - 1, kind="lanczos"), taps)
    for kind in ("cubic", "linear", "hold"):
        kernel = design_kernel(stride, kind=kind)
        if len(kernel) <= taps:
            yield kind, _within(kernel, taps)


def _within(kernel: Reals, taps: int) -> Reals:
    """Return a kernel with zeros around it, its middle where that of so many taps is."""
    before = (taps - 1) // 2 - (len(kernel) - 1) // 2
    return np.pad(kernel, (before, taps - len(kernel) - before))
