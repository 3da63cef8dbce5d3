"""The definition itself, for the samples that a matrix product must not see.

``y[i*s + k*d] += x[i] * w[k]`` for the given columns i of a block only (V. Dumoulin and F. Visin, "A
guide to convolution arithmetic for deep learning", 2016, chapter 4). In a product, a NaN or an infinity
would meet the zeros around it as well and spread to outputs that none of its taps reaches; here every
sample meets its own taps and no others::

    frames  |  lag  |      block      |        column j is sample i = j - lag of the block
    result          |  i*s + k*d ...  |        what falls outside is another block's
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convt.engines.contract import Array
from convt.geometry import Geometry


def scatter(
    frames: Array, columns: NDArray[np.intp], weight: Array, geometry: Geometry, outputs: int
) -> Array:
    """Return what `columns` of frames (..., C_in, lag + block) add to the (..., C_out, outputs)."""
    groups, cin, cout, taps = weight.shape
    lead = frames.shape[:-2]
    grouped = frames.reshape(*lead, groups, cin, frames.shape[-1])
    result: NDArray[Any] = np.zeros((*lead, groups, cout, outputs), frames.dtype)
    for k in range(taps):
        position = (columns - geometry.lag) * geometry.stride + k * geometry.dilation
        inside = (position >= 0) & (position < outputs)
        samples = grouped[..., columns[inside]]
        result[..., position[inside]] += np.einsum("...gij,gio->...goj", samples, weight[..., k])
    return result.reshape(*lead, groups * cout, outputs)
