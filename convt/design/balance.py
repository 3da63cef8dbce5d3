"""Give all phases of a kernel the same gain, with the smallest change of the taps.

Phase r of a kernel w with stride s has the DC gain g[r] = sum_q w[q*s + r]. Unequal gains cause tones at
multiples of the input rate. The least-squares change that makes them equal adds the same number to each of
the n[r] taps of a phase::

    w'[q*s + r] = w[q*s + r] + (g' - g[r])/n[r],    g' = sum_r g[r]/n[r] / sum_r 1/n[r]

(the projection onto the kernels with equal phases; the common gain g' is part of the solution).

Phase r of output channel co of a layer is one vector, over the input channels and the taps of the phase. It
is the sum of its mean part, g[r]/n[r] for each input channel, and of deviations d[r] from that, which are
orthogonal to it. So a layer has equal gains and equal powers for noise, P, with::

    |d'[r]|**2 = P - |g'|**2/n[r],    P so that  sum_r (|d'[r]| - |d[r]|)**2  is least

(scaled deviations; if all phases have equally many taps, |d'[r]| is the mean of |d[r]|).
"""

import numpy as np
from numpy.typing import ArrayLike

from convt.analysis.response import phase_sums
from convt.arguments import Integer, as_index, as_integer
from convt.arrays import Array, Reals, as_numeric
from convt.errors import ParameterError

_HALVINGS = 60  # of an interval that holds the common power
_TINY = 1e-300


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


def balance_layer(weight: ArrayLike, stride: Integer, groups: int = 1) -> Array:
    """Return the nearest weight of a layer whose phases have equal gains at 0 Hz and equal powers.

    Every kernel has equal phase gains, as those of :func:`balance_kernel`, so that a constant input makes
    no tonal lines. And every output channel has the same power in each phase for inputs of equal power that
    are uncorrelated between channels, so that a nonlinear function of it makes none.

    Parameters
    ----------
    weight : array_like, (C_in, C_out/groups, K)
        Real taps, as in :func:`conv_transpose1d`.
    stride : int
        Output samples per input sample, 1 to K.
    groups : int
        Number of runs of channels that do not mix.

    Returns
    -------
    ndarray, (C_in, C_out/groups, K)
        The balanced weight, in the dtype of the weight, or float64 for integers. If the stride divides K,
        the change is the smallest by least squares; else those of gains and of powers each are.

    Raises
    ------
    ParameterTypeError, ParameterError
        Same as in :func:`balance_kernel`, or the weight has another shape or is complex, or the groups do
        not divide C_in.

    See Also
    --------
    LayerResponse : Its `lines` and `power_ripple` are what this removes.

    Examples
    --------
    >>> balance_layer([[[1.0, 0.0, 0.0, 3.0]]], 2).round(3) + 0.0
    array([[[2., 0., 0., 2.]]])
    """
    taps, stride = as_numeric("weight", weight), as_integer("stride", stride, 1)
    groups = as_index("groups", groups, 1)
    if taps.ndim != 3 or taps.size == 0 or taps.dtype.kind == "c":
        raise ParameterError(
            f"weight must be real with shape (C_in, C_out/groups, K), got {taps.dtype} {taps.shape}"
        )
    if taps.shape[0] % groups:
        raise ParameterError(f"groups must divide C_in = {taps.shape[0]}, got {groups}")
    dtype = taps.dtype.newbyteorder("=") if taps.dtype.kind == "f" else np.dtype(np.float64)
    even = balance_kernel(taps.astype(np.float64), stride).reshape(groups, -1, *taps.shape[1:])
    phases = [even[..., phase::stride] for phase in range(stride)]  # views
    means = [own.mean(-1, keepdims=True) for own in phases]
    deviations = [own - mean for own, mean in zip(phases, means, strict=True)]
    norms = np.stack([np.sqrt((each**2).sum((1, 3))) for each in deviations], -1)
    counts = np.array([own.shape[-1] for own in phases])
    steady = np.stack([(mean[..., 0] ** 2).sum(1) for mean in means], -1) * counts  # power of the gains
    scales = _even_norms(norms, steady, counts) / np.where(norms > 0, norms, 1)
    for phase, own in enumerate(phases):
        deviation = deviations[phase]
        if counts[phase] > 1:  # where a phase has no deviations, any direction is equally near
            none = norms[..., phase] == 0
            deviation[:, 0, :, 0] += none / np.sqrt(2)
            deviation[:, 0, :, 1] -= none / np.sqrt(2)
        own[...] = means[phase] + deviation * scales[:, np.newaxis, :, np.newaxis, phase]
    return balance_kernel(even.reshape(taps.shape).astype(dtype), stride)


def _even_norms(norms: Reals, steady: Reals, counts: Array) -> Reals:
    """Return norms of the deviations of each phase (..., stride) with which all phases have one power."""
    if (counts == counts[0]).all():
        return np.broadcast_to(norms.mean(-1, keepdims=True), norms.shape) * (counts > 1)
    low = steady.max(-1, keepdims=True)
    high = low + (norms**2).max(-1, keepdims=True)
    for _ in range(_HALVINGS if counts.min() > 1 else 0):  # the sum of the slopes increases with the power
        power = (low + high) / 2
        wanted = np.sqrt(np.maximum(power - steady, 0))
        slope = (1 - norms / np.maximum(wanted, _TINY)).sum(-1, keepdims=True)
        low, high = np.where(slope < 0, power, low), np.where(slope < 0, high, power)
    even: Reals = np.sqrt(np.maximum(low - steady, 0)) * (counts > 1)
    return even


def _settle(taps: Array, stride: int, common: Array) -> None:
    """Add the rounding errors of each phase to its smallest tap, which has the finest resolution."""
    for phase in range(stride):
        own = taps[..., phase::stride]
        missing = common - own.astype(common.dtype).sum(-1, keepdims=True)
        smallest = np.abs(own).argmin(-1, keepdims=True)
        settled = np.take_along_axis(own, smallest, -1) + missing
        np.put_along_axis(own, smallest, settled.astype(taps.dtype), -1)
