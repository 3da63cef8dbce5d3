"""Weight normalisation taken back: a direction v and a magnitude g become a weight.

    w = g * v/|v|,  the norm taken over every axis but the one along which g has more than one number

(T. Salimans and D. P. Kingma, "Weight normalization", 2016; torch.nn.utils.weight_norm.)
"""

import math

import numpy as np

from convt.arrays import Array
from convt.errors import WeightsError


def fold(direction: Array, magnitude: Array) -> Array:
    """Return g * v/|v|; zeros where |v| is 0. A g of one number has the norm of all of v.

    Raises
    ------
    WeightsError
        The shape of g is none that v's allows, or leaves open which axis is meant; or g is complex.
    """
    if magnitude.dtype.kind not in "biuf" or direction.dtype.kind not in "biufc":
        raise WeightsError(f"a magnitude of {magnitude.dtype} and a direction of {direction.dtype}")
    axis = _axis(direction.shape, magnitude.shape)
    others = tuple(other for other in range(direction.ndim) if other != axis)
    exact = direction.astype(np.result_type(direction.dtype, np.float64))
    largest = np.abs(exact).max(others, keepdims=True, initial=0)
    with np.errstate(all="ignore"):
        scaled = exact / largest  # whose squares neither vanish nor overflow
        scaled /= np.sqrt((np.abs(scaled) ** 2).sum(others, keepdims=True))
        scaled *= magnitude.astype(np.float64).reshape(largest.shape)
        scaled[np.broadcast_to(largest == 0, scaled.shape)] = 0
        dtype = np.result_type(direction.dtype, magnitude.dtype)
        folded: Array = scaled.astype(dtype if dtype.kind in "fc" else np.float64)
    return folded


def _axis(shape: tuple[int, ...], given: tuple[int, ...]) -> int | None:
    """Return the axis along which a magnitude has its numbers, None if it has one for all."""
    what = f"the magnitude of shape {given} for a weight of shape {shape}"
    if math.prod(given) == 1 and len(given) in (0, 1, len(shape)):
        if given and 1 not in shape:
            raise WeightsError(f"{what} has one number, where each axis has several")
        return None
    if len(given) == 1:
        axes = [axis for axis, length in enumerate(shape) if length == given[0]]
    else:
        ones = [1] * len(shape)
        alone = [(*ones[:axis], length, *ones[axis + 1 :]) for axis, length in enumerate(shape)]
        axes = [axis for axis, kept in enumerate(alone) if kept == given]
    if len(axes) != 1:
        raise WeightsError(f"{what} fits {'several axes' if axes else 'none of its axes'}")
    return axes[0]
