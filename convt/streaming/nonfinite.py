"""Numbers that must not enter the products of a block.

A number is *unsafe* here if it is not finite, or so large that sums of its products with another may
overflow. In the products and transforms of a block it would reach outputs that none of its taps reaches, as
0*inf or as inf - inf.
"""

from functools import cache

import numpy as np

from convt.arrays import Array, DType

_HEADROOM = 2.0**-40  # for sums of a million products, of numbers a million times larger in a transform


def all_safe(numbers: Array) -> bool:
    """Tell, for one product each, whether no number is unsafe.

    Many numbers that are merely large may give False, too.
    """
    limit = _limit(numbers.dtype)
    if numbers.flags.c_contiguous:
        numbers = numbers.reshape(-1)
        return bool(np.vdot(numbers, numbers).real < limit)
    return bool((np.vecdot(numbers, numbers).real < limit).all())


def unsafe(numbers: Array) -> Array:
    """Tell which numbers are unsafe: no sum of squares with one of them is safe."""
    squares = numbers.real**2 + numbers.imag**2 if numbers.dtype.kind == "c" else numbers**2
    result: Array = ~(squares < _limit(numbers.dtype))
    return result


@cache
def _limit(dtype: DType) -> float:
    """Return the least square of an unsafe number."""
    return float(np.finfo(dtype).max) * _HEADROOM
