"""Select the delay and the ridge with the least error, unless they are given."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from convt.arrays import Reals
from convt.errors import ParameterError
from convt.fitting.correlations import FOLDS, Sums
from convt.fitting.least_squares import Placement, solve
from convt.fitting.normal_equations import NormalEquations, is_silent
from convt.fitting.places import place_errors
from convt.fitting.squared_error import ROUNDING, SquaredError, squared_error

_TRAINING, _HELD_OUT = range(FOLDS - 1), [FOLDS - 1]
_RIDGES = tuple(10.0**exponent for exponent in range(-14, 1))
_RIDGE = 1e-6  # if there are too few samples to select one
_TINY = 1e-12  # a ridge that only prevents failures
_AS_GOOD = 10**0.001  # times the least error, 0.01 dB


class Solution(NamedTuple):
    """The kernels of the least squared error.

    Attributes
    ----------
    taps : list of ndarray, (C_in, C_out, K)
        The taps of each system.
    place : Placement
        The inputs and outputs that the taps connect.
    ridge : float
        The ridge, as a fraction of the mean power.
    training, held_out : list of Sums
        The fitted and the held-out samples of each system; the latter list may be empty.
    """

    taps: list[Reals]
    place: Placement
    ridge: float
    training: list[Sums]
    held_out: list[Sums]


def select(
    equations: NormalEquations,
    places: Sequence[Placement],
    ridge: float | None,
    *,
    least_ridge: float = 0.0,
    balance: bool = False,
) -> Solution:
    """Return the solution at the place with the least error on the held-out samples.

    Of equally good places the first is chosen.

    Raises
    ------
    ParameterError
        All signals are silent, or the ridge is 0 and there is no unique solution.
    """
    training, held_out = equations.sums(_TRAINING), equations.sums(_HELD_OUT)
    if is_silent(training) or is_silent(held_out):
        training, held_out = equations.sums(range(FOLDS)), []
    if is_silent(training):
        raise ParameterError("low and high must not be silent")
    place = _best_place(training, held_out or training, places, ridge)
    if ridge is None:
        ridge = _best_ridge(equations, place, least_ridge)
    taps = _solved(training, place, ridge, balance=balance)
    if taps is None:
        raise ParameterError(f"ridge must be above {ridge:g}: the signals do not determine all taps")
    return Solution(taps, place, ridge, training, held_out)


def _solved(
    systems: Sequence[Sums], place: Placement, ridge: float, *, balance: bool = False
) -> list[Reals] | None:
    found = [solve(sums, place, ridge, balance=balance) for sums in systems]
    taps = [kernel for kernel in found if kernel is not None]
    return taps if len(taps) == len(found) else None


def _cross_error(
    fitted: Sequence[Sums], judged: Sequence[Sums], place: Placement, ridge: float
) -> SquaredError:
    """Return the error on `judged` of the kernels fitted to `fitted`."""
    taps = _solved(fitted, place, ridge)
    return SquaredError(math.inf, 1.0) if taps is None else squared_error(judged, place, taps)


def _best_place(
    fitted: Sequence[Sums], judged: Sequence[Sums], places: Sequence[Placement], ridge: float | None
) -> Placement:
    if len(places) == 1:
        return places[0]
    for small in (_TINY, _RIDGE) if ridge is None else (ridge,):
        errors = place_errors(fitted, judged, places, small)
        if np.isfinite(errors).all():
            break
    wanted = sum(float(sums.energy.sum()) for sums in judged)
    return places[int(np.argmax(errors <= _AS_GOOD * max(errors.min(), ROUNDING * wanted)))]


def _best_ridge(equations: NormalEquations, place: Placement, least: float) -> float:
    """Return the largest ridge that is as good as any in cross-validation over the folds.

    If the errors are only rounding, return the smallest ridge: such errors do not depend on it.
    """
    folds = {fold for fold in _TRAINING if not is_silent(equations.sums([fold]))}
    if len(folds) < 2:
        return max(_RIDGE, least)
    ridges = [ridge for ridge in _RIDGES if ridge >= least]
    lost, wanted = np.zeros(len(ridges)), 0.0
    for left_out in folds:
        fitted, judged = equations.sums(folds - {left_out}), equations.sums([left_out])
        errors = [_cross_error(fitted, judged, place, ridge) for ridge in ridges]
        lost += [error.lost for error in errors]
        wanted += errors[-1].wanted
    fractions = lost / wanted
    if fractions.min() < ROUNDING:
        return ridges[int(np.argmax(fractions < ROUNDING))]
    return ridges[int(np.flatnonzero(fractions <= _AS_GOOD * fractions.min())[-1])]
