"""Arrays in the precision that the arithmetic is to have."""

from typing import Any

import numpy as np

from convt_cli.samples.formats import Array


def precise(dtype: np.dtype[Any], precision: str) -> np.dtype[Any]:
    """Return float32 or float64, as `precision` says, or the complex dtype of that precision."""
    return np.result_type(precision, np.complex64) if dtype.kind == "c" else np.dtype(precision)


def cast(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return an array in another dtype; what that cannot hold is infinite."""
    with np.errstate(over="ignore"):
        return array.astype(dtype)
