"""Ratios of sample rates."""

import math
from fractions import Fraction
from functools import lru_cache
from numbers import Rational, Real

import numpy as np

from convt.errors import ParameterError, ParameterTypeError

Rate = int | float | Fraction
_LARGEST = 1e12  # Hz
_MOST_RATIO = 1 << 20  # of two rates


def as_ratio(rate_in: Rate, rate_out: Rate) -> Fraction:
    """Return output rate over input rate, exactly.

    Raises
    ------
    ParameterTypeError, ParameterError
        A rate is not a number or not above 0, or the rates are too far apart.
    """
    return _ratio(_as_rate("rate_in", rate_in), _as_rate("rate_out", rate_out))


@lru_cache(maxsize=64)
def _ratio(rate_in: Rate, rate_out: Rate) -> Fraction:
    ratio = Fraction(rate_out) / Fraction(rate_in)
    if not 1 / _MOST_RATIO <= ratio <= _MOST_RATIO:
        raise ParameterError(
            f"rate_in and rate_out must be within a factor of {_MOST_RATIO}, got {rate_in} and {rate_out}"
        )
    return ratio


def _as_rate(name: str, value: object) -> Rate:
    if isinstance(value, int) and 0 < value <= _LARGEST and value is not True:  # the usual case
        return value
    if isinstance(value, bool | np.bool) or not isinstance(value, Real):
        raise ParameterTypeError(f"{name} must be a number of Hz, got {value!r} ({type(value).__name__})")
    if not math.isfinite(value) or not 0 < float(value) <= _LARGEST:
        raise ParameterError(f"{name} must be above 0 Hz and at most {_LARGEST:g}, got {value}")
    return Fraction(value) if isinstance(value, Rational) else Fraction(float(value))
