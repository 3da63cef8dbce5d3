"""What is not given is chosen by the error: the alignment, and the ridge; and what comes of both."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from convt.fits.comparison import designs
from convt.fits.correlations import FOLDS, Sums
from convt.fits.solving import Placement, solve
from convt.fits.systems import Systems, error, samples
from convt.kernel import Reals

_TRAINING, _HELD_OUT = range(FOLDS - 1), [FOLDS - 1]
_RIDGES = tuple(10.0**exponent for exponent in range(-14, 1))
_RIDGE = 1e-6  # where there is too little to choose by
_ROUNDING = 1e-12  # of the energy: what is below it is rounding of the sums
_AS_GOOD = 10**0.001  # so many times the least error, 0.01 dB
_BETTER = 10**0.05  # 0.5 dB: what makes an alignment worth moving to


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """A solution: the taps of each system, where they stand, and their errors in dB."""

    taps: list[Reals]
    place: Placement
    ridge: float
    samples: int
    held_out_samples: int
    error: float
    held_out_error: float
    designed: dict[str, float]


def choose(
    systems: Systems, places: Sequence[Placement], ridge: float | None, *, balance: bool
) -> Chosen | None:
    """Return the best solution; None if there is none, in silence.

    The first of the places is taken, unless another is clearly better.
    """
    training, held_out = systems.sums(_TRAINING), systems.sums(_HELD_OUT)
    errors = [_error_of(training, training, place, _RIDGE * _RIDGE) for place in places]
    if min(errors) == math.inf:
        return None
    place = places[0]
    if errors[0] > _BETTER * max(min(errors), _ROUNDING):
        place = places[errors.index(min(errors))]
    if ridge is None:
        ridge = _best_ridge(systems, place)
    taps = _solved(training, place, ridge, balance=balance)
    if taps is None:
        return None
    judged = held_out if samples(held_out) else training
    return Chosen(
        taps,
        place,
        ridge,
        samples(training),
        samples(held_out),
        decibels(error(training, place, taps)),
        decibels(error(held_out, place, taps)),
        _designed(judged, place) if taps[0].shape[:2] == (1, 1) else {},
    )


def _solved(
    systems: Iterable[Sums], place: Placement, ridge: float, *, balance: bool = False
) -> list[Reals] | None:
    found = [solve(sums, place, ridge, balance=balance) for sums in systems]
    taps = [kernel for kernel in found if kernel is not None]
    return taps if len(taps) == len(found) else None


def _error_of(fitted: list[Sums], judged: list[Sums], place: Placement, ridge: float) -> float:
    """Return the error on some sums of what is fitted to others."""
    taps = _solved(fitted, place, ridge)
    found = math.nan if taps is None else error(judged, place, taps)
    return math.inf if math.isnan(found) else found


def _best_ridge(systems: Systems, place: Placement) -> float:
    """Return the largest ridge that is as good as any on what is left out, fold after fold.

    Where the errors are those of rounding, the smallest: they do not tell anything of a ridge.
    """
    folds = [fold for fold in _TRAINING if samples(systems.sums([fold]))]
    if len(folds) < 2:
        return _RIDGE
    errors = dict.fromkeys(_RIDGES, 0.0)
    for left_out in folds:
        fitted, judged = systems.sums(set(folds) - {left_out}), systems.sums([left_out])
        for ridge in _RIDGES:
            errors[ridge] += _error_of(fitted, judged, place, ridge) / len(folds)
    if min(errors.values()) < _ROUNDING:
        return min(ridge for ridge in _RIDGES if errors[ridge] < _ROUNDING)
    return max(ridge for ridge in _RIDGES if errors[ridge] <= _AS_GOOD * min(errors.values()))


def _designed(judged: list[Sums], place: Placement) -> dict[str, float]:
    """Return the errors of designed kernels, of each kind the best."""
    found: dict[str, float] = {}
    for kind, kernel in designs(place.stride, place.taps):
        taps = [kernel.reshape(1, 1, -1)] * len(judged)
        own = decibels(error(judged, place, taps, any_gain=True))
        found[kind] = min(own, found.get(kind, math.inf))
    return found


def decibels(fraction: float) -> float:
    """Return a fraction of an energy in dB, of what is not lost in rounding."""
    return fraction if math.isnan(fraction) else 10 * math.log10(max(fraction, _ROUNDING))
