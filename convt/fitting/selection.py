"""What is not given is chosen by the error: the alignment, and the ridge; and what comes of both."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from convt.arrays import Reals
from convt.errors import ParameterError
from convt.fitting.baselines import designs
from convt.fitting.correlations import FOLDS, Sums
from convt.fitting.least_squares import Placement, solve
from convt.fitting.normal_equations import ROUNDING, Error, Systems, error, is_silent, samples

_TRAINING, _HELD_OUT = range(FOLDS - 1), [FOLDS - 1]
_RIDGES = tuple(10.0**exponent for exponent in range(-14, 1))
_RIDGE = 1e-6  # where there is too little to choose by
_TINY = 1e-12  # a ridge that only keeps a solution from failing
_AS_GOOD = 10**0.001  # so many times the least error, 0.01 dB
_BETTER = 10**0.05  # 0.5 dB: what makes an alignment worth moving to


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """A solution.

    Attributes
    ----------
    taps : list of ndarray, (C_in, C_out, K)
        Of each system.
    place : Placement
        Where they stand.
    ridge : float
        As a fraction of the mean power.
    samples, held_out_samples : int
        Fitted to, and kept back.
    error, held_out_error : float
        On both, in dB; NaN where there is none.
    designed : dict of str to float
        Errors of designed kernels in dB, where each channel is one.
    apart : float
        By how many dB the error on what was kept back is larger, beyond what it is for a designed kernel.
    boost : float
        The greatest gain at any frequency, in dB relative to that of the whole.
    """

    taps: list[Reals]
    place: Placement
    ridge: float
    samples: int
    held_out_samples: int
    error: float
    held_out_error: float
    designed: dict[str, float]
    apart: float
    boost: float


class Places(NamedTuple):
    """Where the taps may stand, the likeliest first; and where those of designed kernels may, too."""

    likely: Sequence[Placement]
    in_time: Placement


def choose(
    systems: Systems,
    places: Places,
    ridge: float | None,
    *,
    least_ridge: float = 0.0,
    balance: bool = False,
) -> Chosen:
    """Return the best solution.

    The first of the likely places is taken, unless another is clearly better.

    Raises
    ------
    ParameterError
        There is silence alone, or the ridge is 0 and there is no one solution.
    """
    training, held_out = systems.sums(_TRAINING), systems.sums(_HELD_OUT)
    if is_silent(training) or is_silent(held_out):
        training, held_out = systems.sums(range(FOLDS)), []
    if is_silent(training):
        raise ParameterError("low and high must not be silent")
    place = _best_place(training, places.likely)
    if ridge is None:
        ridge = _best_ridge(systems, place, least_ridge)
    taps = _solved(training, place, ridge, balance=balance)
    if taps is None:
        raise ParameterError(f"ridge must be above {ridge:g} here: the sound does not determine all taps")
    fitted, kept = error(training, place, taps), error(held_out, place, taps if held_out else [])
    designed, apart = dict[str, float](), 0.0
    if taps[0].shape[:2] == (1, 1):
        designed, apart = _designed(training, held_out, (place, places.in_time))
    return Chosen(
        taps=taps,
        place=place,
        ridge=ridge,
        samples=samples(training),
        held_out_samples=samples(held_out),
        error=fitted.decibels,
        held_out_error=kept.decibels,
        designed=designed,
        apart=kept.decibels - fitted.decibels - apart if held_out else 0.0,
        boost=_boost(training, place, taps),
    )


def _solved(
    systems: Sequence[Sums], place: Placement, ridge: float, *, balance: bool = False
) -> list[Reals] | None:
    found = [solve(sums, place, ridge, balance=balance) for sums in systems]
    taps = [kernel for kernel in found if kernel is not None]
    return taps if len(taps) == len(found) else None


def _error_of(fitted: Sequence[Sums], judged: Sequence[Sums], place: Placement, ridge: float) -> Error:
    """Return the error on some sums of what is fitted to others."""
    taps = _solved(fitted, place, ridge)
    return Error(math.inf, 1.0) if taps is None else error(judged, place, taps)


def _best_place(training: Sequence[Sums], places: Sequence[Placement]) -> Placement:
    errors = [_error_of(training, training, place, _TINY).fraction for place in places]
    is_good = errors[0] <= _BETTER * max(min(errors), ROUNDING)
    return places[0 if is_good else int(np.argmin(errors))]


def _best_ridge(systems: Systems, place: Placement, least: float) -> float:
    """Return the largest ridge that is as good as any on what is left out, fold after fold.

    Where the errors are those of rounding, the smallest: they do not tell anything of a ridge.
    """
    folds = {fold: systems.sums([fold]) for fold in _TRAINING}
    folds = {fold: sums for fold, sums in folds.items() if not is_silent(sums)}
    if len(folds) < 2:
        return max(_RIDGE, least)
    ridges = [ridge for ridge in _RIDGES if ridge >= least]
    lost, wanted = np.zeros(len(ridges)), 0.0
    for left_out, judged in folds.items():
        fitted = systems.sums(folds.keys() - {left_out})
        errors = [_error_of(fitted, judged, place, ridge) for ridge in ridges]
        lost += [error.lost for error in errors]
        wanted += errors[-1].wanted
    fractions = lost / wanted
    if fractions.min() < ROUNDING:
        return ridges[int(np.argmax(fractions < ROUNDING))]
    return ridges[int(np.flatnonzero(fractions <= _AS_GOOD * fractions.min())[-1])]


def _designed(
    training: Sequence[Sums], held_out: Sequence[Sums], places: Sequence[Placement]
) -> tuple[dict[str, float], float]:
    """Return the errors of designed kernels in dB, of each kind the best, on what was kept back if it was.

    And by how much the best of all is worse there than on what was fitted to: so much is not the fit's.
    """
    found: dict[str, float] = {}
    best, apart = math.inf, 0.0
    stride, length = places[0].stride, places[0].taps
    for (kind, kernel), place in product(designs(stride, length), dict.fromkeys(places)):
        taps = [kernel.reshape(1, 1, -1)] * len(training)
        own = error(held_out or training, place, taps, any_gain=True).decibels
        found[kind] = min(own, found.get(kind, math.inf))
        if own < best:
            best, apart = own, own - error(training, place, taps, any_gain=True).decibels
    return found, apart


def _boost(training: Sequence[Sums], place: Placement, taps: Sequence[Reals]) -> float:
    """Return the greatest gain of all kernels in dB, relative to what they make of the sound as a whole."""
    greatest = 0.0
    for sums, kernel in zip(training, taps, strict=True):
        into = float(np.einsum("iuiu->", sums.gram[:, :1, :, :1])) * place.stride
        made = float(sums.energy.sum())
        if into > 0 and made > 0:
            spectrum = np.abs(np.fft.rfft(kernel, 8 * place.taps)) / place.stride
            greatest = max(greatest, float(spectrum.max()) / math.sqrt(made / into))
    return 20 * math.log10(max(greatest, ROUNDING))
