"""Evaluate a fitted kernel: its errors, those of designed kernels of its length, and warnings."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from convt.arrays import Reals
from convt.design.designer import Kind, design_kernel
from convt.errors import ParameterError
from convt.fitting.correlations import FOLDS
from convt.fitting.least_squares import Placement
from convt.fitting.normal_equations import samples
from convt.fitting.selection import Solution
from convt.fitting.squared_error import ROUNDING, squared_error
from convt.geometry import Geometry, NamedPadding

_REJECTIONS, _PASSBANDS = (20.0, 25.0, 30.0, 40.0, 60.0, 80.0), (0.6, 0.8, 0.9, 0.95)
_SPECIFICATIONS = [
    (None, None),
    *((rejection, None) for rejection in _REJECTIONS),
    *((None, passband) for passband in _PASSBANDS),
]
_MOST_EQUIRIPPLE = 128  # taps: the design of longer kernels is slow and often fails
_MOST_SPECIFIED = 256  # taps: another passband hardly improves longer kernels

_PLENTY = 10  # samples per unknown
_MOST_EXCESS = 1.0  # dB by which the held-out error may exceed the error on the fitted samples
_HALF = -3.0  # dB
_LOUD = 12.0  # dB: a gain that the signals do not call for


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A fitted kernel and its errors, as :func:`fit` returns it.

    Attributes
    ----------
    weight : ndarray of float64, (K,), (C, K) or (C_in, C_out, K)
        One kernel for all channels, one per channel, or one from each input to each output channel.
    stride : int
        Output samples per input sample.
    padding : int or str
        The padding to use with the kernel.
    delay : int
        Output samples by which `high` is later than the kernel's output with this padding.
    ridge : float
        The ridge, as a fraction of the mean power of `low`.
    samples, held_out_samples : int
        Fitted and held-out samples of `low`, added over all channels.
    error, held_out_error : float
        Squared errors on these samples, in dB relative to the energy of `high`; NaN without samples.
        Neither is below -120 dB, where the rounding of the sums begins.
    designed : dict of str to float
        For comparison, the held-out error in dB of the best designed kernel of each kind with at most K
        taps, or the error on all samples if none were held out. Each kernel has its best gain, the same for
        all channels, and the better of two alignments: with `low` plus the estimated delay, or with the
        fitted kernel. Empty if channels are mixed.
    warnings : tuple of str
        Reasons to doubt the fit.
    """

    weight: Reals
    stride: int
    padding: int | NamedPadding
    delay: int
    ridge: float
    samples: int
    held_out_samples: int
    error: float
    held_out_error: float
    designed: dict[str, float]
    warnings: tuple[str, ...]


def evaluate(
    solution: Solution,
    weight: Reals,
    geometry: Geometry,
    aligned: Placement,
    *,
    is_clear: bool,
    from_high: bool,
) -> Fit:
    """Return a solution and its errors as a :class:`Fit`; `weight` holds all of its kernels.

    At the place `aligned` a designed kernel is time-aligned with `low` plus the estimated delay. `is_clear`
    says whether the delay was given or stands out, and `from_high` whether `low` was derived from `high`.
    """
    taps, place, ridge, training, held_out = solution
    error = squared_error(training, place, taps).decibels
    held_out_error = squared_error(held_out, place, taps if held_out else []).decibels
    designed, designed_excess = dict[str, float](), 0.0
    if taps[0].shape[:2] == (1, 1):
        designed, designed_excess = _designed_errors(solution, aligned)
    excess = held_out_error - error - designed_excess if held_out else 0.0
    worst = max(error, held_out_error)
    return Fit(
        weight=weight,
        stride=place.stride,
        padding=geometry.padding,
        delay=geometry.crop - place.lead,
        ridge=ridge,
        samples=samples(training),
        held_out_samples=samples(held_out),
        error=error,
        held_out_error=held_out_error,
        designed=designed,
        warnings=(
            *_amount_warnings(solution),
            *_quality_warnings(solution, worst, excess, is_clear=is_clear, from_high=from_high),
        ),
    )


def _designed_errors(solution: Solution, aligned: Placement) -> tuple[dict[str, float], float]:
    """Return the least error in dB of each kind of designed kernel, on held-out samples if there are any.

    Also return by how much the best of these errors exceeds that kernel's error on the fitted samples: this
    difference is not overfitting.
    """
    _, place, _, training, held_out = solution
    errors: dict[str, float] = {}
    best, excess = math.inf, 0.0
    kernels = _designed_kernels(place.stride, place.taps)
    for (kind, kernel), at in product(kernels, dict.fromkeys((place, aligned))):
        taps = [kernel.reshape(1, 1, -1)] * len(training)
        error = squared_error(held_out or training, at, taps, any_gain=True).decibels
        errors[kind] = min(error, errors.get(kind, math.inf))
        if error < best:
            best, excess = error, error - squared_error(training, at, taps, any_gain=True).decibels
    return errors, excess


def _designed_kernels(stride: int, taps: int) -> Iterator[tuple[Kind, Reals]]:
    """Yield kernels of up to `taps`, padded with zeros and time-aligned with ``padding="center"``."""
    odd = taps - 1 + taps % 2
    kinds: tuple[Kind, ...] = ("kaiser", "equiripple") if taps <= _MOST_EQUIRIPPLE else ("kaiser",)
    for kind in kinds:
        for rejection, passband in _SPECIFICATIONS if taps <= _MOST_SPECIFIED else _SPECIFICATIONS[:1]:
            try:
                kernel = design_kernel(stride, taps=odd, rejection=rejection, passband=passband, kind=kind)
            except ParameterError:  # too few taps for this specification
                continue
            yield kind, _centred(kernel, taps)
    if lobes := (odd + 1) // (2 * stride):
        yield "lanczos", _centred(design_kernel(stride, taps=2 * lobes * stride - 1, kind="lanczos"), taps)
    for kind in ("cubic", "linear", "hold"):
        kernel = design_kernel(stride, kind=kind)
        if len(kernel) <= taps:
            yield kind, _centred(kernel, taps)


def _centred(kernel: Reals, taps: int) -> Reals:
    """Return a kernel padded with zeros to `taps`, with its middle in the middle."""
    before = (taps - 1) // 2 - (len(kernel) - 1) // 2
    return np.pad(kernel, (before, taps - len(kernel) - before))


def _amount_warnings(solution: Solution) -> Iterator[str]:
    """Yield a warning for each lack of samples."""
    taps, place = solution.taps, solution.place
    unknowns = len(taps[0]) * place.taps_per_phase
    wanted = _PLENTY * unknowns * len(taps)
    fitted, held_out = samples(solution.training), samples(solution.held_out)
    if fitted < wanted:
        yield f"{fitted} samples of LOW are few for {unknowns} taps per phase: use at least {wanted}"
    for number, kernel in enumerate(taps, 1):
        if not kernel.any():
            yield f"channel {number} is silent: its kernel is 0"
    if not held_out:
        yield "there are too few samples to hold any out: the error is that of the fitted samples"
    elif held_out < wanted / FOLDS:
        yield f"only {held_out} samples are held out, so the held-out error is uncertain"


def _quality_warnings(
    solution: Solution, error: float, excess: float, *, is_clear: bool, from_high: bool
) -> Iterator[str]:
    """Yield a warning for each sign of a bad fit, given its larger error and the held-out excess."""
    if excess > _MOST_EXCESS:
        yield (
            f"the held-out error is {excess:.1f} dB larger than the error on the fitted samples, beyond the"
            " difference for a designed kernel: use more audio or fewer taps"
        )
    if not is_clear:
        yield "no delay stands out: if the estimated one is wrong, give the right one"
    if error > _HALF:
        yield (
            "more than half of HIGH is above the band of LOW"
            if from_high
            else "less than half of HIGH depends on LOW: do they belong together, and is the delay right?"
        )
    if (boost := _boost(solution)) > _LOUD:
        yield (
            f"the kernel boosts some frequency {boost:.0f} dB more than the whole signal, since LOW has"
            " almost nothing there: use a larger ridge"
        )


def _boost(solution: Solution) -> float:
    """Return the greatest gain of all kernels at any frequency, in dB relative to the signals' gain."""
    greatest, place = 0.0, solution.place
    for sums, kernel in zip(solution.training, solution.taps, strict=True):
        into = float(np.einsum("iuiu->", sums.gram[:, :1, :, :1])) * place.stride
        made = float(sums.energy.sum())
        if into > 0 and made > 0:
            spectrum = np.abs(np.fft.rfft(kernel, 8 * place.taps)) / place.stride
            greatest = max(greatest, float(spectrum.max()) / math.sqrt(made / into))
    return 20 * math.log10(max(greatest, ROUNDING))
