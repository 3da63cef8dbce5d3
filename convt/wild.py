"""Numbers that must not enter the products of a block.

A number is *wild* here if it is not finite or its square overflows. In the products and transforms of a
block it would reach outputs that no tap of it reaches, be it as 0*inf or inf - inf.
"""

import math

import numpy as np

from convt.engines.contract import Array


def is_tame(numbers: Array) -> bool:
    """Tell, at the price of one product for each, whether no number is wild."""
    if numbers.flags.c_contiguous:
        numbers = numbers.reshape(-1)
        return math.isfinite(np.vdot(numbers, numbers).real)
    return bool(np.isfinite(np.vecdot(numbers, numbers)).all())


def wild(numbers: Array) -> Array:
    """Tell which numbers are wild: a sum of squares with one of them is not finite either."""
    squares = numbers.real**2 + numbers.imag**2 if numbers.dtype.kind == "c" else numbers**2
    result: Array = ~np.isfinite(squares)
    return result
