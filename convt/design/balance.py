"""Give all phases of a kernel the same gain, with the smallest change of the taps.

Phase r of a kernel w with stride s has the DC gain g[r] = sum_q w[q*s + r]. Unequal gains cause tones at
multiples of the input rate. The least-squares change that makes them equal adds the same number to each of
the n[r] taps of a phase::

    w'[q*s + r] = w[q*s + r] + (g' - g[r])/n[r],    g' = sum_r g[r]/n[r] / sum_r 1/n[r]

(the projection onto the kernels with equal phases; the common gain g' is part of the solution).
"""

import numpy as np
from numpy.typing import ArrayLike

from convt.arguments import Integer, as_integer
from convt.arrays import Array, as_numeric
from convt.errors import ParameterError
from convt.response import phase_sums


def balance_kernel(weight: ArrayLike, stride: Integer) -> Array:
    """Return the nearest kernel, by least squares, whose phases have equal gains at 0 Hz.

    Equal gains remove tonal lines, the tones at multiples of the input rate.

    Parameters
    ----------
    weight : array_like, (..., K)
        One kernel, or an array of kernels, each balanced separately.
    stride : int
        Output samples per input sample, 1 to K.

    Returns
    -------
    ndarray, (..., K)
        The balanced kernels, in the dtype of the weight, or float64 for integers. The gains of the phases
        are equal within the rounding of each phase's smallest tap.

    Raises
    ------
    ParameterTypeError, ParameterError
        The weight is not an array of numbers or has fewer than `stride` taps, the stride is not an int of
        at least 1, or the result is not finite in the dtype.

    Examples
    --------
    >>> balance_kernel([1.0, 2.0, 3.0, 2.0], 2)
    array([1., 2., 3., 2.])
    >>> balance_kernel([1.0, 2.0, 3.0, 4.0], 2)
    array([1.5, 1.5, 3.5, 3.5])
    """
    taps = as_numeric("weight", weight)
    stride = as_integer("stride", stride, 1)
    if taps.ndim == 0 or taps.shape[-1] < stride:
        raise ParameterError(
            f"weight must have a tap for each of the {stride} phases, shape (..., K) with K >= {stride},"
            f" got {taps.shape}"
        )
    dtype = taps.dtype.newbyteorder("=") if taps.dtype.kind in "fc" else np.dtype(np.float64)
    exact = taps.astype(np.promote_types(dtype, np.float64))
    counts = phase_sums(np.ones(taps.shape[-1]), stride)
    gains = phase_sums(exact, stride)
    common = (gains / counts).sum(-1, keepdims=True) / (1 / counts).sum()
    changes = (common - gains) / counts
    for phase in range(stride):
        exact[..., phase::stride] += changes[..., phase, np.newaxis]
    with np.errstate(over="ignore", invalid="ignore"):
        balanced = exact.astype(dtype)
        _settle(balanced, stride, common)
    if not np.isfinite(balanced).all():
        raise ParameterError(f"weight must be finite and within the range of {dtype} when balanced")
    return balanced


def _settle(taps: Array, stride: int, common: Array) -> None:
    """Add the rounding errors of each phase to its smallest tap, which has the finest resolution."""
    for phase in range(stride):
        own = taps[..., phase::stride]
        missing = common - own.astype(common.dtype).sum(-1, keepdims=True)
        smallest = np.abs(own).argmin(-1, keepdims=True)
        settled = np.take_along_axis(own, smallest, -1) + missing
        np.put_along_axis(own, smallest, settled.astype(taps.dtype), -1)
