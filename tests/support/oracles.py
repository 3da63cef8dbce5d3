"""Definitions in a few lines, slow and obvious, to hold the library against."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def transposed(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    groups: int = 1,
    dilation: int = 1,
    down: int = 1,
) -> Array:
    """Scatter every input sample (C_in, L) through every tap, then crop, thin out and add the bias."""
    (channels, length), (_, cout, taps) = x.shape, weight.shape
    outputs = (length - 1) * stride - 2 * padding + dilation * (taps - 1) + output_padding + 1
    full = np.zeros((cout * groups, padding + outputs + padding), np.result_type(x, weight))
    for ci in range(channels):
        first = ci // (channels // groups) * cout
        for k in range(taps):
            reached = full[first : first + cout, k * dilation : k * dilation + length * stride : stride]
            reached += weight[ci, :, k, np.newaxis] * x[ci, : reached.shape[1]]
    kept = full[:, padding : padding + outputs : down]
    return kept if bias is None else kept + bias[:, np.newaxis]


def forward(
    y: Array, weight: Array, stride: int = 1, padding: int = 0, groups: int = 1, dilation: int = 1
) -> Array:
    """Correlate (C_out, L_out) with the same weight: the operator that `transposed` is the adjoint of."""
    channels, cout, taps = weight.shape
    padded = np.pad(y, ((0, 0), (padding, padding)))
    length = (padded.shape[1] - dilation * (taps - 1) - 1) // stride + 1
    x = np.zeros((channels, length), np.result_type(y, weight))
    for ci in range(channels):
        first = ci // (channels // groups) * cout
        for i in range(length):
            reached = padded[first : first + cout, i * stride :: dilation][:, :taps]
            x[ci, i] = (weight[ci] * reached).sum()
    return x
