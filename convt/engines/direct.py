"""The definition itself, for samples that blocks must not contain and for a few samples at a signal's end.

``y[i*s + k*d] += x[i] * w[k]``: one matrix product computes the contribution of each sample, and
overlapping sums add it at its position (V. Dumoulin and F. Visin, "A guide to convolution arithmetic for
deep learning", 2016, chapter 4). Every sample meets only its own taps, so a NaN or an infinity cannot
spread, and the cost depends on the samples given, not on the block::

    (n, C_in)  @  (C_in, C_out*K)  =  (n, C_out*K)
    row j: a sample                   row j, added from its position on:   .....|k0|k1|k2|.....
                                      row j + 1, `stride` later:           .......|k0|k1|k2|...
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convt.arrays import Array
from convt.geometry import Geometry

PRODUCTS = 1 << 18  # elements to compute at a time, per signal


def scatter(
    samples: Array, positions: NDArray[np.intp], weight: Array, geometry: Geometry, outputs: int
) -> Array:
    """Return the sums that samples (..., C_in, n) add to outputs (..., C_out, outputs).

    `positions`, (n,), are the positions of each sample's first tap in the full convolution, counted from
    the first output. Products outside of the outputs, or between them, are left out.
    """
    groups, cin, cout, taps = weight.shape
    *lead, _, count = samples.shape
    # Only such a matrix is sure to go through BLAS, whatever the signal's layout.
    rows = np.require(samples, requirements=["C", "A"]).reshape(*lead, groups, cin, count).swapaxes(-1, -2)
    matrix = weight.reshape(groups, cin, cout * taps)
    result: NDArray[Any] = np.zeros((*lead, groups, cout, outputs), samples.dtype)
    step = max(1, PRODUCTS // (groups * cout * taps))
    for start in range(0, count, step):
        products = rows[..., start : start + step, :] @ matrix
        shaped = products.reshape(*products.shape[:-1], cout, taps)
        _add(result, shaped, positions[start : start + step], geometry)
    return result.reshape(*lead, groups * cout, outputs)


def _add(result: Array, products: Array, positions: NDArray[np.intp], geometry: Geometry) -> None:
    """Add products (..., n, C_out, K) to (..., C_out, outputs), tap by tap or sample by sample."""
    taps = products.shape[-1]
    if taps <= positions.size:
        for k in range(taps):
            landing, between = np.divmod(positions + k * geometry.dilation, geometry.down)
            inside = (landing >= 0) & (landing < result.shape[-1]) & (between == 0)
            result[..., landing[inside]] += products[..., k][..., inside, :].swapaxes(-1, -2)
        return
    for j, position in enumerate(positions.tolist()):
        used, reached = _reached(position, taps, geometry, result.shape[-1])
        result[..., reached] += products[..., j, :, used]


def _reached(position: int, taps: int, geometry: Geometry, outputs: int) -> tuple[slice, slice]:
    """Return the taps that reach outputs if the first tap is at `position`, and these outputs."""
    common = math.gcd(geometry.dilation, geometry.down)
    every, apart = geometry.down // common, geometry.dilation // common
    if position % common:
        return slice(0), slice(0)
    start = -(position // common) * pow(apart, -1, every) % every  # the first tap that reaches an output
    place = (position + start * geometry.dilation) // geometry.down
    first = max(0, -(place // apart))
    stop = min(len(range(start, taps, every)), -((place - outputs) // apart))
    if first >= stop:
        return slice(0), slice(0)
    return (
        slice(start + first * every, start + (stop - 1) * every + 1, every),
        slice(place + first * apart, place + (stop - 1) * apart + 1, apart),
    )
