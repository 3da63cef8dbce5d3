"""Col2im: one matrix product of all taps with the samples in place, then the sum of those that overlap.

``y[m*s + r] = sum over q of P[q*s + r, m - q]``, where row k of ``P = W x`` is tap k times every sample,
summed over the input channels. This is the transpose of im2col, as deconvolution is the transpose of
convolution (V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016,
chapter 4). No sample is copied before the product, and the sum interleaves the phases::

    (Cout*Q*s, Cin)  @  (Cin, lag + n)  =  (Cout, Q, s, lag + n)   ->   (Cout, n*s)
    row:    a tap         a frame            q = 0      |......|        newest and older,
                                             q = 1     |......|         each one sample earlier
"""

import numpy as np

from convt.arrays import Array
from convt.engines.buffers import Scratch, by_phase
from convt.geometry import Geometry

TILE = 16  # columns that a matrix product computes at a time


class Col2im:
    """The engine prepared for one kernel without `down`; see the contract in ``protocol.py``."""

    def __init__(self, weight: Array, geometry: Geometry, scratch: Scratch) -> None:
        """Prepare for blocks of any size."""
        taps = by_phase(weight, geometry)
        self._groups, self._cin, *self._shape = taps.shape  # and channels, lags, phases
        self._matrix = taps.reshape(self._groups, self._cin, -1).swapaxes(-1, -2)  # a view
        self._scratch = scratch

    def __call__(self, frames: Array, bias: Array, out: Array) -> None:
        """Write the outputs of the frames into `out`."""
        signals, blocks, _, length = frames.shape
        lead, (cout, lags, stride) = (signals, blocks, self._groups), self._shape
        columns = self._columns(frames.reshape(*lead, self._cin, length))
        product = self._scratch("product", frames.dtype, *lead, self._matrix.shape[1], columns.shape[-1])
        np.matmul(self._matrix, columns, out=product)
        taps = product.reshape(*lead, cout, lags, stride, columns.shape[-1])
        newest, *older = (taps[..., q, :, lags - 1 - q : length - q] for q in range(lags))
        phases = out.reshape(*lead, cout, length - lags + 1, stride).swapaxes(-1, -2)
        offset = bias.reshape(-1, 1, self._groups, cout, 1, 1)
        if not older:
            np.add(newest, offset, out=phases)
            return
        if bias.item(0) or bias.any():
            newest += offset
        for each in older[:-1]:
            newest += each
        np.add(newest, older[-1], out=phases)

    def _columns(self, samples: Array) -> Array:
        """Return samples (..., C_in, n) unchanged if a matrix product accepts their layout, else a copy.

        A product needs rows of contiguous samples, and is fast for whole tiles of columns.
        """
        *lead, channels, length = samples.shape
        columns = -(-length // TILE) * TILE
        row, sample = samples.strides[-2:]
        if length == columns and sample == samples.itemsize and row >= length * sample:
            return samples
        copied = self._scratch("columns", samples.dtype, *lead, channels, columns)
        copied[..., :length], copied[..., length:] = samples, 0
        return copied
