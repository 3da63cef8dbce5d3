"""Arrays in the precision that the arithmetic is to have."""

import numpy as np

from convt_cli.audio.formats import Array


def as_precise(array: Array, precision: str) -> Array:
    """Return an array as float32 or float64, or as the complex dtype of that precision."""
    dtype = np.result_type(precision, np.complex64) if array.dtype.kind == "c" else np.dtype(precision)
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite
        return array.astype(dtype)
