"""The definition itself: for samples that blocks must not contain, and for a few samples at a signal's end.

``y[i*s + k*d] += x[i] * w[k]``: one product makes what each sample adds, the overlapping sums put it where
it belongs (V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016, chapter
4). Every sample meets its own taps and nothing else, so a NaN or an infinity cannot spread; and the cost
is that of the samples given, not that of a block::

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

PRODUCTS = 1 << 18  # elements made of one signal at a time


def scatter(
    samples: Array, positions: NDArray[np.intp], weight: Array, geometry: Geometry, outputs: int
) -> Array:
    """Return the sums that samples (..., C_in, n) add to outputs (..., C_out, outputs).

    `positions`, (n,), are those of each sample's first tap, in samples of the full convolution counted from
    the first output; products outside of the outputs, or between them, are left out.
    """
    groups, cin, cout, taps = weight.shape
    *lead, _, count = samples.shape
    # As only such a matrix is sure to go through BLAS, whatever the signal's layout.
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
    """Add products (..., n, C_out, K) to (..., C_out, outputs): by taps or samples, whichever are fewer."""
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
    """Return which taps land on outputs if the first lands on `position`, and on which."""
    common = math.gcd(geometry.dilation, geometry.down)
    every, apart = geometry.down // common, geometry.dilation // common
    if position % common:
        return slice(0), slice(0)
    start = -(position // common) * pow(apart, -1, every) % every  # the first tap that is not between
    place = (position + start * geometry.dilation) // geometry.down
    first = max(0, -(place // apart))
    stop = min(len(range(start, taps, every)), -((place - outputs) // apart))
    if first >= stop:
        return slice(0), slice(0)
    return (
        slice(start + first * every, start + (stop - 1) * every + 1, every),
        slice(place + first * apart, place + (stop - 1) * apart + 1, apart),
    )
