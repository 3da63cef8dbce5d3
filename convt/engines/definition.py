"""The definition itself: for samples that no product of a block must see, and for what blocks would waste.

``y[i*s + k*d] += x[i] * w[k]``: one product makes what each sample adds, the overlapping sums put it where
it belongs (V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016, chapter
4). Every sample meets its own taps and nothing else, so a NaN or an infinity cannot spread; and the cost
is that of the samples given, not that of a block::

    (n, C_in)  @  (C_in, C_out*K)  =  (n, C_out*K)
    row j: a sample                   row j, added from its position on:   .....|k0|k1|k2|.....
                                      row j + 1, `stride` later:           .......|k0|k1|k2|...
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convt.engines.contract import Array

PRODUCTS = 1 << 18  # elements made of one signal at a time


def scatter(
    samples: Array, positions: NDArray[np.intp], weight: Array, dilation: int, outputs: int
) -> Array:
    """Return what samples (..., C_in, n) add to outputs (..., C_out, outputs).

    `positions`, (n,), is where each sample's first tap lands; what lands outside is left out.
    """
    groups, cin, cout, taps = weight.shape
    *lead, _, count = samples.shape
    # Contiguous, since only such a matrix is sure to go through BLAS, whatever the signal's layout.
    rows = np.ascontiguousarray(samples).reshape(*lead, groups, cin, count).swapaxes(-1, -2)
    matrix = weight.reshape(groups, cin, cout * taps)
    result: NDArray[Any] = np.zeros((*lead, groups, cout, outputs), samples.dtype)
    step = max(1, PRODUCTS // (groups * cout * taps))
    for start in range(0, count, step):
        products = rows[..., start : start + step, :] @ matrix
        shaped = products.reshape(*products.shape[:-1], cout, taps)
        _add(result, shaped, positions[start : start + step], dilation)
    return result.reshape(*lead, groups * cout, outputs)


def _add(result: Array, products: Array, positions: NDArray[np.intp], dilation: int) -> None:
    """Add products (..., n, C_out, K) to (..., C_out, outputs): by taps or samples, whichever are fewer."""
    outputs, taps = result.shape[-1], products.shape[-1]
    if taps <= positions.size:
        for k in range(taps):
            landing = positions + k * dilation
            inside = (landing >= 0) & (landing < outputs)
            result[..., landing[inside]] += products[..., k][..., inside, :].swapaxes(-1, -2)
        return
    for j, position in enumerate(positions.tolist()):
        first = max(0, -(position // dilation))
        stop = min(taps, -((position - outputs) // dilation))
        if first < stop:
            reached = slice(position + first * dilation, position + (stop - 1) * dilation + 1, dilation)
            result[..., reached] += products[..., j, :, first:stop]
