"""Numbers that must not enter the products of a block, and their effect on the outputs.

A number is *unsafe* here if it is not finite, or so large that sums of its products with another may
overflow. In the products and transforms of a block it would reach outputs that its taps do not reach, as
0*inf or as inf - inf.

Every output that the taps of a NaN reach is NaN. For infinities only the signs of the products matter: an
output is infinite if all of them agree, and NaN if two differ or a tap is zero. So the outputs follow from
counts of samples and an engine's sums of signs, in about the same time for one infinity or many. Large
numbers are added by definition.
"""

import math
from functools import lru_cache

import numpy as np

from convt.arrays import Array, DType
from convt.engines.buffers import outputs_of_period, outputs_of_taps
from convt.geometry import Geometry

_HEADROOM = 2.0**-40  # for sums of a million products, and numbers a million times larger in a transform


def all_safe(numbers: Array) -> bool:
    """Return whether no number is unsafe, at the cost of one product per number.

    Many numbers that are merely large may give False, too.
    """
    limit = _limit(numbers.dtype)
    if numbers.flags.c_contiguous:
        numbers = numbers.reshape(-1)
        return bool(np.vdot(numbers, numbers).real < limit)
    return bool((np.vecdot(numbers, numbers).real < limit).all())


def unsafe(numbers: Array) -> Array:
    """Return which numbers are unsafe: no sum of squares that includes one of them is safe."""
    squares = numbers.real**2 + numbers.imag**2 if numbers.dtype.kind == "c" else numbers**2
    result: Array = ~(squares < _limit(numbers.dtype))
    return result


@lru_cache(maxsize=8)  # enough for all dtypes to compute in
def _limit(dtype: DType) -> float:
    """Return the smallest square of an unsafe number."""
    return float(np.finfo(dtype).max) * _HEADROOM


def components(numbers: Array) -> tuple[Array, ...]:
    """Return views of the real parts and, if there are any, the imaginary parts."""
    return (numbers.real, numbers.imag) if numbers.dtype.kind == "c" else (numbers,)


def settle_nan(numbers: Array) -> None:
    """Give every NaN the same bytes; those of a sum of two depend on their place in memory."""
    for part in components(numbers):
        np.copyto(part, np.nan, where=np.isnan(part))


def signs(numbers: Array, *, of_infinities: bool = False) -> Array:
    """Return -1, 0 or 1 for each number, or for each part of a complex one, in double precision.

    With `of_infinities` it is 0 for finite numbers.
    """
    result = np.zeros(numbers.shape, np.result_type(numbers.dtype, np.float64))
    for target, part in zip(components(result), components(numbers), strict=True):
        np.copyto(target, np.sign(part), where=np.isinf(part) if of_infinities else True)
    return result


class Reach:
    """The samples that the taps connect with each output of a run of whole periods.

    With a stride s and a dilation d, the samples of an output are d/gcd(s, d) apart, from the oldest to the
    newest. The number of them that are marked is the difference of two running sums with that step::

        columns    | lag | samples of the periods |
                   before, oldest ... newest         of an output
    """

    def __init__(self, geometry: Geometry) -> None:
        self._lag, self._inputs = geometry.lag, geometry.period[0]
        self._step = geometry.dilation // math.gcd(geometry.stride, geometry.dilation)
        sample, _ = outputs_of_period(geometry)
        lag, output = outputs_of_taps(geometry)
        lag, output = lag[output >= 0], output[output >= 0]
        self._has_taps = np.bincount(output, minlength=sample.size) > 0
        least, most = np.zeros((2, sample.size), np.intp)
        least[output[::-1]], most[output] = lag[::-1], lag  # the last of several wins
        self._newest, self._oldest = geometry.lag + sample - least, geometry.lag + sample - most

    def count(self, marks: Array) -> Array:
        """Return the sum of the marks (..., lag + samples) that each output depends on."""
        *lead, columns = marks.shape
        step = min(self._step, columns)
        rows = 1 - (-columns // step)
        sums = np.zeros((*lead, rows, step))
        flat = sums.reshape(*lead, -1)
        flat[..., step : step + columns] = marks
        np.cumsum(sums, axis=-2, out=sums)
        periods, outputs = (columns - self._lag) // self._inputs, self._newest.size
        count = np.empty((*lead, periods, outputs))
        # Loop over phases or periods, whichever are fewer: slices are faster than indices.
        if outputs < periods:
            span = (periods - 1) * self._inputs + 1
            for n, (newest, oldest) in enumerate(zip(self._newest + step, self._oldest, strict=True)):
                new, old = (flat[..., at : at + span : self._inputs] for at in (newest, oldest))
                np.subtract(new, old, out=count[..., n])
        else:
            for n in range(periods):
                shifted = flat[..., n * self._inputs :]
                count[..., n, :] = shifted[..., self._newest + step] - shifted[..., self._oldest]
        count *= self._has_taps
        return count.reshape(*lead, -1)
